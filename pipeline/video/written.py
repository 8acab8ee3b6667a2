"""The images that ffmpeg has written, held against what it says of them.

ffmpeg is silent about some full disks.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import DecoderDiedError, DiskFullError, PrepError, printable
from ..base.words import count
from ..dataset.image_folder import checksum_images, image_name, list_image_indices
from ..settings.stages import ExtractSettings
from .sources import Source

Indices = npt.NDArray[np.int32]


def checksum_written(
    source: Source,
    folder: Path,
    kept: Indices,
    settings: ExtractSettings,
    is_stopped: Callable[[], bool],
) -> npt.NDArray[np.int64]:
    """Return the CRC-32 of each image file: int64, the shape of ``kept``.

    Args:
        source: the video.
        folder: where its images are, and no others; named as they are.
        kept: the frames that ffmpeg reported as written, ascending.
        settings: those of the images.
        is_stopped: asked often.

    Raises:
        DecoderDiedError: others are there, or one is cut off.
        DiskFullError: the same, and there is no room left.
        InterruptedRunError: ``is_stopped`` said so.
    """
    on_disk = list_image_indices(folder, folder.name, settings.digits, settings.format)
    if not np.array_equal(on_disk, kept):
        raise _lost(source, folder, len(kept), f"{len(on_disk)} are on disk")
    digits, image_format = settings.digits, settings.format
    checksums = checksum_images(folder, folder.name, kept, digits, image_format, is_stopped)
    if (checksums < 0).any():
        name = image_name(folder.name, int(kept[np.argmin(checksums)]), digits, image_format)
        raise _lost(source, folder, len(kept), f"{name} is cut off")
    return checksums


def image_size(
    folder: Path, kept: Indices, settings: ExtractSettings
) -> tuple[int | None, int | None]:
    """Return width and height in pixels of the first image, ``None`` where there is none."""
    if len(kept) == 0:
        return None, None
    name = image_name(folder.name, int(kept[0]), settings.digits, settings.format)
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    # Not Image.open, which takes very large pictures for an attack.
    read = JpegImageFile if settings.format == "jpg" else PngImageFile
    with read(folder / name) as image:
        return image.size


def _lost(source: Source, folder: Path, reported: int, what: str) -> PrepError:
    if shutil.disk_usage(folder).free < 16 * 2**20:
        return DiskFullError()
    return DecoderDiedError(
        f"{printable(source.path)}: ffmpeg reported {count(reported, 'image')}, but {what}. "
        "Nothing of it was kept; check the disk and run again."
    )
