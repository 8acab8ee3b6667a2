"""What leaves out pictures by how they look as a whole: what all such have in common."""

import pkgutil
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..settings.dedupe import DedupeSettings

THUMBNAIL_SIDE = 32
"""Width and height, in pixels, of what is compared."""


class Thinner(ABC):
    """Compares pictures as a whole with all that it kept before, of this sequence and of others.

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

    @abstractmethod
    def thin(
        self,
        looks: npt.NDArray[Any],
        positions: npt.NDArray[np.int64],
        labels: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        """Return for each picture the label of the one that it is like, or its own to keep it.

        Args:
            looks: what is held of each, ``dtype``, shape (n,), in display order.
            positions: shape (n,), the place of each picture in its sequence; what lies between them
                is left out already.
            labels: shape (n,), the name of each, which no other has.
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
