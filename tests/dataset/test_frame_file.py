"""The file of frames."""

import dataclasses

import numpy as np
from video_prep.dataset.frame_file import read_frames, write_frames
from video_prep.dataset.records import MISSING_PTS, Fate, FrameTable, Reason


def test_frame_table_survives_the_disk(tmp_path):
    table = FrameTable(
        pts=np.array([0, MISSING_PTS, 7]),
        time_seconds=np.array([0.0, np.nan, 0.007]),
        fate=np.array([Fate.KEPT, Fate.DUPLICATE, Fate.SAMPLED_OUT], np.int8),
        reason=np.array([Reason.NONE, Reason.STILL, Reason.NONE], np.int8),
        duplicate_of=np.array([-1, 0, -1], np.int32),
        duplicate_video=np.array(["", "other", ""], dtype=object),
        scene_score=np.array([0, 1, 2], np.float32),
        crc32=np.array([2**32 - 1, -1, -1], np.int64),
        sharpness=np.array([0.5, np.nan, np.nan], np.float32),
        brightness=np.array([99, np.nan, np.nan], np.float32),
        contrast=np.array([0, np.nan, np.nan], np.float32),
    )
    write_frames(tmp_path / "a", table)
    write_frames(tmp_path / "b", table)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back = read_frames(tmp_path / "a")
    for field in dataclasses.fields(FrameTable):
        read, written = getattr(back, field.name), getattr(table, field.name)
        np.testing.assert_array_equal(read, written)
        assert read.dtype == written.dtype, field.name
