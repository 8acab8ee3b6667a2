"""Tracks of a tracker in the tasks of a dataset: what CVAT then shows is what the file has."""

import contextlib
import itertools
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import media
from helpers.cvat import (
    LABELS,
    Caller,
    access,
    annotate,
    box,
    by_name,
    delete_frames,
    label_id,
    send,
)
from helpers.cvat_stand_in import Fault, Kind
from helpers.cvat_stand_in.tracks import interpolated
from helpers.dying import DiedError, die_at
from helpers.handmade import STEADY, change_fates, film
from video_prep.base.errors import UsageError
from video_prep.cvat import jobs
from video_prep.cvat.annotations import CvatAnnotations
from video_prep.cvat.connect import connect
from video_prep.cvat.session import Session
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.dataset.store import Dataset
from video_prep.settings.cvat import CvatSettings
from video_prep.stages.annotate.sources import find_boxes
from video_prep.stages.annotate.stage import annotate as annotate_all

STILL = (Fate.DUPLICATE, Reason.STILL)
GONE = (Fate.REJECTED, Reason.TRUNCATED)
OVERLAP = {"jobs": "size", "job_size": 12, "overlap": 3}
TWO = [{"name": "car"}, {"name": "person"}]


def moving(frames, x=0.0, label="car", speed=3.0):
    """Boxes (frame of the video, label, corners) that turn around once."""
    return [
        (f, label, [x + speed * f, 20 + abs(f - 15), x + speed * f + 50, 90 + abs(f - 15)])
        for f in frames
    ]


