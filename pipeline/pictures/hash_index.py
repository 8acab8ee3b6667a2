"""Exact search for hashes of 64 bits that differ in few of them, a batch at a time.

Multi-index hashing, as in Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming Space with
Multi-Index Hashing" (2014), with radii of its own for each part, as in Qin et al., "GPH: Similarity
Search in Hamming Space" (2018): of four parts, two hashes that differ in at most n bits differ in
at most r of them in one part, if all (r + 1) together are n + 1. So few places are looked at, and
none is missed.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_PARTS, _PART_BITS = 4, 16
_KEYS = np.arange(1 << _PART_BITS, dtype=np.uint16)
_BITS_OF_KEY = np.unpackbits(_KEYS.view(np.uint8).reshape(-1, 2), axis=1).sum(1, dtype=np.uint8)
_RECENT = 1 << 16
"""As many hashes are sorted anew with each batch; measured with a million."""

_AT_ONCE = 1 << 18
"""Hashes that are compared in one go: the arrays stay in the cache of the processor."""

_DISTANCE_SHIFT = 32
_FAR = np.int64(1) << 62

NONE = -1
"""Stands for the place of a hash where none is near."""

BRIGHTNESS_TOLERANCE = 32
"""Grey levels. The hash knows no brightness: without a bound, black would be like white."""


def count_bits(codes: Hashes) -> npt.NDArray[np.uint8]:
    """Return how many bits are set in each code, in its shape."""
    if hasattr(np, "bitwise_count"):  # from NumPy 2 on, and far faster
        return np.asarray(np.bitwise_count(codes))
    parts = _BITS_OF_KEY[np.ascontiguousarray(codes).view(np.uint16)]
    return np.asarray(parts.reshape(*codes.shape, _PARTS).sum(-1, dtype=np.uint8))


class HashIndex:
    """Hashes of pictures, and how bright they are; a place counts them in the order of coming."""

    def __init__(self, distance_bits: int) -> None:
        self._distance_bits = distance_bits
        each, more = divmod(distance_bits + 1, _PARTS)
        radii = [each - (part >= more) for part in range(_PARTS)]
        self._flips = [_KEYS[_BITS_OF_KEY.astype(np.int8) <= radius] for radius in radii]
        self._hashes = np.empty(0, dtype=np.uint64)
        self._brightness = np.empty(0, dtype=np.float32)
        self._old = self._recent = self._sort(0)

    def __len__(self) -> int:
        return self._recent.end

    def nearest(
        self, hashes: Hashes, brightness: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the most alike picture of each, of several the first.

        Args:
            hashes: shape (n,).
            brightness: mean grey levels, shape (n,).

        Returns:
            Places in the index, shape (n,), ``NONE`` where none is near; and the distances to them
            in bits, without meaning there.
        """
        best = np.full(len(hashes), _FAR)
        for table in (self._old, self._recent):
            for part, flips in enumerate(self._flips):
                if len(flips) and table.end > table.begin:
                    self._look_up(table, part, flips, hashes, brightness, best)
        places = best & ((1 << _DISTANCE_SHIFT) - 1)
        return np.where(best == _FAR, NONE, places), best >> _DISTANCE_SHIFT

    def add(self, hashes: Hashes, brightness: npt.NDArray[np.float32]) -> None:
        """Add pictures that are like none that is there: many equal ones would make it slow."""
        end = len(self)
        if end + len(hashes) > len(self._hashes):
            size = 2 * (end + len(hashes))
            self._hashes, self._brightness = (
                np.concatenate((array[:end], np.empty(size - end, array.dtype)))
                for array in (self._hashes, self._brightness)
            )
        self._hashes[end : end + len(hashes)] = hashes
        self._brightness[end : end + len(hashes)] = brightness
        end += len(hashes)
        if end - self._old.end > _RECENT:
            self._old = self._sort(0, end)
        self._recent = self._sort(self._old.end, end)

    def _sort(self, begin: int, end: int | None = None) -> "_Table":
        end = begin if end is None else end
        hashes = self._hashes[begin:end]
        parts = []
        for part, flips in enumerate(self._flips):
            if len(flips) == 0:
                parts.append(_NO_PART)
                continue
            keys = hashes.view(np.uint16)[part::_PARTS]
            order = np.argsort(keys, kind="stable")  # a radix sort
            starts = np.zeros(len(_KEYS) + 1, dtype=np.int64)
            np.cumsum(np.bincount(keys, minlength=len(_KEYS)), out=starts[1:])
            parts.append((starts, hashes[order], (order + begin).astype(np.int32)))
        return _Table(begin, end, tuple(parts))

    def _look_up(
        self,
        table: "_Table",
        part: int,
        flips: npt.NDArray[np.uint16],
        hashes: Hashes,
        brightness: npt.NDArray[np.float32],
        best: npt.NDArray[np.int64],
    ) -> None:
        """Lower ``best``, distance and place, to what has one of these keys in this part.

        Six parameters and itself, for it is the inner loop.
        """
        starts, sorted_hashes, places = table.parts[part]
        keys = (flips[:, np.newaxis] ^ hashes.view(np.uint16)[part::_PARTS]).ravel()
        first = starts[keys]
        counts = starts[keys.astype(np.int32) + 1] - first
        ends = np.cumsum(counts)
        cuts = np.searchsorted(ends, np.arange(_AT_ONCE, ends[-1] + _AT_ONCE, _AT_ONCE), "right")
        bounds = np.unique(np.minimum([0, *(cuts + 1)], len(keys))).tolist()
        for low, high in pairwise(bounds):
            few = counts[low:high]
            begin = np.cumsum(few) - few
            at = np.arange(few.sum()) + np.repeat(first[low:high] - begin, few)
            rows = np.repeat(np.arange(low, high) % len(hashes), few)
            distances = count_bits(sorted_hashes[at] ^ hashes[rows])
            near = np.flatnonzero(distances <= self._distance_bits)
            rows, found = rows[near], places[at[near]]
            apart = np.abs(self._brightness[found] - brightness[rows])
            bright = apart <= BRIGHTNESS_TOLERANCE
            ranks = (distances[near].astype(np.int64) << _DISTANCE_SHIFT) + found
            np.minimum.at(best, rows[bright], ranks[bright])


_Part = tuple[npt.NDArray[np.int64], Hashes, npt.NDArray[np.int32]]
_NO_PART: _Part = (np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0, np.int32))


@dataclass(frozen=True, eq=False)
class _Table:
    """The hashes from ``begin`` to ``end`` of an index, sorted by each of their parts.

    Of each part: where each key begins in it, int64, shape (65537,); then hashes and places.
    """

    begin: int
    end: int
    parts: tuple[_Part, ...]
