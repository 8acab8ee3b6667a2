"""What stands behind a dataset: sources that were renamed, moved, swapped, copied, or are gone."""

import os
import re
import shutil
from pathlib import Path

import pytest
from helpers import media
from helpers.datasets import images, record, snapshot
from helpers.prep import in_threads
from video_prep.settings.dedupe import DedupeSettings
from video_prep.stages.dedupe import stage as dedupe_stage
from video_prep.stages.extract import stage as extract_stage
from video_prep.stages.extract.resume import recognise
from video_prep.stages.status.stage import status
from video_prep.video import identity
from video_prep.video.sources import find_sources

extract, dedupe = in_threads(extract_stage.extract), in_threads(dedupe_stage.dedupe)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three videos, of which the last frames are all still; b and c have the same size."""
    folder = tmp_path_factory.mktemp("three")
    media.encode(folder / "a.mp4", *media.X264, frames=6)
    media.encode(folder / "b.mp4", *media.X264, frames=8, picture="smptebars")
    data = bytearray((folder / "b.mp4").read_bytes())
    data[data.index(b"Lavf")] ^= 1  # in the name of the muxer
    (folder / "c.mp4").write_bytes(data)
    return folder


@pytest.fixture
def inputs(three, tmp_path):
    return Path(shutil.copytree(three, tmp_path / "in"))


@pytest.fixture
def dataset(inputs, tmp_path):
    assert statuses(extract([inputs], tmp_path / "ds")) == dict.fromkeys(
        ("a.mp4", "b.mp4", "c.mp4"), "extracted"
    )
    return tmp_path / "ds"


def statuses(result):
    return {Path(video.source).name: video.status for video in result.videos}


def ids(result):
    return {Path(video.source).name: video.id for video in result.videos}


def notices(result):
    return [(n.kind, video.id) for video in result.videos for n in video.notices]


def sources(dataset):
    folders = (folder for folder in dataset.iterdir() if (folder / "video.json").exists())
    return {folder.name: Path(record(folder)["source"]["path"]).name for folder in folders}


def test_one_of_ten_is_renamed(prep, tmp_path):
    footage = tmp_path / "in"
    footage.mkdir()
    for number in range(10):
        picture = f"color=c=0x{number * 20:02x}4040"
        media.encode(footage / f"v{number}.mp4", *media.X264, frames=6, picture=picture)
    assert prep("extract", "in", "-o", "ds").code == 0
    before = snapshot(tmp_path / "ds")
    (footage / "v4.mp4").rename(footage / "crossing.mp4")
    done = prep("extract", "in", "-o", "ds")
    assert done.code == 0
    assert "10 videos (10 unchanged)" in done.out
    assert (
        f"renamed: was {footage}/v4.mp4, is {footage}/crossing.mp4; its id stays 'v4'" in done.out
    )
    after = snapshot(tmp_path / "ds")
    assert {name for name in after if after[name] != before.get(name)} == {"v4/video.json"}
    assert after.keys() == before.keys()
    # The record has followed: said once, and what was left out comes back from there.
    assert images(tmp_path / "ds" / "v4") == ["v4-frame_000000.jpg"]
    assert prep("dedupe", "ds", "--restore").code == 0
    assert len(images(tmp_path / "ds" / "v4")) == 6
    assert "renamed: " not in prep("extract", "in", "-o", "ds").out


def test_renamed_moved_and_swapped_sources_keep_their_ids(inputs, dataset):
    (inputs / "sub").mkdir()
    (inputs / "a.mp4").rename(inputs / "sub" / "z.mp4")
    swapped = inputs / "swap"
    (inputs / "b.mp4").rename(swapped)
    (inputs / "c.mp4").rename(inputs / "b.mp4")
    swapped.rename(inputs / "c.mp4")
    result = extract([inputs], dataset)
    assert (result.exit_code, result.without_input) == (0, ())
    assert ids(result) == {"z.mp4": "a", "b.mp4": "c", "c.mp4": "b"}
    assert set(statuses(result).values()) == {"unchanged"}
    assert sorted(notices(result)) == [("moved", "a"), ("renamed", "b"), ("renamed", "c")]
    assert sources(dataset) == {"a": "z.mp4", "b": "c.mp4", "c": "b.mp4"}
    assert record(dataset / "a")["source"]["name"] == "sub/z.mp4"
    assert notices(extract([inputs], dataset)) == []


def test_sources_of_other_sizes_that_swapped_names(inputs, dataset):
    (inputs / "a.mp4").rename(inputs / "x")
    (inputs / "b.mp4").rename(inputs / "a.mp4")
    (inputs / "x").rename(inputs / "b.mp4")
    result = extract([inputs], dataset)
    assert ids(result) == {"a.mp4": "b", "b.mp4": "a", "c.mp4": "c"}
    assert result.exit_code == 0


def test_a_new_video_under_the_old_name_of_a_renamed_one(inputs, dataset):
    (inputs / "a.mp4").rename(inputs / "old.mp4")
    media.encode(inputs / "a.mp4", *media.X264, frames=4)
    result = extract([inputs], dataset)
    assert result.exit_code == 0
    assert ids(result) == {"a.mp4": "a_mp4", "b.mp4": "b", "c.mp4": "c", "old.mp4": "a"}
    assert statuses(result)["a.mp4"] == "extracted"


def test_a_folder_that_moved_is_not_read(inputs, dataset, tmp_path, monkeypatch):
    moved = inputs.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(identity, "_sha256", None)
    result = extract([moved], dataset)
    assert set(statuses(result).values()) == {"unchanged"}
    assert [kind for kind, _ in notices(result)] == ["moved"] * 3
    assert record(dataset / "b")["source"]["path"] == str(moved / "b.mp4")


def test_a_touched_source_is_read_once(inputs, dataset, monkeypatch):
    os.utime(inputs / "a.mp4")
    assert notices(extract([inputs], dataset)) == []
    monkeypatch.setattr(identity, "_sha256", None)
    assert set(statuses(extract([inputs], dataset)).values()) == {"unchanged"}


def test_whole_files_are_read_only_where_they_may_be_equal(inputs, tmp_path, monkeypatch):
    read = []
    sha256 = identity._sha256
    monkeypatch.setattr(
        identity, "_sha256", lambda path, link: read.append(path.name) or sha256(path, link)
    )
    # Recorders write files of one size; that alone costs nothing.
    data = bytearray((inputs / "a.mp4").read_bytes())
    data[data.index(b"Lavf")] ^= 1
    (inputs / "same_size.mp4").write_bytes(data)
    shutil.copy(inputs / "a.mp4", inputs / "twice.mp4")
    before = []
    recognise(find_sources([inputs]).sources, {}, lambda few: before.extend(few) or {})
    assert [source.name for source in before] == ["a.mp4", "twice.mp4"]
    extract([inputs], tmp_path / "ds")
    assert sorted(read) == ["a.mp4", "b.mp4", "c.mp4", "same_size.mp4", "twice.mp4"]
    read.clear()
    media.encode(inputs / "new.mp4", *media.X264, frames=3)
    (inputs / "twice.mp4").unlink()
    extract([inputs], tmp_path / "ds")
    assert read == ["new.mp4"]  # for its record


def test_equal_files_are_one_finding(inputs, prep, tmp_path):
    shutil.copy(inputs / "b.mp4", inputs / "0.mp4")
    done = prep("extract", "in", "-o", "ds", "--json")
    assert done.code == 1
    found = [(Path(v["source"]).name, v["id"], v["status"]) for v in done.json["videos"]]
    assert found == [
        ("0.mp4", "0", "extracted"),
        ("a.mp4", "a", "extracted"),
        ("b.mp4", "0", "copy"),
        ("c.mp4", "c", "extracted"),
    ]
    (notice,) = done.json["videos"][2]["warnings"]
    assert notice["kind"] == "copy"
    assert f"{inputs}/b.mp4 has the same content as {inputs}/0.mp4" in notice["message"]
    assert (done.json["totals"]["copies"], done.json["totals"]["frames_decoded"]) == (1, 22)
    assert sorted(sources(tmp_path / "ds")) == ["0", "a", "c"]
    done = prep("run", "in", "-o", "ds")
    assert done.code == 1
    assert "1 thing" in done.out
    assert "copy: " in done.out
    (inputs / "0.mp4").unlink()  # the way out, whichever of the two it is
    assert ids(extract([inputs], tmp_path / "ds")) == {"a.mp4": "a", "b.mp4": "0", "c.mp4": "c"}


@pytest.mark.parametrize("name", ["a.mp4", "other.mp4"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_copy_claims_nothing_while_the_original_is_there(
    name, overwrite, inputs, dataset, tmp_path
):
    (tmp_path / "copies").mkdir()
    copy = Path(shutil.copy2(inputs / "a.mp4", tmp_path / "copies" / name))
    for touched in (False, True):
        if touched:
            os.utime(inputs / "a.mp4")
        for given in ([copy], [copy, inputs]):
            result = extract(given, dataset, overwrite=overwrite)
            found = result.videos[0]
            assert (result.exit_code, found.status, found.id) == (1, "copy", "a")
            assert record(dataset / "a")["source"]["path"] == str(inputs / "a.mp4")
    assert [video.id for video in extract([copy], dataset).without_input] == ["b", "c"]


def test_another_name_of_the_same_file_is_no_copy(inputs, dataset):
    """A hard link; or a name in other case, on file systems that take both for one."""
    os.link(inputs / "a.mp4", inputs / "A2.mp4")
    result = extract([inputs / "A2.mp4"], dataset)
    assert (result.exit_code, ids(result), notices(result)) == (
        0,
        {"A2.mp4": "a"},
        [("renamed", "a")],
    )


def test_a_replaced_source_is_refused_as_before(inputs, dataset):
    media.encode(inputs / "a.mp4", *media.X264, frames=4)
    result = extract([inputs], dataset)
    assert (result.exit_code, result.videos[0].error_kind) == (3, "source-changed")
    assert "--overwrite" in result.videos[0].error
    result = extract([inputs], dataset, overwrite=True)
    assert (result.videos[0].id, result.videos[0].record.counts.frames_decoded) == ("a", 4)


def test_a_source_replaced_by_a_copy_of_another(inputs, dataset):
    shutil.copy(inputs / "b.mp4", inputs / "a.mp4")
    result = extract([inputs], dataset)
    assert statuses(result) == {"a.mp4": "copy", "b.mp4": "unchanged", "c.mp4": "unchanged"}
    assert [(v.id, v.is_gone) for v in result.without_input] == [("a", True)]


def test_a_record_with_other_settings_does_not_follow(inputs, dataset, prep):
    (inputs / "a.mp4").rename(inputs / "z.mp4")
    before = snapshot(dataset)
    assert prep("extract", "in", "-o", "ds", "--quality", "7").code == 2
    assert snapshot(dataset) == before


def test_videos_that_no_input_stands_behind_are_said(inputs, dataset, prep, tmp_path):
    done = prep("extract", "in/b.mp4", "-o", "ds")
    assert done.code == 0
    assert "in the dataset, but not among the inputs: 2 videos (a, c)" in done.out
    assert "gone" not in done.out
    (inputs / "a.mp4").unlink()
    for command in ("extract", "run"):
        done = prep(command, "in", "-o", "ds")
        assert done.code == 0
        assert "in the dataset, but not among the inputs: 1 video (a)" in done.out
        assert "gone: a." in done.out
        done = prep(command, "in", "-o", "ds", "--json")
        assert [line.split(":")[0] for line in done.json["warnings"]] == [
            "in the dataset, but not among the inputs",
            "their sources are gone",
        ]
    done = prep("status", "ds")
    assert done.code == 0
    assert f"  a: {inputs}/a.mp4" in done.out
    advised = re.search(r"'prep (remove [^']*)'", done.out)[1]
    assert advised == f"remove a -o {tmp_path / 'ds'} --force"
    told = prep("status", "ds", "--json").json["videos"]
    assert [video["is_source_gone"] for video in told] == [True, False, False]
    assert prep(*advised.split()).code == 0
    assert not (tmp_path / "ds" / "a").exists()


def test_two_records_of_one_source_are_a_finding(inputs, dataset, prep, tmp_path):
    """As older versions made them, and as merging can."""
    shutil.copy(inputs / "a.mp4", tmp_path / "again.mp4")
    extract([tmp_path / "again.mp4"], tmp_path / "other")
    shutil.copytree(tmp_path / "other" / "again", dataset / "again")
    result = status(dataset)
    assert result.exit_code == 1
    (mismatch,) = [m for account in result.videos for m in account.mismatches]
    assert mismatch.kind == "same-source"
    done = prep("status", "ds")
    assert "again" in done.out
    assert "same-source: the same video as 'a'" in done.out
    assert "do not balance" not in done.out
    findings = prep("run", "in", tmp_path / "again.mp4", "-o", "ds", "--json").json["findings"]
    assert [(each["video"], each["kind"]) for each in findings] == [("again", "same-source")]


def test_what_cannot_be_read_matches_nothing(inputs, dataset, monkeypatch):
    (inputs / "a.mp4").rename(inputs / "z.mp4")
    opened = Path.open

    def refuse(path, *arguments, **options):
        if path.name == "z.mp4":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    result = extract([inputs], dataset)
    assert result.exit_code == 3
    assert "Permission denied" in result.videos[-1].error


def test_a_moved_source_is_advised_where_it_cannot_be_restored(inputs, tmp_path):
    extract([inputs / "b.mp4"], tmp_path / "ds", dedupe=DedupeSettings("still"))
    (inputs / "b.mp4").rename(inputs / "z.mp4")
    (outcome,) = dedupe(tmp_path / "ds", restore=True).videos
    assert "run 'prep extract' on it where it is now" in outcome.error
    extract([inputs / "z.mp4"], tmp_path / "ds")
    (outcome,) = dedupe(tmp_path / "ds", restore=True).videos
    assert (outcome.status, outcome.restored) == ("restored", 7)
