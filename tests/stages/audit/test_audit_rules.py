"""Where tracker interpolation is wrong: planted cases, each with what a plain loop computes."""

import itertools
import json
import math
from copy import deepcopy

import numpy as np
import pytest
from helpers.cvat import RECORDINGS
from helpers.cvat_stand_in.tracks import cut, interpolated, join
from helpers.handmade import video
from helpers.tracks import (
    BREAKS,
    LABELS,
    RULES,
    answer,
    box,
    clock,
    found,
    naive_errors,
    read,
    shape,
    steady,
)
from hypothesis import given, settings, strategies as st
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.dataset.records import Break, Notice
from video_prep.settings.cvat import AuditSettings
from video_prep.settings.stages import BreakSettings
from video_prep.stages.audit.reasons import REASONS
from video_prep.stages.audit.rules import FINDING_KINDS, audit_tracks
from video_prep.tracks.clock import clock_of
from video_prep.tracks.model import interpolate, largest_movement, tracks_from_api
from video_prep.tracks.pieces import made_by_server
from video_prep.tracks.statistics import statistics

ENDED = box(20, 200, outside=True)


def test_a_clean_track_on_a_steady_clock_has_no_finding():
    track = [box(0, 0), box(10, 100), ENDED]
    assert found(read(track), steady(30)) == []
    assert found(read(track), steady(30, jobs=[(7, 0, 29)])) == []


def test_an_uneven_clock_is_told_with_its_error():
    times = np.cumsum([0.0, *([0.04] * 5), *([0.055] * 5), *([0.04] * 19)])  # no break
    table = video(times)
    (finding,) = audit_tracks(read([box(0, 0), box(10, 300), box(20, 300)]), clock(table), RULES)[
        :1
    ]
    error, worst = naive_errors([(0, 0, False), (10, 300, False)], range(30), table)[0, 10]
    assert (finding.kind, finding.worst_frame) == ("uneven-time", worst) == ("uneven-time", 5)
    assert finding.size == pytest.approx(error) == pytest.approx(abs(0.5 - 0.2 / 0.475) * 300)
    assert finding.seconds == pytest.approx(0.475)
    assert (finding.video_first, finding.video_last, finding.break_kinds) == (0, 10, ())
    assert (finding.track_number, finding.track_id, finding.label) == (0, 100, "car")
    assert "frame 5" in finding.message


def test_uniform_sampling_is_no_finding():
    fates = [Fate.KEPT if i % 5 == 0 else Fate.SAMPLED_OUT for i in range(100)]
    table = video(np.arange(100) / 25, fates)
    assert found(read([box(0, 0), box(10, 500), box(19, 700, outside=True)]), clock(table)) == []


@pytest.mark.parametrize(
    ("fate", "reason", "kinds"),
    [
        (Fate.REJECTED, Reason.TRUNCATED, ("missing",)),
        (Fate.DUPLICATE, Reason.SIMILAR, ("missing",)),
        (Fate.DUPLICATE, Reason.STILL, None),
    ],
)
def test_frames_that_are_gone(fate, reason, kinds):
    gone = range(4, 10)
    table = video(
        np.arange(40) / 25,
        [fate if i in gone else Fate.KEPT for i in range(40)],
        [reason if i in gone else Reason.NONE for i in range(40)],
    )
    task = clock(table)
    track = [box(0, 0), box(10, 160), box(20, 160, outside=True)]
    if kinds is None:  # nothing moved in them, so the box is right
        assert found(read(track), task) == []
        assert task.moving_seconds[4] - task.moving_seconds[3] == pytest.approx(0.04)
        return
    indices = np.flatnonzero(table.fate == Fate.KEPT)
    error, worst = naive_errors([(0, 0, 0), (10, 160, 0)], indices, table)[0, 10]
    (one,) = audit_tracks(read(track), task, RULES)  # told once: the clock says how long it was
    assert (one.kind, one.not_mended) == ("uneven-time", None)
    assert one.size == pytest.approx(error)
    assert (one.worst_frame, one.break_kinds) == (worst, kinds)
    assert (one.video_first, one.video_last) == (0, 16)
    assert error == pytest.approx(abs(4 / 10 - 10 / 16) * 160)


