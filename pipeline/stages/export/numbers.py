"""What training has to know of an export: the mean and spread of its pixels, and of its boxes."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...annotated.geometry import boxes_around
from ...base.errors import WorkerDiedError, printable
from ...base.work import Batch, Link, Watch, refuse_stopped
from ...engines.base import Engine, Lost
from ...pictures.pixels import count_levels
from .images import ImageTable
from .tables import TRAIN, Tables

Ints = npt.NDArray[np.int64]

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""What most pretrained models were trained with; of other images, not of these."""

_CHUNK_IMAGES = 64
_PERCENTILES = (0, 5, 25, 50, 75, 95, 100)


@dataclass(frozen=True)
class Chunk:
    """Some images, by their paths."""

    paths: tuple[Path, ...]


def count_chunk(chunk: Chunk, link: Link) -> Ints:
    """Return how often each level occurs in images, int64, shape (3, 256): red, green, blue.

    Raises:
        UnbalancedVideoError: an image cannot be read.
    """
    counts = np.zeros((3, 256), np.int64)
    for path in chunk.paths:
        refuse_stopped(link)
        counts += count_levels(path)
        link.tell(1)
    return counts


def pixels_of(images: ImageTable, engine: Engine, watch: Watch) -> dict[str, Any] | None:
    """Return mean and standard deviation of the train images, per channel; ``None`` without any.

    Both are what ``torchvision.transforms.Normalize`` takes: of all pixels of all train images, in
    RGB, where 0 is black and 1 white. The sums are of whole numbers, so exact.

    Raises:
        UnbalancedVideoError: an image cannot be read.
        WorkerDiedError: what was at work on images died, again when repeated.
    """
    rows = images.of_side(TRAIN)
    if len(rows) == 0:
        return None
    paths = [Path(source) for source in images.taken(rows).sources]
    starts = range(0, len(paths), _CHUNK_IMAGES)
    chunks = [Chunk(tuple(paths[start : start + _CHUNK_IMAGES])) for start in starts]
    watch.batch_started(Batch(len(chunks), len(paths), "parts", "images", len(paths)))
    counts = np.zeros((3, 256), np.int64)
    with closing(engine.run(count_chunk, chunks)) as results:
        for chunk, found in results:
            if isinstance(found, Lost):
                raise WorkerDiedError(f"{printable(chunk.paths[0])}: {found.why}, over this image.")
            counts += found
            watch.item_done(str(chunk.paths[0]), len(chunk.paths))
    return {"images": len(paths), **moments_of(counts), "levels": counts.tolist()}


def moments_of(counts: Ints) -> dict[str, list[float]]:
    """Return mean and standard deviation of levels 0 to 255 as shares of 255, per channel."""
    mean, deviation = [], []
    for channel in counts.tolist():
        # In whole numbers of Python, which never overflow.
        number = sum(channel)
        total = sum(level * times for level, times in enumerate(channel))
        squares = sum(level**2 * times for level, times in enumerate(channel))
        mean.append(total / number / 255)
        deviation.append((number * squares - total**2) ** 0.5 / number / 255)
    return {"mean": mean, "std": deviation}


def boxes_of(tables: Tables) -> dict[str, Any]:
    """Return how large the boxes are, and on how many images each label is, by label.

    ``images`` and ``shapes`` are counts of each side; ``width``, ``height`` (in pixels) and
    ``share`` (of the image's area) are percentiles.
    """
    shapes, images = tables.shapes, tables.images
    boxes = boxes_around(shapes)
    sides = boxes[:, 2:] - boxes[:, :2]
    sizes = images.sizes[images.videos[shapes.images]]
    shares = sides.prod(axis=1) / np.maximum(sizes.prod(axis=1), 1)
    on_side = images.sides[shapes.images]
    found = {}
    for code, label in enumerate(shapes.label_names):
        rows = np.flatnonzero(shapes.labels == code)
        per_side = {side: (on_side[rows] == place) for place, side in enumerate(images.side_names)}
        found[label] = {
            "shapes": {side: int(is_on.sum()) for side, is_on in per_side.items()},
            "images": {
                side: len(np.unique(shapes.images[rows[is_on]])) for side, is_on in per_side.items()
            },
            "set_by_a_person": int(shapes.is_set[rows].sum()),
            "width": _percentiles(sides[rows, 0]),
            "height": _percentiles(sides[rows, 1]),
            "share": _percentiles(shares[rows], 6),
        }
    return found


def _percentiles(values: npt.NDArray[np.float64], decimals: int = 2) -> dict[str, float] | None:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return None
    found: Sequence[float] = np.percentile(known, _PERCENTILES).round(decimals).tolist()
    return dict(zip(map(str, _PERCENTILES), found, strict=True))
