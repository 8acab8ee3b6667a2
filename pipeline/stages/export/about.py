"""What people have to know of exported tasks: told once, with the tasks that it concerns."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from ...annotated.placing import Placed
from ...annotated.reading import AnnotatedTask
from ...base.errors import printable
from ...base.words import count, listing, plural
from ...dataset.records import Notice

Flags = npt.NDArray[np.bool_]

ABOUT_EMPTY = frozenset(("nothing-drawn", "maybe-deleted"))
"""Kinds of notice that concern only images on which nothing is drawn."""


@dataclass(frozen=True)
class TaskFacts:
    """What is not as it seems in a task.

    Numbers of frames: ``unmatched`` are none of its video, ``lacking`` have no image any more,
    ``deleted`` were deleted in CVAT. ``unread`` says why none could be matched. ``bare`` images
    show nothing. ``border`` is the deleted first frame of a job, if one is.
    """

    name: str
    export_kind: str | None = None
    unread: str | None = None
    unmatched: int = 0
    lacking: int = 0
    deleted: int = 0
    tags: int = 0
    bare: int = 0
    is_empty: bool = False
    border: int | None = None


def facts_of(task: AnnotatedTask, is_image: Flags, is_bare: Flags) -> TaskFacts:
    """Return what is not as it seems in a task.

    Args:
        task: the task.
        is_image: shape (frames of the task,), which have an image in the export.
        is_bare: which of them show nothing, the same shape.
    """
    clock = task.match.clock
    if task.match.video is None:
        return TaskFacts(task.name, unread=task.match.note or "")
    frames = np.arange(len(clock))
    is_deleted = np.isin(frames, list(clock.deleted))
    is_known = clock.frame_indices >= 0
    first, last = task.part or (0, len(clock))
    starts = {first for _, first, _ in clock.jobs[1:]}
    return TaskFacts(
        task.name,
        task.export_kind,
        unmatched=int((~is_known & ~is_deleted).sum()),
        lacking=int((is_known & ~is_deleted & ~is_image).sum()),
        deleted=int((is_deleted & (frames >= first) & (frames <= last)).sum()),
        tags=task.drawing.tags,
        bare=int(is_bare.sum()),
        is_empty=len(task.drawing) == 0,
        border=min(starts & clock.deleted, default=None),
    )


def tell_tasks(facts: Sequence[TaskFacts]) -> Iterator[Notice]:
    """Yield what concerns tasks, each kind of it once."""
    unread: dict[str, list[TaskFacts]] = defaultdict(list)
    for each in facts:
        if each.unread is not None:
            unread[each.unread].append(each)
    for note, some in unread.items():
        yield Notice("unmatched", f"{_tasks(some)}: {note}")
    yield from _tell_frames(facts)
    if some := [each for each in facts if each.is_empty]:
        yield Notice(
            "nothing-drawn",
            f"{_tasks(some)}: nothing is drawn in {plural(len(some), 'it', 'them')}, so all images "
            "count as showing nothing. If nobody has looked at them yet, leave them out with "
            "--empty drop.",
        )
    number, named = _counted(facts, attrgetter("tags"))
    if number:
        yield Notice("tags", f"{named}: {count(number, 'tag')} left out.")
    yield from _tell_exports(facts)


def _tell_frames(facts: Sequence[TaskFacts]) -> Iterator[Notice]:
    """Yield which frames are left out."""
    number, named = _counted(facts, attrgetter("unmatched"))
    if number:
        yield Notice(
            "unmatched",
            f"{named}: {count(number, 'frame')} left out, as "
            f"{plural(number, 'it is none of its video', 'they are none of their video')}.",
        )
    number, named = _counted(facts, attrgetter("lacking"))
    if number:
        yield Notice(
            "without-image",
            f"{named}: {count(number, 'frame')} left out, as "
            f"{plural(number, 'its image is', 'their images are')} not in the dataset any more "
            "(rejected, a duplicate, or gone); 'prep status' tells which.",
        )
    number, named = _counted(facts, attrgetter("deleted"))
    if number:
        yield Notice("deleted", f"{named}: {count(number, 'deleted frame')} left out.")


def _tell_exports(facts: Sequence[TaskFacts]) -> Iterator[Notice]:
    """Yield what exports of CVAT's do not tell."""
    if some := [each for each in facts if each.export_kind == "images"]:
        yield Notice(
            "no-tracks",
            f"{_tasks(some)}: an export 'for images' tells neither which shapes are of one track "
            "nor which a person set, so all count as single ones, set by a person; and it shows "
            "what CVAT goes on showing behind a deleted frame.",
        )
    video = [each for each in facts if each.export_kind == "video"]
    if some := [each for each in video if each.border is not None]:
        yield Notice(
            "file-lacks",
            f"{_tasks(some, lambda each: f'frame {each.border}')}: the first frame of a job is "
            "deleted, and an export of CVAT's loses what goes on over it from the job before. "
            "Export from CVAT itself, without --annotations, to have it.",
        )
    number, named = _counted(video, attrgetter("bare"))
    if number:
        yield Notice(
            "maybe-deleted",
            f"{named}: {count(number, 'image')} on which nothing is "
            f"drawn {plural(number, 'is', 'are')} there as showing nothing. An export 'for video' "
            "does not name deleted frames, so any that were deleted are among these. If frames "
            "were deleted, read the annotations from CVAT itself, without --annotations, or from "
            "'CVAT for images 1.1', which lists the frames that are left; --empty drop leaves out "
            "all images on which nothing is drawn.",
        )