def test_a_hole_of_three_seconds():
    times = np.arange(30) / 25 + np.where(np.arange(30) >= 6, 3.0, 0.0)
    table = video(times)
    tracks = read([box(0, 0), box(10, 100), ENDED])
    assert found(tracks, clock(table)) == [("crosses-break", 0, 10, 100.0)]
    (finding,) = audit_tracks(tracks, clock(table), RULES)
    assert finding.break_kinds == ("timeline",)
    assert finding.not_mended == (
        "the clock jumps by 3.0 s there; --max-stall-seconds lets 2 s be followed"
    )
    longer = AuditSettings(max_stall_seconds=4.0)
    error, _ = naive_errors([(0, 0, 0), (10, 100, 0)], range(30), table)[0, 10]
    assert found(tracks, clock(table), longer) == [("uneven-time", 0, 10, round(error, 6))]
    # Keyframes on both sides, with no frame between them, are right.
    assert found(read([box(0, 0), box(5, 10), box(6, 90), ENDED]), clock(table)) == []


def test_a_cut_and_other_breaks_are_found_by_place():
    table = video(np.arange(30) / 25, scores=[50.0 if i == 8 else 0.0 for i in range(30)])
    task = clock(table, notices=[Notice("damage", "x", 15)])
    assert [one.kind for one in task.breaks] == ["cut", "damage"]
    assert task.break_places.tolist() == [7, 14]
    tracks = read([box(0, 0), box(10, 0), ENDED | {"frame": 14}])
    assert found(tracks, task) == [("crosses-break", 0, 10, 0.0)]
    (finding,) = audit_tracks(tracks, task, RULES)
    assert (finding.worst_frame, finding.break_kinds) == (8, ("cut",))
    assert finding.not_mended == "nobody knows where the object is across a break (cut)"
    # How far CVAT carries the box across the cut, whatever the clock says of it.
    moved = read([box(0, 0), box(10, 230), ENDED | {"frame": 14}])
    assert found(moved, task) == [("crosses-break", 0, 10, 230.0)]
    assert found(read([box(0, 0), box(7, 0), box(8, 0), ENDED | {"frame": 14}]), task) == []
    # As the advice says, and a frame too late.
    assert found(read([box(0, 0), box(5, 10), ENDED | {"frame": 8}]), task) == []
    late = read([box(0, 0), box(5, 10), box(9, 10, outside=True)])
    assert found(late, task) == [("crosses-break", 5, 9, 0.0)]
    # CVAT moves the box towards where the end is set, and shows it up to the frame before.
    off = read([box(0, 0), box(5, 10), box(9, 50, outside=True)])
    assert ("crosses-break", 5, 9, 30.0) in found(off, task)
    task = clock(table, notices=[Notice("damage", "x", 15)], deleted={8})
    assert found(read([box(5, 10), box(10, 60, outside=True)]), task)[0] == (
        "crosses-break", 5, 10, 40.0
    )  # fmt: skip
    assert clock_of(table, task.breaks, BreakSettings(ends_run="size"), range(30)).breaks == ()


def test_deleted_frames():
    deleted = {10}
    track = [(0, 0, 0), (10, 100, 0), (20, 400, 0)]
    shapes = [box(frame, x) for frame, x, _ in track]
    task = steady(30, deleted=deleted)
    assert found(read([*shapes, box(25, 400, outside=True)]), task) == [
        ("deleted-keyframe", 10, 10, 1)
    ]
    # The two around it are a span now, on an uneven clock with another error.
    table = video(np.cumsum([0.0, *([0.04] * 10), *([0.055] * 19)]))
    error, _ = naive_errors(track, range(30), table, {9, 10, 11})[0, 20]
    assert found(read([*shapes, box(21, 400, outside=True)]), clock(table, {9, 10, 11})) == [
        ("uneven-time", 0, 20, round(error, 6)),
        ("deleted-keyframe", 10, 10, 1),
    ]


