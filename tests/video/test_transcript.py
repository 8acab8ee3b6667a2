"""Small parts that no footage reaches with certainty."""

from helpers.handmade import H264
from video_prep.dataset.frame_table import MISSING_PTS
from video_prep.video.transcript import SizeChange, Transcript


def transcript(*lines):
    made = Transcript(H264)
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
    assert (list(made.pts), made.disk_full, made.evidence.is_suspect) == ([], False, False)


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
