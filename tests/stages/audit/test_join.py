"""Join: two tracks that lie on each other become one, exactly where they were."""

import json
from copy import deepcopy

import numpy as np
import pytest
from helpers.cvat import (
    OUT,
    Caller,
    access,
    annotate,
    box,
    boxes,
    delete_frames,
    label_id,
    send,
    shape,
    task_named,
    told,
)
from helpers.cvat_stand_in import Kind
from helpers.dying import gone_after
from helpers.handmade import film
from helpers.tracks import steady
from hypothesis import given, settings, strategies as st
from video_prep.base.errors import CvatError, UnprovenError
from video_prep.cvat.annotations import CvatAnnotations
from video_prep.settings.cvat import AuditSettings
from video_prep.stages.audit.join import joined_shapes
from video_prep.stages.audit.stage import audit
from video_prep.stages.audit.undo import undo
from video_prep.tracks.model import make_track, outline_at
from video_prep.tracks.pieces import TaskView

RULES = AuditSettings(double_frames=5)
OVERLAP = {"jobs": "size", "job_size": 16, "overlap": 4}


def stored(stand_in, task):
    """What is in the jobs of a task."""
    caller = Caller(stand_in)
    return {
        job.id: caller("GET", f"/api/jobs/{job.id}/annotations/").json
        for job in stand_in.state.jobs_of(task)
    }


def shown(track, frames, deleted=()):
    """Where a track of the API is on each frame, None where it is not shown."""
    known = make_track([s for s in track["shapes"] if s["frame"] not in deleted], 0, "")
    outlines = [outline_at(known, frame) if len(known) else None for frame in frames]
    return [None if each is None else each.round(6).tolist() for each in outlines]


def is_patch(request):
    return request.method == "PATCH" and "/annotations" in request.path


@pytest.fixture
def doubled(stand_in, tmp_path):
    """A dataset and its task, in which two tracks lie on each other from frame 6 to 19."""
    ds = tmp_path / "ds"
    film(ds, "v")
    assert send(stand_in, ds, jobs="one").exit_code == 0
    task = task_named(stand_in, "v")
    annotate(
        stand_in,
        task,
        boxes((0, 10, False), (19, 48, False), (20, 48, OUT)),
        boxes((6, 23, False), (28, 67, False), (29, 67, OUT)),
        boxes((0, 600, False), (28, 700, False), (29, 700, OUT)),
    )
    return ds, task, stored(stand_in, task)


def test_two_tracks_become_one_that_goes_on_exactly(stand_in, server, doubled):
    ds, task, before = doubled
    ((_, was),) = before.items()
    result = audit(ds, server, join=True)
    assert told(result) == []
    (joined,) = result.joined
    assert (joined.pairs, joined.left) == (1, ())
    ((number, now),) = stored(stand_in, task).items()
    # The second is the longer: it stays as it is, and the first goes on before it.
    one, third = now["tracks"]
    assert (one["id"], third) == (was["tracks"][1]["id"], was["tracks"][2])
    first, second = was["tracks"][:2]
    assert shown(one, range(6)) == shown(first, range(6))
    assert shown(one, range(6, 30)) == shown(second, range(6, 30))
    assert {s["id"] for s in second["shapes"]} <= {s["id"] for s in one["shapes"]}
    saved = json.loads(joined.undo_file.read_text())["tracks"]
    assert [(track["job"], track["id"]) for track in saved] == [
        (number, track["id"]) for track in (second, first)
    ]
    assert [[s["points"] for s in track["shapes"]] for track in saved] == [
        [s["points"] for s in track["shapes"]] for track in (second, first)
    ]
    undo(server, joined.undo_file)
    (back,) = stored(stand_in, task).values()
    assert sorted(back["tracks"], key=lambda t: t["id"]) == was["tracks"]
    undo(server, joined.undo_file)
    (back,) = stored(stand_in, task).values()
    assert sorted(back["tracks"], key=lambda t: t["id"]) == was["tracks"]


