"""Settings of how images are divided into train, val and test; see `settings.stages`."""

import re
from dataclasses import dataclass
from typing import Any

from ..base.errors import UsageError, printable
from .options import option

SIDES = ("train", "val", "test")
"""The sides, in the order in which their shares are given."""

BY = ("recording", "run", "video")
"""What stays together on one side."""

_AT_FIRST: dict[str, Any] = {"split": "80/10/10", "by": "recording", "seed": 0}


@dataclass(frozen=True)
class SplitSettings:
    """Which images are for training, and which for validation and test."""

    split: str | None = option(
        None,
        "Per cent of the images for train, val and test, such as 80/10/10, or 90/10 without test. "
        f"Default: as before, and the first time {_AT_FIRST['split']}.",
        metavar="SHARES",
    )
    by: str | None = option(
        None,
        "What stays together on one side: all that may show the same moment (recording: copies, "
        "re-encodings and chapters as well); each video by itself (video: chapters of one "
        "recording may part); or each run of frames without a break (run: the frames before and "
        "after a break may part, which often show the same people and places, so results on val "
        "and test look better than they are). Near-identical images never part. Default: as "
        f"before, and the first time {_AT_FIRST['by']}.",
        choices=BY,
    )
    seed: int | None = option(
        None,
        "Another number deals the images in another way. Default: as before, and the first time "
        f"{_AT_FIRST['seed']}.",
        metavar="N",
        minimum=0,
        maximum=2**31 - 1,
    )

    def __post_init__(self) -> None:
        if self.split is not None:
            object.__setattr__(self, "split", _checked(str(self.split)))

    def dealt(self, before: "SplitSettings | None" = None) -> "SplitSettings":
        """Return these settings with what is not set as it was before, or else by default."""
        values = {
            name: next(
                value
                for value in (getattr(self, name), getattr(before, name, None), first)
                if value is not None
            )
            for name, first in _AT_FIRST.items()
        }
        return SplitSettings(**values)

    @property
    def shares(self) -> dict[str, float]:
        """The share of each side, of those that get any; 1 all together.

        Nothing where ``split`` is not set.
        """
        parts = [float(part) / 100 for part in (self.split or "").split("/") if part]
        return {side: share for side, share in zip(SIDES, parts, strict=False) if share}


@dataclass(frozen=True)
class LeakSettings:
    """What in val or test counts as shown by train already, besides near-identical images."""

    near_frames: int = option(
        30,
        "A frame of val or test leaks if train has one of the same video at most this many frames "
        "away.",
        metavar="FRAMES",
        minimum=0,
        maximum=10**9,
    )
    near_seconds: float = option(
        1.0,
        "The same in seconds, where times are known.",
        metavar="SECONDS",
        minimum=0,
        maximum=10**9,
    )


def _checked(text: str) -> str:
    """Return shares as they are written; UsageError where they are none."""
    parts = [part.strip() for part in text.split("/")]
    is_number = all(re.fullmatch(r"\d{1,3}(\.\d+)?", part) for part in parts)
    if not (2 <= len(parts) <= len(SIDES) and is_number):
        raise UsageError(
            f"'split' ({printable(text)}) is no list of shares: write per cent for train, val and "
            "test, such as 80/10/10, or 90/10 without test."
        )
    numbers = [float(part) for part in parts]
    if abs(sum(numbers) - 100) > 1e-6 or sum(number > 0 for number in numbers) < 2:
        raise UsageError(
            f"'split' ({printable(text)}): the shares are to be 100 per cent together, and at "
            "least two of them more than 0."
        )
    return "/".join(f"{number:g}" for number in numbers)
