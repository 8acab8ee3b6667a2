"""How much noise alone changes the pictures of a sequence, measured as they come.

On neighbouring frames, and on frames six apart, for the noise of compressed video stays the same
for a few frames and then jumps. The lower quarter of what is measured counts, as long as something
stands still for so long; and how much it scatters tells how far above it noise may reach.

Nothing that moves must pass for noise:

- A pair of frames is left out where the differences follow the gradient of the picture, as they
  do when it moves (Lucas and Kanade, "An Iterative Image Registration Technique", 1981): of noise,
  that explains a tenth. So is one whose differences hang together over 20 pixels and more, as when
  the light changes; or that has nothing in common. If hardly any pair is left, nothing is noise.
- Noise is everywhere. So the limit is at most a few times what changes in most places.

All is in levels of the source. The numbers come from ``scripts/bench.py dedupe``.
"""

from collections import deque
from statistics import NormalDist

import numpy as np

from .cells import (
    MEASURES,
    WINDOWS,
    Cells,
    Numbers,
    Plane,
    by_measure,
    differences,
    mean_around,
    measure_change,
)
from .opencv import cv2

LAGS = (1, 6)
"""How many frames apart noise is measured."""

EVERY, EVERY_IN_MOTION = 5, 10
"""Every which frame it is measured at: often enough to follow it. Next to a frame in which
something else changed, half as often, for mostly more such follow."""

_MEASURED_PAIRS = 40
"""How many measurements count, the newest ones: those of 200 frames."""

_LEAST = np.array((12.0, 6.8, 13.0, 8.0, 1.0))
"""What is no change even without noise, for 8 bits a component: compression alone does as much."""

_LEAST_OF_DEEP = np.array((0.05, 0.02, 0.05, 0.02, 0.5))
"""The same where a component has more bits: any cell may matter there."""

_UPPER, _LOWER = 25, 8  # percentiles of what noise does; a quarter of the frames must be still
_Z_UPPER, _Z_LOWER = (NormalDist().inv_cdf(percent / 100) for percent in (_UPPER, _LOWER))
_REACH = 3.0
"""How many standard deviations noise may reach, where its logarithm is normally distributed."""

_SCATTER = (0.15, 0.7)  # such a deviation; fewer measurements than these do not tell it better

_MOTION_SHARE, _SMOOTH_SHARE = 0.16, 0.5
_LARGEST_NOISE, _UNLIKE_SHARE = 20.0, 0.5
"""Two pictures show different things if they differ by more, in squares of levels, than noise makes
them, and by more than this share of what pictures differ by that have nothing in common."""

_FAINT = 2.0
"""A change, in squares of levels, that is too faint to tell what it is."""

_LEAST_SHARE = 0.15
"""The share of pairs that must look like noise for it to be known."""

_COMMON, _COMMON_OF_MEAN = 60, 0.708
"""A percentile of the squares of differences, and what it is of their mean if they are normally
distributed (chi-squared with one degree of freedom)."""

_FEW = 3  # every which cell is enough to tell so

_PEAKS = np.array((15.0, 9.0, 15.0, 9.0))
"""How far the largest change in a window may reach above that mean where there is noise alone."""

_REPEATED = 0.5
_SPARSE = np.array((60.0, 36.0, 60.0, 36.0))
"""Where most places change by less than that, in squares of levels, compression repeats them and
renews few at a time; then the change may reach so far in any case."""

_HIGHEST = np.array((300.0, 170.0, 300.0, 170.0))
"""And nowhere further, in levels of 8 bits: white noise of 16 levels reaches 200."""

_LAG_FACTOR = 3
"""It reaches at most so many times as far on frames further apart."""


