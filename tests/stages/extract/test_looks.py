"""Interlaced and HDR footage: it is noticed, and shown as people expect where they ask for it."""

import numpy as np
import pytest
from helpers import media
from helpers.datasets import images, indices, record, snapshot, times
from helpers.media import FFMPEGS
from helpers.prep import script
from PIL import Image
from video_prep.pictures.combing import combed_blocks

ffmpegs = pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10")

MPEG2 = ("-c:v", "mpeg2video", "-q:v", "3", "-flags", "+ildct+ilme")
SEEN = "comb (seen in the images; the file does not say so)"


def woven(path, *options, size="320x240", frames=12, last="format=yuv420p"):
    """Encode frames that are woven of two fields of a moving picture, the upper one first."""
    weave = ("-vf", f"scroll=h=0.02,interlace=scan=tff:lowpass=off,{last}")
    return media.encode(path, *weave, *X264, *options, size=size, rate="50", frames=frames)


def notices(done):
    (video,) = done.json["videos"]
    return {notice["kind"]: notice["message"] for notice in video["warnings"]}


def pixels(path, mode="RGB"):
    with Image.open(path) as image:
        return np.asarray(image.convert(mode))


@pytest.mark.parametrize(
    ("name", "options", "order", "words"),
    [
        ("h264.mp4", ("-x264-params", "tff=1"), "tt", "comb. With"),
        (
            "mpeg2.ts",
            MPEG2,
            "tt",
            "comb. With",
        ),
        ("silent.mp4", (), "progressive", "comb (seen in the images; the file does not say so)"),
        (
            "silent.mkv",
            ("-c:v", "ffv1"),
            "progressive",
            "comb (seen in the images; the file does not say so)",
        ),
    ],
)
def test_interlaced_footage_is_noticed(name, options, order, words, prep, tmp_path):
    last = "format=yuv420p" if order == "tt" else "setfield=prog,format=yuv420p"
    path = woven(tmp_path / name, *options, last=last)
    done = prep("extract", path, "-o", "ds", "--json")
    assert done.code == 0
    assert words in notices(done)["interlaced"]
    assert record(tmp_path / "ds" / path.stem)["probe"]["field_order"] == order


