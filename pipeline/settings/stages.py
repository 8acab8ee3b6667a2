"""Settings: every default, range and help text is written here, once.

The command line, ``prep init``, ``configs/default.yaml`` and the README's tables all read them
from the fields below, and from those in `settings.cvat`.
"""

import dataclasses
import difflib
from dataclasses import dataclass
from typing import Any

from ..base.errors import UsageError, printable
from ..dataset.records import BREAK_KINDS
from .positions import parse_position, parse_rate


def option(
    default: Any,
    help_text: str,
    *,
    metavar: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Return a dataclass field that carries its help text and range for flag and file alike."""
    return dataclasses.field(
        default=default,
        metadata={
            "help": help_text,
            "metavar": metavar,
            "min": minimum,
            "max": maximum,
            "choices": choices,
        },
    )


SAMPLING = ("every", "fps", "keyframes")
"""The ways of sampling; at most one is chosen."""


@dataclass(frozen=True)
class ExtractSettings:
    """What the images of a video are. A change of any of these makes another dataset."""

    quality: int = option(
        4, "JPEG quality as ffmpeg's -q:v, 1 (best) to 31.", minimum=1, maximum=31
    )
    digits: int = option(
        6, "Digits of the frame number in file names; 6 hold 999,999.", minimum=1, maximum=9
    )
    format: str = option("jpg", "Image format.", choices=("jpg", "png"))
    start: str | None = option(
        None,
        "Leave out frames before this frame (120) or time (4.5s, 1:02:03.5).",
        metavar="POSITION",
    )
    end: str | None = option(
        None, "Leave out this frame or time and what comes after it.", metavar="POSITION"
    )
    every: int | None = option(None, "Keep every Nth frame.", metavar="N", minimum=1, maximum=10**9)
    fps: str | None = option(
        None,
        "Keep F frames a second: the nearest existing one each, never one twice.",
        metavar="F",
    )
    keyframes: bool = option(False, "Keep only frames that the decoder marks as keyframes.")
    max_size: int | None = option(
        None,
        "Scale down so that the longer side has at most this many pixels.",
        metavar="PIXELS",
        minimum=16,
        maximum=65535,
    )

    def __post_init__(self) -> None:
        sampling = [name for name in SAMPLING if getattr(self, name)]
        if len(sampling) > 1:
            names = " and ".join(f"'{name}'" for name in sampling)
            raise UsageError(f"{names} exclude each other: choose one way of sampling.")
        if self.fps is not None:
            object.__setattr__(self, "fps", str(parse_rate(str(self.fps))))
        for name in ("start", "end"):
            if getattr(self, name) is not None:
                parse_position(str(getattr(self, name)), name)

    @property
    def selects_by_position(self) -> bool:
        """Whether a frame is asked for by its place in the video, or on its clock."""
        return any(value is not None for value in (self.start, self.end, self.every, self.fps))


@dataclass(frozen=True)
class DedupeSettings:
    """Which frames are left out because an earlier one shows the same."""

    dedupe: str = option(
        "still",
        "Leave out frames in which no block changed (still), frames that look alike as a whole "
        "too (similar: may lose small movements), or none (off).",
        choices=("off", "still", "similar"),
    )
    hi: float = option(
        8.0,
        "Still: a block of 8x8 pixels that changed by more grey levels a pixel keeps the frame.",
        metavar="LEVELS",
        minimum=0,
        maximum=255,
    )
    lo: float = option(
        8.0,
        "Still: blocks that changed by more than this keep the frame where they are many. Lower "
        "than hi, it also keeps slow fades, and all frames of a noisy camera.",
        metavar="LEVELS",
        minimum=0,
        maximum=255,
    )
    frac: float = option(
        0.33,
        "Still: how many are many, as a share of all blocks.",
        metavar="SHARE",
        minimum=0,
        maximum=1,
    )
    distance: int = option(
        4,
        "Similar: bits by which the perceptual hashes (64 bits) of alike frames differ at most.",
        metavar="BITS",
        minimum=0,
        maximum=32,
    )
    max_gap: int | None = option(
        None, "Leave out at most this many frames in a row.", metavar="N", minimum=1, maximum=10**6
    )


@dataclass(frozen=True)
class BreakSettings:
    """Where a tracker must not interpolate, and which of these places end a run."""

    step_factor: float = option(
        1.5,
        "A step of the clock larger than this times the usual one is a break (timeline).",
        metavar="FACTOR",
        minimum=1,
        maximum=1000,
    )
    cut_score: float = option(
        10.0,
        "A scene score above this, of 100, is taken for a cut.",
        metavar="SCORE",
        minimum=0,
        maximum=100,
    )
    ends_run: str = option(
        "missing,timeline,cut,damage,size",
        "Kinds of break that end a run, separated by commas; also possible: still.",
        metavar="KINDS",
    )

    def __post_init__(self) -> None:
        for kind in self.run_enders:
            refuse_unknown(kind, BREAK_KINDS, "breaks: ends_run: kind")

    @property
    def run_enders(self) -> frozenset[str]:
        """The kinds of break that end a run."""
        return frozenset(part.strip() for part in self.ends_run.split(",") if part.strip())


@dataclass(frozen=True)
class ValidateSettings:
    """Which images are marked for how they look; a mark never rejects one."""

    blur: float = option(
        8.0,
        "Blurred: an image whose sharpness (variance of the Laplacian) is below this.",
        metavar="VARIANCE",
        minimum=0,
    )
    dark: float = option(
        16.0,
        "Dark: an image whose mean grey level, of 255, is below this.",
        metavar="LEVEL",
        minimum=0,
        maximum=255,
    )
    bright: float = option(
        240.0,
        "Bright: an image whose mean grey level is above this.",
        metavar="LEVEL",
        minimum=0,
        maximum=255,
    )
    flat: float = option(
        4.0,
        "Flat: an image whose grey levels have a standard deviation below this.",
        metavar="LEVELS",
        minimum=0,
        maximum=255,
    )


@dataclass(frozen=True)
class RunSettings:
    """How the work is done. Of these only ``hwaccel`` may change an image, and so the digest."""

    ffmpeg: str | None = option(
        None, "ffmpeg to use, 4.4 or newer, instead of the bundled one.", metavar="PATH"
    )
    hwaccel: str | None = option(
        None,
        "Decode with this hardware acceleration of ffmpeg (cuda, vaapi, ...). The images of some "
        "codecs are not the same bytes then.",
        metavar="NAME",
    )
    engine: str = option(
        "pool",
        "What carries out the work: processes of this machine (pool), threads of one process "
        "(threads), or a Ray cluster (ray).",
        choices=("pool", "threads", "ray"),
    )
    address: str | None = option(
        None,
        "With engine ray: address of the cluster (auto: the one that this machine is in). "
        "Default: one is started for the run.",
        metavar="HOST:PORT",
    )
    workers: int | None = option(
        None,
        "Units of work at once: videos, segments of long ones, or images (default: one a core, "
        "as far as memory allows). A Ray cluster knows its own.",
        metavar="N",
        minimum=1,
        maximum=1024,
    )
    segment_frames: int = option(
        3000,
        "A video of at least twice as many frames is cut into segments of this many, which are "
        "done side by side; the first frame of each is always kept.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**9,
    )
    on_damage: str = option(
        "keep", "Damaged video: keep what decodes and say so, or fail.", choices=("keep", "fail")
    )
    stall_seconds: int = option(
        60,
        "Stop ffmpeg when no frame came for this many seconds.",
        metavar="SECONDS",
        minimum=1,
        maximum=86400,
    )


def refuse_unknown(key: object, known: Any, where: str) -> None:
    """Refuse a name that is not known, with the nearest right one.

    Raises:
        UsageError: it is not.
    """
    if key in known:
        return
    close = difflib.get_close_matches(str(key), list(known), n=1)
    hint = f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(known)}."
    raise UsageError(f"{where} '{printable(key)}' is unknown.{hint}")
