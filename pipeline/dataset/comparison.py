"""How the still frames of a video were told from the others."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Comparison:
    """How the still frames of a video were told.

    ``way``: ``fixed`` thresholds; or by what noise was measured, in ``one pass``, or in ``two
    passes`` where noise makes all frames differ and these cannot be handed over without loss; both
    where segments differ. ``limits``: what counts as noise, the middle of what was measured
    (`pictures.cells.MEASURES`), in levels of 8 bits; absent for damaged videos, where it differs
    from run to run.
    """

    way: str
    limits: tuple[float, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> "Comparison | None":
        """Read it back from a record, which may have none.

        Raises:
            KeyError, TypeError: the data is no such thing.
        """
        return None if data is None else cls(data["way"], tuple(data["limits"]))

    def describe(self, parts: int) -> str:
        """Return it in words.

        Args:
            parts: how many the video was decoded in, each of which begins anew.
        """
        told = (
            "by fixed thresholds"
            if self.way == "fixed"
            else f"by the noise, in {self.way}"
            if not self.limits
            else (
                f"by the noise, in {self.way}: less than {math.sqrt(self.limits[0]):.1f} levels on "
                f"12 × 12 pixels, or {math.sqrt(self.limits[1]):.1f} on 20 × 20, is no change"
            )
        )
        return told if parts == 1 else f"{told}; in {parts} parts, the first frame of each is kept"
