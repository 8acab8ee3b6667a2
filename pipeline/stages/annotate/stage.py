"""The stage: tracks of another program into the tasks that were uploaded of a dataset."""

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import nullcontext
from pathlib import Path
from typing import TypeVar

from ...base.errors import (
    CvatError,
    ExitCode,
    InputError,
    PrepError,
    UsageError,
    printable,
)
from ...base.guard import Failure, done, failures
from ...base.words import count, listing
from ...base.work import Watch
from ...cvat.annotations import CvatAnnotations
from ...cvat.journal import Journal, TaskEntry
from ...dataset.box_table import BoxTable
from ...dataset.records import VideoRecord
from ...dataset.store import Dataset, open_dataset
from ...engines.threads import in_threads
from ...settings.cvat import AnnotateSettings
from ...settings.stages import BreakSettings
from .labels import check_labels
from .picture import in_picture
from .prepared import PreparedTask
from .result import AnnotatedTask, AnnotateResult
from .sources import find_boxes
from .task import Preparer, put, remove_twins_of, told_of_twins

R = TypeVar("R")


def annotate(
    dataset: str | os.PathLike[str],
    server: CvatAnnotations,
    tracks: str | os.PathLike[str],
    settings: AnnotateSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    project: str | None = None,
    add: bool = False,
    replace: bool = False,
    dry_run: bool = False,
    watch: Watch | None = None,
) -> AnnotateResult:
    """Bring the tracks of another program into the tasks of a dataset, with few keyframes.

    A task that has them, or others, is left alone. So many parameters, as most are optional.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        server: where it was uploaded to.
        tracks: a file, or a folder with one for each video; see `sources.find_boxes`.
        settings: how close the tracks must be, and what the file does not say.
        breaks: what is a break, and which of them end a run; the defaults if absent.
        project: the one with the tasks, by its name or id, where there are several.
        add: put them also beside other annotations.
        replace: put them in place of other annotations, which are saved into the dataset first.
        dry_run: look and count, and change nothing in CVAT.
        watch: told how it goes on.

    Raises:
        UsageError: the tracks cannot be read, are of no video, or have labels that are not there.
        DatasetError: ``cvat.json`` cannot be read, or another prep is writing into the dataset.
        CvatError: the server does not answer.
    """
    settings, watch = settings or AnnotateSettings(), watch or Watch()
    store = open_dataset(dataset)
    server = server.where_uploaded(Journal(store.path))
    if not dry_run:
        server.refuse_read_only()
    records = store.read_records()
    boxes, warnings = _in_pictures(Path(tracks), records, settings)
    entries = _entries(store, server, project, boxes.keys())
    uploaded = {entry.video for entry in entries}
    warnings += _left_out(boxes, uploaded)
    tables = {video: each for video, each in boxes.items() if isinstance(each, BoxTable)}
    preparer = Preparer(server, settings, breaks or BreakSettings())
    look = functools.partial(_look, preparer, store, tables)
    work = [entry for entry in entries if entry.video in tables]
    act = functools.partial(_act, server, Path(dataset), add=add, replace=replace, dry_run=dry_run)
    with nullcontext() if dry_run else store.writing():  # two at once would put all twice
        prepared = in_threads(look, work, "tasks", server.stopped, watch)
        check_labels(server.host, done(prepared))
        warnings += _scattered(done(prepared))
        acted = in_threads(act, prepared, "tasks", server.stopped, watch)
    tasks = (each for each in acted if each is not None)
    return AnnotateResult(
        (*tasks, *failures(boxes[video] for video in boxes if video in uploaded)),
        _boxes_elsewhere(tables, work, prepared),
        tuple(warnings),
    )


def _in_pictures(
    tracks: Path, records: Mapping[str, VideoRecord], settings: AnnotateSettings
) -> tuple[dict[str, BoxTable | Failure], list[str]]:
    """Return what `find_boxes` does, with the boxes in pixels of the images."""
    boxes, left_out = find_boxes(tracks, records, settings.label)
    for video, each in boxes.items():
        if isinstance(each, BoxTable):
            boxes[video] = in_picture(each, records[video], settings.pixels)
    return boxes, left_out


def _entries(
    store: Dataset, server: CvatAnnotations, project: str | None, videos: Set[str]
) -> list[TaskEntry]:
    """Return the complete tasks of some videos of a dataset, in one project.

    Raises:
        UsageError: they are in several, and none is named; or none is there of this name.
        InputError: there are none.
    """
    uploads = [
        each for each in Journal(store.path).uploads if server.covers(each.host, each.organization)
    ]
    if project is not None:
        named = [each for each in uploads if project in (each.project_name, str(each.project_id))]
        if not named:
            there = listing([each.project_name for each in uploads]) or "none"
            raise UsageError(
                f"--project {printable(project)}: this dataset was not uploaded into it. Projects "
                f"with its tasks on {printable(server.host)}: {there}."
            )
        uploads = named
    if len(uploads) > 1:
        names = listing([f"{each.project_name} ({each.project_id})" for each in uploads])
        raise UsageError(
            f"this dataset was uploaded into several projects: {names}. Name one with --project."
        )
    entries = (entry for upload in uploads for entry in upload.tasks)
    found = [e for e in entries if e.is_complete and e.task_id is not None and e.video in videos]
    if not found:
        raise InputError(
            f"the tracks are of {listing(sorted(videos))}, of which no task is on "
            f"{printable(server.host)}. Run 'prep upload --cvat' first."
        )
    return found


