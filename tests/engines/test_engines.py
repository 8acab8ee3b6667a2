"""The contract of engines, held against each of them."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from helpers import engine_units as units
from helpers.engine_units import Job
from helpers.engines import SILENCE_SECONDS, open_engine
from helpers.patience import PATIENCE_SECONDS, wait_for
from video_prep.base.bugs import describe_bug
from video_prep.base.machine import memory_bytes
from video_prep.engines.base import Lost
from video_prep.engines.pool import Pool
from video_prep.engines.ray_cluster import RayEngine
from video_prep.engines.threads import InProcess


@pytest.fixture(scope="module", params=["in_process", "pool", "ray"])
def engine(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # workers need the units
        with open_engine(request.param) as opened:
            yield opened


# What kills a unit in this process kills all, by nature.
in_other_processes = pytest.mark.parametrize("engine", ["pool", "ray"], indirect=True)


def assert_nobody_ticks(folder):
    def sizes():
        return {path.name: path.stat().st_size for path in folder.glob("*.ticks")}

    before = sizes()
    assert before
    time.sleep(0.4)
    assert sizes() == before


def test_each_item_has_its_result_once(engine):
    results = list(engine.run(units.double, range(60)))
    assert sorted(results) == [(number, 2 * number) for number in range(60)]


def test_no_items(engine):
    assert list(engine.run(units.double, [])) == []


def test_items_are_taken_as_there_is_room(engine):
    limit = engine.workers * (2 if isinstance(engine, RayEngine) else 1)
    taken = 0
    most = 0

    def items():
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield number

    run = engine.run(units.double, items())
    for received in range(30):
        next(run)
        most = max(most, taken - received)
    run.close()
    assert most == limit


def test_items_that_follow_are_all_carried_out(engine):
    def follow(number, result):
        assert result == 2 * number
        return [10 * number, 10 * number + 1] if number < 100 else []

    done = [number for number, _ in engine.run(units.double, [1, 2, 3], follow=follow)]
    wanted = [
        number
        for first in (1, 2, 3)
        for number in (
            first,
            *(10 * first + i for i in (0, 1)),
            *(100 * first + 10 * i + j for i in (0, 1) for j in (0, 1)),
        )
    ]
    assert sorted(done) == sorted(wanted)


@pytest.mark.parametrize("kind", [InProcess, Pool])
def test_items_that_follow_go_before_those_that_wait(kind):
    with kind(1) as engine:
        follow = {1: [10, 11], 10: [100]}
        run = engine.run(units.double, [1, 2, 3], follow=lambda i, result: follow.get(i, []))
        assert [number for number, _ in run] == [1, 10, 100, 11, 2, 3]


def test_messages_come_in_order_while_a_unit_is_at_work(engine, tmp_path):
    jobs = [Job("long", tmp_path), *(Job(f"short-{i}", tmp_path) for i in range(20))]
    told = {job.name: [] for job in jobs}
    told_at_end = {}

    def hear(job, message):
        told[job.name].append(message)
        if job.name == "long":
            (tmp_path / "heard").touch()

    for job, name in engine.run(units.tell_numbers, jobs, on_message=hear):
        assert name == job.name
        told_at_end[name] = list(told[name])
    assert told_at_end == {job.name: list(range(20)) for job in jobs}
    assert told == told_at_end


def test_an_exception_is_raised_here_and_ends_the_rest(engine, tmp_path):
    def items():
        yield Job("other", tmp_path)
        wait_for(lambda: list(tmp_path.glob("*.ticks")))
        yield "bad"

    with pytest.raises(ValueError, match="no good") as caught:
        list(engine.run(units.raise_value_error, items()))
    assert (type(caught.value), str(caught.value)) == (ValueError, "no good")
    assert_nobody_ticks(tmp_path)


def test_a_bug_is_told_with_its_place_wherever_that_is(engine):
    with pytest.raises(ValueError, match="no good") as caught:
        list(engine.run(units.raise_value_error, ["bad"]))
    line = next(
        number
        for number, text in enumerate(Path(units.__file__).read_text().splitlines(), 1)
        if 'ValueError("no good")' in text
    )
    assert f"ValueError: no good (engine_units.py:{line})" in describe_bug(caught.value)


def test_an_exception_that_pickle_cannot_make_again(engine):
    with pytest.raises(units.UnfitError) as caught:
        list(engine.run(units.raise_unfit_error, [1]))
    assert (str(caught.value), caught.value.number) == ("7 is odd", 7)


@pytest.mark.parametrize(
    ("function", "items", "what"),
    [
        (lambda item, link: item, [1], "the function"),
        (units.double, [lambda: None], "an item of type function"),
        (units.give_lambda, [1], "a result of type function"),
        (units.tell_lambda, [1], "a message of type function"),
    ],
    ids=["function", "item", "result", "message"],
)
@in_other_processes
def test_what_cannot_be_sent_is_named(engine, function, items, what):
    with pytest.raises(TypeError, match=f"^{what} cannot be sent to another process: "):
        list(engine.run(function, items))
    assert list(engine.run(units.double, [1])) == [(1, 2)]


@pytest.mark.parametrize(
    ("name", "pool_says"),
    [
        ("exit", "the worker process ended (exit code 3), 2 times"),
        ("segv", "the worker process was killed by SIGSEGV, 2 times"),
    ],
)
@in_other_processes
def test_a_unit_that_always_crashes_is_lost_and_no_other(engine, tmp_path, name, pool_says):
    jobs = [Job(n, tmp_path) for n in ("a", name, "b", "c")]
    results = {job.name: result for job, result in engine.run(units.misbehave, jobs)}
    lost = results.pop(name)
    assert results == {"a": "a", "b": "b", "c": "c"}
    assert isinstance(lost, Lost)
    if isinstance(engine, Pool):
        assert lost.why == pool_says
    else:
        assert lost.why.startswith("the worker process crashed or was killed")
        assert lost.why.endswith(", 2 times")
    assert [units.runs(job) for job in jobs] == [1, 2, 1, 1]


@in_other_processes
def test_a_unit_that_crashes_once_is_repeated(engine, tmp_path):
    job = Job("exit-once", tmp_path)
    assert list(engine.run(units.misbehave, [job])) == [(job, "exit-once")]
    assert units.runs(job) == 2


@in_other_processes
def test_a_worker_killed_from_outside_costs_one_attempt(engine, tmp_path):
    job = Job("wait-once", tmp_path)

    def kill():
        (trace,) = wait_for(lambda: list(tmp_path.glob("wait-once.run-*")))
        os.kill(int(trace.name.split("-")[2]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert list(engine.run(units.misbehave, [job])) == [(job, "wait-once")]
    killer.join()
    assert units.runs(job) == 2


def test_only_a_unit_without_a_sign_of_life_is_taken_for_hung(engine, tmp_path):
    slow = [Job(f"slow-{i}", tmp_path, 1.5 * SILENCE_SECONDS) for i in range(2)]
    hung, patient = Job("hang", tmp_path), Job("patient", tmp_path)  # wait longer than a silence
    jobs = [*slow, hung, patient]
    results = {job.name: result for job, result in engine.run(units.misbehave, jobs)}
    assert results == {
        "slow-0": "slow-0",
        "slow-1": "slow-1",
        "hang": Lost(f"no sign of life for {SILENCE_SECONDS:g} s, 2 times"),
        "patient": "patient",
    }
    assert [units.runs(job) for job in jobs] == [1, 1, 2, 1]


def test_silence_does_not_count_while_nobody_listens(engine, tmp_path):
    jobs = [Job("quick", tmp_path), Job("slow", tmp_path, 1.75 * SILENCE_SECONDS)]
    names = []
    for job, _ in engine.run(units.sleep_with_signs, jobs):
        names.append(job.name)
        if job.name == "quick":
            time.sleep(1.25 * SILENCE_SECONDS)
    assert names == ["quick", "slow"]
    assert units.runs(jobs[1]) == 1


def test_leaving_early_stops_the_units_and_the_engine_goes_on(engine, tmp_path):
    left_behind = living_units()  # those that hung in other tests

    def items():
        yield Job("ticking", tmp_path)
        wait_for(lambda: list(tmp_path.glob("*.ticks")))
        yield "bad"

    # The first unit has begun before the second one is taken.
    run = engine.run(units.tick_or_return, items())
    assert next(run) == ("bad", "bad")
    run.close()
    assert_nobody_ticks(tmp_path)
    assert living_units() == left_behind
    assert sorted(engine.run(units.double, range(5))) == [(n, 2 * n) for n in range(5)]


@pytest.mark.parametrize("is_launched", [False, True])
def test_ctrl_c_while_a_thread_is_started_is_told_and_starts_nothing(
    is_launched, tmp_path, monkeypatch
):
    start, launched = threading.Thread.start, []

    def interrupted(thread):
        if is_launched:
            launched.append((start, thread))  # the system is still at it
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with InProcess(1) as engine, pytest.raises(KeyboardInterrupt):
        list(engine.run(units.tick_or_return, [Job("ticking", tmp_path)]))
    for start, thread in launched:
        start(thread)
        thread.join()
    assert not any(tmp_path.iterdir())


def living_units():
    return {thread for thread in threading.enumerate() if thread.name == "prep-unit"}


def test_no_more_units_are_at_work_than_there_are_workers(engine, tmp_path):
    jobs = [Job(str(number), tmp_path, 0.3) for number in range(2 * engine.workers)]
    (tmp_path / "company").write_text(str(engine.workers))
    times = [time for _, time in engine.run(units.wait_for_company, jobs)]
    at_once = [sum(s <= start < end for s, end in times) for start, _ in times]
    assert (len(times), max(at_once)) == (len(jobs), engine.workers)


def test_memory_that_units_declare_is_kept(engine, tmp_path):
    if isinstance(engine, RayEngine):
        import ray

        room = int(ray.cluster_resources()["memory"])
    else:
        room = memory_bytes() // 2
    jobs = [Job(str(number), tmp_path, 0.3) for number in range(4)]
    needs = dict(zip(jobs, [0.6, 0.6, 5.0, 0.6], strict=True))
    run = engine.run(units.sleep_with_signs, jobs, memory_needed=lambda job: int(needs[job] * room))
    times = sorted(result for _, result in run)
    assert len(times) == 4
    assert [after[0] >= before[1] for before, after in itertools.pairwise(times)] == [True] * 3


def test_a_crash_in_this_process_is_the_end_of_it(tmp_path):
    script = (
        "import sys; from helpers import engine_units as units; from pathlib import Path; "
        "from video_prep.engines.threads import InProcess; "
        "print(*InProcess(1).run(units.misbehave, [units.Job('exit', Path(sys.argv[1]))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    assert units.runs(Job("exit", tmp_path)) == 1


def test_a_closed_pool_leaves_no_process():
    with Pool(2) as engine:
        pids = {pid for _, pid in engine.run(units.process_id, range(20))}
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


FORKING = """
import os, sys, time
from pathlib import Path
import filelock
import psutil
from helpers import engine_units as units
from helpers.engines import open_engine
folder = Path(sys.argv[1])
lock = filelock.FileLock(folder / "lock")
lock.acquire()
with open_engine("pool") as engine:
    # The second begins while the first is at work, and holds copies of what leads to that one.
    (folder / "company").write_text("2")
    jobs = [units.Job(name, folder, 0.2) for name in ("a", "b")]
    assert sorted(job.name for job, _ in engine.run(units.wait_for_company, jobs)) == ["a", "b"]
    workers = psutil.Process().children(recursive=True)
    assert {worker.ppid() for worker in workers} == {os.getpid()}, "forked off here"
    files = [file.path for worker in workers for file in worker.open_files()]
    assert str(folder / "lock") not in files
    job = units.Job("exit-once", folder)
    assert [result for _, result in engine.run(units.misbehave, [job])] == ["exit-once"]
    began = time.monotonic()
