"""Tracks on other frames of their video: what is left stays, what is gone is replaced and told."""

import itertools

import numpy as np
import pytest
from helpers.cvat import box, shape
from hypothesis import given, settings, strategies as st
from video_prep.tracks.frame_map import Shown
from video_prep.tracks.recut import recut
from video_prep.tracks.recut_part import NotMoved


def shown(indices, deleted=(), jobs=None):
    indices = np.array(sorted(indices), np.int64)
    return Shown(indices, np.isin(indices, list(deleted)), tuple(jobs or [(0, len(indices) - 1)]))


def track(*shapes, **more):
    return {
        "label": "car",
        "frame": shapes[0]["frame"],
        "attributes": {},
        "shapes": list(shapes),
        **more,
    }


def cut(given, old, new, jobs=None, deleted=()):
    return recut({"tracks": [given]}, shown(old, deleted), shown(new, deleted, jobs))


def frames(piece, new):
    """Return frame index, left border and whether it is outside, of each keyframe."""
    new = sorted(new)
    return [(new[s["frame"]], s["points"][0], s["outside"]) for s in piece["shapes"]]


def naive(keyframes, frame):
    """Return where a box is that CVAT shows on a frame, ``None`` for nowhere."""
    before = [one for one in keyframes if one["frame"] <= frame]
    behind = [one for one in keyframes if one["frame"] > frame]
    if not before or before[-1]["outside"]:
        return None
    one = before[-1]
    if not behind:
        return one["points"][0]
    share = (frame - one["frame"]) / (behind[0]["frame"] - one["frame"])
    return one["points"][0] + (behind[0]["points"][0] - one["points"][0]) * share


@st.composite
def cases(draw):
    count = draw(st.integers(2, 24))
    whole = range(count)
    subsets = st.sets(st.sampled_from(whole), min_size=1)
    old, new = sorted(draw(subsets)), sorted(draw(subsets))
    deleted = draw(st.sets(st.sampled_from(whole), max_size=3))
    places = sorted(draw(st.sets(st.integers(0, len(old) - 1), min_size=1)))
    shapes = [
        box(place, draw(st.integers(0, 90)), draw(st.booleans()), attributes={},
            occluded=draw(st.booleans()))
        for place in places
    ]  # fmt: skip
    borders = sorted({0, len(new), *draw(st.sets(st.integers(0, len(new)), max_size=3))})
    jobs = [(a, b - 1) for a, b in itertools.pairwise(borders)]
    return old, new, deleted, shapes, jobs


@settings(max_examples=600)
@given(cases())
def test_on_every_frame_that_is_left_a_track_is_seen_where_it_was_and_keyframes_stay(case):
    old, new, deleted, shapes, jobs = case
    made = cut(track(*shapes), old, new, jobs, deleted)
    counting = [one for one in shapes if old[one["frame"]] not in deleted]
    kept = {old[one["frame"]]: one for one in shapes if old[one["frame"]] in new}
    arrived = {}
    for (start, stop), job in zip(jobs, made.jobs, strict=True):
        assert len(job["tracks"]) <= 1
        there = job["tracks"][0]["shapes"] if job["tracks"] else []
        assert all(start <= one["frame"] <= stop for one in there)
        assert there == sorted(there, key=lambda one: one["frame"])
        if there:
            assert there[0]["frame"] == job["tracks"][0]["frame"]
        arrived |= {new[one["frame"]]: one for one in there}
        alive = [one for one in there if new[one["frame"]] not in deleted]
        for number in range(start, stop + 1):
            if new[number] not in old or new[number] in deleted:
                continue
            before, now = naive(counting, old.index(new[number])), naive(alive, number)
            assert (before is None) == (now is None)
            if number in {one["frame"] for one in alive if not one["outside"]}:
                assert now == pytest.approx(before, abs=0.00501)
    for frame, one in kept.items():
        if frame in arrived:
            assert {**arrived[frame], "frame": one["frame"]} == one
        else:  # what only said that nothing is seen, or opens a job
            assert one["outside"]
    gone = [one["frame"] for one in shapes if old[one["frame"]] not in new]
    assert sorted(each.frame for each in made.not_moved) == gone
    for each in made.not_moved:
        assert each.moved_to is None or new[each.moved_to] not in deleted


def test_what_holds_from_a_keyframe_on_stays_with_the_frames_behind_it():
    """The frame before it is nearer, but would show too early that it is hidden."""
    given = track(box(0, 0), box(4, 40, occluded=True, attributes={"pose": "down"}), box(8, 80))
    (piece,) = cut(given, range(10), [0, 3, 6, 8]).jobs[0]["tracks"]
    assert frames(piece, [0, 3, 6, 8]) == [(0, 0, False), (6, 60, False), (8, 80, False)]
    assert piece["shapes"][1]["occluded"] is True
    assert piece["shapes"][1]["attributes"] == {"pose": "down"}


def test_frames_that_come_in_between_do_not_move_a_keyframe():
    given = track(box(0, 0), box(2, 20, True))
    made = cut(given, [0, 10, 20, 30], range(31))
    (piece,) = made.jobs[0]["tracks"]
    assert (frames(piece, range(31)), made.not_moved) == ([(0, 0, False), (20, 20, True)], [])


