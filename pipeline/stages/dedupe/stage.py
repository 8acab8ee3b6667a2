"""Dedupe: mark which of the images that are there show the same as one before them.

The stage for images that exist, of a dataset or of another tool. While extracting, the same choice
is made by `video.passes`, before an image is written.
"""

import errno
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from ...base.errors import (
    DiskFullError,
    ExitCode,
    FfmpegUnusableError,
    InterruptedRunError,
    PrepError,
    UsageError,
    VideoError,
    WorkerDiedError,
    cause_of,
    describe_bug,
    printable,
)
from ...base.machine import count_cores
from ...base.words import count, listing
from ...base.work import Batch, Link, Watch
from ...dataset.files import find_folder
from ...dataset.frame_table import Reason
from ...dataset.records import Notice
from ...dataset.store import Dataset
from ...engines.base import Engine, Lost
from ...engines.choice import engine_for
from ...engines.threads import InProcess
from ...pictures.compare import Comparer, Seen, look
from ...settings.file import effective_dedupe
from ...settings.stages import BreakSettings, DedupeSettings, RunSettings
from . import UNITS
from .folder import FolderImages, find_folders
from .video import VideoImages

S = TypeVar("S", VideoImages, FolderImages)
R = TypeVar("R")

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
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> DedupeResult:
    """Mark duplicates among the images of a dataset, or of a folder that another tool made.

    The marks of an earlier run are replaced; files stay until they are deleted. With ``similar``
    an image is also marked where it is like one of another video or folder before it.

    Args:
        path: the dataset or folder.
        settings: what a duplicate is; the defaults if absent. With ``delete`` and none given, what
            is marked already is deleted as it is.
        run: how the work is done; the defaults if absent.
        breaks: where a tracker must not interpolate; the defaults if absent.
        delete: remove the files of the images that are marked.
        restore: mark nothing, and bring back what was left out or deleted as a duplicate.
        engine: carries out the work; the one that ``run`` names if absent.
        watch: told how the work goes on.

    Raises:
        UsageError: the path or the settings cannot be used. Nothing was done.
        DiskFullError: no room left. The videos done so far are complete.
        InterruptedRunError, KeyboardInterrupt: stopped. The videos done so far are complete.
    """
    if delete and restore:
        raise UsageError("--delete and --restore exclude each other: choose one.")
    deletes_marked = delete and settings is None
    settings = _OFF if restore else settings or DedupeSettings()
    root = find_folder(path)
    store = Dataset(root)
    folders: Sequence[FolderImages] = ()
    if not store.video_ids():
        folders = find_folders(root, effective_dedupe(settings))
    run = run or RunSettings()
    with engine_for(engine, run, UNITS) as engine, store.writing():
        work = _Run(store, settings, run, watch or Watch(), delete, restore, engine)
        if folders:
            outcomes = tuple(work.outcomes(folders, deletes_marked))
        else:
            records = store.read_records().values()
            breaks = breaks or BreakSettings()
            videos = [VideoImages(store, record, breaks) for record in records]
            outcomes = tuple(work.outcomes(videos, deletes_marked))
    return DedupeResult(os.fspath(root), outcomes)


