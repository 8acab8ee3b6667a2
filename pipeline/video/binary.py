"""Find an ffmpeg that will do. Owner of imageio-ffmpeg, which brings one."""

import contextlib
import functools
import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import FfmpegUnusableError, HwaccelError, cause_of, printable
from ..settings.stages import RunSettings

OLDEST = "4.4"
_LIBAVFILTER_4_4 = (7, 110)
_LIBAVFILTER_5_1 = (8, 44)  # -fps_mode
_LIBAVFILTER_7_0 = (10, 1)  # -/filter_complex
_LIBAVFILTER_7_1 = (10, 4)  # -bsf for an input

_COMPARING = "crop format mpdecimate pad split"
_TELLING = "metadata scdet showinfo"
_TIMING = "select setpts settb trim"
NEEDED = {
    "filters": frozenset(f"{_COMPARING} {_TELLING} {_TIMING} lut scale setparams".split()),
    "encoders": frozenset(("mjpeg", "png", "rawvideo")),
}
"""What prep uses of ffmpeg, by the option that lists it."""

ANOTHER_FFMPEG = "Try another ffmpeg, named by PREP_FFMPEG or the setting ffmpeg"
_START_TIMEOUT_SECONDS = 30
_ASKED: "dict[tuple[str, tuple[int, ...]], dict[str, subprocess.Popen[bytes]]]" = {}
"""Those that were asked ahead, by their path and the state of their file."""

_NAMED_BY = "PREP_FFMPEG and the setting ffmpeg"


@dataclass(frozen=True)
class Ffmpeg:
    """An ffmpeg binary that was found fit for use."""

    path: str
    version: str
    libavfilter: tuple[int, int]

    @property
    def passthrough(self) -> dict[str, str]:
        """The option that makes ffmpeg deliver each frame once, whatever its timestamp."""
        if self.libavfilter >= _LIBAVFILTER_5_1:
            return {"fps_mode": "passthrough"}
        return {"vsync": "0"}

    @property
    def graph_from_file(self) -> str:
        """The option that reads the filter graph from a file."""
        if self.libavfilter >= _LIBAVFILTER_7_0:
            return "-/filter_complex"
        return "-filter_complex_script"

    @property
    def drops_packets(self) -> bool:
        """Whether it can be told which packets not to decode (an input's ``-bsf``)."""
        return self.libavfilter >= _LIBAVFILTER_7_1


def find_ffmpeg(run: RunSettings, filters: frozenset[str] = frozenset()) -> Ffmpeg:
    """Return the ffmpeg to use: the setting, else ``PREP_FFMPEG``, else the bundled one.

    Args:
        run: names it.
        filters: those that it must have besides what every run needs.

    Raises:
        FfmpegUnusableError: it is missing, does not answer, is too old, or lacks a filter, an
            encoder or the hardware acceleration that was asked for (HwaccelError).
    """
    path = _path(run)
    banner, listed = _answers(path, _state(path))
    version = _version(banner)
    library = re.search(r"^ *libavfilter\s+(\d+)\.\s*(\d+)", banner, re.MULTILINE)
    if not version or not library:
        raise FfmpegUnusableError(f"{printable(path)}: this is not ffmpeg. Check {_NAMED_BY}.")
    found = Ffmpeg(path, version, (int(library[1]), int(library[2])))
    if found.libavfilter < _LIBAVFILTER_4_4:
        raise FfmpegUnusableError(
            f"{printable(path)}: ffmpeg {found.version} is too old; {OLDEST} or newer is needed. "
            f"Without {_NAMED_BY} the bundled one is used."
        )
    for what, needed in NEEDED.items():
        lacking = sorted((needed | filters if what == "filters" else needed) - listed[what])
        if lacking:
            raise FfmpegUnusableError(
                f"{printable(path)}: this build of ffmpeg lacks the {what} {', '.join(lacking)}. "
                f"Without {_NAMED_BY} the bundled one is used."
            )
    if run.hwaccel and run.hwaccel != "auto":
        offered = list_abilities(path, "hwaccels")
        if run.hwaccel not in offered:
            raise HwaccelError(
                f"hwaccel '{printable(run.hwaccel)}': this ffmpeg does not offer it "
                f"(it has: {', '.join(sorted(offered)) or 'none'}). Choose one of these, or "
                "leave it out."
            )
    return found


@contextlib.contextmanager
def asking_ahead(run: RunSettings) -> Iterator[None]:
    """Let ffmpeg begin to tell what `find_ffmpeg` will ask, while the caller does other things."""
    with contextlib.suppress(FfmpegUnusableError):  # `find_ffmpeg` will say it
        path = _path(run)
        _ASKED[path, _state(path)] = _ask(path)
    try:
        yield
    finally:
        while _ASKED:
            _end(_ASKED.popitem()[1])


