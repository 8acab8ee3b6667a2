"""Validate: every planted fault is found under its own name, and nothing else is flagged."""

import dataclasses
import json
import os
import shutil
import subprocess

import cv2
import numpy as np
import pytest
import video_prep
from helpers import media
from helpers.datasets import frames, images, record, snapshot
from helpers.handmade import SIZE, write_video
from helpers.prep import command, environment, in_threads, on_terminal
from video_prep.base.errors import DiskFullError
from video_prep.base.work import Watch
from video_prep.dataset.frame_file import read_frames
from video_prep.dataset.frame_table import COLUMNS, MISSING_PTS, Fate, FrameTable
from video_prep.dataset.marks import MARKS
from video_prep.dataset.store import Dataset
from video_prep.engines.threads import InProcess
from video_prep.pictures.judge import Reason, judge, measure
from video_prep.settings.stages import ValidateSettings

extract, validate = in_threads(video_prep.extract), in_threads(video_prep.validate)


@pytest.fixture(scope="session")
def clean(steady, tmp_path_factory):
    """A dataset of one video for each image format, every frame kept."""
    folder = tmp_path_factory.mktemp("clean")
    for image_format in ("jpg", "png"):
        subprocess.run(
            command(
                *("extract", steady, "-o", folder / image_format, "--dedupe", "off", "-q"),
                *("--format", image_format),
            ),
            env=environment(),
            check=True,
        )
    return folder


@pytest.fixture(params=["jpg", "png"])
def dataset(request, clean, tmp_path):
    """A copy to break; its one video has 50 frames of 160x120 pixels."""
    return shutil.copytree(clean / request.param, tmp_path / "ds")


def video_of(dataset):
    return dataset / "steady"


def path_of(dataset, index):
    return next(video_of(dataset).glob(f"steady-frame_{index:06d}.*"))


def swap(one, other):
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def encoded(image_format, width=160, height=120):
    return cv2.imencode(f".{image_format}", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


def other_format(path):
    return "png" if path.suffix == ".jpg" else "jpg"


def flip(path, count=64):
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + count] = bytes(byte ^ 0x55 for byte in data[middle : middle + count])
    path.write_bytes(data)


