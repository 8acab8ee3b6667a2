"""What became of each frame of a video: a table that is checked, and never written into."""

import dataclasses
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command line needs records, but no arrays
    import numpy as np
    import numpy.typing as npt

MISSING_PTS = -(2**63)
"""Stands in an int64 array for a frame that has no timestamp (FFmpeg's AV_NOPTS_VALUE)."""


class Fate(IntEnum):
    """What became of a frame. On disk the lower-case name stands."""

    KEPT = 0
    DUPLICATE = 1
    SAMPLED_OUT = 2
    REJECTED = 3


class Reason(IntEnum):
    """Why a frame has its fate. On disk the lower-case name stands, nothing for NONE.

    STILL and SIMILAR are duplicates; all that follow are images that `stages.validate` rejected.
    """

    NONE = 0
    STILL = 1
    SIMILAR = 2
    MISSING = 3
    EMPTY = 4
    NOT_AN_IMAGE = 5
    WRONG_FORMAT = 6
    TRUNCATED = 7
    CORRUPT = 8
    TRAILING_DATA = 9
    WRONG_SIZE = 10
    WRONG_CONTENT = 11
    UNREADABLE = 12


MEASURES = ("sharpness", "brightness", "contrast")
"""The columns of a frame table that `stages.validate` measures."""

COLUMNS = {
    "pts": "int64",
    "time_seconds": "float64",
    "fate": "int8",
    "reason": "int8",
    "duplicate_of": "int32",
    "duplicate_video": "object",
    "scene_score": "float32",
    "cut_score": "float32",
    "crc32": "int64",
    **dict.fromkeys(MEASURES, "float32"),
}
"""The columns of a frame table, and their dtypes."""


@dataclass(frozen=True, eq=False)
class FrameTable:
    """One row a frame, in display order; the row number is the frame index.

    All arrays have shape (frames_decoded,): ``pts`` int64 in time-base units (``MISSING_PTS``
    where the frame has none), ``time_seconds`` float64 (NaN where it has none), ``fate`` int8
    (`Fate`), ``reason`` int8 (`Reason`), ``duplicate_of`` int32 (a frame index, -1 for none),
    ``duplicate_video`` object (the id of the video that frame is in, as str, empty for this one),
    ``scene_score`` float32 (0 to 100, FFmpeg's scdet: how much changes; NaN where that frame or one
    of the two before was not decoded), ``cut_score`` float32 (0 to 100: how much of a cut that is
    since the last frame that was decoded, see `pictures.cuts`), ``crc32`` int64 (of the image file
    as it was written, -1 where there was none). The others are measured by `stages.validate`,
    float32, NaN until then: ``sharpness`` (variance of the Laplacian), ``brightness`` (mean grey
    level, 0 to 255), ``contrast`` (standard deviation of the grey levels).

    No array is written into: whoever changes a table makes another one, by `with_rows` or
    `dataclasses.replace`.

    Raises:
        TypeError: an array has another shape or dtype; a fault of the program.
    """

    pts: "npt.NDArray[np.int64]"
    time_seconds: "npt.NDArray[np.float64]"
    fate: "npt.NDArray[np.int8]"
    reason: "npt.NDArray[np.int8]"
    duplicate_of: "npt.NDArray[np.int32]"
    duplicate_video: "npt.NDArray[np.object_]"
    scene_score: "npt.NDArray[np.float32]"
    cut_score: "npt.NDArray[np.float32]"
    crc32: "npt.NDArray[np.int64]"
    sharpness: "npt.NDArray[np.float32]"
    brightness: "npt.NDArray[np.float32]"
    contrast: "npt.NDArray[np.float32]"

    def __post_init__(self) -> None:
        for name, dtype in COLUMNS.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != (len(self),):
                raise TypeError(
                    f"{name} must be {dtype} of shape ({len(self)},), not {array.dtype} of shape "
                    f"{array.shape}"
                )
            array.setflags(write=False)

    def __reduce__(self) -> tuple[type["FrameTable"], tuple["npt.NDArray[Any]", ...]]:
        return type(self), tuple(getattr(self, name) for name in COLUMNS)  # checked anew

    def __len__(self) -> int:
        return len(self.pts)

    def with_rows(self, rows: "npt.NDArray[np.integer]", **values: "npt.ArrayLike") -> "FrameTable":
        """Return a table that has these values in these rows, and is otherwise this one.

        Args:
            rows: frame indices.
            values: for each column that changes, one value, or one a row.
        """
        columns = {name: getattr(self, name).copy() for name in values}
        for name, column in columns.items():
            column[rows] = values[name]
        return dataclasses.replace(self, **columns)

    def count(self, fate: Fate) -> int:
        """Return the number of frames with this fate."""
        return int((self.fate == fate).sum())
