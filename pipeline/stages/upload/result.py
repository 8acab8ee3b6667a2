"""What became of each task of an upload."""

from dataclasses import dataclass

from ...base.errors import ExitCode, PrepError
from ...cvat.model import Project


@dataclass(frozen=True)
class TaskOutcome:
    """What a run did with one task.

    ``status`` is ``uploaded``, ``unchanged`` (it was there), ``changed`` (it was there, and the
    dataset has other images by now), ``unproven`` (CVAT does not show what was sent) or ``failed``.
    ``frames`` and ``jobs`` are those that CVAT shows of it, or was to show. ``messages`` say what a
    person should know.
    """

    name: str
    video: str
    status: str
    frames: int
    jobs: int
    task_id: int | None = None
    url: str | None = None
    messages: tuple[str, ...] = ()
    error: str | None = None
    error_kind: str | None = None
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True)
class UploadResult:
    """The outcome of an upload into one project."""

    host: str
    project: Project
    tasks: tuple[TaskOutcome, ...]
    warnings: tuple[str, ...]

    @property
    def in_cvat(self) -> tuple[TaskOutcome, ...]:
        """The tasks that CVAT shows, also those that are not as the dataset is by now."""
        there = {"uploaded", "unchanged", "changed"}
        return tuple(task for task in self.tasks if task.status in there)

    @property
    def frames_in_cvat(self) -> int:
        """How many frames CVAT shows of the dataset."""
        return sum(task.frames for task in self.in_cvat)

    @property
    def exit_code(self) -> ExitCode:
        """The worst of the exit codes of the tasks."""
        return max((task.exit_code for task in self.tasks), default=ExitCode.OK)


def failed_task(name: str, video: str, frames: int, error: PrepError) -> TaskOutcome:
    """Return the outcome of a task that could not be made."""
    return TaskOutcome(
        name=name,
        video=video,
        status="failed",
        frames=frames,
        jobs=0,
        error=str(error),
        error_kind=error.kind,
        exit_code=error.exit_code,
    )
