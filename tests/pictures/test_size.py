"""What is read of images that prep writes: their size, and their grey levels."""

import numpy as np
import pytest
from PIL import Image
from video_prep.pictures.size import image_size, read_luma


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_size_and_levels_are_those_that_pillow_reads(name, tmp_path):
    levels = np.add.outer(np.arange(24), np.arange(40)).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / name, quality=95)
    assert image_size(tmp_path / name) == (40, 24)
    with Image.open(tmp_path / name) as image:
        assert np.array_equal(read_luma(tmp_path / name), np.asarray(image))


@pytest.mark.parametrize("read", [image_size, read_luma])
def test_what_is_no_image_cannot_be_read(read, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(OSError, match=r"a\.jpg"):
        read(tmp_path / "a.jpg")
