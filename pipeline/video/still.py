"""The part of the filter graph that leaves out frames in which nothing moved.

``mpdecimate`` compares each frame with the last one that it let through, in blocks. It takes no
notice of the columns on the left, so a strip of these is compared beside it (to frame the whole
picture would cost half as much as the comparison). And it would pass frames of unusual formats
on in another one, so these get that of the images before it.

It knows 8 bits alone, so frames that have more are not compared in blocks: one is still only if all
its pixels equal those of the frame before it. ffmpeg writes a hash of each frame, of 128 bits, by
which two that differ are taken for equal once in 10^38 times. (MurmurHash3 costs a tenth of what
SHA-256 does, which takes longer than to encode the image.)
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dataset.records import VideoInfo
from ..settings.dedupe import DedupeSettings
from ..settings.stages import ExtractSettings

_EDGE = 16
"""Columns that mpdecimate takes no notice of on the left: 8 in each plane, so 16 where colour is
stored at half the width."""

COMPARED_FORMATS = frozenset(
    f"yuv{j}{layout}p" for j in ("", "j") for layout in ("420", "422", "440", "444")
)
"""Pixel formats that mpdecimate takes as they are."""

HASHES = {"format": "framehash", "hash": "murmur3"}
"""Options of the output that holds a hash of each frame, in its own pixel format."""

_FULL_LEVELS, _LIMITED_LEVELS = 255, 219  # from black to white (ITU-R BT.601)


def compares_exactly(settings: ExtractSettings, info: VideoInfo) -> bool:
    """Whether frames pass the comparison without loss on their way to the images."""
    is_for_jpg = settings.format == "jpg" and settings.levels is None
    return is_for_jpg or info.pixel_format in COMPARED_FORMATS


def drop_still(
    stream: Any,
    settings: ExtractSettings,
    dedupe: DedupeSettings,
    info: VideoInfo,
    *,
    converts_late: bool,
) -> tuple[Any, Any]:
    """Return the frames in which something moved, and those where it moved on the left edge.

    The second stream is for the log only: what mpdecimate leaves out on the left is put into the
    middle of a narrow picture, and compared there.

    Args:
        stream: the frames.
        settings: what the images are.
        dedupe: what a still frame is.
        info: the header of the video.
        converts_late: whether only what is kept is converted to the colours of the images.
    """
    if settings.format == "jpg" and info.pixel_format not in COMPARED_FORMATS:
        stream = stream.filter("format", "yuvj420p|yuvj422p|yuvj444p")
    is_converted = settings.format == "jpg" and not converts_late
    is_full_range = info.color_range == "pc" or (info.pixel_format or "").startswith("yuvj")
    # mpdecimate takes sums over 8x8 pixels, in levels of the video; the settings are in those of
    # the image, where black is 0 and white 255.
    unit = 64 if is_converted or is_full_range else 64 * _LIMITED_LEVELS / _FULL_LEVELS
    hi, lo = round(unit * dedupe.hi), round(unit * dedupe.lo)
    branches = stream.filter_multi_output("split")
    moved = branches[0].filter(
        "mpdecimate", hi=hi, lo=lo, frac=dedupe.frac, max=dedupe.max_gap or 0
    )
    edge = (
        branches[1]
        .filter("crop", f"min({_EDGE},iw)", "ih", 0, 0)
        .filter("pad", 2 * _EDGE, "ih+8", _EDGE, 0)
        .filter("mpdecimate", hi=hi, lo=hi, frac=1)
    )
    return moved, edge


def read_hashes(path: Path) -> Sequence[bytes]:
    """Return the hashes in an output with the options `HASHES`."""
    with path.open("rb") as lines:
        return [line.rpartition(b",")[2].strip() for line in lines if not line.startswith(b"#")]


def find_equal(hashes: Sequence[bytes], max_gap: int | None) -> npt.NDArray[np.bool_]:
    """Return which frames equal the one before them, of which at most ``max_gap`` in a row.

    Args:
        hashes: of the frames, in their order.
        max_gap: how many in a row may be left out; any number if absent.

    Returns:
        bool, the shape of ``hashes``.
    """
    is_equal = np.zeros(len(hashes), dtype=np.bool_)
    in_a_row = 0
    for place, (before, this) in enumerate(pairwise(hashes), start=1):
        in_a_row = in_a_row + 1 if before == this and in_a_row != max_gap else 0
        is_equal[place] = in_a_row > 0
    return is_equal
