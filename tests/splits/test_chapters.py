"""Chapters of one recording are found by names and by times, and other videos are none."""

import dataclasses
from itertools import pairwise

import pytest
from helpers.handmade import write_video
from video_prep.dataset.recording import RecordingInfo
from video_prep.dataset.store import Dataset
from video_prep.splits.chapters import find_chapters


@pytest.fixture
def record(tmp_path):
    write_video(tmp_path, "v", 2)
    return Dataset(tmp_path).read_record("v")


def video(record, name, time=None, seconds=60.0, width=48, make="Cam"):
    info = RecordingInfo(creation_time=time and f"2026-05-01T{time}+00:00", make=make)
    return dataclasses.replace(
        record,
        id=name,
        source=dataclasses.replace(record.source, name=name, sha256=name),
        probe=dataclasses.replace(record.probe, recording=info, coded_width=width),
        duration_seconds=seconds,
    )


def chapters(*videos):
    return sorted({(*sorted(pair),) for pair in find_chapters({each.id: each for each in videos})})


@pytest.mark.parametrize(
    "names",
    [
        ("GX010042.MP4", "GX020042.MP4", "GX030042.MP4"),
        ("a/gh010007.mp4", "a/gh020007.mp4"),
        ("GOPR0099.MP4", "GP010099.MP4"),
    ],
)
def test_names_of_gopro(names, record):
    others = [video(record, name) for name in ("GX010043.MP4", "b/GX020042.MP4", "GX1.MP4")]
    found = chapters(*(video(record, name) for name in names), *others)
    assert found == [*pairwise(sorted(names))]


def test_one_begins_when_the_other_ends(record):
    """Cameras write down when a file was begun, or when it ended."""
    begun = [("a", "10:00:00", 60.0), ("b", "10:01:01", 600.0), ("c", "10:11:00", 9.0)]
    ended = [("x", "12:00:00", 600.0), ("y", "12:01:00", 60.0)]
    later = [("z", "13:00:00", 60.0), ("zz", "13:01:30", 60.0)]
    videos = [video(record, f"f/{name}", *rest) for name, *rest in (*begun, *ended, *later)]
    expected = [("f/a", "f/b"), ("f/b", "f/c"), ("f/x", "f/y")]
    assert chapters(*videos) == expected
    assert chapters(*reversed(videos)) == expected


@pytest.mark.parametrize(
    "other",
    [
        {"name": "g/b"},
        {"width": 64},
        {"make": "Other"},
        {"time": None},
        {"time": "10:01:03"},
        {"seconds": None, "time": "10:02:00"},
    ],
)
def test_another_camera_folder_or_time_is_no_chapter(other, record):
    first = video(record, "f/a", "10:00:00")
    second = {"name": "f/b", "time": "10:01:00"}
    assert chapters(first, video(record, **second)) == [("f/a", "f/b")]
    assert chapters(first, video(record, **{**second, **other})) == []