# What is done to frames 7 and 8, and what must be found: kind, frame, part of the message.
FAULTS = {
    "deleted": (lambda a, b: a.unlink(), [("missing", 7, "gone")]),
    "empty": (lambda a, b: a.write_bytes(b""), [("empty", 7, "full disk")]),
    "text": (lambda a, b: a.write_text("hello\n" * 99), [("not_an_image", 7, "not an image")]),
    "zeros": (lambda a, b: a.write_bytes(bytes(5000)), [("not_an_image", 7, "not an image")]),
    "other format": (
        lambda a, b: a.write_bytes(encoded(other_format(a))),
        [("wrong_format", 7, "by its content")],
    ),
    "half": (
        lambda a, b: a.write_bytes(a.read_bytes()[: a.stat().st_size // 2]),
        [("truncated", 7, "cut off")],
    ),
    "last byte lost": (
        lambda a, b: a.write_bytes(a.read_bytes()[:-1]),
        [("truncated", 7, "cut off")],
    ),
    "half, then zeros": (
        lambda a, b: a.write_bytes(a.read_bytes()[: a.stat().st_size // 2] + bytes(4000)),
        [("truncated", 7, "cut off")],
    ),
    "flipped bytes": (lambda a, b: flip(a), [("corrupt", 7, "damaged")]),
    "a byte behind the end": (
        lambda a, b: a.write_bytes(a.read_bytes() + b"x"),
        [("trailing_data", 7, "its end (1)")],
    ),
    "an image behind the end": (
        lambda a, b: a.write_bytes(a.read_bytes() + b.read_bytes()),
        [("trailing_data", 7, "behind its end")],
    ),
    "another size": (
        lambda a, b: a.write_bytes(encoded(a.suffix[1:], 120, 160)),
        [("wrong_size", 7, "120×160 pixels instead of 160×120")],
    ),
    "edited": (
        lambda a, b: a.write_bytes(encoded(a.suffix[1:])),
        [("wrong_content", 7, "not as it was extracted")],
    ),
    "swapped": (swap, [("wrong_content", 7, "holds frame 8"), ("wrong_content", 8, "frame 7")]),
    "overwritten by the next": (
        lambda a, b: b.replace(a),
        [("wrong_content", 7, "holds frame 8"), ("missing", 8, "gone")],
    ),
    "wrong digits": (
        lambda a, b: a.rename(a.with_name(f"steady-frame_00007{a.suffix}")),
        [("missing", 7, "gone"), ("misnamed", 7, "Rename it to steady-frame_000007.")],
    ),
    "wrong prefix": (
        lambda a, b: a.rename(a.with_name(f"other-frame_000007{a.suffix}")),
        [("missing", 7, "gone"), ("misnamed", 7, "Rename it")],
    ),
    "digits of another script": (
        lambda a, b: a.rename(a.with_name(f"steady-frame_00000٧{a.suffix}")),
        [("missing", 7, "gone"), ("misnamed", 7, "Rename it")],
    ),
    "beyond the range": (
        lambda a, b: a.rename(a.with_name(f"steady-frame_000050{a.suffix}")),
        [("missing", 7, "gone"), ("misnamed", 7, "Rename it")],
    ),
    "copied beyond the range": (
        lambda a, b: shutil.copy(a, a.with_name(f"steady-frame_000050{a.suffix}")),
        [("foreign", 7, "copy of the image of frame 7")],
    ),
    "foreign beyond the range": (
        lambda a, b: a.with_name(f"steady-frame_000050{a.suffix}").write_text("x"),
        [("foreign", None, "the video has 50")],
    ),
    "foreign": (
        lambda a, b: a.with_name("notes.txt").write_text("x"),
        [("foreign", None, "names like steady-frame_000000.")],
    ),
    "other format beside it": (
        lambda a, b: a.with_suffix("." + other_format(a)).write_bytes(encoded(other_format(a))),
        [("foreign", None, "names like")],
    ),
    "folder": (lambda a, b: a.with_name("old").mkdir(), [("foreign", None, "is a folder")]),
    "folder in its place": (
        lambda a, b: (a.unlink(), a.mkdir()),
        [("not_an_image", 7, "is no file")],
    ),
    "pipe in its place": (
        lambda a, b: (a.unlink(), os.mkfifo(a)),
        [("not_an_image", 7, "is no file")],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_nothing_else(fault, dataset):
    plant, expected = FAULTS[fault]
    plant(path_of(dataset, 7), path_of(dataset, 8))
    before = [path.name for path in sorted(video_of(dataset).iterdir())]
    result = validate(dataset)
    assert result.exit_code == 1
    found = result.videos[0].findings
    assert [(f.kind, f.frame) for f in found] == [(kind, frame) for kind, frame, _ in expected]
    for finding, (_, _, text) in zip(found, expected, strict=True):
        assert text in finding.message
    assert [path.name for path in sorted(video_of(dataset).iterdir())] == before

    rejected = {frame: kind for kind, frame, _ in expected if kind not in {"misnamed", "foreign"}}
    table, counts = frames(video_of(dataset)), record(video_of(dataset))["counts"]
    assert [i for i, fate in enumerate(table["fate"]) if fate != "kept"] == sorted(rejected)
    assert {i: table["reason"][i] for i in rejected} == rejected
    assert table["fate"].count("rejected") == counts["rejected"] == len(rejected)
    assert counts["kept"] == counts["files_on_disk"] == 50 - len(rejected)
    assert [i for i, x in enumerate(table["sharpness"]) if x is None] == sorted(rejected)
    breaks = [(b["kind"], b["after"], b["before"]) for b in record(video_of(dataset))["breaks"]]
    last = max(rejected, default=0)
    assert breaks == ([("missing", 6, last + 1)] if rejected else [])

    after = snapshot(dataset)
    assert validate(dataset) == result
    assert snapshot(dataset) == after


def test_an_image_that_cannot_be_read_is_named(dataset, monkeypatch):
    bad, read = path_of(dataset, 7), type(dataset).read_bytes

    def fail(path):
        if path == bad:
            raise OSError(5, "Input/output error")
        return read(path)

    monkeypatch.setattr(type(dataset), "read_bytes", fail)
    (finding,) = validate(dataset).videos[0].findings
    assert (finding.kind, finding.frame) == ("unreadable", 7)
    assert "cannot be read: Input/output error" in finding.message


def test_every_damaged_byte_is_found(clean):
    """Whatever is flipped, wherever it is cut: an image is never taken for the right one."""
    random = np.random.default_rng(1)
    for image_format in ("jpg", "png"):
        path = path_of(clean / image_format, 3)
        data, expected = path.read_bytes(), frames(video_of(clean / image_format))["crc32"][3]
        copy = path.parents[2] / f"copy.{image_format}"
        kinds = set()
        for place in random.integers(0, len(data), 150):
            copy.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
            kinds.add(judge(copy, image_format, (160, 120), expected).reason)
        assert Reason.NONE not in kinds
        assert Reason.CORRUPT in kinds
        for length in random.integers(0, len(data), 50):
            copy.write_bytes(data[:length])
            reason = judge(copy, image_format, (160, 120), expected).reason
            assert reason in {Reason.TRUNCATED, Reason.NOT_AN_IMAGE, Reason.EMPTY}
            assert length < 8 or reason == Reason.TRUNCATED
        copy.unlink()


@pytest.mark.smoke
def test_what_is_put_right_is_kept_again(dataset):
    untouched = validate(dataset)
    assert untouched.exit_code == 0
    before = snapshot(dataset)
    one, other = path_of(dataset, 7), path_of(dataset, 8)
    swap(one, other)
    data = path_of(dataset, 20).read_bytes()
    path_of(dataset, 20).unlink()
    assert validate(dataset).videos[0].record.counts.rejected == 3
    swap(one, other)
    one.with_name(one.name.replace("07", "20")).write_bytes(data)
    mended = validate(dataset)
    assert (mended.exit_code, mended.videos[0].recovered) == (0, 3)
    assert snapshot(dataset) == before
    assert validate(dataset) == untouched


@pytest.mark.parametrize(
    "options",
    [
        ["--dedupe", "still"],
        ["--dedupe", "similar"],
        ["--every", "5"],
        ["--max-size", "64"],
        ["--digits", "3", "--format", "png"],
        ["--end", "0"],
    ],
)
def test_a_clean_dataset_has_no_finding(options, prep, tmp_path):
    held = media.encode(
        tmp_path / "held.mkv",
        *("-vf", "fps=5,fps=25", "-c:v", "ffv1"),
        frames=40,
    )
    prep("extract", held, "-o", "ds", *options)
    assert images(tmp_path / "ds" / "held") or options[0] == "--end"
    done = prep("validate", "ds", "--json")
    assert (done.code, done.json["totals"]["findings"]) == (0, 0)
    assert done.json["totals"]["images"] == len(images(tmp_path / "ds" / "held"))
    after = snapshot(tmp_path / "ds")
    assert prep("validate", "ds", "--json").json == done.json
    assert snapshot(tmp_path / "ds") == after


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p", "yuv420p10le", "gray", "gray16le"])
@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_images_of_every_kind_of_pixel_are_right(pixels, image_format, prep, tmp_path):
    options = ("-c:v", "ffv1", "-pix_fmt", pixels)
    media.encode(tmp_path / "v.mkv", *options, frames=3, picture="color=c=gray")
    prep("extract", "v.mkv", "-o", "ds", "--dedupe", "off", "--format", image_format)
    done = prep("validate", "ds", "--json")
    assert (done.code, done.json["totals"]["kept"]) == (0, 3)
    assert frames(tmp_path / "ds" / "v")["brightness"] == pytest.approx([128] * 3, abs=3)


def test_a_misnumbered_frame_among_sampled_ones(steady, prep, tmp_path):
    prep("extract", steady, "-o", "ds", "--every", "5")
    folder = tmp_path / "ds" / "steady"
    (folder / "steady-frame_000010.jpg").rename(folder / "steady-frame_000011.jpg")
    (folder / "steady-frame_000012.jpg").write_bytes(encoded("jpg"))
    done = prep("validate", "ds", "--json")
    assert done.code == 1
    found = done.json["videos"][0]["findings"]
    assert [(f["kind"], f["frame"], f["file"]) for f in found] == [
        ("missing", 10, "steady-frame_000010.jpg"),
        ("misnamed", 10, "steady-frame_000011.jpg"),
        ("foreign", None, "steady-frame_000012.jpg"),
    ]
    assert "frame 12 was left out" in found[2]["message"]


def test_identical_images_have_each_their_own_place(prep, tmp_path):
    media.encode(tmp_path / "v.mp4", frames=5, picture="color=c=black")
    prep("extract", "v.mp4", "-o", "ds", "--dedupe", "off")
    folder = tmp_path / "ds" / "v"
    swap(folder / "v-frame_000001.jpg", folder / "v-frame_000002.jpg")
    assert prep("validate", "ds").code == 0
    (folder / "v-frame_000003.jpg").rename(folder / "v-frame_3.jpg")
    found = prep("validate", "ds", "--json").json["videos"][0]["findings"]
    assert [(f["kind"], f["frame"]) for f in found] == [("missing", 3), ("misnamed", 3)]


def test_a_damaged_folder_costs_only_itself(steady, prep, tmp_path):
    for name in ("a", "b", "c", "d", "e"):
        media.twin(steady, tmp_path / f"{name}.mp4")
    prep("extract", *(f"{name}.mp4" for name in "abcde"), "-o", "ds", "--dedupe", "off")
    ds = tmp_path / "ds"
    (ds / "a" / "frames.parquet").write_bytes(b"PAR1")
    (ds / "b" / "video.json").write_text("{")
    shutil.copy(ds / "e" / "frames.parquet", tmp_path)
    (ds / "e" / "e-frame_000003.jpg").unlink()
    prep("validate", "ds")
    shutil.copy(tmp_path / "frames.parquet", ds / "e")  # no longer what its record counts
    (ds / "c" / "c-frame_000003.jpg").unlink()
    (ds / "x\ny").mkdir()
    done = prep("validate", "ds", "--json")
    assert done.code == 3
    status = {video["id"]: video["status"] for video in done.json["videos"]}
    assert status == dict.fromkeys("abe", "failed") | dict.fromkeys("cd", "validated")
    assert [e["kind"] for e in done.json["errors"]] == ["dataset"] * 3
    assert record(ds / "c")["counts"]["rejected"] == 1
    assert done.json["totals"]["foreign_folders"] == 1
    assert done.json["warnings"][0].startswith("x\\ny: ")
    text = prep("validate", "ds")
    assert "c/c-frame_000003.jpg is gone" in text.out
    assert "foreign: x\\ny" in text.out
    assert "3 videos failed" in text.out


def test_a_foreign_folder_alone_is_a_finding(clean, prep, tmp_path):
    ds = shutil.copytree(clean / "jpg", tmp_path / "ds")
    (ds / "holiday").mkdir()
    (ds / ".trash").mkdir()
    (ds / "steady" / ".DS_Store").touch()
    done = prep("validate", "ds")
    assert done.code == 1
    assert "foreign: holiday: " in done.out
    assert ".trash" not in done.out + done.err


@pytest.mark.parametrize("name", ["nowhere", "empty", "file"])
def test_what_is_no_dataset_is_refused_and_left_alone(name, prep, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    done = prep("validate", name)
    assert done.code == 2
    assert "Name the dataset" in done.err
    assert not list((tmp_path / "empty").iterdir())
    assert not (tmp_path / "nowhere").exists()


def test_findings_are_limited_unless_all_are_asked_for(clean, prep, tmp_path):
    folder = video_of(shutil.copytree(clean / "jpg", tmp_path / "ds"))
    (folder / "a.txt").touch()
    for path in sorted(folder.glob("*.jpg"))[10:40]:
        path.write_bytes(b"")
    (folder / "steady-frame_000045.jpg").unlink()
    done = prep("validate", "ds")
    lines = [line for line in done.out.splitlines() if line.startswith(("missing", "empty"))]
    assert lines[0].startswith("missing: steady/steady-frame_000045.jpg is gone")
    assert len(lines) == 20
    assert "and 12 more; -v" in done.out
    everything = prep("validate", "ds", "-v").out
    assert everything.count("empty: ") == 30
    assert "foreign: steady/a.txt" in everything


def test_json_has_fixed_keys(clean, prep, tmp_path):
    path_of(shutil.copytree(clean / "jpg", tmp_path / "dataset"), 7).unlink()
    done = prep("validate", "--json")
    assert (done.code, done.err) == (1, "")
    assert done.json.keys() == {
        *("command", "status", "exit_code", "videos", "totals", "warnings", "errors"),
    }
    assert done.json["totals"] == {
        "videos": 1,
        "failed": 0,
        "images": 50,
        "proven": 0,
        "kept": 49,
        "rejected": 1,
        "recovered": 0,
        "findings": 1,
        "foreign_folders": 0,
        "blurred": 0,
        "dark": 0,
        "bright": 0,
        "flat": 0,
    }
    (video,) = done.json["videos"]
    assert video.keys() == {
        *(
            "id",
            "status",
            "images",
            "proven",
            "recovered",
            "counts",
            "marks",
            "marked",
            "findings",
            "error",
        ),
    }
    assert video["findings"][0].keys() == {"kind", "frame", "file", "message"}


def test_stopped_and_run_again_it_ends_the_same(clean, steady, prep, tmp_path):
    for name in ("a", "b"):
        media.twin(steady, tmp_path / f"{name}.mp4")
    prep("extract", "a.mp4", "b.mp4", "-o", "one", "--dedupe", "off")
    one, other = tmp_path / "one", shutil.copytree(tmp_path / "one", tmp_path / "other")
    untouched = snapshot(other / "b")

    class Stop(Watch):
        def parts_done(self, item, parts):
            if item == "b":
                raise KeyboardInterrupt

    validate(one)
    with pytest.raises(KeyboardInterrupt):
        validate(other, engine=InProcess(1), watch=Stop())
    assert snapshot(other / "a") == snapshot(one / "a")
    assert snapshot(other / "b") == untouched
    assert validate(other).exit_code == 0
    assert snapshot(other) == snapshot(one)


def test_an_update_that_was_cut_off_leaves_no_trace(clean, prep, tmp_path):
    folder = video_of(shutil.copytree(clean / "jpg", tmp_path / "ds"))
    (folder / "frames.parquet.next").write_bytes(b"half")
    (folder / "video.json.part").write_bytes(b"half")
    assert prep("validate", "ds").code == 0
    assert not list(folder.glob("*.next")) + list(folder.glob("*.part"))


def test_breaks_are_kept_where_no_fate_changes(clean, prep, tmp_path):
    folder = video_of(shutil.copytree(clean / "jpg", tmp_path / "ds"))
    text = json.loads((folder / "video.json").read_text())
    text["breaks"] = [{"kind": "cut", "after": 3, "before": 4, "frames": 0, "seconds": 0.04}]
    (folder / "video.json").write_text(json.dumps(text))
    assert prep("validate", "ds").code == 0
    assert record(folder)["breaks"] == text["breaks"]


def test_measures_of_flat_pictures():
    for level in (0, 90, 255):
        flat = measure(np.full((1080, 1920), level, np.uint8))
        assert dataclasses.astuple(flat) == (0, level, 0)


def test_measures_of_known_pictures():
    halves = np.zeros((480, 640), np.uint8)
    halves[:, 320:] = 100
    found = measure(halves)
    assert (found.brightness, found.contrast) == (50, 50)
    # The Laplacian is 100 and -100 in the two columns at the edge, and nothing elsewhere.
    assert found.sharpness == pytest.approx(2 * 100**2 / 640, rel=1e-6)
    # Twice as large, it is the same picture once it is scaled down.
    assert measure(np.kron(halves, np.ones((2, 2), np.uint8))) == found
    assert measure(np.zeros((1, 4000), np.uint8)).contrast == 0


def table(**measures):
    count = len(next(iter(measures.values())))
    columns = {name: np.zeros(count, dtype) for name, dtype in COLUMNS.items()}
    neutral = {"sharpness": 100, "brightness": 100, "contrast": 100}
    columns |= {name: np.full(count, value, np.float32) for name, value in neutral.items()}
    columns |= {"pts": np.full(count, MISSING_PTS)}
    return FrameTable(**columns | {k: np.array(v, np.float32) for k, v in measures.items()})


@pytest.mark.parametrize(
    ("mark", "measure_name", "values", "expected"),
    [
        ("blurred", "sharpness", [7.9, 8, 0, np.nan], [2, 0]),
        ("dark", "brightness", [15.9, 16, 0, np.nan], [2, 0]),
        ("bright", "brightness", [240.1, 240, 255, np.nan], [2, 0]),
        ("flat", "contrast", [3.9, 4, 0, np.nan], [2, 0]),
    ],
)
def test_marks_follow_the_thresholds(mark, measure_name, values, expected):
    frames, settings = table(**{measure_name: values}), ValidateSettings()
    found = {name: each.worst_first(frames, settings).tolist() for name, each in MARKS.items()}
    assert found.pop(mark) == expected
    assert not any(found.values())
    left_out = frames.with_rows(np.arange(4), fate=Fate.DUPLICATE)
    assert not any(len(each.worst_first(left_out, settings)) for each in MARKS.values())


def test_marked_images_are_named_the_worst_first(prep, tmp_path):
    levels = {"a": [12, 90, 3], "b": [8, 245, 250]}
    for video, greys in levels.items():
        grey = [np.full((*SIZE[::-1], 3), level, np.uint8) for level in greys]
        pictures = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in grey]
        write_video(tmp_path / "ds", video, 3, content=pictures.__getitem__)
    done = prep("validate", "ds", "--json")
    marked = {
        (video["id"], mark): [i["frame"] for i in video["marked"] if i["mark"] == mark]
        for video in done.json["videos"]
        for mark in ("dark", "bright")
    }
    assert marked == {("a", "dark"): [2, 0], ("a", "bright"): [], ("b", "dark"): [0],
                      ("b", "bright"): [2, 1]}  # fmt: skip
    lines = prep("validate", "ds", "-v").out.splitlines()
    assert [line for line in lines if line.startswith(("dark:", "bright:"))] == [
        "dark: a/a-frame_000002.jpg (brightness 3)",
        "dark: b/b-frame_000000.jpg (brightness 8)",
        "dark: a/a-frame_000000.jpg (brightness 12)",
        "bright: b/b-frame_000002.jpg (brightness 250)",
        "bright: b/b-frame_000001.jpg (brightness 245)",
    ]


def test_each_mark_comes_with_the_measure_that_it_is_for(tmp_path):
    for name in ("black", "white"):
        media.encode(tmp_path / f"{name}.mp4", frames=2, picture=f"color=c={name}")
    extract([tmp_path / "black.mp4", tmp_path / "white.mp4"], tmp_path / "ds")
    for video in validate(tmp_path / "ds").done:
        table = frames(tmp_path / "ds" / video.id)
        named = [(i["mark"], i["frame"], i["measure"], i["value"]) for i in video.marked_images()]
        lit = "dark" if video.id == "black" else "bright"
        assert named == [
            (mark, 0, measure, round(table[measure][0], 2))
            for mark, measure in [
                ("blurred", "sharpness"),
                (lit, "brightness"),
                ("flat", "contrast"),
            ]
        ]


def test_marks_are_counted_and_no_findings(prep, tmp_path):
    media.encode(tmp_path / "black.mp4", frames=5, picture="color=c=black")
    media.encode(tmp_path / "white.mp4", frames=4, picture="color=c=white")
    media.encode(tmp_path / "soft.mp4", "-vf", "gblur=9", frames=3, size="640x480")
    media.encode(tmp_path / "sharp.mp4", frames=2, size="640x480")
    prep("extract", *(tmp_path.glob("*.mp4")), "-o", "ds", "--dedupe", "off")
    done = prep("validate", "ds", "--json")
    assert done.code == 0
    marks = {video["id"]: video["marks"] for video in done.json["videos"]}
    assert marks == {
        "black": {"blurred": 5, "dark": 5, "bright": 0, "flat": 5},
        "white": {"blurred": 4, "dark": 0, "bright": 4, "flat": 4},
        "soft": {"blurred": 3, "dark": 0, "bright": 0, "flat": 0},
        "sharp": {"blurred": 0, "dark": 0, "bright": 0, "flat": 0},
    }
    assert "5 blurred, 5 dark, 5 flat" in prep("validate", "ds").out
    (tmp_path / "c.yaml").write_text("validate:\n  dark: 0\n")
    changed = prep("validate", "ds", "-c", "c.yaml", "--blur", "0", "--json").json["totals"]
    assert (changed["dark"], changed["blurred"], changed["flat"]) == (0, 0, 9)


def test_marked_images_are_named_with_what_was_measured(prep, tmp_path):
    media.encode(tmp_path / "soft.mp4", "-vf", "gblur=9:enable='between(n,1,2)'", size="640x480")
    prep("extract", "soft.mp4", "-o", "ds", "--every", "2", "--dedupe", "off")
    (video,) = prep("validate", "ds", "--json").json["videos"]
    (image,) = video["marked"]
    value = frames(tmp_path / "ds" / "soft")["sharpness"][2]
    assert image == {
        "mark": "blurred",
        "frame": 2,
        "file": "soft-frame_000002.jpg",
        "measure": "sharpness",
        "value": round(value, 2),
    }
    assert value < ValidateSettings().blur
    shown = prep("validate", "ds")
    assert "soft-frame" not in shown.out
    assert "To see which images are marked, add -v." in shown.out
    shown = prep("validate", "ds", "-v")
    assert f"blurred: soft/soft-frame_000002.jpg (sharpness {round(value, 2):g})\n" in shown.out
    assert shown.code == 0
    assert "add -v" not in prep("validate", "ds", "--blur", "0").out


def test_other_stages_read_what_was_written(clean, tmp_path):
    ds = shutil.copytree(clean / "jpg", tmp_path / "ds")
    path_of(ds, 7).write_bytes(b"")
    validate(ds)
    assert Dataset(ds).read_records()["steady"].counts.rejected == 1
    assert read_frames(ds / "steady" / "frames.parquet").reason[7] == Reason.EMPTY


def test_on_a_terminal_there_is_a_bar_for_all_and_one_a_video(clean, tmp_path):
    ds = shutil.copytree(clean / "png", tmp_path / "ds")
    (ds / "bad").mkdir()
    (ds / "bad" / "video.json").write_bytes((ds / "steady" / "video.json").read_bytes())
    code, shown = on_terminal(["validate", "ds"], tmp_path)
    assert code == 3
    assert "all 0/1 videos" in shown
    assert "steady" in shown
    assert "/50 frames" in shown
    quiet = on_terminal(["validate", "ds", "-q"], tmp_path)[1]
    assert "this folder was renamed" in " ".join(quiet.split())
    assert "frames" not in quiet


def test_a_bug_that_one_video_finds_costs_only_that_one(steady, prep, tmp_path, monkeypatch):
    for name in ("a", "b"):
        media.twin(steady, tmp_path / f"{name}.mp4")
    prep("extract", "a.mp4", "b.mp4", "-o", "ds")
    before = snapshot(tmp_path / "ds" / "a")

    def judge_or_fail(path, *rest):
        if path.name == "a-frame_000020.jpg":
            raise RuntimeError("boom")
        return judge(path, *rest)

    monkeypatch.setattr("video_prep.stages.validate.video.judge", judge_or_fail)
    result = validate(tmp_path / "ds")
    a, b = result.videos
    assert (result.exit_code, a.error_kind, b.status) == (3, "bug", "validated")
    assert "RuntimeError: boom" in a.error
    assert snapshot(tmp_path / "ds" / "a") == before


def test_a_full_disk_ends_the_run(dataset, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Dataset, "update", fail)
    with pytest.raises(DiskFullError, match="make room"):
        validate(dataset)
