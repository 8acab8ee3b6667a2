"""An ImageFolder of Hugging Face datasets: a folder a side, with ``metadata.parquet``."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...annotated.geometry import boxes_around
from ...annotated.shape_table import KINDS, ShapeTable
from ...dataset.shape_file import Column, Lists, Names, Records, write_columns
from .images import ImageTable
from .parquet import IMAGES_AT_ONCE, SOURCES
from .tables import Tables, Written

Ints = npt.NDArray[np.int64]

_DECIMALS = 3  # of a pixel
_SIDES = {"val": "validation"}
"""What the library calls a side, where it has another name."""


def hf_places(images: ImageTable) -> list[str]:
    """Return where the images are: ``SIDE/NAME``."""
    sides = [_SIDES.get(side, side) for side in images.side_names]
    return [f"{sides[s]}/{file}" for s, file in zip(images.sides, images.files, strict=True)]


def write_hf(tables: Tables, out: Path, places: Sequence[str]) -> Written:
    """Write ``SIDE/metadata.parquet``.

    Args:
        tables: what.
        out: the folder of the export.
        places: where in it the images are.
    """
    images = tables.images
    for side in images.side_names:
        rows = images.of_side(side)
        if len(rows) == 0:
            continue
        folder = out / _SIDES.get(side, side)
        folder.mkdir(exist_ok=True)
        write_columns(folder / "metadata.parquet", _parts(tables, places, rows))
    return Written(np.ones(len(tables.shapes), np.bool_))


def _parts(tables: Tables, places: Sequence[str], rows: Ints) -> Iterator[dict[str, Column]]:
    """Yield the rows of some images of a side after those of others."""
    images = tables.images
    for start in range(0, len(rows), IMAGES_AT_ONCE):
        some = rows[start : start + IMAGES_AT_ONCE]
        of_them = np.flatnonzero(np.isin(tables.shapes.images, some))
        sizes = images.sizes[images.videos[some]]
        yield {
            "file_name": Names(np.arange(len(some)), [Path(places[r]).name for r in some]),
            "video": Names(images.videos[some], images.video_ids),
            "frame_index": images.frames[some],
            "time_seconds": images.seconds[some],
            "width": sizes[:, 0],
            "height": sizes[:, 1],
            "objects": _objects(tables.shapes.taken(of_them), some),
        }


def _objects(shapes: ShapeTable, images: Ints) -> Records:
    """Return the shapes on each of these images."""
    boxes = boxes_around(shapes)
    boxes[:, 2:] -= boxes[:, :2]
    counts = np.bincount(np.searchsorted(images, shapes.images), minlength=len(images))
    sets = [json.dumps(dict(pairs), ensure_ascii=False) for pairs in shapes.attribute_sets]
    return Records(
        {
            "bbox": Lists(boxes.round(_DECIMALS).ravel(), np.arange(len(shapes) + 1) * 4),
            "category": shapes.labels,
            "label": Names(shapes.labels, shapes.label_names),
            "track_id": shapes.tracks,
            "shape": Names(shapes.kinds, KINDS),
            "points": Lists(shapes.values, shapes.offsets),
            "rotation": shapes.rotations,
            "occluded": shapes.is_occluded,
            "source": Names(shapes.is_set.astype(np.int64), SOURCES),
            "attributes": Names(shapes.attributes, sets),
        },
        np.concatenate([[0], np.cumsum(counts)]),
    )
