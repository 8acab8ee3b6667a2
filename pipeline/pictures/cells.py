"""Pictures as they are compared: the means of cells of 4x4 pixels.

Noise counts little in them, and a small object much. The ``change`` from one picture to another is
the mean square of the differences in a window of 3 or of 5 cells: the small window finds small
objects, the large one faint ones. Windows overlap, so that nothing can hide between two of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .opencv import cv2

Plane = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

CELL = 4
"""Pixels along the side of a cell. Those of colours are twice as large."""

MEASURES = ("luma_small", "luma_large", "colour_small", "colour_large", "brightness")
"""What is measured of two pictures: the largest change in windows of 3 and of 5 cells, in squares
of levels; and how far the whole became brighter or darker, in levels."""

WINDOWS = (3, 5)
_FEW = 4  # every which cell is enough to tell how bright the whole is


@dataclass(frozen=True, eq=False)
class Cells:
    """A picture as it is compared: means in levels of 8 bits, until they are judged in its own.

    ``planes``: float32, shape (rows, columns), brightness and, for colour, two of half the size.
    """

    planes: tuple[Plane, ...]

    def masked(self, ignored: Flags) -> "Cells":
        """Return the picture in which some cells never change.

        Args:
            ignored: which, bool, the shape of the first plane.
        """
        colours = self.planes[1:]
        halved = _halved(ignored, colours[0].shape) if colours else ignored
        masks = [ignored, *[halved] * len(colours)]
        pairs = zip(self.planes, masks, strict=True)
        return Cells(tuple(np.where(mask, np.float32(0), plane) for plane, mask in pairs))


def differences(cells: Cells, other: Cells) -> tuple[Plane, ...]:
    """Return what one picture has more than another of its size, plane by plane."""
    return tuple(
        np.asarray(cv2.subtract(plane, before))
        for plane, before in zip(cells.planes, other.planes, strict=True)
    )


def measure_change(changes: tuple[Plane, ...]) -> Numbers:
    """Return `MEASURES` of the differences of two pictures: float64, shape (5,)."""
    peaks = []
    for change in changes:
        square = np.square(change)
        peaks.append([float(mean_around(square, window).max()) for window in WINDOWS])
    return by_measure(peaks, abs(float(np.median(changes[0][::_FEW, ::_FEW]))))


def by_measure(of_planes: list[list[float]], brightness: float) -> Numbers:
    """Return numbers that each plane has for each window in the order of `MEASURES`."""
    luma, *colours = of_planes
    colour = [max(values) for values in zip(*colours, strict=True)] or [0.0] * len(WINDOWS)
    return np.array([*luma, *colour, brightness])


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


def mean_around(values: Plane, window: int) -> Plane:
    """Return the mean around each place, in a window with sides of so many."""
    return np.asarray(
        cv2.boxFilter(values, -1, (window, window), borderType=cv2.BORDER_REFLECT_101)
    )


def _halved(ignored: Flags, shape: tuple[int, int]) -> Flags:
    """Return which of the cells of twice the size hold one that is ignored."""
    rows, columns = shape
    framed = np.zeros((2 * rows, 2 * columns), dtype=np.bool_)
    framed[: ignored.shape[0], : ignored.shape[1]] = ignored[: 2 * rows, : 2 * columns]
    return np.asarray(framed.reshape(rows, 2, columns, 2).any(axis=(1, 3)))
