"""What is written in each format is what was drawn: read back by plain readers."""

import configparser
import csv
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings, strategies as st
from video_prep.annotated.geometry import boxes_around, corners
from video_prep.annotated.shape_table import KINDS, NO_TRACK, ShapeRows
from video_prep.base.errors import UsageError
from video_prep.dataset.image_folder import ImageNames
from video_prep.settings.export import ExportSettings
from video_prep.stages.export.choice import chosen
from video_prep.stages.export.coco import write_coco
from video_prep.stages.export.hf import hf_places, write_hf
from video_prep.stages.export.images import ImageTable
from video_prep.stages.export.mot import mot_places, write_mot
from video_prep.stages.export.parquet import write_parquet
from video_prep.stages.export.tables import Tables
from video_prep.stages.export.yolo import flips_of, write_yolo

LABELS = ("car", "Fußgänger: 'a'", "body")
SIDES = ("train", "val")
SIZES = ((320, 180), (180, 320))
FRAMES = (0, 5, 10, 20)  # of each of two videos
SETS = ((), (("colour", 'red "dark"'), ("open", "true")))


def shapes_of(rows):
    """Return a table of image, label, track, kind, values, rotation, occluded, set, attributes."""
    made = ShapeRows()
    for label in LABELS:
        made.label(label)
    made.attribute_codes(SETS)
    for image, label, track, kind, values, rotation, occluded, is_set, attributes in rows:
        made.add(
            np.array([image]),
            np.array(values, np.float64),
            np.array([len(values)]),
            labels=label,
            tracks=track,
            kinds=KINDS.index(kind),
            is_set=is_set,
            is_occluded=occluded,
            rotations=rotation,
            attributes=attributes,
        )
    return made.table()


def tables_of(rows, sides=(0, 1)):
    count = len(FRAMES)
    images = ImageTable(
        folder=Path("/data/ds"),
        videos=np.repeat([0, 1], count),
        frames=np.array(FRAMES * 2),
        pts=np.array(FRAMES * 2) * 512,
        seconds=np.array(FRAMES * 2) / 29.97,
        sides=np.repeat(sides, count),
        side_names=SIDES,
        video_ids=("a", "b"),
        names=(ImageNames("a", 6, "jpg"), ImageNames("b", 6, "png")),
        sizes=np.array(SIZES),
    )
    edges = {"body": (("head", "hand"), ("hand", "foot"))}
    return Tables(images, shapes_of(rows), {"body": ("head", "foot", "hand")}, edges)


inside = st.floats(1, 170).map(lambda value: round(value, 2))
anywhere = st.floats(-40, 400).map(lambda value: round(value, 2))
COUNTS = {"rectangle": 4, "ellipse": 4, "cuboid": 16, "polygon": 10, "polyline": 6, "points": 4}


