"""All stages in one command."""

import shutil
from pathlib import Path

import pytest
from helpers import media
from helpers.datasets import images, record, snapshot

ROOT = Path(__file__).parents[1]


@pytest.fixture
def footage(tmp_path, steady):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(steady, folder / "a.mp4")
    media.twin(steady, folder / "b.mp4")
    return folder


def test_a_run_does_it_all_and_a_second_one_nothing(footage, prep, tmp_path):
    done = prep("run", footage, "-o", "ds")
    assert done.code == 0
    assert "Nothing needs attention." in done.out
    assert "2 videos: 2 extracted" in done.out
    assert "100 decoded = 100 kept + 0 duplicates + 0 sampled out + 0 rejected" in done.out
    assert done.err == ""
    first = snapshot(tmp_path / "ds")
    assert {"report.html", "report.json"} <= first.keys()
    assert "2 videos: 2 unchanged" in prep("run", footage, "-o", "ds").out
    assert snapshot(tmp_path / "ds") == first


def test_marked_images_are_counted_with_what_lists_them(prep, tmp_path):
    media.encode(tmp_path / "night.mp4", frames=3, picture="color=black")
    out = prep("run", "night.mp4", "-o", "ds", "--dedupe", "off").out
    listing = f"('prep validate {tmp_path / 'ds'} -v' lists them)"
    assert f"3 images checked; 3 blurred, 3 dark, 3 flat {listing}" in out


def test_what_needs_a_person_is_named_once(footage, prep, tmp_path):
    (footage / "c.mp4").write_text("no video")
    prep("run", footage, "-o", "ds")
    (tmp_path / "ds/a/a-frame_000011.jpg").unlink()
    done = prep("run", footage, "-o", "ds", "--json")
    assert done.code == done.json["exit_code"] == 3
    assert [(c["stage"], c["video"], c["kind"]) for c in done.json["findings"]] == [
        ("extract", "c", "not-a-video"),
        ("validate", "a", "missing"),
    ]
    assert done.json["totals"] == {
        "videos": 3,
        "failed": 1,
        "findings": 2,
        "skipped": 0,
        "frames_decoded": 100,
        "kept": 99,
        "duplicates": 0,
        "sampled_out": 0,
        "rejected": 1,
        "files_on_disk": 99,
    }
    text = prep("run", footage, "-o", "ds").out
    assert "2 things need attention" in text
    assert "a-frame_000011.jpg is gone" in text


def test_without_any_video_no_later_stage_runs(prep, tmp_path):
    (tmp_path / "c.mp4").write_text("no video")
    done = prep("run", "c.mp4", "-o", "ds")
    assert done.code == 3
    assert "report" not in done.out
    assert not (tmp_path / "ds" / "report.html").exists()


def test_settings_come_from_the_file(footage, prep, tmp_path):
    """The same footage twice: for detection the second copy goes, and most of the first."""
    for preset, kept in (("tracking", 50), ("detection", 4)):
        done = prep("run", footage, "-o", preset, "-c", ROOT / "configs" / f"{preset}.yaml")
        assert done.code == 0, done.out
        status = prep("status", preset, "--json").json
        counts = {video["id"]: video["counts"] for video in status["videos"]}
        assert counts["a"]["kept"] == kept
        assert counts["b"]["kept"] == (0 if preset == "detection" else kept)
    prep("dedupe", "detection", "--delete", "-c", ROOT / "configs/detection.yaml")
    assert images(tmp_path / "detection" / "b") == []


def test_extraction_flags_beat_the_file(footage, prep, tmp_path):
    """Sampling by a flag takes the place of the file's way of sampling, which would exclude it."""
    (footage / "b.mp4").unlink()
    done = prep(
        *("run", footage, "-o", "ds", "-c", "detection", "--every", "10", "--dedupe", "off"),
        *("--format", "png", "--start", "5", "--end", "40", "--max-size", "64"),
    )
    assert done.code == 0, done.out
    made = record(tmp_path / "ds" / "a")
    asked = {"every": 10, "dedupe": "off", "format": "png", "start": "5", "end": "40"}
    assert asked.items() <= made["settings"].items()
    assert (made["settings"]["fps"], made["image_width"]) == (None, 64)
    assert images(tmp_path / "ds" / "a") == [f"a-frame_{n:06d}.png" for n in (5, 15, 25, 35)]
    assert prep("run", footage, "-o", "other", "--quality", "9", "--keyframes").code == 0
    made = record(tmp_path / "other" / "a")["settings"]
    assert (made["quality"], made["keyframes"]) == (9, True)


def test_presets_are_known_by_name_from_anywhere(footage, prep, tmp_path):
    listed = prep("init", "--list", "--json").json
    assert [preset["name"] for preset in listed["files"]] == ["default", "detection", "tracking"]
    text = prep("init", "--list").out
    assert "tracking   For tracks: boxes that CVAT interpolates between keyframes.\n" in text
    (tmp_path / "tracking").mkdir()  # what lies here by that name is not meant
    done = prep("run", footage, "-o", "ds", "-c", "tracking")
    assert done.code == 0
    assert record(tmp_path / "ds" / "a")["settings"]["max_gap"] == 29
    refused = prep("run", footage, "-o", "ds", "-c", "trackin")
    assert refused.code == 2
    assert "or one of the presets: default, detection, tracking." in refused.err


def test_tracking_keeps_an_image_a_second(prep, tmp_path):
    media.encode(tmp_path / "calm.mp4", frames=100, picture="color=gray")
    assert prep("run", "calm.mp4", "-o", "ds", "-c", ROOT / "configs/tracking.yaml").code == 0
    assert [int(name[-10:-4]) for name in images(tmp_path / "ds" / "calm")] == [0, 30, 60, 90]
