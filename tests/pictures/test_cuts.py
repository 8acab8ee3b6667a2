"""Cuts: what stands out and lasts is one, and nothing else is."""

import numpy as np
import pytest
from video_prep.pictures import cuts


def scene(seed, count=1, *, drift=0, cells=(6, 60)):
    """Return tiny pictures of a random scene that moves so many pixels a frame."""
    world = np.random.default_rng(seed).integers(30, 220, (3, *cells), np.uint8)
    world = world.repeat(cuts.HEIGHT // cells[0], 1).repeat(240 // cells[1], 2)
    world[1:] = 100 + world[1:] // 4
    views = [world[:, :, drift * t : drift * t + cuts.WIDTH] for t in range(count)]
    return np.stack(views)


def lit(pictures, gain):
    """Return pictures in another light."""
    brighter = pictures.astype(np.float64)
    brighter[:, 0] *= gain
    return brighter.clip(0, 255).astype(np.uint8)


def found(*parts):
    return np.flatnonzero(cuts.cut_scores(np.concatenate(parts)) > 10).tolist()


A, B = scene(1), scene(2)
PAN = scene(3, 20, drift=8, cells=(18, 240))
MIXED = ((A.astype(int) + B) // 2).astype(np.uint8)


def still(picture, count=20):
    return np.repeat(picture, count, axis=0)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([still(A), still(B)], [20]),
        ([still(A), still(B, 17), still(A)], [20, 37]),  # it was away for longer than that
        ([still(A), still(B, 15), still(A)], []),
        ([still(A), lit(A, 3), still(A), still(B)], [41]),  # a flash
        ([still(A), *[still(B, 3), still(A, 3)] * 5], []),  # something blinks
        ([still(A), still(lit(A, 0.5))], []),  # the light goes down, and stays so
        ([still(A), MIXED, still(B)], [21]),  # one cut, in two steps
        ([scene(3, 20, drift=4), still(B)], [20]),  # a cut out of a pan
        ([still(PAN[:1]), PAN, still(PAN[-1:])], []),
        ([np.repeat(PAN[:12], 3, axis=0)], []),  # the same, each frame three times
        ([still(A, 1), still(B)], [1]),
        ([still(A), still(B, 1)], [20]),
        ([still(A)], []),
        ([A], []),
    ],
)
def test_only_what_stands_out_and_lasts_is_a_cut(parts, expected):
    assert found(*parts) == expected


def test_a_change_of_colour_alone_is_one():
    other = A.copy()
    other[:, 2] = 255 - other[:, 2]
    assert found(still(A), still(other)) == [20]


def test_noise_is_none():
    noise = np.random.default_rng(5).integers(-8, 9, (60, 3, cuts.HEIGHT, cuts.WIDTH))
    footage = (still(A, 60).astype(int) + noise).clip(0, 255).astype(np.uint8)
    assert cuts.cut_scores(footage).max() == 0


def test_a_score_says_how_much_changes():
    black = np.full_like(A, 128)
    black[:, 0] = 0
    half = black.copy()
    half[:, 0, :, : cuts.WIDTH // 2] = 128  # around its mean, 64 levels: half of half the range
    score = cuts.cut_scores(np.concatenate([still(black), still(half)]))
    assert score.dtype == np.float32
    assert np.flatnonzero(score).tolist() == [20]
    assert score[20] == pytest.approx(64 / 127.5 * 100)
    colourful = black.copy()
    colourful[:, 1:, :, ::2] = 0
    colourful[:, 1:, :, 1::2] = 255
    assert cuts.cut_scores(np.concatenate([still(black), still(colourful)]))[20] == 100


def test_long_videos_are_read_piece_by_piece(monkeypatch):
    footage = np.concatenate([scene(seed, 13, drift=1) for seed in range(9)])
    whole = cuts.cut_scores(footage)
    assert np.flatnonzero(whole > 10).tolist() == list(range(13, 117, 13))
    monkeypatch.setattr(cuts, "_BLOCK", 10)
    assert np.array_equal(cuts.cut_scores(footage), whole)


def test_a_video_without_frames_has_no_scores():
    assert cuts.cut_scores(np.empty((0, 3, cuts.HEIGHT, cuts.WIDTH), np.uint8)).shape == (0,)
