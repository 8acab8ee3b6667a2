"""Clocks: ranges count from the first frame, wherever the stream's clock begins; no time is made up
without a word; and what the container says of when and where stays in the record."""

import json
from datetime import datetime

import numpy as np
import pytest
from helpers import media
from helpers.datasets import frames, indices, record, snapshot, times
from helpers.footage import FOOTAGE
from helpers.media import FFMPEGS

NOON = 43_200_000  # in milliseconds
H264 = (*media.X264, "-g", "10")


def joined(folder):
    one = media.encode(folder / "one.ts", *H264, frames=25, size="96x64")
    (folder / "x.ts").write_bytes(one.read_bytes() * 2)
    return folder / "x.ts"


# Footage of 25 frames a second; where its clock starts, in seconds.
CLOCKS = {
    "steady.mp4": (lambda d: media.encode(d / "x.mp4", *H264, size="96x64"), 0.0),
    "broadcast.ts": (lambda d: media.encode(d / "x.ts", *H264, size="96x64"), 1.4),
    "noon.mkv": (
        lambda d: media.write_frames(d / "x.mkv", range(NOON, NOON + 2000, 40), size=(96, 64)),
        43_200.0,
    ),
    "recorder.dav": (
        lambda d: media.dahua(d / "x.dav", datetime(2026, 3, 1, 12), frames=50),
        1_772_366_400.0,
    ),
    # The first frames cannot be decoded, so it begins at another one than its packets do.
    "open_gop_cut.ts": (FOOTAGE["open_gop_cut.ts"], None),
}
clocks = pytest.mark.parametrize("name", CLOCKS)
ffmpegs = pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])


@clocks
@ffmpegs
def test_a_range_counts_from_the_first_frame(name, ffmpeg, prep, tmp_path):
    make, start = CLOCKS[name]
    path = make(tmp_path)
    here = ("--dedupe", "off", "--ffmpeg", ffmpeg)
    well = {0, 1} if name == "open_gop_cut.ts" else {0}  # its beginning is damage
    done = prep("extract", path, "-o", "ds", "--start", "0.4s", "--end", "0:00.8", *here)
    assert done.code in well
    assert indices(tmp_path / "ds/x") == list(range(10, 20))
    video = record(tmp_path / "ds/x")
    start = video["start_seconds"] if start is None else start
    assert video["start_seconds"] == times(tmp_path / "ds/x")[0] == start
    of_stream = [f"pts:{start + 0.4:.6f}s", "--end", f"pts:{start + 0.8:.6f}s"]
    assert prep("extract", path, "-o", "raw", "--start", *of_stream, *here).code in well
    assert indices(tmp_path / "raw/x") == list(range(10, 20))
    numbers = ("--start", "10", "--end", "0.8s", "--every", "3")
    assert prep("extract", path, "-o", "every", *numbers, *here).code in well
    assert indices(tmp_path / "every/x") == [10, 13, 16, 19]
    rate = ("--start", "0.4s", "--end", "0.8s", "--fps", "5")
    assert prep("extract", path, "-o", "rate", *rate, *here).code in well
    assert indices(tmp_path / "rate/x") == [10, 15]


@pytest.mark.parametrize("name", ["broadcast.ts", "noon.mkv"])
def test_a_range_of_segments_counts_from_the_first_frame(name, prep, tmp_path):
    path = {
        "broadcast.ts": lambda: media.encode(tmp_path / "x.ts", *H264, frames=100, size="96x64"),
        "noon.mkv": lambda: media.write_frames(
            tmp_path / "x.mkv", range(NOON, NOON + 4000, 40), size=(96, 64), g="10"
        ),
    }[name]()
    for options, expected in (
        (["--start", "0.4s", "--end", "3s"], range(10, 75)),
        (["--start", "1.2s", "--keyframes"], range(30, 100, 10)),
        (["--end", "0:02", "--every", "20"], range(0, 50, 20)),
    ):
        target = "ds" + "".join(options)
        cut = ("--segment-frames", "30", "--dedupe", "off", "--count", "decode")
        assert prep("extract", path, "-o", target, *options, *cut).code == 0
        assert record(tmp_path / target / "x")["segments"] == [0, 30, 60]
        assert indices(tmp_path / target / "x") == list(expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--start", "0.8s", "--end", "1.2s"], range(20, 30)),
        (["--start", "0.8s", "--keyframes"], [20, 25, 35, 45]),
        (["--start", "1s", "--every", "10"], [25, 35, 45]),
        (["--end", "0.2s"], range(5)),
        (["--start", "pts:1.4s", "--end", "pts:1.5s"], [0, 1, 2, 25, 26, 27]),
    ],
)
def test_a_range_goes_on_where_recordings_were_joined(options, expected, prep, tmp_path):
    path = joined(tmp_path)
    assert prep("extract", path, "-o", "ds", "--dedupe", "off", *options).code in {0, 1}
    assert indices(tmp_path / "ds/x") == list(expected)


