"""Tasks that are made anew: the old ones go only when all of the new ones are proven.

The journal knows at each step which of both count. Until the old ones are written down as spent,
they do; from then on, the new ones.
"""

from collections.abc import Sequence

from ...cvat.journal import TaskEntry
from .clearing import is_annotated, refuse_foreign, remove, save
from .target import Target


def doom(target: Target, entries: Sequence[TaskEntry], *, force: bool) -> str | None:
    """Write down that complete tasks are to be made anew; or return why they must stay.

    Args:
        target: where they are.
        entries: the tasks.
        force: also if they have annotations.

    Raises:
        CvatRefusedError: one of them is no longer as prep made it.
        DatasetError: the journal cannot be written.
    """
    for entry in entries:
        refuse_foreign(target, entry)
        if not force and is_annotated(target, entry):
            return (
                f"task {entry.task_id} has annotations, so it was not replaced. 'prep upload "
                "--cvat --replace --force' saves them into the dataset first."
            )
    target.put_all(entries, is_doomed=True)
    return None


def succeed(target: Target, video_id: str) -> None:
    """Let the new tasks of a video take the place of the old ones; all of them are proven.

    Raises:
        CvatError: the server does not answer, or an old task is no longer as prep made it.
        DatasetError: the journal cannot be written, or annotations cannot be saved.
    """
    doomed = doomed_of(target, video_id)
    for entry in doomed:
        save(target, entry)
    target.put_all(doomed, is_spent=True)
    finish(target, video_id)


def finish(target: Target, video_id: str) -> None:
    """Do what is left to do where the new tasks of a video count already, if they do.

    Raises:
        CvatError, DatasetError: as `succeed`.
    """
    spent = [entry for entry in doomed_of(target, video_id) if entry.is_spent]
    if not spent:
        return
    for entry in target.entries:
        if entry.video != video_id or entry.is_complete:
            continue
        if target.state(entry) is None:  # somebody has deleted it since; it is made anew
            target.forget(entry)
        else:
            target.name(entry)
    for entry in spent:
        remove(target, entry)


def doomed_of(target: Target, video_id: str) -> list[TaskEntry]:
    """Return the tasks of a video that are to be made anew."""
    return [entry for entry in target.entries if entry.video == video_id and entry.is_doomed]
