"""Tracks whose pieces lie on each other where jobs overlap, made whole again.

The server cuts a track at the borders of jobs; where jobs overlap, both show a piece of it. Only
rectangles and polygons that cover each other are read back as one: points, polylines, ellipses,
cuboids and skeletons stay in pieces.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .clock import TaskClock
from .interpolation import PLACED_BY_SHARE
from .model import Track, distance, outline_at

Floats = npt.NDArray[np.float64]
Piece = Mapping[str | None, Track]
"""A track, or those of a skeleton by their elements."""

_Kind = frozenset[tuple[str, str, str | None]]

_SAME_PX = 0.05  # servers and exports keep two decimals
_NEAR_PX = 8.0  # of outlines that CVAT pairs anew; of the centres of all


@dataclass(frozen=True, eq=False)
class WholeTracks:
    """Tracks with their pieces joined; ``joined`` has for a piece's number that of its track."""

    tracks: tuple[Track, ...]
    joined: Mapping[int, int]


def join_pieces(tracks: Sequence[Track], clock: TaskClock) -> WholeTracks:
    """Return the tracks of a task, those whole that jobs with an overlap cut.

    Pieces belong together if they have the same label and shape, and lie on each other on all
    frames that both jobs show; all elements of a skeleton do or none. What is joined has the
    number and the ids of its first piece.
    """
    pieces: dict[int, dict[str | None, Track]] = defaultdict(dict)
    for track in tracks:
        pieces[track.number][track.element] = track
    joined: dict[int, int] = {}
    for before, after in itertools.pairwise(clock.jobs):
        shared = range(after[1], before[2] + 1)
        for one, other in (_pairs(pieces, shared) if shared else {}).items():
            for element, rest in pieces.pop(other).items():
                pieces[one][element] = _united(pieces[one][element], rest, shared)
            joined[other] = one
    return WholeTracks(tuple(one for piece in pieces.values() for one in piece.values()), joined)


def _pairs(pieces: Mapping[int, Piece], shared: range) -> dict[int, int]:
    """Return which piece goes on as which in the job that begins with these frames, by numbers."""
    earlier: dict[_Kind, list[int]] = defaultdict(list)
    later: dict[tuple[_Kind, int], list[int]] = defaultdict(list)
    for number, piece in pieces.items():
        kind = frozenset((each.label, each.shape, each.element) for each in piece.values())
        first = min(int(each.frames[0]) for each in piece.values())
        last = max(int(each.frames[-1]) for each in piece.values())
        if first in shared:
            later[kind, first].append(number)
        if first <= shared[-1] and last <= shared[-1] + 1:  # its end may be the server's
            earlier[kind].append(number)
    found: dict[int, int] = {}
    free = set(pieces)
    for (kind, first), others in later.items():
        centres = np.array([_centre(pieces[one], first) for one in earlier[kind]]).reshape(-1, 2)
        for other in others:
            apart = np.abs(centres - _centre(pieces[other], first)).max(axis=1, initial=0.0)
            for place in np.flatnonzero(apart <= _NEAR_PX).tolist():
                one = earlier[kind][place]
                is_free = one < other and {one, other} <= free
                if is_free and _fit(pieces[one], pieces[other], shared):
                    found[one] = other
                    free -= {one, other}
    return found


def _fit(one: Piece, other: Piece, shared: range) -> bool:
    """Whether two pieces are of one track: all their elements."""
    return all(_is_one(one[element], rest, shared) for element, rest in other.items())


def _centre(piece: Piece, frame: int) -> Floats:
    outline = outline_at(next(iter(piece.values())), frame)
    if outline is None or len(outline) == 0:
        return np.full(2, np.nan)
    return np.asarray((outline.min(axis=0) + outline.max(axis=0)) / 2)


def _is_one(one: Track, other: Track, shared: range) -> bool:
    """Whether two pieces lie on each other on all frames that both jobs show.

    Deleted frames count: the server cuts as if there were none.
    """
    return all(_is_same(one, other, frame) for frame in shared)


def _is_same(one: Track, other: Track, frame: int) -> bool:
    first, second = outline_at(one, frame), outline_at(other, frame)
    if first is None or second is None:
        return first is second
    if one.shape in PLACED_BY_SHARE:
        # Their points are paired anew from keyframe to keyframe: in two steps they go another way
        # than in one, though not by much.
        return max(_off_line(first, second), _off_line(second, first)) <= _NEAR_PX
    return distance(first, second) <= _SAME_PX


def _off_line(points: Floats, line: Floats) -> float:
    """Return how far points are from a line of others, at most, in pixels; it may be closed."""
    begins, ways = line, np.roll(line, -1, axis=0) - line
    apart = points[:, np.newaxis] - begins
    long = np.maximum((ways**2).sum(axis=1), 1e-12)
    share = ((apart * ways).sum(axis=2) / long).clip(0, 1)
    off = apart - share[..., np.newaxis] * ways
    return float(np.hypot(off[..., 0], off[..., 1]).min(axis=1).max(initial=0.0))


def _united(one: Track, other: Track, shared: range) -> Track:
    """Return the track of two pieces; where both have a keyframe, that of the first."""
    one = one.taken(np.flatnonzero(one.frames <= shared[-1]))  # its end may be the server's
    other = other.taken(np.flatnonzero(~np.isin(other.frames, one.frames)))
    both = replace(
        one,
        frames=np.concatenate([one.frames, other.frames]),
        is_outside=np.concatenate([one.is_outside, other.is_outside]),
        rotations=np.concatenate([one.rotations, other.rotations]),
        values=np.concatenate([one.values, other.values]),
        offsets=np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]]),
    )
    return both.taken(np.argsort(both.frames))