def test_a_dataset_whose_clock_starts_at_0_is_as_it_was(prep, tmp_path):
    """Records of prep 0.1 took a time for that of the stream; here that is the same."""
    media.encode(tmp_path / "v.mp4", size="96x64")
    made = ("extract", "v.mp4", "-o", "ds", "--start", "1s")
    assert prep(*made).code == 0
    make_older(tmp_path / "ds/v/video.json")
    for _ in range(2):
        done = prep(*made, "--json")
        assert done.code == 0
        assert [video["status"] for video in done.json["videos"]] == ["unchanged"]
        assert prep("validate", "ds").code == 0  # which writes the record anew
    assert indices(tmp_path / "ds/v") == list(range(25, 50))


def test_a_settings_file_takes_the_same_positions_and_restoring_too(prep, tmp_path):
    media.encode(tmp_path / "v.ts", *H264, size="96x64", picture="smptebars")
    (tmp_path / "s.yaml").write_text("extract: {start: 'pts:1.8s', end: pts:0:00:02.2}\n")
    assert prep("extract", "v.ts", "-o", "ds", "-c", "s.yaml").code == 0
    assert indices(tmp_path / "ds/v") == [10]  # the others are still
    assert prep("dedupe", "ds", "--restore").code == 0
    assert indices(tmp_path / "ds/v") == list(range(10, 20))


def make_older(path):
    """Make a record as prep 0.1 wrote it."""
    data = json.loads(path.read_text())
    for name in ("start_seconds", "start_date"):
        del data[name]
    for name in ("holds_timestamps", "recording"):
        del data["probe"][name]
    path.write_text(json.dumps(data, indent=2))


def test_a_dataset_whose_clock_starts_elsewhere_is_told_to_be_another_one(prep, tmp_path):
    media.encode(tmp_path / "v.ts", size="96x64")
    made = ("extract", "v.ts", "-o", "ds", "--start")
    assert prep(*made, "1s").code == 0
    make_older(tmp_path / "ds/v/video.json")
    done = prep(*made, "1s")
    assert done.code == 2
    assert "other settings: v (times counted on the clock of the stream → from" in done.err
    assert prep(*made, "1s", "--overwrite").code == 0
    assert prep(*made, "1s").code == 0


@pytest.mark.parametrize("start", ["10", "pts:2s"])
def test_frames_and_times_of_the_stream_mean_what_they_meant(start, prep, tmp_path):
    media.encode(tmp_path / "v.ts", size="96x64")
    made = ("extract", "v.ts", "-o", "ds", "--start", start)
    assert prep(*made).code == 0
    make_older(tmp_path / "ds/v/video.json")
    assert prep(*made).code == 0


def no_timestamps(done):
    return [
        notice
        for video in done.json["videos"]
        for notice in video["warnings"]
        if notice["kind"] == "no-timestamps"
    ]


