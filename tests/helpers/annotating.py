"""Annotations by the names of labels and attributes, in tasks of the stand-in."""

from .cvat import SKELETON, Caller, box

CAR = {
    "name": "car",
    "attributes": [
        {"name": "colour", "mutable": False, "input_type": "text", "default_value": "red",
         "values": ["red"]},
        {"name": "pose", "mutable": True, "input_type": "text", "default_value": "up",
         "values": ["up"]},
    ],
}  # fmt: skip
LABELS = [CAR, *SKELETON]


TRACK = {
    "label": "car", "frame": 1, "group": 3, "source": "auto", "attributes": {"colour": "blue"},
    "shapes": [
        box(1, 0.5, attributes={"pose": "up"}),
        box(4, 30.25, occluded=True, z_order=2, attributes={"pose": "down"}),
        box(8, 70, attributes={"pose": "down"}),
        box(10, 90, True, attributes={"pose": "down"}),
    ],
}  # fmt: skip
SHAPE = {"label": "car", "frame": 6, "type": "polygon", "points": [1, 2, 30.5, 4, 5, 6],
         "occluded": True, "group": 3, "attributes": {"colour": "green"}}  # fmt: skip
TAG = {"label": "car", "frame": 7, "attributes": {"colour": "blue"}}


def put(stand_in, task, **annotations):
    """Annotate a task; labels and attributes are given by name."""
    labels = {label.name: label for label in stand_in.state.labels.values()}
    specs = {spec["name"]: spec["id"] for label in labels.values() for spec in label.attributes}

    def with_ids(one):
        one = dict(one)
        if "label" in one:
            one["label_id"] = labels[one.pop("label")].id
        values = one.get("attributes", {})
        one["attributes"] = [{"spec_id": specs[k], "value": v} for k, v in values.items()]
        for kind in ("shapes", "elements"):
            if kind in one:
                one[kind] = [with_ids(each) for each in one[kind]]
        return one

    body = {kind: [with_ids(one) for one in ones] for kind, ones in annotations.items()}
    answer = Caller(stand_in)("PUT", f"/api/tasks/{task.id}/annotations/", body)
    assert answer.status == 200, answer.body


def read(stand_in, task):
    """Return the tags, shapes and tracks of a task, without ids, frames by their images."""
    told = Caller(stand_in)("GET", f"/api/tasks/{task.id}/annotations/").json
    names = [int(frame.name[-10:-4]) for frame in task.data.frames]
    return {kind: [bare(one, names) for one in told[kind]] for kind in ("tags", "shapes", "tracks")}


def bare(one, names):
    """Return a tag, shape or track without ids; ``names`` of its frames."""
    told = {key: value for key, value in one.items() if key not in {"id", "frame"}}
    told["frame"] = names[one["frame"]]
    for kind in ("shapes", "elements"):
        if kind in one:
            told[kind] = [bare(each, names) for each in one[kind]]
    return told


def where(track):
    """Return frame, left border and whether it is outside, of each keyframe of boxes."""
    return [(one["frame"], one["points"][0], one["outside"]) for one in track["shapes"]]
