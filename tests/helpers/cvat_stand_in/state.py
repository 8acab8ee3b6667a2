"""What the server holds: plain objects, ids counted up from 1."""

import itertools
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def now() -> str:
    return datetime.now(UTC).strftime(TIME)


@dataclass(eq=False)
class User:
    """``group`` is CVAT's: ``admin``, ``user`` or ``worker`` (who may not create anything)."""

    id: int
    username: str
    password: str
    group: str = "user"
    first_name: str = ""
    last_name: str = ""


@dataclass(eq=False)
class Organization:
    """``roles``: user id → owner, maintainer, supervisor or worker."""

    id: int
    slug: str
    name: str
    owner: User
    roles: dict[int, str] = field(default_factory=dict)
    created: str = field(default_factory=now)


@dataclass(eq=False)
class Project:
    id: int
    name: str
    owner: User
    organization: Organization | None
    assignee: User | None = None
    assigned: str | None = None
    bug_tracker: str = ""
    source_storage: Any = None
    target_storage: Any = None
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)


@dataclass(eq=False)
class Label:
    """Belongs to a project or to a task; a sublabel also to its skeleton."""

    id: int
    name: str
    color: str
    type: str
    attributes: list[dict[str, Any]]
    project_id: int | None = None
    task_id: int | None = None
    parent: "Label | None" = None
    svg: str = ""


@dataclass
class Frame:
    """One image: the path that CVAT shows, and where its bytes are."""

    name: str
    width: int  # px
    height: int  # px
    content: bytes | Path

    def read(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


@dataclass(eq=False)
class Data:
    """What was uploaded to a task and, once created, its frames in order.

    ``video`` is the name of the video that they are of, if they are no images.
    """

    id: int
    folder: Path
    client_files: list[str] = field(default_factory=list)
    server_files: list[str] = field(default_factory=list)
    chunk_size: int | None = None
    image_quality: int = 50
    start_frame: int = 0
    stop_frame: int = 0
    frame_filter: str = ""
    sorting_method: str = "lexicographical"
    storage: str = "local"
    cloud_storage_id: int | None = None
    frames: list[Frame] = field(default_factory=list)
    video: str = ""
    deleted_frames: list[int] = field(default_factory=list)
    chunks_updated: str = field(default_factory=now)

    @property
    def step(self) -> int:
        """Every how manieth image is a frame: ``step=5`` → 5."""
        return int(self.frame_filter.partition("=")[2] or 1)


@dataclass(eq=False)
class Task:
    id: int
    name: str
    owner: User
    organization: Organization | None
    project: Project | None = None
    assignee: User | None = None
    assigned: str | None = None
    bug_tracker: str = ""
    subset: str = ""
    segment_size: int = 0
    overlap: int | None = None
    mode: str = ""
    source_storage: Any = None
    target_storage: Any = None
    consensus_replicas: int = 0
    data: Data | None = None
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)

    @property
    def project_id(self) -> int | None:
        return self.project and self.project.id


@dataclass(eq=False)
class Job:
    """``type``: ``annotation``; others show the same frames again, to others.

    ``chosen``: the frames of a ground-truth job, whose first and last are those of the task;
    ``disabled`` are those of them that are deleted there alone.
    """

    id: int
    task: Task
    start_frame: int
    stop_frame: int
    assignee: User | None = None
    assigned: str | None = None
    stage: str = "annotation"
    state: str = "new"
    type: str = "annotation"
    parent: "Job | None" = None
    chosen: list[int] = field(default_factory=list)
    disabled: list[int] = field(default_factory=list)
    tags: list[dict[str, Any]] = field(default_factory=list)
    shapes: list[dict[str, Any]] = field(default_factory=list)
    tracks: list[dict[str, Any]] = field(default_factory=list)
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)

    @property
    def frames(self) -> range:
        return range(self.start_frame, self.stop_frame + 1)

    @property
    def organization(self) -> Organization | None:
        return self.task.organization


