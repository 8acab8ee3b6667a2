"""Tables of shapes as Parquet files, in columns of numbers, names and lists."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]


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


def write_columns(path: Path, parts: Iterable[Mapping[str, Column]]) -> None:
    """Write columns as a Parquet file, some rows after others; NaN stands for no number.

    Raises:
        OSError: it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    with path.open("wb") as file:
        for columns in parts:
            table = pa.table({name: _array(column, pa) for name, column in columns.items()})
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()


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
