"""The export as a person asks for it: from a server, and from files."""

import html
import json
import os
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import simplejpeg
import yaml
from helpers.cvat import (
    OUT,
    SKELETON,
    Caller,
    access,
    annotate,
    box,
    boxes,
    delete_frames,
    export,
    label_id,
    send,
    shape,
    task_named,
)
from helpers.datasets import names, snapshot
from helpers.handmade import WIDE, change_fates, film
from helpers.prep import end_when
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.stages.export.numbers import moments_of
from video_prep.stages.export.page import write_page

LABELS = [{"name": "car", "attributes": [
    {"name": "pose", "mutable": True, "input_type": "text", "default_value": "", "values": [""]}
]}, {"name": "truck"}, *SKELETON]  # fmt: skip
STEPS = [0.04] * 9  # ten frames a video


@pytest.fixture
def drawn(stand_in, tmp_path):
    """Two videos of ten frames: in a, where frame 2 is deleted, a car moves; b has a truck."""
    for video in ("a", "b"):
        film(tmp_path / "ds", video, STEPS)
    send(stand_in, tmp_path / "ds", jobs="one", labels=LABELS)
    one, other = (task_named(stand_in, name) for name in "ab")
    pose = next(spec["id"] for label in stand_in.state.labels.values() for spec in label.attributes)
    moving = boxes((0, 0, False), (4, 40, False), (5, 40, OUT))
    moving[0]["attributes"] = [{"spec_id": pose, "value": "up"}]
    annotate(stand_in, one, moving)
    delete_frames(stand_in, one, 2)
    still = {"label_id": label_id(stand_in, "truck"), **shape(7, [1, 2, 31, 22])}
    annotate(stand_in, other, shapes=[still])
    return tmp_path / "ds"


def instances(out, side="train"):
    return json.loads((out / "annotations" / f"instances_{side}.json").read_text())


def told(out):
    """Return video, frame, label, left border and source of each box."""
    data = instances(out)
    images = {one["id"]: one for one in data["images"]}
    labels = {one["id"]: one["name"] for one in data["categories"]}
    return [
        (
            images[one["image_id"]]["video"], images[one["image_id"]]["frame_index"],
            labels[one["category_id"]], one["bbox"][0], one["source"],
        )
        for one in data["annotations"]
    ]  # fmt: skip


CARS = [("a", 0, "car", 0, "person"), ("a", 1, "car", 10, "cvat"), ("a", 3, "car", 30, "cvat"),
        ("a", 4, "car", 40, "person")]  # fmt: skip
TRUCK = ("b", 7, "truck", 1, "person")


def run(prep, stand_in, dataset, *arguments, code=0):
    done = prep("export", dataset, "-o", "out", *arguments, **access(stand_in))
    assert (done.code, done.err) == (code, ""), done.out + done.err
    return dataset.parent / "out", done


def test_every_label_stands_on_the_image_of_its_frame(prep, stand_in, drawn):
    before = snapshot(drawn)
    out, done = run(prep, stand_in, drawn)
    assert told(out) == [*CARS, TRUCK]
    data = instances(out)
    assert [one["attributes"] for one in data["annotations"]] == [{"pose": "up"}] * 4 + [{}]
    shown = [(one["video"], one["frame_index"]) for one in data["images"]]
    assert shown == [("a", i) for i in range(10) if i != 2] + [("b", i) for i in range(10)]
    for image in data["images"]:
        file = out / image["file_name"]
        source = drawn / image["video"] / file.name
        assert file.name == names(image["video"], [image["frame_index"]])[0]
        assert file.samefile(source)  # a hard link
        assert (image["width"], image["height"]) == WIDE
        assert image["time_seconds"] == pytest.approx(0.04 * image["frame_index"])
    assert snapshot(drawn) == before
    assert "19 images, 5 shapes" in done.out
    assert "1 deleted frame left out" in done.out
    again = prep("export", drawn, "-o", "again", "--json", **access(stand_in))
    assert again.json["totals"] == {"images": 19, "shapes": 5}
    assert again.json["sides"] == [{"side": "train", "images": 19, "shapes": 5}]
    record = json.loads((out / "export.json").read_text())
    assert again.json["folder"] == str(drawn.parent / "again")
    assert (again.json["to"], again.json["dataset"]) == ("coco", "ds")
    assert again.json["labels"] == {"car": 4, "truck": 1, "bike": 0}
    assert again.json["settings"] == record["settings"]
    assert (again.json["split"], again.json["imagenet"]) == (None, record["imagenet"])
    assert [again.json[key] for key in ("mean", "std")] == [
        record["pixels"][key] for key in ("mean", "std")
    ]
    assert snapshot(out) == snapshot(drawn.parent / "again")


