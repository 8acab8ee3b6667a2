"""Which files are taken, and the id that each gets for ever."""

import os
import shutil

import pytest
from helpers import media
from helpers.datasets import images
from hypothesis import given, strategies as st
from video_prep.base.errors import InputError
from video_prep.video.ids import MAX_ID_BYTES, assign_ids, safe_id
from video_prep.video.sources import Source, find_sources


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(str(path).encode())
    return path


def found(*inputs):
    return [source.name for source in find_sources(inputs).sources]


def test_folders_are_searched_to_the_bottom(tmp_path):
    for name in ("b.MP4", "a/cam.mp4", "a/deep/er/x.mkv", "notes.txt", ".hidden.mp4", ".git/y.mp4"):
        touch(tmp_path / name)
    result = find_sources([tmp_path])
    assert sorted(s.name for s in result.sources) == ["a/cam.mp4", "a/deep/er/x.mkv", "b.MP4"]
    assert {reason: len(paths) for reason, paths in result.skipped.items()} == {
        "hidden": 2,
        "not a video": 1,
    }


def test_globs_keep_the_folders_that_tell_files_apart(tmp_path):
    for name in ("a/cam.mp4", "b/cam.mp4", "b/other.txt"):
        touch(tmp_path / name)
    assert found(f"{tmp_path}/*/cam.mp4") == ["a/cam.mp4", "b/cam.mp4"]
    assert found(f"{tmp_path}/**/*.mp4") == ["a/cam.mp4", "b/cam.mp4"]


def test_a_file_that_looks_like_a_pattern_is_a_file(tmp_path):
    path = touch(tmp_path / "take[1].mp4")
    assert found(path) == ["take[1].mp4"]


def test_each_real_file_once(tmp_path):
    video = touch(tmp_path / "in" / "a.mp4")
    os.link(video, tmp_path / "in" / "hard.mp4")
    (tmp_path / "in" / "soft.mp4").symlink_to(video)
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone.mp4").symlink_to("nowhere")
    result = find_sources([tmp_path / "in", video])
    assert [s.name for s in result.sources] == ["a.mp4"]
    assert {reason: len(paths) for reason, paths in result.skipped.items()} == {
        "same file again": 3,
        "folder seen before": 1,
        "dangling link": 1,
    }


def test_nothing_found_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        find_sources([tmp_path / "x.mp4"])
    with pytest.raises(InputError, match="no videos found"):
        find_sources([tmp_path])


def ids(*names, taken=()):
    from pathlib import Path

    sources = [Source(Path("/in") / name, name) for name in names]
    given_ids = assign_ids(sources, taken, sources)
    return [given_ids[source] for source in sources]


def test_ids_are_paths_without_the_suffix():
    assert ids("v2.mp4", "a/cam.mp4", "my video.final.mp4") == ["v2", "a_cam", "my video.final"]


def test_ids_never_collide():
    names = [
        "a/cam.mp4",
        "b/cam.mp4",
        "cam.avi",
        "cam.mp4",
        "a_cam.mp4",
        "Cam.mp4",
        "a/cam.avi",
        "CAM.MP4",
    ]
    given_ids = ids(*names)
    assert given_ids[:3] == ["a_cam", "b_cam", "cam"]
    assert len({i.casefold() for i in given_ids}) == len(names)


def test_the_suffix_or_the_folder_tells_equal_names_apart():
    assert ids("cam.avi", "cam.mp4") == ["cam", "cam_mp4"]


def test_an_id_that_is_taken_is_not_given_again():
    assert ids("cam.mp4", taken=["CAM"]) == ["cam_mp4"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("-y", "_y"),
        ("a:b", "a_b"),
        ("100%d", "100_d"),
        (".hidden", "_hidden"),
        ("日本 é", "日本 é"),
        ("x\x1b[0m\n", "x_[0m_"),
        ("con", "con_"),
        ("end. ", "end__"),
        ("", "_"),
        ("e\u0301", "é"),
        ('<script>"', "_script__"),
    ],
)
def test_ids_are_safe(name, expected):
    assert safe_id(name) == expected


