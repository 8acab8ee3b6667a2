"""What the tests share: a way to run prep as a person does, and the footage of the contract."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import media
import numpy as np
import pyarrow.parquet as pq
import pytest
from cvat_stand_in import StandIn
from hypothesis import settings
from video_prep.engines.local import InProcess

settings.register_profile("prep", deadline=None)  # machines of CI have slow moments
settings.load_profile("prep")

# The bundled ffmpeg always; another one, an older release for preference, where CI names it.
FFMPEGS = [media.FFMPEG, *filter(None, [os.environ.get("PREP_TEST_FFMPEG")])]


# Root may read everything; what tests the rights of files gives that up.
HUMBLY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@dataclass
class Run:
    """A finished prep."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def command(*arguments):
    return [sys.executable, "-m", "video_prep", *map(os.fspath, arguments)]


def in_threads(stage):
    """A stage that works in threads of this process, where what a test has patched is seen."""

    def call(*arguments, engine=None, **named):
        return stage(*arguments, engine=engine or InProcess(), **named)

    return call


def environment(**extra):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREP_", "CVAT_"))}
    return {**kept, "PYTHONWARNINGS": "error,ignore:This process", **extra}


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


def images(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.suffix in {".jpg", ".png"})


def names(video_id: str, indices, digits=6, suffix="jpg") -> list[str]:
    return [f"{video_id}-frame_{index:0{digits}d}.{suffix}" for index in indices]


def indices(folder: Path) -> list[int]:
    return [int(name.rsplit("_", 1)[1].split(".")[0]) for name in images(folder)]


def snapshot(dataset: Path) -> dict[str, bytes]:
    """Return every file of a dataset but the private ones."""
    return {
        str(path.relative_to(dataset)): path.read_bytes()
        for path in sorted(dataset.rglob("*"))
        if path.is_file() and ".prep" not in path.parts
    }


def record(folder: Path):
    return json.loads((folder / "video.json").read_text())


def frames(folder: Path):
    return pq.read_table(folder / "frames.parquet").to_pydict()


def times(folder: Path):
    return np.array(frames(folder)["time_seconds"], dtype=float)
