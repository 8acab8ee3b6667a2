"""What the tests share: a way to run prep as a person does, and the footage of the contract."""

import subprocess

import pytest
from helpers import media
from helpers.cvat_stand_in import StandIn
from helpers.prep import Run, command, environment
from hypothesis import settings

settings.register_profile("prep", deadline=None)  # machines of CI have slow moments
settings.load_profile("prep")


@pytest.fixture
def prep(tmp_path):
    """Run prep to its end; no run may ever show a traceback."""

    def run(*arguments, cwd=tmp_path, timeout=120, through=(), **env) -> Run:
        done = subprocess.run(
            [*through, *command(*arguments)],
            cwd=cwd,
            env=environment(**env),
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def stand_in():
    """A CVAT server of its own, on a free port."""
    with StandIn() as server:
        yield server


@pytest.fixture(scope="session")
def steady(tmp_path_factory):
    """50 frames, 25 a second, with B-frames and a keyframe every 20."""
    path = tmp_path_factory.mktemp("steady") / "steady.mp4"
    return media.encode(path, "-c:v", "libx264", "-bf", "3", "-g", "20", "-pix_fmt", "yuv420p")


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    """Big enough that a run takes seconds."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return media.encode(path, size="1280x720", frames=400, picture="testsrc2")
