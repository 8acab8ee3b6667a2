"""A run writes the report anew only where it would say something else."""

import json
import shutil

import pytest
import video_prep
from helpers import media
from helpers.prep import in_threads

run, validate = in_threads(video_prep.run), in_threads(video_prep.validate)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a video, and the dataset of a run on it."""
    folder = tmp_path_factory.mktemp("made")
    media.encode(folder / "a.mp4", frames=6)
    run([folder / "a.mp4"], folder / "dataset")
    return folder


@pytest.fixture
def folder(made, tmp_path):
    copy = shutil.copytree(made, tmp_path / "made")
    run([copy / "a.mp4"], copy / "dataset")  # it is another folder
    return copy


def page_is_written_anew(folder, **more):
    page = folder / "dataset" / "report.html"
    before = page.stat().st_ino if page.exists() else None
    keep = page.with_name("kept")  # its inode must not be given to the next
    if before is not None:
        keep.hardlink_to(page)
    done = run([folder / "a.mp4"], folder / "dataset", **more)
    keep.unlink(missing_ok=True)
    numbers = json.loads(done.reported.numbers.read_text())
    assert vars(done.reported.totals) == numbers["totals"]
    assert done.reported.page == page
    return page.stat().st_ino != before


def test_nothing_new_and_the_page_stays(folder):
    assert not page_is_written_anew(folder)
    assert not page_is_written_anew(folder)


CHANGES = {
    "an image is gone": lambda path: next((path / "a").glob("*.jpg")).unlink(),
    "an image is broken": lambda path: next((path / "a").glob("*.jpg")).write_bytes(b"x"),
    "a file is foreign": lambda path: (path / "a" / "notes.txt").touch(),
    "the page was edited": lambda path: (path / "report.html").write_text("mine"),
    "the page is gone": lambda path: (path / "report.html").unlink(),
    "the numbers are gone": lambda path: (path / "report.json").unlink(),
    "it was not remembered": lambda path: (path / ".prep" / "reported.json").unlink(),
    "what was remembered is broken": lambda path: (path / ".prep" / "reported.json").write_text(
        '{"inputs": 1}'
    ),
    "tracks were audited": lambda path: (path / "audit.json").write_text("{}"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_the_page_tells_changes_and_it_is_written_anew(change, folder):
    change(folder / "dataset")
    assert page_is_written_anew(folder)
    assert not page_is_written_anew(folder)


def test_other_settings_make_another_page(folder):
    config = video_prep.load_config(None, {"flat": 5.0})
    assert page_is_written_anew(folder, config=config)
    assert not page_is_written_anew(folder, config=config)
    assert page_is_written_anew(folder)


def test_a_further_video_makes_another_page(folder):
    media.encode(folder / "b.mp4", frames=5)
    run([folder / "b.mp4"], folder / "dataset")
    (folder / "b.mp4").unlink()
    assert not page_is_written_anew(folder)
    assert "b" in (folder / "dataset" / "report.html").read_text()