def mot(path, *objects):
    """Write boxes of objects as a tracker does, frames from 1."""
    lines = [
        f"{frame + 1},{number},{x1},{y1},{x2 - x1},{y2 - y1},1,-1,-1,-1"
        for number, boxes in enumerate(objects, 1)
        for frame, _, (x1, y1, x2, y2) in boxes
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def table(path, *objects, video=None):
    rows = [
        {"frame": frame, "id": number, "label": label, "box": [float(each) for each in corners]}
        for number, boxes in enumerate(objects)
        for frame, label, corners in boxes
    ]
    if video is not None:
        rows = [{**row, "video": video} for row in rows]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def shown(stand_in, task):
    """Return (frame of the task, label, corners) of each box that CVAT shows, by its API alone.

    Job by job, as annotators see them; where jobs overlap, the task as a whole.
    """
    call = Caller(stand_in)
    jobs = [
        (job.start_frame, job.stop_frame, f"jobs/{job.id}") for job in stand_in.state.jobs_of(task)
    ]
    if task.overlap:
        jobs = [(0, len(task.data.frames) - 1, f"tasks/{task.id}")]
    labels = {label.id: label.name for label in stand_in.state.labels.values()}
    deleted = call("GET", f"/api/tasks/{task.id}/data/meta").json["deleted_frames"]
    return sorted(
        (shape["frame"], labels[track["label_id"]], shape["points"])
        for start, stop, path in jobs
        for track in call("GET", f"/api/{path}/annotations/").json["tracks"]
        for shape in interpolated(
            {**track, "shapes": [s for s in track["shapes"] if s["frame"] not in deleted]}, stop + 1
        )
        if not shape["outside"] and shape["frame"] >= start and shape["frame"] not in deleted
    )


def assert_shows(stand_in, task, *objects, within=2.0):
    """Assert that a task shows the boxes of the file that are on its frames, and no others."""
    deleted = Caller(stand_in)("GET", f"/api/tasks/{task.id}/data/meta").json["deleted_frames"]
    places = {
        int(frame.name.rsplit("_", 1)[1].split(".")[0]): place
        for place, frame in enumerate(task.data.frames)
        if place not in deleted
    }
    expected = sorted(
        (places[frame], label, corners)
        for boxes in objects
        for frame, label, corners in boxes
        if frame in places
    )
    seen = shown(stand_in, task)
    assert [each[:2] for each in seen] == [each[:2] for each in expected]
    off = np.abs(np.array([e[2] for e in seen]) - np.array([e[2] for e in expected]))
    assert np.hypot(off[:, [0, 2]].max(axis=1), off[:, [1, 3]].max(axis=1)).max() <= within


@pytest.fixture
def run(asked):
    """Run 'prep annotate' on the dataset, and give its JSON."""

    def annotate_tracks(tracks, *arguments, code=0):
        return asked("annotate", "ds", "--tracks", tracks, *arguments, code=code)

    return annotate_tracks


@pytest.fixture
def ds(tmp_path, stand_in):
    """One video of 30 frames: five still ones left out, one rejected, a cut; three jobs."""
    folder = tmp_path / "ds"
    gone = {**dict.fromkeys(range(5, 10), STILL), 20: GONE}
    film(folder, "a", STEADY, gone=gone, scores={14: 90})
    send(stand_in, folder, labels=TWO, shortest_job=3)
    (task,) = stand_in.state.tasks.values()
    assert [job.start_frame for job in stand_in.state.jobs_of(task)] == [0, 9, 15]
    return SimpleNamespace(folder=folder, task=task)


def test_every_box_is_shown_on_its_frame_and_nothing_else_is(ds, stand_in, run, tmp_path):
    objects = [
        moving(range(30)),  # through still frames, a cut and a rejected frame
        moving([*range(3, 13), *range(17, 23)], 200, "person"),  # gone for a while
        moving([19, 29], 400),
    ]
    done = run(table(tmp_path / "t.parquet", *objects))
    assert_shows(stand_in, ds.task, *objects)
    assert done["totals"] == {
        "tasks": 1, "annotated": 1, "unchanged": 0, "occupied": 0, "planned": 0, "failed": 0,
        "tracks": 8, "tracks_added": 8, "boxes": 24 + 10 + 2, "boxes_elsewhere": 6 + 6,
        "keyframes": done["tasks"][0]["keyframes"],
    }  # fmt: skip
    tracks = [track for job in stand_in.state.jobs_of(ds.task) for track in job.tracks]
    assert {track["source"] for track in tracks} == {"auto"}
    set_by_prep = sum(len(track["shapes"]) for track in tracks)
    assert done["tasks"][0]["keyframes"] == set_by_prep < 24 + 12
    assert sum(s["outside"] for track in tracks for s in track["shapes"]) > 0


def test_an_audit_finds_nothing_wrong_with_the_tracks(ds, run, asked, tmp_path):
    objects = [moving(range(30)), moving([*range(3, 13), *range(16, 30)], 200, "person")]
    run(table(tmp_path / "t.parquet", *objects))
    audited = asked("audit", "ds", code=0)
    assert (audited["totals"]["findings"], audited["totals"]["tracks"] > 0) == (0, True)


def test_nothing_is_filled_in_across_a_break_inside_a_job(tmp_path, stand_in, run):
    folder = tmp_path / "ds"
    film(folder, "a", STEADY, scores={14: 90}, gone={20: GONE})
    send(stand_in, folder, jobs="one", labels=LABELS)
    (task,) = stand_in.state.tasks.values()
    objects = [moving(range(30)), moving(range(14), 200), moving(range(14, 25), 300)]
    run(mot(tmp_path / "a.txt", *objects))
    assert_shows(stand_in, task, *objects)
    ((own, *_),) = [job.tracks for job in stand_in.state.jobs_of(task)]
    frames = {shape["frame"] for shape in own["shapes"]}
    assert {13, 14, 19, 20} <= frames  # of the task: behind 19 a frame of the video is missing
    assert not any(shape["outside"] for shape in own["shapes"])


def test_jobs_that_overlap_show_a_track_as_one(tmp_path, stand_in, run):
    folder = tmp_path / "ds"
    film(folder, "a", STEADY)
    send(stand_in, folder, **OVERLAP, labels=LABELS)
    (task,) = stand_in.state.tasks.values()
    objects = [moving(range(30)), moving(range(8, 11), 200), moving(range(11, 30), 300)]
    first = run(mot(tmp_path / "a.txt", *objects))
    assert_shows(stand_in, task, *objects)
    assert first["totals"]["tracks"] == 3
    there = [shapes for job in in_jobs(stand_in, task) for shapes in job]
    assert first["totals"]["keyframes"] == sum(map(len, there))
    again = run(mot(tmp_path / "a.txt", *objects))
    assert (again["totals"]["unchanged"], again["totals"]["tracks_added"]) == (1, 0)


def in_jobs(stand_in, task):
    """Return what each job has, without ids."""
    bare = [
        sorted(
            [(s["frame"], s["points"], s["outside"]) for s in track["shapes"]]
            for track in job.tracks
        )
        for job in stand_in.state.jobs_of(task)
    ]
    assert all(bare)
    return bare


@pytest.mark.parametrize("more", [(), ("--replace",)], ids=["new", "replace"])
@pytest.mark.parametrize("is_sent", [False, True], ids=["before", "after"])
def test_killed_at_each_request_the_same_command_does_the_rest_and_nothing_twice(
    more, is_sent, tmp_path, monkeypatch, asked, stand_in
):
    folder = tmp_path / "ds"
    film(folder, "a", STEADY)
    send(stand_in, folder, **OVERLAP, labels=LABELS)
    (task,) = stand_in.state.tasks.values()
    file = mot(tmp_path / "a.txt", moving(range(30)), moving(range(8, 11), 200))
    command = ("annotate", "ds", "--tracks", file, *more)
    asked(*command, code=0)
    expected = in_jobs(stand_in, task)
    for number in itertools.count():
        for job in stand_in.state.jobs_of(task):
            job.tracks = []
        if more:
            annotate(stand_in, task, [box(5, 300), box(25, 310)])
            theirs = in_jobs(stand_in, task)
        with monkeypatch.context() as patch:
            is_dead = die_at(patch, number, is_sent=is_sent)
            with (
                contextlib.suppress(DiedError),
                connect(CvatSettings(host=stand_in.url), "admin:secret") as session,
            ):
                annotate_all(folder, CvatAnnotations(session), file, replace=bool(more))
        saved = sorted(folder.glob("cvat-annotations-*"))
        touched = not more or in_jobs(stand_in, task) != theirs
        assert len(saved) >= bool(more and touched)
        done = asked(*command, code=0)
        assert done["totals"]["failed"] == 0
        assert in_jobs(stand_in, task) == expected
        if more and touched:
            asked("annotations", "restore", saved[0], "--force", code=0)
            assert in_jobs(stand_in, task) == theirs
        for each in folder.glob("cvat-annotations-*"):
            each.unlink()
        if not is_dead.is_set():
            break
    assert number > 15


def test_a_job_of_which_somebody_removed_tracks_is_left_alone(tmp_path, stand_in, run):
    folder = tmp_path / "ds"
    film(folder, "a", STEADY)
    send(stand_in, folder, **OVERLAP, labels=LABELS)
    (task,) = stand_in.state.tasks.values()
    file = mot(tmp_path / "a.txt", moving(range(30)), moving(range(30), 200))
    run(file)
    expected = in_jobs(stand_in, task)
    first, _, third = stand_in.state.jobs_of(task)
    first.tracks.pop()
    left = run(file, code=1)
    assert left["tasks"][0]["message"] == "it has 1 of the file's 2 tracks, and nothing else."
    third.tracks = []
    assert run(file, "--add")["totals"]["tracks_added"] == 2
    assert in_jobs(stand_in, task) == expected


def test_keyframes_do_not_stand_on_frames_that_were_deleted_in_cvat(ds, stand_in, run, tmp_path):
    delete_frames(stand_in, ds.task, 2, 8, 9, 23)  # the last of job 1, the first of job 2
    objects = [moving(range(30)), moving(range(7), 200), moving(range(3), 300)]
    run(table(tmp_path / "t.parquet", *objects))
    assert_shows(stand_in, ds.task, *objects)
    for job in stand_in.state.jobs_of(ds.task):
        for track in job.tracks:
            assert not {s["frame"] for s in track["shapes"]} & {2, 8, 9, 23}


def test_a_video_in_several_tasks_has_its_tracks_in_each(tmp_path, stand_in, run):
    folder = tmp_path / "ds"
    film(folder, "a", STEADY)
    film(folder, "b", STEADY)
    send(stand_in, folder, task_size=10, labels=LABELS)
    objects = [moving(range(25)), moving(range(3, 6), 200)]
    (tmp_path / "tracks").mkdir()
    mot(tmp_path / "tracks" / "a.txt", *objects)
    (tmp_path / "tracks" / "other.txt").write_text("1,1,0,0,9,9\n")
    (tmp_path / "tracks" / "notes.md").write_text("no tracks")
    done = run("tracks")
    tasks = by_name(stand_in)
    for name in ("a (1/3)", "a (2/3)", "a (3/3)"):
        assert_shows(stand_in, tasks[name], *objects)
    assert [each["name"] for each in done["tasks"]] == ["a (1/3)", "a (2/3)", "a (3/3)"]
    assert shown(stand_in, tasks["b (1/3)"]) == []
    (warning,) = done["warnings"]
    assert "other.txt: named by no video of the dataset" in warning


def test_the_videos_may_be_named_in_the_file(tmp_path, stand_in, run):
    folder = tmp_path / "ds"
    film(folder, "a", STEADY)
    film(folder, "b", STEADY)
    send(stand_in, folder, labels=LABELS)
    rows = [
        pq.read_table(table(tmp_path / "x.parquet", moving(range(9), x), video=video))
        for video, x in (("a", 0), ("b.mp4", 100), ("c", 200))
    ]
    pq.write_table(pa.concat_tables(rows), tmp_path / "all.parquet")
    done = run("all.parquet")
    tasks = by_name(stand_in)
    assert_shows(stand_in, tasks["a"], moving(range(9)))
    assert_shows(stand_in, tasks["b"], moving(range(9), 100))
    assert ["no video of the dataset is called c" in each for each in done["warnings"]] == [True]


# Twice, and beside the work of others


def test_run_again_it_changes_nothing(ds, stand_in, run, tmp_path):
    objects = [moving(range(30)), moving(range(3, 13), 200, "person")]
    file = table(tmp_path / "t.parquet", *objects)
    run(file)
    before = deepcopy([job.tracks for job in stand_in.state.jobs_of(ds.task)])
    for more in ((), ("--add",), ("--replace",)):
        done = run(file, *more)
        assert (done["totals"]["unchanged"], done["totals"]["tracks_added"]) == (1, 0)
        assert [job.tracks for job in stand_in.state.jobs_of(ds.task)] == before
    assert not list(ds.folder.glob("cvat-annotations-*"))


def test_two_runs_at_once_put_nothing_twice(ds, stand_in, run, tmp_path, monkeypatch):
    """A run that was killed, or one of another copy of the dataset, is carried out meanwhile."""
    file = table(tmp_path / "t.parquet", moving(range(30)), moving(range(3), 200))
    once = CvatAnnotations.add_tracks

    def twice(self, job_id, tracks, left):
        once(self, job_id, tracks, left)
        once(self, job_id, tracks, left)

    monkeypatch.setattr(CvatAnnotations, "add_tracks", twice)
    done = run(file)
    assert "tracks were there twice" in done["tasks"][0]["message"]
    assert_shows(stand_in, ds.task, moving(range(30)), moving(range(3), 200))
    monkeypatch.setattr(CvatAnnotations, "add_tracks", once)
    again = run(file)
    assert (again["totals"]["unchanged"], again["tasks"][0]["message"]) == (1, "")


def test_what_a_run_has_put_twice_that_was_killed_then_is_removed_by_the_next(
    ds, stand_in, run, tmp_path
):
    file = table(tmp_path / "t.parquet", moving(range(30)), moving(range(30)), moving([29], 200))
    run(file)
    for job in stand_in.state.jobs_of(ds.task):
        job.tracks += [{**deepcopy(track), "id": track["id"] + 1000} for track in job.tracks]
    before = [track["id"] for job in stand_in.state.jobs_of(ds.task) for track in job.tracks]
    assert run(file, "--dry-run")["totals"]["unchanged"] == 1
    done = run(file)
    assert (done["totals"]["unchanged"], done["totals"]["occupied"]) == (1, 0)
    assert "there twice" in done["tasks"][0]["message"]
    left = [track["id"] for job in stand_in.state.jobs_of(ds.task) for track in job.tracks]
    assert left == [number for number in before if number < 1000]
    objects = [moving(range(30)), moving(range(30)), moving([29], 200)]
    assert_shows(stand_in, ds.task, *objects)


def test_while_another_prep_writes_into_the_dataset_nothing_is_put(ds, stand_in, run, tmp_path):
    file = table(tmp_path / "t.parquet", moving(range(30)))
    with Dataset(ds.folder).writing():
        failed = run(file, code=2)
        assert "another prep is writing into this dataset" in failed["errors"][0]["message"]
        assert run(file, "--dry-run")["totals"]["planned"] == 1
    assert shown(stand_in, ds.task) == []


def test_boxes_outside_of_the_picture_are_left_out_and_told(ds, stand_in, run, tmp_path):
    width, height = ds.task.data.frames[0].width, ds.task.data.frames[0].height
    beyond = [(f, "car", [width - 10.0 + f, 20, width + 40.0 + f, 60]) for f in range(14)]
    above = [(f, "car", [5.0, -40, 30, 0]) for f in range(3)]
    done = run(table(tmp_path / "t.parquet", beyond, above))
    assert_shows(stand_in, ds.task, beyond[:10])  # of which those at the border are whole
    (warning,) = done["warnings"]
    assert warning.startswith(f"a: 7 boxes wholly outside of the picture of {width}×{height} ")
    assert done["totals"]["boxes_elsewhere"] == 5  # those on frames that are left out


def test_of_two_objects_alike_the_one_that_is_lacking_is_put(ds, stand_in, run, tmp_path):
    file = table(tmp_path / "t.parquet", moving(range(4)), moving(range(4)))
    run(file)
    job = stand_in.state.jobs_of(ds.task)[0]
    assert len(job.tracks) == 2
    job.tracks.pop()
    assert (
        "it has 1 of the file's 2 tracks, and nothing else."
        in run(file, code=1)["tasks"][0]["message"]
    )
    assert run(file, "--add")["totals"]["tracks_added"] == 1
    assert len(job.tracks) == 2


def test_a_track_that_an_annotator_refined_is_there_all_the_same(ds, stand_in, run, tmp_path):
    file = table(tmp_path / "t.parquet", moving(range(4)))
    run(file)
    job = stand_in.state.jobs_of(ds.task)[0]
    (track,) = deepcopy(job.tracks)
    first = {k: v for k, v in track["shapes"][0].items() if k != "id"}
    track["shapes"].append({**first, "frame": 2, "points": [9.0, 9.0, 99.0, 99.0]})
    body = {"version": 0, "tags": [], "shapes": [], "tracks": [track]}
    path = f"/api/jobs/{job.id}/annotations/?action=update"
    assert Caller(stand_in)("PATCH", path, body).status == 200
    assert run(file)["totals"]["unchanged"] == 1


def test_the_work_of_others_is_left_alone_unless_one_says_what_is_to_become_of_it(
    ds, stand_in, run, asked, tmp_path
):
    annotate(stand_in, ds.task, [box(0, 300), box(3, 310), box(4, 310, True)], label="person")
    theirs = shown(stand_in, ds.task)
    file = table(tmp_path / "t.parquet", moving(range(9)))
    left = run(file, code=1)
    assert shown(stand_in, ds.task) == theirs
    assert (left["totals"]["occupied"], left["tasks"][0]["status"]) == (1, "occupied")
    assert left["tasks"][0]["message"] == "it has annotations, none of them of this file."
    person = [(f, "person", [300 + f * 10 / 3, 20, 350 + f * 10 / 3, 80]) for f in range(4)]

    run(file, "--add")
    assert_shows(stand_in, ds.task, moving(range(9)), person)

    other = table(tmp_path / "u.parquet", moving(range(5), 100))
    before = shown(stand_in, ds.task)
    done = run(other, "--replace")
    assert_shows(stand_in, ds.task, moving(range(5), 100))
    asked("annotations", "restore", done["tasks"][0]["saved"], "--force", code=0)
    assert shown(stand_in, ds.task) == before


def test_what_was_added_to_them_goes_when_all_is_replaced(ds, stand_in, run, asked, tmp_path):
    wrong, right = moving(range(9), 40), moving(range(9))
    run(table(tmp_path / "wrong.parquet", wrong))
    file = table(tmp_path / "right.parquet", right)
    run(file, "--add")
    assert_shows(stand_in, ds.task, wrong, right)
    assert run(file)["totals"]["unchanged"] == 1
    planned = run(file, "--replace", "--dry-run")
    done = run(file, "--replace")
    assert planned["totals"]["planned"] == done["totals"]["annotated"] == 1
    assert_shows(stand_in, ds.task, right)
    again = run(file, "--replace")
    assert (again["totals"]["unchanged"], again["tasks"][0].get("saved")) == (1, None)
    asked("annotations", "restore", done["tasks"][0]["saved"], "--force", code=0)
    assert_shows(stand_in, ds.task, wrong, right)


def test_add_and_replace_exclude_each_other(run, ds, tmp_path):
    file = table(tmp_path / "t.parquet", moving(range(9)))
    failed = run(file, "--add", "--replace", code=2)
    assert "exclude each other" in failed["errors"][0]["message"]


def test_a_dry_run_counts_and_changes_nothing(ds, stand_in, run, tmp_path):
    file = table(tmp_path / "t.parquet", moving(range(30)))
    begun = len(stand_in.requests)
    planned = run(file, "--dry-run")
    assert {r.method for r in stand_in.requests[begun:] if "auth" not in r.path} == {"GET"}
    done = run(file)
    same = ("tracks", "tracks_added", "boxes", "boxes_elsewhere", "keyframes")
    assert {k: planned["totals"][k] for k in same} == {k: done["totals"][k] for k in same}
    assert (planned["totals"]["planned"], planned["totals"]["annotated"]) == (1, 0)


# When things break


def is_put(request):
    return request.method in {"PATCH", "PUT"} and request.path.startswith("/api/jobs/")


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (Kind.CUT_REQUEST, 4),
        (Kind.CUT_ANSWER, 3),
        (Kind.DO_THEN_REFUSE, 3),
        (Kind.REFUSE_THEN_DO, 3),
    ],
)
def test_an_answer_that_is_lost_is_looked_for_and_nothing_put_twice(
    kind, sent, ds, stand_in, run, tmp_path, monkeypatch
):
    monkeypatch.setattr(Session, "pause", lambda *_: None)
    file = table(tmp_path / "t.parquet", moving(range(30)))
    stand_in.faults.add(Fault(kind, match=is_put, status=504, after=3))
    assert run(file)["totals"]["failed"] == 0
    assert stand_in.faults.waiting == 0
    assert len(list(filter(is_put, stand_in.requests))) == sent
    assert run(file)["totals"]["unchanged"] == 1
    assert_shows(stand_in, ds.task, moving(range(30)))


