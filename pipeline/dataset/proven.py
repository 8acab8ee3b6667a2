"""Which images of a video were found right, and as which files: ``.prep/proven/ID``.

To read all images takes most of the time of a run that has nothing new to do. An image that was
found right is right as long as its file was neither written nor replaced since. As git does, we
believe a file of the same inode, size and time of its last change to be the same; but none that was
written so shortly before it was looked at that it may have been written again at the same time.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .files import replace_file

FILES = np.dtype(
    [("frame", "<i8"), ("crc32", "<i8"), ("inode", "<u8"), ("bytes", "<i8"), ("time_ns", "<i8")]
)
"""The file of an image: the frame that it is of, the checksum that the frame table has, inode, size
and time of the last change. All but the first two are 0 where there is no file."""

_COARSEST_CLOCK_NS = 2_000_000_000
"""FAT file systems tell times in steps of 2 seconds; no other takes larger ones."""


def look_at(
    folder: Path, names: Sequence[str], frames: npt.NDArray[np.int64], crc32: npt.NDArray[np.int64]
) -> npt.NDArray[np.void]:
    """Return the files of images as they are now: `FILES`, shape (images,).

    Args:
        folder: of the video.
        names: of the images.
        frames: int64, shape (images,), the index of the frame of each.
        crc32: int64, shape (images,), the checksum that each should have.
    """
    files = np.zeros(len(names), dtype=FILES)
    files["frame"], files["crc32"] = frames, crc32
    for place, name in enumerate(names):
        with contextlib.suppress(OSError):
            status = (folder / name).stat()
            files[place]["inode"] = status.st_ino
            files[place]["bytes"] = status.st_size
            files[place]["time_ns"] = status.st_mtime_ns
    return files


def find_proven(path: Path, files: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Return which files are those that were found right: bool, shape (images,).

    Where the record of it is missing or damaged, none is known.

    Args:
        path: the record, one of a video's `dataset.store.Dataset.memory_file`.
        files: `FILES`, shape (images,), one at most of each frame.
    """
    is_known = np.zeros(len(files), dtype=np.bool_)
    try:
        known = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return is_known
    if known.dtype == FILES and known.ndim == 1:
        _, here, there = np.intersect1d(files["frame"], known["frame"], return_indices=True)
        is_known[here] = (files[here] == known[there]) & (files[here]["inode"] > 0)
    return is_known


def save_proven(path: Path, files: npt.NDArray[np.void], looked_at_ns: int) -> None:
    """Write down that these files are right.

    What cannot be written is looked at again another time.

    Args:
        path: the record.
        files: `FILES`, shape (images,), as they were before they were read.
        looked_at_ns: when that was, in nanoseconds since 1970.
    """
    is_settled = files["time_ns"] < looked_at_ns - _COARSEST_CLOCK_NS
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        replace_file(path, lambda file: np.save(file, files[is_settled], allow_pickle=False))
