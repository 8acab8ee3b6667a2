"""The report: its numbers, its size, and the page as a person uses it in a browser."""

import dataclasses
import json
import os
import re

import numpy as np
import pytest
import video_prep
from helpers.handmade import make_video
from helpers.prep import in_threads, on_terminal
from PIL import Image
from video_prep.base.errors import InputError
from video_prep.cvat.journal import Journal, TaskEntry
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.dataset.records import Notice
from video_prep.dataset.store import Dataset
from video_prep.settings.stages import ValidateSettings
from video_prep.tracks.audit_record import AuditedTask, AuditRecord, write_audit
from video_prep.tracks.statistics import TrackCounts

report = in_threads(video_prep.report)

HOSTILE = '"><script>alert(1)</script>&amp;\u2028.mp4'


def paint(path, index):
    Image.new("RGB", (64, 48), (index * 5 % 256, 90, 160)).save(path, quality=60)


def measure(dataset, video_id, **values):
    """Give the frames of a video measured values, as validate does."""
    store = Dataset(dataset)
    frames = store.read_frames(video_id)
    arrays = {name: np.array(value, np.float32) for name, value in values.items()}
    store.update(store.read_records()[video_id], dataclasses.replace(frames, **arrays))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three videos: one in order, one with all there is to find, one with a hostile name."""
    path = tmp_path_factory.mktemp("report") / "films"
    make_video(path, "good", [Fate.KEPT] * 40, draw=paint)
    fates = [Fate.KEPT] * 30
    fates[5:9] = [Fate.DUPLICATE] * 4
    fates[12:15] = [Fate.REJECTED] * 3
    fates[20:22] = [Fate.SAMPLED_OUT] * 2
    make_video(
        path,
        "bad",
        fates,
        reasons={12: Reason.TRUNCATED, 13: Reason.TRUNCATED, 14: Reason.WRONG_SIZE},
        notices=[Notice("damage", "1 frame could not be decoded", 25, 1.0), Notice("hdr", "pale")],
        draw=paint,
    )
    make_video(path, "_script_", [Fate.KEPT] * 10, source=HOSTILE, draw=paint)
    # Marked duplicates whose images are still there, as dedupe leaves them.
    for index in (5, 6):
        paint(path / "bad" / f"bad-frame_{index:06d}.jpg", index)
    measure(
        path,
        "good",
        sharpness=[10.0] * 15 + [1000.0] * 25,
        brightness=[20.0] * 5 + [100.0] * 35,
        contrast=[40.0] * 40,
    )
    for host, video in (("https://cvat.example", "bad"), ("javascript:alert(1)", "good")):
        journal = Journal(path)
        upload = journal.open(host, None, 7, "cars")
        jobs = ((31, 0, 11), (32, 12, 20))
        entry = TaskEntry(video, 1, 1, video, "m", "d", "v", 21, 0, 29, 5, "r", True, jobs=jobs)
        journal.put(upload, entry)
        journal.put(upload, dataclasses.replace(entry, video="_script_", is_complete=False))
    return path


def numbers_of(dataset):
    return json.loads((dataset / "report.json").read_text())


def test_footage_without_a_clock_has_no_duration(tmp_path):
    make_video(tmp_path / "ds", "v", [Fate.KEPT] * 4)
    store = Dataset(tmp_path / "ds")
    nothing = dataclasses.replace(store.read_frames("v"), time_seconds=np.full(4, np.nan))
    store.update(store.read_record("v"), nothing)
    result = report(store.path)
    assert (result.videos[0].seconds, result.totals.seconds) == (None, None)
    page = (tmp_path / "ds/report.html").read_text()
    assert "0:00.0" not in page
    assert "of footage" not in page


@pytest.mark.smoke
def test_the_numbers(dataset, prep_process):
    done = prep_process("report", dataset)
    assert (done.code, done.err) == (0, "")
    assert "80 frames decoded = 71 kept + 4 duplicates + 2 sampled out + 3 rejected" in done.out
    assert str(dataset / "report.html") in done.out
    numbers = numbers_of(dataset)
    assert numbers["totals"] == {
        "videos": 3,
        "frames_decoded": 80,
        "counted": "decoded",
        "kept": 71,
        "duplicates": 4,
        "sampled_out": 2,
        "rejected": 3,
        "files_on_disk": 71,
        "size_bytes": 3000,
        "seconds": 3.2,
        "breaks": 3,
        "videos_with_findings": 1,
        "balanced": True,
    }
    findings = {each["kind"]: each for each in numbers["findings"]}
    assert [(kind, each["count"], each["needs_person"]) for kind, each in findings.items()] == [
        ("truncated", 2, True),
        ("wrong_size", 1, True),
        ("damage", 1, True),
        ("breaks", 2, False),
    ]
    assert all(each["videos"] == ["bad"] for each in findings.values())
    bad = numbers["videos"][1]
    assert bad["reasons"] == {"still": 4, "truncated": 2, "wrong_size": 1}
    assert bad["break_kinds"] == {"still": 1, "missing": 1, "damage": 1}
    assert [row["kind"] for row in bad["breaks"]["rows"]] == ["missing", "damage", "still"]
    assert bad["runs"]["rows"] == [
        {"first": 0, "last": 11},
        {"first": 15, "last": 24},
        {"first": 25, "last": 29},
    ]
    assert [row["frame"] for row in bad["rejected"]["rows"]] == [12, 13, 14]
    assert [(p["kind"], p["left"], p["right"]) for p in bad["pairs"]] == [
        ("duplicate", 4, 5),
        ("duplicate", 4, 6),
    ]
    line = bad["timeline"]
    assert line["first_frames"] == list(range(30))
    assert {fate: sum(counts) for fate, counts in line["fates"].items()} == {
        "kept": 21,
        "duplicate": 4,
        "sampled_out": 2,
        "rejected": 3,
    }
    assert line["breaks"] == {"still": [9], "missing": [15], "damage": [25]}


def test_json_of_the_command(dataset, prep):
    done = prep("report", dataset, "--json")
    assert (done.code, done.json["status"]) == (0, "ok")
    numbers = numbers_of(dataset)
    assert done.json["findings"] == numbers["findings"]
    assert done.json["totals"] == numbers["totals"]


@pytest.mark.smoke
def test_on_a_terminal_there_is_a_bar(dataset, tmp_path):
    code, shown = on_terminal(["report", dataset], tmp_path)
    assert code == 0
    assert "all 3/3 videos 100%" in shown
    assert on_terminal(["report", dataset, "-q"], tmp_path) == (0, "")


def test_the_same_dataset_gives_the_same_bytes(dataset):
    report(dataset)
    first = [(dataset / name).read_bytes() for name in ("report.html", "report.json")]
    report(dataset)
    assert first == [(dataset / name).read_bytes() for name in ("report.html", "report.json")]
    assert not list(dataset.glob("*.part")) + list(dataset.glob(".*.part"))


def test_distributions_and_their_thresholds(dataset):
    limits = ValidateSettings(blur=100.0, dark=30.0, bright=99.0, flat=0.0)
    sharpness, brightness, contrast = report(dataset, validate=limits).histograms
    assert sum(sharpness.counts) == sum(brightness.counts) == sum(contrast.counts) == 40
    assert (sharpness.marked, contrast.marked) == ({"blur": 15}, {"flat": 0})
    assert brightness.marked == {"dark": 5, "bright": 35}
    place = sharpness.counts.index(25)
    assert sharpness.edges[place] <= 1000 < sharpness.edges[place + 1]


def test_images_removed_by_hand_are_told(tmp_path, prep):
    make_video(tmp_path / "ds", "v", [Fate.KEPT] * 10, draw=paint)
    for index in (3, 7):
        (tmp_path / "ds" / "v" / f"v-frame_{index:06d}.jpg").unlink()
    done = prep("report", "ds")
    assert done.code == 0
    assert "The accounts of 1 video do not balance" in done.out
    numbers = numbers_of(tmp_path / "ds")
    assert (numbers["totals"]["balanced"], numbers["totals"]["files_on_disk"]) == (False, 8)
    (text,) = numbers["videos"][0]["imbalances"]
    assert text.startswith("2 images (frames 3, 7) are gone from the disk")
    assert "Not balanced." in (tmp_path / "ds" / "report.html").read_text()


def test_a_record_that_differs_from_its_table_is_told(tmp_path):
    make_video(tmp_path, "v", [Fate.KEPT] * 10, draw=paint)
    file = tmp_path / "v" / "video.json"
    data = json.loads(file.read_text())
    data["counts"] |= {"frames_decoded": 11, "duplicates": 1}
    file.write_text(json.dumps(data))
    (text,) = report(tmp_path).videos[0].imbalances
    assert "11 frames decoded instead of 10, 1 duplicates instead of 0" in text


def test_the_longest_stretch_stands_in_where_duplicates_have_no_image(tmp_path):
    fates = [Fate.KEPT, Fate.DUPLICATE, Fate.KEPT, *[Fate.DUPLICATE] * 5, Fate.KEPT]
    make_video(tmp_path, "v", fates, draw=paint)
    (pair,) = report(tmp_path).videos[0].pairs
    assert dataclasses.astuple(pair) == ("stretch", 2, 8, 5)


def test_pairs_are_of_one_video_whatever_is_like_another(tmp_path):
    """`prep dedupe --dedupe similar` marks across videos; the number is then that of the other."""
    make_video(tmp_path, "a", [Fate.KEPT] * 9, draw=paint)
    frames = make_video(tmp_path, "b", [Fate.KEPT, *[Fate.DUPLICATE] * 3], draw=paint)
    for index in (1, 2, 3):
        paint(tmp_path / "b" / f"b-frame_{index:06d}.jpg", index)
    store = Dataset(tmp_path)
    marked = frames.with_rows(np.arange(1, 3), duplicate_of=[8, 3], duplicate_video="a")
    store.update(store.read_record("b"), marked)
    (pair,) = report(tmp_path).videos[1].pairs
    assert dataclasses.astuple(pair) == ("duplicate", 0, 3, 0)


def test_images_that_cannot_be_opened_and_videos_without_any(tmp_path):
    make_video(tmp_path, "broken", [Fate.KEPT] * 3)  # the images are empty files
    make_video(tmp_path, "none", [Fate.SAMPLED_OUT] * 3)
    make_video(tmp_path, "nothing", [])
    result = report(tmp_path)
    assert [video.counts.kept for video in result.videos] == [3, 0, 0]
    assert '"thumbnails":{"0":"","1":"","2":""}' in result.page.read_text()


def test_no_dataset_no_video_no_room(tmp_path, prep):
    for arguments in ((), (tmp_path,), ("nowhere",)):
        done = prep("report", *arguments)
        assert done.code == 2
        assert "Name the dataset" in done.err
    with pytest.raises(InputError):
        report(tmp_path)
    make_video(tmp_path / "ds", "v", [Fate.KEPT], draw=paint)
    (tmp_path / "ds" / "report.html").mkdir()  # nothing can be renamed to there
    done = prep("report", "ds")
    assert done.code == 2
    assert "report.html: cannot be written" in done.err
    assert not list((tmp_path / "ds").glob(".*.part"))


def test_a_table_that_cannot_be_read(tmp_path, prep):
    make_video(tmp_path / "ds", "v", [Fate.KEPT], draw=paint)
    (tmp_path / "ds" / "v" / "frames.parquet").write_text("x")
    done = prep("report", "ds")
    assert done.code == 2
    assert "frames.parquet: cannot be read" in done.err
    assert not (tmp_path / "ds" / "report.html").exists()


def test_a_million_frames_in_500_videos(tmp_path):
    """Every tenth frame is kept, with a break at each, and marked, so that all lists are long."""
    fates = [Fate.KEPT, *[Fate.DUPLICATE] * 9] * 200
    make_video(tmp_path, "v000", fates, draw=lambda path, index: path.touch())
    marked = np.random.default_rng(0).uniform(0, 4, 2000)
    measure(tmp_path, "v000", sharpness=marked, brightness=marked, contrast=marked)
    table = (tmp_path / "v000" / "frames.parquet").read_bytes()
    data = json.loads((tmp_path / "v000" / "video.json").read_text())
    noise = np.random.default_rng(0).integers(0, 256, (180, 320, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg", quality=95)
    picture = (tmp_path / "noise.jpg").read_bytes()
    for number in range(1, 500):
        folder = tmp_path / f"v{number:03d}"
        folder.mkdir()
        (folder / "frames.parquet").write_bytes(table)
        data["id"] = folder.name
        (folder / "video.json").write_text(json.dumps(data))
        first = folder / f"{folder.name}-frame_000000.jpg"
        first.write_bytes(picture)
        for index in range(10, 2000, 10):
            os.link(first, folder / f"{folder.name}-frame_{index:06d}.jpg")
    result = report(tmp_path)
    assert (result.totals.frames_decoded, result.totals.balanced) == (1_000_000, True)
    assert (result.totals.kept, result.totals.duplicates) == (100_000, 900_000)
    assert result.totals.files_on_disk == 100_000
    assert result.page.stat().st_size < 10_000_000
    assert result.numbers.stat().st_size < 10_000_000
    video = result.videos[-1]
    assert (video.breaks.total, len(video.breaks.rows)) == (199, 30)
    assert (len(video.timeline.first_frames), sum(video.timeline.fates["kept"])) == (240, 200)
    page = result.page.read_text()
    assert page.count('loading="lazy" decoding="async"></span>') == 499  # one in each row
    galleries = {gallery.kind: gallery for gallery in result.galleries}
    assert [galleries[kind].count for kind in ("blurred", "dark", "flat")] == [100_000] * 3
    assert galleries["still"].without_image == 900_000
    assert page.count("data:image/webp") >= 499 + 100


# ---- in a browser


@pytest.fixture
def open_page(browser, dataset):
    """Open the report; at the end it must have asked for nothing and complained of nothing."""
    report(dataset)
    said, asked, pages = [], [], []

    def start(**options):
        page = browser.new_page(reduced_motion="reduce", **options)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((dataset / "report.html").as_uri())
        pages.append(page)
        return page

    yield start
    for page in pages:
        page.close()
    outside = [url for url in asked if not url.startswith("data:")]
    assert (said, outside) == ([], [(dataset / "report.html").as_uri()] * len(pages))


def shown_rows(page):
    return page.locator("tbody tr:visible th button").all_inner_texts()


def focused(page):
    return page.evaluate("document.activeElement.querySelector('th button')?.innerText")


def whole(text):
    return int(re.sub(r"\D", "", text))


def test_the_page_shows_the_numbers_of_the_json(open_page, dataset):
    page, numbers = open_page(), numbers_of(dataset)
    assert page.locator("h1").inner_text() == "1 of 3 videos needs attention"
    totals = numbers["totals"]
    for name in ("frames_decoded", "kept", "duplicates", "sampled_out", "rejected"):
        assert whole(page.locator(f".equation .{name} dd").first.inner_text()) == totals[name]
    assert page.locator(".findings h2").all_inner_texts() == [
        each["title"] for each in numbers["findings"]
    ]
    for row, video in zip(page.locator("tbody tr").all(), numbers["videos"], strict=True):
        cells = [whole(cell) for cell in row.locator("td").all_inner_texts()[:6]]
        counts = video["counts"]
        names = ("frames_decoded", "kept", "duplicates", "sampled_out", "rejected")
        assert cells == [*(counts[name] for name in names), video["breaks"]["total"]]
    assert page.locator("#histograms figure").count() == 3


def test_a_video_in_detail(open_page, dataset):
    page = open_page()
    page.locator(".chip[data-video=bad]").first.click()
    dialog = page.locator("#video")
    assert dialog.locator("h2").inner_text() == "bad"
    assert dialog.locator(".messages li.problem").all_inner_texts() == [
        "rejected2 images, truncated: frame 12, 13",
        "rejected1 image, wrong size: frame 14",
        "damage1 frame could not be decoded",
    ]
    fates = dialog.locator("[data-fate]")
    drawn = {path.get_attribute("data-fate"): path.get_attribute("d") for path in fates.all()}
    assert {fate: path.count("M") for fate, path in drawn.items()} == {
        "kept": 21,
        "duplicate": 4,
        "sampled_out": 2,
        "rejected": 3,
    }
    kinds = [mark.get_attribute("data-break") for mark in dialog.locator("[data-break]").all()]
    assert kinds == ["still", "missing", "damage"]
    dialog.locator(".timeline").hover(position={"x": 300, "y": 20})
    assert re.match(r"frame \d+ · 0:0\d\.\d\d · 1 ", dialog.locator(".readout").inner_text())
    assert dialog.locator(".pair").count() == 2
    pictures = dialog.locator(".sheet img")
    assert pictures.count() == 12
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    link = dialog.locator(".sheet a").first.evaluate("link => link.href")
    assert link == (dataset / "bad" / "bad-frame_000000.jpg").as_uri()


@pytest.fixture
def audited(dataset):
    """The report of a dataset whose tracks were audited: two tasks with the same label."""
    counts = TrackCounts(tracks=2, keyframes=5, interpolated=30, held=15)
    task = AuditedTask(7, "good", None, "good", 9, 9, 2, {"<b>car</b>": counts}, 1, None)
    write_audit(dataset / "audit.json", AuditRecord((task, task), ({},)))
    yield dataset
    (dataset / "audit.json").unlink()


def test_tracks_of_the_last_audit(audited, open_page):
    page = open_page()
    assert page.locator("#tracks li").all_inner_texts() == [
        "<b>car</b>: 4 tracks, 10 boxes set by hand, 60 interpolated, 30 held without an end: "
        "90 % filled in by CVAT"
    ]
    doubled = {"tracks": 4, "keyframes": 10, "interpolated": 60, "held": 30}
    assert numbers_of(audited)["tracks"] == {"findings": 1, "labels": {"<b>car</b>": doubled}}


def test_without_an_audit_the_report_says_nothing_of_tracks(dataset):
    report(dataset)
    assert numbers_of(dataset)["tracks"] is None
    assert "tracks-title" not in (dataset / "report.html").read_text()
    assert "audit" not in [finding["kind"] for finding in numbers_of(dataset)["findings"]]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"tasks": 1}', '{"tasks": [1], "findings": 1}', '{"tasks": [], "found": []}'],
)
def test_an_audit_that_cannot_be_read_is_told(text, dataset, prep):
    file = dataset / "audit.json"
    file.write_text(text)
    try:
        done = prep("report", dataset)
    finally:
        file.unlink()
    (told,) = (one for one in numbers_of(dataset)["findings"] if one["kind"] == "audit")
    assert re.fullmatch(
        re.escape(f"{file}: this is not what 'prep audit' writes (")
        + r".+\)\. Run 'prep audit' again\.",
        told["title"],
    )
    assert (told["needs_person"], told["videos"]) == (True, [])
    assert f"look at  {told['title']}\n" in done.out
    assert (done.code, numbers_of(dataset)["tracks"]) == (0, None)
    page = (dataset / "report.html").read_text()
    assert "tracks-title" not in page
    assert "the report tells nothing of the tracks in CVAT" in page


def test_a_damaged_audit_is_no_fault_of_a_video(tmp_path, prep, browser):
    make_video(tmp_path / "ds", "good", [Fate.KEPT] * 4, draw=paint)
    (tmp_path / "ds" / "audit.json").write_text("{")
    done = prep("report", tmp_path / "ds")
    assert "look at" in done.out
    assert "Nothing needs attention." not in done.out
    page = browser.new_page()
    page.goto((tmp_path / "ds" / "report.html").as_uri())
    assert page.locator("h1").inner_text() == "No video needs attention"
    assert page.locator(".findings .chip").count() == 0
    page.close()


def test_tasks_in_cvat_are_linked(open_page, dataset):
    page = open_page()
    shown = {}
    for video in ("bad", "good", "_script_"):
        page.locator("tbody tr button", has_text=video).first.click()
        table = page.locator("dialog [aria-label='In CVAT']")
        cells = table.locator("tbody td").all_inner_texts()
        shown[video] = (cells, [a.get_attribute("href") for a in table.locator("a").all()])
        page.keyboard.press("Escape")
    assert shown == {
        "bad": (["bad", "cars", "21", "2"], ["https://cvat.example/tasks/5"]),
        "good": (["good", "cars", "21", "2"], []),
        "_script_": ([], []),
    }


def test_a_hostile_name_is_text(open_page, dataset):
    page = open_page()
    row = page.locator("tbody tr").first
    assert '"><script>alert(1)</script>&amp;\\u2028.mp4' in row.inner_text()
    row.click()
    assert "<script>alert(1)</script>" in page.locator("dialog .top p").inner_text()
    text = (dataset / "report.html").read_text()
    assert "<script>alert" not in text
    assert "\u2028" not in text


def test_sorting(open_page):
    page = open_page()
    header = page.locator("thead th", has_text="Frames")
    header.click()
    assert (shown_rows(page), header.get_attribute("aria-sort")) == (
        ["good", "bad", "_script_"],
        "descending",
    )
    header.locator("button").press("Enter")
    assert (shown_rows(page), header.get_attribute("aria-sort")) == (
        ["_script_", "bad", "good"],
        "ascending",
    )
    page.locator("thead th", has_text="Video").click()
    assert header.get_attribute("aria-sort") is None
    assert shown_rows(page) == ["_script_", "bad", "good"]


def test_filter_and_keyboard(open_page):
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("wrong_size")
    assert (shown_rows(page), page.locator("#shown").inner_text()) == (["bad"], "1 of 3")
    page.keyboard.press("Enter")
    assert focused(page) == "bad"
    page.keyboard.press("Enter")
    assert page.locator("dialog[open] h2").inner_text() == "bad"
    page.keyboard.press("Escape")
    assert (page.locator("dialog[open]").count(), focused(page)) == (0, "bad")
    page.keyboard.press("/")
    page.keyboard.type("nothing like it")
    assert page.locator("#none").is_visible()
    page.keyboard.press("Escape")
    assert (focused(page), len(shown_rows(page))) == ("_script_", 3)
    for key, name in (("j", "bad"), ("ArrowDown", "good"), ("j", "good"), ("k", "bad")):
        page.keyboard.press(key)
        assert focused(page) == name
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert page.locator("dialog h2").inner_text() == "good"
    page.keyboard.press("Escape")
    assert focused(page) == "good"


def test_dark_light_and_narrow(open_page):
    background = "getComputedStyle(document.body).backgroundColor"
    page = open_page(color_scheme="dark", viewport={"width": 390, "height": 844})
    dark = page.evaluate(background)
    page.locator("#theme").click()
    light = page.evaluate(background)
    assert (dark, light) == ("rgb(18, 20, 23)", "rgb(246, 246, 244)")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("tbody tr").first.click()
    assert page.locator("#video").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_on_paper_there_are_no_controls(open_page):
    page = open_page(viewport={"width": 720, "height": 1018})
    page.emulate_media(media="print")
    assert page.locator("tbody tr").first.evaluate("row => getComputedStyle(row).display") == (
        "table-row"
    )
    assert page.locator("#filter").is_hidden()
    assert page.locator("#theme").is_hidden()
    assert len(shown_rows(page)) == 3
