"""What leaves out pictures by how they look as a whole: what all such have in common."""

import pkgutil
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..settings.dedupe import DedupeSettings

THUMBNAIL_SIDE = 32
"""Width and height, in pixels, of what is compared."""


class Thinner(ABC):
    """Compares pictures as a whole with all that it kept before, of one sequence or of many.

    ``dtype`` is that of what it holds of a picture.
    """

    dtype: ClassVar[Any]

    @abstractmethod
    def __init__(self, settings: DedupeSettings) -> None: ...

    @staticmethod
    @abstractmethod
    def describe(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Return what is to be held of each picture: ``dtype``, shape (n,). Done anywhere.

        Args:
            thumbnails: grey levels, uint8, shape (n, 32, 32).
        """

    @staticmethod
    def hashes(looks: npt.NDArray[Any]) -> npt.NDArray[np.uint64] | None:
        """Return perceptual hashes, by which copies of videos are found, where it has such.

        Args:
            looks: what is held of each picture, ``dtype``, shape (n,).
        """
        return None

    @abstractmethod
    def thin(self, looks: npt.NDArray[Any], order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return for each picture the place of the one that it is like, or its own to keep it.

        Args:
            looks: what is held of each, ``dtype``, shape (n,).
            order: shape (n,), the places of the pictures in the order in which they are taken: each
                may only be like one that is taken before it, and is kept itself.
        """


def thinner_of(settings: DedupeSettings) -> type[Thinner] | None:
    """Return what a method compares pictures with as a whole, if it does."""
    place = settings.method.thinner
    if place is None:
        return None
    thinner: type[Thinner] = pkgutil.resolve_name(place)  # few runs need its libraries
    return thinner


def gap_too_long(
    positions: npt.NDArray[np.int64], place: int, last_kept: int, max_gap: int | None
) -> bool:
    """Whether leaving this picture out makes the gap between kept ones too long.

    Args:
        positions: int64, shape (n,), the place of each picture in its sequence.
        place: the picture.
        last_kept: the last kept picture before it, -1 for none.
        max_gap: how many places in a row may be left out.
    """
    if max_gap is None:
        return False
    begin = positions[last_kept] if last_kept >= 0 else -1
    end = positions[place + 1] if place + 1 < len(positions) else positions[place] + 1
    return bool(end - begin - 1 > max_gap)


def shorten_gaps(
    stays: npt.NDArray[np.bool_],
    positions: npt.NDArray[np.int64],
    sequences: npt.NDArray[np.int64],
    max_gap: int | None,
) -> npt.NDArray[np.bool_]:
    """Return ``stays`` with more pictures, so that no gap between those that stay is too long.

    Args:
        stays: shape (n,), whether a picture stays.
        positions: shape (n,), the place of each picture in its sequence.
        sequences: shape (n,), the sequence of each; one after another, each in display order.
        max_gap: how many places in a row may be left out.
    """
    if max_gap is None:
        return stays
    shortened = stays.copy()
    bounds = [*np.flatnonzero(np.diff(sequences, prepend=-1)).tolist(), len(stays)]
    for begin, end in pairwise(bounds):
        last_kept, mine = -1, positions[begin:end]
        for place, is_kept in enumerate(stays[begin:end].tolist()):
            if is_kept or gap_too_long(mine, place, last_kept, max_gap):
                shortened[begin + place], last_kept = True, place
    return shortened
