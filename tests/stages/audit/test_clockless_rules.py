"""What annotators get wrong by hand: each kind is found where it was planted, and nowhere else."""

import numpy as np
import pytest
from helpers.handmade import video
from helpers.tracks import LABELS, answer, box, clock, read, shape, steady
from video_prep.settings.cvat import AuditSettings
from video_prep.stages.audit.collapses import paired
from video_prep.stages.audit.rules import audit_tracks
from video_prep.tracks.interpolation import Placed, between
from video_prep.tracks.model import tracks_from_api

SIZE = (400, 300)
RULES = AuditSettings()
NEW = {"shape-collapses", "jump", "double", "empty-shape", "outside-image"}


def found(tracks, task=None, rules=RULES, size=SIZE):
    """Return kind, first, last and worst frame, and size of what needs no clock."""
    task = steady(60) if task is None else task
    return [
        (one.kind, one.first_frame, one.last_frame, one.worst_frame, round(one.size, 2))
        for one in audit_tracks(tracks, task, rules, size)
        if one.kind in NEW
    ]


def ended(frame, points, kind="rectangle"):
    return shape(frame, points, kind=kind, outside=True)


# A hexagon, 100 wide, with its centre at x, 100


def ring(x, *, points=6, start=0, back=False, stretch=1.0, turn=0.0):
    angles = (np.arange(points) + start) / points * 2 * np.pi * (-1 if back else 1) + turn
    return np.column_stack([x + 50 * np.cos(angles), 100 + 50 * stretch * np.sin(angles)])


