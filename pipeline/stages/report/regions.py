"""Regions of one video in a report: what was ignored, where something changed, what might be."""

import glob
from dataclasses import dataclass

import numpy as np

from ...dataset.change_map import ChangeMap
from ...dataset.frame_table import Fate, FrameTable
from ...dataset.records import VideoRecord
from ...pictures.suggest import suggest_regions
from ...settings.regions import Region, read_region

Corner = tuple[float, float]


@dataclass(frozen=True)
class Ignored:
    """A region that was ignored, as people write it; its corners are x and y in pixels."""

    region: str
    corners: tuple[Corner, ...]


@dataclass(frozen=True)
class Suggested:
    """A region that might be ignored: see `pictures.suggest.Suggestion`.

    ``option`` is for the command line, ``entry`` for the settings file and this video alone.
    """

    region: str
    corners: tuple[Corner, ...]
    kind: str
    percent: int
    option: str
    entry: str


@dataclass(frozen=True)
class RegionsReport:
    """The regions of a video; ``width`` and ``height`` of its frames in pixels, as displayed.

    ``changes`` says where something changed, absent where nobody knows or the page has no room.
    """

    width: int
    height: int
    ignored: tuple[Ignored, ...]
    suggested: tuple[Suggested, ...]
    changes: ChangeMap | None


def read_regions(record: VideoRecord, frames: FrameTable, *, has_map: bool) -> RegionsReport | None:
    """Return what there is to say of regions of a video, ``None`` where that is nothing.

    Args:
        record: the video.
        frames: its frames.
        has_map: whether there is room for the map of changes.
    """
    size, changes = record.frame_size, record.changes
    regions = tuple(map(read_region, record.settings.get("ignore", ())))
    if size is None or (changes is None and not regions):
        return None
    found = () if changes is None else suggest_regions(changes, size, _seconds_of(frames), regions)
    return RegionsReport(
        *size,
        ignored=tuple(Ignored(str(region), _corners(region, size)) for region in regions),
        suggested=tuple(
            Suggested(
                region=(text := str(each.region)),
                corners=_corners(each.region, size),
                kind=each.kind,
                percent=each.percent,
                option=f"--ignore {text}",
                entry=f"{{videos: {_quoted(glob.escape(record.id))}, region: {_quoted(text)}}}",
            )
            for each in found
        ),
        changes=changes if has_map else None,
    )


def _seconds_of(frames: FrameTable) -> float | None:
    """Return how long the frames take that were asked for, which are those that are compared."""
    times = frames.time_seconds[frames.fate != Fate.SAMPLED_OUT]
    times = times[~np.isnan(times)]
    return float(np.ptp(times)) if len(times) else None


def _corners(region: Region, size: tuple[int, int]) -> tuple[Corner, ...]:
    return tuple((round(float(x), 2), round(float(y), 2)) for x, y in region.corners(*size))


def _quoted(text: str) -> str:
    """Return a text as YAML takes it whatever is in it."""
    return "'" + text.replace("'", "''") + "'"
