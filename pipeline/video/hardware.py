"""Whether a hardware decoder is at work: ffmpeg may decode in software instead, and go on."""

import re
import subprocess
from pathlib import Path

from ..base.errors import HwaccelError, printable
from .binary import Ffmpeg, run_briefly
from .probe import probe

_TIMEOUT_SECONDS = 60  # the driver of a machine with many cards takes its time
_CHOSEN = re.compile(r"Format (\w+) chosen by get_format\(\)")
_ERROR = re.compile(r"(?:\[[^\[\]]*\] )*\[(?:error|fatal)\] (.*)")


def decode_in_hardware(ffmpeg: Ffmpeg, hwaccel: str, source: Path) -> str:
    """Decode a short video with a hardware acceleration, and return its pixel format there.

    Which decoder works shows in the format that it chooses: those of hardware are others than the
    stream's own, in which software decodes.

    Raises:
        HwaccelError: no device can be opened, or it was decoded in software after all.
    """
    info, _ = probe(source)
    name = f"hwaccel '{printable(hwaccel)}'"
    command = [ffmpeg.path, "-hide_banner", "-nostdin", "-nostats"]
    command += ["-loglevel", "repeat+level+debug", "-hwaccel", hwaccel, "-i", f"file:{source}"]
    command += ["-map", "0:V:0", "-f", "null", "-"]
    try:
        done = run_briefly(command, _TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise HwaccelError(
            f"{name}: the device did not answer within {_TIMEOUT_SECONDS} s. See whether its "
            "driver works; or leave out --hwaccel."
        ) from None
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode != 0:
        raise HwaccelError(
            f"{name}: ffmpeg can open no such device here ({_reason(said)}). Install its driver "
            "(a container must be given the device), or leave out --hwaccel."
        )
    chosen: list[str] = _CHOSEN.findall(said)
    # A hardware format comes first where the device is there; what counts is the last one.
    if not chosen or chosen[-1] == info.pixel_format:
        raise HwaccelError(
            f"{name}: ffmpeg decoded {info.codec} in software all the same ({_reason(said)}). "
            "Name one that this machine has, or leave out --hwaccel."
        )
    return chosen[-1]


def _reason(said: str) -> str:
    """Return the first error that has a reason in it."""
    errors = [match[1] for line in said.splitlines() if (match := _ERROR.match(line))]
    telling = [error for error in errors if not error.startswith("Device creation failed")]
    return printable(next(iter(telling or errors), "it said no more")).rstrip(". ")
