"""What is deleted in CVAT: only what prep has made there, and no annotation that is not saved."""

import contextlib
from collections import defaultdict
from pathlib import Path

from ...base.errors import CvatError, UndecidedError, printable
from ...base.words import listing, plural
from ...cvat.journal import TaskEntry
from ...cvat.model import TaskState
from ...cvat.named import FullIssue, NamedAnnotations
from ...dataset.saved_annotations import SavedAnnotations, keep
from .target import Target


def refuse_foreign(target: Target, entry: TaskEntry) -> TaskState | None:
    """Find out whether a task that is to be replaced is prep's, with no work that cannot be saved.

    Returns it as it is, ``None`` if it is not there at all.

    Raises:
        UndecidedError: the task with its id is another one, or was made one; or there is work in
            jobs that are not for annotation.
    """
    state = target.state(entry)
    if state is None:
        return None
    if not target.is_here(state, entry.name, entry.working_name):
        raise UndecidedError(
            f"task {state.id} is '{printable(state.name)}' in project {state.project_id}, "
            f"while prep made '{printable(entry.name)}' in project {target.upload.project_id}, "
            "so it was not deleted. Give it back its name and place in CVAT, then run the same "
            "command again; if it is not the task that prep made, upload into another project: "
            "'prep upload --cvat --project'."
        )
    if apart := NamedAnnotations(target.server.session).worked_in_apart(state.id):
        raise UndecidedError(
            f"task {state.id} has annotations for ground truth or consensus in "
            f"{plural(len(apart), 'job')} {listing(apart)}, which prep cannot save, so the "
            "task was not replaced. Export them in CVAT and delete these jobs there, then run the "
            "same command again."
        )
    return state


def annotations_of(target: Target, state: TaskState | None) -> SavedAnnotations | None:
    """Return the annotations of a task as it is on the server, ``None`` if there are none."""
    if state is None:
        return None
    return NamedAnnotations(target.server.session).read_of(state) or None


def issues_of(target: Target, entry: TaskEntry) -> list[FullIssue]:
    """Return the issues of a task that is there."""
    assert entry.task_id is not None  # noqa: S101 - it is there
    return NamedAnnotations(target.server.session).issues(entry.task_id)


def save(target: Target, annotations: SavedAnnotations) -> tuple[Path, bool]:
    """Save the annotations of a task into the dataset; return the file, and whether it is new.

    Raises:
        DatasetError: they cannot be saved.
    """
    name = f"cvat-annotations-{annotations.task}"
    return keep(annotations, target.store.path, name, "The task stays as it is. ")


def remove(target: Target, entry: TaskEntry) -> Path | None:
    """Delete a task of ours; what was annotated in it is saved first.

    Returns the file, if it was not saved already.

    Raises:
        UndecidedError: the task with its id is another one, or was made one.
        DatasetError: the annotations cannot be saved.
    """
    found = annotations_of(target, refuse_foreign(target, entry))
    file, is_new = (None, False) if found is None else save(target, found)
    if entry.task_id is not None:
        target.server.delete_task(entry.task_id)
    target.forget(entry)
    return file if is_new else None


def sweep(target: Target) -> list[str]:
    """Delete the tasks of requests that were thought lost, and were carried out late.

    Others that bear the name of one of ours are not touched; what to tell of them is returned.
    """
    half_made = {entry.working_name: entry.task_id for entry in target.entries}
    named = defaultdict(set)
    for entry in target.entries:
        named[entry.name].add(entry.task_id)
    warnings = []
    with contextlib.suppress(CvatError):  # the next run sweeps again
        for state in target.server.tasks(target.upload.project_id):
            if state.id != half_made.get(state.name, state.id):
                target.server.delete_task(state.id)
            elif state.id not in named.get(state.name, {state.id}):
                warnings.append(
                    f"the project has another task called '{printable(state.name)}' (id "
                    f"{state.id}), which is not of this upload; it is left as it is."
                )
    return warnings


def forget_removed(target: Target) -> None:
    """Forget tasks of videos that were removed, once nothing of them is on the server.

    What an upload that was cut off has left is deleted; what is complete stays.

    Raises:
        DatasetError: the journal cannot be written.
    """
    known = set(target.store.video_ids())
    for entry in target.entries:
        if entry.video in known:
            continue
        with contextlib.suppress(CvatError):  # the next run tries again
            settled = target.settle(entry)
            if settled.is_complete and target.state(settled) is not None:
                continue
            target.delete_leftovers(settled)
            target.forget(settled)
