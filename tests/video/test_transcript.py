"""Small parts that no footage reaches with certainty."""

import pytest
from video_prep.dataset.frame_table import MISSING_PTS
from video_prep.dataset.records import StreamInfo, VideoInfo
from video_prep.video.transcript import Complaint, SizeChange, Transcript


def info():
    streams = (StreamInfo(0, "audio", "aac", False), StreamInfo(1, "video", "h264", False))
    return VideoInfo(
        container="mov",
        stream_index=1,
        streams=streams,
        codec="h264",
        profile=None,
        pixel_format="yuv420p",
        coded_width=64,
        coded_height=48,
        average_rate="25",
        time_base="1/1000",
        start_time_seconds=0.0,
        duration_seconds=1.0,
        frames_in_header=3,
        color_range=None,
        color_primaries=None,
        color_transfer=None,
    )


def transcript(*lines):
    made = Transcript(info())
    for line in lines:
        made.add(line)
    return made


META = "[Parsed_metadata_3 @ 0x55d0] [info] "


def test_rows_and_kept_frames_are_read():
    made = transcript(
        META + "frame:0    pts:-40     pts_time:-0.04",
        META + "lavfi.scd.score=0.000",
        META + "frame:0    pts:0       pts_time:0",
        META + "prep=kept",
        META + "frame:1    pts:NOPTS   pts_time:NOPTS",
        META + "lavfi.scd.score=12.500",
    )
    assert list(made.pts) == [-40, MISSING_PTS]
    assert list(made.scene_score) == [0.0, 12.5]
    assert list(made.kept) == [0]


def test_a_title_cannot_pretend_to_be_a_frame():
    made = transcript(
        f"[info]     title           : {META}frame:0 pts:1 pts_time:0",
        f"[info]                     : {META}lavfi.scd.score=1",
        "[info]     comment         : No space left on device",
        "[info]     comment         : [error] broken",
    )
    assert (list(made.pts), made.disk_full, made.complaints) == ([], False, [])


@pytest.mark.parametrize(
    "line",
    [
        "[swscaler @ 0x1] [swscaler @ 0x2] [warning] deprecated pixel format used",
        "[aac @ 0x1] [error] Prediction is not allowed in AAC-LC.",
        "[in#0/mpegts @ 0x1] [warning] Packet corrupt (stream = 0, dts = 7).",
        "[in#0/mpegts @ 0x1] [warning] corrupt input packet in stream 0",
        "[mjpeg @ 0x1] [error] unable to decode APP fields: Invalid data found",
        "[in#0 @ 0x1] [warning] DTS discontinuity in stream 1: packet 4 with DTS 3009",
        "[out#0/image2 @ 0x1] [error] Nothing was written into output file",
        "[vost#0:0/mjpeg @ 0x1] [enc:mjpeg @ 0x2] [error] Could not open encoder before EOF",
    ],
)
def test_what_is_no_damage_of_the_pictures(line):
    assert transcript(line).complaint_count == 0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "[h264 @ 0x1] [error] error while decoding MB 20 1, bytestream 3102",
            Complaint("error while decoding MB 20 1, bytestream 3102", 0, None),
        ),
        (
            "[error] Error while decoding stream #0:1: Invalid data",
            Complaint("Error while decoding stream #0:1: Invalid data", 0, None),
        ),
        (
            "[vist#0:1/h264 @ 0x1] [dec:h264 @ 0x2] [warning] corrupt decoded frame",
            Complaint("corrupt decoded frame", 0, None),
        ),
        (
            "[in#0/mpegts @ 0x1] [warning] Packet corrupt (stream = 1, dts = 7).",
            Complaint("Packet corrupt (stream = 1, dts = 7).", 0, 7),
        ),
    ],
)
def test_what_is_damage(line, complaint):
    assert transcript(line).complaints == [complaint]


def test_the_log_is_bounded():
    made = transcript(*["[h264 @ 0x1] [error] " + "x" * 10_000] * 1000)
    assert made.complaint_count == 1000
    assert len(made.complaints) == 200
    assert max(len(complaint.text) for complaint in made.complaints) <= 400


def test_sizes_change_where_the_line_stands_and_back():
    change = (
        "[graph 0 input from stream 0:1 @ 0x1] [info] filter context - w: 64 h: 48 fmt: 0, "
        "incoming frame - w: {} h: {} fmt: 0 pts_time: 1.5"
    )
    row = [META + "frame:0 pts:1 pts_time:1", META + "lavfi.scd.score=0"]
    made = transcript(
        *row * 3, change.format(32, 24), *row, change.format(32, 24), *row, change.format(16, 16)
    )
    assert made.size_changes == [SizeChange(3, 32, 24), SizeChange(5, 16, 16)]


def test_rotation_is_that_of_the_stream_taken():
    made = transcript(
        "[info]   Stream #0:0[0x1](und): Audio: aac",
        "[info]       Display Matrix: rotation of 12.00 degrees",
        "[info]   Stream #0:1[0x2](und): Video: h264",
        "[info]       displaymatrix: rotation of -90.00 degrees",
    )
    assert made.rotation_degrees == -90
