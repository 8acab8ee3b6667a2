"""Which images of an export are for training, and which for validation and test."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import DatasetError
from ...base.work import Watch
from ...dataset.files import save_text
from ...dataset.records import Notice
from ...dataset.store import SPLITS_NAME, Dataset
from ...engines.base import Engine
from ...settings.splits import SIDES
from ...splits.asked import Asked
from ...splits.record import SplitRecord
from ...splits.sides import Material, Sides
from ...splits.videos import deal_videos
from .choice import only_images
from .tables import Tables


def with_sides(
    tables: Tables,
    store: Dataset,
    asked: Asked,
    before: SplitRecord | None,
    engine: Engine,
    watch: Watch,
) -> tuple[Tables, Sides]:
    """Return the tables with each image on its side; those that can stand on none are gone.

    Raises:
        UsageError: ``asked`` differs from how ``before`` was dealt.
        DatasetError: a record or a frame table cannot be read.
    """
    images = tables.images
    sides = deal_videos(store, _material(tables), asked, before, engine, watch)
    of_images = np.concatenate(
        [
            sides.of(name, images.frames[images.videos == place]).astype(np.int64)
            for place, name in enumerate(images.video_ids)
        ]
    )
    used = [SIDES.index(side) for side in sides.used]
    names = sorted({*used, *of_images[of_images >= 0].tolist()})
    places = np.full(len(SIDES), -1, np.int64)
    places[names] = np.arange(len(names))
    dealt = replace(
        images,
        sides=np.where(of_images < 0, -1, places[of_images]),
        side_names=tuple(SIDES[place] for place in names),
    )
    tables = only_images(replace(tables, images=dealt), np.flatnonzero(of_images >= 0))
    return replace(tables, notices=(*tables.notices, *sides.notices)), sides


def keep_record(sides: Sides, store: Dataset, out: Path) -> tuple[Notice, ...]:
    """Write down which video stands where, in the dataset and in the export."""
    (out / SPLITS_NAME).write_text(sides.record.text(), encoding="utf-8")
    try:
        save_text(store.path / SPLITS_NAME, [sides.record.text()])
    except DatasetError as error:
        message = f"{error} Only the export knows which video stands on which side."
        return (Notice("sides-not-kept", message),)
    return ()


def _material(tables: Tables) -> dict[str, Material]:
    images, shapes = tables.images, tables.shapes
    videos, frames = images.videos[shapes.images], images.frames[shapes.images]
    material: dict[str, Any] = {}
    for place, name in enumerate(images.video_ids):
        of_it = videos == place
        labels = {
            label: frames[of_it & (shapes.labels == code)]
            for code, label in enumerate(shapes.label_names)
        }
        some = {label: found for label, found in labels.items() if len(found)}
        material[name] = Material(images.frames[images.videos == place], some)
    return material
