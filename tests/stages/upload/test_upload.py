"""Upload: a dataset in CVAT, wholly, once, in order, cut where it must be, and left alone then."""

import dataclasses
import io
import json
import re
import shutil
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest
from cvat_sdk.version import VERSION
from helpers import media
from helpers.cvat import (
    LABELS,
    SKELETON,
    Caller,
    access,
    borders,
    entries,
    journal,
    send,
    shown,
    statuses,
    task_named,
)
from helpers.cvat_stand_in import Fault, Kind, StandIn
from helpers.datasets import names, snapshot
from helpers.handmade import change_fates, noise, write_video
from helpers.patience import PATIENCE_SECONDS, wait_for
from helpers.prep import command, environment, on_terminal
from video_prep.base.errors import CvatRefusedError, UsageError
from video_prep.base.work import Batch, Watch
from video_prep.cvat.connect import connect
from video_prep.cvat.server import CvatServer
from video_prep.dataset.accounts import recount
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.dataset.store import Dataset
from video_prep.dataset.video_folder import FRAMES_NAME, RECORD_NAME
from video_prep.settings.cvat import CvatSettings, UploadSettings
from video_prep.stages.upload.stage import upload


@pytest.fixture
def dataset(tmp_path):
    """Two videos of 10 and 8 frames."""
    write_video(tmp_path / "ds", "a", 10)
    write_video(tmp_path / "ds", "b", 8)
    return tmp_path / "ds"


TWO = {"a": names("a", range(10)), "b": names("b", range(8))}


@pytest.fixture
def modern():
    """A server of the version that cvat-sdk is made for."""
    with StandIn(version=VERSION) as server:
        yield server


def test_thirty_videos_arrive_as_planned(prep, modern, tmp_path):
    stand_in = modern
    ds = tmp_path / "secret-folder" / "ds"
    expected = {}
    for number in range(30):
        video = f"clip-{number:02d}"
        left_out = {"rejected": (3, 9 + number), "similar": (5,), "still": (6, 7)}
        write_video(ds, video, 12 + number, **left_out)
        gone = {3, 9 + number, 5, 6, 7}
        expected[video] = names(video, [i for i in range(12 + number) if i not in gone])
    before = snapshot(ds)
    (tmp_path / "labels.yaml").write_text("- car\n- person\n")
    done = prep(
        "upload", ds, "--cvat", "--json", "--labels", "labels.yaml", "--project", "traffic",
        "--verify", "all", **access(stand_in),
    )  # fmt: skip
    assert done.code == 0, done.out + done.err
    assert done.err == ""
    answer = done.json
    assert set(answer) == {
        "command", "status", "exit_code", "tasks", "totals", "warnings", "errors"
    }  # fmt: skip
    assert (answer["command"], answer["status"], answer["exit_code"]) == ("upload", "ok", 0)
    assert (answer["warnings"], answer["errors"]) == ([], [])
    sent = sum(map(len, expected.values()))
    jobs = len(stand_in.state.jobs)
    assert answer["totals"] == {
        "tasks": 30, "uploaded": 30, "unchanged": 0, "changed": 0, "unproven": 0, "failed": 0,
        "jobs": jobs, "frames_sent": sent, "frames_in_cvat": sent,
    }  # fmt: skip
    assert shown(stand_in) == expected
    assert [task["name"] for task in answer["tasks"]] == sorted(expected)
    assert set(answer["tasks"][0]) == {
        "name", "video", "status", "frames", "jobs", "task_id", "url", "messages", "error"
    }  # fmt: skip
    first = answer["tasks"][0]
    assert first["url"] == f"{stand_in.url}/tasks/{first['task_id']}"
    assert stand_in.state.tasks[first["task_id"]].name == "clip-00"
    # What goes up: one archive a task, with nothing in it but the images, under their own names.
    (project,) = stand_in.state.projects.values()
    assert (project.name, project.owner) == ("traffic", stand_in.admin)
    assert [label.name for label in stand_in.state.labels.values()] == ["car", "person"]
    for task in stand_in.state.tasks.values():
        assert task.project is project
        assert (task.data.client_files, task.data.server_files) == (["images.zip"], [])
        content = (task.data.folder / "images.zip").read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.namelist() == expected[task.name]
            assert archive.testzip() is None
            for frame in task.data.frames:
                assert frame.read() == before[f"{task.name}/{frame.name}"]
        private = (str(tmp_path), "secret", "mp4", stand_in.url)
        assert [text for text in private if text.encode() in content] == []
    log = repr([dataclasses.astuple(request) for request in stand_in.requests])
    assert "secret" not in log
    assert str(tmp_path) not in log
    after = snapshot(ds)
    written = after.pop("cvat.json").decode()
    assert after == before
    assert not any(text in written for text in ('"secret"', "admin", str(tmp_path)))
    assert [entry["frames_sent"] for entry in entries(ds)] == [
        len(frames) for frames in expected.values()
    ]
    assert all(entry["is_complete"] for entry in entries(ds))
    assert prep("status", ds).code == 0


