"""Where keyframes must stand for CVAT to show a shape where it is to be on each frame between."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .fit import corners_of_path
from .interpolation import PLACED_BY_SHARE, Placed, along, is_held
from .model import distance, outline_of, outlines

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def stands(shape: str, frames: Ints, way: Sequence[Placed], tolerance_px: float) -> list[int]:
    """Return the places between the first and the last at which keyframes must stand, ascending.

    With these, CVAT shows no outline further from where it is to be than the tolerance. They are
    the fewest for what moves along straight lines; for what turns, and for outlines whose points
    CVAT pairs anew between each two keyframes, more stand where they are needed most.

    Args:
        shape: CVAT's word for it.
        frames: int64, shape (places,), numbers of the task's frames, ascending.
        way: where it is to be on each of them; at both ends there are keyframes.
        tolerance_px: in pixels.
    """
    knots = [0, len(frames) - 1]
    drawn = _straight(shape, way)
    if drawn is not None:
        knots = corners_of_path(frames, drawn, tolerance_px)
        if shape not in PLACED_BY_SHARE:
            return knots[1:-1]
    more = [
        place
        for a, b in itertools.pairwise(knots)
        for place in split(shape, frames, way, (a, b), tolerance_px)
    ]
    return sorted([*knots[1:-1], *more])


def _straight(shape: str, way: Sequence[Placed]) -> Floats | None:
    """Return the outlines, shape (places, 2 × points), if CVAT moves each point straight on."""
    first = way[0]
    turns = np.array([each.rotation for each in way])
    counts = {len(each.values) for each in way}
    if len(counts) > 1 or (turns != first.rotation).any() or is_held(shape, *counts):
        return None
    drawn = outlines(shape, np.stack([each.values for each in way]), turns)
    return drawn.reshape(len(way), -1)


def split(
    shape: str, frames: Ints, way: Sequence[Placed], ends: tuple[int, int], tolerance_px: float
) -> Iterator[int]:
    """Yield the places between two keyframes at which more of them must stand.

    The one that is furthest off becomes one, until none is too far (Douglas and Peucker,
    "Algorithms for the reduction of the number of points", 1973).

    Args:
        shape: CVAT's word for it.
        frames: int64, shape (places,), numbers of the task's frames, ascending.
        way: where it is to be on each of them.
        ends: the places of the two keyframes.
        tolerance_px: in pixels.
    """
    waiting = [ends]
    while waiting:
        a, b = waiting.pop()
        shares = (frames[a + 1 : b] - frames[a]) / (frames[b] - frames[a])
        off = [
            distance(outline_of(shape, wanted), outline_of(shape, shown))
            for wanted, shown in zip(
                way[a + 1 : b], along(shape, way[a], way[b], shares.tolist()), strict=True
            )
        ]
        if max(off, default=0.0) > tolerance_px:
            worst = a + 1 + int(np.argmax(off))
            yield worst
            waiting += [(a, worst), (worst, b)]
