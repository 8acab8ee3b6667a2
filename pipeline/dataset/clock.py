"""The clock of a video, as its frames tell it; what the header claims may be wrong or absent."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from .frame_table import MISSING_PTS, FrameTable
from .packet_index import PacketIndex
from .records import VideoInfo

_DATES_FROM = {"dhav": datetime(2000, 1, 1, tzinfo=UTC)}
"""Containers whose clock is that of the recorder, its local time in seconds since 1970 as if it was
UTC, and the first date that they can hold."""


def usual_step(times: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> float | None:
    """Return the median of the steps forward between neighbours; ``None`` where there is none."""
    forward = (steps := np.diff(times))[steps > 0]
    return float(np.median(forward)) if len(forward) else None


def duration_seconds(frames: FrameTable) -> float | None:
    """Return how long a video is, from its first frame to the end of its last one.

    The last frame, frames without a time at either end, and steps backwards, as where files were
    joined, count as one usual step. ``None`` where the frames have no clock.
    """
    known = np.flatnonzero(~np.isnan(frames.time_seconds))
    times = frames.time_seconds[known]
    step = usual_step(frames.time_seconds)  # of frames that both have a time
    if step is None:
        return None
    steps = np.diff(times)
    at_ends = len(frames) - (int(known[-1]) - int(known[0]))
    return round(float(np.where(steps < 0, step, steps).sum()) + at_ends * step, 3)


def start_seconds(info: VideoInfo, packets: PacketIndex, frames: FrameTable) -> float | None:
    """Return the time of the first frame on the clock of the stream.

    ``None`` where the file does not hold it.
    """
    first = float(frames.time_seconds[0])
    is_unknown = np.isnan(first) or made_up(info, packets, frames.pts)[0]
    return None if is_unknown else first


def start_date(info: VideoInfo, start_seconds: float | None) -> str | None:
    """Return that time as a date (ISO 8601) where the clock of the stream is one, else ``None``.

    It has no zone, for what recorders write is their local time.
    """
    if start_seconds is None or info.container not in _DATES_FROM:
        return None
    date = datetime.fromtimestamp(start_seconds, UTC)
    return None if date < _DATES_FROM[info.container] else date.replace(tzinfo=None).isoformat()


def made_up(
    info: VideoInfo, packets: PacketIndex, pts: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return whose timestamps the file does not hold: one flag a frame, False for ``MISSING_PTS``.

    Where packets have none, ffmpeg counts on from the frame before, at a rate that it guesses.

    Args:
        info: the header of the video.
        packets: its packets.
        pts: int64, shape (frames,), the timestamps that ffmpeg tells, in display order.
    """
    is_known = packets.shown_pts != MISSING_PTS
    has_time = np.asarray(pts != MISSING_PTS)
    if info.holds_timestamps is False or not is_known.any():
        return has_time
    if is_known.all():
        return np.zeros(len(pts), dtype=np.bool_)
    # Each timestamp of a packet belongs to one frame: where ffmpeg has made up the same one for
    # another frame, to that which is nearer to the place of the packet.
    places = np.flatnonzero(is_known)
    order = np.argsort(packets.shown_pts[places], kind="stable")
    held = packets.shown_pts[places][order]
    first = np.searchsorted(held, pts, "left")
    times_held = np.searchsorted(held, pts, "right") - first
    place = places[order][np.minimum(first, len(held) - 1)]
    by_distance = np.lexsort((np.abs(np.arange(len(pts)) - place), pts))
    sorted_pts = pts[by_distance]
    rank = np.arange(len(pts)) - np.searchsorted(sorted_pts, sorted_pts, "left")
    is_held = np.empty(len(pts), dtype=np.bool_)
    is_held[by_distance] = rank < times_held[by_distance]
    return np.asarray(has_time & ~is_held)


def without_contradictions(
    info: VideoInfo, packets: PacketIndex, pts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the timestamps, ``MISSING_PTS`` for the made-up ones that overtake a true one.

    Args:
        info: the header of the video.
        packets: its packets.
        pts: int64, shape (frames,), the timestamps that ffmpeg tells, in display order.
    """
    flags = made_up(info, packets, pts)
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    honest = pts.copy()
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if end < len(pts) and pts[end - 1] >= pts[end] != MISSING_PTS:
            honest[first:end] = MISSING_PTS
    return honest
