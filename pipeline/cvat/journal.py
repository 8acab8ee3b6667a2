"""`cvat.json`: what of a dataset is where in CVAT, written before and after each step.

A step that may leave something on the server is written down before it is taken, so a run that was
cut off anywhere knows afterwards what to look for. The file holds no secrets.
"""

import dataclasses
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import DatasetError, printable, unreadable
from ..dataset.files import save_text
from ..dataset.frame_table import Fate, FrameTable

JOURNAL_NAME = "cvat.json"
_VERSION = 1


@dataclass(frozen=True)
class TaskEntry:
    """One task of CVAT: planned, half made or complete.

    ``name`` is its name in the end; until it is proven complete it is called `working_name` there,
    which nothing but this upload can have made. ``task_id`` is ``None`` as long as the server has
    not told it, ``request_id`` as long as it does not yet make the task from what was sent, and
    ``jobs`` and ``frames_verified`` are empty as long as it is not proven.
    ``first_frame`` and ``last_frame`` are frame indices of the video. ``digest`` is that of the
    part it was made from, ``video_digest`` that of all images of its video. ``jobs``: id, first and
    last frame number of each job in CVAT.

    ``is_doomed``: it is to be made anew. Its successors stand beside it, and until all of them are
    proven it is the one that counts. ``is_carried``: they get its annotations. ``is_spent``: they
    have all that it had, so the one on the server is only to be deleted.
    """

    video: str
    part: int
    parts: int
    name: str
    mark: str
    digest: str
    video_digest: str
    frames_sent: int
    first_frame: int
    last_frame: int
    task_id: int | None = None
    request_id: str | None = None
    is_complete: bool = False
    is_doomed: bool = False
    is_carried: bool = False
    is_spent: bool = False
    jobs: tuple[tuple[int, int, int], ...] = ()
    frames_verified: tuple[int, ...] = ()

    @property
    def working_name(self) -> str:
        """The name of the task on the server until it is complete."""
        return working_name(self.name, self.mark)


def working_name(name: str, mark: str) -> str:
    """Return what a task is called until it is complete."""
    return f"{name[:200]} (prep is uploading, {mark})"  # CVAT takes 256 characters


@dataclass(frozen=True)
class Upload:
    """The tasks of this dataset in one project of one server."""

    host: str
    organization: str | None
    project_id: int
    project_name: str
    tasks: tuple[TaskEntry, ...] = ()


class Journal:
    """The journal of a dataset. Threads may write at the same time; a write is whole or not."""

    def __init__(self, dataset: Path) -> None:
        self._file = dataset / JOURNAL_NAME
        self._lock = threading.Lock()
        self._uploads = _read(self._file)

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """All uploads of the dataset."""
        return tuple(self._uploads)

    def organizations(self, host: str) -> list[str | None]:
        """Return where on a server the dataset was uploaded; ``None`` is no organization."""
        found = {upload.organization for upload in self._uploads if upload.host == host}
        return sorted(found, key=lambda name: name or "")

    def find(self, host: str, organization: str | None) -> tuple[Upload, ...]:
        """Return the uploads of this dataset to a server."""
        return tuple(
            upload
            for upload in self._uploads
            if (upload.host, upload.organization) == (host, organization)
        )

    def open(
        self, host: str, organization: str | None, project_id: int, project_name: str
    ) -> Upload:
        """Return the upload into a project; a new one if there is none.

        Raises:
            DatasetError: it cannot be written.
        """
        for upload in self.find(host, organization):
            if upload.project_id == project_id:
                return upload
        upload = Upload(host, organization, project_id, project_name)
        with self._lock:
            self._uploads.append(upload)
            self._write()
        return upload

    def tasks(self, upload: Upload) -> tuple[TaskEntry, ...]:
        """Return the tasks of an upload as they are now."""
        return self._uploads[self._place(upload)].tasks

    def task(self, upload: Upload, entry: TaskEntry) -> TaskEntry | None:
        """Return the task of the same part of the same video as it is now.

        Of one that is to be made anew and its successor, the one that the entry is.
        """
        return next((each for each in self.tasks(upload) if _key(each) == _key(entry)), None)

    def put(self, upload: Upload, entry: TaskEntry) -> TaskEntry:
        """Write down the state of a task, durably, and return it.

        Raises:
            DatasetError: it cannot be written; no step that depends on it may be taken.
        """
        self.replace(upload, [entry], [entry])
        return entry

    def remove(self, upload: Upload, entry: TaskEntry) -> None:
        """Forget a task that is no longer on the server.

        Raises:
            DatasetError: it cannot be written.
        """
        self.replace(upload, [entry], [])

    def replace(self, upload: Upload, old: Iterable[TaskEntry], new: Iterable[TaskEntry]) -> None:
        """Write other entries in the place of some, all at once.

        Raises:
            DatasetError: it cannot be written.
        """
        keys = {_key(entry) for entry in old}
        with self._lock:
            place = self._place(upload)
            others = [t for t in self._uploads[place].tasks if _key(t) not in keys]
            tasks = tuple(sorted([*others, *new], key=_key))
            self._uploads[place] = dataclasses.replace(self._uploads[place], tasks=tasks)
            self._write()

    def _place(self, upload: Upload) -> int:
        wanted = (upload.host, upload.organization, upload.project_id)
        keys = [(each.host, each.organization, each.project_id) for each in self._uploads]
        return keys.index(wanted)

    def _write(self) -> None:
        save_text(self._file, [_text(self._uploads), "\n"], "Nothing goes on without this record. ")


def images_digest(frames: FrameTable) -> str:
    """Return a digest of which images are kept, and of their content."""
    kept = np.flatnonzero(frames.fate == Fate.KEPT)
    digest = hashlib.sha256(kept.astype("<i8").tobytes())
    digest.update(frames.crc32[kept].astype("<i8").tobytes())
    return digest.hexdigest()[:32]


def new_mark() -> str:
    """Return a mark that no other upload has: it tells our half-made tasks from all others."""
    return secrets.token_hex(6)


def _key(entry: TaskEntry) -> tuple[str, int, bool]:
    return entry.video, entry.part, entry.is_doomed


def _text(uploads: list[Upload]) -> str:
    # It is written several times a task. Without ``indent`` it is C that encodes, which with
    # hundreds of tasks saves minutes; so does not to copy all of them with ``asdict``.
    data = [{**vars(each), "tasks": [vars(entry) for entry in each.tasks]} for each in uploads]
    return json.dumps({"version": _VERSION, "uploads": data})


def _read(file: Path) -> list[Upload]:
    if not os.path.lexists(file):
        return []
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["version"] != _VERSION:
            raise ValueError(data["version"])
        return [_upload(each) for each in data["uploads"]]
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(
            f"{printable(file)}: this record of what is in CVAT cannot be read "
            f"({type(error).__name__}). Without it the upload cannot know what it has made: put a "
            "good copy back, or move it away and delete its tasks in CVAT."
        ) from error


def _upload(data: dict[str, Any]) -> Upload:
    tasks = tuple(
        TaskEntry(
            **{
                **entry,
                "jobs": tuple(tuple(job) for job in entry["jobs"]),
                "frames_verified": tuple(entry["frames_verified"]),
            }
        )
        for entry in data["tasks"]
    )
    return Upload(**{**data, "tasks": tasks})
