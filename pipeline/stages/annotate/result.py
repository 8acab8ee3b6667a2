"""What became of the tracks of each task."""

from dataclasses import dataclass
from pathlib import Path

from ...base.errors import ExitCode
from ...base.guard import Failure, worst


@dataclass(frozen=True)
class AnnotatedTask:
    """One task for which there are tracks.

    ``status`` is ``annotated``, ``unchanged`` (all of them were there), ``occupied`` (it has other
    annotations, so it was left alone) or ``planned``. ``tracks`` of the file, of which ``added``
    are new in CVAT; ``boxes`` of the file on its frames and ``keyframes`` that are set for them,
    ends of tracks and borders of jobs among them.
    ``worst_px``: no corner is further from where the file has it. ``saved``: the file with what
    was there before, ``None`` where nothing was replaced. ``message`` says what a person should
    know.
    """

    task_id: int
    name: str
    video: str
    url: str
    status: str
    tracks: int
    added: int
    boxes: int
    keyframes: int
    worst_px: float
    saved: Path | None = None
    message: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """1 if a person must look at it."""
        return ExitCode.FINDINGS if self.status == "occupied" else ExitCode.OK


@dataclass(frozen=True)
class AnnotateResult:
    """The outcome for all tasks with tracks.

    ``boxes_elsewhere`` of the files are on frames that no task shows: they were left out as
    duplicates, rejected, not selected, or deleted in CVAT. ``warnings`` say what else of the
    tracks is in no task.
    """

    tasks: tuple[AnnotatedTask | Failure, ...]
    boxes_elsewhere: int
    warnings: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The worst of the exit codes of the tasks."""
        return worst(self.tasks)
