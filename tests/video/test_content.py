"""What a folder is searched for, and what is said of the rest."""

import shutil

import pytest
from helpers import media
from PIL import Image
from video_prep.video.content import VIDEO_SUFFIXES, is_hidden_video
from video_prep.video.ids import assign_ids
from video_prep.video.probe import DEMUXERS
from video_prep.video.sources import LOOKS_LIKE_VIDEO, Source, find_sources

CAMERAS = "360 insv osv lrv lrf dav mts m2ts mod tod 3gp dv mxf vob vro h265 265 asf ismv"

VIDEOS = {
    "mp4": media.X264,
    "mov": (*media.X264, "-brand", "qt  "),
    "3gp": ("-c:v", "mpeg4"),
    "mkv": media.X264,
    "webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime"),
    "avi": ("-c:v", "mpeg4"),
    "flv": ("-c:v", "flv"),
    "wmv": ("-c:v", "wmv2"),
    "ogv": ("-c:v", "libtheora"),
    "ts": media.X264,
    "m2ts": (*media.X264, "-mpegts_m2ts_mode", "1"),
    "mpg": ("-c:v", "mpeg1video"),
    "vob": ("-c:v", "mpeg2video"),
    "m2v": ("-c:v", "mpeg2video"),
    "h264": media.X264,
    "hevc": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
    "ivf": ("-c:v", "libvpx", "-deadline", "realtime"),
    "mxf": ("-c:v", "mpeg2video"),
    "nut": ("-c:v", "mpeg4"),
    "y4m": ("-pix_fmt", "yuv420p"),
    "rm": ("-c:v", "rv20"),
}

SOUND = {
    "m4a": "aac",
    "oga": "flac",
    "wma": "wmav2",
    "wav": "pcm_s16le",
    "mp3": "libmp3lame",
    "flac": "flac",
    "flv": "aac",
}


@pytest.mark.parametrize("suffix", VIDEOS)
def test_a_video_is_known_by_its_beginning(suffix, tmp_path):
    path = media.encode(tmp_path / f"x.{suffix}", *VIDEOS[suffix], frames=3, size="352x288")
    assert f".{suffix}" in VIDEO_SUFFIXES
    assert is_hidden_video(path.rename(tmp_path / "x.dat"))


def test_sound_pictures_and_texts_are_not_taken_for_videos(tmp_path):
    for suffix, codec in SOUND.items():
        sound = tmp_path / f"{suffix}.{suffix}"
        media.run(["-f", "lavfi", "-i", "sine=d=0.2", "-c:a", codec, str(sound)])
        assert not is_hidden_video(sound.rename(tmp_path / suffix)), suffix
    for suffix in ("avif", "webp", "png", "jpg", "tiff", "bmp"):
        Image.new("RGB", (32, 32)).save(tmp_path / f"picture.{suffix}")
        image = (tmp_path / f"picture.{suffix}").rename(tmp_path / "picture")
        assert not is_hidden_video(image), suffix
    for brand in (b"heic", b"mif1", b"msf1", b"avis", b"crx ", b"M4B "):
        (tmp_path / "x").write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(4) + brand + b"isom")
        assert not is_hidden_video(tmp_path / "x"), brand
    for content in (b"", b"words", bytes(9000), bytes(range(256)) * 40, b"GG" * 900):
        (tmp_path / "x").write_bytes(content)
        assert not is_hidden_video(tmp_path / "x"), content[:9]
    assert not is_hidden_video(tmp_path / "nowhere")


def test_what_cameras_write_is_found(tmp_path, steady):
    for suffix in CAMERAS.split():
        shutil.copy(steady, tmp_path / f"x.{suffix.upper()}")
    assert {s.path.suffix for s in find_sources([tmp_path]).sources} == {
        f".{suffix.upper()}" for suffix in CAMERAS.split()
    }