def _boxes_elsewhere(
    tables: Mapping[str, BoxTable],
    work: Sequence[TaskEntry],
    prepared: Sequence[PreparedTask | Failure],
) -> int:
    """Return how many boxes are on frames of no task, of videos whose tasks could all be read."""
    placed: Counter[str] = Counter()
    failed = set()
    for entry, task in zip(work, prepared, strict=True):
        if isinstance(task, Failure):
            failed.add(entry.video)
        else:
            placed[entry.video] += task.plan.boxes
    return sum(len(tables[each]) - placed[each] for each in placed if each not in failed)


def _left_out(boxes: Mapping[str, BoxTable | Failure], uploaded: Set[str]) -> Iterator[str]:
    """Yield what there is to say of tracks that are read and come into no task."""
    if away := sorted(boxes.keys() - uploaded):
        yield f"not uploaded yet, so left out: {listing(away)}."
    for video, table in boxes.items():
        if isinstance(table, BoxTable):
            yield from (f"{printable(video)}: {each}; left out." for each in table.left_out)
            if not table.left_out and len(table) == 0:
                yield f"{printable(video)}: its file has no boxes."


def _scattered(tasks: Iterable[PreparedTask]) -> Iterator[str]:
    """Yield what there is to say of tracks that would only flash up here and there."""
    for task in tasks:
        if task.plan.alone > task.plan.boxes / 2:
            yield (
                f"{printable(task.entry.name)}: {count(task.plan.alone, 'box', 'boxes')} of "
                f"{task.plan.boxes:,} would be shown on a single frame each, for the file has none "
                "of the same object on the next. Let the tracker look at every frame that the task "
                "shows, or leave the others out ('prep extract --every')."
            )


def _look(
    preparer: Preparer, store: Dataset, tables: Mapping[str, BoxTable], entry: TaskEntry
) -> PreparedTask | Failure:
    """Return a task with the tracks that it is to have, or why there are none."""
    table = tables[entry.video]

    def prepare() -> PreparedTask:
        record, frames = store.read_video(entry.video)
        last = int(table.frames.max(initial=-1))
        if last >= len(frames):
            raise UsageError(
                f"{printable(entry.video)}: the video has {count(len(frames), 'frame')}, while "
                f"its tracks have a box on frame {last + 1:,}, counted from 1. They are of another "
                "video, or its frames were counted in another way."
            )
        return preparer.prepare(entry, record, frames, table)

    return _guarded(prepare, entry)


def _act(
    server: CvatAnnotations,
    folder: Path,
    task: PreparedTask | Failure,
    *,
    add: bool,
    replace: bool,
    dry_run: bool,
) -> AnnotatedTask | Failure | None:
    """Return what became of a task; ``None`` if there are no tracks for it."""
    if isinstance(task, Failure):
        return task
    if not task.plan.tracks:
        return None
    is_replacing = replace and task.has_others
    if not task.lacking and not is_replacing:
        if task.twins and not dry_run:
            return _guarded(lambda: _without_twins(server, task), task.entry)
        return task.outcome("unchanged")
    if task.is_occupied and not (add or replace):
        planned = len(task.plan.tracks)
        message = "it has annotations, none of them of this file."
        if there := planned - task.tracks_lacking:
            all_of_it = "" if task.has_others else ", and nothing else"
            message = f"it has {there:,} of the file's {count(planned, 'track')}{all_of_it}."
        return task.outcome("occupied", message=message)
    if dry_run:
        added = len(task.plan.tracks) if is_replacing else task.tracks_lacking
        return task.outcome("planned", added)
    return _guarded(functools.partial(put, server, task, folder, replace_all=replace), task.entry)


def _without_twins(server: CvatAnnotations, task: PreparedTask) -> AnnotatedTask:
    removed = remove_twins_of(server, task, task.twins)
    return task.outcome("unchanged", message=told_of_twins(removed))


def _guarded(work: Callable[[], R], entry: TaskEntry) -> R | Failure:
    """Do some work on one task; what goes wrong with it alone is a value."""
    try:
        return work()
    except PrepError as error:
        if error.ends_run:
            raise
        is_cvat = isinstance(error, CvatError)
        code = error.exit_code if is_cvat else ExitCode.SOME_FAILED
        return Failure(entry.name, f"task {entry.task_id}", str(error), error.kind, code)
