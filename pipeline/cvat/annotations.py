"""What prep reads of annotations on a CVAT server, and what it adds: keyframes and issues."""

import json
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.errors import CvatUncertainError, printable
from .jobs import (
    Left,
    create_annotations,
    delete_annotations,
    is_one_portion,
    list_jobs,
    put_annotations,
    read_annotations,
    read_at_once,
    update_annotations,
)
from .journal import Journal
from .model import ServerJob
from .named import NamedAnnotations
from .server import CvatServer
from .session import Session

Json = Mapping[str, Any]

_PLACE = ("id", "frame", "type", "outside", "rotation")


@dataclass(frozen=True)
class TaskFrames:
    """A task, and which frames it shows.

    ``names``: of the images, in order; of a task made from a video that video's name alone, and
    ``is_video`` is set. Frame n of the task is then frame ``start + n * step`` of the video.
    ``deleted`` are numbers of the task's frames. ``image_size``: width and height in pixels, if
    known and of all images the same.
    """

    id: int
    name: str
    size: int
    is_video: bool
    names: tuple[str, ...]
    start: int
    step: int
    deleted: tuple[int, ...]
    image_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class PostedIssue:
    """An issue on the server. ``messages`` are its comments; a resolved one is one as well.

    ``position``: left, top, right and bottom in pixels.
    """

    id: int
    job_id: int
    frame: int
    messages: tuple[str, ...]
    position: tuple[float, ...]