@pytest.mark.smoke
def test_people_are_told(prep_process, stand_in, dataset):
    done = prep_process("upload", dataset, "--cvat", **access(stand_in))
    assert done.code == 0
    lines = done.out.splitlines()
    place = f"{stand_in.url}/tasks/{task_named(stand_in, 'a').id}"
    assert lines[0] == f"uploaded  a  10 frames  1 job   {place}"
    assert "the new project 'ds' has no labels" in done.out
    assert (
        f"Project 'ds' at {stand_in.url}/projects/1: 2 tasks uploaded, 0 there already"
        in (lines[-1])
    )
    assert prep_process("validate", dataset).code == 0
    assert prep_process("status", dataset).code == 0


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [(0, 15)]),
        ({"shortest_job": 3}, [(0, 3), (4, 9), (10, 15)]),
        ({"shortest_job": 1}, [(0, 3), (4, 9), (10, 10), (11, 15)]),
        ({"job_size": 4}, [(0, 3), (4, 6), (7, 9), (10, 12), (13, 15)]),
        ({"jobs": "size", "job_size": 7}, [(0, 6), (7, 13), (14, 15)]),
        ({"jobs": "size", "job_size": 6, "overlap": 2}, [(0, 5), (4, 9), (8, 13), (12, 15)]),
        ({"jobs": "size", "job_size": 40, "overlap": 20}, [(0, 15)]),
        ({"jobs": "one"}, [(0, 15)]),
    ],
)
def test_jobs_end_at_breaks_or_where_told(stand_in, tmp_path, settings, expected):
    # Kept: 0-3 | 5-8, 11, 12 | 13 | 15-19; the still frames 9 and 10 are no border.
    left_out = {"similar": [4], "still": [9, 10], "rejected": [14], "cut": [13]}
    write_video(tmp_path / "ds", "v", 20, **left_out)
    result = send(stand_in, tmp_path / "ds", **settings)
    assert borders(stand_in, "v") == expected
    kept = [i for i in range(20) if i not in {4, 9, 10, 14}]
    assert shown(stand_in) == {"v": names("v", kept)}
    (task,) = result.tasks
    assert (task.status, task.frames, task.jobs) == ("uploaded", 16, len(expected))
    assert [(a, b) for _, a, b in entries(tmp_path / "ds")[0]["jobs"]] == expected


def test_a_dry_run_tells_of_jobs_of_breaks_in_them_and_of_the_work(prep, tmp_path):
    write_video(tmp_path / "ds", "v", 60, cut=[30, *range(40, 54, 2)])
    write_video(tmp_path / "ds", "w", 12)
    done = prep("upload", tmp_path / "ds", "--dry-run", "--seconds-per-image", "60")
    assert done.out.splitlines() == [
        "planned  v  60 frames  2 jobs",
        *(
            f"  a timeline break between frames {n - 1} and {n} lies inside a job"
            for n in range(40, 50, 2)
        ),
        "  and 2 more breaks; --json lists all",
        "planned  w  12 frames  1 job",
        "",
        "To be made: 2 tasks, 3 jobs, 72 frames. Nothing was sent.",
        "Frames a job: 12 to 30, median 30. Breaks inside a job: 7.",
        "Work: 1.2 hours if an image takes 60 s; measure that in the first job.",
    ]
    told = prep("upload", tmp_path / "ds", "--dry-run", "--json").json
    assert told["totals"] == {
        "tasks": 2, "jobs": 3, "frames": 72, "shortest_job": 12, "median_job": 30,
        "longest_job": 30, "open_breaks": 7, "work_seconds": 360, "failed": 0,
        "planned": 2, "unfinished": 0, "unchanged": 0, "changed": 0,
    }  # fmt: skip
    assert told["tasks"][0]["open_breaks"][0] == {"kind": "timeline", "after": 39, "before": 40}
    assert told["tasks"][1]["open_breaks"] == []
    assert len(told["warnings"]) == 7
    for rate, work in (("0.5", "36 s"), ("5", "6 min")):
        said = prep("upload", tmp_path / "ds", "--dry-run", "--seconds-per-image", rate).out
        assert f"Work: {work} if an image takes {rate} s;" in said


def test_a_blinking_recording_becomes_few_jobs(prep, tmp_path):
    window = "drawbox=c=white:t=fill:w=120:h=90:enable='lt(mod(n,7),3)'"
    options = (*media.X264, "-vf", window)
    media.encode(tmp_path / "v.mp4", *options, picture="color=blue", frames=127)
    prep("extract", tmp_path / "v.mp4", "-o", "ds", "--dedupe", "off")
    told = prep("upload", "ds", "--dry-run", "--json", "--shortest-job", "1").json
    assert [task["jobs"] for task in told["tasks"]] == [[[0, 126]]]
    assert told["totals"]["open_breaks"] == 0


def test_a_long_video_becomes_several_tasks_cut_at_breaks(prep, stand_in, tmp_path):
    write_video(tmp_path / "ds", "v", 25, cut=[8, 15])
    arguments = ("--cvat", "--json", "--task-size", "10")
    planned = prep("upload", tmp_path / "ds", "--dry-run", *arguments).json
    done = prep("upload", tmp_path / "ds", *arguments, **access(stand_in)).json
    assert shown(stand_in) == {
        "v (1/3)": names("v", range(8)),
        "v (2/3)": names("v", range(8, 15)),
        "v (3/3)": names("v", range(15, 25)),
    }
    assert [(e["name"], e["first_frame"], e["last_frame"]) for e in entries(tmp_path / "ds")] == [
        ("v (1/3)", 0, 7), ("v (2/3)", 8, 14), ("v (3/3)", 15, 24),
    ]  # fmt: skip
    assert [task["name"] for task in done["tasks"]] == ["v (1/3)", "v (2/3)", "v (3/3)"]
    assert len(planned["tasks"]) == 3
    assert planned["totals"]["frames"] == done["totals"]["frames_in_cvat"] == 25


def test_on_a_terminal_there_is_a_bar_and_in_a_pipe_none(prep, stand_in, dataset, tmp_path):
    arguments = ["upload", "--cvat", dataset, "--host", stand_in.url, "--auth", "admin:secret"]
    code, shown = on_terminal(arguments, tmp_path)
    assert code == 0
    assert re.search(r"tasks 0/2, frames 0/18: +0%.*[\d.]+k", shown)
    assert "tasks 1/2, frames " in shown
    code, shown = on_terminal([*arguments, "-q"], tmp_path)
    assert (code, shown) == (0, "")
    assert prep(*arguments).err == ""


def test_a_dry_run_plans_what_is_then_made_and_asks_nothing(prep, stand_in, tmp_path):
    ds = tmp_path / "ds"
    write_video(ds, "a", 30, cut=[10, 11], rejected=[20])
    write_video(ds, "b", 9, similar=[4])
    write_video(ds, "empty", 3, similar=[0, 1, 2])
    arguments = (ds, "--cvat", "--json", "--task-size", "12", "--job-size", "5")
    before = snapshot(ds)
    done = prep("upload", *arguments, "--dry-run", **access(stand_in))
    assert (done.code, stand_in.requests, snapshot(ds)) == (0, [], before)
    planned = done.json
    assert {task["status"] for task in planned["tasks"]} == {"planned"}
    made = prep("upload", *arguments, **access(stand_in)).json
    plan = {task["name"]: [tuple(job) for job in task["jobs"]] for task in planned["tasks"]}
    assert plan == {name: borders(stand_in, name) for name in shown(stand_in)}
    assert planned["totals"] == planned["totals"] | {
        "tasks": made["totals"]["uploaded"],
        "jobs": made["totals"]["jobs"],
        "frames": made["totals"]["frames_sent"],
        "failed": 0,
    }
    assert planned["totals"]["frames"] == 29 + 8
    assert any("a tracker will interpolate across it" in text for text in planned["warnings"])


