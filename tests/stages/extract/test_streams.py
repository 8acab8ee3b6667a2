"""Files that hold several videos: each stream can be one, and none is taken in silence."""

import json
import shutil
import subprocess

import pytest
import video_prep
from helpers import media
from helpers.datasets import count_files, images, record, snapshot
from helpers.footage import two_streams
from helpers.media import FFMPEGS
from helpers.prep import in_threads
from video_prep.video import identity
from video_prep.video.ids import assign_ids
from video_prep.video.sources import Source

BOTH = pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])


def mux(target, *parts, options=()):
    inputs = [argument for part in parts for argument in ("-i", str(part))]
    maps = [argument for n in range(len(parts)) for argument in ("-map", str(n))]
    media.run([*inputs, *maps, "-c", "copy", *options, str(target)])
    return target


@pytest.fixture(scope="module")
def lenses(tmp_path_factory):
    """Two videos of 30 frames in one file, of one size, and sound between them."""
    folder = tmp_path_factory.mktemp("lenses")
    options = (*media.X264, "-g", "10")
    one = media.encode(folder / "a.mp4", *options, frames=30)
    two = media.encode(folder / "b.mp4", *options, frames=30, picture="testsrc")
    media.run(["-f", "lavfi", "-i", "sine=d=1.2", str(folder / "c.m4a")])
    return mux(folder / "max.mp4", one, folder / "c.m4a", two).rename(folder / "max.360")


@pytest.fixture(scope="module")
def still_first(tmp_path_factory):
    """A file whose first stream is one picture, and not marked as cover art."""
    folder = tmp_path_factory.mktemp("still")
    still = media.encode(folder / "still.mp4", "-c:v", "mjpeg", size="320x240", frames=1)
    return mux(folder / "x.mkv", still, media.encode(folder / "video.mp4", frames=12))


def recipe(path, stream, folder, ffmpeg):
    """Return the images of one stream as people make them."""
    sync = media.passthrough(ffmpeg)
    command = [ffmpeg, "-v", "error", "-i", path, "-map", f"0:{stream}", *sync, "-q:v", "4"]
    folder.mkdir()
    subprocess.run([*command, "-start_number", "0", folder / "%06d.jpg"], check=True)
    return [image.read_bytes() for image in sorted(folder.iterdir())]


