"""A video is taken out of a dataset whole or not at all, and nothing is lost without a word."""

import json
import shutil
from pathlib import Path

import pytest
from helpers import media
from helpers.cvat import by_name
from helpers.datasets import frames, record, snapshot
from helpers.prep import in_threads
from video_prep.base.errors import DatasetError, UsageError
from video_prep.dataset.store import Dataset
from video_prep.settings.dedupe import DedupeSettings
from video_prep.stages.dedupe import stage as dedupe_stage
from video_prep.stages.extract import stage as extract_stage
from video_prep.stages.remove import remove

extract, dedupe = in_threads(extract_stage.extract), in_threads(dedupe_stage.dedupe)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dataset of two videos that show the same."""
    folder = tmp_path_factory.mktemp("made")
    media.encode(folder / "a.mp4", *media.X264, frames=6)
    media.twin(folder / "a.mp4", folder / "b.mp4")
    extract([folder], folder / "ds", dedupe=DedupeSettings("off"))
    return folder


@pytest.fixture
def dataset(made, tmp_path):
    """A copy of it, whose sources are here too."""
    for name in ("a.mp4", "b.mp4"):
        shutil.copy2(made / name, tmp_path / name)
    target = Path(shutil.copytree(made / "ds", tmp_path / "ds"))
    for name in ("a", "b"):
        text = (target / name / "video.json").read_text()
        (target / name / "video.json").write_text(text.replace(str(made), str(tmp_path)))
    return target


def test_a_video_is_removed_and_can_be_made_again(dataset, prep, tmp_path):
    before = snapshot(dataset)
    size_bytes = sum(len(data) for name, data in before.items() if name.startswith("a/"))
    done = prep("remove", "a", "-o", "ds", "--dry-run")
    assert (done.code, "planned  a" in done.out, snapshot(dataset)) == (0, True, before)
    done = prep("remove", "a", "--dataset", "ds", "--json")
    assert done.code == 0
    assert done.json["videos"] == [
        {
            "id": "a",
            "status": "removed",
            "source": str(tmp_path / "a.mp4"),
            "images": 6,
            "size_bytes": size_bytes,
            "tasks": [],
        }
    ]
    assert done.json["totals"] == {"videos": 1, "images": 6, "size_bytes": size_bytes}
    assert snapshot(dataset) == {n: data for n, data in before.items() if n.startswith("b/")}
    assert list((dataset / ".prep" / "work").iterdir()) == []
    assert (tmp_path / "a.mp4").exists()
    assert extract([tmp_path / "a.mp4"], dataset, dedupe=DedupeSettings("off")).exit_code == 0
    assert snapshot(dataset) == before


@pytest.mark.parametrize(
    ("given", "meant"), [("bb", "b"), ("ds/b/", "b"), ("zzzz", None), ("../a", "a"), ("", None)]
)
def test_an_unknown_video_removes_nothing(given, meant, dataset):
    before = snapshot(dataset)
    with pytest.raises(UsageError) as error:
        remove(dataset, ["a", given], force=True)
    assert ("Did you mean" in str(error.value)) == (meant is not None)
    assert meant is None or f"Did you mean '{meant}'?" in str(error.value)
    assert snapshot(dataset) == before


def test_what_could_not_be_made_again_is_removed_by_force_alone(dataset, prep, tmp_path):
    before = snapshot(dataset)
    source = tmp_path / "a.mp4"
    source.write_bytes(source.read_bytes() + b"x")
    done = prep("remove", "b", "a", "-o", "ds")
    assert (done.code, snapshot(dataset)) == (2, before)
    assert f"'a': its source {source} is gone, or another file by now" in done.err
    assert "'b':" not in done.err
    source.unlink()
    assert prep("remove", "a", "-o", "ds").code == 2
    assert prep("remove", "a", "-o", "ds", "--force").code == 0
    assert Dataset(dataset).video_ids() == ["b"]


def test_the_older_of_two_records_of_one_source_needs_no_force(dataset, tmp_path):
    shutil.copytree(dataset / "a", tmp_path / "old" / "old")
    data = record(dataset / "a")
    data["id"], data["source"]["path"] = "old", str(tmp_path / "old.mp4")
    (tmp_path / "old" / "old" / "video.json").write_text(json.dumps(data))
    shutil.move(tmp_path / "old" / "old", dataset / "old")
    remove(dataset, ["old"])
    assert Dataset(dataset).video_ids() == ["a", "b"]


def test_what_duplicates_of_other_videos_point_at_stays(dataset, prep):
    dedupe(dataset, DedupeSettings("similar"), delete=True)
    assert set(frames(dataset / "b")["duplicate_video"]) == {"a"}
    done = prep("remove", "a", "-o", "ds")
    assert done.code == 2
    assert "'a': 6 frames of 'b', the first is 0, were left out as duplicates" in done.err
    remove(dataset, ["b"], dry_run=True)
    remove(dataset, ["a", "b"], dry_run=True)
    # The way out that it names.
    assert prep("dedupe", "ds", "--restore").code == 0
    assert prep("remove", "a", "-o", "ds").code == 0
    assert prep("status", "ds").code == prep("validate", "ds").code == 0


def test_after_force_the_rest_of_the_dataset_is_of_use(dataset, prep):
    dedupe(dataset, DedupeSettings("similar"), delete=True)
    assert prep("remove", "a", "-o", "ds", "--force").code == 0
    for command in ("status", "validate", "report", "dedupe"):
        assert prep(command, "ds").code == 0
    assert prep("dedupe", "ds", "--restore").code == 0
    assert len(list((dataset / "b").glob("*.jpg"))) == 6


def test_killed_on_the_way_a_video_is_whole_or_gone(dataset, monkeypatch, tmp_path):
    before = snapshot(dataset)

    def die(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            remove(dataset, ["a"])
    with Dataset(dataset).writing():
        assert snapshot(dataset) == before
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            remove(dataset, ["a"])
    assert list((dataset / ".prep" / "work").glob("*/a/video.json"))
    with Dataset(dataset).writing():  # as the next run begins
        assert Dataset(dataset).video_ids() == ["b"]
        assert list((dataset / ".prep" / "work").iterdir()) == []


def test_what_may_not_be_moved_is_told(dataset, monkeypatch):
    def refuse(path, target):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(DatasetError, match="ds/a: cannot be removed: Permission denied"):
        remove(dataset, ["a"])


def test_segments_that_wait_go_too(dataset):
    shelf = dataset / ".prep" / "segments" / "a" / "new" / "a"
    shelf.mkdir(parents=True)
    remove(dataset, ["a"])
    assert list((dataset / ".prep" / "segments").iterdir()) == []


def test_a_task_in_cvat_stays_and_is_named(uploaded, asked, stand_in, tmp_path):
    first, second = (by_name(stand_in)[name] for name in ("b (1/2)", "b (2/2)"))
    done = asked("remove", "b", "-o", "ds", code=0)
    urls = [f"{stand_in.url}/tasks/{task.id}" for task in (first, second)]
    assert [task["url"] for task in done["videos"][0]["tasks"]] == urls
    assert (
        f"b: its task stays in CVAT, with all that was annotated: {urls[0]}" in done["warnings"][0]
    )
    for options in ((), ("--cvat",)):
        assert asked("status", "ds", *options, code=0)["totals"]["frames_in_cvat"] == 20
    # Whoever wants it back has the tasks that were there, not two more.
    asked("extract", "b.mp4", "-o", "ds", "--dedupe", "off", code=0)
    told = asked("upload", "--cvat", "ds", "--task-size", "6", code=0)["tasks"]
    assert [task["status"] for task in told] == ["unchanged"] * 4
    # Whoever deletes them hears no more of them.
    asked("remove", "b", "-o", "ds", code=0)
    for task in (first, second):
        stand_in.state.delete_task(task)
    assert asked("status", "ds", "--cvat", code=0)["totals"]["frames_in_cvat"] == 12
    asked("upload", "--cvat", "ds", "--task-size", "6", code=0)
    told = json.loads((uploaded / "cvat.json").read_text())["uploads"][0]["tasks"]
    assert [entry["video"] for entry in told] == ["a", "a"]


def test_what_a_cut_off_upload_of_it_left_is_deleted(uploaded, asked, stand_in):
    task = by_name(stand_in)["b (2/2)"]
    journal = json.loads((uploaded / "cvat.json").read_text())
    entry = journal["uploads"][0]["tasks"][3]
    entry["is_complete"], entry["jobs"] = False, []
    task.name = f"{entry['name']} (prep is uploading, {entry['mark']})"
    (uploaded / "cvat.json").write_text(json.dumps(journal))
    (warning,) = asked("remove", "b", "-o", "ds", code=0)["warnings"][1:]
    assert warning.startswith("b: its upload was cut off; the next 'prep upload --cvat' deletes")
    (told,) = asked("status", "ds", code=1)["warnings"]
    assert "its video was removed, so 'prep upload --cvat' deletes what it left" in told
    asked("upload", "--cvat", "ds", "--task-size", "6", code=0)
    assert sorted(by_name(stand_in)) == ["a (1/2)", "a (2/2)", "b (1/2)"]
    assert asked("status", "ds", "--cvat", code=0)["warnings"] == []


def test_images_that_cvat_reads_from_here_stay(uploaded, prep):
    assert prep("manifest", "ds").code == 0
    done = prep("remove", "b", "-o", "ds")
    assert done.code == 2
    assert "there is a manifest beside its images" in done.err
    assert prep("remove", "b", "-o", "ds", "--force").code == 0
