"""Few keyframes on a path, found at a speed that neither noise nor standing still slows down."""

import math

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_TURNS = 8
"""A point may be anywhere in a polygon of twice as many sides, within the circle of the error."""
_WIDTH = 32
"""At most so many places are gone on from at a time, the furthest; noise leads to fewer."""
_NEAR = 32
"""So many boxes behind each place are looked at for all places at once."""
_CHUNK, _BLOCK, _AT_ONCE = 64, 8, 512  # places and boxes that the caches of a core hold
INNER = math.cos(math.pi / (2 * _TURNS))
"""How far its sides are from the middle of that circle."""


def _running(function: np.ufunc, values: Floats, first: Floats) -> tuple[Floats, Floats]:
    """Return what a function makes of all values so far, and of all; faster than `accumulate`."""
    before = first
    for value in values:
        before = function(before, value, out=value)
    return values, before


def seen(points: Floats) -> Floats:
    """Return points as they are seen from all sides, shape (places, sides × points).

    Args:
        points: float64, shape (places, 2 × points): x and y of each.
    """
    x, y = points[:, 0::2], points[:, 1::2]
    angles = [math.pi * turn / _TURNS for turn in range(_TURNS)]
    # Not by a product of matrices, which is rounded otherwise on other machines.
    return np.concatenate([x * math.cos(each) + y * math.sin(each) for each in angles], axis=1)


class Curve:
    """Places of a thing, and the path on which keyframes may stand.

    Between keyframes on the path, at all places, no number is further off than the tolerance. Of
    all choices it is one with the fewest keyframes (Imai and Iri, "Polygonal approximations of a
    curve", 1988: the shortest path over all segments that stay close enough), or, where hundreds
    of places lie between them, one with hardly more.

    Args:
        frames: float64, shape (places,).
        places: float64, shape (places, numbers).
        path: of the same shape, at each place within the tolerance.
        tolerance: how far a number may be off.
    """

    def __init__(self, frames: Floats, places: Floats, path: Floats, tolerance: float) -> None:
        self._frames, self._places, self._path = frames, places, path
        self._tolerance = tolerance
        self._near: dict[int, tuple[list[int], Flags]] = {}

    def keyframes(self) -> Ints:
        """Return at which places keyframes must stand, the first and last among them.

        Level by level: the places to which so many segments lead, and one more.
        """
        last = len(self._frames) - 1
        before = [-1] * len(self._frames)
        level = [0]
        base = reached = 0  # bit n: place base + n is reached
        while level[-1] < last:
            reached >>= level[0] - base
            base = level[0]
            following: list[int] = []
            for start, ends in zip(level, self._ends_of(level), strict=True):
                found = ends << (start + 1 - base) & ~reached
                reached |= found
                for _ in range(min(_WIDTH, found.bit_count())):
                    furthest = found.bit_length() - 1
                    following.append(base + furthest)
                    before[base + furthest] = start
                    found ^= 1 << furthest
            level = sorted(following)[-_WIDTH:]
        places = [last]
        while places[-1] > 0:
            places.append(before[places[-1]])
        return np.array(places[::-1], np.int64)

    def _ends_of(self, level: list[int]) -> list[int]:
        """Return to which places behind each some segment stays close to all others, as bits."""
        found = []
        far = []
        for number, start in enumerate(level):
            chunk = start // _CHUNK
            if chunk not in self._near:
                behind = min((chunk + 1) * _CHUNK, len(self._frames))
                self._near[chunk] = self._ends(np.arange(chunk * _CHUNK, behind), _NEAR)
            ends, is_open = self._near[chunk]
            found.append(ends[start % _CHUNK])
            if is_open[start % _CHUNK]:
                far.append(number)
        if far:
            ends, _ = self._ends(np.array(level)[far], len(self._frames))
            for number, those in zip(far, ends, strict=True):
                found[number] = those
        return found

    def _ends(self, starts: Ints, most: int) -> tuple[list[int], Flags]:
        """Return the ends of segments as `_ends_of`, and whether there may be more of them.

        In each number a segment must lie in the cone of all places that it passes.

        Args:
            starts: int64, places.
            most: how many places to look ahead.
        """
        last = len(self._frames) - 1
        ends, is_open = [0] * len(starts), starts < last
        size = len(starts), self._path.shape[1]
        lowest, highest = np.full(size, -np.inf), np.full(size, np.inf)
        done = 0
        while done < most and is_open.any():
            on = np.flatnonzero(is_open)
            block = min(most - done, max(_BLOCK, _AT_ONCE // len(on)))
            places = starts[on] + np.arange(done + 1, done + 1 + block)[:, np.newaxis]
            inside = np.minimum(places, last)
            per_frame = (1 / (self._frames[inside] - self._frames[starts[on]]))[..., np.newaxis]
            origin = self._path[starts[on]]
            slope = (self._path.take(inside, axis=0) - origin) * per_frame
            middle = (self._places.take(inside, axis=0) - origin) * per_frame
            reach = self._tolerance * per_frame
            low, lowest[on] = _running(np.maximum, middle - reach, lowest[on])
            high, highest[on] = _running(np.minimum, middle + reach, highest[on])
            is_end = ((slope >= low) & (slope <= high)).all(axis=2) & (places <= last)
            is_open[on] = (lowest[on] <= highest[on]).all(axis=1) & (places[-1] < last)
            for place, row in zip(on.tolist(), np.packbits(is_end.T, 1, "little"), strict=True):
                ends[place] |= int.from_bytes(row.tobytes(), "little") << done
            done += block
        return ends, is_open