def test_pixels_are_counted_exactly(prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn, "--empty", "drop")
    pixels = json.loads((out / "export.json").read_text())["pixels"]
    files = sorted((out / "images" / "train").iterdir())
    assert pixels["images"] == len(files) == 5
    shown = [simplejpeg.decode_jpeg(file.read_bytes()).reshape(-1, 3) / 255 for file in files]
    every = np.concatenate(shown)
    assert pixels["mean"] == pytest.approx(every.mean(axis=0), abs=1e-9)
    assert pixels["std"] == pytest.approx(every.std(axis=0), abs=1e-9)
    assert np.array(pixels["levels"]).sum(axis=1).tolist() == [len(every)] * 3
    out, done = run(prep, stand_in, drawn, "--no-numbers", "--overwrite")
    assert json.loads((out / "export.json").read_text())["pixels"] is None
    assert "mean" not in done.out


def test_moments_do_not_overflow():
    counts = np.zeros((3, 256), np.int64)
    counts[:, 0] = counts[:, 255] = 10**15
    assert moments_of(counts) == {"mean": [0.5] * 3, "std": [0.5] * 3}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--interpolated", "drop"), [CARS[0], CARS[3], TRUCK]),
        (("--labels", "truck"), [TRUCK]),
        (("--labels", "truck=car,car"), [*CARS, (*TRUCK[:2], "car", *TRUCK[3:])]),
    ],
)
def test_what_is_chosen_is_exported(options, expected, prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn, *options, "--empty", "drop", "--attributes", "none")
    assert told(out) == expected
    data = instances(out)
    assert len(data["images"]) == len(expected)
    assert {json.dumps(one["attributes"]) for one in data["annotations"]} == {"{}"}
    labels = {"car"} if "=" in options[1] else {"truck"} if "truck" in options[1] else None
    if labels:
        assert {one["name"] for one in data["categories"]} == labels


def test_what_is_dropped_beside_others_is_told(prep, stand_in, drawn):
    late = boxes((2, 9, False), (3, 5, False))
    annotate(stand_in, task_named(stand_in, "a"), boxes((0, 0, False), (4, 40, False)), late)
    done = prep("export", drawn, "--interpolated", "drop", **access(stand_in))
    assert done.code == 1
    assert "On 2 images some objects have no box any more" in done.out


def test_only_true_leaves_out_what_the_audit_found_wrong(prep, stand_in, drawn):
    halting = [0.04, 0.04, 0.04, 0.06, 0.06, *STEPS[5:]]
    film(drawn, "c", halting)
    send(stand_in, drawn, jobs="one", labels=LABELS)
    task = task_named(stand_in, "c")
    annotate(stand_in, task, boxes((0, 0, False), (5, 500, False), (7, 500, False), (8, 500, OUT)))
    annotate(stand_in, task_named(stand_in, "b"))
    options = ("--interpolated", "only-true", "--empty", "drop")
    missing = prep("export", drawn, "-o", "out", *options, **access(stand_in))
    assert missing.code == 2
    assert "audit.json is missing. Run 'prep audit'" in missing.err
    assert prep("audit", drawn, **access(stand_in)).code == 1
    out, done = run(prep, stand_in, drawn, *options)
    cars = [("c", 0), ("c", 5), ("c", 6), ("c", 7)]
    assert [one[:2] for one in told(out)] == [one[:2] for one in CARS] + cars
    assert "4 shapes that CVAT filled in are left out" in done.out
    annotate(stand_in, task, boxes((0, 0, False), (3, 500, False), (8, 500, OUT)))
    stale = prep("export", drawn, "-o", "out", "--overwrite", *options, **access(stand_in))
    assert (stale.code, told(out)) == (2, told(out))
    assert "task c was not audited, or has changed since" in stale.err


