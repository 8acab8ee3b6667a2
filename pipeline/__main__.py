"""The process: signals, the command line, the exit code."""

import signal
import sys
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # A polite kill is an interruption like Ctrl-C: ffmpeg is ended, nothing half-made is committed.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from .cli import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before any command began
        sys.exit(5)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    # Once is enough: a second one must not break into the orderly end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
