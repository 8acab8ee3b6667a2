"""YOLO as Ultralytics reads it: a text file for each image, and ``data.yaml``."""

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...annotated.geometry import bitmap_of, boxes_around, corners, outline
from ...annotated.shape_table import KINDS, ShapeTable
from ...base.words import count
from ...dataset.records import Notice
from ...pictures.outlines import largest_outline
from .tables import Tables, Written

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_KINDS = {
    "detect": tuple(kind for kind in KINDS if kind not in {"points", "polyline"}),
    "segment": ("polygon", "ellipse", "mask"),
    "pose": ("skeleton",),
    "obb": ("rectangle", "ellipse"),
}
"""Which shapes become what; others are left out, and told."""

_ROWS_AT_ONCE = 20_000


def write_yolo(tables: Tables, out: Path, places: Sequence[str], kind: str) -> Written:
    """Write ``labels/SIDE/NAME.txt`` for each image, and ``data.yaml``.

    Args:
        tables: what.
        out: the folder of the export.
        places: where in it the images are.
        kind: ``detect``, ``segment``, ``pose`` or ``obb``.
    """
    shapes = tables.shapes
    is_taken = shapes.is_kind(*_KINDS[kind])
    rows = np.flatnonzero(is_taken)
    writer = _Lines(tables, kind)
    # Texts, not paths, and bytes: there may be a million files.
    labels = f"{out}/labels"
    files = [f"{labels}{place.removeprefix('images').rpartition('.')[0]}.txt" for place in places]
    for folder in {file.rpartition("/")[0] for file in files}:
        Path(folder).mkdir(parents=True, exist_ok=True)
    written = _by_image(writer.lines(rows), shapes.images[rows].tolist(), len(files))
    for file, lines in zip(files, written, strict=True):
        with open(file, "wb") as opened:  # noqa: PTH123
            opened.write("".join(lines).encode("ascii"))
    skeletons = _skeletons(tables) if kind == "pose" else {}
    flips = flips_of(list(skeletons.values()), writer.points)
    flips_told = [_NO_FLIPS] if skeletons and flips is None else []
    text = "".join(_data(tables, writer.points, skeletons, flips))
    (out / "data.yaml").write_text(text, encoding="utf-8")
    notices = *_told(tables, kind, int((~is_taken).sum()), writer), *flips_told
    is_taken[writer.outside] = False
    return Written(is_taken, notices)


_NO_FLIPS = Notice(
    "no-flips",
    "data.yaml has no flip_idx, as the names of the points do not tell which is the left one of "
    "which right one, so Ultralytics mirrors no images as it trains. Add flip_idx if you know it.",
)


def _skeletons(tables: Tables) -> dict[int, tuple[str, ...]]:
    """Return the names of the points of each label that has skeletons, by its number."""
    shapes = tables.shapes
    used = np.unique(shapes.labels[shapes.is_kind("skeleton")]).tolist()
    return {code: tables.elements.get(shapes.label_names[code], ()) for code in used}


def flips_of(skeletons: Sequence[Sequence[str]], points: int) -> list[int] | None:
    """Return where each point is in a mirror, ``None`` where names do not tell it of all labels.

    Left and right change places, and so do l and r where these are words.

    Args:
        skeletons: the names of the points of each label.
        points: how many are written of each.
    """
    found = []
    for names in skeletons:
        lower = [name.lower() for name in names]
        mirrored = [_SIDE.sub(lambda side: _OTHER[side[0]], name) for name in lower]
        if set(mirrored) != set(lower) or mirrored == lower:
            return None
        found.append([*map(lower.index, mirrored), *range(len(names), points)])
    return found[0] if found and all(each == found[0] for each in found) else None


_SIDE = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])")
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def _by_image(lines: Iterable[str], images: Iterable[int], number: int) -> Iterator[list[str]]:
    """Yield the lines of each image, in order."""
    pairs = zip(images, lines, strict=True)
    pair = next(pairs, None)
    for image in range(number):
        found = []
        while pair is not None and pair[0] == image:
            found.append(pair[1])
            pair = next(pairs, None)
        yield found


