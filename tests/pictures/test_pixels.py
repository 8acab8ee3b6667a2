"""How often levels occur in image files, and the outlines of masks."""

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image
from video_prep.base.errors import UnbalancedVideoError
from video_prep.pictures.outlines import largest_outline
from video_prep.pictures.pixels import count_levels


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_levels_are_counted_in_red_green_and_blue(suffix, tmp_path, monkeypatch):
    shown = np.random.default_rng(1).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(shown).save(path, quality=95)
    if suffix == "jpg":
        shown = simplejpeg.decode_jpeg(path.read_bytes())
    expected = [np.bincount(shown[..., c].ravel(), minlength=256).tolist() for c in range(3)]
    assert count_levels(path).tolist() == expected
    monkeypatch.setattr("video_prep.pictures.pixels._EXACT_PIXELS", 100)
    assert count_levels(path).tolist() == expected


def test_grey_and_deep_images_have_three_equal_rows(tmp_path):
    deep = np.full((4, 4), 300 * 7, np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    counts = count_levels(tmp_path / "deep.png")
    assert (counts == counts[0]).all()
    assert counts[0, 2100 // 256] == 16


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"\x89PNG", None])
def test_what_is_no_image_is_told(content, tmp_path):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnbalancedVideoError, match=r"a\.jpg: cannot be .*prep validate"):
        count_levels(tmp_path / "a.jpg")


def test_the_outline_goes_along_the_edges_of_the_pixels():
    bitmap = np.zeros((8, 9), np.bool_)
    bitmap[2:5, 3:7] = True
    bitmap[3, 4] = False  # a hole
    points, parts = largest_outline(bitmap)
    assert parts == 1
    assert {(3.0, 2.0), (7.0, 2.0), (7.0, 5.0), (3.0, 5.0)} == {*map(tuple, points.tolist())}
    bitmap[7, 0] = True
    points, parts = largest_outline(bitmap)
    assert (parts, points.min(axis=0).tolist()) == (2, [3, 2])
    points, parts = largest_outline(np.zeros((3, 3), np.bool_))
    assert (parts, points.shape) == (0, (0, 2))