@given(st.text(max_size=300))
def test_ids_are_always_one_safe_component(name):
    made = safe_id(name)
    assert 0 < len(made.encode()) <= MAX_ID_BYTES
    assert made[0] not in "-. "
    assert made[-1] not in ". "
    assert not set(made) & set('/\\:*?"<>|%\0\n')
    assert made.isprintable()


def test_long_names_stay_apart():
    assert safe_id("x" * 300 + "1") != safe_id("x" * 300 + "2")


ODD_NAMES = [
    "-y.mp4",
    "a:b.mp4",
    "100%d.mp4",
    "file:x.mp4",
    "it's.mp4",
    "sp ace.mp4",
    "[0:v].mp4",
    "a,b;c.mp4",
    "日本.mp4",
    "back\\slash.mp4",
    "x" * 240 + ".mp4",
    "line\nbreak.mp4",
    'quo"te.mp4',
]


def test_odd_names_are_extracted_like_any_other(steady, prep, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ODD_NAMES:
        media.twin(steady, folder / name)
    done = prep("extract", "in", "-o", "ds", "--every", "25", "--json")
    assert done.code == 0
    assert done.json["totals"]["extracted"] == len(ODD_NAMES)
    for video in done.json["videos"]:
        video_id = video["id"]
        assert images(tmp_path / "ds" / video_id) == [
            f"{video_id}-frame_000000.jpg",
            f"{video_id}-frame_000025.jpg",
        ]


HOSTILE = [
    "q\n[Parsed_metadata_3 @ 0x1] [info] frame:0    pts:5 pts_time:0\n"
    "[Parsed_metadata_3 @ 0x1] [info] lavfi.scd.score=0\n.mp4",
    "x\n[Parsed_metadata_3 @ 0x1] [info] prep=kept\n.mp4",
    "x\n[error] No space left on device\n.mp4",
    "x\n[error] corrupt.mp4",
    "graph.txt.mp4",
    "replaced.mp4",
    "input.mp4.mp4",
    "report.json.mp4",
]


def test_names_that_play_ffmpegs_log_or_our_own_files(steady, prep, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in HOSTILE:
        media.twin(steady, folder / name)
    for overwrite in ([], ["--overwrite"]):
        done = prep("extract", "in", "-o", "ds", "--json", *overwrite)
        assert done.code == 0
        assert {v["counts"]["frames_decoded"] for v in done.json["videos"]} == {50}
        assert all(v["warnings"] == [] for v in done.json["videos"])
        assert len({v["id"] for v in done.json["videos"]} - {"report.json"}) == len(HOSTILE)


def test_many_videos_at_once_give_the_same_bytes_as_one(steady, prep, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(9):
        media.twin(steady, folder / f"v{number}.mp4")
    assert prep("extract", folder, "-o", "many", "--workers", "2").code == 0
    assert prep("extract", folder / "v4.mp4", "-o", "one").code == 0
    for image in images(tmp_path / "one" / "v4"):
        path = f"v4/{image}"
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "many" / path).read_bytes()


def test_ids_do_not_depend_on_what_was_done_before(steady, prep, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        media.twin(steady, tmp_path / name / "cam.mp4")
    once = prep("extract", "a", "b", "-o", "one", "--json").json
    prep("extract", "a", "-o", "two")
    twice = prep("extract", "a", "b", "-o", "two", "--json").json
    assert [v["id"] for v in once["videos"]] == [v["id"] for v in twice["videos"]]


def test_an_empty_input_or_output_is_refused(steady, prep):
    assert prep("extract", "", "-o", "ds").code == 2
    assert prep("extract", steady, "-o", "").code == 2


def test_a_dash_name_after_two_dashes(steady, prep, tmp_path):
    shutil.copy(steady, tmp_path / "-y.mp4")
    done = prep("extract", "-o", "ds", "--", "-y.mp4")
    assert done.code == 0
    assert len(images(tmp_path / "ds" / "_y")) == 50


def test_skipped_files_are_counted_and_named_on_request(steady, prep, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(steady, folder / "a.mp4")
    (folder / "notes.txt").write_text("x")
    brief = prep("extract", "in", "-o", "ds").out
    assert "skipped, not a video: 1" in brief
    assert "notes.txt" not in brief
    assert "notes.txt" in prep("extract", "in", "-o", "ds", "-v").out


def test_run_counts_what_it_skips_and_names_it_on_request(steady, prep, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(steady, folder / "a.mp4")
    for name in ("notes.txt", ".a.mp4", ".git"):
        (folder / name).write_text("x")
    brief = prep("run", "in", "-o", "ds", "--json")
    assert brief.json["totals"]["skipped"] == 3
    brief = prep("run", "in", "-o", "ds").out
    assert "skipped, hidden: 2\n" in brief
    assert "skipped, not a video: 1\n" in brief
    assert "in/.git" not in brief
    named = prep("run", "in", "-o", "ds", "-v").out.splitlines()
    for name in ("notes.txt", ".a.mp4", ".git"):
        assert f"  in/{name}" in named


@pytest.fixture
def locked(steady, tmp_path):
    """Footage in folders of which some may not be read, listed or searched."""
    for name in ("a.mp4", "shut/b.mp4", "listed/c.mp4", "listed/deep/d.mp4", "e.mp4", "top/f.mp4"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        media.twin(steady, tmp_path / "in" / name)
    (tmp_path / "in/top").rename(tmp_path / "top")
    (tmp_path / "in/far.mp4").symlink_to(tmp_path / "top/f.mp4")
    shut = {"in/shut": 0, "in/listed": 0o444, "in/e.mp4": 0, "top": 0}
    for name, mode in shut.items():
        (tmp_path / name).chmod(mode)
    yield tmp_path
    for name in ("in/shut", "in/listed", "top"):
        (tmp_path / name).chmod(0o755)


CANNOT = "cannot be read: Permission denied, so it was left out."


@pytest.mark.parametrize("verb", ["run", "extract"])
def test_a_folder_that_may_not_be_read_is_a_finding(locked, ordinary, verb):
    (locked / "in/e.mp4").rename(locked / "in/e.txt")
    done = ordinary(verb, "in", "-o", "ds")
    assert done.code == 1
    for name in ("shut", "listed", "far.mp4"):
        assert done.out.count(f"unreadable-folder: in/{name}: {CANNOT}") == 1
    assert "c.mp4" not in done.out  # once for the folder, not for each file in it
    assert len(images(locked / "ds/a")) == 50
    told = ordinary(verb, "in", "-o", "ds", "--json").json
    messages = told["warnings"] if verb == "extract" else [f["message"] for f in told["findings"]]
    assert [m.split(":")[0] for m in messages] == ["in/far.mp4", "in/listed", "in/shut"]
    assert (told["exit_code"], told["totals"]["videos"]) == (1, 1)


def test_a_video_that_may_not_be_read_has_failed(locked, ordinary):
    done = ordinary("extract", "in/e.mp4", "in/a.mp4", "-o", "ds")
    assert done.code == 3
    assert "in/e.mp4: no permission to read it. Give yourself the right" in done.out
    assert len(images(locked / "ds/a")) == 50


@pytest.mark.parametrize("name", ["top", "top/f.mp4", "in/shut"])
def test_an_input_that_may_not_be_read_has_failed(locked, ordinary, name):
    alone = ordinary("extract", name, "-o", "alone")
    assert (alone.code, alone.out) == (2, "")
    assert f"{name}: {CANNOT} Check its rights" in alone.err
    beside = ordinary("extract", name, "in/a.mp4", "-o", "ds")
    assert beside.code == 3
    assert f"{name}: {CANNOT}" in beside.out
    assert len(images(locked / "ds/a")) == 50


@pytest.mark.parametrize(
    ("pattern", "code", "lines"),
    [
        ("in/**/a.mp4", 1, ["unreadable-folder: in/shut", "unreadable-folder: in/listed"]),
        ("*/a.mp4", 1, ["unreadable-folder: top"]),
        ("in/shut/*.mp4", 3, ["  in/shut/*.mp4"]),
    ],
)
def test_a_pattern_is_not_silent_about_folders_it_cannot_search(
    locked, ordinary, pattern, code, lines
):
    (locked / "b.mp4").hardlink_to(locked / "in/a.mp4")
    done = ordinary("extract", "b.mp4", pattern, "-o", "ds")
    assert done.code == code
    assert done.out.count("cannot be read") == len(lines)
    for line in lines:
        assert f"{line}: {CANNOT}" in done.out
    assert len(images(locked / "ds/b")) == 50
