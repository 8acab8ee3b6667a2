"""The page of findings: where tracks are wrong, drawn over the frames, for annotators.

The page needs nothing but itself. It stays under 10 MB: the worst findings of each kind get
pictures, more get a line, and it says how many are left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ... import __version__
from ...base.errors import DatasetError, printable
from ...dataset.files import WRITE_ELSEWHERE, save_text
from ...dataset.records import VideoRecord
from ...dataset.store import Dataset
from ...pages.environment import render
from ...pictures.thumbnails import thumbnail
from ...settings.stages import BREAK_KINDS
from ...tracks.pieces import TaskView
from ...tracks.statistics import TrackCounts
from .drawings import Panel, panels_of
from .lanes import name_of, timelines
from .result import AuditResult, PlacedFinding, TaskAudit, size_of
from .rules import FINDING_KINDS, Finding

PAGE_NAME = "audit.html"

KIND_TEXTS = {
    "crosses-break": (
        "Box carried across a break",
        "The footage jumps between two keyframes, and CVAT moves the box straight through the gap.",
        "End the track with 'outside' before the break, or set a keyframe on both sides of it.",
    ),
    "uneven-time": (
        "Box off the clock",
        "These frames are not evenly spaced in time, but CVAT moves the box by the same amount "
        "on each. Something that moves steadily is elsewhere.",
        "Set a keyframe on the frame shown, or let prep audit --retime add the fewest that do.",
    ),
    "shape-collapses": (
        "Outline that shrinks on its way",
        "CVAT pairs the points of two outlines by their place along them, from the first point on. "
        "One that was begun at another point, or drawn the other way round, passes through itself.",
        "Draw the later outline from the same point, and the same way round, as the one before. "
        "Where the object turned far, set keyframes between.",
    ),
    "jump": (
        "Keyframe off the path",
        "One keyframe lies far off the way from the one before to the next: a slip of the hand, or "
        "the box of another object.",
        "Move the box back to its object, or remove the keyframe.",
    ),
    "double": (
        "Two tracks of one object",
        "Two tracks of a label lie on each other for a stretch, so that the object counts twice.",
        "Remove one of them, or let prep audit --join make them one.",
    ),
    "empty-shape": (
        "Shape that is as good as none",
        "A shape has hardly any width, height or length: a click where a drag was meant.",
        "Draw it anew, or end the track with 'outside' where the object is not seen.",
    ),
    "outside-image": (
        "Shape outside of the image",
        "A shape lies outside of the image, or nearly so: nobody can see what it is about.",
        "End the track with 'outside' where the object leaves, or move the shape back.",
    ),
    "never-ends": (
        "Track that nothing ends",
        "The last box is held up to the end of the job, whether the object is still there or not.",
        "Set 'outside' where the object leaves; if it stays, set a keyframe on the last frame.",
    ),
    "deleted-keyframe": (
        "Keyframe on a deleted frame",
        "The frame was deleted, so CVAT shows the box as if this keyframe had never been set.",
        "Set it on a frame beside it, or restore the frame.",
    ),
    "single-keyframe": (
        "Track that is one box",
        "A single box was set and is held unchanged, as if the object never moved.",
        "Set keyframes where the object moves, or end the track with 'outside'.",
    ),
    "long-span": (
        "Long way without a keyframe",
        "CVAT fills in many frames from two keyframes; hardly anything moves evenly that long.",
        "Step through the frames, and set a keyframe wherever the box has left the object.",
    ),
}
"""For each kind of finding a title, what it means and what to do about it."""

_SIDE = 400  # of a picture, in pixels
_TEXT_LIMIT, _LINK_LIMIT = 100, 200
_DRAWN_FINDINGS, _DRAWN_CHARACTERS = 90, 4_000_000
_LISTED_FINDINGS = 1000
_LISTED_TASKS, _LISTED_LABELS, _LISTED_NOTES = 300, 200, 50


def write_page(result: AuditResult) -> None:
    """Write the page of a result to its place.

    Raises:
        DatasetError: it cannot be written.
    """
    save_text(result.page, _render(result), way_out=WRITE_ELSEWHERE)


def share_out(counts: Mapping[str, int], limit: int) -> dict[str, int]:
    """Return how many of each kind are shown where only ``limit`` can be, the same for each.

    What a kind does not use goes to those with more.
    """
    shares, left = {}, limit
    for place, kind in enumerate(sorted(counts, key=lambda each: counts[each])):
        shares[kind] = min(counts[kind], left // (len(counts) - place))
        left -= shares[kind]
    return shares


def _render(result: AuditResult) -> Iterable[str]:
    """Yield the page in pieces."""
    kinds, anchors = _kinds(result)
    labels: dict[str, TrackCounts] = defaultdict(TrackCounts)
    for task in result.tasks:
        for label, counts in task.statistics.by_label.items():
            labels[label] += counts
    by_boxes = sorted(labels.items(), key=lambda each: -each[1].boxes)
    notes = [task for task in result.tasks if task.note]
    values = {
        "prep_version": __version__,
        "dataset": Path(result.dataset).name,
        "count": len(result.findings),
        "tasks_with_findings": sum(bool(task.findings) for task in result.tasks),
        "task_count": len(result.tasks),
        "notes": notes[:_LISTED_NOTES],
        "notes_left": len(notes[_LISTED_NOTES:]),
        "kinds": kinds,
        "labels": by_boxes[:_LISTED_LABELS],
        "labels_left": len(by_boxes[_LISTED_LABELS:]),
        "total": sum(labels.values(), start=TrackCounts()),
        "tasks": timelines(result.tasks, anchors)[:_LISTED_TASKS],
        "tasks_left": len(result.tasks[_LISTED_TASKS:]),
        "limits": result.limits,
        "break_kinds": [
            kind
            for kind in BREAK_KINDS
            if any(one.kind == kind for task in result.tasks for one in task.match.clock.breaks)
        ],
    }
    return render("audit", {"clip": _clip, "web": _web, "whole": "{:,}".format}, values)


def _kinds(result: AuditResult) -> tuple[list[dict[str, Any]], dict[tuple[int, int], str]]:
    """Return what is shown of each kind, and where the first finding of each track is.

    Its keys are the place of the task and that of the track in the task.
    """
    sources = [_Source(Dataset(Path(result.dataset)), task) for task in result.tasks]
    found: dict[str, list[tuple[int, PlacedFinding]]] = {kind: [] for kind in FINDING_KINDS}
    for place, task in enumerate(result.tasks):
        for each in task.findings:
            found[each.finding.kind].append((place, each))
    counts = {kind: len(each) for kind, each in found.items() if each}
    drawn_limits = share_out(counts, _DRAWN_FINDINGS)
    more = {kind: number - drawn_limits[kind] for kind, number in counts.items()}
    row_limits = share_out(more, _LISTED_FINDINGS)
    anchors: dict[tuple[int, int], str] = {}
    kinds = []
    left = _DRAWN_CHARACTERS
    for kind, number in counts.items():
        every = sorted(found[kind], key=lambda each: -each[1].finding.size)
        limit, cards, rows = drawn_limits[kind], [], []
        for rank, (place, placed) in enumerate(every[: limit + row_limits[kind]]):
            entry = sources[place].describe(placed, f"{kind}-{rank + 1}")
            anchors.setdefault((place, entry["track_place"]), entry["anchor"])
            pictures = sources[place].pictures(placed.finding, entry) if rank < limit else []
            size = sum(picture["characters"] for picture in pictures)
            if rank < limit and size <= left:
                left -= size
                cards.append({**entry, "pictures": pictures})
            else:
                rows.append(entry)
        title, meaning, advice = KIND_TEXTS[kind]
        kinds.append(
            {"kind": kind, "title": title, "meaning": meaning, "advice": advice, "count": number}
            | {"cards": cards, "rows": rows, "left": number - len(cards) - len(rows)}
        )
    return kinds, anchors


@dataclass
class _Source:
    """A task, and the images of the dataset that show its frames."""

    store: Dataset
    task: TaskAudit
    _record: VideoRecord | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.view = TaskView(self.task.match.clock)
        self.places: dict[tuple[int, str | None], int] = {}
        for place, track in enumerate(self.task.tracks):
            self.places.setdefault((track.number, track.element), place)
        if self.task.findings and self.task.match.video is not None:
            try:
                self._record = self.store.read_record(self.task.match.video)
            except DatasetError:  # the outlines can be drawn without the images
                self._record = None

    def describe(self, placed: PlacedFinding, anchor: str) -> dict[str, Any]:
        """Return what the page says of a finding."""
        one = placed.finding
        size = size_of(one)
        return {
            "anchor": anchor,
            "finding": one,
            "size": "" if one.size <= 0 else size,
            "track": name_of(one.track_id, one.track_number, one.parent_id, one.element),
            "track_place": self.places[one.track_number, one.element],
            "task_name": self.task.name,
            "task_url": self.task.url,
            "url": placed.url,
            "job": placed.job_id,
        }

    def pictures(self, one: Finding, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the pictures of a finding; ``characters`` is about how long they are."""
        record = self._record
        size = None
        if record is not None and record.image_width and record.image_height:
            size = (record.image_width, record.image_height)
        track = self.task.tracks[entry["track_place"]]
        second = None if one.other_number is None else self.places[one.other_number, None]
        other = None if second is None else self.task.tracks[second]
        made = []
        for panel in panels_of(one, track, self.view, size, other):
            paths = [(outline.role, outline.path) for outline in panel.outlines]
            picture = {**self._image(panel, size), "panel": panel, "paths": paths}
            long = len(picture["image"]) + 2 * sum(len(path) for _, path in paths) + 1500
            made.append({**picture, **self._when(panel.frame), "characters": long})
        return made

    def _when(self, frame: int) -> dict[str, Any]:
        clock = self.task.match.clock
        index, seconds = int(clock.frame_indices[frame]), float(clock.seconds[frame])
        return {
            "video_frame": None if index < 0 else index,
            "seconds": None if seconds != seconds else seconds,
            "is_deleted": frame in clock.deleted,
        }

    def _image(self, panel: Panel, size: tuple[int, int] | None) -> dict[str, Any]:
        """Return the part of the frame's image that a picture shows, and where it lies."""
        index = int(self.task.match.clock.frame_indices[panel.frame])
        left, top, width, height = panel.window
        nothing = {"image": "", "area": panel.window}
        if self._record is None or size is None or index < 0:
            return nothing
        name = self._record.images.name(index)
        x, y = max(left, 0), max(top, 0)
        right, bottom = min(left + width, size[0]), min(top + height, size[1])
        if right <= x or bottom <= y:
            return nothing
        image = thumbnail(self.store.folder(self._record.id) / name, _SIDE, (x, y, right, bottom))
        return {"image": image, "area": (x, y, right - x, bottom - y)} if image else nothing


def _clip(text: object) -> str:
    """Return a text from outside so that it can be written, and is not longer than a line."""
    shown = printable(text)
    return shown if len(shown) <= _TEXT_LIMIT else f"{shown[:_TEXT_LIMIT]}…"


def _web(url: str | None) -> str | None:
    """Return an address if it is one of the web, and no longer than those are."""
    if url is None or len(url) > _LINK_LIMIT or not url.isprintable():
        return None
    return url if url.lower().startswith(("http://", "https://")) else None