def test_prep_run_tells_it_once_for_all_videos(prep, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        woven(tmp_path / name, "-x264-params", "tff=1", size=f"320x{240 + 16 * (name == 'b.mp4')}")
    done = prep("run", "a.mp4", "b.mp4", "-o", "ds")
    assert done.code == 0
    assert "\ninterlaced: a, b: each frame is woven of two half pictures" in done.out


def test_lines_of_one_pixel_on_a_screen_are_no_combs(prep, tmp_path):
    lines = "drawgrid=w=400:h=2:t=1:c=white:replace=1"
    moving = "crop=iw/2:ih/2:n:n,pad=320:240:80:60"
    graph = ("-vf", f"{lines},split[a][b];[b]{moving}[c];[a][c]blend=all_mode=lighten,format=gray")
    path = media.encode(tmp_path / "x.mkv", *graph, "-c:v", "ffv1", size="320x240", frames=12)
    assert "interlaced" not in notices(prep("extract", path, "-o", "ds", "--json"))


@pytest.mark.parametrize("picture", ["testsrc2", "mandelbrot", "life=mold=9:ratio=0.1"])
def test_progressive_footage_is_not_called_interlaced(picture, prep, tmp_path):
    path = media.encode(
        tmp_path / "x.mp4", *X264, "-pix_fmt", "yuv420p", picture=picture, frames=12
    )
    assert "interlaced" not in notices(prep("extract", path, "-o", "ds", "--json"))


def test_images_that_are_scaled_or_too_few_say_nothing_of_fields(prep, tmp_path):
    path = woven(tmp_path / "x.mp4")
    for number, options in enumerate((("--max-size", "64"), ("--end", "1"))):
        done = prep("extract", path, "-o", f"ds{number}", "--json", *options)
        assert "interlaced" not in notices(done)


@ffmpegs
def test_deinterlaced_frames_are_as_many_and_whole(ffmpeg, prep, tmp_path):
    path = woven(tmp_path / "x.mp4", "-x264-params", "tff=1")
    usual = ("extract", path, "--dedupe", "off", "--ffmpeg", ffmpeg, "--json")
    assert prep(*usual, "-o", "woven").code == 0
    done = prep(*usual, "-o", "ds", "--deinterlace")
    assert (done.code, notices(done)) == (0, {})
    folder = tmp_path / "ds/x"
    assert indices(folder) == indices(tmp_path / "woven/x") == list(range(12))
    for name in images(folder):
        assert combed_blocks(pixels(tmp_path / "woven/x" / name, "L")).sum() >= 4
        assert not combed_blocks(pixels(folder / name, "L")).any()
    media.recipe(path, tmp_path / "recipe", "x", ffmpeg, "-vf", "bwdif=0", "-q:v", "4")
    for name in images(folder):
        assert (folder / name).read_bytes() == (tmp_path / "recipe" / name).read_bytes()
    assert np.array_equal(times(folder), times(tmp_path / "woven/x"))


def test_deinterlaced_segments_are_those_of_the_whole(prep, tmp_path):
    """The first picture of a segment is made with the one before it."""
    path = woven(tmp_path / "x.mp4", frames=60)
    asked = ("extract", path, "--deinterlace", "--dedupe", "off")
    for dataset, length in (("cut", "20"), ("whole", "1000")):
        assert prep(*asked, "-o", dataset, "--segment-frames", length).code == 0
    assert record(tmp_path / "cut/x")["segments"] == [0, 20, 40]
    cut, whole = (snapshot(tmp_path / dataset) for dataset in ("cut", "whole"))
    assert len(whole) == 62
    assert {name for name in whole if cut[name] != whole[name]} == {"x/video.json"}


def test_frames_that_were_left_out_come_back_deinterlaced(prep, tmp_path):
    path = woven(tmp_path / "x.mp4")
    prep("extract", path, "-o", "off", "--deinterlace", "--dedupe", "off")
    prep("extract", path, "-o", "ds", "--deinterlace", "--hi", "255", "--lo", "255")
    assert len(images(tmp_path / "ds/x")) < 12
    assert prep("dedupe", "ds", "--restore").code == 0
    for name in images(tmp_path / "off/x"):
        assert (tmp_path / "ds/x" / name).read_bytes() == (tmp_path / "off/x" / name).read_bytes()


# Luminances in cd/m², and colours of BT.709 with the luminance of each primary.
GREYS = [(n, n, n) for n in (0, 5, 26, 100, 203, 500, 1000)]
COLOURS = [(60, 30, 20), (20, 60, 30), (30, 20, 60)]
PATCH = 32


def pq(nits):
    """SMPTE ST 2084, inverse EOTF."""
    y = (nits / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def hlg(nits):
    """ITU-R BT.2100, HLG of a display of 1000 cd/m²: inverse OOTF, OETF."""
    luminance = nits @ [0.2627, 0.678, 0.0593]
    scene = nits / 1000 * (np.maximum(luminance, 1e-9)[..., None] / 1000) ** (1 / 1.2 - 1)
    log = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), log)


def hdr_footage(path, curve, name, patches):
    """Write frames of 10 bits with a row of patches; matrix and primaries are not said."""
    to_2020 = np.array(
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    )
    signal = curve(np.array(patches, dtype=float) @ to_2020.T)
    luma = signal @ [0.2627, 0.678, 0.0593]
    blue, red = (signal[:, 2] - luma) / 1.8814, (signal[:, 0] - luma) / 1.4746
    rows = [np.round(64 + 876 * luma), *(np.round(512 + 896 * c) for c in (blue, red))]
    raw = b"".join(
        np.broadcast_to(np.repeat(row, side), (side, side * len(row))).astype("<u2").tobytes()
        for row, side in zip(rows, (PATCH, PATCH, PATCH), strict=True)
    )
    data = path.with_suffix(".yuv")
    data.write_bytes(raw * 2)
    size = f"{PATCH * len(patches)}x{PATCH}"
    read = ["-f", "rawvideo", "-pix_fmt", "yuv444p10le", "-s", size, "-i", str(data)]
    media.run([*read, "-vf", f"setparams=color_trc={name}", "-c:v", "ffv1", str(path)])
    return path


