"""The tracks of one task: planned, held against what is there, put, and proven."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ...base.errors import (
    CvatError,
    InputError,
    InterruptedRunError,
    UnprovenError,
    printable,
)
from ...base.words import count, plural
from ...cvat.annotations import CvatAnnotations
from ...cvat.jobs import TRACK_WORK, portions
from ...cvat.journal import TaskEntry
from ...dataset.box_table import BoxTable
from ...dataset.breaks import find_breaks
from ...dataset.frame_table import FrameTable
from ...dataset.records import VideoRecord
from ...dataset.saved_annotations import keep
from ...settings.cvat import AnnotateSettings
from ...settings.stages import BreakSettings
from ...tracks.clock import clock_of
from ...tracks.model import Track, tracks_from_api
from ...tracks.pieces import TaskView
from .plan import PlannedTrack, TaskPlan, plan_task
from .prepared import Pieces, PreparedTask
from .result import AnnotatedTask
from .twins import remove_twins

_ROUNDING_PX = 0.02


@dataclass(frozen=True)
class Preparer:
    """Reads tasks of videos and plans their tracks."""

    server: CvatAnnotations
    settings: AnnotateSettings
    breaks: BreakSettings

    def prepare(
        self, entry: TaskEntry, record: VideoRecord, frames: FrameTable, boxes: BoxTable
    ) -> PreparedTask:
        """Return a task with its tracks; nothing is changed.

        Args:
            entry: of the task, which is complete.
            record: of its video.
            frames: of its video.
            boxes: of its video, in pixels of the images.

        Raises:
            UsageError: boxes are on frames that the video has not.
            InputError: the task is gone, or shows other images.
            CvatError: the server does not answer.
        """
        assert entry.task_id is not None  # noqa: S101 - it is complete
        task = self._view(entry.task_id, record, frames)
        plan = plan_task(boxes, task, self.settings.max_error_px)
        pieces = {job_id: _pieces(plan, start, stop) for job_id, start, stop in task.clock.jobs}
        prepared = PreparedTask(
            entry=entry,
            names=boxes.label_names,
            plan=plan,
            labels=self.server.label_types(entry.task_id),
            pieces=pieces,
            lacking={},
            is_occupied=False,
            has_others=False,
            twins=(),
            url=f"{self.server.host}/tasks/{entry.task_id}",
        )
        lacking, twins = {}, []
        has_others = is_partial = False
        there = self.server.places_of_jobs([*pieces])
        for (job_id, own), given in zip(pieces.items(), there, strict=True):
            missing, too_many = _compared(prepared, own, given)
            if missing:
                lacking[job_id] = missing
            if too_many:
                twins.append(job_id)
            others = len(given["tracks"]) > len(own) - len(missing) + too_many
            has_others |= bool(given["tags"] or given["shapes"] or others)
            is_partial |= 0 < len(missing) < len(own) and not _is_cut_off(own, missing)
        return replace(
            prepared,
            lacking=lacking,
            has_others=has_others,
            is_occupied=has_others or is_partial,
            twins=tuple(twins),
        )

    def _view(self, task_id: int, record: VideoRecord, frames: FrameTable) -> TaskView:
        task = self.server.task(task_id)
        if task is None:
            raise InputError(
                f"task {task_id}: it is gone from CVAT. 'prep upload --cvat' makes it anew."
            )
        numbers = [record.images.number_of(PurePosixPath(name).name) for name in task.names]
        if all(number is None for number in numbers):
            raise InputError(
                f"task {task_id}: its images are not those of video '{printable(record.id)}'. "
                "'prep status --cvat' says more."
            )
        clock = clock_of(
            frames,
            find_breaks(frames, record.warnings, self.breaks),
            self.breaks,
            [-1 if number is None else number for number in numbers],
            task.deleted,
            tuple((job.id, job.start, job.stop) for job in self.server.jobs(task_id)),
        )
        return TaskView(clock)


def put(
    server: CvatAnnotations, task: PreparedTask, folder: Path, *, replace_all: bool
) -> AnnotatedTask:
    """Put the tracks that a task lacks, and prove it by reading all back.

    Args:
        server: where it is.
        task: just prepared.
        folder: where what is replaced is saved.
        replace_all: put them in place of all annotations that are there.

    Raises:
        DatasetError: what is there cannot be saved.
        CvatError: the server does not answer; `UnprovenError` where it shows something else.
    """
    task_id = task.entry.task_id
    assert task_id is not None  # noqa: S101 - it is complete
    is_replacing = replace_all and task.has_others
    sent = task.pieces if is_replacing else task.lacking
    saved = _save(server, task_id, folder) if is_replacing else None
    unproven = set()
    removed = 0
    try:
        for job_id, pieces in sent.items():
            _put_job(server, task, job_id, pieces, is_replacing)
        for job_id, there in zip(sent, server.places_of_jobs([*sent]), strict=True):
            missing, too_many = _compared(task, task.pieces[job_id], there)
            unproven |= {place for place, _ in missing}
            if too_many:
                removed += remove_twins_of(server, task, [job_id])
        if not is_replacing:
            removed += remove_twins_of(server, task, [e for e in task.twins if e not in sent])
    except (CvatError, InterruptedRunError) as error:
        raise error.with_more(
            "Some of its jobs may be done; the same command goes on with the others."
            + (f" What was there before is in {printable(saved)}." if saved else "")
        ) from error
    count_sent = len(task.plan.tracks) if is_replacing else task.tracks_lacking
    if unproven:
        raise UnprovenError(
            task_id,
            [
                f"task {task_id}: {len(unproven):,} of {count(count_sent, 'track')} cannot be "
                "read back as sent",
                *([f"what was there before is in {printable(saved)}"] if saved else []),
            ],
        )
    return task.outcome("annotated", count_sent, saved=saved, message=told_of_twins(removed))


def _put_job(
    server: CvatAnnotations, task: PreparedTask, job_id: int, pieces: Pieces, is_replacing: bool
) -> None:
    """Put what a job is to have."""
    all_of_it = task.pieces[job_id]

    def left(there: Mapping[str, Any]) -> int:
        return len(_compared(task, all_of_it, there)[0])

    put_tracks = server.put_tracks if is_replacing else server.add_tracks
    put_tracks(job_id, [_to_api(task, track) for _, track in pieces], left)


def remove_twins_of(server: CvatAnnotations, task: PreparedTask, job_ids: Sequence[int]) -> int:
    """Remove tracks that jobs have twice, and return how many.

    Raises:
        CvatError: the server does not answer.
    """
    return sum(
        remove_twins(server, job_id, [_to_api(task, piece) for _, piece in task.pieces[job_id]])
        for job_id in job_ids
    )


def told_of_twins(removed: int) -> str:
    """Return what there is to say of them."""
    return (
        f"{removed:,} {plural(removed, 'track was', 'tracks were')} there twice, put by two runs "
        "at the same time; one of each was removed."
    ) * (removed > 0)


def _pieces(plan: TaskPlan, start: int, stop: int) -> Pieces:
    """Return what a job shows of planned tracks, by their places in the plan."""
    found = ((place, track.inside(start, stop)) for place, track in enumerate(plan.tracks))
    return [(place, piece) for place, piece in found if piece is not None]


def _save(server: CvatAnnotations, task_id: int, folder: Path) -> Path | None:
    """Save all annotations of a task, if there are any."""
    there = server.named.read(task_id)
    if not there:
        return None
    return keep(there, folder, f"cvat-annotations-{task_id}", "The task stays as it is. ")[0]


def _to_api(task: PreparedTask, track: PlannedTrack) -> dict[str, Any]:
    """Return a track as CVAT's API takes it; CVAT itself fills in attributes."""
    frames, outside = track.frames.tolist(), track.is_outside.tolist()
    keyframes = zip(frames, track.corners.tolist(), outside, strict=True)
    return {
        "frame": frames[0],
        "label_id": task.labels[task.label_of(track)][0],
        "group": 0,
        "source": "auto",
        "attributes": [],
        "elements": [],
        "shapes": [
            {
                "type": "rectangle",
                "frame": frame,
                "points": corners,
                "outside": is_outside,
                "occluded": False,
                "z_order": 0,
                "rotation": 0.0,
                "attributes": [],
            }
            for frame, corners, is_outside in keyframes
        ],
    }