def test_without_cvat_the_plan_is_shown_and_nothing_sent(prep, stand_in, dataset):
    before = snapshot(dataset)
    for replace in ((), ("--replace", "--force")):
        done = prep("upload", dataset, *replace, **access(stand_in))
        assert done.code == 0
        hint = "This is only the plan: add --cvat to upload it to CVAT."
        assert done.out.splitlines()[-1] == hint
        dry = prep("upload", dataset, *replace, "--dry-run").out
        assert done.out == f"{dry}\n{hint}\n"
    told = prep("upload", dataset, "--json", **access(stand_in)).json
    assert told.pop("warnings") == [hint]
    dry = prep("upload", dataset, "--json", "--cvat", "--dry-run").json
    assert dry.pop("warnings") == []
    assert told == dry
    assert (stand_in.requests, snapshot(dataset)) == ([], before)


def test_settings_of_tasks_arrive(stand_in, dataset):
    bob = stand_in.accounts.add_user("bob", "x")
    send(
        stand_in, dataset, project="p", subset="train", bug_tracker="https://b.example/1",
        assignee="bob", image_quality=33,
    )  # fmt: skip
    for task in stand_in.state.tasks.values():
        assert (task.subset, task.bug_tracker) == ("train", "https://b.example/1")
        assert (task.assignee, task.data.image_quality) == (bob, 33)
    with pytest.raises(CvatRefusedError, match="assignee 'eve': there is no such user"):
        send(stand_in, dataset, assignee="eve")


def test_a_token_needs_no_proxy_that_says_how_the_server_was_called(prep, stand_in, dataset):
    token = stand_in.accounts.add_access_token(stand_in.admin, read_only=False)
    done = prep("upload", dataset, "--cvat", CVAT_HOST=stand_in.url, CVAT_ACCESS_TOKEN=token)
    assert done.code == 0, done.out
    assert shown(stand_in) == TWO


# The proof


def test_images_are_read_back_of_few_chunks(stand_in, tmp_path):
    write_video(tmp_path / "ds", "v", 160)
    send(stand_in, tmp_path / "ds", jobs="size", job_size=80)
    one, other = (job.id for job in stand_in.state.jobs.values())
    # Of 72 and 8 frames each: 0-71, 72-79 and 80-151, 152-159
    assert sorted(stand_in.chunks.made) == [(one, 0), (other, 1)]
    (entry,) = entries(tmp_path / "ds")
    assert entry["frames_verified"] == [0, 20, 40, 59, 159]
    send(stand_in, tmp_path / "ds", project="p", verify="9")
    assert sorted(stand_in.chunks.made[2:]) == [(3, 0), (3, 1), (3, 2)]


def test_both_ends_are_read_while_the_server_tells_all_else(stand_in, tmp_path):
    write_video(tmp_path / "ds", "v", 9)
    together, log, told = threading.Barrier(4, timeout=PATIENCE_SECONDS), stand_in.log, []

    def wait_for_all(request):
        log(request)
        is_proof = request.path.endswith(("/jobs", "/data/meta")) or "quality" in request.query
        if is_proof and not told:
            together.wait()
            told.append(request)

    stand_in.log = wait_for_all
    assert statuses(send(stand_in, tmp_path / "ds", verify="4")) == {"v": "uploaded"}
    read = [int(r.query["number"]) for r in stand_in.requests if "quality" in r.query]
    (entry,) = entries(tmp_path / "ds")
    assert sorted(read) == entry["frames_verified"] == [0, 3, 5, 8]


def test_a_first_upload_looks_for_nothing_that_it_may_have_left(stand_in, tmp_path):
    write_video(tmp_path / "ds", "v", 3)
    send(stand_in, tmp_path / "ds")
    asked = [r.path for r in stand_in.requests if r.method == "GET" and "/requests/" not in r.path]
    assert sorted(asked) == sorted([
        "/api/server/about", "/api/projects",
        "/api/tasks/1/data/meta", "/api/jobs", *["/api/tasks/1/data/"] * 3,
        "/api/tasks",  # whether a request that was thought lost was carried out late
    ])  # fmt: skip


def test_images_are_read_back_at_once(stand_in, dataset):
    together, log = threading.Barrier(5, timeout=PATIENCE_SECONDS), stand_in.log

    def wait_for_all(request):
        log(request)
        if request.query.get("quality") == "original":
            together.wait()

    stand_in.log = wait_for_all
    assert statuses(send(stand_in, dataset, parallel=1)) == {"a": "uploaded", "b": "uploaded"}


# Run again


def test_finished_tasks_are_left_alone_and_new_videos_join_them(stand_in, dataset):
    first = send(stand_in, dataset)
    assert statuses(first) == {"a": "uploaded", "b": "uploaded"}
    begun = len(stand_in.requests)
    assert statuses(send(stand_in, dataset)) == {"a": "unchanged", "b": "unchanged"}
    writing = {"/api/auth/login", "/api/auth/logout"}
    later = [r for r in stand_in.requests[begun:] if r.method != "GET" and r.path not in writing]
    assert later == []
    write_video(dataset, "aa", 5)
    third = send(stand_in, dataset)
    assert statuses(third) == {"a": "unchanged", "aa": "uploaded", "b": "unchanged"}
    assert shown(stand_in) == {**TWO, "aa": names("aa", range(5))}
    assert len(stand_in.state.projects) == 1
    assert [task.task_id for task in first.tasks] == [
        task.task_id for task in third.tasks if task.name != "aa"
    ]