def test_the_end_that_the_server_puts_behind_a_job_may_be_deleted():
    task = steady(30, deleted={10}, jobs=((1, 0, 9), (2, 10, 29)))
    one = [box(0, 0), box(9, 90), box(10, 90, outside=True)]
    other = [box(11, 110), box(20, 200), box(21, 200, outside=True)]
    assert found(read(one, other), task) == []
    # What an annotator set there counts no more.
    assert found(read([box(10, 100), *other]), task) == [("deleted-keyframe", 10, 10, 1)]


def test_an_end_on_a_deleted_frame_ends_nothing():
    task = steady(30, deleted=[20, 28])
    assert found(read([box(0, 0), box(10, 100), ENDED]), task) == [
        ("never-ends", 10, 29, 17),
        ("deleted-keyframe", 20, 20, 1),
    ]


def test_tracks_that_never_end():
    tracks = read([box(0, 0), box(10, 100)])
    assert found(tracks, steady(30)) == [("never-ends", 10, 29, 19)]
    assert found(tracks, steady(30, jobs=[(1, 0, 14), (2, 15, 29)])) == [("never-ends", 10, 14, 4)]
    assert found(tracks, steady(30, jobs=[(1, 0, 10), (2, 11, 29)])) == []
    assert found(read([box(0, 0), box(29, 100)]), steady(30)) == []
    assert found(tracks, steady(30, deleted=range(11, 30))) == []


def test_all_that_is_not_mended_has_a_reason():
    assert {*FINDING_KINDS} - {*REASONS} == {"crosses-break", "uneven-time"}


def test_single_keyframes():
    assert found(read([box(5, 0)]), steady(30)) == [("single-keyframe", 5, 29, 24)]
    assert found(read([box(5, 0), box(9, 0, outside=True)]), steady(30)) == [
        ("single-keyframe", 5, 8, 3)
    ]
    assert found(read([box(5, 0), box(6, 0, outside=True)]), steady(30)) == []  # one frame
    assert found(read([box(29, 0)]), steady(30)) == []


def test_long_spans():
    task = steady(800)
    tracks = read([box(0, 0), box(201, 9), box(403, 9), box(404, 9, outside=True)])
    assert found(tracks, task) == [("long-span", 201, 403, 201)]
    rules = AuditSettings(max_span_frames=1000, max_span_seconds=8.05)
    assert found(tracks, task, rules) == [("long-span", 201, 403, 201)]
    assert found(tracks, steady(800, deleted=[300])) == []


def test_the_recorded_overlap_of_a_real_server():
    """FACTS: put 0, 10, 20, outside 25; jobs 0-9, 8-17, 16-25, 24-29."""
    recorded = json.loads((RECORDINGS / "traffic-2.80.json").read_text())
    (given,) = [
        one["response_body"]
        for one in recorded
        if one["method"] == "GET" and one["path"] == "/api/tasks/10/annotations/"
    ]
    (track,) = tracks_from_api(given, {19: "car"})
    jobs = [(37, 0, 9), (38, 8, 17), (39, 16, 25), (40, 24, 29)]
    task = steady(30, jobs=jobs)
    assert (track.id, track.label, len(track)) == (37, "car", 9)
    by_server = track.frames[made_by_server(track, task)]
    assert by_server.tolist() == [8, 9, 16, 17, 24]
    assert found([track], task) == []
    counts = statistics([track], task).total
    assert (counts.tracks, counts.keyframes, counts.interpolated, counts.held) == (1, 3, 22, 0)
    # A server's keyframe on a deleted frame was nobody's.
    assert found([track], steady(30, jobs=jobs, deleted=[9])) == []
    # The error is that of the annotator's keyframes, whatever the server put between.
    table = video(np.cumsum([0.0, *([0.04] * 4), *([0.055] * 4), *([0.04] * 21)]))
    error, _ = naive_errors([(0, 0, 0), (10, 100, 0)], range(30), table)[0, 10]
    assert found([track], clock(table, jobs=jobs)) == [("uneven-time", 0, 10, round(error, 6))]


