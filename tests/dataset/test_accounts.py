"""The accounts: they balance whatever became of the frames, and name every difference."""

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import video_prep
from helpers import media
from helpers.datasets import record
from helpers.handmade import table
from helpers.prep import in_threads
from hypothesis import given, settings, strategies as st
from video_prep.dataset.accounts import may_have_image, recount
from video_prep.dataset.breaks import find_breaks, find_runs
from video_prep.dataset.clock import duration_seconds
from video_prep.dataset.frame_file import read_frames, write_frames
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.dataset.image_folder import ImageNames
from video_prep.dataset.records import Counts, Notice
from video_prep.settings.stages import BreakSettings


@pytest.fixture(scope="module")
def clean(tmp_path_factory, steady):
    """A dataset of two videos, one sampled."""
    extract = in_threads(video_prep.extract)

    folder = tmp_path_factory.mktemp("clean")
    media.twin(steady, folder / "other.mp4")
    assert extract([steady, folder / "other.mp4"], folder / "ds").exit_code == 0
    return folder / "ds"


@pytest.fixture
def dataset(clean, tmp_path):
    return Path(shutil.copytree(clean, tmp_path / "ds"))


def image(dataset, index, video="steady"):
    return dataset / video / ImageNames(video, 6, "jpg").name(index)


def mismatches(dataset):
    return {account.id: account.mismatches for account in video_prep.status(dataset).videos}


def test_a_clean_dataset_balances(dataset, prep):
    done = prep("status", "ds", "--json")
    assert (done.code, done.json["warnings"], done.json["errors"]) == (0, [], [])
    assert done.json["totals"] == {
        "videos": 2,
        "frames_in_header": 100,
        "packets": 100,
        "frames_decoded": 100,
        "kept": 100,
        "duplicates": 0,
        "sampled_out": 0,
        "rejected": 0,
        "files_on_disk": 100,
    }
    assert "All balances: 100 decoded = 100 kept" in prep("status", "ds").out


def test_an_image_that_is_gone_is_named(dataset, prep):
    image(dataset, 17).unlink()
    (mismatch,) = mismatches(dataset)["steady"]
    assert (mismatch.kind, mismatch.frames) == ("image-missing", (17,))
    assert mismatches(dataset)["other"] == ()
    done = prep("status", "ds")
    assert done.code == 1
    assert "image-missing: the image of frame 17 is gone" in done.out
    assert "--overwrite" in done.out
    assert prep("validate", "ds").code == 1  # which marks the frame as rejected
    (mismatch,) = mismatches(dataset)["steady"]
    assert (mismatch.kind, mismatch.frames) == ("image-missing", (17,))


def test_an_image_that_was_added_is_named(dataset, prep):
    shutil.copy(image(dataset, 3), image(dataset, 50))
    shutil.copy(image(dataset, 3), dataset / "steady" / "notes.jpg")
    added, foreign = mismatches(dataset)["steady"]
    assert (added.kind, added.frames) == ("image-added", (50,))
    assert (foreign.kind, foreign.files) == ("file-foreign", ("notes.jpg",))
    assert prep("status", "ds").code == 1


def test_records_that_differ_are_told(dataset, prep):
    file = dataset / "steady" / "video.json"
    data = json.loads(file.read_text())
    data["counts"]["kept"] = 49
    file.write_text(json.dumps(data))
    (mismatch,) = mismatches(dataset)["steady"]
    assert mismatch.kind == "records-differ"
    assert "49 kept instead of 50" in mismatch.message
    assert prep("status", "ds").code == 1


def test_a_broken_video_hides_no_other(dataset, prep):
    (dataset / "steady" / "frames.parquet").write_bytes(b"x")
    (dataset / "loose").mkdir()
    done = prep("status", "ds", "--json")
    assert done.code == 3
    assert [video["id"] for video in done.json["videos"]] == ["other"]
    assert "steady" in done.json["errors"][0]["message"]
    assert "loose" in done.json["warnings"][0]


def test_no_dataset_is_a_usage_error(prep, tmp_path):
    done = prep("status", tmp_path)
    assert (done.code, "holds no video of a dataset" in done.err) == (2, True)


FATES = st.lists(st.sampled_from(list(Fate)), min_size=1, max_size=60)
NO_COUNTS = Counts(None, 0, 0, 0, 0, 0, 0, 0)