def test_a_server_that_never_does_it_is_told(ds, stand_in, run, tmp_path, monkeypatch):
    monkeypatch.setattr(Session, "pause", lambda *_: None)
    file = table(tmp_path / "t.parquet", moving(range(30)))
    stand_in.faults.add(Fault(Kind.REFUSE, match=is_put, status=504, times=3))
    failed = run(file, code=4)
    assert "It did so 3 times in a row. A proxy says this" in failed["errors"][0]["message"]
    assert run(file)["totals"]["annotated"] == 1
    assert_shows(stand_in, ds.task, moving(range(30)))


@pytest.mark.parametrize("more", [(), ("--replace",)], ids=["new", "replace"])
def test_killed_between_portions_the_same_command_does_the_rest(
    more, ds, stand_in, run, tmp_path, monkeypatch
):
    monkeypatch.setattr(jobs, "_PORTION_WORK", 30)
    objects = [moving(range(30), 40 * number) for number in range(5)]
    file = table(tmp_path / "t.parquet", *objects)
    for number in itertools.count():
        for job in stand_in.state.jobs_of(ds.task):
            job.tracks = []
        if more:
            annotate(stand_in, ds.task, *([box(at, 300), box(at + 1, 310)] for at in range(4)))
        with (
            monkeypatch.context() as patch,
            contextlib.suppress(DiedError),
            connect(CvatSettings(host=stand_in.url), "admin:secret") as session,
        ):
            is_dead = die_at(patch, number, is_sent=True)
            annotate_all(ds.folder, CvatAnnotations(session), file, replace=bool(more))
        run(file, *more)
        assert_shows(stand_in, ds.task, *objects)
        if not is_dead.is_set():
            break
    assert len(list(filter(is_put, stand_in.requests))) > 4 * number


