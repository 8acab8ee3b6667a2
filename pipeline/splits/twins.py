"""Images whose near-identical twin stands on another side."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..pictures.hash_index import Hashes
from .near import sides_of_twins

Flags = npt.NDArray[np.bool_]

_NOWHERE = 7


@dataclass(frozen=True, eq=False)
class Twins:
    """What stands across sides; all arrays have the shape of the images.

    ``aside``: bool, images that show nothing, such as black ones, and have a twin on an earlier
    side: they are to be left out, for they teach and test nothing. ``others``: uint8, a bit for
    each other side on which an image still has a twin.
    """

    aside: Flags
    others: npt.NDArray[np.uint8]


def find_twins(hashes: Hashes, sides: npt.NDArray[np.int8], flat: Flags, usable: Flags) -> Twins:
    """Find what stands across sides.

    Args:
        hashes: uint64, shape (images,).
        sides: shape (images,), places of sides, less than 0 for what is on none.
        flat: which images show nothing.
        usable: which could be read at all.
    """
    aside = np.zeros(len(hashes), dtype=np.bool_)
    stands = np.flatnonzero(usable & (sides >= 0))
    flats = stands[flat[stands]]
    seen = sides_of_twins(hashes[flats], sides[flats])
    own = np.left_shift(np.uint8(1), sides[flats].astype(np.uint8))
    aside[flats] = (seen & (own - np.uint8(1))) != 0
    others = np.zeros(len(hashes), dtype=np.uint8)
    others[stands] = _others(hashes[stands], sides[stands], aside[stands])
    # Of one that shows little and one that shows nothing, the latter goes.
    aside |= flat & (others != 0)
    if flat[stands].any():
        others[stands] = _others(hashes[stands], sides[stands], aside[stands])
    return Twins(aside, np.where(aside, np.uint8(0), others))


def _others(hashes: Hashes, sides: npt.NDArray[np.int8], aside: Flags) -> npt.NDArray[np.uint8]:
    """Return a bit for each other side on which an image has a twin, what is aside left out."""
    where = np.where(aside, _NOWHERE, sides).astype(np.uint8)
    both = (np.uint8(1) << np.uint8(_NOWHERE)) | (np.uint8(1) << where)
    return np.asarray(sides_of_twins(hashes, where) & ~both)
