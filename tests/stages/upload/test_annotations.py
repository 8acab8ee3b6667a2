"""Annotations are saved by names, and put back wherever these are."""

import contextlib
import itertools
import json
from pathlib import Path

import pytest
from helpers.annotating import LABELS, SHAPE, TAG, TRACK, bare, put, read, where
from helpers.cvat import Caller, access, boxes, send, task_named
from helpers.dying import DiedError, die_at
from helpers.handmade import change_fates, write_video
from video_prep.cvat import jobs
from video_prep.cvat.connect import connect
from video_prep.cvat.named import NamedAnnotations
from video_prep.cvat.server import CvatServer
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.dataset.saved_annotations import keep
from video_prep.settings.cvat import CvatSettings
from video_prep.stages.upload.annotations import restore_annotations


@pytest.fixture
def ds(tmp_path):
    write_video(tmp_path / "ds", "a", 12)
    return tmp_path / "ds"


@pytest.fixture
def annotated(stand_in, ds):
    """A task with a track over two jobs, a shape and a tag."""
    send(stand_in, ds, labels=LABELS, jobs="size", job_size=5)
    task = task_named(stand_in, "a")
    put(stand_in, task, tracks=[TRACK], shapes=[SHAPE], tags=[TAG])
    return task


@pytest.fixture
def run(prep, stand_in):
    def run(*arguments):
        return prep("annotations", *map(str, arguments), "--json", **access(stand_in))

    return run


def clear(stand_in, task):
    answer = Caller(stand_in)("PUT", f"/api/tasks/{task.id}/annotations/", {})
    assert answer.status == 200


def test_what_was_saved_is_put_back(run, stand_in, ds, annotated):
    before = read(stand_in, annotated)
    saved = run("save", ds)
    assert (saved.code, saved.json["totals"]) == (0, {"tags": 1, "shapes": 1, "tracks": 2})
    (told,) = saved.json["tasks"]
    assert told["file"] == str(ds / f"cvat-annotations-{annotated.id}.json")
    again = run("save", ds)
    assert [(task["file"], task["is_new"]) for task in again.json["tasks"]] == [
        (told["file"], False)
    ]
    clear(stand_in, annotated)
    done = run("restore", told["file"])
    assert (done.code, done.json["tasks"]) == (0, [{"task_id": annotated.id}])
    assert read(stand_in, annotated) == before
    assert run("restore", told["file"]).code == 0  # all is there


@pytest.fixture
def overlapping(stand_in, ds):
    """A task whose jobs share two frames, in which two people saw things differently."""
    send(stand_in, ds, labels=LABELS, jobs="size", job_size=6, overlap=2)
    task = task_named(stand_in, "a")
    line = [{**each, "type": "polyline"} for each in boxes((0, 100), (11, 210))]
    tracks = [{"label": "car", "frame": 0, "shapes": line}, TRACK]
    put(stand_in, task, tracks=tracks, shapes=[{**SHAPE, "frame": 5}], tags=[{**TAG, "frame": 4}])
    _, second, third = stand_in.state.jobs_of(task)
    theirs = next(track for track in second.tracks if track["shapes"][0]["type"] == "rectangle")
    for each in theirs["shapes"]:
        each["points"] = [value + 2 for value in each["points"]]
    theirs["source"] = "semi-auto"
    third.tracks.pop()
    return task


def jobs_of(stand_in, task):
    """Return what each job has, without ids."""
    told = (
        Caller(stand_in)("GET", f"/api/jobs/{job.id}/annotations/").json
        for job in stand_in.state.jobs_of(task)
    )
    names = range(12)
    return [
        {kind: [bare(one, names) for one in each[kind]] for kind in ("tags", "shapes", "tracks")}
        for each in told
    ]


def test_each_job_has_what_it_had_whatever_its_neighbours_have(run, stand_in, ds, overlapping):
    before = jobs_of(stand_in, overlapping)
    saved = run("save", ds).json
    assert saved["totals"] == {"tags": 2, "shapes": 2, "tracks": 5}
    clear(stand_in, overlapping)
    assert run("restore", saved["tasks"][0]["file"]).code == 0
    assert jobs_of(stand_in, overlapping) == before


