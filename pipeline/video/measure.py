"""Measure the grey levels of a video, before its images are made of them."""

import math

from .graph import SAMPLES_FILE
from .levels import SAMPLED_FRAMES, read_levels
from .passes import VideoDecoder
from .recipe import Pass
from .segments import Segment

_BEGINNING = Segment(number=0, first=0, frames=25, border=1, start_pts=None, seek_seconds=None)


def measure_levels(decoder: VideoDecoder, frames: int, *, is_whole: bool) -> tuple[int, int]:
    """Return the grey levels between which almost all of a video is.

    Args:
        decoder: of the video.
        frames: about how many it has.
        is_whole: look at frames all over it; else at the first ones alone, which is soon done.

    Raises:
        VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
    """
    step = math.ceil(frames / SAMPLED_FRAMES) if is_whole else 1
    work = Pass(
        f"not(mod(N,{max(1, step)}))",
        blocks=None,
        writes_images=False,
        segment=None if is_whole else _BEGINNING,
        is_sample=True,
    )
    decoded = decoder.decode_again(work)
    path = decoder.folder.parents[1] / SAMPLES_FILE
    return read_levels(path, len(decoded.kept), decoder.info)
