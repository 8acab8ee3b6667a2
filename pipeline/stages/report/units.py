"""The units of work of a report: a video looked at, and the pictures of one drawn."""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...base.work import Link, refuse_stopped
from ...cvat.journal import Upload
from ...dataset.records import VideoRecord
from ...dataset.store import Dataset
from ...settings.stages import BreakSettings, ValidateSettings
from .drawn import Drawn
from .exhibits import Share, find_exhibits
from .opened import OpenedVideo
from .summary import Distribution
from .video import Extent, VideoReport, read_video

_LARGE_FROM_BYTES = 60_000
_LARGE, _SMALL = 320, 144
_COVERS = (96, 64, 40)
_ROW_BYTES, _COUNT_BYTES = 1_200, 150
"""About what a row of the table takes, and each count in it that opens a gallery."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A video that was looked at.

    ``pictures`` are small ones, as the page has them, and the paths of the images that they show;
    ``cover`` is the one for the table, empty where there is none. ``measures`` are those of its
    frames, ``shares`` what a person should judge, by kind. ``page_bytes`` is about what all this
    takes on the page, but for the galleries.
    """

    video: VideoReport
    pictures: dict[str, Any]
    cover: str
    measures: Distribution
    shares: dict[str, Share]
    page_bytes: int


@dataclass(frozen=True, eq=False)
class Look:
    """Looks at a video of a dataset.

    The small pictures of a video take at most ``picture_bytes``: where they are too many, every
    other one goes. That in the table takes at most ``cover_bytes``. ``images_at`` is the path from
    the page to the dataset.
    """

    store: Dataset
    breaks: BreakSettings
    validate: ValidateSettings
    extent: Extent
    uploads: tuple[Upload, ...]
    picture_bytes: int
    cover_bytes: int
    images_at: str

    def __call__(self, video_id: str, link: Link) -> Seen:
        """Return what is to be shown of a video.

        Raises:
            DatasetError: its record or frame table cannot be read.
            InterruptedRunError: the link is stopped.
        """
        refuse_stopped(link)
        opened = OpenedVideo.read(self.store, video_id, self.breaks)
        measures = Distribution(self.validate)
        measures.add(opened.frames)
        video = read_video(opened, self.breaks, self.extent, self.uploads)
        drawn = Drawn(self.store, video_id, "drawn")
        pictures, cover = self._pictures(opened.record, video, drawn), self._cover(opened, drawn)
        drawn.keep()
        shares = find_exhibits(opened, self.validate, self.extent.exhibits)
        text = json.dumps({**dataclasses.asdict(video), **pictures}, separators=(",", ":"))
        page_bytes = len(text) + len(cover) + _ROW_BYTES + _COUNT_BYTES * len(shares)
        return Seen(video, pictures, cover, measures, shares, page_bytes)

    def _pictures(self, record: VideoRecord, video: VideoReport, drawn: Drawn) -> dict[str, Any]:
        """Return small pictures of the frames that a video shows, and where the images are."""
        wanted = dict.fromkeys([*(i for p in video.pairs for i in (p.left, p.right)), *video.sheet])
        names = {i: record.images.name(i) for i in wanted}
        side = _LARGE if self.picture_bytes >= _LARGE_FROM_BYTES else _SMALL
        small = {i: drawn.picture(name, side) for i, name in names.items()}
        while sum(map(len, small.values())) > self.picture_bytes:
            small = dict(list(small.items())[::2]) if len(small) > 1 else {}
        return {
            "thumbnails": small,
            "images": {i: place_of(self.images_at, record.id, name) for i, name in names.items()},
        }

    def _cover(self, video: OpenedVideo, drawn: Drawn) -> str:
        """Return the picture of the frame in the middle, as large as there is room for."""
        shown = video.shown
        if not len(shown):
            return ""
        name = video.record.images.name(int(shown[len(shown) // 2]))
        covers = (drawn.picture(name, side) for side in _COVERS)
        return next((each for each in covers if len(each) <= self.cover_bytes), "")


@dataclass(frozen=True, eq=False)
class Draw:
    """Draws pictures of a video, their longer side at most ``side`` pixels."""

    store: Dataset
    images: Mapping[str, Mapping[int, str]]
    side: int

    def __call__(self, video_id: str, link: Link) -> dict[int, str]:
        """Return small pictures by frame, as data URIs.

        Raises:
            InterruptedRunError: the link is stopped.
        """
        drawn, pictures = Drawn(self.store, video_id, "hung"), {}
        for frame, name in self.images[video_id].items():
            refuse_stopped(link)
            pictures[frame] = drawn.picture(name, self.side)
        drawn.keep()
        return pictures


def place_of(images_at: str, video_id: str, name: str) -> str:
    """Return the address of an image, as the page links it."""
    return quote(os.fsencode(Path(images_at) / video_id / name))
