"""Footage deeper than 8 bits: its images, its duplicates, its grey levels."""

import json
import re
import subprocess

import cv2
import numpy as np
import pytest
from helpers import media
from helpers.datasets import frames, images, record
from helpers.media import FFMPEGS
from PIL import Image

WIDTH, HEIGHT, FRAMES = 32, 24, 3
EVERY_FFMPEG = pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])

# Pixel formats and the codecs that keep them, with the bits that a PNG has of them.
FORMATS = {
    "gray10le": ("ffv1", 16),
    "gray12le": ("ffv1", 16),
    "gray16le": ("ffv1", 16),
    "yuv420p10le": ("ffv1", 16),
    "yuv444p12le": ("ffv1", 16),
    "yuva420p10le": ("ffv1", 16),
    "gbrp10le": ("ffv1", 16),
    "rgb48le": ("ffv1", 16),
    "rgba64le": ("ffv1", 16),
    "ya8": ("png", 8),
    "ya16be": ("png", 16),
    "pal8": ("png", 8),
    "monob": ("png", 1),
    "gray": ("ffv1", 8),
    "yuv420p": ("ffv1", 8),
    "bgra": ("ffv1", 8),
}


def write_raw(target, pictures, pixel_format, *options):
    """Encode pictures: an array of shape (frames, height, width, ...)."""
    count, height, width = pictures.shape[:3]
    raw = target.with_suffix(".raw")
    pictures.tofile(raw)
    size = f"{width}x{height}"
    source = ["-f", "rawvideo", "-pix_fmt", pixel_format, "-s", size, "-r", "25", "-i", str(raw)]
    media.run(
        [*source, "-frames:v", str(count), *(options or ("-c:v", "ffv1", "-g", "1")), str(target)]
    )
    raw.unlink()
    return target


def noise(count=FRAMES, width=WIDTH, height=HEIGHT):
    return np.random.default_rng(1).integers(0, 65536, (count, height, width, 4), dtype="<u2")


def write_thermal(target, steps=range(12), width=128, height=96):
    """Write 16-bit grey in which each pixel of a frame is so many levels above the first one's."""
    base = np.random.default_rng(2).integers(28000, 28300, (height, width))
    return write_raw(target, np.stack([base + step for step in steps]).astype("<u2"), "gray16le")


def pixels_of(folder):
    return [cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED) for name in images(folder)]


def stretched(pictures, low, high):
    levels = (pictures.astype(float) - low) * 255 / (high - low)
    return np.clip(np.floor(levels + 0.5), 0, 255)


def kinds_of(folder):
    return [notice["kind"] for notice in record(folder)["warnings"]]


