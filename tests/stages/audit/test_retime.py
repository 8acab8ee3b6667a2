"""Retime: the fewest keyframes that make boxes follow the clock, and nothing else is touched."""

import errno
import itertools
import json
import time
from copy import deepcopy

import numpy as np
import pytest
from helpers.cvat import (
    OUT,
    SKELETON,
    Caller,
    access,
    annotate,
    box,
    boxes,
    delete_frames,
    export,
    label_id,
    send,
    shape,
    task_named,
    told,
)
from helpers.cvat_stand_in import Fault, Kind, annotations
from helpers.dying import gone_after
from helpers.handmade import film, video
from helpers.tracks import clock
from hypothesis import given, settings, strategies as st
from video_prep.base.errors import (
    CvatError,
    CvatRefusedError,
    CvatUncertainError,
    DatasetError,
    InputError,
    InterruptedRunError,
    UnprovenError,
    UsageError,
)
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.settings.cvat import AuditSettings
from video_prep.stages.audit.mend import retime_task
from video_prep.stages.audit.path import can_follow, fewest_keyframes
from video_prep.stages.audit.result import PostResult
from video_prep.stages.audit.retime import Guide, retimed
from video_prep.stages.audit.rules import audit_tracks
from video_prep.stages.audit.stage import audit, audit_export
from video_prep.stages.audit.undo import undo
from video_prep.tracks.clock import TaskClock
from video_prep.tracks.model import (
    interpolate,
    outline_at,
    outline_of,
    placed_at,
    tracks_from_api,
)
from video_prep.tracks.pieces import TaskView

RULES = AuditSettings()
STALLED = [0.04 * step for step in [1, 1, 1, 6, 1, 1] * 5]  # 31 frames
SPEED = 150.0  # pixels a second


# The fewest


def is_close(by_time, stands, tolerance, counts):
    frames = np.arange(len(by_time))
    shown = np.interp(frames, stands, by_time[stands])
    return bool((np.abs(shown - by_time)[counts] <= tolerance).all())


@settings(max_examples=150)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=9).filter(any),
    st.sampled_from([0.003, 0.021, 0.083, 0.17]),
    st.sets(st.integers(1, 8), max_size=4),
)
def test_no_fewer_keyframes_would_do(steps, tolerance, gone):
    by_time = np.cumsum([0.0, *steps]) / sum(steps)
    last = len(steps)
    counts = np.array([i not in gone or i == last for i in range(last + 1)])
    found = fewest_keyframes(by_time, tolerance, counts)
    assert is_close(by_time, [0, *found, last], tolerance + 1e-12, counts)
    free = [i for i in range(1, last) if counts[i]]
    assert set(found) <= set(free)
    for fewer in itertools.combinations(free, max(len(found) - 1, 0)):
        if found:
            assert not is_close(by_time, [0, *fewer, last], tolerance - 1e-12, counts)


def test_a_span_without_frames_between_needs_none():
    assert fewest_keyframes(np.array([0.0, 1.0]), 0.01, np.array([True, True])) == []


# Random tracks over random clocks


@st.composite
def tracks_on_clocks(draw):
    count = draw(st.integers(4, 40))
    steps = draw(
        st.lists(
            st.sampled_from([0.0, 0.04, 0.04, 0.04, 0.05, 0.2, 0.6, 3.0, -0.1]),
            min_size=count - 1,
            max_size=count - 1,
        )
    )
    scores = [draw(st.sampled_from([0] * 12 + [60])) for _ in range(count)]
    frames = sorted(draw(st.sets(st.integers(0, count - 1), min_size=2, max_size=7)))
    kind = draw(st.sampled_from(["rectangle", "ellipse", "polygon"]))
    turns = st.sampled_from([0.0, 30.0, 179.0, 181.5, 350.0]) if kind != "polygon" else st.just(0.0)
    shapes = []
    for i, frame in enumerate(frames):
        x, y = draw(st.floats(0, 900)), draw(st.floats(0, 500))
        points = {
            "rectangle": [x, y, x + 80, y + 40],
            "ellipse": [x, y, x + 60, y - 20],
            "polygon": [x, y, x + 70, y + 5, x + 20, y + 50],
        }[kind]
        one = shape(frame, points, kind=kind, outside=draw(st.sampled_from([False] * 5 + [OUT])))
        shapes.append({**one, "id": i + 1, "rotation": draw(turns), "attributes": [i]})
    deleted = draw(st.sets(st.integers(0, count - 1), max_size=3))
    return video(np.cumsum([0.0, *steps]), scores=scores), shapes, deleted


def holds_no_break(task: TaskClock, a, b):
    """Whether a clock goes on from a to b without a break but short stalls."""
    if task.is_step_unknown[a + 1 : b + 1].any():
        return False
    inside = [
        one
        for place, one in zip(task.break_places, task.breaks, strict=True)
        if a <= place < b
    ]  # fmt: skip
    return all(
        one.kind == "timeline" and 0 <= one.seconds <= RULES.max_stall_seconds for one in inside
    )


