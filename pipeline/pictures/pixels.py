"""How often each level of each colour occurs in an image file."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg

from ..base.errors import UnbalancedVideoError, cause_of, printable
from .opencv import cv2

_WAY_OUT = "Run 'prep validate' to have it left out."
_EXACT_PIXELS = 1 << 24
"""OpenCV counts in 32-bit floats, which hold whole numbers up to this one."""


def count_levels(path: Path) -> npt.NDArray[np.int64]:
    """Return how often each level occurs in an image, int64, shape (3, 256): red, green, blue.

    Levels are 0 to 255; of images with 16 bits, the upper eight count. Grey has three equal rows.

    Raises:
        UnbalancedVideoError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnbalancedVideoError(
            f"{printable(path)}: cannot be read: {cause_of(error)}. {_WAY_OUT}"
        ) from error
    pixels = _decoded(data, path).reshape(-1, 3)
    counts = np.zeros((3, 256), np.int64)
    for start in range(0, len(pixels), _EXACT_PIXELS):
        part = np.ascontiguousarray(pixels[np.newaxis, start : start + _EXACT_PIXELS])
        for channel in range(3):
            counted = cv2.calcHist([part], [channel], None, [256], [0, 256])
            counts[channel] += counted.ravel().astype(np.int64)  # OpenCV 5 has one axis
    return counts


def _decoded(data: bytes, path: Path) -> npt.NDArray[np.uint8]:
    """Return the pixels in RGB, uint8, shape (height, width, 3)."""
    try:
        if data.startswith(b"\xff\xd8"):
            decoded: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB")
            return decoded
        read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if read is None:
            raise ValueError("it is no image")
        return np.asarray(read[:, :, ::-1], np.uint8)
    except (ValueError, cv2.error) as error:
        raise UnbalancedVideoError(
            f"{printable(path)}: cannot be decoded: {printable(error)}. {_WAY_OUT}"
        ) from error