def test_a_task_that_was_deleted_in_cvat_is_made_anew(stand_in, dataset):
    send(stand_in, dataset)
    gone = task_named(stand_in, "a")
    stand_in.state.delete_task(gone)
    result = send(stand_in, dataset)
    assert statuses(result) == {"a": "uploaded", "b": "unchanged"}
    assert result.tasks[0].messages == (f"task {gone.id} was gone from CVAT; it was made anew.",)
    assert shown(stand_in) == TWO
    assert task_named(stand_in, "a").id == entries(dataset)[0]["task_id"] != gone.id
    assert statuses(send(stand_in, dataset)) == {"a": "unchanged", "b": "unchanged"}


def test_tasks_of_others_are_never_touched(stand_in, dataset):
    call = Caller(stand_in)
    project = call("POST", "/api/projects", {"name": "ds", "labels": LABELS}).json["id"]
    others = [
        call.task("a", project_id=project),
        call.task("b (prep is uploading, 0123456789ab)", project_id=project),
        call.task("a"),
    ]
    looks = [dataclasses.astuple(stand_in.state.tasks[task])[:3] for task in others]
    result = send(stand_in, dataset)
    assert (statuses(result), int(result.exit_code)) == ({"a": "uploaded", "b": "uploaded"}, 0)
    assert result.warnings[-1] == (
        f"the project has another task called 'a' (id {others[0]}), which is not of this upload; "
        "it is left as it is."
    )
    change_fates(dataset, "a", [0], Fate.DUPLICATE)
    send(stand_in, dataset, replace=True)
    assert [dataclasses.astuple(stand_in.state.tasks[task])[:3] for task in others] == looks
    touched = [
        request
        for request in stand_in.requests
        if request.method in {"PATCH", "DELETE", "PUT"}
        and any(request.path.startswith(f"/api/tasks/{task}") for task in others)
    ]
    assert touched == []
    ours = [task for task in stand_in.state.tasks.values() if task.id not in others]
    assert sorted(task.name for task in ours) == ["a", "b"]
    assert len(stand_in.state.projects) == 1


def test_newly_kept_frames_change_nothing_unless_told(prep, stand_in, dataset):
    assert prep("upload", dataset, "--cvat", **access(stand_in)).code == 0
    change_fates(dataset, "a", [4], Fate.DUPLICATE, Reason.SIMILAR)
    before = journal(dataset)
    begun = len(stand_in.requests)
    done = prep("upload", dataset, "--cvat", "--json", **access(stand_in))
    assert (done.code, done.json["status"]) == (1, "findings")
    changed, other = done.json["tasks"]
    assert (changed["status"], other["status"]) == ("changed", "unchanged")
    assert changed["messages"] == [
        "the dataset has other images than were uploaded (9 now, 10 in CVAT); the task is left as "
        "it is. 'prep upload --cvat --replace' makes it anew."
    ]
    assert (done.json["totals"]["changed"], done.json["totals"]["frames_in_cvat"]) == (1, 18)
    assert {r.method for r in stand_in.requests[begun:] if "/auth/" not in r.path} == {"GET"}
    assert (shown(stand_in), journal(dataset)) == (TWO, before)
    old = task_named(stand_in, "a").id
    again = prep("upload", dataset, "--cvat", "--replace", **access(stand_in))
    assert again.code == 0
    kept = names("a", [i for i in range(10) if i != 4])
    assert shown(stand_in) == {**TWO, "a": kept}
    assert task_named(stand_in, "a").id != old


def test_other_settings_of_jobs_change_nothing_unless_told(stand_in, dataset):
    send(stand_in, dataset)
    result = send(stand_in, dataset, jobs="size", job_size=5)
    assert (statuses(result), int(result.exit_code)) == ({"a": "unchanged", "b": "unchanged"}, 0)
    assert "uploaded with other settings" in result.tasks[0].messages[0]
    assert borders(stand_in, "a") == [(0, 9)]
    send(stand_in, dataset, jobs="size", job_size=5, replace=True)
    assert borders(stand_in, "a") == [(0, 4), (5, 9)]
    result = send(stand_in, dataset, task_size=4, replace=True)
    assert statuses(result) == dict.fromkeys(
        ["a (1/3)", "a (2/3)", "a (3/3)", "b (1/2)", "b (2/2)"], "uploaded"
    )
    assert sorted(shown(stand_in)) == ["a (1/3)", "a (2/3)", "a (3/3)", "b (1/2)", "b (2/2)"]


def test_annotations_are_never_lost(stand_in, dataset):
    send(stand_in, dataset)
    call = Caller(stand_in)
    task = task_named(stand_in, "a")
    label = next(iter(stand_in.state.labels))
    box = {"frame": 3, "label_id": label, "type": "rectangle", "points": [1, 2, 9, 8]}
    put = call("PUT", f"/api/tasks/{task.id}/annotations/", {"shapes": [box]})
    assert put.status == 200, put.body
    change_fates(dataset, "a", [0], Fate.DUPLICATE)
    result = send(stand_in, dataset, replace=True)
    assert (statuses(result), int(result.exit_code)) == ({"a": "changed", "b": "unchanged"}, 1)
    assert f"task {task.id} has annotations, so it was not replaced" in "".join(
        result.tasks[0].messages
    )
    assert shown(stand_in) == TWO
    assert list(dataset.glob("cvat-annotations-*")) == []
    result = send(stand_in, dataset, replace=True, force=True)
    assert (statuses(result), int(result.exit_code)) == ({"a": "uploaded", "b": "unchanged"}, 0)
    assert shown(stand_in) == {**TWO, "a": names("a", range(1, 10))}
    (saved,) = dataset.glob("cvat-annotations-*")
    assert saved.name == f"cvat-annotations-{task.id}.json"
    told = json.loads(saved.read_text())
    (shape,) = told["shapes"]
    assert (shape["label"], told["images"][shape["frame"]]) == ("car", "a-frame_000003.jpg")
    assert shape["points"] == [1, 2, 9, 8]
    assert Dataset(dataset).foreign_folders() == []


