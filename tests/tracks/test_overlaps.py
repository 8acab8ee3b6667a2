"""Which pieces of overlapping jobs are one track, and which only lie near each other."""

import pytest
from helpers.tracks import LABELS, answer, box, shape, steady
from video_prep.tracks.model import tracks_from_api
from video_prep.tracks.overlaps import join_pieces

JOBS = [(1, 0, 9), (2, 8, 17), (3, 16, 25)]
CLOCK = steady(26, jobs=JOBS)


def disc(frame, x, **more):
    return shape(frame, [x, 40, x + 20, 30], kind="ellipse", **more)


def joined(*pieces, label=1):
    return join_pieces(tracks_from_api(answer(*pieces, label=label), LABELS), CLOCK)


def test_pieces_that_lie_on_each_other_are_one():
    first = [disc(0, 0), disc(9, 90), disc(10, 90, outside=True)]
    second = [disc(8, 80), disc(17, 170), disc(18, 170, outside=True)]
    third = [disc(16, 160), disc(20, 200), disc(22, 200, outside=True)]
    apart = [disc(8, 83), disc(12, 120), disc(13, 120, outside=True)]
    whole = joined(first, apart, second, third)
    track, other = whole.tracks
    assert (track.id, track.number, whole.joined) == (100, 0, {2: 0, 3: 0})
    assert track.frames.tolist() == [0, 8, 9, 16, 17, 20, 22]
    assert track.is_outside.tolist() == [False] * 6 + [True]
    assert [track.raw(each)[0] for each in range(7)] == [0, 80, 90, 160, 170, 200, 200]
    assert (other.id, other.frames.tolist()) == (101, [8, 12, 13])


@pytest.mark.parametrize(
    "second",
    [
        [disc(8, 80), disc(9, 91), disc(12, 120)],  # elsewhere on one of the two frames
        [disc(8, 80, rotation=10), disc(9, 90, rotation=10)],
        [disc(9, 90), disc(12, 120)],  # not there on the first
        [disc(8, 80), disc(9, 90, outside=True)],
        [shape(8, [80, 40, 100, 30]), shape(9, [90, 40, 110, 30])],  # a rectangle
        [disc(10, 90), disc(12, 120)],  # begins behind what both jobs show
    ],
)
def test_pieces_that_do_not_are_left_alone(second):
    first = [disc(0, 0), disc(9, 90), disc(10, 90, outside=True)]
    whole = joined(first, second)
    assert (len(whole.tracks), whole.joined) == (2, {})


@pytest.mark.parametrize(("kind", "count"), [("rectangle", 2), ("polygon", 2), ("ellipse", 1)])
def test_of_an_export_what_the_server_left_apart_stays_apart(kind, count):
    """It joins boxes and polygons that lie on each other itself, and nothing else."""

    def drawn(frame, x, **more):
        ends = {"polygon": [x, 40, x + 20, 40, x + 20, 30]}.get(kind, [x, 30, x + 20, 40])
        return shape(frame, ends, kind=kind, **more)

    first = [drawn(0, 0), drawn(9, 90), drawn(10, 90, outside=True)]
    tracks = tracks_from_api(answer(first, [drawn(8, 80), drawn(17, 170)]), LABELS)
    assert len(join_pieces(tracks, CLOCK).tracks) == 1
    assert len(join_pieces(tracks, CLOCK, is_export=True).tracks) == count


def test_labels_and_all_elements_of_a_skeleton_count():
    first = [disc(0, 0), disc(9, 90)]
    second = [disc(8, 80), disc(17, 170)]
    given = answer(first, second)
    given["tracks"][1]["label_id"] = 2
    assert len(join_pieces(tracks_from_api(given, LABELS), CLOCK).tracks) == 2

    def skeleton(number, *elements):
        frames = [each["frame"] for each in elements[0]]
        parts = [
            {"id": number + label, "label_id": label, "shapes": list(shapes)}
            for label, shapes in zip((21, 22), elements, strict=True)
        ]
        own = [shape(frame, [], kind="skeleton") for frame in frames]
        return {"id": number, "label_id": 2, "frame": frames[0], "shapes": own, "elements": parts}

    def points(*places):
        return [shape(frame, [x, 5], kind="points") for frame, x in places]

    def seen(x):
        one = skeleton(50, points((0, 0), (9, 90)), points((0, 7), (9, 7)))
        other = skeleton(60, points((8, 80), (17, 170)), points((8, x), (17, x)))
        return join_pieces(tracks_from_api({"tracks": [one, other]}, LABELS), CLOCK)

    assert [track.element for track in seen(7).tracks] == ["nose", "foot"]
    assert seen(7).joined == {1: 0}
    assert len(seen(7.5).tracks) == 4


def test_boxes_need_to_lie_on_each_other_by_half_as_for_the_server():
    """On average over the frames that show either; the box of the fixtures is 50 pixels wide."""
    first = [box(0, 0), box(9, 90), box(10, 90, outside=True)]
    for apart, is_one in ((16, True), (17, False)):  # 34/66 and 33/67 of the box in common
        assert len(joined(first, [box(8, 80 + apart), box(17, 170 + apart)]).tracks) == 2 - is_one
    for later in ([box(9, 90), box(17, 170)], [box(8, 80), box(9, 80, outside=True), box(12, 120)]):
        assert len(joined(first, later).tracks) == 1  # seen on one of the two frames alone
        later[0] = {**later[0], "points": [value + 5 for value in later[0]["points"]]}
        assert len(joined(first, later).tracks) == 2
    whole = joined(first, [box(8, 90), box(9, 95), box(17, 170)])
    (track,) = whole.tracks
    assert [(f, track.raw(k)[0]) for k, f in enumerate(track.frames.tolist())] == [
        (0, 0), (8, 90), (9, 90), (17, 170),
    ]  # fmt: skip


def test_of_several_pieces_the_nearest_go_together():
    crowd = [[box(0, x), box(9, x), box(10, x, outside=True)] for x in (0, 12, 24)]
    later = [[box(8, x), box(17, x)] for x in (23, 14, -1, 36)]
    whole = joined(*crowd, *later)
    assert whole.joined == {3: 2, 4: 1, 5: 0}
    assert [track.number for track in whole.tracks] == [0, 1, 2, 6]
