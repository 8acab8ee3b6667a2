"""What lies between two keyframes, held against what a real CVAT 2.54.1 exported."""

import numpy as np
import pytest
from helpers.tracks import LABELS, answer, box, read, shape
from video_prep.tracks.interpolation import Placed, between, is_held
from video_prep.tracks.model import interpolate, outline_at, placed_at, tracks_from_api

EXPORTED = {
    "a rectangle": ("rectangle", 2 / 5, [188.28, 23.04, 266.9, 66.39],
        [212.77, 10.21, 283.82, 53.03], [198.08, 17.91, 273.67, 61.05]),
    "a cuboid": ("cuboid", 7 / 14,
        [167.28, 118.99, 167.28, 145.99, 199.28, 118.99, 199.28, 145.99,
         206.78, 108.4, 206.78, 135.4, 174.78, 108.4, 174.78, 135.4],
        [133.65, 116.79, 133.65, 143.79, 165.65, 116.79, 165.65, 143.79,
         177.54, 106.01, 177.54, 133.01, 145.54, 106.01, 145.54, 133.01],
        [150.47, 117.89, 150.47, 144.89, 182.47, 117.89, 182.47, 144.89,
         192.16, 107.21, 192.16, 134.2, 160.16, 107.21, 160.16, 134.2]),
    "a single point": ("points", 3 / 9, [104.62, 57.82], [96.5, 40.83], [101.91, 52.16]),
    "three points each": ("points", 3 / 5, [207.6, 70.58, 186.55, 43.83, 194.13, 64.57],
        [190.66, 37.84, 215.33, 53.66, 205.42, 62.34],
        [207.6, 70.58, 186.55, 43.83, 194.13, 64.57]),
    "three points, then two": ("points", 16 / 20, [190.66, 37.84, 215.33, 53.66, 205.42, 62.34],
        [226.52, 48.8, 251.92, 67.24], [190.66, 37.84, 215.33, 53.66, 205.42, 62.34]),
    "a polygon of 5 points, then 8": ("polygon", 6 / 12,
        [164.7, 119.85, 139.29, 138.85, 109.58, 121.21, 117.63, 94.45, 161.55, 91.65],
        [131.41, 118.24, 121.39, 133.55, 93.78, 139.51, 70.46, 125.65, 76.29, 106.3,
         92.07, 94.65, 116.87, 87.25, 129.23, 103.95],
        [148.06, 119.04, 130.34, 136.2, 116.53, 139.18, 90.02, 123.43, 96.96, 100.38,
         104.85, 94.55, 139.21, 89.45, 146.96, 111.9]),
    "near the first they crowd": ("polygon", 1 / 12,
        [164.7, 119.85, 139.29, 138.85, 109.58, 121.21, 117.63, 94.45, 161.55, 91.65],
        [131.41, 118.24, 121.39, 133.55, 93.78, 139.51, 70.46, 125.65, 76.29, 106.3,
         92.07, 94.65, 116.87, 87.25, 129.23, 103.95],
        [161.93, 119.72, 136.65, 138.66, 106.32, 121.58, 114.84, 94.95, 157.83, 91.28]),
    "3 points, then 6": ("polygon", 4 / 23,
        [141.87, 133.6, 88.26, 145.84, 107.61, 102.67],
        [120.734643, 142.011429, 102.507143, 156.123571, 65.670714, 156.847143, 56.963571,
         140.328214, 66.398929, 118.014286, 86.696429, 113.455357, 109.062143, 126.979286],
        [136.61, 136.29, 83.57, 146.32, 102.21, 104.94]),
    "a polygon begun elsewhere and turned": ("polygon", 1 / 2,
        [181.24, 67.95, 195.7, 84.0, 183.31, 102.56, 151.77, 103.68, 132.1, 84.0, 153.05, 65.87],
        [155.77, 100.68, 187.31, 99.56, 199.7, 81.0, 185.24, 64.95, 157.05, 62.87, 136.1, 81.0],
        [168.5, 84.31, 191.5, 91.78, 191.5, 91.78, 168.5, 84.31, 144.57, 73.44, 144.57, 73.44]),
    "a polyline of 3 points, then 6": ("polyline", 4 / 8,
        [127.88, 40.34, 194.0, 60.2, 256.57, 52.5],
        [122.91, 66.35, 148.06, 72.38, 174.66, 59.45, 200.82, 66.65, 227.82, 56.16, 248.63, 69.12],
        [125.39, 53.34, 137.97, 56.36, 184.33, 59.83, 197.41, 63.43, 242.19, 54.33,
         252.6, 60.81]),
    "a polyline of 2 points, then 5": ("polyline", 6 / 23, [93.55, 74.88, 222.51, 79.55],
        [135.9, 71.53, 169.57, 72.34, 201.68, 61.04, 233.27, 78.44, 266.33, 78.34],
        [104.6, 74.01, 121.76, 71.27, 225.32, 79.26, 233.94, 79.23]),
}  # fmt: skip
TURNED = [  # degrees at both ends, share, and between: the last two are half a turn
    (350.0, 10.0, 2 / 7, 355.71),
    (200.0, 20.5, 2 / 3, 80.33),
    (0.0, 340.0, 3 / 4, 345.0),
    (20.5, 200.5, 6 / 12, 21.0),
    (200.5, 20.5, 6 / 12, 201.0),
]


