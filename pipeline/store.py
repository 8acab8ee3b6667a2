"""The dataset on disk: one folder a video, committed by one rename, complete or not at all.

::

    dataset/
      v2/
        v2-frame_000000.jpg …
        frames.parquet
        video.json
      .prep/                lock, and the work folders of a run that is going on
"""

import contextlib
import ctypes
import dataclasses
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import numpy.typing as npt

from pipeline.errors import DatasetError, InterruptedRunError, printable
from pipeline.records import MISSING_PTS, Fate, FrameTable, Reason, VideoRecord

RECORD_NAME = "video.json"
FRAMES_NAME = "frames.parquet"
RESERVED_NAMES = ("cvat.json", "report.html", "report.json")
"""Files that other stages put beside the videos' folders."""

_PRIVATE = ".prep"
_NEW, _OLD = "new", "old"
_NEXT = ".next"
_PATIENCE_SECONDS = 1.0
_FATE_NAMES = [fate.name.lower() for fate in Fate]
_REASON_NAMES = ["", *(reason.name.lower() for reason in Reason if reason)]
_MEASURES = ("sharpness", "brightness", "contrast")


class Dataset:
    """A dataset folder. Only one run writes into it at a time; readers need no lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def folder(self, video_id: str) -> Path:
        """Return the folder of a video."""
        return self.path / video_id

    def read_records(self) -> dict[str, VideoRecord]:
        """Return the records of all committed videos, by id.

        Raises:
            DatasetError: a record cannot be read.
        """
        if not self.path.is_dir():
            return {}
        records = {}
        for folder in sorted(self.path.iterdir()):
            file = folder / RECORD_NAME
            if folder.name.startswith(".") or not file.is_file():
                continue
            try:
                record = VideoRecord.from_json(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                raise DatasetError(
                    f"{printable(file)}: this record cannot be read ({type(error).__name__}). "
                    "Move the folder away; its video is then extracted anew."
                ) from error
            if record.id != folder.name:
                raise DatasetError(
                    f"{printable(folder)}: this folder was renamed; its images are named after "
                    f"'{printable(record.id)}'. Give it that name again."
                )
            records[folder.name] = record
        return records

    def read_frames(self, video_id: str) -> FrameTable:
        """Return the frame table of a committed video."""
        return read_frames(self.folder(video_id) / FRAMES_NAME)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the dataset for writing; work folders of a killed run are removed first.

        Raises:
            DatasetError: the folder cannot be made or written to, or another run is using it.
        """
        private = self.path / _PRIVATE
        lock = filelock.FileLock(private / "lock", timeout=0)
        try:
            (private / "work").mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except filelock.Timeout as error:
            raise DatasetError(
                f"{printable(self.path)}: another prep is writing into this dataset. "
                "Wait until it ends, or choose another folder with --output."
            ) from error
        except OSError as error:
            raise DatasetError(
                f"{printable(self.path)}: cannot write there: {error.strerror}. "
                "Choose another folder with --output."
            ) from error
        try:
            self._remove_leftovers()
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

    def _remove_leftovers(self) -> None:
        for leftover in (self.path / _PRIVATE / "work").iterdir():
            # Killed between the two renames that replace a video: the old one comes back.
            for old in leftover.glob(f"{_OLD}/*"):
                if not self.folder(old.name).exists():
                    old.rename(self.folder(old.name))
            shutil.rmtree(leftover, ignore_errors=True)
        for folder in self.path.iterdir():
            if any((folder / (name + _NEXT)).exists() for name in (RECORD_NAME, FRAMES_NAME)):
                _finish_update(folder)

    def commit(self, folder: Path, record: VideoRecord, frames: FrameTable) -> None:
        """Write the record beside the images and move the folder into place, as the last step.

        A folder that is there already is replaced.
        """
        write_frames(folder / FRAMES_NAME, frames)
        (folder / RECORD_NAME).write_text(_record_text(record), encoding="utf-8")
        _flush_file_system(folder)
        target = self.folder(record.id)
        if target.exists():
            old = folder.parents[1] / _OLD
            old.mkdir()
            target.rename(old / target.name)
        folder.rename(target)
        _flush(self.path)

    def add_images(self, video_id: str, folder: Path) -> None:
        """Move the images of a work folder into a committed video; each is there whole or not."""
        _flush_file_system(folder)
        target = self.folder(video_id)
        for image in list(folder.iterdir()):
            image.rename(target / image.name)
        _flush(target)

    def update(self, record: VideoRecord, frames: FrameTable) -> None:
        """Replace record and frame table of a committed video, both or none.

        The new record beside the old one is the promise that the change is carried out, by this
        run or, if it is killed, by the next one that writes.
        """
        folder = self.folder(record.id)
        write_frames(folder / (FRAMES_NAME + _NEXT), frames)
        _flush(folder / (FRAMES_NAME + _NEXT))
        promise = folder / (RECORD_NAME + _NEXT)
        promise.with_suffix(".part").write_text(_record_text(record), encoding="utf-8")
        _flush(promise.with_suffix(".part"))
        promise.with_suffix(".part").rename(promise)
        _finish_update(folder)


def _record_text(record: VideoRecord) -> str:
    return json.dumps(record.to_json(), indent=2, ensure_ascii=True) + "\n"


def _finish_update(folder: Path) -> None:
    """Carry out an update that was promised, and forget one that was not."""
    record, frames = folder / (RECORD_NAME + _NEXT), folder / (FRAMES_NAME + _NEXT)
    if not record.exists():
        frames.unlink(missing_ok=True)
        return
    if frames.exists():
        frames.rename(folder / FRAMES_NAME)
    record.rename(folder / RECORD_NAME)
    _flush(folder)