def turning(degrees):
    """The matrix that turns points, which stand before it, so far."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, sine], [-sine, cosine]])


def outlines(one, other, kind="polygon"):
    return read(
        [shape(0, np.ravel(one), kind=kind), shape(20, np.ravel(other), kind=kind),
         ended(21, np.ravel(other), kind)]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("other", "left"),
    [
        (ring(120, start=1), 75.0),  # a sixth of a turn: the cosine of 30 degrees, squared
        (ring(120, start=2), 25.0),
        (ring(120, start=3), 0.0),
        (ring(120, back=True), 0.0),
        (ring(120, points=9, start=3), 25.0),
    ],
)
def test_a_polygon_begun_at_another_point_collapses(other, left):
    ((kind, first, last, worst, lost),) = found(outlines(ring(100), other))
    assert (kind, first, last) == ("shape-collapses", 0, 20)
    assert lost == pytest.approx(100 - left, abs=3)
    assert 0 < worst < 20


@pytest.mark.parametrize(
    "other", [ring(160), ring(100, stretch=0.6), ring(130, turn=0.4), ring(110, points=12)]
)
def test_a_polygon_that_moves_bends_or_turns_a_little_does_not(other):
    assert found(outlines(ring(100), other)) == []


def test_the_message_tells_where_and_why():
    (one,) = audit_tracks(outlines(ring(100), ring(120, back=True)), steady(30), RULES, SIZE)
    assert one.message.startswith("Between frames 0 and 20 the outline shrinks, to 0 % of its area")
    assert "it was drawn the other way round" in one.message
    assert (one.limit, one.worst_frame) == (pytest.approx(10), 10)


def test_what_turned_so_far_that_little_is_left_is_told_as_such():
    turned = [ring(100, stretch=0.5) @ turning(120 * i) for i in range(3)]
    tracks = read(
        [shape(20 * i, np.ravel(points), kind="polygon") for i, points in enumerate(turned)]
    )
    shrunk = [one for one in audit_tracks(tracks, steady(60), RULES) if one.kind in NEW]
    assert sorted((one.first_frame, round(one.size)) for one in shrunk) == [(0, 75), (20, 75)]
    assert all("the object turned" in one.message for one in shrunk)


@pytest.mark.parametrize("degrees", [45, 60, -80])
def test_an_uneven_outline_that_turns_once_was_not_begun_elsewhere(degrees):
    uneven = np.array([(50, 0), (20, 40), (-15, 25), (-45, 5), (-25, -35), (25, -30)])
    assert found(outlines(uneven + 100, uneven @ turning(degrees) + 110)) == []
    ((kind, *_),) = found(outlines(uneven + 100, np.roll(uneven, 2, axis=0) + 110))
    assert kind == "shape-collapses"


@pytest.mark.parametrize(("start", "is_told"), [(1, False), (3, True)])
def test_what_small_outlines_lose_is_told_from_two_pixels_on(start, is_told):
    small = [8 + (each - [100, 100]) / 12 for each in (ring(100), ring(100, start=start))]
    assert [each[0] for each in found(outlines(*small))] == ["shape-collapses"] * is_told


def test_a_polyline_drawn_backwards_loses_its_length():
    line = np.array([(50, 50), (100, 60), (150, 50), (200, 80)])
    assert found(outlines(line, line + 10, "polyline")) == []
    ((kind, *_, lost),) = found(outlines(line, line[::-1] + 10, "polyline"))
    assert (kind, lost > 80) == ("shape-collapses", True)


def test_nothing_collapses_where_no_frame_is_shown_between():
    points = np.ravel(ring(100, back=True))
    tracks = read([shape(0, np.ravel(ring(100)), kind="polygon"), shape(1, points, kind="polygon")])
    assert found(tracks) == []
    tracks = outlines(ring(100), ring(100, back=True))
    assert found(tracks, clock(video(np.arange(60) / 25), deleted=range(1, 20))) == []


@pytest.mark.parametrize("other", [ring(110, start=2), ring(90, points=9), ring(95, points=4)])
def test_the_pairs_are_those_that_cvat_moves_between(other):
    left, right = paired(ring(100)[np.newaxis], other[np.newaxis], is_closed=True)
    ends = [Placed(each.ravel(), 0.0) for each in (ring(100), other)]
    shown = between("polygon", *ends, 0.25).values.reshape(-1, 2)
    mine = (left + (right - left) * 0.25)[0]
    apart = np.hypot(*np.moveaxis(shown[:, np.newaxis] - mine, 2, 0))
    assert apart.min(axis=1).max() < 1e-9  # CVAT shows none that is not there


# Jumps


def walk(slips=(), *, by=80, step=5, until=60):
    """A box that walks a pixel a frame, and on some keyframes is elsewhere."""
    frames = range(0, until, step)
    return [box(f, 20 + f + (by if f in slips else 0)) for f in frames]


@pytest.mark.parametrize("at", [5, 25, 50])
def test_a_keyframe_that_slips_is_told(at):
    rest = [("jump", at - 5, at + 5, at, 80.0)]
    assert found(read([*walk([at]), box(59, 80, outside=True)])) == rest


def test_two_slips_of_a_track_are_two():
    tracks = read([*walk([15, 40]), box(59, 80, outside=True)])
    assert [each[3] for each in found(tracks)] == [15, 40]


@pytest.mark.parametrize(
    "shapes",
    [
        walk(),
        walk([25], by=30),  # less than three quarters of its size, which is 55
        [box(f, 20 + abs(100 - 4 * f)) for f in range(0, 60, 5)],  # turns round at its own pace
        [box(f, 100 + 90 * (-1) ** (f // 5)) for f in range(0, 60, 5)],  # as it always does
        [*walk()[:6], *[box(f, 150 + f) for f in range(30, 60, 5)]],  # moves, and stays there
        # leaps on twice, and does not come back
        [*walk()[:6], box(30, 245), *[box(f, 270 + f) for f in range(35, 60, 5)]],
        [box(0, 20), box(5, 80), box(10, 20)],  # of three keyframes, little is known
    ],
)
def test_what_moves_so_by_itself_is_no_jump(shapes):
    assert [each for each in found(read(shapes)) if each[0] == "jump"] == []


def test_to_walk_there_and_back_is_no_jump():
    walked = read([box(0, 20), box(90, 200), box(180, 20)])
    slipped = read([box(0, 20), box(30, 200), box(60, 20)])
    assert found(walked, steady(200)) == []
    assert [each[0] for each in found(slipped, steady(200))] == ["jump"]


@pytest.mark.parametrize(("by", "is_told"), [(55, False), (70, True)])
def test_where_few_keyframes_tell_what_is_usual_a_slip_must_be_half_as_far_again(by, is_told):
    shapes = [box(f, 20 + f + by * (f == 20)) for f in range(0, 50, 10)]
    assert ("jump" in {each[0] for each in found(read(shapes))}) is is_told
    known = [box(f, 20 + f + 55 * (f == 20)) for f in range(0, 60, 10)]
    assert "jump" in {each[0] for each in found(read(known))}


def test_a_jump_behind_a_cut_is_a_cut():
    scores = [60 if i in {21, 28} else 0 for i in range(60)]
    cut = clock(video(np.arange(60) / 25, scores=scores))
    assert [each for each in found(read(walk([25])), cut) if each[0] == "jump"] == []
    assert [each[0] for each in found(read(walk([25])))] == ["jump"]


def test_an_element_that_swaps_with_another_is_a_jump_for_its_skeleton():
    def element(x, slips):
        return [shape(f, [x + f + (120 if f in slips else 0), 40], kind="points")
                for f in range(0, 60, 5)]  # fmt: skip

    given = answer([shape(0, [], kind="skeleton")], label=1)
    given["tracks"][0]["elements"] = [
        {"id": 1, "label_id": 21, "shapes": element(20, [25])},
        {"id": 2, "label_id": 22, "shapes": element(100, [])},
    ]
    ((kind, *frames, size),) = found(tracks_from_api(given, LABELS))
    assert (kind, frames, size) == ("jump", [20, 30, 25], 120.0)


def ball(rng, every, px):
    """Keyframes of a ball that bounces, (frame, points), points (2, 2)."""
    frames = np.arange(0, 300, every)
    height, period = rng.uniform(60, 300), rng.uniform(8, 40)
    y = 400 - height * np.abs(np.sin(np.pi * (frames + rng.uniform(0, 9)) / period))
    x = rng.uniform(100, 300) + rng.uniform(-0.5, 0.5) * frames
    low = np.column_stack([x, y]) + rng.normal(0, 0.3, (len(frames), 2))
    return [(int(f), np.array([at, at + px])) for f, at in zip(frames, low, strict=True)]


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("px", [6, 12, 40])
def test_balls_that_bounce_do_not_jump_and_their_slips_do(px, every):
    rng = np.random.default_rng(px)
    balls = [ball(rng, every, px) for _ in range(20)]
    assert sum("jump" in kinds_of("rectangle", each) for each in balls) <= 1
    still = [[(f, points * 0 + [[100, 100], [100 + px] * 2]) for f, points in b] for b in balls]
    slips = [spoilt(rng, "rectangle", each, "jump") for each in still]
    assert sum("jump" in kinds_of("rectangle", *each) for each in slips) >= 19


@pytest.mark.parametrize("every", [1, 5, 20])
def test_hidden_legs_are_no_jump(every):
    rng = np.random.default_rng(every)
    for _ in range(20):
        keyframes = [(f, points * [1, 3]) for f, points in drawn(rng, "rectangle", every)]
        place = int(rng.integers(1, len(keyframes) - 1))
        (_, ((_, top), (_, bottom))) = keyframes[place]
        keyframes[place][1][1, 1] = (top + bottom) / 2
        assert "jump" not in kinds_of("rectangle", keyframes)


def test_a_box_that_is_the_first_or_last_of_its_track_is_no_neighbour():
    """Only one side leads to the second keyframe; the other track's boxes do not."""
    slip = [box(f, 20 + f + 80 * (f == 5)) for f in range(0, 60, 5)]
    others = [box(f, 100 + 16 * f) for f in range(0, 60, 5)]
    told = [each for each in found(read(others, slip, others)) if each[0] == "jump"]
    assert told == [("jump", 0, 10, 5, 80.0)]


