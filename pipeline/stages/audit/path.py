"""Where an object is by the clock between two keyframes, and the fewest keyframes that say so.

CVAT moves a box linearly in the frame number. Where frames are further apart in time than usual,
an object that moves steadily is elsewhere; a few keyframes between put the box there.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...tracks.clock import TaskClock
from ...tracks.fit import corners_of_curve
from ...tracks.follow import split
from ...tracks.interpolation import PLACED_BY_SHARE, Placed, is_held
from ...tracks.model import Track, distance, interpolate, outline_of

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_MARGIN = 0.05
"""Share of the tolerance that is left to servers and exports, which round coordinates."""
_HALVINGS = 6
"""How often a smaller tolerance is tried where shapes turn, which a straight line cannot follow."""


def fewest_keyframes(by_time: Floats, tolerance: float, may_stand: Flags) -> list[int]:
    """Return the places between both ends of a span at which keyframes must stand.

    The polyline through the keyframes may differ from the curve by at most ``tolerance`` at any
    place that counts; its corners lie on the curve. See `tracks.fit.corners_of_curve`.

    Args:
        by_time: float64, shape (places,): how far the object has come, from 0 to 1.
        tolerance: in the same unit.
        may_stand: bool, shape (places,): where a keyframe may stand; the others do not count.
    """
    ends = (0, len(by_time) - 1)
    places = np.flatnonzero(may_stand | np.isin(np.arange(len(by_time)), ends))
    frames, curve = places.tolist(), by_time[places].tolist()
    return [frames[each] for each in corners_of_curve(frames, curve, tolerance)[1:-1]]


@dataclass(frozen=True, eq=False)
class Path:
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

    @classmethod
    def of(cls, track: Track, one: int, other: int, clock: TaskClock) -> "Path | None":
        """Return the path between two keyframes, by their places; ``None`` where CVAT holds it."""
        if is_held(track.shape, len(track.raw(one)), len(track.raw(other))):
            return None
        first, last = int(track.frames[one]), int(track.frames[other])
        by_time = progress_by_time(clock, first, last)
        is_shown = ~np.isin(np.arange(first, last + 1), [*clock.deleted])
        return cls(track, one, other, first, last, by_time, is_shown)

    def at(self, frame: int) -> Placed:
        """Return where the object is at a frame between, both ends included."""
        share = float(self.by_time[frame - self.first])
        return interpolate(self.track, self.one, self.other, share)

    def off(self, a: int, b: int) -> float:
        """Return how far a box is off, in pixels, that moves evenly between two frames."""
        piece = self.by_time[a - self.first : b - self.first + 1]
        way = piece[-1] - piece[0]
        if not way > 0:
            return 0.0
        apart = np.abs((piece - piece[0]) / way - np.linspace(0, 1, len(piece)))
        most = apart[self.is_shown[a - self.first : b - self.first + 1]].max(initial=0.0)
        return float(most * self._apart(self.at(a), self.at(b)))

    def stands(self, borders: Iterable[int], tolerance_px: float) -> dict[int, Placed]:
        """Return where keyframes have to be between the ends: at borders, and the fewest between.

        Args:
            borders: frames between the ends that have to have one.
            tolerance_px: how far the outline may be from where the clock says.
        """
        knots = [self.first, *sorted(borders), self.last]
        spans = itertools.pairwise(knots)
        corners = [each for span in spans for each in self._corners(*span, tolerance_px)]
        if self.track.shape in PLACED_BY_SHARE:
            spans = itertools.pairwise(sorted([*knots, *corners]))
            corners += [each for span in spans for each in self._more(*span, tolerance_px)]
        return {frame: self.at(frame) for frame in sorted([*knots[1:-1], *corners])}

    def _more(self, a: int, b: int, tolerance_px: float) -> list[int]:
        """Return frames between two keyframes of an outline at which more of them must stand.

        CVAT pairs its points anew between each two keyframes, so it may take another way.
        """
        counts = self.is_shown[a - self.first : b - self.first + 1].copy()
        counts[[0, -1]] = True
        frames = a + np.flatnonzero(counts)
        way = [self.at(frame) for frame in frames.tolist()]
        ends = (0, len(frames) - 1)
        found = split(self.track.shape, frames, way, ends, tolerance_px * (1 - _MARGIN / 2))
        return [int(frames[place]) for place in found]

    def _apart(self, one: Placed, other: Placed) -> float:
        return distance(*(outline_of(self.track.shape, each) for each in (one, other)))

    def _corners(self, a: int, b: int, tolerance_px: float) -> list[int]:
        """Return the fewest frames between two at which keyframes must stand."""
        piece = slice(a - self.first, b - self.first + 1)
        way = self._apart(self.at(self.first), self.at(self.last))
        tolerance = tolerance_px * (1 - _MARGIN) / max(way, 1e-9)
        corners: list[int] = []
        for _ in range(_HALVINGS):
            found = fewest_keyframes(self.by_time[piece], tolerance, self.is_shown[piece])
            corners = [a + place for place in found]
            spans = itertools.pairwise((a, *corners, b))
            if all(self.off(*span) <= tolerance_px * (1 - _MARGIN / 2) for span in spans):
                break
            tolerance /= 2
        return corners


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
