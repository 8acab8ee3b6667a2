"""COCO: a file of instances for each side, and one of keypoints where there are points."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...annotated.geometry import area_of, bitmap_of, boxes_around, corners, outline
from ...annotated.shape_table import KINDS, NO_TRACK, ShapeTable
from ...base.words import count
from ...dataset.records import Notice
from .tables import Tables, Written

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_POINTS = ("skeleton", "points")
_BOXES = ("rectangle", "cuboid", "skeleton")
_DECIMALS = 3  # of a pixel; CVAT itself keeps two
_ROWS_AT_ONCE = 20_000  # as numbers of Python they take twenty times the room


def write_coco(tables: Tables, out: Path, places: Sequence[str]) -> Written:
    """Write ``annotations/instances_SIDE.json``, and ``keypoints_SIDE.json``.

    Args:
        tables: what.
        out: the folder of the export.
        places: where the images are, seen from the folder that their names are of.
    """
    shapes = tables.shapes
    folder = out / "annotations"
    folder.mkdir()
    is_line, has_points = shapes.is_kind("polyline"), shapes.is_kind(*_POINTS)
    names, flat = _point_names(tables), 0
    is_there = np.zeros(len(shapes), np.bool_)
    for side in tables.images.side_names:
        images = tables.images.of_side(side)
        is_here = np.isin(shapes.images, images)
        files: dict[str, tuple[npt.NDArray[np.bool_], dict[str, tuple[str, ...]]]] = {}
        files["instances"] = (is_here & ~is_line & ~shapes.is_kind("points"), {})
        if has_points.any():
            files["keypoints"] = (is_here & has_points, names)
        for name, (is_taken, points) in files.items():
            file = _File(tables, places, points)
            with (folder / f"{name}_{side}.json").open("w", encoding="utf-8") as written:
                written.writelines(file.text(images, np.flatnonzero(is_taken)))
            is_taken[file.flat] = False
            is_there |= is_taken
            flat += len(file.flat)
    return Written(is_there, tuple(_told(int(is_line.sum()), flat)))


def _told(lines: int, flat: int) -> Iterator[Notice]:
    if lines:
        yield Notice("left-out", f"{count(lines, 'polyline')} left out: COCO has no lines.")
    if flat:
        yield Notice(
            "flat",
            f"{count(flat, 'shape')} left out of the instances: nothing lies inside, as of a "
            "skeleton with one visible point, or of an outline that is folded onto itself.",
        )


def _point_names(tables: Tables) -> dict[str, tuple[str, ...]]:
    """Return the names of the points of each label that has any."""
    shapes = tables.shapes
    names = {label: n for label, n in tables.elements.items() if label in shapes.label_names}
    counts = np.diff(shapes.offsets)
    for code, label in enumerate(shapes.label_names):
        rows = (shapes.labels == code) & shapes.is_kind("points")
        if rows.any() and label not in names:
            number = int(counts[rows].max()) // 2
            names[label] = tuple(f"point {place + 1}" for place in range(number))
        skeletons = (shapes.labels == code) & shapes.is_kind("skeleton")
        if skeletons.any():
            number = int(counts[skeletons].max()) // 3
            known = names.get(label, ())
            more = (f"point {place + 1}" for place in range(len(known), number))
            names[label] = (*known, *more)
    return names


class _File:
    """One file, as text in pieces. ``points`` has the names of points where it is of these.

    ``flat`` are the rows that are left out as they enclose nothing: training programs refuse boxes
    without a width or height, and no detection can match what has no pixel. Points do not need an
    area.
    """

    def __init__(
        self, tables: Tables, places: Sequence[str], points: dict[str, tuple[str, ...]]
    ) -> None:
        self.images, self.shapes, self.edges = tables.images, tables.shapes, tables.edges
        self.places, self.points = places, points
        self.flat: list[int] = []

    def text(self, images: Ints, rows: Ints) -> Iterator[str]:
        """Yield the file with these images and shapes."""
        used = np.unique(self.images.videos[images]).tolist()
        videos = [{"id": v + 1, "name": self.images.video_ids[v]} for v in used]
        head = {"info": {"description": "exported by prep"}, "licenses": [], "videos": videos}
        yield json.dumps(head)[:-1] + ',\n"categories": ' + json.dumps(self._categories())
        yield from _listed("images", map(json.dumps, self._images(images)))
        yield from _listed("annotations", self._annotations(rows))
        yield "}\n"

    def _categories(self) -> list[dict[str, Any]]:
        categories = []
        for code, name in enumerate(self.shapes.label_names):
            category: dict[str, Any] = {"id": code + 1, "name": name, "supercategory": ""}
            if self.points:
                points = [*self.points.get(name, ())]
                edges = self.edges.get(name, ())
                known = [pair for pair in edges if set(pair) <= set(points)]
                lines = [[points.index(point) + 1 for point in pair] for pair in known]
                category |= {"keypoints": points, "skeleton": lines}
            categories.append(category)
        return categories

    def _images(self, rows: Ints) -> Iterator[dict[str, Any]]:
        table = self.images
        columns = (rows, table.videos[rows], table.frames[rows], table.seconds[rows])
        for row, video, frame, seconds in zip(*(c.tolist() for c in columns), strict=True):
            width, height = table.sizes[video].tolist()
            yield {
                "id": row + 1,
                "file_name": self.places[row],
                "width": width,
                "height": height,
                "video_id": video + 1,
                "video": table.video_ids[video],
                "frame_index": frame,
                "time_seconds": None if seconds != seconds else round(seconds, 6),
            }

    def _annotations(self, rows: Ints) -> Iterator[str]:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield from self._some(rows[start : start + _ROWS_AT_ONCE])

    def _some(self, rows: Ints) -> Iterator[str]:
        shapes = self.shapes.taken(rows)
        boxes = boxes_around(shapes)
        boxes[:, 2:] -= boxes[:, :2]
        boxes = boxes.round(_DECIMALS)
        sets = [json.dumps(dict(pairs)) for pairs in shapes.attribute_sets]
        said = zip(
            rows.tolist(),
            (shapes.images + 1).tolist(),
            (shapes.labels + 1).tolist(),
            shapes.tracks.tolist(),
            shapes.is_occluded.tolist(),
            shapes.is_set.tolist(),
            shapes.attributes.tolist(),
            boxes.tolist(),
            self._shapes(shapes, boxes),
            strict=True,
        )
        for row, image, label, track, occluded, is_set, pairs, box, (area, shape) in said:
            if area <= 0 and not self.points:
                self.flat.append(row)
                continue
            yield (
                f'{{"id": {row + 1}, "image_id": {image}, "category_id": {label}, "bbox": {box}, '
                f'"area": {area}, {shape}, "iscrowd": 0, '
                f'"track_id": {"null" if track == NO_TRACK else track}, '
                f'"occluded": {_bool(occluded)}, "source": "{"person" if is_set else "cvat"}", '
                f'"attributes": {sets[pairs]}}}'
            )

    def _shapes(self, shapes: ShapeTable, boxes: Floats) -> Iterator[tuple[float, str]]:
        """Yield area and outline of each shape, and its points where the file is of these."""
        rectangles = np.flatnonzero(shapes.is_kind("rectangle"))
        outlines = np.zeros((len(shapes), 8))
        outlines[:] = _box_corners(boxes)
        outlines[rectangles] = corners(shapes, rectangles).reshape(-1, 8).round(_DECIMALS)
        areas = boxes[:, 2] * boxes[:, 3]
        raw = shapes.values[shapes.offsets[rectangles][:, np.newaxis] + np.arange(4)]
        areas[rectangles] = np.abs((raw[:, 2] - raw[:, 0]) * (raw[:, 3] - raw[:, 1]))
        kinds = shapes.kinds.tolist()
        plain = zip(areas.round(_DECIMALS).tolist(), outlines.tolist(), strict=True)
        for row, (area, around) in enumerate(plain):
            kind = KINDS[kinds[row]]
            if kind in _BOXES or kind == "points":
                text = f'"segmentation": [{around}]'
            elif kind == "mask":
                area, text = self._mask(shapes, row)
            else:
                points = outline(shapes, row)
                flat = points.round(_DECIMALS).ravel().tolist()
                area, text = round(area_of(points), _DECIMALS), f'"segmentation": [{flat}]'
            yield area, text + (self._keypoints(shapes, row, kind) if self.points else "")

    def _mask(self, shapes: ShapeTable, row: int) -> tuple[int, str]:
        """Return area and run lengths of a mask, column by column, as COCO counts."""
        width, height = self.images.sizes[self.images.videos[shapes.images[row]]].tolist()
        bitmap, left, top = bitmap_of(shapes, row)
        whole = np.zeros((height, width), np.uint8)
        part = bitmap[: height - top, : width - left]  # CVAT keeps masks inside the image
        whole[top : top + part.shape[0], left : left + part.shape[1]] = part
        flat = np.concatenate([[0], whole.ravel(order="F"), [1 - whole[-1, -1]]])
        ends = np.flatnonzero(np.diff(flat))
        counts = np.diff(np.concatenate([[0], ends])).tolist()
        segmentation = f'"segmentation": {{"size": [{height}, {width}], "counts": {counts}}}'
        return int(whole.sum()), segmentation

    def _keypoints(self, shapes: ShapeTable, row: int, kind: str) -> str:
        raw = shapes.raw(row)
        if kind == "skeleton":
            points = raw.reshape(-1, 3)
        else:
            seen = 1.0 if shapes.is_occluded[row] else 2.0
            points = np.insert(raw.reshape(-1, 2), 2, seen, axis=1)
        number = len(self.points[shapes.label_names[shapes.labels[row]]])
        padded = np.zeros((number, 3))
        padded[: len(points)] = points
        flat = [
            value for x, y, seen in padded.round(_DECIMALS).tolist() for value in (x, y, int(seen))
        ]
        return f', "keypoints": {flat}, "num_keypoints": {int((padded[:, 2] > 0).sum())}'


def _box_corners(boxes: Floats) -> Floats:
    x, y, width, height = boxes.T
    return np.stack([x, y, x + width, y, x + width, y + height, x, y + height], axis=1).round(
        _DECIMALS
    )


def _listed(key: str, items: Iterator[str]) -> Iterator[str]:
    yield f',\n"{key}": ['
    for place, item in enumerate(items):
        yield f"{',' * (place > 0)}\n{item}"
    yield "]"


def _bool(value: bool) -> str:
    return "true" if value else "false"
