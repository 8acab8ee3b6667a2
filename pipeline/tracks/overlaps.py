"""Tracks whose pieces lie on each other where jobs overlap, made whole again.

The server cuts a track at the borders of jobs; where jobs overlap, both show a piece of it. Read
job by job, all of these are pieces; and of a whole task the server itself joins only rectangles and
polygons that cover each other.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .clock import TaskClock
from .fit import interpolated_boxes
from .interpolation import PLACED_BY_SHARE
from .model import Track, distance, outline_at

Floats = npt.NDArray[np.float64]
Piece = Mapping[str | None, Track]
"""A track, or those of a skeleton by their elements."""
_Look = Floats | list[Floats | None]

_Kind = frozenset[tuple[str, str, str | None]]

_SAME_PX = 0.05  # servers and exports keep two decimals
_NEAR_PX = 8.0  # of outlines that CVAT pairs anew
_JOINED_BY_SERVER = {"rectangle", "polygon"}
_SAME_BOXES = 0.5  # the server's: boxes that overlap so far on average are one


@dataclass(frozen=True, eq=False)
class WholeTracks:
    """Tracks with their pieces joined; ``joined`` has for a piece's number that of its track."""

    tracks: tuple[Track, ...]
    joined: Mapping[int, int]


def join_pieces(
    tracks: Sequence[Track], clock: TaskClock, *, is_export: bool = False
) -> WholeTracks:
    """Return the tracks of a task, those whole that jobs with an overlap cut.

    Pieces belong together if they have the same label and shape, and lie on each other on all
    frames that both jobs show, of boxes half of them as for the server; all elements of a skeleton
    do or none. What is joined has the number and the ids of its first piece.

    Args:
        tracks: all that the task has.
        clock: of the task.
        is_export: the server has put them together already, so boxes and polygons that it left
            apart are tracks of their own.
    """
    pieces: dict[int, dict[str | None, Track]] = defaultdict(dict)
    for track in tracks:
        pieces[track.number][track.element] = track
    numbers = [
        number
        for number, piece in pieces.items()
        if not (is_export and None in piece and piece[None].shape in _JOINED_BY_SERVER)
    ]
    spans = np.array([_span(pieces[number]) for number in numbers]).reshape(-1, 2)
    following: dict[int, tuple[int, int]] = {}
    for before, after in itertools.pairwise(clock.jobs):
        shared = range(after[1], before[2] + 1)
        reached = (spans[:, 0] < shared.stop) & (spans[:, 1] >= shared.start)
        some = {numbers[place]: pieces[numbers[place]] for place in np.flatnonzero(reached)}
        pairs = _pairs(some, shared) if shared else {}
        following |= {one: (other, shared[-1]) for one, other in pairs.items()}
    later = {other for other, _ in following.values()}
    whole: list[Track] = []
    joined: dict[int, int] = {}
    for head in (number for number in pieces if number not in later):
        chain, stops = [head], []
        while chain[-1] in following:
            other, stop = following[chain[-1]]
            chain.append(other)
            stops.append(stop)
            joined[other] = head
        parts = ([pieces[number][element] for number in chain] for element in pieces[head])
        whole += [_united(each, stops) for each in parts]
    return WholeTracks(tuple(whole), joined)


def _span(piece: Piece) -> tuple[int, int]:
    """Return the first and the last frame with a keyframe."""
    ends = [(int(each.frames[0]), int(each.frames[-1])) for each in piece.values()]
    return min(first for first, _ in ends), max(last for _, last in ends)


def _pairs(pieces: Mapping[int, Piece], shared: range) -> dict[int, int]:
    """Return which piece goes on as which in the job that begins with these frames, by numbers.

    Of several that may, those that are nearest to each other.
    """
    earlier: dict[_Kind, list[int]] = defaultdict(list)
    later: dict[tuple[_Kind, int], list[int]] = defaultdict(list)
    looks = {}
    for number, piece in pieces.items():
        first, last = _span(piece)
        kind = frozenset((each.label, each.shape, each.element) for each in piece.values())
        is_later, is_earlier = (
            first in shared,
            last <= shared[-1] + 1,
        )  # its end may be the server's
        if is_later:
            later[kind, first].append(number)
        if is_earlier:
            earlier[kind].append(number)
        if is_later or is_earlier:
            looks[number] = {element: _look(track, shared) for element, track in piece.items()}
    near: list[tuple[float, int, int]] = []
    for (kind, first), others in later.items():
        place = first - shared[0]
        centres = np.array([_centre(looks[one], place)[0] for one in earlier[kind]]).reshape(-1, 2)
        for other in others:
            centre, reach = _centre(looks[other], place)
            apart = np.abs(centres - centre).max(axis=1, initial=0.0)
            near += [
                (float(apart[each]), earlier[kind][each], other)
                for each in np.flatnonzero(apart <= max(_NEAR_PX, reach)).tolist()
            ]
    found: dict[int, int] = {}
    free = set(looks)
    for _, one, other in sorted(near):
        if one < other and {one, other} <= free and _fit(looks[one], looks[other], pieces[one]):
            found[one] = other
            free -= {one, other}
    return found


