"""Boxes in Parquet: read, or refused with what is wrong."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from video_prep.base.errors import UsageError
from video_prep.dataset.box_table import coded, read_box_table

WHOLE = {
    "video": ["a", "b", "a"],
    "frame": [0, 3, 1],
    "id": ["x", "x", "y"],
    "label": ["car", "person", "car"],
    "x1": [1.0, 2, 3],
    "y1": [4.0, 5, 6],
    "x2": [7.5, 8, 9],
    "y2": [10.0, 11, 12],
}


def write(path, **columns):
    pq.write_table(pa.table({k: v for k, v in {**WHOLE, **columns}.items() if v is not None}), path)
    return path


def test_a_row_is_a_box(tmp_path):
    table = read_box_table(write(tmp_path / "t.parquet"))
    assert table.frames.tolist() == [0, 3, 1]
    assert table.corners.tolist() == [[1, 4, 7.5, 10], [2, 5, 8, 11], [3, 6, 9, 12]]
    assert [table.video_names[i] for i in table.videos] == ["a", "b", "a"]
    assert [table.object_names[i] for i in table.objects] == ["x", "x", "y"]
    assert [table.label_names[i] for i in table.labels] == ["car", "person", "car"]
    own = table.of_video(table.video_names.index("a"))
    assert (own.frames.tolist(), own.corners[:, 0].tolist()) == ([0, 1], [1, 3])


def test_a_box_may_be_a_list_and_names_be_absent(tmp_path):
    absent = dict.fromkeys(("x1", "y1", "x2", "y2", "video", "label"))
    file = write(tmp_path / "t.parquet", **absent, box=[[1, 2, 3, 4]] * 3, id=[7, 7, 8])
    table = read_box_table(file)
    assert table.corners.tolist() == [[1, 2, 3, 4]] * 3
    assert (table.video_names, table.label_names) == (("",), ("",))
    assert [table.object_names[i] for i in table.objects] == ["7", "7", "8"]


def test_texts_of_other_types_are_read_as_well(tmp_path):
    """As pandas writes categories, and polars texts."""
    names = pa.array(WHOLE["label"]).dictionary_encode()
    file = write(tmp_path / "t.parquet", label=names, id=pa.array(["x", "x", "y"], pa.large_utf8()))
    table = read_box_table(file)
    assert [table.label_names[i] for i in table.labels] == WHOLE["label"]
    assert [table.object_names[i] for i in table.objects] == WHOLE["id"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"id": None}, "it has no column id. Columns of boxes are .*; there are video, frame"),
        ({"frame": None}, "it has no column frame"),
        ({"y2": None}, "it has no column y2"),
        ({"frame": [0, None, 1]}, "a number is missing"),
        ({"frame": [0, 0.5, 1]}, "its boxes cannot be read"),
        ({"id": ["x", None, "y"]}, "a value of 'id' is missing"),
        ({"label": ["x", None, "y"]}, "a value of 'label' is missing"),
        ({"x1": ["a", "b", "c"]}, "its boxes cannot be read"),
        ({"box": [[1, 2, 3, 4], [1, 2, 3], [1, 2, 3, 4]]}, "no list of four numbers"),
        ({"box": [[1, 2, 3, 4], None, [1, 2, 3, 4]]}, "no list of four numbers"),
        ({"box": [[1, 2, 3, 4], [1, None, 3, 4], [1, 2, 3, 4]]}, "a number is missing"),
    ],
)
def test_what_is_no_table_of_boxes_is_refused(columns, told, tmp_path):
    with pytest.raises(UsageError, match=rf"t\.parquet: .*{told}"):
        read_box_table(write(tmp_path / "t.parquet", **columns))


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_text("frame,id")
    with pytest.raises(UsageError, match=r"t\.parquet: cannot be read as Parquet"):
        read_box_table(tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=r"none\.parquet: cannot be read as Parquet: No such file"):
        read_box_table(tmp_path / "none.parquet")


def test_names_are_counted_in_the_order_in_which_they_come():
    codes, names = coded(["b", "a", "b"])
    assert (codes.tolist(), names) == ([0, 1, 0], ("b", "a"))


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    table = pa.table(WHOLE)
    pq.write_table(table.append_column("x1", table["x1"]), tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=r"t\.parquet: it has several columns x1\. Keep one"):
        read_box_table(tmp_path / "t.parquet")


def test_objects_without_an_id_are_not_one_object(tmp_path):
    """Libraries without nulls in their floats write NaN."""
    file = write(tmp_path / "t.parquet", id=pa.array([1.0, float("nan"), 2.0]))
    with pytest.raises(UsageError, match="a value of 'id' is missing"):
        read_box_table(file)
