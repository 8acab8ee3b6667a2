"""The map of changes: coarse, small, and never without a change that was seen."""

import dataclasses
import json

import numpy as np
import pytest
from helpers.datasets import record
from video_prep.dataset.change_map import ChangeMap
from video_prep.dataset.store import Dataset


def test_shares_are_whole_per_cent_rounded_up_so_that_0_is_never():
    counts = np.array([[0, 1, 40], [400, 399, 4]])
    changes = ChangeMap.from_counts(counts, 400)
    assert changes.to_array().tolist() == [[0, 1, 10], [100, 100, 1]]
    assert (changes.columns, changes.rows, changes.cell_pixels, changes.compared) == (3, 2, 8, 400)


@pytest.mark.parametrize(
    ("blocks", "cells", "pixels"),
    [((45, 80), (23, 40), 16), ((80, 45), (40, 23), 16), ((64, 64), (64, 64), 8),
     ((135, 240), (34, 60), 32), ((1, 1), (1, 1), 8), ((2, 1000), (1, 63), 128)],
)  # fmt: skip
def test_of_the_blocks_in_a_cell_the_one_that_changed_most_counts(blocks, cells, pixels):
    counts = np.random.default_rng(1).integers(0, 101, blocks)
    changes = ChangeMap.from_counts(counts, 100)
    shares, side = changes.to_array(), pixels // 8
    assert shares.shape == cells
    assert changes.cell_pixels == pixels
    for row, column in np.ndindex(cells):
        inside = counts[row * side : (row + 1) * side, column * side : (column + 1) * side]
        assert shares[row, column] == inside.max()


def test_a_large_map_is_small_in_the_record():
    counts = np.random.default_rng(2).integers(0, 2, (270, 480))
    assert len(json.dumps(dataclasses.asdict(ChangeMap.from_counts(counts, 1)))) < 4000


def test_a_record_holds_a_map_or_none_as_older_ones_do(steady, prep, tmp_path):
    prep("extract", steady, "-o", "ds", "--every", "10")
    store = Dataset(tmp_path / "ds")
    changes = ChangeMap.from_counts(np.array([[0, 1], [2, 3]]), 3)
    store.replace_record(dataclasses.replace(store.read_record("steady"), changes=changes))
    assert store.read_record("steady").changes == changes
    assert record(tmp_path / "ds" / "steady")["changes"] == {
        "columns": 2, "rows": 2, "cell_pixels": 8, "compared": 3, "shares": "ACJDZA==",
    }  # fmt: skip
    path = tmp_path / "ds" / "steady" / "video.json"
    text = json.loads(path.read_text())
    del text["changes"]
    path.write_text(json.dumps(text))
    assert store.read_record("steady").changes is None
    assert store.read_record("steady").frame_size == (160, 120)


def test_a_map_that_was_damaged_makes_a_record_that_cannot_be_read(steady, prep, tmp_path):
    prep("extract", steady, "-o", "ds", "--every", "10")
    path = tmp_path / "ds" / "steady" / "video.json"
    for shares in ("ACJD", "####", 7):
        damaged = {"columns": 2, "rows": 2, "cell_pixels": 8, "compared": 3, "shares": shares}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"changes": damaged}))
        done = prep("status", "ds")
        assert done.code == 3
        assert "this record cannot be read" in done.out


def test_the_frame_is_as_large_as_images_were_before_they_were_scaled(steady, prep, tmp_path):
    prep("extract", steady, "-o", "ds", "--every", "10", "--max-size", "40")
    made = Dataset(tmp_path / "ds").read_record("steady")
    assert ((made.image_width, made.image_height), made.frame_size) == ((40, 30), (160, 120))
    assert dataclasses.replace(made, rotation_degrees=-90.0).frame_size == (120, 160)
    assert dataclasses.replace(made, rotation_degrees=180.0).frame_size == (160, 120)
    assert dataclasses.replace(made, image_width=None).frame_size is None
