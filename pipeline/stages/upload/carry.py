"""Annotations of tasks that are made anew, on their way into the new tasks."""

import json
from collections.abc import Sequence
from pathlib import Path

from ...base.errors import UndecidedError, printable
from ...base.words import count, plural
from ...cvat.journal import TaskEntry
from ...cvat.named import NamedAnnotations
from ...dataset.files import save_text
from ...dataset.saved_annotations import SavedAnnotations
from ...tracks.recut import Recut
from .clearing import annotations_of, save
from .placing import Row, lost_of
from .result import Told
from .target import Target

_ATTEMPTS = 3
_GONE = (
    "task {} is gone from CVAT, so there was nothing to carry. If its annotations were saved, "
    "'prep annotations restore' puts them into the new task."
)


def refuse_other_size(
    target: Target, entries: Sequence[TaskEntry], size: tuple[int, int] | None
) -> None:
    """Find out whether the annotations of tasks fit on new images.

    Args:
        target: where the tasks are.
        entries: the tasks.
        size: width and height of the new images in pixels, ``None`` where they are not known.

    Raises:
        UndecidedError: these have another size.
    """
    for entry in entries:
        if size is None or entry.task_id is None or target.state(entry) is None:
            continue
        frame = target.server.frames(entry.task_id).frames[0]
        if (frame.width, frame.height) != size:
            raise UndecidedError(
                f"the images of task {entry.task_id} have {frame.width}×{frame.height} pixels, "
                f"those of the dataset {size[0]}×{size[1]} by now, so its annotations would not "
                "fit",
                "Extract the video in the size that it had; or use 'prep upload --cvat --replace "
                "--force', which only saves the annotations.",
            )


def carry_over(target: Target, old: Sequence[TaskEntry], new: Sequence[TaskEntry]) -> Told:
    """Put all annotations and issues of tasks into others of the same video, and prove it.

    What is there already of an attempt that was cut off is replaced or completed. Returns what a
    person should know of it.

    Args:
        target: where the tasks are.
        old: those that have the annotations.
        new: the others, in the order of their frames.

    Raises:
        UndecidedError: the old tasks are being annotated, so they are never the same twice.
        CvatError: the server does not answer; `UnprovenError` where it shows something else.
        DatasetError: the annotations cannot be saved.
    """
    for _ in range(_ATTEMPTS):
        told = _carry(target, old, new)
        # Somebody may have gone on annotating while they were on their way.
        there = (annotations_of(target, target.state(entry)) for entry in old)
        if not any(save(target, found)[1] for found in there if found is not None):
            return told
    raise UndecidedError(
        f"somebody annotates task {old[0].task_id} while its annotations go to the new task",
        "Ask them to stop until it is replaced, then run the same command again.",
    )


def _carry(target: Target, old: Sequence[TaskEntry], new: Sequence[TaskEntry]) -> Told:
    server = NamedAnnotations(target.server.session)
    row = Row(server, [entry.task_id for entry in new if entry.task_id is not None])
    ids = [entry.task_id for entry in old if entry.task_id is not None]
    read = {task_id: server.read(task_id) for task_id in ids}
    found = [each for each in read.values() if each is not None]
    files = [save(target, each)[0] if each else None for each in found]
    gone = tuple(_GONE.format(task_id) for task_id in ids if read[task_id] is None)
    told = Told(gone, is_lossy=bool(gone))
    for each, file, cut in zip(found, files, row.put(found), strict=True):
        moved = row.post(each, server.issues(each.task), target.server.session.user)
        if moved:
            are = plural(moved, "is", "are")
            message = f"{count(moved, 'issue')} {are} now on the nearest frame that is left."
            told = told.and_then(Told((message,)))
        if cut.keyframes_added:
            were = plural(cut.keyframes_added, "was", "were")
            message = (
                f"{count(cut.keyframes_added, 'keyframe')} {were} added where frames are further "
                "apart or closer than before, so that tracks stay where they were."
            )
            told = told.and_then(Told((message,)))
        if cut.not_moved and file is not None:
            told = told.and_then(_not_moved(target, row, each, file, cut))
    return told


def _not_moved(target: Target, row: Row, saved: SavedAnnotations, file: Path, cut: Recut) -> Told:
    """Write down what did not move as it was, and return it in short."""
    listed = [
        {
            "kind": each.kind,
            "label": each.label,
            "image": saved.images[each.frame] if each.frame < len(saved.images) else None,
            "moved_to": None if each.moved_to is None else row.images[each.moved_to],
        }
        for each in cut.not_moved
    ]
    list_file = target.store.path / f"cvat-not-carried-{saved.task}.json"
    text = json.dumps({"task": saved.task, "not_carried": listed}, indent=1)
    save_text(list_file, [text, "\n"], "The task stays as it is. ")
    moved = sum(each.moved_to is not None for each in cut.not_moved)
    lost = lost_of(cut.not_moved)
    parts = [f"{count(moved, 'keyframe')} moved to the nearest frame that is left"] * (moved > 0)
    parts += [f"{lost} had no frame to go to"] * bool(lost)
    all_of_it = f"{', and '.join(parts)}: {printable(list_file)} lists each"
    still = f"; {printable(file)} has them as they were" * bool(lost)
    return Told((f"of the annotations of task {saved.task}, {all_of_it}{still}.",), bool(lost))