def test_of_many_tracks_those_that_somebody_removed_stay_so(
    ds, stand_in, run, tmp_path, monkeypatch
):
    monkeypatch.setattr(jobs, "_PORTION_WORK", 30)
    file = table(tmp_path / "t.parquet", *(moving(range(30), 40 * n) for n in range(4)))
    run(file)
    del stand_in.state.jobs_of(ds.task)[0].tracks[1]
    left = run(file, code=1)
    assert left["tasks"][0]["message"] == "it has 11 of the file's 12 tracks, and nothing else."


def test_what_cvat_does_not_show_is_told(ds, stand_in, run, tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.cvat_stand_in.annotations.patch_job", lambda *args: {})
    failed = run(table(tmp_path / "t.parquet", moving(range(9))), code=4)
    assert "1 of 1 track cannot be read back as sent" in failed["errors"][0]["message"]


# What is refused


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        (range(0, 30, 2), "a: 10 boxes of 12 would be shown on a single frame each, for the file"),
        (range(30), None),
        ([0, 1, 2, 3, 11, 13, 17], None),
        ([4], None),
    ],
)
def test_boxes_that_would_only_flash_up_are_told(ds, run, tmp_path, frames, told):
    done = run(table(tmp_path / "t.parquet", moving(frames)), "--dry-run")
    found = [each for each in done["warnings"] if "on a single frame each" in each]
    assert [each.startswith(told) for each in found] == [True] * (told is not None)


