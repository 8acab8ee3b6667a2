"""Pictures of 32 x 32 pixels, read as fast as can be: to look at very many images as a whole.

They are those of `likeness.read_picture`, pixel by pixel; but of a JPEG no colour is decoded.
"""

from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import simplejpeg

from .likeness import read_picture
from .opencv import cv2
from .thinner import THUMBNAIL_SIDE

Picture = npt.NDArray[np.uint8]
T = TypeVar("T", np.uint8, np.float32)

_JPEG = b"\xff\xd8"
_WITH_LUMA = frozenset(("YCbCr", "Gray"))


def read_miniature(path: Path) -> Picture | None:
    """Return the grey levels of an image: uint8, shape (32, 32).

    Of more than 8 bits, they are spread over that range: often few of them are used.

    Returns:
        ``None`` where the file cannot be read as one picture.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if data.startswith(_JPEG):
        try:
            if simplejpeg.decode_jpeg_header(data)[2] in _WITH_LUMA:
                return _shrink(simplejpeg.decode_jpeg(data, "GRAY", strict=True)[:, :, 0])
        except ValueError:  # of kinds that are rare, or damaged
            pass
    picture = read_picture(path)
    if picture is None:
        return None
    if not picture.is_deep:
        return picture.thumbnail
    small = _shrink(picture.planes[0].astype(np.float32))
    low, high = float(small.min()), float(small.max())
    return np.asarray((small - low) * (255 / max(high - low, 1)), dtype=np.uint8)


def _shrink(plane: npt.NDArray[T]) -> npt.NDArray[T]:
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), dtype=plane.dtype)
