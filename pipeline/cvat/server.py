"""What prep does with a CVAT server: projects, tasks, their images, frames and jobs."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ..base.errors import CvatRefusedError, RequestLostError, printable
from .archive import Archive
from .failures import AGAIN, refuse_to_write
from .jobs import list_jobs, read_annotations, read_at_once
from .model import Project, ServerFrame, ServerFrames, ServerJob, TaskSpec, TaskState
from .session import Session
from .transfer import Transfer
from .users import find_users

_POLL_GROWTH = 1.05
"""So that of the time which a task takes, hardly more than a twentieth is slept away at its end."""


class CvatServer:
    """A server, through an authenticated session. Threads may share it."""

    def __init__(self, session: Session) -> None:
        self.session = self._session = session
        self.host = session.host
        self.organization = session.organization
        self.names_organization = session.names_organization
        self.covers = session.covers
        self.notices = session.notices
        self.waits = session.waits
        self.stopped = session.stopped

    def within(self, organization: str | None) -> "CvatServer":
        """Return the same server, in an organization; ``None`` for none in particular."""
        return CvatServer(self._session.within(organization))

    def refuse_read_only(self) -> None:
        """Find out before anything is begun whether something can be made.

        Raises:
            CvatPermissionError: the access token is read-only.
        """
        if self._session.is_read_only:
            raise refuse_to_write()

    def find_project(self, name: str) -> Project | None:
        """Return the project of this name, ``None`` if there is none.

        Raises:
            CvatRefusedError: several have this name.
        """
        listed = self._session.list_all("projects", name=name)
        named = [each for each in listed if each["name"] == name]
        if len(named) > 1:
            ids = ", ".join(str(each["id"]) for each in named)
            raise CvatRefusedError(
                f"several projects are called '{printable(name)}' (ids {ids})",
                "Name one by its id.",
            )
        return Project(named[0]["id"], named[0]["name"]) if named else None

    def look_up_project(self, name_or_id: str) -> Project | None:
        """Return the project of this name, else of this id, ``None`` if there is none.

        Raises:
            CvatRefusedError: several have this name.
        """
        found = self.find_project(name_or_id)
        if found is None and name_or_id.isascii() and name_or_id.isdigit():
            found = self.project(int(name_or_id))
        return found

    def project(self, project_id: int) -> Project | None:
        """Return the project with an id, ``None`` if it is gone."""
        found = self._session.find(f"projects/{project_id}")
        return None if found is None else Project(found["id"], found["name"])

    def create_project(self, name: str, labels: Sequence[Mapping[str, Any]]) -> Project:
        """Make a project."""
        made = self._session.post("projects", {"name": name, "labels": [*labels]})
        return Project(made["id"], made["name"])

    def project_labels(self, project_id: int) -> list[dict[str, Any]]:
        """Return the labels of a project as the API tells of them."""
        return self._session.list_all("labels", project_id=project_id)

    def add_labels(self, project_id: int, labels: Sequence[Mapping[str, Any]]) -> None:
        """Add labels to a project; those that it has stay as they are."""
        self._session.request("PATCH", f"projects/{project_id}", body={"labels": [*labels]})

    def has_cloud_storage(self, storage_id: int) -> bool:
        """Whether there is a cloud storage with an id, as far as this user may see."""
        path = f"cloudstorages/{storage_id}"
        return self._session.request("GET", path, accept=frozenset((403, 404))).status == 200

    def shared_folders(self, folder: str) -> list[str] | None:
        """Return the names of the folders in one of the server's share, ``None`` if it is none."""
        query = {"directory": folder}
        answer = self._session.request("GET", "server/share", query=query, accept=frozenset((400,)))
        if answer.status == 400:
            return None
        return [each["name"] for each in json.loads(answer.data) if each["type"] == "DIR"]

    def user_ids(self, names: Iterable[str]) -> dict[str, int]:
        """Return the ids of users, by their names.

        Raises:
            CvatRefusedError: some are none, as far as one may see.
        """
        return find_users(self._session, names)

    def create_task(self, spec: TaskSpec) -> int:
        """Make a task without images and return its id."""
        body: dict[str, Any] = {"name": spec.name, "project_id": spec.project_id}
        if spec.segment_size:  # CVAT takes none of these beside jobs that are cut by name
            body |= {"segment_size": spec.segment_size, "overlap": spec.overlap}
        optional = {
            "subset": spec.subset,
            "bug_tracker": spec.bug_tracker,
            "assignee_id": spec.assignee_id,
        }
        body |= {name: value for name, value in optional.items() if value is not None}
        return int(self._session.post("tasks", body)["id"])

    def task(self, task_id: int) -> TaskState | None:
        """Return a task, ``None`` if it is gone.

        Raises:
            CvatHiddenError: it is not for this user to see.
        """
        found = self._session.find(f"tasks/{task_id}")
        return None if found is None else _state(found)

    def tasks(self, project_id: int) -> list[TaskState]:
        """Return all tasks of a project."""
        return [_state(each) for each in self._session.list_all("tasks", project_id=project_id)]

    def find_tasks(self, project_id: int, name: str) -> list[TaskState]:
        """Return the tasks of a project that have exactly this name."""
        listed = self._session.list_all("tasks", project_id=project_id, name=name)
        states = (_state(each) for each in listed)
        return [s for s in states if (s.name, s.project_id) == (name, project_id)]

    def delete_task(self, task_id: int) -> None:
        """Delete a task; one that is gone already is no error."""
        self._session.request("DELETE", f"tasks/{task_id}", accept=frozenset((404,)))

    def rename_task(self, task_id: int, name: str) -> None:
        """Give a task another name."""
        self._session.request("PATCH", f"tasks/{task_id}", body={"name": name})

    def task_url(self, task_id: int) -> str:
        """Return the address at which people see a task."""
        return f"{self.host}/tasks/{task_id}"

    def send_archive(
        self,
        task_id: int,
        archive: Archive,
        name: str,
        params: Mapping[str, Any],
        request_bytes: int,
        on_bytes: Callable[[int], None],
    ) -> str:
        """Send images in one zip, and return the id of the request that makes the frames.

        Args:
            task_id: a task without images.
            archive: the zip.
            name: its file name on the server.
            params: of the frames to be made.
            request_bytes: the most that one request may hold; less where the server says so.
            on_bytes: told how many more bytes were sent; what it raises ends the upload.

        Raises:
            CvatError: it failed; `CvatUncertainError` if it may be tried again with a new task.
        """
        self._session.request("POST", f"tasks/{task_id}/data/", headers={"Upload-Start": ""})
        Transfer(self._session, task_id).send(archive, name, request_bytes, on_bytes)
        return self._finish(task_id, params)

    def link_files(self, task_id: int, files: Sequence[str], params: Mapping[str, Any]) -> str:
        """Make frames of files that the server has itself; see `send_archive`.

        Args:
            task_id: a task without images.
            files: their names on its share or in its cloud storage, with the manifest.
            params: of the frames to be made.
        """
        self._session.request("POST", f"tasks/{task_id}/data/", headers={"Upload-Start": ""})
        return self._finish(task_id, {**params, "server_files": [*files]})

    def wait_created(
        self,
        task_id: int,
        request_id: str,
        deadline_seconds: float,
    ) -> None:
        """Wait until the server has made the frames of a task.

        Raises:
            CvatRefusedError: it could not, and says why; or the deadline has passed.
            RequestLostError: it knows nothing of the request any more.
            InterruptedRunError: a person stopped it.
        """
        end = time.monotonic() + deadline_seconds
        wait_seconds = self.waits.first_poll_seconds
        while True:
            told = self._session.find(f"requests/{quote(request_id, safe='')}")
            if told is None:
                state = self.task(task_id)
                if state is not None and state.size > 0:
                    return
                raise RequestLostError(
                    f"CVAT has lost the request to make task {task_id}",
                    f"Was it restarted? {AGAIN}",
                )
            if told["status"] == "finished":
                return
            if told["status"] == "failed":
                lines = str(told.get("message") or "no reason given").strip().splitlines()
                raise CvatRefusedError(
                    f"CVAT could not make the task: {printable(lines[-1][-500:])}"
                )
            if time.monotonic() > end:
                raise CvatRefusedError(
                    f"CVAT has not made task {task_id} within {deadline_seconds:g} s (it is "
                    f"{printable(told['status'])})",
                    "See whether its workers run; raise the setting deadline_seconds.",
                )
            self._session.pause(wait_seconds)
            wait_seconds = min(wait_seconds * _POLL_GROWTH, self.waits.last_poll_seconds)

    def frames(self, task_id: int) -> ServerFrames:
        """Return the frames of a task."""
        told = self._session.get(f"tasks/{task_id}/data/meta")
        return ServerFrames(
            tuple(ServerFrame(f["name"], f["width"], f["height"]) for f in told["frames"]),
            tuple(told.get("deleted_frames", ())),
            int(told.get("chunk_size") or 1),
        )

    def jobs(self, task_id: int) -> tuple[ServerJob, ...]:
        """Return the jobs of a task, ordered by their first frame."""
        return list_jobs(self._session, task_id)

    def all_jobs(self, task_id: int) -> tuple[ServerJob, ...]:
        """Return the jobs of a task, also those that show the same frames again."""
        return list_jobs(self._session, task_id, every=True)

    def assign_job(self, job_id: int, user_id: int) -> None:
        """Give a job to a user."""
        self._session.request("PATCH", f"jobs/{job_id}", body={"assignee": user_id})

    def make_ground_truth(self, task_id: int, frames: Sequence[int]) -> None:
        """Make the one job of a task whose annotations those of the others are compared with.

        Raises:
            CvatRefusedError: there is one already, or the server knows no such jobs.
        """
        body = {
            "type": "ground_truth",
            "task_id": task_id,
            "frame_selection_method": "manual",
            "frames": [*frames],
        }
        self._session.post("jobs", body)

    def frame_bytes(self, task_id: int, number: int) -> bytes:
        """Return the original image of a frame."""
        query = {"type": "frame", "number": number, "quality": "original"}
        return self._session.request("GET", f"tasks/{task_id}/data/", query=query).data

    def annotations(self, job_id: int) -> dict[str, Any]:
        """Return all annotations of a job, with the ids that they have."""
        return read_annotations(self._session, job_id)

    def annotations_of_jobs(self, job_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return all annotations of each job; see `annotations`."""
        return read_at_once(self._session, self.annotations, job_ids)

    def _finish(self, task_id: int, params: Mapping[str, Any]) -> str:
        answer = self._session.post(f"tasks/{task_id}/data/", params, headers={"Upload-Finish": ""})
        return str(answer["rq_id"])


def _state(told: Mapping[str, Any]) -> TaskState:
    return TaskState(told["id"], told["name"], told.get("project_id"), told.get("size") or 0)
