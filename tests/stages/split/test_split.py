"""prep split: how leaky the division of a training set is, and a new one without leaks."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest
from helpers.handmade import picture
from PIL import Image
from video_prep.stages.split import write as writing

SIDES = ("train", "val", "test")


def again(video, frame):
    """An image that differs from that of a frame by its compression alone."""
    made = io.BytesIO()
    Image.open(io.BytesIO(picture(video, frame))).save(made, "JPEG", quality=95)
    return made.getvalue()


def save(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


class Footage:
    """Frames of videos, every fifth in val: so most people divide them."""

    def __init__(self, videos=10, frames=10, names="cam{video}_frame_{frame:06d}.jpg"):
        self.images = [
            (
                names.format(video=video, frame=frame),
                "val" if frame % 5 == 4 else "train",
                video,
                frame,
            )
            for video in range(videos)
            for frame in range(frames)
        ]

    def as_folder(self, root):
        for name, side, video, frame in self.images:
            save(root / side / name, picture(f"v{video}", frame))
        return root

    def as_yolo(self, root):
        for name, side, video, frame in self.images:
            save(root / "images" / side / name, picture(f"v{video}", frame))
            if frame:  # the first ones show nothing
                text = f"{video % 2} 0.5 0.5 0.1 0.1\n0 0.2 0.{frame} 0.1 0.1\n"
                save(root / "labels" / side / name.replace(".jpg", ".txt"), text)
        save(
            root / "data.yaml", "path: .\ntrain: images/train\nval: images/val\nnames: [car, dog]\n"
        )
        return root

    def as_coco(self, root, more=None):
        files = {
            side: {"info": {"year": 2026}, "images": [], "annotations": [], "categories": [
                {"id": 7, "name": "car"}, {"id": 3, "name": "dog"}]}
            for side in ("train", "val")
        }  # fmt: skip
        for number, (name, side, video, frame) in enumerate(self.images, 1):
            save(root / side / name, picture(f"v{video}", frame))
            extra = more(video, frame) if more else {}
            entry = {"id": number, "file_name": name, "width": 48, "height": 32, **extra}
            files[side]["images"].append(entry)
            box = {"id": number * 2, "image_id": number, "category_id": 3 + 4 * (video % 2)}
            files[side]["annotations"].append({**box, "bbox": [1, 2, 3, frame], "area": 9})
        for side, data in files.items():
            save(root / "annotations" / f"instances_{side}2017.json", json.dumps(data))
        return root


def sides_on_disk(folder):
    """Where each image stands, by its name."""
    return {
        path.name: next(side for side in SIDES if side in path.parts)
        for path in folder.rglob("*.jpg")
    }


def parted(where, video_of=lambda name: name.partition("_")[0]):
    """The videos that stand on several sides."""
    sides = {}
    for name, side in where.items():
        sides.setdefault(video_of(name), set()).add(side)
    return [video for video, several in sides.items() if len(several) > 1]


@pytest.mark.parametrize("kind", ["folder", "yolo", "coco"])
def test_a_leaky_division_is_told_and_a_new_one_has_no_leaks(kind, prep, tmp_path):
    old = getattr(Footage(), f"as_{kind}")(tmp_path / "old")
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    done = prep("split", "old", "--json")
    assert done.code == 1
    assert done.json["kind"] == kind
    assert done.json["images"] == {"train": 80, "val": 20}
    assert done.json["before"] == [
        {"side": "val", "images": 20, "timed": 20, "twins": 0, "neighbours": 20, "leaking": 20,
         "share": 1.0}
    ]  # fmt: skip
    assert {leak["frames"] for leak in done.json["leaks"]} == {1}

    done = prep("split", "old", "-o", "new", "--split", "60/20/20", "--json")
    assert done.code == 0
    assert done.json["totals"] == {"images": 100, "leaking_before": 20, "leaking_after": 0}
    assert {side: held["images"] for side, held in done.json["sides"].items()} == {
        "train": 60, "val": 20, "test": 20,
    }  # fmt: skip
    where = sides_on_disk(tmp_path / "new")
    assert len(where) == 100
    assert parted(where) == []
    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before
    one = next((tmp_path / "new").rglob("cam3_frame_000004.jpg"))
    assert one.stat().st_nlink == 2
    assert prep("split", "new").code == 0
    again_ = prep("split", "old", "-o", "same", "--split", "60/20/20", "--images", "copy")
    assert again_.code == 0
    assert sides_on_disk(tmp_path / "same") == where
    assert next((tmp_path / "same").rglob("cam3_frame_000004.jpg")).stat().st_nlink == 1


def test_coco_keeps_everything_but_the_sides(prep, tmp_path):
    old = Footage().as_coco(tmp_path / "old", lambda video, frame: {"license": frame})
    assert prep("split", "old", "-o", "new", "--split", "60/20/20").code == 0
    read = {}
    for folder in (old, tmp_path / "new"):
        images, boxes = {}, {}
        for file in (folder / "annotations").iterdir():
            data = json.loads(file.read_text())
            assert data["info"] == {"year": 2026}
            assert [each["name"] for each in data["categories"]] == ["car", "dog"]
            images |= {each["id"]: each for each in data["images"]}
            boxes |= {each["id"]: each for each in data["annotations"]}
            side = next(side for side in SIDES if side in file.name)
            mine = {each["id"] for each in data["images"]}
            assert {each["image_id"] for each in data["annotations"]} == mine
            if folder != old:
                there = {path.name for path in (folder / "images" / side).iterdir()}
                assert there == {each["file_name"] for each in data["images"]}
        read[folder] = images, boxes
    assert read[old] == read[tmp_path / "new"]


def test_coco_counts_anew_what_was_numbered_twice(prep, tmp_path):
    old = Footage().as_coco(tmp_path / "old")
    file = old / "annotations" / "instances_val2017.json"
    data = json.loads(file.read_text())
    numbers = {each["id"]: n for n, each in enumerate(data["images"], 1)}
    for each in data["images"]:
        each["id"] = numbers[each["id"]]
    for n, each in enumerate(data["annotations"], 1):
        each |= {"id": 2 * n, "image_id": numbers[each["image_id"]]}
    file.write_text(json.dumps(data))
    assert prep("split", "old", "-o", "new").code == 0
    boxes, names = {}, {}
    for file in (tmp_path / "new" / "annotations").iterdir():
        data = json.loads(file.read_text())
        names |= {each["id"]: each["file_name"] for each in data["images"]}
        boxes |= {each["id"]: each for each in data["annotations"]}
    assert len(names) == len(boxes) == 100
    for box in boxes.values():
        assert int(names[box["image_id"]][-10:-4]) == box["bbox"][3]


def test_several_files_may_tell_of_the_same_images(prep, tmp_path):
    """As MS-COCO has it: each kind of file has numbers of its own."""
    old = Footage().as_coco(tmp_path / "old")
    for side in ("train", "val"):
        data = json.loads((old / "annotations" / f"instances_{side}2017.json").read_text())
        told = [{"id": n, "image_id": one["id"] + 500, "caption": f"it is {one['file_name']}"}
                for n, one in enumerate(data["images"], 1)]  # fmt: skip
        images = [{**one, "id": one["id"] + 500} for one in data["images"]]
        captions = {"info": {"year": 2027}, "images": images, "annotations": told}
        save(old / "annotations" / f"captions_{side}2017.json", json.dumps(captions))
        some = [one for one in data["annotations"] if one["category_id"] == 7]
        points = {"images": data["images"], "categories": data["categories"][:1], "annotations": [
            {**one, "keypoints": [1, 2, 2], "num_keypoints": 1} for one in some]}  # fmt: skip
        save(old / "annotations" / f"person_keypoints_{side}2017.json", json.dumps(points))
    done = prep("split", "old", "-o", "new", "--split", "60/20/20", "--json")
    assert done.code == 0, done.json
    assert done.json["images"] == {"train": 80, "val": 20}
    labels = [held["labels"] for held in done.json["sides"].values()]
    assert sum(held["car"] for held in labels) == 50  # not once more for their points
    folder = tmp_path / "new" / "annotations"
    assert sorted(path.stem for path in folder.iterdir()) == [
        f"{kind}_{side}"
        for kind in ("captions", "instances", "person_keypoints")
        for side in ("test", "train", "val")
    ]
    where, numbers = sides_on_disk(tmp_path / "new"), {}
    for side in SIDES:
        read = {
            kind: json.loads((folder / f"{kind}_{side}.json").read_text())
            for kind in ("captions", "instances", "person_keypoints")
        }
        names = {one["id"]: one["file_name"] for one in read["instances"]["images"]}
        assert set(names.values()) == {name for name, stands in where.items() if stands == side}
        for data in read.values():
            assert {one["id"]: one["file_name"] for one in data["images"]} == names
        assert read["captions"]["info"] == {"year": 2027}
        assert "categories" not in read["captions"]
        assert [one["name"] for one in read["person_keypoints"]["categories"]] == ["car"]
        for one in read["captions"]["annotations"]:
            assert one["caption"] == f"it is {names[one['image_id']]}"
        for one in read["person_keypoints"]["annotations"]:
            assert one["bbox"][3] == int(names[one["image_id"]][-10:-4])
        numbers |= names
    assert len(numbers) == 100
    assert prep("split", "new").code == 0


def test_files_that_put_an_image_on_two_sides_are_refused(prep, tmp_path):
    old = Footage(2, 5).as_coco(tmp_path / "old")
    other = old / "annotations" / "captions_val2017.json"
    other.write_bytes((old / "annotations" / "instances_train2017.json").read_bytes())
    done = prep("split", "old")
    assert done.code == 2
    assert "it names train/cam0_frame_000000.jpg, and so does" in done.err
    other.rename(old / "annotations" / "instances_train.json")
    assert "it names train/cam0_frame_000000.jpg, and so does" in prep("split", "old").err


def test_coco_tells_videos_and_times(prep, tmp_path):
    """Names say nothing; the annotations tell of what each image is a frame, and when it is."""
    footage = Footage(names="{video}{frame:03d}.jpg")

    def more(video, frame):
        return {"video_id": video, "frame_index": 100 * frame, "time_seconds": 0.7 * frame}

    footage.as_coco(tmp_path / "old", more)
    done = prep("split", "old", "--json")
    assert (done.json["before"][0]["neighbours"], done.json["leaks"][0]["seconds"]) == (20, 0.7)
    far = prep("split", "old", "--near-seconds", "0.6", "--json")
    assert (far.code, far.json["before"][0]["neighbours"]) == (0, 0)
    near = prep("split", "old", "--near-seconds", "0.6", "--near-frames", "100", "--json")
    assert near.json["leaks"][0]["frames"] == 100
    assert prep("split", "old", "-o", "new").code == 0
    assert parted(sides_on_disk(tmp_path / "new"), lambda name: name[0]) == []


def test_labels_of_yolo_go_with_their_images(prep, tmp_path):
    old = Footage().as_yolo(tmp_path / "old")
    assert prep("split", "old", "-o", "new").code == 0
    new = tmp_path / "new"
    for path in new.rglob("*.jpg"):
        side = path.parent.name
        text = new / "labels" / side / f"{path.stem}.txt"
        (source,) = old.rglob(path.name)
        told = old / "labels" / source.parent.name / text.name
        assert text.exists() == told.exists()
        assert not told.exists() or text.read_text() == told.read_text()
    assert (new / "data.yaml").read_text() == (
        "names:\n- car\n- dog\ntest: images/test\ntrain: images/train\nval: images/val\n"
    )


def test_other_layouts_of_yolo_are_read(prep, tmp_path):
    save(tmp_path / "a" / "train" / "images" / "1.jpg", picture("a", 1))
    save(tmp_path / "a" / "valid" / "images" / "2.jpg", again("a", 1))
    save(tmp_path / "a" / "valid" / "labels" / "2.txt", "0 .5 .5 .1 .1\n")
    save(
        tmp_path / "a" / "data.yaml",
        "train: ../train/images\nval: ../valid/images\nnames: {0: x}\n",
    )
    done = prep("split", "a", "--json")
    assert done.json["images"] == {"train": 1, "val": 1}
    assert [(leak["image"], leak["train_image"]) for leak in done.json["leaks"]] == [
        ("valid/images/2.jpg", "train/images/1.jpg")
    ]
    save(tmp_path / "a" / "train.txt", "train/images/1.jpg\n\n./valid/images/2.jpg\n")
    save(tmp_path / "a" / "data.yaml", "train: train.txt\nnames: {0: x}\n")
    assert prep("split", "a", "--json").json["images"] == {"train": 2}


def test_near_identical_images_are_leaks_and_never_part(prep, tmp_path):
    """Of images without a time, those that look alike stand together, wherever they were."""
    for number in range(30):
        save(tmp_path / "old" / "train" / f"{number}.jpg", picture("x", number))
    for number in range(10):
        save(tmp_path / "old" / "val" / f"again{number}.jpg", again("x", number))
        save(tmp_path / "old" / "val" / f"new{number}.jpg", picture("y", number))
    done = prep("split", "old", "--json")
    assert done.code == 1
    (val,) = done.json["before"]
    assert (val["images"], val["timed"], val["twins"], val["share"]) == (20, 0, 10, 0.5)
    assert {leak["image"]: leak["train_image"] for leak in done.json["leaks"]} == {
        f"val/again{number}.jpg": f"train/{number}.jpg" for number in range(10)
    }
    assert max(leak["bits"] for leak in done.json["leaks"]) <= 4
    assert prep("split", "old", "-o", "new").code == 0
    where = sides_on_disk(tmp_path / "new")
    assert all(where[f"again{n}.jpg"] == where[f"{n}.jpg"] for n in range(10))
    assert set(where.values()) == set(SIDES)


def test_class_folders_stay_and_count_as_labels(prep, tmp_path):
    for number in range(40):
        kind = "cat" if number % 4 else "dog"
        save(tmp_path / "old" / kind / f"{number}.jpg", picture(kind, number))
    refused = prep("split", "old")
    assert refused.code == 2
    assert "there is no division to look at. Name a folder for a new one with -o." in refused.err
    done = prep("split", "old", "-o", "new", "--split", "80/20", "--json")
    assert done.json["sides"]["val"]["labels"] == {"cat": 6, "dog": 2}
    assert len(list((tmp_path / "new" / "val" / "cat").iterdir())) == 6


BAD = {
    "old/train.json": ('{"images": [', "this is no JSON"),
    "old/val.json": ('{"images": [{"id": 1}]}', "this is no COCO file"),
    "old/c.json": (
        '{"images": [{"id": 1, "file_name": "gone.jpg"}]}',
        "are not there|is not there",
    ),
    "old/d.json": (
        '{"images": [], "annotations": [{"id": 1, "image_id": 5}]}',
        "1 annotation belong",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_annotations_are_refused(name, prep, tmp_path):
    content, said = BAD[name]
    save(tmp_path / "old" / "a.jpg", picture("a", 1))
    save(tmp_path / name, content)
    done = prep("split", "old", "-o", "new")
    assert done.code == 2
    assert any(part in done.err for part in said.split("|"))
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_used_is_refused(prep, tmp_path):
    old = Footage(2, 5).as_yolo(tmp_path / "old")
    assert "is there already" in prep("split", "old", "-o", "old/..").err
    assert "lies in the folder that is read" in prep("split", "old", "-o", "old/new").err
    assert "there is no such folder" in prep("split", "gone").err
    (tmp_path / "empty").mkdir()
    assert "no image is in this folder" in prep("split", "empty", "-o", "new").err
    save(old / "labels" / "train" / "cam0_frame_000001.txt", "car 1 2 3 4\n")
    assert "line 1 does not begin with the number of a label" in prep("split", "old").err
    save(old / "data.yaml", "train: images/gone\n")
    assert "data.yaml names 'images/gone', which is not there" in prep("split", "old").err
    for bad in ("80/10", "a/b", "100/0", "50/30/20/0"):
        assert prep("split", "old", "--split", bad).code == 2
    assert [path.name for path in tmp_path.iterdir()] != []
    assert not (tmp_path / "new").exists()


def test_images_that_no_annotation_names_are_told(prep, tmp_path):
    Footage().as_coco(tmp_path / "old")
    save(tmp_path / "old" / "unlabelled" / "x.jpg", picture("x", 1))
    done = prep("split", "old", "-o", "new", "--json")
    assert done.json["warnings"][0] == (
        "1 image in the folder is named by no annotations, and left out: unlabelled/x.jpg."
    )
    assert len(sides_on_disk(tmp_path / "new")) == 100


def test_two_images_of_one_name_are_refused(prep, tmp_path):
    for number in range(30):
        save(tmp_path / "old" / "val" / f"{number}.jpg", picture("y", number))
    save(tmp_path / "old" / "train" / "1.jpg", again("y", 1))  # so both go to one side
    done = prep("split", "old", "-o", "new")
    assert done.code == 2
    said = "1 pair of images would get one and the same name on one side: train/1.jpg and val/1.jpg"
    assert said in done.err
    assert not (tmp_path / "new").exists()


def test_an_image_that_cannot_be_read_is_told(prep, tmp_path):
    Footage(4, 5).as_folder(tmp_path / "old")
    save(tmp_path / "old" / "train" / "bad.jpg", b"no image")
    done = prep("split", "old", "-o", "new", "--json")
    assert done.code == 1
    assert done.json["warnings"][0] == (
        "1 image cannot be read, and could not be compared: train/bad.jpg."
    )
    assert "bad.jpg" in sides_on_disk(tmp_path / "new")


def test_killed_anywhere_it_leaves_nothing_or_all(tmp_path):
    Footage(4, 5).as_coco(tmp_path / "old")
    code = """
