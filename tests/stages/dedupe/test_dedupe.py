"""Duplicates: found alike while extracting and on images, never what moved, and nothing is lost."""

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import video_prep
from helpers import media
from helpers.datasets import count_files, frames, images, indices, record, snapshot
from helpers.pictures import LOSSLESS, film, grain, landscapes, texture, with_box, write_images
from helpers.prep import end_when, in_threads, on_terminal
from PIL import Image
from video_prep.dataset.store import Dataset
from video_prep.pictures import hash_index, similarity
from video_prep.pictures.compare import read_ahead
from video_prep.pictures.likeness import is_still, read_picture
from video_prep.pictures.similarity import Similar
from video_prep.pictures.thinner import shorten_gaps
from video_prep.settings.dedupe import DedupeSettings

dedupe = in_threads(video_prep.dedupe)
extract = in_threads(video_prep.extract)


def kept(folder):
    return [i for i, fate in enumerate(frames(folder)["fate"]) if fate == "kept"]


def walk(count, seed=3, step=4):
    """Frames in which a box walks, each one another."""
    return [with_box(texture(seed), 10 + step * n % 120, 40) for n in range(count)]


@pytest.fixture
def paused(tmp_path):
    """A video of 30 frames in which a box stands still for frames 10 to 14 and 20 to 29."""
    places = [*range(10), *[10] * 5, *range(11, 16), *[16] * 10]
    still = [with_box(texture(3), 10 + 6 * place, 40) for place in places]
    return film(tmp_path / "paused.mp4", grain(still, 1.5))


KEPT_OF_PAUSED = [*range(11), *range(15, 21)]


def check_marks(dataset):
    """Every duplicate is like an image that is kept."""
    tables = {
        path.name: frames(path) for path in dataset.iterdir() if (path / "video.json").exists()
    }
    for name, table in tables.items():
        counts = record(dataset / name)["counts"]
        assert counts["kept"] == counts["files_on_disk"] == table["fate"].count("kept")
        assert counts["duplicates"] == table["fate"].count("duplicate")
        rows = zip(table["fate"], table["duplicate_of"], table["duplicate_video"], strict=True)
        for fate, like, other in rows:
            assert (like is not None) == (fate == "duplicate")
            if fate == "duplicate":
                assert tables[other or name]["fate"][like] == "kept"


def test_a_film_of_24_in_a_file_of_60_loses_exactly_its_repeated_frames(prep, tmp_path):
    film(tmp_path / "f.mp4", walk(24), *LOSSLESS, "-vf", "fps=60", rate="24")
    hashes = media.truth(tmp_path / "f.mp4")
    new = [n for n in range(len(hashes)) if n == 0 or hashes[n] != hashes[n - 1]]
    assert (len(hashes), len(new)) == (60, 24)
    prep("extract", "f.mp4", "-o", "graph")
    prep("extract", "f.mp4", "-o", "ds", "--dedupe", "off")
    assert indices(tmp_path / "graph" / "f") == new
    assert prep("dedupe", "ds").code == 0
    assert kept(tmp_path / "ds" / "f") == new
    graph, marked = frames(tmp_path / "graph" / "f"), frames(tmp_path / "ds" / "f")
    for column in ("fate", "reason", "duplicate_of", "duplicate_video"):
        assert graph[column] == marked[column]
    assert (
        record(tmp_path / "graph" / "f")["breaks"] == record(tmp_path / "ds" / "f")["breaks"] != []
    )


@pytest.mark.smoke
def test_a_loop_of_four_is_found_by_similar_and_not_by_still(prep, tmp_path):
    film(tmp_path / "loop.mp4", [texture(n % 4 if n < 16 else 4) for n in range(17)])
    prep("extract", "loop.mp4", "-o", "ds", "--dedupe", "off")
    assert prep("dedupe", "ds", "--json").json["totals"]["still"] == 0
    done = prep("dedupe", "ds", "--dedupe", "similar", "--json")
    assert (done.code, done.json["totals"]["similar"], done.json["totals"]["elsewhere"]) == (
        0,
        12,
        0,
    )
    table = frames(tmp_path / "ds" / "loop")
    assert table["duplicate_of"] == [None] * 4 + [0, 1, 2, 3] * 3 + [None]
    assert table["reason"] == [None] * 4 + ["similar"] * 12 + [None]
    assert {
        "kind": "missing", "after": 3, "before": 16, "frames": 12, "seconds": 0.52,
    } in record(tmp_path / "ds" / "loop")["breaks"]  # fmt: skip
    prep("extract", "loop.mp4", "-o", "graph", "--dedupe", "similar")
    assert frames(tmp_path / "graph" / "loop")["duplicate_of"] == table["duplicate_of"]


