"""Pieces that the borders of jobs have made of one track, made one track again.

They are dicts as `tracks.recut` takes them.
"""

import itertools
from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from .clock import TaskClock
from .model import Track, distance, make_track
from .overlaps import join_pieces
from .pieces import TaskView, find_links, read_track
from .recut_part import TOLERANCE_PX

Json = dict[str, Any]


def rejoined(
    tracks: Sequence[Json],
    frame_count: int,
    deleted: Set[int],
    jobs: Sequence[tuple[int, int]],
    borders: Set[int],
) -> list[Json]:
    """Return the tracks of a task, with those as one that its server cut where jobs meet.

    Where jobs overlap, pieces that lie on each other are one (`tracks.overlaps`). Else the later
    piece begins where the earlier was, or was going, and skeletons stay as they are. All that holds
    for a whole track is the same.

    Args:
        tracks: of a task, as `by_job.pieces` or its server tells of them all together.
        frame_count: how many frames it has.
        deleted: numbers of those that are deleted.
        jobs: first and last frame of each of its jobs.
        borders: the first frames of the jobs at whose borders tracks are to be made one.
    """
    clock = _clock(frame_count, deleted, jobs)
    tracks = _laid_together(tracks, clock)
    whole = [track for track in tracks if track.get("elements")]
    single = [track for track in tracks if not track.get("elements")]
    if not borders or not single:
        return [*tracks]
    task = TaskView(clock)
    made = [make_track(track["shapes"], n, _kind(track)) for n, track in enumerate(single)]
    after = find_links([read_track(track, task) for track in made], task).after
    after = {
        place: other
        for place, other in after.items()
        if int(_first(single[other])) in borders and _goes_on(made[place], made[other])
    }
    later = set(after.values())
    heads = (place for place in range(len(single)) if place not in later)
    return [*whole, *(_joined(single, after, place) for place in heads)]


def _laid_together(tracks: Sequence[Json], clock: TaskClock) -> list[Json]:
    """Return the tracks, with those as one whose pieces lie on each other where jobs overlap.

    Of what holds for a whole track, what the first piece has counts.
    """
    shared = [
        (after[1], before[2])
        for before, after in itertools.pairwise(clock.jobs)
        if after[1] <= before[2]
    ]
    if not shared:
        return [*tracks]
    pieces = [
        make_track(part["shapes"], number, track["label"], element=element)
        for number, track in enumerate(tracks)
        for element, part in _parts(track)
        if part["shapes"]
    ]
    made = dict(enumerate(tracks))
    for other, one in join_pieces(pieces, clock).joined.items():
        piece = made.pop(other)
        begin = min(_first(part) for _, part in _parts(piece) if part["shapes"])
        stop = max(last for first, last in shared if first <= begin)
        made[one] = _united(made[one], piece, stop)
    return [*made.values()]


def _parts(track: Json) -> list[tuple[str | None, Json]]:
    """Return a track, or the elements of a skeleton by their names."""
    elements = track.get("elements") or ()
    return [(each["label"], each) for each in elements] or [(None, track)]


def _united(one: Json, other: Json, stop: int) -> Json:
    """Return the track of two pieces; up to a frame, the keyframes of the first count."""
    shapes = [shape for shape in one["shapes"] if shape["frame"] <= stop]
    known = {shape["frame"] for shape in shapes}
    shapes += [shape for shape in other["shapes"] if shape["frame"] not in known]
    whole = {**one, "shapes": sorted(shapes, key=lambda shape: int(shape["frame"]))}
    if one.get("elements"):
        rest = {each["label"]: each for each in other["elements"]}
        whole["elements"] = [_united(each, rest[each["label"]], stop) for each in one["elements"]]
    return whole


def _goes_on(one: Track, other: Track) -> bool:
    """Whether a track stays where it was up to the border if another goes on from it."""
    seen = int(np.flatnonzero(~one.is_outside)[-1])
    if one.frames[seen] == other.frames[0] - 1:
        return True
    return distance(one.outline(seen), other.outline(0)) <= TOLERANCE_PX


def _joined(tracks: Sequence[Json], after: dict[int, int], place: int) -> Json:
    """Return a track with all that goes on from it; its end at each border is the server's."""
    shapes = [*tracks[place]["shapes"]]
    here = place
    while here in after:
        here = after[here]
        begin = _first(tracks[here])
        shapes = [shape for shape in shapes if shape["frame"] < begin]
        shapes += tracks[here]["shapes"]
    return {**tracks[place], "shapes": shapes}


def _first(track: Json) -> int:
    return min(int(shape["frame"]) for shape in track["shapes"])


def _kind(track: Json) -> str:
    """Return what two pieces must have in common."""
    fixed = sorted((track.get("attributes") or {}).items())
    return repr((track["label"], track.get("group") or 0, track.get("source"), fixed))


def _clock(frame_count: int, deleted: Set[int], jobs: Sequence[tuple[int, int]]) -> TaskClock:
    """Return a clock that knows the frames and jobs of a task, but no time."""
    return TaskClock(
        frame_indices=np.full(frame_count, -1, np.int64),
        seconds=np.full(frame_count, np.nan),
        moving_seconds=np.full(frame_count, np.nan),
        is_step_unknown=np.zeros(frame_count, np.bool_),
        breaks=(),
        break_places=np.empty(0, np.int64),
        deleted=frozenset(deleted),
        jobs=tuple((number, *job) for number, job in enumerate(sorted(jobs))),
        matched=0,
    )
