"""Which images show the same as another one: one meaning for all kinds of images.

First the images of each sequence are looked at, by themselves and anywhere; little is held of each.
Then all of them are compared (`pictures.across`).
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..base.work import Link, refuse_stopped
from ..dataset.frame_table import Reason
from ..settings.dedupe import DedupeSettings
from .cells import CELL, cells_of, level_of
from .likeness import Picture, is_still, read_picture
from .quality import detail_of
from .regions import ignored_cells
from .stillness import Rules, StillFilter
from .thinner import thinner_of

T = TypeVar("T")
R = TypeVar("R")

_NOTHING = np.dtype([])


@dataclass(frozen=True, eq=False)
class Images:
    """The images of one sequence that are to be compared, in their order.

    ``numbers``: int64, shape (images,), what the sequence calls each of them, ascending.
    ``positions``: the same shape, the place of each among all that were asked for, of which those
    between are left out already. ``path_of``: the file of a number; a million paths are much.
    ``hide_depth``: they hold fewer bits than what they show, so that none is a duplicate for sure.
    ``frame_size``: width and height in pixels of the frames that they may be smaller copies of.
    ``bytes_per_frame``: of the video whose frames they are, of which none is better than another;
    absent where each image is by itself.
    """

    numbers: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    path_of: Callable[[int], Path]
    hide_depth: bool = False
    frame_size: tuple[int, int] | None = None
    bytes_per_frame: float | None = None


@dataclass(frozen=True, eq=False)
class Marks:
    """What became of `Images`; all arrays have their shape.

    ``reason``: int8 (`Reason`), NONE for what is kept. ``sequence``: int64, the sequence of the
    kept image that each is like, -1 for its own. ``number``: int64, that image; itself where it is
    kept.
    """

    reason: npt.NDArray[np.int8]
    sequence: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen of the `Images` of a sequence; all arrays have their shape.

    ``numbers``, ``positions``: as there. ``like``: int64, the place of the image that each is still
    like, its own where it is not. ``looks``: what the thinner of the method holds of each, of its
    dtype; nothing where the method has none. ``unreadable``: bool, files that could not be read.
    ``deep``: bool, what has more bits than can be compared as a whole. ``is_frame``: bool, whether
    it is one of a video. If the method has a thinner, what tells how good each is: ``pixels``:
    int64, ``detail``: float32 (`pictures.quality`), ``size_bytes``: float64, of the file, or of the
    video per frame.
    """

    numbers: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    like: npt.NDArray[np.int64]
    looks: npt.NDArray[Any]
    unreadable: npt.NDArray[np.bool_]
    deep: npt.NDArray[np.bool_]
    is_frame: npt.NDArray[np.bool_]
    pixels: npt.NDArray[np.int64]
    detail: npt.NDArray[np.float32]
    size_bytes: npt.NDArray[np.float64]


