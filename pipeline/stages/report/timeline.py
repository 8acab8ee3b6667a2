"""A video's frames in a number of columns that does not depend on how many frames there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...dataset.frame_table import Fate, FrameTable
from ...dataset.records import Break


@dataclass(frozen=True)
class Timeline:
    """A video in a limited number of columns of neighbouring frames, all lists as long.

    ``first_frames`` and ``seconds`` say where a column begins. ``fates`` counts its frames by
    fate. ``cut_score`` is the largest in it, 0 to 100, ``sharpness`` and ``brightness`` the mean
    of what was measured; ``None`` where there is no value. ``breaks`` names for each kind the
    columns that hold the frame after a break.
    """

    first_frames: list[int]
    seconds: list[float | None]
    fates: dict[str, list[int]]
    cut_score: list[float | None]
    sharpness: list[float | None]
    brightness: list[float | None]
    breaks: dict[str, list[int]]


def draw_timeline(frames: FrameTable, breaks: Sequence[Break], columns: int) -> Timeline:
    """Return the timeline of a video, in at most so many columns."""
    firsts = np.unique(np.linspace(0, len(frames), columns, endpoint=False).astype(np.int64))
    firsts = firsts[: len(frames)]
    marks: dict[str, set[int]] = {}
    places = np.searchsorted(firsts, [each.before for each in breaks], side="right") - 1
    for each, place in zip(breaks, places, strict=True):
        marks.setdefault(each.kind, set()).add(int(place))
    return Timeline(
        first_frames=firsts.tolist(),
        seconds=_listed(frames.time_seconds[firsts], 3),
        fates={
            fate.name.lower(): np.add.reduceat(frames.fate == fate, firsts, dtype=int).tolist()
            if len(firsts)
            else []
            for fate in Fate
        },
        cut_score=_listed(
            np.maximum.reduceat(frames.cut_score, firsts) if len(firsts) else firsts, 1
        ),
        sharpness=_means(frames.sharpness, firsts),
        brightness=_means(frames.brightness, firsts),
        breaks={kind: sorted(columns) for kind, columns in marks.items()},
    )


def _means(values: npt.NDArray[np.float32], firsts: npt.NDArray[np.int64]) -> list[float | None]:
    """Return the mean of the known values of each column; an empty list if none is known."""
    known = ~np.isnan(values)
    if not known.any():
        return []
    counts = np.add.reduceat(known, firsts, dtype=np.int64)
    sums = np.add.reduceat(np.where(known, values, 0), firsts, dtype=np.float64)
    return _listed(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0), 1)


def _listed(values: npt.NDArray[Any], digits: int) -> list[float | None]:
    return [None if np.isnan(value) else round(value, digits) for value in values.tolist()]
