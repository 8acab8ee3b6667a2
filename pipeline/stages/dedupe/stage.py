"""Dedupe: mark which of the images that are there show the same as another one.

The stage for images that exist, of a dataset or of another tool. While extracting, the same choice
is made by `video.passes`, before an image is written.
"""

import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import closing

from ...base.errors import PrepError, UsageError, WorkerDiedError, printable
from ...base.guard import Failure
from ...base.machine import count_cores
from ...base.work import Batch, Watch
from ...dataset.files import find_folder
from ...dataset.store import Dataset
from ...engines.base import Engine, Lost
from ...engines.choice import engine_for
from ...pictures.compare import Seen
from ...settings.dedupe import DedupeSettings
from ...settings.stages import BreakSettings, RunSettings
from . import UNITS
from .folder import find_folders
from .marker import Marker
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
    an image is also marked where it is like a better one of another video or folder, and videos
    that are copies or parts of others are named.
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
        results = _in_order(sequences, job, engine, watch or Watch())
        outcomes = Marker(sequences, settings, deletes=delete).take(results)
    return DedupeResult(os.fspath(root), tuple(outcomes))


def _in_order(
    sequences: Sequence[ImageSequence], job: Job, engine: Engine, watch: Watch
) -> Iterator[Seen | DedupeOutcome | Failure]:
    """Yield what came of the job on each, in their order; what goes wrong with one is a value."""
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
                yield done.pop(following)
                watch.item_done(sequences[following].id, sizes[following])
                following += 1


def _is_marked(sequence: ImageSequence) -> bool:
    try:
        return bool(sequence.marked())
    except PrepError:
        return True  # what is wrong there is told when its turn comes
