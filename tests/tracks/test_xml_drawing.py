"""All that exports hold: what people say of shapes, masks, skeletons, and which frames are gone."""

import pytest
from video_prep.base.errors import UsageError
from video_prep.tracks.drawing import drawing_from_api
from video_prep.tracks.skeletons import edges_of
from video_prep.tracks.xml_drawing import drawings_from_xml

LABELS = """<labels>
<label><name>car</name><type>rectangle</type></label>
<label><name>body</name><type>skeleton</type></label>
<label><name>head</name><type>points</type><parent>body</parent></label>
<label><name>foot</name><type>points</type><parent>body</parent></label>
</labels>"""
TASK = """<task><id>{id}</id><name>v{id}</name><size>10</size><mode>annotation</mode>
<start_frame>0</start_frame><stop_frame>9</stop_frame><frame_filter></frame_filter>
<segments><segment><id>1</id><start>0</start><stop>9</stop><url>http://c/api/jobs/1</url></segment>
</segments>{labels}</task>"""


ONE = TASK.format(id=1, labels=LABELS)


def read(path, body, meta=ONE):
    path = path / "annotations.xml"
    path.write_text(f"<annotations><version>1.1</version><meta>{meta}</meta>{body}</annotations>")
    return [drawing for _, drawing in drawings_from_xml(path)]


SVG = (
    '<line x1="5" data-type="edge" data-node-from="2" data-node-to="1"></line>'
    '<line data-type="edge" data-node-from="2" data-node-to="9"></line>'
    '<circle r="0.75" data-node-id="1" {0}></circle><circle data-node-id="2" {1}></circle>'
)


def test_the_drawing_of_a_skeleton_tells_its_edges(tmp_path):
    svg = SVG.format('data-label-name="head"', 'data-label-name="foot"')
    assert edges_of(svg, {}) == (("foot", "head"),)
    by_id = SVG.format('data-label-id="7"', 'data-label-id="8"')
    assert edges_of(by_id, {"7": "head", "8": "foot"}) == (("foot", "head"),)
    points = [{"id": 7, "name": "head"}, {"id": 8, "name": "foot"}]
    body = {"id": 5, "name": "body", "svg": by_id, "sublabels": points}
    given = [{**body, "attributes": []}]
    for point in points:
        point["attributes"] = []
    assert drawing_from_api({}, given).edges == {"body": (("foot", "head"),)}
    long = "<circle></circle>" * 1000 + svg
    escaped = long.replace("<", "&lt;").replace(">", "&gt;")
    meta = ONE.replace("skeleton</type>", f"skeleton</type><svg>{escaped}</svg>")
    (drawing,) = read(tmp_path, track(box(0)), meta)
    assert drawing.edges == {"body": (("foot", "head"),)}


def box(frame, keyframe=1, outside=0, occluded=0, **attributes):
    inner = "".join(f'<attribute name="{k}">{v}</attribute>' for k, v in attributes.items())
    return (
        f'<box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="{occluded}" '
        f'xtl="{frame}" ytl="0" xbr="50" ybr="40" z_order="0">{inner}</box>'
    )


def track(*shapes, label="car"):
    return f'<track id="0" label="{label}" source="manual">{"".join(shapes)}</track>'


def test_keyframes_say_what_people_say(tmp_path):
    shapes = [box(0, pose="up", colour="red"), box(1, 0, pose="up", colour="red")]
    shapes += [box(2, occluded=1, pose="down", colour="red &amp; blue"), box(3, outside=1)]
    (drawing,) = read(tmp_path, track(*shapes))
    assert (drawing.labels, drawing.elements) == (("car", "body"), {"body": ("head", "foot")})
    (one,) = drawing.tracks
    assert one.frames.tolist() == [0, 2, 3]
    said = drawing.traits[0, None]
    assert said.frames.tolist() == [0, 2, 3]
    assert said.is_occluded.tolist() == [False, True, False]
    assert said.attributes[:2] == (
        (("pose", "up"), ("colour", "red")),
        (("pose", "down"), ("colour", "red & blue")),
    )


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ((0, 1, 2, 3), []),
        ((0, 1, 4), [2, 3]),
        ((0, 1, 2, 3, 4, 5, 6), [7, 8, 9]),  # it goes on to the end of the task
    ],
)
def test_frames_that_are_left_out_are_gone(frames, expected, tmp_path):
    *between, last = frames[1:]
    ends = last != 6
    shapes = [box(0), *(box(f, 0) for f in between), box(last, int(ends), int(ends))]
    (drawing,) = read(tmp_path, track(*shapes))
    assert sorted(drawing.unwritten) == expected


