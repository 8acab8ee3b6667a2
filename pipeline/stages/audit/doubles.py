"""The rule about two tracks of one object: of a label and a shape, on each other for a stretch.

Tracks are compared where they may lie on each other at all: at every so many frames the boxes are
put in the order of their left edges, and each is held against those that begin about where it does.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ...base.words import count
from ...settings.cvat import AuditSettings
from ...tracks.extents import Extents
from ...tracks.model import Track, outline_at
from ...tracks.overlaps import overlaps
from ...tracks.pieces import Reading, TaskView
from .collapses import sampled
from .fault import Fault

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_NEIGHBOURS = 64
"""A box is held against so many others at most: where more begin, it lies on one of them."""
_PARTNERS = 8
"""Of the tracks that a track may lie on, so many are looked at closely."""
_CHUNK_BOXES = 200_000
_LINE_SHARE, _LINE_MARGIN, _POINT_MARGIN_PX = 0.2, 0.1, 4.0
"""What is narrower than this share of its longer side gets a margin of that share around it."""
_APART = 0.5
"""Boxes that overlap less than this share of what makes a double are not of one object there."""
_MOSTLY = 0.5
"""Tracks that are apart on more than this share of the frames that show both are two objects."""
_SAME_PX = 1.0
"""Nearer than this, pieces in overlapping jobs are one track, which the server did not join."""


def doubles(
    readings: Sequence[Reading], extents: Extents, task: TaskView, settings: AuditSettings
) -> Iterator[Fault]:
    """Find tracks that lie on an earlier one, or in another job on its other half."""
    lives = Lives(readings, extents, task)
    told: set[int] = set()
    for one, other in _candidates(lives, task, settings):
        # Of three on each other, the third is told once.
        if one in told and other in told:
            continue
        found = _stretch(lives, (one, other), task, settings)
        if found is None:
            continue
        first, last, shown, apart = found
        told |= {one, other}
        keep, drop = sorted((one, other), key=lambda each: (-lives.length(each), each))
        track, second = (readings[each].track for each in (keep, drop))
        message = (
            f"On frames {first} to {last} this track and track {_name(second)} lie on each other, "
            f"{_advice(track, second, apart)}"
        )
        frames = (first, last, (first + last) // 2)
        limit = settings.double_frames
        yield Fault("double", track, frames, shown, limit, message, second, apart)


class Lives:
    """Where tracks are on any frame: from keyframe to keyframe their boxes move evenly."""

    def __init__(self, readings: Sequence[Reading], extents: Extents, task: TaskView) -> None:
        self.readings, self.extents = readings, extents
        self._begins = np.searchsorted(extents.owners, np.arange(len(readings) + 1))
        boxes, frames = extents.boxes, extents.frames
        sides = boxes[:, 2:] - boxes[:, :2]
        longer = sides.max(axis=1, keepdims=True, initial=0.0)
        margin = np.maximum(longer * _LINE_MARGIN, _POINT_MARGIN_PX)
        margin = np.where(sides <= longer * _LINE_SHARE, margin, 0.0)
        self.boxes = np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)
        # Each keyframe that shows something begins a piece that ends before the next one.
        self.starts = np.flatnonzero(~extents.is_outside)
        following = self.starts + 1
        is_last = following == self._begins[extents.owners[self.starts] + 1]
        self.ends = np.empty(len(self.starts), np.int64)
        self.ends[~is_last] = frames[following[~is_last]]
        for place in np.flatnonzero(is_last).tolist():
            reading = readings[extents.owners[self.starts[place]]]
            self.ends[place] = task.end_of_job(reading.last) + 1
        self.moves = ~is_last
        self.moves[~is_last] &= ~extents.is_outside[following[~is_last]]
        kinds: dict[tuple[str, str], int] = {}
        names = ((each.track.label, each.track.shape) for each in readings)
        numbers = [kinds.setdefault(name, len(kinds)) for name in names]
        # Elements of skeletons are not tracks of their own here.
        is_element = np.array([each.track.element is not None for each in readings], np.bool_)
        self.kinds = np.where(is_element, -1, np.array(numbers, np.int64))

    def length(self, owner: int) -> int:
        """Return on how many frames a track is shown, deleted ones too."""
        pieces = self._pieces(owner)
        starts = self.extents.frames[self.starts[pieces]]
        return int((self.ends[pieces] - starts).sum())

    def span(self, owner: int) -> tuple[int, int]:
        """Return the first frame that shows a track, and the one behind its last."""
        pieces = self._pieces(owner)
        return int(self.extents.frames[self.starts[pieces.start]]), int(self.ends[pieces.stop - 1])

    def at(self, pieces: Ints, frames: Ints) -> Floats:
        """Return the box of each of these pieces at a frame within it, shape (pieces, 4)."""
        a = self.starts[pieces]
        b = np.where(self.moves[pieces], a + 1, a)
        ahead = np.maximum(self.extents.frames[b] - self.extents.frames[a], 1)
        share = (frames - self.extents.frames[a]) / ahead
        return np.asarray(self.boxes[a] + (self.boxes[b] - self.boxes[a]) * share[:, np.newaxis])

    def on(self, owner: int, frames: Ints) -> tuple[Floats, Flags]:
        """Return the boxes of a track on frames, shape (frames, 4), and which of them show it."""
        pieces = self._pieces(owner)
        begins = self.extents.frames[self.starts[pieces]]
        here = np.searchsorted(begins, frames, side="right") - 1
        known = np.maximum(here, 0)
        shown = (here >= 0) & (frames < self.ends[pieces][known])
        return self.at(known + pieces.start, frames), shown

    def _pieces(self, owner: int) -> slice:
        low, high = np.searchsorted(self.starts, self._begins[owner : owner + 2])
        return slice(int(low), int(high))


def _candidates(lives: Lives, task: TaskView, settings: AuditSettings) -> list[tuple[int, int]]:
    """Return pairs of tracks that lie on each other on some frame that was looked at.

    Of the tracks that a track lies on, those that it does most often.
    """
    looks = _looks(task, settings.double_frames)
    owners = lives.extents.owners[lives.starts]
    pieces = np.flatnonzero(lives.kinds[owners] >= 0)
    low = np.searchsorted(looks, lives.extents.frames[lives.starts[pieces]])
    high = np.maximum(np.searchsorted(looks, lives.ends[pieces]), low)
    counts = np.bincount(_counted(low, high - low), minlength=len(looks))
    cuts = np.flatnonzero(np.diff(np.cumsum(counts) // _CHUNK_BOXES)) + 1
    keys, hits = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    for first, behind in itertools.pairwise((0, *cuts.tolist(), len(looks))):
        a, b = np.clip(low, first, behind), np.clip(high, first, behind)
        which = np.repeat(pieces, b - a)
        look = _counted(a, b - a)
        whose = owners[which]
        boxes = lives.at(which, looks[look])
        group = look * (int(lives.kinds.max(initial=0)) + 1) + lives.kinds[whose]
        pairs = _touching(boxes, group, settings.double_overlap)
        ordered = np.sort(whose[pairs], axis=1)
        found = np.unique(ordered @ np.array([len(lives.readings), 1]), return_counts=True)
        keys.append(found[0])
        hits.append(found[1].astype(np.int32))
    every, places = np.unique(np.concatenate(keys), return_inverse=True)
    often = np.bincount(places, np.concatenate(hits), len(every))
    one, other = np.divmod(every, len(lives.readings))
    order = np.lexsort((other, -often, one))
    rank = np.arange(len(order)) - np.searchsorted(one[order], one[order])
    kept = order[rank < _PARTNERS]
    return list(zip(one[kept].tolist(), other[kept].tolist(), strict=True))


def _looks(task: TaskView, every: int) -> Ints:
    """Return frames of which any stretch that is long enough holds one, and borders of jobs."""
    every_so_many = range(0, task.frame_count, every)
    return np.array(sorted({*every_so_many, *task.starts, *task.stops}), np.int64)


def _counted(starts: Ints, numbers: Ints) -> Ints:
    """Return ``start, start + 1, …`` for each start, as many as its number, end to end."""
    behind = np.cumsum(numbers)
    total = int(behind[-1]) if len(behind) else 0
    return np.arange(total) - np.repeat(behind - numbers - starts, numbers)


def _touching(boxes: Floats, groups: Ints, least: float) -> Ints:
    """Return the pairs of boxes of a group that lie on each other, int64, shape (pairs, 2).

    Rows keep apart what lies above or below. Each row is as high as boxes that overlap so far can
    be apart, twice; the second time, rows begin in the middle of the first.
    """
    if len(boxes) == 0:
        return np.zeros((0, 2), np.int64)
    # Where boxes overlap so far, none of their edges are farther apart than this share of a side.
    slack = (1 - least) / least
    middles = (boxes[:, 1] + boxes[:, 3]) / 2
    row_px = max(slack * float((boxes[:, 3] - boxes[:, 1]).max()), 1.0)
    found = []
    for shift in (0.0, 0.5):
        row = np.floor(middles / row_px + shift)
        order = np.lexsort((boxes[:, 0], row, groups))
        is_new = (np.diff(groups[order]) != 0) | (np.diff(row[order]) != 0)
        part = np.concatenate([[0], np.cumsum(is_new)])
        left, top, right, bottom = np.ascontiguousarray(boxes[order].T)
        across, down = slack * (right - left), slack * (bottom - top)
        active = np.arange(len(order))
        for step in range(1, _NEIGHBOURS + 1):
            active = active[: np.searchsorted(active, len(order) - step)]
            after = active + step
            is_near = (left[after] - left[active] <= across[active]) & (part[after] == part[active])
            active, after = active[is_near], after[is_near]
            if len(active) == 0:
                break
            may_lie = np.abs(top[after] - top[active]) <= down[active]
            may_lie &= np.abs(right[after] - right[active]) <= across[active]
            pairs = order[np.stack([active[may_lie], after[may_lie]], axis=1)]
            found.append(pairs[overlaps(boxes[pairs[:, 0]], boxes[pairs[:, 1]]) >= least])
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _stretch(
    lives: Lives, pair: tuple[int, int], task: TaskView, settings: AuditSettings
) -> tuple[int, int, int, int] | None:
    """Return the longest stretch on which two tracks lie on each other: first, last, frames shown.

    The last number is on how many frames both are shown, but apart. ``None`` where these are most,
    or the stretch is too short; where jobs overlap, all frames that they share are enough.
    """
    spans = [lives.span(owner) for owner in pair]
    frames = np.arange(max(span[0] for span in spans), min(span[1] for span in spans))
    frames = frames[~task.is_deleted[frames]]
    (one, is_one), (other, is_other) = (lives.on(owner, frames) for owner in pair)
    both = is_one & is_other
    common = overlaps(one, other)
    on = common >= settings.double_overlap
    # Frames that show one of them alone end a stretch as well.
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on & both, [0]])))
    stretches = edges.reshape(-1, 2)
    if len(stretches) == 0:
        return None
    begin, behind = stretches[np.diff(stretches).ravel().argmax()].tolist()
    number = behind - begin
    if number < settings.double_frames:
        # Where jobs overlap, it is enough that they do so on all frames that both show.
        is_shared = np.isin(frames[both], sorted(task.starts)).any()
        apart = np.abs(one[both] - other[both]).max()
        if not (is_shared and on[both].all() and apart > _SAME_PX):
            return None
    first, last = int(frames[begin]), int(frames[behind - 1])
    tracks = [lives.readings[owner].track for owner in pair]
    if not _are_alike(tracks, task, (first + last) // 2, settings):
        return None
    far = int(((common < settings.double_overlap * _APART) & both).sum())
    # What is mostly elsewhere is another object, that passes slowly.
    return (first, last, number, far) if far <= _MOSTLY * both.sum() else None


def _are_alike(
    tracks: Sequence[Track], task: TaskView, frame: int, settings: AuditSettings
) -> bool:
    """Whether outlines lie on each other as their boxes do; lines that cross have one box."""
    shown = [outline_at(track, frame, task.clock.deleted) for track in tracks]
    known = [each[np.newaxis] for each in shown if each is not None]
    if tracks[0].shape not in {"polygon", "polyline"} or len(known) < 2:
        return True
    one, other = (sampled(each, tracks[0].shape == "polygon")[0] for each in known)
    apart = np.hypot(*np.moveaxis(one[:, np.newaxis] - other, 2, 0))
    mean = (apart.min(axis=0).mean() + apart.min(axis=1).mean()) / 2
    size = (one.max(axis=0) - one.min(axis=0)).max()
    return bool(mean <= (1 - settings.double_overlap) / 2 * size)


def _advice(track: Track, second: Track, apart: int) -> str:
    if apart:
        return (
            f"and are apart on {count(apart, 'other frame')}. Look whether one of them went over "
            "to the other's object, or two objects met."
        )
    if track.attributes != second.attributes:
        return (
            "as if one object had two, but their attributes differ. If it is one object, remove "
            "the track that is wrong; or give both the right attributes, then let prep audit "
            "--join make them one, which leaves them as long as these differ."
        )
    return "as if one object had two. Remove one of them, or let prep audit --join make them one."


def _name(track: Track) -> str:
    return f"no. {track.number + 1} of the file" if track.id is None else str(track.id)
