"""Breaks: where the step between two neighbouring kept frames is not the usual one.

CVAT numbers the frames of a task 0…n−1 and moves boxes linearly in that number. Where footage is
missing between two frames, time jumps or the scene changes, such a box is wrong.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ..settings.stages import BREAK_KINDS, BreakSettings
from .clock import usual_step
from .frame_table import MISSING_PTS, Fate, FrameTable, Reason
from .records import Break, Notice

Flags = npt.NDArray[np.bool_]


def find_breaks(
    frames: FrameTable, notices: Iterable[Notice], settings: BreakSettings
) -> tuple[Break, ...]:
    """Return all breaks, in the order of the frames; a place may have several kinds.

    Report, upload and audit find them anew, each by the settings that it is given. ``video.json``
    keeps those of the command that last decided on the fate of a frame, for other programs.

    Args:
        frames: the frames of a video.
        notices: what was noticed while decoding; places of damage and of other sizes are used.
        settings: thresholds.
    """
    kept = np.flatnonzero(frames.fate == Fate.KEPT)
    if len(kept) < 2:
        return ()
    notices = list(notices)
    # For each kind: a flag a frame, true where something lies between it and the frame before.
    still = (frames.fate == Fate.DUPLICATE) & (frames.reason == Reason.STILL)
    missing = (frames.fate == Fate.REJECTED) | (
        (frames.fate == Fate.DUPLICATE) & (frames.reason != Reason.STILL)
    )
    flags = {
        "still": still,
        "missing": missing,
        "timeline": _jumps(frames, settings.step_factor),
        "cut": frames.cut_score > settings.cut_score,
        "damage": _places(len(frames), notices, "damage"),
        "size": _places(len(frames), notices, "size-change"),
    }
    pairs = {kind: _between(kept, flags[kind]) for kind in BREAK_KINDS}
    seconds = np.diff(frames.time_seconds[kept])
    return tuple(
        Break(
            kind=kind,
            after=int(kept[place]),
            before=int(kept[place + 1]),
            frames=int(kept[place + 1] - kept[place] - 1),
            seconds=None if np.isnan(seconds[place]) else round(float(seconds[place]), 6),
        )
        for place in np.flatnonzero(np.logical_or.reduce(list(pairs.values())))
        for kind in BREAK_KINDS
        if pairs[kind][place]
    )


def find_runs(
    frames: FrameTable, breaks: Sequence[Break], settings: BreakSettings
) -> tuple[tuple[int, int], ...]:
    """Return the first and last frame index of each stretch of kept frames without a break.

    Only breaks of the kinds in ``settings.ends_run`` end a run.
    """
    kept = np.flatnonzero(frames.fate == Fate.KEPT)
    if len(kept) == 0:
        return ()
    enders = [b for b in breaks if b.kind in settings.run_enders]
    firsts = sorted({int(kept[0]), *(b.before for b in enders)})
    lasts = sorted({int(kept[-1]), *(b.after for b in enders)})
    return tuple(zip(firsts, lasts, strict=True))


def _jumps(frames: FrameTable, step_factor: float) -> Flags:
    """Return where the clock of the selected frames jumps: one flag a frame.

    A step is a jump if it is larger than ``step_factor`` times the usual one *and* more than a
    frame longer, or runs backwards.
    """
    jumps = np.zeros(len(frames), dtype=np.bool_)
    known = frames.pts != MISSING_PTS
    selected = np.flatnonzero(known & (frames.fate != Fate.SAMPLED_OUT))
    usual_frame = usual_step(frames.pts[known])
    usual = usual_step(frames.pts[selected])
    if usual is None or usual_frame is None:
        return jumps
    steps = np.diff(frames.pts[selected])
    # Timestamps are rounded, two of them by up to a unit: a step of just two frames is no jump.
    too_long = (steps > step_factor * usual) & (steps > usual + usual_frame + 1)
    jumps[selected[1:][too_long | (steps < 0)]] = True
    return jumps


def _places(frame_count: int, notices: Iterable[Notice], kind: str) -> Flags:
    flags = np.zeros(frame_count, dtype=np.bool_)
    frames = [n.frame for n in notices if n.kind == kind and n.frame is not None]
    flags[[frame for frame in frames if frame < frame_count]] = True  # it may be behind the last
    return flags


def _between(kept: npt.NDArray[np.int64], flags: Flags) -> Flags:
    """Return for each two neighbouring kept frames whether a flag lies after the first of them."""
    total = np.cumsum(flags)
    return np.asarray(total[kept[1:]] > total[kept[:-1]])
