"""Which tasks on a server are meant."""

from collections.abc import Sequence

from ..base.errors import InputError, printable
from ..cvat.annotations import CvatAnnotations
from ..cvat.journal import Journal
from ..dataset.store import Dataset


def choose_tasks(
    store: Dataset, server: CvatAnnotations, tasks: Sequence[int], project: str | None
) -> tuple[CvatAnnotations, list[int]]:
    """Return the ids of tasks, and the server in the organization that they are in.

    Args:
        store: the dataset; all that were uploaded of it if neither tasks nor a project are given.
        server: where they are.
        tasks: their ids.
        project: all tasks of this one as well, by its name or id.

    Raises:
        InputError: there are none.
        CvatError: the server does not answer.
    """
    chosen = list(dict.fromkeys([*tasks, *_of_project(server, project)]))
    return (server, chosen) if chosen else _uploaded(store, server)


def _of_project(server: CvatAnnotations, project: str | None) -> list[int]:
    """Return the ids of the tasks of a project, none where none is given.

    Raises:
        InputError: there is no such project, or it has no tasks.
    """
    found = [] if project is None else server.tasks_of_project(project)
    if project is not None and not found:
        raise InputError(
            f"--project {printable(project)}: CVAT shows you none of this name or id with tasks. "
            "Who has only jobs of a task sees neither it nor its project."
        )
    return found


def _uploaded(store: Dataset, server: CvatAnnotations) -> tuple[CvatAnnotations, list[int]]:
    """Return the ids of the tasks of a dataset that are on a server, in their organization.

    Raises:
        InputError: there are none.
    """
    journal = Journal(store.path)
    server = server.where_uploaded(journal)
    found = [
        entry.task_id
        for upload in journal.uploads
        if server.covers(upload.host, upload.organization)
        for entry in upload.tasks
        if entry.is_complete and not entry.is_spent and entry.task_id is not None
    ]
    if not found:
        raise InputError(
            f"{printable(store.path)}: no task of this dataset is on {printable(server.host)}. "
            "Name tasks with --task or --project, or an export with --annotations."
        )
    return server, list(dict.fromkeys(found))
