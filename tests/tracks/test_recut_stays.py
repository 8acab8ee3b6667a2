"""Tracks on other frames of their video are seen where they were, whatever their shape."""

import itertools

import numpy as np
import pytest
from helpers.cvat import box, shape
from hypothesis import given, settings, strategies as st
from video_prep.tracks.frame_map import Shown
from video_prep.tracks.model import distance, make_track, outline_at
from video_prep.tracks.recut import recut

COUNTS = {"rectangle": 2, "ellipse": 2, "cuboid": 8, "points": 1}
KINDS = (*COUNTS, "several points", "polygon", "polyline")


def shown(indices, deleted=(), jobs=None):
    indices = np.array(sorted(indices), np.int64)
    return Shown(indices, np.isin(indices, list(deleted)), tuple(jobs or [(0, len(indices) - 1)]))


@st.composite
def keyframes(draw, kind, places):
    made = []
    for place in places:
        count = COUNTS.get(kind) or draw(st.integers(2, 6))
        points = draw(
            st.lists(st.integers(0, 99999).map(lambda n: n / 100), min_size=2 * count,
                     max_size=2 * count)
        )  # fmt: skip
        one = shape(place, points, kind=kind.split()[-1], outside=draw(st.sampled_from([0, 0, 1])))
        if kind in {"rectangle", "ellipse"}:
            one["rotation"] = draw(st.sampled_from([0.0, 0.0, 20.0, 200.0, 350.0]))
        made.append({**one, "outside": bool(one["outside"]), "attributes": {}})
    return made


@st.composite
def cases(draw):
    """Frame indices before and after, frames that were deleted, keyframes, and jobs."""
    step = draw(st.sampled_from([1, 5]))  # as of 'prep extract --every 5'
    whole = range(0, 30 * step, step)
    old = sorted(draw(st.sets(st.sampled_from(whole), min_size=8)))
    gone = draw(st.sets(st.sampled_from(old), max_size=len(old) - 4))
    more = draw(st.sets(st.sampled_from(whole), max_size=6))
    new = sorted({*old, *more} - gone)
    deleted = draw(st.sets(st.sampled_from(old), max_size=2))
    kind = draw(st.sampled_from(KINDS))
    places = st.sets(st.integers(0, len(old) - 1), min_size=2, max_size=6)
    shapes = draw(keyframes(kind, sorted(draw(places))))
    borders = sorted({0, len(new), *draw(st.sets(st.integers(1, len(new)), max_size=2))})
    return old, new, deleted, shapes, [(a, b - 1) for a, b in itertools.pairwise(borders)]


@settings(max_examples=400)
@given(cases())
def test_on_every_frame_that_both_tasks_show_a_track_is_where_it_was(case):
    old, new, deleted, shapes, jobs = case
    given = {"label": "car", "frame": shapes[0]["frame"], "attributes": {}, "shapes": shapes}
    made = recut({"tracks": [given]}, shown(old, deleted), shown(new, deleted, jobs))
    hidden = [old.index(frame) for frame in deleted]
    hidden_then = [new.index(frame) for frame in deleted if frame in new]
    before = make_track(shapes, 0, "car")
    kept = {new.index(old[one["frame"]]): one for one in shapes if old[one["frame"]] in new}
    arrived = {}
    for (start, stop), job in zip(jobs, made.jobs, strict=True):
        piece = make_track(job["tracks"][0]["shapes"] if job["tracks"] else [], 0, "car")
        arrived |= {one["frame"]: one for track in job["tracks"] for one in track["shapes"]}
        for number in range(start, stop + 1):
            if new[number] not in old or number in hidden_then:
                continue
            was = outline_at(before, old.index(new[number]), hidden)
            now = outline_at(piece, number, hidden_then)
            assert (was is None) == (now is None)
            if was is not None and now is not None:
                assert distance(was, now) <= 0.5
    for number, one in kept.items():
        if number in arrived or not one["outside"]:
            assert {**arrived[number], "frame": one["frame"]} == one


def carried(shapes, old, new, **more):
    given = {"label": "car", "frame": shapes[0]["frame"], "attributes": {}, "shapes": shapes}
    return recut({"tracks": [given]}, shown(old), shown(new, **more))


def frames(made, new):
    (track,) = made.jobs[0]["tracks"]
    return [(new[one["frame"]], one["points"][0]) for one in track["shapes"]]


def test_as_few_keyframes_are_added_as_keep_it_close():
    """Of ten frames nine are gone, then none: one keyframe where that changes says all."""
    new = [*range(0, 50, 10), *range(50, 101)]
    made = carried([box(0, 0), box(100, 500)], range(101), new)
    assert (frames(made, new), made.keyframes_added) == ([(0, 0), (50, 250), (100, 500)], 1)


@pytest.mark.parametrize(("moved", "added"), [(0.7, 0), (7.0, 1)])
def test_only_what_moves_by_more_than_matters_needs_one(moved, added):
    """Between, it is off by 0.45 of its way."""
    made = carried([box(0, 0), box(10, moved)], range(11), [0, 7, 8, 9, 10])
    assert made.keyframes_added == added


def test_frames_that_are_left_out_evenly_need_none():
    new = list(range(0, 101, 5))
    made = carried([box(0, 0), box(50, 500), box(100, 90)], range(101), new)
    assert (frames(made, new), made.keyframes_added) == ([(0, 0), (50, 500), (100, 90)], 0)


def test_frames_that_come_back_do_not_move_what_lies_between():
    made = carried([box(0, 0), box(4, 400)], [0, 10, 20, 30, 40], [0, 10, 11, 12, 20, 30, 40])
    assert frames(made, [0, 10, 11, 12, 20, 30, 40]) == [
        (0, 0), (10, 100), (20, 200), (40, 400),
    ]  # fmt: skip
    assert made.keyframes_added == 2


def test_a_piece_that_begins_elsewhere_is_no_part_of_the_one_before():
    """As one track, the first would be on its way to the second while it stood still."""
    first = [box(0, 0), box(10, 0, True)]
    second = [box(10, 0.9), box(19, 60)]
    old = shown(range(20), jobs=[(0, 9), (10, 19)])
    tracks = [
        {"label": "car", "frame": one[0]["frame"], "attributes": {}, "shapes": one}
        for one in (first, second)
    ]
    made = recut({"tracks": tracks}, old, shown(range(20)))
    assert [frames_of(one) for one in made.jobs[0]["tracks"]] == [[0, 10], [10, 19]]


def frames_of(track):
    return [one["frame"] for one in track["shapes"]]