def _look(track: Track, shared: range) -> _Look:
    """Return what is seen of a piece on frames.

    Of boxes float64, shape (frames, 4), not turned, NaN where they are not shown; else outlines.
    """
    if track.shape != "rectangle":
        return [outline_at(track, frame) for frame in shared]
    boxes = interpolated_boxes(track.frames, track.values.reshape(-1, 4), np.array(shared))
    here = np.searchsorted(track.frames, shared, side="right") - 1
    boxes[(here < 0) | track.is_outside[here]] = np.nan
    return boxes


def _centre(looks: Mapping[str | None, _Look], place: int) -> tuple[Floats, float]:
    """Return the centre of a piece on a frame, and half of its longer side."""
    shown = next(iter(looks.values()))[place]
    if shown is None or len(shown) == 0:
        return np.full(2, np.nan), 0.0
    points = shown.reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, float((high - low).max()) / 2


def _fit(one: Mapping[str | None, _Look], other: Mapping[str | None, _Look], piece: Piece) -> bool:
    """Whether two pieces are of one track: all their elements."""
    return all(_is_one(one[element], other[element], each.shape) for element, each in piece.items())


def _is_one(one: _Look, other: _Look, shape: str) -> bool:
    """Whether two pieces lie on each other on the frames that both jobs show.

    Deleted frames count: the server cuts as if there were none.
    """
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return all(_is_same(*pair, shape) for pair in zip(one, other, strict=True))
    alike = overlaps(one, other)
    is_shown = ~(np.isnan(one[:, 0]) & np.isnan(other[:, 0]))
    return not is_shown.any() or bool(np.nan_to_num(alike)[is_shown].mean() >= _SAME_BOXES)


def _is_same(first: Floats | None, second: Floats | None, shape: str) -> bool:
    if first is None or second is None:
        return first is second
    if shape in PLACED_BY_SHARE:
        # Their points are paired anew from keyframe to keyframe: in two steps they go another way
        # than in one, though not by much.
        return max(_off_line(first, second), _off_line(second, first)) <= _NEAR_PX
    return distance(first, second) <= _SAME_PX


def overlaps(one: Floats, other: Floats) -> Floats:
    """Return the intersection of boxes over their union, shape (boxes,), 0 to 1.

    Args:
        one: left, top, right and bottom of each, shape (boxes, 4).
        other: of others.
    """
    low, high = np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=1)
    areas = sum((each[:, 2:] - each[:, :2]).prod(axis=1) for each in (one, other))
    return np.asarray(common / np.maximum(areas - common, 1e-9))


def _off_line(points: Floats, line: Floats) -> float:
    """Return how far points are from a line of others, at most, in pixels; it may be closed."""
    begins, ways = line, np.roll(line, -1, axis=0) - line
    apart = points[:, np.newaxis] - begins
    long = np.maximum((ways**2).sum(axis=1), 1e-12)
    share = ((apart * ways).sum(axis=2) / long).clip(0, 1)
    off = apart - share[..., np.newaxis] * ways
    return float(np.hypot(off[..., 0], off[..., 1]).min(axis=1).max(initial=0.0))


def _united(pieces: Sequence[Track], stops: Sequence[int]) -> Track:
    """Return the track of pieces, with the number and ids of the first.

    Args:
        pieces: in the order of their jobs.
        stops: up to which frame each but the last counts; where two have a keyframe, the first.
    """
    if len(pieces) == 1:
        return pieces[0]
    # What is behind that, such as its end, may be the server's.
    kept = [p.taken(np.flatnonzero(p.frames <= s)) for p, s in zip(pieces, stops, strict=False)]
    parts = [*kept, pieces[-1]]
    frames = np.concatenate([part.frames for part in parts])
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    both = replace(
        pieces[0],
        frames=frames,
        is_outside=np.concatenate([part.is_outside for part in parts]),
        rotations=np.concatenate([part.rotations for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )
    return both.taken(np.unique(frames, return_index=True)[1])
