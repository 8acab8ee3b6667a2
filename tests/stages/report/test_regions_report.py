"""Regions in the report: what was ignored is drawn, what might be is there to copy."""

import dataclasses
import json

import numpy as np
import pytest
import video_prep
from helpers.handmade import make_video
from helpers.prep import in_threads
from PIL import Image
from video_prep.dataset.change_map import ChangeMap
from video_prep.dataset.frame_table import Fate
from video_prep.dataset.store import Dataset

report = in_threads(video_prep.report)


def paint(path, index):
    Image.new("RGB", (64, 48), (index * 5 % 256, 90, 160)).save(path, quality=60)


def change(store, video_id, changes, *ignored):
    """Let a record say what was ignored, and where something changed."""
    record = store.read_record(video_id)
    settings = record.settings | ({"ignore": list(ignored)} if ignored else {})
    store.replace_record(dataclasses.replace(record, settings=settings, changes=changes))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Four videos: a tree in one, regions ignored in two, and one without either."""
    store = Dataset(tmp_path_factory.mktemp("regions") / "films")
    for name in ("door", "it's [1]", "old", "tree"):
        make_video(store.path, name, [Fate.KEPT] * 4, draw=paint)
    counts = np.zeros((6, 8), dtype=int)
    counts[2, 6] = 50
    quiet = ChangeMap.from_counts(counts, 5000)
    counts[2:4, 6:8] = 300
    busy = ChangeMap.from_counts(counts, 400)
    for name, changes, ignored in (
        ("door", quiet, ("50%,0%,100%,25%", "0,0 16,0 0,40")),
        ("it's [1]", busy, ()),
        ("tree", busy, ("48,16,56,32",)),
    ):
        change(store, name, changes, *ignored)
        frames = store.read_frames(name)
        late = dataclasses.replace(frames, time_seconds=np.arange(4) * 5.0)
        store.update(store.read_record(name), late)
    report(store.path)
    return store.path


def regions_of(dataset):
    videos = json.loads((dataset / "report.json").read_text())["videos"]
    return {video["id"]: video["regions"] for video in videos}


def test_the_numbers_name_what_was_ignored_and_what_might_be(dataset):
    regions = regions_of(dataset)
    assert regions["old"] is None
    door = regions["door"]
    assert (door["width"], door["height"], door["suggested"]) == (64, 48, [])
    assert door["ignored"] == [
        {"region": "50%,0%,100%,25%", "corners": [[32, 0], [64, 0], [64, 12], [32, 12]]},
        {"region": "0,0 16,0 0,40", "corners": [[0, 0], [16, 0], [0, 40]]},
    ]
    assert door["changes"]["compared"] == 5000
    assert regions["it's [1]"]["suggested"] == [
        {
            "region": "48,16,64,32",
            "corners": [[48, 16], [64, 16], [64, 32], [48, 32]],
            "kind": "always",
            "percent": 75,
            "option": "--ignore 48,16,64,32",
            "entry": "{videos: 'it''s [[]1]', region: '48,16,64,32'}",
        }
    ]
    assert [each["region"] for each in regions["tree"]["suggested"]] == ["56,16,64,32"]


def test_the_entry_is_one_that_a_settings_file_takes_for_that_video_alone(dataset, tmp_path):
    (suggested,) = regions_of(dataset)["it's [1]"]["suggested"]
    (tmp_path / "c.yaml").write_text(f"dedupe:\n  ignore: [{suggested['entry']}]\n")
    settings = video_prep.load_config(tmp_path / "c.yaml").section(video_prep.DedupeSettings)
    assert [*map(str, settings.for_video("it's [1]", "x.mp4").regions)] == ["48,16,64,32"]
    assert settings.for_video("it's 1", "y.mp4").regions == ()


def test_what_might_be_ignored_is_a_note_that_needs_nobody(dataset, prep):
    done = prep("report", dataset)
    assert done.code == 0
    assert "note     2 videos in which a part of the picture changes all the time" in done.out
    (finding,) = json.loads((dataset / "report.json").read_text())["findings"]
    assert (finding["kind"], finding["needs_person"]) == ("regions", False)
    assert finding["videos"] == ["it's [1]", "tree"]
    assert "--ignore 48,16,64,32 for it's [1]" in finding["advice"]


def test_the_page_draws_them_over_a_picture(dataset, browser):
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto((dataset / "report.html").as_uri())
    page.click("tbody tr >> nth=0")
    first, second = page.query_selector_all(".plate")
    assert "Ignored: 50%,0%,100%,25% and 0,0 16,0 0,40" in first.inner_text()
    drawn = [each.get_attribute("d") for each in first.query_selector_all("path.ignored")]
    assert drawn == ["M32 0L64 0L64 12L32 12z", "M0 0L16 0L0 40z"]
    assert first.query_selector("img").get_attribute("src").startswith("data:image/webp")
    assert "the more of 5,000 frames" in second.inner_text()
    (cell,) = second.query_selector_all("path.heat")
    assert (cell.get_attribute("d"), cell.get_attribute("data-percent")) == (
        "M48 16h8v8h-8z", "1",
    )  # fmt: skip
    page.keyboard.press("j")
    (option, entry) = (each.inner_text() for each in page.query_selector_all(".suggestions code"))
    assert option == "--ignore 48,16,64,32"
    assert entry == "ignore: [{videos: 'it''s [[]1]', region: '48,16,64,32'}]"
    assert len(page.query_selector_all("path.suggested")) == 2
    page.keyboard.press("j")
    assert page.inner_text("#video-title") == "old"
    assert page.query_selector(".plate") is None
    assert errors == []
    context.close()


def test_only_the_time_of_the_frames_that_were_asked_for_counts(tmp_path):
    """What is 4 % of the frames of 10 s ticks once a second; of 40 s, it would not."""
    store = Dataset(tmp_path / "ds")
    out, kept = [Fate.SAMPLED_OUT] * 30, [Fate.KEPT] * 11
    make_video(store.path, "v", out + kept, draw=paint)
    counts = np.zeros((6, 8), dtype=int)
    counts[0, 7] = 10
    change(store, "v", ChangeMap.from_counts(counts, 250))
    late = dataclasses.replace(store.read_frames("v"), time_seconds=np.arange(41.0))
    store.update(store.read_record("v"), late)
    (video,) = report(store.path).videos
    (suggested,) = video.regions.suggested
    assert (suggested.kind, suggested.region) == ("clock", "56,0,64,8")


def test_many_videos_have_no_room_for_maps(tmp_path):
    store = Dataset(tmp_path / "ds")
    for number in range(401):
        make_video(store.path, f"v{number}", [Fate.KEPT])
    counts = np.full((6, 8), 0)
    counts[2:4, 6:8] = 300
    change(store, "v7", ChangeMap.from_counts(counts, 400))
    made = report(store.path).videos
    (regions,) = [video.regions for video in made if video.regions is not None]
    assert regions.changes is None
    assert store.read_record("v7").changes is not None
