"""The promise: every frame under its own number, the images those of the recipe, the true clock.

One contract, held over every kind of footage and every ffmpeg at hand.
"""

import functools
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from helpers import media
from helpers.datasets import frames, images, indices, names, record, times
from helpers.footage import FOOTAGE, JITTER, VFR, join, small, two_streams
from helpers.media import FFMPEGS
from helpers.patience import PATIENCE_SECONDS
from helpers.prep import environment, run_here

# Close timestamps collide in the time base of the recipe's encoder, now and then.
RECIPE_FAILS = {"vfr", "equal_timestamps"}
# Without a clock of their own: each reader makes up its own times.
CLOCKLESS = {"elementary.h264", "changes_matrix.h264", "packed_b.avi"}


@pytest.fixture(scope="session")
def footage_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("footage")


@pytest.fixture
def footage(request, footage_folder):
    path = footage_folder / request.param
    if not path.exists():
        work = footage_folder / f"making-{request.param}"
        work.mkdir()
        FOOTAGE[request.param](work).rename(path)
    return path


@pytest.mark.parametrize("footage", FOOTAGE, indirect=True)
@pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
def test_frames_are_those_of_the_decoder_and_images_those_of_the_recipe(
    footage, ffmpeg, prep, tmp_path
):
    expected = media.truth(footage, ffmpeg)
    assert len(expected) >= 10
    done = prep("extract", footage, "-o", "ds", "--ffmpeg", ffmpeg, "--dedupe", "off", "--json")
    assert done.code in {0, 1}, done.out
    folder = tmp_path / "ds" / footage.stem
    assert images(folder) == names(footage.stem, range(len(expected)))

    counts = record(folder)["counts"]
    assert counts["frames_decoded"] == counts["kept"] == counts["files_on_disk"] == len(expected)
    assert frames(folder)["index"] == list(range(len(expected)))
    assert set(frames(folder)["fate"]) == {"kept"}

    media.recipe(footage, tmp_path / "recipe", footage.stem, ffmpeg)
    if len(images(tmp_path / "recipe")) == len(expected):  # else the recipe itself lost frames
        for name in images(folder):
            assert (folder / name).read_bytes() == (tmp_path / "recipe" / name).read_bytes(), name
    else:
        assert footage.stem in RECIPE_FAILS


@pytest.fixture(scope="module")
def every_frame_of(tmp_path_factory):
    """Extract all frames of a video, once for each format of images; return their folder."""

    @functools.cache
    def extract(footage, image_format):
        folder = tmp_path_factory.mktemp("all")
        arguments = ("extract", footage, "-o", "ds", "--dedupe", "off", "--format", image_format)
        assert run_here(arguments, folder, {}).code in {0, 1}
        return folder / "ds" / footage.stem

    return extract


@pytest.mark.parametrize("method", ["still", "similar"])
@pytest.mark.parametrize("image_format", ["jpg", "png"])
@pytest.mark.parametrize("footage", FOOTAGE, indirect=True)
def test_what_dedupe_leaves_is_untouched(
    footage, image_format, method, every_frame_of, prep, tmp_path
):
    everything, folder = every_frame_of(footage, image_format), tmp_path / "ds" / footage.stem
    options = ("--format", image_format, "--dedupe", method, "--max-gap", "7")
    assert prep("extract", footage, "-o", "ds", *options).code in {0, 1}
    rows, counts = frames(folder), record(folder)["counts"]
    assert rows["pts"] == frames(everything)["pts"]
    kept = [i for i, fate in enumerate(rows["fate"]) if fate == "kept"]
    assert indices(folder) == kept
    assert kept[0] == 0
    assert np.diff([*kept, len(rows["index"])]).max() <= 8
    # Where the stream changes, ffmpeg converts PNGs in one step or, with the comparison, in two.
    if not (image_format == "png" and footage.stem in {"shrinks", "grows", "changes_format"}):
        for name in images(folder):
            assert (folder / name).read_bytes() == (everything / name).read_bytes(), name
    for index, original in enumerate(rows["duplicate_of"]):
        assert (original is None) == (index in kept)
        assert original is None or (original in kept and original < index)
    assert counts["kept"] + counts["duplicates"] == counts["frames_decoded"] == len(rows["pts"])


@pytest.mark.parametrize("footage", sorted(FOOTAGE.keys() - CLOCKLESS), indirect=True)
def test_times_are_those_of_an_independent_reader(footage, prep, tmp_path):
    prep("extract", footage, "-o", "ds")
    assert times(tmp_path / "ds" / footage.stem).tolist() == media.reader_times(footage)


@pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
def test_times_do_not_depend_on_the_time_base_of_ffmpeg(ffmpeg, prep, tmp_path):
    path = FOOTAGE["camera.dv"](tmp_path)
    assert prep("extract", path, "-o", "ds", "--ffmpeg", ffmpeg).code == 0
    assert times(tmp_path / "ds" / "x").tolist() == [n / 25 for n in range(12)]


def test_a_title_is_no_complaint_of_the_decoder(prep, tmp_path):
    assert prep("extract", FOOTAGE["titled.mkv"](tmp_path), "-o", "ds").code == 0


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_title_that_is_not_utf8_costs_no_frame_and_goes_nowhere(suffix, prep, tmp_path):
    titles = ("-metadata", "title=Caf# Berg", "-metadata:s:v", "title=Caf# Tal")
    path = small(tmp_path, f"x.{suffix}", *media.X264, *titles)
    assert b"Caf# Berg" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"Caf#", b"Caf\xe9"))
    assert prep("extract", path, "-o", "ds").code == 0
    assert images(tmp_path / "ds" / "x") == names("x", range(50))
    written = [file.read_bytes() for file in (tmp_path / "ds").rglob("*") if file.is_file()]
    assert not any(title in content for content in written for title in (b"Berg", b"Tal"))


@pytest.mark.parametrize(
    ("name", "frame_count"),
    [("equal_timestamps.mkv", len(JITTER)), ("shrinks.ts", 100), ("vfr.mkv", len(VFR))],
)
def test_nothing_is_lost_five_times_in_a_row(name, frame_count, prep, tmp_path):
    path = FOOTAGE[name](tmp_path)
    for attempt in range(5):  # what goes wrong here is a race: one run proves nothing
        prep("extract", path, "-o", f"ds{attempt}")
        assert images(tmp_path / f"ds{attempt}" / "x") == names("x", range(frame_count))


@pytest.mark.smoke
def test_png_is_that_of_ffmpeg(steady, prep_process, tmp_path):
    assert prep_process("extract", steady, "-o", "ds", "--format", "png").code == 0
    folder = tmp_path / "ds" / "steady"
    (tmp_path / "recipe").mkdir()
    media.run(
        ["-i", str(steady), "-start_number", "0", str(tmp_path / "recipe/steady-frame_%06d.png")]
    )
    assert images(folder) == names("steady", range(50), suffix="png")
    assert all(
        (folder / n).read_bytes() == (tmp_path / "recipe" / n).read_bytes() for n in images(folder)
    )


@pytest.mark.smoke
@pytest.mark.parametrize("quality", [1, 31])
def test_quality_is_ffmpegs(steady, prep_process, tmp_path, quality):
    assert prep_process("extract", steady, "-o", "ds", "--quality", str(quality)).code == 0
    media.recipe(steady, tmp_path / "recipe", "steady", media.FFMPEG, "-q:v", str(quality))
    name = names("steady", [49])[0]
    assert (tmp_path / "ds/steady" / name).read_bytes() == (tmp_path / "recipe" / name).read_bytes()


def test_size_change_is_recorded_at_its_frame(prep, tmp_path):
    for ffmpeg in FFMPEGS:
        path = FOOTAGE["shrinks.ts"](tmp_path)
        done = prep("extract", path, "-o", "ds", "--overwrite", "--ffmpeg", ffmpeg, "--json")
        notice = next(n for n in done.json["videos"][0]["warnings"] if n["kind"] == "size-change")
        assert notice["frame"] == 50
        assert "96×64" in notice["message"]


def test_displayed_size_and_rotation(prep, tmp_path):
    prep("extract", FOOTAGE["rotated.mp4"](tmp_path), "-o", "ds")
    video = record(tmp_path / "ds" / "x")
    assert (video["image_width"], video["image_height"]) == (120, 160)
    assert (video["probe"]["coded_width"], video["probe"]["coded_height"]) == (160, 120)
    assert video["rotation_degrees"] == -90


def test_probe_says_what_the_header_claims_and_what_the_packets_are(prep, tmp_path):
    prep("extract", FOOTAGE["edit_list.mov"](tmp_path), "-o", "ds")
    video = record(tmp_path / "ds" / "x")
    counts = video["counts"]
    assert counts["packets"] == counts["frames_in_header"] > counts["frames_decoded"]
    assert [n["kind"] for n in video["warnings"]] == ["packets-differ"]
    assert video["probe"]["codec"] == "h264"
    assert video["probe"]["pixel_format"] == "yuv420p"
    assert Fraction(video["probe"]["average_rate"]) == 25
    assert Fraction(video["probe"]["time_base"]) == Fraction(1, 12800)


