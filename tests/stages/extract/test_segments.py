"""Segments: a long video done in parts is the same video, or it is done in one piece."""

import dataclasses
import itertools
import json
import os
import shutil
import signal
from fractions import Fraction

import av
import numpy as np
import pytest
import video_prep
from helpers import media
from helpers.datasets import frames, images, indices, record, snapshot
from helpers.media import FFMPEGS
from helpers.prep import end_when, in_threads, run_here
from video_prep.base import errors
from video_prep.base.work import UNWATCHED, Batch, Unwatched, Watch
from video_prep.dataset.frame_table import MISSING_PTS
from video_prep.dataset.packet_index import PacketIndex
from video_prep.dataset.records import VideoInfo
from video_prep.engines.threads import InProcess
from video_prep.settings.dedupe import DedupeSettings
from video_prep.settings.stages import ExtractSettings, RunSettings
from video_prep.video.sampling import plan_segments
from video_prep.video.segments import (
    BORDER_FRAMES,
    UNPROVEN,
    Segment,
    SegmentPlan,
    UnprovenSegmentError,
    cut,
    refuse_damaged,
    refuse_unlike,
    refuse_unproven,
)

extract = in_threads(video_prep.extract)

HINDRANCES = (
    "its packets cannot be counted to the end",
    "its packets have no timestamps of their own",
    "it has no keyframe at which it could be cut",
)
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "12")
B_FRAMES = (*H264, "-bf", "3")
OPEN_GOP = (*B_FRAMES, "-x264-params", "open-gop=1:scenecut=0")


def small(folder, name, *options, **kwargs):
    return media.encode(folder / name, *options, frames=120, **kwargs)


def jittery(folder):
    steps = itertools.cycle([33, 34, 12, 67, 500, 1])
    pts = list(itertools.accumulate(next(steps) for _ in range(120)))
    return media.write_frames(folder / "x.mkv", pts, g="12")


