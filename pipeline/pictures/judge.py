"""Judge one image file: is it whole, is it the right one, and how does it look.

Common readers pass over damage: Pillow and OpenCV give grey where a JPEG is broken and do not look
behind its end. So JPEGs are decoded with libjpeg-turbo, each of its warnings an error, the chunks
of a PNG are held against their checksums, and the end of both is looked for in their structure.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg

from ..base.errors import cause_of
from ..dataset.frame_table import Reason
from .opencv import cv2

Picture = npt.NDArray[np.uint8]

_CONTENTS = {
    "jpg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "gif": rb"GIF8[79]a",
    "bmp": rb"BM.{4}\0{4}",
    "webp": rb"RIFF.{4}WEBP",
    "tiff": rb"II\*\0|MM\0\*",
}
_ENDINGS = {"jpg": b"\xff\xd9", "png": b"IEND\xaeB`\x82"}
# Within the coded picture, FF 00 stands for the byte FF, and FF D0 to FF D7 are restarts.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_END_OF_IMAGE = 0xD9
_PNG_SIGNATURE_BYTES = 8
_PNG_CHUNK_BYTES = 12
"""Of a chunk without its data: length, type and checksum."""

_MEASURED_SIDE = 640


@dataclass(frozen=True)
class Measures:
    """How a picture looks; see `measure`."""

    sharpness: float
    brightness: float
    contrast: float


@dataclass(frozen=True)
class Judgement:
    """What is wrong with an image file (`Reason.NONE`: nothing), and the details in words.

    ``crc32`` is that of the file, -1 where it could not be read. ``measures`` are there for
    images that are right.
    """

    reason: Reason
    detail: str = ""
    crc32: int = -1
    measures: Measures | None = None


def judge(path: Path, image_format: str, size: tuple[int, int], crc32: int) -> Judgement:
    """Return what is wrong with an image file, the gravest alone, and its measures.

    Args:
        path: the file.
        image_format: ``jpg`` or ``png``.
        size: width and height in pixels that it must have.
        crc32: the checksum that it must have, -1 if none is known.
    """
    try:
        if path.exists() and not path.is_file():  # to open a pipe would wait for ever
            return Judgement(Reason.NOT_AN_IMAGE, "is no file, but a folder or a device")
        data = path.read_bytes()
    except FileNotFoundError:
        return Judgement(Reason.MISSING)
    except OSError as error:
        return Judgement(Reason.UNREADABLE, f"cannot be read: {cause_of(error)}")
    reason, detail, picture = _inspect(data, image_format, size)
    checksum = zlib.crc32(data)
    if picture is None:
        return Judgement(reason, detail, checksum)
    if crc32 not in {checksum, -1}:
        return Judgement(Reason.WRONG_CONTENT, "", checksum)
    return Judgement(Reason.NONE, "", checksum, measure(picture))


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file of any size.

    Raises:
        OSError: it cannot be read.
    """
    value = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            value = zlib.crc32(piece, value)
    return value


def measure(picture: Picture) -> Measures:
    """Return how a picture looks.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in
    brightfield microscopy", 2000), on the picture scaled down so that its longer side has 640
    pixels, so that one threshold holds for all larger sizes; smaller ones are taken as they are.
    Brightness is the mean grey level, contrast their standard deviation, both 0 to 255 and over
    all pixels.

    Args:
        picture: grey levels, uint8, shape (height, width).
    """
    mean, deviation = cv2.meanStdDev(picture)
    scale = _MEASURED_SIDE / max(picture.shape)
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in picture.shape)
        picture = np.asarray(
            cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
    _, edges = cv2.meanStdDev(cv2.Laplacian(picture, cv2.CV_32F))
    return Measures(
        sharpness=float(edges[0, 0]) ** 2,
        brightness=float(mean[0, 0]),
        contrast=float(deviation[0, 0]),
    )


def _inspect(
    data: bytes, image_format: str, size: tuple[int, int]
) -> tuple[Reason, str, Picture | None]:
    """Return the defect of an image with its details, or else the picture."""
    if not data:
        return Reason.EMPTY, "", None
    content = next((name for name, start in _CONTENTS.items() if re.match(start, data, re.S)), None)
    if content is None:
        return Reason.NOT_AN_IMAGE, "is not an image", None
    if content != image_format:
        return Reason.WRONG_FORMAT, f"is a {content.upper()} image by its content", None
    end = _end_of_jpeg(data) if content == "jpg" else _end_of_png(data)
    try:
        if end is None:
            raise ValueError("its parts do not lead to its end")
        found = _size_of_jpeg(data) if content == "jpg" else _size_of_png(data)
        if found != size:  # told before it is decoded: a strange size may need any memory
            detail = f"has {found[0]}×{found[1]} pixels instead of {size[0]}×{size[1]}"
            return Reason.WRONG_SIZE, detail, None
        picture = _decode_jpeg(data) if content == "jpg" else _decode_png(data)
    except ValueError as error:
        is_cut_off = end is None and not data.endswith(_ENDINGS[content])
        return Reason.TRUNCATED if is_cut_off else Reason.CORRUPT, str(error), None
    if end < len(data):
        return Reason.TRAILING_DATA, f"{len(data) - end:,}", None
    return Reason.NONE, "", picture


def _end_of_jpeg(data: bytes) -> int | None:
    """Return the place behind the end-of-image marker (ITU-T T.81, annex B), if there is one.

    Segments are stepped over by their length: a preview within one has an end of its own.
    """
    place = len(_ENDINGS["jpg"])
    while marker := _JPEG_MARKER.search(data, place):
        place = marker.end()
        if data[place - 1] == _END_OF_IMAGE:
            return place
        place += int.from_bytes(data[place : place + 2])
    return None


def _size_of_jpeg(data: bytes) -> tuple[int, int]:
    height, width, *_ = simplejpeg.decode_jpeg_header(data)
    return int(width), int(height)


def _decode_jpeg(data: bytes) -> Picture:
    """Return the luma of a JPEG; ValueError for whatever libjpeg complains of."""
    picture: Picture = simplejpeg.decode_jpeg(data, colorspace="GRAY", strict=True)[:, :, 0]
    return picture


def _png_chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the first and last place of each whole chunk (ISO/IEC 15948), IEND the last."""
    start = _PNG_SIGNATURE_BYTES
    while start + _PNG_CHUNK_BYTES <= len(data):
        end = start + _PNG_CHUNK_BYTES + int.from_bytes(data[start : start + 4])
        if end > len(data):
            return
        yield start, end
        if data[start + 4 : start + 8] == b"IEND":
            return
        start = end


def _end_of_png(data: bytes) -> int | None:
    for start, end in _png_chunks(data):
        if data[start + 4 : start + 8] == b"IEND":
            return end
    return None


def _size_of_png(data: bytes) -> tuple[int, int]:
    """Return width and height; ValueError where a chunk is broken."""
    view = memoryview(data)
    for start, end in _png_chunks(data):
        if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise ValueError(f"the checksum of the chunk at byte {start:,} is wrong")
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _decode_png(data: bytes) -> Picture:
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        picture = None
    if picture is None:
        raise ValueError("the picture cannot be decoded")
    return np.asarray(picture, np.uint8)
