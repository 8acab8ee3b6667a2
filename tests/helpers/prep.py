"""Running prep as a person does, and what surrounds it."""

import contextlib
import json
import logging
import os
import pty
import signal
import stat
import subprocess
import sys
import tempfile
import termios
from dataclasses import dataclass

import pytest
from video_prep.__main__ import main
from video_prep.engines.threads import InProcess

from .patience import PATIENCE_SECONDS, wait_for


@dataclass
class Run:
    """A finished prep; none may ever show a traceback."""

    code: int
    out: str
    err: str

    def __post_init__(self):
        assert "Traceback" not in self.out + self.err, self.out + self.err

    @property
    def json(self):
        return json.loads(self.out)


def command(*arguments):
    return [sys.executable, "-m", "video_prep", *map(os.fspath, arguments)]


def run_process(arguments, cwd, env) -> Run:
    """Run prep in a process of its own, to its end."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def run_here(arguments, cwd, env) -> Run:
    """Run prep in this process as one of its own would, but its units in threads.

    pytest sees to warnings, and to what goes wrong in threads and destructors.
    """
    with pytest.MonkeyPatch.context() as patch, _signals_kept():
        for name in os.environ.keys() - environment():
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.chdir(cwd)
        patch.setattr("sys.argv", ["prep", *map(os.fsdecode, arguments)])
        patch.setattr("video_prep.engines.choice.Pool", _threads)
        patch.setattr(logging.root, "handlers", [])  # pytest's would keep messages from stderr
        with (
            open(os.devnull) as nothing,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            patch.setattr("sys.stdin", nothing)
            with (
                _led_to(out, 1, contextlib.redirect_stdout, "strict"),
                _led_to(err, 2, contextlib.redirect_stderr, "backslashreplace"),
                pytest.raises(SystemExit) as ended,
            ):
                main()
            said = [file.seek(0) or file.read().decode() for file in (out, err)]
    return Run(ended.value.code, *said)


def _threads(workers, preload):
    return InProcess(workers)


@contextlib.contextmanager
def _signals_kept():
    """Give back what prep takes for itself; let the alarm clock end what hangs."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGALRM
    before = [signal.getsignal(number) for number in numbers]
    signal.signal(signal.SIGALRM, _too_late)
    signal.alarm(PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _too_late(number, frame):
    raise TimeoutError(f"prep is not done after {PATIENCE_SECONDS} s")


@contextlib.contextmanager
def _led_to(file, number, redirect, errors):
    """Lead a stream into a file, and what libraries write to it past Python as well."""
    before = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        with (
            open(number, "w", encoding="utf-8", errors=errors, closefd=False) as stream,
            redirect(stream),
        ):
            yield
    finally:
        os.dup2(before, number)
        os.close(before)


def end_when(condition, sign, arguments, cwd, **env) -> Run:
    """Run prep in a process of its own, and send it a signal as soon as a condition holds."""
    process = subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: condition() or process.poll() is not None)
    process.send_signal(sign)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Run(process.returncode, out, err)


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
