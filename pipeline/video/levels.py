"""Grey levels of a video, stretched to the 256 of an image: how thermal and depth footage is seen.

A level is a number as the video holds it: 0 to 65,535 where a component of a pixel has 16 bits. Of
RGB all components are mapped alike; of YUV the luma is, and its colours are stretched by as much.
All is done in the depth of the video, to values of full range of which the scaler makes 8 bits by a
shift, as long as it does not dither.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ..dataset.records import VideoInfo

SAMPLED_FRAMES = 1000
"""How many frames are sampled of a whole video, evenly: some tens of MB, however long it is."""

_SAMPLE_WIDTH, _SAMPLE_HEIGHT = 128, 96

_OUTLIERS_PERCENT = 0.1
"""The share of darkest and of brightest pixels that do not decide on the range: some are dead or
hot in every thermal camera. An object that matters is larger, or at least white."""

_DEPTHS = (8, 9, 10, 12, 14, 16)
"""The bits of a component that FFmpeg's filter lut can map."""

_DEPTHS_WITH_ALPHA = (8, 10, 12, 16)
"""Those of planar RGB with alpha in FFmpeg 5."""

_IMAGE_FORMATS = {"gray": "gray", "rgb": "gbrp|gbrap", "yuv": "yuvj420p|yuvj422p|yuvj444p"}
"""Pixel formats of 8 bits and of full range."""

_LUMA_STEPS, _CHROMA_STEPS = 219, 224  # of limited range, where full range has 255 (ITU-R BT.601)


def count_levels(info: VideoInfo) -> int:
    """Return how many grey levels there are in the pixel format of a video."""
    return 1 << _depth(info)


def map_levels(stream: Any, levels: tuple[int, int], info: VideoInfo) -> Any:
    """Return the frames with 8 bits, in which the first level is black and the second one white.

    Args:
        stream: frames in the pixel format of the video.
        levels: the lower and the higher one; what is beyond becomes black or white.
        info: the header of the video.
    """
    (low, high), depth, model = levels, _depth(info), _model(info)
    step = 1 << (depth - 8)
    stretched = colour = f"{step}*clip(round((val-{low})*255/{high - low}),0,255)"
    if model == "yuv":
        is_full = info.color_range == "pc" or (info.pixel_format or "").startswith("yuvj")
        gain = 255 / (high - low) * (1 if is_full else _LUMA_STEPS / _CHROMA_STEPS)
        colour = f"{step}*clip(round(128+(val-{128 * step})*{gain}),0,255)"
    return (
        stream.filter("format", _mapped_formats(info))
        .filter("lut", c0=stretched, c1=colour, c2=colour)
        .filter("scale", in_range="pc", out_range="pc", sws_dither="none")
        .filter("format", _IMAGE_FORMATS[model])
    )


def sample_levels(stream: Any, info: VideoInfo) -> Any:
    """Return the frames as few of their pixels, which keep their levels."""
    stream = stream.filter("scale", _SAMPLE_WIDTH, _SAMPLE_HEIGHT, flags="neighbor")
    return stream.filter("format", _mapped_formats(info))


def read_levels(path: Path, frames: int, info: VideoInfo) -> tuple[int, int]:
    """Return the levels between which almost all pixels are, the lower and the higher one.

    Args:
        path: what `sample_levels` gave, as raw video.
        frames: how many.
        info: the header of the video.
    """
    samples = np.fromfile(path, dtype=np.uint8 if _depth(info) == 8 else "<u2")
    # The luma comes first in each frame, alpha last.
    planes = 3 if _model(info) == "rgb" else 1
    samples = samples.reshape(frames, -1)[:, : planes * _SAMPLE_WIDTH * _SAMPLE_HEIGHT]
    low = int(np.percentile(samples, _OUTLIERS_PERCENT, method="lower"))
    high = int(np.percentile(samples, 100 - _OUTLIERS_PERCENT, method="higher"))
    if high > low:
        return low, high
    return (low, low + 1) if low + 1 < count_levels(info) else (low - 1, low)


def _depth(info: VideoInfo) -> int:
    bits = info.component_bits or 8
    return next((depth for depth in _DEPTHS if depth >= bits), _DEPTHS[-1])


def _model(info: VideoInfo) -> str:
    name = info.pixel_format or ""
    if name.startswith(("gray", "mono", "ya")):
        return "gray"
    return "rgb" if any(part in name for part in ("rgb", "bgr", "gbr", "pal8")) else "yuv"


def _mapped_formats(info: VideoInfo) -> str:
    """Return the pixel formats in which the levels of a video are mapped."""
    ending = "" if _depth(info) == 8 else f"{_depth(info)}le"
    match _model(info):
        case "yuv":
            kinds = ("yuv",) if ending else ("yuv", "yuvj")
            names = [f"{kind}{layout}p" for kind in kinds for layout in (420, 422, 444)]
        case "rgb":  # with alpha where it has some: to leave it out here is not exact
            names = ["gbrp", "gbrap"] if _depth(info) in _DEPTHS_WITH_ALPHA else ["gbrp"]
        case _:
            names = ["gray"]
    return "|".join(name + ending for name in names)
