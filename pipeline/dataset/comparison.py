"""How the still frames of a video were told from the others."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Comparison:
    """How the still frames of a video were told.

    ``way``: ``fixed`` thresholds; or by what noise was measured, in ``one pass``, or in ``two
    passes`` where noise makes all frames differ; both where segments differ. ``limits``: what
    counts as noise, the middle of what was measured (`pictures.stillness.MEASURES`).
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
