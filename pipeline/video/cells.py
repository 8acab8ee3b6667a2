"""What ffmpeg hands over of the frames that are compared, and the choice among them."""

import contextlib
import fcntl
import functools
import os
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from ..dataset.records import VideoInfo
from ..pictures.cells import CELL, Cells, level_of
from ..pictures.regions import ignored_cells
from ..pictures.stillness import Rules, StillFilter
from ..settings.dedupe import DedupeSettings
from ..settings.regions import Region

_READ_BYTES = 1 << 20
_HEADER = re.compile(rb"YUV4MPEG2 W(\d+) H(\d+) .*?\bC(mono16|420p16)\b[^\n]*\n")
_FRAME = b"FRAME\n"
_LONGEST_HEADER = 1000

_WASTED = 50
_WASTED_SHARE = 0.25
"""If more images than this many, and than this share of the frames, were encoded in vain, it is
cheaper to decode the video twice: noise makes all its frames differ, though nothing moves."""


class WastefulError(Exception):
    """Too many images are written only to be removed.

    ``noise``: how much change there is no more than noise, in squares of levels.
    """

    def __init__(self, noise: float) -> None:
        super().__init__("too many images are written in vain")
        self.noise = noise


class CellReader:
    """Reads the cells of frames from a pipe, and lets a filter judge them.

    ``target``: where ffmpeg is to write them. ``file``: the descriptor to read from. ``stills``:
    the filter, which calls the frames by their places among those that were asked for.
    """

    def __init__(self, stills: StillFilter, *, selects_all: bool, writes_images: bool) -> None:
        self.stills = stills
        self.file, self.write_file = os.pipe()
        self.target = f"pipe:{self.write_file}"
        with contextlib.suppress(OSError):  # it is as fast as it can be
            fcntl.fcntl(self.file, fcntl.F_SETPIPE_SZ, _READ_BYTES)
        self._selects_all, self._writes_images = selects_all, writes_images
        self._data = bytearray()
        self._shapes: list[tuple[int, int]] = []
        self._taken = 0

    def read(self) -> bool:
        """Read what is there; return whether there may be more."""
        data = os.read(self.file, _READ_BYTES)
        self._data += data
        return bool(data)

    def judge(self, kept: "array[int]", selected: "array[int]") -> bool:
        """Judge the frames of which all is known; return whether any were.

        Args:
            kept: the indices of the frames that ffmpeg has let pass so far.
            selected: of those that were asked for, where that is not all.

        Raises:
            WastefulError: too many images are written in vain.
        """
        before = self._taken
        while self._taken < len(kept) and (cells := self._next()) is not None:
            index = kept[self._taken]
            place = index if self._selects_all else bisect_left(selected, index)
            self._taken += 1
            self.stills.take(place, cells)
            if self._writes_images:
                wasted = self.stills.judged - len(self.stills.kept)
                if wasted > max(_WASTED, _WASTED_SHARE * place):
                    raise WastefulError(self.stills.limits()[0])
        return self._taken > before

    def finish(self, kept: "array[int]", selected: "array[int]") -> bool:
        """Read and judge the rest; return whether there were as many frames as ffmpeg said."""
        self._writes_images = False  # what was written in vain is written
        while self.read():
            self.judge(kept, selected)
        self.judge(kept, selected)
        self.stills.finish()
        return self._taken == len(kept) and not self._data.startswith(_FRAME)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.file)

    def _next(self) -> Cells | None:
        """Return the next frame, or ``None`` if not all of it is there."""
        if not self._shapes:
            match = _HEADER.match(self._data[:_LONGEST_HEADER])
            if not match:
                return None
            width, height = int(match[1]), int(match[2])
            self._shapes = [(height, width)]
            if match[3] != b"mono16":
                self._shapes += [((height + 1) // 2, (width + 1) // 2)] * 2
            del self._data[: match.end()]
        end = len(_FRAME) + 2 * sum(rows * columns for rows, columns in self._shapes)
        if len(self._data) < end:
            return None
        levels = np.frombuffer(self._data[len(_FRAME) : end], dtype="<u2").astype(np.float32)
        levels *= np.float32(255 / 65535)
        del self._data[:end]
        ends = np.cumsum([rows * columns for rows, columns in self._shapes])
        planes = np.split(levels, ends[:-1])
        pairs = zip(planes, self._shapes, strict=True)
        return Cells(tuple(plane.reshape(shape) for plane, shape in pairs))


@contextlib.contextmanager
def read_cells(
    dedupe: DedupeSettings, info: VideoInfo, selects_all: bool, writes_images: bool
) -> Iterator[CellReader]:
    """Give what reads and judges the cells of a video.

    Args:
        dedupe: what does not count, and how many frames in a row may be left out.
        info: the header of the video.
        selects_all: whether all its frames are asked for.
        writes_images: whether what is handed over also becomes images.
    """
    level = level_of(info.component_bits)
    ignored = functools.partial(_ignored, dedupe.regions, info) if dedupe.regions else None
    stills = StillFilter(Rules(dedupe.max_gap, level, ignored))
    reader = CellReader(stills, selects_all=selects_all, writes_images=writes_images)
    try:
        yield reader
    finally:
        reader.close()


def _ignored(
    regions: Iterable[Region], info: VideoInfo, shape: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Return which cells of a frame do not count, which has so many rows and columns of them."""
    coded = (info.coded_width, info.coded_height)
    sizes = (
        (width, height)
        for width, height in (coded, coded[::-1])  # as it is, or turned upright
        if (-(-height // CELL), -(-width // CELL)) == shape
    )
    width, height = next(sizes, (shape[1] * CELL, shape[0] * CELL))
    return ignored_cells(regions, width, height, CELL)
