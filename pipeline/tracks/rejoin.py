"""Pieces that the borders of jobs have made of one track, made one track again.

They are dicts as `tracks.recut` takes them.
"""

from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from .clock import TaskClock
from .model import make_track
from .pieces import TaskView, find_links, read_track

Json = dict[str, Any]


def rejoined(
    tracks: Sequence[Json],
    frame_count: int,
    deleted: Set[int],
    jobs: Sequence[tuple[int, int]],
    borders: Set[int],
) -> list[Json]:
    """Return the tracks of a task, with those as one that its server cut where jobs meet.

    The later piece begins where the earlier was, or was going; all that holds for a whole track
    is the same. Skeletons stay as they are.

    Args:
        tracks: of a task, as its server tells of them all together.
        frame_count: how many frames it has.
        deleted: numbers of those that are deleted.
        jobs: first and last frame of each of its jobs.
        borders: the first frames of the jobs at whose borders tracks are to be made one.
    """
    whole = [track for track in tracks if track.get("elements")]
    single = [track for track in tracks if not track.get("elements")]
    if not borders or not single:
        return [*tracks]
    task = TaskView(_clock(frame_count, deleted, jobs))
    made = (make_track(track["shapes"], n, _kind(track)) for n, track in enumerate(single))
    after = find_links([read_track(track, task) for track in made], task).after
    after = {
        place: other
        for place, other in after.items()
        if single[other]["shapes"] and int(_first(single[other])) in borders
    }
    heads = (place for place in range(len(single)) if place not in set(after.values()))
    return [*whole, *(_joined(single, after, place) for place in heads)]


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
