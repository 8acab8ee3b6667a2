"""Each command as a process of its own: most tests run it in theirs, and must see the same."""

import logging
import os
import shutil
import signal
import sys
import warnings

import pytest
from helpers import media
from helpers.cvat import USER
from helpers.cvat_stand_in import StandIn
from video_prep.cli import cli

ARGUMENTS = {
    "run": ("in", "-o", "ds", "--cvat"),
    "extract": ("in", "-o", "ds"),
    "dedupe": ("ds", "--dedupe", "similar", "--delete"),
    "remove": ("a", "-o", "ds"),
    "validate": ("ds",),
    "status": ("ds", "--cvat"),
    "report": ("ds",),
    "upload": ("ds", "--cvat"),
    "manifest": ("ds",),
    "audit": ("ds",),
    "annotate": ("ds", "--tracks", "a.txt", "--label", "car"),
    "annotations": ("save", "ds"),
    "export": ("ds", "-o", "set"),
    "split": ("sides",),
    "init": ("prep.yaml",),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with two videos, one of them not a whole one."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "in").mkdir()
    media.encode(folder / "in" / "a.mp4", frames=8)
    media.truncate(media.encode(folder / "b.mkv", frames=8), folder / "in" / "b.mkv", 0.8)
    for number, side in enumerate(("train", "val")):  # of the same picture
        (folder / "sides" / side).mkdir(parents=True)
        media.encode(folder / "sides" / side / f"{number}.png", "-c:v", "png", frames=1)
    (folder / "labels.yaml").write_text("- car\n")
    (folder / "a.txt").write_text("1,1,10,10,30,40,1,-1,-1,-1\n2,1,12,10,30,40,1,-1,-1,-1\n")
    return folder


def test_no_command_is_forgotten():
    assert {*ARGUMENTS, "doctor"} == {*cli.list_commands(None)}  # doctor: see test_cli


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_process_does_what_this_one_does(name, made, prep, prep_process, tmp_path):
    home, ends = tmp_path / "home", []
    for way in (prep_process, prep):
        shutil.copytree(made, home)
        with StandIn() as server:
            access = {"CVAT_HOST": server.url, **USER}
            if name not in {"run", "extract", "init"}:
                assert prep("extract", "in/a.mp4", "-o", "ds", cwd=home).code == 0
            if name in {"audit", "status", "annotate", "annotations", "export"}:
                upload = ("upload", "ds", "--cvat", "--labels", "labels.yaml")
                assert prep(*upload, cwd=home, **access).code == 0
            done = way(name, *ARGUMENTS[name], cwd=home, **access)
        shutil.rmtree(home)
        ends.append((done.code, done.out.replace(server.url, "http://cvat"), done.err))
    assert ends[0] == ends[1]
    has_findings = name in {"run", "extract", "split"}
    assert ends[0][::2] == (int(has_findings), "")


def test_pandas_is_not_loaded_where_it_is_installed(made, prep_process, tmp_path):
    (tmp_path / "pandas").mkdir()
    (tmp_path / "pandas" / "__init__.py").write_text("open('loaded', 'w')")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = prep_process("extract", str(made / "in" / "a.mp4"), "-o", "ds", PYTHONPATH=path)
    assert (done.code, (tmp_path / "loaded").exists()) == (0, False)


def past_python():
    os.write(2, b"said")


SAID = {
    "printed": (lambda: print("said", file=sys.stderr), 0, "said\n"),
    "past Python": (past_python, 0, "said"),
    "logged": (lambda: logging.getLogger("library").warning("said"), 0, "said\n"),
    "a warning": (lambda: warnings.warn("said", stacklevel=1), 70, "UserWarning: said"),
    "its surroundings": (
        lambda: print(*map(os.getenv, ("GIVEN", "PREP_FFMPEG")), os.getcwd(), file=sys.stderr),
        0,
        "by-the-test None {folder}\n",
    ),
    "stdin": (lambda: print(f"nothing:{sys.stdin.read()}", file=sys.stderr), 0, "nothing:\n"),
}


@pytest.mark.parametrize("how", SAID)
def test_nothing_that_is_said_is_missed(how, prep, tmp_path, monkeypatch):
    say, code, words = SAID[how]
    monkeypatch.setenv("PREP_FFMPEG", "/of/whoever/runs/the/tests")
    monkeypatch.setattr("video_prep.cli.run", lambda arguments: say() or len(arguments))
    before = dict(os.environ), os.getcwd(), signal.getsignal(signal.SIGINT)
    done = prep(GIVEN="by-the-test")
    assert (done.code, done.out, words.format(folder=tmp_path) in done.err) == (code, "", True)
    assert (dict(os.environ), os.getcwd(), signal.getsignal(signal.SIGINT)) == before


def test_a_traceback_is_never_right(prep, monkeypatch):
    monkeypatch.setattr("video_prep.cli.run", lambda arguments: print("Traceback"))
    with pytest.raises(AssertionError, match="Traceback"):
        prep()
