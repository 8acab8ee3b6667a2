"""The process: signals, the command line, the exit code."""

import signal
import sys
from typing import NoReturn

from pipeline.cli import run


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # A polite kill is an interruption like Ctrl-C: ffmpeg is ended, nothing half-made stays.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
