"""Extract: every frame of every video under its own number, with a record of what each is."""

import dataclasses
import errno
import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from pipeline import engine
from pipeline.config import ExtractSettings, RunSettings, settings_digest
from pipeline.decoder import Decoded, Watch, decode, disk_full
from pipeline.errors import (
    DamagedVideoError,
    DecoderDiedError,
    InterruptedRunError,
    NotAVideoError,
    SourceChangedError,
    TooManyFramesError,
    VideoError,
    printable,
)
from pipeline.ffmpeg import Ffmpeg, extraction_command, find_ffmpeg
from pipeline.notices import describe
from pipeline.probe import list_packets, probe
from pipeline.records import (
    MISSING_PTS,
    Counts,
    ExtractResult,
    Fate,
    FrameTable,
    Notice,
    PacketIndex,
    VideoInfo,
    VideoOutcome,
    VideoRecord,
)
from pipeline.resume import (
    identify,
    is_same_file,
    match_records,
    refuse_other_settings,
    stat_identity,
)
from pipeline.sampling import choose_frames, exact_condition, plan_condition
from pipeline.sources import Source, assign_ids, find_sources
from pipeline.store import Dataset, find_broken_image, image_name, list_image_indices


class Progress(Protocol):
    """Told how the work goes on; called from several threads."""

    def batch_started(self, videos: int, size_bytes: int) -> None:
        """Work on this many videos, of this size together, begins."""

    def video_started(self, video_id: str, frames_expected: int, size_bytes: int) -> None:
        """The decoding of a video begins."""

    def frames_done(self, video_id: str, frames: int) -> None:
        """So many more frames of a video are decoded."""

    def video_done(self, video_id: str, size_bytes: int) -> None:
        """A video is finished, whatever came of it."""


class Silent:
    """No progress at all."""

    def batch_started(self, videos: int, size_bytes: int) -> None:
        """Ignore it."""

    def video_started(self, video_id: str, frames_expected: int, size_bytes: int) -> None:
        """Ignore it."""

    def frames_done(self, video_id: str, frames: int) -> None:
        """Ignore it."""

    def video_done(self, video_id: str, size_bytes: int) -> None:
        """Ignore it."""


