"""What the tests share: a way to run prep as a person does, and the footage of the contract."""

import pytest
from helpers import media, rights
from helpers.cvat_stand_in import StandIn
from helpers.prep import Run, run_here, run_process
from hypothesis import settings

settings.register_profile("prep", deadline=None)  # machines of CI have slow moments
settings.load_profile("prep")


@pytest.fixture
def prep(tmp_path):
    """Run prep to its end, in this process."""

    def run(*arguments, cwd=tmp_path, **env) -> Run:
        return run_here(arguments, cwd, env)

    return run


@pytest.fixture
def prep_process(tmp_path):
    """The same in a process of its own, with worker processes, for what is about them."""

    def run(*arguments, cwd=tmp_path, **env) -> Run:
        return run_process(arguments, cwd, env)

    return run


@pytest.fixture
def ordinary(prep):
    """Run prep as one for whom the rights of files count, also where the tests run as root."""

    def run(*arguments) -> Run:
        with rights.of_files_count():
            return prep(*arguments)

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