def _path(run: RunSettings) -> str:
    path = run.ffmpeg or os.environ.get("PREP_FFMPEG") or _bundled()
    return os.path.abspath(shutil.which(path) or path)  # it will run in another folder


@functools.lru_cache(maxsize=16)
def _answers(path: str, state: tuple[int, ...]) -> tuple[str, dict[str, set[str]]]:
    """Return the banner of an ffmpeg and what it lists, asked once for each state of its file."""
    asked = _ASKED.pop((path, state), None) or _ask(path)
    try:
        answers = {what: _finish(path, process) for what, process in asked.items()}
    finally:
        _end(asked)
    listed = {what: _names(listing) for what, (listing, _) in answers.items()}
    all_said = b"\n".join(answers["filters"])  # with the banner, wherever a wrapper puts it
    return all_said.decode("utf-8", "replace"), listed


def _ask(path: str) -> "dict[str, subprocess.Popen[bytes]]":
    """Start an ffmpeg for each question: at once, for each takes as long as ffmpeg takes to start.

    What they say fits into pipes that nobody reads yet.
    """
    return {what: _start(path, what) for what in NEEDED}


def _end(asked: "dict[str, subprocess.Popen[bytes]]") -> None:
    for process in asked.values():
        with process:
            process.kill()


def _state(path: str) -> tuple[int, ...]:
    """Return what tells a file from another in its place; nothing where there is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode


@functools.cache
def same_ffmpeg(wanted: Ffmpeg, run: RunSettings) -> Ffmpeg:
    """Return the ffmpeg of another machine as it is on this one, which may be the same.

    Raises:
        FfmpegUnusableError: there is none of that version, so the images would be others.
    """
    if os.path.isfile(wanted.path):
        banner, _ = _answers(wanted.path, _state(wanted.path))  # a fork knows them
        if _version(banner) == wanted.version:
            return wanted
    found = find_ffmpeg(run)
    if found.version != wanted.version:
        raise FfmpegUnusableError(
            f"{platform.node()}: ffmpeg is {found.version} here, but {wanted.version} where prep "
            "was started, and the images of a dataset must come from one. Install the same "
            "video-prep on all machines, or name an ffmpeg that all have by the setting ffmpeg."
        )
    return found


def clean_environment() -> dict[str, str]:
    """Return the environment without what would change ffmpeg's log or make it write files."""
    unwanted = {"FFREPORT", "AV_LOG_FORCE_COLOR", "AV_LOG_FORCE_256COLOR"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def _bundled() -> str:
    package = importlib.util.find_spec("imageio_ffmpeg")
    if package is not None and package.origin and "IMAGEIO_FFMPEG_EXE" not in os.environ:
        for path in Path(package.origin).with_name("binaries").glob("ffmpeg-*"):
            return str(path)  # which the package itself would run first, just to see that it runs
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FfmpegUnusableError(
            "No ffmpeg found: the bundled one is missing on this platform. Install ffmpeg and "
            "name it by PREP_FFMPEG or the setting ffmpeg."
        ) from error


def list_abilities(path: str, what: str) -> set[str]:
    """Return the names that ``ffmpeg -WHAT`` lists (filters, encoders, hwaccels)."""
    process = _start(path, what)
    try:
        listing, _ = _finish(path, process)
    finally:
        _end({what: process})
    if what == "hwaccels":
        return {line.strip() for line in listing.decode().splitlines()[1:] if line.strip()}
    return _names(listing)


def _names(listing: bytes) -> set[str]:
    lines = listing.decode("utf-8", "replace").splitlines()
    return {words[1] for line in lines if len(words := line.split()) >= 2}


def _version(banner: str) -> str | None:
    match = re.search(r"^ffmpeg version (\S+)", banner, re.MULTILINE)
    return match[1] if match else None


def run_briefly(command: list[str], timeout_seconds: float) -> subprocess.CompletedProcess[bytes]:
    """Run an ffmpeg command that is soon done, and return how it ended and what it said.

    Raises:
        OSError: it cannot be run.
        subprocess.TimeoutExpired: it was not done in time, and was ended.
    """
    return subprocess.run(
        command,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_seconds,
        check=False,
    )


def _start(path: str, what: str) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            [path, f"-{what}"],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise FfmpegUnusableError(
            f"{printable(path)}: no ffmpeg there. Check {_NAMED_BY}."
        ) from error
    except OSError as error:
        raise FfmpegUnusableError(
            f"{printable(path)}: cannot be run: {cause_of(error)}."
        ) from error


def _finish(path: str, process: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
    """Return what an ffmpeg says on its standard output, and elsewhere."""
    try:
        return process.communicate(timeout=_START_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise FfmpegUnusableError(
            f"{printable(path)}: did not answer within {_START_TIMEOUT_SECONDS} s."
        ) from error
