"""Whether a hardware decoder is at work: ffmpeg may decode in software instead, and go on."""

import re
import subprocess
from pathlib import Path

from ..base.errors import HwaccelError, printable
from ..dataset.records import VideoInfo
from ..settings.stages import AUTO
from .binary import Ffmpeg, list_abilities, run_briefly
from .probe import DEMUXERS

_FOUND_BY_AUTO = ("cuda", "videotoolbox", "vaapi", "qsv", "vdpau")
_TIMEOUT_SECONDS = 60  # the driver of a machine with many cards takes its time
_CHOSEN = re.compile(r"Format (\w+) chosen by get_format\(\)")
_ERROR = re.compile(r"(?:\[[^\[\]]*\] )*\[(?:error|fatal)\] (.*)")


def find_device(ffmpeg: Ffmpeg, hwaccel: str) -> str | None:
    """Return the hardware acceleration to use: the one that is named, or that ``auto`` finds.

    ``None``: ``auto`` finds no device.

    Raises:
        HwaccelError: the device that is named cannot be opened.
    """
    if hwaccel != AUTO:
        _open_device(ffmpeg, hwaccel)
        return hwaccel
    offered = list_abilities(ffmpeg.path, "hwaccels")
    for name in (name for name in _FOUND_BY_AUTO if name in offered):
        try:
            _open_device(ffmpeg, name)
        except HwaccelError:
            continue
        return name
    return None


def _open_device(ffmpeg: Ffmpeg, hwaccel: str) -> None:
    nothing = ["-f", "rawvideo", "-video_size", "16x16", "-i", "/dev/zero", "-frames:v", "1"]
    said, returncode = _run(ffmpeg, hwaccel, ["-init_hw_device", hwaccel, *nothing])
    if returncode != 0:
        raise HwaccelError(
            f"{_name(hwaccel)}: ffmpeg can open no such device here ({_reason(said)})",
            "Install its driver (a container must be given the device), or leave out --hwaccel.",
        )


def decode_in_hardware(
    ffmpeg: Ffmpeg, hwaccel: str, source: Path, info: VideoInfo, frames: int
) -> str:
    """Decode the first frames of a video in hardware, and return their pixel format there.

    Which decoder works shows in the format that it chooses: those of hardware are others than the
    stream's own, in which software decodes.

    Raises:
        HwaccelError: that failed, or it was decoded in software after all.
    """
    read = ["-protocol_whitelist", "file", "-format_whitelist", DEMUXERS, "-hwaccel", hwaccel]
    read += ["-i", f"file:{source}", "-map", f"0:V:{info.stream_number}", "-frames:v", str(frames)]
    said, returncode = _run(ffmpeg, hwaccel, read)
    if returncode != 0:
        raise HwaccelError(
            f"{_name(hwaccel)}: ffmpeg cannot decode {info.codec} with it ({_reason(said)})",
            "Name another one, or leave out --hwaccel.",
        )
    chosen: list[str] = _CHOSEN.findall(said)
    # A hardware format comes first where the device is there; what counts is the last one.
    if not chosen or chosen[-1] == info.pixel_format:
        raise HwaccelError(
            f"{_name(hwaccel)}: ffmpeg decoded {info.codec} in software all the same "
            f"({_reason(said)})",
            "Name one that this machine has, or leave out --hwaccel.",
        )
    return chosen[-1]


def _run(ffmpeg: Ffmpeg, hwaccel: str, options: list[str]) -> tuple[str, int]:
    """Return what ffmpeg says with these options, and its exit code."""
    command = [ffmpeg.path, "-hide_banner", "-nostdin", "-nostats"]
    command += ["-loglevel", "repeat+level+debug", *options, "-f", "null", "-"]
    try:
        done = run_briefly(command, _TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise HwaccelError(
            f"{_name(hwaccel)}: the device did not answer within {_TIMEOUT_SECONDS} s",
            "See whether its driver works; or leave out --hwaccel.",
        ) from None
    return done.stderr.decode("utf-8", "replace"), done.returncode


def _name(hwaccel: str) -> str:
    return f"hwaccel '{printable(hwaccel)}'"


def _reason(said: str) -> str:
    """Return the first error that has a reason in it."""
    errors = [match[1] for line in said.splitlines() if (match := _ERROR.match(line))]
    telling = [error for error in errors if not error.startswith("Device creation failed")]
    return printable(next(iter(telling or errors), "it said no more")).rstrip(". ")
