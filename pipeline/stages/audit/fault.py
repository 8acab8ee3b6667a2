"""What a rule says of a track, before it is known where that stands in its video."""

from dataclasses import dataclass

from ...tracks.model import Track


@dataclass(frozen=True, eq=False)
class Fault:
    """Something wrong with a track, by a rule that needs no clock.

    ``frames`` are the first, the last and the worst, ``size`` is in the unit of its kind, ``limit``
    what it would have to be over to be told. ``other`` is the second track that it is about, and
    ``apart`` the number of frames on which both are shown, and far from each other.
    """

    kind: str
    track: Track
    frames: tuple[int, int, int]
    size: float
    limit: float
    message: str
    other: Track | None = None
    apart: int = 0
