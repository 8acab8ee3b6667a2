"""Remove: take videos out of a dataset, unless something would be lost that nothing brings back."""

import contextlib
import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import DatasetError, ExitCode, UsageError, printable
from ..cvat.journal import Journal
from ..dataset.accounts import take_inventory
from ..dataset.frame_table import Fate
from ..dataset.records import VideoRecord
from ..dataset.store import Dataset, open_dataset
from ..dataset.video_folder import MANIFEST_NAME
from ..video.identity import is_same_file
from ..video.shelf import Shelf

_NAME_DATASET = "Name the folder that 'prep extract' wrote into with --dataset."


@dataclass(frozen=True)
class RemainingTask:
    """A task of CVAT that shows a video which is no longer in the dataset.

    ``url`` is that of the task, or of its project where an upload was cut off before it was told.
    """

    url: str
    is_complete: bool


@dataclass(frozen=True)
class RemovedVideo:
    """A video that was taken out of a dataset, with so many images and bytes on the disk."""

    id: str
    source: str
    images: int
    size_bytes: int
    tasks: tuple[RemainingTask, ...]


@dataclass(frozen=True)
class RemoveResult:
    """What was removed; with ``is_dry_run`` what would be."""

    dataset: str
    videos: tuple[RemovedVideo, ...]
    is_dry_run: bool

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        return ExitCode.OK


def remove(
    dataset: str | os.PathLike[str],
    video_ids: Sequence[str],
    *,
    force: bool = False,
    dry_run: bool = False,
) -> RemoveResult:
    """Take videos out of a dataset: images, frame table and record; each whole or not at all.

    Sources are not touched, and neither is CVAT: ``cvat.json`` still knows the tasks, should the
    videos come back.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        video_ids: which videos.
        force: also where their images could not be made again, or something depends on them.
        dry_run: change nothing, but say what would be removed.

    Raises:
        UsageError: one of them is not there, or has to be forced. Nothing was removed.
        DatasetError: one cannot be removed; those before it are.
    """
    store = open_dataset(dataset, _NAME_DATASET)
    with contextlib.nullcontext() if dry_run else store.writing():
        known = store.video_ids()
        for video_id in video_ids:
            if video_id not in known:
                raise UsageError(_unknown(store, video_id, known))
        records = {video_id: store.read_record(video_id) for video_id in video_ids}
        tasks = _tasks(store, records)
        objections = () if force else tuple(_objections(store, records, tasks))
        if objections:
            raise UsageError(
                f"{' '.join(objections)} Nothing was removed; --force removes what was named all "
                "the same."
            )
        removed = []
        for record in records.values():
            removed.append(_measure(store, record, tasks[record.id]))
            if not dry_run:
                Shelf(store, record.id).remove()
                store.remove(record.id)
    return RemoveResult(os.fspath(store.path), tuple(removed), dry_run)


def _unknown(store: Dataset, video_id: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(Path(video_id).name, known, n=1)
    hint = f" Did you mean '{printable(close[0])}'?" if close else ""
    return (
        f"'{printable(video_id)}': there is no such video in {printable(store.path)}.{hint} "
        "'prep status' names all of them. Nothing was removed."
    )


def _tasks(store: Dataset, video_ids: Iterable[str]) -> dict[str, tuple[RemainingTask, ...]]:
    tasks: dict[str, list[RemainingTask]] = {video_id: [] for video_id in video_ids}
    for upload in Journal(store.path).uploads:
        for entry in upload.tasks:
            place = f"projects/{upload.project_id}"
            if entry.task_id is not None:
                place = f"tasks/{entry.task_id}"
            if entry.video in tasks:
                task = RemainingTask(f"{upload.host}/{place}", entry.is_complete)
                tasks[entry.video].append(task)
    return {video_id: tuple(its) for video_id, its in tasks.items()}


def _objections(
    store: Dataset,
    records: Mapping[str, VideoRecord],
    tasks: Mapping[str, Sequence[RemainingTask]],
) -> Iterator[str]:
    """Yield why videos should not be removed: what nothing brings back, and what depends on it."""
    remaining = [video_id for video_id in store.video_ids() if video_id not in records]
    if gone := [record for record in records.values() if not _is_there(record)]:
        others = (_record_or_none(store, video_id) for video_id in remaining)
        contents = {other.source.content for other in others if other and _is_there(other)}
        for record in gone:
            if record.source.content not in contents:
                yield (
                    f"'{printable(record.id)}': its source {printable(record.source.path)} is "
                    "gone, or another file by now, so its images could not be made again; if it "
                    "was renamed or moved, run 'prep extract' on it where it is now, and the video "
                    "follows."
                )
    for video_id in records:
        if tasks[video_id] and any(store.folder(video_id).glob(f"*{MANIFEST_NAME}")):
            yield (
                f"'{printable(video_id)}': there is a manifest beside its images, so "
                f"{tasks[video_id][0].url} may read them from here, if they lie on the server's "
                "share; delete it there first."
            )
    yield from _references(store, remaining, records)


def _references(store: Dataset, remaining: Sequence[str], removed: Iterable[str]) -> Iterator[str]:
    """Yield which frames of other videos were left out because they are like images of these."""
    for video_id in remaining:
        with contextlib.suppress(DatasetError):  # one that cannot be read refers to nothing
            frames = store.read_frames(video_id)
            marked = frames.fate == Fate.DUPLICATE
            for other in removed:
                found = np.flatnonzero(marked & (frames.duplicate_video == other))
                if len(found) == 0:
                    continue
                yield (
                    f"'{printable(other)}': {len(found):,} frames of '{printable(video_id)}', the "
                    f"first is {found[0]}, were left out as duplicates of its images, and would "
                    f"then be nowhere; run 'prep dedupe {printable(store.path)} --restore' first, "
                    f"or remove '{printable(video_id)}' as well."
                )


def _record_or_none(store: Dataset, video_id: str) -> VideoRecord | None:
    try:
        return store.read_record(video_id)
    except DatasetError:
        return None


def _is_there(record: VideoRecord) -> bool:
    try:
        return is_same_file(Path(record.source.path), record.source)
    except OSError:
        return False


def _measure(store: Dataset, record: VideoRecord, tasks: tuple[RemainingTask, ...]) -> RemovedVideo:
    folder = store.folder(record.id)
    images = len(take_inventory(folder, record).numbers)
    size_bytes = sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(folder))
    return RemovedVideo(record.id, record.source.path, images, size_bytes, tasks)
