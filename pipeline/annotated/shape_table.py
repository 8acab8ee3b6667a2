"""One table of all shapes on all images: a row a shape, in columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..tracks.drawing import Pairs

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

KINDS = (
    "rectangle", "polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton",
)  # fmt: skip
"""CVAT's words for shapes; a row has the place of its own among these."""

NO_TRACK = -1
"""The track of a shape that was drawn on a single image."""


@dataclass(frozen=True, eq=False)
class ShapeTable:
    """One row a shape on an image, in the order of the images.

    All but ``values`` and ``offsets`` have shape (rows,). ``images``: int32, the row of its image
    in the table of images. ``labels``: int32, its place in ``label_names``. ``tracks``: int32,
    from 1 within each video, `NO_TRACK` for none. ``kinds``: int8, its place in `KINDS`.
    ``is_set``: bool, a person set it on this image; else CVAT filled it in. ``is_occluded``: bool.
    ``rotations``: float64, degrees clockwise about its centre. ``attributes``: int32, the place of
    its names and values in ``attribute_sets``. ``values``: float64, the numbers of all rows end to
    end, in pixels of the image; those of row i are ``values[offsets[i]:offsets[i + 1]]``,
    ``offsets`` int64, shape (rows + 1,). They are CVAT's own, but for a skeleton: x, y and how it
    is seen (0 hidden, 1 occluded, 2 visible) of each of its points.
    """

    images: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]
    tracks: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.int8]
    is_set: Flags
    is_occluded: Flags
    rotations: Floats
    attributes: npt.NDArray[np.int32]
    values: Floats
    offsets: Ints
    label_names: tuple[str, ...]
    attribute_sets: tuple[Pairs, ...]

    def __len__(self) -> int:
        return len(self.images)

    def raw(self, row: int) -> Floats:
        """Return the numbers of a row."""
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def is_kind(self, *kinds: str) -> Flags:
        """Return which rows are of these kinds, shape (rows,)."""
        return np.isin(self.kinds, [KINDS.index(kind) for kind in kinds])

    def part(self, start: int, stop: int) -> "ShapeTable":
        """Return the rows from one place up to another, as views."""
        first, last = self.offsets[[start, stop]]
        columns = {name: getattr(self, name)[start:stop] for name in _COLUMNS}
        offsets = self.offsets[start : stop + 1] - first
        return replace(self, **columns, values=self.values[first:last], offsets=offsets)

    def taken(self, rows: Ints) -> "ShapeTable":
        """Return the table with these rows, in this order."""
        counts = np.diff(self.offsets)[rows]
        ends = np.cumsum(counts)
        begins = np.repeat(self.offsets[rows] - (ends - counts), counts)
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(
            self,
            **columns,
            values=self.values[begins + np.arange(len(begins))],
            offsets=np.concatenate([[0], ends]).astype(np.int64),
        )

    def scaled(self, scales: Floats) -> "ShapeTable":
        """Return the table for images of other sizes than people drew on; masks are left out.

        Args:
            scales: float64, shape (images, 2), by how much wider and higher each image is.
        """
        if (scales == 1).all():
            return self
        is_other = (scales[self.images] != 1).any(axis=1)
        table = self.taken(np.flatnonzero(~(is_other & self.is_kind("mask"))))
        counts = np.diff(table.offsets)
        columns = np.arange(len(table.values)) - np.repeat(table.offsets[:-1], counts)
        wide = np.repeat(np.where(table.is_kind("skeleton"), 3, 2), counts)
        factors = np.ones((len(table), 3))
        factors[:, :2] = scales[table.images]
        factors[table.is_kind("mask")] = 1
        rows = np.repeat(np.arange(len(table)), counts)
        return replace(table, values=table.values * factors[rows, columns % wide])

    def renamed(self, labels: Ints, label_names: Sequence[str]) -> "ShapeTable":
        """Return the table with other labels; rows whose label is -1 are left out.

        Args:
            labels: for each label of this table the place of its new name.
            label_names: the new names.
        """
        coded = labels.astype(np.int32)[self.labels]
        changed = replace(self, labels=coded, label_names=tuple(label_names))
        rows = np.flatnonzero(changed.labels >= 0)
        return changed if len(rows) == len(self) else changed.taken(rows)


_COLUMNS = (
    "images", "labels", "tracks", "kinds", "is_set", "is_occluded", "rotations", "attributes",
)  # fmt: skip


_TYPES: dict[str, type] = {
    **dict.fromkeys(_COLUMNS, np.int32),
    "kinds": np.int8,
    **dict.fromkeys(("is_set", "is_occluded"), np.bool_),
    **dict.fromkeys(("rotations", "values"), np.float64),
}


class ShapeRows:
    """Gathers the rows of a table, many at a time."""

    def __init__(self) -> None:
        self._parts: dict[str, list[npt.NDArray[Any]]] = {
            each.name: [] for each in fields(ShapeTable) if each.name in (*_COLUMNS, "values")
        }
        self._counts: list[Ints] = []
        self._labels: dict[str, int] = {}
        self._attributes: dict[Pairs, int] = {}

    def label(self, name: str) -> int:
        """Return the code of a label."""
        return self._labels.setdefault(name, len(self._labels))

    def attribute_codes(self, given: Iterable[Pairs]) -> Ints:
        """Return the codes of sets of attributes, int64."""
        known = self._attributes
        return np.fromiter((known.setdefault(p, len(known)) for p in given), np.int64)

    def add(self, images: Ints, values: Floats, counts: Ints, **columns: Any) -> None:
        """Add rows.

        Args:
            images: int64, shape (rows,).
            values: float64, the numbers of all of them end to end.
            counts: int64, shape (rows,), how many each has.
            columns: all other columns, an array or a value for all rows each.
        """
        self._parts["images"].append(images.astype(_TYPES["images"]))
        self._parts["values"].append(values)
        self._counts.append(counts)
        for name, column in columns.items():
            whole: npt.NDArray[Any] = np.broadcast_to(
                np.asarray(column, _TYPES[name]), images.shape
            )
            self._parts[name].append(whole)

    def table(self) -> ShapeTable:
        """Return the table of all rows, by image; what stood before is gone."""
        columns = {}
        for name, parts in self._parts.items():
            columns[name] = np.concatenate([np.zeros(0, _TYPES[name]), *parts])
            parts.clear()
        counts = np.concatenate([np.zeros(0, np.int64), *self._counts])
        self._counts.clear()
        table = ShapeTable(
            **columns,
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            label_names=tuple(self._labels),
            attribute_sets=tuple(self._attributes),
        )
        order = np.argsort(table.images, kind="stable")
        is_sorted = bool((np.diff(table.images) >= 0).all())
        return table if is_sorted else table.taken(order)
