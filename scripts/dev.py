"""Set everything up in .venv, then do one thing. Needs Python 3.11 or newer, and a network once.

    python3 scripts/dev.py demo            make a dataset of sample_videos/, with its report
    python3 scripts/dev.py test [ARG...]   run the tests; ARGs go to pytest
    python3 scripts/dev.py lint            run the linter and the type checker

The environment is made once, and again when pyproject.toml changes. Nothing is installed outside
it, so it works where the system's own pip refuses to. Delete .venv to have it made from nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / "bin"
PYTHON = BIN / "python"
VERSION = "{}.{}".format(*sys.version_info)
EXTRAS = {"demo": "", "test": "[test]", "lint": "[dev]"}  # each holds all before it


def main(arguments):
    """Run the task named first."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it is what people may start it with
        return (
            f"Python 3.11 or newer is needed; this is {VERSION}. "
            "Start this script with a newer one, such as python3.12."
        )
    if not arguments or arguments[0] not in EXTRAS:
        return __doc__
    task, rest = arguments[0], arguments[1:]
    try:
        set_up(EXTRAS[task])
        return {"demo": demo, "test": test, "lint": lint}[task](rest)
    except (OSError, ValueError) as error:
        return f"Cannot work in {ENVIRONMENT}: {error}"


def demo(rest):
    """Run all stages on the samples; one is damaged on purpose, so prep must end with 1."""
    code = run(BIN / "prep", "run", "sample_videos", "--output", "dataset", *rest)
    if code != 1:
        return f"prep ended with {code}, but 1 is right here: one sample is damaged on purpose."
    print("\nThat was right: exit code 1 asks a person to look at damaged.mp4, which is damaged on")
    print(
        f"purpose. Open {ROOT / 'dataset' / 'report.html'}. Your own videos: {BIN / 'prep'} --help"
    )
    return 0


def test(rest):
    """Run the tests, those of a module mostly one after another, as they share what is costly."""
    # Two a core: many of them wait for other processes, or for what must not happen.
    workers = min(2 * len(os.sched_getaffinity(0)), 16)
    return run(PYTHON, "-m", "pytest", "-n", str(workers), "--dist", "worksteal", *rest)


def lint(rest):
    """Check style and types."""
    ruff = BIN / "ruff"
    return run(ruff, "check", *rest) or run(ruff, "format", "--check") or run(BIN / "mypy")


def run(*command):
    """Run a command in the clone and return its exit code."""
    # Where Python may keep nothing, each prep of the tests would compile the package anew.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reached it too; it ends in its own way
        raise


def set_up(extra):
    """Make the environment if it is not there, and install prep with an extra into it."""
    # The scripts in an environment name its Python and its place: it holds for no other.
    made_for = os.fsencode(f"Python {VERSION} in {ROOT}\n")
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    extras = list(EXTRAS.values())
    enough = [made_for + (project + wider).encode() for wider in extras[extras.index(extra) :]]
    # Written last: an environment without it was cut off while it was made.
    stamp = ENVIRONMENT / "installed"
    whole = stamp.exists() and PYTHON.exists()
    installed = stamp.read_bytes() if whole else b""
    if installed in enough:
        return
    print("Setting up .venv (once) ...", file=sys.stderr)
    if not installed.startswith(made_for):
        make_environment()
    install(extra)
    stamp.write_bytes(enough[0])


def make_environment():
    """Make it from nothing, with a pip of its own where Python has one to give."""
    try:
        venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=bool(find_spec("ensurepip")))
    except subprocess.CalledProcessError as error:
        said = error.output.decode(errors="replace")
        sys.exit(f"Could not put pip into {ENVIRONMENT}:\n{said.partition('Traceback')[0] or said}")


def install(extra):
    """Install prep with an extra by the environment's own pip or, where it has none, the system's.

    Debian keeps what gives an environment its own pip in a package apart.
    """
    apt = f"sudo apt install python{VERSION}-venv"
    own = (BIN / "pip").exists()
    if not own and not find_spec("pip"):
        sys.exit(f"This Python {VERSION} came without ensurepip and pip. On Debian, Ubuntu: {apt}")
    pip = [PYTHON, "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", PYTHON]
    pip += ["install", "--quiet", "--disable-pip-version-check"]
    import tomllib  # which Pythons that are too old lack; they must be told so

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    alone = project["dependency-groups"]["alone"] if extra else []
    if run(*pip, "--editable", f".{extra}") or (alone and run(*pip, "--no-deps", *alone)):
        free = shutil.disk_usage(ROOT).free / 1e9
        sys.exit(
            "pip could not install prep into .venv, and says why above. It needs the network, and "
            f"1 to 2 GB on this disk, where {free:.1f} GB are free. Then run the same again."
            + ("" if own else f" If pip is too old to know --python: {apt}")
        )


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
