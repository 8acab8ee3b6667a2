"""Extract: every frame of every video under its own number, with a record of what each is."""

import errno
import os
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline import engine
from pipeline.config import BreakSettings, DedupeSettings, ExtractSettings, RunSettings
from pipeline.config_file import effective_settings
from pipeline.decoder import disk_full
from pipeline.errors import (
    DiskFullError,
    FfmpegUnusableError,
    InputError,
    InterruptedRunError,
    PrepError,
    VideoError,
    describe_bug,
    printable,
)
from pipeline.extract_video import VideoExtractor
from pipeline.ffmpeg import find_ffmpeg
from pipeline.records import ExtractResult, VideoOutcome, VideoRecord
from pipeline.resume import check_unchanged, match_records, refuse_other_settings
from pipeline.sources import Source, assign_ids, find_sources
from pipeline.store import RESERVED_NAMES, Dataset, load_libraries

_MANY = 4


class Progress:
    """Told how the work goes on, from several threads. This one does nothing with it."""

    def batch_started(self, videos: int, size_bytes: int) -> None:
        """Work on this many videos, of this size together, begins."""

    def video_started(self, video_id: str, frames_expected: int, size_bytes: int) -> None:
        """The decoding of a video begins."""

    def frames_done(self, video_id: str, frames: int) -> None:
        """So many more frames of a video are decoded."""

    def video_done(self, video_id: str, size_bytes: int) -> None:
        """A video is finished, whatever came of it."""


def extract(
    inputs: Iterable[str | os.PathLike[str]],
    dataset: str | os.PathLike[str],
    settings: ExtractSettings | None = None,
    run: RunSettings | None = None,
    *,
    dedupe: DedupeSettings | None = None,
    breaks: BreakSettings | None = None,
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
        dedupe: which frames are left out as duplicates; the defaults if absent.
        breaks: where a tracker must not interpolate; the defaults if absent.
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
        progress or Progress(),
    )
    dedupe, breaks = dedupe or DedupeSettings(), breaks or BreakSettings()
    ffmpeg = find_ffmpeg(run)
    found = find_sources(inputs)
    store = Dataset(Path(os.path.abspath(dataset)))
    stop = threading.Event()
    with store.writing():
        known = match_records(found.sources, store.read_records())
        if not overwrite:
            refuse_other_settings(effective_settings(settings, dedupe), known)
        new = [source for source in found.sources if source.path not in known]
        ids = {path: record.id for path, record in known.items()}
        taken = [*RESERVED_NAMES, *(entry.name for entry in store.path.iterdir())]
        ids |= assign_ids(new, taken=taken, among=found.sources)
        memory = engine.MemoryBudget(engine.memory_bytes() // 2)
        cores = engine.count_cores()
        workers = run.workers or min(cores, len(found.sources))
        # With few videos a worker may be the last one at work, and should have all cores then.
        is_many = workers > 1 and len(found.sources) >= _MANY * workers
        threads = max(1, cores // workers) if is_many else None
        extractor = VideoExtractor(
            store, settings, dedupe, breaks, run, ffmpeg, memory, stop, threads
        )
        batch = _Batch(extractor, {} if overwrite else known, ids, progress)
        progress.batch_started(len(found.sources), sum(_size(s.path) for s in found.sources))
        threading.Thread(target=load_libraries, daemon=True, name="prep-loader").start()
        outcomes = {}
        with closing(
            engine.run(batch.extract_one, found.sources, workers=workers, stop=stop)
        ) as results:
            for source, outcome in results:
                outcomes[source.path] = outcome
    return ExtractResult(
        dataset=os.fspath(store.path),
        videos=(
            *(outcomes[source.path] for source in found.sources),
            *(_missing(path) for path in found.missing),
        ),
        skipped={reason: tuple(paths) for reason, paths in found.skipped.items()},
    )


@dataclass(frozen=True)
class _Batch:
    """Does one video after another, and makes a value of what goes wrong with it."""

    extractor: VideoExtractor
    known: Mapping[Path, VideoRecord]
    ids: Mapping[Path, str]
    progress: Progress

    def extract_one(self, source: Source) -> VideoOutcome:
        """Return what became of one video."""
        path, video_id = os.fspath(source.path), self.ids[source.path]
        try:
            if self.extractor.stop.is_set():
                raise InterruptedRunError("interrupted")
            record = self.known.get(source.path)
            if record is not None:
                notices = check_unchanged(source, record, self.extractor.store)
                self.extractor.refuse_damage(source, notices)
                return VideoOutcome(path, video_id, "unchanged", record, notices)
            record = self._extract(source, video_id)
            return VideoOutcome(path, video_id, "extracted", record, record.warnings)
        except (DiskFullError, FfmpegUnusableError, InterruptedRunError):
            raise  # the other videos would fare no better
        except PrepError as error:
            return VideoOutcome(path, video_id, "failed", error=str(error), error_kind=error.kind)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise disk_full() from error
            reason = error.strerror or type(error).__name__
            where = f" ({printable(error.filename)})" if error.filename else ""
            text = f"{printable(path)}: {reason}{where}. Check the file and its rights."
            return VideoOutcome(path, video_id, "failed", error=text, error_kind=VideoError.kind)
        except Exception as error:  # one video that finds a bug must not cost the others
            text = f"{printable(path)}: {describe_bug(error)}"
            return VideoOutcome(path, video_id, "failed", error=text, error_kind=PrepError.kind)
        finally:
            self.progress.video_done(video_id, _size(source.path))

    def _extract(self, source: Source, video_id: str) -> VideoRecord:
        return self.extractor.extract(
            source,
            video_id,
            on_start=lambda packets: self.progress.video_started(
                video_id, packets, _size(source.path)
            ),
            on_frames=lambda frames: self.progress.frames_done(video_id, frames),
        )


def _missing(path: str) -> VideoOutcome:
    text = f"{printable(path)}: no such file or folder. Check the path."
    return VideoOutcome(path, None, "failed", error=text, error_kind=InputError.kind)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
