"""Make one track of two that lie on each other: the first wherever it is shown, else the second.

CVAT keeps the tracks of each job apart. Where both tracks have a piece in a job, the pieces become
one. Where they are in jobs that overlap, one each, nothing can be one: the earlier piece ends where
the later begins.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...base.words import count
from ...cvat.annotations import CvatAnnotations
from ...tracks.model import TURNING, Track, make_track, placed_at, tracks_from_api
from ...tracks.overlaps import join_pieces
from ...tracks.pieces import TaskView
from .mend import save_tracks, send
from .result import JoinResult, TaskAudit
from .task import pieces_of

Json = dict[str, Any]
Ints = npt.NDArray[np.int64]


def join_task(
    server: CvatAnnotations, audited: TaskAudit, folder: Path, *, is_dry_run: bool = False
) -> JoinResult:
    """Join the tracks of a task that lie on each other, and prove it.

    What is changed is saved first. A track that lies on several is joined with one of them: an
    audit after that finds the others.

    Args:
        server: where the task is.
        audited: the task, just read.
        folder: where the file for undoing it is written.
        is_dry_run: change nothing, and count.

    Raises:
        DatasetError: the annotations cannot be saved.
        CvatError: the server does not answer; `UnprovenError` where it shows something else.
    """
    assert audited.task_id is not None  # noqa: S101 - it is on a server
    task = TaskView(audited.match.clock)
    pairs, left = _pairs(audited)
    plan = _Plan(task)
    pieces = _pieces(server, task, {each for pair in pairs for each in pair})
    joined = 0
    for one, other in pairs:
        if _attributes_differ(pieces[one], pieces[other]):
            left.append(
                f"tracks {one} and {other}: their attributes differ, and one track has one value "
                "of each; set them alike first."
            )
        elif plan.add(pieces[one], pieces[other]):
            joined += 1
        else:
            left.append(
                f"tracks {one} and {other}: no job has both, and neither can end where the "
                "other begins without being lost on frames that it alone shows."
            )
    if not joined or is_dry_run:
        return JoinResult(audited.task_id, joined, tuple(left), None)
    file = save_tracks(folder, server, audited.task_id, plan.before)
    send(server, audited.task_id, plan.changed, file, plan.removed)
    return JoinResult(audited.task_id, joined, tuple(left), file)


def joined_shapes(one: Json, other: Json, task: TaskView, frames: Ints) -> list[Json]:
    """Return the shapes of one track that shows the first where it is shown, else the second.

    Each stays exactly where it was: where CVAT would now move the shape from one to the other, it
    gets keyframes on both sides.

    Args:
        one: a track of CVAT's API.
        other: another of the same job, label and shape.
        task: their task.
        frames: int64, of their job that are not deleted, ascending.
    """
    sides = [_Side.of(each, task, frames) for each in (one, other)]
    source = np.where(sides[0].is_shown, 0, np.where(sides[1].is_shown, 1, -1))
    begins = np.concatenate([[0], np.flatnonzero(np.diff(source)) + 1, [len(source)]])
    # What lies on deleted frames does not count, and stays for the day that they are restored.
    shapes = {int(s["frame"]): s for s in one["shapes"] if int(s["frame"]) in task.clock.deleted}
    for begin, behind in itertools.pairwise(begins.tolist()):
        number = int(source[begin])
        first, last = int(frames[begin]), int(frames[behind - 1])
        if number < 0:
            if begin > 0:
                ended = sides[int(source[begin - 1])].at(first)
                shapes[first] = ended if ended.get("outside") else {**ended, "outside": True}
            continue
        side = sides[number]
        shapes |= {f: s for f, s in side.keyframes.items() if first <= f <= last}
        shapes.setdefault(first, side.at(first))
        if behind < len(source) and source[behind] >= 0:
            shapes.setdefault(last, side.at(last))
    return [shapes[frame] for frame in sorted(shapes)]


@dataclass(frozen=True, eq=False)
class _Side:
    """One of two tracks: ``keyframes`` by frame, and on which of the job's frames it is shown."""

    track: Track
    keyframes: dict[int, Json]
    is_shown: npt.NDArray[np.bool_]
    deleted: frozenset[int]

    @classmethod
    def of(cls, track: Json, task: TaskView, frames: Ints) -> "_Side":
        deleted = task.clock.deleted
        keyframes = {int(s["frame"]): s for s in track["shapes"] if s["frame"] not in deleted}
        known = make_track(keyframes.values(), 0, "")
        here = np.searchsorted(known.frames, frames, side="right") - 1
        is_outside = np.concatenate([[True], known.is_outside])
        return cls(known, keyframes, ~is_outside[here + 1], deleted)

    def at(self, frame: int) -> Json:
        """Return the shape at a frame: the one there, or a copy of that before, in its place."""
        if frame in self.keyframes:
            return self.keyframes[frame]
        before = max(each for each in self.keyframes if each < frame)
        copy = {k: v for k, v in self.keyframes[before].items() if k not in {"id", "keyframe"}}
        placed = placed_at(self.track, frame)
        if placed is None:  # it has ended before
            return {**copy, "frame": frame}
        shape = {**copy, "frame": frame, "points": placed.values.tolist()}
        return {**shape, "rotation": placed.rotation} if copy["type"] in TURNING else shape


