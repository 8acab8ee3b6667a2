"""Tracks of an export in CVAT's XML 1.1, read as a stream.

Frames are numbers of the task, 0…n−1, also where the XML counts those of the video.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from xml.parsers import expat

import numpy as np

from ..base.errors import UsageError, cause_of, printable
from .model import Track, make_track

_CHUNK_BYTES = 1 << 20
_TEXT_LIMIT = 4096  # of names and numbers in an export's head
_XML_SHAPES = {
    **{kind: kind for kind in ("ellipse", "points", "polygon", "polyline", "mask", "cuboid")},
    "box": "rectangle",
}
_XML_BOX = ("xtl", "ytl", "xbr", "ybr")
_XML_CUBOID = tuple(
    f"{axis}{edge}{side}{face}"
    for face in "12"
    for side, edge in (("l", "t"), ("l", "b"), ("r", "t"), ("r", "b"))
    for axis in "xy"
)


@dataclass(frozen=True)
class XmlImage:
    """An image of an export "for images"; ``frame`` is the task's, sizes are in pixels."""

    frame: int
    name: str
    width: int
    height: int


@dataclass(frozen=True)
class XmlAnnotations:
    """What an export in CVAT's XML 1.1 holds.

    ``kind`` is ``video`` or ``images``; an export for images has shapes (``shapes`` counts them)
    and the names of the frames, but never tracks. ``start_frame``, ``stop_frame`` and
    ``frame_step`` are frames of the source. ``jobs`` are (job id, first frame, last frame) in
    frames of the task, ``job_urls`` the addresses beside them. ``mode`` is ``interpolation`` of a
    task that was made of a video, ``annotation`` of one that was made of images. What the file does
    not say is ``None`` or empty; ``is_job`` tells that it is of a single job.
    """

    kind: str
    task_id: int | None
    task_name: str | None
    is_job: bool
    size: int | None
    start_frame: int
    stop_frame: int | None
    frame_step: int
    jobs: tuple[tuple[int, int, int], ...]
    job_urls: tuple[str, ...]
    labels: tuple[str, ...]
    tracks: tuple[Track, ...]
    images: tuple[XmlImage, ...]
    shapes: int
    mode: str | None = None

    @property
    def has_tracks(self) -> bool:
        """Whether this kind of export can hold tracks at all."""
        return self.kind == "video"


