"""The programs that read the formats find in an export what was drawn, all of it and alike."""

import shutil

import datasets
import numpy as np
import pytest
import trackeval
from helpers.cvat import (
    OUT,
    SKELETON,
    Caller,
    access,
    box,
    boxes,
    label_id,
    send,
    shape,
    task_named,
)
from helpers.handmade import WIDE, film
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

STEPS = [0.04] * 9  # ten frames a video
SIDES = {"train": ["a", "b"], "val": ["c"]}
LABELS = [{"name": "car"}, {"name": "zone"}, *SKELETON]
FOLDED = [100, 20, 130, 60, 160, 100, 130, 60]  # a polygon that encloses nothing
STILLS = [
    shape(7, [10, 10, 90, 15, 70, 95.5, 20, 60], kind="polygon"),
    shape(7, FOLDED, kind="polygon"),
    shape(8, [200, 100, 240, 80], kind="ellipse", rotation=30),
]
ON_EACH = 6 + 9 + 5 + 1 + 1  # the car, the one that turns, the bike, a polygon and an ellipse


@pytest.fixture
def drawn(stand_in, tmp_path):
    """Three videos; on each a car that ends, one that turns, outlines, and a bike of points."""
    for video in "abc":
        film(tmp_path / "ds", video, STEPS)
    send(stand_in, tmp_path / "ds", jobs="one", labels=LABELS)
    for place, video in enumerate("abc"):
        tracks = [
            track(stand_in, "car", boxes((0, 5, False), (4, 45 + place, False), (6, 60, OUT))),
            track(stand_in, "car", [box(1, 500, rotation=350), box(9, 700.5, rotation=20)]),
            track(
                stand_in,
                "bike",
                [shape(2, [], kind="skeleton"), shape(8, [], kind="skeleton", outside=True)],
                elements=[
                    track(stand_in, "nose", [shape(2, [300, 60], kind="points")]),
                    track(
                        stand_in,
                        "tail",
                        [
                            shape(2, [420, 70], kind="points"),
                            shape(7, [420, 70], kind="points", outside=True),
                        ],
                    ),
                ],
            ),
        ]
        stills = [{"label_id": label_id(stand_in, "zone"), **one} for one in STILLS]
        body = {"version": 0, "tags": [], "shapes": stills, "tracks": tracks}
        task = task_named(stand_in, video)
        answer = Caller(stand_in)("PUT", f"/api/tasks/{task.id}/annotations/", body)
        assert answer.status == 200, answer.body
    (tmp_path / "sides.json").write_text('{"videos": {"a": "train", "b": "train", "c": "val"}}')
    return tmp_path / "ds"


def track(stand_in, label, shapes, **more):
    return {
        "frame": shapes[0]["frame"], "label_id": label_id(stand_in, label), "attributes": [],
        "shapes": shapes, **more,
    }  # fmt: skip


def run(prep, stand_in, dataset, *arguments):
    divided = ("--split", "67/33", "--splits", "sides.json")
    done = prep("export", dataset, "-o", "out", *divided, *arguments, **access(stand_in))
    assert (done.code, done.err) == (0, ""), done.out + done.err
    return dataset.parent / "out", done


@pytest.mark.parametrize("side", SIDES)
def test_cocoeval_finds_all_of_an_export_in_itself(side, prep, stand_in, drawn):
    out, done = run(prep, stand_in, drawn)
    assert "6 shapes left out of the instances" in done.out  # folded, or a single point
    file = COCO(out / "annotations" / f"instances_{side}.json")
    assert len(file.getAnnIds()) == len(SIDES[side]) * ON_EACH
    assert (scores(file, "bbox"), scores(file, "segm")) == ((1, 1), (1, 1))
    file = COCO(out / "annotations" / f"keypoints_{side}.json")
    assert len(file.getAnnIds()) == len(SIDES[side]) * 6
    assert scores(file, "keypoints") == (1, 1)


def scores(file, kind):
    """Return average precision and recall of an export as its own detections, all of them."""
    found = []
    for one in file.dataset["annotations"]:
        what = {
            "bbox": lambda one: {"bbox": one["bbox"]},
            "segm": lambda one: {"segmentation": file.annToRLE(one)},
            "keypoints": lambda one: {"keypoints": one["keypoints"]},
        }[kind](one)
        keys = ("image_id", "category_id")
        found.append({**{key: one[key] for key in keys}, **what, "score": 1.0})
    told = COCOeval(file, file.loadRes(found), kind)
    if kind == "keypoints":
        told.params.kpt_oks_sigmas = np.full(2, 0.1)
    told.evaluate()
    told.accumulate()
    precision, recall = told.eval["precision"][..., -1], told.eval["recall"][..., -1]
    return precision[precision > -1].mean(), recall[recall > -1].mean()


def test_trackeval_gives_an_export_against_itself_full_marks(prep, stand_in, drawn):
    out, _ = run(prep, stand_in, drawn, "--to", "mot", "--labels", "car")
    found = drawn.parent / "trackers" / "itself" / "data"
    found.mkdir(parents=True)
    for side, videos in SIDES.items():
        for video in videos:
            shutil.copy(out / side / video / "gt" / "gt.txt", found / f"{video}.txt")
        given = {
            "GT_FOLDER": str(out / side),
            "SEQMAP_FILE": str(out / "seqmaps" / f"{side}.txt"),
            "TRACKERS_FOLDER": str(found.parents[1]),
            "SKIP_SPLIT_FOL": True,
            "DO_PREPROC": False,
            "PRINT_CONFIG": False,
        }
        quiet = ("PRINT_RESULTS", "PRINT_CONFIG", "TIME_PROGRESS", "OUTPUT_SUMMARY",
                 "OUTPUT_DETAILED", "PLOT_CURVES")  # fmt: skip
        evaluator = trackeval.Evaluator({**dict.fromkeys(quiet, False), "LOG_ON_ERROR": None})
        metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR()]
        told, _ = evaluator.evaluate([trackeval.datasets.MotChallenge2DBox(given)], metrics)
        told = told["MotChallenge2DBox"]["itself"]["COMBINED_SEQ"]["pedestrian"]
        assert (told["HOTA"]["HOTA"] == 1).all()
        assert told["CLEAR"]["MOTA"] == 1
        assert told["Count"]["GT_Dets"] == len(videos) * 15
        assert told["Count"]["GT_IDs"] == len(videos) * 2


def test_load_dataset_reads_images_and_boxes(prep, stand_in, drawn, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    datasets.disable_progress_bars()
    out, _ = run(prep, stand_in, drawn, "--to", "hf")
    read = datasets.load_dataset(str(out), cache_dir=str(drawn.parent / "cache"))
    assert {side: len(rows) for side, rows in read.items()} == {"train": 20, "validation": 10}
    for rows in read.values():
        for row in rows:
            assert row["image"].size == (row["width"], row["height"]) == WIDE
    (one,) = [row for row in read["validation"] if row["frame_index"] == 2]
    assert (one["video"], one["time_seconds"]) == ("c", pytest.approx(0.08))
    assert [each["label"] for each in one["objects"]] == ["car", "car", "bike"]
    assert one["objects"][0]["bbox"] == [pytest.approx(26), 20, 50, 60]  # between 5 and 47
