"""The page of findings: its numbers, its drawings, its size, and as a person uses it."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
from helpers.handmade import make_video
from PIL import Image, ImageDraw
from video_prep.annotated.match import Match, unmatched_clock
from video_prep.base.errors import DatasetError
from video_prep.dataset.breaks import find_breaks
from video_prep.dataset.frame_table import Fate
from video_prep.dataset.records import Notice
from video_prep.pictures.thumbnails import thumbnail
from video_prep.settings.cvat import AuditSettings
from video_prep.settings.stages import BreakSettings
from video_prep.stages.audit.drawings import panels_of
from video_prep.stages.audit.lanes import lane_of
from video_prep.stages.audit.page import KIND_TEXTS, share_out, write_page
from video_prep.stages.audit.result import AuditResult, PlacedFinding, TaskAudit
from video_prep.stages.audit.rules import FINDING_KINDS, audit_tracks
from video_prep.tracks.clock import clock_of
from video_prep.tracks.model import tracks_from_api
from video_prep.tracks.pieces import TaskView
from video_prep.tracks.statistics import statistics

HOSTILE = '"><script>alert(1)</script>'
LABELS = {1: "car", 2: HOSTILE, 3: "lane", 4: "wheel", 5: "person", 6: "nose"}
WIDTH, HEIGHT = 640, 360


def street(path, index):
    """A car that goes three pixels a frame past a fence."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (104, 118, 128))
    draw = ImageDraw.Draw(image)
    for x in range(0, WIDTH, 20):
        draw.rectangle((x, 60, x + 8, 150), fill=(128, 140, 148))
    draw.rectangle((0, 220, WIDTH, HEIGHT), fill=(70, 74, 78))
    x = 60 + 3 * index
    draw.rectangle((x, 180, x + 90, 230), fill=(178, 60, 48))
    draw.ellipse((x + 10, 218, x + 34, 242), fill=(20, 20, 20))
    image.save(path, quality=85)


def shape(frame, points, *, outside=False, rotation=0.0, kind="rectangle"):
    return {
        "type": kind, "frame": frame, "points": [float(each) for each in points],
        "outside": outside, "occluded": False, "rotation": rotation, "z_order": 0,
        "attributes": [],
    }  # fmt: skip


def box(frame, index, **given):
    """The car as it is on a frame of the video."""
    return shape(frame, (60 + 3 * index, 180, 150 + 3 * index, 230), **given)


def track(track_id, label, *shapes, **given):
    return {"id": track_id, "label_id": label, "shapes": list(shapes), **given}


def task_of(name, task_id, match, answer, *, url="https://cvat.example", note=None):
    tracks = tracks_from_api({"tracks": answer}, LABELS)
    place = f"{url}/tasks/{task_id}"
    placed = [
        PlacedFinding(one, task_id, 31, f"{place}/jobs/31?frame={one.worst_frame}")
        for one in audit_tracks(tracks, match.clock, AuditSettings(), match.image_size)
    ]
    counts = statistics(tracks, match.clock)
    return TaskAudit(task_id, name, place, match, tracks, tuple(placed), counts, note or match.note)


def result_of(folder, tasks):
    return AuditResult(str(folder), tasks, folder / "audit.html", folder / "audit.json")


