"""The tiny pictures of all frames by which `pictures.cuts` finds cuts: read, and joined.

To score a frame takes those before and after it. A segment of a long video lacks those before its
first frames, so it hands on the pictures at both its ends, and the joints are scored anew: the
scores are those of the video in one piece.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.errors import DecoderDiedError, printable
from ..base.words import count
from ..pictures.cuts import HEIGHT, REACH, WIDTH, Pictures, Scores, cut_scores

_BEFORE, _BEHIND = REACH, 2 * REACH
"""Frames before and behind a joint that matter for the scores of the first ones behind it."""


def shrink(stream: Any) -> Any:
    """Return the pictures of a stream of ffmpeg-python."""
    # A mean of all pixels takes ten times as long as one of every so-many-th.
    few = stream.filter("scale", 5 * WIDTH, 5 * HEIGHT, flags="neighbor")
    return few.filter("scale", WIDTH, HEIGHT, flags="area").filter("format", "yuv444p")


def read_pictures(path: Path, pts: npt.NDArray[np.int64], source: Path) -> Pictures:
    """Return the pictures that ffmpeg wrote: uint8, shape (frames, 3, 18, 32).

    Args:
        path: the file.
        pts: int64, shape (frames,), of the frames that it told of.
        source: the video, for messages.

    Raises:
        DecoderDiedError: they are not as many as the frames.
    """
    is_empty = not path.exists() or path.stat().st_size == 0  # which cannot be mapped
    found = np.empty(0, np.uint8) if is_empty else np.memmap(path, np.uint8, mode="r")
    frames, shape = len(pts), (3, HEIGHT, WIDTH)
    if found.size != frames * np.prod(shape):
        raise DecoderDiedError(
            f"{printable(source)}: ffmpeg told of {count(frames, 'frame')}, but what it wrote to "
            "find cuts by is of another number, so what it says does not add up. Run "
            "'prep doctor'."
        )
    return found.reshape(-1, *shape)


def places_at_ends(frames: int) -> npt.NDArray[np.int32]:
    """Return which frames of a segment of so many are needed to score the joints."""
    return np.union1d(
        np.arange(min(frames, _BEHIND)), np.arange(max(0, frames - _BEFORE), frames)
    ).astype(np.int32)


def join_scores(
    firsts: Sequence[int],
    scores: Sequence[Scores],
    places: Sequence[npt.NDArray[np.int32]],
    pictures: Sequence[Pictures],
) -> Scores:
    """Return the scores of a video from those of its segments.

    Args:
        firsts: for each segment the index of its first frame.
        scores: of its frames, as far as it knows.
        places: `places_at_ends` of it.
        pictures: uint8, shape (places, 3, 18, 32), the pictures there.
    """
    joined = np.concatenate(scores)
    seen = np.concatenate([place + first for place, first in zip(places, firsts, strict=True)])
    tiny = np.concatenate(pictures)
    for first in firsts[1:]:
        begin, end = np.searchsorted(seen, [first - _BEFORE, first + _BEHIND])
        ahead = int(np.searchsorted(seen, first) - begin)
        behind = cut_scores(tiny[begin:end])[ahead : ahead + REACH]
        joined[first : first + len(behind)] = behind
    return joined
