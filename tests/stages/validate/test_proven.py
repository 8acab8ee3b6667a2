"""Images that were found right are not read again, as long as their files are the same."""

import dataclasses
import os
import shutil
import time

import numpy as np
import pytest
import video_prep
from helpers.datasets import snapshot
from helpers.prep import in_threads
from video_prep.dataset.store import Dataset

extract, validate = in_threads(video_prep.extract), in_threads(video_prep.validate)

MINUTE_NS = 60 * 10**9


@pytest.fixture(scope="module")
def made(steady, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "ds"
    extract([steady], folder, dedupe=video_prep.DedupeSettings(dedupe="off"))
    return folder


@pytest.fixture
def dataset(made, tmp_path):
    """A dataset of 50 images that were written a minute ago, all of them found right."""
    folder = shutil.copytree(made, tmp_path / "ds")
    for path in images_of(folder):
        set_time(path, time.time_ns() - MINUTE_NS)
    assert checked(folder) == (0, 50, [])
    return folder


def images_of(dataset):
    return sorted((dataset / "steady").glob("*.jpg"))


def set_time(path, time_ns):
    os.utime(path, ns=(time_ns, time_ns))


def checked(dataset, **more):
    """Validate; return how many images were not read, are kept, and what was found of which."""
    (video,) = validate(dataset, **more).videos
    return video.proven, video.record.counts.kept, [(f.kind, f.frame) for f in video.findings]


def break_unseen(path):
    """Change the bytes of a file, but neither its inode, its size nor its time."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        file.write(b"\xff\xd9\xff\xd9")
    set_time(path, before.st_mtime_ns)


def test_what_was_right_is_not_read_again_unless_asked_for(dataset):
    before = snapshot(dataset)
    break_unseen(images_of(dataset)[7])
    assert checked(dataset) == (50, 50, [])
    assert checked(dataset, again=True) == (0, 49, [("corrupt", 7)])
    assert checked(dataset) == (49, 49, [("corrupt", 7)])  # only what is right is known
    assert before.keys() == snapshot(dataset).keys()


def test_a_file_that_was_written_or_replaced_is_read(dataset):
    written, replaced, gone = images_of(dataset)[3:6]
    time_ns = replaced.stat().st_mtime_ns
    written.write_bytes(written.read_bytes()[:-1])
    other = dataset / "other"
    other.write_bytes(bytes(replaced.stat().st_size))
    set_time(other, time_ns)
    other.rename(replaced)
    other.write_bytes(gone.read_bytes())
    gone.unlink()
    expected = [("truncated", 3), ("not_an_image", 4), ("missing", 5)]
    assert checked(dataset) == (47, 47, expected)
    other.rename(gone)
    assert checked(dataset) == (47, 48, expected[:2])


def test_a_file_that_may_be_written_again_at_the_same_time_is_read_again(dataset):
    paths = images_of(dataset)
    set_time(paths[0], time.time_ns())
    set_time(paths[1], time.time_ns() + MINUTE_NS)  # by the clock of another machine
    assert checked(dataset) == (48, 50, [])
    assert checked(dataset) == (48, 50, [])


def test_another_checksum_in_the_records_is_held_against_the_image(dataset):
    store = Dataset(dataset)
    record, frames = store.read_video("steady")
    crc32 = frames.crc32.copy()
    crc32[9] += 1
    store.update(record, dataclasses.replace(frames, crc32=crc32))
    assert checked(dataset) == (49, 49, [("wrong_content", 9)])


def saved(path, array):
    with path.open("wb") as file:
        np.save(file, array)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(b"no array"),
        lambda path: saved(path, np.arange(50)),
        lambda path: saved(path, np.array([{}], dtype=object)),
        lambda path: path.unlink(),
    ],
)
def test_without_a_sound_record_of_it_all_are_read(damage, dataset):
    path = dataset / ".prep" / "proven" / "steady"
    sound = path.read_bytes()
    damage(path)
    assert checked(dataset) == (0, 50, [])
    assert path.read_bytes() == sound


def test_a_dataset_that_is_only_read_is_known_but_not_written(dataset, tmp_path):
    path = dataset / ".prep" / "proven" / "steady"
    os.utime(images_of(dataset)[0])
    before = path.read_bytes()
    assert checked(dataset, output=tmp_path / "out") == (49, 50, [])
    assert path.read_bytes() == before


def test_the_command_says_what_it_did_not_read(dataset, prep):
    said = "Files that were right before, and were not written since, were not read (--again)."
    assert said in prep("validate", dataset).out
    assert said not in prep("validate", dataset, "--again").out
    done = prep("validate", dataset, "--json").json
    assert (done["totals"]["proven"], done["videos"][0]["proven"]) == (50, 50)


def test_a_run_reads_all_if_asked_for(dataset, steady, prep):
    break_unseen(images_of(dataset)[7])
    arguments = ("run", steady, "-o", dataset, "--dedupe", "off", "--json")
    assert prep(*arguments).json["totals"]["rejected"] == 0
    assert prep(*arguments, "--again").json["totals"]["rejected"] == 1


def test_a_video_that_is_removed_leaves_nothing_behind(dataset):
    video_prep.remove(dataset, ["steady"], force=True)
    assert list((dataset / ".prep" / "proven").iterdir()) == []
