"""prep split: sets as they come, odd and damaged ones."""

import json
import os

import pytest
from helpers.handmade import picture


def images(root, names, first=0):
    for number, name in enumerate(names, first):
        path = os.path.join(os.fsencode(root), name if isinstance(name, bytes) else name.encode())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(picture(f"v{number}", number))


def coco(root, rows, annotations=(), categories=(), **more):
    images(root / "images", [f"{number}.jpg" for number in range(len(rows))])
    data = {"images": rows, "annotations": annotations, "categories": categories, **more}
    (root / "instances_train.json").write_text(json.dumps(data))


def yolo(root, config, labels=None, where="images/train"):
    images(root / where, ["0.jpg", "1.jpg"])
    (root / "data.yaml").write_text(config)
    if labels is not None:
        (root / "labels" / "train").mkdir(parents=True)
        (root / "labels" / "train" / "0.txt").write_text(labels)


def test_names_that_are_no_utf_8(prep, tmp_path):
    images(tmp_path / "set" / "train", [b"bad\xff.jpg", b"new\nline.jpg", b"a b.jpg"])
    done = prep("split", "set", "-o", "new", "--split", "50/50", "--json")
    assert (done.code, done.json["totals"]["images"]) == (0, 3)
    found = [name for _, _, names in os.walk(os.fsencode(tmp_path / "new")) for name in names]
    assert sorted(found) == [b"a b.jpg", b"bad\xff.jpg", b"new\nline.jpg", b"splits.json"]
    again = prep("split", "set", "-o", "more", "--splits", "new/splits.json", "--json")
    assert again.json["sides"] == done.json["sides"]


def test_folders_that_are_links_count(prep, tmp_path):
    images(tmp_path / "disk", ["a.jpg", "b.jpg"])
    images(tmp_path / "set" / "val", ["c.jpg"], first=5)
    (tmp_path / "set" / "train").symlink_to("../disk")
    (tmp_path / "disk" / "again").symlink_to("../disk")  # a loop
    (tmp_path / "set" / "val" / "up").symlink_to("..")
    done = prep("split", "set", "--json")
    assert (done.code, done.json["images"]) == (0, {"train": 2, "val": 1})


@pytest.mark.parametrize("leads_to", ["gone.jpg", "odd.jpg"])
def test_a_link_that_leads_nowhere_is_named(leads_to, prep, tmp_path):
    images(tmp_path / "set" / "train", ["a.jpg", "b.jpg"])
    (tmp_path / "set" / "train" / "odd.jpg").symlink_to(leads_to)
    done = prep("split", "set", "--json")
    assert "cannot be read, and could not be compared: train/odd.jpg" in done.json["warnings"][0]
    done = prep("split", "set", "-o", "new")
    assert done.code == 2
    assert done.err.startswith(f"error: {tmp_path}/set/train/odd.jpg: cannot be read: ")
    assert not (tmp_path / "new").exists()


def test_one_image_on_two_sides_is_a_leak_and_stands_on_one_afterwards(prep, tmp_path):
    yolo(tmp_path / "set", "train: images/train\nval: images/train\nnames: [car]\n", "0 .5 .5 1 1")
    done = prep("split", "set", "--json")
    assert (done.code, done.json["images"]) == (1, {"train": 2, "val": 2})
    assert done.json["before"][0]["twins"] == 2
    done = prep("split", "set", "-o", "new", "--split", "50/50", "--json")
    assert (done.code, done.json["after"]) == (0, [
        {"side": "val", "images": 1, "timed": 0, "twins": 0, "neighbours": 0, "leaking": 0,
         "share": 0.0}
    ])  # fmt: skip
    assert sorted(path.name for path in tmp_path.glob("new/images/*/*")) == ["0.jpg", "1.jpg"]
    assert [path.name for path in tmp_path.glob("new/labels/*/*")] == ["0.txt"]


def test_a_list_that_names_an_image_twice_has_it_once(prep, tmp_path):
    yolo(tmp_path / "set", "train: [images/train, images]\nval: images/val\nnames: [car]\n")
    images(tmp_path / "set" / "images" / "val", ["v.jpg"], first=9)
    assert prep("split", "set", "--json").json["images"] == {"train": 3, "val": 1}


