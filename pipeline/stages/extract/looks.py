"""Whether the images of a video look otherwise than people expect: interlaced, HDR."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...dataset.frame_table import Fate, FrameTable
from ...dataset.image_folder import ImageNames
from ...dataset.records import Notice, VideoInfo
from ...pictures.combing import are_combed
from ...pictures.size import image_size
from ...settings.stages import ExtractSettings

_LOOKED_AT = 2
"""How many images show whether a video is interlaced. To read more of them would cost time."""

_MOST_MOVED = 10
"""A frame whose scene score is above this shows another scene, or a flash."""


@dataclass(frozen=True, eq=False)
class SomeImages:
    """The images of a video, to look at some of them."""

    folder: Path
    names: ImageNames
    frames: FrameTable

    def size(self) -> tuple[int, int] | tuple[None, None]:
        """Return width and height in pixels of the first of them, none where there is none.

        Raises:
            OSError: it cannot be read.
        """
        kept = np.flatnonzero(self.frames.fate == Fate.KEPT)
        if len(kept) == 0:
            return None, None
        return image_size(self.folder / self.names.name(int(kept[0])))

    def are_combed(self) -> bool:
        """Whether those in which most moved are combed.

        Raises:
            OSError: one cannot be read.
        """
        scores = self.frames.scene_score
        kept = np.flatnonzero((self.frames.fate == Fate.KEPT) & (scores <= _MOST_MOVED))
        if len(kept) < _LOOKED_AT:
            return False
        most = kept[np.argsort(-scores[kept], kind="stable")[:_LOOKED_AT]]
        return are_combed(*(self.folder / self.names.name(index) for index in most.tolist()))


def describe_looks(
    info: VideoInfo, settings: ExtractSettings, images: SomeImages
) -> tuple[Notice, ...]:
    """Return what makes images look otherwise than people expect, unless it was mended.

    Args:
        info: what the header says.
        settings: what the images are.
        images: looked at where the header does not say that the footage is interlaced.

    Raises:
        OSError: an image cannot be read.
    """
    notices = []
    # In images that are scaled down, no line of the picture is left as it was.
    if not settings.deinterlace and (
        info.is_interlaced or (settings.max_size is None and images.are_combed())
    ):
        text = (
            "each frame is woven of two half pictures of different instants, so what moves has "
            "edges like a comb"
        )
        if not info.is_interlaced:
            text += " (seen in the images; the file does not say so)"
        text += ". With --deinterlace, each frame becomes one whole picture."
        notices.append(Notice("interlaced", text))
    if info.is_hdr and not settings.tonemap:
        curve = {"smpte2084": "PQ", "arib-std-b67": "HLG"}[str(info.color_transfer)]
        text = (
            f"HDR source ({curve}): the images hold its values without tone mapping, so they look "
            "pale and differ from what a player shows. For labels that is harmless; for training "
            "beside ordinary footage extract with --tonemap."
        )
        notices.append(Notice("hdr", text))
    return tuple(notices)