def test_demuxers_have_their_suffixes():
    same = {"mov", "3gp", "3g2", "mj2", "webm", "avi", "flv", "asf", "gif", "h264", "hevc", "vvc"}
    same |= {"m4v", "mjpeg", "mxf", "nut", "rm", "dv", "ivf", "obu", "av1", "amv", "h261", "h263"}
    same |= {"vc1", "avs2", "avs3", "nuv", "smk", "gxf", "wtv"}
    assert same <= set(DEMUXERS.split(","))
    assert {f".{name}" for name in same} <= VIDEO_SUFFIXES


TEXTS = {
    "index.ts": b"export const answer: number = 42;\n",
    "long.ts": "// größer\n".encode() * 2000,
    "page.mts": "\ufeffimport './x';\r\n\tö".encode(),
    "go.mod": b"module example.org/x\n\ngo 1.22\n",
    "utf16.ts": "let x".encode("utf-16"),
    "plot.ps": b"%!PS-Adobe-3.0\n\x0c\x1b",
}


def test_texts_with_the_suffix_of_a_video_are_skipped(tmp_path, steady, prep):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_bytes(text)
    media.run(["-i", str(steady), "-c", "copy", str(folder / "real.ts")])
    shutil.copy(folder / "real.ts", folder / "real.mts")
    (folder / "noise.ts").write_bytes(bytes(range(128, 256)) * 9)  # it may have been a video
    (folder / "empty.ts").touch()
    (folder / "text.mp4").write_bytes(b"404 not found\n")  # which no text is named
    found = find_sources([folder])
    assert [source.name for source in found.sources] == [
        "empty.ts",
        "noise.ts",
        "real.mts",
        "real.ts",
        "text.mp4",
    ]
    assert found.skipped == {"text, not a video": sorted(str(folder / name) for name in TEXTS)}
    pattern = find_sources([f"{folder}/*.mts"])
    assert ([source.name for source in pattern.sources], pattern.skipped) == (
        ["real.mts"],
        {"text, not a video": [f"{folder}/page.mts"]},
    )
    for name in ("noise.ts", "empty.ts", "text.mp4", "real.mts"):
        (folder / name).unlink()
    done = prep("extract", "in", "-o", "ds")
    assert done.code == 0
    assert "1 video (1 extracted): 50 frames decoded" in done.out
    assert "skipped, text, not a video: 6" in done.out
    # A file that is named itself is taken as it is.
    assert prep("extract", "in/index.ts", "-o", "ds").code == 3


def test_a_video_without_the_suffix_of_one_is_said(tmp_path, steady, prep):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(steady, folder / "a.mp4")
    for name in ("b.dat", "c", "d.mp4.part"):
        media.twin(steady, folder / name)
    shutil.copy(steady, folder / "image.jpg")  # not opened
    (folder / "notes.doc").write_text("x")
    overlooked = (
        f"overlooked: 3 files without the suffix of a video begin as one and were left out: "
        f"{folder}/b.dat, {folder}/c, {folder}/d.mp4.part. To take such a file, name it itself, "
        "beside the folder."
    )
    for verb in ("extract", "run"):
        done = prep(verb, folder, "-o", "ds")
        assert done.code == 0
        assert overlooked in done.out
        assert f"skipped, {LOOKS_LIKE_VIDEO}: 3\nskipped, not a video: 2" in done.out
        warnings = prep(verb, folder, "-o", "ds", "--json").json["warnings"]
        assert [w.removeprefix("overlooked: ") for w in warnings] == [overlooked[12:]]
    assert prep("extract", folder, folder / "b.dat", "-o", "ds").code == 0
    assert (tmp_path / "ds" / "b" / "video.json").exists()
    (folder / "a.mp4").unlink()
    none = prep("extract", folder, "-o", "other")
    assert none.code == 2
    assert overlooked.removeprefix("overlooked: ") in none.err


def test_the_plain_id_is_for_the_video_not_for_its_preview(tmp_path):
    names = ("DJI_1.LRF", "DJI_1.MP4", "GL2.LRV")
    sources = [Source(tmp_path / name, name) for name in names]
    ids = assign_ids(sources, (), sources)
    assert [ids[source] for source in sources] == ["DJI_1_LRF", "DJI_1", "GL2"]
