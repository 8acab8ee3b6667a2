"""Shapes as CVAT's API writes them: where they are, and what holds from them on."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .interpolation import Placed

Json = dict[str, Any]


def states(shapes: Iterable[Json]) -> Iterator[tuple[bool, int, Json]]:
    """Yield what holds from each keyframe on: occluded, z-order, and all attributes."""
    known: Json = {}
    for shape in shapes:
        if attributes := shape.get("attributes"):
            known = {**known, **attributes}
        yield bool(shape.get("occluded")), int(shape.get("z_order") or 0), known


def placed(shape: Json) -> Placed:
    """Return where a shape is."""
    return Placed(np.array(shape["points"], np.float64), turn(shape))


def turn(shape: Json) -> float:
    """Return its rotation in degrees, clockwise."""
    return float(shape.get("rotation") or 0.0)


def is_same_place(one: Json, other: Json) -> bool:
    """Whether two shapes of a kind are at the same place."""
    return bool(one["points"] == other["points"] and turn(one) == turn(other))
