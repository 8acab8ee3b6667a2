"""The ids of labels and attributes in annotations, and the names in their place."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..dataset.saved_annotations import KINDS

Json = dict[str, Any]

_DROPPED = frozenset(("id", "label_id", "keyframe"))
_DECIMALS = 2
"""CVAT keeps every digit of a coordinate, its exports two: what differs less is the same."""


class Names:
    """The labels of a task: ids by names, and names by ids.

    Args:
        labels: as the API tells of them.
    """

    def __init__(self, labels: Sequence[Mapping[str, Any]]) -> None:
        self._labels: dict[tuple[int | None, str], Mapping[str, Any]] = {}
        self._names: dict[int, str] = {}
        self._attributes: dict[int, str] = {}
        for label in labels:
            self._add(label, None)
            for each in label.get("sublabels") or ():
                self._add(each, label["id"])

    def _add(self, label: Mapping[str, Any], parent: int | None) -> None:
        self._labels[parent, label["name"]] = label
        self._names[label["id"]] = label["name"]
        self._attributes |= {each["id"]: each["name"] for each in label.get("attributes") or ()}

    def named(self, one: Json, *, keeps_ids: bool = False) -> Json:
        """Return a tag, shape or track of the API with names; its parts are changed in place."""
        made: Json = {"label": self._names.get(one["label_id"], f"label {one['label_id']}")}
        dropped = _DROPPED - {"id"} if keeps_ids else _DROPPED
        made |= {key: value for key, value in one.items() if key not in dropped}
        self._name_attributes(made)
        for shape in made.get("shapes") or ():
            for key in dropped & shape.keys():
                del shape[key]
            self._name_attributes(shape)
        if "elements" in made:
            made["elements"] = [self.named(e, keeps_ids=keeps_ids) for e in made["elements"]]
        return made

    def _name_attributes(self, one: Json) -> None:
        values = one.get("attributes") or ()
        one["attributes"] = {
            self._attributes.get(each["spec_id"], f"attribute {each['spec_id']}"): each["value"]
            for each in values
        }

    def unknown(self, one: Json, parent: int | None = None) -> list[str]:
        """Return which of the labels and attributes that a tag, shape or track needs are none."""
        label = self._labels.get((parent, one["label"]))
        if label is None:
            return [f"label {one['label']}"]
        known = {each["name"] for each in label.get("attributes") or ()}
        used = {*one["attributes"]}.union(*(s["attributes"] for s in one.get("shapes") or ()))
        lacking = [f"attribute {name} of {one['label']}" for name in sorted(used - known)]
        for element in one.get("elements") or ():
            lacking += self.unknown(element, label["id"])
        return lacking

    def with_ids(self, one: Json, parent: int | None = None) -> Json:
        """Return a tag, shape or track as the API takes it, with the value of each attribute.

        Where none is given, it is what the server puts there: that of the keyframe before, else
        the default.
        """
        label = self._labels[parent, one["label"]]
        specs = label.get("attributes") or ()
        made = {**one, "label_id": label["id"]}
        del made["label"]
        is_track = "shapes" in one
        fixed = {s["name"]: s["default_value"] for s in specs if not (is_track and s["mutable"])}
        made["attributes"] = self._values(specs, fixed | one["attributes"])
        if is_track:
            values = {s["name"]: s["default_value"] for s in specs if s["mutable"]}
            made["shapes"] = []
            for shape in one["shapes"]:
                values = values | shape["attributes"]
                made["shapes"].append({**shape, "attributes": self._values(specs, values)})
        if "elements" in one:
            made["elements"] = [self.with_ids(each, label["id"]) for each in one["elements"]]
        return made

    @staticmethod
    def _values(specs: Iterable[Mapping[str, Any]], values: Mapping[str, str]) -> list[Json]:
        ids = {each["name"]: each["id"] for each in specs}
        return [{"spec_id": ids[name], "value": value} for name, value in values.items()]


def has_any(annotations: Mapping[str, Any]) -> bool:
    """Return whether a job has annotations at all."""
    return any(annotations.get(kind) for kind in KINDS)


@dataclass(frozen=True)
class Difference:
    """What a job ``lacks`` of the annotations that it is to have, and what it has besides.

    ``twins`` are there more often than wanted, ``others`` are not wanted at all.
    """

    lacks: dict[str, list[Json]]
    twins: dict[str, list[Json]]
    others: dict[str, list[Json]]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(map(has_any, (self.lacks, self.twins, self.others)))


def compare(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Difference:
    """Return how the annotations of a job differ from those that it is to have.

    Of twins the first ones stay, so that two runs that remove the others at the same time remove
    the same ones.
    """
    made = Difference({}, {}, {})
    for kind in KINDS:
        by_fact: dict[int, list[Json]] = defaultdict(list)
        for one in wanted.get(kind) or ():
            by_fact[hash(_fact(one)) if there.get(kind) else 0].append(one)
        twins, others = made.twins.setdefault(kind, []), made.others.setdefault(kind, [])
        for one in sorted(there.get(kind) or (), key=lambda each: int(each["id"])):
            alike = by_fact.get(hash(_fact(one)))
            if alike:
                alike.pop()
            else:
                (others if alike is None else twins).append(one)
        made.lacks[kind] = [one for alike in by_fact.values() for one in alike]
    return made


def _fact(one: Mapping[str, Any]) -> Any:
    """Return what a tag, shape or track says, to be compared."""
    shapes = [one] if "points" in one else one.get("shapes") or ()
    return (
        one["frame"] if "shapes" not in one else None,
        one["label_id"],
        one.get("group") or 0,
        one.get("source") or "manual",
        _values(one),
        tuple(sorted(map(_place, shapes))),
        tuple(sorted(hash(_fact(each)) for each in one.get("elements") or ())),
    )


def _place(shape: Mapping[str, Any]) -> Any:
    return (
        shape["frame"],
        shape["type"],
        tuple(round(float(value), _DECIMALS) for value in shape["points"]),
        bool(shape.get("outside")),
        bool(shape.get("occluded")),
        shape.get("z_order") or 0,
        round(float(shape.get("rotation") or 0.0), _DECIMALS),
        _values(shape),
    )


def _values(one: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    return tuple(sorted((v["spec_id"], v["value"]) for v in one.get("attributes") or ()))
