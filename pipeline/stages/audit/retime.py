"""Add the fewest keyframes that make CVAT's linear interpolation follow the clock of the video.

CVAT moves a box linearly in the frame number. Where frames are further apart in time than usual,
an object that moves steadily is elsewhere; a few keyframes between put the box there.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...tracks.clock import TaskClock
from ...tracks.interpolation import Placed, is_held
from ...tracks.model import TURNING, Track, interpolate, largest_movement, outlines
from ...tracks.pieces import TaskView, read_track

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Shape = dict[str, Any]

_MARGIN = 0.05
"""Share of the tolerance that is left to servers and exports, which round coordinates."""
_HALVINGS = 6
"""How often a smaller tolerance is tried where shapes turn, which a straight line cannot follow."""
_NOISE_PX = 1e-6


def fewest_keyframes(by_time: Floats, tolerance: float, may_stand: Flags) -> list[int]:
    """Return the places between both ends of a span at which keyframes must stand.

    The polyline through the keyframes may differ from the curve by at most ``tolerance`` at any
    place that counts. Its corners lie on the curve. Of all such polylines one with the fewest
    corners is chosen (Imai and Iri, "Polygonal approximations of a curve", 1988: the shortest path
    over all segments that stay close enough).

    Args:
        by_time: float64, shape (places,): how far the object has come, from 0 to 1.
        tolerance: in the same unit.
        may_stand: bool, shape (places,): where a keyframe may stand; the others do not count.
    """
    last = len(by_time) - 1
    places = np.flatnonzero(may_stand | np.isin(np.arange(last + 1), (0, last)))
    curve = by_time[places]
    count = len(places)
    steps = np.full(count, count, dtype=np.int64)
    before = np.zeros(count, dtype=np.int64)
    steps[0] = 0
    for start in range(count - 1):
        if steps[start] + 1 >= steps[-1]:
            continue
        run = (places[start + 1 :] - places[start]).astype(np.float64)
        rise = curve[start + 1 :] - curve[start]
        # A segment is close enough if its slope is in the cone of all places that it passes.
        low = np.maximum.accumulate((rise - tolerance) / run)
        high = np.minimum.accumulate((rise + tolerance) / run)
        slope = rise / run
        passed_low = np.concatenate([[-np.inf], low[:-1]])
        passed_high = np.concatenate([[np.inf], high[:-1]])
        ends = start + 1 + np.flatnonzero((slope >= passed_low) & (slope <= passed_high))
        better = ends[steps[ends] > steps[start] + 1]
        steps[better], before[better] = steps[start] + 1, start
    corners = []
    place = count - 1
    while (place := int(before[place])) > 0:
        corners.append(int(places[place]))
    return corners[::-1]


@dataclass(frozen=True, eq=False)
class Guide:
    """Where an object is by the clock: the track as its annotator set it, over a whole task.

    ``places``: int64, of the keyframes set by hand and not on a deleted frame; ``frames``, theirs.
    The others were added by the server at borders of jobs; they say nothing of where the object
    was.
    """

    track: Track
    places: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int64]

    @classmethod
    def of(cls, track: Track, task: TaskView) -> "Guide":
        """Return the guide that a track of a whole task is."""
        reading = read_track(track, task)
        return cls(track, reading.places, reading.frames)

    def span(self, a: int, b: int) -> tuple[int, int] | None:
        """Return the places of the keyframes set by hand around two frames of the task."""
        one = int(np.searchsorted(self.frames, a, side="right")) - 1
        other = int(np.searchsorted(self.frames, b))
        if one < 0 or other >= len(self.frames) or other != one + 1:
            return None
        return int(self.places[one]), int(self.places[other])


def retimed(
    track: Mapping[str, Any],
    guides: Sequence[Guide],
    task: TaskView,
    tolerance_px: float,
    max_stall_seconds: float,
) -> dict[str, Any] | None:
    """Return a track of CVAT's API with keyframes added, ``None`` where it needs none.

    Keyframes that were set by hand stay as they are. None is added where a break lies between two
    of them, except for a stall: a jump of the clock that is short enough for things to have moved
    on.

    Args:
        track: as the API gives it, of one job; it is not changed.
        guides: for the track, or for each of its elements that has shapes.
        task: its clock.
        tolerance_px: how far the outline may be from where the clock says.
        max_stall_seconds: the longest jump that is a stall.
    """
    added: set[int] = set()
    replaced = []
    is_changed = False
    for part, guide in zip(parts_of(track), guides, strict=True):
        shapes = {int(shape["frame"]): shape for shape in part["shapes"]}
        corrected: dict[int, Shape] = {}
        for a, b in itertools.pairwise(sorted(set(shapes) - task.clock.deleted)):
            path = None if shapes[a].get("outside") else _path(guide, (a, b), task)
            if path is None or path.off(path.first, path.last) <= max(tolerance_px, _NOISE_PX):
                continue
            if can_follow(task.clock, path.first, path.last, max_stall_seconds):
                frames = _stands(path, (a, b), task, tolerance_px)
                corrected |= {frame: path.shape(shapes, a, frame) for frame in frames}
        added |= set(corrected) - set(shapes)
        shapes |= corrected
        is_changed |= bool(corrected)
        replaced.append({**part, "shapes": [shapes[frame] for frame in sorted(shapes)]})
    if not is_changed:
        return None
    if not track.get("elements"):
        return dict(replaced[0])
    elements = iter(replaced)
    return {
        **track,
        "shapes": _with_copies(track["shapes"], added),
        "elements": [next(elements) if e["shapes"] else e for e in track["elements"]],
    }


def parts_of(track: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what of a track moves by itself: it, or those of its elements that have shapes."""
    return [part for part in track.get("elements") or [track] if part["shapes"]]


