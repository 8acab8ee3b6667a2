"""A task that was exported: which frames it shows, as far as the dataset tells."""

from pathlib import Path

from ..cvat.annotations import TaskFrames
from ..cvat.journal import Journal, TaskEntry
from ..dataset.store import Dataset
from ..tracks.xml import XmlAnnotations
from .match import Matcher


def task_of(
    export: XmlAnnotations, store: Dataset, matcher: Matcher
) -> tuple[TaskFrames, tuple[tuple[int, int, int], ...]]:
    """Return the frames and the jobs of the task that was exported, as far as the dataset tells."""
    for upload in Journal(store.path).uploads:
        for entry in upload.tasks:
            if entry.video in matcher.records and _is_export_of(export, entry):
                names = matcher.kept_names(entry.video, entry.first_frame, entry.last_frame)
                number, size = entry.task_id or 0, entry.frames_sent
                task = TaskFrames(number, entry.name, size, False, names, 0, 1, ())
                return task, entry.jobs or export.jobs
    return _unknown_task(export, matcher), export.jobs


def _is_export_of(export: XmlAnnotations, entry: TaskEntry) -> bool:
    """Whether an export is of a task that was uploaded, or of one of its jobs."""
    if export.is_job:
        return not set(entry.jobs).isdisjoint(export.jobs)
    is_named_so = (entry.task_id, entry.name) == (export.task_id, export.task_name)
    return is_named_so and entry.frames_sent in {export.size, len(export.images)}


def _unknown_task(export: XmlAnnotations, matcher: Matcher) -> TaskFrames:
    """Return the frames of an exported task that the dataset knows by their names at most."""
    name = export.task_name or ""
    if export.images:
        names = tuple(image.name for image in sorted(export.images, key=lambda each: each.frame))
        return TaskFrames(export.task_id or 0, name, len(names), False, names, 0, 1, ())
    size = export.size or 0
    if size == 0:
        frames = [int(track.frames[-1]) for track in export.tracks]
        size = max(frames, default=-1) + 1
    if name in matcher.records:
        names = matcher.kept_names(name)
        if len(names) == size:
            return TaskFrames(export.task_id or 0, name, size, False, names, 0, 1, ())
    videos = [r.source.name for r in matcher.records.values()]
    source = next((each for each in videos if name in {each, Path(each).name, Path(each).stem}), "")
    start, step = export.start_frame, export.frame_step
    return TaskFrames(export.task_id or 0, name, size, True, (source or name,), start, step, ())
