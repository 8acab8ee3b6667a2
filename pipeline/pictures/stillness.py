"""Which pictures of a sequence show something else than the last one that was kept.

They do if more changed than noise alone does (`pictures.noise`) anywhere in the frame. Changes are
those against the last kept picture, so slow ones add up.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .cells import MEASURES, WINDOWS, Cells, Flags, Numbers, differences, measure_change
from .noise import EVERY, EVERY_IN_MOTION, LAGS, Noise
from .opencv import cv2

_AHEAD = 25
"""How many frames are looked at before the first is judged."""

_RENEWED = 8
"""For how many frames limits hold."""


@dataclass(frozen=True)
class Rules:
    """What decides besides the pictures.

    ``max_gap``: how many in a row may be left out. ``level``: a level of the source, in those of
    8 bits. ``ignored``: says which cells do not count, if there are any: for their number of rows
    and columns, bool, of that shape.
    """

    max_gap: int | None = None
    level: float = 1.0
    ignored: Callable[[tuple[int, int]], Flags] | None = None


class StillFilter:
    """Takes the pictures of a sequence, all of one size, and tells which are to be kept.

    ``kept``: the places of those, ascending, of the first ``judged`` pictures. ``changed_cells``:
    in how many of them each cell had changed, int32, shape (rows, columns), absent if there are
    none.
    Pictures that are not given are taken for equal to the one before them.
    """

    def __init__(self, rules: Rules) -> None:
        self.kept: list[int] = []
        self.judged = 0
        self.changed_cells: npt.NDArray[np.int32] | None = None
        self._rules = rules
        self._noise = Noise(rules.level)
        self._waiting: deque[tuple[int, Cells]] = deque()
        self._ignored: Flags | None = None
        self._recent: deque[tuple[int, Cells]] = deque()
        self._last_kept: Cells | None = None
        self._next_measured = 0
        self._limits_of = -1
        self._limits = np.zeros(len(MEASURES))
        self._limits_seen: list[Numbers] = []

    def take(self, place: int, cells: Cells) -> None:
        """Take the picture at a place, which is behind those of all before."""
        if self.changed_cells is None:
            shape = cells.planes[0].shape
            self.changed_cells = np.zeros(shape, dtype=np.int32)
            self._ignored = self._rules.ignored and self._rules.ignored(shape)
        if self._ignored is not None:
            cells = cells.masked(self._ignored)
        if self._rules.level != 1:
            cells = Cells(tuple(plane / np.float32(self._rules.level) for plane in cells.planes))
        self._measure(place, cells)
        self._waiting.append((place, cells))
        if place >= _AHEAD:
            self._judge_waiting()

    def finish(self) -> None:
        """Judge what is still to be judged: no more pictures come."""
        self._judge_waiting()

    def limits(self) -> tuple[float, ...]:
        """Return the usual limits of `MEASURES`, in levels of 8 bits."""
        usual = np.median(self._limits_seen or [self._noise.limits()], axis=0)
        usual[:-1] *= self._rules.level**2
        usual[-1] *= self._rules.level
        return tuple(np.round(usual, 6).tolist())

    def _measure(self, place: int, cells: Cells) -> None:
        """Add what noise did at the places since the last one that was measured."""
        if not self._recent:
            self._next_measured = place + 1
        while self._next_measured < place:  # an equal picture stands there
            self._noise.add_nothing()
            self._next_measured += EVERY
        if self._next_measured == place:
            is_noise = self._noise.add([(cells, self._at(place - lag)) for lag in LAGS])
            self._next_measured += EVERY if is_noise else EVERY_IN_MOTION
        self._recent.append((place, cells))
        while len(self._recent) > 1 and self._recent[1][0] <= place + 1 - max(LAGS):
            self._recent.popleft()

    def _at(self, place: int) -> Cells:
        return next(
            (cells for at, cells in reversed(self._recent) if at <= place), self._recent[0][1]
        )

    def _judge_waiting(self) -> None:
        while self._waiting:
            self._judge(*self._waiting.popleft())

    def _judge(self, place: int, cells: Cells) -> None:
        self.judged += 1
        if self._last_kept is None or self._is_changed(place, cells):
            self.kept.append(place)
            self._last_kept = cells

    def _is_changed(self, place: int, cells: Cells) -> bool:
        if place // _RENEWED != self._limits_of:
            self._limits_of = place // _RENEWED
            self._limits = self._noise.limits()
            self._limits_seen.append(self._limits)
        assert self._last_kept is not None  # noqa: S101
        assert self.changed_cells is not None  # noqa: S101
        luma = cv2.absdiff(cells.planes[0], self._last_kept.planes[0])
        limit = math.sqrt(self._limits[0])
        # One cell that changed so much that no window around it could make up for it tells enough.
        is_changed = float(luma.max()) > WINDOWS[0] * limit or bool(
            (measure_change(differences(cells, self._last_kept)) > self._limits).any()
        )
        if is_changed:
            self.changed_cells += luma > limit
        max_gap = self._rules.max_gap
        return is_changed or (max_gap is not None and place - self.kept[-1] > max_gap)
