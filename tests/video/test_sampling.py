"""Sampling: numbers stay those of the source, and a rate takes the nearest frame, once."""

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import media
from helpers.datasets import frames, indices, record, times
from helpers.footage import FOOTAGE
from hypothesis import given, strategies as st
from video_prep.base.errors import UsageError
from video_prep.dataset.frame_table import MISSING_PTS
from video_prep.settings.positions import Position, parse_position
from video_prep.settings.stages import ExtractSettings
from video_prep.video.sampling import (
    corrected_condition,
    exact_condition,
    list_frames,
    nearest_frames,
    plan_condition,
    steady_clock,
)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--every", "7"], range(0, 50, 7)),
        (["--start", "10"], range(10, 50)),
        (["--end", "10"], range(10)),
        (["--start", "0.4s", "--end", "1.2s"], range(10, 30)),
        (["--start", "0:00.41", "--end", "0:00:01.2"], range(11, 30)),
        (["--start", "3", "--end", "1s", "--every", "10"], range(3, 25, 10)),
        (["--keyframes"], [0, 20, 40]),
        (["--keyframes", "--start", "1"], [20, 40]),
        (["--fps", "5"], range(0, 50, 5)),
        (["--fps", "5", "--start", "2"], range(2, 50, 5)),
        (["--fps", "1000"], range(50)),
        (["--fps", "0.5"], [0]),
    ],
)
def test_numbers_stay_those_of_the_source(options, expected, steady, prep, tmp_path):
    done = prep("extract", steady, "-o", "ds", *options)
    assert done.code == 0
    folder = tmp_path / "ds" / "steady"
    assert indices(folder) == list(expected)
    fates = frames(folder)["fate"]
    assert [i for i, fate in enumerate(fates) if fate == "kept"] == list(expected)
    assert set(fates) <= {"kept", "sampled_out"}
    counts = record(folder)["counts"]
    assert counts["frames_decoded"] == counts["kept"] + counts["sampled_out"] == 50
    # A sampled image is the very image of the whole run.
    prep("extract", steady, "-o", "whole")
    for image in folder.glob("*.jpg"):
        assert image.read_bytes() == (tmp_path / "whole" / "steady" / image.name).read_bytes()


def nearest(seconds, fps):
    """An independent, slow, exact way to choose the frames nearest to 0, 1/fps, 2/fps, …"""
    start, chosen, k = seconds[0], [], 0
    while k / fps <= seconds[-1] - start:
        distances = [abs(t - start - k / fps) for t in seconds]
        chosen.append(distances.index(min(distances)))
        k += 1
    return sorted(set(chosen))


@pytest.mark.parametrize(
    "name", ["vfr.mkv", "equal_timestamps.mkv", "edit_list.mov", "hidden_frames.webm"]
)
@pytest.mark.parametrize("fps", ["2", "7.5", "30000/1001"])
def test_rate_takes_the_nearest_frame_of_odd_footage(name, fps, prep, tmp_path):
    path = FOOTAGE[name](tmp_path)
    assert prep("extract", path, "-o", "ds", "--fps", fps).code == 0
    video = record(tmp_path / "ds" / path.stem)
    time_base = Fraction(video["probe"]["time_base"])
    exact = [pts * time_base for pts in frames(tmp_path / "ds" / path.stem)["pts"]]
    assert indices(tmp_path / "ds" / path.stem) == nearest(exact, Fraction(fps))


def test_rate_over_a_clock_that_jumps_back(prep, tmp_path):
    one = media.encode(tmp_path / "one.ts", frames=50)
    (tmp_path / "joined.ts").write_bytes(one.read_bytes() * 2)
    assert prep("extract", "joined.ts", "-o", "ds", "--fps", "5").code in {0, 1}
    assert np.any(np.diff(times(tmp_path / "ds" / "joined")) < 0)
    assert indices(tmp_path / "ds" / "joined") == list(range(0, 100, 5))


def test_rate_over_a_clock_that_jumps_by_years(prep, tmp_path):
    path = FOOTAGE["clock_jumps.mkv"](tmp_path)
    assert prep("extract", path, "-o", "ds", "--fps", "5").code == 0
    # Some of the instants in the years between are nearest to either end of the gap.
    assert indices(tmp_path / "ds" / "x") == [0, 5, 10, 15, 19, 20, 25, 30, 35]


def test_nothing_selected_is_a_finding(steady, prep, tmp_path):
    done = prep("extract", steady, "-o", "ds", "--start", "1:00:00", "--json")
    assert done.code == 1
    assert [n["kind"] for n in done.json["videos"][0]["warnings"]] == ["nothing-selected"]
    assert record(tmp_path / "ds" / "steady")["counts"]["sampled_out"] == 50


@pytest.mark.parametrize("options", [["--every", "2", "--fps", "1"], ["--fps", "1", "--keyframes"]])
def test_one_way_of_sampling_at_a_time(options, steady, prep):
    done = prep("extract", steady, "-o", "ds", *options)
    assert done.code == 2
    assert "exclude each other" in done.err


clocks = st.lists(st.integers(0, 40), min_size=1, max_size=60).map(
    lambda steps: np.cumsum([0, *steps[1:]])
)


@given(clocks, st.fractions(Fraction(1, 7), 50, max_denominator=9))
def test_nearest_frames_is_that_of_the_slow_way(clock, interval):
    slow = nearest([Fraction(int(t)) for t in clock], 1 / interval)
    assert nearest_frames(clock, interval).tolist() == slow


