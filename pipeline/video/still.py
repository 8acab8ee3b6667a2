"""The part of the filter graph by which still frames are told.

`pictures.stillness` compares frames by the means of their cells. ffmpeg computes these, in 16 bits,
and hands them over through a pipe, as a stream of YUV4MPEG2, which tells its own size.

To do so for each frame, and to encode each image before it is known whether it is kept, would cost
more than the comparison saves in footage that hardly changes. So ``mpdecimate`` stands before both,
with thresholds so low that it leaves out only what nobody could tell apart. It also does all of the
work where a person has fixed the thresholds.

It takes no notice of the columns on the left, so a strip of these is compared beside it (to frame
the whole picture would cost half as much as the comparison). It knows 8 bits alone, and it would
pass frames of unusual formats on in another one; so these get that of the images before it.
"""

from dataclasses import dataclass
from typing import Any

from ..dataset.records import VideoInfo
from ..pictures.cells import CELL
from ..settings.dedupe import DedupeSettings
from ..settings.stages import ExtractSettings

_EDGE = 16
"""Columns that mpdecimate takes no notice of on the left: 8 in each plane, so 16 where colour is
stored at half the width."""

COMPARED_FORMATS = frozenset(
    f"yuv{j}{layout}p" for j in ("", "j") for layout in ("420", "422", "440", "444")
)
"""Pixel formats that mpdecimate takes as they are."""

_FULL_LEVELS, _LIMITED_LEVELS = 255, 219  # from black to white (ITU-R BT.601)
_GREY = ("gray", "mono", "ya")
_WITH_ALPHA = ("rgba", "bgra", "argb", "abgr", "yuva", "gbrap", "ya", "pal8")


@dataclass(frozen=True)
class Blocks:
    """When mpdecimate lets a frame pass.

    That is if a block of 8x8 pixels changed by more than ``hi`` grey levels a pixel, of 255, or the
    share ``frac`` of all blocks by more than ``lo``; or if ``max_gap`` in a row were left out.
    """

    hi: float
    lo: float
    frac: float
    max_gap: int | None = None


BEFORE_COMPARISON = (Blocks(hi=3, lo=1, frac=0.33), Blocks(hi=5, lo=2, frac=0.33))
"""What leaves out frames before they are compared by their cells, at first and where the first lets
too much noise pass. An object that stands out by 16 levels and moved by 2 pixels changes a block by
4 levels a pixel."""

FAINT_NOISE = 20.0
"""Up to this noise, in squares of levels (`pictures.cells.MEASURES`), the second leaves it out."""


def fixed_blocks(dedupe: DedupeSettings) -> Blocks:
    """Return the thresholds that a person has fixed."""
    hi, lo, frac = dedupe.thresholds
    return Blocks(hi, lo, frac, dedupe.max_gap)


def compares_exactly(settings: ExtractSettings, info: VideoInfo) -> bool:
    """Whether frames pass mpdecimate without loss on their way to the images."""
    is_for_jpg = settings.format == "jpg" and settings.levels is None
    return not info.is_deep and (is_for_jpg or info.pixel_format in COMPARED_FORMATS)


def drop_still(
    stream: Any,
    settings: ExtractSettings,
    blocks: Blocks,
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
        blocks: what a still frame is.
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
    hi, lo = round(unit * blocks.hi), round(unit * blocks.lo)
    branches = stream.filter_multi_output("split")
    moved = branches[0].filter(
        "mpdecimate", hi=hi, lo=lo, frac=blocks.frac, max=blocks.max_gap or 0
    )
    edge = (
        branches[1]
        .filter("crop", f"min({_EDGE},iw)", "ih", 0, 0)
        .filter("pad", 2 * _EDGE, "ih+8", _EDGE, 0)
        .filter("mpdecimate", hi=hi, lo=hi, frac=1)
    )
    return moved, edge


def average_cells(stream: Any, info: VideoInfo) -> Any:
    """Return the frames as the means of their cells, 16 bits each."""
    name = info.pixel_format or ""
    if name.startswith(_WITH_ALPHA):
        # What becomes transparent changes as well: it becomes black.
        stream = stream.filter("scale").filter("format", "gbrap16le" if info.is_deep else "gbrap")
        stream = stream.filter("premultiply", inplace=1)
    # In levels of the images, where black is 0 and white 255. Of rows with an odd number of cells,
    # ffmpeg 5 loses half of the last colour.
    size = (f"2*ceil(iw/{2 * CELL})", f"ceil(ih/{CELL})")
    stream = stream.filter("scale", *size, flags="area", out_range="pc")
    return stream.filter("format", "gray16le" if name.startswith(_GREY) else "yuv420p16le")