def test_delete_alone_deletes_what_an_earlier_run_marked(prep, tmp_path):
    film(tmp_path / "loop.mp4", [texture(n % 4 if n < 16 else 4) for n in range(17)])
    prep("extract", "loop.mp4", "-o", "ds", "--dedupe", "off")
    write_images(tmp_path / "in", [texture(n % 4) for n in range(8)])
    for folder, marked, left in (("ds", 12, 5), ("in", 4, 4)):
        assert prep("dedupe", folder, "--dedupe", "similar").code == 0
        done = prep("dedupe", folder, "--delete", "--json")
        totals = done.json["totals"]
        assert (totals["similar"], totals["still"], totals["deleted"]) == (marked, 0, marked)
        assert prep("dedupe", folder, "--delete", "--json").json["totals"]["deleted"] == 0
        assert len([*(tmp_path / folder).rglob("*.[jp][pn]g")]) == left
    assert indices(tmp_path / "ds" / "loop") == kept(tmp_path / "ds" / "loop") == [0, 1, 2, 3, 16]
    assert prep("status", "ds").code == 0


# The leftmost and the last columns and rows are those that mpdecimate itself looks past.
EDGES = {
    "middle": lambda n: (20 + 2 * n, 50, 8, 8),
    "left": lambda n: (0, 10 + 3 * n, 8, 8),
    "right": lambda n: (155, 10 + 3 * n, 8, 8),
    "top": lambda n: (10 + 4 * n, 0, 8, 8),
    "bottom": lambda n: (10 + 4 * n, 115, 8, 8),
    "thin": lambda n: (10 + 4 * n, 60, 2, 24),
}