# Footage that can be cut, with the segments it must give where each has at least 30 frames.
CUTTABLE = {
    "b_frames.mp4": lambda d: small(d, "x.mp4", *B_FRAMES),
    "fragmented.mp4": lambda d: small(d, "x.mp4", *B_FRAMES, "-movflags", "frag_keyframe"),
    "b_frames.mkv": lambda d: small(d, "x.mkv", *B_FRAMES),
    "broadcast.ts": lambda d: small(d, "x.ts", *B_FRAMES),
    "open_gop.ts": lambda d: small(d, "x.ts", *OPEN_GOP),
    "open_gop.mp4": lambda d: small(d, "x.mp4", *OPEN_GOP),
    "flash.flv": lambda d: small(d, "x.flv", *B_FRAMES),
    "vfr.mkv": jittery,
    "hevc_10bit.mkv": lambda d: small(
        d,
        "x.mkv",
        *("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
        *("-x265-params", "log-level=none:keyint=12"),
    ),
    "hevc.ts": lambda d: small(
        d,
        "x.ts",
        *("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *("-x265-params", "log-level=none:keyint=12:open-gop=1:bframes=3"),
    ),
    "hidden_frames.webm": lambda d: small(
        d,
        "x.webm",
        *("-c:v", "libvpx-vp9", "-b:v", "300k", "-g", "12", "-lag-in-frames", "10"),
        *("-auto-alt-ref", "1", "-cpu-used", "5"),
    ),
    "old.avi": lambda d: small(d, "x.avi", "-c:v", "mpeg4", "-g", "12"),
    "webcam.avi": lambda d: small(d, "x.avi", "-c:v", "mjpeg", "-pix_fmt", "yuvj422p"),
    "camera.mov": lambda d: small(d, "x.mov", "-c:v", "prores_ks", "-profile:v", "0"),
    "dvd.mpg": lambda d: small(d, "x.mpg", "-c:v", "mpeg2video", "-g", "12", "-bf", "2"),
    "edit_list.mov": lambda d: media.cut_copy(
        media.encode(d / "y.mp4", *B_FRAMES, frames=125), d / "x.mov", 0.2
    ),
    "starts_late.mkv": lambda d: media.write_frames(
        d / "x.mkv", range(36_000_000, 36_004_800, 40), g="12"
    ),
    "rotated.mp4": lambda d: media.rotate(small(d, "y.mp4", *B_FRAMES), d / "x.mp4", degrees=-90),
    "cut_scenes.mp4": lambda d: joined(d),
}


def joined(folder):
    parts = [
        small(folder, f"{n}.ts", *H264, picture=picture)
        for n, picture in enumerate(("testsrc2", "smptebars"))
    ]
    listing = "concat:" + "|".join(map(str, parts))
    media.run(["-i", listing, "-c", "copy", "-frames:v", "120", str(folder / "x.mp4")])
    return folder / "x.mp4"


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("segments")


@pytest.fixture
def footage(request, folder):
    path = folder / request.param
    if not path.exists():
        work = folder / f"making-{request.param}"
        work.mkdir()
        (CUTTABLE | WHOLE)[request.param](work).rename(path)
    return path


def contents(folder):
    """Return images and table of a video; of its record, what does not tell of segments."""
    told = record(folder)
    del told["segments"]
    told["warnings"] = [each for each in told["warnings"] if each["kind"] != "one-piece"]
    return {name: (folder / name).read_bytes() for name in images(folder)}, frames(folder), told


@pytest.mark.parametrize("footage", CUTTABLE, indirect=True)
@pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
def test_segments_give_what_the_whole_gives(footage, ffmpeg, prep, tmp_path):
    common = ("extract", footage, "--dedupe", "off", "--ffmpeg", ffmpeg)
    assert prep(*common, "-o", "whole").code == 0
    assert prep(*common, "-o", "parts", "--segment-frames", "30").code == 0
    whole, parts = tmp_path / "whole" / footage.stem, tmp_path / "parts" / footage.stem
    assert record(whole)["segments"] == [0]
    starts = record(parts)["segments"]
    assert len(starts) == 3 if footage.stem == "open_gop" else len(starts) >= 2, record(parts)
    assert all(30 <= b - a < 60 for a, b in itertools.pairwise([*starts, len(images(parts))]))
    if footage.stem == "damaged":  # of which the pictures may differ from run to run
        assert contents(parts)[2] == contents(whole)[2]
    else:
        assert contents(parts) == contents(whole)
    assert not (tmp_path / "parts" / ".prep" / "segments" / footage.stem).exists()


@pytest.mark.parametrize("length", [1, 2, 7, 50])
@pytest.mark.parametrize("footage", ["b_frames.mp4", "webcam.avi", "cut_scenes.mp4"], indirect=True)
def test_segments_of_any_length_give_the_same(footage, length, prep, tmp_path):
    common = ("extract", footage, "--dedupe", "off")
    prep(*common, "-o", "whole")
    prep(*common, "-o", "parts", "--segment-frames", str(length))
    whole, parts = tmp_path / "whole" / footage.stem, tmp_path / "parts" / footage.stem
    assert len(record(parts)["segments"]) > 1
    assert contents(parts) == contents(whole)


SAMPLING = [
    ("--every", "7"),
    ("--fps", "6.5"),
    ("--start", "31", "--end", "1:00:00"),
    ("--start", "1.3s", "--every", "5"),
    ("--end", "40"),
    ("--keyframes",),
    ("--fps", "3", "--start", "0.5s", "--end", "4s"),
    ("--max-size", "100"),
    ("--format", "png"),
]


@pytest.mark.parametrize("options", SAMPLING, ids=" ".join)
@pytest.mark.parametrize("footage", ["b_frames.mp4", "vfr.mkv"], indirect=True)
def test_sampling_does_not_see_segments(footage, options, prep, tmp_path):
    common = ("extract", footage, "--dedupe", "off", "--count", "decode", *options)
    assert prep(*common, "-o", "whole").code == 0
    assert prep(*common, "-o", "parts", "--segment-frames", "20").code == 0
    whole, parts = tmp_path / "whole" / footage.stem, tmp_path / "parts" / footage.stem
    assert len(record(parts)["segments"]) > 2
    assert contents(parts) == contents(whole)


@pytest.mark.parametrize("options", [("--dedupe", "still"), ("--dedupe", "similar")])
@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_duplicates_begin_anew_in_each_segment(options, image_format, prep, prep_process, tmp_path):
    """A still picture: one image a segment, whoever does it."""
    video = media.encode(tmp_path / "v.mp4", *B_FRAMES, frames=120, picture="smptebars")
    common = ("extract", video, *options, "--format", image_format, "--segment-frames", "30")
    for engine, run in (("pool", prep_process), ("threads", prep)):
        for workers in ("1", "2"):
            name = f"{engine}{workers}"
            done = run(*common, "-o", name, "--engine", engine, "--workers", workers)
            assert done.code == 0, done.err
    starts = record(tmp_path / "pool1" / "v")["segments"]
    assert len(starts) == 3
    assert indices(tmp_path / "pool1" / "v") == starts
    table = frames(tmp_path / "pool1" / "v")
    segment_of = np.searchsorted(starts, np.arange(120), side="right") - 1
    expected = [None if n in starts else starts[s] for n, s in enumerate(segment_of)]
    assert table["duplicate_of"] == expected
    counts = record(tmp_path / "pool1" / "v")["counts"]
    assert (counts["kept"], counts["duplicates"], counts["files_on_disk"]) == (3, 117, 3)
    first = snapshot(tmp_path / "pool1")
    for other in ("pool2", "threads1", "threads2"):
        assert snapshot(tmp_path / other) == first


def raw_stream(folder):
    return small(folder, "x.h264", *H264)


def equal_timestamps(folder):
    pts = sorted([*range(0, 119 * 40, 40), 400])
    even = media.write_frames(folder / "y.mkv", range(0, 4800, 40))
    return media.retime(even, folder / "x.mkv", pts)


def false_keyframes(folder):
    """Every seventh packet says that decoding may begin there, which is not true."""
    source = small(folder, "y.flv", *H264[:-2], "-g", "250", "-bf", "0")
    with av.open(str(source)) as old, av.open(str(folder / "x.flv"), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            packet.stream = stream
            packet.is_keyframe = number % 7 == 0
            new.mux(packet)
    return folder / "x.flv"


def grows(folder):
    parts = [
        media.encode(folder / f"{size}.ts", *H264, frames=60, size=size)
        for size in ("96x64", "320x240")
    ]
    media.run(["-i", "concat:" + "|".join(map(str, parts)), "-c", "copy", str(folder / "x.mkv")])
    return folder / "x.mkv"


WHOLE = {
    "raw.h264": raw_stream,
    "equal.mkv": equal_timestamps,
    "one_keyframe.mp4": lambda d: small(d, "x.mp4", *H264[:-2], "-g", "1000"),
    "false_keyframes.flv": false_keyframes,
    "grows.mkv": grows,
    "cut_off.mkv": lambda d: media.truncate(
        small(d, "y.mkv", *H264, size="320x240"), d / "x.mkv", 0.8
    ),
    "damaged.mp4": lambda d: media.punch(
        small(d, "y.mp4", *H264, size="320x240"), d / "x.mp4", 0.8
    ),
}


@pytest.mark.parametrize("footage", WHOLE, indirect=True)
def test_what_cannot_be_proven_is_done_in_one_piece_and_says_so(footage, prep, tmp_path):
    common = ("extract", footage, "--dedupe", "off")
    assert prep(*common, "-o", "whole").code in {0, 1}
    assert prep(*common, "-o", "parts", "--segment-frames", "20").code in {0, 1}
    whole, parts = tmp_path / "whole" / footage.stem, tmp_path / "parts" / footage.stem
    assert record(parts)["segments"] == [0]
    (notice,) = [each for each in record(parts)["warnings"] if each["kind"] == "one-piece"]
    why = notice["message"].removeprefix("decoded in one piece, not in segments side by side: ")
    assert why.removesuffix(".") in {UNPROVEN, *HINDRANCES}
    assert len(images(parts)) == len(images(whole)) > 60
    if footage.stem == "damaged":  # of which the pictures may differ from run to run
        assert contents(parts)[2] == contents(whole)[2]
    else:
        assert contents(parts) == contents(whole)
    assert not (tmp_path / "parts" / ".prep" / "segments" / footage.stem).exists()
    assert not [each for each in record(whole)["warnings"] if each["kind"] == "one-piece"]


def test_short_videos_are_not_cut_and_need_no_word(steady, prep, tmp_path):
    prep("extract", steady, "-o", "ds", "--segment-frames", "26")
    told = record(tmp_path / "ds" / "steady")
    assert (told["segments"], told["warnings"]) == ([0], [])


def shelf(dataset):
    return dataset / ".prep" / "segments" / "long"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A long video, beside it what a run makes of it that nothing disturbs."""
    home = tmp_path_factory.mktemp("undisturbed")
    video = media.encode(home / "long.mp4", *H264, size="640x360", frames=600)
    assert run_here(("extract", video, "--segment-frames", "60", "-o", "ds"), home, {}).code == 0
    return home


@pytest.mark.parametrize("engine", ["pool", "threads"])
def test_a_killed_run_goes_on_at_the_segments_that_are_missing(engine, undisturbed, prep, tmp_path):
    video = undisturbed / "long.mp4"
    common = ("extract", video, "--segment-frames", "60", "--engine", engine, "--workers", "1")
    done_before = set()
    for kills in range(1, 4):
        done = {}

        def is_time(done=done, wanted=2 * kills):
            folder = shelf(tmp_path / "ds")
            done |= {path.name: path.stat().st_mtime_ns for path in folder.glob("0*.npz")}
            return len(done) >= wanted

        end_when(is_time, signal.SIGKILL, (*common, "-o", "ds"), tmp_path)
        assert 2 * kills <= len(done) < 10
        assert done_before <= set(done.items())  # none was done again
        done_before = set(done.items())
        assert not (tmp_path / "ds" / "long").exists()
    assert prep(*common, "-o", "ds").code == 0
    assert snapshot(tmp_path / "ds") == snapshot(undisturbed / "ds")
    assert len(record(tmp_path / "ds" / "long")["segments"]) == 10
    assert not shelf(tmp_path / "ds").exists()
    assert list((tmp_path / "ds" / ".prep" / "work").iterdir()) == []


IN_PARTS = RunSettings(segment_frames=30)


def extract_in_parts(video, dataset, workers=1, **changes):
    settings, off = ExtractSettings(**changes), DedupeSettings("off")
    engine = InProcess(workers)
    return extract([video], dataset, settings, IN_PARTS, dedupe=off, engine=engine)


@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_segments_of_other_settings_or_footage_are_thrown_away(footage, tmp_path, monkeypatch):
    video, dataset = tmp_path / "long.mp4", tmp_path / "ds"
    shutil.copy(footage, video)

    def interrupted(*arguments):
        raise errors.InterruptedRunError("interrupted")

    with monkeypatch.context() as patch:
        patch.setattr("video_prep.stages.extract.video.VideoExtractor.join", interrupted)
        with pytest.raises(errors.InterruptedRunError):
            extract_in_parts(video, dataset)
    before = {p.name: p.stat().st_mtime_ns for p in shelf(dataset).glob("0*.npz")}
    assert sorted(before) == ["000000.npz", "000001.npz", "000002.npz"]

    def kept(**changes):
        with monkeypatch.context() as patch:
            patch.setattr("video_prep.stages.extract.video.VideoExtractor.join", interrupted)
            with pytest.raises(errors.InterruptedRunError):
                extract_in_parts(video, dataset, **changes)
        now = {p.name: p.stat().st_mtime_ns for p in shelf(dataset).glob("0*.npz")}
        return len(now.items() & before.items())

    assert kept() == 3
    assert kept(quality=5) == 0
    assert len(list(shelf(dataset).glob("new/long/*.jpg"))) == 120
    media.encode(video, *B_FRAMES, frames=120, picture="testsrc")
    extract_in_parts(video, dataset)
    extract_in_parts(video, tmp_path / "fresh")
    assert contents(dataset / "long") == contents(tmp_path / "fresh" / "long")


@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_neighbours_that_disagree_are_found(footage, tmp_path, monkeypatch):
    """The proof of last resort: the same frames look otherwise when decoded from there."""
    from video_prep.stages.extract import table

    genuine = table.SegmentFrames

    def forged(**columns):
        begins = columns["begins"].copy()
        if columns["pts"][0] > 0 and len(begins):
            begins[3] = begins[2]
        return genuine(**{**columns, "begins": begins})

    monkeypatch.setattr(table, "SegmentFrames", forged)
    result = extract_in_parts(footage, tmp_path / "ds")
    (video,) = result.videos
    assert (video.status, video.record.segments) == ("extracted", (0,))
    (notice,) = [each for each in video.notices if each.kind == "one-piece"]
    assert notice.message.endswith(f": {UNPROVEN}.")


@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_a_verdict_outlives_a_kill(footage, tmp_path, monkeypatch):
    """What could not be proven once is not tried again."""
    from video_prep.stages.extract.video import VideoExtractor

    def unproven(*arguments, **options):
        raise UnprovenSegmentError("odd")

    def interrupted(*arguments):
        raise errors.InterruptedRunError("interrupted")

    with monkeypatch.context() as patch:
        patch.setattr(VideoExtractor, "extract_segment", unproven)
        patch.setattr(VideoExtractor, "extract_whole", interrupted)
        with pytest.raises(errors.InterruptedRunError):
            extract_in_parts(footage, tmp_path / "ds")
    monkeypatch.setattr(VideoExtractor, "extract_segment", None)  # not to be called
    (video,) = extract_in_parts(footage, tmp_path / "ds").videos
    assert video.status == "extracted"
    assert [n.message for n in video.notices if n.kind == "one-piece"] == [
        f"decoded in one piece, not in segments side by side: {UNPROVEN}."
    ]


@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_a_segment_that_fails_fails_its_video_and_keeps_the_others(footage, tmp_path, monkeypatch):
    from video_prep.stages.extract.video import VideoExtractor

    genuine = VideoExtractor.extract_segment

    def failing(self, opened, segment, link):
        if segment.number == 1:
            raise errors.DecoderDiedError("ffmpeg was killed")
        genuine(self, opened, segment, link)

    with monkeypatch.context() as patch:
        patch.setattr(VideoExtractor, "extract_segment", failing)
        (video,) = extract_in_parts(footage, tmp_path / "ds").videos
    assert (video.status, video.error) == ("failed", "ffmpeg was killed")
    folder = tmp_path / "ds" / ".prep" / "segments" / "b_frames"
    assert sorted(p.name for p in folder.glob("0*")) == ["000000.npz", "000002.npz"]
    (video,) = extract_in_parts(footage, tmp_path / "ds").videos
    assert (video.status, len(video.record.segments)) == ("extracted", 3)


@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_overwrite_replaces_a_video_by_its_segments(footage, prep, tmp_path):
    common = ("extract", footage, "-o", "ds", "--segment-frames", "30", "--dedupe", "off")
    prep(*common)
    before = snapshot(tmp_path / "ds")
    assert prep(*common, "--quality", "9", "--overwrite").code == 0
    assert len(images(tmp_path / "ds" / "b_frames")) == 120
    assert snapshot(tmp_path / "ds") != before
    assert prep(*common, "--overwrite").code == 0
    assert snapshot(tmp_path / "ds") == before


@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_restored_images_are_those_of_the_segments(footage, prep, tmp_path):
    common = ("extract", footage, "-o", "ds", "--segment-frames", "30", "--dedupe", "off")
    prep(*common)
    before = snapshot(tmp_path / "ds")
    assert prep("dedupe", "ds", "--dedupe", "similar", "--distance", "16", "--delete").code == 0
    assert len(images(tmp_path / "ds" / "b_frames")) < 120
    assert prep("dedupe", "ds", "--restore").code == 0
    assert snapshot(tmp_path / "ds") == before


INFO = VideoInfo(
    **{field.name: None for field in dataclasses.fields(VideoInfo)}
    | {"time_base": "1/1000", "container": "matroska,webm"}
)


def packets(pts, keys, discarded=(), complete=True):
    pts = np.array(pts, dtype=np.int64)
    is_key = np.isin(np.arange(len(pts)), keys)
    return PacketIndex(pts, np.isin(np.arange(len(pts)), discarded), is_key, complete)


def starts(*arguments, **options):
    return [segment.first for segment in cut(packets(*arguments), INFO, **options).segments]


def test_cuts_are_at_the_first_keyframe_after_so_many_frames():
    steady = range(0, 1000, 10)
    assert starts(steady, range(0, 100, 5), length=12) == [0, 15, 30, 45, 60, 75]
    assert starts(steady, range(0, 100, 5), length=50) == [0, 50]
    assert starts(steady, range(0, 100, 5), length=51) == []
    assert starts(steady, [0, 88], length=10) == [0, 88]
    assert starts(steady, [0, 91], length=10) == []


def test_segments_know_where_they_begin_and_what_they_share():
    cutting = cut(packets(range(5000, 6000, 10), [0, 40, 95]), INFO, length=5)
    assert cutting.segments == (
        Segment(0, 0, 40, BORDER_FRAMES, None, None),
        Segment(1, 40, 55, 5, 5400, Fraction(27, 5)),
        Segment(2, 95, 5, 0, 5950, Fraction(119, 20)),
    )
    assert cutting.hindrance is None
    np.testing.assert_array_equal(cutting.pts, range(5000, 6000, 10))


def test_a_keyframe_that_is_not_shown_after_all_before_it_is_no_place_to_cut():
    # In file order: 0 30 10 20 | 60 40 50 | ...; the keyframe 40 is shown before 60.
    order = [0, 30, 10, 20, 60, 40, 50, 70, 80, 90]
    assert starts(order, [0, 5], length=2) == []
    assert starts(order, [0, 4], length=2) == [0, 6]
    # Hidden by an edit list, it is never shown at all.
    assert [s.first for s in cut(packets(order, [0, 4, 7], [4]), INFO, 2).segments] == [0, 6]


@pytest.mark.parametrize(
    ("index", "hindrance"),
    [
        (packets(range(20), [0, 10], complete=False), "its packets cannot be counted to the end"),
        (packets([*range(19), MISSING_PTS], [0]), "its packets have no timestamps of their own"),
        (packets([*range(19), 7], [0, 10]), "its packets have no timestamps of their own"),
        (packets(range(20), [0]), "it has no keyframe at which it could be cut"),
    ],
)
def test_a_long_video_that_cannot_be_cut_says_why(index, hindrance):
    assert cut(index, INFO, 5).hindrance == hindrance
    assert cut(index, INFO, 5).segments == ()
    assert cut(index, INFO, 11).hindrance is None


SECOND = Segment(1, 40, 3, 2, 5400, Fraction(27, 5))
PROMISED = np.array([1, 2, 3, 4, 5])


def test_a_segment_is_proven_by_exactly_its_frames():
    refuse_unproven(SECOND, PROMISED, PROMISED.copy(), is_changed=False)
    refuse_damaged(SECOND, None)


@pytest.mark.parametrize(
    ("pts", "is_changed", "why"),
    [
        ([1, 2, 3, 4], False, "are 4 where 5 should be"),
        ([1, 2, 3, 4, 5, 6], False, "are 6 where 5 should be"),
        ([1, 2, 3, 4, 6], False, "have other timestamps than their packets"),
        ([1, 2, MISSING_PTS, 4, 5], False, "have other timestamps"),
        (PROMISED, True, "change their size or format"),
    ],
)
def test_anything_else_refutes_it(pts, is_changed, why):
    with pytest.raises(UnprovenSegmentError) as error:
        refuse_unproven(SECOND, PROMISED, np.array(pts), is_changed)
    assert why in str(error.value)


def test_damage_refutes_it():
    with pytest.raises(UnprovenSegmentError) as error:
        refuse_damaged(SECOND, "mmco")
    assert str(error.value) == "frames 40 to 42, decoded alone, are damaged (mmco)"


def test_borders_must_be_the_same_bit_by_bit():
    refuse_unlike(SECOND, ("a", "b"), ("a", "b", "c"))
    for ends, begins in ((("a", "b"), ("a", "c")), (("a",), ("a", "b")), (("a", "b"), ("a",))):
        with pytest.raises(UnprovenSegmentError, match="frames from 43 on look otherwise"):
            refuse_unlike(SECOND, ends, begins)


def test_progress_counts_each_frame_once(folder, tmp_path):
    video = media.encode(tmp_path / "v.mp4", *B_FRAMES, frames=120)
    told = []

    class Told(Watch):
        def item_started(self, item, parts, size):
            told.append((item, parts))

        def parts_done(self, item, parts):
            told.append(parts)

        def item_done(self, item, size):
            told.append("done")

    extract([video], tmp_path / "ds", run=IN_PARTS, engine=InProcess(2), watch=Told())
    begun, *counted, done = told
    assert (begun, done) == (("v", 120), "done")
    assert sum(counted) == 120


def test_the_record_of_an_older_version_is_read(prep, steady, tmp_path):
    prep("extract", steady, "-o", "ds")
    file = tmp_path / "ds" / "steady" / "video.json"
    told = json.loads(file.read_text())
    del told["segments"]
    file.write_text(json.dumps(told))
    assert prep("status", "ds").code == 0


def test_private_files_of_segments_are_never_seen_by_other_stages(prep, steady, tmp_path):
    prep("extract", steady, "-o", "ds")
    folder = tmp_path / "ds" / ".prep" / "segments" / "left" / "new" / "left"
    folder.mkdir(parents=True)
    (folder / "left-frame_000000.jpg").write_bytes(b"x")
    assert prep("validate", "ds").code == 0
    assert prep("status", "ds").code == 0
    assert os.listdir(folder) == ["left-frame_000000.jpg"]


def damage_image(shelf):
    next(shelf.glob("new/long/*_000050.jpg")).write_bytes(b"")


def lose_image(shelf):
    next(shelf.glob("new/long/*_000050.jpg")).unlink()


def image_as_folder(shelf):
    lose_image(shelf)
    (shelf / "new" / "long" / "long-frame_000050.jpg").mkdir()


def add_file(shelf):
    (shelf / "new" / "long" / "notes.txt").write_text("x")


def lose_images(shelf):
    shutil.rmtree(shelf / "new")


def images_as_file(shelf):
    lose_images(shelf)
    (shelf / "new").write_text("x")


def cut_segment(shelf):
    file = shelf / "000001.npz"
    file.write_bytes(file.read_bytes()[:100])


def empty_segment(shelf):
    (shelf / "000001.npz").write_bytes(b"")


def segment_as_folder(shelf):
    (shelf / "000001.npz").unlink()
    (shelf / "000001.npz").mkdir()


def cut_packets(shelf):
    (shelf / "packets.npz").write_bytes(b"PK")
    (shelf / "000001.npz").unlink()


def lose_packets(shelf):
    (shelf / "packets.npz").unlink()


def cut_plan(shelf):
    plan = shelf / "plan.npz"
    plan.write_bytes(plan.read_bytes()[:-100])
    (shelf / "000001.npz").unlink()


def corrupt_plan(shelf):
    plan = shelf / "plan.npz"
    data = bytearray(plan.read_bytes())
    data[data.index(b"pts1.npy") + 200] ^= 1  # one bit of the timestamps of the second segment
    plan.write_bytes(data)
    (shelf / "000001.npz").unlink()


def lose_plan(shelf):
    (shelf / "plan.npz").unlink()
    (shelf / "000001.npz").unlink()


def key_is_no_text(shelf):
    (shelf / "key").write_bytes(b"\xff\xfe")


def key_as_folder(shelf):
    (shelf / "key").unlink()
    (shelf / "key").mkdir()


def shelf_as_file(shelf):
    shutil.rmtree(shelf)
    shelf.write_text("x")


DAMAGES = [
    damage_image,
    lose_image,
    image_as_folder,
    add_file,
    lose_images,
    images_as_file,
    cut_segment,
    empty_segment,
    segment_as_folder,
    cut_packets,
    lose_packets,
    cut_plan,
    corrupt_plan,
    lose_plan,
    key_is_no_text,
    key_as_folder,
    shelf_as_file,
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_a_damaged_shelf_heals(footage, damage, tmp_path, monkeypatch):
    from video_prep.stages.extract.video import VideoExtractor

    video, dataset = tmp_path / "long.mp4", tmp_path / "ds"
    shutil.copy(footage, video)
    extract_in_parts(video, tmp_path / "expected")

    def interrupted(*arguments):
        raise errors.InterruptedRunError("interrupted")

    with monkeypatch.context() as patch:
        patch.setattr(VideoExtractor, "join", interrupted)
        with pytest.raises(errors.InterruptedRunError):
            extract_in_parts(video, dataset)
    damage(shelf(dataset))
    (outcome,) = extract_in_parts(video, dataset).videos
    assert outcome.status == "extracted"
    assert snapshot(dataset) == snapshot(tmp_path / "expected")
    assert not shelf(dataset).exists()


def test_a_shelf_of_an_older_prep_is_thrown_away(tmp_path, monkeypatch):
    from video_prep.dataset.store import Dataset
    from video_prep.video import shelf as shelves

    def opened():
        shelf = shelves.Shelf(Dataset(tmp_path), "v")
        index = packets(range(10), [0])
        shelf.open("key", index, [SegmentPlan(index.pts, None)])
        return shelf

    with monkeypatch.context() as patch:
        patch.setattr(shelves, "_FORMAT", 1)
        (opened().images.parents[1] / f"{SECOND.number:06d}.npz").touch()
        assert opened().holds(SECOND)
    assert not opened().holds(SECOND)


@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_a_shelf_that_is_damaged_again_is_a_failure_with_a_way_out(footage, tmp_path, monkeypatch):
    from video_prep.video.shelf import Shelf

    genuine = Shelf.put

    def put_and_lose(self, segment, frames, folder):
        genuine(self, segment, frames, folder)
        next(self.images.glob("*.jpg")).unlink()

    monkeypatch.setattr(Shelf, "put", put_and_lose)
    (outcome,) = extract_in_parts(footage, tmp_path / "ds").videos
    assert (outcome.status, outcome.error_kind) == ("failed", "dataset")
    assert "other images than were written there. Check the disk and run again." in outcome.error


@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_a_kill_after_the_commit_leaves_nothing_that_matters(footage, prep, tmp_path, monkeypatch):
    from video_prep.video.shelf import Shelf

    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "remove", lambda self: None)
        extract_in_parts(footage, tmp_path / "ds")
    folder = tmp_path / "ds" / ".prep" / "segments" / "b_frames"
    assert (folder / "000001.npz").exists()
    before = snapshot(tmp_path / "ds")
    common = ("extract", footage, "-o", "ds", "--dedupe", "off", "--segment-frames", "30")
    assert prep(*common, "--overwrite").code == 0
    assert snapshot(tmp_path / "ds") == before
    assert not folder.exists()


@pytest.mark.parametrize(
    "error", [errors.NotAVideoError("no frame"), errors.DecoderDiedError("exit code 69")]
)
@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_a_segment_that_ffmpeg_cannot_decode_alone_is_no_failure(
    footage, error, tmp_path, monkeypatch
):
    from video_prep.video.passes import VideoDecoder

    genuine = VideoDecoder.choose_in_segment

    def refusing(self, segment, plan):
        if segment.number == 1:
            raise error
        return genuine(self, segment, plan)

    monkeypatch.setattr(VideoDecoder, "choose_in_segment", refusing)
    (outcome,) = extract_in_parts(footage, tmp_path / "ds").videos
    assert (outcome.status, outcome.record.segments) == ("extracted", (0,))
    assert [n.kind for n in outcome.notices] == ["one-piece"]


@pytest.mark.parametrize(("kills", "status"), [(1, "extracted"), (2, "failed")])
@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_an_ffmpeg_that_is_killed_says_nothing_of_its_segment(
    footage, kills, status, tmp_path, monkeypatch
):
    from video_prep.video.passes import VideoDecoder

    genuine, begun = VideoDecoder.choose_in_segment, []

    def killed(self, segment, plan):
        begun.append(segment.number)
        if begun.count(1) <= kills and segment.number == 1:
            raise errors.DecoderKilledError("ffmpeg was killed (SIGKILL)")
        return genuine(self, segment, plan)

    monkeypatch.setattr(VideoDecoder, "choose_in_segment", killed)
    (outcome,) = extract_in_parts(footage, tmp_path / "ds").videos
    assert outcome.status == status
    assert begun == [0, 1, 1, 2]
    if status == "extracted":
        assert outcome.record.segments == (0, 36, 72)
    else:
        assert (outcome.error_kind, outcome.error) == (
            "decoder-died",
            "ffmpeg was killed (SIGKILL)",
        )


@pytest.mark.parametrize(
    "options",
    [("--start", "60"), ("--end", "20"), ("--every", "50"), ("--fps", "1"), ("--start", "500")],
    ids=" ".join,
)
@pytest.mark.parametrize("length", ["20", "1000"])
@pytest.mark.parametrize("footage", ["b_frames.mp4"], indirect=True)
def test_a_segment_may_have_no_frame_that_is_asked_for(footage, length, options, prep, tmp_path):
    done = prep(
        *("extract", footage, "-o", "ds", "--dedupe", "similar", "--distance", "0"),
        *("--segment-frames", length, "--count", "decode", *options, "--json"),
    )
    assert done.json["errors"] == []
    counts = done.json["videos"][0]["counts"]
    asked_for = {"--start 60": 60, "--end 20": 20, "--every 50": 3, "--fps 1": 5, "--start 500": 0}
    assert counts["kept"] + counts["duplicates"] == asked_for[" ".join(options)]
    assert counts["frames_decoded"] == 120


def test_the_length_of_segments_is_no_setting_of_the_images(steady, prep, tmp_path):
    prep("extract", steady, "-o", "ds", "--segment-frames", "20")
    before = snapshot(tmp_path / "ds")
    done = prep("extract", steady, "-o", "ds", "--json")
    assert done.json["totals"]["unchanged"] == 1
    assert snapshot(tmp_path / "ds") == before


def test_a_border_ends_with_the_video():
    segments = cut(packets(range(0, 1000, 10), range(0, 100, 5)), INFO, 5).segments
    assert [segment.border for segment in segments] == [BORDER_FRAMES] * 16 + [15, 10, 5, 0]


def test_the_plan_of_a_segment_is_its_part_of_that_of_the_video():
    cutting = cut(packets(range(0, 200, 10), [0, 6, 12]), INFO, 6)
    assert [segment.first for segment in cutting.segments] == [0, 6, 12]
    for settings, wanted in (
        (ExtractSettings(), [None, None, None]),
        (ExtractSettings(every=4), [[0, 4], [2], [0, 4]]),
        (ExtractSettings(start="5", end="7"), [[5], [0], []]),
        (ExtractSettings(start="0.115s"), [[], [], [0, 1, 2, 3, 4, 5, 6, 7]]),
    ):
        plans = list(plan_segments(settings, Fraction(1, 1000), cutting))
        assert [None if p.wanted is None else p.wanted.tolist() for p in plans] == wanted
        assert [plan.pts.tolist() for plan in plans] == [
            [*range(0, 200, 10)],
            [*range(60, 200, 10)],
            [*range(120, 200, 10)],
        ]


def test_a_seek_in_a_container_without_index_begins_earlier():
    plain = packets(range(5000, 6000, 10), [0, 40])
    stream = dataclasses.replace(INFO, container="mpegts")
    assert cut(plain, INFO, 5).segments[1].seek_seconds == Fraction(27, 5)
    assert cut(plain, stream, 5).segments[1].seek_seconds == Fraction(22, 5)


def test_what_a_unit_told_before_it_died_is_taken_back():
    from video_prep.stages.extract.batch import VideoBatch
    from video_prep.stages.extract.units import ExtractSegment

    class Told(Watch):
        frames = 0

        def parts_done(self, item, frames):
            self.frames += frames

    told = Told()
    batch = VideoBatch({}, {}, {}, told)
    opened = type("Opened", (), {"video_id": "v"})()
    one, two = (ExtractSegment(opened, dataclasses.replace(SECOND, number=n)) for n in (1, 2))
    batch.take_message(one, 5)
    batch.take_message(two, 7)
    batch.begin_anew(one)
    assert told.frames == 7
    batch.take_message(one, 9)
    assert told.frames == 16


def test_bars_survive_more_frames_than_were_promised():
    from video_prep.commands.progress import Bars

    bars = Bars()
    bars.batch_started(Batch(1, 1000))
    bars.item_started("v", 10, 1000)
    for more in (8, 8, -16, 30):
        bars.parts_done("v", more)
    assert (bars._bars["v"].n, bars._bars["v"].total) == (30, 30)
    bars.item_done("v", 1000)
    bars.close()


class Stopped(Unwatched):
    def is_stopped(self):
        return True


def test_hashing_a_touched_file_can_be_interrupted(steady, tmp_path):
    from video_prep.video.identity import identify, is_same_file
    from video_prep.video.sources import Source

    video = tmp_path / "v.mp4"
    shutil.copy(steady, video)
    identity = identify(Source(video, "v.mp4"), UNWATCHED)
    os.utime(video)
    assert is_same_file(video, identity)
    with pytest.raises(errors.InterruptedRunError):
        is_same_file(video, identity, Stopped())
