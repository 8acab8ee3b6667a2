"""Which frames of a video other tasks show: where each is in the one and in the others."""

import bisect
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Shown:
    """The frames that a task shows, or several tasks of a video one after the other.

    ``indices``: int64, shape (frames,), of the frames in their video, ascending. ``is_deleted``:
    bool, the same shape: someone deleted them in CVAT, so nothing on them counts. ``jobs``: the
    numbers of the first and last frame of each, in order.
    """

    indices: Ints
    is_deleted: npt.NDArray[np.bool_]
    jobs: tuple[tuple[int, int], ...]


class FrameMap:
    """The frames of an old task among those of new ones; lists, as single ones are asked for.

    ``new_number``: of each old frame, -1 for those that are gone. ``places``: where each new frame
    is among the old ones, a fraction between two of them, -1 before the first and their count
    behind the last. ``alive``: the new frames that are not deleted, ``alive_places``: theirs;
    ``common``: those of them that the old task shows as well.
    """

    def __init__(self, old: Shown, new: Shown) -> None:
        self.old, self.new = old, new
        numbers = np.arange(len(old.indices))
        is_there = np.isin(old.indices, new.indices)
        found = np.searchsorted(new.indices, old.indices)
        self.new_number: list[int] = np.where(is_there, found, -1).tolist()
        places = np.interp(new.indices, old.indices, numbers, left=-1.0, right=len(numbers))
        self.places: list[float] = places.tolist()
        self.alive: list[int] = np.flatnonzero(~new.is_deleted).tolist()
        self.alive_places = [self.places[number] for number in self.alive]
        is_common = ~new.is_deleted & np.isin(new.indices, old.indices[~old.is_deleted])
        common = np.flatnonzero(is_common)
        self.common: list[int] = common.tolist()
        # How often up to each of them a step takes more or fewer old frames than that before it.
        steps = np.diff(places[common]) / np.diff(common)
        changes = np.concatenate([[0, 0], np.cumsum(np.diff(steps) != 0)])[: len(common)]
        self._changes_up_to: list[int] = changes.tolist()

    def is_inside_a_job(self, frame: int) -> bool:
        """Whether the new frames around the border before an old frame are in one job."""
        found = bisect.bisect_left(self.alive_places, frame)
        if not 0 < found < len(self.alive):
            return False
        before, behind = self.alive[found - 1 : found + 1]
        return any(start <= before and behind <= stop for start, stop in self.new.jobs)

    def common_between(self, a: int, b: int) -> list[int]:
        """Return the new frames between two that the old task shows as well."""
        begin, end = bisect.bisect_right(self.common, a), bisect.bisect_left(self.common, b)
        return self.common[begin:end]

    def is_even(self, a: int, b: int) -> bool:
        """Whether what moves evenly over the old frames does so from one new frame to another."""
        begin, end = bisect.bisect_left(self.common, a), bisect.bisect_left(self.common, b)
        if end >= len(self.common) or (self.common[begin], self.common[end]) != (a, b):
            return False
        return end <= begin + 1 or self._changes_up_to[begin + 1] == self._changes_up_to[end]

    def number(self, frame: int) -> int:
        """Return the number of an old frame among the new ones, -1 if it is gone."""
        return self.new_number[frame] if 0 <= frame < len(self.new_number) else -1
