"""Which frames to keep: by range, every Nth, at a rate, or keyframes.

A choice is an expression that ffmpeg evaluates for each frame while decoding, over ``N`` (the
frame index) and ``PTS`` (its timestamp in time-base units), see FFmpeg's setpts filter. Where the
first frame stands on the clock of the stream is known only once it is decoded, and the nearest
frame to an instant only once the next one is. So times and rates are planned on the timestamps of
the packets, and checked against those of the decoded frames.
"""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..dataset.frame_table import MISSING_PTS
from ..settings.positions import parse_position
from ..settings.stages import ExtractSettings
from .decoder import Decoded
from .recipe import EVERYTHING
from .segments import Cutting, SegmentPlan


def plan_condition(
    settings: ExtractSettings, time_base: Fraction, packet_pts: npt.NDArray[np.int64]
) -> str:
    """Return the condition for frames to keep, before anything is decoded.

    Args:
        settings: range and sampling; keyframes are left to ffmpeg's select filter.
        time_base: seconds a timestamp unit.
        packet_pts: int64, shape (packets,), timestamps of the packets that are to be shown.
    """
    if settings.fps is None:
        in_range = _range_condition(settings, time_base, _first_pts(packet_pts))
        if settings.every is None:
            return in_range
        return f"if({in_range},st(0,ld(0)+1)*not(mod(ld(0)-1,{settings.every})),0)"
    pts = np.sort(packet_pts[packet_pts != MISSING_PTS])
    return membership("PTS", pts[choose_frames(settings, time_base, pts)])


def corrected_condition(
    settings: ExtractSettings,
    time_base: Fraction,
    packet_pts: npt.NDArray[np.int64],
    decoded: Decoded,
    pts: npt.NDArray[np.int64],
) -> str | None:
    """Return the condition for the frames that are asked for; ``None`` where the plan chose these.

    Args:
        settings: range and sampling; keyframes are left to ffmpeg's select filter.
        time_base: seconds a timestamp unit.
        packet_pts: what was planned on: int64, shape (packets,), as for `plan_condition`.
        decoded: what the plan chose.
        pts: int64, shape (frames,), timestamps in display order, ``MISSING_PTS`` for none: what is
            true of the decoded ones.
    """
    wanted = list_frames(settings, time_base, pts)
    if settings.fps is not None:
        is_right = np.array_equal(wanted, decoded.selected)
    else:
        planned = _in_range(settings, time_base, decoded.pts, _first_pts(packet_pts))
        is_right = np.array_equal(planned, _in_range(settings, time_base, pts))
    return None if is_right else exact_condition(wanted)


def exact_condition(indices: npt.NDArray[np.int64]) -> str:
    """Return the condition for exactly these frame indices (ascending)."""
    return membership("N", indices)


def membership(variable: str, values: npt.NDArray[np.int64]) -> str:
    """Return an expression that is true for ``values`` (ascending), in log(n) steps a frame."""
    stretches = np.split(values, 1 + np.flatnonzero(np.diff(values) > 1)) if len(values) else []

    def among(stretches: list[npt.NDArray[np.int64]]) -> str:
        if len(stretches) == 1:
            first, last = stretches[0][[0, -1]].tolist()
            single = first == last
            return f"eq({variable},{first})" if single else f"between({variable},{first},{last})"
        middle = len(stretches) // 2
        left, right = among(stretches[:middle]), among(stretches[middle:])
        return f"if(lt({variable},{stretches[middle][0]}),{left},{right})"

    return among(stretches) if stretches else "0"


