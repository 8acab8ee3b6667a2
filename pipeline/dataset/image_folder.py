"""The images of a video in their folder: names, numbers, sizes, checksums."""

import functools
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.work import UNWATCHED, Link, refuse_stopped

if TYPE_CHECKING:  # the command line needs records, which have such names, but no arrays
    import numpy as np
    import numpy.typing as npt


_IMAGE_NAME = re.compile(r"(.+)-frame_([0-9]{1,9})\.\w+")


def frame_of(name: str) -> tuple[str, int] | None:
    """Return the id of the video and the frame index that the name of any image tells.

    ``None`` where it is no name that prep gives; folders before it do not count.
    """
    match = _IMAGE_NAME.fullmatch(name.rpartition("/")[2])
    return (match[1], int(match[2])) if match else None


@dataclass(frozen=True)
class ImageNames:
    """The names of the images of a video, and the numbers in them: each is a frame index.

    A record has them (``VideoRecord.images``). Where there is none yet, they are made of the id
    and of ``digits`` and ``format`` of `settings.stages.ExtractSettings`.
    """

    video_id: str
    digits: int
    format: str

    def name(self, index: int) -> str:
        """Return the file name of a frame's image."""
        return f"{self._stem}{index:0{self.digits}d}.{self.format}"

    def names(self, indices: "npt.NDArray[np.integer]") -> tuple[str, ...]:
        """Return the file names of frames, in the order of their indices."""
        return tuple(map(self.name, indices.tolist()))

    def number_of(self, name: str) -> int | None:
        """Return the frame index in the name of a file, ``None`` where it is no such name."""
        match = self._pattern.fullmatch(name)
        return int(match[1]) if match else None

    @property
    def template(self) -> str:
        """The name with a place for the number, as ffmpeg fills it in."""
        return f"{self._stem.replace('%', '%%')}%0{self.digits}d.{self.format}"

    def numbers_in(self, folder: Path) -> "npt.NDArray[np.int64]":
        """Return the frame indices of the images in a folder, ascending: int64, shape (images,).

        Raises:
            OSError: the folder cannot be read.
        """
        import numpy as np

        numbers = (self.number_of(entry.name) for entry in os.scandir(folder))
        return np.sort(np.fromiter((n for n in numbers if n is not None), dtype=np.int64))

    def sizes_in(self, folder: Path) -> dict[int | str, int]:
        """Return the bytes of each image in a folder, by frame index.

        Of what is no regular file of such a name, the name stands for the index.

        Raises:
            OSError: the folder cannot be read.
        """
        sizes: dict[int | str, int] = {}
        with os.scandir(folder) as entries:
            for entry in entries:
                number = self.number_of(entry.name)
                if number is not None and entry.is_file(follow_symlinks=False):
                    sizes[number] = entry.stat().st_size
                else:
                    sizes[entry.name] = entry.stat().st_size
        return sizes

    def checksums_in(
        self, folder: Path, indices: "npt.NDArray[np.integer]", link: Link = UNWATCHED
    ) -> "npt.NDArray[np.int64]":
        """Return the CRC-32 of the image file of each of these frames: int64, their shape.

        An image that does not end as its format demands gets -1: ffmpeg does not always say so
        when a disk is full, but a file that was cut off shows it.

        Raises:
            InterruptedRunError: the link is stopped.
            OSError: a file cannot be read.
        """
        import numpy as np

        ending = b"\xff\xd9" if self.format == "jpg" else b"IEND\xaeB`\x82"
        checksums = np.empty(len(indices), dtype=np.int64)
        for place, name in enumerate(self.names(indices)):
            refuse_stopped(link)
            data = (folder / name).read_bytes()
            checksums[place] = zlib.crc32(data) if data.endswith(ending) else -1
        return checksums

    @property
    def _stem(self) -> str:
        return f"{self.video_id}-frame_"

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        number = rf"([0-9]{{{self.digits}}})"
        return re.compile(re.escape(self._stem) + number + re.escape(f".{self.format}"))