def _compared(task: PreparedTask, pieces: Pieces, given: Mapping[str, Any]) -> tuple[Pieces, int]:
    """Return the pieces that are not among the annotations of a job, and how many are too many.

    One that has more keyframes by now is there all the same.
    """
    names = {label_id: name for name, (label_id, _) in task.labels.items()}
    there: dict[tuple[str, int], list[Track]] = defaultdict(list)
    for track in tracks_from_api(given, names):
        if track.shape == "rectangle":
            there[track.label, int(track.frames[0])].append(track)
    lacking = []
    for place, planned in pieces:
        fitting = there[task.label_of(planned), int(planned.frames[0])]
        found = next((each for each in fitting if _holds(each, planned)), None)
        if found is None:
            lacking.append((place, planned))
        else:
            fitting.remove(found)
    twins = 0
    for _, planned in pieces:
        fitting = there[task.label_of(planned), int(planned.frames[0])]
        for each in [e for e in fitting if len(e) == len(planned.frames) and _holds(e, planned)]:
            fitting.remove(each)
            twins += 1
    return lacking, twins


def _is_cut_off(own: Pieces, missing: Pieces) -> bool:
    """Return whether a job lacks whole portions, as it does where a run was cut off between them.

    Somebody who removes tracks leaves others of a portion.
    """
    lacking = {place for place, _ in missing}
    return all(
        len({place in lacking for place, _ in portion}) == 1
        for portion in portions(own, lambda piece: len(piece[1].frames) + TRACK_WORK)
    )


def _holds(track: Track, planned: PlannedTrack) -> bool:
    places = np.minimum(np.searchsorted(track.frames, planned.frames), len(track) - 1)
    is_there = (track.frames[places] == planned.frames).all()
    if not is_there or (track.is_outside[places] != planned.is_outside).any():
        return False
    off = np.abs(track.values.reshape(-1, 4)[places] - planned.corners).max(axis=1)
    return bool((planned.is_outside | (off <= _ROUNDING_PX)).all() and not track.rotations.any())
