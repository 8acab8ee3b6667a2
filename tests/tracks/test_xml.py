"""Exports of CVAT: read as the API tells them, and refused with a way out."""

from copy import deepcopy

import pytest
from helpers.cvat_stand_in.tracks import interpolated
from helpers.tracks import box, found, read, shape, steady, xml_shape
from video_prep.base.errors import UsageError
from video_prep.tracks.xml import tasks_from_xml, tracks_from_xml

META = """<meta><task><id>116</id><name>v2 &amp; more</name><size>30</size>
<mode>interpolation</mode><start_frame>{start}</start_frame><stop_frame>{stop}</stop_frame>
<frame_filter>{filter}</frame_filter>
<labels><label><name>car</name><attributes><attribute><name>colour</name></attribute></attributes>
</label><label><name>person</name></label></labels>
<segments><segment><id>4</id><start>0</start><stop>14</stop>
<url>http://cvat.example:8080/api/jobs/77</url></segment>
<segment><id>5</id><start>15</start><stop>29</stop><url>http://cvat.example/?id=78</url></segment>
</segments><owner><username>admin</username><id>9</id></owner></task><dumped>x</dumped></meta>"""


def xml(tmp_path, body, *, start=0, step=1, meta=META):
    file = tmp_path / "annotations.xml"
    head = meta.format(
        start=start, stop=start + 29 * step, filter=f"step={step}" if step > 1 else ""
    )
    file.write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{head}{body}'
        "</annotations>"
    )
    return file


@pytest.mark.parametrize(("start", "step"), [(0, 1), (7, 5)])
@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("rectangle", [1, 2, 30.25, 40]),
        ("ellipse", [100, 50, 130, 40]),
        ("polygon", [0, 0, 10, 0, 10, 10.5]),
        ("polyline", [0, 0, 10, 0]),
        ("points", [5, 6]),
        ("cuboid", list(range(16))),
    ],
)
def test_an_export_for_video_says_what_the_api_says(tmp_path, kind, points, start, step):
    turn = 30.5 if kind in ("rectangle", "ellipse") else 0.0
    shapes = [
        shape(3, points, kind=kind),
        shape(9, [value + 90 for value in points], kind=kind, rotation=turn),
        shape(14, [value + 90 for value in points], kind=kind, outside=True),
    ]
    shown = interpolated({"frame": 3, "shapes": deepcopy(shapes)}, 30)
    body = "".join(xml_shape(one, kind, step=step, start=start) for one in shown)
    file = xml(tmp_path, f'<track id="0" label="car">{body}</track>', start=start, step=step)
    read_back = tracks_from_xml(file)
    (ours,), (other,) = read_back.tracks, read(shapes)
    assert (ours.label, ours.shape, ours.number, ours.id) == ("car", kind, 0, None)
    for name in ("frames", "is_outside", "rotations", "values", "offsets"):
        assert getattr(ours, name).tolist() == getattr(other, name).tolist(), name
    assert (read_back.kind, read_back.task_id, read_back.task_name) == ("video", 116, "v2 & more")
    assert (read_back.size, read_back.start_frame, read_back.frame_step) == (30, start, step)
    assert read_back.jobs == ((77, 0, 14), (78, 15, 29))
    assert read_back.labels == ("car", "person")
    assert read_back.has_tracks


def test_an_export_with_a_skeleton_and_shapes_that_are_no_tracks(tmp_path):
    def pose(frame, nose, foot, keyframe=True):
        parts = [
            xml_shape(shape(frame, p, kind="points") | {"keyframe": keyframe}, "points", label=name)
            for name, p in (("nose", nose), ("foot", foot))
        ]
        return f'<skeleton frame="{frame}" keyframe="1">{"".join(parts)}</skeleton>'

    body = (
        '<track id="0" label="person">'
        + pose(0, [0, 0], [5, 5])
        + pose(1, [0, 0], [5, 5], keyframe=False)
        + pose(2, [9, 9], [5, 5])
        + '</track><track id="1" label="car">'
        + xml_shape(box(28, 1), "rectangle")  # CVAT's way to write a shape on the last but one
        + '</track><track id="2" label="car">'
        + xml_shape(box(4, 1), "rectangle")
        + xml_shape(box(5, 1, outside=True), "rectangle")
        + "</track>"
    )
    tracks = tracks_from_xml(xml(tmp_path, body)).tracks
    assert [(t.number, t.label, t.element, t.frames.tolist()) for t in tracks] == [
        (0, "person", "nose", [0, 2]),
        (0, "person", "foot", [0, 2]),
        (1, "car", None, [28, 29]),
        (2, "car", None, [4, 5]),
    ]
    assert found(tracks[2:], steady(30)) == []


