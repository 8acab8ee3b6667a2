"""The outline of a mask."""

import numpy as np
import numpy.typing as npt

from .opencv import cv2


def largest_outline(bitmap: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], int]:
    """Return the outline of the largest part of a mask, shape (points, 2), and how many there are.

    It goes along the outer edges of the pixels, so a single pixel has four points. Holes are lost.

    Args:
        bitmap: shape (height, width).
    """
    # Twice as large, the middles of the outermost pixels are a quarter of one from their edges.
    large = bitmap.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    found, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not found:
        return np.zeros((0, 2)), 0
    points = max(found, key=cv2.contourArea).reshape(-1, 2)
    # An even place is the left or upper half of a pixel, an odd one the right or lower half.
    edges = np.where(points % 2 == 0, points / 2, (points + 1) / 2)
    return np.asarray(edges, np.float64), len(found)