# Doubles


def still(x, first=0, last=59, **given):
    return [box(first, x, **given), box(last - 1, x, **given), box(last, x, outside=True, **given)]


def test_two_tracks_on_each_other_are_one_finding():
    (one,) = audit_tracks(read(still(100), still(105, 20, 40)), steady(60), RULES, SIZE)
    assert (one.kind, one.first_frame, one.last_frame, one.size) == ("double", 20, 39, 20)
    assert (one.track_id, one.other_id, one.other_number, one.limit) == (100, 101, 1, 10)
    assert "this track and track 101 lie on each other" in one.message


def test_the_longer_of_two_is_kept():
    (one,) = audit_tracks(read(still(105, 20, 40), still(100)), steady(60), RULES, SIZE)
    assert (one.track_id, one.other_id) == (101, 100)


@pytest.mark.parametrize(
    "tracks",
    [
        [still(100), still(130)],
        [still(100), still(102, 20, 28)],  # eight frames
        [still(100, 0, 30), still(100, 30, 59)],  # one after the other
        [[box(0, 0), box(50, 250), box(51, 250, outside=True)],
         [box(0, 250), box(50, 0), box(51, 0, outside=True)]],  # they pass each other
    ],
)  # fmt: skip
def test_neighbours_are_no_doubles(tracks):
    assert [each for each in found(read(*tracks)) if each[0] == "double"] == []