def taken_by(ffmpeg, path):
    """Return the size of the stream that ffmpeg takes if nobody names one."""
    command = [ffmpeg, "-v", "error", "-i", path, "-frames:v", "1", "-f", "framemd5", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return said.partition("#dimensions 0: ")[2].splitlines()[0]


def contents(folder):
    return [(folder / name).read_bytes() for name in images(folder)]


def statuses(done):
    return {video["id"]: video["status"] for video in done.json["videos"]}


def kinds(done):
    return [notice["kind"] for video in done.json["videos"] for notice in video["warnings"]]


@BOTH
def test_each_stream_becomes_a_video(ffmpeg, lenses, prep, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    shutil.copy(lenses, tmp_path / "in")
    arguments = ("extract", "in", "-o", "ds", "--stream", "all", "--dedupe", "off")
    done = prep(*arguments, "--ffmpeg", ffmpeg, "--json")
    assert (done.code, statuses(done)) == (0, {"max": "extracted", "max_s2": "extracted"})
    assert kinds(done) == ["several-streams"] * 2
    for video, stream, noted in (("max", 0, None), ("max_s2", 2, 2)):
        folder = tmp_path / "ds" / video
        assert images(folder)[-1] == f"{video}-frame_000029.jpg"
        assert contents(folder) == recipe(lenses, stream, tmp_path / video, ffmpeg)
        written = record(folder)
        assert (written["source"]["stream"], written["probe"]["stream_index"]) == (noted, stream)
        assert "stream" not in written["settings"]
        assert [s["packets"] for s in written["probe"]["streams"]] == [30, None, 30]
    before = snapshot(tmp_path / "ds")
    monkeypatch.setattr(identity, "_sha256", None)  # nothing is read whole again
    again = prep(*arguments, "--ffmpeg", ffmpeg, "--json")
    assert (again.code, set(statuses(again).values())) == (0, {"unchanged"})
    assert snapshot(tmp_path / "ds") == before


def test_streams_are_told_on_the_terminal(lenses, prep):
    told = "several-streams: the file holds 2 video streams (0, 2); stream {} was taken."
    one = prep("extract", lenses, "-o", "ds")
    assert f"{told.format(0)} --stream all makes a video of each.\n" in one.out
    both = prep("run", lenses, "-o", "ds", "--stream", "all")
    assert both.code == 0
    assert f"several-streams: max_s2: {told[17:].format(2)}\n" in both.out


def test_a_stream_that_is_added_leaves_the_others_as_they_are(lenses, prep, tmp_path):
    assert prep("extract", lenses, "-o", "ds").code == 0
    before = snapshot(tmp_path / "ds/max")
    done = prep("extract", lenses, "-o", "ds", "--stream", "2", "--json")
    assert (done.code, statuses(done)) == (0, {"max_s2": "extracted"})
    done = prep("extract", lenses, "-o", "ds", "--stream", "all", "--json")
    assert statuses(done) == {"max": "unchanged", "max_s2": "unchanged"}
    # The usual one keeps its id, whether it is named or not.
    for arguments in ((), ("--stream", "0")):
        done = prep("extract", lenses, "-o", "ds", *arguments, "--json")
        assert statuses(done) == {"max": "unchanged"}
        assert "in the dataset, but not among the inputs: 1 video (max_s2)" in done.json["warnings"]
    assert snapshot(tmp_path / "ds/max") == before
    # Other settings are others for each of them.
    done = prep("extract", lenses, "-o", "ds", "--stream", "2", "--quality", "2")
    assert done.code == 2
    assert "1 video is in the dataset already with other settings: max_s2" in done.err


def test_all_later_commands_know_it(lenses, prep, tmp_path):
    arguments = (lenses, "-o", "ds", "--stream", "all", "--dedupe", "still", "--json")
    assert prep("run", *arguments).code == 0
    done = prep("dedupe", "ds", "--dedupe", "similar", "--distance", "16", "--delete", "--json")
    assert done.code == 0
    left = count_files(tmp_path / "ds/max_s2", ".jpg")
    assert left < 30
    assert prep("dedupe", "ds", "--restore").code == 0
    assert contents(tmp_path / "ds/max_s2") == recipe(lenses, 2, tmp_path / "r", media.FFMPEG)
    for command in ("validate", "status", "report", "manifest"):
        assert prep(command, "ds").code == 0
    (tmp_path / "ds/max_s2/max_s2-frame_000007.jpg").unlink()
    assert prep("status", "ds").code == 1
    # Both streams are told apart when one is removed, also where the file is gone.
    moved = shutil.copy(lenses, tmp_path / "moved.360")
    assert prep("remove", "max_s2", "-o", "ds", "--force").code == 0
    assert sorted(p.name for p in (tmp_path / "ds").glob("max*")) == ["max"]
    done = prep("extract", moved, "-o", "ds", "--stream", "2", "--json")
    assert statuses(done) == {"moved_s2": "extracted"}
    (tmp_path / "moved.360").unlink()
    refused = prep("remove", "moved_s2", "-o", "ds")
    assert refused.code != 0
    assert "is gone, or another file by now" in refused.out + refused.err


def test_copies_and_moves_are_those_of_each_stream(lenses, prep, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(lenses, tmp_path / "in/a.360")
    shutil.copy(lenses, tmp_path / "in/b.360")
    arguments = ("extract", "in", "-o", "ds", "--stream", "all", "--json")
    done = prep(*arguments)
    assert done.code == 1
    outcomes = [(video["id"], video["status"]) for video in done.json["videos"]]
    first, copies = ("extracted", "extracted"), ("copy", "copy")
    assert outcomes == [*zip(("a", "a_s2") * 2, (*first, *copies), strict=True)]
    (tmp_path / "in/b.360").unlink()
    (tmp_path / "in/a.360").rename(tmp_path / "in/c.360")
    done = prep(*arguments)
    assert (done.code, statuses(done)) == (0, {"a": "unchanged", "a_s2": "unchanged"})
    assert kinds(done).count("renamed") == 2
    for video in ("a", "a_s2"):
        assert record(tmp_path / "ds" / video)["source"]["path"] == str(tmp_path / "in/c.360")


def test_segments_of_a_stream_are_those_of_the_whole(lenses, prep, tmp_path):
    arguments = ("extract", lenses, "--stream", "all", "--dedupe", "off")
    assert prep(*arguments, "-o", "whole").code == 0
    assert prep(*arguments, "-o", "cut", "--segment-frames", "10").code == 0
    for video in ("max", "max_s2"):
        assert record(tmp_path / "cut" / video)["segments"] == [0, 10, 20]
        whole, cut = tmp_path / "whole" / video, tmp_path / "cut" / video
        assert contents(cut) == contents(whole)


def test_where_ffmpeg_takes_another_stream_it_is_a_finding(prep, tmp_path):
    path = two_streams(tmp_path)
    done = prep("extract", path, "-o", "ds", "--json")
    assert done.code == 1
    which, told = done.json["videos"][0]["warnings"]
    assert (which["kind"], which["message"]) == (
        "which-stream",
        "stream 0 (160×120, h264, 50 frames) was taken; stream 1 (320×240, h264, 60 frames) is "
        "what ffmpeg takes by itself. Look which one is meant: --stream 0 says this one, "
        "--stream 1 takes the other, and --stream all makes a video of each.",
    )
    assert told["kind"] == "several-streams"
    assert record(tmp_path / "ds" / "two")["image_width"] == 160
    assert {taken_by(ffmpeg, path) for ffmpeg in FFMPEGS} == {"320x240"}  # so it does
    assert prep("extract", path, "-o", "ds").code == 1
    assert prep("run", path, "-o", "ds").code == 1
    # Who names the stream has looked.
    assert kinds(prep("extract", path, "-o", "ds", "--stream", "0", "--json")) == [
        "several-streams"
    ]
    assert kinds(prep("extract", path, "-o", "ds", "--json")) == ["several-streams"]
    done = prep("extract", path, "-o", "ds", "--stream", "1", "--json")
    assert (done.code, kinds(done)) == (0, ["several-streams"])
    assert record(tmp_path / "ds" / "two_s1")["image_width"] == 320


def test_the_default_flag_counts_for_more_than_the_size(prep, tmp_path):
    options = ("-disposition:v:0", "default", "-disposition:v:1", "0")
    path = mux(tmp_path / "x.mkv", two_streams(tmp_path), options=options)
    assert {taken_by(ffmpeg, path) for ffmpeg in FFMPEGS} == {"160x120"}
    done = prep("extract", path, "-o", "ds", "--json")
    assert (done.code, kinds(done)) == (0, ["several-streams"])


@BOTH
def test_a_single_picture_is_not_taken_for_the_video(ffmpeg, still_first, prep, tmp_path):
    done = prep("extract", still_first, "-o", "ds", "--ffmpeg", ffmpeg, "--dedupe", "off", "--json")
    assert done.code == 1
    assert done.json["videos"][0]["warnings"][0]["message"] == (
        "stream 1 (160×120, h264, 12 frames) was taken; stream 0 (320×240, mjpeg, 1 frame) is the "
        "first, but a single picture. Look which one is meant: --stream 1 says this one, "
        "--stream 0 takes the other, and --stream all makes a video of each."
    )
    assert contents(tmp_path / "ds/x") == recipe(still_first, 1, tmp_path / "r", ffmpeg)
    done = prep("extract", still_first, "-o", "ds", "--stream", "all", "--dedupe", "off", "--json")
    assert (done.code, statuses(done)) == (0, {"x": "unchanged", "x_s0": "extracted"})
    assert contents(tmp_path / "ds/x_s0") == recipe(still_first, 0, tmp_path / "s", media.FFMPEG)


def test_a_single_picture_alone_is_a_video(prep, tmp_path):
    still = media.encode(tmp_path / "still.mp4", frames=1)
    done = prep("extract", still, "-o", "ds", "--json")
    assert (done.code, kinds(done)) == (0, [])
    done = prep("extract", still, "-o", "ds", "--stream", "all", "--json")
    assert (done.code, statuses(done)) == (0, {"still": "unchanged"})


def test_a_stream_that_is_not_there(lenses, prep, tmp_path):
    for number in ("1", "7"):
        done = prep("extract", lenses, "-o", "ds", "--stream", number, "--json")
        assert done.code == 3
        (error,) = done.json["errors"]
        assert (error["kind"], error["message"]) == (
            "no-video-stream",
            f"{lenses}: there is no video stream {number} in the file; there are 0, 2. Set "
            "stream to one of these, or leave the file out.",
        )
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 9)
    done = prep("extract", lenses, "noise.mp4", "-o", "ds", "--stream", "all", "--json")
    assert done.code == 3
    assert statuses(done) == {"max": "extracted", "max_s2": "extracted", "noise": "failed"}


@pytest.mark.parametrize("value", ["some", "-1", "01", "1.5", "", "123456"])
def test_what_names_no_stream_is_refused(value, lenses, prep):
    done = prep("extract", lenses, "-o", "ds", "--stream", value)
    assert done.code == 2
    assert f"'stream' ({value}) is neither the number of a stream" in done.err


def test_in_python_and_in_a_file(lenses, prep, tmp_path):
    extract = in_threads(video_prep.extract)
    result = extract([lenses], tmp_path / "ds", video_prep.ExtractSettings(stream="all"))
    assert [video.id for video in result.videos] == ["max", "max_s2"]
    (tmp_path / "c.yaml").write_text("extract:\n  stream: 2\n")
    done = prep("extract", lenses, "-o", "ds", "-c", "c.yaml", "--json")
    assert statuses(done) == {"max_s2": "unchanged"}


def test_records_of_before_are_those_of_the_usual_stream(lenses, prep, tmp_path):
    assert prep("extract", lenses, "-o", "ds").code == 0
    path = tmp_path / "ds/max/video.json"
    old = json.loads(path.read_text())
    del old["source"]["stream"]
    for stream in old["probe"]["streams"]:
        for key in ("width", "height", "is_default", "packets"):
            del stream[key]
    path.write_text(json.dumps(old))
    done = prep("extract", lenses, "-o", "ds", "--stream", "all", "--json")
    assert (done.code, statuses(done)) == (0, {"max": "unchanged", "max_s2": "extracted"})
    assert prep("status", "ds").code == 0


def test_ids_of_streams_follow_that_of_the_video(tmp_path):
    def ids(*sources, given=None):
        all_ids = assign_ids(sources, (), sources, given or {})
        return [all_ids[source] for source in sources]

    video = Source(tmp_path / "v.mp4", "v.mp4")
    lens = Source(tmp_path / "v.mp4", "v.mp4", 1)
    assert ids(lens) == ["v_s1"]
    assert ids(lens, video) == ["v_s1", "v"]
    assert ids(lens, Source(tmp_path / "v_s1.avi", "v_s1.avi")) == ["v_mp4_s1", "v_s1"]
    assert ids(Source(tmp_path / "v.avi", "v.avi"), video, lens) == ["v", "v_mp4", "v_mp4_s1"]
    assert assign_ids([lens], ["old"], [video, lens], {video: "old"})[lens] == "old_s1"
