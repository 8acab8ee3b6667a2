"""Dedupe: mark which of the images that are there show the same as one before them.

The stage for images that exist, of a dataset or of another tool. While extracting, the same choice
is made by `video.passes`, before an image is written.
"""

import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import closing

from ...base.errors import PrepError, UsageError, WorkerDiedError, printable
from ...base.guard import Failure, guard
from ...base.machine import count_cores
from ...base.words import count, listing
from ...base.work import Batch, Watch
from ...dataset.files import find_folder
from ...dataset.frame_table import Reason
from ...dataset.records import Notice
from ...dataset.store import Dataset
from ...engines.base import Engine, Lost
from ...engines.choice import engine_for
from ...engines.threads import InProcess
from ...pictures.compare import Comparer, Seen
from ...settings.dedupe import DedupeSettings
from ...settings.stages import BreakSettings, RunSettings
from . import UNITS
from .folder import find_folders
from .result import DedupeOutcome, DedupeResult
from .units import BEGUN, ImageSequence, Job, bring_back, carry_out, delete_marked, look_at
from .video import VideoImages

_OFF = DedupeSettings(dedupe="off")


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
    So many parameters, for each is something else that a caller may want; all but the first are
    optional.

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
    folders = () if store.video_ids() else find_folders(root, settings)
    run = run or RunSettings()
    with engine_for(engine, run, UNITS) as engine, store.writing():
        sequences: Sequence[ImageSequence] = folders or [
            VideoImages(store, record, breaks or BreakSettings())
            for record in store.read_records().values()
        ]
        few = len(sequences) < 2 * engine.workers
        threads = count_cores() if few else engine.cores_each
        job: Job = functools.partial(look_at, settings, threads)
        if deletes_marked and any(map(_is_marked, sequences)):
            job = delete_marked
        elif restore:
            job = functools.partial(bring_back, run)
            if folders:  # whose marks point to each other
                engine = InProcess(1)
        marker = _Marker(sequences, settings, deletes=delete)
        outcomes = tuple(_outcomes(sequences, job, marker, engine, watch or Watch()))
    return DedupeResult(os.fspath(root), outcomes)


def _outcomes(
    sequences: Sequence[ImageSequence], job: Job, marker: "_Marker", engine: Engine, watch: Watch
) -> Iterator[DedupeOutcome | Failure]:
    """Yield what became of each, in their order; what goes wrong with one is a value."""
    sizes = [sequence.count() for sequence in sequences]

    def take_message(item: tuple[int, ImageSequence], message: int) -> None:
        number, sequence = item
        if message == BEGUN:
            watch.item_started(sequence.id, sizes[number], sizes[number])
        else:
            watch.parts_done(sequence.id, message)

    watch.batch_started(Batch(len(sequences), sum(sizes), parts=sum(sizes)))
    done: dict[int, Seen | DedupeOutcome | Failure] = {}
    following = 0
    work, items = functools.partial(carry_out, job), list(enumerate(sequences))
    with closing(engine.run(work, items, on_message=take_message)) as results:
        for (number, sequence), result in results:
            if isinstance(result, Lost):
                error = WorkerDiedError(f"{printable(sequence.folder)}: {result.why}")
                result = Failure.of(error, sequence.id, sequence.folder)
            done[number] = result
            while following in done:
                yield marker.take(following, done.pop(following))
                watch.item_done(sequences[following].id, sizes[following])
                following += 1


class _Marker:
    """Compares what was seen of each video or folder with what comes before it, and marks it."""

    def __init__(
        self, sequences: Sequence[ImageSequence], settings: DedupeSettings, *, deletes: bool
    ) -> None:
        self._sequences, self._deletes = sequences, deletes
        self._ids = [sequence.id for sequence in sequences]
        self._comparer = Comparer(settings)

    def take(self, number: int, seen: Seen | DedupeOutcome | Failure) -> DedupeOutcome | Failure:
        """Return what became of a sequence, once all before it were taken."""
        if not isinstance(seen, Seen):
            return seen
        sequence = self._sequences[number]
        return guard(lambda: self._mark(number, seen), sequence.id, sequence.folder)

    def _mark(self, number: int, seen: Seen) -> DedupeOutcome:
        sequence = self._sequences[number]
        marks = self._comparer.compare(seen, number)
        changed = sequence.mark(seen.numbers, marks, self._ids)
        deleted, deleted_bytes = sequence.delete() if self._deletes else (0, 0)
        unreadable = seen.numbers[seen.unreadable].tolist()
        notices: tuple[Notice, ...] = sequence.find_missing()
        if unreadable:
            text = (
                f"{count(len(unreadable), 'image')} cannot be read and stayed as before: "
                f"{listing([sequence.images().path_of(each).name for each in unreadable])}."
            )
            notices = (*notices, Notice("unreadable", text))
        if seen.deep.any() and sequence.images().hide_depth:
            text = (
                "the source has more bits than these images, which cannot show what changes in it, "
                "so all were kept that extraction kept."
            )
            notices = (*notices, Notice("not-compared", text))
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


def _is_marked(sequence: ImageSequence) -> bool:
    try:
        return bool(sequence.marked())
    except PrepError:
        return True  # what is wrong there is told when its turn comes