@given(fates=FATES, gone=st.sets(st.integers(0, 59)), added=st.sets(st.integers(0, 70)))
@settings(max_examples=60)
def test_the_equations_hold_for_all_fates(clean, fates, gone, added):
    frames = table(fates)
    counts = recount(NO_COUNTS, frames)
    assert counts.frames_decoded == len(fates)
    assert counts.frames_decoded == (
        counts.kept + counts.duplicates + counts.sampled_out + counts.rejected
    )
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "steady"
        video.mkdir()
        data = record(clean / "steady") | {"counts": dataclasses.asdict(counts)}
        (video / "video.json").write_text(json.dumps(data))
        write_frames(video / "frames.parquet", frames)
        on_disk = {i for i, fate in enumerate(fates) if fate == Fate.KEPT} - gone | added
        for index in on_disk:
            image(Path(folder), index).touch()
        (account,) = video_prep.status(folder).videos
    kept = set(np.flatnonzero(frames.fate == Fate.KEPT))
    assert account.counts.files_on_disk == len(kept & on_disk)
    told = {mismatch.kind: set(mismatch.frames) for mismatch in account.mismatches}
    allowed = set(np.flatnonzero(may_have_image(frames)))
    expected = {"image-missing": kept - on_disk, "image-added": on_disk - allowed}
    assert told == {kind: frames for kind, frames in expected.items() if frames}


def test_an_update_that_was_cut_off_is_carried_out(dataset):
    """Both files are there under their new names, the renames are not done."""
    from video_prep.dataset.store import Dataset

    store = Dataset(dataset)
    frames = store.read_frames("steady").with_rows([9], fate=Fate.REJECTED)
    new = dataclasses.replace(
        store.read_record("steady"), counts=recount(store.read_record("steady").counts, frames)
    )
    folder = dataset / "steady"
    write_frames(folder / "frames.parquet.next", frames)
    with store.writing():  # a promise was not made yet: nothing happens
        assert read_frames(folder / "frames.parquet").count(Fate.REJECTED) == 0
    assert not (folder / "frames.parquet.next").exists()
    write_frames(folder / "frames.parquet.next", frames)
    (folder / "video.json.next").write_text(json.dumps(new.to_json()))
    with store.writing():
        assert read_frames(folder / "frames.parquet").count(Fate.REJECTED) == 1
        assert store.read_record("steady") == new
    assert not list(folder.glob("*.next"))


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_an_update_killed_between_its_renames_is_whole_or_not(renames, dataset, monkeypatch):
    from video_prep.dataset.store import Dataset

    store, folder = Dataset(dataset), dataset / "steady"
    old = store.read_record("steady")
    frames = store.read_frames("steady").with_rows([9], fate=Fate.REJECTED)
    new = dataclasses.replace(old, counts=recount(old.counts, frames))
    rename, done = Path.rename, []

    def die_later(path, target):
        if len(done) == renames:
            raise KeyboardInterrupt
        done.append(target)
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die_later)
        with pytest.raises(KeyboardInterrupt):
            store.update(new, frames)

    def is_whole():
        record, frames = store.read_video("steady")
        return (record, frames.count(Fate.REJECTED)) == ((new, 1) if renames else (old, 0))

    assert is_whole()  # for who only reads
    with store.writing():
        assert is_whole()
    assert is_whole()
    assert {path.suffix for path in folder.iterdir()} == {".jpg", ".json", ".parquet"}


K, D, S, R = Fate.KEPT, Fate.DUPLICATE, Fate.SAMPLED_OUT, Fate.REJECTED


def kinds(frames, notices=(), **options):
    found = find_breaks(frames, notices, BreakSettings(**options))
    return [(b.kind, b.after, b.before, b.frames) for b in found]


def test_no_break_in_steady_footage():
    assert kinds(table([K] * 10)) == []
    assert kinds(table([K, S, S, S, S] * 5)) == []  # sampling is a larger usual step
    assert kinds(table([K])) == kinds(table([D, S])) == []


def test_still_and_missing_are_told_apart():
    frames = table(
        [K, D, D, K, D, K, R, K],
        [0, Reason.STILL, Reason.STILL, 0, Reason.SIMILAR, 0, Reason.TRUNCATED, 0],
    )
    assert kinds(frames) == [("still", 0, 3, 2), ("missing", 3, 5, 1), ("missing", 5, 7, 1)]
    first = find_breaks(frames, (), BreakSettings())[0]
    assert first.seconds == pytest.approx(0.12)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(40, []), (80, []), (81, []), (82, [("timeline", 4, 5, 0)]), (-40, [("timeline", 4, 5, 0)])],
)
def test_a_jump_of_the_clock_is_a_break(step, expected):
    pts = np.arange(10) * 40
    pts[5:] += step - 40
    assert kinds(table([K] * 10, pts=pts)) == expected


