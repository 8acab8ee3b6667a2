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


def thread_options(info: VideoInfo) -> dict[str, Any]:
    """Return the input options of ffmpeg with which threads do not change the pictures.

    Slice threads work on one frame together, so that none of them is ahead. A decoder that has no
    such threads then decodes with one.
    """
    return {"thread_type": "slice"} if info.codec in RACING else {}
