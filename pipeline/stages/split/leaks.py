"""How leaky a division is: what stands in val and test though train shows it, or almost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...pictures.hash_index import count_bits
from ...settings.splits import SIDES, LeakSettings
from ...splits.looks import Looks, is_flat, is_unreadable
from ...splits.twins import find_twins
from .images import ImageFile, side_number

_MOST_RANKED, _MOST_NAMED = 1000, 20
_TRAIN = SIDES.index("train")

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Leak:
    """An image of val or test, and the image of train that gives it away.

    ``bits`` of their hashes differ, where they are near-identical; ``frames`` and ``seconds`` lie
    between them, where they are neighbours of one video and that is known.
    """

    image: str
    side: str
    train_image: str
    bits: int | None = None
    frames: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class SideLeaks:
    """What of one side leaks.

    So many of its images have a near-identical twin in train, so many a neighbour there, and so
    many one or the other. ``timed`` of them are known to be frames of a video, and which.
    """

    side: str
    images: int
    timed: int
    twins: int
    neighbours: int
    leaking: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        share = round(self.leaking / self.images, 4) if self.images else 0.0
        return {**vars(self), "share": share}


@dataclass(frozen=True)
class Leakage:
    """All that leaks; ``worst`` comes first."""

    sides: tuple[SideLeaks, ...]
    worst: tuple[Leak, ...]

    @property
    def images(self) -> int:
        """How many images leak."""
        return sum(side.leaking for side in self.sides)


def find_leaks(files: Sequence[ImageFile], looks: Looks, settings: LeakSettings) -> Leakage:
    """Return what of val and test train gives away.

    Args:
        files: all images.
        looks: how they look, shape (images,).
        settings: how near neighbours are.
    """
    sides = np.array([side_number(file) for file in files], np.int8)
    flat, usable = is_flat(looks), ~is_unreadable(looks)
    hashes = np.ascontiguousarray(looks["hash"])
    every = np.ones(len(files), dtype=np.bool_)
    others = find_twins(hashes, np.where(flat, -1, sides), flat, usable, every).others
    has_twin = (others >> _TRAIN & 1).astype(np.bool_) & (sides != _TRAIN)
    near, timed = _find_neighbours(files, sides, settings)
    is_near = near >= 0
    found = []
    for number, side in enumerate(SIDES):
        mine = sides == number
        if number != _TRAIN and mine.any():
            flags = (mine, timed, has_twin, is_near, has_twin | is_near)
            found.append(SideLeaks(side, *(int((mine & each).sum()) for each in flags)))
    in_train = (sides == _TRAIN) & usable & ~flat
    twins = _name_twins(files, hashes, np.flatnonzero(has_twin), in_train)
    neighbours = [_name_neighbour(files, n, int(near[n])) for n in np.flatnonzero(is_near).tolist()]
    neighbours.sort(key=lambda leak: (leak.frames or 0, leak.seconds or 0.0, leak.image))
    return Leakage(tuple(found), (*twins[:_MOST_NAMED], *neighbours[:_MOST_NAMED]))


def _name_twins(
    files: Sequence[ImageFile],
    hashes: npt.NDArray[np.uint64],
    leaking: npt.NDArray[np.int64],
    in_train: Flags,
) -> list[Leak]:
    """Return leaks with the nearest image in train, the nearest first."""
    train = np.flatnonzero(in_train)
    leaks = []
    for place in leaking[:_MOST_RANKED].tolist():
        apart = count_bits(hashes[train] ^ hashes[place])
        best = int(np.argmin(apart))
        file, twin = files[place], files[int(train[best])]
        leaks.append(Leak(file.path, str(file.side), twin.path, bits=int(apart[best])))
    return sorted(leaks, key=lambda leak: (leak.bits or 0, leak.image))


def _name_neighbour(files: Sequence[ImageFile], place: int, other: int) -> Leak:
    file, twin = files[place], files[other]
    frames = seconds = None
    if file.frame is not None and twin.frame is not None:
        frames = abs(file.frame - twin.frame)
    if file.seconds is not None and twin.seconds is not None:
        seconds = round(abs(file.seconds - twin.seconds), 3)
    return Leak(file.path, str(file.side), twin.path, None, frames, seconds)


def _find_neighbours(
    files: Sequence[ImageFile], sides: npt.NDArray[np.int8], settings: LeakSettings
) -> tuple[npt.NDArray[np.int64], Flags]:
    """Return the nearest neighbour in train of each other image, -1 for none, and what is timed."""
    numbers: dict[str, int] = {}
    sequence = np.array(
        [-1 if f.sequence is None else numbers.setdefault(f.sequence, len(numbers)) for f in files],
        dtype=np.int64,
    )
    near = np.full(len(files), -1)
    timed = np.zeros(len(files), dtype=np.bool_)
    for name, most in (("frame", settings.near_frames), ("seconds", settings.near_seconds)):
        values = (getattr(file, name) for file in files)
        times = np.array([np.nan if value is None else value for value in values], np.float64)
        known = (sequence >= 0) & ~np.isnan(times)
        timed |= known
        train = np.flatnonzero(known & (sides == _TRAIN))
        train = train[np.lexsort((times[train], sequence[train]))]
        asked = np.flatnonzero(known & (sides > _TRAIN) & (near < 0))
        for place, other in zip(
            asked.tolist(), _nearest(sequence, times, train, asked), strict=True
        ):
            if other >= 0 and abs(times[other] - times[place]) <= most:
                near[place] = other
    return near, timed


def _nearest(
    sequence: npt.NDArray[np.int64],
    times: npt.NDArray[np.float64],
    train: npt.NDArray[np.int64],
    asked: npt.NDArray[np.int64],
) -> list[int]:
    """Return the image of train, sorted by sequence and time, that is nearest in its sequence."""
    if len(train) == 0 or len(asked) == 0:
        return [-1] * len(asked)
    # One number holds both: no two sequences come near each other.
    gap = float(np.ptp(times[np.concatenate((train, asked))])) + 1
    low = float(times[np.concatenate((train, asked))].min())
    lines = [2 * gap * sequence[each] + times[each] - low for each in (train, asked)]
    after = np.searchsorted(lines[0], lines[1])
    sides = [np.clip(after + step, 0, len(train) - 1) for step in (-1, 0)]
    apart = [np.abs(lines[0][side] - lines[1]) for side in sides]
    best = train[np.where(apart[0] <= apart[1], *sides)]
    return [int(b) for b in np.where(sequence[best] == sequence[asked], best, -1)]
