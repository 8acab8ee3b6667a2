"""The timeline of a task as numbers: a lane for each track, in the data of SVG paths."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...tracks.clock import TaskClock
from ...tracks.model import Track
from ...tracks.pieces import TaskView, read_track
from .result import TaskAudit
from .rules import Finding

Ints = npt.NDArray[np.int64]
Span = tuple[int, int]

HELD_KINDS = frozenset({"never-ends", "single-keyframe"})
"""Findings of one box that is held, not moved."""

_LANES, _LANE_CHARACTERS = 60, 1_500_000
_LANE_OVERHEAD, _NAME_OVERHEAD = 800, 25  # in characters; a name stands there several times
_MIDDLE = 7  # the height of a lane's line


@dataclass(frozen=True)
class Lane:
    """A track in the timeline of a task: data of SVG paths, x in frames (frame 5: 5 to 6).

    ``keyframes`` are dots, ``filled`` lines, ``held`` dashed ones; ``wrong`` and ``wrong_held``
    are the spans with findings, ``stopped`` the keyframes that do not count.
    """

    keyframes: str
    filled: str
    held: str
    wrong: str
    wrong_held: str
    stopped: str

    @property
    def size(self) -> int:
        """How many characters its paths have."""
        return sum(map(len, vars(self).values()))


def timelines(
    tasks: Sequence[TaskAudit], anchors: Mapping[tuple[int, int], str]
) -> list[dict[str, Any]]:
    """Return the tasks in their order, those with most findings with the lanes of their tracks."""
    made: dict[int, dict[str, Any]] = {}
    left = _LANE_CHARACTERS
    for place in sorted(range(len(tasks)), key=lambda each: -len(tasks[each].findings)):
        task = tasks[place]
        breaks = break_lines(task.match.clock)
        lanes: list[dict[str, Any]] = []
        size = sum(map(len, breaks.values()))
        for lane in _lanes(task, place, anchors) if left > 0 else ():
            size += lane["characters"]
            if size > left:  # the others would be drawn in vain
                lanes.clear()
                break
            lanes.append(lane)
        left -= size if lanes else 0
        made[place] = {"task": task, "lanes": lanes, "breaks": breaks if lanes else {}}
    return [made[place] for place in range(len(tasks))]


def _lanes(
    task: TaskAudit, place: int, anchors: Mapping[tuple[int, int], str]
) -> Iterator[dict[str, Any]]:
    """Yield the lanes of a task's tracks, those with findings first, worst first."""
    found: dict[tuple[int, str | None], list[Finding]] = defaultdict(list)
    for placed in task.findings:
        found[placed.finding.track_number, placed.finding.element].append(placed.finding)
    worst = {key: rank for rank, key in enumerate(found)}
    keys = [(track.number, track.element) for track in task.tracks]
    order = sorted(range(len(keys)), key=lambda each: worst.get(keys[each], len(worst)))
    view = TaskView(task.match.clock)
    for each in order[:_LANES] if view.frame_count else ():
        track, findings = task.tracks[each], found[keys[each]]
        name = name_of(track.id, track.number, track.parent_id, track.element)
        paths = lane_of(track, view, findings)
        names = _NAME_OVERHEAD * (min(len(track.label), 100) + min(len(name), 100))
        yield {
            "label": track.label,
            "track": name,
            "counts": task.statistics.by_track[each],
            "kinds": Counter(one.kind for one in findings),
            "anchor": anchors.get((place, each)),
            "paths": paths,
            "characters": paths.size + names + _LANE_OVERHEAD,
        }


def name_of(track_id: int | None, number: int, parent_id: int | None, element: str | None) -> str:
    """Return how the page calls a track: by the server's number, or by its place in the file."""
    one = parent_id if parent_id is not None else track_id
    name = f"no. {number + 1} of the file" if one is None else str(one)
    return f"{name} · {element}" if element else name


def lane_of(track: Track, task: TaskView, findings: Iterable[Finding], columns: int = 600) -> Lane:
    """Return a track as its timeline shows it, in at most so many columns.

    Args:
        track: the track.
        task: its task.
        findings: those of this track.
        columns: marks that are closer than this many fit are drawn as one.
    """
    reading = read_track(track, task)
    frames, is_outside = reading.frames, reading.is_outside
    gap = task.frame_count / columns
    starts = np.flatnonzero(~is_outside[:-1])
    held: list[Span] = []
    if reading.is_open:
        held = [(int(frames[-1]), task.end_of_job(reading.last))]
    wrong: list[Span] = []
    wrong_held: list[Span] = []
    stopped = []
    for one in findings:
        if one.kind == "deleted-keyframe":
            stopped.append(one.first_frame)
        else:
            kind = wrong_held if one.kind in HELD_KINDS else wrong
            kind.append((one.first_frame, one.last_frame))
    return Lane(
        keyframes=_dots(frames[~is_outside], gap),
        filled=_lines(list(zip(frames[starts], frames[starts + 1], strict=True)), gap),
        held=_lines(held, gap),
        wrong=_lines(wrong, gap),
        wrong_held=_lines(wrong_held, gap),
        stopped=_dots(np.array(sorted(stopped), np.int64), gap),
    )


def break_lines(clock: TaskClock, columns: int = 600) -> dict[str, str]:
    """Return for each kind of break the data of an SVG path, from top to bottom of a 0…1 height."""
    places: dict[str, list[int]] = {}
    for one, place in zip(clock.breaks, clock.break_places.tolist(), strict=True):
        places.setdefault(one.kind, []).append(place + 1)
    return {
        kind: "".join(f"M{x} 0V1" for x in _thinned(np.array(xs), len(clock) / columns))
        for kind, xs in places.items()
    }


def _dots(frames: Ints, gap: float) -> str:
    return "".join(f"M{x}.5 {_MIDDLE}h0" for x in _thinned(frames, gap))


def _lines(spans: list[Span], gap: float) -> str:
    """Return spans as lines from the middle of their first frame to that of their last."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= max(gap - 1, 0):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return "".join(f"M{start}.5 {_MIDDLE}H{end}.5" for start, end in joined)


def _thinned(places: Ints, gap: float) -> list[int]:
    """Return the first of those places that fall into the same column."""
    if len(places) == 0:
        return []
    _, firsts = np.unique((places / max(gap, 1)).astype(np.int64), return_index=True)
    return [int(place) for place in places[firsts]]