@settings(max_examples=250)
@given(tracks_on_clocks())
def test_after_it_no_span_without_a_break_is_off_and_no_keyframe_has_moved(case):
    table, shapes, deleted = case
    task = clock(table, deleted=deleted)
    fixed = [{"spec_id": 1, "value": "x"}]
    given_track = {"id": 7, "label_id": 1, "frame": 0, "shapes": shapes, "attributes": fixed}
    before = deepcopy(given_track)
    (seen,) = tracks_from_api({"tracks": [given_track]}, {})
    view = TaskView(task)
    frames = range(len(task))
    changed = retimed(given_track, [Guide.of(seen, view, RULES)], frames, deleted)
    assert given_track == before
    wrong = [f for f in audit_tracks([seen], task, RULES) if f.kind == "uneven-time"]
    curable = [f for f in wrong if holds_no_break(task, f.first_frame, f.last_frame)]
    if changed is None:
        assert not curable
        return
    assert curable
    assert {k: v for k, v in changed.items() if k != "shapes"} == {
        k: v for k, v in before.items() if k != "shapes"
    }
    old = {one["frame"]: one for one in before["shapes"]}
    new = [one for one in changed["shapes"] if one["frame"] not in old]
    assert [one for one in changed["shapes"] if one["frame"] in old] == before["shapes"]
    spans = [(f.first_frame, f.last_frame) for f in curable]
    for one in new:
        assert "id" not in one
        assert one["frame"] not in deleted
        ((a, _),) = [span for span in spans if span[0] < one["frame"] < span[1]]
        assert (one["attributes"], one["type"]) == (old[a]["attributes"], old[a]["type"])
        assert one["outside"] is False
    (after,) = tracks_from_api({"tracks": [changed]}, {})
    left = [f for f in audit_tracks([after], task, RULES) if f.kind == "uneven-time"]
    stayed = [(f.first_frame, f.last_frame) for f in wrong if f not in curable]
    assert sorted((f.first_frame, f.last_frame) for f in left) == sorted(stayed)
    assert retimed(changed, [Guide.of(after, view, RULES)], frames, deleted) is None


def test_boxes_still_follow_once_a_server_has_rounded_them():
    task = clock(video(np.cumsum([0, 40, 40, 40, 80, 40, 60]) / 1000))
    track = {"id": 7, "label_id": 1, "shapes": [box(0, 0), box(6, 25)]}
    (seen,) = tracks_from_api({"tracks": [track]}, {})
    view = TaskView(task)
    changed = retimed(track, [Guide.of(seen, view, RULES)], range(7), ())
    # On frame 1 in place of frame 2 it would do by less than a thousandth of a pixel.
    assert [one["frame"] for one in changed["shapes"]] == [0, 2, 6]
    for one in changed["shapes"]:
        one["points"] = [round(each, 2) for each in one["points"]]
    (after,) = tracks_from_api({"tracks": [changed]}, {})
    found = [each.kind for each in audit_tracks([after], task, RULES)]
    assert "uneven-time" not in found


# On a server


def stalled(stand_in, dataset, *, steps=STALLED, **upload):
    """Upload one video of a camera that stalls; return its task and the times of its frames."""
    table = film(dataset, "v", steps)
    assert send(stand_in, dataset, **{"jobs": "one", **upload}).exit_code == 0
    return task_named(stand_in, "v"), table.time_seconds


def at(times, frame, outside=False, **more):
    """The box at a frame of an object that moves at a constant speed in time."""
    return box(frame, SPEED * times[frame], outside, **more)


def retime(server, dataset, *, is_dry_run=False, rules=RULES):
    done = [
        retime_task(server, task, rules, dataset, is_dry_run=is_dry_run)
        for task in audit(dataset, server, rules).tasks
    ]
    (one,) = done
    return one


def stored(stand_in, task):
    """Everything that is in the jobs of a task."""
    caller = Caller(stand_in)
    return {
        job.id: caller("GET", f"/api/jobs/{job.id}/annotations/").json
        for job in stand_in.state.jobs_of(task)
    }


def rounded(stored):
    """The same with two decimals, as a server keeps what it is sent."""
    return json.loads(json.dumps(stored), parse_float=lambda text: round(float(text), 2))


def read(stand_in, task):
    return Caller(stand_in)("GET", f"/api/tasks/{task.id}/annotations/").json


def patches(stand_in):
    return [one for one in stand_in.requests if is_patch(one)]


def is_patch(request):
    return request.method == "PATCH" and "annotations" in request.path


def off(track, times, first, last):
    """How far the left edge that CVAT shows is from where the object is, in pixels, at most."""
    frames = [one["frame"] for one in track["shapes"]]
    shown = np.interp(
        np.arange(first, last + 1), frames, [one["points"][0] for one in track["shapes"]]
    )
    return float(np.abs(shown - SPEED * times[first : last + 1]).max())


def farthest(track, times, frames, deleted=()):
    """How far the left edge of a track is from where the object is, at most, on these frames."""
    lefts = {frame: placed_at(track, frame, deleted).values[0] for frame in frames}
    return max(abs(left - SPEED * times[frame]) for frame, left in lefts.items())


