"""Regions that a person may want to ignore: where something changes all the time.

Found in the map of changes alone, so what is suggested is for a person to look at. Where much of
the picture changes often, that is what the video shows, and nothing is suggested.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..dataset.change_map import ChangeMap
from ..settings.regions import Region, parse_region
from .opencv import cv2
from .regions import ignored_cells

Shares = npt.NDArray[np.int64]

_SHORTEST_SECONDS = 10  # for less time anything may move all along
_FEWEST = 100  # frames
_REST = 85  # per cent of the cells that must hardly ever change
_ALWAYS = 50  # per cent of the frames
_QUIETER = 5  # times less often than what is suggested
_LARGEST_CLOCK = 0.04  # of the picture
_EDGE = 0.25  # of the height: above and below, where clocks are burnt in
_MOST = 5


@dataclass(frozen=True)
class Suggestion:
    """A box in which something changes while the rest of the picture hardly ever does.

    ``kind`` is ``always``: in most of the frames, as a tree or a screen; or ``clock``: near the
    upper or lower edge, once or twice a second. ``percent`` of the frames is that of the cell that
    changes most.
    """

    region: Region
    kind: Literal["always", "clock"]
    percent: int


def suggest_regions(
    changes: ChangeMap,
    frame_size: tuple[int, int],
    seconds: float | None,
    ignored: Iterable[Region] = (),
) -> tuple[Suggestion, ...]:
    """Return what might be ignored, in pixels of the frame; what changes most first.

    Args:
        changes: where something changed.
        frame_size: width and height of the displayed frame, in pixels.
        seconds: how long the frames are shown that were compared; ``None`` where nobody knows,
            then nothing is taken for a clock.
        ignored: what is ignored already, and not suggested again.
    """
    is_short = seconds is not None and seconds < _SHORTEST_SECONDS
    if changes.compared < _FEWEST or is_short:
        return ()
    shares = changes.to_array().astype(np.int64)
    shares[_cells(ignored, changes, frame_size)] = 0
    found = [
        Suggestion(_box(part, changes, frame_size), "always", int(shares[part].max()))
        for part in _always(shares)
    ]
    shares[_cells([each.region for each in found], changes, frame_size)] = 0
    found += [
        Suggestion(_box(part, changes, frame_size), "clock", int(shares[part].max()))
        for part in (_clocks(shares, 100 * seconds / changes.compared) if seconds else ())
    ]
    return tuple(sorted(found, key=lambda each: -each.percent)[:_MOST])


def _always(shares: Shares) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield the cells of each part in which something changed in most of the frames."""
    rest = np.percentile(shares, _REST)
    if rest * _QUIETER <= _ALWAYS:
        for part in _parts(shares > max(rest, _ALWAYS / _QUIETER)):
            if shares[part].max() > _ALWAYS:
                yield part


def _clocks(shares: Shares, tick: float) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield the cells of each clock.

    Digits beside those of the seconds change less often and belong to it, so a part is all that
    touches and changes more often than the rest.

    Args:
        shares: in per cent.
        tick: the share of the frames, in per cent, in which a second begins.
    """
    rest = np.percentile(shares, _REST)
    if rest * _QUIETER > max(tick, _QUIETER) or tick > _ALWAYS:
        return
    height = len(shares)
    for part in _parts(shares > rest):
        rows = np.flatnonzero(part.any(axis=1))
        middle = (rows[0] + rows[-1] + 1) / 2 / height
        percent = shares[part].max()
        is_small = np.count_nonzero(part) <= max(1, _LARGEST_CLOCK * part.size)
        is_at_edge = min(middle, 1 - middle) <= _EDGE
        # Shares are rounded up, and one tick may fall out of the video.
        ticks = any(0.9 * n * tick <= percent <= 1.05 * n * tick + 1 for n in (1, 2))
        if is_small and is_at_edge and ticks:
            yield part


def _parts(cells: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield each connected part of the cells; a gap of two cells does not divide them."""
    bridged = cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(bridged, connectivity=8)
    for label in range(1, count):
        yield cells & (labels == label)


def _box(part: npt.NDArray[np.bool_], changes: ChangeMap, frame_size: tuple[int, int]) -> Region:
    """Return the smallest box that holds all cells of a part."""
    side = changes.cell_pixels
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    right, bottom = (
        min((int(cells[-1]) + 1) * side, size)
        for cells, size in zip((columns, rows), frame_size, strict=True)
    )
    return parse_region(f"{int(columns[0]) * side},{int(rows[0]) * side},{right},{bottom}")


def _cells(
    regions: Iterable[Region], changes: ChangeMap, frame_size: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Return the cells of the map that the regions touch: bool, shape (rows, columns)."""
    touched = np.zeros((changes.rows, changes.columns), dtype=np.bool_)
    cells = ignored_cells(regions, *frame_size, changes.cell_pixels)
    cells = cells[: changes.rows, : changes.columns]
    touched[: cells.shape[0], : cells.shape[1]] = cells
    return touched
