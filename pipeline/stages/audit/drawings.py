"""The pictures of a finding as numbers: which frames, which part of them, which outlines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...tracks.clock import TaskClock
from ...tracks.model import Track, interpolate, outline_at, outline_of
from ...tracks.pieces import TaskView
from .lanes import HELD_KINDS
from .path import progress_by_time
from .rules import Finding

Floats = npt.NDArray[np.float64]

PLACE_KINDS = frozenset({"empty-shape", "outside-image"})
"""Findings of keyframes, which the pictures show with the frames beside them."""

_FARTHEST_PX = 1e6  # nobody draws farther off than this
_CONTEXT_SHARE, _CONTEXT_PX = 1.5, 24
_SMALLEST_PX = 64
_SEEN_FROM = 1 / 30  # of a window's width: a smaller error is shown once more, close up
_CLOSE_UP_PX, _CLOSE_UP_ERRORS = 16, 6


@dataclass(frozen=True, eq=False)
class Outline:
    """A shape as it is drawn; ``points`` are float64, shape (points, 2), pixels of the frame.

    ``role``: ``cvat`` where CVAT has it, ``clock`` where the clock says, ``set`` where a keyframe
    has it that does not count, ``ended`` where the track ends with 'outside', ``other`` where CVAT
    has the second track of a finding.
    """

    role: str
    shape: str
    points: Floats

    @property
    def path(self) -> str:
        """The outline as the data of an SVG path, in pixels of the frame."""
        if self.shape == "points":
            return "".join(f"M{_xy(point)}h0" for point in self.points)
        if self.shape == "cuboid" and len(self.points) == 8:
            near, far = self.points[[0, 1, 3, 2]], self.points[[4, 5, 7, 6]]
            edges = "".join(f"M{_xy(a)}L{_xy(b)}" for a, b in zip(near, far, strict=True))
            return _line(near) + "Z" + _line(far) + "Z" + edges
        if self.shape == "ellipse" and len(self.points) == 4:
            return _line(_around(self.points)) + "Z"
        return _line(self.points) + ("" if self.shape == "polyline" else "Z")


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of a finding: a frame of the task, and what is drawn over it.

    ``window`` is the part of the frame that it shows: left, top, width and height in pixels.
    """

    role: str
    frame: int
    outlines: tuple[Outline, ...]
    window: tuple[int, int, int, int] = (0, 0, 4, 3)


def panels_of(
    finding: Finding,
    track: Track,
    task: TaskView,
    size: tuple[int, int] | None,
    other: Track | None = None,
) -> list[Panel]:
    """Return the pictures of a finding: before, in and after, and one close up if need be.

    Args:
        finding: what is wrong.
        track: the track that it is about.
        task: its task.
        size: width and height of the frames, if known.
        other: the second track that it is about.
    """
    first, worst, last = finding.first_frame, finding.worst_frame, finding.last_frame
    if finding.kind in {"deleted-keyframe", *PLACE_KINDS}:
        first, last = max(first - 1, 0), min(last + 1, task.frame_count - 1)
    elif finding.kind in HELD_KINDS:
        worst = (first + last) // 2  # all of the span is as bad as its end, which is shown anyway
    panels = []
    for role, frame in (("before", first), ("in", worst), ("after", last)):
        outlines = _outlines(finding, track, task, frame)
        second = None if other is None else outline_at(other, frame, task.clock.deleted)
        if other is not None and second is not None:
            outlines.append(Outline("other", other.shape, second))
        panels.append(Panel(role, frame, tuple(filter(_can_be_drawn, outlines))))
    extents = [_extent(panel.outlines) for panel in panels if panel.outlines]
    if not extents:
        return []
    if is_jump := finding.kind == "jump":  # seen from one place, or nothing would seem to move
        extents = [np.array([np.min(extents, axis=0)[0], np.max(extents, axis=0)[1]])]
    spread = np.max([high - low for low, high in extents], axis=0) * _CONTEXT_SHARE + _CONTEXT_PX
    width = int(max(spread[0], spread[1] * 4 / 3, _SMALLEST_PX))
    placed, centre = [], extents[0].mean(axis=0)
    for panel in panels:
        if panel.outlines and not is_jump:
            centre = _extent(panel.outlines).mean(axis=0)
        placed.append(replace(panel, window=_window(centre, width, size)))
    by_role = {outline.role: outline.points for outline in placed[1].outlines}
    # A polygon may have other numbers of points at other places of its way.
    if len(by_role.get("cvat", ())) == len(by_role.get("clock", ())) > 0:
        apart = np.hypot(*(by_role["cvat"] - by_role["clock"]).T)
        if apart.max() < width * _SEEN_FROM:
            corner = int(apart.argmax())
            centre = (by_role["cvat"][corner] + by_role["clock"][corner]) / 2
            near = int(max(apart.max() * _CLOSE_UP_ERRORS, _CLOSE_UP_PX))
            window = _window(centre, near, size)
            placed.append(replace(placed[1], role="close up", window=window))
    return placed


