"""The images of an export: which they are, and how they get into its folder."""

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...base.errors import UnbalancedVideoError, printable, unreadable
from ...base.words import count
from ...dataset.image_folder import ImageNames
from ...dataset.records import Notice

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_CANNOT_LINK = frozenset(
    (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
)


@dataclass(frozen=True, eq=False)
class ImageTable:
    """One row an image, by video and frame.

    All arrays but ``sizes`` have shape (images,). ``videos``: int64, places in ``video_ids``,
    ``names`` and ``sizes``. ``frames``: int64, indices of the frames in their video. ``pts``:
    int64, in the video's own units. ``seconds``: float64, presentation time, NaN unknown.
    ``sides``: int64, the place of its side in ``side_names``. ``sizes``: int64, shape (videos, 2),
    width and height of all images of a video in pixels. ``folder``: that of the dataset.
    """

    folder: Path
    videos: Ints
    frames: Ints
    pts: Ints
    seconds: Floats
    sides: Ints
    side_names: tuple[str, ...]
    video_ids: tuple[str, ...]
    names: tuple[ImageNames, ...]
    sizes: Ints

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def files(self) -> list[str]:
        """The names of the files, one a row."""
        rows = zip(self.videos.tolist(), self.frames.tolist(), strict=True)
        return [self.names[video].name(frame) for video, frame in rows]

    @property
    def sources(self) -> list[str]:
        """The paths of the files, one a row."""
        folders = [f"{self.folder / video}/" for video in self.video_ids]
        return [folders[v] + file for v, file in zip(self.videos, self.files, strict=True)]

    def of_side(self, side: str) -> Ints:
        """Return the rows of a side."""
        if side not in self.side_names:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.sides == self.side_names.index(side))

    def taken(self, rows: npt.NDArray[np.integer[Any]]) -> "ImageTable":
        """Return the table with these rows alone."""
        columns = ("videos", "frames", "pts", "seconds", "sides")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})


def put_images(
    images: ImageTable, out: Path, places: Sequence[str], way: str
) -> tuple[Notice, ...]:
    """Put the images into an export; none is decoded.

    Args:
        images: which.
        out: the folder of the export.
        places: where to in it, one an image.
        way: ``link``, ``copy`` or ``symlink``; see `settings.export`.

    Raises:
        UnbalancedVideoError: an image is gone.
        DatasetError: an image cannot be copied, as it cannot be read.
        OSError: the export cannot be written.
    """
    sources = images.sources
    for folder in {place.rpartition("/")[0] for place in places}:
        (out / folder).mkdir(parents=True, exist_ok=True)
    targets = [f"{out}/{place}" for place in places]
    ways: dict[str, Callable[[str, str], object]] = {
        "link": os.link,
        "symlink": os.symlink,
        "copy": shutil.copyfile,
    }
    copied, why = 0, ""
    for source, target in zip(sources, targets, strict=True):
        try:
            ways[way](source, target)
        except FileNotFoundError as error:
            raise UnbalancedVideoError(
                f"{printable(source)}: this image is gone since the export began. Run 'prep "
                "validate', then the export again."
            ) from error
        except OSError as error:
            if way == "copy" or error.errno not in _CANNOT_LINK:
                if way == "copy" and error.filename == source:
                    raise unreadable(source, error) from error
                raise
            shutil.copyfile(source, target)
            copied, why = copied + 1, os.strerror(error.errno or 0)
    if not copied:
        return ()
    message = f"{count(copied, 'image')} copied, as no link can be made there: {why}."
    return (Notice("copied", message),)