def test_the_undo_of_an_undo_gives_the_one_track_again(stand_in, server, doubled):
    """And so on: each gives exactly what was there before it."""
    ds, task, before = doubled
    states = [in_order(before)]
    file = audit(ds, server, join=True).joined[0].undo_file
    states.append(in_order(stored(stand_in, task)))
    assert [len(job["tracks"]) for job in states[1].values()] == [2]
    for place in (0, 1, 0, 1):
        file = undo(server, file).undo_file
        assert in_order(stored(stand_in, task)) == states[place]


def in_order(jobs):
    """What is in the jobs of a task, in an order that changes do not change."""
    return {
        number: {**job, "tracks": sorted(job["tracks"], key=lambda track: track["id"])}
        for number, job in jobs.items()
    }


def test_a_dry_run_changes_nothing(stand_in, server, doubled):
    ds, task, before = doubled
    result = audit(ds, server, join=True, dry_run=True)
    assert [(each.pairs, each.undo_file) for each in result.joined] == [(1, None)]
    assert [kind for kind, *_ in told(result)] == ["double"]
    assert stored(stand_in, task) == before
    assert list(ds.glob("cvat-undo-*")) == []


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("kind", [Kind.CUT_ANSWER, Kind.CUT_MIDWAY])
def test_cut_off_at_each_request_nothing_is_lost(stand_in, server, doubled, kind, nth):
    ds, task, before = doubled
    ((_, was),) = before.items()
    seen = []

    def is_nth(request):
        if is_patch(request):
            seen.append(request)
        return is_patch(request) and len(seen) == nth

    with gone_after(stand_in, kind, is_nth), pytest.raises(CvatError, match=r"--undo .*cvat-undo-"):
        audit(ds, server, join=True)
    (file,) = ds.glob("cvat-undo-*.json")
    audit(ds, server, join=True)
    ((_, now),) = stored(stand_in, task).items()
    assert len(now["tracks"]) == 2
    assert shown(now["tracks"][0], range(6)) == shown(was["tracks"][0], range(6))
    assert shown(now["tracks"][0], range(6, 30)) == shown(was["tracks"][1], range(6, 30))
    undo(server, file)
    (back,) = stored(stand_in, task).values()
    assert sorted(back["tracks"], key=lambda t: t["id"]) == was["tracks"]


def test_a_track_that_stays_is_caught(server, doubled, monkeypatch):
    monkeypatch.setattr(CvatAnnotations, "delete_tracks", lambda *_: None)
    with pytest.raises(UnprovenError, match="is still there") as caught:
        audit(doubled[0], server, join=True)
    assert caught.value.exit_code == 4


def test_two_objects_that_meet_are_not_joined(stand_in, server, doubled):
    """Each is shown alone on both sides of where they cross: to join would lose one of them."""
    ds, task, _ = doubled
    annotate(
        stand_in,
        task,
        boxes((0, 10, False), (28, 52, False), (29, 52, OUT)),
        boxes((0, 52, False), (28, 10, False), (29, 10, OUT)),
    )
    before = stored(stand_in, task)
    result = audit(ds, server, RULES, join=True)
    (one, other) = (each.finding for each in result.findings[:1]), result.joined[0]
    (finding,) = one
    # The boxes are 50 wide, so those that overlap less than 0.35 are more than 24 apart.
    assert (finding.kind, finding.first_frame, finding.last_frame) == ("double", 12, 16)
    assert finding.apart_frames == 12
    assert "apart on 12 other frames. Look whether one of them went over" in finding.message
    (why,) = other.left
    assert (other.pairs, other.undo_file) == (0, None)
    assert why.endswith("both are shown, but apart, on 12 frames, so they may be two objects.")
    assert stored(stand_in, task) == before