@dataclass(frozen=True, eq=False)
class _Path:
    """How an object that moves steadily gets from one keyframe set by hand to the next.

    ``one`` and ``other`` are places in the track, ``first`` and ``last`` their frames. For each
    frame between, both included: ``by_time``, how far it has come, 0 to 1, and ``is_shown``.
    """

    track: Track
    one: int
    other: int
    first: int
    last: int
    by_time: Floats
    is_shown: Flags

    def shape(self, shapes: Mapping[int, Shape], a: int, frame: int) -> Shape:
        """Return the shape at a frame: the one there, or a copy of that at ``a``, in its place."""
        placed = self._at(frame)
        copy = {k: v for k, v in shapes[a].items() if k not in {"id", "keyframe"}}
        shape = {**shapes.get(frame, copy), "frame": frame, "points": placed.values.tolist()}
        return {**shape, "rotation": placed.rotation} if self.track.shape in TURNING else shape

    def off(self, a: int, b: int) -> float:
        """Return how far a box is off, in pixels, that moves evenly between two frames."""
        piece = self.by_time[a - self.first : b - self.first + 1]
        way = piece[-1] - piece[0]
        if not way > 0:
            return 0.0
        apart = np.abs((piece - piece[0]) / way - np.linspace(0, 1, len(piece)))
        return float(
            apart[self.is_shown[a - self.first : b - self.first + 1]].max(initial=0.0)
            * self._movement(a, b)
        )

    def corners(self, a: int, b: int, tolerance_px: float) -> list[int]:
        """Return the fewest frames between two at which keyframes must stand."""
        piece = slice(a - self.first, b - self.first + 1)
        tolerance = tolerance_px * (1 - _MARGIN) / max(self._movement(self.first, self.last), 1e-9)
        corners: list[int] = []
        for _ in range(_HALVINGS):
            found = fewest_keyframes(self.by_time[piece], tolerance, self.is_shown[piece])
            corners = [a + place for place in found]
            spans = itertools.pairwise((a, *corners, b))
            if all(self.off(*span) <= tolerance_px * (1 - _MARGIN / 2) for span in spans):
                break
            tolerance /= 2
        return corners

    def _movement(self, a: int, b: int) -> float:
        if (a, b) == (self.first, self.last):
            return largest_movement(self.track, self.one, self.other)
        ends = self._at(a), self._at(b)
        turns = np.array([each.rotation for each in ends])
        shown = outlines(self.track.shape, np.stack([each.values for each in ends]), turns)
        return float(np.hypot(*(shown[1] - shown[0]).T).max(initial=0.0))

    def _at(self, frame: int) -> Placed:
        share = float(self.by_time[frame - self.first])
        return interpolate(self.track, self.one, self.other, share)


