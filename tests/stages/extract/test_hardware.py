"""Hardware that decodes: a stand-in for ffmpeg plays the device, for no machine of CI has one."""

import dataclasses
import json

import pytest
from helpers import media
from helpers.datasets import images, record, snapshot
from helpers.media import FFMPEGS
from helpers.prep import script
from video_prep.base.work import Watch
from video_prep.settings.file import settings_digest
from video_prep.settings.stages import RunSettings
from video_prep.stages.extract.stage import extract

BOTH = pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-pix_fmt", "yuv420p")
KINDS = {
    "h264.mp4": media.X264,
    "hevc10.mkv": ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
    "vp9.webm": VP9,
    "without_times.h264": ("-bf", "2", *media.X264),
    "counted_from_elsewhere.avi": ("-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p"),
}
OTHERS = {
    "mpeg4.avi": ("-c:v", "mpeg4"),
    "h264_444.mp4": (*media.X264[:-1], "yuv444p"),
    "vp9_full.webm": (*VP9, "-color_range", "pc"),
    "full_range.mp4": (*media.X264[:-1], "yuvj420p"),
}


def device(folder, ffmpeg=media.FFMPEG, *, offers="cuda", asked="", works=""):
    """Write an ffmpeg with a device: it notes what that decodes, and decodes it in software.

    As a device does, it gives the values of a picture in another order. ``asked`` is done where it
    has to say what it can, ``works`` where it has to decode; ``graph`` is then the filter graph.
    """
    folder.mkdir()
    return script(
        folder / "ffmpeg",
        f"""
        hardware= graph= rest=$#
        while [ $rest -gt 0 ]; do
            word=$1; shift; rest=$((rest - 1))
            case "$word $1" in
                "-hwaccel "*) hardware=$1; shift; rest=$((rest - 1)); continue ;;
                "-init_hw_device {offers}") shift; rest=$((rest - 1)); continue ;;
                *graph.txt\\ *) graph=$word ;;
            esac
            set -- "$@" "$word"
        done
        [ "$hardware" ] || exec "{ffmpeg}" "$@"
        if [ "$graph" ]; then
            echo "$hardware" >> "{folder}/noted"
            order=nv12; grep -q p10le $graph && order=p010
            sed -i "s/\\[0:V:0\\]/[0:V:0]format=$order,/" $graph
            {works}
            exec "{ffmpeg}" "$@"
        fi
        {asked or 'told="s/Format yuv[0-9a-z]* chosen/Format cuda chosen/"'}
        {{ "{ffmpeg}" "$@" 2>&1 >/dev/null; echo $? > "{folder}/code"; }} | sed "$told" >&2
        exit $(cat "{folder}/code")
        """,
    )


def noted(folder):
    path = folder / "noted"
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for name, options in (KINDS | OTHERS).items():
        media.encode(folder / name, *options, frames=12)
    return folder


@BOTH
def test_hardware_decodes_what_is_exact_and_the_images_are_the_same(ffmpeg, clips, prep, tmp_path):
    standing_in = device(tmp_path / "f", ffmpeg)
    for form in ("jpg", "png"):
        how = ("--format", form, "--ffmpeg", standing_in, "--json")
        done = prep("extract", clips, "-o", f"hard-{form}", "--hwaccel", "cuda", *how)
        told = [n["kind"] for video in done.json["videos"] for n in video["warnings"]]
        assert (done.code, "software" in told) == (0, False)
        assert prep("extract", clips, "-o", f"soft-{form}", *how).code == 0
        for name in (*KINDS, *OTHERS):
            stem = name.partition(".")[0]
            hard, soft = tmp_path / f"hard-{form}" / stem, tmp_path / f"soft-{form}" / stem
            assert record(hard)["decoder"] == ("cuda" if name in KINDS else "software"), name
            assert record(soft)["decoder"] == "software"
            assert len(images(hard)) == 12
            for image in images(hard):
                assert (hard / image).read_bytes() == (soft / image).read_bytes(), image
    assert len(noted(tmp_path / "f")) == 2 * len(KINDS)


