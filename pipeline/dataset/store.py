"""The dataset on disk: one folder a video, committed by one rename, complete or not at all.

::

    dataset/
      v2/
        v2-frame_000000.jpg …
        frames.parquet
        video.json
        manifest.jsonl      where images are not sent to CVAT, but lie where it finds them
      .prep/                lock, the work folders of a run that is going on, the segments of long
                            videos that are not complete (`video.shelf`), which sources failed
                            (`dataset.failed`), which images were right (`dataset.proven`),
                            small pictures of them (`stages.report.drawn`), and how they look
                            (`splits.looks`)
"""

import contextlib
import errno
import glob
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import filelock

from ..base.errors import (
    DatasetError,
    InputError,
    InterruptedRunError,
    cause_of,
    printable,
    unreadable,
)
from .files import NAME_DATASET, find_folder, flush, flush_file_system
from .frame_table import FrameTable
from .records import VideoRecord
from .video_folder import VideoFolder

AUDIT_NAME = "audit.json"
VALIDATE_NAME = "validate.json"
SPLITS_NAME = "splits.json"
RESERVED_NAMES = (
    "cvat.json", "report.html", "report.json", "audit.html", AUDIT_NAME, VALIDATE_NAME,
    SPLITS_NAME,
)  # fmt: skip
"""Files that other stages put beside the videos' folders."""

_PRIVATE = ".prep"
_NEW, _OLD = "new", "old"
_PATIENCE_SECONDS = 1.0