class _Run:
    """What all videos or folders of a run share, and what is done in their order."""

    def __init__(
        self,
        store: Dataset,
        settings: DedupeSettings,
        run: RunSettings,
        watch: Watch,
        delete: bool,
        restore: bool,
        engine: Engine,
    ) -> None:
        self._store, self._settings, self._run, self._watch = store, settings, run, watch
        self._delete, self._restore, self._engine = delete, restore, engine
        self._comparer = Comparer(settings)

    def outcomes(self, sequences: Sequence[S], deletes_marked: bool) -> Iterator[DedupeOutcome]:
        """Yield what became of each, in their order; what goes wrong with one is a value.

        Args:
            sequences: the videos or folders.
            deletes_marked: compare nothing anew, and delete what is marked, if anything is.
        """
        engine = self._engine
        if deletes_marked and any(_is_marked(sequence) for sequence in sequences):
            job: Job = _delete_marked
        elif self._restore:
            job = functools.partial(_bring_back, self._run)
            if isinstance(sequences[0], FolderImages):  # whose marks point to each other
                engine = InProcess(1)
        else:
            few = len(sequences) < 2 * engine.workers
            threads = count_cores() if few else engine.cores_each
            job = functools.partial(_look_at, self._settings, threads)
        sizes = [sequence.count() for sequence in sequences]
        self._watch.batch_started(Batch(len(sequences), sum(sizes), parts=sum(sizes)))
        done: dict[int, Seen | DedupeOutcome] = {}
        following = 0
        with closing(
            engine.run(
                functools.partial(_carry_out, self._store, job),
                list(enumerate(sequences)),
                on_message=lambda item, message: self._take_message(item, message, sizes),
            )
        ) as results:
            for (number, sequence), result in results:
                done[number] = (
                    _failed(sequence.id, f"{self._where(sequence)}: {result.why}", WorkerDiedError)
                    if isinstance(result, Lost)
                    else result
                )
                while following in done:
                    yield self._finish(sequences, following, done.pop(following))
                    self._watch.item_done(sequences[following].id, sizes[following])
                    following += 1

    def _take_message(self, item: tuple[int, S], message: int, sizes: Sequence[int]) -> None:
        number, sequence = item
        if message == _BEGUN:
            self._watch.item_started(sequence.id, sizes[number], sizes[number])
        else:
            self._watch.parts_done(sequence.id, message)

    def _finish(
        self, sequences: Sequence[S], number: int, seen: Seen | DedupeOutcome
    ) -> DedupeOutcome:
        """Compare what was seen with what comes before it, and write down what came of it."""
        if isinstance(seen, DedupeOutcome):
            return seen
        sequence = sequences[number]
        return _guarded(
            self._store, sequence, lambda: self._mark(sequences, number, sequence, seen)
        )

    def _mark(self, sequences: Sequence[S], number: int, sequence: S, seen: Seen) -> DedupeOutcome:
        marks = self._comparer.compare(seen, number)
        changed = sequence.mark(seen.numbers, marks, sequences)
        deleted, deleted_bytes = sequence.delete() if self._delete else (0, 0)
        unreadable = seen.numbers[seen.unreadable].tolist()
        notices: tuple[Notice, ...] = sequence.find_missing()
        if unreadable:
            text = (
                f"{count(len(unreadable), 'image')} cannot be read and stayed as before: "
                f"{listing([sequence.images().path_of(each).name for each in unreadable])}."
            )
            notices = (*notices, Notice("unreadable", text))
        return DedupeOutcome(
            sequence.id,
            "marked" if changed or deleted else "unchanged",
            images=len(seen.numbers),
            still=int((marks.reason == Reason.STILL).sum()),
            similar=int((marks.reason == Reason.SIMILAR).sum()),
            elsewhere=int((marks.sequence >= 0).sum()),
            deleted=deleted,
            deleted_bytes=deleted_bytes,
            notices=notices,
        )

    def _where(self, sequence: VideoImages | FolderImages) -> str:
        return printable(self._store.folder(sequence.id))


Job = Callable[[VideoImages | FolderImages, Link], Seen | DedupeOutcome]
"""What is done with one video or folder, anywhere."""

_BEGUN = 0
"""The message that the work on a video or folder begins; others say how many more images."""


def _carry_out(
    store: Dataset, job: Job, item: tuple[int, VideoImages | FolderImages], link: Link
) -> Seen | DedupeOutcome:
    _, sequence = item
    link.tell(_BEGUN)
    return _guarded(store, sequence, lambda: job(sequence, link))


def _look_at(
    settings: DedupeSettings, threads: int, sequence: VideoImages | FolderImages, link: Link
) -> Seen:
    return look(sequence.images(), settings, threads, link.tell, link.is_stopped)


def _delete_marked(sequence: VideoImages | FolderImages, link: Link) -> DedupeOutcome:
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


def _bring_back(
    run: RunSettings, sequence: VideoImages | FolderImages, link: Link
) -> DedupeOutcome:
    restored, notices = sequence.restore(run, link)
    return DedupeOutcome(
        sequence.id,
        "restored" if restored else "unchanged",
        images=len(sequence.images().numbers),
        restored=restored,
        notices=(*notices, *sequence.find_missing()),
    )


def _guarded(
    store: Dataset, sequence: VideoImages | FolderImages, work: Callable[[], R]
) -> R | DedupeOutcome:
    """Do some work, and make a value of what goes wrong with it."""
    where = printable(store.folder(sequence.id))
    try:
        return work()
    except (DiskFullError, FfmpegUnusableError, InterruptedRunError):
        raise  # the others would fare no better
    except PrepError as error:
        return _failed(sequence.id, str(error), type(error))
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError from error
        reason = cause_of(error)
        place = f" ({printable(error.filename)})" if error.filename else ""
        text = f"{where}: {reason}{place}. Check the folder and its rights."
        return _failed(sequence.id, text, VideoError)
    except Exception as error:  # one that finds a bug must not cost the others
        return _failed(sequence.id, f"{where}: {describe_bug(error)}", PrepError)


def _is_marked(sequence: VideoImages | FolderImages) -> bool:
    try:
        return bool(sequence.marked())
    except PrepError:
        return True  # what is wrong there is told when its turn comes


def _failed(name: str, text: str, error: type[PrepError]) -> DedupeOutcome:
    return DedupeOutcome(name, "failed", error=text, error_kind=error.kind)