def test_an_object_at_constant_speed_past_a_stalled_camera(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds)
    annotate(stand_in, task, [at(times, 0), at(times, 15), at(times, 28), at(times, 29, OUT)])
    planted = off(read(stand_in, task)["tracks"][0], times, 0, 28)
    result = audit(ds, server)
    assert planted > 10
    uneven = [f.finding for f in result.findings if f.finding.kind == "uneven-time"]
    assert max(f.size for f in uneven) == pytest.approx(planted)
    done = retime(server, ds)
    assert (done.tracks, done.keyframes > 3) == (1, True)
    (track,) = read(stand_in, task)["tracks"]
    assert off(track, times, 0, 28) <= 2
    assert len(track["shapes"]) == 4 + done.keyframes
    assert "uneven-time" not in [kind for kind, *_ in told(audit(ds, server))]
    file = export(stand_in, task, tmp_path / "annotations.xml")
    exported = audit_export(ds, file)
    assert "uneven-time" not in [kind for kind, *_ in told(exported)]
    (in_export,) = exported.tasks[0].tracks
    shown = np.interp(
        np.arange(29), in_export.frames, [in_export.raw(k)[0] for k in range(len(in_export))]
    )
    assert np.abs(shown - SPEED * times[:29]).max() <= 2
    # Fewest: of each span no smaller set of frames would do.
    for a, b in ((0, 15), (15, 28)):
        added = [one["frame"] for one in track["shapes"] if a < one["frame"] < b]
        by_time = (times[a : b + 1] - times[a]) / (times[b] - times[a])
        margin = 2 * 0.95 / (SPEED * (times[b] - times[a]))
        counts = np.ones(b - a + 1, bool)
        for fewer in itertools.combinations(range(1, b - a), len(added) - 1):
            assert not is_close(by_time, [0, *fewer, b - a], margin - 1e-9, counts)


def test_it_finds_nothing_to_do_the_second_time(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds)
    annotate(stand_in, task, [at(times, 0), at(times, 28), at(times, 29, OUT)])
    assert retime(server, ds).keyframes > 0
    before = stored(stand_in, task)
    done = retime(server, ds)
    assert (done.tracks, done.keyframes, done.undo_file) == (0, 0, None)
    assert stored(stand_in, task) == before
    assert len(patches(stand_in)) == 1


def test_a_dry_run_counts_and_changes_nothing(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds)
    annotate(stand_in, task, [at(times, 0), at(times, 28), at(times, 29, OUT)])
    before = stored(stand_in, task)
    dry = retime(server, ds, is_dry_run=True)
    assert (stored(stand_in, task), patches(stand_in), dry.undo_file) == (before, [], None)
    assert not list(ds.glob("cvat-undo-*"))
    done = retime(server, ds)
    assert (done.tracks, done.keyframes) == (dry.tracks, dry.keyframes)


COLOURED = [
    {
        "name": "car",
        "attributes": [
            {
                "name": name,
                "mutable": mutable,
                "input_type": "text",
                "default_value": "grey",
                "values": ["grey"],
            }
            for name, mutable in (("colour", True), ("make", False))
        ],
    }
]


def test_everything_else_stays_as_it_was(stand_in, server, tmp_path, monkeypatch):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds, labels=COLOURED)
    car = label_id(stand_in)
    colour, make = (
        spec["id"]
        for label in stand_in.state.labels.values()
        for spec in sorted(label.attributes, key=lambda each: each["name"])
    )

    def painted(one, value, **more):
        return {**one, "attributes": [{"spec_id": colour, "value": value}], **more}

    uneven = [
        painted(at(times, 0), "red", occluded=True, z_order=3),
        painted(at(times, 14), "blue"),
        painted(at(times, 28), "green", z_order=-1),
        painted(at(times, 29, OUT), "green"),
    ]
    still = boxes((0, 5, False), (12, 5, False), (20, 5, OUT))
    annotate(
        stand_in,
        task,
        still,
        uneven,
        still,
        tags=[{"frame": 3, "label_id": car}],
        shapes=[{**box(4, 9), "label_id": car}],
    )
    (job,) = stand_in.state.jobs_of(task)
    job.tracks[1]["attributes"] = [{"spec_id": make, "value": "Fiat"}]
    job.tracks[1]["group"] = 5
    sent = []
    send_tracks = server.update_tracks
    monkeypatch.setattr(
        server,
        "update_tracks",
        lambda number, *more: (sent.append((number, list(more[0]))), send_tracks(number, *more)),
    )
    before = stored(stand_in, task)[job.id]
    done = retime(server, ds)
    after = stored(stand_in, task)[job.id]
    ((number, (sent_track,)),) = sent
    changed, was = after["tracks"][1], before["tracks"][1]
    assert (number, sent_track["id"]) == (job.id, was["id"])
    assert (after["tags"], after["shapes"]) == (before["tags"], before["shapes"])
    assert (after["tracks"][0], after["tracks"][2]) == (before["tracks"][0], before["tracks"][2])
    old = {one["frame"]: one for one in was["shapes"]}
    assert [one for one in changed["shapes"] if one["frame"] in old] == was["shapes"]
    assert {**changed, "shapes": []} == {**was, "shapes": []}
    added = [one for one in changed["shapes"] if one["frame"] not in old]
    assert len(added) == done.keyframes > 2
    for one in added:
        like = old[0 if one["frame"] < 14 else 14]
        assert {**like, "id": 0, "frame": 0, "points": 0} == {
            **one, "id": 0, "frame": 0, "points": 0
        }  # fmt: skip
    assert len({one["id"] for one in changed["shapes"]}) == len(changed["shapes"])


@pytest.mark.parametrize("what", ["a hole", "a cut", "missing frames", "time that runs backwards"])
def test_never_across_a_break(stand_in, server, tmp_path, what):
    ds = tmp_path / "ds"
    steps, scores, gone = [0.04] * 29, {}, {}
    if what == "a hole":
        steps[9] = 3.0
    elif what == "a cut":
        steps, scores = STALLED[:29], {13: 70}
    elif what == "missing frames":
        gone = dict.fromkeys(range(2, 28), (Fate.REJECTED, Reason.TRUNCATED))
    else:
        steps[9] = -0.2
    rules = AuditSettings(max_stall_seconds=1.0)
    times = film(ds, "v", steps, scores=scores, gone=gone).time_seconds
    send(stand_in, ds, jobs="one")
    task = task_named(stand_in, "v")
    last = len(task.data.frames) - 1
    annotate(stand_in, task, boxes((0, 0, False), (last - 1, 600, False), (last, 600, OUT)))
    assert len(times) == 30
    assert "crosses-break" in [kind for kind, *_ in told(audit(ds, server))] or last == 3
    assert retime(server, ds, rules=rules).tracks == 0
    assert patches(stand_in) == []


