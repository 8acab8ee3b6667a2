"""Regions of the picture, as people write them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import PurePosixPath
from typing import NoReturn

from ..base.errors import UsageError, printable
from ..base.words import count
from .options import refuse_unknown

_KEYS = ("videos", "region")
_WAY_OUT = (
    "A region is a box, left,top,right,bottom, in pixels such as 1180,0,1280,40 or in shares of "
    "the frame such as 92%,0%,100%,6%; or a polygon such as '10,10 200,10 120,90'."
)

Point = tuple[Decimal, Decimal]


@dataclass(frozen=True)
class Region:
    """A part of the frame as it is displayed: after rotation, before images are scaled down.

    ``points``: of a box its upper left and its lower right corner, of a polygon all of them, each
    as x and y; in pixels from the upper left corner of the frame, or in per cent of its width and
    height where ``is_share``. ``videos``: a pattern of those that it is for, all if absent.
    """

    points: tuple[Point, ...]
    is_share: bool = False
    videos: str | None = None

    def __str__(self) -> str:
        unit = "%" if self.is_share else ""
        pairs = (f"{_plain(x)}{unit},{_plain(y)}{unit}" for x, y in self.points)
        return ("," if len(self.points) == 2 else " ").join(pairs)

    def corners(self, width: int, height: int) -> tuple[tuple[Fraction, Fraction], ...]:
        """Return all its corners in a frame of that size, x and y in pixels; they may be beyond."""
        points = [(Fraction(x), Fraction(y)) for x, y in self.points]
        if self.is_share:
            points = [(x * width / 100, y * height / 100) for x, y in points]
        if len(points) > 2:
            return tuple(points)
        (left, top), (right, bottom) = points
        return (left, top), (right, top), (right, bottom), (left, bottom)

    def is_for(self, video_id: str, name: str) -> bool:
        """Whether it is for a video.

        Args:
            video_id: its id.
            name: its path under the input folder, with '/' as separator.
        """
        names = (video_id, name, PurePosixPath(name).name)
        return self.videos is None or any(fnmatchcase(each, self.videos) for each in names)


def read_region(entry: object) -> Region:
    """Return the region that an entry of the setting ignore is.

    Args:
        entry: its text; or in a settings file also a mapping of ``region`` to that, and of
            ``videos`` to a pattern.

    Raises:
        UsageError: it is none of these.
    """
    if isinstance(entry, Region):
        return entry
    if not isinstance(entry, Mapping):
        return parse_region(entry)
    for key in entry:
        refuse_unknown(key, _KEYS, "ignore: key")
    if missing := [key for key in _KEYS if entry.get(key) in (None, "")]:
        raise UsageError(
            f"ignore: '{missing[0]}' is missing in an entry of keys. It needs both, such as "
            "{videos: 'cam2*', region: '1180,0,1280,40'}."
        )
    region = parse_region(entry["region"])
    return Region(region.points, region.is_share, str(entry["videos"]))


def parse_region(text: object) -> Region:
    """Return the region that a text names.

    ``1180,0,1280,40`` is a box, ``10,10 200,10 120,90`` a polygon; ``%`` behind each number makes
    them shares of the frame.

    Raises:
        UsageError: the text is neither, or nothing lies in it.
    """
    written = str(text)
    numbers = [p.split(",") for p in re.sub(r"\s*,\s*", ",", written.strip()).split()]
    if not isinstance(text, str) or [*map(len, numbers)] == [1]:
        _refuse(written, "is not four numbers with commas between, all in one text")
    is_box = [*map(len, numbers)] == [4]
    if not is_box and (not numbers or any(len(pair) != 2 for pair in numbers)):
        _refuse(written, "is neither four numbers with commas between, nor pairs of such numbers")
    if not is_box and len(numbers) < 3:
        _refuse(written, f"has {count(len(numbers), 'corner')}, but a polygon has 3 or more")
    values, is_share = _read_numbers(written, [each for pair in numbers for each in pair])
    points = tuple(zip(values[::2], values[1::2], strict=True))
    if is_box:
        _refuse_reversed(written, points)
    elif not _area(points):
        _refuse(written, "has no area: its corners lie on one line")
    return Region(points, is_share)


def _read_numbers(text: str, numbers: Sequence[str]) -> tuple[list[Decimal], bool]:
    """Return the numbers of a region, and whether they are shares in per cent."""
    for number in numbers:
        if re.fullmatch(r"-\d+(\.\d*)?%?", number, re.ASCII):
            _refuse(text, f"lies outside of the frame: {number}, but numbers begin at 0")
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?%?", number, re.ASCII):
            _refuse(text, f"holds '{printable(number)}', which is no number of pixels and no share")
    is_share = any(number.endswith("%") for number in numbers)
    values = [Decimal(number.removesuffix("%")) for number in numbers]
    for number, value in zip(numbers, values, strict=True):
        if is_share and value and not number.endswith("%"):  # 0 is the same in both
            _refuse(text, f"mixes pixels and shares: {number} has no %")
        if is_share and value > 100:
            _refuse(text, f"lies outside of the frame: {number} is more than all of it")
    return values, is_share


def _refuse_reversed(text: str, points: Sequence[Point]) -> None:
    (left, top), (right, bottom) = points
    for first, last, begin, end in (
        ("left", "right", left, right), ("top", "bottom", top, bottom),
    ):  # fmt: skip
        if end <= begin:
            _refuse(
                text,
                f"has its {last} edge at {_plain(end)}, which is not beyond its {first} edge at "
                f"{_plain(begin)}; the last two numbers are edges, no width and height",
            )


def _area(points: Sequence[Point]) -> Decimal:
    """Return the largest area of a triangle at the first corner, doubled; 0 if all is one line."""
    (left, top), *others = points
    (x, y) = max(others, key=lambda point: abs(point[0] - left) + abs(point[1] - top))
    return max(abs((x - left) * (b - top) - (y - top) * (a - left)) for a, b in others)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _refuse(text: str, what: str) -> NoReturn:
    raise UsageError(f"ignore: '{printable(text)}' {what}", _WAY_OUT)
