"""Boxes that a tracker found in videos, and the Parquet file that may hold them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.errors import UsageError, cause_of, printable

Ints = npt.NDArray[np.int64]

CORNERS = ("x1", "y1", "x2", "y2")
"""The columns of a box: left, top, right and bottom."""

_COLUMNS = "frame, id, and x1, y1, x2 and y2 or one list of these called box"


@dataclass(frozen=True, eq=False)
class BoxTable:
    """One row a box.

    ``frames``: int64, shape (boxes,), the frame's index in its video, from 0. ``corners``: float64,
    shape (boxes, 4): left, top, right and bottom in pixels. ``videos``, ``objects`` and ``labels``:
    int64, shape (boxes,), places in ``video_names``, ``object_names`` and ``label_names``. A name
    is empty where the file says none; of several labels an object has one at a time.
    ``left_out`` says which rows of the file are not here, and why.
    """

    frames: Ints
    corners: npt.NDArray[np.float64]
    videos: Ints
    video_names: tuple[str, ...]
    objects: Ints
    object_names: tuple[str, ...]
    labels: Ints
    label_names: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    def of_video(self, place: int) -> "BoxTable":
        """Return the boxes of one video; what they name stays as it is."""
        return self.taken(self.videos == place)

    def taken(self, rows: npt.NDArray[np.bool_], left_out: tuple[str, ...] = ()) -> "BoxTable":
        """Return some of the boxes; what they name stays as it is.

        Args:
            rows: bool, shape (boxes,), which.
            left_out: what the others are.
        """
        columns = ("frames", "corners", "videos", "objects", "labels")
        kept = {name: getattr(self, name)[rows] for name in columns}
        return dataclasses.replace(self, left_out=(*self.left_out, *left_out), **kept)


def coded(names: Sequence[Any]) -> tuple[Ints, tuple[str, ...]]:
    """Return the place of each name among those that are there, int64, and these as text."""
    known: dict[Any, int] = {}
    codes = np.fromiter((known.setdefault(each, len(known)) for each in names), np.int64)
    return codes, tuple(map(str, known))


def read_box_table(path: Path) -> BoxTable:
    """Return the boxes in a Parquet file.

    It has the columns ``frame``, ``id`` and either ``x1``, ``y1``, ``x2`` and ``y2`` or ``box``, a
    list of these four; it may have ``video`` and ``label``.

    Raises:
        UsageError: the file cannot be read, or lacks a column or a value.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            # In this thread alone, as `frame_file` does.
            table = pq.ParquetFile(file, pre_buffer=False).read(use_threads=False)
    except (OSError, pa.ArrowException) as error:
        cause = cause_of(error) if isinstance(error, OSError) else printable(error).rstrip(".")
        raise UsageError(f"{printable(path)}: cannot be read as Parquet: {cause}.") from error
    if twice := sorted({n for n in table.column_names if table.column_names.count(n) > 1}):
        raise UsageError(
            f"{printable(path)}: it has several columns {', '.join(map(printable, twice))}. Keep "
            "one of each name."
        )
    wanted = ("frame", "id", *(() if "box" in table.column_names else CORNERS))
    if lacking := [name for name in wanted if name not in table.column_names]:
        raise UsageError(
            f"{printable(path)}: it has no column {', '.join(lacking)}. Columns of boxes are "
            f"{_COLUMNS}; there are {', '.join(map(printable, table.column_names)) or 'none'}."
        )
    try:
        corners = _corners(table, pa)
        videos, video_names = _codes(table, "video", pa)
        objects, object_names = _codes(table, "id", pa)
        labels, label_names = _codes(table, "label", pa)
        frames = _numbers(table["frame"], pa.int64())
    except (pa.ArrowException, ValueError) as error:
        raise UsageError(
            f"{printable(path)}: its boxes cannot be read: {printable(error)}. Frames are whole "
            "numbers, corners are numbers, and none may be empty."
        ) from error
    return BoxTable(
        frames, corners, videos, video_names, objects, object_names, labels, label_names
    )


def _corners(table: Any, pa: Any) -> npt.NDArray[np.float64]:
    """Return the corners, shape (boxes, 4).

    Raises:
        ValueError, pyarrow.ArrowException: they are no numbers.
    """
    if "box" not in table.column_names:
        return np.stack([_numbers(table[name], pa.float64()) for name in CORNERS], axis=1)
    column = table["box"].cast(pa.list_(pa.float64())).combine_chunks()
    sizes = column.value_lengths().to_numpy(zero_copy_only=False)
    if not (sizes == len(CORNERS)).all():
        raise ValueError("a box is no list of four numbers")
    return np.asarray(_numbers(column.flatten(), pa.float64()).reshape(-1, len(CORNERS)))


def _numbers(column: Any, kind: Any) -> Any:
    if column.null_count:
        raise ValueError("a number is missing")
    return np.array(column.cast(kind).to_numpy())


def _codes(table: Any, name: str, pa: Any) -> Any:
    """Return the places and the names in a column of texts or whole numbers."""
    if name not in table.column_names:
        return np.zeros(len(table), np.int64), ("",)
    column = table[name].cast(pa.string())
    is_number = pa.types.is_floating(table[name].type)
    if column.null_count or (is_number and np.isnan(table[name].to_numpy()).any()):
        raise ValueError(f"a value of '{name}' is missing")
    encoded = pa.chunked_array(column.chunks, pa.string()).combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), tuple(encoded.dictionary.to_pylist())