def test_labels_that_the_project_lacks_are_named_before_anything_is_changed(
    ds, stand_in, run, tmp_path
):
    objects = [moving(range(9)), moving(range(9), 100, "bus"), moving(range(9), 200, "tram")]
    failed = run(table(tmp_path / "t.parquet", *objects), code=2)
    (error,) = failed["errors"]
    assert (
        "lacks labels of these tracks: bus (1 track), tram (1 track). It has car, person."
        in (error["message"])
    )
    assert shown(stand_in, ds.task) == []


def test_a_file_without_labels_needs_one_unless_there_is_but_one(ds, stand_in, run, tmp_path):
    file = mot(tmp_path / "a.txt", moving(range(5)))
    failed = run(file, code=2)
    assert "names no label for its tracks. Name one with --label" in failed["errors"][0]["message"]
    run(file, "--label", "person")
    assert {label for _, label, _ in shown(stand_in, ds.task)} == {"person"}


def test_labels_that_are_not_for_boxes_are_refused(tmp_path, stand_in, run):
    film(tmp_path / "ds", "a", STEADY)
    send(stand_in, tmp_path / "ds", labels=[{"name": "zone", "type": "polygon"}])
    failed = run(mot(tmp_path / "a.txt", moving(range(5))), code=2)
    assert "label 'zone' of task" in failed["errors"][0]["message"]
    assert "is for polygon alone, not for boxes" in failed["errors"][0]["message"]


