"""Tell annotators: one CVAT issue a finding, in the right job and on the box, never twice.

And one for each break inside a job, which says where tracks have to end before any is wrong.

An issue is known again by the mark in its text. That tells what it is about by the frames of the
video, for the ids and numbers of tasks, tracks and frames are others once annotations were carried
to a new task. There spans may end elsewhere too; then it is the same if it says the same, on a
frame of the span, of what is at its place.
"""

import bisect
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...cvat.annotations import CvatAnnotations, PostedIssue
from ...tracks.model import Track, outline_at
from .result import PlacedFinding, PostResult, TaskAudit

Floats = npt.NDArray[np.float64]

_LEAST_SIDE_PX = 4.0
_CORNER_PX = [0.0, 0.0, 32.0, 32.0]
"""Where an issue is that concerns the whole picture."""
_MARK = re.compile(r"\[prep [0-9a-f]{10}\]")
_DIFFERING = re.compile(r"[0-9]+(?:[.,][0-9]+)*|(?<=frame)s|\([^)]*\)")


@dataclass(frozen=True, eq=False)
class _Issue:
    """An issue to be; ``position``: left, top, right and bottom in pixels.

    ``marks``: by what it is known again; the first is the one that it gets, the last that of
    earlier versions, which differs for any two. ``frames``: the first and last that it is about.
    """

    job_id: int
    frame: int
    position: list[float]
    message: str
    marks: tuple[str, str]
    frames: tuple[int, int]
    track: Track | None
    deleted: frozenset[int]

    def position_at(self, frame: int) -> list[float] | None:
        """Return where what it is about is on another frame, ``None`` where it is not shown."""
        if self.track is None:
            return self.position
        outline = outline_at(self.track, frame, self.deleted)
        return None if outline is None else _around(outline)


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
    wanted = [*{issue.marks[-1]: issue for issue in _issues(audited)}.values()]
    if not wanted:
        return PostResult(audited.task_id, 0, 0)
    jobs = [job_id for job_id, _, _ in audited.match.clock.jobs]
    new = _unknown(wanted, server.issues(audited.task_id, jobs))
    if not is_dry_run:
        for issue in new:
            text = f"{issue.message} {issue.marks[0]}"
            server.post_issue(issue.job_id, issue.frame, issue.position, text)
    return PostResult(audited.task_id, len(new), len(wanted) - len(new))


def _unknown(wanted: Sequence[_Issue], there: Sequence[PostedIssue]) -> list[_Issue]:
    """Return the issues to be that are not there; each that is there stands for one of them."""
    by_mark: dict[str, list[PostedIssue]] = defaultdict(list)
    for posted in there:
        for mark in set(_MARK.findall(" ".join(posted.messages))):
            by_mark[mark].append(posted)
    marked = (
        (_overlap(issue, posted), place, posted.id)
        for place, issue in enumerate(wanted)
        for posted in {each.id: each for mark in issue.marks for each in by_mark[mark]}.values()
    )
    known = _paired(marked)
    free = {each.id: each for ones in by_mark.values() for each in ones}
    for posted_id in known.values():
        del free[posted_id]
    ordered = sorted((each.frame, each.id) for each in free.values())
    said = {each.id: _said(" ".join(each.messages)) for each in free.values()}
    alike = (
        (overlap, place, posted_id)
        for place, issue in enumerate(wanted)
        if place not in known and ordered
        for says, (first, last) in [(_said(issue.message), issue.frames)]
        for _, posted_id in ordered[
            bisect.bisect_left(ordered, (first,)) : bisect.bisect_left(ordered, (last + 1,))
        ]
        if says in said[posted_id] and (overlap := _overlap(issue, free[posted_id])) > 0
    )
    known |= _paired(alike)
    return [issue for place, issue in enumerate(wanted) if place not in known]


def _paired(pairs: Iterable[tuple[float, int, int]]) -> dict[int, int]:
    """Return which is paired with which, each once, of (how well they fit, one, other)."""
    paired: dict[int, int] = {}
    taken: set[int] = set()
    for _, one, other in sorted(pairs, key=lambda pair: -pair[0]):
        if one not in paired and other not in taken:
            paired[one] = other
            taken.add(other)
    return paired


def _said(text: str) -> str:
    """Return a text without what differs from one finding of a kind to another."""
    return _DIFFERING.sub("", text)


def _overlap(issue: _Issue, posted: PostedIssue) -> float:
    """Return the share of both, together, that an issue to be and one that is there have in common.

    The place of the first is on the frame of the second.
    """
    here = issue.position_at(posted.frame)
    if here is None:
        return 0.0
    one, other = np.array(here), np.array(posted.position)
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    both = float(np.prod(np.maximum(sides, 0)))
    area = sum(float(np.prod(each[2:] - each[:2])) for each in (one, other))
    return both / (area - both) if both else 0.0


def _issues(audited: TaskAudit) -> Iterator[_Issue]:
    """Yield all issues that a task should have: findings first."""
    clock = audited.match.clock
    for placed in audited.findings:
        if placed.job_id is not None:
            yield _of_finding(audited, placed, placed.job_id)
    for (job_id, place), kinds in clock.open_breaks().items():
        message = (
            f"The footage breaks between frames {place} and {place + 1} ({', '.join(kinds)}). End "
            f"each track with 'outside' on frame {place + 1}, and begin it anew where the object "
            "is seen behind the break."
        )
        marks = (
            _mark(("break", *clock.frame_indices[place : place + 2].tolist())),
            _mark((audited.task_id, "break", place)),
        )
        frames = (place, place + 1)
        yield _Issue(job_id, place + 1, _CORNER_PX, message, marks, frames, None, clock.deleted)


def _of_finding(audited: TaskAudit, placed: PlacedFinding, job_id: int) -> _Issue:
    """Return the issue that tells of a finding."""
    finding, deleted = placed.finding, audited.match.clock.deleted
    frames = (finding.first_frame, finding.last_frame)
    indices = (finding.video_first, finding.video_last)
    where = ("task", *frames) if None in indices else indices
    track_id = finding.parent_id or finding.track_id
    marks = (
        _mark((finding.kind, finding.label, finding.element, where)),
        _mark((placed.task_id, finding.kind, track_id, finding.element, *frames)),
    )
    track = next(
        each
        for each in audited.tracks
        if (each.number, each.element) == (finding.track_number, finding.element)
    )
    outline = outline_at(track, finding.worst_frame, deleted)
    if outline is None:  # CVAT shows none there: that of the keyframe which it begins with
        outline = track.outline(int(np.searchsorted(track.frames, finding.first_frame)))
    return _Issue(
        job_id,
        finding.worst_frame,
        _around(outline),
        finding.message,
        marks,
        frames,
        track,
        deleted,
    )


def _mark(facts: tuple[object, ...]) -> str:
    """Return what an issue is known by again: what it is about, and where."""
    return f"[prep {hashlib.sha256(repr(facts).encode()).hexdigest()[:10]}]"


def _around(outline: Floats) -> list[float]:
    """Return left, top, right and bottom of an outline, in pixels."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    high = np.maximum(high, low + _LEAST_SIDE_PX)
    return [round(float(each), 2) for each in (*low, *high)]
