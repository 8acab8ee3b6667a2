"""A task that was read, and the tracks that it is to have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...cvat.journal import TaskEntry
from .plan import PlannedTrack, TaskPlan
from .result import AnnotatedTask

Pieces = list[tuple[int, PlannedTrack]]


@dataclass(frozen=True, eq=False)
class PreparedTask:
    """A task and the tracks that it is to have.

    ``labels``: id and type of those that it knows, by name. ``pieces``: by the id of each job what
    it is to have of the tracks, each with the place of its track in the plan; ``lacking``: those
    of them that are not there. ``has_others``: something else is; ``is_occupied``: or only some of
    the pieces of a job are, so that somebody may have removed the others. ``twins``: the jobs that
    have more of some pieces than they should.
    """

    entry: TaskEntry
    names: tuple[str, ...]
    plan: TaskPlan
    labels: Mapping[str, tuple[int, str]]
    pieces: Mapping[int, Pieces]
    lacking: Mapping[int, Pieces]
    is_occupied: bool
    has_others: bool
    twins: tuple[int, ...]
    url: str

    @property
    def tracks_lacking(self) -> int:
        """How many tracks are not there wholly."""
        return len({place for pieces in self.lacking.values() for place, _ in pieces})

    @property
    def keyframes(self) -> int:
        """How many are sent: those that end a track and those at the borders of jobs as well."""
        return sum(len(piece.frames) for own in self.pieces.values() for _, piece in own)

    def label_of(self, track: PlannedTrack) -> str:
        """Return the label of a track, the task's only one where the file names none."""
        return self.names[track.label] or next(iter(self.labels), "")

    def outcome(self, status: str, added: int = 0, **more: Any) -> AnnotatedTask:
        """Return what is told of the task."""
        assert self.entry.task_id is not None  # noqa: S101 - it is complete
        return AnnotatedTask(
            task_id=self.entry.task_id,
            name=self.entry.name,
            video=self.entry.video,
            url=self.url,
            status=status,
            tracks=len(self.plan.tracks),
            added=added,
            boxes=self.plan.boxes,
            keyframes=self.keyframes,
            worst_px=self.plan.worst_px,
            **more,
        )