def test_cut_elsewhere_it_is_one_again(run, stand_in, ds, overlapping):
    """In one job nothing is there twice; where both have a keyframe, that of the earlier counts."""
    (told,) = run("save", ds).json["tasks"]
    send(stand_in, ds, labels=LABELS, project="other", jobs="one")
    (new,) = (task for task in stand_in.state.tasks.values() if task is not overlapping)
    assert run("restore", told["file"], "--task", new.id).code == 0
    there = read(stand_in, new)
    assert (len(there["tags"]), len(there["shapes"])) == (1, 1)
    line, car = there["tracks"]
    assert where(line)[0] == (0, 100, False)
    # Between its own keyframes the second job has it two pixels off; the third lost it.
    assert where(car) == [
        (1, 0.5, False), (4, 30.25, False), (5, 40.1875, False), (8, 72, False), (9, 82, False),
        (10, 82, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("is_sent", "work"),
    [(False, 5_000), (True, 5_000), (True, 12)],
    ids=["before", "after", "after-portion"],
)
def test_killed_at_each_request_a_restore_is_finished_by_the_next(
    is_sent, work, run, stand_in, ds, overlapping, monkeypatch
):
    monkeypatch.setattr(jobs, "_PORTION_WORK", work)
    before = jobs_of(stand_in, overlapping)
    (told,) = run("save", ds).json["tasks"]
    for number in itertools.count():
        other = {"label": "car", "frame": 2, "shapes": boxes((2, 5))}
        put(stand_in, overlapping, tracks=[other])
        theirs = jobs_of(stand_in, overlapping)
        with monkeypatch.context() as patch:
            is_dead = die_at(patch, number, is_sent=is_sent)
            settings = CvatSettings(host=stand_in.url)
            with contextlib.suppress(DiedError), connect(settings, "admin:secret") as session:
                restore_annotations(Path(told["file"]), CvatServer(session), force=True)
        is_begun = jobs_of(stand_in, overlapping) != theirs
        assert run("restore", told["file"], "--force").code == 0
        assert jobs_of(stand_in, overlapping) == before
        if is_begun:
            kept = ds / f"cvat-annotations-{overlapping.id}-2.json"
            assert run("restore", kept, "--force").code == 0
            assert jobs_of(stand_in, overlapping) == theirs
        if not is_dead.is_set():
            break
    assert number > 15


def test_killed_between_portions_a_restore_goes_on_without_force(
    run, stand_in, ds, overlapping, monkeypatch
):
    monkeypatch.setattr(jobs, "_PORTION_WORK", 1)
    before = jobs_of(stand_in, overlapping)
    (told,) = run("save", ds).json["tasks"]
    for number in itertools.count():
        clear(stand_in, overlapping)
        with monkeypatch.context() as patch:
            is_dead = die_at(patch, number, is_sent=True)
            settings = CvatSettings(host=stand_in.url)
            with contextlib.suppress(DiedError), connect(settings, "admin:secret") as session:
                restore_annotations(Path(told["file"]), CvatServer(session))
        assert run("restore", told["file"]).code == 0
        assert jobs_of(stand_in, overlapping) == before
        if not is_dead.is_set():
            break
    assert number > 20
    put(stand_in, overlapping, tracks=[{"label": "car", "frame": 2, "shapes": boxes((2, 5))}])
    theirs = jobs_of(stand_in, overlapping)
    refused = run("restore", told["file"])
    assert (refused.code, refused.json["errors"][0]["kind"]) == (1, "undecided")
    assert "has other annotations in job" in refused.json["errors"][0]["message"]
    assert jobs_of(stand_in, overlapping) == theirs


def test_other_annotations_are_replaced_by_force_alone_and_saved(run, stand_in, ds, annotated):
    (told,) = run("save", ds).json["tasks"]
    before = read(stand_in, annotated)
    other = {"label": "car", "frame": 2, "shapes": boxes((2, 5))}
    put(stand_in, annotated, tracks=[other])
    refused = run("restore", told["file"])
    assert (refused.code, refused.json["errors"][0]["kind"]) == (1, "undecided")
    assert "has other annotations in job" in refused.json["errors"][0]["message"]
    assert len(read(stand_in, annotated)["tracks"]) > 0
    done = run("restore", told["file"], "--force")
    assert done.code == 0
    assert read(stand_in, annotated) == before
    kept = json.loads((ds / f"cvat-annotations-{annotated.id}-2.json").read_text())
    assert kept["tracks"][0]["shapes"][0]["points"][0] == 5


def test_ids_are_those_of_where_it_goes(run, stand_in, ds, annotated, tmp_path):
    """In another project the label and its attributes have other ids."""
    (told,) = run("save", ds).json["tasks"]
    before = read(stand_in, annotated)
    send(stand_in, ds, labels=[{"name": "first"}, *LABELS[::-1]], project="other", jobs="one")
    (new,) = (task for task in stand_in.state.tasks.values() if task is not annotated)
    assert run("restore", told["file"], "--task", new.id).code == 0
    after = read(stand_in, new)
    assert [where(track) for track in after["tracks"]] == [
        [*where(before["tracks"][0])[:-1], *where(before["tracks"][1])]
    ]
    labels = {label.name: label.id for label in stand_in.state.labels.values()}
    assert {track["label_id"] for track in after["tracks"]} == {labels["car"]}
    assert len(after["tracks"][0]["attributes"]) == 1


def test_a_task_that_was_replaced_gives_its_annotations_to_the_new_one(
    run, stand_in, ds, annotated
):
    change_fates(ds, "a", [4, 7], Fate.DUPLICATE, Reason.SIMILAR)
    send(stand_in, ds, replace=True, force=True, task_size=6)
    (file,) = ds.glob("cvat-annotations-*")
    done = run("restore", file)
    names = ("a (1/2)", "a (2/2)")
    assert done.json["tasks"] == [{"task_id": task_named(stand_in, name).id} for name in names]
    totals = done.json["totals"]
    assert (done.code, totals["moved"], totals["without_frame"]) == (1, 1, 1)
    tracks = [read(stand_in, task_named(stand_in, name))["tracks"] for name in names]
    assert [[f for f, _, _ in where(t)] for (t,) in tracks] == [[1, 3, 5, 6], [8, 9, 10]]


def test_what_is_lacking_is_told_and_nothing_is_changed(run, stand_in, ds, annotated, tmp_path):
    (told,) = run("save", ds).json["tasks"]
    send(stand_in, ds, labels=[{"name": "car"}], project="other")
    (new,) = (task for task in stand_in.state.tasks.values() if task is not annotated)
    done = run("restore", told["file"], "--task", new.id)
    assert done.code == 2
    assert "attribute colour of car, attribute pose of car" in done.json["errors"][0]["message"]
    write_video(tmp_path / "elsewhere", "b", 3)
    send(stand_in, tmp_path / "elsewhere", labels=LABELS)
    done = run("restore", told["file"], "--task", task_named(stand_in, "b").id)
    assert done.code == 2
    assert "shows other images than task" in done.json["errors"][0]["message"]
    stand_in.state.delete_task(annotated)
    done = run("restore", told["file"])
    assert done.code == 2
    assert "is gone from" in done.json["errors"][0]["message"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["save", "ds", "--force"], "--force goes with restore"),
        (["restore", "f.json", "--task", "1", "--task", "2"], "at most one --task"),
        (["restore", "f.json", "-o", "x"], "writes into no folder"),
        (["restore", "nowhere.json"], "nowhere.json: cannot be read"),
        (["restore", "bad.json"], "these are no annotations that this prep has saved"),
        (["save", "ds", "--task", "99"], "task 99: there is none"),
        (["save", "ds"], "no task of this dataset is on"),
    ],
)
def test_bad_input(run, ds, tmp_path, arguments, told):
    (tmp_path / "bad.json").write_text('{"format": "prep annotations", "version": 1}')
    done = run(*arguments)
    assert done.code == 2
    assert told in done.json["errors"][0]["message"]


def test_tracks_as_they_were_before_a_retime_are_put_back_too(run, stand_in, ds, annotated):
    session = connect(CvatSettings(host=stand_in.url), "admin:secret")
    named, call = NamedAnnotations(session), Caller(stand_in)
    job = stand_in.state.jobs_of(annotated)[0]
    before = call("GET", f"/api/jobs/{job.id}/annotations/").json
    saved = named.tracks(annotated.id, {job.id: before["tracks"]})
    session.close()
    file, _ = keep(saved, ds, "cvat-undo-1", "")
    job.tracks[0]["shapes"][0]["points"] = [9.0, 9.0, 10.0, 10.0]
    assert run("restore", file, "--force").code == 2
    assert run("restore", file).code == 0
    assert call("GET", f"/api/jobs/{job.id}/annotations/").json == before
