"""Positions in a video, rates of frames and ranges of grey levels, as people write them."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from ..base.errors import UsageError, printable

_HIGHEST_LEVEL = 65535
_STREAM_TIME = "pts:"


@dataclass(frozen=True)
class Position:
    """A place in a video.

    ``value`` is a frame index where ``unit`` is ``frame``; the seconds since the first frame where
    it is ``time``; and the seconds on the clock of the stream, which may begin anywhere, where it
    is ``pts``.
    """

    unit: Literal["frame", "time", "pts"]
    value: Fraction


def parse_position(text: str, name: str = "position") -> Position:
    """Return the place that a text names.

    A bare whole number is a frame; ``4.5s``, ``1:02`` and ``1:02:03.5`` are times since the first
    frame; ``pts:43202s`` and ``pts:12:00:02.5`` are times on the clock of the stream.

    Raises:
        UsageError: the text is none of these.
    """
    clean = text.strip()
    if len(clean) > 32:
        clean = ""
    if clean.isascii() and clean.isdigit():
        return Position("frame", Fraction(clean))
    is_stream_time = clean.startswith(_STREAM_TIME)
    digits = clean.removeprefix(_STREAM_TIME)
    sign = -1 if is_stream_time and digits.startswith("-") else 1
    parts = digits[sign < 0 :].removesuffix("s").split(":")
    is_time = clean.endswith("s") or len(parts) > 1
    if is_time and len(parts) <= 3 and all(_is_decimal(part) for part in parts):
        seconds = Fraction(0)
        for part in parts:
            seconds = seconds * 60 + Fraction(part)
        return Position("pts" if is_stream_time else "time", sign * seconds)
    hint = f" (seconds are written '{clean}s')" if _is_decimal(digits[sign < 0 :]) else ""
    raise UsageError(
        f"{name}: '{printable(text)}' is neither a frame such as 120 nor a time such as 4.5s or "
        f"1:02:03.5{hint}. Times count from the first frame; one on the clock of the stream is "
        "written pts:43202s."
    )


def parse_rate(text: str) -> Fraction:
    """Return a rate in frames a second.

    Raises:
        UsageError: the text is none, or out of range.
    """
    rate = Fraction(0)
    if len(text) <= 32 and re.fullmatch(r"\d+(\.\d+)?|\d+/0*[1-9]\d*", text, re.ASCII):
        rate = Fraction(text)
    # The bound keeps exact integer arithmetic on timestamps far from 64 bits.
    if rate <= 0 or rate > 10_000 or rate.denominator > 1_000_000:
        raise UsageError(
            f"fps: '{printable(text)}' is not a frame rate such as 2, 0.5 or 30000/1001."
        )
    return rate


def parse_levels(text: str) -> tuple[int, int]:
    """Return two grey levels, the lower one first.

    Raises:
        UsageError: the text is none such, or they are out of range.
    """
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text.strip(), re.ASCII)
    if match is None:
        raise UsageError(
            f"levels: '{printable(text)}' is neither auto nor two grey levels of the video such as "
            "28000:28344."
        )
    low, high = int(match[1]), int(match[2])
    if not low < high <= _HIGHEST_LEVEL:
        raise UsageError(
            f"levels: '{printable(text)}': the first level becomes black and the second one white, "
            f"so it must be higher, and at most {_HIGHEST_LEVEL:,}, the highest of 16 bits."
        )
    return low, high


def _is_decimal(text: str) -> bool:
    whole, _, part = text.partition(".")
    return text.isascii() and (whole + part).isdigit()
