"""Which tracks a task is to have: boxes of a video, as keyframes on the frames of a task."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...dataset.box_table import BoxTable
from ...tracks.fit import corner_errors, fit_boxes, interpolated_boxes
from ...tracks.pieces import TaskView

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlannedTrack:
    """An object in a job, or in jobs that overlap: the keyframes of one track.

    ``label`` is a place in the names of the file. ``frames``: int64, shape (keyframes,), of the
    task, ascending. ``corners``: float64, shape (keyframes, 4), in pixels of the images.
    ``is_outside``: bool, shape (keyframes,).
    """

    label: int
    frames: Ints
    corners: Floats
    is_outside: npt.NDArray[np.bool_]

    def inside(self, start: int, stop: int) -> "PlannedTrack | None":
        """Return the piece in a job, ``None`` where that shows nothing of the track.

        It is what the server makes of a track that it is given for a whole task: at the job's
        borders the piece gets keyframes, at the last frame only if the box has moved.
        """
        borders = [edge for edge in (start, stop) if self._is_between(edge)]
        if stop in borders and not self._moves(stop):
            borders.remove(stop)
        is_own = (self.frames >= start) & (self.frames <= stop)
        frames = np.union1d(self.frames[is_own], np.array(borders, np.int64))
        is_outside = np.isin(frames, self.frames[self.is_outside])
        if is_outside.all():
            return None
        frames, is_outside = frames[is_outside.argmin() :], is_outside[is_outside.argmin() :]
        corners = interpolated_boxes(self.frames, self.corners, frames)
        return PlannedTrack(self.label, frames, corners, is_outside)

    def _before(self, frame: int) -> int:
        """Return the place of the last keyframe up to a frame, -1 if there is none."""
        return int(np.searchsorted(self.frames, frame, side="right")) - 1

    def _is_between(self, frame: int) -> bool:
        """Whether a frame that the track shows lies between two of its keyframes."""
        here = self._before(frame)
        is_inside = 0 <= here < len(self.frames) - 1 and self.frames[here] < frame
        return bool(is_inside and not self.is_outside[here])

    def _moves(self, frame: int) -> bool:
        """Whether the box is on its way on a frame between two keyframes."""
        here = self._before(frame)
        return bool((self.corners[here] != self.corners[here + 1]).any())


@dataclass(frozen=True, eq=False)
class TaskPlan:
    """The tracks of a task; ``boxes`` of the file lie on its frames.

    ``worst_px`` is how far the corner that is furthest off will be from where the file has it.
    ``alone``: so many boxes, of objects with several, have none on the frames before and behind.
    """

    tracks: tuple[PlannedTrack, ...]
    boxes: int
    worst_px: float
    alone: int


def plan_task(boxes: BoxTable, task: TaskView, max_error_px: float) -> TaskPlan:
    """Return the tracks of a task.

    Boxes on frames that the task does not show, or that are deleted there, have no place; all else
    is judged on the frames that it shows. A track is ended where the file has no box of the object
    on the next of these. Nothing is interpolated across a break, and no track crosses the border
    of a job, where CVAT would cut it.

    Args:
        boxes: of the video, in pixels of the images.
        task: its frames, breaks and jobs.
        max_error_px: how far a corner may be off.
    """
    places = _places(boxes.frames, task)
    rows = np.flatnonzero(places >= 0)
    cuts = np.array(sorted(task.cuts), np.int64)
    jobs = np.searchsorted(cuts, places[rows], side="right")
    keys = boxes.labels[rows], boxes.objects[rows], jobs, places[rows]
    rows = rows[np.lexsort(keys[::-1])]
    tracks = []
    worst_px, alone = 0.0, 0
    jobs = np.searchsorted(cuts, places[rows], side="right")
    owners = np.stack([boxes.labels[rows], boxes.objects[rows], jobs])
    for own in _split(rows, (np.diff(owners, axis=1) != 0).any(axis=0)):
        fitted = _Fitted(places[own], boxes.corners[own], task, max_error_px)
        worst_px = max(worst_px, fitted.worst_px)
        alone += fitted.alone
        job = int(np.searchsorted(cuts, places[own[0]], side="right"))
        next_job = int(cuts[job]) if job < len(cuts) else task.frame_count
        tracks.append(fitted.track(int(boxes.labels[own[0]]), next_job))
    return TaskPlan(tuple(tracks), len(rows), worst_px, alone)


def _places(frames: Ints, task: TaskView) -> Ints:
    """Return the number that each frame of the video has in the task, -1 where it is not shown."""
    shown = np.flatnonzero((task.clock.frame_indices >= 0) & ~task.is_deleted)
    if len(shown) == 0:
        return np.full(len(frames), -1, np.int64)
    indices = task.clock.frame_indices[shown]
    order = np.argsort(indices, kind="stable")
    found = np.minimum(np.searchsorted(indices[order], frames), len(order) - 1)
    is_there = indices[order][found] == frames
    return np.where(is_there, shown[order][found], -1).astype(np.int64)


def _split(values: Ints, is_border: npt.NDArray[np.bool_]) -> list[Ints]:
    """Return the stretches of an array that lie between borders: between a value and the next."""
    return np.split(values, np.flatnonzero(is_border) + 1) if len(values) else []


class _Fitted:
    """The boxes of one object within one job, stretch by stretch.

    A stretch ends where the object is not seen on the next frame that the task shows, and at a
    break.
    """

    def __init__(self, places: Ints, boxes: Floats, task: TaskView, max_error_px: float) -> None:
        self._task = task
        self.worst_px = 0.0
        ends = (task.shown_between(places[:-1], places[1:]) > 0) | (
            np.diff(np.searchsorted(task.clock.break_places, places)) > 0
        )
        self._keyframes: list[tuple[Ints, Floats]] = []
        stretches = _split(np.arange(len(places)), ends)
        self.alone = sum(len(each) == 1 for each in stretches) if len(places) > 1 else 0
        for stretch in stretches:
            frames, corners = fit_boxes(places[stretch], boxes[stretch], max_error_px)
            shown = interpolated_boxes(frames, corners, places[stretch])
            self.worst_px = max(self.worst_px, float(corner_errors(shown, boxes[stretch]).max()))
            self._keyframes.append((frames, corners))

    def track(self, label: int, next_job: int) -> PlannedTrack:
        """Return the track; ``next_job`` is the first frame behind the job."""
        frames: list[Ints] = []
        corners: list[Floats] = []
        gone: list[int] = []
        starts = [int(each[0][0]) for each in self._keyframes[1:]]
        for (own, boxes), start in zip(self._keyframes, [*starts, next_job], strict=True):
            frames.append(own)
            corners.append(boxes)
            behind = self._next_shown(int(own[-1]))
            if behind < start:
                gone.append(behind)
                frames.append(np.array([behind], np.int64))
                corners.append(boxes[-1:])
        joined = np.concatenate(frames)
        return PlannedTrack(label, joined, np.concatenate(corners), np.isin(joined, gone))

    def _next_shown(self, frame: int) -> int:
        """Return the next frame that the task shows, or one behind its last."""
        shown = np.flatnonzero(~self._task.is_deleted[frame + 1 :])
        return frame + 1 + int(shown[0]) if len(shown) else self._task.frame_count