def test_frames_that_the_video_has_not_are_refused(ds, stand_in, run, tmp_path):
    failed = run(mot(tmp_path / "a.txt", moving([3, 30])), "--label", "car", code=3)
    assert (
        "the video has 30 frames, while its tracks have a box on frame 31, counted from 1"
        in (failed["errors"][0]["message"])
    )
    assert shown(stand_in, ds.task) == []


def test_of_several_videos_it_must_be_clear_which_one_is_meant(tmp_path, stand_in, run):
    for name in ("a", "b"):
        film(tmp_path / "ds", name, STEADY)
    send(stand_in, tmp_path / "ds", labels=LABELS)
    failed = run(mot(tmp_path / "result.txt", moving(range(5))), code=2)
    assert (
        "of which video is it? Name the file by it (one of a, b), or in Parquet have a column "
        "'video'." in failed["errors"][0]["message"]
    )
    (tmp_path / "tracks").mkdir()
    mot(tmp_path / "tracks" / "result.txt", moving(range(5)))
    failed = run("tracks", code=2)
    assert (
        "none of its files (.txt, .csv, .xml, .parquet) is named by a video"
        in (failed["errors"][0]["message"])
    )


def test_one_bad_file_does_not_cost_the_others(tmp_path, stand_in, run):
    for name in ("a", "b"):
        film(tmp_path / "ds", name, STEADY)
    send(stand_in, tmp_path / "ds", labels=LABELS, task_size=15)
    (tmp_path / "tracks").mkdir()
    mot(tmp_path / "tracks" / "a.txt", moving(range(5)))
    (tmp_path / "tracks" / "b.txt").write_text("frame,id\n")
    done = run("tracks", code=3)
    assert [(each["name"], each["status"]) for each in done["tasks"]] == [
        ("a (1/2)", "annotated"), ("b", "failed")
    ]  # fmt: skip
    assert_shows(stand_in, by_name(stand_in)["a (1/2)"], moving(range(5)))
    (tmp_path / "tracks" / "b.csv").write_text("1,1,0,0,9,9\n")
    failed = run("tracks", code=2)
    assert "another file here is also of video 'b'" in failed["errors"][0]["message"]