def test_people_who_pass_each_other_slowly_are_no_doubles():
    def walkers(shift):
        one = [box(0, 0), box(170, 170), box(171, 170, outside=True)]
        other = [box(0, shift), box(170, 170 - shift), box(171, 0, outside=True)]
        return [each for each in found(read(one, other), steady(200)) if each[0] == "double"]

    # They close in by 0.98 px a frame: 18 frames on each other, and apart on most of 171.
    assert walkers(83.3) == []
    ((_, first, last, *_),) = walkers(40)  # far enough apart on fewer
    assert (last - first) > 18


def test_other_labels_and_lines_that_cross_are_no_doubles():
    given = answer(still(100), still(100))
    given["tracks"][1]["label_id"] = 2
    assert found(tracks_from_api(given, LABELS)) == []
    lines = [np.array([50, 50, 150, 150]), np.array([50, 150, 150, 50])]
    tracks = read(
        *([shape(0, line, kind="polyline"), ended(50, line, "polyline")] for line in lines)
    )
    assert found(tracks) == []
    tracks = read(*([shape(0, lines[0] + off, kind="polyline"), ended(50, lines[0], "polyline")]
                    for off in (0, 4)))  # fmt: skip
    assert [each[0] for each in found(tracks)] == ["double"]


def test_three_tracks_on_each_other_are_told_twice():
    tracks = read(still(100), still(102), still(104))
    assert [each[0] for each in found(tracks)] == ["double", "double"]


def test_pieces_of_overlapping_jobs_are_doubles_only_if_two_people_drew_them():
    jobs = [(1, 0, 31), (2, 28, 59)]
    task = clock(video(np.arange(60) / 25), jobs=jobs)

    def discs(off):
        one, other = [100, 100, 140, 60], [100 + off, 100, 140 + off, 60]
        return read(
            [shape(0, one, kind="ellipse"), ended(32, one, "ellipse")],
            [shape(28, other, kind="ellipse"), ended(59, other, "ellipse")],
        )

    assert found(discs(0), task) == []
    assert found(discs(4), task) == [("double", 28, 31, 29, 4.0)]
    assert found(discs(4)) == []  # without the jobs, four frames are few


