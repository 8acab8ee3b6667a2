"""Every shape on every frame: as CVAT shows it, but where that is no good for training."""

import numpy as np
import pytest
from helpers.tracks import LABELS, answer, box, read, shape, steady
from hypothesis import given, strategies as st
from video_prep.annotated.placing import Placer
from video_prep.annotated.shape_table import KINDS, ShapeRows
from video_prep.tracks.drawing import drawing_from_api
from video_prep.tracks.model import placed_at
from video_prep.tracks.shown import shown_on

OUT = {"outside": True}
SPECS = [
    {
        "id": 1,
        "name": "car",
        "attributes": [{"id": 7, "name": "pose"}, {"id": 8, "name": "colour"}],
    },
    {
        "id": 2,
        "name": "person",
        "attributes": [],
        "sublabels": [
            {"id": 21, "name": "nose", "attributes": []},
            {"id": 22, "name": "foot", "attributes": []},
        ],
    },
]


def placed(annotations, frames=12, *, deleted=(), jobs=(), wrong=None):
    """Return the table of a task whose images are its frames, and what was counted."""
    images = np.arange(frames)
    images[list(deleted)] = -1
    rows = ShapeRows()
    clock = steady(frames, deleted=deleted, jobs=jobs)
    placer = Placer(drawing_from_api(annotations, SPECS), clock, images, rows, wrong or {})
    placer.place(1)
    return rows.table(), placer.placed


def lefts(table, track=None):
    """Return the left border of each shape, by image."""
    return {
        int(table.images[row]): round(float(table.raw(row)[0]), 3)
        for row in range(len(table))
        if track in (None, table.tracks[row])
    }


numbers = st.floats(-50, 300).map(lambda value: round(value, 2))
CORNERS = {"rectangle": (2, 2), "ellipse": (2, 2), "points": (1, 3), "polygon": (3, 6)}


@st.composite
def keyframes(draw):
    kind = draw(st.sampled_from(sorted(CORNERS)))
    frames = draw(st.lists(st.integers(0, 19), min_size=1, max_size=5, unique=True))
    made = []
    for frame in sorted(frames):
        corners = draw(st.integers(*CORNERS[kind]))
        points = draw(st.lists(numbers, min_size=2 * corners, max_size=2 * corners))
        turn = draw(st.sampled_from([0.0, 10.0, 190.0, 350.0]))
        made.append(shape(frame, points, kind=kind, rotation=turn, outside=draw(st.booleans())))
    return made


@given(keyframes(), st.sets(st.integers(0, 19), max_size=4))
def test_all_frames_at_once_are_what_they_are_one_by_one(shapes, deleted):
    (track,) = read(shapes)
    frames = np.array([frame for frame in range(20) if frame not in deleted])
    alive = np.flatnonzero(~np.isin(track.frames, [*deleted]))
    found = shown_on(track, frames, alive)
    expected = {frame: placed_at(track, frame, deleted) for frame in frames.tolist()}
    expected = {frame: one for frame, one in expected.items() if one is not None}
    assert found.frames.tolist() == [*expected]
    ends = np.cumsum(found.counts)
    for place, one in enumerate(expected.values()):
        values = found.values[ends[place] - found.counts[place] : ends[place]]
        assert values == pytest.approx(one.values, abs=1e-9)
        assert found.rotations[place] == pytest.approx(one.rotation)


def test_a_box_says_whether_a_person_set_it():
    table, counted = placed(answer([box(2, 0), box(5, 30), box(8, 30, **OUT)]))
    assert lefts(table) == {2: 0, 3: 10, 4: 20, 5: 30, 6: 30, 7: 30}
    assert table.is_set.tolist() == [True, False, False, True, False, False]
    assert vars(counted) == {"ended": 0, "continued": 0, "wrong": 0, "unplaced": 0}


def test_a_keyframe_on_a_deleted_frame_does_not_exist_but_an_end_does():
    shapes = [box(0, 0), box(4, 80), box(8, 80), box(9, 80, **OUT)]
    table, counted = placed(answer(shapes), deleted=(4, 9))
    assert lefts(table) == {f: f * 10 for f in (0, 1, 2, 3, 5, 6, 7, 8)}
    assert counted.ended == 2  # CVAT goes on to frame 11


def test_a_track_whose_only_keyframe_is_on_a_deleted_frame_shows_nothing():
    table, counted = placed(answer([box(3, 0)], [box(0, 7)]), deleted=(3,))
    assert lefts(table) == dict.fromkeys({*range(12)} - {3}, 7)
    assert counted.ended == 0


