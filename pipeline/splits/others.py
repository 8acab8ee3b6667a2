"""What stands on a side already, but is not divided now: new footage is dealt beside it."""

from collections.abc import Container
from contextlib import suppress

import numpy as np

from ..base.errors import DatasetError
from ..dataset.frame_table import Fate
from ..dataset.store import Dataset
from .looks import seen_frames
from .parts import given_at, known_sides
from .record import SplitRecord
from .sides import Material


def find_others(
    store: Dataset, divided: Container[str], before: SplitRecord | None
) -> dict[str, Material]:
    """Return the other videos of a dataset that have a side, by their ids.

    Their images are those that were divided with them, as far as that is known still, or else all
    that are kept. Nothing tells here what is drawn on them. Videos that cannot be read are none.
    """
    if before is None:
        return {}
    records = []
    for video in store.video_ids():
        if video not in divided:
            with suppress(DatasetError):
                records.append(store.read_record(video))
    found = {}
    for video, sides in known_sides(records, before).items():
        firsts = [first for first, _, _ in sides.runs] or [0]
        if all(given_at(sides, first)[0] >= 0 for first in firsts):
            with suppress(DatasetError):
                kept = np.flatnonzero(store.read_frames(video).fate == Fate.KEPT)
                seen = kept[np.isin(kept, seen_frames(store, video))]
                found[video] = Material(seen if len(seen) else kept)
    return found