class _Plan:
    """What is sent: by job the tracks that change, those that go, and both as they are now."""

    def __init__(self, task: TaskView) -> None:
        self.task = task
        self.jobs = {job_id: (start, stop) for job_id, start, stop in task.clock.jobs}
        self.changed: dict[int, list[Json]] = {}
        self.removed: dict[int, list[Json]] = {}
        self.before: dict[int, list[Json]] = {}

    def add(self, one: Mapping[int, Json], other: Mapping[int, Json]) -> bool:
        """Plan to join two tracks, by job their pieces; ``False`` where that cannot be."""
        shared = sorted(one.keys() & other.keys())
        for job_id in shared:
            first, second = one[job_id], other[job_id]
            own = {id(shape) for shape in first["shapes"]}
            shapes = [
                shape if id(shape) in own else _without_id(shape)
                for shape in joined_shapes(first, second, self.task, self._frames(job_id))
            ]
            self._change(job_id, first, {**first, "frame": shapes[0]["frame"], "shapes": shapes})
            self.before[job_id].append(second)
            self.removed.setdefault(job_id, []).append(second)
        return bool(shared) or self._end_earlier(one, other)

    def _end_earlier(self, one: Mapping[int, Json], other: Mapping[int, Json]) -> bool:
        """Plan to end the earlier of two tracks in jobs that overlap where the later begins."""
        whose = {**dict.fromkeys(one, 0), **dict.fromkeys(other, 1)}
        pieces = {**one, **other}
        order = sorted(pieces, key=lambda job_id: self.jobs[job_id])
        for early, late in itertools.pairwise(order):
            ended = self._ended(early, pieces[early], late, pieces[late])
            if whose[early] != whose[late] and ended is not None:
                self._change(early, pieces[early], {**pieces[early], "shapes": ended})
                return True
        return False

    def _ended(self, early: int, piece: Json, late: int, following: Json) -> list[Json] | None:
        """Return the shapes of a piece that ends where another begins, which is to go on alone.

        ``None`` where the other is not shown on all frames that would go.
        """
        frames = self._frames(early)
        side, after = (_Side.of(each, self.task, frames) for each in (piece, following))
        is_late = frames >= self.jobs[late][0]
        begins = np.flatnonzero(is_late & after.is_shown)
        if len(begins) == 0 or not side.is_shown[: begins[0]].any():
            return None
        begin = int(begins[0])
        if (side.is_shown & ~after.is_shown)[begin:].any():
            return None
        last, end = int(frames[begin - 1]), int(frames[begin])
        shapes = {int(s["frame"]): s for s in piece["shapes"] if s["frame"] < end}
        if side.is_shown[begin - 1]:
            shapes.setdefault(last, side.at(last))
        shapes[end] = {**_without_id(side.at(end)), "outside": True}
        return [shapes[frame] for frame in sorted(shapes)]

    def _frames(self, job_id: int) -> Ints:
        """Return the frames of a job that are not deleted, ascending."""
        start, stop = self.jobs[job_id]
        frames = np.arange(start, min(stop, self.task.frame_count - 1) + 1)
        return frames[~self.task.is_deleted[frames]]

    def _change(self, job_id: int, piece: Json, changed: Json) -> None:
        self.before.setdefault(job_id, []).append(piece)
        self.changed.setdefault(job_id, []).append(changed)


def _pairs(audited: TaskAudit) -> tuple[list[tuple[int, int]], list[str]]:
    """Return the ids of tracks to be joined, each once, and why others are not."""
    taken: set[int] = set()
    pairs, left = [], []
    for each in audited.findings:
        one, other = each.finding.track_id, each.finding.other_id
        if each.finding.kind != "double" or one is None or other is None:
            continue
        if each.finding.apart_frames:
            left.append(
                f"tracks {one} and {other}: both are shown, but apart, on "
                f"{count(each.finding.apart_frames, 'frame')}, so they may be two objects."
            )
        elif taken & {one, other}:
            left.append(
                f"tracks {one} and {other}: one of them is joined with another; run it again."
            )
        else:
            taken |= {one, other}
            pairs.append((one, other))
    return pairs, left


def _attributes_differ(one: Mapping[int, Json], other: Mapping[int, Json]) -> bool:
    """Whether two tracks, by job their pieces, have other values of what never changes in them."""
    values = [
        {(each["spec_id"], each["value"]) for each in track[job_id].get("attributes") or ()}
        for job_id in sorted(one.keys() & other.keys())
        for track in (one, other)
    ]
    return values[::2] != values[1::2]


def _pieces(
    server: CvatAnnotations, task: TaskView, wanted: set[int]
) -> dict[int, dict[int, Json]]:
    """Return by the id that a track has in its task, and by job, its pieces."""
    pieces: dict[int, dict[int, Json]] = defaultdict(dict)
    if not wanted:
        return pieces
    given = pieces_of(server, task.clock.jobs)["tracks"]
    joined = join_pieces(tracks_from_api({"tracks": given}, {}), task.clock).joined
    owners = {
        piece["id"]: given[joined.get(number, number)]["id"] for number, piece in enumerate(given)
    }
    for job_id, _, _ in task.clock.jobs:
        for track in server.of_job(job_id)["tracks"]:
            owner = owners.get(track["id"])
            if owner in wanted:
                pieces[owner][job_id] = track
    return pieces


def _without_id(shape: Json) -> Json:
    return {key: value for key, value in shape.items() if key not in {"id", "keyframe"}}
