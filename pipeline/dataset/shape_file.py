"""Tables of shapes as Parquet files, in columns of numbers, names and lists."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]

_ROWS_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class Names:
    """A column of texts: int64, shape (rows,), their places in ``names``, -1 for none."""

    codes: Ints
    names: Sequence[str]


@dataclass(frozen=True, eq=False)
class Lists:
    """A column of lists of numbers: those of row i are ``values[offsets[i]:offsets[i + 1]]``."""

    values: npt.NDArray[np.float64]
    offsets: Ints


@dataclass(frozen=True, eq=False)
class Records:
    """A column of lists of records: in row i those from ``offsets[i]`` to ``offsets[i + 1]``.

    ``fields`` are columns of as many rows as there are records.
    """

    fields: "Mapping[str, Column]"
    offsets: Ints


Column = npt.NDArray[Any] | Names | Lists | Records


def write_columns(path: Path, columns: Mapping[str, Column]) -> None:
    """Write columns as a Parquet file; NaN stands for no number.

    Raises:
        OSError: it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    with path.open("wb") as file:
        for start, stop in _steps(len(_first(columns))):
            arrays = {
                name: _array(part(column, start, stop), pa) for name, column in columns.items()
            }
            table = pa.table(arrays)
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _first(columns: Mapping[str, Column]) -> Any:
    return next(c for c in columns.values() if isinstance(c, np.ndarray))


def _steps(rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, max(rows, 1), _ROWS_AT_ONCE):
        yield start, min(start + _ROWS_AT_ONCE, rows)


def part(column: Column, start: int, stop: int) -> Column:
    """Return the rows of a column from ``start`` up to ``stop``."""
    if isinstance(column, np.ndarray):
        return column[start:stop]
    if isinstance(column, Names):
        return Names(column.codes[start:stop], column.names)
    offsets = column.offsets[start : stop + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    if isinstance(column, Lists):
        return Lists(column.values[first:last], offsets - first)
    fields = {name: part(each, first, last) for name, each in column.fields.items()}
    return Records(fields, offsets - first)


def _array(column: Column, pa: Any) -> Any:
    if isinstance(column, Names):
        used, codes = np.unique(column.codes, return_inverse=True)
        texts = pa.array([None if c < 0 else column.names[c] for c in used.tolist()], pa.string())
        return texts.take(pa.array(codes))
    if isinstance(column, Lists):
        return pa.ListArray.from_arrays(
            pa.array(column.offsets.astype(np.int32)), pa.array(column.values)
        )
    if isinstance(column, Records):
        names = list(column.fields)
        structs = pa.StructArray.from_arrays([_array(column.fields[n], pa) for n in names], names)
        return pa.ListArray.from_arrays(pa.array(column.offsets.astype(np.int32)), structs)
    if column.dtype == np.float64:
        return pa.array(column, mask=np.isnan(column))
    return pa.array(column)
