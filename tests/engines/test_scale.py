"""The same command on more workers: the same bytes, and what dies costs its unit alone."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from helpers import media
from helpers.datasets import images, record, snapshot
from helpers.patience import PATIENCE_SECONDS, wait_for
from helpers.prep import command, environment, run_here, script
from video_prep.base.errors import UsageError
from video_prep.base.work import Watch
from video_prep.engines import pool

ENGINES = [("pool", "1"), ("pool", "2"), ("threads", "1"), ("threads", "2"), ("ray", "2")]
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "20", "-bf", "2")


@pytest.fixture
def prep(prep_process):
    """Run prep in a process of its own, with the engine that it chooses."""
    return prep_process


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Short videos, one that is cut, one of the same frames, one that is no video."""
    folder = tmp_path_factory.mktemp("scale") / "in"
    folder.mkdir()
    media.encode(folder / "long.mp4", *H264, frames=160)
    media.twin(folder / "long.mp4", folder / "copy.mp4")
    media.encode(folder / "calm.mp4", *H264, frames=50, picture="smptebars")
    media.encode(folder / "short.mkv", *H264, frames=30)
    (folder / "broken.mp4").write_bytes(b"no video at all")
    return folder


def test_all_stages_give_the_same_bytes_on_all_engines(inputs, prep, tmp_path):
    settings = tmp_path / "prep.yaml"
    settings.write_text("run: {segment_frames: 40}\ndedupe: {dedupe: similar}\n")
    first = None
    for engine, workers in ENGINES:
        home = tmp_path / f"{engine}{workers}"
        home.mkdir()
        how = ("--engine", engine, *(("--workers", workers) if engine != "ray" else ()))
        done = prep("run", inputs, "-o", "ds", "-c", settings, *how, cwd=home)
        assert done.code == 3, done.err  # one is no video
        assert done.err == ""
        assert "broken.mp4: not a video" in done.out
        if first is None:
            first = snapshot(home / "ds")
            assert record(home / "ds" / "long")["segments"] == [0, 40, 80, 120]
            assert record(home / "ds" / "short")["segments"] == [0]
            assert images(home / "ds" / "calm")
        assert snapshot(home / "ds").keys() == first.keys()
        assert snapshot(home / "ds") == first, (engine, workers)


