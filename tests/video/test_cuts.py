"""The tiny pictures that ffmpeg writes, and the scores of segments, joined to those of a video."""

from pathlib import Path

import numpy as np
import pytest
from video_prep.base.errors import DecoderDiedError
from video_prep.pictures.cuts import HEIGHT, WIDTH, cut_scores
from video_prep.video.cuts import join_scores, places_at_ends, read_pictures
from video_prep.video.segments import BORDER_FRAMES

PICTURE = (3, HEIGHT, WIDTH)


@pytest.mark.parametrize("length", [1, 5, 16, 17, 31, 40, 47, 48, 63])
def test_segments_have_the_scores_of_the_whole(length):
    random = np.random.default_rng(length)
    shots = [random.integers(0, 256, (1, *PICTURE), np.uint8).repeat(7, 0) for _ in range(24)]
    shots[3] = shots[1]  # a scene that comes back
    footage = np.concatenate(shots)
    whole = cut_scores(footage)
    firsts = list(range(0, len(footage), length))
    seen = [footage[first : first + length + BORDER_FRAMES] for first in firsts]
    places = [places_at_ends(min(length, len(footage) - first)) for first in firsts]
    joined = join_scores(
        firsts,
        [cut_scores(pictures)[:length] for pictures in seen],
        places,
        [pictures[place] for pictures, place in zip(seen, places, strict=True)],
    )
    assert np.array_equal(joined, whole)
    assert np.flatnonzero(whole).tolist() == [n * 7 for n in range(1, 24) if n not in {2, 3}]


def test_what_a_segment_hands_on_does_not_grow_with_it():
    assert len(places_at_ends(100_000)) == len(places_at_ends(48)) == 48
    assert places_at_ends(3).tolist() == [0, 1, 2]


def test_pictures_are_read_as_they_were_written(tmp_path):
    pictures = np.random.default_rng(1).integers(0, 256, (4, *PICTURE), np.uint8)
    (tmp_path / "cuts.yuv").write_bytes(pictures.tobytes())
    assert np.array_equal(
        read_pictures(tmp_path / "cuts.yuv", np.arange(4), Path("a.mp4")), pictures
    )


@pytest.mark.parametrize("size", [None, 0, 1, 3 * HEIGHT * WIDTH, 5 * 3 * HEIGHT * WIDTH])
def test_another_number_of_pictures_is_refused(size, tmp_path):
    if size is not None:
        (tmp_path / "cuts.yuv").write_bytes(bytes(size))
    with pytest.raises(DecoderDiedError, match=r"^a\.mp4: ffmpeg told of 2 frames, but"):
        read_pictures(tmp_path / "cuts.yuv", np.arange(2), Path("a.mp4"))
