"""When, where and with what a video was recorded, as its container says."""

import pytest
from video_prep.dataset.recording import RecordingInfo, read_recording


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, {}),
        ({"encoder": "Lavf62", "title": "creation_time"}, {}),
        (
            {"creation_time": "2021-12-13T19:27:54.000000Z"},
            {"creation_time": "2021-12-13T19:27:54+00:00"},
        ),
        ({"date": "2015-06-01T10:00:00+0200"}, {"creation_time": "2015-06-01T10:00:00+02:00"}),
        ({"creation_time": "2026-03-01 12:00:00"}, {"creation_time": "2026-03-01T12:00:00"}),
        ({"date": "2010"}, {}),
        ({"date": "2010-05-05"}, {}),
        ({"creation_time": "1904-01-01T00:00:00.000000Z"}, {}),
        ({"creation_time": "1970-01-01T00:00:00.000000Z"}, {}),
        ({"creation_time": "1970-01-01 00:00:09"}, {}),
        ({"creation_time": "Sunday, the first of March"}, {}),
        ({"creation_time": "2026-13-01T00:00:00Z"}, {}),
        ({"creation_time": "0001-01-01T00:00:00+14:00"}, {}),
        (
            {"location": "+54.1843-002.7189/", "location-eng": "x"},
            {"location": "+54.1843-002.7189"},
        ),
        (
            {"com.apple.quicktime.location.ISO6709": "+51.5334-000.1255+026.756/"},
            {"location": "+51.5334-000.1255+026.756"},
        ),
        ({"location": "+00.0000+000.0000/\ufffd"}, {}),
        ({"LOCATION": "Bridge 4"}, {"location": "Bridge 4"}),
        (
            {"com.android.manufacturer": "Fairphone", "com.android.model": "FP5"},
            {"make": "Fairphone", "model": "FP5"},
        ),
        ({"make": " Canon ", "model": ""}, {"make": "Canon"}),
        ({"model": "m" * 9000}, {"model": "m" * 200}),
        ({"timecode": "10:11:12;13"}, {"timecode": "10:11:12;13"}),
    ],
)
def test_tags(tags, expected):
    assert read_recording([tags]) == RecordingInfo(**expected)


def test_the_container_comes_before_its_streams_and_the_recording_before_the_file():
    container = {
        "creation_time": "2023-05-09T11:48:30.000000Z",
        "com.apple.quicktime.creationdate": "2023-05-09T12:41:46+0100",
        "make": "Apple",
    }
    streams = [{"make": "another", "timecode": "01:00:00:00"}, {"timecode": "02:00:00:00"}]
    assert read_recording([container, *streams]) == RecordingInfo(
        creation_time="2023-05-09T12:41:46+01:00", timecode="01:00:00:00", make="Apple"
    )


def test_what_is_no_date_gives_way_to_one_that_is():
    tags = [{"creation_time": "1904-01-01T00:00:00Z"}, {"creation_time": "2020-01-02T03:04:05Z"}]
    assert read_recording(tags).creation_time == "2020-01-02T03:04:05+00:00"