def test_a_task_that_took_the_id_of_ours_is_not_deleted(stand_in, dataset):
    # As after a server was set up anew, whose ids begin at 1 again.
    send(stand_in, dataset)
    task_named(stand_in, "a").name = "of somebody else"
    change_fates(dataset, "a", [1], Fate.DUPLICATE)
    result = send(stand_in, dataset, replace=True)
    assert statuses(result) == {"a": "failed", "b": "unchanged"}
    assert "so it was not deleted" in result.tasks[0].error
    assert shown(stand_in) == {"of somebody else": TWO["a"], "b": TWO["b"]}


def test_a_video_that_left_the_dataset_is_told(stand_in, dataset):
    send(stand_in, dataset)
    shutil.rmtree(dataset / "a")
    result = send(stand_in, dataset)
    assert statuses(result) == {"b": "unchanged"}
    assert "a is no longer in the dataset; its task is left as it is." in result.warnings
    assert shown(stand_in) == TWO


def test_a_task_that_someone_moved_is_told(stand_in, dataset):
    send(stand_in, dataset)
    other = Caller(stand_in)("POST", "/api/projects", {"name": "other"}).json["id"]
    task_named(stand_in, "a").project = stand_in.state.projects[other]
    result = send(stand_in, dataset)
    assert (statuses(result), int(result.exit_code)) == ({"a": "changed", "b": "unchanged"}, 1)
    (message,) = result.tasks[0].messages
    assert "is no longer as prep left it" in message
    assert message.endswith("move it back in CVAT.")
    assert result.frames_in_cvat == 18


def test_a_task_that_lost_frames_is_counted_as_cvat_shows_it(stand_in, dataset):
    send(stand_in, dataset)
    task_named(stand_in, "a").data.frames.pop()
    result = send(stand_in, dataset)
    assert statuses(result) == {"a": "changed", "b": "unchanged"}
    assert "save what was annotated ('prep annotations save'), then" in result.tasks[0].messages[0]
    assert result.frames_in_cvat == 17


# The project


def test_a_project_is_named_by_its_name_or_id(stand_in, dataset):
    call = Caller(stand_in)
    made = [
        call("POST", "/api/projects", {"name": name, "labels": LABELS}).json["id"]
        for name in ("x", "y")
    ]
    assert send(stand_in, dataset, project=str(made[1])).project.id == made[1]
    assert send(stand_in, dataset).project.id == made[1]  # as before
    assert send(stand_in, dataset, project="x").project.id == made[0]
    with pytest.raises(UsageError, match="into several projects: x, y"):
        send(stand_in, dataset)
    with pytest.raises(UsageError, match="none with this id or name"):
        send(stand_in, dataset, project="99")
    with pytest.raises(UsageError, match="lacks the labels bus"):
        send(stand_in, dataset, project="x", labels=[{"name": "bus"}, {"name": "car"}])
    call("POST", "/api/projects", {"name": "x"})
    with pytest.raises(CvatRefusedError, match="several projects are called 'x'"):
        send(stand_in, dataset, project="x")


def label_names(stand_in):
    return [label.name for label in stand_in.state.labels.values()]


def test_a_project_of_ours_without_labels_gets_them_later(stand_in, dataset):
    told = send(stand_in, dataset, labels=[]).warnings
    assert "the new project 'ds' has no labels" in told[-1]
    result = send(stand_in, dataset, labels=[*LABELS, *SKELETON])
    assert result.warnings == ("the project 'ds' had no labels; it has those of the file now.",)
    assert statuses(result) == {"a": "unchanged", "b": "unchanged"}
    assert label_names(stand_in) == ["car", "bike", "nose", "tail"]
    assert {label.project_id for label in stand_in.state.labels.values()} == {result.project.id}
    assert send(stand_in, dataset, labels=LABELS).warnings == ()
    with pytest.raises(UsageError, match="lacks the labels bus"):
        send(stand_in, dataset, labels=[*LABELS, {"name": "bus"}])
    assert label_names(stand_in) == ["car", "bike", "nose", "tail"]


def test_a_project_of_others_is_given_no_labels(stand_in, dataset):
    Caller(stand_in)("POST", "/api/projects", {"name": "theirs"})
    with pytest.raises(UsageError, match="lacks the labels car"):
        send(stand_in, dataset, project="theirs")
    assert label_names(stand_in) == []


def test_a_dataset_called_like_an_id_gets_a_project_of_its_own(stand_in, dataset):
    foreign = Caller(stand_in)("POST", "/api/projects", {"name": "foreign"}).json["id"]
    result = send(stand_in, dataset.rename(dataset.with_name(str(foreign))))
    assert (result.project.name, len(stand_in.state.projects)) == (str(foreign), 2)
    assert result.project.id != foreign


def test_a_project_that_is_gone_is_not_made_again(stand_in, dataset):
    send(stand_in, dataset)
    stand_in.state.delete_project(next(iter(stand_in.state.projects.values())))
    with pytest.raises(UsageError, match="is gone from CVAT"):
        send(stand_in, dataset)
    assert stand_in.state.projects == {}


def test_nothing_to_upload_makes_nothing(prep, stand_in, tmp_path):
    done = prep("upload", tmp_path / "typo", "--cvat", "--json", **access(stand_in))
    assert (done.code, done.json["errors"][0]["kind"]) == (2, "input")
    assert not (tmp_path / "typo").exists()
    assert stand_in.state.projects == {}


def test_what_is_wrong_with_one_video_does_not_stop_the_others(prep, stand_in, dataset):
    (dataset / "a" / names("a", [4])[0]).unlink()
    write_video(dataset, "c", 4)
    image = dataset / "c" / names("c", [2])[0]
    image.write_bytes(image.read_bytes()[:-1] + b"!")
    done = prep("upload", dataset, "--cvat", "--json", **access(stand_in))
    assert done.code == 3
    assert {task["name"]: task["status"] for task in done.json["tasks"]} == {
        "a": "failed", "b": "uploaded", "c": "failed",
    }  # fmt: skip
    missing, differing = (error["message"] for error in done.json["errors"])
    assert "the image of frame 4 is gone from the disk" in missing
    assert "c-frame_000002.jpg: this image is not the one that was extracted" in differing
    assert shown(stand_in) == {"b": TWO["b"]}