def test_a_dataset_that_was_not_uploaded_or_whose_task_is_gone(ds, stand_in, run, tmp_path):
    file = mot(tmp_path / "a.txt", moving(range(5)))
    stand_in.state.delete_task(ds.task)
    failed = run(file, "--label", "car", code=3)
    assert f"task {ds.task.id}: it is gone from CVAT" in failed["errors"][0]["message"]
    (ds.folder / "cvat.json").unlink()
    failed = run(file, "--label", "car", code=2)
    assert "Run 'prep upload --cvat' first." in failed["errors"][0]["message"]


def test_of_several_projects_one_is_named(ds, stand_in, run, tmp_path):
    send(stand_in, ds.folder, labels=LABELS, project="second")
    file = mot(tmp_path / "a.txt", moving(range(5)))
    failed = run(file, code=2)
    assert (
        "uploaded into several projects: ds (1), second (2). Name one with --project."
        in (failed["errors"][0]["message"])
    )
    failed = run(file, "--project", "third", code=2)
    assert "was not uploaded into it" in failed["errors"][0]["message"]
    run(file, "--project", "second")
    first, second = stand_in.state.tasks.values()
    assert shown(stand_in, first) == []
    assert_shows(stand_in, second, moving(range(5)))


def test_a_task_shows_the_frames_that_it_was_made_of(ds, stand_in, run, tmp_path):
    """Also where the dataset has left out some of them since."""
    change_fates(ds.folder, "a", [2, 25], Fate.DUPLICATE, Reason.SIMILAR)
    objects = [moving(range(30))]
    run(table(tmp_path / "t.parquet", *objects))
    assert_shows(stand_in, ds.task, *objects)