def through(jobs, overlap, *tracks):
    """Put tracks into jobs and read them back, as the stand-in server does."""
    told, ids = [], iter(range(500, 900))
    for _, start, stop in jobs:
        parts = [cut(deepcopy(one), start, stop) for one in answer(*tracks)["tracks"]]
        parts = [{**part, "id": next(ids)} for part in parts if part]
        told = join(told, parts, start, overlap)
    return tracks_from_api({"tracks": told}, LABELS)


SPLIT = [(1, 0, 9), (2, 10, 19), (3, 20, 29)]
OVERLAPPING = [(1, 0, 9), (2, 8, 17), (3, 16, 25), (4, 24, 29)]


@pytest.mark.parametrize(("jobs", "overlap"), [(SPLIT, 0), (OVERLAPPING, 2)])
def test_jobs_make_no_findings(jobs, overlap):
    task = steady(30, jobs=jobs)

    def audited(*track):
        return found(through(jobs, overlap, track), task)

    assert audited(box(0, 0), box(15, 150), box(25, 250), box(28, 250, outside=True)) == []
    assert audited(box(0, 0), box(25, 0), box(28, 0, outside=True)) == []
    assert audited(box(0, 0), box(5, 50), box(29, 50)) == []
    assert audited(box(2, 0), box(9, 70), box(10, 80), box(14, 80, outside=True)) == []
    # A single one stays a single one, told once.
    assert audited(box(2, 0), box(26, 0, outside=True)) == [("single-keyframe", 2, 25, 23)]
    assert audited(box(2, 0)) == [("single-keyframe", 2, 29, 27)]


def test_a_track_cut_by_jobs_that_never_ends_is_told_once():
    tracks = through(SPLIT, 0, [box(0, 0), box(5, 50)])
    assert found(tracks, steady(30, jobs=SPLIT)) == [("never-ends", 20, 29, 9)]
    (joined,) = through(OVERLAPPING, 2, [box(0, 0), box(5, 50)])
    assert found([joined], steady(30, jobs=OVERLAPPING)) == [("never-ends", 5, 29, 24)]


def test_pieces_of_single_jobs_are_no_single_keyframes():
    """The answers of the jobs one by one have no end at the border."""
    tracks = read([box(2, 0)], [box(10, 0), box(15, 0), box(18, 50, outside=True)])
    assert found(tracks, steady(30, jobs=SPLIT)) == []
    counts = statistics(tracks, steady(30, jobs=SPLIT)).total
    assert (counts.keyframes, counts.boxes) == (2, 16)


def test_a_keyframe_of_the_annotator_at_a_border_counts():
    track = [box(0, 0), box(8, 0), box(20, 120), box(25, 120, outside=True)]
    (joined,) = through(OVERLAPPING, 2, track)
    by_server = joined.frames[made_by_server(joined, steady(30, jobs=OVERLAPPING))]
    assert by_server.tolist() == [9, 16, 17, 24]


def test_rotated_rectangles_ellipses_and_cuboids():
    (track,) = read([box(0, 0), box(10, 0, rotation=90)])
    corners = {tuple(p) for p in np.round(track.outline(1), 6)}
    assert corners == {(-5, 25), (55, 25), (55, 75), (-5, 75)}  # 60 by 50 around (25, 50)
    assert largest_movement(track, 0, 1) == pytest.approx(math.hypot(25, 30) * math.sqrt(2))
    assert track.outline(1)[0].tolist() == pytest.approx([55, 25])  # the first corner went right
    (track,) = read([box(0, 0, rotation=350), box(10, 100, rotation=20)])
    half_way = interpolate(track, 0, 1, 0.5)
    assert half_way.values.tolist() == [50, 20, 100, 80]
    assert half_way.rotation == pytest.approx(5)
    (track,) = read(
        [
            shape(0, [100, 50, 130, 40], kind="ellipse"),
            shape(9, [100, 50, 130, 40], kind="ellipse", rotation=90),
        ]
    )
    assert np.round(track.outline(0), 6).tolist() == [[130, 50], [100, 60], [70, 50], [100, 40]]
    assert np.round(track.outline(1), 6).tolist() == [[100, 80], [90, 50], [100, 20], [110, 50]]
    assert largest_movement(track, 0, 1) == pytest.approx(30 * math.sqrt(2))
    (track,) = read([shape(f, np.arange(16) + f, kind="cuboid") for f in (0, 4)])
    assert track.outline(0).shape == (8, 2)
    assert interpolate(track, 0, 1, 0.25).values.tolist() == (np.arange(16) + 1).tolist()


