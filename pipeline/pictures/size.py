"""The images that prep writes: how large they are, from their headers, and their grey levels."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg

from .opencv import cv2


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height in pixels of a JPEG or PNG file.

    Raises:
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    if path.suffix == ".png":
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise OSError(f"{path}: {error}") from error
    return int(width), int(height)


def read_luma(path: Path) -> npt.NDArray[np.uint8]:
    """Return the grey levels of a JPEG or PNG file: uint8, shape (height, width).

    Raises:
        OSError: it cannot be read.
    """
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise OSError(f"{path}: it cannot be decoded")
    return np.asarray(picture, np.uint8)
