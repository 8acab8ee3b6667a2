"""scripts/dev.py, which sets up a clone: what it does where something is missing or half there.

Here Python has no ensurepip, as on Debian, and what is installed is a stand-in: no network.
"""

import ast
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
VERSION = "{}.{}".format(*sys.version_info)

PIP = """
import json, os, pathlib, sys, time
with open("pip.jsonl", "a") as calls:
    print(json.dumps(sys.argv[1:]), file=calls)
try:
    time.sleep(float(os.environ.get("PIP_TAKES", "0")))
except KeyboardInterrupt:
    time.sleep(0.5)
    pathlib.Path("pip.tidied").touch()
    raise
prep = pathlib.Path(".venv/bin/prep")
prep.write_text("#!/bin/sh\\nexit 1\\n")
prep.chmod(0o755)
sys.exit(int(os.environ.get("PIP_ENDS_WITH", "0")))
"""


class Clone:
    """A clone with nothing but what the script reads, in a folder as people have them."""

    def __init__(self, folder):
        self.outside = folder
        self.root = folder / "my clone"
        (self.root / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "dev.py", self.root / "scripts")
        shutil.copy(ROOT / "pyproject.toml", self.root)
        self.environment = self.root / ".venv"
        self.stamp = self.environment / "installed"
        self.python = folder / "python"
        (self.python / "pip").mkdir(parents=True)
        (self.python / "pip" / "__init__.py").touch()
        (self.python / "pip" / "__main__.py").write_text(PIP)
        self.without("ensurepip")

    def without(self, *modules):
        """Let Python miss these modules."""
        (self.python / "sitecustomize.py").write_text(
            f"import sys\nsys.modules.update(dict.fromkeys({modules}))"
        )

    def start(self, task, **variables):
        return subprocess.Popen(
            [sys.executable, self.root / "scripts" / "dev.py", task],
            cwd=self.outside,
            env=os.environ | {"PYTHONPATH": str(self.python)} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, task, **variables):
        """The exit code, and what a person reads, which is never a traceback."""
        process = self.start(task, **variables)
        out, err = process.communicate()
        assert "Traceback" not in err
        return process.returncode, out + err

    @property
    def installs(self):
        calls = self.root / "pip.jsonl"
        return [json.loads(line) for line in calls.read_text().splitlines()]


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def test_without_ensurepip_the_pip_of_the_system_installs(clone):
    code, said = clone.run("demo")
    assert code == 0
    assert "That was right" in said
    [call] = clone.installs
    assert call[:3] == ["--python", str(clone.environment / "bin" / "python"), "install"]
    assert call[-2:] == ["--editable", "."]


def test_without_any_pip_the_way_out_is_named(clone):
    clone.without("ensurepip", "pip")
    code, said = clone.run("demo")
    assert code == 1
    assert f"sudo apt install python{VERSION}-venv" in said
    clone.without("ensurepip")
    assert clone.run("demo")[0] == 0


def test_nothing_is_installed_twice(clone):
    for task in ["demo", "demo", "test", "demo", "test", "lint", "test"]:
        clone.run(task)
    alone = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["alone"]
    asked = [call[call.index("install") + 3 :] for call in clone.installs]
    reader = ["--no-deps", *alone]
    assert asked == [
        ["--editable", "."],
        *(["--editable", ".[test]"], reader),
        *(["--editable", ".[dev]"], reader),
    ]
    with (clone.root / "pyproject.toml").open("a") as project:
        project.write("# changed\n")
    (clone.environment / "kept").touch()
    clone.run("demo")
    assert [call[-1] for call in clone.installs[5:]] == ["."]
    assert (clone.environment / "kept").exists()


def test_each_extra_holds_all_before_it():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert "video-prep[test]" in extras["dev"]


def cut_off(clone):
    clone.stamp.unlink()


def python_gone(clone):
    python = clone.environment / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")


def of_another_python(clone):
    clone.stamp.write_text(clone.stamp.read_text().replace(VERSION, "3.9"))


def moved(clone):
    clone.root = clone.root.rename(clone.outside / "moved")
    clone.environment = clone.root / ".venv"


@pytest.mark.parametrize("break_it", [cut_off, python_gone, of_another_python, moved])
def test_a_broken_environment_is_made_from_nothing(clone, break_it):
    clone.run("demo")
    (clone.environment / "left").touch()
    break_it(clone)
    assert clone.run("demo")[0] == 0
    assert not (clone.environment / "left").exists()


def test_when_pip_fails_it_says_what_is_needed(clone):
    code, said = clone.run("demo", PIP_ENDS_WITH="1")
    assert code == 1
    assert "network" in said
    assert "GB are free" in said
    assert clone.run("demo")[0] == 0


def test_where_no_environment_can_be_made_it_says_why(clone):
    clone.environment.write_text("in the way")
    code, said = clone.run("demo")
    assert code == 1
    assert "Not a directory" in said


def test_ctrl_c_lets_pip_end_in_its_own_way(clone):
    process = clone.start("demo", PIP_TAKES="60")
    while not (clone.root / "pip.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert "dev.py" not in said
    assert (clone.root / "pip.tidied").exists()


def test_an_old_python_can_read_it_and_is_told(monkeypatch):
    path = ROOT / "scripts" / "dev.py"
    ast.parse(path.read_text(), feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    spec = importlib.util.spec_from_file_location("dev", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert "3.11 or newer is needed; this is 3.10" in script.main(["demo"])