def extract(
    inputs: Iterable[str | os.PathLike[str]],
    dataset: str | os.PathLike[str],
    settings: ExtractSettings | None = None,
    run: RunSettings | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExtractResult:
    """Extract the frames of videos into a dataset; what is there already is left as it is.

    Each video appears in the dataset whole or not at all, so a run that was cut off is simply
    repeated. A bad video is a failed outcome and never stops the others.

    Args:
        inputs: files, folders (recursive) and glob patterns.
        dataset: the folder to write into; made if absent.
        settings: what the images are; the defaults if absent.
        run: how the work is done; the defaults if absent.
        overwrite: extract again what is there already.
        progress: told how the work goes on.

    Raises:
        UsageError: the inputs, the settings, the dataset or ffmpeg cannot be used, or videos are
            there already with other settings. Nothing was done.
        DiskFullError: no room left. The videos done so far are complete.
        InterruptedRunError, KeyboardInterrupt: stopped. The videos done so far are complete.
    """
    settings, run, progress = (
        settings or ExtractSettings(),
        run or RunSettings(),
        progress or Silent(),
    )
    ffmpeg = find_ffmpeg(run)
    found = find_sources(inputs)
    store = Dataset(Path(os.path.abspath(dataset)))
    with store.writing():
        records = store.read_records()
        known = match_records(found.sources, records)
        if not overwrite:
            refuse_other_settings(settings, known)
        taken = {entry.name: "" for entry in os.scandir(store.path)}
        ids = {path: record.id for path, record in known.items()}
        ids |= assign_ids((s for s in found.sources if s.path not in known), taken)
        stop = threading.Event()
        workers = run.workers or min(engine.count_cores(), len(found.sources))
        job = _Job(
            store,
            settings,
            run,
            ffmpeg,
            {} if overwrite else known,
            ids,
            progress,
            stop,
            engine.MemoryBudget(engine.memory_bytes() // 2),
        )
        progress.batch_started(len(found.sources), sum(_size(s.path) for s in found.sources))
        outcomes = dict.fromkeys(source.path for source in found.sources)
        with closing(
            engine.run(job.extract_one, found.sources, workers=workers, stop=stop)
        ) as results:
            for source, outcome in results:
                outcomes[source.path] = outcome
    missing = [
        VideoOutcome(
            path,
            None,
            "failed",
            error=f"{printable(path)}: no such file or folder. Check the path.",
            error_kind="input",
        )
        for path in found.missing
    ]
    return ExtractResult(
        dataset=os.fspath(store.path),
        videos=(*(outcome for outcome in outcomes.values() if outcome), *missing),
        skipped={reason: tuple(paths) for reason, paths in found.skipped.items()},
    )


@dataclass(frozen=True)
class _Job:
    """What all videos of one run share."""

    store: Dataset
    settings: ExtractSettings
    run: RunSettings
    ffmpeg: Ffmpeg
    known: Mapping[Path, VideoRecord]
    ids: Mapping[Path, str]
    progress: Progress
    stop: threading.Event
    memory: engine.MemoryBudget

    def extract_one(self, source: Source) -> VideoOutcome:
        """Return what became of one video."""
        video_id = self.ids[source.path]
        try:
            if self.stop.is_set():
                raise InterruptedRunError("interrupted")
            if source.path in self.known:
                record = self.known[source.path]
                notices = self._check_unchanged(source, record)
                return VideoOutcome(os.fspath(source.path), video_id, "unchanged", record, notices)
            record = self._extract(source, video_id)
            return VideoOutcome(
                os.fspath(source.path), video_id, "extracted", record, record.warnings
            )
        except VideoError as error:
            return VideoOutcome(
                os.fspath(source.path), video_id, "failed", error=str(error), error_kind=error.kind
            )
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise disk_full() from error
            return VideoOutcome(
                os.fspath(source.path),
                video_id,
                "failed",
                error_kind=VideoError.kind,
                error=f"{printable(source.path)}: {error.strerror or type(error).__name__} "
                f"({printable(error.filename or '')}). Check the file and its rights.",
            )
        finally:
            self.progress.video_done(video_id, _size(source.path))

    def _check_unchanged(self, source: Source, record: VideoRecord) -> tuple[Notice, ...]:
        """Return the notices of a video that is there already.

        Raises:
            SourceChangedError: the file is another one now.
            DamagedVideoError: it is damaged, and that is a failure in this run.
        """
        if not is_same_file(source.path, record.source):
            raise SourceChangedError(
                f"{printable(source.path)}: the file has changed since '{record.id}' was extracted "
                "from it. Use --overwrite to replace the images, or another --output to keep both."
            )
        self._refuse_damage(source, record.warnings)
        settings = record.settings
        present = list_image_indices(
            self.store.folder(record.id), record.id, settings["digits"], settings["format"]
        )
        if len(present) == record.counts.kept:
            return record.warnings
        wanted = np.flatnonzero(self.store.read_frames(record.id).fate == Fate.KEPT)
        lost = np.setdiff1d(wanted, present)
        return (
            *record.warnings,
            Notice(
                "files-missing",
                f"{len(lost)} of {len(wanted)} images are gone from the dataset, the first of frame "
                f"{lost[0]}; --overwrite extracts the video again."
                if len(lost)
                else f"{len(present) - len(wanted)} images are in the dataset that were never extracted.",
                int(lost[0]) if len(lost) else None,
            ),
        )

    def _extract(self, source: Source, video_id: str) -> VideoRecord:
        settings = self.settings
        info = probe(source.path)
        packets = list_packets(source.path, self.stop.is_set)
        _refuse_too_many(source, len(packets.pts), settings.digits)
        identity = identify(source, self.stop)
        time_base = Fraction(info.time_base)
        shown = packets.pts[~packets.is_discarded]
        with (
            self.memory.reserve(_memory_needed(info)),
            self.store.work_folder(video_id) as folder,
        ):
            self.progress.video_started(video_id, len(packets.pts), identity.size_bytes)
            condition = plan_condition(settings, time_base, shown)
            decoded = self._decode(source, info, folder, video_id, condition)
            if settings.fps is not None:
                wanted = choose_frames(settings, time_base, decoded.pts)
                if not np.array_equal(wanted, decoded.kept):
                    # The packets' timestamps were not those of the frames: now the truth is known.
                    shutil.rmtree(folder)
                    folder.mkdir()
                    decoded = self._decode(source, info, folder, video_id, exact_condition(wanted))
            if stat_identity(source.path) != (identity.size_bytes, identity.mtime_ns):
                raise SourceChangedError(
                    f"{printable(source.path)}: the file changed while it was read. Run again when "
                    "nothing writes to it any more."
                )
            on_disk = _check_images(folder, video_id, decoded, settings, source)
            frames = _frame_table(decoded, time_base)
            warnings = describe(info, packets, decoded, frames)
            self._refuse_damage(source, warnings)
            width, height = _image_size(folder, video_id, decoded, settings)
            record = VideoRecord(
                id=video_id,
                source=identity,
                settings_digest=settings_digest(settings),
                settings=dataclasses.asdict(settings),
                ffmpeg_version=self.ffmpeg.version,
                probe=info,
                rotation_degrees=decoded.transcript.rotation_degrees,
                image_width=width,
                image_height=height,
                counts=_count(info, packets, frames, on_disk),
                breaks=(),
                warnings=warnings,
            )
            self.store.commit(folder, record, frames)
        return record

    def _decode(
        self, source: Source, info: VideoInfo, folder: Path, video_id: str, condition: str
    ) -> Decoded:
        graph_file = folder.parent / "graph.txt"
        command, graph = extraction_command(
            self.ffmpeg,
            source.path,
            self.settings,
            self.run,
            condition=condition,
            stem=video_id,
            graph_file=os.fspath(graph_file),
        )
        graph_file.write_text(graph, encoding="utf-8")
        watch = Watch(
            max_frames=10**self.settings.digits,
            stall_seconds=self.run.stall_seconds,
            on_frames=lambda frames: self.progress.frames_done(video_id, frames),
            stop=self.stop.is_set,
        )
        decoded = decode(command, folder, source.path, info, watch)
        if len(decoded.pts) == 0:
            complaints = decoded.transcript.complaints
            why = complaints[0].text.rstrip(".") if complaints else decoded.transcript.last_line
            raise NotAVideoError(
                f"{printable(source.path)}: not one frame can be decoded: {why}. "
                "Convert the file with the program that made it, or leave it out."
            )
        return decoded

    def _refuse_damage(self, source: Source, warnings: Iterable[Notice]) -> None:
        damage = [notice for notice in warnings if notice.kind == "damage"]
        if damage and self.run.on_damage == "fail":
            raise DamagedVideoError(
                f"{printable(source.path)}: damaged: {damage[0].message} "
                "With --on-damage keep, what decodes is kept."
            )


def _refuse_too_many(source: Source, frames: int, digits: int) -> None:
    if frames > 10**digits:
        needed = len(str(frames - 1))
        raise TooManyFramesError(
            f"{printable(source.path)}: {frames:,} frames do not fit into {digits} digits, and a "
            f"longer number would break the order of the names. Use --digits {needed}."
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _memory_needed(info: VideoInfo) -> int:
    """Return a generous estimate of what ffmpeg needs: frames in flight in all its threads."""
    deep = info.pixel_format is None or not info.pixel_format.endswith(("420p", "nv12"))
    frame_bytes = info.coded_width * info.coded_height * (4 if deep else 2)
    threads = min(engine.count_cores(), 16)
    return 100_000_000 + frame_bytes * (2 * threads + 24)


def _check_images(
    folder: Path, video_id: str, decoded: Decoded, settings: ExtractSettings, source: Source
) -> int:
    """Return the number of images on disk, after holding them against what ffmpeg reported."""
    on_disk = list_image_indices(folder, video_id, settings.digits, settings.format)
    broken = None
    if np.array_equal(on_disk, decoded.kept):
        broken = find_broken_image(folder, video_id, on_disk, settings.digits, settings.format)
        if broken is None:
            return len(on_disk)
    if shutil.disk_usage(folder).free < 16 * 2**20:
        raise disk_full()
    what = f"{broken.name} is cut off" if broken else f"{len(on_disk)} are on disk"
    raise DecoderDiedError(
        f"{printable(source.path)}: ffmpeg reported {len(decoded.kept)} images, but {what}. "
        "Nothing was kept; check the disk and run again."
    )


def _frame_table(decoded: Decoded, time_base: Fraction) -> FrameTable:
    missing = decoded.pts == MISSING_PTS
    seconds = np.where(missing, 0, decoded.pts) * time_base.numerator / time_base.denominator
    fate = np.full(len(decoded.pts), Fate.SAMPLED_OUT, dtype=np.int8)
    fate[decoded.kept] = Fate.KEPT
    return FrameTable(
        pts=decoded.pts,
        time_seconds=np.where(missing, np.nan, seconds),
        fate=fate,
        duplicate_of=np.full(len(decoded.pts), -1, dtype=np.int32),
        scene_score=decoded.scene_score,
    )


def _count(info: VideoInfo, packets: PacketIndex, frames: FrameTable, files_on_disk: int) -> Counts:
    return Counts(
        frames_in_header=info.frames_in_header,
        packets=len(packets.pts),
        frames_decoded=len(frames),
        kept=frames.count(Fate.KEPT),
        duplicates=frames.count(Fate.DUPLICATE),
        sampled_out=frames.count(Fate.SAMPLED_OUT),
        rejected=frames.count(Fate.REJECTED),
        files_on_disk=files_on_disk,
    )


def _image_size(
    folder: Path, video_id: str, decoded: Decoded, settings: ExtractSettings
) -> tuple[int | None, int | None]:
    if len(decoded.kept) == 0:
        return None, None
    name = image_name(video_id, int(decoded.kept[0]), settings.digits, settings.format)
    with Image.open(folder / name) as image:
        return image.size