def load_libraries() -> None:
    """Load what writing frames and reading image sizes needs.

    That takes a fifth of a second, which is free while ffmpeg is at work.
    """
    for name in ("numpy.ma", "pyarrow.parquet", "PIL.JpegImagePlugin", "PIL.PngImagePlugin"):
        importlib.import_module(name)


def image_name(video_id: str, index: int, digits: int, image_format: str) -> str:
    """Return the file name of a frame."""
    return f"{video_id}-frame_{index:0{digits}d}.{image_format}"


def list_image_indices(
    folder: Path, video_id: str, digits: int, image_format: str
) -> npt.NDArray[np.int64]:
    """Return the frame indices of the images in a folder, ascending: int64, shape (images,)."""
    pattern = re.compile(
        re.escape(f"{video_id}-frame_") + rf"(\d{{{digits}}})" + re.escape(f".{image_format}")
    )
    matches = (pattern.fullmatch(entry.name) for entry in os.scandir(folder))
    return np.sort(np.fromiter((int(match[1]) for match in matches if match), dtype=np.int64))


def checksum_images(
    folder: Path,
    video_id: str,
    indices: npt.NDArray[np.int64],
    digits: int,
    image_format: str,
    stop: Callable[[], bool],
) -> npt.NDArray[np.int64]:
    """Return the CRC-32 of each image file: int64, shape (images,).

    An image that does not end as its format demands gets -1: ffmpeg does not always say so when
    a disk is full, but a file that was cut off shows it.

    Raises:
        InterruptedRunError: ``stop`` said so.
    """
    ending = b"\xff\xd9" if image_format == "jpg" else b"IEND\xaeB`\x82"
    checksums = np.empty(len(indices), dtype=np.int64)
    for place, index in enumerate(indices):
        if stop():
            raise InterruptedRunError("interrupted")
        data = (folder / image_name(video_id, int(index), digits, image_format)).read_bytes()
        checksums[place] = zlib.crc32(data) if data.endswith(ending) else -1
    return checksums


def write_frames(path: Path, frames: FrameTable) -> None:
    """Write a frame table; the same table always gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    absent = {  # where a column has no value
        "pts": frames.pts == MISSING_PTS,
        "reason": frames.reason == Reason.NONE,
        "duplicate_of": frames.duplicate_of < 0,
        "duplicate_video": frames.duplicate_video == "",
        "crc32": frames.crc32 < 0,
        **{name: np.isnan(getattr(frames, name)) for name in ("time_seconds", *_MEASURES)},
    }
    values = {
        "index": np.arange(len(frames), dtype=np.int32),
        **{field.name: getattr(frames, field.name) for field in dataclasses.fields(FrameTable)},
        "fate": np.array(_FATE_NAMES)[frames.fate],
        "reason": np.array(_REASON_NAMES)[frames.reason],
    }
    table = pa.table(
        {
            name: pa.array(v, pa.string() if v.dtype == object else None, mask=absent.get(name))
            for name, v in values.items()
        }
    )
    with path.open("wb") as file:  # pyarrow itself cannot take names that are not UTF-8
        pq.write_table(table, file, compression="zstd")


def read_frames(path: Path) -> FrameTable:
    """Read a frame table back.

    Raises:
        DatasetError: the file is missing or is no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            # In this thread alone: one of pyarrow's own that still holds the file when Python ends
            # brings the process down.
            table = pq.ParquetFile(file, pre_buffer=False).read(use_threads=False)
        return FrameTable(
            pts=table["pts"].fill_null(MISSING_PTS).to_numpy(),
            fate=_codes(table["fate"], _FATE_NAMES),
            reason=_codes(table["reason"].fill_null(""), _REASON_NAMES),
            duplicate_of=table["duplicate_of"].fill_null(-1).to_numpy(),
            duplicate_video=_shared_texts(table["duplicate_video"].fill_null("")),
            crc32=table["crc32"].fill_null(-1).to_numpy(),
            **{
                name: table[name].to_numpy() for name in ("time_seconds", "scene_score", *_MEASURES)
            },
        )
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        raise DatasetError(
            f"{printable(path)}: cannot be read ({printable(error)}). Extract the video again "
            "with --overwrite."
        ) from error


def _codes(column: Any, names: list[str]) -> npt.NDArray[np.int8]:
    """Return the place of each value of a column of names."""
    encoded = column.combine_chunks().dictionary_encode()
    code_of = np.array([names.index(name) for name in encoded.dictionary.to_pylist()], np.int8)
    codes: npt.NDArray[np.int8] = code_of[encoded.indices.to_numpy()]
    return codes


def _shared_texts(column: Any) -> npt.NDArray[np.object_]:
    """Return a column of texts in which equal ones are one object: eight bytes a row."""
    encoded = column.combine_chunks().dictionary_encode()
    texts = np.array([*encoded.dictionary.to_pylist(), ""], dtype=object)
    shared: npt.NDArray[np.object_] = texts[encoded.indices.to_numpy()]
    return shared


def _flush_file_system(folder: Path) -> None:
    """Make the images durable before the rename makes them visible.

    One call for the whole file system takes a tenth of the time of an fsync for each image.
    """
    if sys.platform == "linux":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            ctypes.CDLL(None).syncfs(descriptor)
        finally:
            os.close(descriptor)
    else:
        os.sync()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
