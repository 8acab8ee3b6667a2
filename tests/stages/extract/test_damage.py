"""What is called damage, and where: what the decoder does with pictures, in every run the same."""

import pytest
from helpers import media
from helpers.datasets import images, record, snapshot
from helpers.media import FFMPEGS, X264

pytestmark = pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
FRAMES, GROUP, HIT = 50, 10, 23
H264 = (*X264, "-g", str(GROUP))
X265 = f"log-level=none:keyint={GROUP}:min-keyint={GROUP}:scenecut=0:bframes=0"
CODECS = {
    "h264": (H264, "mkv"),
    "hevc": (("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", X265), "mkv"),
    "mpeg4": (("-c:v", "mpeg4", "-g", str(GROUP)), "avi"),
    "mpeg2": (("-c:v", "mpeg2video", "-g", str(GROUP)), "mkv"),
    "ffv1": (("-c:v", "ffv1", "-level", "3", "-g", str(GROUP)), "mkv"),
    "mjpeg": (("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"), "mkv"),
}


def encode(folder, codec, name="x"):
    options, suffix = CODECS[codec]
    return media.encode(folder / f"{name}.{suffix}", *options, frames=FRAMES)


def flip(number, data):
    """Spoil the middle of one packet."""
    if number != HIT:
        return data
    middle = len(data) // 2
    return (
        data[:middle]
        + bytes(byte ^ 0x5A for byte in data[middle : middle + 40])
        + data[middle + 40 :]
    )


def lose(number, data):
    return None if number == HIT else data


def with_false_sei(number, data):
    """Put a message of a vendor before the picture that claims to be longer than it is."""
    message = b"\x06\x64\xf4" + b"\x55" * 120 + b"\x80"
    return len(message).to_bytes(4, "big") + message + data


def spoiled(codec, change):
    def make(folder):
        source = encode(folder, codec, "sound")
        return media.repack(source, folder / f"x{source.suffix}", change)

    return make


def chapters_elsewhere(folder):
    """Let a track name another one for its chapters, which is not there."""
    data = bytearray(media.encode(folder / "x.mp4", *H264, frames=FRAMES).read_bytes())
    box = (
        (20).to_bytes(4, "big") + b"tref" + (12).to_bytes(4, "big") + b"chap" + bytes((0, 0, 0, 99))
    )
    for name in (b"trak", b"moov"):
        at = data.index(name) - 4
        size = int.from_bytes(data[at : at + 4], "big") + len(box)
        data[at : at + 4] = size.to_bytes(4, "big")
    at = data.index(b"tkhd") - 4
    at += int.from_bytes(data[at : at + 4], "big")
    data[at:at] = box
    (folder / "x.mp4").write_bytes(data)
    return folder / "x.mp4"


def cut_off(folder):
    whole = media.encode(folder / "sound.mkv", *H264, frames=FRAMES)
    return media.truncate(whole, folder / "x.mkv", 0.7)


def lost_in_transport(folder):
    """Lose ten packets of a transport stream."""
    data = media.encode(folder / "sound.ts", *H264, frames=FRAMES).read_bytes()
    at = len(data) // 188 // 2 * 188
    (folder / "x.ts").write_bytes(data[:at] + data[at + 1880 :])
    return folder / "x.ts"


SOUND = {
    "SEI of false length": spoiled("h264", with_false_sei),
    "chapters in a track that is not there": chapters_elsewhere,
    "nothing": spoiled("h264", lambda number, data: data),
}
DAMAGED = {
    "H.264, bits": (spoiled("h264", flip), (HIT, 29)),
    "HEVC, lost": (spoiled("hevc", lose), None),
    "MPEG-4, bits": (spoiled("mpeg4", flip), (HIT, 29)),
    "MPEG-2, bits": (spoiled("mpeg2", flip), (HIT, 29)),
    "FFV1, bits": (spoiled("ffv1", flip), (HIT, 29)),
    "Motion JPEG, bits": (spoiled("mjpeg", flip), (HIT, HIT)),
    "cut off": (cut_off, None),
    "lost in transport": (lost_in_transport, None),
}


@pytest.mark.parametrize("kind", SOUND)
def test_what_concerns_no_picture_is_no_damage(kind, ffmpeg, prep, tmp_path):
    video = SOUND[kind](tmp_path)
    common = ("extract", video, "--dedupe", "off", "--ffmpeg", ffmpeg, "--on-damage", "fail")
    assert prep(*common, "-o", "ds").code == 0
    assert len(images(tmp_path / "ds/x")) == FRAMES
    assert record(tmp_path / "ds/x")["warnings"] == []
    assert prep(*common, "-o", "parts", "--segment-frames", "20").code == 0
    assert record(tmp_path / "parts/x")["segments"] == [0, 20]
    whole, parts = snapshot(tmp_path / "ds"), snapshot(tmp_path / "parts")
    assert [name for name in whole if whole[name] != parts[name]] == ["x/video.json"]  # segments


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_told_with_its_place(kind, ffmpeg, prep, tmp_path):
    make, stretch = DAMAGED[kind]
    done = prep("extract", make(tmp_path), "-o", "ds", "--ffmpeg", ffmpeg, "--json")
    assert done.code == 1
    (video,) = done.json["videos"]
    damage = [each for each in video["warnings"] if each["kind"] == "damage"]
    assert damage
    if stretch is None:
        return
    first, last = stretch
    where = f"frame {first}:" if first == last else f"frames {first} to {last}:"
    (notice,) = damage
    assert notice["frame"] == first
    assert f"pictures may be broken in {where}" in notice["message"]
    (told,) = [each for each in record(tmp_path / "ds/x")["breaks"] if each["kind"] == "damage"]
    assert told["before"] == first


@pytest.mark.parametrize("kind", ["H.264, bits", "MPEG-2, bits", "cut off"])
def test_twenty_runs_give_one_dataset(kind, ffmpeg, prep, tmp_path):
    """What ffmpeg makes of broken pictures may differ each time; of those that are whole, never."""
    video, datasets = DAMAGED[kind][0](tmp_path), []
    for run in range(20):
        threads = ("--engine", "threads", "--workers", str(1 + run % 2))
        done = prep("extract", video, "-o", f"ds{run}", "--ffmpeg", ffmpeg, *threads)
        assert done.code == 1
        datasets.append(snapshot(tmp_path / f"ds{run}"))
        if kind != "cut off":
            datasets[-1] = datasets[-1]["x/video.json"]
    assert all(dataset == datasets[0] for dataset in datasets)