@pytest.fixture(scope="module")
def every_format(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    for name, (codec, _) in FORMATS.items():
        write_raw(folder / f"{name}.mkv", noise(), "rgba64le", "-c:v", codec, "-pix_fmt", name)
    return folder


@EVERY_FFMPEG
@pytest.mark.parametrize("method", ["off", "still"])
def test_images_are_those_of_plain_ffmpeg_in_every_depth(
    method, ffmpeg, every_format, prep, tmp_path
):
    for image_format, options in (("png", ("-an",)), ("jpg", ("-q:v", "4"))):
        done = prep(
            *("extract", every_format, "-o", image_format, "--format", image_format),
            *("--dedupe", method, "--ffmpeg", ffmpeg),
        )
        assert done.code == 0, done.out
        for name, (_, bits) in FORMATS.items():
            plain = tmp_path / "plain" / image_format / name
            media.recipe(
                every_format / f"{name}.mkv", plain, name, ffmpeg, *options, suffix=image_format
            )
            found = tmp_path / image_format / name
            assert images(found) == images(plain)
            assert len(images(found)) == FRAMES
            for image in images(found):
                data = (found / image).read_bytes()
                assert data == (plain / image).read_bytes(), (name, image)
                assert image_format == "jpg" or data[24] == bits, name


@EVERY_FFMPEG
@pytest.mark.parametrize(
    ("image_format", "pixel_format", "scored"),
    [
        ("png", "yuv420p10le", "rgb24"),
        ("png", "gray16le", "gray"),
        ("png", "rgba64le", "rgba"),
        ("jpg", "yuv420p10le", "yuvj420p"),
    ],
)
def test_scenes_are_scored_in_8_bits(
    image_format, pixel_format, scored, ffmpeg, every_format, prep, tmp_path
):
    video = every_format / f"{pixel_format}.mkv"
    graph = f"scale,format={scored},scdet,metadata=print:key=lavfi.scd.score:file=-"
    command = [ffmpeg, "-v", "quiet", "-i", video, "-vf", graph, "-f", "null", "/dev/null"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = [float(score) for score in re.findall(r"score=([\d.]+)", printed)]
    done = prep("extract", video, "-o", "ds", "--format", image_format, "--ffmpeg", ffmpeg)
    assert done.code == 0, done.out
    scores = frames(tmp_path / "ds" / pixel_format)["scene_score"]
    assert max(scores) > 0
    assert scores == pytest.approx(expected, abs=1e-3)


@EVERY_FFMPEG
@pytest.mark.parametrize("method", ["still", "similar"])
@pytest.mark.parametrize("image_format", ["png", "jpg"])
def test_a_change_that_8_bits_cannot_show_is_kept(image_format, method, ffmpeg, prep, tmp_path):
    write_thermal(tmp_path / "v.mkv", [0, 1, 1, 1, 0, 5, 5, 6])
    done = prep(
        *("extract", "v.mkv", "-o", "ds", "--format", image_format),
        *("--dedupe", method, "--ffmpeg", ffmpeg),
    )
    assert done.code == 0, done.out
    folder = tmp_path / "ds" / "v"
    table = frames(folder)
    assert [i for i, fate in enumerate(table["fate"]) if fate == "kept"] == [0, 1, 4, 5, 7]
    assert table["duplicate_of"] == [None, None, 1, 1, None, None, 5, None]
    assert [name[-7:-4] for name in images(folder)] == ["000", "001", "004", "005", "007"]
    kinds = ["bit-depth"] * (image_format == "jpg") + ["not-compared"] * (method == "similar")
    assert kinds_of(folder) == kinds
    # Nothing that was compared in 16 bits is compared again in 8.
    done = prep("dedupe", "ds", "--dedupe", method, "--json")
    assert (done.code, done.json["totals"]["images"]) == (0, 5)
    assert (done.json["totals"]["still"], done.json["totals"]["similar"]) == (0, 0)
    kinds = ["not-compared"] * (image_format == "jpg")
    assert [n["kind"] for n in done.json["videos"][0]["warnings"]] == kinds
    assert prep("dedupe", "ds", "--restore", "--ffmpeg", ffmpeg).code == 0
    assert len(images(folder)) == 8


def test_how_many_equal_frames_go_in_a_row_and_at_borders_of_segments(prep, tmp_path):
    write_thermal(tmp_path / "v.mkv", [0] * 12, width=16, height=16)
    assert prep("extract", "v.mkv", "-o", "gap", "--max-gap", "2").code == 0
    assert [name[-7:-4] for name in images(tmp_path / "gap" / "v")] == ["000", "003", "006", "009"]
    assert prep("extract", "v.mkv", "-o", "cut", "--segment-frames", "4").code == 0
    assert record(tmp_path / "cut" / "v")["segments"] == [0, 4, 8]
    assert [name[-7:-4] for name in images(tmp_path / "cut" / "v")] == ["000", "004", "008"]
    assert frames(tmp_path / "cut" / "v")["duplicate_of"][5:8] == [4, 4, 4]


def test_what_8_bits_lose_is_told_in_numbers_of_the_video(prep, tmp_path):
    write_thermal(tmp_path / "v.mkv")
    done = prep("extract", "v.mkv", "-o", "ds")
    assert done.code == 0
    assert "bit-depth: the source has 16 bits a component" in done.out
    assert "of 65,536), 2 shades of grey are left." in done.out
    done = prep("extract", "v.mkv", "-o", "levels", "--levels", "auto", "--dedupe", "off")
    assert done.code == 0
    assert kinds_of(tmp_path / "levels" / "v") == []


@EVERY_FFMPEG
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_levels_become_black_and_white(bits, ffmpeg, prep, tmp_path):
    pictures = noise()[..., 0] >> (16 - bits)
    name, low, high = f"gray{bits}le" if bits > 8 else "gray", 3 << (bits - 4), 11 << (bits - 4)
    write_raw(tmp_path / "v.mkv", pictures if bits > 8 else pictures.astype(np.uint8), name)
    levels = ("--levels", f"{low}:{high}", "--dedupe", "off", "--ffmpeg", ffmpeg)
    expected = stretched(pictures, low, high)

    assert prep("extract", "v.mkv", "-o", "ds", "--format", "png", *levels).code == 0
    found = np.stack(pixels_of(tmp_path / "ds" / "v"))
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)
    assert record(tmp_path / "ds" / "v")["levels"] == [low, high]

    assert prep("extract", "v.mkv", "-o", "jpg", "--quality", "1", *levels).code == 0
    found = np.stack([picture[..., 0] for picture in pixels_of(tmp_path / "jpg" / "v")])
    assert np.abs(found - expected).mean() < 4


@EVERY_FFMPEG
@pytest.mark.parametrize(
    ("pixel_format", "kind"),
    [("rgb48le", "<u2"), ("rgba64le", "<u2"), ("bgra", "u1"), ("rgb24", "u1")],
)
def test_levels_of_rgb_are_mapped_alike(pixel_format, kind, ffmpeg, prep, tmp_path):
    bits = 8 * np.dtype(kind).itemsize
    pictures = (noise() >> (16 - bits))[..., : 4 if "a" in pixel_format else 3].astype(kind)
    write_raw(tmp_path / "v.mkv", pictures, pixel_format)
    low, high = 3 << (bits - 4), 11 << (bits - 4)
    levels = ("--levels", f"{low}:{high}", "--format", "png", "--ffmpeg", ffmpeg)
    assert prep("extract", "v.mkv", "-o", "ds", *levels).code == 0
    found = np.stack(pixels_of(tmp_path / "ds" / "v"))[..., :3]
    in_bgr = pictures[..., :3] if pixel_format == "bgra" else pictures[..., 2::-1]
    assert np.array_equal(found, stretched(in_bgr, low, high))


@EVERY_FFMPEG
@pytest.mark.parametrize(
    ("pixel_format", "range_", "low", "high"),
    [
        ("yuv420p", "tv", 16, 235),
        ("yuv420p", "pc", 0, 255),
        ("yuv420p10le", "tv", 64, 940),
        ("yuv444p12le", "pc", 0, 4095),
    ],
)
def test_levels_from_black_to_white_leave_colours_as_they_are(
    pixel_format, range_, low, high, ffmpeg, prep, tmp_path
):
    options = ("-c:v", "ffv1", "-pix_fmt", pixel_format, "-color_range", range_)
    media.encode(
        tmp_path / "v.mkv", *options, "-vf", f"scale=out_range={range_}", size="64x48", frames=2
    )
    arguments = ("extract", "v.mkv", "--quality", "1", "--dedupe", "off", "--ffmpeg", ffmpeg)
    assert prep(*arguments, "-o", "plain").code == 0
    assert prep(*arguments, "-o", "ds", "--levels", f"{low}:{high}").code == 0
    pairs = zip(pixels_of(tmp_path / "ds" / "v"), pixels_of(tmp_path / "plain" / "v"), strict=True)
    for mapped, plain in pairs:
        assert cv2.absdiff(mapped, plain).mean() < 1.5
    half = str((low + high) // 2)
    assert prep(*arguments, "-o", "bright", "--levels", f"{low}:{half}").code == 0
    bright = pixels_of(tmp_path / "bright" / "v")[0]
    assert bright.mean() > 1.3 * pixels_of(tmp_path / "plain" / "v")[0].mean()


@EVERY_FFMPEG
def test_levels_are_measured_once_and_are_the_same_whatever_is_done(ffmpeg, prep, tmp_path):
    steps = [0, 1, 1, 40, 41, 42, 42, 43, 90, 91, 92, 93]
    write_thermal(tmp_path / "v.mkv", steps)
    base = np.random.default_rng(2).integers(28000, 28300, (96, 128))
    pictures = np.stack([base + step for step in steps])
    low = int(np.percentile(pictures, 0.1, method="lower"))
    high = int(np.percentile(pictures, 99.9, method="higher"))
    arguments = ("extract", "v.mkv", "--format", "png", "--ffmpeg", ffmpeg, "--levels")
    assert prep(*arguments, "auto", "-o", "auto").code == 0
    assert record(tmp_path / "auto" / "v")["levels"] == [low, high]
    assert record(tmp_path / "auto" / "v")["settings"]["levels"] == "auto"
    assert len(images(tmp_path / "auto" / "v")) == 10

    numbers = f"{low}:{high}"
    assert prep(*arguments, numbers, "-o", "off", "--dedupe", "off").code == 0
    assert (
        prep(*arguments, "auto", "-o", "cut", "--dedupe", "off", "--segment-frames", "5").code == 0
    )
    assert record(tmp_path / "cut" / "v")["segments"] == [0, 5]
    assert prep("dedupe", "auto", "--restore", "--ffmpeg", ffmpeg).code == 0
    assert prep("extract", "v.mkv", "--every", "5", *arguments[2:], "auto", "-o", "some").code == 0
    expected = tmp_path / "off" / "v"
    for other in ("cut", "auto", "some"):
        folder = tmp_path / other / "v"
        assert len(images(folder)) == (3 if other == "some" else 12)
        for name in images(folder):
            assert (folder / name).read_bytes() == (expected / name).read_bytes()

    done = prep(*arguments, "auto", "-o", "auto", "--json")
    assert (done.code, done.json["totals"]["extracted"]) == (0, 0)
    done = prep(*arguments, numbers, "-o", "auto")
    assert done.code == 2
    assert f"levels auto → {numbers}" in done.err


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ("x", "levels: 'x' is neither auto nor two grey levels"),
        ("5", "levels: '5' is neither auto nor two grey levels"),
        ("-5:7", "levels: '-5:7' is neither auto nor two grey levels"),
        ("7:7", "levels: '7:7': the first level becomes black and the second one white"),
        ("9:7", "levels: '9:7': the first level becomes black and the second one white"),
        ("0:65536", "levels: '0:65536': the first level becomes black"),
    ],
)
def test_levels_that_are_none_are_refused(levels, words, prep, tmp_path):
    write_thermal(tmp_path / "v.mkv", [0], width=16, height=16)
    done = prep("extract", "v.mkv", "-o", "ds", "--levels", levels)
    assert (done.code, words in done.err) == (2, True), done.err


