"""Where a dataset goes: one project, as the journal knows it and as it is on the server."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...base.errors import PrepError
from ...cvat.journal import Journal, TaskEntry, Upload
from ...cvat.model import TaskState
from ...cvat.server import CvatServer
from ...dataset.store import Dataset
from .result import FailedTask, TaskOutcome


@dataclass(frozen=True)
class Target:
    """The tasks of a dataset in one project. Threads may share it."""

    store: Dataset
    server: CvatServer
    journal: Journal
    upload: Upload

    @property
    def entries(self) -> tuple[TaskEntry, ...]:
        """The tasks as they are written down now."""
        return self.journal.tasks(self.upload)

    def put(self, entry: TaskEntry, **changes: Any) -> TaskEntry:
        """Write down the state of a task, durably, and return it.

        Raises:
            DatasetError: it cannot be written; no step that depends on it may be taken.
        """
        return self.journal.put(self.upload, dataclasses.replace(entry, **changes))

    def put_all(self, entries: Sequence[TaskEntry], **changes: Any) -> list[TaskEntry]:
        """Write down the state of several tasks at once, and return it.

        Raises:
            DatasetError: it cannot be written; of none it is.
        """
        changed = [dataclasses.replace(entry, **changes) for entry in entries]
        self.journal.replace(self.upload, entries, changed)
        return changed

    def forget(self, entry: TaskEntry) -> None:
        """Write down that a task is no longer on the server.

        Raises:
            DatasetError: it cannot be written.
        """
        self.journal.remove(self.upload, entry)

    def state(self, entry: TaskEntry) -> TaskState | None:
        """Return a task as it is on the server, ``None`` where it is not there."""
        return None if entry.task_id is None else self.server.task(entry.task_id)

    def is_here(self, state: TaskState, *names: str) -> bool:
        """Whether a task of the server is in this project, under one of these names."""
        return state.project_id == self.upload.project_id and state.name in names

    def settle(self, entry: TaskEntry) -> TaskEntry:
        """Return an entry as it is, or as complete if its task was proven and has its name.

        The attempt was cut off then before it could write that down.
        """
        if entry.is_complete or not entry.jobs:
            return entry
        state = self.state(entry)
        if state is None or state.project_id != self.upload.project_id:
            return entry
        return entry if state.name == entry.working_name else self.put(entry, is_complete=True)

    def name(self, entry: TaskEntry) -> TaskEntry:
        """Give a proven task its name, and write down that it is complete.

        Raises:
            CvatError: it cannot be renamed.
            DatasetError: the journal cannot be written.
        """
        assert entry.task_id is not None  # noqa: S101 - it is proven
        self.server.rename_task(entry.task_id, entry.name)
        return self.put(entry, is_complete=True)

    def delete_leftovers(self, entry: TaskEntry) -> None:
        """Delete every task that was left half made; under their working name they are ours."""
        for state in self.server.find_tasks(self.upload.project_id, entry.working_name):
            self.server.delete_task(state.id)

    def outcome(self, entry: TaskEntry, status: str, *messages: str) -> TaskOutcome:
        """Return what is told of a task."""
        return TaskOutcome(
            name=entry.name,
            video=entry.video,
            status=status,
            frames=entry.frames_sent,
            jobs=len(entry.jobs),
            task_id=entry.task_id,
            url=None if entry.task_id is None else self.server.task_url(entry.task_id),
            messages=messages,
        )

    def failure(
        self, error: PrepError, video_id: str, frames: int, name: str | None = None
    ) -> FailedTask:
        """Return what is told of a task, or of all those of a video, that could not be made."""
        return FailedTask(
            id=name or video_id,
            where=str(self.store.folder(video_id)),
            error=str(error),
            error_kind=error.kind,
            exit_code=error.exit_code,
            video=video_id,
            frames=frames,
        )
