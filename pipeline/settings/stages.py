"""Settings: every default, range and help text is written here, once.

The command line, ``prep init``, ``configs/default.yaml`` and the tables of ``docs/commands.md`` all
read them from the fields below, and from those in `settings.dedupe` and `settings.cvat`.
"""

import re
from dataclasses import dataclass

from ..base.errors import UsageError, printable
from .options import option, refuse_unknown
from .positions import parse_levels, parse_position, parse_rate

AUTO = "auto"
"""The value of the setting levels by which they are measured."""

SAMPLING = ("every", "fps", "keyframes")
"""The ways of sampling; at most one is chosen."""


@dataclass(frozen=True)
class ExtractSettings:
    """What the images of a video are. A change of any but stream makes another dataset."""

    quality: int = option(
        4, "JPEG quality, as ffmpeg's -q:v: 1 (best) to 31.", minimum=1, maximum=31
    )
    digits: int = option(
        6,
        "Digits of the frame number in file names. 6 are enough for 999,999 frames; a longer "
        "video is refused.",
        minimum=1,
        maximum=9,
    )
    format: str = option("jpg", "Image format.", choices=("jpg", "png"))
    start: str | None = option(
        None,
        "Leave out everything before this frame (120) or time. Times count from the first frame "
        "(4.5s, 1:02:03.5), or are those of the stream's own clock (pts:43202s).",
        metavar="POSITION",
    )
    end: str | None = option(
        None, "Leave out this frame or time, and everything after it.", metavar="POSITION"
    )
    every: int | None = option(
        None,
        "Keep every Nth frame, counted from the first one or from --start.",
        metavar="N",
        minimum=1,
        maximum=10**9,
    )
    fps: str | None = option(
        None,
        "Keep F frames per second: at each instant the nearest frame, none of them twice.",
        metavar="F",
    )
    keyframes: bool = option(False, "Keep only the keyframes of the video.")
    max_size: int | None = option(
        None,
        "Scale images down until the longer side has at most this many pixels.",
        metavar="PIXELS",
        minimum=16,
        maximum=65535,
    )
    deinterlace: bool = option(
        False,
        "Rebuild one full picture from the two half pictures in each frame of interlaced footage "
        "(bwdif). Frames and numbers stay the same. Other videos change too: leave them out.",
        is_named_if_set=True,
    )
    tonemap: bool = option(
        False,
        "Convert HDR videos to ordinary colours (BT.709); without it, their images look pale. "
        "Other videos stay as they are.",
        is_named_if_set=True,
    )
    levels: str | None = option(
        None,
        "Grey levels of the video that become black and white in the images, for thermal and depth "
        "footage; auto measures each video first. Images then have 8 bits.",
        metavar="LOW:HIGH|auto",
        is_named_if_set=True,
    )
    stream: str | None = option(
        None,
        "Extract the video stream with this number, as ffprobe counts, or all of them: the usual "
        "one keeps the id of the video, others get it with _s1 and so on. A file without that "
        "stream fails. Default: the first.",
        metavar="N|all",
        decides_images=False,
    )

    def __post_init__(self) -> None:
        if self.stream is not None and not re.fullmatch(r"all|0|[1-9]\d{0,4}", self.stream):
            raise UsageError(
                f"'stream' ({printable(self.stream)}) is neither the number of a stream, as "
                "ffprobe counts, nor 'all'."
            )
        sampling = [name for name in SAMPLING if getattr(self, name)]
        if len(sampling) > 1:
            names = " and ".join(f"'{name}'" for name in sampling)
            raise UsageError(f"{names} exclude each other: choose one way of sampling.")
        if self.fps is not None:
            object.__setattr__(self, "fps", str(parse_rate(str(self.fps))))
        if self.levels is not None and self.tonemap:
            raise UsageError("'levels' and 'tonemap' exclude each other: choose one of them.")
        if self.levels not in {None, AUTO}:
            low, high = parse_levels(str(self.levels))
            object.__setattr__(self, "levels", f"{low}:{high}")
        start, end = (
            None if given is None else parse_position(str(given), name)
            for name, given in (("start", self.start), ("end", self.end))
        )
        # Positions of two kinds can be compared only once the video is decoded.
        if start and end and start.unit == end.unit and start.value >= end.value:
            raise UsageError(
                f"'start' ({printable(self.start)}) is not before 'end' ({printable(self.end)}), "
                "so no frame would be left: 'end' is the first frame or time to leave out."
            )

    @property
    def selects_by_position(self) -> bool:
        """Whether a frame is asked for by its place in the video, or on its clock."""
        return any(value is not None for value in (self.start, self.end, self.every, self.fps))


