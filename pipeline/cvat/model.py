"""What a CVAT server has, as prep sees it: projects, tasks, their frames and jobs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Project:
    """A project on the server."""

    id: int
    name: str


@dataclass(frozen=True)
class TaskSpec:
    """A task to be made. ``segment_size``: frames a job, 0 for one job."""

    name: str
    project_id: int
    subset: str | None
    bug_tracker: str | None
    assignee_id: int | None
    segment_size: int
    overlap: int


@dataclass(frozen=True)
class TaskState:
    """A task as the server tells of it. ``size``: its frames, 0 until they are made."""

    id: int
    name: str
    project_id: int | None
    size: int


@dataclass(frozen=True)
class ServerFrame:
    """A frame of a task; width and height in pixels."""

    name: str
    width: int
    height: int


@dataclass(frozen=True)
class ServerJob:
    """A job; ``start`` and ``stop`` are its first and last frame number.

    ``assignee`` is a user name, ``None`` where nobody has it. ``type`` is ``annotation``; others
    show the same frames again, ``frames`` of them, which need not follow each other.
    """

    id: int
    start: int
    stop: int
    assignee: str | None = None
    type: str = "annotation"
    frames: int | None = None


@dataclass(frozen=True)
class ServerFrames:
    """The frames of a task in order, and the numbers of those that someone deleted.

    ``chunk_size``: so many frames of a job the server reads and keeps together.
    """

    frames: tuple[ServerFrame, ...]
    deleted: tuple[int, ...]
    chunk_size: int
