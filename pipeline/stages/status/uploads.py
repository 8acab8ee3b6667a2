"""The accounts of what was uploaded: frames kept, sent, and shown by CVAT, held against each other.

::

    kept = frames_sent = frames_in_cvat, and the names in order are equal
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...base.errors import DatasetError, printable
from ...base.words import count, listing
from ...cvat.denials import CvatHiddenError
from ...cvat.journal import Journal, TaskEntry, Upload, images_digest
from ...cvat.model import ServerFrame, TaskState
from ...cvat.proof import compare_frames, compare_jobs
from ...cvat.server import CvatServer
from ...dataset.accounts import Mismatch
from ...dataset.frame_table import Fate
from ...dataset.records import VideoRecord
from ...dataset.store import Dataset

_REPLACE = "'prep upload --cvat --replace'"


@dataclass(frozen=True)
class TaskAccount:
    """One task: what the dataset has for it now, what was sent, what CVAT shows.

    ``kept`` is ``None`` where the video is no longer in the dataset. ``frames_in_cvat`` is what
    was there when the upload was proven, or is there now where the server was asked.
    """

    name: str
    video: str
    task_id: int | None
    url: str | None
    kept: int | None
    frames_sent: int
    frames_in_cvat: int | None
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True)
class UploadAccount:
    """The tasks of a dataset in one project; ``not_uploaded`` are videos that have none.

    A task whose video was removed from the dataset is told as long as it is there.

    ``is_asked``: whether the server was asked just now.
    """

    host: str
    project_id: int
    project_name: str
    is_asked: bool
    tasks: tuple[TaskAccount, ...]
    not_uploaded: tuple[str, ...]

    @property
    def balances(self) -> bool:
        """Whether nothing differs."""
        return not any(task.mismatches for task in self.tasks)


def account_uploads(store: Dataset, server: CvatServer | None = None) -> tuple[UploadAccount, ...]:
    """Return the accounts of all uploads of a dataset. Nothing is changed.

    Args:
        store: the dataset.
        server: asked about the uploads to it; the others are told as ``cvat.json`` has them.

    Raises:
        DatasetError: ``cvat.json`` cannot be read.
        CvatError: the server does not answer.
    """
    journal = Journal(store.path)
    known = store.video_ids()
    # The tasks of one video follow each other, and its table may be long.
    read = functools.lru_cache(maxsize=1)(functools.partial(_read, store))
    accounts = []
    for upload in journal.uploads:
        asked = None
        if server is not None and server.covers(upload.host, upload.organization):
            asked = server.within(upload.organization)
        accounts.append(
            UploadAccount(
                upload.host,
                upload.project_id,
                upload.project_name,
                asked is not None,
                tuple(
                    _account(read, upload, entry, known, asked)
                    for entry in upload.tasks
                    if not entry.is_spent and (entry.video in known or not _is_gone(entry, asked))
                ),
                tuple(sorted(set(known) - {entry.video for entry in upload.tasks})),
            )
        )
    return tuple(accounts)


def _is_gone(entry: TaskEntry, server: CvatServer | None) -> bool:
    if server is None or not entry.is_complete or entry.task_id is None:
        return False
    try:
        return server.task(entry.task_id) is None
    except CvatHiddenError:
        return False


def _account(
    read: Callable[[str], "_Kept"],
    upload: Upload,
    entry: TaskEntry,
    known: list[str],
    server: CvatServer | None,
) -> TaskAccount:
    mismatches: list[Mismatch] = []
    names, size, is_same = None, None, True
    if entry.video in known:
        try:
            names, size, is_same = _expected(read(entry.video), entry)
        except DatasetError as error:
            mismatches.append(Mismatch("records-unreadable", str(error)))
    in_cvat: int | None = entry.frames_sent if entry.is_complete else None
    if not entry.is_complete:
        what_next = "'prep upload --cvat' finishes it."
        if entry.video not in known:
            what_next = (
                "its video was removed, so 'prep upload --cvat' deletes what it left in CVAT."
            )
        text = f"its upload was cut off or failed; {what_next}"
        mismatches.append(Mismatch("upload-unfinished", text))
    elif server is not None:
        in_cvat, differing = _ask(server, upload, entry, names, size)
        mismatches += differing
    if entry.is_complete and not is_same:
        mismatches = _with_change(mismatches)
    return TaskAccount(
        entry.name,
        entry.video,
        entry.task_id,
        None if entry.task_id is None else f"{upload.host}/tasks/{entry.task_id}",
        None if names is None else len(names),
        entry.frames_sent if entry.is_complete else 0,
        in_cvat,
        tuple(mismatches),
    )


def _with_change(mismatches: list[Mismatch]) -> list[Mismatch]:
    """Return what differs, if the dataset has other images than were uploaded as well.

    What is to be done of that depends on what became of the task.
    """
    kinds = {each.kind for each in mismatches}
    if "task-gone" in kinds:
        what = "the task is gone from CVAT, and the dataset has other images than were uploaded; "
        return [Mismatch("task-gone", f"{what}{_REPLACE} makes it anew.")]
    way_out = f"{_REPLACE} makes the task anew"
    if "task-hidden" in kinds:
        way_out = f"who may see the task makes it anew by {_REPLACE}"
    elif kinds & {"task-moved", "task-renamed"}:
        way_out += " once it has its name and place again"
    text = f"the dataset has other images than were uploaded; {way_out}."
    return [Mismatch("dataset-changed", text), *mismatches]


@dataclass(frozen=True, eq=False)
class _Kept:
    """The kept frames of a video: int64 indices, ascending, and the digest of their images."""

    record: VideoRecord
    indices: npt.NDArray[np.int64]
    digest: str
    frames_decoded: int


def _read(store: Dataset, video_id: str) -> _Kept:
    record, frames = store.read_video(video_id)
    kept = np.flatnonzero(frames.fate == Fate.KEPT)
    return _Kept(record, kept, images_digest(frames), len(frames))


def _expected(kept: _Kept, entry: TaskEntry) -> tuple[list[str], tuple[int, int] | None, bool]:
    """Return the images that belong into a task now, their size, and if all are as they were."""
    # What is new before the first part or after the last one belongs to it.
    first = 0 if entry.part == 1 else entry.first_frame
    last = kept.frames_decoded if entry.part == entry.parts else entry.last_frame
    indices = kept.indices[(kept.indices >= first) & (kept.indices <= last)]
    record, size = kept.record, None
    if record.image_width is not None and record.image_height is not None:
        size = (record.image_width, record.image_height)
    return [*record.images.names(indices)], size, kept.digest == entry.video_digest


def _ask(
    server: CvatServer,
    upload: Upload,
    entry: TaskEntry,
    names: list[str] | None,
    size: tuple[int, int] | None,
) -> tuple[int | None, list[Mismatch]]:
    """Return how many frames CVAT shows, if it tells, and what differs from the dataset."""
    assert entry.task_id is not None  # noqa: S101 - it is complete
    try:
        state = server.task(entry.task_id)
    except CvatHiddenError:
        text = (
            f"CVAT does not show you task {entry.task_id} (403), so nothing can be said of it; to "
            "have jobs of it is not enough. It is there, so do not upload it again: have it "
            "assigned to you, or let its owner run the command."
        )
        return None, [Mismatch("task-hidden", text)]
    if state is None:
        text = f"task {entry.task_id} is gone from CVAT; 'prep upload --cvat' makes it anew."
        return 0, [Mismatch("task-gone", text)]
    return state.size, list(_differences(server, upload, entry, state, names, size))


def _differences(
    server: CvatServer,
    upload: Upload,
    entry: TaskEntry,
    state: TaskState,
    names: list[str] | None,
    size: tuple[int, int] | None,
) -> Iterator[Mismatch]:
    assert entry.task_id is not None  # noqa: S101
    if state.project_id != upload.project_id:
        where = "no project" if state.project_id is None else f"project {state.project_id}"
        text = f"task {entry.task_id} was moved to {where}; move it back in CVAT."
        yield Mismatch("task-moved", text)
    if state.name != entry.name:
        text = (
            f"task {entry.task_id} is called '{printable(state.name)}' by now, not "
            f"'{printable(entry.name)}'; prep knows it by its id all the same, but replaces it "
            "only under its own name."
        )
        yield Mismatch("task-renamed", text)
    shown = server.frames(entry.task_id)
    if names is not None:
        bare = [_without_folder(frame) for frame in shown.frames]
        for problem in compare_frames(names, size, bare):
            yield Mismatch("frames-differ", f"{problem}.")
    for problem in compare_jobs([job[1:] for job in entry.jobs], server.jobs(entry.task_id)):
        yield Mismatch("jobs-differ", f"{problem}: they were cut anew in CVAT.")
    if shown.deleted:
        files = tuple(
            _without_folder(shown.frames[number]).name
            for number in shown.deleted
            if number < len(shown.frames)
        )
        yield Mismatch(
            "frames-deleted",
            f"{count(len(files), 'frame was', 'frames were')} deleted in CVAT ({listing(files)}): "
            "what is deleted keeps its number and leaves exports, and a keyframe on it no longer "
            "counts; restore it in CVAT if that was not meant.",
            frames=tuple(shown.deleted),
            files=files,
        )


def _without_folder(frame: ServerFrame) -> ServerFrame:
    return dataclasses.replace(frame, name=frame.name.rpartition("/")[2])
