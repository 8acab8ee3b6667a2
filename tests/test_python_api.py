"""`import video_prep`: what other programs may rely on."""

import subprocess
import sys
from types import FunctionType

import pytest
import video_prep
from helpers.prep import in_threads
from video_prep import BreakSettings, Config, RunSettings, UsageError
from video_prep.base import errors

STAGES = """
    extract dedupe remove validate status report upload annotate audit audit_export export
    export_file split run
""".split()  # noqa: SIM905
SETTINGS = [
    f"{name}Settings"
    for name in """
        Extract Dedupe Break Validate Run Cvat Upload Annotate Audit Export Split Leak
    """.split()  # noqa: SIM905
]
RESULTS = [
    f"{name}Result"
    for name in """
        Extract Dedupe Remove Validate Status Report Upload Annotate Audit Export Split Run
    """.split()  # noqa: SIM905
]
ERRORS = [
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and value.__module__ == errors.__name__
]
OTHERS = """
    Config load_config connect CvatServer CvatAnnotations load_labels Destination Watch Batch
    Failure
""".split()  # noqa: SIM905


def test_what_is_exported_is_pinned():
    assert sorted(video_prep.__all__) == sorted(STAGES + SETTINGS + RESULTS + ERRORS + OTHERS)
    assert set(video_prep.__all__) <= set(dir(video_prep))


def test_everything_exported_is_there_and_documented():
    for name in video_prep.__all__:
        assert getattr(video_prep, name).__doc__, name
    for name in STAGES:
        assert isinstance(getattr(video_prep, name), FunctionType), name


def test_stages_keep_their_names_beside_the_modules():
    code = "import video_prep.cli, video_prep.all_stages as a; from video_prep import run; "
    code += "assert run is a.run; import video_prep; assert callable(video_prep.extract)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_import_loads_no_stage():
    code = "import sys, video_prep; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.fixture
def dataset(steady, tmp_path):
    in_threads(video_prep.extract)([steady], tmp_path / "ds")
    return tmp_path / "ds"


def test_every_stage_obeys_the_engine_of_its_settings(steady, dataset, tmp_path):
    """Settings that fit no engine are refused by what opens it; else they would be ignored."""
    wrong = RunSettings(engine="threads", address="auto")
    for call in (
        lambda: video_prep.extract([steady], tmp_path / "other", run=wrong),
        lambda: video_prep.dedupe(dataset, run=wrong),
        lambda: video_prep.validate(dataset, run=wrong),
        lambda: video_prep.report(dataset, run=wrong),
        lambda: video_prep.run([steady], dataset, Config({"run": vars(wrong)})),
    ):
        with pytest.raises(UsageError, match="--address names a Ray cluster"):
            call()


def test_ray_is_never_replaced_by_something_else_without_a_word(steady, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="Ray is not installed"):
        video_prep.extract([steady], tmp_path / "ds", run=RunSettings(engine="ray"))


def test_processes_do_the_work_by_default(steady, dataset, monkeypatch):
    """What is patched in this process is not seen by others."""
    monkeypatch.setattr("video_prep.stages.validate.video.judge", None)
    (video,) = video_prep.validate(dataset, breaks=BreakSettings()).videos
    assert (video.images, video.findings, video.status) == (50, (), "validated")
