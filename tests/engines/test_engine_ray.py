"""The engine on Ray: what clusters do, and what a person sees of Ray."""

import os
import socket
import subprocess
import sys
import time

import pytest
import ray
import video_prep
from helpers import engine_units as units
from helpers.engine_units import Job
from helpers.patience import PATIENCE_SECONDS, wait_for
from video_prep.base.errors import UsageError
from video_prep.engines import ray_cluster
from video_prep.engines.pool import Pool
from video_prep.engines.ray_cluster import RayEngine

HEAD_MEMORY = 2**30


@pytest.fixture
def workers_find_units(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture
def disconnected():
    """Not in a cluster before, nor afterwards."""
    ray.shutdown()
    yield
    ray.shutdown()


@pytest.fixture
def cluster(workers_find_units, disconnected):
    """A cluster on this machine: a head, where the driver is, and what a test adds."""
    from ray.cluster_utils import Cluster

    started = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "memory": HEAD_MEMORY,
            "include_dashboard": False,
            # How soon a node that says nothing is given up: 15 s otherwise.
            "_system_config": {"health_check_period_ms": 300, "health_check_failure_threshold": 5},
        },
    )
    try:
        yield started
    finally:
        ray.shutdown()
        started.shutdown()


@pytest.fixture
def one_core(workers_find_units, disconnected):
    """A cluster to which this process is connected already."""
    ray.init(address="local", num_cpus=1, include_dashboard=False, logging_level="ERROR")


def test_a_node_that_is_lost_costs_the_units_there_one_more_run(cluster, tmp_path):
    # The first unit only has room there; afterwards it must do with less.
    node = cluster.add_node(num_cpus=1, memory=2 * HEAD_MEMORY)
    (tmp_path / f"trap-{node.node_id}").touch()
    jobs = [Job(str(number), tmp_path, 0.1) for number in range(12)]

    def items():
        yield jobs[0]
        wait_for(lambda: list(tmp_path.glob(f"0.on-{node.node_id}")))
        yield from jobs[1:6]
        cluster.remove_node(node, allow_graceful=False)
        yield from jobs[6:]

    with RayEngine(cluster.address, silence_seconds=PATIENCE_SECONDS) as engine:
        run = engine.run(
            units.work_on_a_node,
            items(),
            memory_needed=lambda job: 2 * HEAD_MEMORY if job.name == "0" else 0,
        )
        results = sorted((job.name, where) for job, where in run)
    assert results == sorted((job.name, cluster.head_node.node_id) for job in jobs)
    assert {job.name: units.runs(job) for job in jobs} == {
        job.name: 2 if job.name == "0" else 1 for job in jobs
    }


def test_a_cluster_may_grow_while_a_run_goes_on(cluster, tmp_path):
    jobs = (Job(str(number), tmp_path, 0.2) for number in range(1000))
    with RayEngine(cluster.address) as engine:
        assert (engine.workers, engine.cores_each) == (1, 1)
        run = engine.run(units.work_on_a_node, jobs)
        next(run)
        node = cluster.add_node(num_cpus=2)
        while not list(tmp_path.glob(f"*.on-{node.node_id}")):
            next(run)
        assert engine.workers == 3
        run.close()


def test_nothing_answers_at_the_address(disconnected):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError) as caught:
            RayEngine(address)
    assert str(caught.value) == (
        f"No Ray cluster answers at {address}: [Errno 111] Connection refused."
    )


def test_the_address_makes_no_sense(disconnected):
    with pytest.raises(UsageError, match=r"^No Ray cluster could be joined at nowhere: "):
        RayEngine("nowhere")


def test_ray_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError) as caught:
        RayEngine()
    assert str(caught.value) == (
        "Ray is not installed. Install prep together with it, in the folder of its clone: "
        "pip install '.[ray]'"
    )


def test_another_version_of_prep_in_the_cluster(one_core, monkeypatch):
    here = video_prep.__version__
    with RayEngine() as engine:
        monkeypatch.setattr(ray_cluster, "__version__", "0.0.1")
        with pytest.raises(UsageError) as caught:
            list(engine.run(units.double, [1]))
    assert str(caught.value) == (
        f"Node {socket.gethostname()} of the Ray cluster has another video-prep ({here}) "
        "than this machine (0.0.1). Install the same version on all nodes."
    )


def test_no_prep_in_the_cluster(disconnected, monkeypatch, tmp_path):
    (tmp_path / "video_prep.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with (
        RayEngine("local") as engine,
        pytest.raises(UsageError, match=r"has another video-prep \(none\) than this machine"),
    ):
        list(engine.run(units.double, [1]))


def test_a_connection_of_the_caller_is_used_and_kept(one_core):
    before = ray.get_runtime_context().get_job_id()
    with RayEngine("127.0.0.1:1") as engine:
        assert list(engine.run(units.double, [4])) == [(4, 8)]
    assert ray.is_initialized()
    assert ray.get_runtime_context().get_job_id() == before


DRIVER = """
import signal, sys, time
from pathlib import Path
from helpers import engine_units as units
from video_prep.engines.ray_cluster import RayEngine
if __name__ == "__main__":
    handler = signal.getsignal(signal.SIGTERM)
    with RayEngine("local") as engine:
        assert signal.getsignal(signal.SIGTERM) is handler
        print(*engine.run(units.speak, [1]))
        ((job, lost),) = engine.run(units.misbehave, [units.Job("exit", Path(sys.argv[1]))])
        print(type(lost).__name__)
        time.sleep(2)  # what workers print comes with a delay
"""


def test_stdout_is_the_drivers_alone_also_where_a_worker_dies(tmp_path):
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    done = subprocess.run(
        [sys.executable, "-W", "error", script, tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert done.stdout == "(1, 1)\nLost\n"
    lines = [line.split(") ", 1) for line in done.stderr.splitlines()]
    assert sorted(text for _, text in lines) == ["printed by a unit", "printed by its child"]
    assert {prefix.split("=")[0] for prefix, _ in lines} == {"(prep pid"}


def test_overhead_of_a_unit(one_core):
    """Measures, and tells with -rP; asserts only that all is done."""
    numbers = range(300)
    with RayEngine() as on_ray, Pool(1) as pool:
        for engine in (on_ray, pool):
            list(engine.run(units.double, range(5)))
            started = time.perf_counter()
            results = list(engine.run(units.double, numbers))
            each = (time.perf_counter() - started) / len(numbers)
            print(f"{type(engine).__name__}: {each * 1e3:.2f} ms a unit")
            assert sorted(results) == [(number, 2 * number) for number in numbers]