def test_a_longer_stall_is_followed_where_it_is_said(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds, steps=[0.04] * 9 + [3.0] + [0.04] * 20)
    annotate(stand_in, task, [at(times, 0), at(times, 20), at(times, 21, OUT)])
    assert retime(server, ds).tracks == 0
    done = retime(server, ds, rules=AuditSettings(max_stall_seconds=3.5))
    assert (done.tracks, done.keyframes) == (1, 2)
    (track,) = read(stand_in, task)["tracks"]
    assert [one["frame"] for one in track["shapes"]] == [0, 9, 10, 20, 21]
    assert off(track, times, 0, 20) < 1e-6
    assert told(audit(ds, server)) == []


def test_what_is_not_retimed_is_told_with_the_reason(prep, stand_in, tmp_path):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds, steps=[0.04] * 9 + [3.0] + [0.04] * 20)
    annotate(stand_in, task, [at(times, 0), at(times, 20)])
    done = prep("audit", ds, "--retime", **access(stand_in))
    assert done.code == 1
    across = "the clock jumps by 3.0 s there; --max-stall-seconds lets 2 s be followed"
    assert f"Not retimed: 1 crosses-break: {across}." in done.out
    left = "Not retimed: 1 never-ends: only who sees the footage knows where the object leaves."
    assert left in done.out
    none = (
        f"Task {task.id}: nothing to retime: by the clock, no track is off by more than 2 px "
        "between two breaks."
    )
    assert none in done.out
    dry = prep("audit", ds, "--retime", "--dry-run", **access(stand_in))
    assert f"Would not be retimed: 1 crosses-break: {across}." in dry.out
    assert none in dry.out
    without = prep("audit", ds, **access(stand_in)).out
    assert "to retime" not in without
    assert "etimed: " not in without
    page = (ds / "audit.html").read_text()
    assert f"Not retimed: {across}." in page


def test_a_dry_run_says_of_each_task_why_there_is_nothing_to_retime(prep, stand_in, tmp_path):
    ds = tmp_path / "ds"
    task, _ = stalled(stand_in, ds)
    done = prep("audit", ds, "--retime", "--dry-run", **access(stand_in))
    assert f"Task {task.id}: nothing to retime: it has no tracks." in done.out
    annotate(stand_in, task, boxes((0, 5), (28, 6), (29, 6, OUT)))
    done = prep("audit", ds, "--retime", "--dry-run", **access(stand_in))
    assert f"Task {task.id}: nothing to retime: by the clock, no track is off" in done.out


@pytest.mark.parametrize(("longest", "is_followed"), [(2.0, True), (1.99, False)])
def test_a_stall_may_be_as_long_as_the_limit(longest, is_followed):
    known = clock(video([0.0, 0.25, 0.5, 2.5, 2.75]))
    assert [each.seconds for each in known.breaks] == [2.0]
    assert can_follow(known, 0, 4, longest) == is_followed


@pytest.mark.parametrize("gone", [(8,), (9,), (8, 9), (7, 8, 9, 10), (17, 16, 24)])
def test_deleted_borders_of_overlapping_jobs_are_no_obstacle(stand_in, server, tmp_path, gone):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds, **OVERLAP)
    annotate(stand_in, task, [at(times, 0), at(times, 28), at(times, 29, OUT)])
    delete_frames(stand_in, task, *gone)
    assert "uneven-time" in [kind for kind, *_ in told(audit(ds, server))]
    done = retime(server, ds)
    assert done.tracks == 4
    (track,) = tracks_from_api(read(stand_in, task), {})  # the server finds it to be one still
    assert farthest(track, times, set(range(29)) - set(gone), gone) <= 2 + 0.01
    assert told(audit(ds, server)) == []
    for job in stand_in.state.jobs_of(task):
        answer = Caller(stand_in)("GET", f"/api/jobs/{job.id}/annotations/").json
        (piece,) = tracks_from_api(answer, {})
        seen = set(range(job.start_frame, min(job.stop_frame, 28) + 1)) - set(gone)
        assert farthest(piece, times, seen, gone) <= 2 + 0.01


def test_deleted_frames_get_no_keyframes(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds, steps=[0.04] * 9 + [0.5] + [0.04] * 20)
    annotate(stand_in, task, [at(times, 0), box(12, 0), at(times, 20), at(times, 21, OUT)])
    delete_frames(stand_in, task, 9, 12)
    assert retime(server, ds).tracks == 1
    (track,) = read(stand_in, task)["tracks"]
    assert [one["frame"] for one in track["shapes"]] == [0, 8, 10, 12, 20, 21]
    assert track["shapes"][3]["points"][0] == 0
    assert "uneven-time" not in [kind for kind, *_ in told(audit(ds, server))]


