"""Why ``--retime`` leaves a finding as it is."""

import numpy as np

from ...tracks.clock import TaskClock

REASONS = {
    "shape-collapses": "the outline has to be drawn anew by hand",
    "jump": "only who sees the footage knows where the object is on that frame",
    "double": "it adds keyframes alone; --join makes one track of two that are alike",
    "empty-shape": "the shape has to be drawn anew by hand",
    "outside-image": "only who sees the footage knows where the object is",
    "never-ends": "only who sees the footage knows where the object leaves",
    "single-keyframe": "only who sees the footage knows where the object moves or leaves",
    "deleted-keyframe": "CVAT shows nothing on a deleted frame; it may yet be restored",
    "long-span": "nothing but the footage tells where the object is between the keyframes",
}
"""By kind; of the others see `why_across`, or that they are mended."""


def why_across(clock: TaskClock, a: int, b: int, max_stall_seconds: float) -> str:
    """Return why nothing is set across the breaks between two frames of a task."""
    first, behind = np.searchsorted(clock.break_places, [a, b])
    inside = clock.breaks[first:behind]
    for one in inside:
        if one.kind not in {"timeline", "missing"}:
            return f"nobody knows where the object is across a break ({one.kind})"
        if one.seconds is not None and one.seconds > max_stall_seconds:
            return (
                f"the clock jumps by {one.seconds:.1f} s there; --max-stall-seconds lets "
                f"{max_stall_seconds:g} s be followed"
            )
        if one.seconds is None or one.seconds < 0:
            return "the clock is unknown there, or runs backwards"
    return "the box is where the clock has it, as far as that tells"
