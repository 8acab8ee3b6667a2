"""The method ``similar``: find alike pictures by their perceptual hashes, among very many.

The hash is pHash as in Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions" (2010), with the numbers of the imagehash library: the signs of the 8 x 8 lowest
frequencies of a 32 x 32 picture against their median. It sees a picture as a whole: a small object
that moves changes no bit of it.

The search is multi-index hashing, as in Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming
Space with Multi-Index Hashing" (2014), in the library faiss: hashes that differ in few bits are
equal, or nearly so, in one of a few parts of them. It finds all, and looks at few.
"""

from array import array
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ..settings.dedupe import DedupeSettings
from .thinner import Thinner, gap_too_long

_BITS = 64
_PARTS, _PART_BITS = 3, 21  # measured with a million hashes: faster than 4 of 16 or 5 of 12
_LARGEST_INDEXED = 8
"""Bits. Beyond, the parts differ in so many ways that to look at all hashes is faster."""

_BRIGHTNESS_TOLERANCE = 32
"""Grey levels. The hash knows no brightness: without a bound, black would be like white."""


class Similar(Thinner):
    """Leaves out pictures whose hashes differ in few bits, if they are about as bright."""

    dtype = np.dtype([("hash", np.uint64), ("brightness", np.float32)])

    def __init__(self, settings: DedupeSettings) -> None:
        self._index = HashIndex(settings.distance)
        self._max_gap = settings.max_gap

    @staticmethod
    def describe(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Return hash and mean grey level of each picture; see `Thinner.describe`."""
        looks = np.empty(len(thumbnails), dtype=Similar.dtype)
        looks["hash"] = hash_thumbnails(thumbnails)
        looks["brightness"] = thumbnails.mean(axis=(1, 2), dtype=np.float32)
        return looks

    def thin(
        self,
        looks: npt.NDArray[Any],
        positions: npt.NDArray[np.int64],
        labels: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        """Return the label of what each picture is like; see `Thinner.thin`."""
        hashes, brightness = looks["hash"], looks["brightness"]
        return thin(hashes, brightness, positions, labels, self._index, self._max_gap)


class HashIndex:
    """The hashes of pictures that are kept, each under a label, in the order of their coming."""

    def __init__(self, distance_bits: int) -> None:
        import faiss  # what only describes pictures can do without

        self._radius = distance_bits + 1  # faiss finds what is nearer than that
        self._index: faiss.IndexBinary
        if distance_bits <= _LARGEST_INDEXED:
            multi_hash = faiss.IndexBinaryMultiHash(_BITS, _PARTS, _PART_BITS)
            # With more flips in each of the parts the distance would be larger.
            multi_hash.nflip = distance_bits // _PARTS
            self._index = multi_hash
        else:
            self._index = faiss.IndexBinaryFlat(_BITS)
        self._brightness = array("f")
        self._labels = array("q")

    def __len__(self) -> int:
        return len(self._labels)

    def nearest(self, code: int, brightness: float) -> int | None:
        """Return the label of the most alike picture, of several the first; ``None`` for none.

        Args:
            code: the hash, 64 bits.
            brightness: mean grey level.
        """
        if not self._labels:
            return None
        _, distances, places = self._index.range_search(_row(code), self._radius)
        alike = [
            (distance, place)
            for distance, place in zip(distances.tolist(), places.tolist(), strict=True)
            if abs(self._brightness[place] - brightness) <= _BRIGHTNESS_TOLERANCE
        ]
        return self._labels[min(alike)[1]] if alike else None

    def add(self, code: int, brightness: float, label: int) -> None:
        """Add a picture that is like none that is there: many equal ones would make it slow."""
        self._index.add(_row(code))
        self._brightness.append(brightness)
        self._labels.append(label)


def hash_thumbnails(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return the perceptual hash of each picture: uint64, shape (n,).

    Args:
        thumbnails: grey levels, uint8, shape (n, 32, 32).
    """
    hashes = np.empty(len(thumbnails), dtype=np.uint64)
    for place, thumbnail in enumerate(thumbnails):
        low = cv2.dct(thumbnail.astype(np.float32))[:8, :8]
        bits = np.packbits(low > np.median(low))
        hashes[place] = bits.view(">u8")[0]
    return hashes


def thin(
    hashes: npt.NDArray[np.uint64],
    brightness: npt.NDArray[np.float32],
    positions: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    index: HashIndex,
    max_gap: int | None,
) -> npt.NDArray[np.int64]:
    """Return for each picture the label of the one that it is like, or its own to keep it.

    A picture is compared with all that are kept before it, so that a loop is found as well; and
    with all of other sequences that the index holds. Those that are kept and new go into it.

    Args:
        hashes: shape (n,), in display order.
        brightness: shape (n,), mean grey levels.
        positions: shape (n,), the place of each picture in its sequence; what lies between them is
            left out already.
        labels: shape (n,), the name of each in the index.
        index: the pictures to compare with; is added to.
        max_gap: how many places in a row may be left out.
    """
    like = labels.copy()
    last_kept = -1
    for place, (code, level) in enumerate(zip(hashes.tolist(), brightness.tolist(), strict=True)):
        label = index.nearest(code, level)
        if label is None:
            index.add(code, level, int(labels[place]))
        elif not gap_too_long(positions, place, last_kept, max_gap):
            like[place] = label
            continue
        last_kept = place
    return like


def _row(code: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(code.to_bytes(8, "big"), dtype=np.uint8)[np.newaxis]