def test_a_video_that_cannot_be_read_is_a_failure_beside_the_others(prep, stand_in, dataset):
    (dataset / "a" / FRAMES_NAME).write_bytes(b"x")
    result = send(stand_in, dataset)
    failed, uploaded = result.tasks
    assert (failed.name, failed.video, failed.where) == ("a", "a", str(dataset / "a"))
    assert (failed.status, failed.error_kind, failed.exit_code) == ("failed", "dataset", 2)
    assert (uploaded.name, uploaded.status, uploaded.exit_code) == ("b", "uploaded", 0)
    assert (result.exit_code, result.in_cvat, result.frames_in_cvat) == (2, (uploaded,), 8)
    told = {"kind": "dataset", "message": failed.error}
    for arguments in (("upload", "--dry-run"), ("upload", "--cvat"), ("manifest",)):
        done = prep(*arguments, dataset, "--json", **access(stand_in))
        assert (done.code, done.json["errors"]) == (2, [told])
    again = prep("upload", "--cvat", dataset, "--json", **access(stand_in)).json
    assert again["tasks"][0] == {
        "name": "a", "video": "a", "status": "failed", "frames": 0, "jobs": 0, "task_id": None,
        "url": None, "messages": [], "error": failed.error,
    }  # fmt: skip


def test_what_is_told_of_an_upload_counts_no_failed_task(stand_in, dataset):
    class Told(Watch):
        batch, done = None, ()

        def batch_started(self, batch):
            self.batch = batch

        def item_done(self, item, size):
            self.done = (*self.done, (item, size))

    (dataset / "a" / names("a", [4])[0]).write_bytes(b"another image")
    watch, size_bytes = Told(), sum(path.stat().st_size for path in dataset.rglob("*.jpg"))
    assert statuses(send(stand_in, dataset, watch=watch)) == {"a": "failed", "b": "uploaded"}
    assert watch.batch == Batch(2, 18, "tasks", "bytes", size_bytes)
    assert watch.done == (("b", 8),)


def test_labels_are_those_of_the_file_that_the_settings_name(stand_in, dataset, tmp_path):
    (tmp_path / "labels.yaml").write_text("- bus\n")
    settings = UploadSettings(labels=str(tmp_path / "labels.yaml"))
    with connect(CvatSettings(host=stand_in.url), "admin:secret") as session:
        upload(dataset, CvatServer(session), settings)
    assert [label.name for label in stand_in.state.labels.values()] == ["bus"]


# Without sending images


def manifest_lines(file_names):
    yield '{"version":"1.1"}'
    yield '{"type":"images"}'
    for name in file_names:
        yield (
            f'{{"name":"{name[:-4]}","extension":".jpg","width":48,"height":32,'
            '"meta":{"related_images":[]}}'
        )


def sent_bytes(stand_in):
    return sum(r.body_size for r in stand_in.requests if r.step == "Upload-Offset")


@pytest.mark.parametrize("prefix", ["", "in/footage", "/in/"])
def test_images_on_the_share_are_not_sent(prep, stand_in, dataset, prefix):
    change_fates(dataset, "a", [2], Fate.DUPLICATE, Reason.SIMILAR)
    folder = f"{prefix.strip('/')}/" if prefix else ""
    expected = {
        video: [f"{folder}{video}/{name}" for name in kept if name != "a-frame_000002.jpg"]
        for video, kept in TWO.items()
    }
    before = snapshot(dataset)
    planned = prep("manifest", dataset, "--share", prefix, "--json")
    assert planned.code == 0
    assert planned.json["totals"] == {"files": 2, "frames": 17}
    for video, kept in expected.items():
        lines = (dataset / video / "manifest.jsonl").read_text().splitlines()
        assert lines == list(manifest_lines(kept))
    shutil.copytree(dataset, stand_in.share / prefix.strip("/"), dirs_exist_ok=True)
    done = prep(
        "upload", dataset, "--cvat", "--share", prefix, "--json", "--verify", "all",
        **access(stand_in),
    )  # fmt: skip
    assert done.code == 0, done.out
    assert shown(stand_in) == expected
    assert borders(stand_in, "a") == [(0, 8)]
    assert sent_bytes(stand_in) == 0
    assert all(task.data.storage == "share" for task in stand_in.state.tasks.values())
    assert done.json["totals"]["frames_in_cvat"] == 17
    written = {"a/manifest.jsonl", "b/manifest.jsonl", "cvat.json"}
    assert set(snapshot(dataset)) - set(before) == written
    assert prep("status", dataset).code == 0
    assert prep("validate", dataset).code == 0
    again = prep("upload", dataset, "--cvat", "--share", prefix, **access(stand_in))
    assert (again.code, "2 there already" in again.out) == (0, True)


def test_several_tasks_of_one_video_on_the_share(prep, stand_in, tmp_path):
    write_video(tmp_path / "ds", "v", 8)
    assert prep("manifest", "ds", "--task-size", "5").code == 0
    shutil.copytree(tmp_path / "ds", stand_in.share, dirs_exist_ok=True)
    send(stand_in, tmp_path / "ds", share="", task_size=5)
    assert shown(stand_in) == {
        "v (1/2)": [f"v/{name}" for name in names("v", range(5))],
        "v (2/2)": [f"v/{name}" for name in names("v", range(5, 8))],
    }
    assert prep("status", "ds").code == 0


