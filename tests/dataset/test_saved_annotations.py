"""Saved annotations: what is written is read back, and nothing is written over."""

import dataclasses
import json

import pytest
from video_prep.base.errors import DatasetError, UsageError
from video_prep.dataset.saved_annotations import SavedAnnotations, keep, load

TRACK = {
    "job": 0, "label": "car", "frame": 0, "attributes": {"colour": "ré\u2028d"},
    "shapes": [{"type": "rectangle", "frame": 0, "points": [0.01, 2, 3, 4], "outside": False}],
}  # fmt: skip
SAVED = SavedAnnotations(
    host="https://cvat.example",
    organization=None,
    project=3,
    task=7,
    task_name='q"\n ü',
    images=("a-frame_000000.jpg", "a-frame_000004.jpg"),
    image_size=(64, 48),
    deleted=(1,),
    jobs=((0, 1),),
    tags=[{"job": 0, "label": "car", "frame": 1}],
    shapes=[],
    tracks=[TRACK],
)


def test_what_is_written_is_read_back(tmp_path):
    file, is_new = keep(SAVED, tmp_path, "x", "")
    assert (file, is_new) == (tmp_path / "x.json", True)
    assert load(file) == SAVED
    bare = dataclasses.replace(SAVED, image_size=None, tags=[], tracks=[], is_part=True)
    assert load(keep(bare, tmp_path, "x", "")[0]) == bare


def test_nothing_is_written_over_and_nothing_twice(tmp_path):
    other = dataclasses.replace(SAVED, tags=[])
    files = [keep(one, tmp_path, "x", "") for one in (SAVED, other, SAVED, other)]
    first, second = tmp_path / "x.json", tmp_path / "x-2.json"
    assert files == [(first, True), (second, True), (first, False), (second, False)]
    with first.open("a") as file:
        file.write(" ")
    assert keep(SAVED, tmp_path, "x", "") == (tmp_path / "x-3.json", True)


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    with pytest.raises(DatasetError, match=r"cannot be written: .*\. The task stays\. Make room"):
        keep(SAVED, tmp_path / "nowhere", "x", "The task stays. ")


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"format": "x"}, {"more": 1}, {"images": 5}, {"image_size": [1]},
        {"jobs": [1]}, {"tags": [{"frame": 1}]}, {"tags": [3]},
        {"tracks": [{**TRACK, "shapes": 1}]}, {"tracks": [{**TRACK, "shapes": [{"frame": 0}]}]},
        {"shapes": [{"label": "x", "frame": "y"}]},
    ],
    ids=str,
)  # fmt: skip
def test_other_files_are_refused(tmp_path, change):
    file, _ = keep(SAVED, tmp_path, "x", "")
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(UsageError, match=r"x\.json: these are no annotations that this prep has"):
        load(file)
