"""The images of a video in their folder: names, numbers, sizes, checksums."""

import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import InterruptedRunError
from .records import VideoRecord


def image_name(video_id: str, index: int, digits: int, image_format: str) -> str:
    """Return the file name of a frame."""
    return f"{video_id}-frame_{index:0{digits}d}.{image_format}"


def image_names(record: VideoRecord, indices: npt.ArrayLike) -> tuple[str, ...]:
    """Return the file names of frames of a video, in the order of their indices."""
    digits, image_format = record.settings["digits"], record.settings["format"]
    numbers = np.asarray(indices).tolist()
    return tuple(image_name(record.id, index, digits, image_format) for index in numbers)


def image_pattern(video_id: str, digits: int, image_format: str) -> re.Pattern[str]:
    """Return what the whole file name of an image matches; group 1 is the frame index."""
    return re.compile(
        re.escape(f"{video_id}-frame_") + rf"([0-9]{{{digits}}})" + re.escape(f".{image_format}")
    )


def list_image_indices(
    folder: Path, video_id: str, digits: int, image_format: str
) -> npt.NDArray[np.int64]:
    """Return the frame indices of the images in a folder, ascending: int64, shape (images,)."""
    pattern = image_pattern(video_id, digits, image_format)
    matches = (pattern.fullmatch(entry.name) for entry in os.scandir(folder))
    return np.sort(np.fromiter((int(match[1]) for match in matches if match), dtype=np.int64))


def image_sizes(folder: Path) -> dict[int | str, int]:
    """Return the bytes of each image in a work folder, by frame index.

    Of what is no regular file of such a name, the name stands for the index.
    """
    number = re.compile(re.escape(f"{folder.name}-frame_") + r"([0-9]+)\.\w+")
    sizes: dict[int | str, int] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            match = number.fullmatch(entry.name)
            is_image = match is not None and entry.is_file(follow_symlinks=False)
            sizes[int(match[1]) if match and is_image else entry.name] = entry.stat().st_size
    return sizes


def checksum_images(
    folder: Path,
    video_id: str,
    indices: npt.NDArray[np.integer],
    digits: int,
    image_format: str,
    stop: Callable[[], bool],
) -> npt.NDArray[np.int64]:
    """Return the CRC-32 of each image file: int64, shape (images,).

    An image that does not end as its format demands gets -1: ffmpeg does not always say so when
    a disk is full, but a file that was cut off shows it.

    Raises:
        InterruptedRunError: ``stop`` said so.
    """
    ending = b"\xff\xd9" if image_format == "jpg" else b"IEND\xaeB`\x82"
    checksums = np.empty(len(indices), dtype=np.int64)
    for place, index in enumerate(indices):
        if stop():
            raise InterruptedRunError("interrupted")
        data = (folder / image_name(video_id, int(index), digits, image_format)).read_bytes()
        checksums[place] = zlib.crc32(data) if data.endswith(ending) else -1
    return checksums
