"""The clock of a video: which of its times the file holds, and which ffmpeg made up."""

import dataclasses
import itertools

import numpy as np
import pytest
from helpers.handmade import PROBE, video
from hypothesis import given, strategies as st
from video_prep.dataset.clock import made_up, start_date, start_seconds, without_contradictions
from video_prep.dataset.frame_table import MISSING_PTS
from video_prep.dataset.packet_index import PacketIndex

N = MISSING_PTS
INFO = dataclasses.replace(PROBE, holds_timestamps=True)
BARE = dataclasses.replace(PROBE, holds_timestamps=False)


def packets(*pts, discarded=()):
    flags = np.zeros(len(pts), np.bool_)
    flags[list(discarded)] = True
    return PacketIndex(np.array(pts, np.int64), flags, np.ones(len(pts), np.bool_), True)


def clock_of(info, index, pts):
    """Return the frames whose timestamps are made up, and the timestamps that stay."""
    pts = np.array(pts, np.int64)
    made = made_up(info, index, pts)
    return np.flatnonzero(made).tolist(), without_contradictions(info, index, pts).tolist()


@pytest.mark.parametrize(
    ("held", "told", "made", "kept"),
    [
        ([0, 1, 2], [0, 1, 2], [], [0, 1, 2]),
        ([0, 2, 1], [0, 1, 2], [], [0, 1, 2]),
        ([N, N, N], [0, 1, 2], [0, 1, 2], [0, 1, 2]),
        ([N, N, N], [N, N, N], [], [N, N, N]),
        ([0, N, 2], [0, 1, 2], [1], [0, 1, 2]),
        ([0, 1, N, N], [0, 1, 2, 3], [2, 3], [0, 1, 2, 3]),
        ([N, N, 7, 8], [0, 1, 7, 8], [0, 1], [0, 1, 7, 8]),
        # They overtake a true one.
        ([N, N, N, 1], [0, 2, 4, 1], [0, 1, 2], [N, N, N, 1]),
        ([0, N, N, 2], [0, 1, 2, 2], [1, 2], [0, N, N, 2]),
        # By chance they are the same as true ones.
        ([N, N, N, 0, 1, 2, 3], [0, 1, 2, 0, 1, 2, 3], [0, 1, 2], [N, N, N, 0, 1, 2, 3]),
        ([0, 1, N, N, 0, 1], [0, 1, 2, 3, 0, 1], [2, 3], [0, 1, N, N, 0, 1]),
        # Two frames of one timestamp.
        ([5, 5, N], [5, 5, 6], [2], [5, 5, 6]),
        # A frame without any, which is not made up.
        ([0, N, N, 3], [0, 1, N, 3], [1], [0, 1, N, 3]),
    ],
)
def test_times_that_the_file_does_not_hold(held, told, made, kept):
    assert clock_of(INFO, packets(*held), told) == (made, kept)


def test_a_container_without_times_has_none_whatever_its_packets_say():
    assert clock_of(BARE, packets(0, 1, 2), [0, 1, 2]) == ([0, 1, 2], [0, 1, 2])


def test_packets_that_are_not_shown_do_not_count():
    assert clock_of(INFO, packets(N, 0, 1, discarded=[0]), [0, 1]) == ([], [0, 1])


def test_other_clocks_of_packets_and_frames_do_not_make_a_time_up():
    """Where all packets have one, ffmpeg has no reason to."""
    assert clock_of(INFO, packets(0, 1, 2), [100, 101, 102]) == ([], [100, 101, 102])


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 50))
def test_made_up_are_those_without_a_time_wherever_they_begin_to_count(has_time, origin):
    """ffmpeg counts on from the frame before, from 0 at the beginning; true times go on."""
    true = np.arange(len(has_time)) + origin
    held = np.where(has_time, true, N)
    counted = itertools.accumulate(
        held.tolist(), lambda last, one: last + 1 if one == N else one, initial=-1
    )
    told = np.array(list(counted)[1:])
    expected = np.flatnonzero(~np.array(has_time))
    assert np.flatnonzero(made_up(INFO, packets(*held), told)).tolist() == expected.tolist()
    kept = without_contradictions(INFO, packets(*held), told)
    known = kept[kept != N]
    assert np.all(np.diff(known) > 0)
    assert set(true[np.array(has_time)]) <= set(known)


def test_where_the_clock_starts():
    frames = video([1.4, 1.44, 1.48])
    held = packets(*frames.pts.tolist())
    assert start_seconds(INFO, held, frames) == 1.4
    assert start_seconds(BARE, held, frames) is None
    assert start_seconds(INFO, packets(N, *frames.pts[1:].tolist()), frames) is None
    assert start_seconds(INFO, held, video([float("nan"), 1.44, 1.48])) is None


def test_a_clock_is_a_date_only_in_containers_that_keep_one():
    recorder = dataclasses.replace(INFO, container="dhav")
    assert start_date(recorder, 1772366400.0) == "2026-03-01T12:00:00"
    assert start_date(recorder, 1772366400.04) == "2026-03-01T12:00:00.040000"
    assert start_date(recorder, None) is None
    assert start_date(recorder, 943_920_000.0) is None  # day 0 of month 0, of a recorder without
    assert start_date(INFO, 1772366400.0) is None