def shown(nits):
    """Return what a patch is to be in the image: the Möbius curve, then a display of BT.1886."""
    light, start, peak = np.max(nits) / 203, 0.3, 1000 / 203
    a = -(start**2) * (peak - 1) / (start**2 - 2 * start + peak)
    b = (start**2 - 2 * start * peak + peak) / (peak - 1)
    curve = (b**2 + 2 * b * start + start**2) / (b - a) * (light + a) / (light + b)
    factor = 1 if light <= start else curve / light
    return 255 * np.clip(np.array(nits) / 203 * factor, 0, 1) ** (1 / 2.4)


@ffmpegs
@pytest.mark.parametrize(("curve", "name"), [(pq, "smpte2084"), (hlg, "arib-std-b67")])
@pytest.mark.parametrize("image_format", ["png", "jpg"])
def test_hdr_is_shown_as_on_an_ordinary_screen(curve, name, image_format, ffmpeg, prep, tmp_path):
    patches = [*GREYS, *COLOURS]
    path = hdr_footage(tmp_path / "x.mkv", curve, name, patches)
    options = ("--tonemap", "--format", image_format, "--quality", "1", "--ffmpeg", ffmpeg)
    done = prep("extract", path, "-o", "ds", "--dedupe", "off", *options, "--json")
    assert done.code == 0
    assert "hdr" not in notices(done)
    picture = pixels(tmp_path / "ds/x" / f"x-frame_000000.{image_format}")
    middles = picture[PATCH // 2, PATCH // 2 :: PATCH].astype(float)
    for nits, seen in zip(patches, middles, strict=True):
        assert np.abs(seen - shown(nits)).max() <= 3, (nits, seen, shown(nits))


def test_hdr_that_is_not_tone_mapped_is_noticed_with_the_way_out(prep, tmp_path):
    path = hdr_footage(tmp_path / "x.mkv", pq, "smpte2084", GREYS)
    message = notices(prep("extract", path, "-o", "ds", "--json"))["hdr"]
    assert "HDR source (PQ)" in message
    assert "extract with --tonemap" in message


def test_tone_mapping_leaves_other_footage_as_it_is(steady, prep, tmp_path):
    for dataset, options in (("plain", ()), ("ds", ("--tonemap",))):
        assert prep("extract", steady, "-o", dataset, *options).code == 0
    for name in images(tmp_path / "plain/steady"):
        same = (tmp_path / "ds/steady" / name, tmp_path / "plain/steady" / name)
        assert same[0].read_bytes() == same[1].read_bytes()


@pytest.mark.parametrize(
    ("option", "lacking"), [("--deinterlace", "bwdif"), ("--tonemap", "zscale")]
)
def test_an_ffmpeg_without_the_filter_is_refused_only_where_it_is_needed(
    option, lacking, steady, prep, tmp_path
):
    poor = script(
        tmp_path / "poor",
        f'case "$*" in *-filters*) "{media.FFMPEG}" "$@" | grep -v {lacking};; '
        f'*) exec "{media.FFMPEG}" "$@";; esac',
    )
    done = prep("extract", steady, "-o", "ds", "--ffmpeg", poor, option)
    assert done.code == 2
    assert f"this build of ffmpeg lacks the filters {lacking}." in done.err
    assert prep("extract", steady, "-o", "ds", "--ffmpeg", poor).code == 0
