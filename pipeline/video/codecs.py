"""What was found out about the decoders of ffmpeg, one by one."""

from typing import Any

from ..dataset.records import VideoInfo

RACING = frozenset({"theora", "vp3", "vp4"})
"""Codecs whose decoder races: with frame threads, its pictures differ from run to run.

A thread begins with a frame while another one is at work on the frame before, of which it must not
take what is not there yet. FFmpeg's decoder for these three does, in 5.1 as in 9.0, in all
pixel formats. `scripts/decoder_threads.py` tries the decoders of all codecs that ffmpeg can encode;
VP3 and VP4 stand here for their decoder is that of Theora.
"""

_EXACT_IN_HARDWARE = frozenset({"h264", "hevc", "vp9"})
"""Codecs whose standard says what each bit of a picture is, so that all decoders have to agree.

Those of NVIDIA do, as was seen; but not for MPEG-4 ASP, whose standard leaves the rounding open.
"""

_FORMATS_OF_HARDWARE = frozenset({"yuv420p", "yuv420p10le"})


def is_exact_in_hardware(info: VideoInfo) -> bool:
    """Whether hardware that decodes this video gives the very images of software.

    Not where the levels are of full range: ffmpeg 5.1 forgets that on the way out of the device.
    """
    is_known = info.codec in _EXACT_IN_HARDWARE and info.pixel_format in _FORMATS_OF_HARDWARE
    return is_known and info.color_range != "pc"


def thread_options(info: VideoInfo) -> dict[str, Any]:
    """Return the input options of ffmpeg with which threads do not change the pictures.

    Slice threads work on one frame together, so that none of them is ahead. A decoder that has no
    such threads then decodes with one.
    """
    return {"thread_type": "slice"} if info.codec in RACING else {}
