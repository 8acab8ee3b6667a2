"""All that an export in CVAT's XML 1.1 holds: attributes, masks and single shapes as well."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .drawing import Drawing, Key, Pairs, Stills, Traits
from .skeletons import Edges, edges_of
from .xml import XmlAnnotations, XmlReader, read_xml
from .xml_shapes import XML_SHAPES, numbers_of
from .xml_task import XmlTask

_SHAPES = {**XML_SHAPES, "skeleton": "skeleton"}
_SVG_LIMIT = 1 << 20
_KINDS = (["track"], ["image"])


def drawings_from_xml(path: Path) -> tuple[tuple[XmlAnnotations, Drawing], ...]:
    """Return what an export "CVAT for video 1.1" or "CVAT for images 1.1" holds, task by task.

    Raises:
        UsageError: as `xml.tasks_from_xml`.
    """
    reader = _DrawingReader(path)
    exports = read_xml(reader)
    tasks = reader.tasks or [reader.task]
    return tuple(
        (export, reader.drawing(task)) for export, task in zip(exports, tasks, strict=True)
    )


@dataclass
class _Found:
    """What is read of a task besides its tracks."""

    traits: dict[Key, Traits] = field(default_factory=dict)
    stills: Stills = field(default_factory=Stills)
    tags: int = 0
    unwritten: set[int] = field(default_factory=set)


class _DrawingReader(XmlReader):
    """Keeps of each shape what `XmlReader` leaves out."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.found: dict[int, _Found] = defaultdict(_Found)  # by the identity of the task's object
        self.elements: dict[str, list[str]] = {}
        self.edges: dict[str, Edges] = {}
        self.svg = ""
        self.inner: set[int] = set()  # which of the labels are those of elements
        self.around: list[dict[str, Any]] = []  # the shapes that are open, the innermost last
        self.skeletons: list[dict[str, Any]] = []  # of the track, at its keyframes
        self.attribute = ""
        self.shown_last: int | None = None  # the frame before, if it shows the track
        self.has_filled_in = False
        self.known: dict[Pairs, Pairs] = {}

    def drawing(self, task: XmlTask) -> Drawing:
        """Return what was read of a task."""
        found = self.found[id(task)]
        tops = [name for place, name in enumerate(self.labels) if place not in self.inner]
        return Drawing(
            tracks=tuple(task.tracks),
            traits=found.traits,
            stills=found.stills,
            labels=tuple(dict.fromkeys(tops)),
            elements={label: tuple(names) for label, names in self.elements.items()},
            edges=self.edges,
            tags=found.tags,
            # Not of a file with keyframes alone, which CVAT does not write.
            unwritten=frozenset(found.unwritten if self.has_filled_in else ()),
        )

    def _end_of_meta(self, tag: str, text: str) -> None:
        super()._end_of_meta(tag, text)
        if (self.open[-1], tag) == ("label", "svg"):
            self.edges[self.labels[-1]] = edges_of(self.svg, {})
            self.svg = ""
        if (self.open[-1], tag) == ("label", "parent") and text:
            self.inner.add(len(self.labels) - 1)
            names = self.elements.setdefault(text, [])
            names += [self.labels[-1]] * (self.labels[-1] not in names)

    def _begin(self, tag: str, given: dict[str, str]) -> None:
        super()._begin(tag, given)
        self.skeletons, self.shown_last = [], None

    def _start(self, tag: str, given: dict[str, str]) -> None:
        super()._start(tag, given)
        if self.open[1:2] not in _KINDS:
            return
        if tag == "attribute":
            self.attribute = given["name"]
        elif tag == "tag":
            self.found[id(self.task)].tags += 1
        elif tag in _SHAPES:
            self.around.append(self._opened(tag, given))

    def _opened(self, tag: str, given: dict[str, str]) -> dict[str, Any]:
        """Return what is known of a shape as it begins; at a keyframe, what the track has of it."""
        is_element = self.open[2] == "skeleton" and len(self.open) == 4
        more = {
            "label": given.get("label", ""),
            "occluded": given.get("occluded") == "1",
            "outside": given.get("outside") == "1",
            "attributes": {},
            "elements": [],
        }
        if self.open[1] == "image":
            points = [] if tag == "skeleton" else _all_numbers(tag, given)
            rotation = float(given.get("rotation", 0))
            if not np.isfinite([rotation, *points]).all():
                raise ValueError(f"a number of a shape of {more['label']}")
            return {"type": _SHAPES[tag], "points": points, "rotation": rotation, **more}
        frame = self.task.frame(self.skeleton["frame"] if is_element else given["frame"])
        if given.get("keyframe") == "1" and tag == "skeleton":
            self.skeletons.append({"frame": frame})
            shape = self.skeletons[-1]
        elif given.get("keyframe") == "1":
            shape = self.shapes[given["label"] if is_element else None][-1]
            shape["points"] = _all_numbers(tag, given)
        else:
            shape, self.has_filled_in = {"frame": frame}, True
        shape |= more
        return shape

    def _text(self, text: str) -> None:
        super()._text(text)
        if self.open[-1] == "svg" and len(self.svg) < _SVG_LIMIT:  # longer than other texts
            self.svg += text
        if self.open[-1] == "attribute" and self.open[1:2] in _KINDS:
            self.text += text

    def _end(self, tag: str) -> None:
        if self.open[1:2] in _KINDS:
            if tag == "attribute" and self.around:
                self.around[-1]["attributes"][self.attribute] = self.text
            elif tag in _SHAPES:
                self._closed(self.around.pop())
        super()._end(tag)

    def _closed(self, shape: dict[str, Any]) -> None:
        pairs = tuple(shape["attributes"].items())
        shape["attributes"] = self.known.setdefault(pairs, pairs)
        if self.around:
            self.around[-1]["elements"].append(shape)
        elif self.open[1] == "image":
            frame, label = self.task.images[-1].frame, shape["label"]
            names = tuple(self.elements.get(label, ()))
            self.found[id(self.task)].stills.add(frame, label, shape, names)
        else:
            elements = shape.pop("elements")
            is_outside = all(e["outside"] for e in elements) if elements else shape["outside"]
            self._note_shown(shape["frame"], is_outside=is_outside)

    def _note_shown(self, frame: int, *, is_outside: bool) -> None:
        """Note frames that are left out though the track goes on: they are deleted."""
        if self.shown_last is not None:
            self.found[id(self.task)].unwritten.update(range(self.shown_last + 1, frame))
        self.shown_last = None if is_outside else frame

    def _end_of_track(self) -> None:
        if self.shown_last is not None and self.seen > 1:
            self._note_shown(self.task.last + 1, is_outside=True)
        traits = self.found[id(self.task)].traits
        for element, shapes in (
            *self.shapes.items(),
            *[(None, self.skeletons)] * bool(self.skeletons),
        ):
            traits[self.track_count, element] = Traits.of(shapes)
        super()._end_of_track()


def _all_numbers(tag: str, given: dict[str, str]) -> list[float]:
    """Return a shape's numbers as the API has them, of a mask also its run lengths."""
    runs = map(float, given["rle"].split(",")) if tag == "mask" else ()
    return [*runs, *numbers_of(tag, given)]
