"""Which cells of a picture a region touches."""

import cv2
import numpy as np
import pytest
from video_prep.pictures.regions import ignored_cells
from video_prep.settings.regions import parse_region


def cells(text, width, height, cell, frame_size=None):
    found = ignored_cells([parse_region(text)], width, height, cell, frame_size)
    assert found.shape == (-(-height // cell), -(-width // cell))
    assert found.dtype == np.bool_
    return found


def rows(found):
    return ["".join(".#"[each] for each in row) for row in found.tolist()]


@pytest.mark.smoke
def test_a_box_has_the_pixels_from_its_left_edge_up_to_its_right_one():
    assert rows(cells("1,1,3,2", 4, 3, 1)) == ["....", ".##.", "...."]
    assert rows(cells("8,0,16,8", 30, 20, 8)) == [".#..", "....", "...."]
    assert rows(cells("7,0,17,9", 30, 20, 8)) == ["###.", "###.", "...."]
    assert rows(cells("29,19,99,99", 30, 20, 8)) == ["....", "....", "...#"]


def test_shares_are_of_the_frame_and_pixels_of_its_size_before_it_was_scaled():
    assert rows(cells("50%,0%,100%,50%", 5, 4, 1)) == ["..###", "..###", ".....", "....."]
    assert rows(cells("40,0,80,20", 8, 4, 1, (80, 40))) == ["....####"] * 2 + ["........"] * 2
    assert rows(cells("50%,0%,100%,50%", 8, 4, 1, (80, 40))) == ["....####"] * 2 + ["." * 8] * 2


def test_a_region_beyond_the_picture_has_nothing_and_several_add_up():
    assert not cells("30,0,40,8", 30, 20, 8).any()
    assert not ignored_cells([], 30, 20, 8).any()
    both = ignored_cells([*map(parse_region, ("0,0,1,1", "29,19,30,20"))], 30, 20, 8)
    assert rows(both) == ["#...", "....", "...#"]


@pytest.mark.parametrize("seed", range(6))
def test_polygons_have_the_pixels_whose_centres_are_within(seed):
    random = np.random.default_rng(seed)
    corners = random.integers(0, 40, (3 + seed, 2)) + 0.3
    text = " ".join(f"{x},{y}" for x, y in corners)
    outline = corners.astype(np.float32)[:, np.newaxis]
    depth = np.array(
        [
            [cv2.pointPolygonTest(outline, (x + 0.5, y + 0.5), True) for x in range(40)]
            for y in range(40)
        ]
    )
    is_clear = abs(depth) > 1e-3  # not on an edge
    assert np.array_equal(cells(text, 40, 40, 1)[is_clear], depth[is_clear] > 0)
