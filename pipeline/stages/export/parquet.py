"""One table: a row for each shape, and one for each image that shows none."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...annotated.geometry import boxes_around
from ...annotated.shape_table import KINDS, NO_TRACK, ShapeTable
from ...dataset.records import Notice
from ...dataset.shape_file import Column, Lists, Names, write_columns
from .tables import Tables

Ints = npt.NDArray[np.integer[Any]]

SOURCES = ("cvat", "person")
"""Who set a shape, by whether a person did."""


def write_parquet(tables: Tables, out: Path, places: Sequence[str]) -> tuple[Notice, ...]:
    """Write ``annotations.parquet``.

    Args:
        tables: what.
        out: the folder of the export.
        places: where the images are, seen from the folder of the export.
    """
    images, shapes = tables.images, tables.shapes
    empty = np.setdiff1d(np.arange(len(images)), shapes.images)
    rows = np.concatenate([shapes.images, empty])
    order = np.argsort(rows, kind="stable")
    of_image, of_shape = rows[order], np.where(order < len(shapes), order, -1)
    sizes = images.sizes[images.videos[of_image]]
    columns: dict[str, Column] = {
        "image": Names(of_image, places),
        "video": Names(images.videos[of_image], images.video_ids),
        "frame_index": images.frames[of_image],
        "pts": images.pts[of_image],
        "time_seconds": images.seconds[of_image],
        "side": Names(images.sides[of_image], images.side_names),
        "width": sizes[:, 0],
        "height": sizes[:, 1],
        **_of_shapes(shapes, of_shape),
    }
    write_columns(out / "annotations.parquet", columns)
    return ()


def _of_shapes(shapes: ShapeTable, rows: Ints) -> dict[str, Column]:
    """Return what is said of shapes, by their rows, -1 for none."""
    padded = np.append(boxes_around(shapes), np.full((1, 4), np.nan), axis=0)
    boxes = padded[rows]
    counts = np.append(np.diff(shapes.offsets), 0)[rows]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    sets = [json.dumps(dict(pairs), ensure_ascii=False) for pairs in shapes.attribute_sets]
    return {
        "label": Names(_at(shapes.labels, rows), shapes.label_names),
        "track_id": _numbers(shapes.tracks, rows),
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


def _numbers(tracks: Ints, rows: Ints) -> Ints:
    return np.append(tracks, NO_TRACK)[rows]