def test_levels_that_a_video_cannot_have_fail_it_alone(prep, tmp_path):
    write_thermal(tmp_path / "deep.mkv", [0, 1], width=16, height=16)
    media.encode(tmp_path / "flat.mp4", frames=2)
    done = prep("extract", "deep.mkv", "flat.mp4", "-o", "ds", "--levels", "28000:28344", "--json")
    assert (done.code, done.json["totals"]["extracted"]) == (3, 1)
    (error,) = done.json["errors"]
    assert (
        "28000 to 28344 were asked for, but those of this video go from 0 to 255."
        in error["message"]
    )


def test_one_grey_alone_has_levels_too(prep, tmp_path):
    for name, level in (("black", 0), ("white", 65535)):
        write_raw(tmp_path / f"{name}.mkv", np.full((2, 16, 16), level, "<u2"), "gray16le")
        assert prep("extract", f"{name}.mkv", "-o", "ds", "--levels", "auto").code == 0
    assert record(tmp_path / "ds" / "black")["levels"] == [0, 1]
    assert record(tmp_path / "ds" / "white")["levels"] == [65534, 65535]
    assert pixels_of(tmp_path / "ds" / "black")[0].max() == 0
    assert pixels_of(tmp_path / "ds" / "white")[0].min() == 255


def test_a_dataset_of_an_earlier_version_is_restored_as_it_was_made(prep, tmp_path):
    """Its PNG images had 8 bits, whatever the video has."""
    write_thermal(tmp_path / "v.mkv", [0, 0, 1])
    assert prep("extract", "v.mkv", "-o", "ds", "--format", "png").code == 0
    folder = tmp_path / "ds" / "v"
    old = record(folder)
    del old["probe"]["component_bits"], old["levels"]
    (folder / "video.json").write_text(json.dumps(old))
    assert prep("dedupe", "ds", "--restore").code == 0
    assert [picture.dtype for picture in pixels_of(folder)] == [np.uint16, np.uint8, np.uint16]


