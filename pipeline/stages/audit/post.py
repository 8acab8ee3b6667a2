"""Tell annotators: one CVAT issue a finding, in the right job and on the box, never twice.

And one for each break inside a job, which says where tracks have to end before any is wrong.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...cvat.annotations import CvatAnnotations
from ...tracks.model import outline_at
from .result import PostResult, TaskAudit
from .rules import Finding

_LEAST_SIDE_PX = 4.0
_CORNER_PX = [0.0, 0.0, 32.0, 32.0]
"""Where an issue is that concerns the whole picture."""
_MARK = re.compile(r"\[prep [0-9a-f]{10}\]")


@dataclass(frozen=True)
class _Issue:
    """An issue to be; ``position``: left, top, right and bottom in pixels."""

    job_id: int
    frame: int
    position: list[float]
    message: str
    mark: str


def post_task(
    server: CvatAnnotations, audited: TaskAudit, *, is_dry_run: bool = False
) -> PostResult:
    """Make an issue of each finding of a task that has none yet; resolved ones stay resolved.

    Breaks inside a job get one each as well.

    Args:
        server: where the task is.
        audited: the task.
        is_dry_run: make none, and count.

    Raises:
        CvatError: the server does not answer. What is posted stays, and is known the next time.
    """
    assert audited.task_id is not None  # noqa: S101 - it is on a server
    wanted = {issue.mark: issue for issue in _issues(audited)}
    if not wanted:
        return PostResult(audited.task_id, 0, 0)
    jobs = [job_id for job_id, _, _ in audited.match.clock.jobs]
    marks = {
        mark
        for issue in server.issues(audited.task_id, jobs)
        for message in issue.messages
        for mark in _MARK.findall(message)
    }
    new = [issue for mark, issue in wanted.items() if mark not in marks]
    if not is_dry_run:
        for issue in new:
            text = f"{issue.message} {issue.mark}"
            server.post_issue(issue.job_id, issue.frame, issue.position, text)
    return PostResult(audited.task_id, len(new), len(wanted) - len(new))


def _issues(audited: TaskAudit) -> Iterator[_Issue]:
    """Yield all issues that a task should have: findings first."""
    for placed in audited.findings:
        if placed.job_id is not None:
            finding = placed.finding
            facts = (
                placed.task_id,
                finding.kind,
                finding.parent_id or finding.track_id,
                finding.element,
                finding.first_frame,
                finding.last_frame,
            )
            position = _position(audited, finding)
            yield _Issue(
                placed.job_id, finding.worst_frame, position, finding.message, _mark(facts)
            )
    for (job_id, place), kinds in audited.match.clock.open_breaks().items():
        message = (
            f"The footage breaks between frames {place} and {place + 1} ({', '.join(kinds)}). End "
            f"each track with 'outside' on frame {place + 1}, and begin it anew where the object "
            "is seen behind the break."
        )
        mark = _mark((audited.task_id, "break", place))
        yield _Issue(job_id, place + 1, _CORNER_PX, message, mark)


def _mark(facts: tuple[object, ...]) -> str:
    """Return what an issue is known by again: what it is about, and where."""
    return f"[prep {hashlib.sha256(repr(facts).encode()).hexdigest()[:10]}]"


def _position(audited: TaskAudit, finding: Finding) -> list[float]:
    """Return left, top, right and bottom of the box at the worst frame, in pixels.

    Where CVAT shows none there, of that of the keyframe which the finding begins with.
    """
    track = next(
        each
        for each in audited.tracks
        if (each.number, each.element) == (finding.track_number, finding.element)
    )
    outline = outline_at(track, finding.worst_frame, audited.match.clock.deleted)
    if outline is None:
        outline = track.outline(int(np.searchsorted(track.frames, finding.first_frame)))
    low, high = outline.min(axis=0), outline.max(axis=0)
    high = np.maximum(high, low + _LEAST_SIDE_PX)
    return [round(float(each), 2) for each in (*low, *high)]