def test_an_export_for_images_has_names_and_no_tracks(tmp_path):
    body = "".join(
        f'<image id="{i}" name="v2/v2-frame_{i:06d}.jpg" width="640" height="360">'
        '<box label="car" xtl="1" ytl="1" xbr="5" ybr="5"/><tag label="car"/></image>'
        for i in range(3)
    )
    read_back = tracks_from_xml(xml(tmp_path, body))
    assert (read_back.kind, read_back.has_tracks, read_back.tracks) == ("images", False, ())
    assert [(i.frame, i.name, i.width, i.height) for i in read_back.images][2] == (
        2,
        "v2/v2-frame_000002.jpg",
        640,
        360,
    )
    assert read_back.shapes == 3


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not well-formed"),
        (b"hello", "not well-formed"),
        (b"<annotations><meta>", "not well-formed"),
        (b"<annotation/>", "its root is <annotation>"),
        (b"<annotations/>", "nothing in it"),
        (b"PK\x03\x04xxxx", "unpack it"),
        (f"{BOMB}<annotations>&c;</annotations>".encode(), "document type"),
        (b'<!DOCTYPE annotations SYSTEM "file:///etc/passwd"><annotations/>', "document type"),
        (b'<annotations><track id="0"/></annotations>', "'label' is missing"),
        (
            b'<annotations><track label="a"><box frame="x" keyframe="1" xtl="1" ytl="1" xbr="2" '
            b'ybr="2"/></track></annotations>',
            "line 1",
        ),
        (
            b'<annotations><track label="a"><box frame="1" keyframe="1" xtl="nan" ytl="1" xbr="2" '
            b'ybr="2"/></track></annotations>',
            "a number of a shape",
        ),
        (
            b'<annotations><track label="a"><points frame="1" keyframe="1" points="1,2;3"/>'
            b"</track></annotations>",
            "line 1",
        ),
        (
            b"<annotations><meta><task><id>1</id></task><task><id>2</id></task></meta>"
            b"</annotations>",
            "several tasks",
        ),
        (b"<annotations><meta><task><id>x</id></task></meta></annotations>", "<meta>"),
        (b'<?xml version="1.0" encoding="nonsense"?><annotations/>', "annotations.xml"),
        (
            b'<annotations><track label="a"><box frame="99999999999999999999999" keyframe="1" '
            b'xtl="1" ytl="1" xbr="2" ybr="2"/></track></annotations>',
            "annotations.xml",
        ),
    ],
)
def test_what_is_no_export_is_refused_with_a_way_out(tmp_path, content, words):
    file = tmp_path / "annotations.xml"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        tracks_from_xml(file)
    assert words in str(caught.value)
    assert str(file) in str(caught.value)
    assert "CVAT for video 1.1" in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot read it"):
        tracks_from_xml(tmp_path / "none.xml")
    with pytest.raises(UsageError, match="regular file"):
        tracks_from_xml(tmp_path)


def project(body, *tasks):
    heads = "".join(
        f"<task><id>{number}</id><name>{name}</name><size>{size}</size><start_frame>{start}"
        f"</start_frame><stop_frame>{start + step * (size - 1)}</stop_frame><frame_filter>"
        f"{f'step={step}' if step > 1 else ''}</frame_filter><segments><segment><id>{number}0</id>"
        f"<start>0</start><stop>{size - 1}</stop><url>http://cvat.example/api/jobs/{number}0</url>"
        "</segment></segments></task>"
        for number, name, size, start, step in tasks
    )
    meta = f"<meta><project><id>9</id><tasks>{heads}</tasks></project></meta>"
    return f"<annotations>{meta}{body}</annotations>"


def test_the_tasks_of_a_project_follow_one_another(tmp_path):
    """Frames of later ones are counted on, and their still shapes have no end in CVAT's export."""

    def box(frame, x, **given):
        return xml_shape({**shape(frame, [x, 1, x + 9, 9]), **given}, "rectangle")

    body = "".join(
        f'<track id="{i}" label="car" task_id="{task}" subset="default">{shapes}</track>'
        for i, (task, shapes) in enumerate(
            [
                (433, box(3, 0) + box(4, 5, keyframe=False) + box(5, 9, outside=True)),
                (436, box(120, 0) + box(121, 4) + box(122, 4, keyframe=False)),
                (436, box(130, 7)),  # a still shape
            ]
        )
    )
    file = tmp_path / "annotations.xml"
    file.write_text(project(body, (433, "steady", 120, 0, 1), (436, "phone", 24, 0, 1)))
    steady, phone = tasks_from_xml(file)
    assert [(one.task_id, one.task_name, one.size) for one in (steady, phone)] == [
        (433, "steady", 120), (436, "phone", 24),
    ]  # fmt: skip
    assert [track.frames.tolist() for track in steady.tracks] == [[3, 5]]
    moving, still = phone.tracks
    assert (moving.frames.tolist(), moving.number) == ([0, 1], 1)
    assert (still.frames.tolist(), still.is_outside.tolist()) == ([10, 11], [False, True])
    assert phone.jobs == ((4360, 0, 23),)
    with pytest.raises(UsageError, match="several tasks"):
        tracks_from_xml(file)


def test_images_of_a_project_are_those_of_its_tasks(tmp_path):
    def image(frame, name, task, inside=""):
        return (
            f'<image id="{frame}" name="{name}" subset="default" task_id="{task}" width="32" '
            f'height="18">{inside}</image>'
        )

    still = xml_shape(shape(0, [1, 1, 9, 9]), "rectangle")
    body = image(0, "a0", 1, still) + image(20, "b0", 2) + image(22, "b1", 2, still + still)
    file = tmp_path / "annotations.xml"
    # The second is of every second frame of a source from its frame 4 on.
    file.write_text(project(body, (1, "a", 16, 0, 1), (2, "b", 5, 4, 2)))
    one, other = tasks_from_xml(file)
    assert [(image.frame, image.name) for image in one.images] == [(0, "a0")]
    assert [(image.frame, image.name) for image in other.images] == [(0, "b0"), (1, "b1")]
    assert (one.kind, one.shapes, other.shapes, one.has_tracks) == ("images", 1, 2, False)
