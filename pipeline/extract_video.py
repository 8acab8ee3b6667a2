"""Extract one video: from the file to a committed folder, whole or not at all."""

import dataclasses
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline import engine
from pipeline.config import ExtractSettings, RunSettings, settings_digest
from pipeline.decoder import Decoded, Watch, decode, disk_full
from pipeline.errors import (
    DamagedVideoError,
    DecoderDiedError,
    NotAVideoError,
    SourceChangedError,
    TooManyFramesError,
    printable,
)
from pipeline.ffmpeg import Ffmpeg, extraction_command
from pipeline.notices import describe
from pipeline.probe import probe
from pipeline.records import (
    MISSING_PTS,
    Counts,
    Fate,
    FrameTable,
    Notice,
    PacketIndex,
    VideoInfo,
    VideoRecord,
)
from pipeline.resume import identify, stat_identity
from pipeline.sampling import choose_frames, exact_condition, plan_condition
from pipeline.sources import Source
from pipeline.store import Dataset, find_broken_image, image_name, list_image_indices


@dataclass(frozen=True)
class VideoExtractor:
    """What all videos of one run share, and the work on each."""

    store: Dataset
    settings: ExtractSettings
    run: RunSettings
    ffmpeg: Ffmpeg
    memory: engine.MemoryBudget
    stop: threading.Event
    threads: int | None

    def extract(
        self,
        source: Source,
        video_id: str,
        on_start: Callable[[int], None],
        on_frames: Callable[[int], None],
    ) -> VideoRecord:
        """Extract a video and commit it to the dataset.

        Args:
            source: the video.
            video_id: its folder in the dataset.
            on_start: told the number of packets when decoding begins.
            on_frames: told how many more frames are decoded.

        Raises:
            VideoError: this video cannot be done.
            DiskFullError, FfmpegUnusableError, InterruptedRunError: nor can the others.
        """
        info, packets = probe(source.path, self.stop.is_set)
        _refuse_too_many(source, len(packets.pts), self.settings.digits)
        identity = identify(source, self.stop)
        time_base = Fraction(info.time_base)
        with (
            self.memory.reserve(_memory_needed(info)),
            self.store.work_folder(video_id) as folder,
        ):
            on_start(len(packets.pts))
            decoded = self._decode_selected(source, info, packets, folder, on_frames)
            if stat_identity(source.path) != (identity.size_bytes, identity.mtime_ns):
                raise SourceChangedError(
                    f"{printable(source.path)}: the file changed while it was read. Run again when "
                    "nothing writes to it any more."
                )
            on_disk = self._check_images(source, folder, decoded)
            frames = _frame_table(decoded, time_base)
            warnings = describe(info, packets, decoded, frames)
            self.refuse_damage(source, warnings)
            width, height = self._image_size(folder, decoded)
            record = VideoRecord(
                id=video_id,
                source=identity,
                settings_digest=settings_digest(self.settings),
                settings=dataclasses.asdict(self.settings),
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

    def refuse_damage(self, source: Source, warnings: Iterable[Notice]) -> None:
        """Hold a damaged video against the settings.

        Raises:
            DamagedVideoError: it is damaged, and that is a failure in this run.
        """
        damage = [notice for notice in warnings if notice.kind == "damage"]
        if damage and self.run.on_damage == "fail":
            raise DamagedVideoError(
                f"{printable(source.path)}: damaged: {damage[0].message} "
                "With --on-damage keep, what decodes is kept."
            )

    def _decode_selected(
        self,
        source: Source,
        info: VideoInfo,
        packets: PacketIndex,
        folder: Path,
        on_frames: Callable[[int], None],
    ) -> Decoded:
        """Decode once; or twice, where the first time shows what could not be known before.

        That is a rate planned on timestamps that proved wrong, or a change of the colour matrix.
        """
        time_base = Fraction(info.time_base)
        shown = packets.pts[~packets.is_discarded]
        condition = plan_condition(self.settings, time_base, shown)
        decoded = self._decode(source, info, folder, condition, None, on_frames)
        matrix, again = decoded.transcript.changed_matrix, False
        if self.settings.fps is not None:
            wanted = choose_frames(self.settings, time_base, decoded.pts)
            if not np.array_equal(wanted, decoded.kept):
                condition, again = exact_condition(wanted), True
        if matrix is None and not again:
            return decoded
        shutil.rmtree(folder)
        folder.mkdir()
        return self._decode(source, info, folder, condition, matrix, lambda frames: None)

    def _decode(
        self,
        source: Source,
        info: VideoInfo,
        folder: Path,
        condition: str,
        matrix: str | None,
        on_frames: Callable[[int], None],
    ) -> Decoded:
        scratch = folder.parents[1]
        command, graph = extraction_command(
            self.ffmpeg,
            self.settings,
            self.run,
            source=_plain_name(source, scratch),
            graph_file="../../graph.txt",
            stem=folder.name,
            time_base=info.time_base,
            condition=condition,
            matrix=matrix,
            threads=self.threads,
        )
        (scratch / "graph.txt").write_text(graph, encoding="utf-8")
        watch = Watch(
            max_frames=10**self.settings.digits,
            stall_seconds=self.run.stall_seconds,
            on_frames=on_frames,
            stop=self.stop.is_set,
        )
        decoded = decode(command, folder, source.path, info, watch)
        if len(decoded.pts) == 0:
            complaints = decoded.transcript.complaints
            why = complaints[0].text if complaints else decoded.transcript.last_line
            raise NotAVideoError(
                f"{printable(source.path)}: not one frame can be decoded: {why.rstrip('.')}. "
                "Convert the file with the program that made it, or leave it out."
            )
        return decoded

    def _check_images(self, source: Source, folder: Path, decoded: Decoded) -> int:
        """Return the number of images on disk, after holding them against ffmpeg's report."""
        digits, image_format = self.settings.digits, self.settings.format
        on_disk = list_image_indices(folder, folder.name, digits, image_format)
        broken = None
        if np.array_equal(on_disk, decoded.kept):
            broken = find_broken_image(
                folder, folder.name, on_disk, digits, image_format, self.stop.is_set
            )
            if broken is None:
                return len(on_disk)
        if shutil.disk_usage(folder).free < 16 * 2**20:
            raise disk_full()
        what = f"{broken.name} is cut off" if broken else f"{len(on_disk)} are on disk"
        raise DecoderDiedError(
            f"{printable(source.path)}: ffmpeg reported {len(decoded.kept)} images, but {what}. "
            "Nothing of it was kept; check the disk and run again."
        )

    def _image_size(self, folder: Path, decoded: Decoded) -> tuple[int | None, int | None]:
        if len(decoded.kept) == 0:
            return None, None
        first = int(decoded.kept[0])
        name = image_name(folder.name, first, self.settings.digits, self.settings.format)
        from PIL.JpegImagePlugin import JpegImageFile
        from PIL.PngImagePlugin import PngImageFile

        # Not Image.open, which takes very large pictures for an attack.
        read = JpegImageFile if self.settings.format == "jpg" else PngImageFile
        with read(folder / name) as image:
            return image.size


def _plain_name(source: Source, scratch: Path) -> str:
    """Return a harmless name for a video: ffmpeg writes it into the log that we read."""
    suffix = source.path.suffix if re.fullmatch(r"\.\w{1,8}", source.path.suffix, re.ASCII) else ""
    link = scratch / f"input{suffix}"
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(source.path)
    except OSError:  # this file system has no links
        return os.fspath(source.path)
    return f"../../{link.name}"


def _refuse_too_many(source: Source, frames: int, digits: int) -> None:
    if frames > 10**digits:
        needed = len(str(frames - 1))
        raise TooManyFramesError(
            f"{printable(source.path)}: {frames:,} frames do not fit into {digits} digits, and a "
            f"longer number would break the order of the names. Use --digits {needed}."
        )


def _memory_needed(info: VideoInfo) -> int:
    """Return a generous estimate of what ffmpeg needs: frames in flight in all its threads."""
    deep = info.pixel_format is None or not info.pixel_format.endswith(("420p", "nv12"))
    frame_bytes = info.coded_width * info.coded_height * (4 if deep else 2)
    threads = min(engine.count_cores(), 16)
    return 100_000_000 + frame_bytes * (2 * threads + 24)


def _frame_table(decoded: Decoded, time_base: Fraction) -> FrameTable:
    missing = decoded.pts == MISSING_PTS
    seconds = decoded.pts.astype(np.float64) * time_base.numerator / time_base.denominator
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