took = time.monotonic() - began
print(len(workers), [worker.is_running() for worker in workers], took < 2)
"""


def test_a_process_with_one_thread_forks_its_workers(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING, tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "2 [False, False] True\n"


DRIVER = """
import sys
import threading
from pathlib import Path
from helpers import engine_units as units
from helpers.engines import open_engine
if __name__ == "__main__":
    name, folder, job = sys.argv[1:]
    if name == "pool":  # which is not forked then
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    name = name.replace("forked", "pool")
    with open_engine(name, silence_seconds=600) as engine:
        try:
            list(engine.run(units.block_with_child, [units.Job(job, Path(folder))]))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
"""


def is_alive(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE  # which only waits for init to see it
    return False


@pytest.mark.parametrize("name", ["in_process", "forked", "pool", "ray"])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_a_driver_that_is_interrupted_or_killed(name, signum, tmp_path):
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    job = "polite" if name == "in_process" else "blocked"
    driver = subprocess.Popen(
        [sys.executable, script, name, tmp_path, job],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    family = []
    try:
        child = wait_for(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
        family = psutil.Process(driver.pid).children(recursive=True)
        at_work = [psutil.Process(int(child)), psutil.Process(int(child)).parent()]
        assert {*at_work} <= {psutil.Process(driver.pid), *family}
        if signum == signal.SIGINT:
            os.killpg(driver.pid, signum)  # as a terminal does
        else:
            driver.kill()
        out, err = driver.communicate(timeout=PATIENCE_SECONDS)
        # Some servers of Ray's own take a minute to notice.
        awaited = family if signum == signal.SIGINT or name != "ray" else at_work
        wait_for(lambda: not any(map(is_alive, awaited)))
        if signum == signal.SIGINT:
            assert (driver.returncode, out, err) == (0, "interrupted\n", "")
    finally:
        for process in [driver, *family]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        driver.communicate()
