"""Annotations of all jobs: put together once, or job by job as they were."""

import itertools

import numpy as np
import pytest
from helpers.tracks import LABELS, shape, steady
from hypothesis import given, strategies as st
from video_prep.stages.annotate.plan import PlannedTrack
from video_prep.tracks.by_job import in_same_jobs, pieces, together
from video_prep.tracks.frame_map import Shown
from video_prep.tracks.model import outline_at, tracks_from_api
from video_prep.tracks.overlaps import join_pieces

JOBS = ((0, 9), (8, 17), (16, 25))


def item(job, frame, label="car", **more):
    return {"job": job, "label": label, "frame": frame, **more}


def box(job, frame, x, **more):
    return item(job, frame, type="rectangle", points=[x, 0, x + 100, 40], **more)


def shown(jobs=JOBS, count=26, deleted=(), start=0):
    return Shown(np.arange(start, start + count), np.isin(np.arange(count), deleted), jobs)


def together_of(kind, *items):
    return [(one["frame"], one) for one in together({kind: items}, JOBS)[kind]]


def test_a_track_is_gone_behind_its_job_where_the_task_goes_on():
    ended = [shape(8, [8, 0, 9, 9]), shape(9, [9, 0, 9, 9], outside=True)]
    part = {"id": 7, "label_id": 2, "shapes": [shape(20, [0, 0], kind="points")]}
    first, second = ({"id": n, "label_id": 1, "frame": 8, "shapes": s} for n, s in
                     ((1, [shape(8, [8, 0, 9, 9])]), (2, ended)))  # fmt: skip
    last = {"id": 3, "label_id": 1, "frame": 20, "shapes": [], "elements": [part]}
    found = pieces([(9, [first, second]), (17, [last]), (25, [last])])
    assert [[(s["frame"], s["outside"]) for s in track["shapes"]] for track in found] == [
        [(8, False), (10, True)], [(8, False), (9, True)], [], [],
    ]  # fmt: skip
    assert [[s["frame"] for s in track["elements"][0]["shapes"]] for track in found[2:]] == [
        [20, 18], [20],
    ]  # fmt: skip
    assert "id" not in found[0]["shapes"][1]


def test_what_two_jobs_both_have_on_a_frame_is_there_once():
    tags = [item(0, 8), item(0, 8, "person"), item(1, 8), item(1, 8), item(1, 12), item(2, 16)]
    assert [one["frame"] for one in together({"tags": tags}, JOBS)["tags"]] == [8, 8, 8, 12, 16]
    shapes = [
        box(0, 8, 0), box(0, 8, 0), box(0, 9, 50),
        box(1, 8, 0), box(1, 8, 10), box(1, 8, 30), box(1, 9, 60, label="person"),
        item(1, 9, type="points", points=[60, 0, 160, 40]),
    ]  # fmt: skip
    kept = together({"shapes": shapes}, JOBS)["shapes"]
    assert [(one["frame"], one["points"][0], one["label"]) for one in kept] == [
        (8, 0, "car"), (8, 0, "car"), (9, 50, "car"), (8, 30, "car"), (9, 60, "person"),
        (9, 60, "car"),
    ]  # fmt: skip
    assert all("job" not in one for one in kept)


def test_the_nearest_of_two_boxes_is_the_same_one():
    shapes = [box(0, 8, 0, z_order=1), box(0, 8, 8, z_order=2), box(1, 8, 7), box(1, 8, 1)]
    assert [o.get("z_order") for o in together({"shapes": shapes}, JOBS)["shapes"]] == [1, 2]


@pytest.mark.parametrize("kind", ["polygon", "points", "mask"])
def test_other_shapes_are_the_same_only_where_they_are_equal(kind):
    one = item(0, 8, type=kind, points=[1, 2, 3, 4, 5, 6])
    same, other = {**one, "job": 1}, {**one, "job": 1, "points": [1, 2, 3, 4, 5, 6.5]}
    assert len(together({"shapes": [one, same, other]}, JOBS)["shapes"]) == 2


def test_jobs_that_show_the_same_frames_have_what_they_had():
    track = item(1, 8, shapes=[{"frame": 8}, {"frame": 12}],
                 elements=[{"frame": 9, "shapes": [{"frame": 9}]}])  # fmt: skip
    given = {"tracks": [track], "tags": [item(0, 9), item(1, 9)]}
    first, second, third = in_same_jobs(given, shown(), shown())
    assert first == {"tags": [{"label": "car", "frame": 9}], "shapes": [], "tracks": []}
    bare = {key: value for key, value in track.items() if key != "job"}
    assert (second["tracks"], third) == ([bare], {"tags": [], "shapes": [], "tracks": []})

    # Behind another task of the same video, and before more frames.
    more = ((0, 4), *((a + 5, b + 5) for a, b in JOBS), (31, 33))
    moved = in_same_jobs(given, shown(start=5), shown(more, 34))
    (there,) = moved[2]["tracks"]
    assert [there["frame"], *(s["frame"] for s in there["shapes"])] == [13, 13, 17]
    assert there["elements"] == [{"frame": 14, "shapes": [{"frame": 14}]}]
    assert [len(each["tags"]) for each in moved] == [0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    "new",
    [
        shown(((0, 9), (10, 25))),
        shown(deleted=[3]),
        shown(((0, 9), (8, 17), (16, 24)), 25),
        Shown(np.arange(26) + (np.arange(26) > 20), np.zeros(26, bool), JOBS),
    ],
)
def test_jobs_that_show_other_frames_do_not(new):
    assert in_same_jobs({"tags": [item(0, 9)]}, shown(), new) is None


@given(st.data())
def test_pieces_of_a_track_are_the_track_again(data):
    """Cut for jobs that overlap as the server cuts, and joined: nothing has moved on any frame."""
    frames = sorted(data.draw(st.sets(st.integers(0, 25), min_size=1, max_size=6)))
    xs = data.draw(st.lists(st.integers(0, 300), min_size=len(frames), max_size=len(frames)))
    gone = [False, *data.draw(st.lists(st.booleans(), min_size=5, max_size=5))][: len(frames)]
    corners = np.array([[x, 0, x + 80, 40] for x in xs], float)
    planned = PlannedTrack(0, np.array(frames), corners, np.array(gone))
    by_job = []
    for start, stop in JOBS:
        cut = planned.inside(start, stop)
        tracks = [] if cut is None else [keyframes(cut)]
        assert all(start <= s["frame"] <= stop for each in tracks for s in each["shapes"])
        by_job.append((stop, tracks))
    clock = steady(26, jobs=[(n, *job) for n, job in enumerate(JOBS)])
    whole = join_pieces(tracks_from_api({"tracks": pieces(by_job)}, LABELS), clock).tracks
    (sent,) = tracks_from_api({"tracks": [keyframes(planned)]}, LABELS)
    for frame in range(frames[-1] + 1):
        expected = outline_at(sent, frame)
        found = [o for each in whole if (o := outline_at(each, frame)) is not None]
        assert len(found) == (expected is not None)
        if expected is not None:
            assert np.abs(found[0] - expected).max() < 1e-9
    assert len(whole) <= 1 + sum(gone)


def keyframes(track):
    rows = zip(track.frames.tolist(), track.corners.tolist(), track.is_outside, strict=True)
    shapes = [shape(frame, points, outside=bool(gone)) for frame, points, gone in rows]
    return {"id": next(IDS), "label_id": 1, "frame": shapes[0]["frame"], "shapes": shapes}


IDS = itertools.count(1)