def test_polygons_with_other_numbers_of_points():
    square, more = [0, 0, 10, 0, 10, 10, 0, 10], [0, 0, 5, -7, 10, 0, 10, 10, 0, 10]
    (track,) = read([shape(0, square, kind="polygon"), shape(9, more, kind="polygon")])
    assert largest_movement(track, 0, 1) == pytest.approx(math.hypot(5, 7))
    assert largest_movement(track, 1, 0) == pytest.approx(math.hypot(5, 7))
    table = video(np.cumsum([0.0, *([0.04] * 5), *([0.055] * 15)]))
    far = [value + 200 for value in more]
    tracks = read(
        [
            shape(0, square, kind="polygon"),
            shape(10, far, kind="polygon"),
            shape(12, far, kind="polygon", outside=True),
        ]
    )
    pair = [tracks[0].outline(each) for each in (0, 1)]
    size = max(
        min(math.dist(p, q) for q in other)
        for one, other in itertools.permutations(pair)
        for p in one
    )
    error, _ = naive_errors([(0, 0, 0), (10, size, 0)], range(21), table)[0, 10]
    assert found(tracks, clock(table)) == [("uneven-time", 0, 10, round(error, 6))]


def test_several_points_are_held_by_cvat_and_never_uneven():
    table = video(np.cumsum([0.0, *([0.04] * 5), *([0.055] * 15)]))

    def points(*values):
        ends = [shape(f, [x + f * 9 for x in values], kind="points") for f in (0, 20)]
        return read(ends)

    assert found(points(1, 1, 50, 50), clock(table)) == []
    assert [kind for kind, *_ in found(points(1, 1), clock(table))] == ["uneven-time"]
    (still,) = points(1, 1, 50, 50)
    assert interpolate(still, 0, 1, 0.5).values.tolist() == [1, 1, 50, 50]


def test_elements_of_a_skeleton_are_tracks():
    def element(label, *xs):
        return {
            "id": 900 + label,
            "label_id": label,
            "shapes": [shape(f, [x, 5], kind="points") for f, x in zip((0, 10), xs, strict=True)],
        }

    skeleton = {
        "id": 50,
        "label_id": 2,
        "shapes": [
            shape(0, [], kind="skeleton"),
            shape(10, [], kind="skeleton"),
            shape(12, [], kind="skeleton", outside=True),
        ],
        "elements": [element(21, 0, 0), element(22, 0, 300)],
    }
    car = answer([box(0, 0), box(1, 0)])["tracks"]
    tracks = tracks_from_api({"tracks": [*car, skeleton]}, LABELS)
    assert [(t.number, t.id, t.parent_id, t.label, t.element, t.shape) for t in tracks[1:]] == [
        (1, 921, 50, "person", "nose", "points"),
        (1, 922, 50, "person", "foot", "points"),
    ]
    table = video(np.cumsum([0.0, *([0.04] * 5), *([0.055] * 15)]))
    error, _ = naive_errors([(0, 0, 0), (10, 300, 0)], range(21), table)[0, 10]
    (finding,) = audit_tracks(tracks[1:], clock(table), RULES)  # they end with their skeleton
    assert (finding.kind, finding.element, finding.parent_id) == ("uneven-time", "foot", 50)
    assert finding.size == pytest.approx(error)
    counts = statistics(tracks, clock(table))
    assert counts.by_label["person"].tracks == 1
    assert counts.by_label["person"].keyframes == 4
    assert counts.by_label["person"].interpolated == 2 * (9 + 1)
    assert counts.by_label["car"].held == 19
    assert counts.total.share_filled_in == pytest.approx((20 + 19) / (20 + 19 + 6))


