"""Which pictures of a sequence show something else than the last one that was kept.

Pictures are compared by the means of cells of 4x4 pixels, in which noise counts little and a small
object much. ``change`` is the mean square of the differences in a window of 3 or 5 cells, at the
place where that is largest: the small window finds small objects, the large one faint ones. Windows
overlap, so that nothing can hide between two of them.

How large a change noise alone makes is measured on the footage as it comes: on neighbouring frames,
and on frames six apart, for the noise of compressed video stays the same for a few frames and then
jumps. The lower quarter of these counts, as long as something stands still for so long; and how
much they scatter among themselves tells how far above it noise may reach. Two things keep movement
from passing for noise:

- A pair of frames is left out where the differences follow the gradient of the picture, as they
  do when it moves (Lucas and Kanade, "An Iterative Image Registration Technique", 1981): of noise,
  that explains a tenth. If hardly any pair is left, nothing counts as noise.
- Noise is everywhere. So the limit is at most a few times what is seen in most of the frame.

The numbers come from ``scripts/bench.py dedupe``.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

CELL = 4
"""Pixels along the side of a cell. Those of colours are twice as large."""

MEASURES = ("luma_small", "luma_large", "colour_small", "colour_large", "brightness")
"""What is measured of two frames: change in windows of 3 and of 5 cells, in squares of levels, and
how far the whole became brighter or darker, in levels."""

LEAST_LIMITS = np.array((5.0, 2.5, 10.0, 6.0, 1.0))
"""What is no change even without noise, for 8 bits a component: compression alone does as much."""

_DEEP_LIMITS = np.array((0.05, 0.02, 0.05, 0.02, 0.5))
"""The same where a component has more bits, in levels of the source: any cell may matter there."""

_WINDOWS = (3, 5)
_LAGS = (1, 6)
_EVERY = 4
"""Every which frame noise is measured at: often enough to follow it."""
_MEASURED_PAIRS = 50
"""How many measurements count, the newest ones: those of 200 frames."""
_AHEAD = 25
"""How many frames are looked at before the first is judged."""
_RENEWED = 8
"""For how many frames limits hold."""

_UPPER, _LOWER = 25, 8  # percentiles of what noise does; a quarter of the frames must be still
_REACH = 3.0
"""How many standard deviations noise may reach, where its logarithm is normally distributed."""
_SCATTER = (0.15, 0.7)
_Z_UPPER, _Z_LOWER = (NormalDist().inv_cdf(percent / 100) for percent in (_UPPER, _LOWER))

_MOTION_SHARE = 0.2
_LARGEST_NOISE, _UNLIKE_SHARE = 20.0, 0.5
"""Two pictures show different things if they differ by more, in squares of levels, than noise makes
them, and by more than this share of what pictures differ by that have nothing in common."""
_FAINT = 2.0
"""A change, in squares of levels, that is too faint to tell whether it is motion."""
_LEAST_SHARE = 0.15
"""The share of pairs that must not be motion for noise to be known."""
_TILES, _OF_TILES = 8, 75
_EVERYWHERE_FACTOR, _SPARSE = 5, 12.0
"""Noise reaches so many times the change in its quieter places, or, where only few blocks of the
picture are renewed at a time, this many squares of levels."""
_LAG_FACTOR = 3
_FEW = 3  # every which cell is enough to tell how bright the whole is


@dataclass(frozen=True, eq=False)
class Cells:
    """A picture as it is compared: means in levels of 8 bits, whatever its depth.

    ``planes``: float32, shape (rows, columns), brightness and, for colour, two of half the size.
    """

    planes: tuple[Plane, ...]


@dataclass(frozen=True)
class Rules:
    """What decides besides the pictures.

    ``max_gap``: how many in a row may be left out. ``level``: a level of the source, in those of
    8 bits. ``ignored``: the cells that do not count, bool, shape (rows, columns).
    """

    max_gap: int | None = None
    level: float = 1.0
    ignored: Flags | None = None


class StillFilter:
    """Takes the pictures of a sequence, all of one size, and tells which are to be kept.

    ``kept``: the places of those, ascending, of the first ``judged`` pictures. ``changed_cells``:
    in how many of them each cell had changed, int32, shape (rows, columns), absent if in none.
    Pictures that are not given are taken for equal to the one before them.
    """

    def __init__(self, rules: Rules) -> None:
        self.kept: list[int] = []
        self.judged = 0
        self.changed_cells: npt.NDArray[np.int32] | None = None
        self._rules = rules
        self._noise = _Noise(_least_limits(rules.level))
        self._waiting: deque[tuple[int, Cells]] = deque()
        self._recent: deque[tuple[int, Cells]] = deque()
        self._last_kept: Cells | None = None
        self._next_measured = 1
        self._limits_of = -1
        self._limits = np.zeros(len(MEASURES))
        self._limits_seen: list[Numbers] = []

    def take(self, place: int, cells: Cells) -> None:
        """Take the picture at a place, which is behind those of all before."""
        cells = self._masked(cells)
        self._measure(place, cells)
        self._waiting.append((place, cells))
        while self._waiting and place >= _AHEAD:
            self._judge(*self._waiting.popleft())

    def finish(self) -> None:
        """Judge what is still to be judged: no more pictures come."""
        while self._waiting:
            self._judge(*self._waiting.popleft())

    def limits(self) -> tuple[float, ...]:
        """Return the usual limits of `MEASURES`."""
        if not self._limits_seen:
            return tuple(_least_limits(self._rules.level).tolist())
        return tuple(np.round(np.median(self._limits_seen, axis=0), 3).tolist())

    def _masked(self, cells: Cells) -> Cells:
        ignored = self._rules.ignored
        if ignored is None:
            return cells
        planes = []
        for plane in cells.planes:
            mask = ignored if plane.shape == ignored.shape else _halved(ignored, plane.shape)
            planes.append(np.where(mask, np.float32(0), plane))
        return Cells(tuple(planes))

    def _measure(self, place: int, cells: Cells) -> None:
        """Add what noise did at the places since the last one that was measured."""
        while self._next_measured < place:  # an equal picture stands there
            self._noise.add_nothing()
            self._next_measured += _EVERY
        if self._next_measured == place:
            self._noise.add([(cells, self._at(place - lag)) for lag in _LAGS])
            self._next_measured += _EVERY
        self._recent.append((place, cells))
        while len(self._recent) > 1 and self._recent[1][0] <= place + 1 - max(_LAGS):
            self._recent.popleft()

    def _at(self, place: int) -> Cells:
        return next(
            (cells for at, cells in reversed(self._recent) if at <= place), self._recent[0][1]
        )

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
        fields = list(_fields(cells, self._last_kept))
        measures = _measures(cells, self._last_kept, fields)
        is_changed = bool((measures > self._limits).any())
        if is_changed:
            self._count(fields[0][0] > self._limits[0])
        max_gap = self._rules.max_gap
        return is_changed or (max_gap is not None and place - self.kept[-1] > max_gap)

    def _count(self, changed: Flags) -> None:
        if self.changed_cells is None:
            self.changed_cells = np.zeros(changed.shape, dtype=np.int32)
        self.changed_cells += changed


class _Noise:
    """What noise alone does to `MEASURES`: the newest measurements, for each lag."""

    def __init__(self, least: Numbers) -> None:
        self._least = least
        self._pairs: deque[tuple[Numbers, ...] | None] = deque(maxlen=_MEASURED_PAIRS)

    def add_nothing(self) -> None:
        """Add that nothing at all changed."""
        zeros = np.zeros(2 * len(MEASURES))
        self._pairs.append((zeros,) * len(_LAGS))

    def add(self, pairs: list[tuple[Cells, Cells]]) -> None:
        """Add pairs of pictures, the neighbours first."""
        measured = tuple(_measure_pair(*pair) for pair in pairs)
        neighbours = pairs[0]
        is_noise = measured[0][1] < _FAINT or not (
            any(_is_other(*pair) for pair in pairs) or _motion_share(*neighbours) > _MOTION_SHARE
        )
        self._pairs.append(measured if is_noise else None)

    def limits(self) -> Numbers:
        """Return what of `MEASURES` is more than noise."""
        of_noise = [pair for pair in self._pairs if pair is not None]
        if len(of_noise) < max(2, _LEAST_SHARE * len(self._pairs)):
            return self._least
        limits = np.zeros(len(MEASURES))
        for lag, pairs in enumerate(zip(*of_noise, strict=True)):
            measured = np.array(pairs)
            reached = _reach(measured[:, : len(MEASURES)])
            everywhere = np.median(measured[:, len(MEASURES) :], axis=0)
            reached[:-1] = np.minimum(
                reached[:-1], np.maximum(_SPARSE, _EVERYWHERE_FACTOR * everywhere[:-1])
            )
            if lag:
                reached = np.minimum(reached, np.maximum(_SPARSE, _LAG_FACTOR * limits))
            limits = np.maximum(limits, reached)
        return np.maximum(limits, self._least)


def level_of(component_bits: int | None) -> float:
    """Return how much a level of a source is in levels of 8 bits.

    Args:
        component_bits: those of a component of a pixel, 8 if they are not known.
    """
    return 2.0 ** (8 - max(8, component_bits or 8))


def cells_of(planes: tuple[npt.NDArray[np.uint8 | np.uint16], ...]) -> Cells:
    """Return the cells of a picture.

    Args:
        planes: uint8 or uint16, shape (height, width): luma, for colour two more, and perhaps
            alpha, by which what is transparent becomes black.
    """
    has_alpha = len(planes) in {2, 4}
    highest = np.iinfo(planes[0].dtype).max
    height, width = planes[0].shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    sizes = [(columns, rows), *[((columns + 1) // 2, (rows + 1) // 2)] * 2]
    colours = planes[:-1] if has_alpha else planes
    means = [
        _shrink(plane, size, 255 / highest) for plane, size in zip(colours, sizes, strict=False)
    ]
    if has_alpha:
        means[0] = means[0] * _shrink(planes[-1], sizes[0], 1 / highest)
    return Cells(tuple(means))


def _shrink(plane: npt.NDArray[Any], size: tuple[int, int], factor: float) -> Plane:
    values = plane.astype(np.float32) * np.float32(factor)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _least_limits(level: float) -> Numbers:
    """Return what is no change even without noise, for a level of that size."""
    least = LEAST_LIMITS if level == 1 else _DEEP_LIMITS
    return least * np.array([level**2] * (len(MEASURES) - 1) + [level])


def _reach(measured: Numbers) -> Numbers:
    """Return how far noise may reach: for each column, by the lower part of what was measured."""
    upper, lower = np.percentile(measured, [_UPPER, _LOWER], axis=0)
    tiny = 0.05
    scatter = np.log((upper + tiny) / (lower + tiny)) / (_Z_UPPER - _Z_LOWER)
    reached = upper * np.exp((_REACH - _Z_UPPER) * np.clip(scatter, *_SCATTER))
    reached[-1] = 0  # noise makes the whole neither brighter nor darker
    return np.asarray(reached, dtype=np.float64)


def _fields(cells: Cells, other: Cells) -> Iterator[tuple[Plane, ...]]:
    """Yield the change around each cell, of each plane and for each size of the window."""
    for plane, before in zip(cells.planes, other.planes, strict=True):
        square = np.square(plane - before)
        yield tuple(_mean_around(square, window) for window in _WINDOWS)


def _measures(cells: Cells, other: Cells, fields: list[tuple[Plane, ...]]) -> Numbers:
    peaks = [[float(field.max()) for field in of_plane] for of_plane in fields]
    few = (slice(None, None, _FEW), slice(None, None, _FEW))
    brightness = abs(float(np.median(cells.planes[0][few] - other.planes[0][few])))
    colours = [max(values) for values in zip(*peaks[1:], strict=True)] or [0.0, 0.0]
    return np.array([*peaks[0], *colours, brightness])


def _measure_pair(cells: Cells, other: Cells) -> Numbers:
    """Return the measures of two pictures, and after these what is so in most of the frame."""
    fields = list(_fields(cells, other))
    tiles = [[_quiet_peak(field) for field in of_plane] for of_plane in fields]
    colours = [max(values) for values in zip(*tiles[1:], strict=True)] or [0.0, 0.0]
    return np.concatenate((_measures(cells, other, fields), tiles[0], colours, [0.0]))


def _quiet_peak(field: Plane) -> float:
    """Return the largest value of a tile of the frame, of all but the few liveliest tiles."""
    starts = [np.unique(np.linspace(0, n, _TILES, endpoint=False).astype(int)) for n in field.shape]
    peaks = np.maximum.reduceat(np.maximum.reduceat(field, starts[0], axis=0), starts[1], axis=1)
    return float(np.percentile(peaks, _OF_TILES))


def _is_other(cells: Cells, other: Cells) -> bool:
    """Return whether two pictures have so little in common that they show different things."""
    one, before = cells.planes[0], other.planes[0]
    changed = float(np.mean(np.square(one - before)))
    return changed > max(_LARGEST_NOISE, _UNLIKE_SHARE * float(one.var() + before.var()))


def _motion_share(cells: Cells, other: Cells) -> float:
    """Return how much of the difference of two pictures follows their gradient, 0 to 1."""
    one, before = cells.planes[0], other.planes[0]
    change, mean = one - before, (one + before) / 2
    across, down = (cv2.Sobel(mean, -1, x, 1 - x, ksize=3, scale=1 / 8) for x in (1, 0))
    xx, yy, xy, x_change, y_change, total = (
        _mean_around(product, max(_WINDOWS))
        for product in (
            across * across,
            down * down,
            across * down,
            across * change,
            down * change,
            change * change,
        )
    )
    # The determinant, kept away from 0 where the picture is flat or has one direction alone.
    determinant = xx * yy - xy * xy + 1e-3 * (xx + yy) ** 2 + 1e-6
    explained = (yy * x_change**2 - 2 * xy * x_change * y_change + xx * y_change**2) / determinant
    return float(np.clip(explained, 0, total).sum() / (total.sum() + 1e-9))


def _mean_around(values: Plane, window: int) -> Plane:
    return np.asarray(
        cv2.boxFilter(values, -1, (window, window), borderType=cv2.BORDER_REFLECT_101)
    )


def _halved(ignored: Flags, shape: tuple[int, int]) -> Flags:
    """Return which of the cells of twice the size hold one that is ignored."""
    rows, columns = shape
    framed = np.zeros((2 * rows, 2 * columns), dtype=np.bool_)
    framed[: ignored.shape[0], : ignored.shape[1]] = ignored[: 2 * rows, : 2 * columns]
    return np.asarray(framed.reshape(rows, 2, columns, 2).any(axis=(1, 3)))