FAULTS = {
    "complains": (
        'echo "[h264 @ 0x1] [error] cuvidDecodePicture failed" >&2',
        "cuvidDecodePicture failed",
    ),
    "fails": (
        'echo "[error] Device creation failed: -1." >&2; exit 1',
        "the hardware acceleration that was asked for does not work on this machine",
    ),
    "dies": ("kill -SEGV $$", "ffmpeg was killed (SIGSEGV)"),
    "gives nothing": ("exit 1", "ffmpeg gave up"),
    "loses a frame": (
        'sed -i "s/format=nv12/select=not(eq(n\\\\\\\\,5)),format=nv12/" $graph',
        "it gave 49 frames of 50 packets",
    ),
    "tells another time": (
        'sed -i "s/format=nv12/setpts=PTS+eq(N\\\\\\\\,5),format=nv12/" $graph',
        "it gave other times than the packets",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_hardware_does_not_decode_whole_and_in_silence_is_decoded_in_software(
    fault, steady, prep, tmp_path
):
    works, why = FAULTS[fault]
    ffmpeg = device(tmp_path / "f", works=works)
    done = prep("extract", steady, "-o", "ds", "--hwaccel", "cuda", "--ffmpeg", ffmpeg, "--json")
    assert done.code == 0
    (notice,) = done.json["videos"][0]["warnings"]
    assert notice["kind"] == "software"
    assert "hardware was tried, but this was decoded in software: " in notice["message"]
    assert why in notice["message"]
    assert noted(tmp_path / "f") == ["cuda"]
    assert record(tmp_path / "ds/steady")["decoder"] == "software"
    prep("extract", steady, "-o", "soft")
    for image in images(tmp_path / "soft/steady"):
        ours = (tmp_path / "ds/steady" / image).read_bytes()
        assert ours == (tmp_path / "soft/steady" / image).read_bytes()


def test_what_ffmpeg_would_decode_in_software_all_the_same_is_not_tried(steady, prep, tmp_path):
    lacks = "[h264 @ 0x1] [error] Hardware is lacking required capabilities"
    ffmpeg = device(tmp_path / "f", asked=f'echo "{lacks}" >&2; told=')
    done = prep("extract", steady, "-o", "ds", "--hwaccel", "cuda", "--ffmpeg", ffmpeg, "--json")
    (notice,) = done.json["videos"][0]["warnings"]
    assert (done.code, notice["kind"]) == (0, "software")
    words = "decoded h264 in software all the same (Hardware is lacking required capabilities)"
    assert words in notice["message"]
    assert noted(tmp_path / "f") == []
    assert record(tmp_path / "ds/steady")["decoder"] == "software"


@pytest.mark.parametrize("name", ["cuda", "vaapi"])
def test_a_device_that_is_missing_ends_the_run_before_any_work(name, steady, prep, tmp_path):
    nowhere = {"CUDA_VISIBLE_DEVICES": "", "LIBVA_DRIVER_NAME": "none"}  # also where there is one
    done = prep("extract", steady, "-o", "ds", "--hwaccel", name, **nowhere)
    assert done.code == 2
    assert f"hwaccel '{name}': ffmpeg can open no such device here (" in done.err
    assert not (tmp_path / "ds").exists()


def test_auto_without_a_device_is_said_once(clips, prep, tmp_path):
    ffmpeg = device(tmp_path / "f", offers="none")
    done = prep("extract", clips, "-o", "ds", "--hwaccel", "auto", "--ffmpeg", ffmpeg)
    assert done.code == 0
    assert done.out.count("no-hardware: no device that decodes videos was found here") == 1
    assert done.out.count("software") == 1
    assert noted(tmp_path / "f") == []
    assert record(tmp_path / "ds/h264")["decoder"] == "software"


def test_auto_takes_the_device_that_is_there(steady, prep, tmp_path):
    ffmpeg = device(tmp_path / "f", offers="vaapi")
    done = prep("extract", steady, "-o", "ds", "--hwaccel", "auto", "--ffmpeg", ffmpeg)
    assert (done.code, noted(tmp_path / "f")) == (0, ["vaapi"])
    assert record(tmp_path / "ds/steady")["decoder"] == "vaapi"


def test_where_damage_is_a_failure_hardware_which_does_not_see_it_is_left_out(
    steady, prep, tmp_path
):
    ffmpeg = device(tmp_path / "f")
    how = ("--hwaccel", "cuda", "--ffmpeg", ffmpeg, "--on-damage", "fail")
    assert prep("extract", steady, "-o", "ds", *how).code == 0
    assert noted(tmp_path / "f") == []


SEGMENTED = ("-c:v", "libx264", "-g", "20", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def test_each_segment_falls_back_for_itself(prep, tmp_path):
    clip = media.encode(tmp_path / "long.mp4", *SEGMENTED, frames=80)
    once = f'[ -e "{tmp_path}/once" ] || {{ touch "{tmp_path}/once"; exit 1; }}'
    how = ("--segment-frames", "20", "--json")
    assert prep("extract", clip, "-o", "soft", *how).code == 0
    for works, decoder, kinds in (("", "cuda", []), (once, "cuda, software", ["software"])):
        ffmpeg = device(tmp_path / f"f{len(kinds)}", works=works)
        hard = ("--hwaccel", "cuda", "--ffmpeg", ffmpeg, "--overwrite")
        done = prep("extract", clip, "-o", "ds", *how, *hard)
        made = record(tmp_path / "ds/long")
        assert (done.code, made["segments"], made["decoder"]) == (0, [0, 20, 40, 60], decoder)
        assert [notice["kind"] for notice in made["warnings"]] == kinds
        for image in images(tmp_path / "soft/long"):
            ours = (tmp_path / "ds/long" / image).read_bytes()
            assert ours == (tmp_path / "soft/long" / image).read_bytes()


def test_frames_that_are_decoded_again_are_told_once(steady, tmp_path):
    class Told(Watch):
        def __init__(self):
            self.frames = []

        def parts_done(self, item, parts):
            self.frames.append(parts)

    told, of_segments = Told(), Told()
    ffmpeg = device(tmp_path / "f", works=FAULTS["loses a frame"][0])
    run = RunSettings(ffmpeg=str(ffmpeg), hwaccel="cuda", engine="threads")
    extract([steady], tmp_path / "ds", run=run, watch=told)
    assert (min(told.frames), sum(told.frames)) == (-49, 50)
    clip = media.encode(tmp_path / "long.mp4", *SEGMENTED, frames=80)
    run = dataclasses.replace(run, segment_frames=20)
    extract([clip], tmp_path / "segments", run=run, watch=of_segments)
    assert (min(of_segments.frames), sum(of_segments.frames)) == (-20, 80)


def test_a_dataset_goes_on_with_and_without_hardware(steady, prep, tmp_path):
    how = ("--ffmpeg", device(tmp_path / "f"))
    assert prep("extract", steady, "-o", "ds", "--hwaccel", "cuda", *how).code == 0
    assert "hwaccel" not in record(tmp_path / "ds/steady")["settings"]
    before = snapshot(tmp_path / "ds")
    for hwaccel in ((), ("--hwaccel", "cuda")):
        again = prep("extract", steady, "-o", "ds", *hwaccel, *how, "--json")
        assert (again.code, again.json["videos"][0]["status"]) == (0, "unchanged")
    assert snapshot(tmp_path / "ds") == before


@pytest.mark.parametrize(("name", "is_exact"), [("h264.mp4", True), ("mpeg4.avi", False)])
def test_datasets_whose_settings_name_hardware(name, is_exact, prep, tmp_path):
    """As prep 0.1 wrote them, which let hardware decode everything."""
    options = (KINDS | OTHERS)[name]
    clip = media.encode(tmp_path / name, *options, frames=12, picture="color=red")
    prep("extract", clip, "-o", "ds")
    path = tmp_path / "ds" / clip.stem / "video.json"
    made = json.loads(path.read_text())
    made["settings"]["hwaccel"] = "cuda"
    made["settings_digest"] = settings_digest(made["settings"])
    del made["decoder"]
    path.write_text(json.dumps(made))
    assert prep("validate", "ds").code in {0, 1}
    done = prep("extract", clip, "-o", "ds", "--json")
    restored = prep("dedupe", "ds", "--restore")
    if is_exact:
        assert (done.code, done.json["videos"][0]["status"]) == (0, "unchanged")
        assert (restored.code, len(images(path.parent))) == (0, 12)
    else:
        assert done.code == 2
        assert "(hwaccel cuda → not set)" in done.json["errors"][0]["message"]
        assert restored.code == 3
        assert "decodes mpeg4 to other bytes than software does" in restored.out