def test_what_a_deleted_keyframe_left_beside_an_overlap_is_told():
    """The server cuts by the keyframe that is deleted, so its own are on no way that is shown."""
    track = [box(0, 0), box(7, 200), box(20, 120), box(25, 120, outside=True)]
    (joined,) = through(OVERLAPPING, 2, track)

    def of(tracks, **given):
        judged = audit_tracks(tracks, steady(30, deleted=[7], **given), RULES)
        return next(one for one in judged if one.kind == "deleted-keyframe")

    finding = of([joined], jobs=OVERLAPPING)
    assert finding.first_frame == 7
    left = "What CVAT set by it where jobs overlap stays: set the keyframe anew on 8."
    assert finding.message.endswith(f"restore the frame. {left}")
    assert of(read(track)).message.endswith("restore the frame.")


def test_shapes_come_in_any_order_and_the_last_of_a_frame_wins():
    (track,) = read([box(10, 1), box(0, 2), box(10, 3)])
    assert (track.frames.tolist(), track.raw(1)[0]) == ([0, 10], 3)
    assert tracks_from_api({"tracks": [{"id": 1, "label_id": 9, "shapes": []}]}, {}) == ()


def test_an_unknown_clock_invents_nothing():
    times = np.cumsum([0.0, *([0.04] * 10), *([0.055] * 9)])
    tracks = read([box(0, 0), box(19, 500)])
    assert [kind for kind, *_ in found(tracks, clock(video(times)))] == ["uneven-time"]
    for place in (1, 12, 19):
        table = video(np.where(np.arange(20) == place, np.nan, times))
        task = clock_of(table, (), BREAKS, range(20))
        assert found(tracks, task) == []
        assert task.is_step_unknown.sum() == (1 if place == 19 else 2)
    backwards = video([*times[:12], *(times[12:] - 1)])
    assert [kind for kind, *_ in found(tracks, clock(backwards))] == ["crosses-break"]
    assert found(tracks, clock(video(times), indices=[-1] * 20)) == []
    finding = audit_tracks(read([box(0, 0)]), clock(video([np.nan] * 5)), RULES)[0]
    assert (finding.kind, finding.seconds) == ("single-keyframe", None)


def test_the_frames_of_a_task_need_not_be_those_of_the_dataset():
    gone = range(4, 8)
    table = video(
        np.arange(20) / 25,
        [Fate.REJECTED if i in gone else Fate.KEPT for i in range(20)],
        scores=[90.0 if i == 12 else 0.0 for i in range(20)],
    )
    whole = clock(table, indices=range(20))  # a task of the video itself misses nothing
    assert [one.kind for one in whole.breaks] == ["cut"]
    assert whole.break_places.tolist() == [11]
    second = clock(table, indices=[9, 10, 99, 11, 12])  # a part, and an image of something else
    assert second.matched == 4
    assert second.break_places.tolist() == [3]
    assert second.frame_indices.tolist() == [9, 10, -1, 11, 12]
    assert clock(table, indices=range(12)).breaks == ()
    # Of a sampled dataset the record names the kept frames around the cut, not its place.
    fates = [Fate.SAMPLED_OUT if i % 5 else Fate.KEPT for i in range(20)]
    times = np.arange(20) / 25 + np.where(np.arange(20) >= 7, 2.0, 0.0)
    sampled = video(times, fates, scores=table.scene_score)
    assert clock(sampled, indices=range(20)).break_places.tolist() == [6, 11]
    assert clock(sampled).break_places.tolist() == [1, 2]
    shuffled = clock(table, indices=[3, 1, 2])
    assert shuffled.is_step_unknown.tolist() == [False, True, False]


KEYFRAMES = st.lists(
    st.tuples(st.integers(0, 39), st.integers(-500, 500), st.booleans()),
    min_size=2,
    max_size=12,
    unique_by=lambda one: one[0],
).map(sorted)