import os, signal, sys
from video_prep.stages.split import stage, write
steps = int(sys.argv[1])
def counted(function):
    def call(*arguments):
        global steps
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return call
write._place = counted(write._place)
write.flush_file_system = counted(write.flush_file_system)
write.flush = counted(write.flush)
from video_prep.settings.stages import RunSettings
stage.split("old", run=RunSettings(engine="threads"), output="new")
"""
    for steps in (0, 7, 20, 21, 99):
        done = subprocess.run(
            [sys.executable, "-c", code, str(steps)], cwd=tmp_path, env={**os.environ}, check=False
        )
        assert done.returncode == (0 if steps == 99 else -signal.SIGKILL)
        new = tmp_path / "new"
        assert new.exists() == (steps >= 21)
        if new.exists():
            assert len(sides_on_disk(new)) == 20
            assert len(list((new / "annotations").iterdir())) == 3
            for path in sorted(new.rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            new.rmdir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"][1:]


def test_without_links_images_are_copied(prep, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    Footage(4, 5).as_folder(tmp_path / "old")
    monkeypatch.setattr(writing.os, "link", refuse)
    assert prep("split", "old", "-o", "new").code == 0
    assert len(sides_on_disk(tmp_path / "new")) == 20


def test_what_is_divided_keeps_its_side_as_more_comes(prep, tmp_path):
    Footage(20, 3).as_folder(tmp_path / "old")
    done = prep("split", "old", "-o", "new", "--seed", "5", "--json")
    assert done.json["split"] == {"split": "80/10/10", "by": "recording", "seed": 5}
    told = done.json["folder"], done.json["output"]
    assert told == (str(tmp_path / "old"), str(tmp_path / "new"))
    where = sides_on_disk(tmp_path / "new")
    record = json.loads((tmp_path / "new" / "splits.json").read_text())
    assert record["settings"] == {"split": "80/10/10", "by": "recording", "seed": 5}
    assert {video: told["side"] for video, told in record["videos"].items()} == {
        name.partition("_")[0]: side for name, side in where.items()
    }
    # Twenty videos more, of which four show what old ones show, and single images.
    footage = Footage(40, 3)
    footage.images = footage.images[60:]
    footage.as_folder(tmp_path / "old")
    for number in range(4):
        save(tmp_path / "old" / "train" / f"like{number}.jpg", again(f"v{number}", 1))
    grown = prep("split", "old", "-o", "grown", "--splits", "new/splits.json", "--json")
    assert (grown.code, grown.json["split"]["seed"]) == (0, 5)
    after = sides_on_disk(tmp_path / "grown")
    assert len(after) == 124
    assert {name: after[name] for name in where} == where
    assert [after[f"like{n}.jpg"] for n in range(4)] == [
        where[f"cam{n}_frame_000001.jpg"] for n in range(4)
    ]
    shares = [held["share"] for held in grown.json["sides"].values()]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.05)
    # Without the record of before, it is another deal.
    assert prep("split", "old", "-o", "anew", "--seed", "5").code == 0
    assert sides_on_disk(tmp_path / "anew") != after
    # What was written has the record in it, and can grow as well.
    save(tmp_path / "new" / "train" / "more.jpg", picture("more", 1))
    assert prep("split", "new", "-o", "third").code == 0
    third = sides_on_disk(tmp_path / "third")
    assert {name: third[name] for name in where} == where
    refused = prep("split", "new", "-o", "fourth", "--seed", "6")
    assert refused.code == 2
    assert "'seed' is to be 6, but what stands in splits.json was dealt with 5" in refused.err


def test_what_joins_two_sides_is_set_aside(prep, tmp_path):
    Footage(20, 3).as_folder(tmp_path / "old")
    assert prep("split", "old", "-o", "new").code == 0
    where = {name.partition("_")[0]: s for name, s in sides_on_disk(tmp_path / "new").items()}
    one, other = (next(v for v, side in where.items() if side == s) for s in ("train", "val"))
    for frame, video in enumerate((one, other)):
        name = f"x_frame_{frame:06d}.jpg"
        save(tmp_path / "old" / "train" / name, again(f"v{video.removeprefix('cam')}", 1))
    done = prep("split", "old", "-o", "grown", "--splits", "new/splits.json", "--json")
    assert done.code == 1
    assert done.json["warnings"][0].startswith("x is set aside, on no side: it would leak on each")
    after = sides_on_disk(tmp_path / "grown")
    assert len(after) == 60
    assert not [name for name in after if name.startswith("x")]
    record = json.loads((tmp_path / "grown" / "splits.json").read_text())
    assert record["videos"]["x"] == {"side": "aside"}


def test_sides_by_hand_are_as_a_person_says(prep, tmp_path):
    Footage(4, 3).as_folder(tmp_path / "old")
    save(tmp_path / "old" / "train" / "alone.jpg", picture("alone", 1))
    mine = {"cam0": "val", "cam1": "train", "cam2": "train", "cam3": "test", "alone.jpg": "val"}
    save(tmp_path / "mine.json", json.dumps({"videos": mine}))
    done = prep("split", "old", "-o", "new", "--splits", "mine.json", "--json")
    assert (done.code, done.json["warnings"]) == (0, [])  # nobody asked for 80/10/10
    where = sides_on_disk(tmp_path / "new")
    assert {name.partition("_")[0]: side for name, side in where.items()} == mine
    missing = prep("split", "old", "-o", "x", "--splits", "gone.json")
    assert (missing.code, "there is no such file" in missing.err) == (2, True)


def test_runs_are_not_what_it_can_tell(prep, tmp_path):
    Footage(4, 3).as_folder(tmp_path / "old")
    refused = prep("split", "old", "-o", "new", "--by", "run")
    assert refused.code == 2
    assert "'prep export --split' divides that. Say --by recording here" in refused.err
    save(tmp_path / "old" / "splits.json", "[1]")  # somebody else's
    assert prep("split", "old", "-o", "new", "--by", "video").code == 0
