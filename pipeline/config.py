"""Settings: every default, range and help text is written here, once.

The command line, ``prep init``, ``configs/default.yaml`` and the README's tables all read them
from the fields below. A flag beats the file, the file beats the default.
"""

import dataclasses
import difflib
import hashlib
import json
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pipeline.errors import UsageError, printable
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
            object.__setattr__(self, "fps", str(_parse_rate(self.fps)))
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
            _refuse_unknown(kind, BREAK_KINDS, "breaks: ends_run: kind")

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


SECTIONS: dict[str, type] = {
    "extract": ExtractSettings,
    "dedupe": DedupeSettings,
    "breaks": BreakSettings,
    "validate": ValidateSettings,
    "run": RunSettings,
    "cvat": CvatSettings,
    "upload": UploadSettings,
}

S = TypeVar("S")


@dataclass(frozen=True)
class Config:
    """The settings of all sections as a file gives them, before flags."""

    values: Mapping[str, Mapping[str, Any]]

    def section(self, cls: type[S], flags: Mapping[str, Any] | None = None) -> S:
        """Return the settings of one section; flags that are not ``None`` win.

        Raises:
            UsageError: a value is of the wrong type or out of range.
        """
        name = next(name for name, section in SECTIONS.items() if section is cls)
        given = {k: v for k, v in (flags or {}).items() if v is not None}
        return build_settings(cls, {**self.values.get(name, {}), **given}, name)


def load_config(path: Path | None) -> Config:
    """Read a YAML file of settings; without one, all defaults.

    Raises:
        UsageError: the file cannot be read, is not YAML, or holds an unknown key.
    """
    if path is None:
        return Config({})
    from pipeline import plain_yaml

    if path.exists() and not path.is_file():
        raise UsageError(f"{printable(path)}: the settings must be in a regular file.")
    try:
        data = plain_yaml.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{printable(path)}: cannot read the settings: {error.strerror}."
        ) from error
    except (plain_yaml.YamlError, ValueError, RecursionError) as error:
        raise UsageError(f"{printable(path)}: not a YAML file: {printable(error)}") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise UsageError(f"{printable(path)}: expected sections ({', '.join(SECTIONS)}).")
    for name, values in data.items():
        _refuse_unknown(name, SECTIONS, f"{printable(path)}: section")
        if values is not None and not isinstance(values, dict):
            raise UsageError(f"{printable(path)}: section '{name}' must hold keys and values.")
        for key in values or {}:
            known = [field.name for field in dataclasses.fields(SECTIONS[name])]
            _refuse_unknown(key, known, f"{printable(path)}: key '{name}:'")
    return Config({name: values or {} for name, values in data.items()})


def build_settings(cls: type[S], values: Mapping[str, Any], section: str) -> S:
    """Return checked settings from plain values.

    Raises:
        UsageError: a value is of the wrong type or out of range.
    """
    hints = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    checked = {
        name: _check(f"{section}: {name}", value, hints[name], fields[name].metadata)
        for name, value in values.items()
    }
    return cls(**checked)


def effective_settings(extract: ExtractSettings, dedupe: DedupeSettings) -> dict[str, Any]:
    """Return the settings that the images of a video depend on, by name."""
    return dataclasses.asdict(extract) | effective_dedupe(dedupe)


def effective_dedupe(dedupe: DedupeSettings) -> dict[str, Any]:
    """Return the settings that the choice of duplicates depends on, by name."""
    still = ("hi", "lo", "frac", "max_gap")
    matters = {"off": (), "still": still, "similar": (*still, "distance")}[dedupe.dedupe]
    return {
        name: value
        for name, value in dataclasses.asdict(dedupe).items()
        if name in {"dedupe", *matters}
    }


def settings_digest(settings: Mapping[str, Any]) -> str:
    """Return a digest of effective settings: the second half of the resume key."""
    canonical = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def parse_position(text: str, name: str = "position") -> int | Fraction:
    """Return a frame index (int) or a time in seconds (Fraction).

    A bare whole number is a frame; ``4.5s``, ``1:02`` and ``1:02:03.5`` are times.

    Raises:
        UsageError: the text is neither.
    """
    clean = text.strip()
    if len(clean) > 32:
        clean = ""
    if clean.isascii() and clean.isdigit():
        return int(clean)
    parts = clean.removesuffix("s").split(":")
    is_time = clean.endswith("s") or len(parts) > 1
    if is_time and len(parts) <= 3 and all(_is_decimal(part) for part in parts):
        seconds = Fraction(0)
        for part in parts:
            seconds = seconds * 60 + Fraction(part)
        return seconds
    hint = f" (seconds are written '{clean}s')" if _is_decimal(clean) else ""
    raise UsageError(
        f"{name}: '{printable(text)}' is neither a frame such as 120 nor a time such as 4.5s or "
        f"1:02:03.5{hint}."
    )


def render_default_config() -> str:
    """Return a YAML file that sets nothing and explains every setting."""
    from pipeline import plain_yaml

    lines = [
        "# Settings of prep. Every key is shown with its default; remove the '#' to change one.",
        "# A flag on the command line beats this file.",
    ]
    for name, cls in SECTIONS.items():
        summary = (cls.__doc__ or "").splitlines()[0]
        lines += ["", f"# {summary}", f"{name}:"]
        for field in dataclasses.fields(cls):
            default = plain_yaml.dump_value(field.default)
            lines += [f"  # {field.metadata['help']}{_range_text(field.metadata)}"]
            lines += [f"  # {field.name}: {default}"]
    return "\n".join(lines) + "\n"


def _range_text(metadata: Mapping[str, Any]) -> str:
    if metadata["choices"]:
        return f" One of: {', '.join(metadata['choices'])}."
    return ""


def _refuse_unknown(key: object, known: Any, where: str) -> None:
    if key in known:
        return
    close = difflib.get_close_matches(str(key), list(known), n=1)
    hint = f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(known)}."
    raise UsageError(f"{where} '{printable(key)}' is unknown.{hint}")


def _check(name: str, value: Any, hint: Any, metadata: Mapping[str, Any]) -> Any:
    """Return the value in the field's type, or refuse it."""
    accepted = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    if value is None and type(None) in accepted:
        return None
    if str in accepted and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)  # 'fps: 2' and 'start: 120' in YAML are numbers
    wanted = next(kind for kind in accepted if kind is not type(None))
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise UsageError(f"{name}: expected {wanted.__name__}, got '{printable(value)}'.")
    low, high = metadata["min"], metadata["max"]
    if (low is not None and value < low) or (high is not None and value > high):
        limits = f"{low} to {high}" if high is not None else f"{low} or more"
        raise UsageError(f"{name}: {value} is out of range ({limits}).")
    if metadata["choices"] and value not in metadata["choices"]:
        raise UsageError(
            f"{name}: '{printable(value)}' is none of {', '.join(metadata['choices'])}."
        )
    return value


def _parse_rate(text: str) -> Fraction:
    rate = Fraction(0)
    if len(text) <= 32 and re.fullmatch(r"\d+(\.\d+)?|\d+/0*[1-9]\d*", text, re.ASCII):
        rate = Fraction(text)
    # The bound keeps exact integer arithmetic on timestamps far from 64 bits.
    if rate <= 0 or rate > 10_000 or rate.denominator > 1_000_000:
        raise UsageError(
            f"fps: '{printable(text)}' is not a frame rate such as 2, 0.5 or 30000/1001."
        )
    return rate


def _is_decimal(text: str) -> bool:
    whole, _, part = text.partition(".")
    return text.isascii() and (whole + part).isdigit()
