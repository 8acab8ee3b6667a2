"""What the shapes of a table enclose: boxes, corners, outlines and areas, all in pixels."""

import numpy as np
import numpy.typing as npt

from ..tracks.extents import boxes_of
from ..tracks.model import Track, outlines
from .shape_table import KINDS, ShapeTable

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bitmap = npt.NDArray[np.bool_]

_ELLIPSE_POINTS = 64
_ROWS_AT_ONCE = 100_000


def boxes_around(table: ShapeTable) -> Floats:
    """Return the upright boxes around what is seen of shapes, shape (rows, 4).

    Left, top, right and bottom; of a skeleton around its points that are not hidden.
    """
    boxes = np.empty((len(table), 4))
    for start in range(0, len(table), _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, len(table))
        boxes[start:stop] = _boxes(table.part(start, stop))
    return boxes


def _boxes(table: ShapeTable) -> Floats:
    boxes = np.full((len(table), 4), np.nan)
    for kind in KINDS:
        rows = np.flatnonzero(table.is_kind(kind))
        if len(rows) == 0:
            continue
        if kind == "skeleton":
            boxes[rows] = _around_points(table.taken(rows))
        else:
            boxes[rows] = boxes_of(_as_track(table, kind, rows))
    boxes[table.is_kind("mask"), 2:] += 1  # CVAT's right and bottom are the last pixels
    return boxes


def corners(table: ShapeTable, rows: Ints) -> Floats:
    """Return the corners of rectangles, or of the boxes that ellipses fill, shape (rows, 4, 2).

    Clockwise on the screen, from the one that is the left upper when it is not turned.
    """
    raw = np.stack([table.offsets[rows] + column for column in range(4)], axis=1)
    numbers = table.values[raw]
    is_ellipse = table.kinds[rows] == KINDS.index("ellipse")
    x, y, right, top = numbers.T
    around = np.stack([2 * x - right, top, right, 2 * y - top], axis=1)
    numbers = np.where(is_ellipse[:, np.newaxis], around, numbers)
    return outlines("rectangle", numbers, table.rotations[rows])


def outline(table: ShapeTable, row: int) -> Floats:
    """Return the closed outline of a polygon, an ellipse or a rectangle, shape (points, 2)."""
    kind, raw = KINDS[table.kinds[row]], table.raw(row)
    if kind == "polygon":
        return raw.reshape(-1, 2)
    if kind != "ellipse":
        return np.asarray(corners(table, np.array([row]))[0])
    turn = np.radians(table.rotations[row])
    angles = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)
    x, y = (raw[2] - raw[0]) * np.cos(angles), (raw[1] - raw[3]) * np.sin(angles)
    ring = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)])
    return np.asarray(raw[:2] + ring.T)


def area_of(points: Floats) -> float:
    """Return what a closed outline encloses, in square pixels."""
    x, y = (points - points[:1]).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def bitmap_of(table: ShapeTable, row: int) -> tuple[Bitmap, int, int]:
    """Return the pixels of a mask inside its box, shape (height, width), and its left and top."""
    raw = table.raw(row).astype(np.int64)
    left, top, right, bottom = raw[-4:].tolist()
    runs = raw[:-4]
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    whole = np.zeros((bottom - top + 1) * (right - left + 1), np.bool_)
    whole[: len(pixels)] = pixels[: len(whole)]
    return whole.reshape(bottom - top + 1, right - left + 1), left, top


def _around_points(table: ShapeTable) -> Floats:
    """Return the boxes around the points of skeletons that are not hidden."""
    points = table.values.reshape(-1, 3)
    starts = table.offsets[:-1] // 3
    is_hidden = points[:, 2:] == 0
    low = np.minimum.reduceat(np.where(is_hidden, np.inf, points[:, :2]), starts)
    high = np.maximum.reduceat(np.where(is_hidden, -np.inf, points[:, :2]), starts)
    return np.concatenate([low, high], axis=1)


def _as_track(table: ShapeTable, kind: str, rows: Ints) -> Track:
    part = table.taken(rows)
    return Track(
        id=None,
        number=0,
        label="",
        shape=kind,
        element=None,
        parent_id=None,
        frames=part.images.astype(np.int64),
        is_outside=np.zeros(len(part), np.bool_),
        rotations=part.rotations,
        values=part.values,
        offsets=part.offsets,
    )
