"""Marks: kept images that are blurred, dark, bright or flat, by limits on what was measured.

A black picture is dark, and flat and blurred as well.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..settings.stages import ValidateSettings
from .frame_table import Fate

if TYPE_CHECKING:  # the command line needs the marks, but no arrays
    import numpy as np
    import numpy.typing as npt

    from .frame_table import FrameTable


@dataclass(frozen=True)
class Mark:
    """A mark that an image has if ``measure`` is beyond a limit.

    ``measure`` is a column of the frame table, ``setting`` the name of the limit; ``is_upper`` says
    on which side of it images are marked.
    """

    measure: str
    setting: str
    is_upper: bool = False

    def limit(self, settings: ValidateSettings) -> float:
        """Return the limit that these settings have."""
        return float(getattr(settings, self.setting))

    def badness(self, value: float) -> float:
        """Return a number that is the larger, the worse what was measured is."""
        return value if self.is_upper else -value

    def worst_first(
        self, frames: "FrameTable", settings: ValidateSettings
    ) -> "npt.NDArray[np.int64]":
        """Return the kept frames that have it, the worst first: int64, shape (images,)."""
        import numpy as np

        values, limit = getattr(frames, self.measure), self.limit(settings)
        beyond = values > limit if self.is_upper else values < limit
        marked = np.flatnonzero(beyond & (frames.fate == Fate.KEPT))
        order = np.argsort(-values[marked] if self.is_upper else values[marked], kind="stable")
        return marked[order]


MARKS = {
    "blurred": Mark("sharpness", "blur"),
    "dark": Mark("brightness", "dark"),
    "bright": Mark("brightness", "bright", is_upper=True),
    "flat": Mark("contrast", "flat"),
}
