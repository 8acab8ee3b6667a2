"""Few frames of a video: only what they need is decoded, and they are those of the whole."""

import dataclasses

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
import video_prep
from helpers import media
from helpers.datasets import frames, images, indices, record
from helpers.prep import in_threads
from video_prep.base.work import Watch
from video_prep.settings.dedupe import DedupeSettings
from video_prep.settings.stages import ExtractSettings, RunSettings
from video_prep.video.binary import Ffmpeg, find_ffmpeg
from video_prep.video.few import plan_few
from video_prep.video.probe import probe
from video_prep.video.recipe import Recipe

extract = in_threads(video_prep.extract)

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "12")
B_FRAMES = (*X264, "-bf", "3")
OPEN_GOP = (*B_FRAMES, "-x264-params", "open-gop=1:scenecut=0")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=12")
VP9 = ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-g", "12")
ALT_REF = ("-auto-alt-ref", "1", "-lag-in-frames", "16", "-cpu-used", "5", "-g", "12")
FRAGMENTS = ("-movflags", "frag_keyframe+empty_moov")

FAR = ("--every", "40")
SAMPLED = (
    ("--keyframes",),
    FAR,
    ("--fps", "0.6"),
    ("--start", "30", "--end", "2s"),
    ("--start", "9:00"),
)


def clip(folder, name, *options):
    return media.encode(folder / name, *options, frames=120, size="96x64")


def jittery(folder, name):
    steps = np.tile([33, 34, 12, 67, 500, 1], 20)
    return media.write_frames(folder / name, np.cumsum(steps), g="12", size=(96, 64))


PROMISED = {
    "h264.mp4": lambda d, name: clip(d, name, *B_FRAMES),
    "h264.mkv": lambda d, name: clip(d, name, *B_FRAMES, "-x264-params", "b-pyramid=normal"),
    "fragments.mp4": lambda d, name: clip(d, name, *B_FRAMES, *FRAGMENTS),
    "open_gop_hevc.mp4": lambda d, name: clip(d, name, *X265),
    "vp9.webm": lambda d, name: clip(d, name, *VP9),
    "alt_ref.webm": lambda d, name: clip(d, name, "-c:v", "libvpx-vp9", *ALT_REF),
    "uneven.mkv": jittery,
}


def in_both_ways(prep, folder, path, *options):
    """Extract in the short way and by decoding everything; return what each gave of the video."""
    both = []
    for count in ("packets", "decode"):
        done = prep("extract", path, "-o", f"{count}", "--overwrite", "--count", count, *options)
        assert done.code in {0, 1}, done.err
        both.append(folder / count / path.stem)
    return both


def assert_same(few, whole):
    assert images(few) == images(whole)
    for name in images(few):
        assert (few / name).read_bytes() == (whole / name).read_bytes(), name
    told = ["scene_score", "cut_score"]
    one, other = (pq.read_table(f / "frames.parquet").drop_columns(told) for f in (few, whole))
    assert one.equals(other)
    one, other = record(few), record(whole)
    assert other["counts"].pop("counted") == "decoded"
    assert one["counts"] | other["counts"] == one["counts"]
    assert [one[k] for k in ("warnings", "changes")] == [other[k] for k in ("warnings", "changes")]


@pytest.mark.parametrize("name", PROMISED)
def test_few_frames_are_those_of_the_whole(name, prep, tmp_path):
    path = PROMISED[name](tmp_path, name)
    for options in SAMPLED:
        few, whole = in_both_ways(prep, tmp_path, path, *options)
        assert_same(few, whole)
        assert record(few)["counts"]["counted"] == "packets"
        scores = zip(frames(few)["scene_score"], frames(whole)["scene_score"], strict=True)
        known = [one == other for one, other in scores if one is not None]
        assert all(known)
        assert 0 < len(known) < 80


