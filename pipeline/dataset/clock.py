"""The clock of a video, as its frames tell it; what the header claims may be wrong or absent."""

import numpy as np
import numpy.typing as npt

from .frame_table import FrameTable


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