def test_a_track_that_never_ends_does_not_run_on_over_frames_that_the_task_did_not_have():
    (piece,) = cut(track(box(1, 7)), [2, 3, 4], range(8)).jobs[0]["tracks"]
    assert frames(piece, range(8)) == [(3, 7, False), (5, 7, True)]


def test_a_keyframe_on_a_deleted_frame_goes_along_and_counts_for_nothing():
    given = track(box(0, 0), box(4, 99), box(8, 80))
    (piece,) = cut(given, range(9), [0, 2, 4, 6, 8], [(0, 2), (3, 4)], deleted=[4]).jobs[0][
        "tracks"
    ]
    new = [0, 2, 4, 6, 8]
    assert frames(piece, new) == [(0, 0, False), (2, 20, False), (4, 99, False)]


@pytest.mark.parametrize("outside", [False, True])
def test_a_keyframe_on_a_deleted_frame_does_not_end_its_piece_elsewhere(outside):
    """CVAT ends a piece behind its job by the last keyframe that is there, whatever it is on."""
    given = track(box(0, 0), box(3, 99, outside))
    first, second = cut(given, range(9), range(9), [(0, 5), (6, 8)], deleted=[3]).jobs
    assert [frames(one, range(9)) for one in first["tracks"]] == [
        [(0, 0, False), (3, 99, outside), (5, 0, False)]
    ]
    assert [frames(one, range(9)) for one in second["tracks"]] == [[(6, 0, False)]]


def test_the_elements_of_a_skeleton_go_with_it():
    def point(frame, x, outside=False):
        return shape(frame, [x, 5], outside=outside, kind="points", attributes={})

    bones = [shape(f, [], outside=f == 8, kind="skeleton", attributes={}) for f in (0, 8)]
    nose = {"label": "nose", "frame": 0, "attributes": {}, "shapes": [point(0, 0), point(8, 80)]}
    tail = {
        "label": "tail",
        "frame": 0,
        "attributes": {},
        "shapes": [point(0, 1, True), point(3, 1)],
    }
    given = track(*bones, elements=[nose, tail])
    new = [0, 2, 4, 6, 7, 9]
    made = cut(given, range(10), new, [(0, 1), (2, 5)])
    first, second = (job["tracks"][0] for job in made.jobs)
    assert [(one["frame"], one["outside"]) for one in first["shapes"]] == [(0, False)]
    assert [(one["frame"], one["outside"]) for one in second["shapes"]] == [(2, False), (5, True)]
    assert [each["label"] for each in second["elements"]] == ["nose", "tail"]
    assert [frames(each, new) for each in first["elements"]] == [
        [(0, 0, False), (2, 20, False)], [(0, 1, True)],
    ]  # fmt: skip
    assert [frames(each, new) for each in second["elements"]] == [
        [(4, 40, False), (6, 60, False), (7, 70, False), (9, 80, False)], [(4, 1, False)],
    ]  # fmt: skip


def test_the_last_keyframe_is_held_behind_the_frame_that_is_gone():
    """On the frame before it, it would hold a place that the box has left since."""
    (piece,) = cut(track(box(0, 0), box(5, 50)), range(9), [0, 4, 7, 8]).jobs[0]["tracks"]
    assert frames(piece, [0, 4, 7, 8]) == [(0, 0, False), (4, 40, False), (7, 50, False)]


def test_tags_and_shapes_go_into_each_job_that_shows_their_frame():
    given = {
        "tags": [{"label": "car", "frame": f, "attributes": {}} for f in (2, 5)],
        "shapes": [{"label": "car", **shape(3, [1, 2, 3, 4]), "attributes": {}}],
    }
    made = recut(given, shown(range(8)), shown([1, 2, 3, 4], jobs=[(0, 2), (2, 3)]))
    assert [[one["frame"] for one in job["tags"]] for job in made.jobs] == [[1], []]
    assert [[one["frame"] for one in job["shapes"]] for job in made.jobs] == [[2], [2]]
    assert made.not_moved == [NotMoved("tag", "car", 5, None)]


def test_pieces_that_jobs_made_of_a_track_are_one_where_the_border_is_gone():
    """As the server tells of them: each ends where the next job begins."""
    first = track(box(0, 0), box(3, 30), box(4, 30, True))
    second = track(box(4, 40), box(7, 70), box(8, 70, True))
    third = track(box(8, 80), box(9, 90))
    other = track(box(4, 45), attributes={"colour": "blue"})
    old = shown(range(12), jobs=[(0, 3), (4, 7), (8, 11)])
    given = {"tracks": [first, second, third, other]}
    made = recut(given, old, shown(range(12), jobs=[(0, 7), (8, 11)]))
    assert [[frames(one, range(12)) for one in job["tracks"]] for job in made.jobs] == [
        [
            [(0, 0, False), (3, 30, False), (4, 40, False), (7, 70, False)],
            [(4, 45, False)],
        ],
        [[(8, 80, False), (9, 90, False)], [(8, 45, False)]],
    ]
    same = recut(given, old, shown(range(12), jobs=old.jobs))
    assert [len(job["tracks"]) for job in same.jobs] == [1, 2, 2]
