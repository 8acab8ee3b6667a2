"""What makes pictures of interlaced and of HDR footage look as people expect: filters of ffmpeg."""

from typing import Any

from ..dataset.records import VideoInfo
from ..settings.stages import ExtractSettings

_WHITE_NITS = 203
"""Luminance of white paper in HDR footage, in cd/m² (Recommendation ITU-R BT.2408)."""

_PEAK_NITS = 1000
"""Luminance that becomes the brightest white: what phones record up to, and HLG's nominal peak. It
is the same for all files, for the peak that they claim is often absent or wrong."""

_FILTERS = {"deinterlace": ("bwdif",), "tonemap": ("tonemap", "zscale")}


def needed_filters(settings: ExtractSettings) -> frozenset[str]:
    """Return the filters that an ffmpeg needs for these settings, and not otherwise."""
    wanted = (names for setting, names in _FILTERS.items() if getattr(settings, setting))
    return frozenset(name for names in wanted for name in names)


def deinterlace(stream: Any) -> Any:
    """Make one whole picture of each frame, the same number of them at the same times.

    Also of frames that claim to be whole: this is asked for where claims are wrong. The time base
    is then half of what it was.
    """
    return stream.filter("bwdif", mode="send_frame", deint="all")


def tonemap(stream: Any, info: VideoInfo, image_format: str) -> Any:
    """Bring HDR pictures into the colours and the range of brightness of BT.709, in 8 bits.

    Up to some grey level brightness stays, above it highlights are bent towards white (FFmpeg's
    filter tonemap, the Möbius curve). What frames do not say of themselves is taken from BT.2100.
    """
    stream = stream.filter(
        "setparams",
        color_trc=info.color_transfer,
        color_primaries=info.color_primaries or "bt2020",
        colorspace=info.color_matrix or "bt2020nc",
    )
    # agamma=0: the system gamma of HLG is for the luminance, and not for each primary by itself.
    stream = stream.filter("zscale", transfer="linear", npl=_WHITE_NITS, agamma=0)
    stream = stream.filter("format", "gbrpf32le").filter("zscale", primaries="bt709")
    peak = f"{_PEAK_NITS / _WHITE_NITS:.4f}"
    stream = stream.filter("tonemap", "mobius", desat=0, peak=peak)
    # Readers of JPEG files expect the matrix of BT.601 in them, as JFIF says.
    matrix, pixels = {"jpg": ("470bg", "yuv420p"), "png": ("gbr", "gbrp")}[image_format]
    stream = stream.filter("zscale", transfer="bt709", matrix=matrix, range="full")
    return stream.filter("format", pixels)
