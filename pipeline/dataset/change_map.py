"""Where in the frame something changed, and how often: a coarse map of the picture."""

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line needs records, but no arrays
    import numpy as np
    import numpy.typing as npt

_LONGER_SIDE = 64


@dataclass(frozen=True)
class ChangeMap:
    """The share of the compared frames in which something changed, for each cell of the frame.

    The frame, as it is displayed, is laid out in ``columns`` × ``rows`` square cells with sides of
    ``cell_pixels``, from its upper left corner; those on the right and below may reach beyond it.
    ``compared`` frames were held against the last one that was kept. ``shares`` has a byte for each
    cell, row by row, in base64: whole per cent, rounded up, so that 0 is never.
    """

    columns: int
    rows: int
    cell_pixels: int
    compared: int
    shares: str

    def __post_init__(self) -> None:
        if len(base64.b64decode(self.shares, validate=True)) != self.columns * self.rows:
            raise ValueError("shares")

    @classmethod
    def from_counts(
        cls, counts: "npt.NDArray[np.integer]", compared: int, block_pixels: int = 8
    ) -> "ChangeMap":
        """Return the map of the frames in which each block changed; of blocks in a cell the most.

        Args:
            counts: int, shape (rows, columns), in how many of the compared frames a block changed.
            compared: how many frames those are, 1 or more.
            block_pixels: the side of a block.
        """
        import numpy as np

        blocks = -(-max(counts.shape) // _LONGER_SIDE)  # on the side of a cell
        shares = -(-100 * counts.astype(np.int64) // compared)
        for axis in (0, 1):
            firsts = np.arange(0, shares.shape[axis], blocks)
            shares = np.maximum.reduceat(shares, firsts, axis=axis)
        rows, columns = shares.shape
        data = base64.b64encode(shares.astype(np.uint8).tobytes()).decode()
        return cls(columns, rows, blocks * block_pixels, compared, data)

    def to_array(self) -> "npt.NDArray[np.uint8]":
        """Return the shares in per cent: uint8, shape (rows, columns)."""
        import numpy as np

        shares = np.frombuffer(base64.b64decode(self.shares), np.uint8)
        return shares.reshape(self.rows, self.columns)
