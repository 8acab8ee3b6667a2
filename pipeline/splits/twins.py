"""Images whose near-identical twin stands on another side."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..pictures.hash_index import Hashes
from .near import sides_of_twins

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Twins:
    """What stands across sides; all arrays have the shape of the images.

    ``empty``: bool, images that show nothing, such as black ones, and have a twin on an earlier
    side: they are to be left out, for they teach and test nothing. ``double``: bool, others with a
    twin on an earlier side that are to be left out. ``others``: uint8, a bit for each other side on
    which an image still has a twin.
    """

    empty: Flags
    double: Flags
    others: npt.NDArray[np.uint8]

    @property
    def aside(self) -> Flags:
        """What is to be left out."""
        return self.empty | self.double


def find_twins(
    hashes: Hashes, sides: npt.NDArray[np.int8], flat: Flags, usable: Flags, fixed: Flags
) -> Twins:
    """Find what stands across sides.

    Args:
        hashes: uint64, shape (images,).
        sides: shape (images,), places of sides, less than 0 for what is on none.
        flat: which images show nothing.
        usable: which could be read at all.
        fixed: which are to stay whatever they show, unless that is nothing.
    """
    stands = usable & (sides >= 0)
    empty = flat & _has_earlier(hashes, sides, stands & flat)
    # Of one that shows little and one that shows nothing, the latter goes.
    others = _others(hashes, sides, stands & ~empty)
    empty |= flat & (others != 0)
    double = ~flat & ~fixed & _has_earlier(hashes, sides, stands & ~empty)
    return Twins(empty, double, _others(hashes, sides, stands & ~empty & ~double))


def _has_earlier(hashes: Hashes, sides: npt.NDArray[np.int8], among: Flags) -> Flags:
    """Return which images have a twin on an earlier side, among some of them."""
    earlier = (np.uint8(1) << np.maximum(sides, 0).astype(np.uint8)) - np.uint8(1)
    return np.asarray((_others(hashes, sides, among) & earlier) != 0)


def _others(hashes: Hashes, sides: npt.NDArray[np.int8], among: Flags) -> npt.NDArray[np.uint8]:
    """Return a bit for each other side on which an image has a twin, among some of them."""
    others = np.zeros(len(hashes), dtype=np.uint8)
    own = sides[among].astype(np.uint8)
    others[among] = sides_of_twins(hashes[among], own) & ~(np.uint8(1) << own)
    return others