def test_a_larger_factor_forgives_larger_jumps():
    pts = np.arange(10) * 40
    pts[5:] += 100
    frames = table([K] * 10, pts=pts)
    assert kinds(frames) == [("timeline", 4, 5, 0)]
    assert kinds(frames, step_factor=4.0) == []


N = float("nan")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0.0, 0.04, 0.08, 0.12], 0.16),
        ([100.0, 100.04, 100.08], 0.12),  # a clock need not begin at 0
        ([0.0, 0.04, 0.08, 4.08, 4.12], 4.16),  # a stall is as long as the clock says
        ([0.0, 0.04, 0.08, 0.0, 0.04, 0.08], 0.24),  # two recordings in one file
        ([0.04, N, 0.12, 0.16], 0.16),
        ([N, 0.04, 0.08, 0.12, N, N], 0.24),
        ([0.0], None),
        ([0.0, 0.0, 0.0], None),
        ([N, N, N], None),
        ([], None),
    ],
)
def test_a_video_lasts_to_the_end_of_its_last_frame(times, expected):
    frames = dataclasses.replace(table([K] * len(times)), time_seconds=np.array(times, float))
    assert duration_seconds(frames) == expected


def test_a_jump_within_what_was_dropped_is_told_of_the_kept_ones():
    pts = np.arange(6) * 40
    pts[2:] += 1000
    frames = table([K, D, D, K, K, K], [0, 1, 1, 0, 0, 0], pts=pts)
    assert kinds(frames) == [("still", 0, 3, 2), ("timeline", 0, 3, 2)]


def test_cut_damage_and_size_stand_before_their_frame():
    frames = table([K] * 8, scores=[50, 0, 11, 0, 0, 0, 0, 10])
    behind_the_last = Notice("damage", "", 8)
    notices = [Notice("damage", "", 4), Notice("size-change", "", 6), Notice("hdr", "", 7)]
    notices.append(behind_the_last)
    assert kinds(frames, notices) == [
        ("cut", 1, 2, 0),
        ("damage", 3, 4, 0),
        ("size", 5, 6, 0),
    ]


def test_runs_end_at_the_kinds_that_the_settings_name():
    frames = table([K, D, K, K, K, K], [0, Reason.STILL, 0, 0, 0, 0], scores=[0, 0, 0, 0, 99, 0])
    for ends_run, expected in (
        ("cut", [(0, 3), (4, 5)]),
        ("cut,still", [(0, 0), (2, 3), (4, 5)]),
        ("size", [(0, 5)]),
    ):
        breaks = BreakSettings(ends_run=ends_run)
        found = find_runs(frames, find_breaks(frames, (), breaks), breaks)
        assert list(found) == expected
    assert find_runs(table([D]), (), BreakSettings()) == ()


@given(fates=FATES, scores=st.lists(st.floats(0, 100), min_size=60, max_size=60))
def test_runs_hold_every_kept_frame_once(fates, scores):
    frames = table(fates, scores=scores[: len(fates)])
    breaks = BreakSettings()
    runs = find_runs(frames, find_breaks(frames, (), breaks), breaks)
    held = [i for first, last in runs for i in range(first, last + 1) if fates[i] == Fate.KEPT]
    assert held == np.flatnonzero(frames.fate == Fate.KEPT).tolist()


def test_breaks_of_footage_stand_in_the_record(prep, tmp_path):
    samples = Path(__file__).parents[2] / "sample_videos"
    assert prep("extract", samples / "two_scenes.mkv", samples / "still.mp4", "-o", "ds").code == 0
    scenes, still = (record(tmp_path / "ds" / name)["breaks"] for name in ("two_scenes", "still"))
    assert [(b["kind"], b["after"], b["before"], b["seconds"]) for b in scenes] == [
        ("timeline", 74, 75, 4.04),
        ("cut", 74, 75, 4.04),
    ]
    assert [(b["kind"], b["after"], b["before"], b["frames"]) for b in still] == [
        ("still", 2, 61, 58),
        ("still", 91, 107, 15),
        ("still", 107, 110, 2),
        ("still", 110, 120, 9),
        ("still", 120, 211, 90),
    ]
