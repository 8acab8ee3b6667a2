"""What might be ignored: a clock in a corner, a tree; never what the video shows."""

import numpy as np
import pytest
from video_prep.dataset.change_map import ChangeMap
from video_prep.pictures.suggest import suggest_regions
from video_prep.settings.regions import parse_region

SIZE = (640, 360)  # in 80 by 45 blocks of 8 pixels, or 40 by 23 cells of 16


def suggested(counts, compared=1500, seconds=60.0, ignored=()):
    changes = ChangeMap.from_counts(counts, compared)
    found = suggest_regions(changes, SIZE, seconds, [*map(parse_region, ignored)])
    return [(str(each.region), each.kind, each.percent) for each in found]


def still():
    return np.zeros((45, 80), dtype=int)


def with_clock(counts, row=1, column=70, ticks=60):
    """Burn in the last digits of a clock: minutes, tens of seconds, seconds."""
    for place, changed in enumerate((1, ticks // 10, ticks)):
        counts[row : row + 2, column + 2 * place : column + 2 * place + 2] += changed
    return counts


@pytest.mark.smoke
def test_a_clock_in_a_corner_is_suggested_with_all_its_digits():
    assert suggested(with_clock(still())) == [("560,0,608,32", "clock", 4)]
    assert suggested(with_clock(still(), row=42)) == [("560,336,608,352", "clock", 4)]


def test_a_clock_that_reaches_the_edge_is_suggested_up_to_it():
    assert suggested(with_clock(still(), row=43, column=74)) == [("592,336,640,360", "clock", 4)]


@pytest.mark.parametrize(("rate", "percent"), [(25, 4), (30, 4), (60, 2), (10, 10), (5, 20)])
def test_a_clock_ticks_once_a_second_whatever_the_rate(rate, percent):
    found = suggested(with_clock(still()), compared=60 * rate)
    assert found == [("560,0,608,32", "clock", percent)]


def test_a_clock_with_a_blinking_colon_is_suggested_and_what_changes_otherwise_is_not():
    assert suggested(with_clock(still(), ticks=120)) == [("560,0,608,32", "clock", 8)]
    for ticks in (30, 90, 240, 600):
        assert suggested(with_clock(still(), ticks=ticks)) == []


def test_a_blank_between_its_digits_does_not_divide_a_clock():
    counts = with_clock(still())
    counts[1:3, 62:66] = 2  # two cells, or four blocks, before the others
    assert suggested(counts) == [("496,0,608,32", "clock", 4)]


def test_where_people_pass_now_and_then_a_clock_is_suggested_all_the_same():
    counts = still()
    counts[10:40, 5:60] = 10  # less than 1 % of the frames
    assert suggested(with_clock(counts)) == [("592,0,608,32", "clock", 4)]


def test_a_clock_is_small_and_above_or_below():
    assert suggested(with_clock(still(), row=22)) == []
    counts = still()
    counts[0:9, :] = 60
    assert suggested(counts) == []


def test_without_a_clock_of_its_own_a_video_shows_none():
    assert suggested(with_clock(still()), seconds=None) == []


@pytest.mark.parametrize("seconds", [60.0, None])
def test_a_tree_is_suggested(seconds):
    counts = still()
    counts[20:40, 60:78] = 400  # its twigs
    counts[24:36, 64:74] = 1300
    assert suggested(counts, seconds=seconds) == [("480,160,624,320", "always", 87)]


def test_a_tree_and_a_clock_are_suggested_both_what_changes_more_first():
    counts = with_clock(still())
    counts[20:30, 4:14] = 1000
    assert suggested(counts) == [("32,160,112,240", "always", 67), ("560,0,608,32", "clock", 4)]


def test_what_is_ignored_already_is_not_suggested_again():
    counts = with_clock(still())
    counts[20:30, 4:14] = 1000
    assert suggested(counts, ignored=["550,0,640,40"]) == [("32,160,112,240", "always", 67)]
    assert suggested(counts, ignored=["550,0,640,40", "5%,40%,20%,70%"]) == []


def test_traffic_all_over_is_what_the_video_shows():
    counts = still()
    counts[12:, :] = np.random.default_rng(1).integers(300, 1300, (33, 80))
    assert suggested(with_clock(counts)) == []
    assert suggested(np.full((45, 80), 1500)) == []


def test_a_road_on_which_nothing_is_most_of_the_time_is_not_suggested():
    counts = still()
    counts[20:26, :] = 500
    assert suggested(counts) == []


def test_nothing_is_suggested_where_nothing_changed_or_little_was_seen():
    assert suggested(still()) == []
    tree = still()
    tree[20:30, 4:14] = 200
    assert suggested(tree, compared=200, seconds=8.0) == []
    assert suggested(tree // 4, compared=50, seconds=50.0) == []
    assert suggested(tree, compared=200, seconds=20.0) == [("32,160,112,240", "always", 100)]


def test_at_most_five_are_suggested():
    counts = still()
    for place in range(7):
        counts[20:22, 4 + 11 * place : 6 + 11 * place] = 900 + 60 * place
    found = suggested(counts)
    assert [percent for _, _, percent in found] == [84, 80, 76, 72, 68]
