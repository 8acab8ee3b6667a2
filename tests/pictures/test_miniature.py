"""Miniatures are those that the dedupe method similar compares, read faster."""

import numpy as np
import pytest
from helpers.pictures import landscapes
from PIL import Image
from video_prep.pictures.likeness import read_picture
from video_prep.pictures.miniature import read_miniature


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.jpg", "RGB"), ("a.jpg", "L"), ("a.jpg", "CMYK"), ("a.png", "RGB"), ("a.webp", "RGB")],
)
def test_they_are_those_of_similar(name, mode, tmp_path):
    for seed in range(3):
        (pixels,) = landscapes(seed, 1, (161, 123))
        image = Image.fromarray(np.asarray(pixels).clip(0, 255).astype(np.uint8))
        image.convert(mode).save(tmp_path / name)
        small = read_miniature(tmp_path / name)
        assert np.array_equal(small, read_picture(tmp_path / name).thumbnail)
        assert small.std() > 5


def test_of_16_bits_the_range_that_is_used_is_seen(tmp_path):
    steps = np.tile(np.arange(3000, 3064, dtype=np.uint16), (64, 1))
    Image.fromarray(steps).save(tmp_path / "deep.png")
    small = read_miniature(tmp_path / "deep.png")
    assert (small.dtype, small.min(), small.max()) == (np.uint8, 0, 255)


def test_what_is_no_image_has_none(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    assert read_miniature(tmp_path / "a.jpg") is None
    assert read_miniature(tmp_path / "gone.jpg") is None