def test_the_duration_is_that_of_the_frames_not_of_the_header(prep, tmp_path):
    """A raw stream of MPEG-1 has no duration: the demuxer guesses it from the bit rate."""
    raw = media.encode(tmp_path / "raw.m1v", "-c:v", "mpeg1video", frames=135)
    done = prep("extract", raw, "-o", "ds", "--json")
    assert done.json["videos"][0]["duration_seconds"] == 5.4
    written = record(tmp_path / "ds/raw")
    assert written["duration_seconds"] == 5.4
    assert written["probe"]["duration_seconds"] < 0.1
    assert "5.4 s\n" in prep("extract", raw, "-o", "ds").out
    assert prep("report", "ds", "--json").json["totals"]["seconds"] == 5.4


def test_first_moving_stream_is_taken_and_named(prep, tmp_path):
    done = prep("extract", two_streams(tmp_path), "-o", "ds", "--json")
    assert done.code == 1  # ffmpeg by itself would take the other one
    kinds = [n["kind"] for n in done.json["videos"][0]["warnings"]]
    assert kinds == ["which-stream", "several-streams"]
    assert record(tmp_path / "ds" / "two")["image_width"] == 160


def test_hdr_source_is_a_warning_that_says_what_it_means(prep, tmp_path):
    path = small(
        tmp_path,
        "hdr.mkv",
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p10le",
        "-vf",
        "setparams=color_trc=smpte2084:color_primaries=bt2020",
        "-x265-params",
        "log-level=none",
    )
    done = prep("extract", path, "-o", "ds", "--json")
    assert done.code == 0
    (notice,) = [each for each in done.json["videos"][0]["warnings"] if each["kind"] == "hdr"]
    assert "tone mapping" in notice["message"]
    assert record(tmp_path / "ds" / "hdr")["probe"]["color_transfer"] == "smpte2084"


def test_max_size_scales_down_and_never_up(steady, prep, tmp_path):
    from PIL import Image

    for limit, size in ((80, (80, 60)), (500, (160, 120))):
        prep("extract", steady, "-o", f"ds{limit}", "--max-size", str(limit))
        with Image.open(tmp_path / f"ds{limit}/steady/steady-frame_000000.jpg") as image:
            assert image.size == size


def test_scene_score_is_high_at_a_cut_alone(prep, tmp_path):
    join(
        tmp_path / "cut.ts",
        small(tmp_path, "a.ts", picture="color=red"),
        small(tmp_path, "b.ts", picture="mandelbrot"),
    )
    prep("extract", tmp_path / "cut.ts", "-o", "ds")
    scores = np.array(frames(tmp_path / "ds" / "cut")["scene_score"])
    assert int(np.argmax(scores)) == 50
    assert scores[50] > 10 > np.delete(scores, 50).max()


def test_a_cut_is_told_from_a_window_that_pops_up(prep, tmp_path):
    window = "drawbox=c=white:t=fill:w=120:h=80:enable='between(n,20,22)'"
    join(
        tmp_path / "cut.ts",
        small(tmp_path, "a.ts", *media.X264, "-vf", window, picture="color=red"),
        small(tmp_path, "b.ts", picture="mandelbrot"),
    )
    prep("extract", tmp_path / "cut.ts", "-o", "ds", "--dedupe", "off")
    table = frames(tmp_path / "ds" / "cut")
    assert table["scene_score"][20] > 10
    assert np.flatnonzero(table["cut_score"]).tolist() == [50]
    breaks = record(tmp_path / "ds" / "cut")["breaks"]
    assert [b["before"] for b in breaks if b["kind"] == "cut"] == [50]


def test_ffmpegs_own_environment_changes_nothing(steady, prep, tmp_path):
    env = {"FFREPORT": "file=report.log:level=48", "AV_LOG_FORCE_COLOR": "1", "LANG": "C"}
    assert prep("extract", steady, "-o", "ds", **env).code == 0
    assert indices(tmp_path / "ds" / "steady") == list(range(50))
    assert not list((tmp_path / "ds").rglob("report.log"))


def test_a_reader_that_closes_the_pipe_is_no_error(steady, tmp_path):
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m video_prep extract '{steady}' -o ds | head -0"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.stderr == ""