def test_tracks_whose_attributes_differ_are_not_joined(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    film(ds, "v")
    colour = {
        "name": "colour", "mutable": False, "input_type": "select", "default_value": "red",
        "values": ["red", "blue"],
    }  # fmt: skip
    labels = [{"name": "car", "attributes": [colour]}]
    assert send(stand_in, ds, jobs="one", labels=labels).exit_code == 0
    task = task_named(stand_in, "v")
    caller = Caller(stand_in)
    (label,) = caller("GET", f"/api/labels?task_id={task.id}").json["results"]
    spec = label["attributes"][0]["id"]

    def put(*colours):
        tracks = [
            {
                "frame": 0,
                "label_id": label["id"],
                "shapes": boxes((0, 10, False), (19, 48, False), (20, 48, OUT)),
                "attributes": [{"spec_id": spec, "value": each}],
            }
            for each in colours
        ]
        body = {"version": 0, "tags": [], "shapes": [], "tracks": tracks}
        assert caller("PUT", f"/api/tasks/{task.id}/annotations/", body).status == 200

    put("red", "blue")
    before = stored(stand_in, task)
    (found,) = audit(ds, server).findings
    assert "their attributes differ. If it is one object, remove the track" in found.finding.message
    (joined,) = audit(ds, server, join=True).joined
    assert joined.pairs == 0
    assert "their attributes differ, and one track has one value of each" in joined.left[0]
    assert stored(stand_in, task) == before
    put("blue", "blue")
    (found,) = audit(ds, server).findings
    assert "Remove one of them, or let prep audit --join make them one." in found.finding.message
    (joined,) = audit(ds, server, join=True).joined
    assert (joined.pairs, joined.left) == (1, ())


def test_three_tracks_take_two_runs_and_it_says_so(stand_in, server, doubled):
    ds, task, _ = doubled
    annotate(stand_in, task, *(boxes((0, 10 + i, False), (28, 60, False), (29, 60, OUT))
                               for i in range(3)))  # fmt: skip
    (joined,) = audit(ds, server, join=True).joined
    assert joined.pairs == 1
    assert "one of them is joined with another; run it again" in joined.left[0]
    again = audit(ds, server, join=True)
    assert (again.joined[0].pairs, told(again)) == (1, [])


def disc(frame, x, outside=False):
    return shape(frame, [x, 100, x + 40, 60], kind="ellipse", outside=outside)


def draw(stand_in, job, *shapes):
    """Add a track to a job, as an annotator does who sees that job alone."""
    track = {"frame": shapes[0]["frame"], "label_id": label_id(stand_in), "shapes": [*shapes]}
    body = {"version": 0, "tags": [], "shapes": [], "tracks": [track]}
    path = f"/api/jobs/{job.id}/annotations/?action=create"
    assert Caller(stand_in)("PATCH", path, body).status == 200


def test_where_two_people_drew_one_object_in_jobs_that_overlap_the_first_ends(
    stand_in, server, tmp_path
):
    ds = tmp_path / "ds"
    film(ds, "v")
    assert send(stand_in, ds, **OVERLAP).exit_code == 0
    task = task_named(stand_in, "v")
    early, late, *_ = stand_in.state.jobs_of(task)
    draw(stand_in, early, disc(0, 10), disc(15, 40))
    draw(stand_in, late, disc(12, 38), disc(27, 64))
    before = stored(stand_in, task)
    assert ("double", 12, 15, 13, 4) in told(audit(ds, server))
    result = audit(ds, server, join=True)
    assert [(each.pairs, each.left) for each in result.joined] == [(1, ())]
    assert "double" not in [kind for kind, *_ in told(result)]
    now = stored(stand_in, task)
    assert now[late.id] == before[late.id]
    (one,), (was,) = now[early.id]["tracks"], before[early.id]["tracks"]
    assert shown(one, range(12)) == shown(was, range(12))
    assert shown(one, range(12, 16)) == [None] * 4
    undo(server, result.joined[0].undo_file)
    assert stored(stand_in, task) == before


def test_the_first_goes_on_where_the_second_has_left_before(stand_in, server, tmp_path):
    ds = tmp_path / "ds"
    film(ds, "v")
    assert send(stand_in, ds, **OVERLAP).exit_code == 0
    task = task_named(stand_in, "v")
    early, late, *_ = stand_in.state.jobs_of(task)
    draw(stand_in, early, disc(0, 10), disc(15, 40))
    draw(stand_in, late, disc(12, 38), disc(14, 41), disc(15, 41, outside=True))
    before = stored(stand_in, task)
    ((pairs, (why,)),) = [(each.pairs, each.left) for each in audit(ds, server, join=True).joined]
    assert (pairs, stored(stand_in, task)) == (0, before)
    assert "no job has both" in why


def test_deleted_frames_get_no_keyframes(stand_in, server, doubled):
    ds, task, before = doubled
    delete_frames(stand_in, task, 3, 5, 10)
    ((_, was),) = before.items()
    audit(ds, server, join=True)
    (now,) = stored(stand_in, task).values()
    frames = [f for f in range(30) if f not in {3, 5, 10}]
    one, first, second = now["tracks"][0], *was["tracks"][:2]
    expected = [
        b if b is not None else a
        for a, b in zip(*(shown(t, frames, {3, 5, 10}) for t in (first, second)), strict=True)
    ]
    assert shown(one, frames, {3, 5, 10}) == expected
    assert {s["frame"] for s in one["shapes"]}.isdisjoint({3, 5, 10})


@settings(max_examples=200)
@given(st.data())
def test_on_every_frame_it_shows_the_first_else_the_second(data):
    def track(name):
        frames = sorted(data.draw(st.sets(st.integers(0, 19), min_size=1, max_size=6)))
        shapes = [
            {**box(frame, data.draw(st.integers(0, 200)), data.draw(st.booleans())), "id": name + i,
             "rotation": 0.0}
            for i, frame in enumerate(frames)
        ]  # fmt: skip
        shapes[0]["outside"] = False
        return {"id": name, "frame": frames[0], "shapes": shapes}

    one, other = track(100), track(200)
    deleted = data.draw(st.sets(st.integers(0, 19), max_size=3))
    task = TaskView(steady(20, deleted=deleted))
    frames = np.setdiff1d(np.arange(20), [*deleted])
    kept = deepcopy((one, other))
    joined = {"shapes": joined_shapes(one, other, task, frames)}
    assert (one, other) == kept
    sides = [shown(each, frames, deleted) for each in (one, other)]
    expected = [b if a is None else a for a, b in zip(*sides, strict=True)]
    assert shown(joined, frames, deleted) == expected


def test_the_command_joins_and_undoes(prep, stand_in, doubled):
    ds, task, before = doubled
    done = prep("audit", ds, "--join", "--dry-run", **access(stand_in))
    assert (done.code, done.err) == (1, "")
    assert f"Task {task.id}: 1 pair of tracks would be joined." in done.out
    done = prep("audit", ds, "--join", "--json", **access(stand_in))
    assert (done.code, done.json["totals"]["pairs_joined"]) == (0, 1)
    (file,) = ds.glob("cvat-undo-*.json")
    done = prep("audit", ds, "--undo", file, **access(stand_in))
    (kept,) = set(ds.glob("cvat-undo-*.json")) - {file}
    assert (done.code, done.out) == (
        0,
        f"Task {task.id}: 2 tracks are as before.\nWhat was there before is in {kept}.\n",
    )
    (now,), (was,) = stored(stand_in, task).values(), before.values()
    assert sorted(now["tracks"], key=lambda track: track["id"]) == was["tracks"]
    done = prep("audit", ds, "--join", **access(stand_in))
    assert "; undo with --undo " in done.out
    done = prep("audit", ds, "--annotations", "x.xml", "--join", **access(stand_in))
    assert done.code == 2