class _Lines:
    """Writes the line of each shape. ``cut`` counts those that the image's border cuts.

    ``outside`` are the rows of those that lie outside wholly, whose line is empty; ``parts`` counts
    masks with several parts, of which the largest is taken. ``points`` is how many points a
    skeleton has at most.
    """

    def __init__(self, tables: Tables, kind: str) -> None:
        self._tables, self._kind = tables, kind
        self.cut = self.parts = 0
        self.outside: list[int] = []
        shapes = tables.shapes
        counts = np.diff(shapes.offsets)[shapes.is_kind("skeleton")]
        self.points = int(counts.max(initial=0)) // 3

    def lines(self, rows: Ints) -> Iterator[str]:
        """Yield a line for each of these rows."""
        images = self._tables.images
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            part = self._tables.shapes.taken(some)
            sizes = images.sizes[images.videos[part.images]].astype(np.float64)
            boxes = boxes_around(part).reshape(-1, 2, 2) / sizes[:, np.newaxis]
            inside = boxes.clip(0, 1)
            is_outside = ((inside[:, 1] - inside[:, 0]) <= 0).any(axis=1)
            self.outside += some[is_outside].tolist()
            self.cut += int(((inside != boxes).any(axis=(1, 2)) & ~is_outside).sum())
            middles = (inside[:, 0] + inside[:, 1]) / 2
            boxed = np.concatenate([middles, inside[:, 1] - inside[:, 0]], axis=1)
            numbers = self._numbers(part, sizes, boxed)
            for label, is_gone, each in zip(
                part.labels.tolist(), is_outside.tolist(), numbers, strict=True
            ):
                yield "" if is_gone else f"{label} {_written(each)}\n"

    def _numbers(self, shapes: ShapeTable, sizes: Floats, boxes: Floats) -> Iterator[list[float]]:
        """Yield the numbers of each shape, as shares of its image's sides."""
        if self._kind == "detect":
            yield from boxes.tolist()
        elif self._kind == "obb":
            turned = corners(shapes, np.arange(len(shapes))) / sizes[:, np.newaxis]
            yield from turned.clip(0, 1).reshape(-1, 8).tolist()
        elif self._kind == "pose":
            for row in range(len(shapes)):
                yield [*boxes[row].tolist(), *self._pose(shapes.raw(row), sizes[row])]
        else:
            for row in range(len(shapes)):
                yield (self._outline(shapes, row) / sizes[row]).clip(0, 1).ravel().tolist()

    def _pose(self, raw: Floats, size: Floats) -> list[float]:
        points = np.zeros((self.points, 3))
        points[: len(raw) // 3] = raw.reshape(-1, 3)
        points[:, :2] /= size
        is_seen = (
            (points[:, 2] > 0) & (points[:, :2] >= 0).all(axis=1) & (points[:, :2] <= 1).all(axis=1)
        )
        points[~is_seen] = 0
        return [int(v) if place % 3 == 2 else v for place, v in enumerate(points.ravel().tolist())]

    def _outline(self, shapes: ShapeTable, row: int) -> Floats:
        if KINDS[shapes.kinds[row]] != "mask":
            return outline(shapes, row)
        bitmap, left, top = bitmap_of(shapes, row)
        points, parts = largest_outline(bitmap)
        self.parts += parts > 1
        return np.asarray(points + np.array([left, top]))


@functools.cache
def _pattern(numbers: int) -> str:
    return " ".join(["%.8g"] * numbers)


def _written(numbers: Sequence[float]) -> str:
    return _pattern(len(numbers)) % tuple(numbers)


def _data(
    tables: Tables, points: int, skeletons: Mapping[int, Sequence[str]], flips: list[int] | None
) -> Iterator[str]:
    """Yield ``data.yaml``."""
    yield "# Written by prep export; paths are seen from the folder of this file.\n"
    for side in ("train", "val", "test"):
        if side in tables.images.side_names:
            yield f"{side}: images/{side}\n"
    if skeletons:
        yield f"kpt_shape: [{points}, 3]\n"
        yield from [f"flip_idx: {flips}\n"] if flips else []
        yield "kpt_names:\n"
        for code, names in skeletons.items():
            yield f"  {code}: {json.dumps(list(names), ensure_ascii=False)}\n"
    yield "names:\n"
    for code, name in enumerate(tables.shapes.label_names):
        yield f"  {code}: {json.dumps(name, ensure_ascii=False)}\n"  # JSON's texts are YAML's


def _told(tables: Tables, kind: str, left: int, lines: _Lines) -> Iterator[Notice]:
    if left:
        named = ", ".join(_KINDS[kind])
        shapes = count(left, "shape")
        yield Notice("left-out", f"{shapes} left out: --yolo {kind} is made of {named} alone.")
    if lines.outside:
        shapes = count(len(lines.outside), "shape")
        yield Notice(
            "outside", f"{shapes} left out: outside of the image, or without a width or height."
        )
    if lines.cut:
        yield Notice("cut", f"{count(lines.cut, 'shape')} cut at the border of the image.")
    if lines.parts:
        masks = count(lines.parts, "mask")
        yield Notice("parts", f"Of {masks} with several parts only the largest is there.")
    if "val" not in tables.images.side_names:
        yield Notice(
            "no-val",
            "No image is in val, and Ultralytics does not train without any. Where videos have no "
            "sides yet, --split 80/10/10 deals them out so that nothing leaks.",
        )