@pytest.mark.parametrize(
    ("kind", "one", "other", "turn"),
    [
        ("polygon", [0, 0, 40, 0, 40, 30], [400, 50, 440, 50, 430, 90], 0),
        ("polyline", [0, 0, 40, 0], [400, 50, 440, 50], 0),
        ("points", [10, 20], [400, 20], 0),
        ("ellipse", [50, 50, 80, 40], [450, 50, 490, 40], 170),
        ("rectangle", [0, 0, 200, 40], [200, 0, 400, 40], 175),
        ("rectangle", [0, 0, 300, 40], [0, 0, 300, 40], 180),
    ],
)
def test_other_shapes(stand_in, server, tmp_path, kind, one, other, turn):
    ds = tmp_path / "ds"
    task, _ = stalled(stand_in, ds)
    ends = [shape(0, one, kind=kind, rotation=350 if turn else 0)]
    ends += [
        shape(frame, other, kind=kind, rotation=(350 + turn) % 360 if turn else 0, outside=outside)
        for frame, outside in ((28, False), (29, OUT))
    ]
    annotate(stand_in, task, ends)
    assert "uneven-time" in [each for each, *_ in told(audit(ds, server))]
    assert retime(server, ds).keyframes > 1
    assert "uneven-time" not in [each for each, *_ in told(audit(ds, server))]
    (track,) = read(stand_in, task)["tracks"]
    old = [each for each in track["shapes"] if each["frame"] in {0, 28, 29}]
    assert [(e["points"], e["rotation"]) for e in old] == [
        (e["points"], e["rotation"]) for e in ends
    ]
    if kind == "rectangle":  # turned, and not squeezed
        corners = np.array([each["points"] for each in track["shapes"]])
        assert np.allclose(corners[:, 2:] - corners[:, :2], np.subtract(one[2:], one[:2]))


def test_polygons_of_other_numbers_of_points_are_followed(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    task, _ = stalled(stand_in, ds)
    ends = [
        shape(0, [0, 0, 90, 0, 90, 90], kind="polygon"),
        shape(28, [500, 0, 590, 0, 590, 90, 500, 90], kind="polygon"),
    ]
    annotate(stand_in, task, [*ends, {**ends[1], "frame": 29, "outside": OUT}])
    (before,) = tracks_from_api(read(stand_in, task), {})
    clock = audit(ds, server).tasks[0].match.clock
    assert retime(server, ds).keyframes > 1
    (after,) = tracks_from_api(read(stand_in, task), {})
    shares = clock.moving_seconds / clock.moving_seconds[28]
    for frame in range(29):
        there = outline_of("polygon", interpolate(before, 0, 1, shares[frame]))
        off = outline_at(after, frame), there  # of which one may have a point less
        assert np.ptp([each.min(axis=0) for each in off], axis=0).max() <= 2 + 0.01
        assert np.ptp([each.max(axis=0) for each in off], axis=0).max() <= 2 + 0.01
    assert told(audit(ds, server)) == []


def test_skeletons(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds, labels=SKELETON)
    frames = ((0, False), (28, False), (29, OUT))

    def element(name, speed):
        points = [
            shape(frame, [speed * times[frame], 7], kind="points", outside=outside)
            for frame, outside in frames
        ]
        return {"frame": 0, "label_id": label_id(stand_in, name), "shapes": points}

    whole = {
        "frame": 0,
        "label_id": label_id(stand_in, "bike"),
        "shapes": [shape(frame, [], kind="skeleton", outside=outside) for frame, outside in frames],
        "elements": [element("nose", SPEED), element("tail", 0)],
    }
    body = {"version": 0, "tags": [], "shapes": [], "tracks": [whole]}
    assert Caller(stand_in)("PUT", f"/api/tasks/{task.id}/annotations/", body).status == 200
    before = read(stand_in, task)["tracks"][0]
    result = audit(ds, server)
    uneven = [f.finding for f in result.findings if f.finding.kind == "uneven-time"]
    assert [(f.element, f.parent_id) for f in uneven] == [("nose", before["id"])]
    done = retime(server, ds)
    assert (done.tracks, done.keyframes > 1) == (1, True)
    (track,) = read(stand_in, task)["tracks"]
    nose, tail = track["elements"]
    assert off(nose, times, 0, 28) <= 2
    assert (track["id"], tail) == (before["id"], before["elements"][1])
    # The skeleton itself has a keyframe wherever one of its elements has.
    assert [e["frame"] for e in track["shapes"]] == [e["frame"] for e in nose["shapes"]]
    assert nose["id"] == before["elements"][0]["id"]
    assert "uneven-time" not in [kind for kind, *_ in told(audit(ds, server))]
    undo(server, done.undo_file)
    assert read(stand_in, task)["tracks"] == [before]


# Jobs


OVERLAP = {"jobs": "size", "job_size": 10, "overlap": 2}


def test_keyframes_of_the_server_at_borders_are_moved_those_of_people_not(
    stand_in,
    server,
    tmp_path,
):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds, **OVERLAP)
    own = [at(times, 0), at(times, 16), at(times, 28), at(times, 29, OUT)]
    annotate(stand_in, task, own)
    before = stored(stand_in, task)
    border = {
        e["frame"] for job in before.values() for track in job["tracks"] for e in track["shapes"]
    } - {0, 16, 28, 29}
    assert border  # the server has added some
    assert "uneven-time" in [kind for kind, *_ in told(audit(ds, server))]
    done = retime(server, ds)
    assert done.tracks > 1
    whole = read(stand_in, task)["tracks"]
    assert len(whole) == 1
    assert off(whole[0], times, 0, 28) <= 2
    shown = {one["frame"]: one["points"] for one in whole[0]["shapes"]}
    assert all(shown[one["frame"]] == one["points"] for one in own)
    assert all(shown[frame][0] == pytest.approx(SPEED * times[frame]) for frame in border)
    for number, job in stored(stand_in, task).items():
        (track,) = job["tracks"]
        (was,) = before[number]["tracks"]
        first, last = track["shapes"][0]["frame"], track["shapes"][-1]["frame"]
        assert off(track, times, first, min(last, 28)) <= 2
        assert {e["id"] for e in was["shapes"]} <= {e["id"] for e in track["shapes"]}
        assert track["id"] == was["id"]
    assert "uneven-time" not in [kind for kind, *_ in told(audit(ds, server))]
    assert retime(server, ds).tracks == 0
    undo(server, done.undo_file)
    assert rounded(stored(stand_in, task)) == rounded(before)


