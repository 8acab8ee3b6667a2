"""Noisy footage: decoded once, and only what is kept is encoded, by an ffmpeg of its own."""

import os

import pytest
from helpers import media
from helpers.datasets import frames, images, indices, record
from helpers.media import FFMPEGS
from helpers.prep import script
from video_prep.video import passes

NOISE = "noise=alls=12:allf=t"
SUDDEN = f"drawbox=50:40:24:24:white:fill:enable='gte(n,60)',{NOISE}"


def noisy(path, *options, size="160x120", looks=SUDDEN):
    """Encode noise before a still picture in which a box appears in frame 60 of 100."""
    return media.encode(
        path,
        *("-vf", looks, "-qp", "4"),
        *(options or media.X264),
        size=size,
        frames=100,
        picture="smptebars",
    )


KINDS = {
    "yuv420p.mp4": lambda path: noisy(path),
    "yuvj420p.mp4": lambda path: noisy(
        path, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuvj420p"
    ),
    "yuv422p.mkv": lambda path: noisy(
        path, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv422p"
    ),
    "yuv444p.mkv": lambda path: noisy(
        path, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"
    ),
    "odd.mkv": lambda path: noisy(path, "-c:v", "mpeg4", "-q:v", "2", size="161x121"),
    "anamorphic_bt709.mp4": lambda path: noisy(
        path, *media.X264, "-colorspace", "bt709", looks=f"{SUDDEN},setsar=16/11,setfield=tff"
    ),
    "rotated.mp4": lambda path: media.rotate(
        noisy(path.with_name("upright.mp4"), size="168x124"), path, degrees=90
    ),
}


@pytest.fixture
def passes_made(monkeypatch):
    made, decode = [], passes.VideoDecoder._decode

    def recorded(self, work):
        made.append(work)
        return decode(self, work)

    monkeypatch.setattr(passes.VideoDecoder, "_decode", recorded)
    return made


@pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
@pytest.mark.parametrize("kind", KINDS)
def test_images_are_the_same_as_without_dedupe(kind, ffmpeg, passes_made, prep, tmp_path):
    path = KINDS[kind](tmp_path / kind)
    everything, folder = tmp_path / "all" / path.stem, tmp_path / "ds" / path.stem
    assert prep("extract", path, "-o", "all", "--ffmpeg", ffmpeg, "--dedupe", "off").code == 0
    assert prep("extract", path, "-o", "ds", "--ffmpeg", ffmpeg).code == 0
    assert [work.hands_frames for work in passes_made] == [False, False, True]
    assert record(folder)["comparison"]["way"] == "one pass"
    kept = indices(folder)
    assert kept[0] == 0
    assert 60 in kept
    assert len(kept) <= 10
    assert [n for n, fate in enumerate(frames(folder)["fate"]) if fate == "kept"] == kept
    for name in images(folder):
        assert (folder / name).read_bytes() == (everything / name).read_bytes(), name


def test_images_of_a_segment_are_the_same_as_in_the_whole(passes_made, prep, tmp_path):
    path = noisy(tmp_path / "v.mp4", *media.X264, "-g", "50")
    assert prep("extract", path, "-o", "all", "--dedupe", "off").code == 0
    assert prep("extract", path, "-o", "ds", "--segment-frames", "50").code == 0
    assert sum(work.hands_frames for work in passes_made) == 2
    kept = indices(tmp_path / "ds/v")
    assert {0, 50, 60} <= set(kept)
    for name in images(tmp_path / "ds/v"):
        assert (tmp_path / "ds/v" / name).read_bytes() == (tmp_path / "all/v" / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("v.mp4", media.X264, ("--max-size", "80")),
        ("v.mp4", media.X264, ("--format", "png")),
        ("v.avi", ("-c:v", "mjpeg", "-q:v", "2"), ()),
    ],
)
def test_what_cannot_be_handed_over_without_loss_is_decoded_twice(
    name, codec, options, passes_made, prep, tmp_path
):
    path = noisy(tmp_path / name, *codec)
    assert prep("extract", path, "-o", "all", "--dedupe", "off", *options).code == 0
    assert prep("extract", path, "-o", "ds", *options).code == 0
    assert not any(work.hands_frames for work in passes_made)
    assert record(tmp_path / "ds/v")["comparison"]["way"] == "two passes"
    assert len(images(tmp_path / "ds/v")) <= 10
    for image in images(tmp_path / "ds/v"):
        assert (tmp_path / "ds/v" / image).read_bytes() == (tmp_path / "all/v" / image).read_bytes()


