"""The process: signals, the command line, the exit code."""

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    _open_closed_streams()
    # A polite kill is an interruption like Ctrl-C: ffmpeg is ended, nothing half-made is committed.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    # What is made while modules load stays: to look through all of it for what can go, again and
    # again, takes a tenth of the time.
    gc.set_threshold(100_000)
    # Nothing here multiplies matrices, but numpy starts threads for it, one a core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.meta_path.insert(0, _WithoutPandas)
    try:
        from .cli import run

        code = run(sys.argv[1:])
        gc.freeze()  # the end of the process frees all of it
        sys.exit(code)
    except KeyboardInterrupt:  # before any command began
        sys.exit(5)
    except Exception as error:  # no command can say it: what draws the commands is broken
        from .doctor.check import INSTALL_AGAIN, describe

        sys.stderr.write(f"error: prep cannot run: {describe(error, ('click',), INSTALL_AGAIN)}\n")
        sys.exit(70)


class _WithoutPandas:
    """Hides pandas, where it is installed.

    pyarrow would load it, for a quarter of a second, to ask whether a list is a Series.
    """

    @staticmethod
    def find_spec(fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


def _open_closed_streams() -> None:
    """Let a stream lead nowhere that was closed before prep began, as by ``2>&-``.

    Else the next file that is opened gets its number, and what libraries complain of.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: that of the stream
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    # Once is enough: a second one must not break into the orderly end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
