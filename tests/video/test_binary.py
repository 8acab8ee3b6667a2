"""The ffmpeg that is found: asked what it can do as seldom as may be."""

import os
import subprocess
import sys

import pytest
from helpers.media import FFMPEG
from helpers.patience import wait_for
from helpers.prep import script
from video_prep.base.errors import FfmpegUnusableError
from video_prep.settings.stages import RunSettings
from video_prep.video.binary import asking_ahead, find_ffmpeg


def test_an_ffmpeg_is_asked_once_and_another_in_its_place_anew(tmp_path):
    asked, path = tmp_path / "asked", tmp_path / "ffmpeg"
    script(path, f'echo "$@" >> "{asked}"; exec "{FFMPEG}" "$@"')
    settings = RunSettings(ffmpeg=str(path))
    assert find_ffmpeg(settings) == find_ffmpeg(settings)
    assert sorted(asked.read_text().splitlines()) == ["-encoders", "-filters"]
    script(path, "echo something else")
    with pytest.raises(FfmpegUnusableError, match="this is not ffmpeg"):
        find_ffmpeg(settings)


def test_what_was_asked_ahead_is_not_asked_again(tmp_path):
    asked, path = tmp_path / "asked", tmp_path / "ffmpeg"
    script(path, f'echo "$@" >> "{asked}"; exec "{FFMPEG}" "$@"')
    settings = RunSettings(ffmpeg=str(path))
    with asking_ahead(settings):
        assert find_ffmpeg(settings) == find_ffmpeg(settings)
    assert sorted(asked.read_text().splitlines()) == ["-encoders", "-filters"]


def test_what_is_wrong_is_said_when_it_is_looked_for(tmp_path):
    settings = RunSettings(ffmpeg=str(tmp_path / "none"))
    with asking_ahead(settings), pytest.raises(FfmpegUnusableError, match="no ffmpeg there"):
        find_ffmpeg(settings)


def test_an_ffmpeg_that_was_asked_in_vain_does_not_outlive_it(tmp_path):
    asked, path = tmp_path / "asked", tmp_path / "ffmpeg"
    script(path, f'echo $$ >> "{asked}"; exec sleep 60')
    with asking_ahead(RunSettings(ffmpeg=str(path))):
        wait_for(lambda: asked.exists() and len(asked.read_text().split()) == 2)
    for process in asked.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many threads there are")
def test_it_is_asked_without_threads_for_a_process_with_some_cannot_be_forked():
    line = (
        "from video_prep.video.binary import find_ffmpeg, RunSettings; find_ffmpeg(RunSettings());"
        "from video_prep.base.machine import has_one_thread; print(has_one_thread())"
    )
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
