"""The frame table on disk: one Parquet file a video. Owner of pyarrow, which it loads late."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.errors import DatasetError, printable, unreadable
from .frame_table import COLUMNS, MEASURES, MISSING_PTS, Fate, FrameTable, Reason

_FATE_NAMES = [fate.name.lower() for fate in Fate]
_REASON_NAMES = ["", *(reason.name.lower() for reason in Reason if reason)]
_MAY_LACK = ("time_seconds", "scene_score", *MEASURES)
_NUMBERS = (*_MAY_LACK, "cut_score")
_TYPES = {**COLUMNS, **dict.fromkeys(("fate", "reason", "duplicate_video"), "string")}


def load() -> None:
    """Load what reading and writing needs, where there is time for it."""
    import numpy.ma  # noqa: F401 - as does np.unique
    import pyarrow.parquet  # noqa: F401


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
        **{name: np.isnan(getattr(frames, name)) for name in _MAY_LACK},
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
        if "cut_score" not in table.column_names:  # as an older version wrote it
            table = table.append_column("cut_score", table["scene_score"])
        # Another program may have written it anew, in types of its own.
        column = {n: table[n].cast(pa.type_for_alias(alias)) for n, alias in _TYPES.items()}
        return FrameTable(
            pts=column["pts"].fill_null(MISSING_PTS).to_numpy(),
            fate=_codes(column["fate"], _FATE_NAMES),
            reason=_codes(column["reason"].fill_null(""), _REASON_NAMES),
            duplicate_of=column["duplicate_of"].fill_null(-1).to_numpy(),
            duplicate_video=_shared_texts(column["duplicate_video"].fill_null("")),
            crc32=column["crc32"].fill_null(-1).to_numpy(),
            **{n: column[n].to_numpy() for n in _NUMBERS},
        )
    except PermissionError as error:
        raise unreadable(path, error) from error
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise DatasetError(
            f"{printable(path)}: cannot be read ({printable(error)}). Extract the video again "
            "with 'prep extract --overwrite'."
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