def test_pictures_without_others_are_decoded_alone(prep, tmp_path):
    path = clip(tmp_path, "x.mov", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
    few, whole = in_both_ways(prep, tmp_path, path, *FAR)
    assert_same(few, whole)
    assert record(few)["counts"]["counted"] == "packets"
    few, whole = in_both_ways(prep, tmp_path, path, "--keyframes")  # which are all
    assert record(few)["counts"]["counted"] == "decoded"


INTERLACED = (*X264, "-flags", "+ildct+ilme")
UNPROMISED = {
    "open_gop.mp4": lambda d, name: clip(d, name, *OPEN_GOP),
    "refreshed.mkv": lambda d, name: clip(d, name, *X264, "-x264-params", "intra-refresh=1"),
    "interlaced.mp4": lambda d, name: clip(d, name, *INTERLACED),
    "hides.webm": lambda d, name: media.repack(
        clip(d, "y.webm", "-c:v", "libvpx", "-g", "12"),
        d / name,
        lambda n, data: bytes([data[0] & 0xEF]) + data[1:] if n == 41 else data,
    ),
    "stream.ts": lambda d, name: clip(d, name, *B_FRAMES),
    "no_times.avi": lambda d, name: clip(d, name, *X264, "-bf", "0"),
    "packed.mp4": lambda d, name: clip(d, name, "-c:v", "mpeg4", "-bf", "2", "-g", "12"),
    "edit_list.mp4": lambda d, name: media.cut_copy(clip(d, "y.mp4", *B_FRAMES), d / name, 0.7),
    "equal_times.mkv": lambda d, name: media.retime(
        clip(d, "y.mkv", *X264, "-bf", "0"), d / name, [n * 40 // 80 * 80 for n in range(120)]
    ),
    "cut_off.mkv": lambda d, name: media.truncate(clip(d, "y.mkv", *B_FRAMES), d / name, 0.8),
}


@pytest.mark.parametrize("name", UNPROMISED)
def test_what_packets_do_not_promise_is_decoded_whole(name, prep, tmp_path):
    path = UNPROMISED[name](tmp_path, name)
    for options in (("--keyframes",), FAR):
        few, whole = in_both_ways(prep, tmp_path, path, *options)
        assert_same(few, whole)
        assert record(few)["counts"]["counted"] == "decoded"


@pytest.mark.parametrize(
    "options",
    [("--every", "2"), ("--deinterlace", *FAR), ("--on-damage", "fail", *FAR), ("--end", "110")],
    ids=" ".join,
)
def test_what_needs_most_of_a_video_decodes_it_whole(options, prep, tmp_path):
    path = PROMISED["h264.mp4"](tmp_path, "x.mp4")
    assert prep("extract", path, "-o", "ds", *options).code == 0
    assert record(tmp_path / "ds" / "x")["counts"]["counted"] == "decoded"


def test_a_size_that_changes_where_no_frame_is_wanted_is_seen(prep, tmp_path):
    packets = {}
    for size in ("96x64", "64x48"):
        path = media.encode(tmp_path / f"{size}.mkv", *VP9, frames=120, size=size)
        with av.open(str(path)) as container:
            packets[size] = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    of_group = ["96x64"] * 5 + ["64x48"] + ["96x64"] * 4
    path = media.repack(
        tmp_path / "96x64.mkv", tmp_path / "x.mkv", lambda n, _: packets[of_group[n // 12]][n]
    )
    for options in (("--keyframes",), (*FAR, "--format", "png")):
        few, whole = in_both_ways(prep, tmp_path, path, *options)
        assert_same(few, whole)
        assert record(few)["counts"]["counted"] == "decoded"
        changes = [n["frame"] for n in record(few)["warnings"] if n["kind"] == "size-change"]
        assert changes == [60]


def test_keyframes_that_come_in_another_order_are_decoded_with_the_rest(prep, tmp_path):
    """Of HEVC as x265 makes it: their count begins anew every 256 frames, they come every 250."""
    options = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
    path = media.encode(tmp_path / "x.mp4", *options, frames=520, size="96x64")
    few, whole = in_both_ways(prep, tmp_path, path, "--keyframes")
    assert_same(few, whole)
    assert len(images(few)) == 3


def test_damage_among_what_is_decoded_is_found(prep, tmp_path):
    whole = clip(tmp_path, "whole.mkv", *B_FRAMES)
    path = media.repack(
        whole, tmp_path / "x.mkv", lambda n, data: data[:9] + bytes(90) if n == 36 else data
    )
    few, whole = in_both_ways(prep, tmp_path, path, "--keyframes")
    assert_same(few, whole)
    assert record(few)["counts"]["counted"] == "decoded"
    assert "damage" in {notice["kind"] for notice in record(few)["warnings"]}


def test_damage_elsewhere_is_found_by_counting_decoded_frames(prep, tmp_path):
    whole = clip(tmp_path, "whole.mkv", *B_FRAMES)
    path = media.repack(
        whole, tmp_path / "x.mkv", lambda n, data: data[:9] + data[:8:-1] if n == 50 else data
    )
    few, whole = in_both_ways(prep, tmp_path, path, *FAR)
    assert record(few)["counts"]["counted"] == "packets"
    assert record(few)["warnings"] == []
    assert "damage" in {notice["kind"] for notice in record(whole)["warnings"]}


def test_frames_lost_where_nothing_was_decoded_are_not_restored(prep, tmp_path):
    still = media.encode(
        tmp_path / "still.mkv", *VP9, frames=120, size="96x64", picture="color=gray"
    )
    path = media.repack(still, tmp_path / "x.mkv", lambda n, data: data[:1] if n == 50 else data)
    few, whole = in_both_ways(prep, tmp_path, path, *FAR)
    counted, decoded = (record(folder)["counts"]["frames_decoded"] for folder in (few, whole))
    assert counted == 120 > decoded
    assert (indices(few), indices(whole)) == ([0], [0])
    done = prep("dedupe", "packets", "--restore")
    assert done.code == 3
    assert f"{decoded} frames were decoded, but 120 counted when it was extracted" in done.out
    assert "--count decode" in done.out


def test_a_cut_between_decoded_frames_is_a_break(prep, tmp_path):
    path = tmp_path / "x.mkv"
    scenes = "rgbtestsrc=s=96x64:r=25,trim=end_frame=50[a];"
    scenes += "smptebars=s=96x64:r=25,trim=end_frame=70[b];[a][b]concat"
    media.run(["-f", "lavfi", "-i", scenes, *X264, "-sc_threshold", "0", str(path)])
    few, whole = in_both_ways(prep, tmp_path, path, "--every", "30", "--dedupe", "off")
    assert record(few)["counts"]["counted"] == "packets"
    cuts = [(b["after"], b["before"]) for b in record(few)["breaks"] if b["kind"] == "cut"]
    assert cuts == [(30, 60)]
    assert record(few)["breaks"] == record(whole)["breaks"]


def test_still_frames_are_left_out_as_in_the_whole(prep, tmp_path):
    path = tmp_path / "x.mp4"
    still = "color=gray:s=96x64:r=25,trim=end_frame=60[a];testsrc2=s=96x64:r=25,"
    media.run(
        ["-f", "lavfi", "-i", f"{still}trim=end_frame=60[b];[a][b]concat", *B_FRAMES, str(path)]
    )
    for method in ("still", "similar"):
        few, whole = in_both_ways(prep, tmp_path, path, "--every", "20", "--dedupe", method)
        assert_same(few, whole)
        assert record(few)["counts"]["counted"] == "packets"
        assert indices(few)[:2] == [0, 60]
    done = prep("dedupe", "packets", "--restore")
    assert done.code == 0, done.err
    assert indices(tmp_path / "packets" / "x") == list(range(0, 120, 20))


def test_a_long_video_is_not_cut_for_few_frames(prep, tmp_path):
    path = PROMISED["h264.mp4"](tmp_path, "x.mp4")
    told = []

    class Told(Watch):
        def parts_done(self, item, parts):
            told.append(parts)

    run = RunSettings(segment_frames=30)
    result = extract([path], tmp_path / "ds", ExtractSettings(every=40), run=run, watch=Told())
    (video,) = result.videos
    assert (video.record.segments, video.record.counts.counted) == ((0,), "packets")
    assert (sum(told), min(told) > 0) == (120, True)
    told.clear()
    video = media.repack(
        path, tmp_path / "y.mp4", lambda n, data: data[:9] + bytes(90) if n == 36 else data
    )
    extract([video], tmp_path / "other", ExtractSettings(every=40), run=run, watch=Told())
    assert sum(told) == record(tmp_path / "other" / "y")["counts"]["frames_decoded"]
    assert min(told) < 0  # what was decoded in vain is taken back


def test_the_accounts_say_how_frames_were_counted(prep, tmp_path):
    path = PROMISED["h264.mp4"](tmp_path, "x.mp4")
    done = prep("extract", path, "-o", "ds", "--keyframes")
    assert "120 frames counted, 10 images" in done.out
    status = prep("status", "ds")
    assert "All balances: 120 counted = 10 kept" in status.out
    assert "decoded" not in status.out
    assert prep("report", "ds").out.startswith("1 video: 120 frames counted = 10 kept")
    done = prep("extract", path, "-o", "ds", "--keyframes", "--count", "decode")  # nothing is new
    assert (done.code, record(tmp_path / "ds" / "x")["counts"]["counted"]) == (0, "packets")


@pytest.mark.parametrize(("version", "is_planned"), [((10, 3), False), ((10, 4), True)])
def test_an_old_ffmpeg_cannot_drop_packets(version, is_planned, tmp_path):
    info, packets = probe(PROMISED["h264.mp4"](tmp_path, "x.mp4"))
    ffmpeg = dataclasses.replace(find_ffmpeg(RunSettings()), libavfilter=version)

    def plan(**settings):
        recipe = Recipe(
            ExtractSettings(**settings), DedupeSettings("off"), RunSettings(), ffmpeg, None
        )
        return plan_few(recipe, info, packets)

    assert isinstance(ffmpeg, Ffmpeg)
    assert (plan(every=40) is not None) is is_planned
    assert plan(keyframes=True).packets is None
    assert plan() is None


@pytest.mark.parametrize(
    ("of_info", "of_packets"),
    [
        ({"container": "avi"}, {}),
        ({"field_order": "tt"}, {}),
        ({"frames_in_header": 121}, {}),
        ({}, {"complete": False}),
        ({}, {"promises_frames": False}),
        ({}, {"is_discarded": np.arange(120) == 119}),
        ({}, {"is_key": np.arange(120) % 12 == 1}),
        ({}, {"pts": np.roll(np.arange(120), 60)}),
        ({}, {"pts": np.arange(120) // 2}),
    ],
)
def test_nothing_is_planned_on_less_than_all_promises(of_info, of_packets, tmp_path):
    info, packets = probe(PROMISED["h264.mp4"](tmp_path, "x.mp4"))
    run = RunSettings()
    recipe = Recipe(ExtractSettings(every=40), DedupeSettings("off"), run, find_ffmpeg(run), None)
    assert plan_few(recipe, info, packets) is not None
    info, packets = (
        dataclasses.replace(one, **changes)
        for one, changes in ((info, of_info), (packets, of_packets))
    )
    assert plan_few(recipe, info, packets) is None


def test_leading_pictures_need_the_group_before(tmp_path):
    """Of HEVC with open groups: what is shown before a key picture comes behind it in the file."""
    info, packets = probe(PROMISED["open_gop_hevc.mp4"](tmp_path, "x.mp4"))
    keys = np.flatnonzero(packets.is_key)
    order = np.argsort(packets.pts)
    ffmpeg = find_ffmpeg(RunSettings())

    def fed(frame):
        settings = ExtractSettings(start=str(frame), end=str(frame + 1))
        recipe = Recipe(settings, DedupeSettings("off"), RunSettings(), ffmpeg, None)
        few = plan_few(recipe, info, packets)
        return np.setdiff1d(np.sort(order[few.decoded]), keys).tolist()

    second = int(np.flatnonzero(order == keys[2])[0])  # where the third key picture is shown
    leading = order[second - 1]
    assert leading > keys[2]
    assert fed(second) == []
    assert fed(second - 1)[0] == keys[1] + 1 + np.count_nonzero(
        packets.pts[keys[1] + 1 : keys[2]] < packets.pts[keys[1]]
    )
    assert fed(second - 1)[-1] == leading
