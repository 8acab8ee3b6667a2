"""Tasks with all that is drawn in them, from a server or from an export."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import InputError, printable
from ..cvat.annotations import CvatAnnotations, TaskFrames
from ..dataset.saved_annotations import KINDS
from ..dataset.store import Dataset
from ..tracks.by_job import together
from ..tracks.drawing import Drawing, drawing_from_api
from ..tracks.xml import XmlAnnotations
from ..tracks.xml_drawing import drawings_from_xml
from .exported import task_of
from .match import Match, Matcher, unmatched_clock


@dataclass(frozen=True, eq=False)
class AnnotatedTask:
    """A task with all that is drawn in it, matched with the frames of a dataset.

    ``task_id`` is ``None`` where an export does not say it. ``export_kind`` is that of the export
    that it was read from (``video`` or ``images``), ``None`` if the server itself was asked.
    ``part``: first and last frame of the job that the export is of, ``None`` if of the whole task.
    """

    task_id: int | None
    name: str
    match: Match
    drawing: Drawing
    export_kind: str | None = None
    part: tuple[int, int] | None = None


def read_task(
    server: CvatAnnotations, matcher: Matcher, task_id: int, *, may_be_gone: bool
) -> AnnotatedTask:
    """Return a task as a server has it.

    Args:
        server: where it is.
        matcher: finds its video.
        task_id: its id.
        may_be_gone: say so in the note of its match if it is no longer there.

    Raises:
        InputError: there is no such task.
        CvatError: the server does not answer.
    """
    task = server.task(task_id)
    if task is None and not may_be_gone:
        raise InputError(
            f"task {task_id}: there is none on {printable(server.host)}. The address of its page "
            "in CVAT has its number."
        )
    if task is None:
        gone = "it is gone from CVAT; 'prep upload --cvat' makes it anew."
        match = Match(None, unmatched_clock(0, (), ()), gone)
        return AnnotatedTask(task_id, f"task {task_id}", match, drawing_from_api({}, ()))
    jobs = tuple((job.id, job.start, job.stop) for job in server.jobs(task_id))
    drawing = drawing_from_api(_all_of(server, jobs), server.label_specs(task_id))
    return AnnotatedTask(task_id, task.name, matcher.match(task, jobs), drawing)


def _all_of(
    server: CvatAnnotations, jobs: Sequence[tuple[int, int, int]]
) -> dict[str, list[dict[str, Any]]]:
    """Return all annotations of a task, by its jobs, as the API has those of a task."""
    given: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for place, (job_id, _, _) in enumerate(jobs):
        for kind, ones in server.of_job(job_id).items():
            if kind in given:
                given[kind] += [{**one, "job": place, "label": one["label_id"]} for one in ones]
    return together(given, [(start, stop) for _, start, stop in jobs])


def read_export(file: Path, store: Dataset, matcher: Matcher) -> tuple[AnnotatedTask, ...]:
    """Return the tasks of an export in CVAT's XML 1.1.

    Raises:
        UsageError: the file is no such export.
        DatasetError: ``cvat.json`` cannot be read.
    """
    return tuple(
        _exported(export, drawing, store, matcher) for export, drawing in drawings_from_xml(file)
    )


def _exported(
    export: XmlAnnotations, drawing: Drawing, store: Dataset, matcher: Matcher
) -> AnnotatedTask:
    task, jobs = task_of(export, store, matcher)
    task = _of_images(export, task) if export.images else _of_tracks(export, drawing, task)
    match = matcher.match(task, jobs)
    is_part = export.is_job and export.stop_frame is not None
    part = (export.start_frame, export.stop_frame or 0) if is_part else None
    return AnnotatedTask(export.task_id, task.name, match, drawing, export.kind, part)


def _of_images(export: XmlAnnotations, task: TaskFrames) -> TaskFrames:
    """Return the frames as an export "for images" lists them: those that it lacks are deleted."""
    by_frame = {image.frame: image.name for image in export.images}
    known = 0 if export.is_job else export.size or 0  # the last ones may be deleted
    size = max(max(by_frame) + 1, known)
    sizes = {(image.width, image.height) for image in export.images}
    return replace(
        task,
        size=size,
        is_video=False,
        names=tuple(by_frame.get(frame, "") for frame in range(size)),
        deleted=tuple(frame for frame in range(size) if frame not in by_frame),
        image_size=sizes.pop() if len(sizes) == 1 else None,
    )


def _of_tracks(export: XmlAnnotations, drawing: Drawing, task: TaskFrames) -> TaskFrames:
    """Return the frames without those that an export "for video" leaves out, or is not of."""
    gone = set(drawing.unwritten)
    if export.is_job and export.stop_frame is not None:
        frames = np.arange(task.size)
        others = frames[(frames < export.start_frame) | (frames > export.stop_frame)]
        gone.update(others.tolist())
    return replace(task, deleted=tuple(sorted(f for f in gone if f < task.size)))
