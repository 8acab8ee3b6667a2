"""Running prep as a person does, and what surrounds it."""

import json
import os
import pty
import stat
import subprocess
import sys
import termios
from dataclasses import dataclass

from video_prep.engines.threads import InProcess

# Root may read everything; what tests the rights of files gives that up.
HUMBLY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@dataclass
class Run:
    """A finished prep."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def command(*arguments):
    return [sys.executable, "-m", "video_prep", *map(os.fspath, arguments)]


def in_threads(stage):
    """A stage that works in threads of this process, where what a test has patched is seen."""

    def call(*arguments, engine=None, **named):
        return stage(*arguments, engine=engine or InProcess(), **named)

    return call


def environment(**extra):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREP_", "CVAT_"))}
    return {**kept, "PYTHONWARNINGS": "error,ignore:This process", **extra}


def on_terminal(arguments, cwd, **env):
    """Run prep with a terminal for stderr; return its exit code and what the terminal got."""
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (30, 100))
    process = subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=inner,
    )
    os.close(inner)
    received = b""
    while True:
        try:
            data = os.read(outer, 65536)
        except OSError:
            break
        if not data:
            break
        received += data
    os.close(outer)
    process.communicate()
    return process.returncode, received.decode()


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