def _counted(facts: Sequence[TaskFacts], of_each: Callable[[TaskFacts], int]) -> tuple[int, str]:
    """Return how many of something there are in all tasks, and which tasks have how many."""
    some = [each for each in facts if of_each(each)]
    return sum(map(of_each, some)), _tasks(some, of_each)


def _tasks(facts: Sequence[TaskFacts], of_each: Callable[[TaskFacts], object] | None = None) -> str:
    """Return which tasks: 'task a', or '3 tasks (a: 5, b: 2, c: 1)' with something of each."""
    if len(facts) == 1 and (of_each is None or isinstance(of_each(facts[0]), int)):
        return f"task {printable(facts[0].name)}"
    named = [f"{each.name}: {of_each(each)}" if of_each else each.name for each in facts]
    if len(facts) == 1:
        return f"task {printable(named[0])}"
    return f"{count(len(facts), 'task')} ({listing(named)})"


def tell_placed(placed: Placed, masks: int) -> Iterator[Notice]:
    """Yield where shapes differ from what CVAT's own exports show, and which are left out.

    Args:
        placed: what became of shapes.
        masks: how many masks were drawn on images of another size.
    """
    if masks:
        text = f"{count(masks, 'mask')} left out: drawn on images of another size."
        yield Notice("masks", text)
    texts: Mapping[str, tuple[int, str]] = {
        "ended": (
            placed.ended,
            "that CVAT's own exports show {are} left out: {they} {lie} behind the end of {their} "
            "track or job, which is on a deleted frame.",
        ),
        "continued": (
            placed.continued,
            "that CVAT's own exports lack {are} there: {they} {go} on over the deleted first frame "
            "of a job.",
        ),
        "wrong": (
            placed.wrong,
            "that CVAT filled in {are} left out, as the audit found {their} {spans} wrong.",
        ),
        "unplaced": (placed.unplaced, "on frames without an image left out."),
    }
    for kind, (number, text) in texts.items():
        if number:
            forms = _ONE if number == 1 else _MANY
            yield Notice(kind, f"{count(number, 'shape')} {text.format(**forms)}")


_ONE = {"are": "is", "they": "it", "their": "its", "lie": "lies", "go": "goes", "spans": "span"}
_MANY = {word: word for word in _ONE}
