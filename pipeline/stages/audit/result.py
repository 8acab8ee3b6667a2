"""What an audit found, mended and posted, and where its page is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...annotated.match import Match
from ...base.errors import ExitCode
from ...base.words import count
from ...tracks.audit_record import AuditedTask, AuditRecord
from ...tracks.model import Track
from ...tracks.statistics import TrackStatistics
from .rules import Finding

UNITS = {
    **dict.fromkeys(("crosses-break", "uneven-time", "jump"), "px"),
    **dict.fromkeys(("shape-collapses", "outside-image"), "%"),
}
"""What the size of a finding is in; of all others, frames."""


def size_of(finding: Finding) -> str:
    """Return how large a finding is, with its unit."""
    unit = UNITS.get(finding.kind)
    if unit is None:
        return count(round(finding.size), "frame")
    return f"{finding.size:.1f} {unit}"


@dataclass(frozen=True)
class PlacedFinding:
    """A finding with its place on the server; ``job_id`` and ``url`` are ``None`` if not known."""

    finding: Finding
    task_id: int | None
    job_id: int | None
    url: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON-ready data."""
        return {
            **asdict(self.finding),
            "task": self.task_id,
            "job": self.job_id,
            "url": self.url,
            "unit": UNITS.get(self.finding.kind, "frames"),
        }


@dataclass(frozen=True, eq=False)
class TaskAudit:
    """What was found in one task. ``note`` says how far it could be looked at, if not wholly."""

    task_id: int | None
    name: str
    url: str | None
    match: Match
    tracks: tuple[Track, ...]
    findings: tuple[PlacedFinding, ...]
    statistics: TrackStatistics
    note: str | None

    def to_record(self) -> AuditedTask:
        """Return what is written down of the audit, without the tracks themselves."""
        clock = self.match.clock
        return AuditedTask(
            task=self.task_id,
            name=self.name,
            url=self.url,
            video=self.match.video,
            frames=len(clock),
            matched=clock.matched,
            tracks=self.statistics.total.tracks,
            labels=self.statistics.by_label,
            findings=len(self.findings),
            note=self.note,
        )


@dataclass(frozen=True)
class RetimeResult:
    """What was changed in one task. ``undo_file`` is ``None`` where nothing was, or was asked."""

    task_id: int
    tracks: int
    keyframes: int
    undo_file: Path | None


@dataclass(frozen=True)
class JoinResult:
    """What was joined in one task: ``pairs`` of tracks; ``left`` says why others were not.

    ``undo_file`` is ``None`` where nothing was changed, or was asked.
    """

    task_id: int
    pairs: int
    left: tuple[str, ...]
    undo_file: Path | None


@dataclass(frozen=True)
class PostResult:
    """``posted`` issues are new, or would be in a dry run; ``known`` were there already."""

    task_id: int
    posted: int
    known: int


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What was found in all tasks, after they were mended.

    ``page`` and ``numbers`` are ``audit.html`` and ``audit.json``. ``mended`` and ``posted`` are of
    the tasks that were retimed and given issues, or would be in a dry run; ``joined`` of those with
    tracks that were made one. ``limits`` are the settings by which something is a finding.
    """

    dataset: str
    tasks: tuple[TaskAudit, ...]
    page: Path
    numbers: Path
    mended: tuple[RetimeResult, ...] = ()
    posted: tuple[PostResult, ...] = ()
    joined: tuple[JoinResult, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[PlacedFinding, ...]:
        """All findings, in the order of the tasks, worst first in each."""
        return tuple(each for task in self.tasks for each in task.findings)

    @property
    def exit_code(self) -> ExitCode:
        """1 if there is something to look at."""
        return ExitCode.FINDINGS if self.findings else ExitCode.OK

    def to_record(self) -> AuditRecord:
        """Return what ``audit.json`` holds."""
        return AuditRecord(
            tuple(task.to_record() for task in self.tasks),
            tuple(each.to_json() for each in self.findings),
            dict(self.limits),
        )