@pytest.mark.parametrize("suffix", ["h264", "hevc", "m2v"])
@ffmpegs
def test_a_bare_stream_holds_no_times(suffix, ffmpeg, prep, tmp_path):
    codec = {
        "h264": ("-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p"),
        "hevc": ("-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "log-level=none"),
        "m2v": ("-c:v", "mpeg2video", "-bf", "2"),
    }[suffix]
    path = media.encode(tmp_path / f"x.{suffix}", *codec, frames=20, rate="24", size="96x64")
    done = prep("extract", path, "-o", "ds", "--json", "--ffmpeg", ffmpeg, "--dedupe", "off")
    assert done.code == 0
    (notice,) = no_timestamps(done)
    assert "the file holds no times for its frames; " in notice["message"]
    assert "counted at 24 frames a second" in notice["message"]
    assert notice["frame"] == 0
    np.testing.assert_allclose(np.diff(times(tmp_path / "ds/x")), 1 / 24, atol=1e-6)
    video = record(tmp_path / "ds/x")
    assert (video["start_seconds"], video["start_date"]) == (None, None)
    # What is chosen by time follows the made-up one, from the first frame on.
    here = ("--ffmpeg", ffmpeg, "--dedupe", "off", "--start", "0:00.25")
    assert prep("extract", path, "-o", "at", "--fps", "12", *here).code == 0
    assert indices(tmp_path / "at/x") == list(range(6, 20, 2))


@pytest.mark.parametrize("b_frames", ["0", "2"])
@ffmpegs
def test_frames_without_a_time_in_the_file_get_none(b_frames, ffmpeg, prep, tmp_path):
    """ffmpeg counts them from 0 to 1.88 s, and goes on with the true time of the next, 0.02 s."""
    codec = ("-c:v", "libx264", "-bf", b_frames, "-pix_fmt", "yuv420p")
    whole = media.encode(tmp_path / "whole.mkv", *codec, frames=60, size="96x64")
    path = media.lose_times(whole, tmp_path / "x.mkv", 48 * 40 - 20)
    here = ("--ffmpeg", ffmpeg, "--dedupe", "off")
    done = prep("extract", path, "-o", "ds", "--json", *here)
    assert done.code == 0
    (notice,) = no_timestamps(done)
    assert notice["message"].startswith("the file holds no times for 48 of 60 frames (0 to 47)")
    clock = times(tmp_path / "ds/x")
    assert np.isnan(clock[:48]).all()
    np.testing.assert_allclose(clock[48:], 0.02 + np.arange(12) * 0.04, atol=1e-9)
    assert frames(tmp_path / "ds/x")["pts"][:48] == [None] * 48
    video = record(tmp_path / "ds/x")
    assert (video["start_seconds"], video["duration_seconds"]) == (None, 2.4)
    assert [each for each in video["breaks"] if each["kind"] == "timeline"] == []
    for options, expected in (
        (["--start", "1.8s", "--end", "2s"], range(45, 50)),
        (["--start", "pts:0s"], range(48, 60)),
        (["--fps", "5"], range(0, 60, 5)),
    ):
        target = "ds" + "".join(options)
        assert prep("extract", path, "-o", target, *options, *here).code == 0
        assert indices(tmp_path / target / "x") == list(expected)


def test_made_up_times_that_fit_stay_and_are_told(prep, tmp_path):
    """Where the clock goes on behind them, they are as good as any."""
    whole = media.encode(tmp_path / "whole.mkv", *media.X264, frames=20, size="96x64")
    path = media.lose_times(whole, tmp_path / "x.mkv", 40)
    done = prep("extract", path, "-o", "ds", "--json", "--dedupe", "off")
    (notice,) = no_timestamps(done)
    assert notice["message"].startswith("the file holds no times for 1 of 20 frames (0)")


def test_a_recorder_shows_its_clock_and_the_length_of_its_frames(prep, tmp_path):
    path = media.dahua(tmp_path / "gate.dav", datetime(2026, 3, 1, 12))
    done = prep("extract", path, "-o", "ds")
    assert done.code == 0
    assert "75 frames" in done.out
    assert "3.0 s\n" in done.out
    video = record(tmp_path / "ds/gate")
    assert (video["start_seconds"], video["start_date"]) == (1772366400.0, "2026-03-01T12:00:00")
    assert video["duration_seconds"] == 3.0
    assert video["probe"]["duration_seconds"] == 2.0  # as the header has it
    np.testing.assert_allclose(times(tmp_path / "ds/gate"), 1772366400 + np.arange(75) * 0.04)
    assert prep("extract", path, "-o", "ds", "--json").json["videos"][0]["duration_seconds"] == 3.0
    assert prep("report", "ds", "--json").json["totals"]["seconds"] == 3.0
    facts = json.loads((tmp_path / "ds/report.json").read_text())["videos"][0]["facts"]
    assert facts["clock starts at"] == "2026-03-01T12:00:00"


def test_where_it_was_filmed_is_in_the_record_alone(prep, tmp_path):
    tags = {
        "creation_time": "2026-03-01T11:00:00Z",
        "location": "+54.1843-002.7189/",
        "make": "Canon",
        "model": "EOS",
    }
    options = [part for key, text in tags.items() for part in ("-metadata", f"{key}={text}")]
    options += ["-timecode", "10:11:12:13", "-movflags", "use_metadata_tags"]
    media.encode(tmp_path / "v.mov", *media.X264, *options, frames=5, size="96x64")
    runs = [
        prep("extract", "v.mov", "-o", "ds", "-v"),
        prep("extract", "v.mov", "-o", "ds", "--json"),
        prep("validate", "ds", "--json"),
        prep("status", "ds", "--json"),
        prep("manifest", "ds", "--json"),
        prep("report", "ds", "--json"),
    ]
    assert [run.code for run in runs] == [0] * len(runs)
    assert record(tmp_path / "ds/v")["probe"]["recording"] == {
        "creation_time": "2026-03-01T11:00:00+00:00",
        "timecode": "10:11:12:13",
        "location": "+54.1843-002.7189",
        "make": "Canon",
        "model": "EOS",
    }
    written = snapshot(tmp_path / "ds")
    assert {name for name, data in written.items() if b"54.1843" in data} == {"v/video.json"}
    assert not any("54.1843" in run.out + run.err for run in runs)
    facts = json.loads(written["report.json"])["videos"][0]["facts"]
    assert facts["recorded"] == "2026-03-01T11:00:00+00:00"
    assert facts["camera"] == "Canon EOS"
    assert facts["timecode"] == "10:11:12:13"
