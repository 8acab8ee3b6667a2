"""Annotations of a task that is made anew go to the same frames of the new one."""

import contextlib
import itertools
import json
import shutil

import pytest
from helpers.annotating import LABELS, SHAPE, TAG, TRACK, put, read, where
from helpers.cvat import (
    Caller,
    access,
    box,
    boxes,
    delete_frames,
    entries,
    send,
    shape,
    statuses,
    task_named,
)
from helpers.cvat_stand_in import StandIn
from helpers.dying import DiedError, die_at
from helpers.handmade import change_fates, write_video
from video_prep.cvat import jobs
from video_prep.dataset.frame_table import Fate, Reason


@pytest.fixture
def ds(tmp_path):
    """A video of 12 frames."""
    write_video(tmp_path / "ds", "a", 12)
    return tmp_path / "ds"


def gone(ds, *frames):
    change_fates(ds, "a", frames, Fate.DUPLICATE, Reason.SIMILAR)


def carried(stand_in, ds, **settings):
    """Replace and carry; return the new task."""
    result = send(stand_in, ds, replace=True, carry=True, **settings)
    assert statuses(result) == {"a": "uploaded"}
    return task_named(stand_in, "a"), result


def as_set(there, before):
    """Return annotations without the keyframes that were added to those of before."""
    pairs = list(zip(there["tracks"], before["tracks"], strict=True))
    for one, other in pairs:
        pairs += zip(one.get("elements", ()), other.get("elements", ()), strict=True)
        known = {shape["frame"] for shape in other["shapes"]}
        one["shapes"] = [shape for shape in one["shapes"] if shape["frame"] in known]
    return there


