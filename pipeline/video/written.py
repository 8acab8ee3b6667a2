"""The images that ffmpeg has written, held against what it says of them.

ffmpeg is silent about some full disks.
"""

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import DecoderDiedError, DiskFullError, PrepError, printable
from ..base.words import count
from ..base.work import Link
from ..dataset.image_folder import ImageNames
from .sources import Source

Indices = npt.NDArray[np.int32]


def checksum_written(
    source: Source, folder: Path, kept: Indices, images: ImageNames, link: Link
) -> npt.NDArray[np.int64]:
    """Return the CRC-32 of each image file: int64, the shape of ``kept``.

    Args:
        source: the video.
        folder: where its images are, and no others.
        kept: the frames that ffmpeg reported as written, ascending.
        images: their names.
        link: asked often whether to give up.

    Raises:
        DecoderDiedError: others are there, or one is cut off.
        DiskFullError: the same, and there is no room left.
        InterruptedRunError: the link is stopped.
    """
    on_disk = images.numbers_in(folder)
    if not np.array_equal(on_disk, kept):
        raise _lost(source, folder, len(kept), f"{len(on_disk)} are on disk")
    checksums = images.checksums_in(folder, kept, link)
    if (checksums < 0).any():
        name = images.name(int(kept[np.argmin(checksums)]))
        raise _lost(source, folder, len(kept), f"{name} is cut off")
    return checksums


def _lost(source: Source, folder: Path, reported: int, what: str) -> PrepError:
    if shutil.disk_usage(folder).free < 16 * 2**20:
        return DiskFullError()
    return DecoderDiedError(
        f"{printable(source.path)}: ffmpeg reported {count(reported, 'image')}, but {what}. "
        "Nothing of it was kept; check the disk and run again."
    )
