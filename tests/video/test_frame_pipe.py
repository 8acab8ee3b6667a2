"""Frames that come through a pipe: their sizes, their ends, and what is none."""

import os
from pathlib import Path

import pytest
from video_prep.base.errors import DecoderDiedError
from video_prep.video.frame_pipe import FramePipe

SOURCE = Path("v.mp4")


@pytest.fixture
def pipe():
    made = FramePipe(1, SOURCE)
    yield made
    made.close()


def write(pipe, data):
    assert os.write(pipe.write_file, data) == len(data)


@pytest.mark.parametrize(
    ("colours", "sample_bytes", "shapes"),
    [
        (b"mono", 1, [(3, 5)]),
        (b"mono16", 2, [(3, 5)]),
        (b"420mpeg2", 1, [(3, 5), (2, 3), (2, 3)]),
        (b"420paldv", 1, [(3, 5), (2, 3), (2, 3)]),
        (b"420p16 XYSCSS=420P16 XCOLORRANGE=FULL", 2, [(3, 5), (2, 3), (2, 3)]),
        (b"422", 1, [(3, 5), (3, 3), (3, 3)]),
        (b"444", 1, [(3, 5), (3, 5), (3, 5)]),
    ],
)
def test_planes_have_the_size_that_the_layout_gives_them(colours, sample_bytes, shapes):
    pipe = FramePipe(sample_bytes, SOURCE)
    write(pipe, b"YUV4MPEG2 W5 H3 F25:1 Ip A0:0 C" + colours + b"\n")
    pipe.read()
    assert pipe.shapes == shapes
    assert len(pipe.frame) == 6 + sample_bytes * sum(rows * columns for rows, columns in shapes)
    pipe.close()


def test_frames_come_one_by_one_however_they_were_written(pipe):
    write(pipe, b"YUV4MPEG2 W2 H2 F25:1 Ip A0:0 Cmono\nFRA")
    pipe.read()
    assert not pipe.is_full
    write(pipe, b"ME\nabcdFRAME\nefghFRAME\nij")
    seen = []
    pipe.read()
    while pipe.is_full:
        assert not pipe.wants_more
        seen.append(bytes(pipe.frame))
        pipe.let_go()
    assert seen == [b"FRAME\nabcd", b"FRAME\nefgh"]
    assert pipe.done == 2
    os.close(pipe.write_file)
    pipe.wait()
    pipe.read()
    assert not pipe.wants_more
    assert not pipe.is_full  # it broke off


@pytest.mark.parametrize(
    "data",
    [
        b"YUV4MPEG2 W2 H2 F25:1 Ip A0:0 C420p10\n",  # deeper than what was asked for
        b"YUV4MPEG2 W2 H2 F25:1 Ip A0:0 C444alpha\n",
        b"YUV4MPEG2 W2 H2 F25:1 Ip A0:0 C411\n",
        b"YUV4MPEG2 W2 H2 F25:1 Ip A0:0 Cmono\nFRAMEabcde",
        b"x" * 1000,
    ],
)
def test_what_is_no_frame_is_refused(data, pipe):
    write(pipe, data)
    with pytest.raises(DecoderDiedError, match=r"v\.mp4: ffmpeg handed over what is no frame"):
        pipe.read()