@given(KEYFRAMES, st.sampled_from([1 / 25, 1001 / 30000, 0.1, 3.0]), st.integers(1, 4))
@settings(max_examples=80)
def test_a_constant_clock_is_never_uneven(keyframes, step, every):
    fates = [Fate.SAMPLED_OUT if i % every else Fate.KEPT for i in range(40 * every)]
    table = video(np.arange(40 * every) * step, fates)
    track = [box(frame, x, outside=outside) for frame, x, outside in keyframes]
    rules = AuditSettings(tolerance_px=0.0)
    kinds = {kind for kind, *_ in found(read(track), clock(table), rules)}
    assert not kinds & {"uneven-time", "crosses-break"}


@given(
    KEYFRAMES,
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.04, 0.04, 0.05, 3.0, -1.0, np.nan]),
            st.sampled_from(["kept", "kept", "kept", "still", "rejected", "sampled"]),
        ),
        min_size=60,
        max_size=60,
    ),
    st.sets(st.integers(0, 39), max_size=8),
    st.sets(st.integers(0, 39), max_size=4),
)
@settings(max_examples=150)
def test_the_errors_are_those_of_a_plain_loop(keyframes, steps, deleted, foreign):
    table = video(
        np.cumsum([np.nan_to_num(step) for step, _ in steps])
        + np.array([np.nan if np.isnan(step) else 0.0 for step, _ in steps]),
        [
            {"kept": 0, "still": 1, "rejected": 3, "sampled": 2}[fate] for _, fate in steps
        ],
        [Reason.STILL if fate == "still" else 0 for _, fate in steps],
    )  # fmt: skip
    indices = [-1 if i in foreign else i + i // 2 for i in range(40)]
    task = clock(table, deleted, indices=indices)
    tracks = read([box(frame, x, outside=outside) for frame, x, outside in keyframes])
    judged = audit_tracks(tracks, task, RULES)
    told = {
        (one.first_frame, one.last_frame): (one.size, one.worst_frame)
        for one in judged
        if one.kind == "uneven-time"
    }
    across = {(f.first_frame, f.last_frame) for f in judged if f.kind == "crosses-break"}
    assert not across & set(told)
    expected = {
        span: told
        for span, told in naive_errors(keyframes, indices, table, deleted).items()
        if told[0] > 2.0 + 1e-9 and span not in across
    }
    assert told.keys() == expected.keys()
    for span, (error, worst) in expected.items():
        assert told[span][0] == pytest.approx(error)
        a, b = span
        assert a < told[span][1] < b
        assert worst is not None


@given(st.sets(st.integers(0, 29), max_size=5), st.integers(0, 2**16))
@settings(max_examples=60)
def test_statistics_count_every_box_once(deleted, seed):
    rng = np.random.default_rng(seed)
    frames = np.sort(rng.choice(30, size=rng.integers(1, 8), replace=False))
    shapes = [box(int(f), 0, outside=bool(rng.integers(2))) for f in frames]
    track = {"frame": int(frames[0]), "shapes": deepcopy(shapes)}
    track["shapes"] = [one for one in track["shapes"] if one["frame"] not in deleted]
    shown = {
        one["frame"]
        for one in (interpolated(track, 30) if track["shapes"] else [])
        if not one["outside"] and one["frame"] not in deleted
    }
    assert statistics(read(shapes), steady(30, deleted=deleted)).total.boxes == len(shown)


def test_ten_thousand_tracks_with_a_million_shapes():
    count, keyframes, frames = 10_000, 100, 2_000
    jobs = [(i, i * 200, min(i * 200 + 204, frames - 1)) for i in range(10)]
    places = [4 + i * 18 for i in range(keyframes)]
    points = [[float(i), 0.0, i + 9.0, 9.0] for i in range(keyframes)]
    shapes = [
        {"frame": frame, "type": "rectangle", "points": p, "outside": frame == places[-1]}
        for frame, p in zip(places, points, strict=True)
    ]
    # Each of a label of its own: they all lie on each other.
    given = {"tracks": [{"id": i, "label_id": 100 + i, "shapes": shapes} for i in range(count)]}
    uneven = given["tracks"][77]
    uneven["shapes"] = [shapes[0] | {"points": [-900.0, 0.0, -891.0, 9.0]}, *shapes[1:]]
    times = np.cumsum(np.where(np.arange(frames) < 10, 0.05, 0.04))
    task = clock(video(times), jobs=jobs)
    tracks = tracks_from_api(given, LABELS)
    (finding,) = audit_tracks(tracks, task, RULES)
    assert (finding.kind, finding.track_number) == ("uneven-time", 77)
    error, worst = naive_errors([(4, -900, 0), (22, 1, 0)], range(frames), video(times))[4, 22]
    assert (finding.worst_frame, finding.size) == (worst, pytest.approx(error))
    total = statistics(tracks, task).total
    assert (total.tracks, total.boxes) == (count, count * (places[-1] - places[0]))


def test_a_break_record_is_taken_as_it_is():
    table = video(np.arange(10) / 25)
    given = [Break("cut", 3, 4, 0, 0.04), Break("still", 5, 6, 0, 0.04), Break("size", 9, 10, 0, 1)]
    assert clock_of(table, given, BREAKS, range(10)).break_places.tolist() == [3]


UNEVEN = video(np.cumsum([0.0, *([0.04] * 7), *([0.055] * 9), *([0.04] * 13)]))
AWAY = [frame for frame in range(30) if frame not in {8, 9, 10, 16, 17, 18, 24, 25, 26}]


@given(
    st.lists(
        st.tuples(st.sampled_from(AWAY), st.integers(0, 300)),
        min_size=1,
        max_size=8,
        unique_by=lambda one: one[0],
    ).map(sorted),
    st.booleans(),
)
@settings(max_examples=150)
def test_what_the_server_adds_where_jobs_overlap_changes_nothing(keyframes, ends):
    """An 'outside' in the middle is lost where it is the first keyframe of a job: only at the end.

    A box moves too little for the server to take it for two.
    """
    last = keyframes[-1][0]
    track = [box(f, x * f / 900, outside=ends and f == last and f > 0) for f, x in keyframes]
    read_back = through(OVERLAPPING, 2, track)
    rules = AuditSettings(tolerance_px=0.05)
    plain = audit_tracks(read(track), clock(UNEVEN), rules)
    if not read_back:  # nothing but an end
        return
    told = audit_tracks(read_back, clock(UNEVEN, jobs=OVERLAPPING), rules)
    assert [(one.kind, one.first_frame, one.last_frame) for one in told] == [
        (one.kind, one.first_frame, one.last_frame) for one in plain
    ]
    assert [one.size for one in told] == pytest.approx([one.size for one in plain])


@given(
    st.lists(
        st.tuples(
            st.integers(0, 29).filter(lambda frame: frame not in (10, 20)), st.integers(0, 300)
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda one: one[0],
    ).map(sorted),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=150)
def test_a_track_cut_by_jobs_is_judged_as_the_whole(keyframes, ends, whole_answer):
    last = keyframes[-1][0]
    track = [box(f, x * f / 30, outside=ends and f == last and f > 0) for f, x in keyframes]
    if whole_answer:
        pieces = through(SPLIT, 0, track)
    else:  # each job's own annotations
        pieces = read(
            *(
                part["shapes"]
                for _, start, stop in SPLIT
                if (part := cut(answer(track)["tracks"][0], start, stop))
            )
        )
    # A single box with an end elsewhere moves up to it, so its pieces are several boxes.
    if len(track) == 2 and ends and track[0]["points"] != track[1]["points"]:
        return

    def kinds(tracks, task):
        judged = audit_tracks(tracks, task, RULES)
        return [one.kind for one in judged if one.kind in ("single-keyframe", "never-ends")]

    assert kinds(pieces, steady(30, jobs=SPLIT)) == kinds(read(track), steady(30))
    mine = statistics(read(track), steady(30)).total
    split = statistics(pieces, steady(30, jobs=SPLIT)).total
    assert split.boxes == mine.boxes