@given(st.lists(st.integers(-1000, 1000), max_size=50))
def test_steady_clock_never_runs_backwards(pts):
    clock = steady_clock(np.array(pts, dtype=np.int64))
    assert len(clock) == len(pts)
    assert np.all(np.diff(clock) >= 0)
    if sorted(pts) == pts:
        assert clock.tolist() == [t - pts[0] for t in pts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", ("frame", 0)),
        ("120", ("frame", 120)),
        ("4.5s", ("time", Fraction(9, 2))),
        ("7s", ("time", 7)),
        ("1:02", ("time", 62)),
        ("1:02:03.5", ("time", Fraction(7447, 2))),
        ("pts:43202s", ("pts", 43202)),
        ("pts:12:00:02.5", ("pts", Fraction(86405, 2))),
        ("pts:-0.5s", ("pts", Fraction(-1, 2))),
    ],
)
def test_positions(text, expected):
    assert parse_position(text) == Position(*expected)


@pytest.mark.parametrize(
    "text",
    ["4.5", "-3", "-3s", "x", "1:2:3:4", "", "s", "1:", "٣", "pts:", "pts:s", "pts:--1s", "pts:x"],
)
def test_positions_that_are_none(text):
    with pytest.raises(UsageError, match="neither a frame"):
        parse_position(text)


@pytest.mark.parametrize("text", ["4.5", "pts:43202", "pts:-1"])
def test_a_bare_decimal_gets_a_hint(text):
    with pytest.raises(UsageError, match=f"written '{text}s'"):
        parse_position(text)


@pytest.mark.parametrize(
    ("start", "end"), [("5", "5"), ("2s", "0:01"), ("pts:12:00:00", "pts:43200s")]
)
def test_a_range_that_is_empty_is_refused(start, end):
    with pytest.raises(UsageError, match="so no frame would be left"):
        ExtractSettings(start=start, end=end)


@pytest.mark.parametrize(("start", "end"), [("pts:43202s", "4s"), ("9s", "5"), ("9", "pts:5s")])
def test_positions_of_two_kinds_are_not_compared(start, end):
    assert ExtractSettings(start=start, end=end).start == start


def test_a_range_in_time_between_two_frames():
    """30 frames a second: frame 1 is shown before 0.05 s, frame 2 after it."""
    pts, time_base = np.arange(6), Fraction(1, 30)
    for option, kept, condition in (
        ("start", [2, 3, 4, 5], "gte(PTS,2)"),
        ("end", [0, 1], "lt(PTS,2)"),
    ):
        settings = ExtractSettings(**{option: "0.05s"})
        assert list_frames(settings, time_base, pts).tolist() == kept
        assert plan_condition(settings, time_base, pts) == condition


N = MISSING_PTS


@pytest.mark.parametrize(
    ("pts", "kept"),
    [
        ([0, 10, 20, 30, 40], [2, 3]),
        ([1000, 1010, 1020, 1030, 1040], [2, 3]),
        ([-25, -15, -5, 5, 15], [2, 3]),
        ([N, 10, 20, 30, 40], [2, 3]),  # counted from the first frame, as if it had a time
        ([0, 10, N, 30, 40], [2, 3]),
        ([0, 10, 0, 10, 20], [2, 3]),  # joined
        ([0, 100, 110, 120, 130], []),
        ([N, N, N, N, N], []),
    ],
)
def test_a_range_in_time_counts_from_the_first_frame(pts, kept):
    settings = ExtractSettings(start="2s", end="4s")
    pts = np.array(pts, np.int64)
    assert list_frames(settings, Fraction(1, 10), pts).tolist() == kept


@pytest.mark.parametrize(
    ("pts", "kept"),
    [
        ([0, 10, 20, 30, 40], [2, 3]),
        ([20, 30, 40, 50, 60], [0, 1]),
        ([0, 10, N, 30, 40], [3]),
        ([30, 40, 0, 10, 20], [0, 4]),
    ],
)
def test_a_range_on_the_clock_of_the_stream(pts, kept):
    settings = ExtractSettings(start="pts:2s", end="pts:4s")
    pts = np.array(pts, np.int64)
    assert list_frames(settings, Fraction(1, 10), pts).tolist() == kept
    assert plan_condition(settings, Fraction(1, 10), pts) == "gte(PTS,20)*lt(PTS,40)"


@pytest.mark.parametrize("sampling", [{}, {"every": 2}, {"keyframes": True}])
def test_a_range_is_corrected_where_the_first_frame_is_another_one(sampling):
    """The packets promise a frame at 0, which is not decoded."""
    settings, time_base = ExtractSettings(start="2s", **sampling), Fraction(1, 10)
    packets, pts = np.arange(0, 70, 10), np.arange(20, 70, 10)
    assert plan_condition(ExtractSettings(start="2s"), time_base, packets) == "gte(PTS,20)"
    decoded = SimpleNamespace(pts=pts)
    corrected = corrected_condition(settings, time_base, packets, decoded, pts)
    assert corrected == exact_condition(np.arange(2, 5, sampling.get("every", 1)))
    assert corrected_condition(settings, time_base, pts, decoded, pts) is None


def test_a_range_is_corrected_where_times_were_made_up():
    """What the plan was held against in ffmpeg is no timestamp of the file."""
    settings, time_base = ExtractSettings(end="pts:2s"), Fraction(1, 10)
    decoded, true = SimpleNamespace(pts=np.array([0, 10, 5, 15])), np.array([N, N, 5, 15])
    corrected = corrected_condition(settings, time_base, true, decoded, true)
    assert corrected == exact_condition(np.array([2, 3]))


def test_many_chosen_frames_fit_into_a_graph():
    # A sampled day of video has more chosen frames than a command line has room for.
    chosen = np.arange(0, 300_000, 3)
    condition = exact_condition(chosen)
    depth = max(np.cumsum([{"(": 1, ")": -1}.get(c, 0) for c in condition]))
    assert depth <= 2 * math.log2(len(chosen)) + 4
