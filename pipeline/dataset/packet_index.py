"""The packets of a video stream, as a demuxer delivers them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class PacketIndex:
    """The packets of the chosen stream, in file order.

    ``pts``: int64, shape (packets,), in time-base units, ``MISSING_PTS`` where absent.
    ``is_discarded``: bool, shape (packets,): an edit list hides the packet's frame.
    ``is_key``: bool, shape (packets,): decoding may begin here, the container says.
    ``complete``: False where the demuxer stopped with an error before the end.
    ``promises_frames``: each packet says at which time its one picture is shown, and each key one
    that decoding may begin there (`video.promises`).
    """

    pts: npt.NDArray[np.int64]
    is_discarded: npt.NDArray[np.bool_]
    is_key: npt.NDArray[np.bool_]
    complete: bool
    promises_frames: bool = False

    @property
    def shown_pts(self) -> npt.NDArray[np.int64]:
        """The timestamps of the packets that are to be shown, in file order."""
        return self.pts[~self.is_discarded]