def test_the_rest_works_on_images_of_16_bits(prep, tmp_path):
    deep = np.full((3, 96, 128), 20000, "<u2")
    deep[:, 20:60, 30:70] = 60000
    deep[1:, 0, 0] += 1
    write_raw(tmp_path / "v.mkv", deep, "gray16le")
    assert prep("extract", "v.mkv", "-o", "ds", "--format", "png").code == 0
    assert prep("validate", "ds").code == 0
    table = frames(tmp_path / "ds" / "v")
    assert table["brightness"][0] == pytest.approx(deep[0].mean() / 257, abs=1)
    assert table["contrast"][0] == pytest.approx(deep[0].std() / 257, abs=1)
    assert prep("report", "ds").code == 0


def test_images_of_16_bits_of_another_tool_are_compared_exactly(prep, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    grey, colour = noise()[0, ..., 0], noise()[0, ..., :3]
    for number, step in enumerate([0, 1, 1]):
        cv2.imwrite(str(folder / f"grey_{number}.png"), grey + np.uint16(step))
        cv2.imwrite(str(folder / f"colour_{number}.png"), colour + np.uint16(step))
        Image.fromarray(grey + np.uint16(step)).save(folder / f"page_{number}.tif")
    for method in ("still", "similar"):
        done = prep("dedupe", "in", "--dedupe", method, "--json")
        assert (done.code, done.json["totals"]["still"], done.json["totals"]["similar"]) == (
            0,
            3,
            0,
        )
        marks = json.loads((folder / "dedupe.json").read_text())["images"]
        assert {name for name, mark in marks.items() if mark["fate"] == "duplicate"} == {
            "grey_2.png",
            "colour_2.png",
            "page_2.tif",
        }
        assert done.json["videos"][0]["warnings"] == []
