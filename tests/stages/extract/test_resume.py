"""One rename is the commit: whatever interrupts a run, the next one ends with the same bytes."""

import os
import random
import shutil
import signal
from pathlib import Path

import psutil
import pytest
from helpers import media
from helpers.datasets import count_files, images, indices, record, snapshot
from helpers.patience import wait_for
from helpers.prep import end_when
from video_prep.dataset.store import Dataset


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    """Footage whose images take a moment to write."""
    return media.encode(tmp_path_factory.mktemp("longer") / "a.mp4", size="320x240", frames=200)


@pytest.fixture
def inputs(tmp_path, longer, steady):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy2(longer, folder / "a.mp4")
    shutil.copy2(steady, folder / "b.mp4")
    media.twin(steady, folder / "c.mp4")
    return folder


def test_killed_at_random_moments_ends_with_the_same_bytes(inputs, prep, prep_process, tmp_path):
    arguments = ("extract", inputs, "--format", "png", "-o")
    assert prep(*arguments, "undisturbed").code == 0
    moments = random.Random(2)
    for _ in range(6):
        written = moments.randrange(300)
        end_when(
            lambda wanted=written: count_files(tmp_path / "ds", ".png") >= wanted,
            signal.SIGKILL,
            (*arguments, "ds"),
            tmp_path,
        )
        # Whatever is visible is complete.
        for folder in (tmp_path / "ds").glob("[!.]*"):
            assert len(images(folder)) == record(folder)["counts"]["kept"]
    assert prep_process(*arguments, "ds").code == 0
    expected = snapshot(tmp_path / "undisturbed")
    assert snapshot(tmp_path / "ds") == expected
    assert len(expected) == 200 + 50 + 50 + 6
    assert not list((tmp_path / "ds" / ".prep" / "work").iterdir())


def test_ffmpeg_does_not_outlive_a_killed_prep(steady, tmp_path):
    work = tmp_path / "ds" / ".prep" / "work"
    end_when(
        lambda: count_files(work, ".jpg"),
        signal.SIGKILL,
        ("extract", steady, "-o", "ds", "--ffmpeg", media.paced(tmp_path / "slow", 0.001)),
        tmp_path,
    )
    wait_for(lambda: not any(works_in(work, process) for process in psutil.process_iter()))
    assert 0 < count_files(work, ".jpg") < 50


def works_in(folder, process):
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except psutil.Error:  # it has ended, or is none of ours
        return False


def test_second_run_does_only_what_is_missing(inputs, prep, tmp_path):
    assert prep("extract", inputs / "b.mp4", "-o", "ds").code == 0
    before = os.stat(tmp_path / "ds" / "b" / "video.json").st_ino
    done = prep("extract", inputs, "-o", "ds", "--json").json
    assert {v["id"]: v["status"] for v in done["videos"]} == {
        "a": "extracted",
        "b": "unchanged",
        "c": "extracted",
    }
    assert os.stat(tmp_path / "ds" / "b" / "video.json").st_ino == before
    assert prep("extract", inputs, "-o", "ds", "--json").json["totals"]["unchanged"] == 3


def test_other_settings_are_refused_before_any_work(inputs, prep, tmp_path):
    prep("extract", inputs / "b.mp4", "-o", "ds")
    before = snapshot(tmp_path / "ds")
    done = prep("extract", inputs, "-o", "ds", "--quality", "5")
    assert done.code == 2
    assert "quality 4 → 5" in done.err
    assert "--overwrite" in done.err
    assert snapshot(tmp_path / "ds") == before
    done = prep("extract", inputs / "b.mp4", "-o", "ds", "--every", "10", "--overwrite")
    assert done.code == 0
    assert indices(tmp_path / "ds" / "b") == [0, 10, 20, 30, 40]


def test_overwrite_that_fails_keeps_what_was_there(inputs, prep, tmp_path):
    prep("extract", inputs / "b.mp4", "-o", "ds")
    before = snapshot(tmp_path / "ds")
    (inputs / "b.mp4").write_bytes(b"no longer a video")
    assert prep("extract", inputs / "b.mp4", "-o", "ds", "--overwrite").code == 3
    assert snapshot(tmp_path / "ds") == before


def test_source_is_known_by_time_or_else_by_content(inputs, prep, tmp_path):
    source = inputs / "b.mp4"
    prep("extract", source, "-o", "ds")
    os.utime(source)
    assert prep("extract", source, "-o", "ds", "--json").json["totals"]["unchanged"] == 1
    data = bytearray(source.read_bytes())
    data[-1] ^= 1
    source.write_bytes(data)
    done = prep("extract", source, "-o", "ds", "--json")
    assert done.code == 3
    assert done.json["errors"][0]["kind"] == "source-changed"
    assert prep("extract", source, "-o", "ds", "--overwrite").code == 0


