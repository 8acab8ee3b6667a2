"""The unit of work of a report: one video looked at, its numbers, small pictures and measures."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...base.work import Link, refuse_stopped
from ...cvat.journal import Upload
from ...dataset.records import VideoRecord
from ...dataset.store import Dataset
from ...pictures.thumbnails import thumbnail
from ...settings.stages import BreakSettings
from .summary import Distribution, Threshold
from .video import Extent, VideoReport, read_video

_LARGE_FROM_BYTES = 60_000
_LARGE, _SMALL = 320, 144


@dataclass(frozen=True, eq=False)
class Seen:
    """A video that was looked at.

    ``pictures`` are small ones, as the page has them, and the paths of the images that they show;
    ``measures`` those of its frames.
    """

    video: VideoReport
    pictures: dict[str, Any]
    measures: Distribution


@dataclass(frozen=True, eq=False)
class Look:
    """Looks at a video of a dataset.

    The small pictures of a video take at most ``picture_bytes``: where they are too many, every
    other one goes. ``images_at`` is the path from the page to the dataset.
    """

    store: Dataset
    breaks: BreakSettings
    extent: Extent
    uploads: tuple[Upload, ...]
    thresholds: tuple[Threshold, ...]
    picture_bytes: int
    images_at: str

    def __call__(self, video_id: str, link: Link) -> Seen:
        """Return what is to be shown of a video.

        Raises:
            DatasetError: its record or frame table cannot be read.
            InterruptedRunError: the link is stopped.
        """
        refuse_stopped(link)
        record, frames = self.store.read_video(video_id)
        measures = Distribution(self.thresholds)
        measures.add(frames)
        video = read_video(self.store, record, frames, self.breaks, self.extent, self.uploads)
        return Seen(video, self._pictures(record, video), measures)

    def _pictures(self, record: VideoRecord, video: VideoReport) -> dict[str, Any]:
        """Return small pictures of the frames that a video shows, and where the images are."""
        wanted = dict.fromkeys([*(i for p in video.pairs for i in (p.left, p.right)), *video.sheet])
        names = {i: record.images.name(i) for i in wanted}
        side = _LARGE if self.picture_bytes >= _LARGE_FROM_BYTES else _SMALL
        at = self.store.folder(record.id)
        drawn = {i: thumbnail(at / name, side) for i, name in names.items()}
        while sum(map(len, drawn.values())) > self.picture_bytes:
            drawn = dict(list(drawn.items())[::2]) if len(drawn) > 1 else {}
        folder = quote(os.fsencode(Path(self.images_at) / record.id))
        return {
            "thumbnails": drawn,
            "images": {i: f"{folder}/{quote(os.fsencode(name))}" for i, name in names.items()},
        }
