"""What the server refuses of tags, shapes and tracks (400), and the fields that it fills in."""

from collections.abc import Callable, Iterator
from copy import deepcopy

from .messages import Refusal
from .state import Label, State, Task

KINDS = ("tags", "shapes", "tracks")
LONGEST_VALUE = 4096
REQUIRED = ["This field is required."]
FITS: dict[str, Callable[[int], bool]] = {
    "rectangle": lambda count: count == 4,
    "ellipse": lambda count: count == 4,
    "polygon": lambda count: count >= 6 and count % 2 == 0,
    "polyline": lambda count: count >= 4 and count % 2 == 0,
    "points": lambda count: count >= 2 and count % 2 == 0,
    "cuboid": lambda count: count == 16,
    "mask": lambda count: count >= 5,
    "skeleton": lambda count: count == 0,
}
"""Whether so many numbers are the points of a shape."""


def checked(state: State, task: Task, given: dict, action: str) -> dict:
    """Return the annotations with every field, or refuse them."""
    wrong = {}
    for kind in KINDS:
        mistakes = [_mistakes(one, kind, action) for one in given.get(kind) or []]
        if any(mistakes):
            wrong[kind] = mistakes
    if wrong:
        raise Refusal(400, wrong)
    complete = {kind: [_complete(one, kind) for one in given.get(kind) or []] for kind in KINDS}
    if action != "delete":
        labels = {label.id: label for label in state.labels_of(task)}
        for kind in KINDS:
            for one in complete[kind]:
                _check_ids(one, labels)
    return complete


def _check_ids(one: dict, labels: dict[int, Label]) -> None:
    """Refuse labels that are none of the task, and attributes that are none of the label."""
    if one["label_id"] not in labels:
        raise Refusal(400, [f"label_id `{one['label_id']}` is invalid"])
    specs = {spec["id"]: spec["mutable"] for spec in labels[one["label_id"]].attributes}
    is_track = "shapes" in one
    for value in one["attributes"]:
        if specs.get(value["spec_id"]) not in ({False} if is_track else {False, True}):
            raise Refusal(400, [f"spec_id `{value['spec_id']}` is invalid"])
    for value in (value for shape in one.get("shapes", ()) for value in shape["attributes"]):
        if not specs.get(value["spec_id"]):
            raise Refusal(400, [f"spec_id `{value['spec_id']}` is invalid"])
    for element in one.get("elements", ()):
        _check_ids(element, labels)


def _mistakes(one: dict, kind: str, action: str) -> dict:
    """Return what is wrong with a tag, a shape or a track, by field."""
    problem = dict(_of_fields(one, ("frame", "label_id")))
    if action == "create" and one.get("id") is not None:
        problem["id"] = ["must be absent"]
    if action == "delete" and one.get("id") is None:
        problem["id"] = ["must be present and not null"]
    if kind == "shapes":
        problem |= _of_shape(one)
        if not problem:
            problem |= _of_elements(one)
    if kind == "tracks":
        if "shapes" not in one:
            return {**problem, "shapes": REQUIRED}
        shapes = [{**dict(_of_fields(s, ("frame",))), **_of_shape(s)} for s in one["shapes"]]
        problem |= {"shapes": shapes} if any(shapes) else {}
        elements = [_mistakes(each, kind, action) for each in one.get("elements") or ()]
        problem |= {"elements": elements} if any(elements) else {}
    return problem


def _of_fields(one: dict, needed: tuple[str, ...]) -> Iterator[tuple[str, list]]:
    for name in needed:
        if name not in one:
            yield name, REQUIRED
        elif type(one[name]) is not int:
            yield name, ["A valid integer is required."]
        elif one[name] < 0:
            yield name, ["Ensure this value is greater than or equal to 0."]
    told = f"Ensure this field has no more than {LONGEST_VALUE} characters."
    values = one.get("attributes") or ()
    if any(len(str(each["value"])) > LONGEST_VALUE for each in values):
        is_long = [len(str(each["value"])) > LONGEST_VALUE for each in values]
        yield "attributes", [{"value": [told]} if each else {} for each in is_long]


def _of_shape(shape: dict) -> dict:
    kind, points = shape.get("type"), shape.get("points", ())
    if kind not in FITS:
        return {"type": REQUIRED if kind is None else [f'"{kind}" is not a valid choice.']}
    problem: dict = {}
    if odd := [place for place, each in enumerate(points) if type(each) not in (int, float)]:
        told = "[ErrorDetail(string='Value must be a float or an integer', code='invalid')]"
        problem["points"] = {str(place): told for place in odd}
    rotation = shape.get("rotation", 0)
    if not 0 <= rotation <= 360:
        least, most = "greater than or equal to 0", "less than or equal to 360"
        problem["rotation"] = [f"Ensure this value is {least if rotation < 0 else most}."]
    if type(shape.get("z_order", 0)) is not int:
        problem["z_order"] = ["A valid integer is required."]
    if not problem and not FITS[kind](len(points)):
        problem["points"] = [f"invalid length for shape type '{kind}'"]
    return problem


def _of_elements(shape: dict) -> dict:
    elements, is_skeleton = shape.get("elements") or (), shape["type"] == "skeleton"
    if is_skeleton and not elements:
        return {"elements": ["at least one required for skeleton shape"]}
    if elements and not is_skeleton:
        return {"elements": ["not allowed for non-skeleton shape"]}
    mistakes = [{**dict(_of_fields(each, ())), **_of_shape(each)} for each in elements]
    return {"elements": mistakes} if any(mistakes) else {}


def _complete(one: dict, kind: str, *, is_element: bool = False) -> dict:
    common = {
        "id": one.get("id"),
        "frame": one["frame"],
        "label_id": one["label_id"],
        "group": one.get("group"),
        "source": one.get("source", "manual"),
        "attributes": _attributes(one),
    }
    if kind == "tags":
        return common
    if kind == "shapes":
        common |= _placed(one)
    else:
        common["shapes"] = [
            {
                "id": shape.get("id"),
                "frame": shape["frame"],
                **_placed(shape),
                "attributes": _attributes(shape),
            }
            for shape in one["shapes"]
        ]
    if not is_element:
        elements = one.get("elements") or ()
        common["elements"] = [_complete(each, kind, is_element=True) for each in elements]
        if kind == "tracks":
            _begin_together(common)
    return common


def _begin_together(skeleton: dict) -> None:
    """Let elements begin with their skeleton, outside if need be; those without shapes are none."""
    elements = skeleton["elements"] = [each for each in skeleton["elements"] if each["shapes"]]
    firsts = [min(each["shapes"], key=lambda one: one["frame"]) for each in elements]
    begin = min([skeleton["frame"], *(one["frame"] for one in firsts)])
    if begin < skeleton["frame"]:
        skeleton["frame"] = skeleton["shapes"][0]["frame"] = begin
    for element, first in zip(elements, firsts, strict=True):
        element["frame"] = begin
        if first["frame"] > begin:
            missing = {**deepcopy(first), "id": None, "frame": begin, "outside": True}
            element["shapes"].insert(0, missing)


def _attributes(one: dict) -> list[dict]:
    return [{**deepcopy(each), "value": str(each["value"])} for each in one.get("attributes", [])]


def _placed(shape: dict) -> dict:
    return {
        "type": shape["type"],
        "occluded": shape.get("occluded", False),
        "outside": shape.get("outside", False),
        "z_order": shape.get("z_order", 0),
        "rotation": float(shape.get("rotation", 0)),
        "points": [float(each) for each in shape.get("points", [])],
    }