def outline_by_clock(track: Track, clock: TaskClock, finding: Finding) -> Floats | None:
    """Return where the clock says a shape is at the worst frame, shape (points, 2), if it does."""
    if finding.kind != "uneven-time":
        return None
    a, b = np.searchsorted(track.frames, [finding.first_frame, finding.last_frame]).tolist()
    shares = progress_by_time(clock, finding.first_frame, finding.last_frame)
    share = float(shares[finding.worst_frame - finding.first_frame])
    return None if np.isnan(share) else outline_of(track.shape, interpolate(track, a, b, share))


def _outlines(finding: Finding, track: Track, task: TaskView, frame: int) -> list[Outline]:
    """Return what is drawn over one frame of a finding."""
    drawn = []
    if finding.kind == "single-keyframe":  # also on the frames of its pieces in other jobs
        place = int(np.searchsorted(track.frames, finding.first_frame))
        return [Outline("cvat", track.shape, track.outline(place))]
    where = outline_at(track, frame, task.clock.deleted)
    place = int(np.searchsorted(track.frames, frame))
    is_keyframe = place < len(track) and track.frames[place] == frame
    if where is not None:
        drawn.append(Outline("cvat", track.shape, where))
    elif is_keyframe and track.is_outside[place] and frame not in task.clock.deleted:
        drawn.append(Outline("ended", track.shape, track.outline(place)))
    if finding.kind == "deleted-keyframe" and is_keyframe and frame == finding.worst_frame:
        drawn.append(Outline("set", track.shape, track.outline(place)))
    if frame == finding.worst_frame:
        by_clock = outline_by_clock(track, task.clock, finding)
        if by_clock is not None:
            drawn.append(Outline("clock", track.shape, by_clock))
    return drawn


def _can_be_drawn(outline: Outline) -> bool:
    """Whether it has points, and none is beyond what a drawing can hold."""
    return len(outline.points) > 0 and bool((np.abs(outline.points) < _FARTHEST_PX).all())


def _extent(shown: Sequence[Outline]) -> Floats:
    """Return the upper left and the lower right corner of outlines, shape (2, 2)."""
    points = [_around(o.points) if o.shape == "ellipse" else o.points for o in shown]
    every = np.concatenate(points)
    return np.array([every.min(axis=0), every.max(axis=0)])


def _window(centre: Floats, width: int, size: tuple[int, int] | None) -> tuple[int, int, int, int]:
    """Return a window of 4:3 around a place, moved into the frame where it fits into it."""
    width = -(-width // 4) * 4
    height = width // 4 * 3
    left, top = (round(c - n / 2) for c, n in zip(centre.tolist(), (width, height), strict=True))
    if size is not None and width <= size[0]:
        left = min(max(left, 0), size[0] - width)
    if size is not None and height <= size[1]:
        top = min(max(top, 0), size[1] - height)
    return left, top, width, height


def _around(arms: Floats) -> Floats:
    """Return points on an ellipse, of the ends of its two axes."""
    centre = arms.mean(axis=0)
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)[:, np.newaxis]
    ring = centre + (arms[0] - centre) * np.cos(angles) + (arms[1] - centre) * np.sin(angles)
    return np.asarray(ring)


def _line(points: Floats) -> str:
    return "M" + "L".join(map(_xy, points))


def _xy(point: Floats) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
