"""Dedupe: mark which of the images that are there show the same as one before them.

The stage for images that exist, of a dataset or of another tool. While extracting, the same choice
is made by `pipeline.extract_video`, before an image is written.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline import engine
from pipeline.compare import Comparer
from pipeline.config import BreakSettings, DedupeSettings, ExtractSettings, RunSettings
from pipeline.config_file import effective_dedupe
from pipeline.decoder import disk_full
from pipeline.dedupe_folder import FolderImages, find_folders
from pipeline.dedupe_video import VideoImages
from pipeline.errors import (
    DiskFullError,
    ExitCode,
    FfmpegUnusableError,
    InputError,
    InterruptedRunError,
    PrepError,
    UsageError,
    VideoError,
    describe_bug,
    printable,
)
from pipeline.extract import Progress
from pipeline.extract_video import VideoExtractor
from pipeline.ffmpeg import Ffmpeg, find_ffmpeg
from pipeline.records import Notice, Reason
from pipeline.similarity import HashIndex
from pipeline.store import RECORD_NAME, Dataset

S = TypeVar("S", VideoImages, FolderImages)

_OFF = DedupeSettings(dedupe="off")


@dataclass(frozen=True)
class DedupeOutcome:
    """What became of the images of one video or folder; a bad one is a value, not an exception.

    ``status`` is ``marked``, ``restored``, ``unchanged`` or ``failed``. ``images`` were looked at,
    of which ``still`` and ``similar`` are marked; ``elsewhere`` of the similar ones are like an
    image of another video or folder. ``deleted`` files had ``deleted_bytes``. ``notices`` are
    findings.
    """

    id: str
    status: str
    images: int = 0
    still: int = 0
    similar: int = 0
    elsewhere: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    restored: int = 0
    notices: tuple[Notice, ...] = ()
    error: str | None = None
    error_kind: str | None = None


@dataclass(frozen=True)
class DedupeResult:
    """The outcome of a whole run."""

    path: str
    videos: tuple[DedupeOutcome, ...]

    def count(self, status: str) -> int:
        """Return the number of videos or folders with this status."""
        return sum(video.status == status for video in self.videos)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        if self.count("failed"):
            return ExitCode.SOME_FAILED
        if any(video.notices for video in self.videos):
            return ExitCode.FINDINGS
        return ExitCode.OK


def dedupe(
    path: str | os.PathLike[str],
    settings: DedupeSettings | None = None,
    run: RunSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    delete: bool = False,
    restore: bool = False,
    progress: Progress | None = None,
) -> DedupeResult:
    """Mark duplicates among the images of a dataset, or of a folder that another tool made.

    The marks of an earlier run are replaced; files stay until they are deleted. With ``similar``
    an image is also marked where it is like one of another video or folder before it.

    Args:
        path: the dataset or folder.
        settings: what a duplicate is; the defaults if absent. With ``delete`` and none given, what
            is marked already is deleted as it is.
        run: which ffmpeg restores; the defaults if absent.
        breaks: where a tracker must not interpolate; the defaults if absent.
        delete: remove the files of the images that are marked.
        restore: mark nothing, and bring back what was left out or deleted as a duplicate.
        progress: told how the work goes on.

    Raises:
        UsageError: the path or the settings cannot be used. Nothing was done.
        DiskFullError: no room left. The videos done so far are complete.
        InterruptedRunError, KeyboardInterrupt: stopped. The videos done so far are complete.
    """
    if delete and restore:
        raise UsageError("--delete and --restore exclude each other: choose one.")
    deletes_marked = delete and settings is None
    settings = _OFF if restore else settings or DedupeSettings()
    root = Path(os.path.abspath(path))
    if not root.is_dir():
        raise InputError(f"{printable(path)}: no such folder. Check the path.")
    store = Dataset(root)
    folders: Sequence[FolderImages] = ()
    if not any(root.glob(f"[!.]*/{RECORD_NAME}")):
        folders = find_folders(root, effective_dedupe(settings))
    work = _Run(store, settings, run or RunSettings(), progress or Progress(), delete, restore)
    with store.writing():
        if folders:
            outcomes = tuple(work.outcomes(folders, deletes_marked))
        else:
            records = store.read_records().values()
            breaks = breaks or BreakSettings()
            videos = [VideoImages(store, record, breaks) for record in records]
            outcomes = tuple(work.outcomes(videos, deletes_marked))
    return DedupeResult(os.fspath(root), outcomes)


class _Run:
    """What all videos or folders of a run share, and the work on each."""

    def __init__(
        self,
        store: Dataset,
        settings: DedupeSettings,
        run: RunSettings,
        progress: Progress,
        delete: bool,
        restore: bool,
    ) -> None:
        self._store, self._run, self._progress = store, run, progress
        self._delete, self._restore = delete, restore
        self._stop = threading.Event()
        self._comparer = Comparer(settings, HashIndex(settings.distance), self._stop)
        self._ffmpeg: Ffmpeg | None = None

    def outcomes(self, sequences: Sequence[S], deletes_marked: bool) -> Iterator[DedupeOutcome]:
        """Do one after another, and make a value of what goes wrong with it.

        Args:
            sequences: the videos or folders.
            deletes_marked: compare nothing anew, and delete what is marked, if anything is.
        """
        as_marked = deletes_marked and any(_is_marked(sequence) for sequence in sequences)
        sizes = [sequence.count() for sequence in sequences]
        self._progress.batch_started(len(sequences), sum(sizes))
        for number, sequence in enumerate(sequences):
            where = printable(self._store.folder(sequence.id))
            try:
                self._progress.video_started(sequence.id, sizes[number], sizes[number])
                if as_marked:
                    yield self._delete_marked(sequence)
                elif self._restore:
                    yield self._bring_back(sequence)
                else:
                    yield self._mark(sequences, number)
            except (DiskFullError, FfmpegUnusableError, InterruptedRunError):
                raise  # the others would fare no better
            except PrepError as error:
                yield _failed(sequence.id, str(error), error.kind)
            except OSError as error:
                if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                    raise disk_full() from error
                reason = error.strerror or type(error).__name__
                text = f"{where}: {reason}. Check the folder and its rights."
                yield _failed(sequence.id, text, VideoError.kind)
            except Exception as error:  # one that finds a bug must not cost the others
                yield _failed(sequence.id, f"{where}: {describe_bug(error)}", PrepError.kind)
            finally:
                self._progress.video_done(sequence.id, sizes[number])

    def _mark(self, sequences: Sequence[S], number: int) -> DedupeOutcome:
        sequence = sequences[number]
        images = sequence.images()
        marks = self._comparer.compare(images, number, self._frames_done(sequence.id))
        changed = sequence.mark(images, marks, sequences)
        deleted, deleted_bytes = sequence.delete() if self._delete else (0, 0)
        unreadable = images.numbers[marks.unreadable].tolist()
        notices: tuple[Notice, ...] = sequence.find_missing()
        if unreadable:
            text = (
                f"{len(unreadable)} images cannot be read and were left as they are, the first is "
                f"{printable(images.path_of(unreadable[0]).name)}."
            )
            notices = (*notices, Notice("unreadable", text))
        return DedupeOutcome(
            sequence.id,
            "marked" if changed or deleted else "unchanged",
            images=len(images.numbers),
            still=int((marks.reason == Reason.STILL).sum()),
            similar=int((marks.reason == Reason.SIMILAR).sum()),
            elsewhere=int((marks.sequence >= 0).sum()),
            deleted=deleted,
            deleted_bytes=deleted_bytes,
            notices=notices,
        )

    def _delete_marked(self, sequence: VideoImages | FolderImages) -> DedupeOutcome:
        images, marked = len(sequence.images().numbers), sequence.marked()
        deleted, deleted_bytes = sequence.delete()
        return DedupeOutcome(
            sequence.id,
            "marked" if deleted else "unchanged",
            images=images,
            still=marked.count(Reason.STILL),
            similar=marked.count(Reason.SIMILAR),
            deleted=deleted,
            deleted_bytes=deleted_bytes,
            notices=sequence.find_missing(),
        )

    def _bring_back(self, sequence: VideoImages | FolderImages) -> DedupeOutcome:
        restored, notices = sequence.restore(self._extractor, self._frames_done(sequence.id))
        return DedupeOutcome(
            sequence.id,
            "restored" if restored else "unchanged",
            images=len(sequence.images().numbers),
            restored=restored,
            notices=(*notices, *sequence.find_missing()),
        )

    def _frames_done(self, name: str) -> Callable[[int], None]:
        return lambda frames: self._progress.frames_done(name, frames)

    def _extractor(self) -> VideoExtractor:
        """Return what extracts images again; ffmpeg is looked for when it is needed."""
        self._ffmpeg = self._ffmpeg or find_ffmpeg(self._run)
        return VideoExtractor(
            self._store,
            ExtractSettings(),
            _OFF,
            BreakSettings(),
            self._run,
            self._ffmpeg,
            engine.MemoryBudget(engine.memory_bytes() // 2),
            self._stop,
            threads=None,
        )


def _is_marked(sequence: VideoImages | FolderImages) -> bool:
    try:
        return bool(sequence.marked())
    except PrepError:
        return True  # what is wrong there is told when its turn comes


def _failed(name: str, error: str, kind: str) -> DedupeOutcome:
    return DedupeOutcome(name, "failed", error=error, error_kind=kind)
