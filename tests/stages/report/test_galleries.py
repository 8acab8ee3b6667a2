"""Galleries of the report: what people are asked to judge is shown, the worst first."""

import dataclasses
import json

import numpy as np
import pytest
import video_prep
from helpers import media
from helpers.handmade import make_video
from helpers.prep import in_threads
from PIL import Image
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.dataset.store import Dataset
from video_prep.settings.stages import ValidateSettings
from video_prep.stages.report.exhibits import Exhibit, Picture, Share
from video_prep.stages.report.galleries import choose, hang

report = in_threads(video_prep.report)

NAME = "a <b>\"&' ünï"


def paint(path, index):
    Image.new("RGB", (64, 48), (index * 5 % 256, 90, 160)).save(path, quality=60)


def change(dataset, video, rows=None, **columns):
    """Put values into some rows of a frame table, or whole columns."""
    store = Dataset(dataset)
    frames = store.read_frames(video)
    if rows is not None:
        frames = frames.with_rows(np.array(rows), **columns)
    else:
        dtypes = {name: getattr(frames, name).dtype for name in columns}
        arrays = {name: np.array(value, dtypes[name]) for name, value in columns.items()}
        frames = dataclasses.replace(frames, **arrays)
    store.update(store.read_record(video), frames)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """One video with cuts, a jump and marks, one with duplicates, and one with nothing."""
    path = tmp_path_factory.mktemp("galleries") / "films"
    make_video(path, NAME, [Fate.KEPT] * 80, draw=paint)
    pts = np.arange(80)
    pts[30:] += 50
    pts[60:] += 9
    change(path, NAME, pts=pts, time_seconds=pts / 25)
    change(path, NAME, [10, 50], cut_score=[40.0, 11.0])
    sharpness = np.full(80, 100.0)
    sharpness[2] = 3.0
    sharpness[20:50] = np.linspace(7, 5, 30)
    change(
        path,
        NAME,
        sharpness=sharpness,
        brightness=[250.0, 254.0, *[100.0] * 78],
        contrast=[40.0] * 80,
    )
    make_video(path, "doubles", [Fate.KEPT, *[Fate.DUPLICATE] * 7, Fate.KEPT], draw=paint)
    for index in (1, 2, 3, 5):
        paint(path / "doubles" / f"doubles-frame_{index:06d}.jpg", index)
    similar = np.array([1, 2, 3, 4])
    change(path, "doubles", similar, reason=Reason.SIMILAR)
    change(path, "doubles", [3], duplicate_of=7, duplicate_video=NAME)
    make_video(path, "plain", [Fate.KEPT] * 3, draw=paint)
    return path


@pytest.fixture(scope="module")
def galleries(dataset):
    result = report(dataset)
    numbers = json.loads(result.numbers.read_text())
    return {gallery["kind"]: gallery for gallery in numbers["galleries"]}


def shown(gallery):
    return [
        ([p["frame"] for p in e["pictures"]], e["value"], e["count"]) for e in gallery["exhibits"]
    ]


def test_both_frames_of_cuts_the_least_certain_first(galleries):
    cuts = galleries["cut"]
    assert shown(cuts) == [([49, 50], 11.0, 0), ([9, 10], 40.0, 0)]
    assert (cuts["measure"], cuts["limit"], cuts["is_upper"]) == ("cut score", 10.0, True)
    assert [p["file"] for p in cuts["exhibits"][0]["pictures"]] == [
        f"{NAME}-frame_000049.jpg",
        f"{NAME}-frame_000050.jpg",
    ]


def test_both_frames_of_jumps_in_time_the_longest_first(galleries):
    assert shown(galleries["timeline"]) == [([29, 30], 2.04, 0), ([59, 60], 0.4, 0)]


def test_marked_images_the_worst_first_one_for_at_most_25_neighbours(galleries):
    blurred = galleries["blurred"]
    assert (blurred["count"], blurred["places"]) == (31, 3)
    assert (blurred["measure"], blurred["limit"], blurred["is_upper"]) == ("sharpness", 8, False)
    assert [(e["first"], e["last"]) for e in blurred["exhibits"]] == [(2, 2), (45, 49), (20, 44)]
    assert shown(blurred) == [([2], 3.0, 1), ([49], 5.0, 5), ([44], 5.34, 25)]
    assert shown(galleries["bright"]) == [([1], 254.0, 2)]
    assert not {"dark", "flat"} & galleries.keys()


def test_duplicates_beside_what_was_kept_for_them(galleries):
    similar = galleries["similar"]
    assert similar["videos"] == {"doubles": {"count": 4, "places": 2, "without_image": 1}}
    assert shown(similar) == [([0, 2], None, 3), ([7, 3], None, 1)]
    assert [p["video"] for p in similar["exhibits"][1]["pictures"]] == [NAME, "doubles"]
    assert similar["exhibits"][1]["pictures"][0]["file"] == f"{NAME}-frame_000007.jpg"
    still = galleries["still"]
    assert (still["count"], still["places"], still["without_image"]) == (3, 1, 2)
    assert shown(still) == [([0, 5], None, 3)]