def naive_doubles(tracks, frames):
    """Pairs of boxes that overlap by 70 % on ten frames in a row, by all pairs on all frames.

    Not those that overlap by less than 35 % on most of the frames that show both.
    """

    def at(track, f):
        xs = np.interp(f, track.frames, track.stacked[:, 0])
        return None if f >= track.frames[-1] or f < track.frames[0] else (xs, 20, xs + 50, 80)

    pairs = set()
    for i, one in enumerate(tracks):
        for j in range(i):
            run = best = both = apart = 0
            for f in range(frames):
                a, b = at(one, f), at(tracks[j], f)
                is_both = a is not None and b is not None
                common = max(0, 50 - abs(a[0] - b[0])) if is_both else 0
                run = run + 1 if common / (100 - common) >= 0.7 else 0
                best, both = max(best, run), both + is_both
                apart += is_both and common / (100 - common) < 0.35
            if best >= 10 and apart <= both / 2:
                pairs.add((j, i))
    return pairs


@pytest.mark.parametrize("seed", range(4))
def test_doubles_are_those_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    shapes = []
    for _ in range(60):
        first, last = sorted(rng.choice(120, 2, replace=False).tolist())
        x, y = rng.uniform(0, 900, 2)
        shapes.append([box(first, x), *([box(last - 1, y)] if last > first + 1 else []),
                       box(last, y, outside=True)])  # fmt: skip
    tracks = read(*shapes)
    told = [
        tuple(sorted((one.track_number, one.other_number)))
        for one in audit_tracks(tracks, steady(120), RULES)
        if one.kind == "double"
    ]
    real = naive_doubles(tracks, 120)
    assert set(told) <= real
    # Of a track that lies on several, one is told.
    assert {each for pair in real for each in pair} == {each for pair in told for each in pair}


# Single keyframes


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("rectangle", [50, 50, 50.5, 90]),
        ("ellipse", [50, 50, 90, 49.8]),
        ("polygon", [50, 50, 90, 50, 70, 50.3]),
        ("polyline", [50, 50, 50.2, 50.2]),
    ],
)
def test_a_shape_without_width_is_told(kind, points):
    tracks = read([shape(0, points, kind=kind), ended(20, points, kind)])
    assert found(tracks) == [("empty-shape", 0, 0, 0, 1.0)]
    bigger = [10 * value for value in points]
    assert found(read([shape(0, bigger, kind=kind), ended(20, bigger, kind)]), size=None) == []


def test_points_are_never_empty_and_runs_are_one_finding():
    assert found(read([shape(0, [5, 5], kind="points"), ended(9, [5, 5], "points")])) == []
    thin = [shape(f, [50, 50, 50, 90]) for f in (0, 10, 20)]
    assert found(read([*thin, box(30, 50), box(40, 50, outside=True)])) == [
        ("empty-shape", 0, 20, 0, 3.0)
    ]


def test_what_lies_outside_of_the_image_is_told():
    def at(x):
        return read([box(0, x), box(20, x, outside=True)])

    assert found(at(390)) == [("outside-image", 0, 0, 0, 79.41)]
    assert found(at(370)) == []  # two fifths are seen
    assert found(at(-60)) == [("outside-image", 0, 0, 0, 100.0)]
    assert found(at(-60), size=None) == []
    one, *_ = audit_tracks(at(-60), steady(30), RULES, SIZE)
    assert (
        "100 % of the shape of frame 0 lies outside of the image, which is 400×300" in one.message
    )


def test_what_is_outside_in_cvats_sense_has_no_place():
    tracks = read([box(0, 50), shape(20, [900, 900, 900, 900], outside=True)])
    assert found(tracks) == []


@pytest.mark.parametrize(
    ("tracks", "limit"),
    [
        (lambda: outlines(ring(100), ring(120, start=1)), {"collapse_share": 0.7}),
        (lambda: read(walk([25])), {"jump_share": 3.0}),
        (lambda: read(still(100), still(104)), {"double_overlap": 0.95}),
        (lambda: read(still(100), still(104)), {"double_frames": 60}),
        (lambda: read([box(0, 390), box(9, 390, outside=True)]), {"outside_share": 0.9}),
        (lambda: read([shape(0, [50, 50, 50.5, 90]), ended(9, [50, 50, 50.5, 90])]),
         {"least_thickness_px": 0.2}),
    ],
)  # fmt: skip
def test_every_limit_can_be_set(tracks, limit):
    assert found(tracks()) != []
    assert found(tracks(), rules=AuditSettings(**limit)) == []