@pytest.mark.parametrize("case", EXPORTED)
def test_shapes_lie_where_cvat_exports_them(case):
    kind, share, one, other, exported = EXPORTED[case]
    found = between(kind, Placed(np.array(one), 0.0), Placed(np.array(other), 0.0), share)
    assert np.round(found.values, 2) == pytest.approx(exported, abs=0.0101)
    assert len(found.values) == len(exported)
    assert found.rotation == 0


@pytest.mark.parametrize(("one", "other", "share", "exported"), TURNED)
@pytest.mark.parametrize("kind", ["rectangle", "ellipse"])
def test_turns_go_the_shorter_way_and_half_a_turn_goes_one_degree(
    kind, one, other, share, exported
):
    still = np.array([10.0, 40.0, 30.0, 20.0])
    found = between(kind, Placed(still, one), Placed(still + 8, other), share)
    assert found.rotation == pytest.approx(exported, abs=0.0051)
    assert found.values == pytest.approx(still + 8 * share)


def test_points_of_outlines_are_paired_by_their_share_of_its_length():
    # Of 20 px: the points at 0, 1/4, 3/4 and 1; a fifth one at 1/2.
    left = Placed(np.array([0.0, 0, 5, 0, 5, 10, 0, 10]), 0.0)
    right = Placed(np.array([0.0, 8, 5, 8, 5, 13, 5, 18, 0, 18]), 0.0)
    # It is as near to the second as to the third, so it goes to the second. Half way the two are
    # 2.5 px apart, which is more than 5 / 4: both stay.
    half_way = [0, 4, 5, 4, 5, 6.5, 5, 14, 0, 14]
    assert between("polyline", left, right, 0.5).values.tolist() == half_way
    # A fifth on the way they are 1 px apart and become one, whichever side has more.
    one_less = pytest.approx([0, 1.6, 5, 2.1, 5, 11.6, 0, 11.6])
    assert between("polyline", left, right, 0.2).values.tolist() == one_less
    assert between("polyline", right, left, 0.8).values.tolist() == one_less


def test_a_shape_without_length_is_no_reason_to_stop():
    dot, line = Placed(np.array([5.0, 5, 5, 5]), 0.0), Placed(np.array([0.0, 0, 10, 0]), 0.0)
    assert np.isfinite(between("polyline", dot, line, 0.5).values).all()
    assert np.isfinite(between("polygon", line, dot, 0.5).values).all()
    one = Placed(np.array([1.0, 2]), 0.0)
    assert between("polygon", one, line, 0.5).values.tolist()[:2] == [0.5, 1]
    nothing = Placed(np.zeros(0), 0.0)
    assert between("polygon", nothing, line, 0.5) is nothing