@settings(max_examples=12)
@given(
    st.lists(st.sampled_from([0.04, 0.04, 0.05, 0.24, 0.5]), min_size=29, max_size=29),
    st.sets(st.integers(1, 27), max_size=3),
    st.sampled_from([(10, 2), (12, 5), (9, 4)]),
    st.sets(st.integers(1, 27), max_size=2),
)
def test_overlapping_jobs_show_one_track_that_follows(tmp_path_factory, steps, more, jobs, gone):
    from helpers.cvat_stand_in import StandIn
    from video_prep.cvat.annotations import CvatAnnotations
    from video_prep.cvat.connect import connect
    from video_prep.settings.cvat import CvatSettings

    ds = tmp_path_factory.mktemp("overlap") / "ds"
    with StandIn() as stand_in:
        size, overlap = jobs
        task, times = stalled(
            stand_in, ds, steps=steps, jobs="size", job_size=size, overlap=overlap
        )
        frames = sorted({0, 28, *more})
        annotate(stand_in, task, [*(at(times, frame) for frame in frames), at(times, 29, OUT)])
        gone -= more  # of those the deleted keyframes are told
        delete_frames(stand_in, task, *gone)
        session = connect(CvatSettings(host=stand_in.url), "admin:secret")
        try:
            there = CvatAnnotations(session)
            retime(there, ds)
            (track,) = tracks_from_api(read(stand_in, task), {})
            assert farthest(track, times, set(range(29)) - gone, gone) <= 2 + 0.01
            assert "deleted-keyframe" not in [kind for kind, *_ in told(audit(ds, there))]
            assert "uneven-time" not in [kind for kind, *_ in told(audit(ds, there))]
            assert retime(there, ds).tracks == 0
        finally:
            session.close()


def test_jobs_that_are_cut_at_breaks(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    steps = (
        [0.04 * e for e in [1, 1, 1, 6, 1, 1] * 2] + [3.0] + [0.04 * e for e in [1, 4, 1, 1] * 4]
    )
    task, times = stalled(stand_in, ds, steps=steps, jobs="size", job_size=13)
    annotate(stand_in, task, [at(times, 0), at(times, 12), at(times, 13), at(times, 25, OUT)])
    before = stored(stand_in, task)
    done = retime(server, ds)
    assert done.tracks > 0
    for number, job in stored(stand_in, task).items():
        for track, was in zip(job["tracks"], before[number]["tracks"], strict=True):
            assert {e["id"] for e in was["shapes"]} <= {e["id"] for e in track["shapes"]}
    undo(server, done.undo_file)
    assert stored(stand_in, task) == before


# What can go wrong


@pytest.fixture
def uneven(stand_in, tmp_path):
    """A dataset, its task, and what is in that."""
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds)
    annotate(stand_in, task, [at(times, 0), at(times, 28), at(times, 29, OUT)])
    return ds, task, stored(stand_in, task)


def test_the_tracks_are_saved_before_anything_is_sent(stand_in, server, uneven):
    ds, task, before = uneven
    stand_in.faults.add(Fault(Kind.REFUSE, match=is_patch, status=500, times=3))
    with pytest.raises(CvatError, match="--undo"):
        retime(server, ds)
    assert stored(stand_in, task) == before
    (file,) = ds.glob("cvat-undo-*.json")
    saved = json.loads(file.read_text())
    ((number, job),) = before.items()
    assert (saved["host"], saved["task"], saved["is_part"]) == (stand_in.url, task.id, True)
    ((track,), (whole,)) = saved["tracks"], job["tracks"]
    assert (track["job"], track["id"], track["label"]) == (number, whole["id"], "car")
    places = [(one["id"], one["frame"], one["points"]) for one in track["shapes"]]
    assert places == [(one["id"], one["frame"], one["points"]) for one in whole["shapes"]]


@pytest.mark.parametrize("kind", [Kind.CUT_ANSWER, Kind.CUT_MIDWAY])
def test_a_lost_answer_is_told_with_the_way_back(stand_in, server, uneven, kind):
    ds, task, before = uneven
    with gone_after(stand_in, kind, is_patch), pytest.raises(CvatError, match=r"--undo .*cvat-u"):
        retime(server, ds)
    assert stored(stand_in, task) != before
    assert retime(server, ds).tracks == 0
    (file,) = ds.glob("cvat-undo-*.json")
    assert undo(server, file).tracks == 1
    assert stored(stand_in, task) == before