@pytest.mark.parametrize("prefix", ["", "in/footage"])
def test_images_in_a_cloud_storage_are_not_sent(prep, stand_in, dataset, tmp_path, prefix):
    bucket = stand_in.add_bucket(tmp_path / "bucket")
    (tmp_path / "c.yaml").write_text(
        f"upload:\n  cloud_storage: {bucket.id}\n  share: '{prefix}'\n"
    )
    assert prep("manifest", dataset, "-c", "c.yaml").code == 0
    # In a cloud storage names count from the folder that the manifest is in.
    lines = (dataset / "b" / "manifest.jsonl").read_text().splitlines()
    assert lines == list(manifest_lines(TWO["b"]))
    shutil.copytree(dataset, tmp_path / "bucket" / prefix)
    done = prep("upload", dataset, "--cvat", "-c", "c.yaml", "--json", **access(stand_in))
    assert done.code == 0, done.out
    folder = f"{prefix}/" if prefix else ""
    assert shown(stand_in) == {
        video: [f"{folder}{video}/{name}" for name in kept] for video, kept in TWO.items()
    }
    assert {task.data.cloud_storage_id for task in stand_in.state.tasks.values()} == {bucket.id}
    assert sent_bytes(stand_in) == 0
    assert prep("status", dataset).code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--cloud-storage", "9"], "--cloud-storage 9: CVAT shows you none with this id."),
        (["--share", "/nowhere/"], "--share 'nowhere': CVAT has no such folder on its share. On it "
         "are lost, other."),
        (["--share", "other"], "in that folder of CVAT's share (a, b); it has no folders."),
        (["--share", ""], "in that folder of CVAT's share (a, b); it has lost, other."),
    ],
)  # fmt: skip
def test_where_no_images_are_no_project_is_made(prep, stand_in, dataset, arguments, told):
    for name in ("other", "lost"):
        (stand_in.share / name).mkdir()
    done = prep("upload", dataset, "--cvat", *arguments, **access(stand_in))
    assert done.code == 2
    assert told in " ".join(done.err.split())
    assert (stand_in.state.projects, stand_in.state.tasks) == ({}, {})
    assert not (dataset / "cvat.json").exists()


# Large things


def test_pieces_shrink_until_a_proxy_lets_them_through(tmp_path):
    write_video(tmp_path / "ds", "v", 4, content=noise(1_500_000))
    with StandIn(max_request_size=2**20 + 4096) as stand_in:
        result = send(stand_in, tmp_path / "ds", request_size=64)
        assert statuses(result) == {"v": "uploaded"}
        assert shown(stand_in) == {"v": names("v", range(4))}
        pieces = [r for r in stand_in.requests if r.step == "Upload-Offset"]
        assert [r.status for r in pieces[:2]] == [413, 413]
        assert {r.body_size for r in pieces[3:-1]} == {2**20}
        assert len(stand_in.state.tasks) == 1
    with StandIn(max_request_size=2**19) as stand_in:
        result = send(stand_in, tmp_path / "ds", project="q")
        assert (int(result.exit_code), statuses(result)) == (4, {"v": "failed"})
        assert "refuses even requests of 1 MiB (413)" in result.tasks[0].error
        assert stand_in.state.tasks == {}


def test_a_piece_that_breaks_is_sent_again_and_no_other(tmp_path, stand_in):
    write_video(tmp_path / "ds", "v", 4, content=noise(1_500_000))
    second = lambda r: r.step == "Upload-Offset" and len(pieces()) == 2  # noqa: E731
    pieces = lambda: [r for r in stand_in.requests if r.step == "Upload-Offset"]  # noqa: E731
    stand_in.faults.add(Fault(Kind.CUT_REQUEST, match=second))
    send(stand_in, tmp_path / "ds", request_size=2)
    assert len(stand_in.state.tasks) == 1
    assert (
        sent_bytes(stand_in)
        == (task_named(stand_in, "v").data.folder / "images.zip").stat().st_size
    )  # the broken one counts nothing
    assert shown(stand_in) == {"v": names("v", range(4))}


def test_memory_does_not_grow_with_the_task(stand_in, tmp_path):
    ds = tmp_path / "ds"
    write_video(ds, "v", 100, content=noise(3_200_000))
    assert sum(path.stat().st_size for path in ds.rglob("*.jpg")) > 300 * 2**20
    watched = (
        "import sys, runpy, re, atexit\n"
        "def tell():\n"
        "    status = open('/proc/self/status').read()\n"
        "    print(re.search(r'VmHWM:\\s+(\\d+)', status)[1], file=sys.stderr)\n"
        "atexit.register(tell)\n"
        "sys.argv[0] = 'prep'\n"
        "runpy.run_module('video_prep', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", watched, "upload", str(ds), "--cvat", "-q"],
        env=environment(**access(stand_in)),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) / 1024 < 250  # MiB
    assert len(shown(stand_in)["v"]) == 100


def test_two_runs_at_once_are_refused(prep, stand_in, dataset):
    stand_in.worker.running.clear()
    first = subprocess.Popen(
        command("upload", dataset, "--cvat", "-q"),
        env=environment(**access(stand_in)),
        stdin=subprocess.DEVNULL,
    )
    wait_for(lambda: any(r.step == "Upload-Finish" for r in stand_in.requests))
    refused = prep("upload", dataset, "--cvat", "--json", **access(stand_in))
    assert refused.code == 2
    assert "another prep is writing into this dataset" in refused.json["errors"][0]["message"]
    stand_in.worker.running.set()
    assert first.wait(PATIENCE_SECONDS) == 0
    assert shown(stand_in) == TWO


def promise(dataset):
    """Leave video 'a' as an update does that is killed before its files could be renamed."""
    change_fates(dataset, "a", [4], Fate.REJECTED, Reason.WRONG_CONTENT)
    for name in (RECORD_NAME, FRAMES_NAME):
        (dataset / "a" / name).rename(dataset / "a" / f"{name}.next")
    write_video(dataset, "a", 10)
    return names("a", [i for i in range(10) if i != 4])


def test_what_a_killed_run_promised_is_done_before_anything_is_planned(stand_in, dataset):
    left = promise(dataset)
    send(stand_in, dataset)
    assert shown(stand_in) == {**TWO, "a": left}


def test_a_manifest_lists_what_a_killed_run_promised(prep, dataset):
    left = promise(dataset)
    assert prep("manifest", dataset, "--json").json["totals"] == {"files": 2, "frames": 17}
    lines = (dataset / "a/manifest.jsonl").read_text().splitlines()
    assert lines == list(manifest_lines(f"a/{name}" for name in left))
    assert not list((dataset / "a").glob("*.next"))


