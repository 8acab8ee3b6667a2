"""Tell annotators: one CVAT issue a finding, in the right job and on the box, never twice."""

import hashlib
import re

import numpy as np

from ...cvat.annotations import CvatAnnotations
from ...tracks.pieces import TaskView, outline_at
from .result import PlacedFinding, PostResult, TaskAudit
from .rules import Finding

_LEAST_SIDE_PX = 4.0
_MARK = re.compile(r"\[prep [0-9a-f]{10}\]")


def post_task(
    server: CvatAnnotations, audited: TaskAudit, *, is_dry_run: bool = False
) -> PostResult:
    """Make an issue of each finding of a task that has none yet; resolved ones stay resolved.

    Args:
        server: where the task is.
        audited: the task.
        is_dry_run: make none, and count.

    Raises:
        CvatError: the server does not answer. What is posted stays, and is known the next time.
    """
    assert audited.task_id is not None  # noqa: S101 - it is on a server
    if not audited.findings:
        return PostResult(audited.task_id, 0, 0)
    jobs = [job_id for job_id, _, _ in audited.match.clock.jobs]
    marks = {
        mark
        for issue in server.issues(audited.task_id, jobs)
        for message in issue.messages
        for mark in _MARK.findall(message)
    }
    task = TaskView(audited.match.clock)
    posted = known = 0
    for placed in audited.findings:
        if placed.job_id is None:
            continue
        mark = _mark(placed)
        if mark in marks:
            known += 1
            continue
        if not is_dry_run:
            server.post_issue(
                placed.job_id,
                placed.finding.worst_frame,
                _position(audited, task, placed.finding),
                f"{placed.finding.message} {mark}",
            )
        posted += 1
    return PostResult(audited.task_id, posted, known)


def _mark(placed: PlacedFinding) -> str:
    """Return what an issue is known by again: the kind of finding, its track and its span."""
    finding = placed.finding
    facts = (
        placed.task_id,
        finding.kind,
        finding.parent_id or finding.track_id,
        finding.element,
        finding.first_frame,
        finding.last_frame,
    )
    return f"[prep {hashlib.sha256(repr(facts).encode()).hexdigest()[:10]}]"


def _position(audited: TaskAudit, task: TaskView, finding: Finding) -> list[float]:
    """Return left, top, right and bottom of the box at the worst frame, in pixels.

    Where CVAT shows none there, of that of the keyframe which the finding begins with.
    """
    track = next(
        each
        for each in audited.tracks
        if (each.number, each.element) == (finding.track_number, finding.element)
    )
    outline = outline_at(track, task, finding.worst_frame)
    if outline is None:
        outline = track.outline(int(np.searchsorted(track.frames, finding.first_frame)))
    low, high = outline.min(axis=0), outline.max(axis=0)
    high = np.maximum(high, low + _LEAST_SIDE_PX)
    return [round(float(each), 2) for each in (*low, *high)]
