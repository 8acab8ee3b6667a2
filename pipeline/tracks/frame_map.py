"""Which frames of a video other tasks show: where each is in the one and in the others."""

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
    """The frames of an old task among those of new ones.

    ``new_number``: int64, shape (old frames,), -1 for those that are gone. ``places``: float64,
    shape (new frames,): where each is among the old ones, a fraction between two of them, -1 before
    the first and their count behind the last. ``alive``: int64, the new frames that are not
    deleted, and ``alive_places`` theirs.
    """

    def __init__(self, old: Shown, new: Shown) -> None:
        self.old, self.new = old, new
        numbers = np.arange(len(old.indices))
        found = np.searchsorted(new.indices, old.indices)
        is_there = np.zeros(len(numbers), np.bool_)
        inside = found < len(new.indices)
        is_there[inside] = new.indices[found[inside]] == old.indices[inside]
        self.new_number = np.where(is_there, found, -1)
        # Between two frames of the old task a place is a fraction.
        places = np.interp(new.indices, old.indices, numbers) if len(numbers) else new.indices * 0.0
        places[new.indices < old.indices[:1].sum()] = -1.0
        places[new.indices > old.indices[-1:].sum()] = len(numbers)
        self.alive = np.flatnonzero(~new.is_deleted)
        self.places = places
        self.alive_places = places[self.alive]

    def is_inside_a_job(self, frame: int) -> bool:
        """Whether the new frames around the border before an old frame are in one job."""
        found = int(np.searchsorted(self.alive_places, frame))
        if not 0 < found < len(self.alive):
            return False
        before, behind = self.alive[found - 1 : found + 1]
        return any(start <= before and behind <= stop for start, stop in self.new.jobs)

    def number(self, frame: int) -> int:
        """Return the number of an old frame among the new ones, -1 if it is gone."""
        return int(self.new_number[frame]) if 0 <= frame < len(self.new_number) else -1
