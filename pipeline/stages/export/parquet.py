"""One table: a row for each shape, and one for each image that shows none."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...annotated.geometry import boxes_around
from ...annotated.shape_table import KINDS, NO_TRACK, ShapeTable
from ...dataset.shape_file import Column, Lists, Names, write_columns
from .tables import Tables, Written

Ints = npt.NDArray[np.integer[Any]]

IMAGES_AT_ONCE = 20_000
"""So many that the columns of their shapes take little room beside the table."""
SOURCES = ("cvat", "person")
"""Who set a shape, by whether a person did."""


def write_parquet(tables: Tables, out: Path, places: Sequence[str]) -> Written:
    """Write ``annotations.parquet``.

    Args:
        tables: what.
        out: the folder of the export.
        places: where the images are, seen from the folder of the export.
    """
    write_columns(out / "annotations.parquet", _parts(tables, places))
    return Written(np.ones(len(tables.shapes), np.bool_))


def _parts(tables: Tables, places: Sequence[str]) -> Iterator[dict[str, Column]]:
    """Yield the rows of some images after those of others."""
    images, shapes = tables.images, tables.shapes
    sets = [json.dumps(dict(pairs), ensure_ascii=False) for pairs in shapes.attribute_sets]
    for first in range(0, len(images), IMAGES_AT_ONCE):
        behind = min(first + IMAGES_AT_ONCE, len(images))
        part = shapes.part(*np.searchsorted(shapes.images, [first, behind]).tolist())
        empty = np.setdiff1d(np.arange(first, behind), part.images)
        rows = np.concatenate([part.images, empty])
        order = np.argsort(rows, kind="stable")
        of_image, of_shape = rows[order], np.where(order < len(part), order, -1)
        sizes = images.sizes[images.videos[of_image]]
        yield {
            "image": Names(of_image, places),
            "video": Names(images.videos[of_image], images.video_ids),
            "frame_index": images.frames[of_image],
            "pts": images.pts[of_image],
            "time_seconds": images.seconds[of_image],
            "side": Names(images.sides[of_image], images.side_names),
            "width": sizes[:, 0],
            "height": sizes[:, 1],
            **_of_shapes(part, of_shape, sets),
        }


def _of_shapes(shapes: ShapeTable, rows: Ints, sets: Sequence[str]) -> dict[str, Column]:
    """Return what is said of shapes, by their rows, -1 for none."""
    padded = np.append(boxes_around(shapes), np.full((1, 4), np.nan), axis=0)
    boxes = padded[rows]
    counts = np.append(np.diff(shapes.offsets), 0)[rows]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return {
        "label": Names(_at(shapes.labels, rows), shapes.label_names),
        "track_id": np.append(shapes.tracks, NO_TRACK)[rows],
        "shape": Names(_at(shapes.kinds, rows), KINDS),
        # Rows are in the order of the shapes: their numbers stay as they are.
        "points": Lists(shapes.values, offsets),
        "rotation": np.append(shapes.rotations, np.nan)[rows],
        "x": boxes[:, 0],
        "y": boxes[:, 1],
        "box_width": boxes[:, 2] - boxes[:, 0],
        "box_height": boxes[:, 3] - boxes[:, 1],
        "occluded": np.append(shapes.is_occluded, False)[rows],
        "source": Names(_at(shapes.is_set.astype(np.int64), rows), SOURCES),
        "attributes": Names(_at(shapes.attributes, rows), sets),
    }


def _at(codes: Ints, rows: Ints) -> Ints:
    return np.append(codes, -1)[rows]