def look(images: Images, settings: DedupeSettings, threads: int, link: Link) -> Seen:
    """Read all images of a sequence, and compare each with the last one that was kept.

    Args:
        images: what to look at.
        settings: what a still image is; with ``off`` nothing is read.
        threads: how many images are read at once.
        link: told how many more images are done.

    Raises:
        InterruptedRunError: the link is stopped.
    """
    count, method, thinner = len(images.numbers), settings.method, thinner_of(settings)
    seen = Seen(
        numbers=images.numbers,
        positions=images.positions,
        like=np.arange(count),
        looks=np.zeros(count, dtype=thinner.dtype if thinner else _NOTHING),
        unreadable=np.zeros(count, dtype=np.bool_),
        deep=np.full(count, images.hide_depth and method.compares),
        is_frame=np.full(count, images.bytes_per_frame is not None),
        pixels=np.zeros(count, dtype=np.int64),
        detail=np.zeros(count, dtype=np.float32),
        size_bytes=np.full(count, images.bytes_per_frame or 0.0),
    )
    if not method.compares or images.hide_depth:
        return seen
    stills = (
        _FixedStills(settings)
        if settings.is_fixed
        else _MeasuredStills(settings, images.frame_size)
    )
    paths = map(images.path_of, images.numbers.tolist())
    with closing(read_ahead(read_picture, paths, threads)) as pictures:
        for place, picture in enumerate(pictures):
            refuse_stopped(link)
            link.tell(1)
            if picture is None:
                seen.unreadable[place] = True
                continue
            seen.deep[place] = picture.is_deep
            if thinner is not None:
                seen.looks[place] = thinner.describe(picture.thumbnail[np.newaxis])[0]
                seen.pixels[place] = picture.planes[0].size
                seen.detail[place] = detail_of(picture.planes[0])
                if images.bytes_per_frame is None:
                    path = images.path_of(int(images.numbers[place]))
                    seen.size_bytes[place] = path.stat().st_size
            if method.drops_still:
                stills.take(int(images.positions[place]), picture)
    if method.drops_still and not seen.unreadable.all():
        readable = np.flatnonzero(~seen.unreadable)
        is_kept = np.isin(images.positions[readable], stills.kept())
        last_kept = np.maximum.accumulate(np.where(is_kept, np.arange(len(readable)), 0))
        seen.like[readable] = readable[last_kept]
    return seen


class _FixedStills:
    """Tells still pictures by thresholds that a person has fixed."""

    def __init__(self, settings: DedupeSettings) -> None:
        self._settings = settings
        self._kept: list[int] = []
        self._last: Picture | None = None

    def take(self, place: int, picture: Picture) -> None:
        """Take the picture at a place."""
        max_gap = self._settings.max_gap
        if (
            self._last is None
            or not is_still(picture, self._last, self._settings)
            or (max_gap is not None and place - self._kept[-1] > max_gap)
        ):
            self._kept.append(place)
            self._last = picture

    def kept(self) -> list[int]:
        """Return the places of the pictures to keep, once all were taken."""
        return self._kept


class _MeasuredStills:
    """Tells still pictures by the noise that is measured on them; those of another size anew."""

    def __init__(self, settings: DedupeSettings, frame_size: tuple[int, int] | None) -> None:
        self._settings, self._frame_size = settings, frame_size
        self._filters: list[StillFilter] = []
        self._kind: object = None

    def take(self, place: int, picture: Picture) -> None:
        """Take the picture at a place."""
        kind = [(plane.shape, plane.dtype) for plane in picture.planes]
        if kind != self._kind:
            self._kind = kind
            level = level_of(8 * picture.planes[0].itemsize)
            ignored = self._ignored(picture) if self._settings.regions else None
            rules = Rules(self._settings.max_gap, level, ignored)
            self._filters.append(StillFilter(rules))
        self._filters[-1].take(place, cells_of(picture.planes))

    def _ignored(self, picture: Picture) -> Callable[[tuple[int, int]], npt.NDArray[np.bool_]]:
        height, width = picture.planes[0].shape
        cells = ignored_cells(self._settings.regions, width, height, CELL, self._frame_size)
        return lambda _: cells

    def kept(self) -> list[int]:
        """Return the places of the pictures to keep, once all were taken."""
        for each in self._filters:
            each.finish()
        return [place for each in self._filters for place in each.kept]


def nothing_marked(numbers: npt.NDArray[np.int64]) -> Marks:
    """Return marks that keep all images."""
    return Marks(
        reason=np.full(len(numbers), Reason.NONE, dtype=np.int8),
        sequence=np.full(len(numbers), -1, dtype=np.int64),
        number=numbers,
    )


def read_ahead(
    read: Callable[[T], R], items: Iterable[T], threads: int
) -> Generator[R, None, None]:
    """Yield what is read of each item, in their order; ahead by two items a thread at most.

    However the iteration ends, all threads are awaited; what ``read`` raises is raised.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="prep-read") as pool:
        pending: deque[Future[R]] = deque()
        try:
            while True:
                for item in islice(remaining, 2 * threads - len(pending)):
                    pending.append(pool.submit(read, item))
                if not pending:
                    return
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