@pytest.mark.parametrize("edge", EDGES)
def test_no_frame_in_which_something_moved_is_lost(edge, prep, tmp_path):
    # Each place twice: the second of two frames shows nothing new.
    picture = [with_box(texture(5, (163, 123)[:2]), *EDGES[edge](n // 2)) for n in range(40)]
    film(tmp_path / "m.mp4", grain(picture, 1.5))
    prep("extract", "m.mp4", "-o", "graph")
    prep("extract", "m.mp4", "-o", "ds", "--dedupe", "off")
    prep("dedupe", "ds")
    assert indices(tmp_path / "graph" / "m") == kept(tmp_path / "ds" / "m") == list(range(0, 40, 2))


@pytest.mark.parametrize("levels", [("tv", 16, 219), ("pc", 0, 255)])
def test_thresholds_are_levels_of_the_image_whatever_those_of_the_video(levels, prep, tmp_path):
    span, black, count = levels
    # Between black and white: a box that is brighter by 7.5 of 255 levels, then by 9.
    greys = [100 / 255, 107.5 / 255, 109 / 255]
    ground, *boxes = (round(black + count * grey) for grey in (greys[0], *greys))
    raw = bytearray()
    for box in boxes:
        picture = np.full((120, 160), ground, np.uint8)
        picture[32:96, 32:96] = box
        raw += picture.tobytes() + bytes([128]) * (2 * 60 * 80)
    (tmp_path / "v.yuv").write_bytes(raw)
    layout = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "160x120", "-color_range", span]
    media.run([*layout, "-i", str(tmp_path / "v.yuv"), *LOSSLESS, "-color_range", span,
               str(tmp_path / "v.mp4")])  # fmt: skip
    prep("extract", "v.mp4", "-o", "ds", "--hi", "8")
    told = record(tmp_path / "ds" / "v")["probe"]["color_range"]
    assert told == (span if span == "pc" else None)  # x264 does not name the usual one
    assert indices(tmp_path / "ds" / "v") == [0, 2]


@pytest.mark.parametrize("noise", [0, 1, 2.5, 4])
@pytest.mark.parametrize("box", [(4, 60), (8, 10), (8, 60), (16, 15)])
def test_images_are_judged_as_mpdecimate_judges_frames(noise, box, tmp_path):
    size, level = box
    base = texture(7, (200, 100))
    picture = [
        with_box(base, 5 + 3 * n, 30, size, size, level if n // 4 % 2 else 0) for n in range(32)
    ]
    folder = write_images(tmp_path / "s", grain(picture, noise, seed=size), "{:03d}.png")
    framed = "format=yuvj420p,pad=iw+72:ih+8:64:0,mpdecimate=hi=768:lo=320:frac=0.33"
    done = subprocess.run(
        [media.FFMPEG, "-i", folder / "%03d.png", "-vf", f"{framed},showinfo", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    passed = [round(25 * float(t)) for t in re.findall(r"showinfo.*pts_time:([\d.]+)", done.stderr)]
    settings = DedupeSettings(hi=12.0, lo=5.0)
    chosen, last = [], None
    for number in range(32):
        one = read_picture(folder / f"{number:03d}.png")
        if last is None or not is_still(one, last, settings):
            chosen.append(number)
            last = one
    assert chosen == passed
    assert passed[0] == 0


def test_max_gap_bounds_how_many_go_in_a_row(prep, tmp_path):
    film(tmp_path / "still.mp4", grain([texture(1)] * 30, 1))
    prep("extract", "still.mp4", "-o", "graph", "--max-gap", "6")
    assert indices(tmp_path / "graph" / "still") == [0, 7, 14, 21, 28]
    prep("extract", "still.mp4", "-o", "ds", "--dedupe", "off")
    for kind in ("still", "similar"):
        # Again after the files are gone: the gaps they leave are known.
        for more in ((), ("--delete",), ()):
            prep("dedupe", "ds", "--max-gap", "6", "--dedupe", kind, *more)
            assert kept(tmp_path / "ds" / "still") == [0, 7, 14, 21, 28], (kind, more)
        prep("dedupe", "ds", "--restore")
    check_marks(tmp_path / "ds")


def test_marked_deleted_and_restored_is_as_if_it_never_was(paused, prep, tmp_path):
    prep("extract", paused, "-o", "off", "--dedupe", "off")
    prep("extract", paused, "-o", "ds")
    assert indices(tmp_path / "ds" / "paused") == KEPT_OF_PAUSED
    off, extracted = snapshot(tmp_path / "off"), snapshot(tmp_path / "ds")
    done = prep("dedupe", "ds", "--restore", "--json")
    assert (done.code, done.json["totals"]["restored"]) == (0, 13)
    restored = snapshot(tmp_path / "ds")
    # The record keeps the settings that it was extracted with; everything else is the same.
    assert {k: v for k, v in restored.items() if k != "paused/video.json"} == {
        k: v for k, v in off.items() if k != "paused/video.json"
    }
    assert (
        record(tmp_path / "ds" / "paused")["counts"]
        == record(tmp_path / "off" / "paused")["counts"]
    )
    done = prep("dedupe", "ds", "--json")
    assert done.json["totals"] == {
        "videos": 1,
        "failed": 0,
        "images": 30,
        "still": 13,
        "similar": 0,
        "elsewhere": 0,
        "deleted": 0,
        "deleted_bytes": 0,
        "restored": 0,
    }
    assert len(images(tmp_path / "ds" / "paused")) == 30
    assert kept(tmp_path / "ds" / "paused") == KEPT_OF_PAUSED
    assert prep("dedupe", "ds", "--json").json["videos"][0]["status"] == "unchanged"
    assert prep("dedupe", "ds", "--dedupe", "off").code == 0
    assert snapshot(tmp_path / "ds") == restored
    done = prep("dedupe", "ds", "--delete", "--json")
    assert done.json["totals"]["deleted"] == 13
    assert done.json["totals"]["deleted_bytes"] == sum(
        len(v) for k, v in off.items() if k.endswith(".jpg") and k not in extracted
    )
    assert indices(tmp_path / "ds" / "paused") == KEPT_OF_PAUSED
    assert prep("dedupe", "ds", "--delete", "--json").json["totals"]["deleted"] == 0
    assert prep("dedupe", "ds", "--restore").code == 0
    assert snapshot(tmp_path / "ds") == restored
    assert prep("dedupe", "ds", "--restore", "--json").json["videos"][0]["status"] == "unchanged"


@pytest.mark.parametrize("change", [("--restore",), ("--dedupe", "off")])
def test_validate_rejects_the_kept_image_that_was_gone_meanwhile(change, paused, prep, tmp_path):
    prep("extract", paused, "-o", "ds", "--dedupe", "off")
    prep("dedupe", "ds")
    (tmp_path / "ds/paused/paused-frame_000003.jpg").unlink()
    done = prep("dedupe", "ds", *change, "--json")
    assert (done.code, done.json["videos"][0]["warnings"][0]["kind"]) == (1, "files-missing")
    done = prep("validate", "ds", "--json")
    (video,) = done.json["videos"]
    assert (done.code, video["status"], video["images"]) == (1, "validated", 30)
    assert [(f["kind"], f["frame"]) for f in video["findings"]] == [("missing", 3)]
    counts = record(tmp_path / "ds/paused")["counts"]
    assert (counts["kept"], counts["rejected"], counts["files_on_disk"]) == (29, 1, 29)


def test_sampled_and_scaled_frames_are_restored_with_their_own_settings(paused, prep, tmp_path):
    how = ("--every", "2", "--max-size", "100", "--format", "png", "--digits", "4", "--start", "5")
    prep("extract", paused, "-o", "off", "--dedupe", "off", *how)
    prep("extract", paused, "-o", "ds", *how)
    assert len(images(tmp_path / "ds" / "paused")) < len(images(tmp_path / "off" / "paused")) == 13
    assert prep("dedupe", "ds", "--restore").code == 0
    for name in images(tmp_path / "off" / "paused"):
        assert (tmp_path / "ds" / "paused" / name).read_bytes() == (
            tmp_path / "off" / "paused" / name
        ).read_bytes()
    assert frames(tmp_path / "ds" / "paused") == frames(tmp_path / "off" / "paused")


@pytest.mark.parametrize("moment", ["moving", "before the table"])
def test_a_restore_that_is_killed_goes_on(moment, paused, prep, tmp_path, monkeypatch):
    prep("extract", paused, "-o", "off", "--dedupe", "off")
    prep("extract", paused, "-o", "ds")
    with monkeypatch.context() as patch:
        if moment == "moving":
            rename, moved = Path.rename, []

            def stop_at_the_fifth(path, target):
                if path.suffix == ".jpg" and len(moved) == 5:
                    raise KeyboardInterrupt
                moved.append(path)
                return rename(path, target)

            patch.setattr(Path, "rename", stop_at_the_fifth)
        else:
            patch.setattr(
                Dataset, "update", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt)
            )
        with pytest.raises(KeyboardInterrupt):
            dedupe(tmp_path / "ds", restore=True)
    assert len(KEPT_OF_PAUSED) < len(images(tmp_path / "ds" / "paused"))
    assert kept(tmp_path / "ds" / "paused") == KEPT_OF_PAUSED
    assert "unchanged" in prep("extract", paused, "-o", "ds").out
    assert prep("dedupe", "ds", "--restore").code == 0
    assert frames(tmp_path / "ds" / "paused") == frames(tmp_path / "off" / "paused")
    assert images(tmp_path / "ds" / "paused") == images(tmp_path / "off" / "paused")


def test_a_restore_killed_at_random_moments_goes_on(paused, prep, tmp_path):
    prep("extract", paused, "-o", "off", "--dedupe", "off")
    prep("extract", paused, "-o", "ds")
    moments = random.Random(4)
    for _ in range(3):
        written = moments.randint(len(KEPT_OF_PAUSED) + 1, 30)
        end_when(
            lambda wanted=written: count_files(tmp_path / "ds", ".jpg") >= wanted,
            signal.SIGKILL,
            ("dedupe", "ds", "--restore"),
            tmp_path,
        )
    assert prep("dedupe", "ds", "--restore").code == 0
    assert frames(tmp_path / "ds" / "paused") == frames(tmp_path / "off" / "paused")
    assert not list((tmp_path / "ds" / ".prep" / "work").iterdir())


def test_what_cannot_be_restored_is_told_and_left(paused, prep, tmp_path):
    prep("extract", paused, "-o", "ds")
    before = snapshot(tmp_path / "ds")
    paused.rename(tmp_path / "elsewhere.mp4")
    done = prep("dedupe", "ds", "--restore")
    assert done.code == 3
    assert "paused.mp4: the file is gone" in done.out
    assert "Put it back" in done.out
    film(paused, walk(30))
    done = prep("dedupe", "ds", "--restore", "--json")
    assert done.code == 3
    assert done.json["errors"][0]["kind"] == "source-changed"
    assert "has changed since" in done.json["errors"][0]["message"]
    assert snapshot(tmp_path / "ds") == before


def test_a_later_extract_knows_marked_images(paused, prep, tmp_path):
    prep("extract", paused, "-o", "ds", "--dedupe", "off")
    prep("dedupe", "ds")
    done = prep("extract", paused, "-o", "ds", "--dedupe", "off", "--json")
    assert (done.code, done.json["videos"][0]["status"]) == (0, "unchanged")
    assert done.json["videos"][0]["counts"]["kept"] == len(KEPT_OF_PAUSED)
    (tmp_path / "ds" / "paused" / images(tmp_path / "ds" / "paused")[0]).unlink()
    done = prep("extract", paused, "-o", "ds", "--dedupe", "off")
    assert done.code == 1
    assert "is gone from the disk" in done.out
    done = prep("dedupe", "ds")
    assert done.code == 1
    assert "files-missing: 1 image of a kept frame is gone: frame 0." in done.out


def test_a_broken_image_is_left_alone_and_told(paused, prep, tmp_path):
    prep("extract", paused, "-o", "ds", "--dedupe", "off")
    for number in (12, 25):
        path = tmp_path / "ds" / "paused" / f"paused-frame_{number:06d}.jpg"
        path.write_bytes(path.read_bytes()[: 400 * (number == 25)])
    done = prep("dedupe", "ds", "--delete")
    assert done.code == 1
    assert "unreadable: 2 images cannot be read and stayed as before" in done.out
    assert "paused-frame_000012.jpg" in done.out
    assert indices(tmp_path / "ds" / "paused") == sorted([*KEPT_OF_PAUSED, 12, 25])
    check_marks(tmp_path / "ds")


def test_a_broken_table_fails_its_video_alone(paused, prep, tmp_path):
    media.twin(paused, tmp_path / "b.mp4")
    prep("extract", paused, "b.mp4", "-o", "ds", "--dedupe", "off")
    (tmp_path / "ds" / "b" / "frames.parquet").write_text("x")
    done = prep("dedupe", "ds", "--json")
    assert done.code == 3
    assert [v["status"] for v in done.json["videos"]] == ["failed", "marked"]
    assert "frames.parquet: cannot be read" in done.json["errors"][0]["message"]


def test_json_has_fixed_keys(paused, prep):
    prep("extract", paused, "-o", "ds")
    done = prep("dedupe", "ds", "--json")
    assert done.json.keys() == {
        "command", "status", "exit_code", "videos", "totals", "warnings", "errors",
    }  # fmt: skip
    assert done.json["videos"] == [
        {
            "id": "paused",
            "status": "unchanged",
            "images": 17,
            "still": 0,
            "similar": 0,
            "elsewhere": 0,
            "deleted": 0,
            "deleted_bytes": 0,
            "restored": 0,
            "copies": [],
            "warnings": [],
            "error": None,
        }
    ]


def marks(folder):
    return json.loads((folder / "dedupe.json").read_text())


def test_folders_of_another_tool(prep, tmp_path):
    walked = walk(12)
    seen = [walked[n] for n in (0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 7)]
    write_images(tmp_path / "in" / "a", seen)
    write_images(tmp_path / "in" / "b", [texture(9)] * 2, "{}.JPEG")
    (tmp_path / "in" / "a" / "notes.txt").write_text("x")
    (tmp_path / "in" / "a" / ".hidden.png").write_text("x")
    before = snapshot(tmp_path / "in")
    done = prep("dedupe", "in", "--json")
    assert done.code == 0
    assert [(v["id"], v["images"], v["still"]) for v in done.json["videos"]] == [
        ("a", 12, 4), ("b", 2, 1),
    ]  # fmt: skip
    new = {k: v for k, v in snapshot(tmp_path / "in").items() if not k.endswith("dedupe.json")}
    assert new == before
    written = marks(tmp_path / "in" / "a")
    assert written["settings"] == {
        "dedupe": "still", "hi": None, "lo": None, "frac": None, "max_gap": None,
    }  # fmt: skip
    assert list(written["images"]) == [f"{n}.png" for n in range(12)]  # 9 before 10
    none = {"duplicate_of": None, "duplicate_folder": None, "reason": None}
    assert written["images"]["0.png"] == {"fate": "kept", **none}
    same = {"fate": "duplicate", "duplicate_folder": None, "reason": "still"}
    assert {k: v for k, v in written["images"].items() if v["fate"] != "kept"} == {
        "1.png": {**same, "duplicate_of": "0.png"},
        "4.png": {**same, "duplicate_of": "3.png"},
        "5.png": {**same, "duplicate_of": "3.png"},
        "11.png": {**same, "duplicate_of": "10.png"},
    }
    assert prep("dedupe", "in", "--json").json["videos"][0]["status"] == "unchanged"
    assert prep("dedupe", "in", "--restore").code == 0
    assert snapshot(tmp_path / "in") == before
    assert prep("dedupe", "in", "--delete", "--json").json["totals"]["deleted"] == 5
    left = {"0.png", "2.png", "3.png", "6.png", "7.png", "8.png", "9.png", "10.png"}
    assert {p.name for p in (tmp_path / "in" / "a").glob("[0-9]*")} == left
    assert marks(tmp_path / "in" / "a") == written
    done = prep("dedupe", "in", "--restore")
    assert done.code == 1
    assert "4 deleted images cannot be brought back" in done.out
    assert "1.png, 4.png, 5.png, 11.png" in done.out


def test_unreadable_images_of_another_tool_stay(prep, tmp_path):
    folder = write_images(tmp_path / "in", [texture(1)] * 6)
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:100])
    (folder / "4.png").write_bytes(b"")
    done = prep("dedupe", "in", "--delete", "--json")
    assert done.code == 1
    assert done.json["videos"][0]["id"] == "."
    assert "2 images cannot be read" in done.json["warnings"][0]
    assert images(folder) == ["0.png", "2.png", "4.png"]
    assert marks(folder)["images"]["5.png"]["duplicate_of"] == "0.png"


def test_marks_that_cannot_be_read_are_told(prep, tmp_path):
    folder = write_images(tmp_path / "in", [texture(1)] * 3)
    for text in ("{", "[]", '{"images": {"0.png": 1}}', '{"images": {"0.png": {}}}'):
        (folder / "dedupe.json").write_text(text)
        done = prep("dedupe", "in", "--delete")
        assert done.code == 3
        assert "Move the file away" in done.out
    assert len(images(folder)) == 3


def test_what_is_no_dataset_and_no_folder_of_images(paused, prep, tmp_path):
    (tmp_path / "empty").mkdir()
    done = prep("dedupe", "empty")
    assert done.code == 2
    assert "neither a dataset nor a folder of images" in done.err
    assert not list((tmp_path / "empty").iterdir())
    assert prep("dedupe", "nowhere").code == 2
    assert prep("dedupe").code == 2  # no dataset here
    prep("extract", paused, "-o", "in/ds", "--dedupe", "off")
    before = snapshot(tmp_path / "in")
    for folder in ("in", "in/ds/paused"):
        done = prep("dedupe", folder, "--delete")
        assert done.code == 2
        assert "Name the dataset" in done.err
    done = prep("dedupe", "in/ds", "--delete", "--restore")
    assert done.code == 2
    assert "exclude each other" in done.err
    assert snapshot(tmp_path / "in") == before


@pytest.fixture
def copies(tmp_path):
    """The same footage in several guises, and other footage."""
    folder = tmp_path / "in"
    folder.mkdir()
    original, other = landscapes(1, 40), landscapes(2, 40)
    film(folder / "a.mp4", original[:30])
    film(folder / "b_again.mp4", original[:30], *media.X264, "-crf", "24")
    film(folder / "c_small.mp4", original[:30], *media.X264, "-vf", "scale=120:90")
    film(folder / "d_bright.mp4", [p + 12 for p in original[:30]])
    film(folder / "e_overlap.mp4", original[20:40])
    film(folder / "f_other.mp4", other[:30])
    return folder


def test_similar_is_found_across_videos(copies, prep, tmp_path):
    prep("extract", copies, "-o", "ds", "--dedupe", "off")
    done = prep("dedupe", "ds", "--dedupe", "similar", "--json")
    found = {v["id"]: (v["images"], v["similar"], v["elsewhere"]) for v in done.json["videos"]}
    assert found == {
        "a": (30, 0, 0),
        "b_again": (30, 30, 30),
        "c_small": (30, 30, 30),
        "d_bright": (30, 30, 30),
        "e_overlap": (20, 10, 10),
        "f_other": (30, 0, 0),
    }
    check_marks(tmp_path / "ds")
    overlap = frames(tmp_path / "ds" / "e_overlap")
    assert overlap["duplicate_of"] == [*range(20, 30), *[None] * 10]
    assert overlap["duplicate_video"] == ["a"] * 10 + [None] * 10
    # Off takes them away; still does not look into other videos.
    prep("dedupe", "ds")
    assert kept(tmp_path / "ds" / "b_again") == list(range(30))


def test_what_is_left_out_follows_the_image_it_is_like(prep, tmp_path):
    """Its own was kept while extracting, and is marked later as like one of another video."""
    media.encode(tmp_path / "a.mp4", *media.X264, frames=6, picture="smptebars")
    media.twin(tmp_path / "a.mp4", tmp_path / "b.mp4")
    prep("extract", "a.mp4", "b.mp4", "-o", "ds", "--dedupe", "still")
    assert frames(tmp_path / "ds" / "b")["duplicate_of"] == [None, *[0] * 5]
    prep("dedupe", "ds", "--dedupe", "similar")
    table = frames(tmp_path / "ds" / "b")
    assert table["duplicate_of"] == [0] * 6
    assert table["duplicate_video"] == ["a"] * 6
    check_marks(tmp_path / "ds")


def test_similar_is_found_across_folders_and_bounded_by_max_gap(prep, tmp_path):
    pictures = landscapes(1, 12)
    write_images(tmp_path / "in" / "a", pictures)
    write_images(tmp_path / "in" / "b", pictures[6:], "{}.jpg")
    done = prep("dedupe", "in", "--dedupe", "similar", "--json")
    assert [v["elsewhere"] for v in done.json["videos"]] == [0, 6]
    assert marks(tmp_path / "in" / "b")["images"]["0.jpg"] == {
        "fate": "duplicate",
        "duplicate_of": "6.png",
        "duplicate_folder": "a",
        "reason": "similar",
    }
    done = prep("dedupe", "in", "--dedupe", "similar", "--max-gap", "2", "--delete", "--json")
    assert [v["deleted"] for v in done.json["videos"]] == [0, 4]
    assert images(tmp_path / "in" / "b") == ["2.jpg", "5.jpg"]


def test_deleted_images_of_another_tool_follow_the_image_they_are_like(tmp_path):
    """It was kept when they were deleted, and is marked later as like one of another folder."""
    picture, other = landscapes(1, 2)
    root = tmp_path / "in"
    folder = write_images(root / "c", [picture, picture, other])
    dedupe(root, DedupeSettings("still"), delete=True)
    assert images(folder) == ["0.png", "2.png"]
    for name in ("b", "a"):  # each comes before all that were there
        write_images(root / name, [other, picture])
        dedupe(root, DedupeSettings("similar"))
        entries = marks(folder)["images"]
        like = {n: (e["duplicate_folder"], e["duplicate_of"]) for n, e in entries.items()}
        assert like == {
            "0.png": (name, "1.png"),
            "1.png": (name, "1.png"),
            "2.png": (name, "0.png"),
        }
        assert [entries[n]["reason"] for n in like] == ["similar", "still", "similar"]


def test_every_duplicate_is_like_a_kept_image_whatever_was_done(copies, tmp_path):
    dataset = tmp_path / "ds"
    extract([copies], dataset, dedupe=DedupeSettings("similar"))
    check_marks(dataset)
    choice = random.Random(1)
    for _ in range(10):
        settings = DedupeSettings(
            choice.choice(["off", "still", "similar"]),
            distance=choice.choice([0, 4, 12]),
            max_gap=choice.choice([None, 3]),
        )
        what = choice.choice([{}, {}, {"delete": True}, {"restore": True}])
        assert dedupe(dataset, settings, **what).exit_code == 0
        check_marks(dataset)
    dedupe(dataset, restore=True)
    assert {len(kept(path)) for path in dataset.glob("[a-f]*")} == {30, 20}


def random_hashes(count, seed=0):
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def looks_of(hashes, brightness=16.0):
    looks = np.zeros(len(hashes), dtype=Similar.dtype)
    looks["hash"], looks["brightness"] = hashes, brightness
    return looks


def near_hashes(random_, count, centres, most_bits):
    """Hashes around some centres, each up to so many bits away."""
    hashes = random_.choice(random_.integers(0, 2**64, centres, dtype=np.uint64), count)
    for place in range(count):
        for bit in random_.choice(64, random_.integers(0, most_bits + 1), replace=False).tolist():
            hashes[place] ^= np.uint64(1 << bit)
    return hashes


def look_at_all(looks, order, distance):
    """Thin by a comparison with all that stayed, one picture after another."""
    like, stayed = np.arange(len(looks)), []
    for place in order.tolist():
        old = looks[stayed]
        differing = np.array([int(h ^ looks["hash"][place]).bit_count() for h in old["hash"]])
        apart = np.abs(old["brightness"] - looks["brightness"][place])
        near = [
            (bits, n) for n, bits in enumerate(differing) if bits <= distance and apart[n] <= 32
        ]
        if near:
            like[place] = stayed[min(near)[1]]
        else:
            stayed.append(place)
    return like


@pytest.mark.parametrize("distance", [0, 1, 2, 3, 4, 5, 8, 9, 14, 16])
def test_similar_finds_what_a_look_at_all_finds(distance, monkeypatch):
    monkeypatch.setattr(similarity, "_BATCH", 100)
    monkeypatch.setattr(hash_index, "_RECENT", 150)  # tables are joined several times
    monkeypatch.setattr(hash_index, "_AT_ONCE", 1000)
    random_ = np.random.default_rng(distance)
    hashes = np.concatenate(
        [random_hashes(300), near_hashes(random_, 500, 20, distance + 1), np.zeros(100, np.uint64)]
    )
    looks = looks_of(hashes, random_.choice([60.0, 80.0, 100.0], len(hashes)))
    order = random_.permutation(len(hashes))
    like = Similar(DedupeSettings("similar", distance=distance)).thin(looks, order)
    assert like.tolist() == look_at_all(looks, order, distance).tolist()
    assert 300 < np.count_nonzero(like == np.arange(len(like))) < 900


def test_bits_are_counted_without_a_newer_numpy(monkeypatch):
    hashes = random_hashes(60).reshape(3, 20)
    counted = [[int(code).bit_count() for code in row] for row in hashes.tolist()]
    assert hash_index.count_bits(hashes).tolist() == counted
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert hash_index.count_bits(hashes).tolist() == counted
    assert hash_index.count_bits(hashes[:, ::2]).tolist() == [row[::2] for row in counted]


def test_many_black_frames_are_one_entry():
    black = np.zeros(100_000, dtype=np.uint64)
    black[1::3] = 1  # a bit of noise
    places = np.arange(len(black))
    like = Similar(DedupeSettings("similar")).thin(looks_of(black), places)  # all pairs: hours
    assert (like == 0).all()
    stays = shorten_gaps(like == places, places, np.zeros_like(places), 10)
    assert (np.flatnonzero(stays) == np.arange(0, len(like), 11)).all()


def test_gaps_are_bounded_in_each_sequence():
    stays = np.isin(np.arange(10), [0, 5])
    sequences = np.array([0, 0, 0, 0, 0, 3, 3, 3, 3, 3])
    positions = np.array([0, 1, 2, 3, 4, 0, 2, 3, 4, 9])
    shortened = shorten_gaps(stays, positions, sequences, 2)
    assert np.flatnonzero(shortened).tolist() == [0, 3, 5, 7, 8, 9]
    assert np.flatnonzero(shorten_gaps(stays, positions, sequences, None)).tolist() == [0, 5]


def test_odd_images_are_read_as_they_are(tmp_path):
    deep = np.full((40, 60), 300, np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    Image.fromarray(deep * 100).save(tmp_path / "b.png")
    first, second = read_picture(tmp_path / "a.png"), read_picture(tmp_path / "b.png")
    assert (first.thumbnail.mean(), second.thumbnail.mean()) == (1, 117)  # not both white
    clear = np.full((40, 60, 4), 200, np.uint8)
    Image.fromarray(clear).save(tmp_path / "c.png")
    clear[:, :, 3] = 90
    Image.fromarray(clear).save(tmp_path / "d.png")
    one, other = read_picture(tmp_path / "c.png"), read_picture(tmp_path / "d.png")
    assert not is_still(one, other, DedupeSettings())
    grey = Image.fromarray(np.full((40, 60), 9, np.uint8))
    grey.save(tmp_path / "pages.tif", save_all=True, append_images=[grey])
    assert read_picture(tmp_path / "pages.tif") is None
    assert not is_still(first, one, DedupeSettings())  # another kind of picture
    assert read_picture(tmp_path / os.fsdecode(b"\xff.png")) is None


def test_work_in_order_stays_close_to_its_caller():
    begun = []

    def work(number):
        begun.append(number)
        time.sleep(0.01 if number % 2 else 0)
        if number == 20:
            raise ValueError("twenty")
        return number

    results = read_ahead(work, range(100), threads=3)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    time.sleep(0.1)
    assert len(begun) <= 5 + 2 * 3
    with pytest.raises(ValueError, match="twenty"):
        list(results)
    assert len(begun) <= 20 + 2 * 3


def test_a_terminal_shows_bars(paused, prep, tmp_path):
    prep("extract", paused, "-o", "ds", "--dedupe", "off")
    code, shown = on_terminal(["dedupe", "ds"], tmp_path)
    assert code == 0
    assert re.search(r"all 0/1 videos +\d+%", shown)
    assert on_terminal(["dedupe", "ds", "-q"], tmp_path) == (0, "")