def list_frames(
    settings: ExtractSettings, time_base: Fraction, pts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the indices of the frames that range and sampling ask for, ascending.

    Keyframes are left to ffmpeg's select filter.

    Args:
        settings: range and sampling.
        time_base: seconds a timestamp unit.
        pts: int64, shape (frames,), timestamps in display order, ``MISSING_PTS`` for none.
    """
    if settings.fps is not None:
        return choose_frames(settings, time_base, pts)
    return np.flatnonzero(_in_range(settings, time_base, pts))[:: settings.every or 1]


def plan_segments(
    settings: ExtractSettings, time_base: Fraction, cutting: Cutting
) -> Iterator[SegmentPlan]:
    """Yield what each segment of a video has to deliver.

    Args:
        settings: range and sampling.
        time_base: seconds a timestamp unit.
        cutting: the segments.
    """
    wanted = None
    if settings.selects_by_position:
        wanted = list_frames(settings, time_base, cutting.pts)
    for segment in cutting.segments:
        first, end = segment.first, segment.first + segment.frames
        its = None if wanted is None else wanted[slice(*wanted.searchsorted((first, end)))] - first
        yield SegmentPlan(cutting.pts[first : end + segment.border], its)


def choose_frames(
    settings: ExtractSettings, time_base: Fraction, pts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the indices of the frames to keep at ``settings.fps``, ascending.

    Args:
        settings: range and rate.
        time_base: seconds a timestamp unit.
        pts: int64, shape (frames,), timestamps in display order, ``MISSING_PTS`` for none.
    """
    if settings.fps is None:
        raise ValueError("no rate is set")
    candidates = np.flatnonzero(_in_range(settings, time_base, pts))
    clock = steady_clock(pts[candidates])
    return candidates[nearest_frames(clock, 1 / Fraction(settings.fps) / time_base)]


def steady_clock(pts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return timestamps that never run backwards: int64, shape as ``pts``, starting at 0.

    Where the timestamp jumps back (joined recordings) or is missing, the median step is taken.
    """
    if len(pts) == 0:
        return pts
    missing = pts == MISSING_PTS
    steps = np.diff(pts)
    unknown = missing[1:] | missing[:-1] | (steps < 0)
    forward = steps[~unknown & (steps > 0)]
    usual = int(np.median(forward)) if len(forward) else 1
    return np.concatenate(([0], np.cumsum(np.where(unknown, usual, steps)))).astype(np.int64)


def nearest_frames(clock: npt.NDArray[np.int64], interval: Fraction) -> npt.NDArray[np.int64]:
    """Return the indices of the frames nearest to 0, interval, 2·interval, … each once.

    Exact integer arithmetic: of two frames equally near, the earlier one is taken.

    Args:
        clock: int64, shape (frames,), ascending, starting at 0.
        interval: distance of the instants in units of ``clock``.
    """
    if len(clock) == 0:
        return np.empty(0, dtype=np.int64)
    # A frame is chosen if an instant lies in its cell, which ends half way to the next frame. The
    # work grows with the frames, not with the instants: a clock may jump by years.
    instants_clock, first_frame = np.unique(clock, return_index=True)
    doubled = instants_clock.astype(object) * (2 * interval.denominator)
    ends = (doubled[:-1] + doubled[1:]) // 2
    ends_in_instants = np.append(ends, doubled[-1]) // (2 * interval.numerator)
    begins_in_instants = np.concatenate(([-1], ends_in_instants[:-1]))
    return first_frame[(ends_in_instants > begins_in_instants).astype(np.bool_)]


def _first_pts(packet_pts: npt.NDArray[np.int64]) -> int:
    """Return the timestamp that the first frame should have; 0 where the packets do not say."""
    known = packet_pts[packet_pts != MISSING_PTS]
    return int(known.min()) if len(known) else 0


def _range_condition(settings: ExtractSettings, time_base: Fraction, first_pts: int) -> str:
    terms = []
    for name, unit, bound in _bounds(settings, time_base):
        variable = "N" if unit == "frame" else "PTS"
        limit = first_pts + bound if unit == "time" else bound
        terms.append(f"{'gte' if name == 'start' else 'lt'}({variable},{limit})")
    return "*".join(terms) or EVERYTHING


def _in_range(
    settings: ExtractSettings,
    time_base: Fraction,
    pts: npt.NDArray[np.int64],
    first_pts: int | None = None,
) -> npt.NDArray[np.bool_]:
    """Return which frames are in the range: one flag a frame.

    Times count on `steady_clock`; or, where ``first_pts`` is given, from there, as ffmpeg does it.
    """
    chosen = np.ones(len(pts), dtype=np.bool_)
    for name, unit, bound in _bounds(settings, time_base):
        if unit == "frame":
            values = np.arange(len(pts))
        elif unit == "time" and first_pts is None:
            values = steady_clock(pts)
        else:
            values = pts - (first_pts or 0) if unit == "time" else pts
            chosen &= pts != MISSING_PTS
        chosen &= values >= bound if name == "start" else values < bound
    return chosen


def _bounds(settings: ExtractSettings, time_base: Fraction) -> Iterator[tuple[str, str, int]]:
    """Yield which end of the range is set, in which unit, and where: a frame, or a timestamp."""
    for name in ("start", "end"):
        text = getattr(settings, name)
        if text is not None:
            position = parse_position(text)
            unit = Fraction(1) if position.unit == "frame" else time_base
            yield name, position.unit, math.ceil(position.value / unit)