@dataclass(eq=False)
class Issue:
    id: int
    job: Job
    owner: User
    frame: int
    position: list[float]
    assignee: User | None = None
    resolved: bool = False
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)

    @property
    def organization(self) -> Organization | None:
        return self.job.organization


@dataclass(eq=False)
class Comment:
    id: int
    issue: Issue
    owner: User
    message: str
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)

    @property
    def organization(self) -> Organization | None:
        return self.issue.organization


@dataclass(eq=False)
class Background:
    """A request that a worker handles; ``GET /api/requests/{id}`` tells of it."""

    id: str
    task: Task
    owner: User
    operation: str = "create:task"
    format: str | None = None
    result: bytes | None = None
    status: str = "queued"
    message: str = ""
    created: str = field(default_factory=now)
    started: str | None = None
    finished: str | None = None
    expiry: str | None = None
    polls: int = 0


@dataclass(eq=False)
class Bucket:
    """A cloud storage: a folder that plays the bucket."""

    id: int
    name: str
    folder: Path
    owner: User
    organization: Organization | None = None
    manifests: list[str] = field(default_factory=list)
    created: str = field(default_factory=now)


class State:
    """Everything that survives a restart of the server, behind one lock."""

    def __init__(self, folder: Path):
        self.lock = threading.RLock()
        self.folder = folder
        self.users: dict[int, User] = {}
        self.organizations: dict[int, Organization] = {}
        self.projects: dict[int, Project] = {}
        self.labels: dict[int, Label] = {}
        self.tasks: dict[int, Task] = {}
        self.jobs: dict[int, Job] = {}
        self.issues: dict[int, Issue] = {}
        self.comments: dict[int, Comment] = {}
        self.buckets: dict[int, Bucket] = {}
        self.background: dict[str, Background] = {}
        self.ids: defaultdict[str, itertools.count] = defaultdict(lambda: itertools.count(1))

    def new_id(self, kind: str) -> int:
        """Return the next id of a kind of object."""
        return next(self.ids[kind])

    def new_data(self) -> Data:
        number = self.new_id("data")
        folder = self.folder / "data" / str(number) / "raw"
        folder.mkdir(parents=True)
        return Data(number, folder)

    def admins(self) -> list[User]:
        return [user for user in self.users.values() if user.group == "admin"]

    def jobs_of(self, task: Task) -> list[Job]:
        """Return the jobs that the annotations of a task are in."""
        mine = (job for job in self.jobs.values() if job.task is task)
        return [job for job in mine if job.type == "annotation"]

    def labels_of(self, task: Task) -> list[Label]:
        if task.project:
            return [lb for lb in self.labels.values() if lb.project_id == task.project.id]
        return [lb for lb in self.labels.values() if lb.task_id == task.id]

    def delete_task(self, task: Task) -> None:
        self.delete_jobs({job for job in self.jobs.values() if job.task is task})
        self._drop(self.labels, lambda label: label.task_id == task.id)
        self._drop(self.tasks, lambda other: other is task)

    def delete_jobs(self, jobs: set[Job]) -> None:
        self._drop(self.comments, lambda comment: comment.issue.job in jobs)
        self._drop(self.issues, lambda issue: issue.job in jobs)
        self._drop(self.jobs, lambda job: job in jobs)

    def delete_project(self, project: Project) -> None:
        for task in [task for task in self.tasks.values() if task.project is project]:
            self.delete_task(task)
        self._drop(self.labels, lambda label: label.project_id == project.id)
        self._drop(self.projects, lambda other: other is project)

    @staticmethod
    def _drop(objects: dict, doomed) -> None:
        for key in [key for key, value in objects.items() if doomed(value)]:
            del objects[key]

    def delete_issue(self, issue: Issue) -> None:
        self._drop(self.comments, lambda comment: comment.issue is issue)
        self._drop(self.issues, lambda other: other is issue)
