"""An ImageFolder of Hugging Face datasets: a folder a side, with ``metadata.parquet``."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...annotated.geometry import boxes_around
from ...annotated.shape_table import KINDS
from ...dataset.records import Notice
from ...dataset.shape_file import Lists, Names, Records, write_columns
from .images import ImageTable
from .parquet import SOURCES
from .tables import Tables

_DECIMALS = 3  # of a pixel
_SIDES = {"val": "validation"}
"""What the library calls a side, where it has another name."""


def hf_places(images: ImageTable) -> list[str]:
    """Return where the images are: ``SIDE/NAME``."""
    sides = [_SIDES.get(side, side) for side in images.side_names]
    return [f"{sides[s]}/{file}" for s, file in zip(images.sides, images.files, strict=True)]


def write_hf(tables: Tables, out: Path, places: Sequence[str]) -> tuple[Notice, ...]:
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
        of_side = np.isin(tables.shapes.images, rows)
        shapes = tables.shapes.taken(np.flatnonzero(of_side))
        boxes = boxes_around(shapes)
        boxes[:, 2:] -= boxes[:, :2]
        boxes = boxes.round(_DECIMALS)
        counts = np.bincount(np.searchsorted(rows, shapes.images), minlength=len(rows))
        sets = [json.dumps(dict(pairs), ensure_ascii=False) for pairs in shapes.attribute_sets]
        objects = Records(
            {
                "bbox": Lists(boxes.ravel(), np.arange(len(shapes) + 1) * 4),
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
        sizes = images.sizes[images.videos[rows]]
        folder = out / _SIDES.get(side, side)
        folder.mkdir(exist_ok=True)
        write_columns(
            folder / "metadata.parquet",
            {
                "file_name": Names(np.arange(len(rows)), [Path(places[r]).name for r in rows]),
                "video": Names(images.videos[rows], images.video_ids),
                "frame_index": images.frames[rows],
                "time_seconds": images.seconds[rows],
                "width": sizes[:, 0],
                "height": sizes[:, 1],
                "objects": objects,
            },
        )
    return ()