# Many tracks with generated motion


def motion(rng, frames):
    """Where something is that drifts, sways and grows: left, top, right, bottom by frame."""
    t = frames[:, np.newaxis] / 300
    start, drift = rng.uniform(150, 500, 2), rng.uniform(-150, 150, 2)
    sway = rng.uniform(5, 40, 2) * np.sin(2 * np.pi * (rng.uniform(0.5, 3, 2) * t + rng.random(2)))
    side = rng.uniform(40, 90, 2) * (1 + 0.3 * np.sin(2 * np.pi * (t + rng.random())))
    noise = rng.normal(0, 0.7, (len(frames), 4))
    low = start + drift * t + sway
    return np.concatenate([low, low + side], axis=1) + noise


def outline_in(rng, kind):
    """The points of a shape in the unit square."""
    if kind == "rectangle":
        return np.array([(0, 0), (1, 1)])
    if kind == "polyline":
        across = np.linspace(0, 1, int(rng.integers(2, 8)))
        return np.column_stack([across, 0.5 + 0.3 * np.sin(3 * across + rng.random())])
    count = int(rng.integers(4, 10))
    angles = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count * 2 * np.pi
    return 0.5 + 0.5 * rng.uniform(0.7, 1, (count, 1)) * np.column_stack(
        [np.cos(angles), np.sin(angles)]
    )


def drawn(rng, kind, every):
    """Keyframes of a shape that follows its object, (frame, points), points (n, 2)."""
    frames = np.arange(0, 300, every)
    outline = outline_in(rng, kind)
    return [
        (int(frame), where[:2] + outline * (where[2:] - where[:2]))
        for frame, where in zip(frames, motion(rng, frames), strict=True)
    ]


def kinds_of(kind, *tracks):
    given = [
        [*(shape(f, np.ravel(points), kind=kind) for f, points in track),
         ended(track[-1][0] + 1, np.ravel(track[-1][1]), kind)]
        for track in tracks
    ]  # fmt: skip
    return {each[0] for each in found(read(*given), steady(320), size=(800, 800))}