@pytest.mark.parametrize("kind", [Kind.CUT_REQUEST, Kind.DO_THEN_REFUSE, Kind.REFUSE_THEN_DO])
def test_an_answer_that_is_lost_is_looked_for(stand_in, server, uneven, kind):
    ds, task, _ = uneven
    done = retime(server, ds)
    expected = [(s["frame"], s["points"]) for s in task_tracks(stand_in, task)["shapes"]]
    undo(server, done.undo_file)
    sent = len(patches(stand_in))
    stand_in.faults.add(Fault(kind, match=is_patch, status=504, after=3))
    assert retime(server, ds).tracks == 1
    assert stand_in.faults.waiting == 0
    there = [(s["frame"], s["points"]) for s in task_tracks(stand_in, task)["shapes"]]
    assert there == expected
    assert len(patches(stand_in)) == sent + (2 if kind is Kind.CUT_REQUEST else 1)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InterruptedRunError("interrupted"), "interrupted. "),
        (KeyboardInterrupt(), "Interrupted. "),
        (CvatUncertainError("CVAT failed (500)", "Try again."), "CVAT failed (500). Try again. "),
        (CvatRefusedError("CVAT refused: no."), "CVAT refused: no. "),
    ],
)
def test_what_went_wrong_is_told_with_the_way_back(server, uneven, monkeypatch, error, told):
    def fail(*_):
        raise error

    monkeypatch.setattr(server, "update_tracks", fail)
    raised_as = InterruptedRunError if isinstance(error, KeyboardInterrupt) else type(error)
    with pytest.raises(raised_as) as raised:
        retime(server, uneven[0])
    (file,) = uneven[0].glob("cvat-undo-*.json")
    assert str(raised.value) == (
        f"{told}Some tracks may be changed already; --undo {file} puts all of them back."
    )


def test_retimes_in_one_second_keep_each_way_back(stand_in, server, uneven, monkeypatch, tmp_path):
    ds, task, before = uneven
    monkeypatch.setattr(time, "strftime", lambda *_: "20260101-000000")
    elsewhere = tmp_path / "undone"
    elsewhere.mkdir()
    for _ in range(2):  # what is saved already is not saved again
        done = retime(server, ds)
        undo(server, done.undo_file, elsewhere)
        assert stored(stand_in, task) == before
    assert [file.name for file in ds.glob("cvat-undo-*")] == [
        f"cvat-undo-{task.id}-20260101-000000.json"
    ]
    one = task_tracks(stand_in, task)
    one["shapes"][0]["occluded"] = True
    assert retime(server, ds).undo_file.name == f"cvat-undo-{task.id}-20260101-000000-2.json"


def task_tracks(stand_in, task):
    """Return the only track of a task as the server stores it."""
    ((track,),) = (job.tracks for job in stand_in.state.jobs_of(task))
    return track


def test_undo_puts_back_exactly_what_was_there(stand_in, server, uneven):
    ds, task, before = uneven
    done = retime(server, ds)
    assert stored(stand_in, task) != before
    restored = undo(server, done.undo_file)
    assert (restored.task_id, restored.tracks) == (task.id, 1)
    assert stored(stand_in, task) == before


def test_what_people_did_since_is_saved_before_it_is_undone(stand_in, server, uneven):
    ds, task, before = uneven
    file = retime(server, ds).undo_file
    task_tracks(stand_in, task)["shapes"][1]["points"][0] -= 7
    since = stored(stand_in, task)
    kept = undo(server, file).undo_file
    assert stored(stand_in, task) == before
    assert (kept.parent, kept != file) == (ds, True)
    undo(server, kept)
    assert rounded(stored(stand_in, task)) == rounded(since)


def test_what_was_not_there_before_an_undo_is_not_there_after_its_undo(stand_in, server, uneven):
    ds, task, before = uneven
    file = retime(server, ds).undo_file
    (job,) = stand_in.state.jobs_of(task)
    job.tracks.clear()
    since = stored(stand_in, task)
    kept = undo(server, file).undo_file
    assert stored(stand_in, task) == before
    assert '"absent"' not in file.read_text()  # files of before are known again, byte for byte
    undo(server, kept)
    assert stored(stand_in, task) == since
    stand_in.faults.add(Fault(Kind.REFUSE, match=is_patch, status=500, times=3))
    with pytest.raises(CvatError, match=r"--undo .* puts all of them back"):
        undo(server, file)


@pytest.mark.parametrize("kind", [Kind.CUT_ANSWER, Kind.CUT_MIDWAY])
def test_an_undo_that_is_cut_off_names_what_it_has_saved(stand_in, server, uneven, kind):
    ds, task, _ = uneven
    file = retime(server, ds).undo_file
    since = stored(stand_in, task)
    with gone_after(stand_in, kind, is_patch), pytest.raises(CvatError) as raised:
        undo(server, file)
    (kept,) = set(ds.glob("cvat-undo-*")) - {file}
    assert f"--undo {kept} puts all of them back." in str(raised.value)
    undo(server, kept)
    assert rounded(stored(stand_in, task)) == rounded(since)


def test_an_undo_that_cannot_save_changes_nothing(stand_in, server, uneven, monkeypatch):
    ds, task, _ = uneven
    file = retime(server, ds).undo_file
    since = stored(stand_in, task)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("video_prep.dataset.files.replace_text", full)
    with pytest.raises(DatasetError, match="Nothing was changed"):
        undo(server, file)
    assert stored(stand_in, task) == since