def _path(guide: Guide, span: tuple[int, int], task: TaskView) -> _Path | None:
    """Return the path around two frames, ``None`` where none is known."""
    around = guide.span(*span)
    if around is None:
        return None
    counts = {len(guide.track.raw(place)) for place in around}
    if len(counts) > 1 or is_held(guide.track.shape, *counts):
        return None
    first, last = (int(guide.track.frames[place]) for place in around)
    if (
        last >= task.frame_count
        or not task.clock.moving_seconds[last] > (task.clock.moving_seconds[first])
    ):
        return None
    # The server joins pieces by where they are at borders, also on deleted frames, where moved
    # keyframes would count for that alone: it might make two tracks of one.
    if any(first < each < last and task.is_deleted[each] for each in task.borders):
        return None
    is_shown = ~task.is_deleted[first : last + 1]
    return _Path(
        guide.track, *around, first, last, progress_by_time(task.clock, first, last), is_shown
    )


def _stands(
    path: _Path, span: tuple[int, int], task: TaskView, tolerance_px: float
) -> Iterator[int]:
    """Return the frames of a span at which keyframes are to be added or moved.

    Where jobs overlap, both show the same keyframes at each other's borders: a task shows those of
    both together.
    """
    a, b = span
    borders = [int(each) for each in task.borders if a < each < b]
    for one, other in itertools.pairwise((a, *borders, b)):
        yield from path.corners(one, other, tolerance_px)
    yield from borders
    yield from (frame for frame in span if frame not in {path.first, path.last})


def can_follow(clock: TaskClock, a: int, b: int, max_stall_seconds: float) -> bool:
    """Whether the clock says where things are between two frames of a task."""
    if not clock.moving_seconds[b] > clock.moving_seconds[a]:  # also where one is unknown
        return False
    if clock.is_step_unknown[a + 1 : b + 1].any():
        return False
    if np.isnan(clock.moving_seconds[a : b + 1]).any():
        return False
    first, behind = np.searchsorted(clock.break_places, [a, b])
    return all(
        each.kind in {"timeline", "missing"}
        and each.seconds is not None
        and 0 <= each.seconds <= max_stall_seconds
        for each in clock.breaks[first:behind]
    )


def progress_by_time(clock: TaskClock, a: int, b: int) -> Floats:
    """Return how far a thing that moves steadily has come at each frame from a to b, 0 to 1."""
    seconds = clock.moving_seconds[a : b + 1]
    return np.asarray((seconds - seconds[0]) / (seconds[-1] - seconds[0]))


def _with_copies(shapes: list[dict[str, Any]], frames: set[int]) -> list[dict[str, Any]]:
    """Return the shapes of a skeleton with a copy of the last one before each of these frames."""
    known = sorted(shapes, key=lambda shape: int(shape["frame"]))
    copies = []
    for frame in frames - {int(shape["frame"]) for shape in known}:
        before = [shape for shape in known if shape["frame"] < frame]
        if before:
            copy = {k: v for k, v in before[-1].items() if k not in {"id", "keyframe"}}
            copies.append({**copy, "frame": frame})
    return sorted([*known, *copies], key=lambda shape: int(shape["frame"]))
