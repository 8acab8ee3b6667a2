"""The fewest keyframes between which CVAT's interpolation stays close to where things are to be.

CVAT moves shapes linearly in the frame number, so a track is a polyline in as many coordinates as
its shape has, and keyframes are its corners.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .curve import INNER, Curve, seen

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_DECIMALS = 2
"""CVAT keeps as many of a coordinate."""
_ROUNDING_PX = 0.01  # how far that moves a corner, at most
_REACHES = (0, 3)
"""Over how many boxes to either side the path of keyframes is smoothed: it may turn sharply, or the
boxes may jitter."""
_CORNERS = [0, 1, 2, 1, 2, 3, 0, 3]
"""Of a box, x and y of each."""
_BLOCK = 32
_SHORT = 64
"""Up to so many places plain Python is faster: there are very many short spans."""


def fit_boxes(frames: Ints, boxes: Floats, max_error_px: float) -> tuple[Ints, Floats]:
    """Return the frames, shape (keyframes,), and boxes, shape (keyframes, 4), of keyframes.

    Between the first and the last frame no corner of an interpolated box is further from the given
    one than ``max_error_px``. Keyframes stand on the boxes themselves, or on their smoothed path,
    whichever needs fewer: of all choices of keyframes on a path the fewest, or hardly more; see
    `Curve`. The same boxes always get the same keyframes.

    Args:
        frames: int64, shape (boxes,), numbers of the task's frames, ascending.
        boxes: float64, shape (boxes, 4): left, top, right and bottom in pixels.
        max_error_px: more than 0.02.
    """
    tolerance = (max_error_px - _ROUNDING_PX) * INNER
    paths = [_smoothed(boxes, reach, tolerance) for reach in _REACHES]
    at, places = frames.astype(np.float64), seen(boxes[:, _CORNERS])
    curves = [Curve(at, places, seen(path[:, _CORNERS]), tolerance) for path in paths]
    fitted = [(curve.keyframes(), path) for curve, path in zip(curves, paths, strict=True)]
    chosen, path = min(fitted, key=lambda each: len(each[0]))
    return frames[chosen], np.round(path[chosen], _DECIMALS)


def corners_of_path(frames: Ints, points: Floats, tolerance: float) -> list[int]:
    """Return the fewest places, the first and last among them, at which keyframes must stand.

    The polyline through the points at these places is nowhere further from a point than
    ``tolerance``. Of all such polylines it is one with the fewest corners (Imai and Iri, "Polygonal
    approximations of a curve", 1988: the shortest path over all segments that stay close enough).

    Args:
        frames: int64, shape (places,), ascending.
        points: float64, shape (places, 2 × points): x and y of all points that move together; or
            (places, 1), a single number.
        tolerance: in the unit of the points.
    """
    curve = _Curve(frames.astype(np.float64), points, points, point_errors)
    return [int(place) for place in curve.keyframes(tolerance)]


def corners_of_curve(
    frames: Sequence[int], numbers: Sequence[float], tolerance: float
) -> list[int]:
    """Return what `corners_of_path` does for a single number, such as how far a thing has come.

    Args:
        frames: ascending.
        numbers: one for each frame.
        tolerance: in the unit of the numbers.
    """
    if len(frames) > _SHORT:
        column = np.array(numbers, np.float64)[:, np.newaxis]
        return corners_of_path(np.array(frames, np.int64), column, tolerance)
    last = len(frames) - 1
    steps, before = [last + 1] * (last + 1), [0] * (last + 1)
    steps[0] = 0
    for start, (frame, number) in enumerate(zip(frames, numbers, strict=True)):
        if steps[start] + 1 >= steps[last]:
            continue
        low, high = -math.inf, math.inf
        for place in range(start + 1, last + 1):
            run, rise = frames[place] - frame, numbers[place] - number
            # A segment is close enough if its slope is in the cone of all places that it passes.
            if low <= rise / run <= high and steps[place] > steps[start] + 1:
                steps[place], before[place] = steps[start] + 1, start
            low = max(low, (rise - tolerance) / run)
            high = min(high, (rise + tolerance) / run)
            if low > high:
                break
    places = [last]
    while places[-1] > 0:
        places.append(before[places[-1]])
    return places[::-1]


def point_errors(points: Floats, others: Floats) -> Floats:
    """Return how far the point that is furthest off is.

    Args:
        points: float64, shape (…, 2 × points): x and y of each.
        others: of the same shape.
    """
    off = points - others
    return np.asarray(np.hypot(off[..., 0::2], off[..., 1::2]).max(axis=-1, initial=0.0))


def corner_errors(boxes: Floats, others: Floats) -> Floats:
    """Return how far the corner that is furthest off is, in pixels.

    Args:
        boxes: float64, shape (…, 4): left, top, right and bottom.
        others: of the same shape.
    """
    off = np.abs(boxes - others)
    return np.hypot(np.maximum(off[..., 0], off[..., 2]), np.maximum(off[..., 1], off[..., 3]))


def interpolated_boxes(frames: Ints, boxes: Floats, at: Ints) -> Floats:
    """Return the boxes, shape (frames, 4), that CVAT shows between keyframes.

    Args:
        frames: int64, shape (keyframes,), ascending.
        boxes: float64, shape (keyframes, 4).
        at: int64, the frames to look at.
    """
    return np.stack([np.interp(at, frames, column) for column in boxes.T], axis=1)


def _smoothed(boxes: Floats, reach: int, tolerance: float) -> Floats:
    """Return the mean of neighbouring boxes, moved to where it is within the tolerance."""
    reach = min(reach, len(boxes) - 1)
    # Beyond the ends the path goes on as it came, turned around its first and last box.
    padded = np.concatenate(
        [2 * boxes[0] - boxes[reach:0:-1], boxes, 2 * boxes[-1] - boxes[-2 : -reach - 2 : -1]]
    )
    sums = np.cumsum(np.concatenate([np.zeros((1, 4)), padded]), axis=0)
    width = 2 * reach + 1
    mean = (sums[width:] - sums[:-width]) / width
    off = corner_errors(mean, boxes)
    share = np.minimum(1, 0.99 * tolerance / np.maximum(off, tolerance))
    return np.asarray(boxes + (mean - boxes) * share[:, np.newaxis])


@dataclass(frozen=True, eq=False)
class _Curve:
    """Boxes or points, and the path on which keyframes may stand.

    Slower than `curve.Curve`, and exact: by its polygons of `seen`, half of the paths of points
    would get a keyframe more.
    ``frames``: float64, shape (boxes,). ``boxes`` and ``path``: float64, shape (boxes, numbers).
    ``errors`` tells how far one is from the other in the plane: no less than each number differs,
    and no more than √2 times the number that differs most.
    """

    frames: Floats
    boxes: Floats
    path: Floats
    errors: Callable[[Floats, Floats], Floats]

    def keyframes(self, tolerance: float) -> Ints:
        """Return the fewest places at which keyframes must stand, the first and last among them."""
        count = len(self.frames)
        steps = np.full(count, count, dtype=np.int64)
        before = np.zeros(count, dtype=np.int64)
        steps[0] = 0
        for start in range(count - 1):
            is_better = steps[start + 1 :] > steps[start] + 1
            if steps[start] + 1 < steps[-1] and is_better.any():
                ends = self._ends(start, is_better, tolerance)
                steps[ends], before[ends] = steps[start] + 1, start
        places = [count - 1]
        while places[-1] > 0:
            places.append(int(before[places[-1]]))
        return np.array(places[::-1], np.int64)

    def _ends(self, start: int, is_better: Flags, tolerance: float) -> Ints:
        """Return the places behind ``start`` to which a segment stays close to all boxes.

        Args:
            start: a place.
            is_better: bool, for each place behind it: whether one that ends there is of use.
            tolerance: how far a corner may be off, in pixels.
        """
        ahead = 1 + int(is_better.argmax())
        if ahead > _BLOCK:  # as where something stands still for long: a few show that none is
            some = start + np.linspace(1, ahead, _BLOCK).astype(np.int64)
            if not self._cone(start, some, tolerance)[0][-1]:
                return np.empty(0, np.int64)
        block = max(_BLOCK, ahead)
        while True:
            places = np.arange(start + 1, min(len(self.frames), start + 1 + block))
            is_open, is_maybe = self._cone(start, places, tolerance)
            if not is_open[-1] or places[-1] == len(self.frames) - 1:
                break
            block *= 4
        is_wanted = is_better[: len(places)] & is_maybe
        if not is_wanted.any():
            return np.empty(0, np.int64)
        if self.boxes.shape[1] == 1:  # the cone tells all
            return places[is_wanted]
        # In each coordinate a segment must lie in the cone of all boxes that it passes; in that of
        # a smaller tolerance no corner can be too far off. All corners are looked at between.
        _, is_sure = self._cone(start, places, tolerance / math.sqrt(2))
        sure, unsure = places[is_wanted & is_sure], places[is_wanted & ~is_sure]
        if len(unsure) == 0:
            return sure
        blocks = np.array_split(unsure, len(unsure) // _BLOCK + 1)
        close = [ends[self._are_close(start, ends, tolerance)] for ends in blocks]
        return np.concatenate([sure, *close])

    def _cone(self, start: int, places: Ints, tolerance: float) -> tuple[Flags, Flags]:
        """Return whether there are slopes that pass all boxes up to each, and whether its does."""
        run = (self.frames[places] - self.frames[start])[:, np.newaxis]
        rise = self.boxes[places] - self.path[start]
        slope = (self.path[places] - self.path[start]) / run
        low = np.maximum.accumulate((rise - tolerance) / run)
        high = np.minimum.accumulate((rise + tolerance) / run)
        is_open = np.asarray((low <= high).all(axis=1))
        return is_open, is_open & np.asarray(((slope >= low) & (slope <= high)).all(axis=1))

    def _are_close(self, start: int, ends: Ints, tolerance: float) -> Flags:
        """Return which segments from ``start`` to these places have no corner too far off."""
        places = np.arange(start + 1, int(ends[-1]) + 1)
        run = self.frames[places] - self.frames[start]
        way = (self.path[ends] - self.path[start]) / (self.frames[ends] - self.frames[start])[
            :, np.newaxis
        ]
        shown = self.path[start] + way[:, np.newaxis] * run[:, np.newaxis]
        off = self.errors(shown, self.boxes[places])
        return np.asarray(((places > ends[:, np.newaxis]) | (off <= tolerance)).all(axis=1))
