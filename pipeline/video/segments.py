"""Cut a long video at keyframes into segments that are decoded each for itself, and prove them.

Seeking is not to be trusted: in some containers it ends up elsewhere, and in some streams what
follows a keyframe still needs what came before it. So a segment has to deliver exactly the frames
that the packets promise, without damage; and it decodes some frames past its
end, which the next segment must show bit by bit the same.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..dataset.frame_table import MISSING_PTS
from ..dataset.packet_index import PacketIndex
from ..dataset.records import VideoInfo

BORDER_FRAMES = 16
"""How many frames two neighbours both decode; more than a decoder reads ahead."""

UNPROVEN = "a part of it, decoded alone, is not what it is in the whole"
"""Why a video is decoded in one piece after all. The same words whichever part it was."""

_PREROLL_SECONDS = {"mpegts": 1, "mpeg": 1}
"""Containers without an index: a seek ends up near the place, which must not be behind it."""

_LOOK_BACK_SECONDS = 1
"""So much earlier decoding begins where the frames before the first one matter."""


@dataclass(frozen=True)
class Segment:
    """A part of a video: ``frames`` of them from index ``first`` on.

    ``border`` more are decoded, to be compared. ``start_pts`` is the timestamp of the first, in
    time-base units, ``seek_seconds`` where decoding begins, there or before it; both are ``None``
    for the first segment.
    """

    number: int
    first: int
    frames: int
    border: int
    start_pts: int | None
    seek_seconds: Fraction | None


@dataclass(frozen=True, eq=False)
class SegmentPlan:
    """What a segment has to deliver.

    ``pts``: int64, the timestamps of its frames and of those of its border. ``wanted``: int64, the
    frames that are asked for, ascending and counted from its first one; all of them if absent.
    """

    pts: npt.NDArray[np.int64]
    wanted: npt.NDArray[np.int64] | None


class UnprovenSegmentError(Exception):
    """A segment does not hold what it should; the message says what is wrong with it."""


@dataclass(frozen=True)
class Cutting:
    """How a video is cut. Without segments it is one piece; ``hindrance`` says why, if it is long.

    ``pts``: int64, shape (frames,), the timestamps that the packets promise, ascending.
    """

    segments: tuple[Segment, ...]
    pts: npt.NDArray[np.int64]
    hindrance: str | None = None


def cut(packets: PacketIndex, info: VideoInfo, length: int, *, looks_back: bool = False) -> Cutting:
    """Cut a video at the first keyframe after every ``length`` frames; the last one may be longer.

    Where depends on the packets alone. A keyframe will do where all packets before it in the file
    are shown before it.

    Args:
        packets: of the whole video.
        info: its header.
        length: frames a segment at least.
        looks_back: whether the picture of a frame depends on the frames before it.
    """
    pts = np.sort(packets.shown_pts)
    if len(pts) < 2 * length:
        return Cutting((), pts)
    if not packets.complete:
        return Cutting((), pts, "its packets cannot be counted to the end")
    if pts[0] == MISSING_PTS or (np.diff(pts) == 0).any():
        return Cutting((), pts, "its packets have no timestamps of their own")
    is_first_shown = packets.pts == np.maximum.accumulate(packets.pts)
    is_clean = packets.is_key & ~packets.is_discarded & is_first_shown
    starts = [0]
    for index in np.searchsorted(pts, np.sort(packets.pts[is_clean])).tolist():
        if index - starts[-1] >= length and len(pts) - index >= length:
            starts.append(index)
    if len(starts) == 1:
        return Cutting((), pts, "it has no keyframe at which it could be cut")
    ends = [*starts[1:], len(pts)]
    time_base = Fraction(info.time_base)
    preroll = max(_PREROLL_SECONDS.get(info.container, 0), _LOOK_BACK_SECONDS * looks_back)
    segments = tuple(
        Segment(
            number=number,
            first=first,
            frames=end - first,
            border=min(BORDER_FRAMES, len(pts) - end),
            start_pts=int(pts[first]) if number else None,
            seek_seconds=int(pts[first]) * time_base - preroll if number else None,
        )
        for number, (first, end) in enumerate(zip(starts, ends, strict=True))
    )
    return Cutting(segments, pts)


def refuse_unproven(
    segment: Segment,
    promised_pts: npt.NDArray[np.int64],
    pts: npt.NDArray[np.int64],
    is_changed: bool,
) -> None:
    """Hold what a segment delivered against what the packets promise.

    Args:
        segment: which one.
        promised_pts: int64, of its frames and those of its border.
        pts: the same, as decoded.
        is_changed: whether the stream changed its size, format or colours in it.

    Raises:
        UnprovenSegmentError: something else was delivered.
    """
    where = _where(segment)
    if len(pts) != len(promised_pts):
        raise UnprovenSegmentError(f"{where} are {len(pts)} where {len(promised_pts)} should be")
    if not np.array_equal(pts, promised_pts):
        raise UnprovenSegmentError(f"{where} have other timestamps than their packets")
    if is_changed:
        raise UnprovenSegmentError(f"{where} change their size or format")


def refuse_damaged(segment: Segment, damage: str | None) -> None:
    """Refuse a segment of which a part is broken, perhaps for want of what came before it.

    Raises:
        UnprovenSegmentError: ``damage`` says what of it.
    """
    if damage is not None:
        raise UnprovenSegmentError(f"{_where(segment)} are damaged ({damage})")


def refuse_unlike(segment: Segment, ends: tuple[str, ...], begins: tuple[str, ...]) -> None:
    """Hold the frames past the end of a segment against the first of the next one.

    Args:
        segment: the first of the two.
        ends: size, format and checksum of each frame that it decoded past its end.
        begins: the same of the first frames of the next one.

    Raises:
        UnprovenSegmentError: they differ.
    """
    if ends != begins[: len(ends)] or len(ends) != segment.border:
        end = segment.first + segment.frames
        raise UnprovenSegmentError(f"frames from {end} on look otherwise when decoded from there")


def _where(segment: Segment) -> str:
    return f"frames {segment.first} to {segment.first + segment.frames - 1}, decoded alone,"
