"""How two pictures compare, block by block, for what moved.

The blocks are those of FFmpeg's filter mpdecimate (libavfilter/vf_mpdecimate.c), so that images
are judged as frames are. That filter overlooks some columns on the left and a few pixels on the
right and below; here the picture is framed, so that they count as well.

Pictures of 16 bits are not compared in blocks, as frames of more than 8 are not: one is still only
if all its pixels are equal.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..settings.dedupe import DedupeSettings
from .opencv import cv2
from .thinner import THUMBNAIL_SIDE

Plane = npt.NDArray[np.uint8 | np.uint16]

_BLOCK, _GRID = 8, 4
_LEFT, _REST = 64, 8  # the frame around the picture, in pixels of the luma plane
_PNG_DEPTH_BYTE = 24  # ISO/IEC 15948: of the header, which comes first
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises on damaged files, and for what is no picture that can be compared."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What is compared of an image.

    ``planes``: luma, and for colour two chroma planes of half its size and perhaps alpha; uint8,
    shape (height, width). Of 16 bits they are those of the file, uint16. ``thumbnail``: the first
    one, uint8, shape (32, 32); it says nothing of a deep picture, in which few levels may be used.
    """

    planes: tuple[Plane, ...]
    thumbnail: npt.NDArray[np.uint8]

    @property
    def is_deep(self) -> bool:
        """Whether it has 16 bits a component."""
        return self.planes[0].dtype == np.uint16


def read_picture(path: Path) -> Picture | None:
    """Return an image as it is compared, or ``None`` where the file cannot be read as one."""
    try:
        with Image.open(path) as image:
            if getattr(image, "n_frames", 1) > 1:
                return None  # the first of several pictures says nothing of the others
            image.draft("YCbCr", image.size)  # a JPEG need not go by way of RGB
            planes = _planes_of_deep_png(path) if image.format == "PNG" else ()
            planes = planes or _planes(image)
    except _UNREADABLE:
        return None
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    shallow = planes[0] >> 8 if planes[0].dtype == np.uint16 else planes[0]
    thumbnail = cv2.resize(shallow.astype(np.uint8), side, interpolation=cv2.INTER_AREA)
    return Picture(planes, np.asarray(thumbnail, dtype=np.uint8))


def _planes_of_deep_png(path: Path) -> tuple[Plane, ...]:
    """Return the planes of a PNG that has 16 bits, of which Pillow reads 8; else nothing.

    Raises:
        ValueError: it cannot be decoded.
    """
    with path.open("rb") as file:
        if file.read(_PNG_DEPTH_BYTE + 1)[_PNG_DEPTH_BYTE:] != b"\x10":
            return ()
        file.seek(0)
        pixels = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("no PNG that can be decoded")
    planes = [np.asarray(plane, np.uint16) for plane in cv2.split(pixels)]
    if len(planes) > 2:  # green, which is most of the brightness, comes first
        planes[:2] = reversed(planes[:2])
    return tuple(planes)


def _planes(image: Image.Image) -> tuple[Plane, ...]:
    if image.mode.startswith("I;16"):
        return (np.asarray(image).astype(np.uint16),)
    if image.mode in {"I", "F"}:
        raise ValueError("no grey levels with a known range")
    if image.mode in {"L", "1"}:
        return (np.asarray(image.convert("L")),)
    alpha: tuple[Plane, ...] = ()
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = (np.asarray(image.getchannel("A")),)
    colours = image if image.mode == "YCbCr" else image.convert("RGB").convert("YCbCr")
    luma, *chroma = cv2.split(np.asarray(colours))
    half = ((luma.shape[1] + 1) // 2, (luma.shape[0] + 1) // 2)
    halved = (cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in chroma)
    return tuple(np.asarray(plane, dtype=np.uint8) for plane in (luma, *halved, *alpha))


def is_still(picture: Picture, kept: Picture, settings: DedupeSettings) -> bool:
    """Whether no block of a picture changed against the last one that was kept.

    A block over ``settings.hi`` is a change, and so are many over ``settings.lo``. Of a deep
    picture, any pixel is.
    """
    if [plane.shape for plane in picture.planes] != [plane.shape for plane in kept.planes]:
        return False
    if picture.is_deep or kept.is_deep:
        return picture.is_deep == kept.is_deep and all(
            map(np.array_equal, picture.planes, kept.planes)
        )
    return not any(
        _changed(plane, other, settings, 1 if place in {0, 3} else 2)
        for place, (plane, other) in enumerate(zip(picture.planes, kept.planes, strict=True))
    )


def _changed(plane: Plane, other: Plane, settings: DedupeSettings, step: int) -> bool:
    difference = cv2.absdiff(plane, other)
    hi, lo, frac = settings.thresholds
    left, rest = _LEFT // step, _REST // step
    height, width = difference.shape[0] + rest, difference.shape[1] + left + rest
    # Of the frame on the left only what a block reaches from its last place in it can differ.
    framed = cv2.copyMakeBorder(
        difference, 0, rest, _GRID, rest, borderType=cv2.BORDER_CONSTANT, value=0
    )
    sums = cv2.boxFilter(
        framed,
        cv2.CV_32S,
        (_BLOCK, _BLOCK),
        anchor=(0, 0),
        normalize=False,
        borderType=cv2.BORDER_CONSTANT,
    )[: -(_BLOCK - 1) : _GRID, : -(_BLOCK - 1) : _GRID]
    many = int((width // 16) * (height // 16) * frac)
    pixels = _BLOCK * _BLOCK
    return bool(
        sums.max(initial=0) > round(pixels * hi)
        or np.count_nonzero(sums > round(pixels * lo)) > many
    )
