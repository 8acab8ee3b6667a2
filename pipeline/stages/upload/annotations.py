"""Annotations saved into files, and put back: into the task they were in, or one that shows it."""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import InputError, UsageError, printable
from ...cvat.journal import Journal
from ...cvat.named import NamedAnnotations
from ...cvat.server import CvatServer
from ...dataset.files import results_folder
from ...dataset.image_folder import frame_of
from ...dataset.saved_annotations import SavedAnnotations, keep, load
from ...dataset.store import open_dataset
from ...tracks.recut import Recut
from .placing import Row, lost_of


@dataclass(frozen=True)
class SavedTask:
    """What of a task is in a file; ``is_new`` tells that it was not saved as it is before."""

    task_id: int
    task_name: str
    file: Path
    is_new: bool
    tags: int
    shapes: int
    tracks: int


@dataclass(frozen=True)
class RestoreResult:
    """What was put back into which tasks.

    ``cut`` is what it became there, with what had no frame there, or not its own. ``replaced``:
    files of what was there before.
    """

    task_ids: tuple[int, ...]
    saved: SavedAnnotations
    cut: Recut
    replaced: tuple[Path, ...]

    @property
    def lost(self) -> str:
        """What had no frame to go to, in words; empty for nothing."""
        return lost_of(self.cut.not_moved)


def save_annotations(
    dataset: str | os.PathLike[str],
    server: CvatServer,
    *,
    tasks: Sequence[int] = (),
    output: str | os.PathLike[str] | None = None,
) -> tuple[SavedTask, ...]:
    """Save the annotations of tasks, each into a file of its own.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        server: where the tasks are.
        tasks: their ids; all that were uploaded to this server from the dataset if none are given.
        output: the folder to write into; the dataset if absent.

    Raises:
        InputError: there are no tasks.
        DatasetError: ``cvat.json`` cannot be read, or a file not be written.
        CvatError: the server does not answer.
    """
    store = open_dataset(dataset)
    folder = store.path if output is None else results_folder(output)
    reader = NamedAnnotations(server.session)
    chosen = tasks or _uploaded(Journal(store.path), server.host)
    if not chosen:
        raise InputError(
            f"{printable(store.path)}: no task of this dataset is on {printable(server.host)}. "
            "Name tasks with --task."
        )
    return tuple(_save(reader, task_id, folder) for task_id in chosen)


def restore_annotations(
    file: Path, server: CvatServer, *, task: int | None = None, force: bool = False
) -> RestoreResult:
    """Put back what was saved of a task, and prove it.

    It goes into the task it was in; where that is gone, into those of its project that show its
    images; labels, attributes and images are found by their names.

    Args:
        file: as `save_annotations`, or an upload that replaced a task, has written it.
        server: where the task is.
        task: its id, where it is another.
        force: also where the task has other annotations by now, which are saved first.

    Raises:
        UsageError: the file has no whole task; no task shows its images, or it lacks a label.
        UndecidedError: the task has other annotations.
        CvatError: the server does not answer; `UnprovenError` where it shows something else.
    """
    saved = load(file)
    server.refuse_read_only()
    if saved.host != server.host and task is None:
        raise UsageError(
            f"{printable(file)}: it is of {printable(saved.host)}, not of "
            f"{printable(server.host)}. Name that with --host, or a task with --task."
        )
    named = NamedAnnotations(server.session)
    task_ids = [task] if task is not None else _tasks_for(saved, server, file)
    row = Row(named, task_ids)
    replaced = []
    if force:
        there = (named.read(task_id) for task_id in task_ids)
        replaced = [_keep(each, file.parent) for each in there if each]
    (cut,) = row.put([saved], spares=not force)
    return RestoreResult(tuple(task_ids), saved, cut, tuple(f for f, is_new in replaced))


def _uploaded(journal: Journal, host: str) -> list[int]:
    return [
        entry.task_id
        for upload in journal.uploads
        if upload.host == host
        for entry in upload.tasks
        if entry.is_complete and not entry.is_spent and entry.task_id is not None
    ]


def _save(reader: NamedAnnotations, task_id: int, folder: Path) -> SavedTask:
    found = reader.read(task_id)
    if found is None:
        raise InputError(
            f"task {task_id}: there is none on {printable(reader.server.host)}, or it has no "
            "frames yet."
        )
    file, is_new = _keep(found, folder)
    counts = (len(found.tags), len(found.shapes), len(found.tracks))
    return SavedTask(task_id, found.task_name, file, is_new, *counts)


def _keep(saved: SavedAnnotations, folder: Path) -> tuple[Path, bool]:
    return keep(saved, folder, f"cvat-annotations-{saved.task}", "Nothing was changed in CVAT. ")


def _tasks_for(saved: SavedAnnotations, server: CvatServer, file: Path) -> list[int]:
    """Return the task that was saved, or those of its project that show its images by now.

    Raises:
        InputError: there are none, or several that show the same.
    """
    state = server.task(saved.task)
    if state is not None and state.size and state.project_id == saved.project:
        return [saved.task]
    found = sorted(_showing(saved, server))
    if not found:
        raise InputError(
            f"{printable(file)}: task {saved.task} ('{printable(saved.task_name)}') is gone from "
            f"{printable(server.host)}, and no other of its project shows its images. Name one "
            "with --task."
        )
    for (_, last, one), (first, _, other) in itertools.pairwise(found):
        if first <= last:
            raise InputError(
                f"{printable(file)}: tasks {one} and {other} show the same images. Name one with "
                "--task."
            )
    return [task_id for _, _, task_id in found]


def _showing(saved: SavedAnnotations, server: CvatServer) -> Iterator[tuple[int, int, int]]:
    """Yield first and last frame index, and the id, of each task that shows images of a video."""
    if saved.project is None or server.project(saved.project) is None:
        return
    wanted = _frames(saved.images)
    videos = {video for video, _ in wanted}
    for state in server.tasks(saved.project):
        # prep names tasks after their video, and what it has not proven yet otherwise.
        is_named = any(state.name == v or state.name.startswith(f"{v} (") for v in videos)
        if not is_named or not state.size or "prep is uploading" in state.name:
            continue
        shown = _frames(frame.name for frame in server.frames(state.id).frames)
        if shown & wanted:
            indices = [index for _, index in shown]
            yield min(indices), max(indices), state.id


def _frames(names: Iterable[str]) -> set[tuple[str, int]]:
    return {each for each in map(frame_of, names) if each is not None}
