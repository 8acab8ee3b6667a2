"""All that annotators drew in a task, and what they say of it besides where it is."""

import itertools
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .model import Track, tracks_from_api
from .skeletons import Edges, edges_of

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Pairs = tuple[tuple[str, str], ...]
Key = tuple[int, str | None]

HIDDEN, OCCLUDED, VISIBLE = 0, 1, 2
"""How a point of a skeleton is seen, as COCO counts it."""


@dataclass(frozen=True, eq=False)
class Traits:
    """What the keyframes of a track say besides where it is.

    ``frames``: int64, shape (keyframes,), ascending. ``is_occluded``: bool, the same shape.
    ``attributes``: names and values that each keyframe names; of others, what was named before
    holds. ``fixed``: those of the track as a whole.
    """

    frames: Ints
    is_occluded: Flags
    attributes: tuple[Pairs, ...]
    fixed: Pairs = ()

    @classmethod
    def of(cls, shapes: Iterable[Mapping[str, Any]], fixed: Pairs = ()) -> "Traits":
        """Return those of shapes in any order, with ``frame``, ``occluded`` and ``attributes``."""
        last = {shape["frame"]: shape for shape in shapes}
        ordered = [last[frame] for frame in sorted(last)]
        return cls(
            np.fromiter((shape["frame"] for shape in ordered), np.int64, len(ordered)),
            np.fromiter((bool(s.get("occluded")) for s in ordered), np.bool_, len(ordered)),
            tuple(shape["attributes"] for shape in ordered),
            fixed,
        )

    @classmethod
    def nothing(cls) -> "Traits":
        """Return those of a track of which nothing is said."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.bool_), ())

    def with_more(self, other: "Traits") -> "Traits":
        """Return these, and those of another piece of the same track on later frames."""
        last = self.frames[-1] if len(self.frames) else -1
        start = int(np.searchsorted(other.frames, last, side="right"))
        return Traits(
            np.concatenate([self.frames, other.frames[start:]]),
            np.concatenate([self.is_occluded, other.is_occluded[start:]]),
            self.attributes + other.attributes[start:],
            self.fixed,
        )

    def held(self, frames: Ints, deleted: Ints) -> tuple[Flags, list[Pairs], Ints]:
        """Return what holds on frames: whether it is occluded, and attributes.

        The attributes are a list, and for each frame its place in it.

        Args:
            frames: int64, shape (frames,).
            deleted: int64, ascending, the frames whose keyframes do not exist.
        """
        alive = np.flatnonzero(~np.isin(self.frames, deleted))
        states, known = [self.fixed], dict(self.fixed)
        for place in alive.tolist():
            known |= self.attributes[place]
            states.append(tuple(sorted(known.items())))
        places = np.searchsorted(self.frames[alive], frames, side="right")
        occluded = np.concatenate([[False], self.is_occluded[alive]])
        return occluded[places], states, places


@dataclass(eq=False)
class Stills:
    """Shapes on single frames, a place in each of these for each of them; grown by `add`.

    ``values`` holds CVAT's own numbers end to end, ``counts`` how many each has; of a skeleton,
    x, y and how it is seen (0 hidden, 1 occluded, 2 visible) of each of its elements, in order.
    """

    frames: array = field(default_factory=lambda: array("q"))  # type: ignore[type-arg]
    labels: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    rotations: array = field(default_factory=lambda: array("d"))  # type: ignore[type-arg]
    is_occluded: bytearray = field(default_factory=bytearray)
    attributes: list[Pairs] = field(default_factory=list)
    values: array = field(default_factory=lambda: array("d"))  # type: ignore[type-arg]
    counts: array = field(default_factory=lambda: array("q"))  # type: ignore[type-arg]

    def __len__(self) -> int:
        return len(self.frames)

    def add(
        self, frame: int, label: str, shape: Mapping[str, Any], elements: Sequence[str] = ()
    ) -> None:
        """Add a shape as the API writes it, but for ``attributes``, which are pairs.

        Args:
            frame: where it is.
            label: its label.
            shape: the shape; of its ``elements`` each has its name as ``label``.
            elements: the names of all elements of such a skeleton, in order.
        """
        values, is_occluded = shape["points"], bool(shape.get("occluded"))
        if shape["type"] == "skeleton":
            by_name = {each["label"]: each for each in shape["elements"]}
            values = [v for name in elements for v in _seen(by_name.get(name))]
            is_occluded = OCCLUDED in values[2::3] and VISIBLE not in values[2::3]
            if not any(values[2::3]):
                return
        self.frames.append(frame)
        self.labels.append(label)
        self.shapes.append(shape["type"])
        self.rotations.append(float(shape.get("rotation") or 0.0))
        self.is_occluded.append(is_occluded)
        self.attributes.append(shape["attributes"])
        self.values.extend(values)
        self.counts.append(len(values))


@dataclass(frozen=True, eq=False)
class Drawing:
    """All that is drawn in a task.

    ``tracks`` are as `model.tracks_from_api` returns them, ``traits`` theirs by number and element;
    those of a skeleton as a whole have no element. ``labels`` are the names of labels in the
    server's order, ``elements`` those of the points of skeletons, by label, ``edges`` which of
    these a line joins. ``tags``: how many tags there are. ``unwritten``: frames that an export
    leaves out, which tells that they are deleted.
    """

    tracks: tuple[Track, ...]
    traits: Mapping[Key, Traits]
    stills: Stills
    labels: tuple[str, ...]
    elements: Mapping[str, tuple[str, ...]]
    edges: Mapping[str, Edges] = field(default_factory=dict)
    tags: int = 0
    unwritten: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.tracks) + len(self.stills)


def drawing_from_api(
    annotations: Mapping[str, Any], labels: Sequence[Mapping[str, Any]]
) -> Drawing:
    """Return what an answer of CVAT's API holds.

    Args:
        annotations: the answer to ``GET /api/tasks/ID/annotations/``.
        labels: those of the task, as the API tells of them.
    """
    every = [each for label in labels for each in (label, *(label.get("sublabels") or ()))]
    names = {int(each["id"]): str(each["name"]) for each in every}
    reader = _ApiReader(names, {a["id"]: a["name"] for e in every for a in e["attributes"]})
    elements = {
        str(label["name"]): tuple(str(each["name"]) for each in label["sublabels"])
        for label in labels
        if label.get("sublabels")
    }
    ids = {str(number): name for number, name in names.items()}
    drawings = {str(e["name"]): e.get("svg") or "" for e in labels if e.get("sublabels")}
    traits: dict[Key, Traits] = {}
    for number, track in enumerate(annotations.get("tracks") or ()):
        fixed = reader.pairs(track.get("attributes"))
        traits[number, None] = reader.traits(track["shapes"], fixed)
        for element in track.get("elements") or ():
            name = names.get(element["label_id"], f"label {element['label_id']}")
            own = reader.pairs(element.get("attributes"))
            traits[number, name] = reader.traits(element["shapes"], own)
    stills = Stills()
    for shape in annotations.get("shapes") or ():
        label = names.get(shape["label_id"], f"label {shape['label_id']}")
        stills.add(shape["frame"], label, reader.still(shape), elements.get(label, ()))
    return Drawing(
        tracks=tracks_from_api(annotations, names),
        traits=traits,
        stills=stills,
        labels=tuple(str(label["name"]) for label in labels),
        elements=elements,
        edges={label: edges_of(svg, ids) for label, svg in drawings.items()},
        tags=len(annotations.get("tags") or ()),
    )


class _ApiReader:
    """Puts names in the place of ids; equal attributes of many shapes are kept once."""

    def __init__(self, labels: Mapping[int, str], attributes: Mapping[int, str]) -> None:
        self._labels, self._attributes = labels, attributes
        self._known: dict[Pairs, Pairs] = {}

    def pairs(self, given: Iterable[Mapping[str, Any]] | None) -> Pairs:
        found = tuple(
            (self._attributes.get(each["spec_id"], f"attribute {each['spec_id']}"), each["value"])
            for each in given or ()
        )
        return self._known.setdefault(found, found)

    def traits(self, shapes: Iterable[Mapping[str, Any]], fixed: Pairs) -> Traits:
        return Traits.of(
            ({**s, "attributes": self.pairs(s.get("attributes"))} for s in shapes), fixed
        )

    def still(self, shape: Mapping[str, Any]) -> dict[str, Any]:
        elements = [
            {**each, "label": self._labels.get(each["label_id"])}
            for each in shape.get("elements") or ()
        ]
        given = self.pairs(shape.get("attributes"))
        return {**shape, "attributes": given, "elements": elements}


def _seen(element: Mapping[str, Any] | None) -> tuple[float, float, int]:
    """Return where a point of a skeleton is, and how it is seen."""
    if element is None or element.get("outside"):
        return 0.0, 0.0, HIDDEN
    x, y = centre_of(element["points"])
    return x, y, OCCLUDED if element.get("occluded") else VISIBLE


def centre_of(points: Sequence[float]) -> tuple[float, float]:
    """Return the middle of points, which most often are one."""
    xs, ys = (list(itertools.islice(points, start, None, 2)) for start in (0, 1))
    return sum(xs) / len(xs), sum(ys) / len(ys)