class Noise:
    """What noise alone does to `MEASURES`: the newest measurements, for each lag."""

    def __init__(self, level: float) -> None:
        self._least = _LEAST if level == 1 else _LEAST_OF_DEEP
        self._highest = _HIGHEST / level**2
        self._pairs: deque[tuple[Numbers, ...] | None] = deque(maxlen=_MEASURED_PAIRS)

    def add_nothing(self) -> None:
        """Add that nothing at all changed."""
        zeros = np.zeros(2 * len(MEASURES))
        self._pairs.append((zeros,) * len(LAGS))

    def add(self, pairs: list[tuple[Cells, Cells]]) -> bool:
        """Add pairs of pictures, the neighbours first; return whether noise alone changed them."""
        changes = [differences(*pair) for pair in pairs]
        is_noise = not any(
            _is_other(*pair, change) for pair, change in zip(pairs, changes, strict=True)
        ) and _looks_like_noise(*pairs[0], changes[0])
        self._pairs.append(tuple(map(_measure_pair, changes)) if is_noise else None)
        return is_noise

    def limits(self) -> Numbers:
        """Return what of `MEASURES` is more than noise."""
        of_noise = [pair for pair in self._pairs if pair is not None]
        if len(of_noise) < max(2, _LEAST_SHARE * len(self._pairs)):
            return self._least
        limits = np.zeros(len(MEASURES))
        for lag, pairs in enumerate(zip(*of_noise, strict=True)):
            measured = np.array(pairs)
            reached = _reach(measured[:, : len(MEASURES)])
            common = np.median(measured[:, len(MEASURES) : -1], axis=0)
            of_common = np.where(common < _REPEATED, _SPARSE, _PEAKS * common)
            highest = np.minimum(of_common, self._highest)
            if lag:
                highest = np.minimum(highest, np.maximum(_SPARSE, _LAG_FACTOR * limits[:-1]))
            reached[:-1] = np.minimum(reached[:-1], highest)
            limits = np.maximum(limits, reached)
        return np.asarray(np.maximum(limits, self._least), dtype=np.float64)


def _reach(measured: Numbers) -> Numbers:
    """Return how far noise may reach: for each column, by the lower part of what was measured."""
    upper, lower = np.percentile(measured, [_UPPER, _LOWER], axis=0)
    tiny = 0.05
    scatter = np.log((upper + tiny) / (lower + tiny)) / (_Z_UPPER - _Z_LOWER)
    reached = upper * np.exp((_REACH - _Z_UPPER) * np.clip(scatter, *_SCATTER))
    reached[-1] = 0  # noise makes the whole neither brighter nor darker
    return np.asarray(reached, dtype=np.float64)


def _measure_pair(changes: tuple[Plane, ...]) -> Numbers:
    """Return the measures of two pictures, and after these how far they differ in most places."""
    common = [[_common_change(change)] * len(WINDOWS) for change in changes]
    return np.concatenate((measure_change(changes), by_measure(common, 0.0)))


def _common_change(change: Plane) -> float:
    """Return the mean square of the differences, as told by all but the places that differ most."""
    square = np.square(change[::_FEW, ::_FEW])
    return float(np.percentile(square, _COMMON)) / _COMMON_OF_MEAN


def _is_other(cells: Cells, other: Cells, changes: tuple[Plane, ...]) -> bool:
    """Return whether two pictures have so little in common that they show different things."""
    for plane, before, change in zip(cells.planes, other.planes, changes, strict=True):
        changed = cv2.norm(change, cv2.NORM_L2SQR) / change.size
        # Most are so much alike that what they show need not be looked at.
        if changed > _LARGEST_NOISE and changed > _UNLIKE_SHARE * (plane.var() + before.var()):
            return True
    return False


def _looks_like_noise(cells: Cells, other: Cells, changes: tuple[Plane, ...]) -> bool:
    """Return whether what changed between two neighbours is neither motion nor light."""
    for plane, before, change in zip(cells.planes, other.planes, changes, strict=True):
        around = mean_around(np.square(change), max(WINDOWS))
        if around.max() > _FAINT:
            smooth = np.square(mean_around(change, max(WINDOWS)))
            if smooth.sum() > _SMOOTH_SHARE * around.sum():
                return False
            if _motion_share(plane, before, change) > _MOTION_SHARE:
                return False
    return True


def _motion_share(plane: Plane, before: Plane, change: Plane) -> float:
    """Return how much of the difference of two pictures follows their gradient, 0 to 1."""
    mean = cv2.addWeighted(plane, 0.5, before, 0.5, 0)
    across, down = (cv2.Sobel(mean, -1, x, 1 - x, ksize=3, scale=1 / 8) for x in (1, 0))
    xx, yy, xy, x_change, y_change, total = (
        _mean_widely(np.asarray(cv2.multiply(one, other)))
        for one, other in (
            (across, across),
            (down, down),
            (across, down),
            (across, change),
            (down, change),
            (change, change),
        )
    )
    # The determinant, kept away from 0 where the picture is flat or has one direction alone.
    determinant = xx * yy - xy * xy + 1e-3 * (xx + yy) ** 2 + 1e-6
    explained = (yy * x_change**2 - 2 * xy * x_change * y_change + xx * y_change**2) / determinant
    return float(np.clip(explained, 0, total).sum() / (total.sum() + 1e-9))


def _mean_widely(values: Plane) -> Plane:
    """Return the mean around every other place, in a window with sides of 6."""
    halved = cv2.resize(values, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return mean_around(np.asarray(halved, dtype=np.float32), 3)
