"""What goes wrong: a clear message that names file, cause and way out, and a fixed exit code."""

import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest
import video_prep
from helpers import media
from helpers.datasets import count_files, frames, images, indices, names, record
from helpers.media import FFMPEGS
from helpers.prep import command, end_when, environment, in_threads, script
from video_prep.base import errors

BROKEN = {
    "empty.mp4": (b"", "empty"),
    "text.mp4": (b"just some words\n" * 100, "not a video"),
    "playlist.mp4": (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.ts\n", "playlist"),
    "concat.mp4": (b"ffconcat version 1.0\nfile '/etc/hostname'\n", "playlist"),
    "noise.mp4": (os.urandom(5000), "not a video"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_video_fails_alone(name, steady, prep, tmp_path):
    content, cause = BROKEN[name]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(content)
    shutil.copy(steady, tmp_path / "in" / "good.mp4")
    done = prep("extract", "in", "-o", "ds", "--json")
    assert done.code == 3
    bad, good = sorted(done.json["videos"], key=lambda video: video["status"] != "failed")
    assert (good["status"], bad["status"]) == ("extracted", "failed")
    assert name in bad["error"]
    assert cause in bad["error"]
    assert sorted(p.name for p in (tmp_path / "ds").iterdir()) == [".prep", "good"]


def test_no_pictures_and_only_cover_art(prep, tmp_path):
    media.run(["-f", "lavfi", "-i", "sine=d=1", str(tmp_path / "sound.m4a")])
    media.run(["-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", str(tmp_path / "c.png")])
    media.run(
        [
            "-i",
            str(tmp_path / "sound.m4a"),
            "-i",
            str(tmp_path / "c.png"),
            "-map",
            "0",
            "-map",
            "1",
            "-c",
            "copy",
            "-disposition:v",
            "attached_pic",
            str(tmp_path / "cover.mp4"),
        ]
    )
    done = prep("extract", "sound.m4a", "cover.mp4", "-o", "ds", "--json")
    assert done.code == 3
    sound, cover = done.json["errors"]
    assert sound["kind"] == cover["kind"] == "no-video-stream"
    assert "no video stream" in sound["message"]
    assert "only cover art" in cover["message"]


def test_moov_missing_is_named(steady, prep, tmp_path):
    media.truncate(steady, tmp_path / "cut.mp4", 0.8)
    done = prep("extract", "cut.mp4", "-o", "ds")
    assert done.code == 3
    assert "moov" in done.out


def test_a_codec_that_is_not_known_fails_alone(steady, prep, tmp_path):
    (tmp_path / "odd.mp4").write_bytes(steady.read_bytes().replace(b"avc1", b"zzz1"))
    done = prep("extract", "odd.mp4", steady, "-o", "ds", "--json")
    assert done.code == 3
    assert [v["status"] for v in done.json["videos"]] == ["failed", "extracted"]
    assert "codec of its video is not known" in done.json["errors"][0]["message"]


def test_nothing_decodes(prep, tmp_path):
    path = media.encode(tmp_path / "x.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    with_holes = bytearray(path.read_bytes())
    start = with_holes.index(b"\x1f\x43\xb6\x75")  # the first cluster
    with_holes[start + 40 :] = bytes(b ^ 0x55 for b in with_holes[start + 40 :])
    path.write_bytes(with_holes)
    assert media.truth(path) == []
    done = prep("extract", path, "-o", "ds")
    assert done.code == 3
    assert not (tmp_path / "ds" / "x").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    base = media.encode(
        folder / "a.mp4",
        "-c:v",
        "libx264",
        "-bf",
        "2",
        "-g",
        "25",
        "-pix_fmt",
        "yuv420p",
        "-movflags",
        "+faststart",
        frames=200,
        picture="testsrc2",
    )
    for suffix in ("mkv", "ts", "flv"):
        media.run(["-i", str(base), "-c", "copy", str(folder / f"a.{suffix}")])
    return folder


@pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_truncated_keeps_what_decodes_and_tells(whole, suffix, ffmpeg, prep, tmp_path):
    path = media.truncate(whole / f"a.{suffix}", tmp_path / f"cut.{suffix}", 0.6)
    expected = len(media.truth(path, ffmpeg))
    assert 80 < expected < 180
    done = prep("extract", path, "-o", "ds", "--ffmpeg", ffmpeg, "--json")
    assert done.code == 1
    assert indices(tmp_path / "ds" / "cut") == list(range(expected))
    (video,) = done.json["videos"]
    damage = [notice for notice in video["warnings"] if notice["kind"] == "damage"]
    assert damage
    assert all(expected - 30 <= notice["frame"] <= expected for notice in damage)


@pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
def test_a_hole_loses_one_frame_and_its_place_is_told(whole, ffmpeg, prep, tmp_path):
    data = bytearray((whole / "a.mp4").read_bytes())
    with media.av.open(str(whole / "a.mp4")) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    broken = packets[70]
    data[broken.pos : broken.pos + broken.size] = b"\xff" * broken.size
    (tmp_path / "hole.mp4").write_bytes(data)
    assert len(media.truth(tmp_path / "hole.mp4", ffmpeg)) == 199
    done = prep("extract", "hole.mp4", "-o", "ds", "--ffmpeg", ffmpeg, "--json")
    assert done.code == 1
    lost = done.json["videos"][0]["warnings"][0]
    assert lost["kind"] == "damage"
    assert lost["time_seconds"] == pytest.approx(float(broken.pts * broken.time_base))
    times = frames(tmp_path / "ds" / "hole")["time_seconds"]
    assert times[lost["frame"] - 1] < lost["time_seconds"] < times[lost["frame"]]
    # A second run finds it done, and the damage still there.
    again = prep("extract", "hole.mp4", "-o", "ds", "--json")
    assert again.code == 1
    assert again.json["videos"][0]["status"] == "unchanged"


def test_on_damage_fail(whole, prep, tmp_path):
    media.truncate(whole / "a.mkv", tmp_path / "cut.mkv", 0.6)
    done = prep("extract", "cut.mkv", "-o", "ds", "--on-damage", "fail", "--json")
    assert done.code == 3
    assert done.json["errors"][0]["kind"] == "damaged"
    assert not (tmp_path / "ds" / "cut").exists()
    assert prep("extract", "cut.mkv", "-o", "ds").code == 1
    assert prep("extract", "cut.mkv", "-o", "ds", "--on-damage", "fail").code == 3


def test_damage_of_the_sound_is_not_damage_of_the_pictures(prep, tmp_path):
    media.run(
        [
            "-f",
            "lavfi",
            "-i",
            "testsrc2=d=2",
            "-f",
            "lavfi",
            "-i",
            "anoisesrc=d=2",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            str(tmp_path / "x.mp4"),
        ]
    )
    data = bytearray((tmp_path / "x.mp4").read_bytes())
    with media.av.open(str(tmp_path / "x.mp4")) as container:
        for packet in container.demux(audio=0):
            if packet.size > 8:
                data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    (tmp_path / "x.mp4").write_bytes(data)
    assert prep("extract", "x.mp4", "-o", "ds").code == 0
    assert len(images(tmp_path / "ds" / "x")) == 50


def test_too_many_frames_are_refused_before_any_work(steady, prep, tmp_path):
    done = prep("extract", steady, "-o", "ds", "--digits", "1", "--json")
    assert done.code == 3
    assert done.json["errors"][0]["kind"] == "too-many-frames"
    assert "--digits 2" in done.json["errors"][0]["message"]
    assert prep("extract", steady, "-o", "ds", "--digits", "2").code == 0
    assert images(tmp_path / "ds/steady")[-1] == "steady-frame_49.jpg"


def test_no_such_file(steady, prep):
    done = prep("extract", "nowhere.mp4", "-o", "ds")
    assert done.code == 2
    assert "nowhere.mp4: no such file" in done.err
    both = prep("extract", "nowhere.mp4", steady, "-o", "ds", "--json")
    assert both.code == 3
    assert {video["status"] for video in both.json["videos"]} == {"extracted", "failed"}


def test_folder_without_videos(prep, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("x")
    done = prep("extract", "in", "-o", "ds")
    assert done.code == 2
    assert "in: no videos found (skipped: 1 not a video)." in done.err


def test_output_that_cannot_be_written(steady, prep, tmp_path):
    (tmp_path / "file").write_text("x")
    for output in ("file", "file/below", "/proc/nowhere"):
        done = prep("extract", steady, "-o", output)
        assert done.code == 2
        assert "--output" in done.err


def wrapper(path, action):
    """An ffmpeg that answers questions as the real one, and acts otherwise on videos."""
    return script(path, f'case "$*" in *graph.txt*) {action};; esac\nexec "{media.FFMPEG}" "$@"')


def test_ffmpeg_missing(steady, prep):
    for arguments, env in (
        (("--ffmpeg", "/nowhere/ffmpeg"), {}),
        ((), {"PREP_FFMPEG": "no-ffmpeg"}),
    ):
        done = prep("extract", steady, "-o", "ds", *arguments, **env)
        assert done.code == 2
        assert "no ffmpeg there" in done.err


def test_ffmpeg_too_old(steady, prep, tmp_path):
    old = script(
        tmp_path / "old", "echo 'ffmpeg version 4.3.6'; echo 'libavfilter     7. 85.100 /'"
    )
    done = prep("extract", steady, "-o", "ds", "--ffmpeg", old)
    assert done.code == 2
    assert "4.3.6 is too old" in done.err


def test_not_ffmpeg_and_one_that_lacks_a_filter(steady, prep, tmp_path):
    done = prep("extract", steady, "-o", "ds", "--ffmpeg", "/bin/true")
    assert done.code == 2
    assert "not ffmpeg" in done.err
    poor = script(tmp_path / "poor", f'"{media.FFMPEG}" "$@" | grep -v scdet')
    done = prep("extract", steady, "-o", "ds", "--ffmpeg", poor)
    assert done.code == 2
    assert "lacks the filters scdet" in done.err


def test_hwaccel_that_is_not_there(steady, prep):
    done = prep("extract", steady, "-o", "ds", "--hwaccel", "warp")
    assert done.code == 2
    assert "hwaccel 'warp'" in done.err


def test_ffmpeg_killed(steady, prep, tmp_path):
    done = prep(
        "extract", steady, "-o", "ds", "--ffmpeg", wrapper(tmp_path / "f", "kill -9 $$"), "--json"
    )
    assert done.code == 3
    assert done.json["errors"][0]["kind"] == "decoder-died"
    assert "SIGKILL" in done.json["errors"][0]["message"]
    assert not (tmp_path / "ds" / "steady").exists()


def test_ffmpeg_hangs(steady, prep, tmp_path):
    (tmp_path / "c.yaml").write_text("run:\n  stall_seconds: 1\n")
    hung = wrapper(tmp_path / "f", "while :; do echo '[error] nonsense' >&2; sleep 0.1; done")
    done = prep("extract", steady, "-o", "ds", "-c", "c.yaml", "--ffmpeg", hung, "--json")
    assert done.code == 3
    assert done.json["errors"][0]["kind"] == "decoder-hung"


def test_ffmpeg_that_fails_or_loses_images(steady, prep, tmp_path):
    fails = wrapper(tmp_path / "fails", "echo '[fatal] out of luck' >&2; exit 9")
    done = prep("extract", steady, "-o", "ds", "--ffmpeg", fails, "--json")
    assert done.code == 3
    loses = wrapper(
        tmp_path / "loses", f'"{media.FFMPEG}" "$@"; rm -f steady-frame_000007.jpg; exit 0'
    )
    done = prep("extract", steady, "-o", "ds", "--ffmpeg", loses, "--json")
    assert done.code == 3
    assert "reported 50 images, but 49 are on disk" in done.json["errors"][0]["message"]
    cuts = wrapper(
        tmp_path / "cuts", f'"{media.FFMPEG}" "$@"; truncate -s 900 steady-frame_000007.jpg; exit 0'
    )
    done = prep("extract", steady, "-o", "ds", "--ffmpeg", cuts, "--json")
    assert "steady-frame_000007.jpg is cut off" in done.json["errors"][0]["message"]
    assert not (tmp_path / "ds" / "steady").exists()


def test_full_disk_is_one_error(steady, prep, tmp_path):
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        media.twin(steady, tmp_path / name)
    full = wrapper(tmp_path / "f", "echo '[error] x.jpg: No space left on device' >&2; exit 1")
    done = prep("extract", "a.mp4", "b.mp4", "c.mp4", "-o", "ds", "--ffmpeg", full)
    assert done.code == 3
    assert done.err.count("No space left") == 1


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def can_mount():
    """Mounting a small disk needs more rights than people have. CI has them, and must."""
    if os.environ.get("PREP_TEST_FULL_DISK"):
        return True
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return shutil.which("unshare") and subprocess.run(probe, capture_output=True).returncode == 0


if can_mount():

    def test_a_really_full_disk(small_disk, steady, prep, tmp_path):
        large = media.encode(tmp_path / "large.mp4", size="1280x720", frames=60)
        assert prep("extract", steady, "-o", small_disk).code == 0
        done = prep("extract", steady, large, "-o", small_disk)
        assert done.code == 3
        assert done.err.count("No space left") == 1
        assert sorted(p.name for p in small_disk.iterdir()) == [".prep", "steady"]
        assert not list((small_disk / ".prep" / "work").iterdir())


def test_fifo_socket_and_device_are_never_opened(steady, prep, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(steady, folder / "good.mp4")
    os.mkfifo(folder / "fifo.mp4")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket.mp4"))
        (folder / "device.mp4").symlink_to("/dev/zero")
        done = prep("extract", folder, folder / "fifo.mp4", "-o", "ds", "--json")
    assert done.code == 0
    assert [video["id"] for video in done.json["videos"]] == ["good"]


def test_source_that_changes_while_it_is_read(steady, prep, tmp_path):
    shutil.copy(steady, tmp_path / "x.mp4")
    grows = wrapper(tmp_path / "f", f"echo more >> '{tmp_path}/x.mp4'")
    done = prep("extract", "x.mp4", "-o", "ds", "--ffmpeg", grows, "--json")
    assert done.code == 3
    assert done.json["errors"][0]["kind"] == "source-changed"


def test_a_terminal_sequence_in_a_name_is_not_printed(prep, tmp_path):
    (tmp_path / "evil\x1b[31m\nname.mp4").write_bytes(b"x")
    done = prep("extract", ".", "-o", "ds")
    assert done.code == 3
    assert "\x1b" not in done.out
    assert "evil\\x1b[31m\\nname.mp4" in done.out


def test_a_name_that_is_not_utf8(steady, prep, tmp_path):
    os.mkdir(tmp_path / "in")
    shutil.copy(steady, os.fsencode(tmp_path / "in") + b"/caf\xe9.mp4")
    done = prep("extract", "in", "-o", "ds", "--json")
    assert done.code == 0
    assert done.json["videos"][0]["id"] == "caf_"
    assert len(images(tmp_path / "ds" / "caf_")) == 50
    assert prep("extract", "in", "-o", "ds", "--json").json["totals"]["unchanged"] == 1


def test_bug_is_one_line_with_its_place(steady, tmp_path):
    code = (
        "import sys, video_prep.stages.extract.stage as e\n"
        "def broken(*a, **k): raise RuntimeError('oops')\n"
        "e.extract = broken\n"
        "from video_prep.cli import run\n"
        f"sys.exit(run(['extract', {str(steady)!r}, '-o', 'ds']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 70
    assert re.fullmatch(r"error: this is a bug in prep: RuntimeError: oops.*\n", done.stderr)


def test_a_bug_that_one_video_finds_costs_that_video_alone(steady, tmp_path, monkeypatch):
    from video_prep.stages.extract import video as extract_video

    extract = in_threads(video_prep.extract)

    shutil.copy(steady, tmp_path / "a.mp4")
    media.twin(steady, tmp_path / "b.mp4")
    probe = extract_video.probe
    monkeypatch.setattr(
        extract_video,
        "probe",
        lambda path, *more: probe(path, *more) if path.name == "b.mp4" else 1 / 0,
    )
    a, b = extract([tmp_path], tmp_path / "ds").videos
    assert (a.status, a.error_kind, b.status) == ("failed", "bug", "extracted")


def test_a_dataset_does_not_begin_among_the_videos(steady, prep, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(steady, tmp_path / "in" / "a.mp4")
    for command_name in ("extract", "run"):
        done = prep(command_name, "in", "-o", "../" + tmp_path.name + "/in")
        assert done.code == 2
        assert done.err.startswith("error: in: the videos are in this folder, so the dataset needs")
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.mp4"]
    assert prep("extract", "in", "-o", "in/ds").code == 0  # below it, nothing gets mixed


def test_a_file_system_without_links_will_do(steady, tmp_path, monkeypatch):
    from pathlib import Path

    extract = in_threads(video_prep.extract)

    def refuse(self, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    (video,) = extract([steady], tmp_path / "ds").videos
    assert video.status == "extracted"
    assert images(tmp_path / "ds" / "steady") == names("steady", range(50))


def test_an_output_that_takes_no_result(steady, tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("extract", steady, "-o", "ds"),
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_exit_codes_are_those_of_the_tree():
    def walk(cls):
        yield cls
        for child in cls.__subclasses__():
            yield from walk(child)

    tree = [cls for cls in walk(errors.PrepError) if cls.__module__ == "video_prep.base.errors"]
    drawn = dict(re.findall(r"(\w+Error) +(\d+) ", errors.__doc__))
    assert {cls.__name__: str(int(cls.exit_code)) for cls in tree} == drawn
    named = [cls for cls in tree if cls is not errors.DecoderKilledError]
    assert len({cls.kind for cls in named}) == len(named)
    assert len(set(errors.ExitCode)) == 7


def test_an_error_says_what_happened_and_then_the_way_out():
    error = errors.CvatRefusedError("CVAT refused it", "Ask for less.")
    assert (error.what, error.way_out) == ("CVAT refused it", "Ask for less.")
    assert str(error) == "CVAT refused it. Ask for less."
    more = error.with_more("Or wait.")
    assert (type(more), str(more)) == (type(error), "CVAT refused it. Ask for less. Or wait.")
    assert str(error) == "CVAT refused it. Ask for less."
    full = errors.DiskFullError()
    for each in (more, full):  # as they come from workers
        assert str(pickle.loads(pickle.dumps(each))) == str(each)
    for what in ("a.mp4: gone", "a.mp4: gone."):
        assert str(errors.VideoError(what)) == what
        assert str(errors.VideoError(what).with_more("Look.")) == "a.mp4: gone. Look."
    unproven = errors.UnprovenError(7, ["one", "two"]).with_more("Look.")
    assert (unproven.task_id, str(unproven)) == (7, "one; two. Look.")


def test_an_interruption_ends_it_at_once_and_it_goes_on_later(steady, prep, tmp_path):
    slow = media.paced(tmp_path / "slow", 0.001)  # which would take half an hour
    work = tmp_path / "ds" / ".prep" / "work"
    for sign in (signal.SIGINT, signal.SIGTERM):
        done = end_when(
            lambda: count_files(work, ".jpg"),
            sign,
            ("extract", steady, "-o", "ds", "--ffmpeg", slow),
            tmp_path,
        )
        assert (done.code, done.out) == (5, "")
        assert "Interrupted" in done.err
        assert not (tmp_path / "ds" / "steady").exists()
    assert prep("extract", steady, "-o", "ds").code == 0
    assert indices(tmp_path / "ds" / "steady") == list(range(50))
    assert record(tmp_path / "ds" / "steady")["counts"]["kept"] == 50
