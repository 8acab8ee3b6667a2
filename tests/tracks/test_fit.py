"""Few keyframes that stay close: held against a plain loop, and against the best there is."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from video_prep.tracks.fit import corners_of_curve, corners_of_path, fit_boxes, point_errors


def worst(frames, boxes, keyframes, corners):
    """Return how far a corner is off at most, by a plain loop."""
    errors = []
    for frame, (x1, y1, x2, y2) in zip(frames, boxes, strict=True):
        at = int(np.searchsorted(keyframes, frame))
        shown = corners[at]
        if keyframes[at] != frame:
            a, b = keyframes[at - 1], keyframes[at]
            share = (frame - a) / (b - a)
            shown = corners[at - 1] + (corners[at] - corners[at - 1]) * share
        for x, y, i, j in ((x1, y1, 0, 1), (x2, y1, 2, 1), (x2, y2, 2, 3), (x1, y2, 0, 3)):
            errors.append(np.hypot(shown[i] - x, shown[j] - y))
    return max(errors)


def walk(seed, count, jitter=0.4):
    """Boxes that turn and change size, with the jitter of a detector, as trackers give them."""
    random = np.random.default_rng(seed)
    speed, place, size = random.normal(0, 3, 2), random.uniform(100, 800, 2), [60.0, 120.0]
    boxes = []
    for _ in range(count):
        speed = speed + random.normal(0, 0.15, 2)
        place, size = place + speed, size * (1 + random.normal(0, 0.002, 2))
        boxes.append(np.concatenate([place, place + size]) + random.normal(0, jitter, 4))
    return np.array(boxes)


def test_what_trackers_give_needs_a_seventh_of_the_boxes_at_most():
    kept = 0
    for seed in range(10):
        boxes = walk(seed, 100)
        frames = np.arange(100) + 7
        keyframes, corners = fit_boxes(frames, boxes, 2.0)
        assert worst(frames, boxes, keyframes, corners) <= 2.0
        assert (keyframes[0], keyframes[-1]) == (7, 106)
        kept += len(keyframes)
    assert kept <= 0.15 * 10 * 100


@settings(max_examples=40)
@given(st.data())
def test_no_corner_is_further_off_than_asked_for(data):
    count = data.draw(st.integers(1, 40))
    steps = data.draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    place = st.floats(-50, 50)
    moves = data.draw(st.lists(st.tuples(*[place] * 4), min_size=count, max_size=count))
    calm = data.draw(st.sampled_from([0.02, 0.2, 1]))
    boxes = np.array([100, 100, 400, 400]) + calm * np.array(moves)
    tolerance = data.draw(st.sampled_from([0.1, 1.0, 2.0, 10.0]))
    frames = np.cumsum(steps)
    keyframes, corners = fit_boxes(frames, boxes, tolerance)
    assert set(keyframes.tolist()) <= set(frames.tolist())
    assert (np.diff(keyframes) > 0).all()
    assert (corners == np.round(corners, 2)).all()
    assert (keyframes[0], keyframes[-1]) == (frames[0], frames[-1])
    assert worst(frames, boxes, keyframes, corners) <= tolerance


@pytest.mark.parametrize("seed", range(6))
def test_on_the_boxes_themselves_there_are_no_fewer(seed):
    frames = np.arange(9)
    turn = np.array([0, 3, 6, 9, 9, 9, 4, -1, -6]) * (1 + seed)
    boxes = np.stack([turn, turn / 2, turn + 40, turn / 2 + 80], axis=1).astype(float)
    keyframes, _ = fit_boxes(frames, boxes, 0.3)
    fewest = next(
        len(inner) + 2
        for size in range(8)
        for inner in itertools.combinations(range(1, 8), size)
        if worst(frames, boxes, np.array([0, *inner, 8]), boxes[[0, *inner, 8]]) <= 0.3
    )
    assert len(keyframes) == fewest == 4


def test_what_stands_still_and_what_moves_evenly_needs_its_two_ends():
    frames = np.arange(3000)
    still = np.tile([10.0, 20.0, 30.0, 40.0], (3000, 1))
    assert [each.tolist() for each in fit_boxes(frames, still, 2.0)] == [
        [0, 2999], [still[0].tolist()] * 2
    ]  # fmt: skip
    even = still + np.arange(3000)[:, np.newaxis] * [1.5, 0.5, 1.5, 0.5]
    keyframes, corners = fit_boxes(frames, even, 2.0)
    assert keyframes.tolist() == [0, 2999]
    assert corners.tolist() == [even[0].tolist(), even[-1].tolist()]


def test_what_stands_still_for_long_and_jitters_needs_a_keyframe_in_a_hundred_boxes():
    random = np.random.default_rng(5)
    boxes = np.array([10.0, 20.0, 30.0, 40.0]) + random.normal(0, 0.5, (4000, 4))
    frames = np.arange(4000)
    keyframes, corners = fit_boxes(frames, boxes, 2.0)
    assert worst(frames, boxes, keyframes, corners) <= 2.0
    assert len(keyframes) <= 40


def test_a_jump_is_kept_in_its_frame():
    boxes = np.tile([10.0, 20.0, 30.0, 40.0], (40, 1))
    boxes[25:] += 100
    keyframes, _ = fit_boxes(np.arange(40), boxes, 2.0)
    assert {24, 25} <= set(keyframes.tolist())
    assert len(keyframes) == 4


def test_one_box_is_one_keyframe():
    keyframes, corners = fit_boxes(np.array([5]), np.array([[1.234, 2, 3, 4]]), 2.0)
    assert (keyframes.tolist(), corners.tolist()) == ([5], [[1.23, 2, 3, 4]])


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 90), st.sampled_from([0.1, 1.0, 4.0]))
def test_a_number_and_points_in_the_plane_take_as_many_keyframes(seed, count, tolerance):
    """A line of points that all move by one number; up to 64 places it is told in another way."""
    random = np.random.default_rng(seed)
    frames = np.cumsum(random.integers(1, 5, count))
    curve = np.cumsum(random.normal(0, 1, count))
    points = np.stack([curve * 0.6, curve * 0.8, np.zeros(count), curve * 0.5], axis=1)
    one = corners_of_curve(frames.tolist(), curve.tolist(), tolerance)
    other = corners_of_path(frames, points, tolerance)
    assert (one[0], one[-1], len(one)) == (0, count - 1, len(other))
    for corners in (one, other):
        shown = np.stack([np.interp(frames, frames[corners], c[corners]) for c in points.T], axis=1)
        assert point_errors(shown, points).max() <= tolerance + 1e-9
