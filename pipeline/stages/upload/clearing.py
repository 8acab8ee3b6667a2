"""What is deleted in CVAT: only what prep has made there, and no annotation that is not saved."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ...base.errors import CvatError, CvatRefusedError, printable
from ...cvat.journal import TaskEntry
from ...dataset.files import save_text
from .target import Target


def refuse_foreign(target: Target, entry: TaskEntry) -> None:
    """Find out whether a task that is to be replaced is still the one that prep made.

    Raises:
        CvatRefusedError: the task with its id is another one, or was made one.
    """
    state = target.state(entry)
    if state is not None and not target.is_here(state, entry.name, entry.working_name):
        raise CvatRefusedError(
            f"task {state.id} is '{printable(state.name)}' in project {state.project_id}, "
            f"while prep made '{printable(entry.name)}' in project {target.upload.project_id}, "
            "so it was not deleted. Give it back its name and place, or delete it in CVAT."
        )


def is_annotated(target: Target, entry: TaskEntry) -> bool:
    """Whether a task is there and has annotations."""
    return _holds_any(_annotations(target, entry))


def save(target: Target, entry: TaskEntry) -> None:
    """Save the annotations of a task into the dataset, if it has any.

    Raises:
        DatasetError: they cannot be saved.
    """
    annotations = _annotations(target, entry)
    if _holds_any(annotations):
        file = target.store.path / f"cvat-annotations-{entry.task_id}.json"
        text = json.dumps(annotations, indent=1)
        save_text(file, [text, "\n"], "The task stays as it is. ")


def remove(target: Target, entry: TaskEntry) -> None:
    """Delete a task of ours; what was annotated in it is saved first.

    Raises:
        CvatRefusedError: the task with its id is another one, or was made one.
        DatasetError: the annotations cannot be saved.
    """
    refuse_foreign(target, entry)
    save(target, entry)
    if entry.task_id is not None:
        target.server.delete_task(entry.task_id)
    target.forget(entry)


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


def _annotations(target: Target, entry: TaskEntry) -> dict[str, Any]:
    if entry.task_id is None or target.state(entry) is None:
        return {}
    return target.server.annotations(entry.task_id)


def _holds_any(annotations: Mapping[str, Any]) -> bool:
    return any(annotations.get(kind) for kind in ("tags", "shapes", "tracks"))
