"""Failure as a value: what is one, what ends a run, and what a command ends with."""

import errno

import pytest
from video_prep.base.errors import (
    DecoderDiedError,
    DiskFullError,
    ExitCode,
    FfmpegUnusableError,
    InterruptedRunError,
)
from video_prep.base.guard import Failure, done, failures, guard, worst


def raising(error):
    def work():
        raise error

    return work


def test_what_is_done_is_passed_on():
    assert guard(lambda: 3, "v", "v.mp4") == 3


def test_an_error_of_one_video_is_a_value():
    failure = guard(raising(DecoderDiedError("v.mp4: gone", "Look.")), "v", "v.mp4")
    assert failure == Failure("v", "v.mp4", "v.mp4: gone. Look.", "decoder-died")
    assert (failure.status, failure.exit_code) == ("failed", ExitCode.SOME_FAILED)


@pytest.mark.parametrize(
    ("filename", "told"),
    [
        (None, "Permission denied. Check the folder and its rights."),
        ("a\nb", "Permission denied (a\\nb). Check the folder and its rights."),
    ],
)
def test_an_error_of_the_system_names_where_and_which_file(filename, told, tmp_path):
    error = PermissionError(errno.EACCES, "Permission denied", filename)
    failure = guard(raising(error), None, tmp_path)
    assert failure == Failure(None, str(tmp_path), f"{tmp_path}: {told}", "video")


def test_a_bug_costs_one_video_alone_and_says_where_it_is():
    failure = guard(raising(ValueError("no")), "v", "v.mp4")
    assert failure.error_kind == "bug"
    assert failure.error.startswith("v.mp4: this is a bug in prep: ValueError: no (test_guard.py:")


@pytest.mark.parametrize(
    "error", [DiskFullError(), FfmpegUnusableError("none"), InterruptedRunError("interrupted")]
)
def test_what_no_other_video_would_survive_is_raised(error):
    with pytest.raises(type(error)):
        guard(raising(error), "v", "v.mp4")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_as_such(number):
    with pytest.raises(DiskFullError, match="No space left where the dataset is"):
        guard(raising(OSError(number, "full")), "v", "v.mp4")


def test_an_interruption_is_no_failure():
    with pytest.raises(KeyboardInterrupt):
        guard(raising(KeyboardInterrupt()), "v", "v.mp4")


def test_the_worst_of_all_counts():
    failure = Failure("v", "v.mp4", "no", "video")
    unable = Failure("v", "v.mp4", "no", "cvat", ExitCode.CVAT)
    assert worst([]) == ExitCode.OK
    assert worst([failure, unable, failure]) == ExitCode.CVAT
    assert done(["a", failure, "b"]) == ("a", "b")
    assert failures(["a", failure, "b"]) == (failure,)