def test_moved_folder_is_recognised(inputs, prep, tmp_path):
    prep("extract", inputs, "-o", "ds")
    moved = inputs.rename(tmp_path / "elsewhere")
    done = prep("extract", moved, "-o", "ds", "--json").json
    assert {v["id"]: v["status"] for v in done["videos"]} == dict.fromkeys("abc", "unchanged")


def test_same_name_elsewhere_is_another_video(inputs, steady, prep, tmp_path):
    prep("extract", inputs / "b.mp4", "-o", "ds")
    other = tmp_path / "other"
    other.mkdir()
    media.encode(other / "b.mp4", frames=12)
    done = prep("extract", other / "b.mp4", "-o", "ds", "--json").json
    (video,) = done["videos"]
    assert video["status"] == "extracted"
    assert video["id"] != "b"
    assert len(images(tmp_path / "ds" / "b")) == 50
    # Ids once given stay, in whatever order the sources come later.
    again = prep("extract", other / "b.mp4", inputs / "b.mp4", "-o", "ds", "--json").json
    assert [v["id"] for v in again["videos"]] == [video["id"], "b"]


def test_removed_and_added_images_are_found(inputs, prep, tmp_path):
    prep("extract", inputs / "b.mp4", "-o", "ds")
    (tmp_path / "ds" / "b" / "b-frame_000007.jpg").unlink()
    done = prep("extract", inputs / "b.mp4", "-o", "ds", "--json")
    assert done.code == 1
    (notice,) = done.json["videos"][0]["warnings"]
    assert (notice["kind"], notice["frame"]) == ("files-missing", 7)
    assert prep("extract", inputs / "b.mp4", "-o", "ds", "--overwrite").code == 0
    assert indices(tmp_path / "ds" / "b") == list(range(50))


def test_two_runs_at_once_are_refused(steady, prep, tmp_path):
    with Dataset(tmp_path / "ds").writing():  # what a run holds from its beginning to its end
        done = prep("extract", steady, "-o", "ds")
        assert done.code == 2
        assert "another prep" in done.err
    assert prep("extract", steady, "-o", "ds").code == 0


def test_a_folder_that_is_not_ours_is_never_replaced(steady, prep, tmp_path):
    foreign = tmp_path / "ds" / "steady"
    foreign.mkdir(parents=True)
    (foreign / "steady-frame_000000.jpg").write_bytes(b"mine")
    done = prep("extract", steady, "-o", "ds", "--json").json
    assert done["videos"][0]["id"] != "steady"
    assert (foreign / "steady-frame_000000.jpg").read_bytes() == b"mine"


def test_killed_while_replacing_brings_the_old_one_back(steady, prep, tmp_path):
    prep("extract", steady, "-o", "ds")
    before = snapshot(tmp_path / "ds")
    old = tmp_path / "ds" / ".prep" / "work" / "tmpx" / "old"
    old.mkdir(parents=True)
    (tmp_path / "ds" / "steady").rename(old / "steady")
    done = prep("extract", steady, "-o", "ds", "--json")
    assert done.json["totals"]["unchanged"] == 1
    assert snapshot(tmp_path / "ds") == before


def test_a_renamed_folder_is_named(steady, prep, tmp_path):
    prep("extract", steady, "-o", "ds")
    (tmp_path / "ds" / "steady").rename(tmp_path / "ds" / "other")
    done = prep("extract", steady, "-o", "ds")
    assert done.code == 2
    assert "was renamed" in done.err


def test_an_unreadable_record_is_named(steady, prep, tmp_path):
    prep("extract", steady, "-o", "ds")
    (tmp_path / "ds" / "steady" / "video.json").write_text("{}")
    done = prep("extract", steady, "-o", "ds")
    assert done.code == 2
    assert "steady/video.json" in done.err


def test_datasets_merge_by_copying_folders(inputs, prep, tmp_path):
    prep("extract", inputs / "b.mp4", "-o", "one")
    prep("extract", inputs / "c.mp4", "-o", "two")
    shutil.copytree(tmp_path / "two" / "c", tmp_path / "one" / "c")
    done = prep("extract", inputs / "b.mp4", inputs / "c.mp4", "-o", "one", "--json").json
    assert done["totals"]["unchanged"] == 2