def test_boxes_of_the_video_are_made_smaller_with_its_images(tmp_path, stand_in, asked, run):
    media.encode(tmp_path / "a.mp4", *media.X264, frames=6)
    asked("extract", "a.mp4", "-o", "ds", "--dedupe", "off", "--max-size", "32", code=0)
    send(stand_in, tmp_path / "ds", labels=LABELS)
    (task,) = stand_in.state.tasks.values()
    frame = task.data.frames[0]
    assert (frame.width, frame.height) == (32, 24)
    boxes = [(f, "car", [8.0, 8.0, 40.0, 40.0]) for f in range(6)]
    file = mot(tmp_path / "a.txt", boxes)
    run(file)
    scale = frame.width / 160
    smaller = [(f, label, [scale * each for each in corners]) for f, label, corners in boxes]
    assert_shows(stand_in, task, smaller, within=0.01)
    run(file, "--pixels", "images", "--replace")
    assert_shows(stand_in, task, boxes, within=0.01)
    assert label_id(stand_in)


def test_what_there_is_to_say_of_no_boxes_and_no_file(ds, run, tmp_path):
    (tmp_path / "a.txt").write_text("")
    done = run("a.txt")
    assert (done["tasks"], done["warnings"]) == ([], ["a: its file has no boxes."])
    failed = run("b.txt", code=2)
    assert failed["errors"][0]["message"] == "--tracks b.txt: there is no such file or folder."


def test_a_file_in_a_folder_that_may_be_of_two_videos_is_named(tmp_path):
    records = {name: SimpleNamespace(source=SimpleNamespace(name=f"{name}/v.mp4")) for name in "ab"}
    mot(tmp_path / "v.txt", moving(range(3)))
    with pytest.raises(UsageError, match=r"v\.txt: 'v' may be any of the videos a, b: name the id"):
        find_boxes(tmp_path, records, [])


def test_the_count_of_keyframes_is_that_of_all_that_is_sent(ds, prep, stand_in, tmp_path):
    """A track that ends needs one more than its boxes, if it has only one."""
    file = table(tmp_path / "t.parquet", moving([3], 100), moving([17], 200, "person"))
    done = prep("annotate", tmp_path / "ds", "--tracks", file, **access(stand_in))
    told = " ".join(done.out.split())
    assert "4 keyframes for 2 boxes, 100 % more, ends of tracks among them" in told
