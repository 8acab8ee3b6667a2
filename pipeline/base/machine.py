"""What this machine has to offer: cores and memory."""

import contextlib
import ctypes
import os
import signal
import stat
import sys
from pathlib import Path


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the memory of this machine, or of the container it runs in."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # "max", or no control groups here
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Make this process end when the one that started it does, however that ends. Linux only.

    One system call and no more: it is also made between fork and exec.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def has_one_thread() -> bool:
    """Return whether this process has a single thread, also of libraries. Known on Linux only."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


def let_go_of_files() -> None:
    """Let all files that are open lead nowhere; in a fork, they are those of another process.

    A lock would stay as long as a copy of it is open. Linux only.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for entry in list(Path("/proc/self/fd").iterdir()):
        number = int(entry.name)
        with contextlib.suppress(OSError):  # that by which the folder was listed is closed
            if number > 2 and stat.S_ISREG(os.fstat(number).st_mode):
                os.dup2(nowhere, number, inheritable=False)
    os.close(nowhere)