def test_where_no_duplicate_has_an_image_the_next_kept_frame_stands_beside(tmp_path):
    fates = [Fate.KEPT, *[Fate.DUPLICATE] * 2, Fate.KEPT, *[Fate.DUPLICATE] * 3]
    make_video(tmp_path, "v", fates, draw=paint)
    (still,) = report(tmp_path).galleries
    assert (still.count, still.places, still.without_image) == (5, 2, 5)
    pictures = [[(p.frame, p.file) for p in each.pictures] for each in still.exhibits]
    assert pictures == [
        [(3, "v-frame_000003.jpg"), (6, None)],  # the last of the video: nothing follows
        [(0, "v-frame_000000.jpg"), (3, "v-frame_000003.jpg")],
    ]


def test_duplicates_of_a_video_that_was_taken_out(tmp_path):
    make_video(tmp_path, "b", [Fate.KEPT, Fate.DUPLICATE], draw=paint)
    paint(tmp_path / "b" / "b-frame_000001.jpg", 1)
    change(tmp_path, "b", [1], reason=Reason.SIMILAR, duplicate_of=4, duplicate_video="gone")
    (similar,) = report(tmp_path).galleries
    left, right = similar.exhibits[0].pictures
    assert (left, right) == (Picture("gone", 4, None), Picture("b", 1, "b-frame_000001.jpg"))


def test_images_that_are_gone_are_no_pictures(tmp_path):
    make_video(tmp_path, "v", [Fate.KEPT] * 4, draw=paint)
    change(tmp_path, "v", [2], cut_score=50.0)
    (tmp_path / "v" / "v-frame_000002.jpg").unlink()
    (cut,) = report(tmp_path).galleries
    assert [picture.file for picture in cut.exhibits[0].pictures] == ["v-frame_000001.jpg", None]


def test_limits_of_the_settings_decide(dataset, tmp_path):
    limits = ValidateSettings(blur=4.0, dark=120.0, bright=255.0)
    found = {g.kind: g for g in report(dataset, validate=limits, output=tmp_path).galleries}
    assert (found["blurred"].count, found["dark"].count) == (1, 78)
    assert "bright" not in found


def exhibit(kind, video, frame, value):
    pictures = (Picture(video, frame, f"{frame}.jpg"),)
    return Exhibit(kind, video, pictures, value, frame, frame, 1)


def test_kinds_and_videos_take_turns():
    def share(kind, video, *values):
        exhibits = tuple(exhibit(kind, video, n, value) for n, value in enumerate(values))
        return Share(len(values), len(values), 0, exhibits)

    shares = {
        "a": {"blurred": share("blurred", "a", 1.0, 2.0, 3.0)},
        "b": {"blurred": share("blurred", "b", 0.5, 6.0), "cut": share("cut", "b", 12.0)},
    }
    chosen = [(each.kind, each.video, each.value) for each in choose(shares)]
    assert chosen == [
        ("cut", "b", 12.0),
        ("blurred", "b", 0.5),
        ("blurred", "a", 1.0),
        ("blurred", "a", 2.0),
        ("blurred", "b", 6.0),
        ("blurred", "a", 3.0),
    ]


def test_what_finds_no_room_is_not_shown():
    exhibits = [exhibit("blurred", "v", frame, float(frame)) for frame in (1, 2, 1, 3)]
    drawn = {each.pictures[0]: "x" * 40 for each in exhibits}
    hung, pictures = hang(exhibits, drawn, 100)
    assert [each.value for each in hung] == [1.0, 2.0, 1.0]  # a picture twice takes room once
    assert [picture.frame for picture in pictures] == [1, 2]


def test_marks_are_told_with_their_videos(dataset, prep):
    done = prep("report", dataset)
    assert f"note     31 images are blurred: sharpness below 8 ({NAME})\n" in done.out
    assert "note     4 frames left out because they look like another one (doubles)\n" in done.out
    assert "Nothing needs attention.\n" in done.out
    page = (dataset / "report.html").read_text()
    assert "Nothing needs attention</h1>" in page
    assert "3 videos, every frame accounted for. This is worth a look:" in page


def test_what_could_not_be_extracted_is_named_until_it_can(prep, tmp_path):
    (tmp_path / "in").mkdir()
    media.encode(tmp_path / "in" / "good.mp4", frames=3)
    media.encode(tmp_path / "good_too.mp4", frames=4)
    (tmp_path / "in" / "<b>ad.mp4").write_text("no video")
    (tmp_path / "in" / "worse.mp4").write_text("nor this")
    assert prep("extract", "in", "-o", "ds").code == 3
    done = prep("report", "ds", "--json")
    (failed,) = (each for each in done.json["findings"] if each["kind"] == "failed")
    assert (failed["count"], failed["needs_person"]) == (2, True)
    numbers = json.loads((tmp_path / "ds/report.json").read_text())
    names = [str(tmp_path / "in" / name) for name in ("<b>ad.mp4", "worse.mp4")]
    assert [each["path"] for each in numbers["failed"]] == names
    assert all(each["error"].startswith(f"{each['path']}: ") for each in numbers["failed"])
    page = (tmp_path / "ds/report.html").read_text()
    assert "<b>2</b> of 3 videos need attention" in page
    assert "/&lt;b&gt;ad.mp4: not a video" in page
    # The one is mended, the other gone: of neither is anything told any more.
    (tmp_path / "good_too.mp4").replace(tmp_path / "in" / "worse.mp4")
    (tmp_path / "in" / "<b>ad.mp4").unlink()
    assert prep("extract", "in", "-o", "ds").code == 0
    prep("report", "ds")
    assert json.loads((tmp_path / "ds/report.json").read_text())["failed"] == []
    assert "Not in the dataset" not in (tmp_path / "ds/report.html").read_text()


