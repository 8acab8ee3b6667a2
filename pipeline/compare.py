"""Which images of a sequence show the same as one before it: one meaning for all kinds of images.

Images are read by all cores, a few at a time, and judged one after another; what is held of each
is its hash. Only `pipeline.similarity.HashIndex` grows with the number of kept images.
"""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline import engine
from pipeline.config import DedupeSettings
from pipeline.likeness import Picture, is_still, read_picture
from pipeline.records import Reason
from pipeline.similarity import HashIndex, gap_too_long, thin

_SEQUENCE_SHIFT = 32


@dataclass(frozen=True, eq=False)
class Images:
    """The images of one sequence that are to be compared, in their order.

    ``numbers``: int64, shape (images,), what the sequence calls each of them, ascending.
    ``positions``: the same shape, the place of each among all that were asked for, of which those
    between are left out already. ``path_of``: the file of a number; a million paths are much.
    """

    numbers: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    path_of: Callable[[int], Path]


@dataclass(frozen=True, eq=False)
class Marks:
    """What became of `Images`; all arrays have their shape.

    ``reason``: int8 (`Reason`), NONE for what is kept. ``sequence``: int64, the sequence of the
    kept image that each is like, -1 for its own. ``number``: int64, that image; itself where it is
    kept. ``unreadable``: bool, files that could not be read; they are kept.
    """

    reason: npt.NDArray[np.int8]
    sequence: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    unreadable: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Comparer:
    """What all sequences of a run share, and the comparison of each."""

    settings: DedupeSettings
    index: HashIndex
    stop: threading.Event

    def compare(self, images: Images, sequence: int, on_images: Callable[[int], None]) -> Marks:
        """Compare the images of a sequence with each other, and with the sequences before it.

        Args:
            images: what to compare.
            sequence: the number of the sequence; each sequence has another.
            on_images: told how many more images are done.
        """
        if self.settings.dedupe == "off":
            return nothing_marked(images)
        labels = (sequence << _SEQUENCE_SHIFT) + images.numbers
        like = labels.copy()
        reason = np.full(len(labels), Reason.NONE, dtype=np.int8)
        seen = self._drop_still(images, on_images)
        passed = np.flatnonzero((seen.like == np.arange(len(labels))) & ~seen.unreadable)
        reason[seen.like != np.arange(len(labels))] = Reason.STILL
        if self.settings.dedupe == "similar":
            like[passed] = thin(
                seen.hashes[passed],
                seen.brightness[passed],
                images.positions[passed],
                labels[passed],
                self.index,
                self.settings.max_gap,
            )
            reason[passed[like[passed] != labels[passed]]] = Reason.SIMILAR
        like = like[seen.like]
        owner = like >> _SEQUENCE_SHIFT
        return Marks(
            reason=reason,
            sequence=np.where(owner == sequence, -1, owner),
            number=like & ((1 << _SEQUENCE_SHIFT) - 1),
            unreadable=seen.unreadable,
        )

    def _drop_still(self, images: Images, on_images: Callable[[int], None]) -> "_Seen":
        """Read all images, and compare each with the last one that was kept."""
        count = len(images.numbers)
        seen = _Seen(
            like=np.arange(count),
            hashes=np.zeros(count, dtype=np.uint64),
            brightness=np.zeros(count, dtype=np.float32),
            unreadable=np.zeros(count, dtype=np.bool_),
        )
        kept: Picture | None = None
        last = like = -1  # the last image that stays, and the last one that was compared
        pictures = engine.run_in_order(
            lambda number: read_picture(images.path_of(number)),
            images.numbers.tolist(),
            workers=engine.count_cores(),
            stop=self.stop,
        )
        with closing(pictures):
            for place, picture in enumerate(pictures):
                on_images(1)
                if picture is None:
                    seen.unreadable[place], last = True, place
                    continue
                seen.hashes[place], seen.brightness[place] = picture.hash, picture.brightness
                if (
                    kept is not None
                    and is_still(picture, kept, self.settings)
                    and not gap_too_long(images.positions, place, last, self.settings.max_gap)
                ):
                    seen.like[place] = like
                else:
                    kept, last, like = picture, place, place
        return seen


@dataclass(frozen=True, eq=False)
class _Seen:
    """What was seen of each image: the place of the one that it is like, and of the whole."""

    like: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    brightness: npt.NDArray[np.float32]
    unreadable: npt.NDArray[np.bool_]


def nothing_marked(images: Images) -> Marks:
    """Return marks that keep all images."""
    return Marks(
        reason=np.full(len(images.numbers), Reason.NONE, dtype=np.int8),
        sequence=np.full(len(images.numbers), -1, dtype=np.int64),
        number=images.numbers,
        unreadable=np.zeros(len(images.numbers), dtype=np.bool_),
    )
