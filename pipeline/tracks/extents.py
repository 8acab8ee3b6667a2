"""What many tracks measure at their keyframes, end to end in arrays: where, how large, how thin.

A task may have a million shapes, so nothing here goes shape by shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .model import TURNING, Track, outlines
from .pieces import Reading

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Extents:
    """The keyframes that count of all tracks of a task, in their order.

    ``owners``: int64, shape (keyframes,), whose they are, a place among the readings. ``frames``:
    int64, shape (keyframes,). ``is_outside``: bool, shape (keyframes,). ``boxes``: float64, shape
    (keyframes, 4), left, top, right and bottom of the visible outline in pixels. ``thickness``:
    float64, shape (keyframes,), see `thickness_of`.
    """

    owners: Ints
    frames: Ints
    is_outside: Flags
    boxes: Floats
    thickness: Floats

    @property
    def sizes(self) -> Floats:
        """How large each shape is, shape (keyframes,), in pixels.

        The square root of its box's area; of a line, which may have none, most of its length.
        """
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        longer = sides.max(axis=1, initial=0.0)
        return np.asarray(np.maximum(np.sqrt(sides.prod(axis=1)), longer * 0.75))

    def runs(self, flags: Flags) -> list[tuple[int, int]]:
        """Return the first and last place of each stretch of flagged keyframes of one track."""
        places = np.flatnonzero(flags)
        if len(places) == 0:
            return []
        owners = self.owners[places]
        begins = np.flatnonzero((np.diff(places) > 1) | (np.diff(owners) > 0)) + 1
        parts = np.split(places, begins)
        return [(int(part[0]), int(part[-1])) for part in parts]


def extents_of(readings: Sequence[Reading]) -> Extents:
    """Return what all tracks measure at those keyframes that count."""
    counts = np.array([len(each.places) for each in readings], np.int64)
    some = [each for each in readings if len(each.places)]
    return Extents(
        owners=np.repeat(np.arange(len(readings)), counts),
        frames=_joined([each.frames for each in some], np.zeros(0, np.int64)),
        is_outside=_joined([each.is_outside for each in some], np.zeros(0, np.bool_)),
        boxes=_joined([boxes_of(each.track)[each.places] for each in some], np.zeros((0, 4))),
        thickness=_joined([thickness_of(each.track)[each.places] for each in some], np.zeros(0)),
    )


def boxes_of(track: Track) -> Floats:
    """Return left, top, right and bottom of the outline at each keyframe, shape (keyframes, 4).

    NaN where a keyframe has no points.
    """
    if track.shape in TURNING | {"mask"} and (raw := track.stacked) is not None:
        if track.shape == "ellipse" and raw.shape[1] == 4:
            return _ellipses(raw, track.rotations)
        shown = outlines(track.shape, raw, track.rotations)
        return np.concatenate([shown.min(axis=1), shown.max(axis=1)], axis=1)
    if track.shape == "mask":  # left, top, right and bottom end its numbers
        return np.asarray(track.values[track.offsets[1:, np.newaxis] + np.arange(-4, 0)])
    boxes = np.full((len(track), 4), np.nan)
    has_points = np.diff(track.offsets) >= 2
    if (track.offsets % 2).any():
        return boxes  # no shape of CVAT's has half a point
    starts = track.offsets[:-1][has_points] // 2
    if len(starts):
        points = track.values.reshape(-1, 2)
        boxes[has_points, :2] = np.minimum.reduceat(points, starts)
        boxes[has_points, 2:] = np.maximum.reduceat(points, starts)
    return boxes


def thickness_of(track: Track) -> Floats:
    """Return how thin a shape is at each keyframe, shape (keyframes,), in pixels.

    The shorter side of a rectangle, an ellipse or a cuboid; twice the area of a polygon by its
    perimeter, which comes to the same; the length of a polyline. Points and masks are never thin.
    """
    if track.shape in TURNING and (raw := track.stacked) is not None and raw.shape[1] == 4:
        sides = np.abs(raw[:, 2:] - raw[:, :2]) * (2 if track.shape == "ellipse" else 1)
        return np.asarray(sides.min(axis=1))
    if track.shape == "cuboid":
        boxes = boxes_of(track)
        return np.asarray((boxes[:, 2:] - boxes[:, :2]).min(axis=1))
    counts = np.diff(track.offsets)
    if track.shape not in {"polygon", "polyline"} or (counts < 2).any() or (counts % 2).any():
        return np.full(len(track), np.inf)
    points, starts = track.values.reshape(-1, 2), track.offsets[:-1] // 2
    following = np.roll(points, -1, axis=0)
    lasts = track.offsets[1:] // 2 - 1
    following[lasts] = points[starts] if track.shape == "polygon" else points[lasts]
    steps = following - points
    lengths = np.add.reduceat(np.hypot(steps[:, 0], steps[:, 1]), starts)
    if track.shape == "polyline":
        return np.asarray(lengths)
    # Seen from the first point: far from the origin, the products would lose digits.
    x, y = (points - np.repeat(points[starts], lasts - starts + 1, axis=0)).T
    crosses = x * steps[:, 1] - y * steps[:, 0]
    return np.asarray(np.abs(np.add.reduceat(crosses, starts)) / np.maximum(lengths, 1e-9))


def _ellipses(raw: Floats, rotations: Floats) -> Floats:
    """Return the boxes around ellipses of CVAT's numbers, shape (keyframes, 4)."""
    across, down = (raw[:, 2:] - raw[:, :2]).T
    angles = np.radians(rotations)
    half_width = np.hypot(across * np.cos(angles), down * np.sin(angles))
    half_height = np.hypot(across * np.sin(angles), down * np.cos(angles))
    half = np.stack([half_width, half_height], axis=1)
    return np.concatenate([raw[:, :2] - half, raw[:, :2] + half], axis=1)


def _joined(parts: list[npt.NDArray[np.generic]], empty: npt.NDArray[np.generic]) -> np.ndarray:
    return np.concatenate(parts) if parts else empty