class Dataset:
    """A dataset folder. Only one run writes into it at a time; readers need no lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def folder(self, video_id: str) -> Path:
        """Return the folder of a video."""
        return self.path / video_id

    def video_ids(self) -> list[str]:
        """Return the ids of all committed videos, sorted.

        A folder that may not be looked into counts: to read its record says why it cannot be read.

        Raises:
            DatasetError: the dataset cannot be read.
        """
        return [f.name for f in self._folders() if VideoFolder(f).may_have_record]

    def foreign_folders(self) -> list[str]:
        """Return the names of the folders that are no videos of this dataset, sorted."""
        videos = set(self.video_ids())
        return [f.name for f in self._folders() if os.path.isdir(f) and f.name not in videos]

    def _folders(self) -> list[Path]:
        try:
            entries = list(self.path.iterdir())
            if entries and not os.access(self.path, os.X_OK):  # names alone say nothing
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise unreadable(self.path, error) from error
        return sorted(entry for entry in entries if not entry.name.startswith("."))

    def read_records(self) -> dict[str, VideoRecord]:
        """Return the records of all committed videos, by id.

        Raises:
            DatasetError: a record cannot be read.
        """
        return {video_id: self.read_record(video_id) for video_id in self.video_ids()}

    def read_record(self, video_id: str) -> VideoRecord:
        """Return the record of a committed video; a promised one is as good as there.

        Raises:
            DatasetError: the record cannot be read.
        """
        return VideoFolder(self.folder(video_id)).read_record()

    def read_frames(self, video_id: str) -> FrameTable:
        """Return the frame table of a committed video, a promised one as well.

        Raises:
            DatasetError: it cannot be read.
        """
        return VideoFolder(self.folder(video_id)).read_frames()

    def read_video(self, video_id: str) -> tuple[VideoRecord, FrameTable]:
        """Return the record and the frame table of a committed video, which belong together.

        They do also while another run replaces them, and after one that was killed over that.

        Raises:
            DatasetError: one of them cannot be read.
        """
        record = self.read_record(video_id)
        while True:
            frames = self.read_frames(video_id)
            before, record = record, self.read_record(video_id)
            if record == before:
                return record, frames

    @contextlib.contextmanager
    def writing(self, way_out: str = "Give yourself the right to write there.") -> Iterator[None]:
        """Hold the dataset for writing; work folders of a killed run are removed first.

        Args:
            way_out: what to do where the folder cannot be written to, as the command knows it.

        Raises:
            DatasetError: the folder cannot be made or written to, or another run is using it.
        """
        private = self.path / _PRIVATE
        lock = filelock.FileLock(private / "lock", timeout=0)
        try:
            (private / "work").mkdir(parents=True, exist_ok=True)
            lock.acquire()
            self._remove_leftovers()
        except filelock.Timeout as error:
            raise DatasetError(
                f"{printable(self.path)}: another prep is writing into this dataset. "
                "Wait until it ends, then run the same command again."
            ) from error
        except OSError as error:
            lock.release()
            raise DatasetError(
                f"{printable(self.path)}: cannot write there: {cause_of(error)}. {way_out}"
            ) from error
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def work_folder(self, video_id: str) -> Iterator[Path]:
        """Give a folder to build a video in; what is left of it afterwards is removed.

        Its grandparent is free for scratch files. Removal may take long where there are many
        images; when the run is interrupted, the next one finishes it.
        """
        scratch = Path(tempfile.mkdtemp(dir=self.path / _PRIVATE / "work"))
        folder = scratch / _NEW / video_id
        folder.mkdir(parents=True)
        patience_seconds = None
        try:
            yield folder
        except InterruptedRunError:
            patience_seconds = _PATIENCE_SECONDS
            raise
        finally:
            remover = threading.Thread(
                target=shutil.rmtree, args=(scratch, True), daemon=True, name="prep-remover"
            )
            remover.start()
            remover.join(patience_seconds)

    def shelf_folder(self, video_id: str) -> Path:
        """Return where the segments of a video wait until it is complete."""
        return self.path / _PRIVATE / "segments" / video_id

    def memory_file(self, video_id: str, kind: str) -> Path:
        """Return where something about a video is kept that prep can find out again.

        It goes with the video. Neither it nor its folder need be there yet.
        """
        return self.path / _PRIVATE / kind / video_id

    def _remove_leftovers(self) -> None:
        private = self.path / _PRIVATE
        # Killed between the two renames that replace a video: the old one comes back.
        for old in private.glob(f"*/*/{_OLD}/*"):
            if not self.folder(old.name).exists():
                old.rename(self.folder(old.name))
        for leftover in (private / "work").iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
        for shelf in private.glob("segments/*"):
            if not (shelf / _NEW / shelf.name).is_dir():  # its images were committed
                shutil.rmtree(shelf, ignore_errors=True)
        for folder in self.path.iterdir():
            if (video := VideoFolder(folder)).is_half_updated:
                video.finish_update()

    def commit(self, folder: Path, record: VideoRecord, frames: FrameTable) -> None:
        """Write the record beside the images and move the folder into place, as the last step.

        A folder that is there already is replaced.
        """
        VideoFolder(folder).write(record, frames)
        # Before the rename makes the images visible, they are durable.
        flush_file_system(folder)
        target = self.folder(record.id)
        if target.exists():
            old = folder.parents[1] / _OLD
            shutil.rmtree(old, ignore_errors=True)
            old.mkdir()
            target.rename(old / target.name)
        folder.rename(target)
        flush(self.path)

    def add_images(self, video_id: str, folder: Path) -> None:
        """Move the images of a work folder into a committed video; each is there whole or not."""
        move_images(folder, self.folder(video_id))

    def replace_record(self, record: VideoRecord) -> None:
        """Replace the record of a committed video, for what does not concern its frames.

        Raises:
            DatasetError: it cannot be written; the old one stays.
        """
        VideoFolder(self.folder(record.id)).replace_record(record)

    def remove(self, video_id: str) -> None:
        """Take a video out of the dataset, whole or not at all.

        One rename does it. What a run that is killed then leaves behind, the next one deletes.

        Raises:
            DatasetError: it cannot be moved out of its place.
        """
        scratch = Path(tempfile.mkdtemp(dir=self.path / _PRIVATE / "work"))
        for file in (self.path / _PRIVATE).glob(f"*/{glob.escape(video_id)}"):
            if file.is_file():
                file.unlink(missing_ok=True)
        try:
            self.folder(video_id).rename(scratch / video_id)
        except OSError as error:
            raise DatasetError(
                f"{printable(self.folder(video_id))}: cannot be removed: {cause_of(error)}. Set "
                "the rights of the folder, then run the same command again."
            ) from error
        flush(self.path)
        shutil.rmtree(scratch, ignore_errors=True)

    def update(self, record: VideoRecord, frames: FrameTable) -> None:
        """Replace record and frame table of a committed video, both or none."""
        VideoFolder(self.folder(record.id)).update(record, frames)


def move_images(folder: Path, target: Path) -> None:
    """Move all images of a work folder into another; each is there whole or not at all."""
    flush_file_system(folder)
    for image in list(folder.iterdir()):
        image.rename(target / image.name)
    flush(target)


def open_dataset(path: str | os.PathLike[str], way_out: str = NAME_DATASET) -> Dataset:
    """Return a dataset that is there.

    Args:
        path: its folder.
        way_out: what to do if it is not there, as the command knows it.

    Raises:
        InputError: there is no such folder, or no video in it.
        DatasetError: it cannot be read.
    """
    store = Dataset(find_folder(path, way_out))
    if not store.video_ids():
        raise InputError(
            f"{printable(store.path)}: this folder holds no video of a dataset. {way_out}"
        )
    return store
