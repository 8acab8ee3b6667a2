"""The scripts beside the product load and run: no type checker sees the code in their strings."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.prep import command

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(autouse=True)
def beside_the_scripts(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)


@pytest.mark.parametrize("name", sorted(path.stem for path in SCRIPTS.glob("*.py")))
def test_each_script_loads(name):
    assert importlib.import_module(name).__doc__


def test_every_step_on_a_dataset_is_carried_out(tmp_path, capsys):
    bench = importlib.import_module("bench_dataset")
    bench.bench_dataset(command(), tmp_path, frames=40, videos=2)
    codes = re.findall(r"^\| (.+) \| [\d.]+ \| \d+ MB \| (\d+) \|$", capsys.readouterr().out, re.M)
    assert len(codes) == 9
    assert [step for step, code in codes if code != "0"] == []


def test_an_engine_is_measured_with_units_and_with_clips(steady, tmp_path):
    engine = importlib.import_module("bench_scale").ENGINE
    for what in ("20", steady.parent):
        done = subprocess.run(
            [sys.executable, "-c", engine, "threads", str(what), str(tmp_path / "datasets")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert len(done.stdout.split()) == 2