def written(result):
    write_page(result)
    return result.page


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A street: frames 20 to 29 were sampled out, 50 to 54 rejected, one image was removed."""
    path = tmp_path_factory.mktemp("audit") / "films"
    fates = [Fate.KEPT] * 80
    fates[20:30] = [Fate.SAMPLED_OUT] * 10
    fates[50:55] = [Fate.REJECTED] * 5
    make_video(path, "street", fates, reasons=dict.fromkeys(range(50, 55), 1), draw=street)
    file = path / "street" / "video.json"
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record | {"image_width": WIDTH, "image_height": HEIGHT}))
    (path / "street" / "street-frame_000060.jpg").unlink()
    return path


@pytest.fixture(scope="module")
def clock(dataset):
    from video_prep.dataset.store import Dataset

    frames = Dataset(dataset).read_frames("street")
    kept = np.flatnonzero(frames.fate == Fate.KEPT)
    settings = BreakSettings()
    jobs = ((31, 0, 64),)
    return clock_of(
        frames,
        find_breaks(frames, [Notice("damage", "x", 57)], settings),
        settings,
        kept,
        {44},
        jobs,
    )


@pytest.fixture(scope="module")
def result(dataset, clock):
    """Everything there is to find in one task, one without a clock, and one in order."""
    lane = [(200 + x, 300, 260 + x, 290, 300 + x, 340) for x in (0, 15)]
    answer = [
        track(101, 1, box(10, 10), box(30, 40), box(31, 41, outside=True)),
        track(102, 2, box(35, 45), box(45, 60), box(46, 61, outside=True)),
        track(103, 5, box(50, 65), box(55, 70)),
        track(104, 4, shape(5, (87, 230, 99, 218), kind="ellipse", rotation=20)),
        track(105, 1, box(42, 57), box(44, 66), box(48, 63), box(49, 64, outside=True)),
        track(106, 3, *(shape(f, p, kind="polygon") for f, p in zip((12, 28), lane, strict=True)),
              shape(29, lane[1], kind="polygon", outside=True)),
        track(107, 5, shape(0, (0, 0), kind="points"), elements=[
            track(108, 6, shape(0, (100, 190), kind="points"), shape(4, (112, 190), kind="points"),
                  shape(5, (115, 190), kind="points", outside=True))]),
    ]  # fmt: skip
    unknown = Match(None, unmatched_clock(400, (), ()), "its images are not named as prep's.")
    long = track(201, 1, box(3, 3), box(390, 9), box(391, 9, outside=True))
    steady = track(301, 1, box(0, 0), box(10, 10), box(11, 11, outside=True))
    return result_of(
        dataset,
        (
            task_of("street", 7, Match("street", clock, None), answer),
            task_of(HOSTILE, 8, unknown, [long], url="javascript:alert(1)//"),
            task_of("calm", 9, Match("street", clock, None), [steady]),
        ),
    )


def finding(result, kind):
    return next(each for each in result.findings if each.finding.kind == kind)


# ---- the drawings


def drawn(result, kind, place=0):
    """Return (role, frame, window, paths by role) of the pictures of the worst of a kind."""
    task = result.tasks[place]
    one = next(each.finding for each in task.findings if each.finding.kind == kind)
    mine = next(
        each
        for each in task.tracks
        if (each.number, each.element) == (one.track_number, one.element)
    )
    panels = panels_of(one, mine, TaskView(task.match.clock), (WIDTH, HEIGHT))
    return [(p.role, p.frame, p.window, {o.role: o.path for o in p.outlines}) for p in panels]


def test_boxes_are_drawn_where_cvat_and_the_clock_have_them(result):
    # From x 90 on frame 10 to 180 on frame 30; frame 20 is frame 30 of the video, where it is 150.
    assert drawn(result, "uneven-time") == [
        ("before", 10, (43, 136, 184, 138), {"cvat": "M90 180L180 180L180 230L90 230Z"}),
        ("in", 20, (96, 136, 184, 138), {"cvat": "M135 180L225 180L225 230L135 230Z",
                                         "clock": "M150 180L240 180L240 230L150 230Z"}),
        ("after", 30, (133, 136, 184, 138), {"cvat": "M180 180L270 180L270 230L180 230Z"}),
    ]  # fmt: skip
    assert finding(result, "uneven-time").finding.size == pytest.approx(15)


def test_a_small_error_is_shown_once_more_close_up(result):
    task = result.tasks[0]
    one = next(p.finding for p in task.findings if p.finding.label == "lane")
    *_, inside, _, close = panels_of(one, task.tracks[5], TaskView(task.match.clock), None)
    assert (inside.role, close.role, close.frame) == ("in", "close up", 20)
    by_index, by_clock = 200 + 15 * 8 / 16, 200 + 15 * 18 / 26
    assert [o.path for o in close.outlines] == [
        f"M{by_index:g} 300L{by_index + 60:g} 290L{by_index + 100:g} 340Z",
        f"M{by_clock:.2f} 300L{by_clock + 60:.2f} 290L{by_clock + 100:.2f} 340Z",
    ]
    left, _, width, height = close.window
    assert left < by_index < by_clock < left + width
    assert (width, height) == (20, 15)


def test_keyframes_that_do_not_count_and_tracks_that_are_held(result):
    before, inside, after = drawn(result, "deleted-keyframe")
    assert [before[1], inside[1], after[1]] == [43, 44, 45]
    x = 60 + 3 * 57 + 18 * 2 / 6  # from frame 42 to frame 48, as if frame 44 had no keyframe
    assert inside[3] == {
        "cvat": f"M{x:g} 180L{x + 90:g} 180L{x + 90:g} 230L{x:g} 230Z",
        "set": "M258 180L348 180L348 230L258 230Z",
    }
    assert [(role, frame) for role, frame, *_ in drawn(result, "never-ends")] == [
        ("before", 55), ("in", 59), ("after", 64),
    ]  # fmt: skip
    assert len({paths["cvat"] for *_, paths in drawn(result, "never-ends")}) == 1
    ((*_, paths), *_) = drawn(result, "single-keyframe")
    numbers = np.array(re.findall(r"[\d.]+", paths["cvat"]), float).reshape(-1, 2)
    assert np.hypot(*(numbers - (87, 230)).T) == pytest.approx(12, abs=0.02)  # a circle


def shown_as(kind, points):
    """Return the path of a track with one keyframe of this shape."""
    (one,) = tracks_from_api({"tracks": [track(1, 1, shape(0, points, kind=kind))]}, LABELS)
    clock = unmatched_clock(10, (), ())
    (found,) = audit_tracks([one], clock, AuditSettings())
    panels = panels_of(found, one, TaskView(clock), None)
    return [outline.path for panel in panels for outline in panel.outlines][:1]


@pytest.fixture(scope="module")
def by_hand(dataset, clock):
    """What is wrong without a clock, each kind once."""
    square = np.array([(100, 100), (160, 100), (160, 160), (100, 160)])
    answer = [
        track(1, 3, shape(0, square.ravel(), kind="polygon"),
              shape(10, square[[2, 3, 0, 1]].ravel(), kind="polygon"),
              shape(11, square.ravel(), kind="polygon", outside=True)),
        track(2, 1, *(box(f, 60 if f == 27 else 0) for f in range(21, 37, 3)),
              box(37, 0, outside=True)),
        track(3, 5, box(40, 0), box(60, 0), box(61, 0, outside=True)),
        track(4, 5, box(45, 2), box(60, 2), box(61, 2, outside=True)),
        track(5, 4, shape(3, (9, 9, 9, 40)), shape(9, (9, 9, 9, 40), outside=True)),
        track(6, 4, shape(3, (700, 9, 790, 40)), shape(9, (700, 9, 790, 40), outside=True)),
    ]  # fmt: skip
    match = Match("street", clock, None, (WIDTH, HEIGHT))
    return dataclasses.replace(
        result_of(dataset, (task_of("street", 7, match, answer),)), limits={"jump_share": 0.75}
    )


def test_what_is_wrong_without_a_clock_is_drawn(by_hand):
    kinds = [each.finding.kind for each in by_hand.findings]
    kinds = [kind for kind in kinds if kind != "crosses-break"]  # told before all others
    assert kinds[:5] == ["shape-collapses", "jump", "double", "empty-shape", "outside-image"]
    before, worst, after = drawn(by_hand, "shape-collapses")
    assert [panel[1] for panel in (before, worst, after)] == [0, 5, 10]
    assert worst[3] == {"cvat": "M130 130L130 130L130 130L130 130Z"}
    jump = drawn(by_hand, "jump")
    assert [panel[1] for panel in jump] == [24, 27, 30]
    assert len({panel[2] for panel in jump}) == 1  # seen from one place
    assert [panel[1] for panel in drawn(by_hand, "outside-image")] == [2, 3, 4]
    task = by_hand.tasks[0]
    (one,) = (each.finding for each in task.findings if each.finding.kind == "double")
    panels = panels_of(one, task.tracks[2], TaskView(task.match.clock), None, task.tracks[3])
    assert [[outline.role for outline in panel.outlines] for panel in panels] == [
        ["cvat", "other"]
    ] * 3
    text = written(by_hand).read_text()
    assert "box of the other track" in text
    assert "<code>prep audit --join</code>" in text
    assert "<code>jump_share</code> 0.75." in text
    assert "100.0 %" in text


def test_every_shape_is_drawn():
    assert shown_as("polyline", (1, 2, 3, 4.25, 5, 6)) == ["M1 2L3 4.25L5 6"]
    assert shown_as("points", (1, 2, 3, 4)) == ["M1 2h0M3 4h0"]
    assert shown_as("mask", (3, 1, 2, 5, 6, 8, 9)) == ["M5 6L8 6L8 9L5 9Z"]
    (cuboid,) = shown_as("cuboid", range(16))
    assert cuboid.startswith("M0 1L2 3L6 7L4 5ZM8 9L10 11L14 15L12 13ZM0 1L8 9")
    assert shown_as("rectangle", (0, 0, float("nan"), 5)) == []
    assert shown_as("rectangle", (0, 0, 1e300, 5)) == []


def test_windows_stay_in_the_frame_where_they_fit():
    clock = unmatched_clock(10, (), ())
    for points, size, window in (
        ((0, 0, 20, 20), (640, 360), (0, 0, 72, 54)),
        ((620, 340, 640, 360), (640, 360), (568, 306, 72, 54)),
        ((0, 0, 640, 360), (640, 360), (-172, -189, 984, 738)),
        ((-10, -10, 10, 10), None, (-36, -27, 72, 54)),
    ):
        (one,) = tracks_from_api({"tracks": [track(1, 1, shape(0, points))]}, LABELS)
        (found,) = audit_tracks([one], clock, AuditSettings())
        assert panels_of(found, one, TaskView(clock), size)[0].window == window


def test_lanes(result):
    task = result.tasks[0]
    view = TaskView(task.match.clock)

    def lane(place):
        number = task.tracks[place].number
        mine = [p.finding for p in task.findings if p.finding.track_number == number]
        return {k: v for k, v in vars(lane_of(task.tracks[place], view, mine)).items() if v}

    assert lane(0) == {"keyframes": "M10.5 7h0M30.5 7h0", "filled": "M10.5 7H31.5",
                       "wrong": "M10.5 7H30.5"}  # fmt: skip
    assert lane(2) == {"keyframes": "M50.5 7h0M55.5 7h0", "filled": "M50.5 7H55.5",
                       "held": "M55.5 7H64.5", "wrong_held": "M55.5 7H64.5"}  # fmt: skip
    assert lane(4) == {"keyframes": "M42.5 7h0M48.5 7h0", "filled": "M42.5 7H49.5",
                       "stopped": "M44.5 7h0"}  # fmt: skip


def test_a_lane_of_many_keyframes_is_thinned():
    shapes = [box(f, f, outside=f % 3 == 2) for f in range(30_000)]
    (one,) = tracks_from_api({"tracks": [track(1, 1, *shapes)]}, LABELS)
    lane = lane_of(one, TaskView(unmatched_clock(30_000, (), ())), (), columns=100)
    assert lane.keyframes.count("M") == 100
    assert (lane.filled, lane.held) == ("M0.5 7H29999.5", "")


def test_pictures_are_shared_out():
    assert share_out({"a": 100, "b": 2, "c": 50}, 42) == {"a": 20, "b": 2, "c": 20}
    assert share_out({"a": 3}, 42) == {"a": 3}
    assert share_out({}, 42) == {}


def test_a_crop_is_that_part_of_the_image(tmp_path):
    import base64
    import io

    street(tmp_path / "a.png", 10)
    uri = thumbnail(tmp_path / "a.png", 400, (80, 170, 120, 200))
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert image.size == (40, 30)
    red, grey = image.getpixel((30, 20)), image.getpixel((3, 20))
    assert red == pytest.approx((178, 60, 48), abs=12)
    assert grey == pytest.approx((104, 118, 128), abs=12)
    assert thumbnail(tmp_path / "none.png", 400, (0, 0, 9, 9)) == ""


# ---- the file


def test_every_kind_has_words():
    assert tuple(KIND_TEXTS) == FINDING_KINDS


@pytest.mark.smoke
def test_the_same_findings_give_the_same_bytes(result):
    first = written(result).read_bytes()
    assert written(result).read_bytes() == first
    assert "<script>alert" not in first.decode()


def test_no_room(result, tmp_path):
    (tmp_path / "audit.html").mkdir()  # nothing can be renamed to there
    with pytest.raises(DatasetError, match=r"audit\.html: cannot be written: .*\. Make room"):
        write_page(dataclasses.replace(result, page=tmp_path / "audit.html"))
    assert [each.name for each in tmp_path.iterdir()] == ["audit.html"]


def test_an_export_and_a_video_that_cannot_be_read(result, dataset, tmp_path):
    shutil.copytree(dataset / "street", tmp_path / "street")
    (tmp_path / "street" / "video.json").write_text("{")
    task = result.tasks[0]
    tracks = tuple(dataclasses.replace(one, id=None, parent_id=None) for one in task.tracks)
    placed = tuple(
        PlacedFinding(dataclasses.replace(one.finding, track_id=None), None, None, None)
        for one in task.findings
    )
    task = dataclasses.replace(task, task_id=None, url=None, tracks=tracks, findings=placed)
    text = written(result_of(tmp_path, (task,))).read_text()
    assert "car · track no. 1 of the file" in text
    assert "no. 7 of the file · nose" in text
    assert 'href="http' not in text
    assert text.count("no image in the dataset") == text.count("<figure") > 18
    assert "data:image/webp" not in text


def test_twenty_thousand_findings_on_noise(dataset, tmp_path, clock):
    """Names as long as they get, more tracks and tasks than anybody looks at, large pictures."""
    shutil.copytree(dataset / "street", tmp_path / "street")
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    for image in (tmp_path / "street").glob("*.jpg"):
        Image.fromarray(noise).save(image, quality=95)
    labels = {number: '"' * 200 + str(number) for number in range(400)}
    answer = [
        track(k, k % 400, shape(10, (50, 50, 500, 300)), shape(30, (140 + k / 100, 50, 590, 300)),
              shape(31, (140, 50, 590, 300), outside=True))
        for k in range(200)
    ]  # fmt: skip
    tracks = tracks_from_api({"tracks": answer}, labels)
    counts = statistics(tracks, clock)
    found = [*audit_tracks(tracks, clock, AuditSettings())]
    url = "https://cvat.example/" + "&" * 179
    placed = tuple(PlacedFinding(one, 1, 2, url) for one in found)
    name = "<" * 500 + "\ud800\n"
    note = "'" * 5000
    match = Match("street", clock, None)
    task = TaskAudit(1, name, url, match, tracks, placed, counts, note)
    many = result_of(tmp_path, (task,) * 100 + (dataclasses.replace(task, findings=()),) * 850)
    assert len(many.findings) == 20_000
    path = written(many)
    assert path.stat().st_size < 10_000_000
    text = path.read_text()
    shown = text.count('class="finding"')
    left = [int(each.replace(",", "")) for each in re.findall(r"([\d,]+) more findings of", text)]
    assert shown + sum(left) == 20_000
    assert text.count("data:image/webp") > 60
    assert "140 more tracks left out; those with findings come first." in text
    assert "650 more tasks left out here" in text
    assert "timeline left out, the page would get too long" in text


# ---- in a browser


@pytest.fixture
def open_page(browser, result):
    """Open the page; at the end it must have asked for nothing and complained of nothing."""
    path = written(result)
    said, asked, pages = [], [], []

    def start(which=None, **options):
        page = browser.new_page(reduced_motion="reduce", **options)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((which or path).as_uri())
        pages.append(page)
        return page

    yield start
    for page in pages:
        page.close()
    assert said == []
    assert len([url for url in asked if not url.startswith("data:")]) == len(pages)


def numbers(texts):
    return [int(re.sub(r"\D", "", text)) for text in texts]


def test_the_page_shows_the_numbers_of_the_result(open_page, result):
    page = open_page()
    assert page.locator("h1").inner_text() == "7 findings need attention, in 2 of 3 tasks"
    kinds = [each.finding.kind for each in result.findings]
    assert len(kinds) == 7
    for count in page.locator(".kinds .count").all():
        assert numbers([count.inner_text()]) == [kinds.count(count.get_attribute("data-kind"))]
    rows = {}
    for row in page.locator(".counts tbody tr").all():
        cells = row.locator("td").all_inner_texts()
        rows[row.locator("th").inner_text()] = [*numbers(cells[:4]), cells[4]]
    assert rows["car"] == [4, 8, 418, 0, "98.1 %"]
    total = result.tasks[0].statistics.total + result.tasks[1].statistics.total
    total += result.tasks[2].statistics.total
    assert rows["All labels"][:4] == [total.tracks, total.keyframes, total.interpolated, total.held]
    assert page.locator(".notes li").all_inner_texts() == [
        f"{HOSTILE}: its images are not named as prep's."
    ]
    assert page.locator("article.finding").count() == 7
    first = page.locator("#uneven-time-1")
    assert first.locator(".size").inner_text() == "15.0 px"
    assert first.locator("h4").inner_text() == "car · track 101"
    where = "task street · job 31 · frames 10–30 (frames 10–40 of the video) · 1.20 s"
    assert first.locator(".where").inner_text() == where
    assert first.locator(".message").inner_text() == finding(result, "uneven-time").finding.message
    assert first.locator("figcaption").all_inner_texts()[1] == (
        "Worst · frame 20 · 30 of the video · 1.20 s"
    )


def test_outlines_lie_on_the_pictures(open_page):
    page = open_page()
    card = page.locator("#uneven-time-1")
    inside = card.locator("figure.in")
    assert inside.locator("svg").get_attribute("viewBox") == "96 136 184 138"
    image = inside.locator("image")
    place = [image.get_attribute(name) for name in ("x", "y", "width", "height")]
    assert place == ["96", "136", "184", "138"]
    assert inside.locator("path.clock").get_attribute("d") == "M150 180L240 180L240 230L150 230Z"
    assert inside.locator(".off").inner_text() == "15.0 px off"
    # What is drawn at x 150 must stand at that share of the picture's width.
    apart = inside.evaluate(
        """figure => { const box = (name) => figure.querySelector(name).getBoundingClientRect();
        return (box("path.clock").left - box("svg").left) / box("svg").width; }"""
    )
    assert apart == pytest.approx((150 - 96) / 184, abs=0.01)
    assert page.locator("#uneven-time-2 figure.close .off").inner_text() == "2.9 px off"
    bare = page.locator("#crosses-break-1 figure.after")
    assert (bare.locator("image").count(), bare.locator("path.cvat").count()) == (0, 1)
    assert bare.locator(".none").inner_text() == "no image in the dataset"


def test_the_timeline(open_page):
    page = open_page()
    task = page.locator(".task").first
    assert task.locator(".lane").count() == 7
    assert task.locator("[data-break=missing]").get_attribute("d") == "M40 0V1"
    assert task.locator("[data-break=timeline]").get_attribute("d") == "M20 0V1"
    assert task.locator(".who a").all_inner_texts() == ["1", "1", "1", "1", "1", "1"]
    lane = task.locator(".lane").nth(1)  # the first is that of the worst finding
    width = lane.bounding_box()["width"]
    lane.hover(position={"x": width * 20.5 / 65, "y": 10})
    assert task.locator(".readout").inner_text() == (
        "frame 20 · car, track 101: 2 set by hand, 19 interpolated, 0 held, 1 × uneven-time"
    )
    task.locator(".who a").nth(3).click()
    assert page.evaluate("document.activeElement.id") == "never-ends-1"
    assert page.locator(".task").nth(2).locator(".window").is_hidden()


def test_hostile_names_are_text_and_links_lead_to_the_web(open_page):
    page = open_page()
    assert page.locator("#crosses-break-1 h4").inner_text() == f"{HOSTILE} · track 102"
    links = [link.get_attribute("href") for link in page.locator("a[target]").all()]
    assert all(link.startswith("https://cvat.example/tasks/") for link in links)
    assert links.count("https://cvat.example/tasks/7/jobs/31?frame=20") == 2
    assert page.locator("#long-span-1 a").count() == 0
    assert page.locator("body script").count() == 1


def test_filter_and_keyboard(open_page):
    page = open_page()
    focused = "document.activeElement.id"
    page.keyboard.press("/")
    page.keyboard.type("PERSON never")
    assert page.locator("#shown").inner_text() == "1 of 7"
    assert page.locator(".kind:visible").count() == 1
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "never-ends-1"
    page.keyboard.press("/")
    page.keyboard.type(" zebra")
    assert page.locator("#none").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#shown").inner_text() == "7 of 7"
    passed = ("crosses-break-1", "uneven-time-1", "uneven-time-2", "uneven-time-1")
    for key, name in zip("jjjk", passed, strict=True):
        page.keyboard.press(key)
        assert page.evaluate(focused) == name
    page.evaluate(
        """document.addEventListener("click", (event) => {
        event.preventDefault(); document.title = event.target.href; })"""
    )
    page.keyboard.press("Enter")
    assert page.title() == "https://cvat.example/tasks/7/jobs/31?frame=20"


def test_dark_light_narrow_and_paper(open_page):
    background = "getComputedStyle(document.body).backgroundColor"
    page = open_page(color_scheme="dark", viewport={"width": 390, "height": 844})
    dark = page.evaluate(background)
    page.locator("#theme").click()
    assert (dark, page.evaluate(background)) == ("rgb(18, 20, 23)", "rgb(246, 246, 244)")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.emulate_media(media="print")
    assert page.locator("#theme").is_hidden()
    assert page.locator("#filter").is_hidden()
    assert page.locator("article.finding").first.is_visible()


def test_nothing_found(open_page, result, tmp_path):
    page = open_page(written(result_of(tmp_path, result.tasks[2:])))
    assert page.locator("h1").inner_text() == "Nothing needs attention"
    assert page.locator("#findings").count() == 0
    page = open_page(written(result_of(tmp_path, ())))
    assert page.locator("h1").inner_text() == "Nothing needs attention"
    page.keyboard.press("j")
