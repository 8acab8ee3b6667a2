"""Settings: every default, range and help text is written here, once.

The command line, ``prep init``, ``configs/default.yaml`` and the README's tables all read them
from the fields below.
"""

import dataclasses
import difflib
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError, printable
from pipeline.positions import parse_position, parse_rate
from pipeline.records import BREAK_KINDS


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
        sampling = [name for name in ("every", "fps", "keyframes") if getattr(self, name)]
        if len(sampling) > 1:
            names = " and ".join(f"'{name}'" for name in sampling)
            raise UsageError(f"{names} exclude each other: choose one way of sampling.")
        if self.fps is not None:
            object.__setattr__(self, "fps", str(parse_rate(self.fps)))
        for name in ("start", "end"):
            if getattr(self, name) is not None:
                parse_position(getattr(self, name), name)


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
    """How the work is done. None of these changes an image."""

    ffmpeg: str | None = option(
        None, "ffmpeg to use, 4.4 or newer, instead of the bundled one.", metavar="PATH"
    )
    hwaccel: str | None = option(
        None,
        "Decode with this hardware acceleration of ffmpeg (cuda, vaapi, ...).",
        metavar="NAME",
    )
    workers: int | None = option(
        None,
        "Videos, or images, at once (default: one a core, as far as memory allows).",
        metavar="N",
        minimum=1,
        maximum=1024,
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


@dataclass(frozen=True)
class CvatSettings:
    """Where CVAT is. Credentials are never read from a file."""

    host: str | None = option(None, "Address of the CVAT server; also CVAT_HOST.", metavar="URL")
    organization: str | None = option(
        None, "Short name of the organization to work in.", metavar="SLUG"
    )
    ca_file: str | None = option(
        None,
        "Certificates (PEM) to trust for the server's TLS, instead of the usual ones.",
        metavar="FILE",
    )
    timeout_seconds: int = option(
        60,
        "Give up waiting for an answer of the server after this many seconds.",
        metavar="SECONDS",
        minimum=1,
        maximum=3600,
    )


@dataclass(frozen=True)
class UploadSettings:
    """What becomes of a dataset in CVAT: one project, tasks, jobs."""

    project: str | None = option(
        None, "Project, by name or id; made if there is none. Default: the dataset's name."
    )
    labels: str | None = option(
        None,
        "Labels of the project, if it has to be made: CVAT's raw labels (JSON), or YAML.",
        metavar="FILE",
    )
    jobs: str = option(
        "runs",
        "Cut each task into jobs where a tracker must not interpolate (runs), every job_size "
        "frames (size), or not at all (one).",
        choices=("runs", "size", "one"),
    )
    job_size: int = option(
        1000,
        "Frames a job at most; longer runs are cut evenly.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**6,
    )
    overlap: int = option(
        0,
        "With jobs: size, frames that neighbouring jobs share.",
        metavar="FRAMES",
        minimum=0,
        maximum=10**6,
    )
    shortest_job: int = option(
        3,
        "With jobs: runs, a run of fewer frames joins its neighbour; the break in it is listed.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**6,
    )
    task_size: int = option(
        10_000,
        "Frames a task at most; a longer video becomes several, cut at breaks where possible.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**6,
    )
    image_quality: int = option(
        70,
        "Quality of what annotators see while they work, 0 to 100; the images themselves are kept "
        "as they are.",
        minimum=0,
        maximum=100,
    )
    subset: str | None = option(None, "Subset of the tasks, such as train.", metavar="NAME")
    bug_tracker: str | None = option(None, "Address of an issue tracker.", metavar="URL")
    assignee: str | None = option(None, "User name of who gets the tasks.", metavar="USER")
    share: str | None = option(
        None,
        "Send no images: the dataset lies on the server's share, under this folder of it ('' for "
        "its root).",
        metavar="PREFIX",
    )
    cloud_storage: int | None = option(
        None,
        "Send no images: the dataset lies in this cloud storage of the server, under --share.",
        metavar="ID",
        minimum=1,
    )
    verify: str = option(
        "5", "Frames a task to read back and compare byte by byte, or all.", metavar="N"
    )
    request_size: int = option(
        64,
        "MiB a request at most; lower it where a proxy refuses large ones (413).",
        metavar="MIB",
        minimum=1,
        maximum=100,
    )
    parallel: int = option(3, "Tasks to send at once.", metavar="N", minimum=1, maximum=32)
    deadline_seconds: int = option(
        3600,
        "Give up on a task that the server has not made after this many seconds.",
        metavar="SECONDS",
        minimum=1,
        maximum=7 * 86400,
    )

    def __post_init__(self) -> None:
        if self.verify != "all" and not (self.verify.isascii() and self.verify.isdigit()):
            raise UsageError(
                f"verify: '{printable(self.verify)}' is neither a number of frames nor all."
            )
        if self.overlap and (self.jobs != "size" or self.overlap > self.job_size // 2):
            raise UsageError("overlap: goes with jobs: size only, and is half of job_size at most.")

    @property
    def sends_images(self) -> bool:
        """Whether the images go over the wire; else they are where the server finds them."""
        return self.share is None and self.cloud_storage is None


@dataclass(frozen=True)
class AuditSettings:
    """Which boxes that CVAT fills in between keyframes are worth a look."""

    tolerance_px: float = option(
        2.0,
        "Report a box that is off by more than this from where the clock says.",
        metavar="PIXELS",
        minimum=0.01,
    )
    max_span_frames: int = option(
        200, "Report more frames than this between two keyframes.", metavar="FRAMES", minimum=1
    )
    max_span_seconds: float = option(
        10.0, "Report more time than this between two keyframes.", metavar="SECONDS", minimum=0.01
    )
    max_stall_seconds: float = option(
        2.0,
        "Retime follows the clock over a jump of at most this, as when a camera stalls; a longer "
        "one is a break like any other.",
        metavar="SECONDS",
        minimum=0,
    )


SECTIONS: dict[str, type] = {
    "extract": ExtractSettings,
    "dedupe": DedupeSettings,
    "breaks": BreakSettings,
    "validate": ValidateSettings,
    "run": RunSettings,
    "cvat": CvatSettings,
    "upload": UploadSettings,
    "audit": AuditSettings,
}


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
