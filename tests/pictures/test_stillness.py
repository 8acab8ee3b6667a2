"""What the comparison of pictures takes for a change, and what for noise."""

import numpy as np
import pytest
from video_prep.pictures.cells import CELL, Cells, cells_of, differences, level_of, measure_change
from video_prep.pictures.stillness import Rules, StillFilter

WIDTH, HEIGHT = 320, 192


def ground(seed=1):
    cells = np.random.default_rng(seed).integers(60, 180, (HEIGHT // 16, WIDTH // 16))
    return np.kron(cells, np.ones((16, 16)))


def with_box(picture, x, y, size, level):
    picture = picture.copy()
    picture[y : y + size, x : x + size] += level
    return picture


def noisy(pictures, noise, seed=3):
    random = np.random.default_rng(seed)
    shape = np.shape(pictures[0])
    return [
        (p + random.normal(0, noise, shape)).clip(0, 255).round().astype(np.uint8) for p in pictures
    ]


def kept(pictures, **rules):
    stills = StillFilter(Rules(**rules))
    for place, picture in enumerate(pictures):
        stills.take(place, cells_of(picture if isinstance(picture, tuple) else (picture,)))
    stills.finish()
    return stills.kept


def farthest(chosen, offsets):
    """Return how far the object of any picture is from where it is in the one kept for it."""
    last = np.maximum.accumulate(
        np.where(np.isin(np.arange(len(offsets)), chosen), range(len(offsets)), 0)
    )
    return max(abs(np.array(offsets) - np.array(offsets)[last]))


def test_cells_are_means_in_levels_of_8_bits():
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8)
    (plane,) = cells_of((picture,)).planes
    assert plane.tolist() == [[13.5, 17.5], [45.5, 49.5]]
    (deep,) = cells_of((picture.astype(np.uint16) * 257,)).planes
    assert deep == pytest.approx(plane)
    assert [p.shape for p in cells_of((np.zeros((9, 17), np.uint8),) * 3).planes] == [
        (3, 5), (2, 3), (2, 3),
    ]  # fmt: skip
    assert [level_of(bits) for bits in (None, 1, 8, 10, 16)] == [1, 1, 1, 0.25, 1 / 256]


def test_what_is_transparent_is_black():
    grey, opaque = np.full((8, 8), 100, np.uint8), np.full((8, 8), 255, np.uint8)
    assert cells_of((grey, opaque)).planes[0] == pytest.approx(100)
    assert cells_of((grey, np.zeros_like(grey))).planes[0] == pytest.approx(0)


def test_the_measures_of_a_change():
    before = np.zeros((20, 20), dtype=np.float32)
    after = before.copy()
    after[10, 10] = 9
    colour = np.zeros((10, 10), dtype=np.float32)
    lit = colour.copy()
    lit[4, 4] = 3
    change = measure_change(
        differences(Cells((after, colour, lit)), Cells((before, colour, colour)))
    )
    assert change == pytest.approx([81 / 9, 81 / 25, 9 / 9, 9 / 25, 0])
    brighter = measure_change(differences(Cells((before + 2,)), Cells((before,))))
    assert brighter == pytest.approx([4, 4, 0, 0, 2])


@pytest.mark.parametrize("noise", [0, 3, 6, 10, 14])
def test_still_pictures_are_still_however_noisy(noise):
    assert len(kept(noisy([ground()] * 150, noise))) <= 7  # 5 %


@pytest.mark.parametrize("size", [8, 16, 64])
@pytest.mark.parametrize("noise", [2, 6, 12])
def test_an_object_that_stands_out_is_followed_within_two_pixels(noise, size):
    offsets = np.cumsum(np.arange(150) // 25 % 2 * 2)
    level = max(30, 5 * noise)
    moving = [with_box(ground(), 40 + x, 60, size, level) for x in offsets]
    chosen = kept(noisy(moving, noise))
    assert farthest(chosen, offsets) <= 2
    assert np.isin(chosen, np.flatnonzero(np.arange(150) // 25 % 2 == 0)).sum() <= 6


def test_what_moves_all_the_time_is_no_noise():
    random = np.random.default_rng(4)
    places = random.integers(0, (WIDTH - 24, HEIGHT - 24), (120, 40, 2))
    swarm = []
    for at in places:
        picture = ground()
        for x, y in at:
            picture = with_box(picture, x, y, 8, 40)
        swarm.append(picture)
    assert len(kept(noisy(swarm, 3))) == 120

    strip = np.kron(random.integers(60, 180, (HEIGHT // 16, 120)), np.ones((16, 16)))
    for speed in (1, 3, 9):
        pan = [strip[:, speed * n : speed * n + WIDTH] for n in range(120)]
        assert len(kept(noisy(pan, 3))) == 120, speed
    slides = [ground(seed) for seed in range(40)]
    assert len(kept(noisy(slides, 3))) == 40
    assert len(kept(noisy([slides[n % 2] for n in range(40)], 3))) == 40


def test_an_object_that_never_rests_does_not_hide_itself():
    offsets = 1.0 * np.arange(150)
    moving = [with_box(ground(), 40 + int(x), 60, 16, 60) for x in offsets]
    assert farthest(kept(noisy(moving, 8)), offsets) <= 2


def test_light_that_changes_slowly_adds_up():
    fade = [ground() * (1 - 0.001 * n) for n in range(150)]
    levels = [float(np.median(picture)) for picture in fade]
    for noise in (0, 6):
        chosen = kept(noisy(fade, noise))
        assert farthest(chosen, levels) <= 2
        assert len(chosen) < 60


def test_colour_alone_is_a_change():
    luma = np.full((HEIGHT, WIDTH), 100, np.uint8)
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    red = grey.copy()
    red[40:48, 40:48] = 160
    lamp = [(luma, grey, red if n // 20 % 2 else grey) for n in range(60)]
    assert kept(lamp) == [0, 20, 40]


def test_what_is_ignored_does_not_count():
    room = ground().astype(np.uint8)
    clock = [with_box(room, 16, 16, 12, 5 * (n // 10)) for n in range(60)]
    assert len(kept(clock)) == 6

    def corner(shape):
        ignored = np.zeros(shape, dtype=bool)
        ignored[: 32 // CELL, : 32 // CELL] = True
        return ignored

    assert kept(clock, ignored=corner) == [0]
    moved = [with_box(picture, 200, 100, 16, 40 * (n >= 30)) for n, picture in enumerate(clock)]
    assert kept(moved, ignored=corner) == [0, 30]


def test_no_more_than_so_many_in_a_row_are_left_out():
    assert kept([ground().astype(np.uint8)] * 30, max_gap=9) == [0, 10, 20]


def test_one_level_of_a_deep_source_is_a_change():
    deep = np.random.default_rng(5).integers(28000, 28300, (HEIGHT, WIDTH)).astype(np.uint16)
    steps = [0, 1, 1, 0, 0, 2]
    pictures = [deep + np.uint16(step) for step in steps]
    assert kept(pictures, level=level_of(16)) == [0, 1, 3, 5]
    assert kept(pictures, level=1.0) == [0]


def test_pictures_that_are_not_there_equal_those_before_them():
    stills = StillFilter(Rules())
    pictures = noisy([ground(), with_box(ground(), 40, 60, 16, 60)], 0)
    for place, which in ((0, 0), (90, 1), (95, 0), (300, 0), (301, 1)):
        stills.take(place, cells_of((pictures[which],)))
    stills.finish()
    assert stills.kept == [0, 90, 95, 301]
    assert stills.changed_cells.max() == 3
    assert np.flatnonzero(stills.changed_cells.any(axis=1)).tolist() == [15, 16, 17, 18]


def test_what_differs_in_colour_alone_and_moves_all_the_time_is_no_noise():
    random = np.random.default_rng(6)
    starts = random.integers(0, WIDTH // 2 - 12, 12)
    pictures = []
    for n, luma in enumerate(noisy([np.full((HEIGHT, WIDTH), 100)] * 120, 2)):
        colour = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
        for row, start in enumerate(starts):
            left = (start + n) % (WIDTH // 2 - 12)
            colour[8 * row : 8 * row + 6, left : left + 12] = 170
        pictures.append((luma, colour, 255 - colour))
    assert len(kept(pictures)) == 120
