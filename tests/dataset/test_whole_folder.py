"""A folder of results is there whole or not at all."""

import pytest
from helpers import rights
from video_prep.base.errors import DatasetError, InputError, UsageError
from video_prep.dataset.whole_folder import whole_folder


def ours(folder):
    return (folder / "mark").exists()


def make(target, text, *, overwrite=False):
    with whole_folder(target, ours, overwrite=overwrite) as out:
        (out / "mark").write_text(text)
        assert not (target / "mark").exists() or (target / "mark").read_text() != text
    return (target / "mark").read_text()


def test_it_is_there_at_the_end_and_replaced_if_that_is_asked(tmp_path):
    target = tmp_path / "deep" / "out"
    assert make(target, "one") == "one"
    with pytest.raises(UsageError, match="Replace it with --overwrite"):
        make(target, "two")
    assert make(target, "two", overwrite=True) == "two"
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def test_an_empty_folder_may_be_the_target(tmp_path):
    (tmp_path / "out").mkdir()
    assert make(tmp_path / "out", "one") == "one"


def test_what_fails_leaves_what_was_there(tmp_path):
    make(tmp_path / "out", "one")
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "out", ours, overwrite=True):
        raise ZeroDivisionError
    assert (tmp_path / "out" / "mark").read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_nothing_else_is_replaced(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").touch()
    for name in ("file", "folder"):
        with pytest.raises(InputError, match="something else is there"):
            make(tmp_path / name, "one", overwrite=True)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder", "mine"]


def test_two_at_once_are_refused(tmp_path):
    with (
        whole_folder(tmp_path / "out", ours, overwrite=False) as out,
        pytest.raises(DatasetError, match="another prep is writing this folder"),
        whole_folder(tmp_path / "out", ours, overwrite=False),
    ):
        pass
    assert not out.exists()


def test_where_nothing_can_be_written_the_way_out_is_told(tmp_path):
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o500)
    with rights.of_files_count(), pytest.raises(DatasetError, match=r"cannot be written: .* -o"):
        make(tmp_path / "closed" / "out", "one")
