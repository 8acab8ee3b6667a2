"""What ffmpeg hands over of the frames that are compared, and the choice among them."""

import functools
import itertools
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..dataset.records import VideoInfo
from ..pictures.cells import CELL, Cells, level_of
from ..pictures.regions import ignored_cells
from ..pictures.stillness import Rules, StillFilter
from ..settings.dedupe import DedupeSettings
from ..settings.regions import Region
from .frame_pipe import FRAME, FramePipe

_WASTED = 20
_WASTED_SHARE = 0.25
"""If more images than this many, and than this share of the frames, were encoded in vain, it is
cheaper to begin anew: noise makes all frames differ, though nothing moves."""


class WastefulError(Exception):
    """Too many images are written only to be removed.

    ``noise``: how much change there is no more than noise, in squares of levels.
    """

    def __init__(self, noise: float) -> None:
        super().__init__("too many images are written in vain")
        self.noise = noise


class CellReader(FramePipe):
    """Reads the cells of frames from a pipe, and lets a filter judge them.

    ``stills``: the filter, which calls the frames by their places among those that were asked for.
    """

    def __init__(
        self, stills: StillFilter, source: Path, *, selects_all: bool, may_waste: bool
    ) -> None:
        super().__init__(2, source)
        self.stills = stills
        self._selects_all, self._may_waste = selects_all, may_waste
        self._places = array("i")

    def judge(self, kept: "array[int]", selected: "array[int]") -> bool:
        """Judge the frames of which all is known; return whether any were.

        Args:
            kept: the indices of the frames that ffmpeg has let pass so far.
            selected: of those that were asked for, where that is not all.

        Raises:
            WastefulError: too many images are written in vain.
        """
        before = len(self._places)
        while len(self._places) < len(kept) and self.is_full:
            index = kept[len(self._places)]
            place = index if self._selects_all else bisect_left(selected, index)
            self._places.append(place)
            self.stills.take(place, self._cells())
            self.let_go()
            if self._may_waste:
                wasted = self.stills.judged - len(self.stills.kept)
                if wasted > max(_WASTED, _WASTED_SHARE * place):
                    raise WastefulError(self.stills.limits()[0])
        return len(self._places) > before

    def verdict(self, number: int) -> bool | None:
        """Return whether a frame is kept, of those that ffmpeg let pass.

        ``None`` while it was not handed over, and ``True`` until it is judged.
        """
        if number >= len(self._places):
            return None
        place, kept = self._places[number], self.stills.kept
        at = bisect_left(kept, place)
        return number >= self.stills.judged or (at < len(kept) and kept[at] == place)

    def finish(self, kept: "array[int]", selected: "array[int]") -> bool:
        """Read and judge the rest; return whether there were as many frames as ffmpeg said."""
        self._may_waste = False  # what was written in vain is written
        self.wait()
        self.judge(kept, selected)
        while self.wants_more:
            self.read()
            self.judge(kept, selected)
        self.stills.finish()
        return len(self._places) == len(kept) and not self.is_full

    def _cells(self) -> Cells:
        """Return the frame that is there, in levels of 8 bits."""
        samples = np.frombuffer(self.frame, dtype="<u2", offset=len(FRAME))
        levels = np.multiply(samples, np.float32(255 / 65535), dtype=np.float32)
        ends = itertools.accumulate(rows * columns for rows, columns in self.shapes)
        planes = np.split(levels, list(ends)[:-1])
        pairs = zip(planes, self.shapes, strict=True)
        return Cells(tuple(plane.reshape(shape) for plane, shape in pairs))


def read_cells(
    dedupe: DedupeSettings, info: VideoInfo, source: Path, *, selects_all: bool, may_waste: bool
) -> CellReader:
    """Return what reads and judges the cells of a video.

    Args:
        dedupe: what does not count, and how many frames in a row may be left out.
        info: the header of the video.
        source: its path, for messages.
        selects_all: whether all its frames are asked for.
        may_waste: whether all that is handed over is encoded, before it is judged.
    """
    level = level_of(info.component_bits)
    ignored = functools.partial(_ignored, dedupe.regions, info) if dedupe.regions else None
    stills = StillFilter(Rules(dedupe.max_gap, level, ignored))
    return CellReader(stills, source, selects_all=selects_all, may_waste=may_waste)


def _ignored(
    regions: Iterable[Region], info: VideoInfo, shape: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Return which cells of a frame do not count, which has so many rows and columns of them."""
    rows, columns = shape
    coded = (info.coded_width, info.coded_height)
    sizes = (
        (width, height)
        for width, height in (coded, coded[::-1])  # as it is, or turned upright
        if (-(-height // CELL), 2 * -(-width // (2 * CELL))) == shape
    )
    width, height = next(sizes, (columns * CELL, rows * CELL))
    ignored = ignored_cells(regions, width, height, CELL)
    return np.pad(ignored, ((0, 0), (0, columns - ignored.shape[1])), mode="edge")