@pytest.mark.parametrize("is_half_done", [False, True])
def test_who_only_reads_sees_what_a_killed_run_promised(prep, dataset, is_half_done):
    promise(dataset)
    if is_half_done:  # killed between the two renames
        (dataset / "a" / f"{FRAMES_NAME}.next").rename(dataset / "a" / FRAMES_NAME)
    before = snapshot(dataset)
    planned = prep("upload", dataset, "--cvat", "--dry-run", "--json").json
    assert [task["frames"] for task in planned["tasks"]] == [9, 8]
    told = prep("status", dataset, "--json")
    assert told.json["warnings"] == []
    assert (told.code, told.json["totals"]["rejected"]) == (0, 1)
    assert snapshot(dataset) == before
    totals = prep("report", dataset, "--json").json["totals"]
    assert (totals["kept"], totals["rejected"], totals["balanced"]) == (17, 1, True)


@pytest.mark.parametrize("is_before", [False, True])
def test_record_and_frames_belong_together_while_another_run_replaces_them(
    dataset, monkeypatch, is_before
):
    store = Dataset(dataset)
    record, old = store.read_video("a")
    new = dataclasses.replace(old, fate=np.full(len(old), Fate.REJECTED, np.int8))
    changed = dataclasses.replace(record, counts=recount(record.counts, new))
    read, updates = store.read_frames, [(changed, new)]

    def replaced_meanwhile(video):
        if is_before and updates:
            store.update(*updates.pop())
        frames = read(video)
        if updates:
            store.update(*updates.pop())
        return frames

    monkeypatch.setattr(store, "read_frames", replaced_meanwhile)
    now, frames = store.read_video("a")
    assert (now, frames.count(Fate.REJECTED)) == (changed, len(old))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--force"], "--force goes with --replace"),
        (["--verify", "some"], "verify: 'some'"),
        (["--overlap", "3"], "overlap: goes with jobs: size only"),
        (["--labels", "nothing.json"], "nothing.json"),
        (["--load", "boxes"], "nobody is named to get them. Name people with --assignees."),
        (["--assignee", "a,b"], "--assignees deals its jobs out to them."),
    ],
)
def test_wrong_usage(prep, dataset, arguments, told):
    done = prep("upload", dataset, "--cvat", *arguments, CVAT_HOST="http://127.0.0.1:9")
    assert done.code == 2
    assert told in " ".join(done.err.split())


def test_who_may_not_write_is_told_before_anything_is_made(prep, stand_in, dataset):
    token = stand_in.accounts.add_access_token(stand_in.admin)
    access_ = {"CVAT_HOST": stand_in.url, "CVAT_ACCESS_TOKEN": token}
    done = prep("upload", dataset, "--cvat", "--json", **access_)
    assert (done.code, done.json["errors"][0]["kind"]) == (4, "cvat-permission")
    assert "read-only" in done.json["errors"][0]["message"]
    assert not (dataset / "cvat.json").exists()
    assert prep("upload", dataset, "--cvat", "--auth", "admin:wrong", **access_).code == 4
    assert stand_in.state.projects == {}


def planned(prep, dataset, *arguments):
    """Return status and address of each task of a plan."""
    told = prep("upload", dataset, "--json", *arguments).json
    return told, {task["name"]: (task["status"], task["url"]) for task in told["tasks"]}


def test_a_plan_tells_what_is_in_cvat_already(prep, stand_in, dataset):
    send(stand_in, dataset)
    here = {name: f"{stand_in.url}/tasks/{task_named(stand_in, name).id}" for name in "ab"}
    write_video(dataset, "c", 3)
    told, tasks = planned(prep, dataset)
    assert tasks == {
        "a": ("unchanged", here["a"]), "b": ("unchanged", here["b"]), "c": ("planned", None)
    }  # fmt: skip
    totals = {name: told["totals"][name] for name in ("planned", "unfinished", "unchanged")}
    assert totals == {"planned": 1, "unfinished": 0, "unchanged": 2}
    out = prep("upload", dataset, "--dry-run").out
    assert "To be made: 1 task, 1 job, 3 frames." in out
    assert "2 tasks are in CVAT already, as cvat.json has it" in out
    elsewhere = [("--project", "other"), ("--host", "http://elsewhere"), ("--organization", "us")]
    for where in elsewhere:
        _, tasks = planned(prep, dataset, *where)
        assert set(tasks.values()) == {("planned", None)}, where
    send(stand_in, dataset, project="other")
    told, tasks = planned(prep, dataset)
    assert set(tasks.values()) == {("planned", None)}
    assert any("uploaded into several projects" in each for each in told["warnings"])
    assert planned(prep, dataset, "--project", "ds")[1]["a"] == ("unchanged", here["a"])


def test_a_plan_tells_of_tasks_that_are_not_as_they_would_be(prep, stand_in, dataset):
    send(stand_in, dataset)
    number = task_named(stand_in, "a").id
    change_fates(dataset, "a", [1], Fate.DUPLICATE)
    told, tasks = planned(prep, dataset)
    assert [status for status, _ in tasks.values()] == ["changed", "unchanged"]
    change = f"other images than were uploaded (9 now, 10 in CVAT); task {number} stays as it is"
    assert any(change in each for each in told["warnings"])
    told, tasks = planned(prep, dataset, "--replace")
    assert [status for status, _ in tasks.values()] == ["planned", "unchanged"]
    assert f"a: in place of task {number}, unless people have annotated it." in told["warnings"]
    told, _ = planned(prep, dataset, "--replace", "--carry")
    assert f"a: in place of task {number}." in told["warnings"]
    told, tasks = planned(prep, dataset, "--jobs", "size", "--job-size", "2")
    assert [status for status, _ in tasks.values()] == ["changed", "unchanged"]
    assert any("b: it was uploaded with other settings" in each for each in told["warnings"])


def test_a_plan_tells_of_an_upload_that_was_cut_off(prep, stand_in, dataset):
    stand_in.faults.add(Fault(Kind.REFUSE, match=lambda r: r.path == "/api/tasks", status=400))
    send(stand_in, dataset, parallel=1)
    told, tasks = planned(prep, dataset)
    assert [status for status, _ in tasks.values()] == ["unfinished", "unchanged"]
    assert "To be made: 1 task, 1 job, 10 frames." in prep("upload", dataset, "--dry-run").out
    assert any("the next finishes it" in each for each in told["warnings"])
