"""The ffmpeg that is found: asked what it can do as seldom as may be."""

import pytest
from helpers.media import FFMPEG
from helpers.prep import script
from video_prep.base.errors import FfmpegUnusableError
from video_prep.settings.stages import RunSettings
from video_prep.video.binary import find_ffmpeg


def test_an_ffmpeg_is_asked_once_and_another_in_its_place_anew(tmp_path):
    asked, path = tmp_path / "asked", tmp_path / "ffmpeg"
    script(path, f'echo "$@" >> "{asked}"; exec "{FFMPEG}" "$@"')
    settings = RunSettings(ffmpeg=str(path))
    assert find_ffmpeg(settings) == find_ffmpeg(settings)
    questions = ["-hide_banner -encoders", "-hide_banner -filters", "-version"]
    assert sorted(asked.read_text().splitlines()) == questions
    script(path, "echo something else")
    with pytest.raises(FfmpegUnusableError, match="this is not ffmpeg"):
        find_ffmpeg(settings)
