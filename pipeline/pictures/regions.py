"""Regions of the frame, laid over pictures."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ..settings.regions import Region


def ignored_cells(
    regions: Iterable[Region],
    width: int,
    height: int,
    cell: int,
    frame_size: tuple[int, int] | None = None,
) -> npt.NDArray[np.bool_]:
    """Return which cells of a picture hold a pixel of the regions; a pixel is where its centre is.

    Args:
        regions: what is to be ignored.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        cell: the side of a cell, in pixels of the picture.
        frame_size: width and height of the displayed frame, in whose pixels regions are, where the
            picture is a smaller copy of it.

    Returns:
        bool, shape (ceil(height / cell), ceil(width / cell)).
    """
    frame_width, frame_height = frame_size or (width, height)
    rows, columns = -(-height // cell), -(-width // cell)
    pixels = np.zeros((rows * cell, columns * cell), dtype=np.bool_)
    picture = pixels[:height, :width]
    for region in regions:
        corners = [
            (float(x * width / frame_width), float(y * height / frame_height))
            for x, y in region.corners(frame_width, frame_height)
        ]
        picture |= _pixels_within(corners, width, height)
    return np.asarray(pixels.reshape(rows, cell, columns, cell).any(axis=(1, 3)))


def _pixels_within(
    corners: list[tuple[float, float]], width: int, height: int
) -> npt.NDArray[np.bool_]:
    """Return the pixels whose centres lie within a polygon: those with an odd number of edges left.

    The even-odd rule; of a centre on an edge, the one on the left or upper side is within.
    """
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    within = np.zeros((height, width), dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        crossed = np.flatnonzero((y0 <= y) != (y1 <= y))
        if len(crossed):
            at = x0 + (y[crossed] - y0) * ((x1 - x0) / (y1 - y0))
            within[crossed] ^= x >= at[:, np.newaxis]
    return within
