"""The names of images and the numbers in them."""

import os
import pickle
import zlib

import numpy as np
import pytest
from video_prep.dataset.image_folder import ImageNames

IMAGES = ImageNames("100%d a+b", digits=4, format="png")


def test_the_name_of_an_image_and_its_number_are_one():
    assert IMAGES.name(7) == IMAGES.template % 7 == "100%d a+b-frame_0007.png"
    assert IMAGES.names(np.array([0, 9999])) == (IMAGES.name(0), IMAGES.name(9999))
    assert [IMAGES.number_of(IMAGES.name(index)) for index in (0, 7, 9999)] == [0, 7, 9999]
    assert pickle.loads(pickle.dumps(IMAGES)) == IMAGES


@pytest.mark.parametrize(
    "name",
    [
        "100%d a+b-frame_007.png",
        "100%d a+b-frame_00007.png",
        "100%d a+b-frame_0007.jpg",
        "100%d a+b-frame_0007xpng",
        "100%d aab-frame_0007.png",
        "x100%d a+b-frame_0007.png",
        "100%d a+b-frame_0007.png~",
        "100%d a+b-frame_-007.png",
        "100%d a+b-frame_٠٠٠٧.png",
    ],
)
def test_what_is_named_otherwise_is_no_image_of_the_video(name):
    assert IMAGES.number_of(name) is None


def test_a_folder_of_images_is_listed_by_their_numbers(tmp_path):
    ending = b"IEND\xaeB`\x82"
    (tmp_path / IMAGES.name(12)).write_bytes(b"a" + ending)
    (tmp_path / IMAGES.name(3)).write_bytes(b"cut off")
    (tmp_path / "notes.txt").write_bytes(b"12345")
    assert IMAGES.sizes_in(tmp_path) == {12: 9, 3: 7, "notes.txt": 5}
    numbers = IMAGES.numbers_in(tmp_path)
    assert (numbers.dtype, numbers.tolist()) == (np.int64, [3, 12])
    checksums = IMAGES.checksums_in(tmp_path, numbers)
    assert (checksums.dtype, checksums.tolist()) == (np.int64, [-1, zlib.crc32(b"a" + ending)])
    os.symlink(tmp_path / "notes.txt", tmp_path / IMAGES.name(5))
    assert IMAGES.sizes_in(tmp_path)[IMAGES.name(5)] == 5