def test_an_undo_of_a_task_that_is_gone_changes_nothing_and_says_so(stand_in, server, uneven):
    ds, task, before = uneven
    file = retime(server, ds).undo_file
    saved = json.loads(file.read_text())
    file.write_text(json.dumps({**saved, "task": 999}))
    since = stored(stand_in, task)
    with pytest.raises(InputError) as raised:
        undo(server, file)
    (job,) = before
    assert str(raised.value) == (
        f"{file}: job {job} of task 999, where its tracks were, cannot be found, so nothing was "
        "changed. If 'prep upload --replace' has made a new task, 'prep annotations restore' "
        "puts into it what that saved of the old one."
    )
    assert stored(stand_in, task) == since
    assert list(ds.glob("cvat-undo-*")) == [file]


def test_a_refusal_is_one_sentence(server):
    with pytest.raises(CvatRefusedError) as raised:
        server.of_job(999)
    assert str(raised.value.with_more("Look.")).endswith("matches the given query. Look.")


def test_a_full_disk_changes_nothing(stand_in, server, uneven, monkeypatch):
    ds, task, before = uneven

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("video_prep.dataset.files.replace_text", full)
    with pytest.raises(DatasetError, match="Nothing was changed"):
        audit(ds, server, retime=True)
    assert stored(stand_in, task) == before
    assert patches(stand_in) == []


def lose_a_keyframe(track):
    del track["shapes"][1]


def move_a_keyframe(track):
    track["shapes"][1]["points"][0] += 0.5


def show_an_end(track):
    track["shapes"][-1]["outside"] = False


@pytest.mark.parametrize("spoil", [lose_a_keyframe, move_a_keyframe, show_an_end])
def test_a_server_that_stores_something_else_is_caught(
    stand_in,
    server,
    uneven,
    monkeypatch,
    spoil,
):
    patched = annotations._patched

    def spoilt(state, job, sent, action):
        answer = patched(state, job, sent, action)
        spoil(job.tracks[0])
        return answer

    monkeypatch.setattr(annotations, "_patched", spoilt)
    with pytest.raises(UnprovenError, match="cvat-undo") as caught:
        retime(server, uneven[0])
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", '{"version": 2}', '{"format": "prep annotations", "version": 1}',
     '{"version": 1, "host": "x", "task": 1, "jobs": [1]}',
     '{"version": 1, "host": "x", "task": 1, "jobs": {"1": ["ab"]}}', "{" * 100000],
)  # fmt: skip
def test_files_that_undo_nothing(server, tmp_path, content):
    file = tmp_path / "cvat-undo.json"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"cvat-undo\.json"):
        undo(server, file)


def test_a_file_of_another_server(stand_in, server, uneven):
    file = retime(server, uneven[0]).undo_file
    saved = json.loads(file.read_text())
    file.write_text(json.dumps({**saved, "host": "http://elsewhere"}))
    before = stored(stand_in, uneven[1])
    with pytest.raises(UsageError, match="elsewhere"):
        undo(server, file)
    assert stored(stand_in, uneven[1]) == before


def test_the_stage_posts_what_is_wrong_after_it_has_retimed(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    task, times = stalled(stand_in, ds, steps=[0.04] * 15 + [0.055] * 14)
    uneven = [at(times, 0), at(times, 28), at(times, 29, OUT)]
    annotate(stand_in, task, uneven, boxes((20, 5, False), (24, 9, False)))
    dry = audit(ds, server, retime=True, post=True, dry_run=True)
    assert [kind for kind, *_ in told(dry)] == ["uneven-time", "never-ends"]
    assert [(each.task_id, each.undo_file) for each in dry.mended] == [(task.id, None)]
    assert dry.posted == (PostResult(task.id, 2, 0),)
    assert (patches(stand_in), stand_in.state.issues) == ([], {})
    done = audit(ds, server, retime=True, post=True, output=tmp_path / "found")
    assert [kind for kind, *_ in told(done)] == ["never-ends"]
    (mended,) = done.mended
    assert (mended.tracks, mended.keyframes) == (1, dry.mended[0].keyframes)
    assert done.posted == (PostResult(task.id, 1, 0),)
    assert len(stand_in.state.issues) == 1
    names = {done.page.name, done.numbers.name, mended.undo_file.name}
    assert {each.name for each in (tmp_path / "found").iterdir()} == names
    assert [one["kind"] for one in json.loads(done.numbers.read_text())["findings"]] == [
        "never-ends"
    ]


def test_the_command_retimes_and_undoes(prep, stand_in, uneven):
    ds, task, before = uneven
    done = prep("audit", ds, "--retime", "--dry-run", **access(stand_in))
    assert (done.code, done.err) == (1, "")
    assert "keyframes would be added to 1 track." in done.out
    assert "nothing to retime" not in done.out
    assert "uneven-time: " not in done.out
    assert stored(stand_in, task) == before
    done = prep("audit", ds, "--retime", "--json", **access(stand_in))
    assert done.code in {0, 1}
    totals = done.json["totals"]
    assert (totals["tracks_changed"], totals["keyframes_added"] > 1) == (1, True)
    assert "uneven-time" not in [each["kind"] for each in done.json["findings"]]
    (file,) = ds.glob("cvat-undo-*.json")
    out = ds.parent / "undone"
    done = prep("audit", ds, "--undo", file, "-o", out, "--json", **access(stand_in))
    assert (done.code, done.json["totals"]) == (0, {"tracks_restored": 1})
    assert len(list(out.glob("cvat-undo-*.json"))) == 1
    assert stored(stand_in, task) == before
    done = prep("audit", ds, "--retime", **access(stand_in))
    assert "; undo with --undo " in done.out