def spoilt(rng, kind, keyframes, fault):
    """Return tracks with a fault in one keyframe, as annotators make it."""
    place = int(rng.integers(1, len(keyframes) - 1))
    frame, points = keyframes[place]
    size = np.sqrt((points.max(axis=0) - points.min(axis=0)).prod())
    if fault == "double":
        near = rng.normal(0, 0.02 * size, (len(keyframes), *points.shape))
        return keyframes, [(f, p + off) for (f, p), off in zip(keyframes, near, strict=True)]
    angle = rng.uniform(0, 2 * np.pi)
    aside = rng.uniform(2, 4) * max(size, 40) * np.array([np.cos(angle), np.sin(angle)])
    changed = {
        "jump": lambda: points + aside,
        "empty-shape": lambda: np.repeat(points[:1], len(points), axis=0),
        "outside-image": lambda: points + np.array([900, 0]),
        "shape-collapses": lambda: (
            points[::-1] if kind == "polyline" else np.roll(points, len(points) // 2, axis=0)
        ),
    }[fault]()
    return ([*keyframes[:place], (frame, changed), *keyframes[place + 1 :]],)


def circled(rng, count, radius, least=0.7):
    """An outline around (0, 0), of points at uneven angles and radii."""
    angles = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count * 2 * np.pi
    radii = radius * rng.uniform(least, 1, (count, 1))
    return radii * np.column_stack([np.cos(angles), np.sin(angles)])


def small(rng):
    outline = circled(rng, 8, 5, 1)
    return [outline + rng.normal(0, 0.8, outline.shape) for _ in range(20)]


def spinning(rng, least=0.7):
    outline = circled(rng, int(rng.integers(5, 14)), 40, least)
    return [outline @ turning(45 * i) + rng.normal(0, 0.7, outline.shape) for i in range(20)]


def wheel(rng):
    return spinning(rng, 0.9)


def drawn_anew(rng, outline=None):
    """The same outline each time, by other points, from about the same one on."""
    outline = circled(rng, 12, 40) if outline is None else outline
    closed = np.concatenate([outline, outline[:1]])
    keyframes = []
    for _ in range(20):
        count = int(rng.integers(10, 18))
        along = np.sort(np.arange(count) + rng.uniform(-0.3, 0.3, count)) % count
        along = along / count * len(outline)
        axes = [np.interp(along, np.arange(len(closed)), axis) for axis in closed.T]
        keyframes.append(np.column_stack(axes) + rng.normal(0, 1, (count, 2)))
    return keyframes


def walking(rng):
    """A silhouette whose legs swing past each other, drawn anew each time."""
    keyframes, phase = [], rng.uniform(0, 6)
    for i in range(20):
        swing = 20 * np.sin(phase + 1.3 * i)
        feet = sorted((swing, -swing))
        right = [(10, -40), (8, 0), (feet[1] + 6, 40), (feet[1] - 4, 40), (0, 8)]
        left = [(feet[0] + 4, 40), (feet[0] - 6, 40), (-8, 0), (-10, -40), (0, -50)]
        keyframes.append(drawn_anew(rng, np.array([*right, *left], float))[0])
    return keyframes


OUTLINES = [small, spinning, wheel, drawn_anew, walking]


def collapsed(*tracks):
    """Return track and first frame of each outline that shrinks; each lost more than the limit."""
    shapes = [
        [
            shape(10 * i, np.ravel(points + 200 + 5 * i), kind="polygon")
            for i, points in enumerate(t)
        ]
        for t in tracks
    ]
    told = audit_tracks(read(*shapes), steady(220), RULES)
    told = [one for one in told if one.kind == "shape-collapses"]
    assert all(one.size > one.limit for one in told)
    return {(one.track_number, one.first_frame) for one in told}


@pytest.mark.parametrize("outline", OUTLINES)
def test_small_and_lively_outlines_do_not_collapse(outline):
    rng = np.random.default_rng(7)
    assert len(collapsed(*(outline(rng) for _ in range(40)))) <= 1


@pytest.mark.parametrize("fault", ["restart", "flip"])
@pytest.mark.parametrize("outline", [small, drawn_anew, walking])
def test_small_and_lively_outlines_that_were_begun_elsewhere_do(outline, fault):
    rng = np.random.default_rng(8)
    tracks = [outline(rng) for _ in range(20)]
    planted = set()
    for number, track in enumerate(tracks):
        for place in range(2, 20, 4):
            points = track[place]
            start = len(points) // 2
            track[place] = points[::-1] if fault == "flip" else np.roll(points, start, axis=0)
            planted |= {(number, 10 * (place - 1)), (number, 10 * place)}
    told = collapsed(*tracks)
    assert len(told & planted) >= 0.95 * len(planted)
    assert len(told - planted) <= 1


@pytest.mark.parametrize("every", [5, 10, 20])
@pytest.mark.parametrize("kind", ["rectangle", "polygon", "polyline"])
def test_all_that_is_planted_is_found_and_nothing_in_clean_tracks(kind, every):
    rng = np.random.default_rng(every)
    clean = [drawn(rng, kind, every) for _ in range(20)]
    for each in clean:
        assert kinds_of(kind, each) == set()
    for fault in sorted(NEW - ({"shape-collapses"} if kind == "rectangle" else set())):
        hits = [fault in kinds_of(kind, *spoilt(rng, kind, each, fault)) for each in clean]
        assert sum(hits) >= 19, fault