def test_ray_prints_nothing_but_the_answer(inputs, prep, tmp_path):
    done = prep("extract", inputs / "short.mkv", "-o", "ds", "--engine", "ray", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["totals"]["frames_decoded"] == 30


def test_an_address_needs_ray(prep, inputs):
    done = prep("extract", inputs, "-o", "ds", "--address", "auto")
    assert done.code == 2
    assert done.err == "error: --address names a Ray cluster: use it with --engine ray.\n"


def test_no_cluster_at_the_address(prep, inputs):
    done = prep("extract", inputs, "-o", "ds", "--engine", "ray", "--address", "127.0.0.1:9")
    assert done.code == 2
    assert "No Ray cluster answers at 127.0.0.1:9" in done.err


def start(*arguments, cwd, **env):
    return subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def workers_at_ffmpeg(driver):
    """Return the processes that wait for an ffmpeg, of those that a driver has started."""
    found = []
    for process in psutil.Process(driver.pid).children(recursive=True):
        try:
            if "ffmpeg" in process.name():
                found.append(process.parent())
        except psutil.NoSuchProcess:
            continue
    return [each for each in found if each is not None]


@pytest.fixture(scope="session")
def long_inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long") / "in"
    folder.mkdir()
    media.encode(folder / "long.mp4", *H264, frames=300)
    media.encode(folder / "other.mp4", *H264, frames=50)
    return folder


@pytest.fixture(scope="session")
def undisturbed(long_inputs, tmp_path_factory):
    """Return what a run with some options makes of them that nothing disturbs."""

    @functools.cache
    def extract(*options):
        folder = tmp_path_factory.mktemp("undisturbed")
        assert run_here(("extract", long_inputs, "-o", "ds", *options), folder, {}).code == 0
        return snapshot(folder / "ds")

    return extract


GATED = """#!/bin/sh
case "$PWD" in */new/long) case "$*" in *graph.txt*)
    for number in 1 2; do mkdir "{folder}/$number" 2>&- && exec "{ffmpeg}" "$@"; done
    while [ ! -e "{folder}/open" ]; do sleep 0.05; done;;
esac;; esac
exec "{ffmpeg}" "$@"
"""


@pytest.fixture
def gated(tmp_path):
    """An ffmpeg that does two segments of the long video; for others it waits for a file, open."""
    folder = tmp_path / "gate"
    folder.mkdir()
    return script(folder / "ffmpeg", GATED.format(folder=folder, ffmpeg=media.FFMPEG))


def is_midway(driver, shelf):
    """Whether two segments are done, and others are at work."""
    return len(list(shelf.glob("0*.npz"))) == 2 and workers_at_ffmpeg(driver)


@pytest.mark.parametrize("engine", ["pool", "ray"])
def test_a_worker_that_is_killed_costs_one_unit_and_changes_nothing(
    engine, long_inputs, undisturbed, gated, tmp_path
):
    options = ("--segment-frames", "50", "--dedupe", "off")
    how = ("--engine", engine, "--ffmpeg", gated)
    driver = start("extract", long_inputs, *options, "-o", "ds", *how, "--json", cwd=tmp_path)
    shelf = tmp_path / "ds" / ".prep" / "segments" / "long"
    wait_for(lambda: is_midway(driver, shelf))[0].kill()
    (gated.parent / "open").touch()
    out, err = driver.communicate(timeout=PATIENCE_SECONDS)
    assert driver.returncode == 0, out + err
    assert snapshot(tmp_path / "ds") == undisturbed(*options)


CRASHING = """#!/bin/sh
case "$PWD" in */new/{video}) case "$*" in *-version*) ;; *)
    if mkdir "{folder}/crash$(ls "{folder}" | grep -c crash)" && \\
       [ "$(ls "{folder}" | grep -c crash)" -le {times} ]; then kill -9 $PPID; exit 1; fi;;
esac;; esac
exec "{ffmpeg}" "$@"
"""


@pytest.fixture
def crashing(tmp_path):
    """Make an ffmpeg that kills the process that started it, so many times, at one video."""

    def make(video, times):
        folder = tmp_path / f"crashes-{video}-{times}"
        folder.mkdir()
        script = folder / "ffmpeg.sh"
        script.write_text(
            CRASHING.format(video=video, folder=folder, times=times, ffmpeg=media.FFMPEG)
        )
        script.chmod(0o755)
        return script

    return make


def test_a_worker_that_dies_is_repeated_once_and_then_reported(inputs, crashing, prep, tmp_path):
    common = ("extract", inputs / "long.mp4", inputs / "calm.mp4", inputs / "short.mkv")
    assert prep(*common, "-o", "expected", "--segment-frames", "50").code == 0
    once = crashing("calm", 1)
    done = prep(*common, "-o", "once", "--segment-frames", "50", "--ffmpeg", once)
    assert done.code == 0, done.out
    assert snapshot(tmp_path / "once") == snapshot(tmp_path / "expected")

    always = crashing("calm", 99)
    done = prep(*common, "-o", "ds", "--segment-frames", "50", "--ffmpeg", always, "--json")
    assert done.code == 3
    assert {v["id"]: v["status"] for v in done.json["videos"]} == {
        "long": "extracted",
        "calm": "failed",
        "short": "extracted",
    }
    (error,) = done.json["errors"]
    assert error == {
        "kind": "worker-died",
        "message": f"{inputs / 'calm.mp4'}: the worker process was killed by SIGKILL (most likely "
        "memory ran out), 2 times. If memory is short, lower --workers; else this file brings down "
        "the libraries that read it: convert it first, or leave it out.",
    }
    assert len(list(always.parent.glob("crash*"))) == 2
    assert not (tmp_path / "ds" / "calm").exists()


def test_a_segment_whose_worker_dies_fails_the_video_and_keeps_the_rest(
    inputs, crashing, prep, tmp_path
):
    common = ("extract", inputs / "long.mp4", "--segment-frames", "40", "--workers", "1")
    assert prep(*common, "-o", "expected").code == 0
    done = prep(*common, "-o", "ds", "--ffmpeg", crashing("long", 2), "--json")
    assert (done.code, done.json["errors"][0]["kind"]) == (3, "worker-died")
    shelf = tmp_path / "ds" / ".prep" / "segments" / "long"
    kept = sorted(file.name for file in shelf.glob("0*"))
    assert kept == ["000001.npz", "000002.npz", "000003.npz"]
    done = prep(*common, "-o", "ds")
    assert done.code == 0
    assert snapshot(tmp_path / "ds") == snapshot(tmp_path / "expected")


@pytest.mark.parametrize("engine", ["pool", "threads", "ray"])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interruption_ends_all_and_loses_nothing(
    engine, signum, long_inputs, undisturbed, gated, tmp_path
):
    options = ("--segment-frames", "50")
    common = ("extract", long_inputs, "-o", "ds", *options, "--engine", engine, "--ffmpeg", gated)
    driver = start(*common, cwd=tmp_path)
    shelf = tmp_path / "ds" / ".prep" / "segments" / "long"
    wait_for(lambda: is_midway(driver, shelf))
    begun = psutil.Process(driver.pid).children(recursive=True)
    done_before = {file.name for file in shelf.glob("0*.npz")}
    # As a terminal does it: to the whole group. A polite kill goes to one process.
    (os.killpg if signum == signal.SIGINT else os.kill)(driver.pid, signum)
    out, err = driver.communicate(timeout=PATIENCE_SECONDS)
    assert driver.returncode == 5, out + err
    assert "Traceback" not in out + err
    assert "run the same command again" in err
    wait_for(lambda: not [p for p in begun if p.is_running() and "ffmpeg" in p.name()])
    assert done_before <= {file.name for file in shelf.glob("0*.npz")}
    # What is left is for any engine to finish.
    assert run_here(("extract", long_inputs, "-o", "ds", *options), tmp_path, {}).code == 0
    assert snapshot(tmp_path / "ds") == undisturbed(*options)


def test_a_node_that_is_lost_midway_costs_the_units_it_was_at(
    long_inputs, undisturbed, gated, tmp_path
):
    from ray.cluster_utils import Cluster

    options = ("--segment-frames", "50", "--dedupe", "off")
    old = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "include_dashboard": False,
            "_system_config": {"health_check_period_ms": 300, "health_check_failure_threshold": 5},
        },
    )
    try:
        node = cluster.add_node(num_cpus=1)
        how = ("--engine", "ray", "--address", cluster.address, "--ffmpeg", gated)
        driver = start("extract", long_inputs, *options, "-o", "ds", *how, cwd=tmp_path)
        shelf = tmp_path / "ds" / ".prep" / "segments" / "long"
        wait_for(lambda: len(list(shelf.glob("0*.npz"))) >= 2)
        done_before = {file.name: file.stat().st_mtime_ns for file in shelf.glob("0*.npz")}
        cluster.remove_node(node, allow_graceful=False)
        assert not (tmp_path / "ds" / "long").exists()  # there was work left
        (gated.parent / "open").touch()
        kept = {}
        while driver.poll() is None:
            with contextlib.suppress(FileNotFoundError):  # it is cleared away at the end
                kept |= {f.name: f.stat().st_mtime_ns for f in list(shelf.glob("0*.npz"))}
            time.sleep(0.05)
        out, err = driver.communicate()
        assert driver.returncode == 0, out + err
        assert done_before.items() <= kept.items()  # none of what was done was done again
        assert snapshot(tmp_path / "ds") == undisturbed(*options)
    finally:
        cluster.shutdown()
        if old is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = old