@pytest.mark.parametrize("way", ["..", "../.."])
def test_images_beside_the_set_come_into_it(way, prep, tmp_path):
    root = tmp_path / "a" / "set"
    yolo(root, f"train: images/train\nval: {way}/elsewhere\nnames: [car]\n")
    images(root / way / "elsewhere", ["o.jpg"], first=9)
    done = prep("split", root, "-o", "b/new", "--split", "50/50", "--json")
    assert done.code == 0
    written = sorted(path.relative_to(tmp_path / "b") for path in tmp_path.glob("b/**/*.jpg"))
    assert [path.parts[:2] for path in written] == [("new", "images")] * 3
    assert {path.parts[2] for path in written} == {"train", "val"}


def test_a_set_without_val_says_what_data_yaml_names(prep, tmp_path):
    yolo(tmp_path / "set", "train: images/train\nnames: [car]\n")
    done = prep("split", "set", "-o", "new", "--split", "50/0/50", "--json")
    assert "val: images/train\n" in (tmp_path / "new" / "data.yaml").read_text()
    assert [text for text in done.json["warnings"] if "data.yaml names those of train" in text]
    done = prep("split", "set", "-o", "other", "--split", "50/50", "--json")
    assert not [text for text in done.json["warnings"] if "data.yaml" in text]


@pytest.mark.parametrize(("config", "labels", "said"), [
    ("names: car\n", None, "data.yaml: 'names' is no list of labels"),
    ("names: 7\n", None, "data.yaml: 'names' is no list of labels"),
    ("names: [car]\n", "inf 1 1 1 1", "0.txt: line 1 does not begin with the number of a label"),
])  # fmt: skip
def test_damaged_sets_of_yolo_are_named(config, labels, said, prep, tmp_path):
    yolo(tmp_path / "set", config, labels)
    done = prep("split", "set")
    assert (done.code, said in done.err) == (2, True), done.err


ROWS = [{"id": number, "file_name": f"{number}.jpg"} for number in range(2)]
NO_COCO = "this is no COCO file"


@pytest.mark.parametrize(("data", "said"), [
    ({"rows": [{"id": [1], "file_name": "0.jpg"}]}, NO_COCO),
    ({"rows": ROWS, "categories": [{"name": "car"}]}, NO_COCO),
    ({"rows": ROWS, "categories": [{"id": {}, "name": "car"}]}, NO_COCO),
    ({"rows": ROWS, "annotations": [{"id": 1, "image_id": []}]}, NO_COCO),
    ({"rows": ROWS, "annotations": [{"id": 1, "image_id": 0, "category_id": [1]}]}, NO_COCO),
    ({"rows": [{**row, "video_id": [1]} for row in ROWS]}, NO_COCO),
    ({"rows": [{**row, "id": 1} for row in ROWS]}, "several images have one id"),
    ({"rows": ROWS, "annotations": [{"id": 1, "image_id": 5}]}, "belongs to images that it"),
])  # fmt: skip
def test_damaged_files_of_coco_are_named(data, said, prep, tmp_path):
    coco(tmp_path / "set", **data)
    done = prep("split", "set", "-o", "new")
    assert (done.code, said in done.err) == (2, True), done.err
    assert "instances_train.json" in done.err


def test_coco_of_windows_and_with_little_in_it(prep, tmp_path):
    rows = [{"id": "a", "file_name": "images\\0.jpg"}, {"id": "b", "file_name": "images\\1.jpg"}]
    mask = {"id": 1, "image_id": "a", "category_id": 90, "iscrowd": 1,
            "segmentation": {"counts": [0, 10, 3], "size": [32, 48]}}  # fmt: skip
    bare = {"image_id": "b", "category_id": 4}
    videos = [{"id": [1], "name": "odd"}]
    categories = [{"id": 90, "name": "car"}, {"id": 4, "name": "dog"}]
    coco(tmp_path / "set", rows, [mask, bare], categories, videos=videos)
    done = prep("split", "set", "-o", "new", "--split", "50/50", "--json")
    assert done.code == 0
    found = [json.loads(path.read_text()) for path in tmp_path.glob("new/annotations/*.json")]
    assert sorted((a for data in found for a in data["annotations"]), key=len) == [bare, mask]
    assert all(data["categories"] == categories for data in found)


def test_help_does_not_speak_of_runs(prep):
    done = prep("split", "--help")
    assert "[recording|video]" in done.out
    assert "frames without a break" not in done.out