def test_a_file_with_keyframes_alone_tells_nothing_of_frames(tmp_path):
    (drawing,) = read(tmp_path, track(box(0), box(5), box(9, outside=1)))
    assert drawing.unwritten == frozenset()


def skeleton(frame, keyframe, *points):
    inner = "".join(
        f'<points label="{label}" keyframe="{keyframe}" outside="{outside}" occluded="{occluded}" '
        f'points="{x},7"><attribute name="a">{x}</attribute></points>'
        for label, x, outside, occluded in points
    )
    return f'<skeleton frame="{frame}" keyframe="{keyframe}" z_order="0">{inner}</skeleton>'


def test_a_skeleton_ends_where_all_its_points_do(tmp_path):
    shapes = [
        skeleton(0, 1, ("foot", 5, 0, 1), ("head", 3, 0, 0)),
        skeleton(1, 0, ("foot", 5, 0, 1), ("head", 3, 0, 0)),
        skeleton(3, 1, ("head", 3, 1, 0), ("foot", 5, 1, 0)),
    ]
    (drawing,) = read(tmp_path, track(*shapes, label="body"))
    assert sorted(drawing.unwritten) == [2]
    assert {one.element: one.frames.tolist() for one in drawing.tracks} == {
        "foot": [0, 3], "head": [0, 3],
    }  # fmt: skip
    assert drawing.traits[0, "foot"].is_occluded.tolist() == [True, False]
    assert drawing.traits[0, "head"].attributes[0] == (("a", "3"),)


IMAGE = (
    '<image id="4" name="v1-frame_000004.jpg" width="60" height="50">'
    '<tag label="car"></tag>'
    '<box label="car" occluded="1" xtl="1" ytl="2" xbr="3" ybr="4" rotation="30.00">'
    '<attribute name="pose">up</attribute></box>'
    '<mask label="car" occluded="0" rle="1, 2, 1" left="5" top="6" width="2" height="2"></mask>'
    '<ellipse label="car" occluded="0" cx="10" cy="20" rx="4" ry="3"></ellipse>'
    '<skeleton label="body"><points label="foot" outside="1" occluded="0" points="1,2"></points>'
    '<points label="head" outside="0" occluded="1" points="3,4"></points></skeleton></image>'
)


def test_an_export_for_images_has_single_shapes(tmp_path):
    (drawing,) = read(tmp_path, IMAGE)
    stills = drawing.stills
    assert (len(drawing.tracks), drawing.tags) == (0, 1)
    assert stills.shapes == ["rectangle", "mask", "ellipse", "skeleton"]
    assert (list(stills.frames), stills.labels) == ([4] * 4, ["car"] * 3 + ["body"])
    assert list(stills.counts) == [4, 7, 4, 6]
    assert list(stills.values) == [
        *(1, 2, 3, 4), *(1, 2, 1, 5, 6, 6, 7), *(10, 20, 14, 17), *(3, 4, 1, 0, 0, 0)
    ]  # fmt: skip
    assert list(stills.rotations) == [30, 0, 0, 0]
    assert list(stills.is_occluded) == [1, 0, 0, 1]
    assert stills.attributes[0] == (("pose", "up"),)


def test_images_of_a_project_go_to_their_tasks(tmp_path):
    tasks = "".join(TASK.format(id=number, labels="") for number in (1, 2))
    meta = f"<project><id>9</id><name>p</name><tasks>{tasks}</tasks>{LABELS}</project>"
    image = (
        '<image id="{frame}" name="v{task}-frame_000002.jpg" task_id="{task}" width="60" '
        'height="50"><box label="car" occluded="0" xtl="{task}" ytl="2" xbr="3" ybr="4"></box>'
        "</image>"
    )
    body = image.format(frame=2, task=1) + image.format(frame=12, task=2)
    first, second = read(tmp_path, body, meta)
    for number, drawing in enumerate((first, second), start=1):
        assert list(drawing.stills.frames) == [2]
        assert drawing.stills.values[0] == number
        assert drawing.labels == ("car", "body")


@pytest.mark.parametrize("broken", [
    IMAGE.replace('xtl="1"', 'xtl="nan"'), IMAGE.replace('rle="1, 2, 1"', 'rle="one"'),
    IMAGE.replace('cx="10"', ""),
])  # fmt: skip
def test_what_cvat_does_not_write_is_refused(broken, tmp_path):
    with pytest.raises(UsageError, match="not what CVAT writes"):
        read(tmp_path, broken)
