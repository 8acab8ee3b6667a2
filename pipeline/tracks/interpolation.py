"""What CVAT shows of a shape between two keyframes.

The rules are those by which its server (2.54) exports, held against every shape of real exports.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PLACED_BY_SHARE = frozenset({"polygon", "polyline"})
"""The shapes whose points are paired by their place along the outline."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A shape somewhere: CVAT's own numbers in pixels, shape (values,), and degrees clockwise."""

    values: Floats
    rotation: float


def between(shape: str, one: Placed, other: Placed, share: float) -> Placed:
    """Return what CVAT shows between two neighbouring keyframes, of which the first is visible.

    Masks, and points where either side has several, stay where the first has them. Polygons and
    polylines are paired by their place along the outline, and may have any number of points
    between; of all else each number is linear in the frame.

    Args:
        shape: CVAT's word for it.
        one: the shape at the first keyframe.
        other: at the second.
        share: how far on the way, 0 to 1.
    """
    if share <= 0 or is_held(shape, len(one.values), len(other.values)):
        return one
    if share >= 1:
        return other
    if shape in PLACED_BY_SHARE:
        return Placed(next(_by_place(shape, one.values, other.values, [share])), 0.0)
    values = one.values + (other.values - one.values) * share
    return Placed(values, float(turned(one.rotation, other.rotation, share)))


def turned(one: Any, other: Any, share: Any) -> Any:
    """Return the degrees between two rotations, the shorter way; numbers, or arrays of a shape."""
    turn = (other - one + 180) % 360 - 180
    # CVAT turns half a turn by a degree, and then jumps.
    return (one + (turn + 181 * (turn == -180)) * share) % 360


def along(shape: str, one: Placed, other: Placed, shares: Sequence[float]) -> list[Placed]:
    """Return what CVAT shows at several places between two keyframes, as `between` does."""
    if shape not in PLACED_BY_SHARE or is_held(shape, len(one.values), len(other.values)):
        return [between(shape, one, other, share) for share in shares]
    inside = _by_place(shape, one.values, other.values, [s for s in shares if 0 < s < 1])
    return [
        Placed(next(inside), 0.0) if 0 < share < 1 else between(shape, one, other, share)
        for share in shares
    ]


def is_held(shape: str, *counts: int) -> bool:
    """Return whether CVAT leaves a shape where it is until the next keyframe.

    Args:
        shape: CVAT's word for it.
        counts: how many numbers each of its keyframes has that are asked of.
    """
    if shape in PLACED_BY_SHARE:
        return min(counts) < 2
    return shape == "mask" or len(set(counts)) > 1 or (shape == "points" and max(counts) > 2)


def _by_place(shape: str, one: Floats, other: Floats, shares: Sequence[float]) -> Iterator[Floats]:
    """Yield the numbers of a polygon or polyline at these places between two others."""
    left, right = one.reshape(-1, 2), other.reshape(-1, 2)
    if shape == "polygon":
        left, right = (np.concatenate([points, points[:1]]) for points in (left, right))
    partners = _partners(_shares(left), _shares(right))
    for share in shares:
        moved = [left[i] + (right[js] - left[i]) * share for i, js in enumerate(partners)]
        points = np.concatenate(list(_thinned(moved, partners, left, right)))
        yield np.asarray((points[:-1] if shape == "polygon" else points).reshape(-1))


def _shares(points: Floats) -> Floats:
    """Return how far along its line each point is, 0 to 1, shape (points,)."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    return np.asarray(along / along[-1] if along[-1] > 0 else along)


def _partners(left: Floats, right: Floats) -> list[Ints]:
    """Return the points of the right line, ascending, that each of the left one is paired with.

    Each point goes to the nearest by share, the first of equals: all of the left line, and those
    of the right line that none of the left went to.
    """
    taken = _nearest(left, right)
    free = np.setdiff1d(np.arange(len(right)), taken)
    owners = _nearest(right[free], left)
    return [np.sort(np.append(free[owners == i], j)) for i, j in enumerate(taken)]


def _nearest(shares: Floats, others: Floats) -> Ints:
    """Return for each share the place of the nearest of the others, ascending, the first of equals.

    Shape (shares,).
    """
    # The others ascend, so the nearest is one of the two neighbours, or an equal before them.
    behind = np.clip(np.searchsorted(others, shares), 1, len(others) - 1)
    is_before = np.abs(shares - others[behind - 1]) <= np.abs(shares - others[behind])
    nearest = others[np.where(is_before, behind - 1, behind)]
    return np.searchsorted(others, nearest).astype(np.int64)


def _thinned(
    moved: list[Floats], partners: list[Ints], left: Floats, right: Floats
) -> Iterator[Floats]:
    """Yield the points of pairs in order, without those that crowd where many went to one."""
    start = 0
    while start < len(left):
        stop, js = start + 1, partners[start]
        if len(js) > 1:
            points, crowd = moved[start], right[js[0] : js[-1] + 1]
        else:
            while stop < len(left) and len(partners[stop]) == 1 and partners[stop][0] == js[0]:
                stop += 1
            points, crowd = np.concatenate(moved[start:stop]), left[start:stop]
        yield _apart(points, _length(crowd) / (2 * len(crowd)))
        start = stop


def _apart(points: Floats, least: float) -> Floats:
    """Return the first and last point, and those between that are far enough from the one before.

    Two that are all, and too close, are made one in their middle.
    """
    if len(points) == 1:
        return points
    kept = [points[0]]
    for point in points[1:-1]:
        if np.hypot(*(point - kept[-1])) >= least:
            kept.append(point)
    if len(kept) == 1 and np.hypot(*(points[-1] - points[0])) < least:
        return np.asarray((points[:1] + points[-1:]) / 2)
    return np.array([*kept, points[-1]])


def _length(points: Floats) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())