def test_everything_whose_frame_is_there_arrives_as_it_was(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    put(stand_in, old, tracks=[TRACK], shapes=[SHAPE], tags=[TAG])
    before = read(stand_in, old)
    gone(ds, 0, 3, 5, 11)
    new, result = carried(stand_in, ds)
    assert new.id != old.id
    assert where(read(stand_in, new)["tracks"][0]) == [
        (1, 0.5, False), (2, 10.42, False), (4, 30.25, False), (6, 50.12, False), (8, 70, False),
        (10, 90, True),
    ]  # fmt: skip
    assert as_set(read(stand_in, new), before) == before
    assert result.tasks[0].messages == (
        "2 keyframes were added where frames are further apart or closer than before, so that "
        "tracks stay where they were.",
    )
    assert list(stand_in.state.tasks) == [new.id]
    assert not list(ds.glob("cvat-not-carried-*"))


def test_a_keyframe_whose_frame_is_gone_goes_to_the_nearest(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    track = {"label": "car", "frame": 1, "shapes": boxes((1, 0), (5, 40), (9, 80), (11, 100, True))}
    put(stand_in, old, tracks=[track])
    gone(ds, 4, 5)
    new, result = carried(stand_in, ds)
    (there,) = read(stand_in, new)["tracks"]
    assert where(there) == [
        (1, 0, False), (3, 20, False), (6, 50, False), (9, 80, False), (11, 100, True),
    ]  # fmt: skip
    told, message = result.tasks[0].messages
    assert told.startswith("1 keyframe was added where frames are further apart")
    (file,) = ds.glob("cvat-not-carried-*")
    assert "1 keyframe moved to the nearest frame that is left" in message
    assert json.loads(file.read_text())["not_carried"] == [
        {"kind": "keyframe", "label": "car", "image": "a-frame_000005.jpg",
         "moved_to": "a-frame_000006.jpg"}
    ]  # fmt: skip


def test_tracks_begin_and_end_where_frames_vanish(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    track = {"label": "car", "frame": 2, "shapes": boxes((2, 20), (6, 60, True), (9, 90))}
    put(stand_in, old, tracks=[track])
    gone(ds, 2, 6, 9)
    new, _ = carried(stand_in, ds)
    (there,) = read(stand_in, new)["tracks"]
    assert where(there) == [(3, 30, False), (5, 50, False), (7, 50, True), (10, 90, False)]


def test_shapes_and_tags_without_a_frame_are_listed_and_saved(prep, stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    short = {"label": "car", "frame": 6, "shapes": boxes((6, 20), (8, 60, True))}
    put(stand_in, old, tracks=[TRACK, short], shapes=[SHAPE], tags=[TAG])
    gone(ds, 6, 7)
    done = prep("upload", ds, "--cvat", "--replace", "--carry", "--json", **access(stand_in))
    assert (done.code, done.json["status"]) == (1, "findings")
    *_, message = done.json["tasks"][0]["messages"]
    assert "1 tag of car, 1 shape of car, 1 keyframe of car had no frame to go to" in message
    assert f"cvat-annotations-{old.id}.json has them as they were" in message
    assert f"cvat-not-carried-{old.id}.json lists each" in message
    new = task_named(stand_in, "a")
    there = read(stand_in, new)
    assert (there["shapes"], there["tags"], len(there["tracks"])) == ([], [], 1)
    (saved,) = ds.glob("cvat-annotations-*")
    data = json.loads(saved.read_text())
    assert (data["format"], data["task"], data["images"][0]) == (
        "prep annotations", old.id, "a-frame_000000.jpg",
    )  # fmt: skip
    assert (data["tags"][0]["label"], data["tags"][0]["attributes"]) == (
        "car", {"colour": "blue", "pose": "up"},
    )  # fmt: skip
    assert "label_id" not in saved.read_text()


def test_tasks_and_jobs_may_be_cut_elsewhere(stand_in, ds):
    """Two tasks of two jobs each become one of three; each track stays one where no border cuts."""
    send(stand_in, ds, labels=LABELS, task_size=6, jobs="size", job_size=3)
    first, second = task_named(stand_in, "a (1/2)"), task_named(stand_in, "a (2/2)")
    long = {"label": "car", "frame": 0, "group": 1, "shapes": boxes((0, 0), (2, 20), (5, 50, True))}
    late = {"label": "car", "frame": 1, "group": 1, "shapes": boxes((1, 70), (2, 80))}
    put(stand_in, first, tracks=[long])
    put(stand_in, second, tracks=[late], tags=[{"label": "car", "frame": 5}])
    gone(ds, 3)
    result = send(stand_in, ds, replace=True, carry=True, jobs="size", job_size=4)
    assert statuses(result) == {"a": "uploaded"}
    there = read(stand_in, task_named(stand_in, "a"))
    tracks = [(where(track), track["group"]) for track in there["tracks"]]
    assert sorted(tracks) == [
        ([(0, 0, False), (2, 20, False), (4, 40, False), (5, 40, True)], 1),
        ([(7, 70, False), (8, 80, False), (9, 80, True)], 2),
        ([(9, 80, False)], 2),
    ]
    assert [tag["frame"] for tag in there["tags"]] == [11]


def test_frames_that_were_deleted_stay_deleted(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    put(stand_in, old, tracks=[TRACK])
    delete_frames(stand_in, old, 4, 5)
    before = read(stand_in, old)
    gone(ds, 0, 5)
    new, result = carried(stand_in, ds)
    assert [new.data.frames[n].name for n in new.data.deleted_frames] == ["a-frame_000004.jpg"]
    assert as_set(read(stand_in, new), before) == before
    assert len(result.tasks[0].messages) == 1  # keyframes that were added


def test_skeletons_masks_and_turned_shapes_arrive_as_they_were(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    elements = [
        {"label": name, "frame": 2, "shapes": [
            shape(2, [x, 5], kind="points"), shape(8, [x + 60, 5], kind="points", occluded=True)
        ]}
        for x, name in enumerate(("nose", "tail"))
    ]  # fmt: skip
    bones = [shape(2, [], kind="skeleton"), shape(8, [], kind="skeleton", outside=True)]
    bike = {"label": "bike", "frame": 2, "shapes": bones, "elements": elements}
    mask = {"label": "car", **shape(3, [4, 4, 8, 1, 1, 4, 4], kind="mask")}
    turned = {
        "label": "car",
        "frame": 0,
        "shapes": [box(0, 1, rotation=350.0), box(9, 1, rotation=10.0)],
    }
    still = {
        "label": "bike", **shape(7, [], kind="skeleton"), "elements": [
            {"label": name, **shape(7, [x, 9], kind="points", outside=x == 1)}
            for x, name in enumerate(("nose", "tail"))
        ],
    }  # fmt: skip
    put(stand_in, old, tracks=[bike, turned], shapes=[mask, still])
    before = read(stand_in, old)
    gone(ds, 1, 5)
    new, _ = carried(stand_in, ds)
    assert as_set(read(stand_in, new), before) == before


def test_elements_that_are_not_seen_begin_with_their_skeleton(stand_in, ds):
    """CVAT adds what they lack there, which is then not what was sent; and drops what is empty."""
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")

    def points(*frames):
        return [shape(f, [f, 5], kind="points", outside=out) for f, out in frames]

    bones = [
        shape(f, [], kind="skeleton", outside=out) for f, out in ((0, False), (4, True), (8, False))
    ]
    nose = {"label": "nose", "frame": 0, "shapes": points((0, True), (2, False), (4, True))}
    tail = {
        "label": "tail", "frame": 0, "shapes": points((0, False), (1, True), (4, True), (8, False))
    }  # fmt: skip
    bike = {"label": "bike", "frame": 0, "shapes": bones, "elements": [nose, tail]}
    early = {"label": "nose", "frame": 0, "shapes": points((0, True), (11, False))}
    end = {"label": "tail", "frame": 0, "shapes": points((0, False))}
    other = {"label": "bike", "frame": 0, "shapes": bones[:1], "elements": [early, end]}
    put(stand_in, old, tracks=[bike, other])
    gone(ds, 0, 2, 11)
    new, _ = carried(stand_in, ds, jobs="size", job_size=5)  # 1, 3 to 6 and 7 to 10

    def told(track):
        return [
            [(one["frame"], one["outside"]) for one in part["shapes"]]
            for part in (track, *track["elements"])
        ]

    call = Caller(stand_in)
    jobs = [
        call("GET", f"/api/jobs/{job.id}/annotations/").json["tracks"]
        for job in stand_in.state.jobs_of(new)
    ]
    first, second = ([told(track) for track in tracks] for tracks in jobs)
    assert first == [
        [[(0, False), (2, True)], [(0, True), (1, False), (2, True)], [(0, True), (2, True)]],
        [[(0, False)], [(0, True)], [(0, False)]],
    ]
    assert second == [
        [[(6, False)], [(6, True)], [(6, False)]],
        [[(5, False)], [(5, True)], [(5, False)]],
    ]


def say(stand_in, job, frame, *texts, resolved=False):
    call = Caller(stand_in)
    body = {"job": job.id, "frame": frame, "position": [1.0, 2.0, 3.0, 4.0], "message": texts[0]}
    issue = call("POST", "/api/issues", body).json["id"]
    for text in texts[1:]:
        call("POST", "/api/comments", {"issue": issue, "message": text})
    if resolved:
        call("PATCH", f"/api/issues/{issue}", {"resolved": True})
    return issue


def issues(stand_in, task):
    """Return image, texts and whether it is resolved, of each issue of a task."""
    told = []
    for issue in stand_in.state.issues.values():
        if issue.job.task is task:
            said = [c.message for c in stand_in.state.comments.values() if c.issue is issue]
            told.append((task.data.frames[issue.frame].name[-6:-4], said, issue.resolved))
    return sorted(told)


def test_issues_are_posted_again(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    put(stand_in, old, tracks=[TRACK])
    (job,) = stand_in.state.jobs_of(old)
    say(stand_in, job, 4, "look", "done", resolved=True)
    say(stand_in, job, 7, "and here")
    other = (
        stand_in.accounts.add_user("ann", "pw") if hasattr(stand_in.accounts, "add_user") else None
    )
    if other is not None:
        list(stand_in.state.comments.values())[1].owner = other
    gone(ds, 3, 7)
    new, result = carried(stand_in, ds)
    assert result.tasks[0].messages[0] == "1 issue is now on the nearest frame that is left."
    assert int(result.exit_code) == 0
    assert issues(stand_in, new) == [
        ("04", ["look", "ann: done"], True),
        ("06", ["and here"], False),
    ]
    assert len(stand_in.state.issues) == 2


def test_what_is_annotated_meanwhile_is_not_lost(stand_in, ds, monkeypatch):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    put(stand_in, old, tracks=[TRACK])
    gone(ds, 3)
    log, is_done = stand_in.log, []

    def annotate(request):
        log(request)
        if request.method == "PUT" and not is_done:
            is_done.append(request)
            put(stand_in, old, tracks=[TRACK], tags=[TAG])

    monkeypatch.setattr(stand_in, "log", annotate)
    new, _ = carried(stand_in, ds)
    assert [tag["frame"] for tag in read(stand_in, new)["tags"]] == [7]
    assert len(list(ds.glob("cvat-annotations-*"))) == 2


def test_what_is_annotated_at_the_very_end_is_saved_and_told(stand_in, ds, monkeypatch):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    put(stand_in, old, tracks=[TRACK])
    gone(ds, 3)
    log = stand_in.log

    def annotate(request):
        log(request)
        if request.method == "PATCH" and not request.step:  # the new task gets its name
            put(stand_in, old, tracks=[TRACK], tags=[TAG])

    monkeypatch.setattr(stand_in, "log", annotate)
    new, result = carried(stand_in, ds)
    assert read(stand_in, new)["tags"] == []
    *_, message = result.tasks[0].messages
    assert int(result.exit_code) == 1
    assert f"cvat-annotations-{old.id}-2.json" in message
    assert "'prep annotations restore' puts that into the new task" in message


def test_a_task_that_is_gone_before_its_annotations_went_along_is_told(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    put(stand_in, old, tracks=[TRACK])
    gone(ds, 3)
    Caller(stand_in)("DELETE", f"/api/tasks/{old.id}")
    _, result = carried(stand_in, ds)
    (message,) = result.tasks[0].messages
    assert message.startswith(f"task {old.id} is gone from CVAT, so there was nothing to carry.")
    assert int(result.exit_code) == 1


def test_images_of_another_size_are_refused_before_anything_is_made(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    put(stand_in, old, tracks=[TRACK])
    for frame in old.data.frames:
        frame.width *= 2
    gone(ds, 3)
    result = send(stand_in, ds, replace=True, carry=True)
    assert statuses(result) == {"a": "failed"}
    assert "have 96×32 pixels, those of the dataset 48×32 by now" in result.tasks[0].error
    assert list(stand_in.state.tasks) == [old.id]


def test_without_a_word_on_them_annotations_keep_the_task_as_it_is(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    put(stand_in, task_named(stand_in, "a"), tracks=[TRACK])
    gone(ds, 3)
    result = send(stand_in, ds, replace=True)
    assert "'prep upload --cvat --replace --carry' takes them into the new task" in "".join(
        result.tasks[0].messages
    )
    assert len(stand_in.state.tasks) == 1


def test_a_task_with_issues_alone_is_not_replaced_without_a_word_on_them(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    (job,) = stand_in.state.jobs_of(old)
    say(stand_in, job, 4, "look")
    gone(ds, 3)
    result = send(stand_in, ds, replace=True)
    assert "has issues, so it was not replaced" in "".join(result.tasks[0].messages)
    assert list(stand_in.state.tasks) == [old.id]
    new, _ = carried(stand_in, ds)
    assert issues(stand_in, new) == [("04", ["look"], False)]


@pytest.mark.parametrize("how", [{}, {"carry": True}, {"force": True}])
def test_work_for_ground_truth_is_not_deleted(stand_in, ds, how):
    send(stand_in, ds, labels=LABELS, ground_truth=0.25)
    old = task_named(stand_in, "a")
    (truth,) = (job for job in stand_in.state.jobs.values() if job.type == "ground_truth")
    label = next(iter(stand_in.state.labels))
    one = {**shape(truth.chosen[0], [1, 2, 30, 20]), "label_id": label}
    body = {"version": 0, "tags": [], "tracks": [], "shapes": [one]}
    assert Caller(stand_in)("PUT", f"/api/jobs/{truth.id}/annotations/", body).status == 200
    gone(ds, 3)
    result = send(stand_in, ds, replace=True, ground_truth=0.25, **how)
    assert statuses(result) == {"a": "failed"}
    assert f"ground truth or consensus in job {truth.id}" in result.tasks[0].error
    assert (result.tasks[0].error_kind, int(result.exit_code)) == ("undecided", 1)
    assert list(stand_in.state.tasks) == [old.id]
    del stand_in.state.jobs[truth.id]
    assert statuses(send(stand_in, ds, replace=True, ground_truth=0.25, **how)) == {"a": "uploaded"}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--carry"], "--carry goes with --replace"),
        (["--replace", "--carry", "--force"], "two ways to treat annotations"),
    ],
)
def test_contradictions(prep, ds, flags, told):
    done = prep("upload", ds, "--cvat", *flags)
    assert (done.code, told in done.err) == (2, True)


@pytest.mark.parametrize(
    ("is_sent", "work"),
    [(False, 5_000), (True, 5_000), (True, 2)],
    ids=["before", "after", "after-portion"],
)
def test_killed_at_each_request_nothing_is_lost_and_one_task_counts(
    tmp_path, monkeypatch, is_sent, work
):
    monkeypatch.setattr(jobs, "_PORTION_WORK", work)
    write_video(tmp_path / "ds", "a", 6)
    small = {**TRACK, "shapes": boxes((1, 10), (4, 40))}
    for number in itertools.count():
        ds = shutil.copytree(tmp_path / "ds", tmp_path / str(number) / "ds")
        settings = {"jobs": "size", "job_size": 3, "verify": "0"}
        with StandIn() as stand_in:
            send(stand_in, ds, labels=LABELS, **settings)
            old = task_named(stand_in, "a")
            put(stand_in, old, tracks=[small], tags=[{"label": "car", "frame": 5}])
            say(stand_in, stand_in.state.jobs_of(old)[1], 4, "look", "done", resolved=True)
            gone(ds, 1)
            with monkeypatch.context() as patch, contextlib.suppress(DiedError):
                is_dead = die_at(patch, number, is_sent=is_sent)
                send(stand_in, ds, replace=True, carry=True, parallel=1, **settings)
            known = entries(ds)
            counting = [e for e in known if e["is_doomed"] and not e["is_spent"]] or known
            there = [stand_in.state.tasks[e["task_id"]] for e in counting if not e["is_spent"]]
            (one,) = there
            assert len(read(stand_in, one)["tracks"]) == 2
            assert issues(stand_in, one) == [("04", ["look", "done"], True)]
            result = send(stand_in, ds, replace=one is old, carry=one is old, **settings)
            assert int(result.exit_code) == 0
            (new,) = stand_in.state.tasks.values()
            assert new.name == "a"
            assert len(new.data.frames) == 5
            there = read(stand_in, new)
            assert [where(track) for track in there["tracks"]] == [
                [(2, 20, False), (3, 30, False), (4, 30, True)], [(4, 40, False)],
            ]  # fmt: skip
            assert [tag["frame"] for tag in there["tags"]] == [5]
            assert issues(stand_in, new) == [("04", ["look", "done"], True)]
            (entry,) = entries(ds)
            assert (entry["task_id"], entry["is_complete"]) == (new.id, True)
            if not is_dead.is_set():
                break
    assert number > 40


def test_a_task_that_is_looked_at_is_asked_for_once(stand_in, ds):
    send(stand_in, ds, labels=LABELS)
    old = task_named(stand_in, "a")
    put(stand_in, old, tracks=[TRACK])
    gone(ds, 3)
    begun = len(stand_in.requests)
    assert statuses(send(stand_in, ds, replace=True)) == {"a": "changed"}
    asked = [(r.method, r.path) for r in stand_in.requests[begun:]]
    assert asked.count(("GET", f"/api/tasks/{old.id}")) == 1
