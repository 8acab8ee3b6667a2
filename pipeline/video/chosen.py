"""The choice among the frames of a video."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from ..dataset.comparison import Comparison
from ..dataset.records import SOFTWARE
from ..pictures.thinner import THUMBNAIL_SIDE, Thinner, shorten_gaps
from .decoder import Decoded
from .recipe import Pass

_NO_FRAMES = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was decoded, and the choice among it; all int32 frame indices, ascending.

    ``selected``: asked for by range and sampling. ``kept``: to be images. ``alike``: left out
    because they look like the frames ``alike_to`` (same shape). The rest of the selected ones
    is left out as still. ``decoder``: what decoded, by name. ``why_software``: why hardware did not
    that was tried. ``comparison``: how still frames were told, if they were. ``changed_cells``: in
    how many kept frames each cell had changed, int32, shape (rows, columns).
    """

    decoded: Decoded
    selected: npt.NDArray[np.int32]
    kept: npt.NDArray[np.int32]
    alike: npt.NDArray[np.int32] = field(default_factory=_NO_FRAMES.copy)
    alike_to: npt.NDArray[np.int32] = field(default_factory=_NO_FRAMES.copy)
    decoder: str = SOFTWARE
    why_software: str | None = None
    comparison: Comparison | None = None
    changed_cells: npt.NDArray[np.int32] | None = None
    counted: str = "decoded"

    def without_still(self, work: Pass) -> Self:
        """Return the choice that is left of what a pass has let through."""
        stills = self.decoded.stills
        if stills is None:
            return replace(
                self,
                kept=np.union1d(self.decoded.kept, self.decoded.edge),
                comparison=None if work.blocks is None else Comparison("fixed"),
            )
        return replace(
            self,
            kept=self.selected[stills.kept],
            comparison=Comparison(
                "one pass" if work.writes_images else "two passes", stills.limits()
            ),
            changed_cells=stills.changed_cells,
        )

    def without_alike(self, thinner: Thinner, thumbnails: Path, max_gap: int | None) -> Self:
        """Return the choice without what looks like an earlier frame as a whole.

        Args:
            thinner: what compares frames.
            thumbnails: the file of those of the frames that were decoded and let through.
            max_gap: how many frames in a row may be left out.
        """
        if len(self.kept) == 0:
            return self
        side = THUMBNAIL_SIDE
        pixels = np.memmap(thumbnails, dtype=np.uint8, mode="r").reshape(-1, side, side)
        looks = thinner.describe(pixels[np.searchsorted(self.decoded.kept, self.kept)])
        places = np.arange(len(looks))
        positions = np.searchsorted(self.selected, self.kept)
        like = thinner.thin(looks, places)
        is_kept = shorten_gaps(like == places, positions, np.zeros_like(places), max_gap)
        return replace(
            self,
            kept=self.kept[is_kept],
            alike=self.kept[~is_kept],
            alike_to=self.kept[like[~is_kept]],
        )

    def without_measures(self) -> Self:
        """Return the same choice, and of how it was made only the way."""
        comparison = self.comparison and replace(self.comparison, limits=())
        return replace(self, comparison=comparison, changed_cells=None)
