"""Upload while things break: run again, it always ends with exactly one complete task a part."""

import contextlib
import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
from helpers.cvat import (
    LABELS,
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
from helpers.cvat_stand_in import Fault, Kind, StandIn, WorkerFault, faults
from helpers.datasets import names
from helpers.dying import DiedError, die_at
from helpers.handmade import change_fates, noise, picture, write_video
from helpers.patience import PATIENCE_SECONDS, wait_for
from helpers.prep import command, environment
from video_prep.base import errors
from video_prep.base.errors import DatasetError, PrepError
from video_prep.dataset import files as files_module
from video_prep.dataset.frame_table import Fate, Reason

SMALL = {"a": names("a", range(4)), "b": names("b", range(3))}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two videos of 4 and 3 frames."""
    folder = tmp_path_factory.mktemp("small") / "ds"
    write_video(folder, "a", 4)
    write_video(folder, "b", 3)
    return folder


@pytest.fixture
def ds(small, tmp_path):
    return shutil.copytree(small, tmp_path / "ds")


def attempt(stand_in, dataset, **settings):
    """Upload, and return the exit code."""
    try:
        return int(send(stand_in, dataset, **{"parallel": 1, **settings}).exit_code)
    except PrepError as error:
        return int(error.exit_code)


def finish(stand_in, dataset, code, *, runs=2, expected=SMALL, **settings):
    """Run again until all is well; then everything must be there, once."""
    while code != 0:
        assert runs > 0
        code, runs = attempt(stand_in, dataset, **settings), runs - 1
    check(stand_in, dataset, expected)


def check(stand_in, dataset, expected=SMALL):
    """Exactly one complete task a part, nothing else, and written down."""
    assert shown(stand_in) == expected
    assert [project.name for project in stand_in.state.projects.values()] == ["ds"]
    assert {entry["name"]: entry["task_id"] for entry in entries(dataset)} == {
        task.name: task.id for task in stand_in.state.tasks.values()
    }
    assert all(entry["is_complete"] and not entry["is_doomed"] for entry in entries(dataset))
    for entry in entries(dataset):
        assert [(a, b) for _, a, b in entry["jobs"]] == borders(stand_in, entry["name"])
        for frame in task_named(stand_in, entry["name"]).data.frames:
            assert frame.read() == (dataset / entry["video"] / frame.name).read_bytes()


def restart(stand_in):
    """Return what makes a request come when the server goes away."""
    return lambda request: stand_in.restart() or True


# Each request of an upload


FAULTS = {
    **{f"refuse-{status}": (Kind.REFUSE, status) for status in (413, 429, 500, 502, 503, 504)},
    "do-then-502": (Kind.DO_THEN_REFUSE, 502),
    "crash": (Kind.CRASH, 502),
    "cut-request": (Kind.CUT_REQUEST, 0),
    "cut-answer": (Kind.CUT_ANSWER, 0),
    "cut-midway": (Kind.CUT_MIDWAY, 0),
    "restart": (Kind.CUT_REQUEST, 0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_request_may_break(small, tmp_path, name):
    kind, status = FAULTS[name]
    steps = set()
    for number in itertools.count():
        dataset = shutil.copytree(small, tmp_path / str(number) / "ds")
        with StandIn() as stand_in:
            fault = Fault(kind, at=number, status=status)
            if name == "restart":
                fault.match = restart(stand_in)
            stand_in.faults.add(fault)
            code = attempt(stand_in, dataset)
            if number >= len(stand_in.requests):  # there are no more
                assert code == 0
                check(stand_in, dataset)
                break
            wait_for(lambda stand_in=stand_in: not stand_in.faults.waiting)  # it is not back yet
            broken = stand_in.requests[number]
            steps.add((broken.method, broken.step))
            finish(stand_in, dataset, code)
    assert number > 30
    assert steps >= {
        ("GET", ""), ("POST", ""), ("POST", "Upload-Start"), ("POST", "Upload-Length"),
        ("PATCH", "Upload-Offset"), ("POST", "Upload-Finish"), ("PATCH", ""),
    }  # fmt: skip


@pytest.mark.parametrize("kind", [Kind.CUT_ANSWER, Kind.CUT_REQUEST, Kind.DO_THEN_REFUSE])
def test_each_request_of_a_replacement_may_break(small, tmp_path, kind):
    expected = {**SMALL, "a": SMALL["a"][1:]}
    for number in itertools.count():
        dataset = shutil.copytree(small, tmp_path / str(number) / "ds")
        with StandIn() as stand_in:
            send(stand_in, dataset)
            change_fates(dataset, "a", [0], Fate.DUPLICATE, Reason.SIMILAR)
            begun = len(stand_in.requests)
            stand_in.faults.add(Fault(kind, at=begun + number, status=504))
            code = attempt(stand_in, dataset, replace=True)
            is_end = stand_in.faults.waiting > 0
            finish(stand_in, dataset, code, expected=expected, replace=True)
        if is_end:
            break
    assert number > 20


@pytest.mark.parametrize("kind", [Kind.CUT_ANSWER, Kind.CUT_REQUEST])
def test_all_of_the_server_may_break_now_and_then(small, tmp_path, kind):
    """Every seventh request breaks, with several tasks at once."""
    expected = {f"v{number}": names(f"v{number}", range(3)) for number in range(8)}
    for video in expected:
        write_video(tmp_path / "ds", video, 3)
    with StandIn() as stand_in:
        fault = Fault(kind, match=lambda request: request.number % 7 == 6, times=10**6)
        stand_in.faults.add(fault)
        codes = []
        while 0 not in codes:
            assert len(codes) < 30  # which requests break depends on the order of the threads
            codes.append(attempt(stand_in, tmp_path / "ds", parallel=3))
        check(stand_in, tmp_path / "ds", expected)


WRITING = {
    "project": lambda r: (r.method, r.path) == ("POST", "/api/projects"),
    "task": lambda r: (r.method, r.path) == ("POST", "/api/tasks"),
    "start": lambda r: r.step == "Upload-Start",
    "file": lambda r: r.step == "Upload-Length",
    "piece": lambda r: r.step == "Upload-Offset",
    "finish": lambda r: r.step == "Upload-Finish",
    "rename": lambda r: r.method == "PATCH" and not r.step,
}


@pytest.mark.parametrize("kind", [Kind.HANG, Kind.SILENT, Kind.LATE])
@pytest.mark.parametrize("request_", WRITING)
def test_an_answer_that_comes_late_or_never(stand_in, ds, kind, request_):
    stand_in.faults.add(Fault(kind, match=WRITING[request_], seconds=1.5))
    code = attempt(stand_in, ds, timeout=1)
    assert code == (4 if request_ == "project" else 0)
    finish(stand_in, ds, code, timeout=1)


@pytest.mark.parametrize("is_over", [False, True], ids=["meanwhile", "after-the-run"])
def test_a_request_that_is_carried_out_long_after_it_was_given_up(
    stand_in, ds, monkeypatch, is_over
):
    token = stand_in.accounts.add_access_token(stand_in.admin, read_only=False)
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", token)
    given_up, go, log = [], threading.Event(), stand_in.log

    def late(request):
        log(request)
        if WRITING["task"](request) and not given_up:
            given_up.append(request)
            go.wait(PATIENCE_SECONDS)
        elif WRITING["rename"](request) and not is_over:
            carry_out()

    def carry_out():
        go.set()
        wait_for(lambda: given_up[0].status is not None)

    stand_in.log = late
    assert attempt(stand_in, ds, auth=None, timeout=1) == 0
    if is_over:
        check(stand_in, ds)
        carry_out()
        assert len(stand_in.state.tasks) == 3
        assert attempt(stand_in, ds, auth=None) == 0
    check(stand_in, ds)
    assert stand_in.state.new_id("task") == 4  # three were made, and one of them is gone


LASTING = {
    500: "The fault is on the server, whose log says more ('docker logs cvat_server'): to run the "
    "same command again will not help. If a proxy of your own is before CVAT, let it pass on the "
    "headers Host, X-Forwarded-Host and X-Forwarded-Proto.",
    504: "A proxy says this where CVAT is not there or takes too long: see whether its containers "
    "run, and how long the proxy waits for them. Then run the same command again: it finds out "
    "what was done.",
    None: "See whether the network or a proxy ends long requests. Raise the setting "
    "timeout_seconds; if it is while images are sent, lower request_size. Then run the same "
    "command again: it finds out what was done.",
}


@pytest.mark.parametrize("status", LASTING)
def test_what_fails_in_one_way_again_and_again_is_not_simply_to_be_repeated(stand_in, ds, status):
    kind = Kind.CUT_REQUEST if status is None else Kind.REFUSE
    stand_in.faults.add(Fault(kind, match=WRITING["file"], status=status or 0, times=99))
    told = send(stand_in, ds, parallel=1).tasks[0].error
    assert told.endswith(f"It did so 3 times in a row. {LASTING[status]}")
    assert sum(WRITING["task"](request) for request in stand_in.requests) == 6


def test_what_fails_in_another_way_each_time_may_be_repeated(stand_in, ds):
    for status in (500, 502, 500):
        stand_in.faults.add(Fault(Kind.REFUSE, match=WRITING["file"], status=status))
    told = send(stand_in, ds, parallel=1).tasks[0].error
    assert told.endswith(
        "gave 500). Run the same command again: it finds out what was done. If it fails alike, the "
        "server's log says why ('docker logs cvat_server')."
    )


def test_a_server_that_always_forgets_what_it_was_to_make(stand_in, ds):
    stand_in.faults.add(
        Fault(Kind.REFUSE, match=lambda r: "/requests/" in r.path, status=404, times=99)
    )
    stand_in.worker.running.clear()
    told = send(stand_in, ds, parallel=1).tasks[0].error
    assert "lost the request to make task 3. It did so 3 times in a row. See whether its" in told


# A server that goes away, a process that is killed


def test_a_server_that_forgets_what_it_was_to_make(stand_in, ds):
    stand_in.worker.running.clear()

    def forget(request):
        stand_in.restart()
        stand_in.worker.running.set()
        return True

    stand_in.faults.add(
        Fault(Kind.CUT_REQUEST, match=lambda r: "/requests/" in r.path and forget(r))
    )
    assert attempt(stand_in, ds) == 0
    check(stand_in, ds)


def test_a_server_that_was_restarted_between_two_runs(stand_in, ds):
    stand_in.worker.running.clear()
    killed = kill_at(stand_in, ds, lambda r: "/requests/" in r.path)
    assert killed == -signal.SIGKILL
    assert any(entry["request_id"] for entry in entries(ds))
    stand_in.restart()
    stand_in.worker.running.set()
    assert attempt(stand_in, ds) == 0
    check(stand_in, ds)


def test_a_server_that_is_away_for_long(stand_in, ds):
    match = WRITING["piece"]
    stand_in.faults.add(
        Fault(Kind.CUT_REQUEST, match=lambda r: match(r) and not gone.is_set() and leave())
    )
    gone = threading.Event()

    def leave():
        gone.set()
        stand_in._stop_listening()
        return True

    assert attempt(stand_in, ds) == 4
    stand_in._listen(stand_in.port)
    assert attempt(stand_in, ds) == 0
    check(stand_in, ds)


def kill_at(stand_in, dataset, match, *, how=signal.SIGKILL, kind=Kind.LATE, arguments=()):
    """Upload in a process that gets a signal when a request arrives; return its exit code."""
    labels = dataset.with_name("labels.json")
    labels.write_text(json.dumps(LABELS))
    arguments = ["--labels", labels, *arguments]
    process = subprocess.Popen(
        command("upload", dataset, "--cvat", "--parallel", "1", "--json", *arguments),
        env=environment(**access(stand_in)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def kill(request):
        if not match(request):
            return False
        time.sleep(0.1)  # the request is told by its head; its body must be on the way too
        process.send_signal(how)
        if how == signal.SIGKILL:
            process.wait()
        return True

    stand_in.faults.add(Fault(kind, match=kill, seconds=0.2))
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in out + err
    wait_for(lambda: not stand_in.connections)  # it may still be at work on the last request
    return process.returncode


@pytest.mark.parametrize("number", range(5, 45, 3))
@pytest.mark.parametrize("kind", [Kind.LATE, Kind.CUT_REQUEST])
def test_killed_at_a_request(stand_in, ds, number, kind):
    code = kill_at(stand_in, ds, lambda request: request.number == number, kind=kind)
    assert code in {-signal.SIGKILL, 0}
    assert attempt(stand_in, ds) == 0
    check(stand_in, ds)


def test_killed_again_and_again(stand_in, tmp_path):
    expected = {f"v{number}": names(f"v{number}", range(3)) for number in range(6)}
    for video in expected:
        write_video(tmp_path / "ds", video, 3)
    for number in range(8):
        limit = len(stand_in.requests) + 9 + 2 * number
        kill_at(stand_in, tmp_path / "ds", lambda request, limit=limit: request.number == limit)
        stand_in.faults = type(stand_in.faults)()
        stand_in.worker.faults = stand_in.faults
    assert attempt(stand_in, tmp_path / "ds") == 0
    check(stand_in, tmp_path / "ds", expected)


@pytest.mark.parametrize("request_", ["task", "piece", "finish", "rename", "poll", "proof"])
def test_interrupted_by_a_person(stand_in, ds, request_):
    is_proof = lambda r: r.query.get("quality") == "original"  # noqa: E731
    matches = {**WRITING, "poll": lambda r: "/requests/" in r.path, "proof": is_proof}
    code = kill_at(stand_in, ds, matches[request_], how=signal.SIGINT)
    assert code == 5
    assert attempt(stand_in, ds) == 0
    check(stand_in, ds)


def test_interrupted_while_the_worker_takes_its_time(stand_in, ds):
    stand_in.worker.running.clear()
    polls = itertools.count()
    code = kill_at(
        stand_in, ds, lambda r: "/requests/" in r.path and next(polls) == 3, how=signal.SIGINT
    )
    assert code == 5
    (half,) = (task for task in stand_in.state.tasks.values() if task.data)
    stand_in.worker.running.set()
    assert attempt(stand_in, ds) == 0
    check(stand_in, ds)
    assert task_named(stand_in, "a") is half  # it was all there, so it was not sent again


# The journal


def test_a_disk_that_is_full_at_each_write_of_the_journal(small, tmp_path, monkeypatch):
    whole = files_module.replace_text
    for number in itertools.count():
        dataset = shutil.copytree(small, tmp_path / str(number) / "ds")
        writes = itertools.count()

        def full(path, pieces, writes=writes, number=number):
            if next(writes) == number:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            whole(path, pieces)

        with StandIn() as stand_in:
            with monkeypatch.context() as patch:
                patch.setattr(files_module, "replace_text", full)
                code = attempt(stand_in, dataset)
            if code == 0:
                check(stand_in, dataset)
                break
            assert code == 2
            assert attempt(stand_in, dataset) == 0
            check(stand_in, dataset)
    assert number > 8


def test_nothing_is_made_that_cannot_be_written_down(stand_in, ds, monkeypatch):
    def full(path, pieces):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files_module, "replace_text", full)
        with pytest.raises(DatasetError, match=r"cvat\.json: cannot be written: No space left"):
            send(stand_in, ds)
    assert stand_in.state.tasks == {}
    assert attempt(stand_in, ds) == 0
    check(stand_in, ds)


def test_a_damaged_journal_is_told_and_nothing_is_made(stand_in, ds):
    send(stand_in, ds)
    whole = (ds / "cvat.json").read_text()
    tasks = dict(stand_in.state.tasks)
    for text in ("", "{}", whole[: len(whole) // 2], '{"version": 99, "uploads": []}', "[" * 5000):
        (ds / "cvat.json").write_text(text)
        with pytest.raises(DatasetError, match="this record of what is in CVAT cannot be read"):
            send(stand_in, ds)
    assert stand_in.state.tasks == tasks
    (ds / "cvat.json").write_text(whole)
    assert attempt(stand_in, ds) == 0


# What changes between a run that was cut off and the next


def test_a_task_half_made_of_other_images_is_made_anew(stand_in, ds):
    is_proof = lambda request: request.path.endswith("/data/meta")  # noqa: E731
    stand_in.faults.add(Fault(Kind.REFUSE, match=is_proof, times=99))
    assert attempt(stand_in, ds) == 4
    half = list(stand_in.state.tasks)
    assert [len(task.data.frames) for task in stand_in.state.tasks.values()] == [4, 3]
    stand_in.faults = type(stand_in.faults)()
    change_fates(ds, "a", [1], Fate.DUPLICATE, Reason.SIMILAR)
    finish(stand_in, ds, 4, expected={**SMALL, "a": [*SMALL["a"][:1], *SMALL["a"][2:]]}, runs=1)
    assert task_named(stand_in, "a").id not in half
    assert task_named(stand_in, "b").id in half  # it was all there, so it was not sent again


def test_a_task_half_made_of_other_content_is_made_anew(stand_in, ds):
    """Names, sizes and the frames that are read back are the same: the digest alone tells."""
    is_proof = lambda request: request.path.endswith("/data/meta")  # noqa: E731
    stand_in.faults.add(Fault(Kind.REFUSE, match=is_proof, times=99))
    assert attempt(stand_in, ds, verify="2") == 4
    half = list(stand_in.state.tasks)
    stand_in.faults = type(stand_in.faults)()
    write_video(ds, "a", 4, content=lambda index: picture("a", 9 if index == 1 else index))
    finish(stand_in, ds, 4, runs=1, verify="2")
    assert task_named(stand_in, "a").id not in half
    assert task_named(stand_in, "b").id in half


@pytest.mark.parametrize("kind", [Kind.CUT_ANSWER, Kind.CUT_REQUEST])
def test_killed_at_the_last_step_and_then_the_dataset_changes(stand_in, ds, kind):
    assert (
        kill_at(stand_in, ds, WRITING["rename"], kind=kind, arguments=["--parallel", "1"])
        == -signal.SIGKILL
    )
    change_fates(ds, "a", [1], Fate.DUPLICATE, Reason.SIMILAR)
    result = send(stand_in, ds)
    if kind is Kind.CUT_ANSWER:  # it has its name, so someone may already work in it
        assert statuses(result) == {"a": "changed", "b": "uploaded"}
        assert shown(stand_in) == SMALL
        assert attempt(stand_in, ds, replace=True) == 0
    check(stand_in, ds, {**SMALL, "a": [*SMALL["a"][:1], *SMALL["a"][2:]]})


def test_other_sizes_of_tasks_after_a_run_that_was_cut_off(stand_in, ds):
    stand_in.faults.add(Fault(Kind.CUT_ANSWER, match=WRITING["task"], times=99))
    assert attempt(stand_in, ds, task_size=2) == 4
    stand_in.faults = type(stand_in.faults)()
    finish(stand_in, ds, 4, runs=1)


def test_killed_while_tasks_are_replaced(stand_in, ds):
    send(stand_in, ds, task_size=2)
    assert len(stand_in.state.tasks) == 4
    deleting = lambda request: request.method == "DELETE"  # noqa: E731
    assert kill_at(stand_in, ds, deleting, arguments=["--replace"]) == -signal.SIGKILL
    assert attempt(stand_in, ds) == 0  # what was begun is finished, also without --replace
    check(stand_in, ds)


def counting(dataset, video):
    """Return the ids of the tasks of a video that count, by the journal."""
    known = [entry for entry in entries(dataset) if entry["video"] == video]
    old = [entry for entry in known if entry["is_doomed"] and not entry["is_spent"]]
    return [entry["task_id"] for entry in old or known if old or not entry["is_doomed"]]


@pytest.mark.parametrize("is_sent", [False, True], ids=["before", "after"])
def test_killed_at_each_request_of_a_replacement_one_complete_task_counts(
    small, tmp_path, monkeypatch, is_sent
):
    before, after = SMALL["a"], SMALL["a"][1:]
    for number in itertools.count():
        dataset = shutil.copytree(small, tmp_path / str(number) / "ds")
        with StandIn() as stand_in:
            send(stand_in, dataset, task_size=2)
            change_fates(dataset, "a", [0], Fate.DUPLICATE, Reason.SIMILAR)
            with monkeypatch.context() as patch:
                is_dead = die_at(patch, number, is_sent=is_sent)
                with contextlib.suppress(DiedError):
                    attempt(stand_in, dataset, replace=True, task_size=2)
            counts = [stand_in.state.tasks[task] for task in counting(dataset, "a")]
            there = [frame.name for task in counts for frame in task.data.frames]
            assert there in (before, after)
            assert attempt(stand_in, dataset, task_size=2, replace=there == before) == 0
            expected = {"a (1/2)": after[:2], "a (2/2)": after[2:]}
            check(
                stand_in,
                dataset,
                {**expected, "b (1/2)": SMALL["b"][:2], "b (2/2)": SMALL["b"][2:]},
            )
            if not is_dead.is_set():
                break
    assert number > 30


def test_the_old_task_stays_until_the_new_one_is_proven(stand_in, ds):
    send(stand_in, ds)
    old = task_named(stand_in, "a")
    change_fates(ds, "a", [0], Fate.DUPLICATE, Reason.SIMILAR)
    stand_in.faults.add(WorkerFault(faults.lose_frame(1)))
    result = send(stand_in, ds, replace=True)
    assert statuses(result) == {"a": "unproven", "b": "unchanged"}
    assert task_named(stand_in, "a") is old
    assert attempt(stand_in, ds) == 0  # what was begun is finished, also without --replace
    check(stand_in, ds, {**SMALL, "a": SMALL["a"][1:]})


def test_annotations_of_a_task_to_be_replaced_survive_a_full_disk(stand_in, ds, monkeypatch):
    send(stand_in, ds)
    task = task_named(stand_in, "a")
    tag = {"frame": 1, "label_id": next(iter(stand_in.state.labels)), "attributes": []}
    put = Caller(stand_in)("PUT", f"/api/tasks/{task.id}/annotations/", {"tags": [tag]})
    assert put.status == 200, put.body
    change_fates(ds, "a", [0], Fate.DUPLICATE, Reason.SIMILAR)

    whole = files_module.replace_text

    def full(path, pieces):
        if path.name.startswith("cvat-annotations"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(path, pieces)

    with monkeypatch.context() as patch:
        patch.setattr("video_prep.dataset.files.replace_text", full)
        with pytest.raises(
            DatasetError, match=r"No space left on device\. The task stays as it is"
        ):
            send(stand_in, ds, replace=True, force=True)
    assert task_named(stand_in, "a") is task
    finish(stand_in, ds, 4, expected={**SMALL, "a": SMALL["a"][1:]}, replace=True, force=True)
    (saved,) = ds.glob("cvat-annotations-*.json")
    assert '"frame": 1' in saved.read_text()


# The worker


def test_a_worker_that_fails_says_why(prep, stand_in, ds, tmp_path):
    message = "PIL.UnidentifiedImageError: cannot identify image file '/home/django/a.jpg'"
    is_a = lambda task: task.name.startswith("a ")  # noqa: E731
    stand_in.faults.add(WorkerFault(faults.fail(message), match=is_a))
    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    done = prep("upload", ds, "--cvat", "--json", "--labels", "labels.json", **access(stand_in))
    assert (done.code, done.json["status"], done.json["exit_code"]) == (4, "cvat", 4)
    assert done.json["errors"] == [
        {"kind": "cvat-refused", "message": f"CVAT could not make the task: {message}"}
    ]
    assert {task["name"]: task["status"] for task in done.json["tasks"]} == {
        "a": "failed", "b": "uploaded",
    }  # fmt: skip
    assert shown(stand_in) == {"b": SMALL["b"]}
    finish(stand_in, ds, 4, runs=1)


def test_a_worker_that_hangs_is_given_up(stand_in, ds):
    stand_in.faults.add(WorkerFault(faults.hang))
    result = send(stand_in, ds, parallel=1, deadline_seconds=1)
    assert (statuses(result), int(result.exit_code)) == ({"a": "failed", "b": "uploaded"}, 4)
    assert "CVAT has not made task 1 within 1 s (it is started)" in result.tasks[0].error
    assert shown(stand_in) == {"b": SMALL["b"]}
    finish(stand_in, ds, 4, runs=1)


SPOILS = {
    "lost": (faults.lose_frame(1), "a-frame_000001.jpg is not in CVAT"),
    "renamed": (
        faults.rename_frame(2, "z.jpg"),
        "a-frame_000002.jpg is not in CVAT; z.jpg is in CVAT, but not in the dataset",
    ),
    "swapped": (
        faults.swap_frames(1, 2),
        "frame 1 in CVAT is a-frame_000002.jpg instead of a-frame_000001.jpg: the order differs",
    ),
    "twice": (faults.rename_frame(2, "a-frame_000001.jpg"), "a-frame_000002.jpg is not in CVAT"),
    "resized": (
        faults.resize_frame(3, 7, 8),
        "a-frame_000003.jpg is 7×8 in CVAT instead of 48×32",
    ),
    "moved": (
        faults.move_borders([(0, 1), (2, 3)]),
        "the jobs have other borders: 0 to 1 instead of 0 to 3 (2 jobs, 1 planned)",
    ),
    "no-jobs": (faults.move_borders([]), "no job instead of 0 to 3 (0 jobs, 1 planned)"),
    "bytes": (faults.replace_frame(2), "a-frame_000002.jpg: CVAT gives other bytes than were sent"),
    "swapped-bytes": (
        faults.swap_bytes(0, 2),
        "a-frame_000000.jpg: CVAT gives other bytes than were sent; "
        "a-frame_000002.jpg: CVAT gives other bytes than were sent",
    ),
    "truncated": (
        faults.truncate_frame(0, 400),
        "a-frame_000000.jpg: CVAT gives other bytes than were sent",
    ),
}


@pytest.mark.parametrize("name", SPOILS)
def test_what_the_server_makes_wrong_is_caught_and_made_anew(stand_in, ds, name):
    spoil, told = SPOILS[name]
    stand_in.faults.add(WorkerFault(spoil, match=lambda task: task.name.startswith("a ")))
    result = send(stand_in, ds)
    assert (statuses(result), int(result.exit_code)) == ({"a": "unproven", "b": "uploaded"}, 1)
    (message,) = result.tasks[0].messages
    assert told in message
    assert "Running again makes it anew" in message
    bad = result.tasks[0].task_id
    assert stand_in.state.tasks[bad].name.startswith("a (prep is uploading, ")
    assert attempt(stand_in, ds) == 0
    check(stand_in, ds)
    assert bad not in stand_in.state.tasks


def test_all_bytes_can_be_compared(stand_in, tmp_path):
    write_video(tmp_path / "ds", "a", 40)
    spoil = faults.swap_bytes(20, 21)
    stand_in.faults.add(WorkerFault(spoil))
    result = send(stand_in, tmp_path / "ds", verify="all")
    assert int(result.exit_code) == 1
    assert "a-frame_000020.jpg: CVAT gives other bytes" in result.tasks[0].messages[0]
    finish(
        stand_in, tmp_path / "ds", 1, runs=1, expected={"a": names("a", range(40))}, verify="all"
    )
    assert entries(tmp_path / "ds")[0]["frames_verified"] == list(range(40))


def test_two_broken_things_at_once(stand_in, tmp_path):
    """Large enough for several pieces: one breaks, one is too large, and the finish is lost."""
    write_video(tmp_path / "ds", "a", 4, content=noise(900_000))
    for fault in (
        Fault(Kind.REFUSE, match=WRITING["piece"], status=413),
        Fault(Kind.CUT_REQUEST, match=WRITING["piece"]),
        Fault(Kind.REFUSE, match=WRITING["piece"], status=429, times=2),
        Fault(Kind.CUT_ANSWER, match=WRITING["finish"]),
        Fault(Kind.CUT_ANSWER, match=WRITING["rename"]),
    ):
        stand_in.faults.add(fault)
    assert attempt(stand_in, tmp_path / "ds") == 0
    assert stand_in.faults.waiting == 0
    check(stand_in, tmp_path / "ds", {"a": names("a", range(4))})


@pytest.mark.parametrize(("status", "kind"), [(401, "cvat-auth"), (403, "cvat-permission")])
def test_credentials_that_end_in_the_middle_end_the_run(stand_in, tmp_path, status, kind):
    for number in range(5):
        write_video(tmp_path / "ds", f"v{number}", 2)
    stand_in.faults.add(Fault(Kind.REFUSE, match=WRITING["finish"], status=status, times=99))
    result = send(stand_in, tmp_path / "ds", parallel=1)
    assert int(result.exit_code) == 4
    assert {(task.status, task.error_kind) for task in result.tasks} == {("failed", kind)}
    assert [(task.name, task.video, task.frames) for task in result.tasks] == [
        (f"v{number}", f"v{number}", 2) for number in range(5)
    ]
    assert sum(WRITING["task"](request) for request in stand_in.requests) == 1
    stand_in.faults = type(stand_in.faults)()
    expected = {f"v{number}": names(f"v{number}", range(2)) for number in range(5)}
    finish(stand_in, tmp_path / "ds", 4, runs=1, expected=expected)
    assert len(journal(tmp_path / "ds")["uploads"]) == 1


def test_errors_that_no_other_task_would_escape_end_a_run():
    found = {error for error in vars(errors).values() if isinstance(error, type)}
    of_cvat = {error for error in found if issubclass(error, errors.CvatError)}
    assert {error for error in of_cvat if error.ends_run} == {
        errors.CvatAuthError,
        errors.CvatPermissionError,
        errors.CvatUnreachableError,
    }
