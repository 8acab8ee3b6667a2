"""Labels as projects and tasks are given them."""

import hashlib

from .messages import Refusal, server_error
from .state import Label, State

TYPES = {
    "any", "cuboid", "ellipse", "mask", "points", "polygon", "polyline", "rectangle", "skeleton",
    "tag",
}  # fmt: skip
KNOWN_COLORS = {"car": "#2080c0", "person": "#c06060"}
INPUT_TYPES = {"checkbox", "radio", "number", "text", "select"}


def create_labels(state: State, given: list[dict], *, parent: Label | None = None, **owner) -> None:
    """Make the labels of a project or a task (``project_id=`` or ``task_id=``).

    Raises:
        Refusal: 400 as CVAT words it; nothing was made then.
    """
    _check(given)
    for one in given:
        _create(state, one, parent, owner)


def _create(state: State, one: dict, parent: Label | None, owner: dict) -> None:
    label = Label(
        id=state.new_id("label"),
        name=one["name"],
        color=one.get("color") or color_of(one["name"]),
        type=one.get("type", "any"),
        attributes=[
            {
                "id": state.new_id("attribute"),
                "name": attribute["name"],
                "mutable": attribute["mutable"],
                "input_type": attribute["input_type"],
                "default_value": attribute.get("default_value", ""),
                "values": attribute["values"],
            }
            for attribute in one.get("attributes", [])
        ],
        parent=parent,
        **owner,
    )
    state.labels[label.id] = label
    label.svg = one.get("svg", "")
    for inner in one.get("sublabels", []):
        _create(state, inner, label, owner)
    for inner in state.labels.values():
        if inner.parent is label:
            label.svg = label.svg.replace(
                f'data-label-name="{inner.name}"', f'data-label-id="{inner.id}"'
            )


def update_labels(state: State, given: list[dict], **owner) -> None:
    """Add, change or delete labels, as a PATCH of their owner does."""
    ((kind, number),) = owner.items()
    known = {
        label.id: label
        for label in state.labels.values()
        if getattr(label, kind) == number and label.parent is None
    }
    for one in given:
        if one.get("deleted") and "id" not in one:
            told = {"non_field_errors": ["Deleted label must have an ID"]}
            raise Refusal(400, {"labels": [told]})
        if "id" in one and one["id"] not in known:
            raise Refusal(404, {"detail": f"Not found label with id #{one['id']} to change"})
    new = [one for one in given if "id" not in one]
    _check(new, {label.name for label in known.values()})
    for one in given:
        if one.get("deleted"):
            del state.labels[one["id"]]
        elif "id" in one:
            label = known[one["id"]]
            label.name = one.get("name") or label.name
            label.color = one.get("color") or label.color
        else:
            _create(state, one, None, owner)


def color_of(name: str) -> str:
    """Return a colour for a name. CVAT knows some by heart; its rule for others is another."""
    return KNOWN_COLORS.get(name, f"#{hashlib.sha256(name.encode()).hexdigest()[:6]}")


def _check(given: list[dict], taken: set[str] = frozenset()) -> None:
    wrong = [_mistakes(one) for one in given]
    if any(wrong):
        raise Refusal(400, {"labels": wrong})
    names = [one["name"] for one in given]
    if len({*names, *taken}) < len(names) + len(taken):
        raise Refusal(400, ["All label names must be unique"])
    for one in given:
        attributes = [attribute["name"] for attribute in one.get("attributes", [])]
        for name in attributes:
            if attributes.count(name) > 1:
                raise Refusal(400, [f"Duplicate attribute with name '{name}' exists"])
        if len(one.get("color") or "") > 8:  # the database's limit, which no serializer checks
            raise server_error()
        if one.get("sublabels"):
            _check(one["sublabels"])


def _mistakes(one: dict) -> dict:
    wrong: dict = {}
    name = one.get("name")
    if name is None:
        wrong["name"] = ["This field is required."]
    elif not name.strip():
        wrong["name"] = ["This field may not be blank."]
    elif len(name) > 64:
        wrong["name"] = ["Ensure this field has no more than 64 characters."]
    if one.get("type", "any") not in TYPES:
        wrong["type"] = [f'"{one["type"]}" is not a valid choice.']
    attributes = [_attribute_mistakes(attribute) for attribute in one.get("attributes", [])]
    if any(attributes):
        wrong["attributes"] = attributes
    return wrong


def _attribute_mistakes(attribute: dict) -> dict:
    needed = ("name", "mutable", "input_type", "values")
    wrong = {name: ["This field is required."] for name in needed if name not in attribute}
    if attribute.get("input_type", "text") not in INPUT_TYPES:
        wrong["input_type"] = [f'"{attribute["input_type"]}" is not a valid choice.']
    return wrong
