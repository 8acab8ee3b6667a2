"""A video as a report reads it, once: its records, its breaks, and what lies in its folder."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...dataset.accounts import Inventory, take_inventory
from ...dataset.breaks import find_breaks
from ...dataset.frame_table import Fate, FrameTable
from ...dataset.image_folder import ImageNames
from ...dataset.records import Break, VideoRecord
from ...dataset.store import Dataset
from ...settings.stages import BreakSettings


@dataclass(frozen=True, eq=False)
class OpenedVideo:
    """A committed video that was read; ``breaks`` were found anew."""

    store: Dataset
    record: VideoRecord
    frames: FrameTable
    breaks: Sequence[Break]
    inventory: Inventory

    @classmethod
    def read(cls, store: Dataset, video_id: str, settings: BreakSettings) -> "OpenedVideo":
        """Read a video.

        Raises:
            DatasetError: its record, frame table or folder cannot be read.
        """
        record, frames = store.read_video(video_id)
        breaks = find_breaks(frames, record.warnings, settings)
        return cls(store, record, frames, breaks, take_inventory(store.folder(video_id), record))

    @property
    def on_disk(self) -> npt.NDArray[np.int64]:
        """The frames whose image is there, ascending: int64, shape (images,)."""
        numbers = self.inventory.numbers
        return numbers[numbers < len(self.frames)]

    @property
    def shown(self) -> npt.NDArray[np.int64]:
        """The kept frames whose image is there, ascending: int64, shape (images,)."""
        is_kept = self.frames.fate[self.on_disk] == Fate.KEPT
        return np.asarray(self.on_disk[is_kept])

    def image_of(self, frame: int, names: ImageNames | None = None) -> str | None:
        """Return the name of a frame's image, ``None`` if it is not there.

        Args:
            frame: its index.
            names: those of the video that it belongs to; this one if absent.
        """
        names = names or self.record.images
        name = names.name(frame)
        return name if os.path.isfile(self.store.folder(names.video_id) / name) else None