BREAK_KINDS = ("still", "missing", "timeline", "cut", "damage", "size")
"""Why the step between two neighbouring kept frames is not the usual one."""


@dataclass(frozen=True)
class BreakSettings:
    """Breaks: where a tracker must not interpolate, and which of them end a run of frames."""

    step_factor: float = option(
        1.5,
        "A step in time of more than this many usual steps is a break (timeline).",
        metavar="FACTOR",
        minimum=1,
        maximum=1000,
    )
    cut_score: float = option(
        10.0,
        "A cut score above this, of 100, counts as a cut. It says how much the scene changes from "
        "one frame to the next, for good: a flash or something that blinks scores 0.",
        metavar="SCORE",
        minimum=0,
        maximum=100,
    )
    ends_run: str = option(
        "missing,timeline,cut,damage,size",
        "The kinds of break that end a run, separated by commas; still can be added.",
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
    """Which images are marked for how they look. A mark never rejects an image."""

    blur: float = option(
        8.0,
        "Mark as blurred if the sharpness (variance of the Laplacian) is below this.",
        metavar="VARIANCE",
        minimum=0,
    )
    dark: float = option(
        16.0,
        "Mark as dark if the mean grey level, of 255, is below this.",
        metavar="LEVEL",
        minimum=0,
        maximum=255,
    )
    bright: float = option(
        240.0,
        "Mark as bright if the mean grey level, of 255, is above this.",
        metavar="LEVEL",
        minimum=0,
        maximum=255,
    )
    flat: float = option(
        4.0,
        "Mark as flat if the standard deviation of the grey levels is below this.",
        metavar="LEVELS",
        minimum=0,
        maximum=255,
    )


@dataclass(frozen=True)
class RunSettings:
    """How the work is done. None of it changes an image."""

    ffmpeg: str | None = option(
        None,
        "Use this ffmpeg (4.4 or newer) instead of the bundled one; also PREP_FFMPEG.",
        metavar="PATH",
    )
    hwaccel: str | None = option(
        None,
        "Decode H.264, HEVC and VP9 with this hardware acceleration of ffmpeg (cuda, vaapi, ...; "
        "auto: what there is), and what it cannot decode in software. The images of sound video "
        "stay the same; damage is not seen.",
        metavar="NAME",
    )
    engine: str = option(
        "pool",
        "What does the work: processes on this machine (pool), threads of one process "
        "(threads), or a Ray cluster (ray).",
        choices=("pool", "threads", "ray"),
    )
    address: str | None = option(
        None,
        "With engine ray: address of the cluster; auto means the one that this machine is part "
        "of. Without it, prep starts a cluster and ends it afterwards.",
        metavar="HOST:PORT",
    )
    workers: int | None = option(
        None,
        "How many videos, segments of long videos, or batches of images to work on at once. "
        "Default: one per core, as far as memory allows; a Ray cluster decides itself.",
        metavar="N",
        minimum=1,
        maximum=1024,
    )
    segment_frames: int = option(
        3000,
        "A video of at least twice this many frames is cut into segments of about this many, "
        "which are worked on in parallel. The first frame of each is always kept.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**9,
    )
    count: str = option(
        "packets",
        "How frames are counted where few of them are asked for: by the packets of the file, if "
        "these can be relied on, so that only what is needed is decoded (packets), or by decoding "
        "all of them, which also finds damage anywhere (decode).",
        choices=("packets", "decode"),
    )
    on_damage: str = option(
        "keep",
        "What to do with a damaged video: keep what decodes and report the damage, or fail.",
        choices=("keep", "fail"),
    )
    stall_seconds: int = option(
        60,
        "Stop ffmpeg when it has delivered no frame for this many seconds.",
        metavar="SECONDS",
        minimum=1,
        maximum=86400,
    )