def test_what_crosses_the_deleted_first_frame_of_a_job_goes_on_as_one_track():
    jobs = ((1, 0, 5), (2, 6, 11))
    cut = [
        [box(0, 0), box(5, 50), box(6, 50, **OUT)],  # as the server cuts a track of 0 to 10
        [box(6, 60), box(10, 100)],
        [box(6, 200), box(9, 200)],  # set by hand on a frame that was deleted
    ]
    table, counted = placed(answer(*cut), deleted=(6,), jobs=jobs)
    assert lefts(table, 1) == {**{f: f * 10 for f in (*range(6), *range(7, 11))}, 11: 100}
    assert lefts(table, 2) == {9: 200, 10: 200, 11: 200}
    assert not table.is_set[(table.images == 5) & (table.tracks == 1)].any()
    # CVAT: the first piece runs on to frame 11, the second is there from 10 on.
    assert (counted.ended, counted.continued) == (5, 3)


def test_pieces_of_a_track_that_jobs_cut_are_one_track():
    jobs = ((1, 0, 5), (2, 6, 11))
    pieces = [[box(0, 0), box(5, 50), box(6, 50, **OUT)], [box(6, 60), box(10, 100)]]
    table, _ = placed(answer(*pieces), jobs=jobs)
    assert set(table.tracks.tolist()) == {1}
    assert table.images[table.is_set].tolist() == [0, 10]


def test_spans_that_are_wrong_lose_what_nobody_set():
    wrong = {(0, None): [(2, 8)]}
    table, counted = placed(answer([box(0, 0), box(2, 2), box(5, 5), box(10, 0)]), wrong=wrong)
    assert lefts(table) == {0: 0, 1: 1, 2: 2, 5: 5, 9: 1, 10: 0, 11: 0}
    assert counted.wrong == 5


def test_attributes_and_occlusion_hold_until_they_change():
    shapes = [box(0, 0), box(3, 0), box(6, 0)]
    shapes[0]["attributes"] = [{"spec_id": 7, "value": "up"}]
    shapes[1] |= {"occluded": True}
    shapes[2]["attributes"] = [{"spec_id": 7, "value": "down"}]
    annotations = answer(shapes)
    annotations["tracks"][0]["attributes"] = [{"spec_id": 8, "value": "red"}]
    table, _ = placed(annotations, 8)
    sets = [dict(table.attribute_sets[code]) for code in table.attributes]
    assert sets == [{"colour": "red", "pose": "up"}] * 6 + [{"colour": "red", "pose": "down"}] * 2
    assert table.is_occluded.tolist() == [False] * 3 + [True] * 3 + [False] * 2
    table, _ = placed(annotations, 8, deleted=(3,))
    assert not table.is_occluded.any()


def skeleton():
    def points(*keyframes):
        return [shape(f, xy, kind="points", **more) for f, xy, more in keyframes]

    return {
        "tracks": [
            {
                "id": 1,
                "label_id": 2,
                "frame": 0,
                "attributes": [],
                "shapes": [shape(0, [], kind="skeleton"), shape(8, [], kind="skeleton", **OUT)],
                "elements": [
                    {"label_id": 22, "attributes": [], "shapes": points(
                        (0, (10, 20), {}), (4, (50, 20), OUT), (6, (70, 20), OUT))},
                    {"label_id": 21, "attributes": [], "shapes": points(
                        (0, (0, 0), {}), (6, (60, 0), OUT), (7, (70, 0), {}))},
                ],
            }
        ]
    }  # fmt: skip


def test_points_of_a_skeleton_stand_in_the_order_of_its_label():
    annotations = skeleton()
    annotations["tracks"][0]["elements"][1]["shapes"][0]["occluded"] = True
    table, _ = placed(annotations)
    rows = {int(table.images[row]): table.raw(row).reshape(2, 3).tolist() for row in range(7)}
    assert rows[2] == [[20, 0, 1], [30, 20, 2]]
    assert rows[5] == [[50, 0, 1], [0, 0, 0]]
    assert rows[7] == [[70, 0, 2], [0, 0, 0]]
    assert 6 not in rows  # both are outside
    assert len(table) == 7
    assert {KINDS[kind] for kind in table.kinds} == {"skeleton"}
    assert table.images[table.is_set].tolist() == [0, 7]


def test_single_shapes_are_of_no_track():
    def still(frame, kind, points, **more):
        return {"label_id": 1, "attributes": [], **shape(frame, points, kind=kind), **more}

    elements = [{"label_id": 22, "attributes": [], **shape(3, (5, 6), kind="points")}]
    given = [
        still(3, "rectangle", (1, 2, 3, 4), rotation=30.0, occluded=True),
        {**still(3, "skeleton", (), elements=elements), "label_id": 2},
        still(5, "rectangle", (1, 2, 3, 4)),
        still(40, "rectangle", (1, 2, 3, 4)),
    ]
    table, counted = placed({"shapes": given}, deleted=(5,))
    assert table.tracks.tolist() == [-1, -1]
    assert table.is_set.all()
    assert [table.raw(row).tolist() for row in range(2)] == [[1, 2, 3, 4], [0, 0, 0, 5, 6, 2]]
    assert (table.rotations[0], table.is_occluded[0]) == (30.0, True)
    assert counted.unplaced == 2
    assert [table.label_names[code] for code in table.labels] == [LABELS[1], LABELS[2]]
