"""Set everything up in .venv, then do one thing. Needs Python 3.11 or newer, and nothing else.

    python3 scripts/dev.py demo            make a dataset of sample_videos/, with its report
    python3 scripts/dev.py test [ARG...]   run the tests; ARGs go to pytest
    python3 scripts/dev.py lint            run the linter and the type checker

The environment is made once, and again when pyproject.toml changes. Nothing is installed outside
it, so it works where the system's own pip refuses to.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
EXTRAS = {"demo": "", "test": "[test]", "lint": "[dev]"}


def main(arguments):
    """Run the task named first."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it is what people may start it with
        return f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}."
    if not arguments or arguments[0] not in EXTRAS:
        return __doc__
    task, rest = arguments[0], arguments[1:]
    set_up(EXTRAS[task])
    return {"demo": demo, "test": test, "lint": lint}[task](rest)


def demo(rest):
    """Run all stages on the samples; one is damaged on purpose, so prep must end with 1."""
    code = call("prep", "run", "sample_videos", "--output", "dataset", *rest)
    if code != 1:
        return f"prep ended with {code}, but 1 is right here: one sample is damaged on purpose."
    print("\nThat was right: exit code 1 asks a person to look at damaged.mp4, which is damaged on")
    print(
        f"purpose. Open {ROOT / 'dataset' / 'report.html'}. Your own videos: {BIN / 'prep'} --help"
    )
    return 0


def test(rest):
    """Run the tests."""
    return call("python", "-m", "pytest", "-n", "auto", *rest)


def lint(rest):
    """Check style and types."""
    return call("ruff", "check", *rest) or call("ruff", "format", "--check") or call("mypy")


def call(program, *arguments):
    """Run a program of the environment and return its exit code."""
    return subprocess.run([BIN / program, *arguments], cwd=ROOT, check=False).returncode


def set_up(extra):
    """Make the environment if it is not there, and install prep with an extra into it."""
    stamp = ENVIRONMENT / f"installed{extra}"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not any(ENVIRONMENT.glob("installed*")):
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)  # absent, or cut off while it was made
    print("Setting up .venv (once) ...", file=sys.stderr)
    python = BIN / "python"
    if not ENVIRONMENT.exists():
        try:
            venv.create(ENVIRONMENT, with_pip=True, symlinks=os.name != "nt")
        except (subprocess.CalledProcessError, OSError):
            # Debian keeps ensurepip in a package of its own; the system's pip can do its work.
            venv.create(ENVIRONMENT, clear=True, symlinks=os.name != "nt")
    has_pip = subprocess.run([python, "-c", "import pip"], stderr=subprocess.DEVNULL, check=False)
    pip = (
        [python, "-m", "pip"]
        if has_pip.returncode == 0
        else ([sys.executable, "-m", "pip", "--python", python])
    )
    options = ["--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "install", *options, "--editable", f"{ROOT}{extra}"], check=False)
    if done.returncode != 0:
        sys.exit(
            "Installing into .venv failed. Check the network; where Python has no pip at all "
            "(Debian), install python3-venv first."
        )
    stamp.write_text(wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