def test_what_moves_on_the_left_edge_alone_is_kept_in_faint_noise(passes_made, prep, tmp_path):
    """It shows only once frames are handed over, of which too many were left out by then."""
    looks = "noise=alls=2:allf=t,drawbox=0:40:6:12:white:fill:enable='between(mod(n,20),10,12)'"
    path = noisy(tmp_path / "v.mp4", looks=looks, size="640x360")
    assert prep("extract", path, "-o", "all", "--dedupe", "off").code == 0
    assert prep("extract", path, "-o", "ds").code == 0
    handed = [work for work in passes_made if work.hands_frames]
    assert [work.blocks is None for work in handed] == [False, True]
    assert {10, 13, 30, 33, 50, 53, 70, 73, 90, 93} <= set(indices(tmp_path / "ds/v"))
    for image in images(tmp_path / "ds/v"):
        assert (tmp_path / "ds/v" / image).read_bytes() == (tmp_path / "all/v" / image).read_bytes()


def encodes_with(path, action):
    """Write an ffmpeg that does something else where it is to encode what is handed over."""
    return script(path, f'case "$*" in *"-i pipe:0"*) {action};; esac\nexec "{media.FFMPEG}" "$@"')


@pytest.mark.parametrize(
    ("action", "code", "said"),
    [
        ("exit 7", 3, "the ffmpeg that encodes gave up (exit code 7): it said nothing"),
        ("head -c 200000 >/dev/null; exit 0", 3, "the ffmpeg that encodes ended too early"),
        ("cat >/dev/null; echo broken >&2; exit 1", 3, "gave up (exit code 1): broken"),
        ("cat >/dev/null; exit 0", 3, "the ffmpeg that encodes left out images"),
        ("kill -SEGV $$", 3, "ffmpeg was killed (SIGSEGV)"),
        ("exec sleep 60", 3, "it wrote no image for 1 s, so it was stopped"),
        ("cat >/dev/null; echo No space left on device >&2; exit 1", 3, "No space left where"),
    ],
)
def test_an_encoder_that_fails_is_no_success(action, code, said, prep, tmp_path):
    path = noisy(tmp_path / "v.mp4", size="640x480")
    fails = encodes_with(tmp_path / "ffmpeg", action)
    (tmp_path / "fast.yaml").write_text("run: {stall_seconds: 1}\n")
    done = prep("extract", path, "-o", "ds", "--ffmpeg", fails, "-c", "fast.yaml")
    assert done.code == code
    assert said in " ".join((done.out + done.err).split())
    assert not (tmp_path / "ds/v").exists()
    assert prep("extract", path, "-o", "ds").code == 0


def test_an_encoder_that_was_killed_gets_another_chance(prep, tmp_path):
    path = noisy(tmp_path / "v.mp4")
    once = f'test -e "{tmp_path}/once" || {{ touch "{tmp_path}/once"; kill -KILL $$; }}'
    assert (
        prep("extract", path, "-o", "ds", "--ffmpeg", encodes_with(tmp_path / "f", once)).code == 0
    )
    assert (tmp_path / "once").exists()
    assert len(images(tmp_path / "ds/v")) <= 10


def test_what_is_no_frame_is_not_encoded(monkeypatch, prep, tmp_path):
    read, taken = os.readv, []

    def garbled(file, buffers):
        taken.append(read(file, buffers))
        if len(taken) == 3:
            buffers[0][:3] = b"???"
        return taken[-1]

    monkeypatch.setattr(os, "readv", garbled)
    done = prep("extract", noisy(tmp_path / "v.mp4"), "-o", "ds")
    assert done.code == 3
    assert "ffmpeg handed over what is no frame" in " ".join(done.out.split())