@pytest.mark.parametrize("text", ["{", '{"path": 1}', "[1]", "null"])
def test_a_note_of_failures_that_cannot_be_read_is_none(text, prep, tmp_path):
    make_video(tmp_path / "ds", "v", [Fate.KEPT], draw=paint)
    (tmp_path / "ds/.prep").mkdir()
    (tmp_path / "ds/.prep/failed.json").write_text(text)
    assert "Nothing needs attention." in prep("report", "ds").out


# ---- in a browser


@pytest.fixture
def page(browser, dataset):
    """The report in a browser, which must have complained of nothing."""
    report(dataset)
    said = []
    page = browser.new_page(reduced_motion="reduce", viewport={"width": 400, "height": 800})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto((dataset / "report.html").as_uri())
    yield page
    page.close()
    assert said == []


def captions(page):
    return page.locator("#gallery figcaption").all_inner_texts()


def row_of(page, video):
    return page.locator("tbody tr", has=page.get_by_role("button", name=video, exact=True))


def test_counts_of_the_page_open_galleries(page):
    page.locator("#histograms .count").first.click()
    assert page.locator("#gallery[open] h2").inner_text() == "Blurred images"
    assert page.locator("#gallery .facts").inner_text() == (
        "31 images (sharpness below 8) in 3 stretches: all shown, most blurred first; "
        "of each stretch, the worst image."
    )
    assert captions(page) == [
        f"sharpness 3\n{NAME}",
        f"sharpness 5\nthe worst of 5, frames 45–49\n{NAME}",
        f"sharpness 5.34\nthe worst of 25, frames 20–44\n{NAME}",
    ]
    for picture in page.locator("#gallery img").all():
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    assert page.locator("#gallery").evaluate("box => box.scrollWidth <= box.clientWidth")
    page.locator("#gallery .link").first.click()
    assert page.locator("#gallery[open]").count() == 0
    assert page.locator("#video[open] h2").inner_text() == NAME
    page.locator("#video .openers button", has_text="Cuts: 2").click()
    assert captions(page) == ["cut score 11", "cut score 40"]
    page.keyboard.press("Escape")
    assert page.locator("#gallery[open]").count() == 0
    assert page.locator("#video[open]").count() == 1


def test_images_of_a_gallery_are_linked(page, dataset):
    row_of(page, NAME).locator("[data-label=breaks] button").click()
    assert page.locator("#gallery h3").all_inner_texts() == ["Cuts", "Jumps in time"]
    link = page.locator("#gallery a").first.evaluate("link => link.href")
    assert link == (dataset / NAME / f"{NAME}-frame_000049.jpg").as_uri()


def test_the_keyboard_opens_and_closes_a_gallery(page):
    row = row_of(page, NAME)
    row.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#gallery[open] h2").inner_text() == "Breaks"
    assert page.locator("#video[open]").count() == 0
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    assert page.locator("#gallery[open]").count() == 0
    assert page.evaluate("document.activeElement.dataset.gallery") == "cut timeline"
    row_of(page, "doubles").focus()
    assert row.locator("[data-gallery]").evaluate_all("all => all.map((one) => one.tabIndex)") == (
        [-1] * 3
    )


def test_duplicates_without_an_image_are_told(page):
    row_of(page, "doubles").locator("[data-label=duplicates] button").click()
    without = (
        "left out while extracting, or deleted since. Where a group has none at all, the next kept "
        "frame stands beside the first. “prep dedupe --restore” brings them back from the video."
    )
    assert page.locator("#gallery .facts").all_inner_texts() == [
        "4 duplicates in 2 groups: all shown, largest groups first.",
        f"1 of 4 duplicates has no image: {without}",
        "3 duplicates in 1 group.",
        f"2 of 3 duplicates have no image: {without}",
    ]
    names = page.locator("#gallery .pairs").first.locator(".picture span").all_inner_texts()
    assert names == [
        *("frame 0, kept", "frame 2, left out"),
        *(f"{NAME}: frame 7, kept", "frame 3, left out"),
    ]


def test_each_video_has_a_picture_in_the_table(page):
    for cover in page.locator("tbody .cover img").all():
        cover.scroll_into_view_if_needed()
        assert cover.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    assert page.locator("tbody .cover img").count() == 3