def test_both_ends_are_the_keyframes_and_what_is_held_stays():
    one, other = Placed(np.arange(4.0), 180.0), Placed(np.arange(4.0) + 9, 0.0)
    assert between("rectangle", one, other, 0.0) is one
    assert between("rectangle", one, other, 1.0) is other
    mask = Placed(np.array([0.0, 4, 1, 1, 2, 2]), 0.0), Placed(np.array([4.0, 5, 5, 6, 6]), 0.0)
    assert between("mask", *mask, 0.5) is mask[0]
    assert is_held("points", 2, 4)
    assert is_held("points", 4, 4)
    assert not is_held("points", 2, 2)
    assert not is_held("polygon", 6, 8)


def test_a_track_at_any_frame():
    (track,) = read(
        [box(3, 0), box(5, 20), box(9, 60, outside=True), box(12, 0), box(16, 40, outside=True)]
    )

    def at(frame, deleted=()):
        placed = placed_at(track, frame, deleted)
        return None if placed is None else placed.values[0]

    shown = [at(frame) for frame in range(18)]
    # It moves towards where it ends, as CVAT has it, and is not seen from there on.
    assert shown == [*[None] * 3, 0, 10, 20, 30, 40, 50, *[None] * 3, 0, 10, 20, 30, None, None]
    assert [at(frame, {5}) for frame in range(3, 10)] == [0, 10, 20, 30, 40, 50, None]
    over_it = [20 - 20 * passed / 7 for passed in (3, 4, 6, 7)]
    assert [at(frame, {9}) for frame in (8, 9, 11, 12)] == pytest.approx(over_it)
    assert [at(frame, {16}) for frame in (12, 15, 16, 30)] == [0, 0, 0, 0]
    assert [at(frame, {3, 5}) for frame in (4, 8, 9, 11, 12)] == [None, None, None, None, 0]
    assert outline_at(track, 4).tolist() == [[10, 20], [60, 20], [60, 80], [10, 80]]
    assert outline_at(track, 17) is None
    assert interpolate(track, 0, 1, 0.25).values.tolist() == [5, 20, 55, 80]


def test_an_element_moves_by_its_own_keyframes_and_hides_with_its_skeleton():
    def keyframes(*frames, kind="points", hidden=()):
        points = [] if kind == "skeleton" else [0.0, 7.0]
        return [
            shape(f, [points[0] + f, points[1]] if points else [], kind=kind, outside=f in hidden)
            for f in frames
        ]

    given = answer(keyframes(0, 4, 10, 14, kind="skeleton", hidden=(4, 14)), label=2)
    given["tracks"][0]["elements"] = [
        {"id": 7, "label_id": 21, "shapes": keyframes(0, 20)},
        {"id": 8, "label_id": 22, "shapes": keyframes(0, 10, 12, hidden=(10,))},
    ]
    nose, foot = tracks_from_api(given, LABELS)

    def shown(track):
        placed = [placed_at(track, frame) for frame in range(22)]
        return {i: each.values.tolist() for i, each in enumerate(placed) if each is not None}

    assert shown(nose) == {f: [f, 7] for f in (0, 1, 2, 3, 10, 11, 12, 13)}
    assert shown(foot) == {f: [f, 7] for f in (0, 1, 2, 3)} | {12: [12, 7], 13: [12, 7]}
    assert (nose.id, nose.parent_id, nose.element) == (7, 100, "nose")
    assert [(f, bool(o)) for f, o in zip(nose.frames, nose.is_outside, strict=True)] == [
        (0, False), (4, True), (10, False), (14, True), (20, True),
    ]  # fmt: skip