def tracks_from_xml(path: Path) -> XmlAnnotations:
    """Return what an export "CVAT for video 1.1" or "CVAT for images 1.1" holds.

    The file is read as a stream; only keyframes are kept.

    Raises:
        UsageError: the file cannot be read, is no such export, or is damaged.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{printable(path)}: the annotations must be in a regular file.")
    reader = _XmlReader(path)
    try:
        with path.open("rb") as file:
            reader.read(file)
    except OSError as error:
        raise UsageError(f"{printable(path)}: cannot read it: {cause_of(error)}.") from error
    except expat.ExpatError as error:
        reader.refuse(f"not well-formed XML: {error}")
    except (LookupError, ValueError, OverflowError) as error:  # also of an unknown encoding
        reader.refuse(f"line {reader.line}: {printable(error)} is missing, or not what CVAT writes")
    return reader.result()


class _XmlReader:
    """Takes an export apart as it is read; a file holds a track in memory at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.open: list[str] = []
        self.text = ""
        self.meta: dict[str, str] = {}
        self.segments: list[dict[str, str]] = []
        self.labels: list[str] = []
        self.ids: set[str] = set()
        self.is_job = False
        self.start, self.step, self.last = 0, 1, -1
        self.tracks: list[Track] = []
        self.images: list[XmlImage] = []
        self.track_count = self.shape_count = self.seen = 0
        self.label = ""
        self.shapes: dict[str | None, list[dict[str, Any]]] = {}
        self.skeleton: Mapping[str, str] = {}

    @property
    def line(self) -> int:
        return self.parser.CurrentLineNumber

    def refuse(self, cause: str) -> NoReturn:
        raise UsageError(
            f"{printable(self.path)}: {cause}. Give the annotations.xml of an export as "
            "'CVAT for video 1.1' (or 'CVAT for images 1.1'), as CVAT wrote it."
        )

    def read(self, file: BinaryIO) -> None:
        while chunk := file.read(_CHUNK_BYTES):
            if self.seen == 0 and not self.open and chunk.startswith(b"PK\x03\x04"):
                self.refuse("a zip archive: unpack it")
            self.parser.Parse(chunk, False)
        self.parser.Parse(b"", True)

    def _doctype(self, *_: Any) -> None:
        self.refuse("it declares a document type, which CVAT never does")

    def _text(self, text: str) -> None:
        if self.open[1:2] == ["meta"] and len(self.text) < _TEXT_LIMIT:
            self.text += text[:_TEXT_LIMIT]

    def _start(self, tag: str, given: dict[str, str]) -> None:
        if not self.open and tag != "annotations":
            self.refuse(f"its root is <{printable(tag)}>, not <annotations>")
        self.open.append(tag)
        self.text = ""
        if self.open[1:2] == ["meta"]:
            if tag == "segment":
                self.segments.append({})
        elif tag == "track" and len(self.open) == 2:
            self.label, self.shapes, self.seen = given["label"], {}, 0
        elif tag == "image" and len(self.open) == 2:
            size = int(given["width"]), int(given["height"])
            self.images.append(XmlImage(self._frame(given["id"]), given["name"], *size))
        elif self.open[1:2] == ["image"] and len(self.open) == 3:
            self.shape_count += tag != "tag"
        elif self.open[1:2] == ["track"] and tag == "skeleton" and len(self.open) == 3:
            self.seen += 1
            self.skeleton = given
        elif self.open[1:2] == ["track"] and tag in _XML_SHAPES:
            self._shape(tag, given)

    def _shape(self, tag: str, given: dict[str, str]) -> None:
        if is_element := self.open[2] == "skeleton":
            given = {**given, "frame": self.skeleton["frame"]}
        else:
            self.seen += 1
        if given.get("keyframe") != "1":
            return
        points, rotation = list(_numbers(tag, given)), float(given.get("rotation", 0))
        if not np.isfinite([rotation, *points]).all():
            raise ValueError(f"a number of a shape on frame {given['frame']}")
        shape = {
            "frame": self._frame(given["frame"]),
            "type": _XML_SHAPES[tag],
            "outside": given.get("outside") == "1",
            "rotation": rotation,
            "points": points,
        }
        self.shapes.setdefault(given["label"] if is_element else None, []).append(shape)

    def _frame(self, given: str) -> int:
        """Return the task's number of a frame of the source."""
        frame = (int(given) - self.start) // self.step
        if frame < 0:
            raise ValueError(f"frame {given}")
        return frame

    def _end(self, tag: str) -> None:
        self.open.pop()
        if (self.open[1] if len(self.open) > 1 else tag) == "meta":
            self._end_of_meta(tag, self.text.strip())
        elif tag == "track" and len(self.open) == 1:
            self._end_of_track()
        self.text = ""

    def _end_of_meta(self, tag: str, text: str) -> None:
        parent = self.open[-1]
        if parent == "segment":
            self.segments[-1][tag] = text
        elif (parent, tag) == ("label", "name"):
            self.labels.append(text)
        elif parent in ("task", "job"):
            if tag == "id":
                self.ids.add(text)
                self.is_job = parent == "job"
            self.meta[tag] = text
        elif tag == "meta":
            if len(self.ids) > 1:
                self.refuse("it holds several tasks: export them one by one")
            step = self.meta.get("frame_filter", "").partition("step=")[2].strip()
            self.step = max(1, int(step or 1))
            # A job's head counts the task's frames, while its shapes count the source's.
            self.start = 0 if self.is_job else int(self.meta.get("start_frame") or 0)
            stop = int(self.meta.get("stop_frame") or -1)
            self.last = stop if self.is_job else (stop - self.start) // self.step

    def _end_of_track(self) -> None:
        for element, shapes in self.shapes.items():
            # CVAT writes a shape that is no track as one with an end after a frame, but leaves
            # the end out on the last frame but one; a track would go on to the last.
            last = shapes[-1]
            if self.seen == 1 and not last["outside"] and last["frame"] == self.last - 1:
                shapes.append({**last, "frame": self.last, "outside": True})
            self.tracks.append(make_track(shapes, self.track_count, self.label, element=element))
        self.track_count += 1
        self.shapes = {}

    def result(self) -> XmlAnnotations:
        if not (self.meta or self.images or self.track_count):
            self.refuse("nothing in it that CVAT writes")
        try:
            segments = [
                (job_of(one.get("url", ""), one["id"]), int(one["start"]), int(one["stop"]))
                for one in self.segments
            ]
            numbers = {
                key: int(self.meta[key]) if self.meta.get(key) else None
                for key in ("id", "size", "start_frame", "stop_frame")
            }
        except (KeyError, ValueError) as error:
            self.refuse(f"its <meta>: {printable(error)} is missing or no number")
        return XmlAnnotations(
            kind="images" if self.images else "video",
            task_id=None if self.is_job else numbers["id"],
            task_name=self.meta.get("name"),
            is_job=self.is_job,
            size=numbers["size"],
            start_frame=numbers["start_frame"] or 0,
            stop_frame=numbers["stop_frame"],
            frame_step=self.step,
            jobs=tuple(segments),
            job_urls=tuple(one.get("url", "") for one in self.segments),
            labels=tuple(self.labels),
            tracks=tuple(self.tracks),
            images=tuple(self.images),
            shapes=self.shape_count,
            mode=self.meta.get("mode"),
        )


def job_of(url: str, segment_id: str) -> int:
    """Return the job that an export's segment stands for: its id ends the address."""
    digits = url.rstrip("/").replace("=", "/").rpartition("/")[2]
    return int(digits) if digits.isdecimal() else int(segment_id)


def _numbers(tag: str, given: Mapping[str, str]) -> Iterator[float]:
    """Return a shape's attributes as the numbers that the API has."""
    if tag == "box":
        yield from (float(given[key]) for key in _XML_BOX)
    elif tag == "ellipse":
        x, y, across, down = (float(given[key]) for key in ("cx", "cy", "rx", "ry"))
        yield from (x, y, x + across, y - down)
    elif tag == "cuboid":
        yield from (float(given[key]) for key in _XML_CUBOID)
    elif tag == "mask":
        left, top, width, height = (float(given[k]) for k in ("left", "top", "width", "height"))
        yield from (left, top, left + width - 1, top + height - 1)
    else:
        for pair in given["points"].split(";"):
            x, y = map(float, pair.split(","))
            yield from (x, y)
