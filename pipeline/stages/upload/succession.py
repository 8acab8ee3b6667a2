"""Tasks that are made anew: the old ones go only when all of the new ones are proven.

The journal knows at each step which of both count. Until the old ones are written down as spent,
they do; from then on, the new ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...base.errors import printable
from ...cvat.journal import TaskEntry
from .carry import carry_over
from .clearing import annotations_of, issues_of, refuse_foreign, remove, save
from .result import Told
from .target import Target


@dataclass(frozen=True)
class Replacing:
    """Which tasks are made anew that are not as planned.

    ``is_wanted``: those without annotations. ``forces``: those with annotations too, which are
    only saved. ``carries``: those too, and their annotations go to the new ones.
    """

    is_wanted: bool
    forces: bool
    carries: bool


def doom(target: Target, entries: Sequence[TaskEntry], replacing: Replacing) -> str | None:
    """Write down that complete tasks are to be made anew; or return why they must stay.

    Args:
        target: where they are.
        entries: the tasks.
        replacing: which of them may be.

    Raises:
        UndecidedError: one of them is no longer as prep made it.
        DatasetError: the journal cannot be written.
    """
    for entry in entries:
        there = refuse_foreign(target, entry)
        spares = there is not None and not (replacing.forces or replacing.carries)
        if spares and annotations_of(target, there):
            return (
                f"task {entry.task_id} has annotations, so it was not replaced. 'prep upload "
                "--cvat --replace --carry' takes them into the new task, 'prep upload --cvat "
                "--replace --force' only saves them into the dataset."
            )
        if spares and issues_of(target, entry):
            return (
                f"task {entry.task_id} has issues, so it was not replaced. 'prep upload --cvat "
                "--replace --carry' posts them again in the new task, 'prep upload --cvat "
                "--replace --force' lets them go."
            )
    target.put_all(entries, is_doomed=True, is_carried=replacing.carries)
    return None


def succeed(target: Target, video_id: str) -> Told:
    """Let the new tasks of a video take the place of the old ones; all of them are proven.

    Returns what a person should know of it.

    Raises:
        CvatError: the server does not answer, or an old task is no longer as prep made it.
        DatasetError: the journal cannot be written, or annotations cannot be saved.
    """
    doomed = doomed_of(target, video_id)
    told = Told()
    if any(entry.is_carried for entry in doomed):
        told = carry_over(target, doomed, successors_of(target, video_id))
    else:
        for entry in doomed:
            if (found := annotations_of(target, target.state(entry))) is not None:
                save(target, found)
    target.put_all(doomed, is_spent=True)
    return told.and_then(finish(target, video_id))


def finish(target: Target, video_id: str) -> Told:
    """Do what is left to do where the new tasks of a video count already, if they do.

    Raises:
        CvatError, DatasetError: as `succeed`.
    """
    spent = [entry for entry in doomed_of(target, video_id) if entry.is_spent]
    if not spent:
        return Told()
    for entry in successors_of(target, video_id):
        if target.state(entry) is None:  # somebody has deleted it since; it is made anew
            target.forget(entry)
        elif not entry.is_complete:
            target.name(entry)
    told = Told()
    for entry in spent:
        if (file := remove(target, entry)) is not None:
            late = (
                "the task that was replaced was annotated meanwhile, after its annotations "
                f"were saved: what it had at the end is in {printable(file)}; 'prep annotations "
                "restore' puts that into the new task."
            )
            told = told.and_then(Told((late,), is_lossy=entry.is_carried))
    return told


def doomed_of(target: Target, video_id: str) -> list[TaskEntry]:
    """Return the tasks of a video that are to be made anew."""
    return [entry for entry in target.entries if entry.video == video_id and entry.is_doomed]


def successors_of(target: Target, video_id: str) -> list[TaskEntry]:
    """Return the tasks that take their place, in the order of their parts."""
    return [entry for entry in target.entries if entry.video == video_id and not entry.is_doomed]