class CvatAnnotations:
    """The annotations of a server, through an authenticated session; by names in ``named``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.named = NamedAnnotations(session)
        self.host = session.host
        self.names_organization = session.names_organization
        self.covers = session.covers
        self.stopped = session.stopped

    def within(self, organization: str | None) -> "CvatAnnotations":
        """Return the same server, in an organization; ``None`` for none in particular."""
        return CvatAnnotations(self._session.within(organization))

    def where_uploaded(self, journal: Journal) -> "CvatAnnotations":
        """Return the same server, in the organization of a dataset if nobody has named another."""
        places = journal.organizations(self.host)
        is_clear = len(places) == 1 and not self.names_organization
        return self.within(places[0]) if is_clear else self

    def refuse_read_only(self) -> None:
        """Find out before anything is begun whether something can be changed.

        Raises:
            CvatPermissionError: the access token is read-only.
        """
        CvatServer(self._session).refuse_read_only()

    def tasks_of_project(self, name_or_id: str) -> list[int]:
        """Return the ids of the tasks of a project, ascending; none if there is no such project."""
        project = CvatServer(self._session).look_up_project(name_or_id)
        if project is None:
            return []
        listed = self._session.list_all("tasks", project_id=project.id)
        return sorted(int(each["id"]) for each in listed)

    def task(self, task_id: int) -> TaskFrames | None:
        """Return a task with its frames, if it has any yet; ``None`` if there is no such task."""
        told = self._session.find(f"tasks/{task_id}")
        if told is None:
            return None
        size = int(told.get("size") or 0)
        if not size:
            return TaskFrames(task_id, told["name"], 0, False, (), 0, 1, ())
        meta = self._session.get(f"tasks/{task_id}/data/meta")
        names = tuple(frame["name"] for frame in meta["frames"])
        sizes = {(frame.get("width"), frame.get("height")) for frame in meta["frames"]}
        step = re.search(r"step\s*=\s*(\d+)", meta.get("frame_filter") or "")
        return TaskFrames(
            task_id,
            told["name"],
            size,
            told.get("mode") == "interpolation" and len(names) == 1,
            names,
            int(meta.get("start_frame") or 0),
            int(step[1]) if step else 1,
            tuple(meta.get("deleted_frames") or ()),
            sizes.pop() if len(sizes) == 1 and None not in min(sizes) else None,
        )

    def jobs(self, task_id: int) -> tuple[ServerJob, ...]:
        """Return the jobs of a task, ordered by their first frame."""
        return list_jobs(self._session, task_id)

    def labels(self, task_id: int) -> dict[int, str]:
        """Return the names of a task's labels and their sublabels, by id."""
        names = {}
        for label in self._session.list_all("labels", task_id=task_id):
            for each in (label, *(label.get("sublabels") or ())):
                names[int(each["id"])] = str(each["name"])
        return names

    def label_specs(self, task_id: int) -> list[dict[str, Any]]:
        """Return the labels of a task as the server tells of them."""
        return self._session.list_all("labels", task_id=task_id)

    def places_of_job(self, job_id: int) -> dict[str, Any]:
        """Return the annotations of a job, without all that does not tell where they are.

        A task may have a million shapes, so these have only ``id``, ``frame``, ``type``,
        ``outside``, ``rotation`` and ``points``.
        """
        response = self._session.request("GET", f"jobs/{job_id}/annotations/")
        text = response.data.decode(errors="replace")
        del response  # not the bytes too beside the text and what comes of it
        try:
            return dict(json.loads(text, object_hook=_lean))
        except ValueError:
            raise CvatUncertainError(
                f"{printable(self.host)}: the annotations of job {job_id} are no JSON",
                "Check the address, and whether a proxy asks for something.",
            ) from None

    def places_of_jobs(self, job_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return the annotations of each job; see `places_of_job`."""
        return read_at_once(self._session, self.places_of_job, job_ids)

    def label_types(self, task_id: int) -> dict[str, tuple[int, str]]:
        """Return id and type of each label of a task, by its name; sublabels are none of them."""
        listed = self._session.list_all("labels", task_id=task_id)
        return {str(each["name"]): (int(each["id"]), str(each["type"])) for each in listed}

    def of_job(self, job_id: int) -> dict[str, Any]:
        """Return the annotations of a job, with the ids that they have in it."""
        return read_annotations(self._session, job_id)

    def update_tracks(self, job_id: int, tracks: Sequence[Json], left: Left) -> None:
        """Replace tracks of a job, by their ids; those with other ids stay as they are.

        Args:
            job_id: of the job.
            tracks: as they are to be.
            left: tells by all annotations of the job how many of these tracks are not there.
        """
        update_annotations(self._session, job_id, {"tracks": tracks}, left)

    def delete_tracks(self, job_id: int, tracks: Sequence[Json]) -> None:
        """Remove tracks of a job, by their ids; those that are gone already are no error."""
        delete_annotations(self._session, job_id, {"tracks": tracks})

    def add_tracks(self, job_id: int, tracks: Sequence[Json], left: Left) -> None:
        """Add tracks to a job; see `update_tracks`."""
        create_annotations(self._session, job_id, {"tracks": tracks}, left)

    def put_tracks(self, job_id: int, tracks: Sequence[Json], left: Left) -> None:
        """Put tracks in place of all annotations of a job; see `update_tracks`.

        It is done wholly or not at all, unless they are too many for one request.
        """
        given, there = {"tracks": tracks}, self.of_job(job_id)
        if is_one_portion(given, there):
            put_annotations(self._session, job_id, given, left)
        else:
            delete_annotations(self._session, job_id, there)
            create_annotations(self._session, job_id, given, left)

    def issues(self, task_id: int, job_ids: Sequence[int]) -> list[PostedIssue]:
        """Return the issues of a task, those that are resolved too."""
        listed = self._session.list_all("issues", task_id=task_id)
        messages: dict[int, list[str]] = {}
        for job_id in sorted({each["job"] for each in listed} & set(job_ids)):
            for comment in self._session.list_all("comments", job_id=job_id):
                messages.setdefault(comment["issue"], []).append(comment["message"])
        return [
            PostedIssue(
                each["id"],
                each["job"],
                each["frame"],
                tuple(messages.get(each["id"], ())),
                tuple(map(float, each["position"])),
            )
            for each in listed
        ]

    def post_issue(self, job_id: int, frame: int, position: Sequence[float], message: str) -> None:
        """Make an issue; the position is left, top, right and bottom in pixels."""
        body = {"job": job_id, "frame": frame, "position": [*position], "message": message}
        self._session.post("issues", body)


def _lean(read: dict[str, Any]) -> dict[str, Any]:
    """Return a shape with what tells where it is alone; anything else as it was read."""
    if "points" not in read:
        return read
    lean = {key: read[key] for key in _PLACE if key in read}
    lean["points"] = array("d", read["points"])
    return lean
