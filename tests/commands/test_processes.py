"""Each command as a process of its own: most tests run it in theirs, and must see the same."""

import shutil

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
    "init": ("prep.yaml",),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with two videos, one of them not a whole one."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "in").mkdir()
    media.encode(folder / "in" / "a.mp4", frames=8)
    media.truncate(media.encode(folder / "b.mkv", frames=8), folder / "in" / "b.mkv", 0.8)
    return folder


def test_no_command_is_forgotten():
    assert {*ARGUMENTS, "doctor"} == cli.commands.keys()  # doctor: see test_cli


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_process_does_what_this_one_does(name, made, prep, prep_process, tmp_path):
    home, ends = tmp_path / "home", []
    for way in (prep_process, prep):
        shutil.copytree(made, home)
        with StandIn() as server:
            access = {"CVAT_HOST": server.url, **USER}
            if name not in {"run", "extract", "init"}:
                assert prep("extract", "in/a.mp4", "-o", "ds", cwd=home).code == 0
            if name in {"audit", "status"}:
                assert prep("upload", "ds", "--cvat", cwd=home, **access).code == 0
            done = way(name, *ARGUMENTS[name], cwd=home, **access)
        shutil.rmtree(home)
        ends.append((done.code, done.out.replace(server.url, "http://cvat"), done.err))
    assert ends[0] == ends[1]
    assert ends[0][::2] == (1 if name in {"run", "extract"} else 0, "")
