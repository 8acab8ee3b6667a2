"""Decoders that race: what sound footage shows must not depend on how threads happen to run."""

import subprocess

import pytest
from helpers import media
from helpers.datasets import images
from helpers.media import FFMPEGS
from helpers.prep import script

# Decoded with frame threads, it was different in 12 of 12 runs.
WAVERING = (
    "testsrc2=s=320x288:r=25,split[a][b];[a]scroll=.01:.05,trim=end_frame=24[c];"
    "[b]scroll=.01:-.05,trim=end_frame=24[d];[c][d]concat,noise=alls=12:allf=t"
)


def noting(folder, ffmpeg):
    """Write an ffmpeg that notes the options with which it reads the video."""
    folder.mkdir()
    note = f'case "$*" in *graph.txt*) echo "${{*%%-i file:*}}" >> "{folder / "noted"}";; esac'
    return script(folder / "ffmpeg", f'{note}\nexec "{ffmpeg}" "$@"')


@pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_theora_is_decoded_without_frame_threads(pixel_format, ffmpeg, prep, tmp_path):
    clip = tmp_path / "x.ogv"
    source = ["-f", "lavfi", "-i", WAVERING, "-pix_fmt", pixel_format]
    media.run([*source, "-c:v", "libtheora", "-q:v", "6", str(clip)])
    expected = tmp_path / "x-frame_%06d.jpg"
    sync = [*media.passthrough(ffmpeg), "-start_number", "0", "-q:v", "4"]
    command = [ffmpeg, "-v", "error", "-threads", "1", "-i", clip, *sync, expected]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    noted = noting(tmp_path / "f", ffmpeg)
    assert prep("extract", clip, "-o", "ds", "--dedupe", "off", "--ffmpeg", noted).code == 0
    assert len(images(tmp_path / "ds" / "x")) == 48
    for name in images(tmp_path / "ds" / "x"):
        assert (tmp_path / "ds" / "x" / name).read_bytes() == (tmp_path / name).read_bytes(), name
    assert "-thread_type slice" in (tmp_path / "f" / "noted").read_text()


def test_other_codecs_keep_the_threads_that_ffmpeg_likes(steady, prep, tmp_path):
    noted = noting(tmp_path / "f", media.FFMPEG)
    assert prep("extract", steady, "-o", "ds", "--ffmpeg", noted).code == 0
    assert "thread" not in (tmp_path / "f" / "noted").read_text()
