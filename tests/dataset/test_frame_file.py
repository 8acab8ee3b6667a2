"""The frame table, and its file."""

import copy as copy_module
import dataclasses
import pickle
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from video_prep.base.errors import DatasetError
from video_prep.dataset.frame_file import read_frames, write_frames
from video_prep.dataset.frame_table import COLUMNS, MISSING_PTS, Fate, FrameTable, Reason


def small_table():
    return FrameTable(
        pts=np.array([0, MISSING_PTS, 7], np.int64),
        time_seconds=np.array([0.0, np.nan, 0.007]),
        fate=np.array([Fate.KEPT, Fate.DUPLICATE, Fate.SAMPLED_OUT], np.int8),
        reason=np.array([Reason.NONE, Reason.STILL, Reason.NONE], np.int8),
        duplicate_of=np.array([-1, 0, -1], np.int32),
        duplicate_video=np.array(["", "other", ""], dtype=object),
        scene_score=np.array([0, 1, 2], np.float32),
        cut_score=np.array([0, 1, 2], np.float32),
        crc32=np.array([2**32 - 1, -1, -1], np.int64),
        sharpness=np.array([0.5, np.nan, np.nan], np.float32),
        brightness=np.array([99, np.nan, np.nan], np.float32),
        contrast=np.array([0, np.nan, np.nan], np.float32),
    )


def test_frame_table_survives_the_disk(tmp_path):
    table = small_table()
    write_frames(tmp_path / "a", table)
    write_frames(tmp_path / "b", table)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back = read_frames(tmp_path / "a")
    for field in dataclasses.fields(FrameTable):
        read, written = getattr(back, field.name), getattr(table, field.name)
        np.testing.assert_array_equal(read, written)
        assert read.dtype == written.dtype, field.name


@pytest.mark.parametrize(
    ("column", "array", "told"),
    [
        ("crc32", np.zeros(3, np.float64), "crc32 must be int64 of shape (3,), not float64 of"),
        ("fate", np.zeros(3, np.int64), "fate must be int8 of shape (3,), not int64 of shape (3,)"),
        ("duplicate_video", np.array(["", "", ""]), "duplicate_video must be object of shape (3,)"),
        ("contrast", np.zeros(4, np.float32), "contrast must be float32 of shape (3,), not"),
        ("reason", np.zeros((3, 1), np.int8), "reason must be int8 of shape (3,), not int8 of"),
        ("pts", np.zeros(2, np.int64), "time_seconds must be float64 of shape (2,)"),
        ("pts", np.zeros((3, 1), np.int64), "pts must be int64 of shape (3,), not int64 of"),
    ],
)
def test_a_frame_table_of_other_arrays_is_refused(column, array, told):
    with pytest.raises(TypeError, match=re.escape(told)):
        dataclasses.replace(small_table(), **{column: array})


def test_a_frame_table_is_never_written_into():
    scores = np.array([0, 1, 2], np.float32)
    table = dataclasses.replace(small_table(), scene_score=scores)
    assert list(COLUMNS) == [field.name for field in dataclasses.fields(FrameTable)]
    for name in COLUMNS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(table, name)[0] = 0
    assert np.shares_memory(table.scene_score, scores)  # which is not copied for that
    with pytest.raises(ValueError, match="read-only"):
        scores[0] = 9  # nor by its maker
    for copy in (pickle.loads(pickle.dumps(table)), copy_module.deepcopy(table)):
        assert copy.scene_score.tolist() == [0, 1, 2]
        assert not any(getattr(copy, name).flags.writeable for name in COLUMNS)


def test_rows_are_changed_in_another_table():
    table = small_table()
    changed = table.with_rows(np.array([0, 2]), fate=Fate.REJECTED, crc32=np.array([5, 6]))
    assert changed.fate.tolist() == [Fate.REJECTED, Fate.DUPLICATE, Fate.REJECTED]
    assert changed.crc32.tolist() == [5, -1, 6]
    assert table.fate.tolist() == [Fate.KEPT, Fate.DUPLICATE, Fate.SAMPLED_OUT]
    assert table.crc32.tolist() == [2**32 - 1, -1, -1]
    assert changed.pts is table.pts


def rewritten(path, **columns):
    """Write a frame table as another program might."""
    write_frames(path, small_table())
    table = pq.read_table(path)
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = (
            table.remove_column(place) if values is None else table.set_column(place, name, values)
        )
    pq.write_table(table, path)
    return path


def test_in_a_table_from_before_cut_scores_scene_scores_stand_for_them(tmp_path):
    path = rewritten(tmp_path / "a", cut_score=None, scene_score=pa.array([7, 50, 9]))
    assert read_frames(path).cut_score.tolist() == [7, 50, 9]


@pytest.mark.parametrize(
    "columns",
    [
        {"pts": pa.array([0.0, None, 7.0])},
        {"crc32": pa.array([2.0**32 - 1, None, None]), "duplicate_of": pa.array([None, 0.0, None])},
        {"fate": pa.array(["kept", "duplicate", "sampled_out"]).dictionary_encode()},
        {"duplicate_video": pa.array([None, "other", None], pa.large_string())},
        {"scene_score": pa.array([0, 1, 2]), "contrast": pa.array([0.0, None, None])},
    ],
)
def test_a_table_in_types_of_another_program_is_the_same_table(columns, tmp_path):
    table, back = small_table(), read_frames(rewritten(tmp_path / "a", **columns))
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(back, name), getattr(table, name))


@pytest.mark.parametrize(
    "columns",
    [
        {"pts": None},
        {"contrast": None},
        {"pts": pa.array([0.5, None, 7.0])},
        {"crc32": pa.array(["a", "b", "c"])},
        {"fate": pa.array([0, 1, 2])},
        {"fate": pa.array(["kept", None, "kept"])},
        {"reason": pa.array(["tired", None, None])},
        {"duplicate_of": pa.array([[1], [2], [3]])},
        {"duplicate_of": pa.array([2**40, None, None])},
        {"time_seconds": pa.array([{"a": 1}] * 3)},
    ],
)
def test_a_file_with_other_columns_is_named_with_the_way_out(columns, tmp_path):
    path = rewritten(tmp_path / "frames.parquet", **columns)
    with pytest.raises(DatasetError) as caught:
        read_frames(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: cannot be read (")
    assert text.endswith("). Extract the video again with 'prep extract --overwrite'.")