def test_images_get_there_in_the_way_that_is_asked_for(prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn, "--images", "copy", "--empty", "drop")
    (first, *_), where = instances(out)["images"], drawn / "a" / names("a", [0])[0]
    assert not (out / first["file_name"]).samefile(where)
    assert (out / first["file_name"]).read_bytes() == where.read_bytes()
    run(prep, stand_in, drawn, "--images", "symlink", "--empty", "drop", "--overwrite")
    assert (out / first["file_name"]).is_symlink()
    assert (out / first["file_name"]).samefile(where)
    run(prep, stand_in, drawn, "--images", "none", "--empty", "drop", "--overwrite")
    (first, *_) = instances(out)["images"]
    assert (out / first["file_name"]).samefile(where)
    assert not (out / "images").exists()
    refused = prep("export", drawn, "--to", "yolo", "--images", "none", **access(stand_in))
    assert refused.code == 2
    assert "--images symlink" in refused.err


def test_where_no_link_can_be_made_images_are_copied(prep, stand_in, drawn, monkeypatch):
    def link(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    out, done = run(prep, stand_in, drawn)
    assert "19 images copied, as no link can be made there" in done.out
    file = out / instances(out)["images"][0]["file_name"]
    assert file.read_bytes() == (drawn / "a" / file.name).read_bytes()


def test_frames_without_an_image_are_left_out_and_told(prep, stand_in, drawn):
    change_fates(drawn, "b", [7], Fate.REJECTED, Reason.TRUNCATED)
    (drawn / "a" / names("a", [4])[0]).unlink()
    out, done = run(prep, stand_in, drawn, code=1)
    assert told(out) == CARS[:3]
    said = (
        "2 tasks (a: 1, b: 1): 2 frames left out, as their images are not in the dataset any more"
    )
    assert said in done.out


def test_a_set_is_divided_and_stays_so(prep, stand_in, drawn):
    out, done = run(prep, stand_in, drawn, "--to", "yolo", "--split", "50/50")
    splits = (drawn / "splits.json").read_text()
    assert splits == (out / "splits.json").read_text()
    placed = {
        side: {f.name[0] for f in (out / "images" / side).iterdir()} for side in ("train", "val")
    }
    assert sorted(map(sorted, placed.values())) == [["a"], ["b"]]
    for side, videos in placed.items():
        labels = {f.name[0] for f in (out / "labels" / side).iterdir()}
        assert labels == videos
    assert "val: images/val" in (out / "data.yaml").read_text()
    other = {
        "videos": {"a": "val", "b": "train"}
        if placed["train"] == {"a"}
        else {"a": "train", "b": "val"}
    }
    (drawn.parent / "mine.json").write_text(json.dumps(other))
    done = prep("export", drawn, "-o", "out2", "--splits", "mine.json", **access(stand_in))
    assert done.code == 0, done.out
    for side in ("train", "val"):
        videos = {one["video"] for one in instances(drawn.parent / "out2", side)["images"]}
        assert videos == {v for v, s in other["videos"].items() if s == side}
    (drawn.parent / "mine.json").write_text('{"videos": {"a": "val", "B": "train"}}')
    done = prep("export", drawn, "-o", "out3", "--splits", "mine.json", **access(stand_in))
    assert done.code == 2
    assert "mine.json: names B, and there is no such video in the dataset" in done.err


# What is there already, and what is cut off


def test_only_an_export_is_replaced_and_only_if_asked(prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn, "--labels", "truck")
    before = snapshot(out)
    refused = prep("export", drawn, "-o", "out", **access(stand_in))
    assert refused.code == 2
    assert "there is an export already. Replace it with --overwrite" in refused.err
    assert snapshot(out) == before
    run(prep, stand_in, drawn, "--overwrite")
    assert told(out) == [*CARS, TRUCK]
    (drawn.parent / "mine").mkdir()
    (drawn.parent / "mine" / "export.json").write_text("{}")
    refused = prep("export", drawn, "-o", "mine", "--overwrite", **access(stand_in))
    assert refused.code == 2
    assert "something else is there, which is not replaced" in refused.err
    inside = prep("export", drawn, "-o", drawn / "out", **access(stand_in))
    assert (inside.code, "cannot be inside of its dataset" in inside.err) == (2, True)
    assert sorted(p.name for p in drawn.parent.iterdir()) == ["ds", "mine", "out"]


def test_what_a_person_put_into_an_export_is_not_lost(prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn)
    (out / "runs").mkdir()
    (out / "notes.txt").write_text("mine")
    before = snapshot(out)
    refused = prep("export", drawn, "-o", "out", "--overwrite", **access(stand_in))
    assert refused.code == 2
    assert "holds notes.txt, runs besides an export, which replacing it would del" in refused.err
    assert snapshot(out) == before


@pytest.mark.parametrize("step", ["images", "annotations", "export.json"])
def test_a_kill_leaves_the_whole_old_export(step, prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn, "--labels", "truck")
    before = snapshot(out)
    new = drawn.parent / ".out.prep" / "new"
    killed = end_when(
        lambda: (new / step).exists(),
        signal.SIGKILL,
        ("export", drawn, "-o", "out", "--overwrite"),
        drawn.parent,
        **access(stand_in),
    )
    if killed.code == 0:  # it was faster
        assert told(out) == [*CARS, TRUCK]
        return
    assert snapshot(out) == before
    run(prep, stand_in, drawn, "--overwrite")
    assert told(out) == [*CARS, TRUCK]
    assert sorted(p.name for p in drawn.parent.iterdir()) == ["ds", "out"]


def test_a_kill_between_two_renames_gives_the_old_export_back(prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn)
    before = snapshot(out)
    work = drawn.parent / ".out.prep"
    work.mkdir()
    out.rename(work / "old")
    (work / "new").mkdir()
    refused = prep("export", drawn, "-o", "out", **access(stand_in))
    assert (refused.code, snapshot(out)) == (2, before)
    assert not work.exists()


def test_what_fails_leaves_nothing(prep, stand_in, drawn):
    for options, expected in {
        ("--labels", "cra"): "--labels: label 'cra' is unknown. Did you mean 'car'?",
        ("--labels", "car,car"): "--labels: 'car' is named twice.",
        ("--attributes", "pos"): "--attributes: attribute 'pos' is unknown. Did you mean 'pose'?",
        ("--task", "999"): "task 999: there is none",
    }.items():
        refused = prep("export", drawn, "-o", "out", *options, **access(stand_in))
        assert refused.code == 2
        assert expected in refused.err
    (drawn / "a" / names("a", [0])[0]).write_bytes(b"\xff\xd8 no image")
    refused = prep("export", drawn, "-o", "out", **access(stand_in))
    assert refused.code == 3
    assert "a-frame_000000.jpg: cannot be decoded" in refused.err
    assert [p.name for p in drawn.parent.iterdir()] == ["ds"]


def test_an_interrupt_leaves_what_was_there(prep, stand_in, drawn, monkeypatch):
    out, _ = run(prep, stand_in, drawn, "--labels", "truck")
    before = snapshot(out)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("video_prep.stages.export.maker.put_images", interrupt)
    stopped = prep("export", drawn, "-o", "out", "--overwrite", **access(stand_in))
    assert stopped.code == 5
    assert stopped.err == (
        "error: Interrupted. An export that was there before is as it was, unless the new one was "
        "just done; it is there whole, or not at all. Run the same command again.\n"
    )
    assert snapshot(out) == before
    assert sorted(p.name for p in drawn.parent.iterdir()) == ["ds", "out"]


def test_an_image_that_nobody_may_read_is_named(prep, ordinary, stand_in, drawn):
    export(stand_in, task_named(stand_in, "b"), drawn.parent / "b.xml")
    secret = drawn / "b" / names("b", [3])[0]
    secret.chmod(0)
    given = ("--annotations", drawn.parent / "b.xml", "--images", "copy", "--no-numbers")
    done = ordinary("export", drawn, "-o", drawn.parent / "out", *given)
    assert done.code == 2
    assert done.err.startswith(f"error: {secret}: cannot be read: Permission denied. ")
    unknown = prep("export", drawn, "--annotations", "b.xml", "--attributes", "color")
    assert "attribute 'color' is unknown. Known: none." in unknown.err


def test_names_may_hold_anything(prep, drawn):
    names_ = ("Car", "car", "big, red", "Fußgänger", "a: 'b'", "#x")
    tracks = "".join(
        f'<track id="{i}" label="{name}"><box frame="0" keyframe="1" outside="0" occluded="0" '
        f'xtl="{10 * i}" ytl="1" xbr="{10 * i + 9}" ybr="9"></box></track>'
        for i, name in enumerate(names_)
    )
    given = "".join(f"<label><name>{name}</name></label>" for name in names_)
    head = HEAD.format(task=9).replace("<label><name>car</name></label>", given)
    (drawn.parent / "b.xml").write_text(head + tracks + "</annotations>")
    file = ("--annotations", "b.xml")
    assert prep("export", drawn, "-o", "yolo", "--to", "yolo", *file).code == 0
    data = yaml.safe_load((drawn.parent / "yolo" / "data.yaml").read_text())
    assert data["names"] == dict(enumerate(names_))
    wanted = '"big, red"=truck,Car'
    assert prep("export", drawn, "-o", "out", "--labels", wanted, *file).code == 0
    assert [one[2:4] for one in told(drawn.parent / "out")[:2]] == [("Car", 0), ("truck", 20)]
    (drawn.parent / "b.xml").write_text(head + "</annotations>")
    nothing = prep("export", drawn, "-o", "no", "--empty", "drop", *file)
    assert nothing.code == 2
    assert "On no image is anything drawn that is asked for" in nothing.err


def test_two_tasks_of_the_same_frames_are_refused(prep, stand_in, drawn):
    send(stand_in, drawn, jobs="one", labels=LABELS, project="twice")
    both = prep("export", drawn, "-o", "out", **access(stand_in))
    assert both.code == 2
    assert "shows 9 frames of video 'a' that task a shows as well" in both.err
    run(prep, stand_in, drawn, "--project", "ds")


# Files


def test_an_export_of_cvat_is_as_good_as_the_server(prep, stand_in, drawn):
    task = task_named(stand_in, "b")
    annotate(stand_in, task, boxes((0, 0, False), (4, 40, False), (5, 40, OUT)))
    export(stand_in, task, drawn.parent / "b.xml")
    done = prep("export", drawn, "-o", "out", "--annotations", "b.xml", "--to", "parquet")
    assert done.code == 0, done.out + done.err
    read = pq.read_table(drawn.parent / "out" / "annotations.parquet").to_pylist()
    assert [(one["frame_index"], one["x"]) for one in read if one["label"]] == [
        (frame, 10 * frame) for frame in range(5)
    ]
    both = prep("export", drawn, "--annotations", "b.xml", "--task", "1")
    assert (both.code, "--annotations reads a file" in both.err) == (2, True)


HEAD = (
    "<annotations><version>1.1</version><meta><task><id>{task}</id><name>b</name><size>10</size>"
    "<mode>annotation</mode><start_frame>0</start_frame><stop_frame>9</stop_frame><frame_filter>"
    "</frame_filter><labels><label><name>car</name></label></labels><segments><segment><id>1</id>"
    "<start>0</start><stop>9</stop><url>http://c/api/jobs/1</url></segment></segments></task></meta>"
)


def test_an_export_for_images_has_what_stands_on_each(prep, stand_in, drawn):
    task = task_named(stand_in, "b").id
    images = "".join(
        f'<image id="{i}" name="b-frame_{i:06d}.jpg" width="1200" height="200">'
        + '<box label="car" occluded="1" xtl="5" ytl="6" xbr="25" ybr="16"><attribute name="pose">'
        + f"p{i}</attribute></box></image>"
        for i in (0, 1, 3)
    )
    (drawn.parent / "b.xml").write_text(HEAD.format(task=task) + images + "</annotations>")
    done = prep("export", drawn, "-o", "out", "--annotations", "b.xml")
    assert done.code == 1  # it tells neither tracks nor who set what
    assert "task b: 7 deleted frames left out" in done.out
    data = instances(drawn.parent / "out")
    assert [one["frame_index"] for one in data["images"]] == [0, 1, 3]
    assert [(one["bbox"], one["occluded"], one["attributes"]) for one in data["annotations"]] == [
        ([5, 6, 20, 10], True, {"pose": f"p{i}"}) for i in (0, 1, 3)
    ]
    refused = prep("export", drawn, "--annotations", "b.xml", "--interpolated", "drop")
    assert (refused.code, "does not say what CVAT filled in" in refused.err) == (2, True)


def test_a_frame_that_an_export_leaves_out_is_deleted(prep, stand_in, drawn):
    task = task_named(stand_in, "b").id
    track = '<track id="0" label="car">' + "".join(
        f'<box frame="{f}" keyframe="{int(f in (0, 6))}" outside="{int(f == 6)}" occluded="0" '
        f'xtl="{f * 10}" ytl="0" xbr="{f * 10 + 9}" ybr="9"></box>'
        for f in (0, 1, 2, 4, 5, 6)
    )
    (drawn.parent / "b.xml").write_text(HEAD.format(task=task) + track + "</track></annotations>")
    done = prep("export", drawn, "-o", "out", "--annotations", "b.xml")
    assert done.code == 0, done.out + done.err
    out = drawn.parent / "out"
    assert [(one[1], one[3]) for one in told(out)] == [(f, f * 10) for f in (0, 1, 2, 4, 5)]
    assert [one["frame_index"] for one in instances(out)["images"]] == [0, 1, 2, *range(4, 10)]


@pytest.mark.parametrize("of", ["task", "job"])
def test_only_true_goes_by_an_audit_of_the_same_file(of, prep, stand_in, drawn):
    """The file lacks frame 3, which is deleted; one box is held on all that follow."""
    head = HEAD.format(task=task_named(stand_in, "b").id).replace("task>", f"{of}>")
    tracks = "".join(
        f'<track id="{number}" label="car">'
        + "".join(
            f'<box frame="{f}" keyframe="{int(f in keyframes)}" outside="{int(f == end)}" '
            f'occluded="0" xtl="{f}" ytl="0" xbr="{f + 9}" ybr="9"></box>'
            for f in range(end + 1 if end else 10)
            if f != 3
        )
        + "</track>"
        for number, (keyframes, end) in enumerate([((0, 5, 6), 6), ((0,), None)])
    )
    (drawn.parent / "b.xml").write_text(head + tracks + "</annotations>")
    audited = prep("audit", drawn, "--annotations", "b.xml")
    assert audited.out.count("single-keyframe") == 1
    options = ("--annotations", "b.xml", "--interpolated", "only-true", "--empty", "drop")
    done = prep("export", drawn, "-o", "out", *options)
    assert done.err == ""
    assert sorted((one[1], one[4]) for one in told(drawn.parent / "out")) == [
        (0, "person"), (0, "person"), (1, "cvat"), (2, "cvat"), (4, "cvat"), (5, "person")
    ]  # fmt: skip


def test_a_file_of_two_tasks_with_the_same_frames_says_what_to_do(prep, stand_in, drawn):
    file = export(stand_in, task_named(stand_in, "b"), drawn.parent / "b.xml")
    begin, rest = file.read_text().split("<task>")
    one, rest = rest.split("</task>")
    tasks = "".join(f"<task>{one.replace('<id>', f'<id>{n}')}</task>" for n in (1, 2))
    file.write_text(f"{begin}<project><tasks>{tasks}</tasks></project>{rest}")
    done = prep("export", drawn, "--annotations", file)
    assert (done.code, "shows 10 frames of video 'b' that task b" in done.err) == (2, True), (
        done.err
    )
    assert "--task" not in done.err
    assert "Export one task alone from CVAT" in done.err


MAYBE = (
    "5 images on which nothing is drawn are there as showing nothing. An export 'for video' does "
    "not name deleted frames, so any that were deleted are among these."
)


def test_frames_that_may_be_deleted_are_told(prep, stand_in, drawn):
    """An export for video does not name deleted frames; only those within tracks show."""
    task = task_named(stand_in, "b")
    annotate(stand_in, task, boxes((0, 0, False), (4, 40, False), (5, 40, OUT)))
    delete_frames(stand_in, task, 8)
    export(stand_in, task, drawn.parent / "b.xml")
    done = prep("export", drawn, "-o", "out", "--annotations", "b.xml")
    assert done.code == 0, done.err
    assert f"task b: {MAYBE}" in " ".join(done.out.split())
    record = json.loads((drawn.parent / "out" / "export.json").read_text())
    assert [one["kind"] for one in record["notices"]] == ["maybe-deleted"]
    fewer = prep("export", drawn, "-o", "drop", "--annotations", "b.xml", "--empty", "drop")
    assert (fewer.code, "deleted" in fewer.out) == (0, False)


def test_of_a_job_only_its_own_frames_can_be_deleted(prep, stand_in, drawn):
    job = (
        HEAD.format(task=7)
        .replace("task>", "job>")
        .replace("<start_frame>0", "<start_frame>6")
        .replace("<size>10", "<size>4")
    )
    images = "".join(
        f'<image id="{i}" name="b-frame_{i:06d}.jpg" width="1200" height="200"></image>'
        for i in (6, 8, 9)
    )
    (drawn.parent / "b.xml").write_text(job + images + "</annotations>")
    done = prep("export", drawn, "-o", "out", "--annotations", "b.xml")
    assert done.code == 1, done.out + done.err
    assert "1 deleted frame left out" in done.out
    assert [one["frame_index"] for one in instances(drawn.parent / "out")["images"]] == [6, 8, 9]


def test_what_concerns_several_tasks_is_told_once(prep, stand_in, drawn):
    delete_frames(stand_in, task_named(stand_in, "b"), 1, 3)
    for name in "ab":
        annotate(stand_in, task_named(stand_in, name))
    out, _ = run(prep, stand_in, drawn)
    record = json.loads((out / "export.json").read_text())
    assert [one["message"] for one in record["notices"]] == [
        "2 tasks (a: 1, b: 2): 3 deleted frames left out.",
        "2 tasks (a, b): nothing is drawn in them, so all images count as showing nothing. If "
        "nobody has looked at them yet, leave them out with --empty drop.",
    ]


def test_boxes_on_the_video_itself_are_scaled_to_the_images(prep, stand_in, tmp_path):
    film(tmp_path / "ds", "v", STEPS)
    caller = Caller(stand_in)
    task, made = caller.make(
        {f"v-frame_{i:06d}.jpg": big_picture(i) for i in range(3)}, {"labels": [{"name": "car"}]}
    )
    assert made["status"] == "finished"
    annotate(stand_in, stand_in.state.tasks[task], [box(0, 100), box(2, 100)])
    out, _ = run(prep, stand_in, tmp_path / "ds", "--task", str(task))
    assert [one["bbox"] for one in instances(out)["annotations"]] == [[50, 10, 25, 30]] * 3


def big_picture(number):
    import io

    from PIL import Image

    made = io.BytesIO()
    Image.new("RGB", (2 * WIDE[0], 2 * WIDE[1]), (number, 0, 0)).save(made, "JPEG")
    return made.getvalue()


def test_what_a_format_leaves_out_is_not_counted(prep, stand_in, drawn):
    """Of b's shapes, one lies outside of its image, one is a line, and one is there."""
    still = {"label_id": label_id(stand_in, "truck"), **shape(7, [1, 2, 31, 22])}
    beyond = {**still, "points": [5000, 2, 9000, 22]}
    line = {**still, "type": "polyline"}
    annotate(stand_in, task_named(stand_in, "b"), shapes=[still, beyond, line])
    out, done = run(prep, stand_in, drawn, "--to", "yolo", "--json")
    assert json.loads(done.out)["totals"] == {"images": 19, "shapes": 5}
    assert json.loads(done.out)["sides"] == [{"side": "train", "images": 19, "shapes": 5}]
    record = json.loads((out / "export.json").read_text())
    assert record["labels"]["truck"]["shapes"] == {"train": 1}
    assert record["labels"]["truck"]["width"]["100"] == 30
    lines = [len(f.read_text().splitlines()) for f in (out / "labels" / "train").iterdir()]
    assert sum(lines) == 5


def test_the_page_shows_what_the_record_says(prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn, "--split", "50/50")
    record = json.loads((out / "export.json").read_text())
    page = (out / "export.html").read_text()
    assert "19 images, 5 shapes" in page
    said = html.unescape(page)
    assert all(one["message"] in said for one in record["notices"])
    assert "No image is near-identical to one of another side." in page
    for moments in (record["pixels"], record["imagenet"]):
        for value in (*moments["mean"], *moments["std"]):
            assert f"{value:.4f}" in page
    assert page.count('class="spread"') == 3 * 2  # a bike is nowhere
    mean, std = record["pixels"]["mean"][0], record["pixels"]["std"][0]
    assert f'class="own red" x1="{100 * mean - 100 * std}"' in page
    record["labels"] = {}  # nothing is drawn at all
    write_page(out / "export.html", {**record, "pixels": None, "shapes": 0})
    assert "Not computed." in (out / "export.html").read_text()


def test_notices_stand_in_the_record(prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn)
    record = json.loads((Path(out) / "export.json").read_text())
    assert [one["kind"] for one in record["notices"]] == ["deleted"]
    assert record["labels"]["car"]["shapes"] == {"train": 4}
    assert record["labels"]["car"]["images"] == {"train": 4}
    assert record["labels"]["car"]["set_by_a_person"] == 2
    assert record["labels"]["car"]["width"]["50"] == 50
    assert record["imagenet"]["mean"] == [0.485, 0.456, 0.406]
