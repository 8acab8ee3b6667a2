"""What became of each task of an upload."""

from dataclasses import dataclass, replace

from ...base.errors import ExitCode
from ...base.guard import Failure, worst
from ...cvat.model import Project


@dataclass(frozen=True)
class Told:
    """What a person should know of annotations on their way; ``is_lossy``: some did not arrive."""

    messages: tuple[str, ...] = ()
    is_lossy: bool = False

    def and_then(self, more: "Told") -> "Told":
        """Return this, and what is to be told after it."""
        return Told((*self.messages, *more.messages), self.is_lossy or more.is_lossy)


@dataclass(frozen=True)
class TaskOutcome:
    """What a run did with one task.

    ``status`` is ``uploaded``, ``unchanged`` (it was there), ``changed`` (it was there, and the
    dataset has other images by now) or ``unproven`` (CVAT does not show what was sent). ``frames``
    and ``jobs`` are those that CVAT shows of it, or was to show. ``messages`` say what a person
    should know; ``is_lossy``: annotations of the task that it replaced could not go along.
    """

    name: str
    video: str
    status: str
    frames: int
    jobs: int
    task_id: int | None
    url: str | None
    messages: tuple[str, ...]
    is_lossy: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """1 if a person must look at it."""
        is_found = self.is_lossy or self.status in {"changed", "unproven"}
        return ExitCode.FINDINGS if is_found else ExitCode.OK

    def with_told(self, told: Told) -> "TaskOutcome":
        """Return the same, with more to tell."""
        messages = (*self.messages, *told.messages)
        return replace(self, messages=messages, is_lossy=self.is_lossy or told.is_lossy)


@dataclass(frozen=True, kw_only=True)
class FailedTask(Failure):
    """A task that could not be made; its ``id`` is the video's where none was planned.

    ``frames`` were to be in it.
    """

    video: str
    frames: int

    @property
    def name(self) -> str:
        """The name that the task was to have."""
        return str(self.id)


@dataclass(frozen=True)
class PersonLoad:
    """How much one person has to annotate: jobs, their frames, and of how many videos they are.

    ``boxes`` that the jobs show already, ``None`` where they were not counted.
    """

    name: str
    jobs: int
    frames: int
    videos: int
    boxes: int | None = None


@dataclass(frozen=True)
class UploadResult:
    """The outcome of an upload into one project.

    ``loads``: how much each of the people has whom jobs are dealt out to.
    """

    host: str
    project: Project
    tasks: tuple[TaskOutcome | FailedTask, ...]
    warnings: tuple[str, ...]
    loads: tuple[PersonLoad, ...] = ()

    @property
    def in_cvat(self) -> tuple[TaskOutcome, ...]:
        """The tasks that CVAT shows, also those that are not as the dataset is by now."""
        there = {"uploaded", "unchanged", "changed"}
        return tuple(
            task for task in self.tasks if isinstance(task, TaskOutcome) and task.status in there
        )

    @property
    def frames_in_cvat(self) -> int:
        """How many frames CVAT shows of the dataset."""
        return sum(task.frames for task in self.in_cvat)

    @property
    def exit_code(self) -> ExitCode:
        """The worst of the exit codes of the tasks."""
        return worst(self.tasks)
