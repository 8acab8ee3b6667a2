"""Tracks in the formats of trackers: every box on its frame of the video, or a clear refusal."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.tracks import box, xml_shape
from video_prep.base.errors import UsageError
from video_prep.tracks.box_files import read_boxes


def rows(table):
    """Return (label, object, frame, corners) of each box, sorted."""
    columns = zip(table.labels, table.objects, table.frames, table.corners, strict=True)
    return sorted(
        (table.label_names[label], table.object_names[one], int(frame), corners.tolist())
        for label, one, frame, corners in columns
    )


def mot(path, text):
    path.write_text(text)
    return path


def test_frames_of_mot_count_from_one(tmp_path):
    text = "1,7,10,20,30,40,0.9,-1,-1,-1\n\n3, 7, 11.5, 20, 30, 40\n2 8 1 2 3 4 1\n"
    table = read_boxes(mot(tmp_path / "a.txt", text), ["car"])
    assert rows(table) == [
        ("car", "7", 0, [10, 20, 40, 60]),
        ("car", "7", 2, [11.5, 20, 41.5, 60]),
        ("car", "8", 1, [1, 2, 4, 6]),
    ]
    assert table.left_out == ()


def test_a_label_for_each_class_or_none(tmp_path):
    file = mot(tmp_path / "a.csv", "1,1,0,0,9,9,1,2,1\n1,2,0,0,9,9,1,1,1\n")
    assert [row[:2] for row in rows(read_boxes(file, ["car", "person"]))] == [
        ("car", "2"), ("person", "1")
    ]  # fmt: skip
    assert [row[0] for row in rows(read_boxes(file, []))] == ["", ""]
    three = mot(tmp_path / "b.csv", "1,1,0,0,9,9,1,3,1\n")
    with pytest.raises(UsageError, match=r"b\.csv: .*class 3, while 2 labels"):
        read_boxes(three, ["car", "person"])


def test_boxes_to_be_ignored_and_those_without_a_track_are_left_out_and_told(tmp_path):
    text = "1,1,0,0,9,9,0,1,1\n1,-1,0,0,9,9,1\n2,-1,0,0,9,9,1\n2,1,0,0,9,9,1\n"
    table = read_boxes(mot(tmp_path / "a.txt", text), ["car"])
    assert rows(table) == [("car", "1", 1, [0, 0, 9, 9])]
    assert table.left_out == (
        "1 box with confidence 0, to be ignored",
        "2 boxes without a track (a negative id)",
    )


@pytest.mark.parametrize("ids", [[-1, -1, 7], [-1.0, -2.5, 7.0], ["-1", "-1", "7"]])
def test_a_negative_id_is_no_track_in_any_format(ids, tmp_path):
    columns = pa.table({"frame": [0, 0, 0], "id": ids, "box": [[0.0, 0.0, 9.0, 9.0]] * 3})
    pq.write_table(columns, tmp_path / "a.parquet")
    table = read_boxes(tmp_path / "a.parquet", [])
    assert [row[1].removesuffix(".0") for row in rows(table)] == ["7"]
    assert table.left_out == ("2 boxes without a track (a negative id)",)


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt", "a.csv", "a.zip", "a.xml.bz2"])
def test_a_file_that_is_packed_is_to_be_unpacked(name, tmp_path):
    (tmp_path / name).write_bytes(gzip.compress(b"1,1,0,0,9,9\n"))
    with pytest.raises(UsageError, match=r"it is compressed\. Unpack it, and name the file"):
        read_boxes(tmp_path / name, [])


def test_ids_of_64_bits_are_read_digit_by_digit(tmp_path):
    ids = ["1000001", "1000002", "9223372036854775806", "9223372036854775807", "3.0", "2.25"]
    text = "".join(f"1,{each},0,0,9,9\n" for each in ids)
    table = read_boxes(mot(tmp_path / "a.txt", text), ["car"])
    assert table.object_names == (*ids[:4], "3", "2.25")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,1,0,0,9,9\nframe,id\n", "line 2 is none of MOTChallenge's, 'frame,id': expected frame"),
        ("1,1,0,0,9\n", "line 1 is none"),
        ("1.5,1,0,0,9,9\n", "line 1 is none"),
        ("1,1,,0,0,9,9\n", "line 1 is none"),
        ("1,1,nan,0,9,9\n", "line 1 is none"),
        ("1,1,1e308,0,1e308,9\n", "line 1 is none"),
        ("1e300,1,0,0,9,9\n", "line 1 is none"),
        ("0,3,0,0,9,9\n", "object '3' on frame 0 is before the first frame, which is 1"),
        ("1,3,0,0,0,9\n2,3,0,0,9,-9\n", "on frame 1 has no width or no height. So is 1 more"),
        ("4,3,0,0,9,9\n4,3,1,0,9,9\n", "object '3' on frame 4 is the second one of this object"),
    ],
)
def test_what_is_no_box_is_refused_with_its_place(text, told, tmp_path):
    with pytest.raises(UsageError, match=r"a\.txt: ") as refused:
        read_boxes(mot(tmp_path / "a.txt", text), ["car"])
    assert told in str(refused.value)


def test_what_is_no_text_or_not_there_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"a\.txt: this is not text in UTF-8"):
        read_boxes(tmp_path / "a.txt", [])
    with pytest.raises(UsageError, match=r"b\.txt: cannot be read: No such file"):
        read_boxes(tmp_path / "b.txt", [])
    with pytest.raises(UsageError, match=r"a\.json: tracks are read from \.txt, \.csv"):
        read_boxes(tmp_path / "a.json", [])


def xml(path, *tracks, meta=""):
    body = "".join(
        f'<track id="{i}" label="{label}">'
        + "".join(xml_shape(each, each["type"], **more) for each in shapes)
        + "</track>"
        for i, (label, shapes, more) in enumerate(tracks)
    )
    path.write_text(f"<annotations><version>1.1</version>{meta}{body}</annotations>")
    return path


def test_cvats_xml_has_every_box_between_its_keyframes(tmp_path):
    shapes = [box(2, 10), box(4, 30), box(5, 30, outside=True), box(8, 0), box(9, 0, outside=True)]
    table = read_boxes(xml(tmp_path / "a.xml", ("car", shapes, {})), [], 20)
    assert rows(table) == [
        ("car", "0", frame, [x, 20, x + 50, 80]) for frame, x in ((2, 10), (3, 20), (4, 30), (8, 0))
    ]


def test_a_track_without_an_end_goes_on_to_the_last_frame_as_in_cvat(tmp_path):
    file = xml(tmp_path / "a.xml", ("car", [box(2, 10)], {}))
    assert [row[2] for row in rows(read_boxes(file, [], 6))] == [2, 3, 4, 5]
    assert [row[2] for row in rows(read_boxes(file, []))] == [2]
    meta = "<meta><task><start_frame>0</start_frame><stop_frame>4</stop_frame></task></meta>"
    file = xml(tmp_path / "a.xml", ("car", [box(2, 10)], {}), meta=meta)
    assert [row[2] for row in rows(read_boxes(file, []))] == [2, 3, 4]


def test_the_frames_of_a_task_of_every_third_frame_are_those_of_the_video(tmp_path):
    meta = (
        "<meta><task><mode>interpolation</mode><start_frame>5</start_frame>"
        "<stop_frame>20</stop_frame><frame_filter>step=3</frame_filter></task></meta>"
    )
    shapes = [box(0, 0), box(1, 30), box(2, 0, outside=True)]
    file = xml(tmp_path / "a.xml", ("car", shapes, {"step": 3, "start": 5}), meta=meta)
    shown = [(row[2], row[3][0]) for row in rows(read_boxes(file, [], 99))]
    assert shown == [(5, 0), (6, 10), (7, 20), (8, 30), (9, 20), (10, 10)]


def test_other_shapes_are_left_out_and_told(tmp_path):
    turned = [{**box(0, 0), "rotation": 30.0}, box(3, 0, outside=True)]
    polygon = [{**box(0, 0), "type": "polygon", "points": [0, 0, 9, 0, 9, 9]}]
    seen = [box(0, 5), box(1, 5, outside=True)]
    file = xml(tmp_path / "a.xml", ("car", turned, {}), ("car", polygon, {}), ("car", seen, {}))
    table = read_boxes(file, [], 9)
    assert rows(table) == [("car", "2", 0, [5, 20, 55, 80])]
    assert table.left_out == ("2 tracks of other shapes than upright boxes",)


@pytest.mark.parametrize(
    "meta",
    [
        "<meta><task><mode>annotation</mode></task></meta>",
        "<meta><job><id>3</id></job></meta>",
        '<image id="0" name="a.jpg" width="9" height="9"></image>',
    ],
)
def test_exports_that_number_other_frames_than_the_videos_are_refused(meta, tmp_path):
    file = xml(tmp_path / "a.xml", ("car", [box(2, 10)], {}), meta=meta)
    with pytest.raises(UsageError, match=r"a\.xml: this export does not number the frames of a"):
        read_boxes(file, [])


def test_parquet_is_held_to_the_same(tmp_path):
    corners = {"x1": [0.0, 1], "y1": [0.0, 0], "x2": [9.0, float("nan")], "y2": [9.0, 9]}
    pq.write_table(pa.table({"frame": [0, -1], "id": [1, 1], **corners}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="on frame -1 is before the first frame, which is 0"):
        read_boxes(tmp_path / "a.parquet", [])
    pq.write_table(pa.table({"frame": [0, 1], "id": [1, 1], **corners}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="on frame 1 has a corner that is no number"):
        read_boxes(tmp_path / "a.parquet", [])


@pytest.mark.parametrize(
    ("stop", "step", "last", "told"),
    [
        (10**15, 1, 9, "its frames go up to 1,000,000,000,000,001, as those of no video do"),
        (20, 1, 10**18, "its frames go up to 1,000,000,000,000,000,000, as those of no video do"),
        (20, 10**21, 9, "a step of 1000000000000000000000 frames is missing, or not what CVAT"),
    ],
)
def test_frames_that_no_video_has_are_refused_before_they_fill_the_memory(
    tmp_path, stop, step, last, told
):
    meta = (
        f"<meta><task><start_frame>0</start_frame><stop_frame>{stop}</stop_frame>"
        f"<frame_filter>step={step}</frame_filter></task></meta>"
    )
    shapes = [box(0, 0), box(last, 0)]
    file = xml(tmp_path / "a.xml", ("car", shapes, {"step": step}), meta=meta)
    with pytest.raises(UsageError, match=f"a.xml: .*{told}"):
        read_boxes(file, [], 20)