@st.composite
def a_shape(draw):
    kind = draw(st.sampled_from([*COUNTS, "skeleton", "mask"]))
    label = 2 if kind == "skeleton" else draw(st.integers(0, 1))
    if kind == "mask":
        runs = draw(st.lists(st.integers(1, 5), min_size=2, max_size=6))
        width = draw(st.integers(1, 6))
        height = -(-sum(runs) // width)
        values = [*runs, 3, 4, 3 + width - 1, 4 + height - 1]
    elif kind == "skeleton":
        seen = draw(st.lists(st.sampled_from([0, 1, 2]), min_size=3, max_size=3).filter(any))
        values = [
            v for s in seen for v in ((draw(anywhere), draw(anywhere), s) if s else (0, 0, 0))
        ]
    else:
        values = draw(st.lists(anywhere, min_size=COUNTS[kind], max_size=COUNTS[kind]))
    if kind in ("rectangle", "ellipse"):
        x, y, wide, high = values[0], values[1], draw(inside), draw(inside)
        values = [x, y, x + wide, y + high if kind == "rectangle" else y - high]
    turn = draw(st.sampled_from([0.0, 0.0, 30.5])) if kind in ("rectangle", "ellipse") else 0.0
    track = draw(st.sampled_from([NO_TRACK, 1, 2])) if kind != "mask" else NO_TRACK
    return (
        draw(st.integers(0, 7)), label, track, kind, values, turn, draw(st.booleans()),
        draw(st.booleans()), draw(st.integers(0, 1)),
    )  # fmt: skip


def once_a_frame(rows):
    seen = {(row[0], row[2]) for row in rows if row[2] != NO_TRACK}
    return len(seen) == sum(row[2] != NO_TRACK for row in rows)


many = st.lists(a_shape(), max_size=12).filter(once_a_frame)


def test_points_of_skeletons_keep_their_names_in_another_label():
    tables = tables_of([])
    merged = chosen(tables, ExportSettings(classes="car,body=person"))
    assert merged.shapes.label_names == ("car", "person")
    assert merged.elements == {"person": ("head", "foot", "hand")}
    assert merged.edges == {"person": (("head", "hand"), ("hand", "foot"))}
    other = replace(tables, elements={**tables.elements, "car": ("wheel",)})
    assert chosen(other, ExportSettings(classes="car")).elements == {"car": ("wheel",)}
    with pytest.raises(UsageError, match="'body' cannot become 'car', as a skeleton of that name"):
        chosen(other, ExportSettings(classes="car,body=car"))


def by_image(places):
    return [f"images/{'train' if i < 4 else 'val'}/{'ab'[i // 4]}-{i}.jpg" for i in range(places)]


PLACES = by_image(8)


def written(write, tables, *arguments):
    """Write a format into a folder of its own; the caller reads it within."""
    folder = tempfile.TemporaryDirectory()
    for side in SIDES:
        (Path(folder.name) / side).mkdir()
    made = write(tables, Path(folder.name), *arguments)
    return folder, Path(folder.name), made


@settings(max_examples=25)
@given(many)
def test_coco(rows):
    tables = tables_of(rows)
    shapes, boxes = tables.shapes, boxes_around(tables.shapes)
    folder, out, made = written(write_coco, tables, PLACES)
    with folder:
        read = {name.stem: json.loads(name.read_text()) for name in (out / "annotations").iterdir()}
    seen = {}
    for name, data in read.items():
        images = {one["id"]: one for one in data["images"]}
        names = {one["id"]: one["name"] for one in data["categories"]}
        assert [*names.values()] == [*LABELS]
        if name.startswith("keypoints"):
            body = data["categories"][2]
            assert body["keypoints"] == ["head", "foot", "hand"]
            assert body["skeleton"] == [[1, 3], [3, 2]]
        for one in data["annotations"]:
            row = one["id"] - 1
            image = images[one["image_id"]]
            place = int(shapes.images[row])
            assert image["file_name"] == PLACES[place]
            assert (image["video"], image["frame_index"]) == ("ab"[place // 4], FRAMES[place % 4])
            assert image["time_seconds"] == pytest.approx(FRAMES[place % 4] / 29.97, abs=1e-6)
            assert (image["width"], image["height"]) == SIZES[place // 4]
            x1, y1, x2, y2 = boxes[row]
            assert one["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=0.002)
            assert names[one["category_id"]] == LABELS[shapes.labels[row]]
            assert one["track_id"] == (shapes.tracks[row] if shapes.tracks[row] > 0 else None)
            assert one["occluded"] == shapes.is_occluded[row]
            assert one["source"] == ("person" if shapes.is_set[row] else "cvat")
            assert one["attributes"] == dict(SETS[shapes.attributes[row]])
            assert one["iscrowd"] == 0
            seen.setdefault(name.split("_")[0], set()).add(row)
            check_outline(one, shapes, row, SIZES[place // 4])
    kinds = [KINDS[kind] for kind in shapes.kinds]
    without = {i for i, kind in enumerate(kinds) if kind in ("points", "polyline")}
    flat = {row for row in {*range(len(shapes))} - without if encloses_nothing(shapes, row)}
    assert seen.get("instances", set()) == {*range(len(shapes))} - without - flat
    assert ("flat" in {notice.kind for notice in made.notices}) == bool(flat)
    assert np.flatnonzero(made.is_there).tolist() == sorted(set().union(*seen.values()))
    assert seen.get("keypoints", set()) == {
        i for i, kind in enumerate(kinds) if kind in ("points", "skeleton")
    }


def encloses_nothing(shapes, row):
    kind, raw = KINDS[shapes.kinds[row]], shapes.raw(row)
    if kind == "mask":
        return raw[1:-4:2].sum() == 0
    if kind == "polygon":
        points = np.array(raw).reshape(-1, 2)
        ahead = np.roll(points, -1, axis=0)
        return abs(np.sum(points[:, 0] * ahead[:, 1] - points[:, 1] * ahead[:, 0])) < 0.001
    low, high = boxes_around(shapes)[row].reshape(2, 2)
    return ((high - low) == 0).any()


def check_outline(one, shapes, row, size):
    kind, raw = KINDS[shapes.kinds[row]], shapes.raw(row)
    if kind == "polygon":
        assert one["segmentation"] == [pytest.approx(raw, abs=0.002)]
    elif kind == "rectangle":
        expected = corners(shapes, np.array([row])).ravel()
        assert one["segmentation"] == [pytest.approx(expected, abs=0.002)]
        assert one["area"] == pytest.approx((raw[2] - raw[0]) * (raw[3] - raw[1]), abs=0.01)
    elif kind == "mask":
        width, height = size
        counts = one["segmentation"]["counts"]
        assert (one["segmentation"]["size"], sum(counts)) == ([height, width], width * height)
        flat = np.repeat(np.arange(len(counts)) % 2, counts)
        pixels = flat.reshape(width, height).T
        runs = raw[:-4].astype(int)
        left, top, right, bottom = raw[-4:].astype(int)
        drawn = np.zeros((bottom - top + 1) * (right - left + 1), int)
        drawn[: runs.sum()] = np.repeat(np.arange(len(runs)) % 2, runs)
        expected = np.zeros((height, width), int)
        expected[top : bottom + 1, left : right + 1] = drawn.reshape(bottom - top + 1, -1)
        assert (pixels == expected).all()
        assert one["area"] == expected.sum()
    if "keypoints" in one and kind == "skeleton":
        assert one["keypoints"] == pytest.approx(raw, abs=0.002)
        assert one["num_keypoints"] == (raw[2::3] > 0).sum()


def lines_of(out, place):
    file = out / place.replace("images/", "labels/").replace(".jpg", ".txt")
    return [[float(v) for v in line.split()] for line in file.read_text().splitlines()]


@settings(max_examples=25)
@given(many)
def test_yolo(rows):
    tables = tables_of(rows)
    shapes, boxes = tables.shapes, boxes_around(tables.shapes)
    for kind, kinds in {
        "detect": {*KINDS} - {"points", "polyline"},
        "pose": {"skeleton"},
        "obb": {"rectangle", "ellipse"},
        "segment": {"polygon", "ellipse", "mask"},
    }.items():
        folder, out, made = written(write_yolo, tables, PLACES, kind)
        with folder:
            data = yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8"))
            assert data["names"] == dict(enumerate(LABELS))
            has_points = kind == "pose" and shapes.is_kind("skeleton").any()
            told = {key: data.get(key) for key in ("kpt_shape", "kpt_names", "flip_idx")}
            assert told == {
                "kpt_shape": [3, 3] if has_points else None,
                "kpt_names": {2: ["head", "foot", "hand"]} if has_points else None,
                "flip_idx": None,
            }
            assert (data["train"], data["val"]) == ("images/train", "images/val")
            found = {place: lines_of(out, place) for place in PLACES}
        assert made.is_there.sum() == sum(map(len, found.values()))
        for image, place in enumerate(PLACES):
            size = np.array(SIZES[image // 4], float)
            expected = []
            for row in np.flatnonzero(shapes.images == image):
                low, high = boxes[row, :2] / size, boxes[row, 2:] / size
                low, high = low.clip(0, 1), high.clip(0, 1)
                if KINDS[shapes.kinds[row]] in kinds and (high > low).all():
                    expected.append((row, [*(low + high) / 2, *high - low]))
            assert [line[0] for line in found[place]] == [shapes.labels[row] for row, _ in expected]
            for line, (row, box) in zip(found[place], expected, strict=True):
                numbers = np.array(line[1:])
                assert ((numbers >= 0) & (numbers <= 2)).all()
                if kind in ("detect", "pose"):
                    assert line[1:5] == pytest.approx(box, abs=1e-7)
                elif kind == "obb":
                    around = (corners(shapes, np.array([row]))[0] / size).clip(0, 1)
                    assert line[1:] == pytest.approx(around.ravel(), abs=1e-7)
                elif KINDS[shapes.kinds[row]] == "polygon":
                    around = (shapes.raw(row).reshape(-1, 2) / size).clip(0, 1)
                    assert line[1:] == pytest.approx(around.ravel(), abs=1e-7)
                if kind == "pose":
                    assert len(line) == 5 + 9
                    points = numbers[4:].reshape(3, 3)
                    raw = shapes.raw(row).reshape(3, 3)
                    seen = points[:, 2] > 0
                    assert points[seen, :2] * size == pytest.approx(raw[seen, :2], abs=0.001)
                    assert (seen <= (raw[:, 2] > 0)).all()


@pytest.mark.parametrize(
    ("skeletons", "points", "expected"),
    [
        ([("nose", "left_eye", "right_eye")], 3, [0, 2, 1]),
        ([("Nose", "L.ear", "R.ear", "lip")], 5, [0, 2, 1, 3, 4]),
        ([("eyeLeft", "eyeRight"), ("r", "l")], 2, [1, 0]),
        ([("left_eye", "right_ear")], 2, None),
        ([("head", "foot")], 2, None),
        ([("l", "r"), ("l", "x", "r")], 3, None),
        ([], 0, None),
    ],
)
def test_points_change_places_in_a_mirror_where_names_tell(skeletons, points, expected):
    assert flips_of(skeletons, points) == expected


@settings(max_examples=25)
@given(many)
def test_mot(rows):
    tables = tables_of(rows)
    shapes, boxes = tables.shapes, boxes_around(tables.shapes)
    places = mot_places(tables.images)
    assert places[5] == "val/b/img1/000002.png"
    folder, out, made = written(write_mot, tables, places)
    found = []
    with folder:
        for video, (side, name) in enumerate(zip(SIDES, "ab", strict=True)):
            ini = configparser.ConfigParser()
            ini.read(out / side / name / "seqinfo.ini")
            told = ini["Sequence"]
            assert (told["name"], told["imdir"], told["seqlength"]) == (name, "img1", "4")
            assert told["framerate"] == "5.994"
            assert (int(told["imwidth"]), int(told["imheight"])) == SIZES[video]
            with (out / side / name / "frames.csv").open() as file:
                frames = {int(row["frame"]): row for row in csv.DictReader(file)}
            for line in (out / side / name / "gt" / "gt.txt").read_text().splitlines():
                frame, track, x, y, wide, high, one, label, seen = map(float, line.split(","))
                index = int(frames[int(frame)]["frame_index"])
                assert frames[int(frame)]["image"] == places[4 * video + FRAMES.index(index)]
                assert one == 1
                found.append((name, index, int(track), x, y, wide, high, int(label), int(seen)))
            assert (out / "seqmaps" / f"{side}.txt").read_text() == f"name\n{name}\n"
    expected = []
    for row in np.flatnonzero(~shapes.is_kind("points", "polyline")):
        x1, y1, x2, y2 = boxes[row]
        image = int(shapes.images[row])
        expected.append((
            "ab"[image // 4], FRAMES[image % 4], int(shapes.tracks[row]),
            x1, y1, x2 - x1, y2 - y1, int(shapes.labels[row]) + 1,
            0 if shapes.is_occluded[row] else 1,
        ))  # fmt: skip
    known = [one for one in expected if one[2] != NO_TRACK]
    by_key = {one[:3]: one for one in found}
    assert len(by_key) == len(found) == len(expected) == made.is_there.sum()
    for one in known:
        assert by_key.pop(one[:3])[3:] == pytest.approx(one[3:], abs=0.002)
    alone = sorted(one[:2] + one[3:] for one in by_key.values())
    singles = sorted(one[:2] + one[3:] for one in expected if one[2] == NO_TRACK)
    assert len({(one[0], one[2]) for one in by_key.values()}) == len(alone)  # ids of their own
    assert [one[:2] for one in alone] == [one[:2] for one in singles]
    assert sorted(v for one in alone for v in one[2:]) == pytest.approx(
        sorted(v for one in singles for v in one[2:]), abs=0.002
    )


@settings(max_examples=25)
@given(many)
def test_parquet(rows):
    tables = tables_of(rows)
    shapes, boxes = tables.shapes, boxes_around(tables.shapes)
    folder, out, _ = written(write_parquet, tables, PLACES)
    with folder:
        read = pq.read_table(out / "annotations.parquet").to_pylist()
    drawn = [one for one in read if one["label"] is not None]
    assert len(drawn) == len(shapes)
    assert {one["image"] for one in read} == {*PLACES}  # an empty image has a row as well
    assert len(read) == len(drawn) + len({*range(8)} - {*shapes.images.tolist()})
    for row, one in enumerate(drawn):
        image = int(shapes.images[row])
        assert (one["image"], one["video"]) == (PLACES[image], "ab"[image // 4])
        assert (one["frame_index"], one["side"]) == (FRAMES[image % 4], SIDES[image // 4])
        assert one["time_seconds"] == FRAMES[image % 4] / 29.97
        assert one["points"] == shapes.raw(row).tolist()
        assert (one["x"], one["y"]) == (boxes[row, 0], boxes[row, 1])
        assert one["shape"] == KINDS[shapes.kinds[row]]
        assert (one["track_id"], one["rotation"]) == (shapes.tracks[row], shapes.rotations[row])
        assert json.loads(one["attributes"]) == dict(SETS[shapes.attributes[row]])
        assert (one["source"] == "person", one["occluded"]) == (
            shapes.is_set[row], shapes.is_occluded[row]
        )  # fmt: skip


@settings(max_examples=15)
@given(many)
def test_hf(rows):
    tables = tables_of(rows)
    shapes, boxes = tables.shapes, boxes_around(tables.shapes)
    places = hf_places(tables.images)
    folder, out, _ = written(write_hf, tables, places)
    with folder:
        read = [
            (f"{side}/{one['file_name']}", one)
            for side in ("train", "validation")
            for one in pq.read_table(out / side / "metadata.parquet").to_pylist()
        ]
    assert [place for place, _ in read] == places
    for image, (_, one) in enumerate(read):
        of_it = np.flatnonzero(shapes.images == image)
        assert one["frame_index"] == FRAMES[image % 4]
        assert [each["points"] for each in one["objects"]] == [
            shapes.raw(row).tolist() for row in of_it
        ]
        for each, row in zip(one["objects"], of_it, strict=True):
            x1, y1, x2, y2 = boxes[row]
            assert each["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=0.002)
            assert each["label"] == LABELS[shapes.labels[row]]
