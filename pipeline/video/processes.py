"""Start ffmpeg, so that it ends with prep and not before; and the pipes that it writes into."""

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from ..base.errors import (
    DecoderDiedError,
    DecoderKilledError,
    FfmpegUnusableError,
    cause_of,
    printable,
)
from ..base.machine import die_with_parent
from ..base.words import count
from .binary import ANOTHER_FFMPEG, clean_environment

DISK_FULL = ("No space left on device", "Disk quota exceeded")
"""What ffmpeg says where there is no room left."""

_FROM_OUTSIDE = frozenset((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

PIPE_BYTES = 1 << 20
"""How much a pipe holds, and is read of it at once."""

AT_WORK = threading.Event()
"""Set once an ffmpeg was started: this process has time for other things from then on."""


class Pipe:
    """A pipe that ffmpeg writes into.

    ``target``: what ffmpeg calls it. ``file``, ``write_file``: its descriptors.
    ``wants_more``: whether to read from it.
    """

    def __init__(self) -> None:
        self.wants_more = True
        self.file, self.write_file = os.pipe()
        self.target = f"pipe:{self.write_file}"
        widen(self.file)

    def read(self) -> None:
        """Read what is there."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the end to read from."""
        os.close(self.file)


def widen(pipe: int) -> None:
    """Let a pipe hold as much as it may; else both sides of it wait for each other often."""
    with contextlib.suppress(OSError):  # it is as fast as it can be
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def start_ffmpeg(
    command: list[str],
    folder: Path,
    pipes: Iterable[Pipe] = (),
    *,
    stdin: int = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start ffmpeg in a folder; it alone keeps the ends of the pipes that are written into.

    Raises:
        FfmpegUnusableError.
    """
    files = [pipe.write_file for pipe in pipes]
    # Between fork and exec the child is a Python in our group, which Ctrl-C would reach.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(),
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C reaches prep alone, which then ends ffmpeg
            preexec_fn=die_with_parent,
            pass_fds=files,
        )
    except OSError as error:
        raise FfmpegUnusableError(
            f"{printable(command[0])}: cannot be run: {cause_of(error)}."
        ) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for file in files:
            os.close(file)
    AT_WORK.set()
    return process


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End ffmpeg, and whatever it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def killed(returncode: int, source: Path, frames: int) -> DecoderDiedError:
    """Return the error for an ffmpeg that was killed.

    Args:
        returncode: its exit code, below 0.
        source: the video.
        frames: how many it had done.
    """
    try:
        sign = signal.Signals(-returncode).name
    except ValueError:
        sign = f"signal {-returncode}"
    hint = (
        "Most likely memory ran out: lower --workers."
        if -returncode == signal.SIGKILL
        else f"{ANOTHER_FFMPEG}, or convert the file first."
    )
    kind = DecoderKilledError if -returncode in _FROM_OUTSIDE else DecoderDiedError
    return kind(
        f"{printable(source)}: ffmpeg was killed ({sign}) after {count(frames, 'frame')}. {hint}"
    )
