"""The clock of a task: when each of its frames was filmed, and where its footage breaks.

CVAT moves boxes by the number of the frame; things move in time. This is the time.
"""

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..dataset.frame_table import Fate, FrameTable, Reason
from ..dataset.records import Break
from ..settings.stages import BreakSettings

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TaskClock:
    """What is known of the n frames of a task, in the task's order.

    ``frame_indices``: int64, shape (n,), the frame's index in its video, -1 where none matched.
    ``seconds``: float64, shape (n,), presentation time, NaN unknown. ``moving_seconds``: float64,
    shape (n,), the time in which something may have moved: it stands still over frames that dedupe
    found unchanged, NaN where none matched. ``is_step_unknown``: bool, shape (n,): between the
    last matched frame and this one the clock is unknown or runs backwards, and the video's usual
    step stands in.

    ``breaks`` are those that end runs, in order; ``break_places``: int64, shape (breaks,): the
    break lies between the task's frame with this number and the next. ``deleted`` are numbers of
    the task's frames; ``jobs`` (job id, first frame, last frame), by first frame; ``matched`` how
    many frames were matched.
    """

    frame_indices: Ints
    seconds: Floats
    moving_seconds: Floats
    is_step_unknown: npt.NDArray[np.bool_]
    breaks: tuple[Break, ...]
    break_places: Ints
    deleted: frozenset[int]
    jobs: tuple[tuple[int, int, int], ...]
    matched: int

    def __len__(self) -> int:
        return len(self.frame_indices)

    def open_breaks(self) -> dict[tuple[int, int], tuple[str, ...]]:
        """Return the breaks inside a job: by its id and the frame before them, their kinds."""
        firsts = [first for _, first, _ in self.jobs]
        found: dict[tuple[int, int], tuple[str, ...]] = {}
        for one, place in zip(self.breaks, self.break_places.tolist(), strict=True):
            # Jobs may overlap: of those that hold the frame, the last one reaches furthest.
            number = bisect.bisect_right(firsts, place) - 1
            if number >= 0 and place < self.jobs[number][2]:
                key = (self.jobs[number][0], place)
                found[key] = (*found.get(key, ()), one.kind)
        return found


def clock_of(
    frames: FrameTable,
    breaks: Iterable[Break],
    settings: BreakSettings,
    task_frame_indices: Sequence[int] | Ints,
    deleted: Iterable[int] = (),
    jobs: Iterable[tuple[int, int, int]] = (),
) -> TaskClock:
    """Return the clock of a task that shows frames of one video.

    Args:
        frames: the frames of the video.
        breaks: those of the video.
        settings: which kinds of break end a run.
        task_frame_indices: for each frame of the task its index in the video, -1 for none.
        deleted: numbers of the task's frames that are deleted.
        jobs: (job id, first frame, last frame) of the task's jobs.
    """
    indices = np.array(task_frame_indices, np.int64).reshape(-1)
    indices[(indices < 0) | (indices >= len(frames))] = -1
    known = np.flatnonzero(indices >= 0)
    moving, unknown_steps = _moving_clock(frames)
    seconds, moving_seconds = (np.full(len(indices), np.nan) for _ in range(2))
    seconds[known] = frames.time_seconds[indices[known]]
    moving_seconds[known] = moving[indices[known]]
    is_step_unknown = np.zeros(len(indices), np.bool_)
    # A task may show the frames in another order than the video: no clock counts that way.
    is_step_unknown[known[1:]] = (np.diff(unknown_steps[indices[known]]) > 0) | (
        np.diff(indices[known]) < 0
    )
    enders = [one for one in breaks if one.kind in settings.run_enders]
    behind = [_first_behind(one, frames, settings) for one in enders]
    placed = _placed(zip(enders, behind, strict=True), indices, known)
    return TaskClock(
        frame_indices=indices,
        seconds=seconds,
        moving_seconds=moving_seconds,
        is_step_unknown=is_step_unknown,
        breaks=tuple(one for _, one in placed),
        break_places=np.array([place for place, _ in placed], np.int64),
        deleted=frozenset(int(frame) for frame in deleted),
        jobs=tuple(sorted(jobs, key=lambda job: job[1:])),
        matched=len(known),
    )


def _moving_clock(frames: FrameTable) -> tuple[Floats, Ints]:
    """Return the moving clock of a video and how many steps up to each frame are unknown.

    Both have shape (frames_decoded,). The frame after a still stretch is one step later than the
    last frame of that stretch, which is no later than the frame before it.
    """
    if len(frames) == 0:
        return np.zeros(0), np.zeros(0, np.int64)
    steps = np.diff(frames.time_seconds)
    is_unknown = ~(steps >= 0)  # NaN too
    forward = steps[steps > 0]
    steps = np.where(is_unknown, np.median(forward) if len(forward) else 0.0, steps)
    # Nothing moved up to a still frame, whatever its clock says.
    is_still = (frames.fate == Fate.DUPLICATE) & (frames.reason == Reason.STILL)
    steps[is_still[1:]] = 0.0
    return (
        np.concatenate([[0.0], np.cumsum(steps)]),
        np.concatenate([[0], np.cumsum(is_unknown & ~is_still[1:])]).astype(np.int64),
    )


def _first_behind(one: Break, frames: FrameTable, settings: BreakSettings) -> int:
    """Return the index of the first frame of the video behind a break.

    A task of the video itself shows the frames that the dataset leaves out, so there the break
    lies somewhere between the two kept frames that the record names.
    """
    if one.kind == "cut":
        is_cut = frames.cut_score[one.after + 1 : one.before + 1] > settings.cut_score
        if is_cut.any():
            return one.after + 1 + int(is_cut.argmax())
    if one.kind == "timeline":
        steps = np.abs(np.diff(frames.time_seconds[one.after : one.before + 1]))
        if not np.isnan(steps).all():
            return one.after + 1 + int(np.nanargmax(steps))
    return one.before


def _placed(
    breaks: Iterable[tuple[Break, int]], indices: Ints, known: Ints
) -> list[tuple[int, Break]]:
    """Return the breaks that lie between two frames of the task, each with the frame before it.

    Args:
        breaks: each with the index of the first frame of the video behind it.
        indices: the indices of the task's frames.
        known: which of these are matched.
    """
    order = known[np.argsort(indices[known], kind="stable")]
    shown = indices[order]
    placed = []
    for one, behind in breaks:
        first_behind = int(np.searchsorted(shown, behind))
        if not 0 < first_behind < len(shown):
            continue  # before the first frame of the task or behind its last
        between = first_behind - int(np.searchsorted(shown, one.after, side="right"))
        if one.kind == "missing" and one.frames and between >= one.frames:
            continue  # a task of the video itself shows the frames that the dataset lacks
        placed.append((int(order[first_behind - 1]), one))
    return sorted(placed, key=lambda pair: pair[0])