def test_ten_thousand_inputs_are_taken_up_as_there_is_room(tmp_path):
    """What waits is one path each, whatever the engine: units are made as they are needed."""
    from video_prep.stages.extract.batch import VideoBatch
    from video_prep.stages.extract.units import memory_needed
    from video_prep.video.sources import Source

    sources = [Source(tmp_path / f"{n}.mp4", f"{n}.mp4") for n in range(10_000)]
    batch = VideoBatch({}, {}, {s: s.path.stem for s in sources}, Watch())
    units = batch.units(iter(sources))
    first = next(units)
    assert (first.video_id, memory_needed(first)) == ("0", 50_000_000)
    assert sum(1 for _ in units) == 9_999


@pytest.mark.parametrize("from_stdin", [False, True])
def test_library_use_needs_no_main_guard(inputs, tmp_path, from_stdin):
    script = tmp_path / "script.py"
    script.write_text(
        "print('once')\n"
        "import video_prep\n"
        f"result = video_prep.extract([{str(inputs / 'short.mkv')!r}], {str(tmp_path / 'ds')!r})\n"
        "print(result.videos[0].status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-" if from_stdin else script],
        input=script.read_text() if from_stdin else None,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("once\nextracted\n", "")


def test_a_pool_where_no_process_may_begin_says_the_way_out(inputs, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, video_prep\n"
        "multiprocessing.current_process()._config['daemon'] = True\n"
        f"video_prep.extract([{str(inputs / 'short.mkv')!r}], {str(tmp_path / 'ds')!r})\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "UsageError: Worker processes cannot begin: daemonic processes are not allowed to have "
        "children. Threads need none: use the engine 'threads'."
    )


@pytest.mark.parametrize("engine", ["pool", "threads", "ray"])
def test_a_folder_pipeline_of_a_team_is_not_in_the_way(engine, inputs, tmp_path):
    """Neither here nor on PYTHONPATH, for the command, its workers and the library."""
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("raise SystemExit('the code of a team')\n")
    done = subprocess.run(
        command("run", inputs / "short.mkv", "-o", "ds", "--engine", engine),
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(images(tmp_path / "ds" / "short")) == 30


def test_a_folder_for_temporary_files_that_sockets_cannot_use_is_named(tmp_path):
    far = tmp_path / ("so-far-away-" * 8)
    far.mkdir()
    script = (
        "import threading; from video_prep.engines.pool import Pool; "
        "threading.Thread(target=threading.Event().wait, daemon=True).start(); Pool()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(TMPDIR=str(far)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert "UsageError: Worker processes cannot begin: AF_UNIX path too long." in done.stderr
    assert f"{far}: name another, with a short path, in TMPDIR." in done.stderr


def test_ctrl_c_is_not_lost_where_no_worker_can_begin(monkeypatch):
    def refuse():
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(pool, "has_one_thread", lambda: False)
    monkeypatch.setattr(pool.forkserver, "ensure_running", refuse)
    with pytest.raises(UsageError, match="Worker processes cannot begin"):
        pool.Pool(1)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
