"""Tracks of an export in CVAT's XML 1.1, read as a stream.

Frames are numbers of the task, 0…n−1, also where the XML counts those of the video.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from xml.parsers import expat

import numpy as np

from ..base.errors import UsageError, cause_of, printable
from .model import Track, make_track
from .xml_shapes import XML_SHAPES, numbers_of
from .xml_task import XmlImage, XmlTask

_CHUNK_BYTES = 1 << 20
_TEXT_LIMIT = 4096  # of names and numbers in an export's head


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
    """Return what an export of one task or job holds; see `tasks_from_xml`.

    Raises:
        UsageError: as there, and where it holds several tasks.
    """
    first, *others = tasks_from_xml(path)
    if others:
        raise UsageError(
            f"{printable(path)}: it holds several tasks: export them one by "
            "one, as 'CVAT for video 1.1'."
        )
    return first


def tasks_from_xml(path: Path) -> tuple[XmlAnnotations, ...]:
    """Return what an export "CVAT for video 1.1" or "CVAT for images 1.1" holds, task by task.

    A project's tasks follow one another in it. The file is read as a stream; only keyframes are
    kept.

    Raises:
        UsageError: the file cannot be read, is no such export, or is damaged.
    """
    return read_xml(XmlReader(path))


def read_xml(reader: "XmlReader") -> tuple[XmlAnnotations, ...]:
    """Return what a reader finds in its file, task by task.

    Raises:
        UsageError: as `tasks_from_xml`.
    """
    path = reader.path
    if path.exists() and not path.is_file():
        raise UsageError(f"{printable(path)}: the annotations must be in a regular file.")
    try:
        with path.open("rb") as file:
            reader.read(file)
    except OSError as error:
        raise UsageError(f"{printable(path)}: cannot read it: {cause_of(error)}.") from error
    except expat.ExpatError as error:
        reader.refuse(f"not well-formed XML: {error}")
    except (LookupError, ValueError, OverflowError) as error:  # also of an unknown encoding
        reader.refuse(f"line {reader.line}: {printable(error)} is missing, or not what CVAT writes")
    return reader.results()


class XmlReader:
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
        self.tasks: list[XmlTask] = []
        self.task = XmlTask()  # that of what is being read
        self.labels: list[str] = []
        self.track_count = self.seen = 0
        self.label = ""
        self.shapes: dict[str | None, list[dict[str, Any]]] = {}
        self.skeleton: Mapping[str, str] = {}

    @property
    def line(self) -> int:
        """Where in the file the reader is."""
        return self.parser.CurrentLineNumber

    def refuse(self, cause: str) -> NoReturn:
        """Say that the file is none that can be read, and why.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"{printable(self.path)}: {cause}. Give the annotations.xml of an export as "
            "'CVAT for video 1.1' (or 'CVAT for images 1.1'), as CVAT wrote it."
        )

    def read(self, file: BinaryIO) -> None:
        """Read the whole file."""
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
            if tag in ("task", "job") and self.open[-2] in ("meta", "tasks"):
                self.task = XmlTask(is_job=tag == "job")
                self.tasks.append(self.task)
            elif tag == "segment":
                self.task.segments.append({})
        elif tag in ("track", "image") and len(self.open) == 2:
            self._begin(tag, given)
        elif self.open[1:2] == ["image"] and len(self.open) == 3:
            self.task.shapes += tag != "tag"
        elif self.open[1:2] == ["track"] and tag == "skeleton" and len(self.open) == 3:
            self.seen += 1
            self.skeleton = given
        elif self.open[1:2] == ["track"] and tag in XML_SHAPES:
            self._shape(tag, given)

    def _begin(self, tag: str, given: dict[str, str]) -> None:
        """Begin a track or an image; of a project's each says which task it is of."""
        if len(self.tasks) > 1:
            fitting = (task for task in self.tasks if task.meta.get("id") == given["task_id"])
            self.task = next(fitting)
        if tag == "track":
            self.label, self.shapes, self.seen = given["label"], {}, 0
        else:
            size = int(given["width"]), int(given["height"])
            frame = self.task.frame(given["id"])
            self.task.images.append(XmlImage(frame, given["name"], *size))

    def _shape(self, tag: str, given: dict[str, str]) -> None:
        if is_element := self.open[2] == "skeleton":
            given = {**given, "frame": self.skeleton["frame"]}
        else:
            self.seen += 1
        if given.get("keyframe") != "1":
            return
        points, rotation = list(numbers_of(tag, given)), float(given.get("rotation", 0))
        if not np.isfinite([rotation, *points]).all():
            raise ValueError(f"a number of a shape on frame {given['frame']}")
        shape = {
            "frame": self.task.frame(given["frame"]),
            "type": XML_SHAPES[tag],
            "outside": given.get("outside") == "1",
            "rotation": rotation,
            "points": points,
        }
        self.shapes.setdefault(given["label"] if is_element else None, []).append(shape)

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
            self.task.segments[-1][tag] = text
        elif (parent, tag) == ("label", "name"):
            self.labels.append(text)
        elif parent in ("task", "job"):
            self.task.meta[tag] = text
        elif tag == "meta":
            offset = 0
            for task in self.tasks:
                offset = task.begin_at(offset)

    def _end_of_track(self) -> None:
        least = self.task.last - 1 if len(self.tasks) == 1 else 0
        for element, shapes in self.shapes.items():
            # CVAT writes a shape that is no track as one with an end after a frame, but leaves
            # the end out on the last frame but one; a track would go on to the last.
            # And in a project's, wherever the end lies behind the first task by the file's numbers.
            last = shapes[-1]
            if self.seen == 1 and not last["outside"] and self.task.last > last["frame"] >= least:
                shapes.append({**last, "frame": last["frame"] + 1, "outside": True})
            self.task.tracks.append(
                make_track(shapes, self.track_count, self.label, element=element)
            )
        self.track_count += 1
        self.shapes = {}

    def results(self) -> tuple[XmlAnnotations, ...]:
        """Return what was read, task by task."""
        tasks = self.tasks or [self.task]
        kind = "images" if any(task.images for task in tasks) else "video"
        if not (self.tasks or self.track_count or kind == "images"):
            self.refuse("nothing in it that CVAT writes")
        return tuple(self._result(task, kind) for task in tasks)

    def _result(self, task: XmlTask, kind: str) -> XmlAnnotations:
        try:
            segments = [
                (job_of(one.get("url", ""), one["id"]), int(one["start"]), int(one["stop"]))
                for one in task.segments
            ]
            numbers = {
                key: int(task.meta[key]) if task.meta.get(key) else None
                for key in ("id", "size", "start_frame", "stop_frame")
            }
        except (KeyError, ValueError) as error:
            self.refuse(f"its <meta>: {printable(error)} is missing or no number")
        return XmlAnnotations(
            kind=kind,
            task_id=None if task.is_job else numbers["id"],
            task_name=task.meta.get("name"),
            is_job=task.is_job,
            size=numbers["size"],
            start_frame=numbers["start_frame"] or 0,
            stop_frame=numbers["stop_frame"],
            frame_step=task.step,
            jobs=tuple(segments),
            job_urls=tuple(one.get("url", "") for one in task.segments),
            labels=tuple(self.labels),
            tracks=tuple(task.tracks),
            images=tuple(task.images),
            shapes=task.shapes,
            mode=task.meta.get("mode"),
        )


def job_of(url: str, segment_id: str) -> int:
    """Return the job that an export's segment stands for: its id ends the address."""
    digits = url.rstrip("/").replace("=", "/").rpartition("/")[2]
    return int(digits) if digits.isdecimal() else int(segment_id)
