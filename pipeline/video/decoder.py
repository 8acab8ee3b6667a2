"""Run one extraction command of ffmpeg and watch over it.

ffmpeg decodes the video, scores scene changes and writes the images; Python only reads what it
says. A process of its own also survives what crashes a decoder.
"""

import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import (
    DecoderDiedError,
    DecoderHungError,
    DecoderKilledError,
    DiskFullError,
    FfmpegUnusableError,
    HwaccelError,
    TooManyFramesError,
    cause_of,
    printable,
)
from ..base.machine import die_with_parent
from ..base.words import count
from ..base.work import Link, refuse_stopped
from ..pictures.stillness import StillFilter
from .binary import ANOTHER_FFMPEG, clean_environment
from .cells import CellReader, WastefulError
from .damage import Stretch
from .transcript import Transcript

_READ_BYTES = 65536
_POLL_SECONDS = 0.2
_REST_SECONDS, _REST_SHARE = 0.01, 0.02
_FROM_OUTSIDE = frozenset((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))


@dataclass(frozen=True, eq=False)
class Decoded:
    """What one run of ffmpeg delivered.

    ``pts``: int64, shape (frames,), time-base units, ``MISSING_PTS`` for none.
    ``scene_score``: float32, shape (frames,), 0 to 100.
    ``cut_score``: the same, of `pictures.cuts`; ``tiny``: uint8, shape (frames, 3, 18, 32), what
    it was told from. Both are empty until that is known.
    ``selected``: int32, shape (selected,), the indices of the frames asked for, ascending.
    ``kept``: int32, shape (images,), the indices of those that were written, ascending.
    ``edge``: int32, the indices of those in which the left edge changed, ascending.
    ``damage``: where pictures may be broken, in order. ``stills``: what judged the frames that were
    handed over to be compared, if any were.
    """

    pts: npt.NDArray[np.int64]
    scene_score: npt.NDArray[np.float32]
    selected: npt.NDArray[np.int32]
    kept: npt.NDArray[np.int32]
    edge: npt.NDArray[np.int32]
    transcript: Transcript
    damage: tuple[Stretch, ...] = ()
    stills: StillFilter | None = None
    tiny: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    cut_score: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))


@dataclass(frozen=True, eq=False)
class Ears:
    """What hears all that ffmpeg tells.

    ``transcript``: its log. ``cells``: the frames as they are compared, if it hands them over.
    """

    transcript: Transcript
    cells: CellReader | None = None

    def judge(self) -> bool:
        """Let the frames be judged of which all is known; return whether any were."""
        log = self.transcript
        return self.cells is not None and self.cells.judge(log.kept, log.selected)


@dataclass(frozen=True)
class Limits:
    """Where ffmpeg is stopped.

    ``max_frames``: how many the file names can number. ``stall_seconds``: how long no frame may
    come.
    """

    max_frames: int
    stall_seconds: float


def decode(
    command: list[str],
    folder: Path,
    source: Path,
    ears: Ears,
    limits: Limits,
    link: Link,
) -> Decoded:
    """Run a command of `video.graph.extraction_command` in ``folder``.

    Args:
        command: the command line.
        folder: where ffmpeg runs.
        source: the video, for messages.
        ears: which have heard nothing yet.
        limits: where ffmpeg is stopped.
        link: told how many more frames came.

    Raises:
        DecoderHungError, DecoderDiedError, DiskFullError, TooManyFramesError,
        FfmpegUnusableError, InterruptedRunError.
        WastefulError: too many images are written in vain. The link was told that no frame came.
    """
    process = _start(command, folder, ears.cells)
    with process:
        try:
            _follow(process, ears, source, limits, link)
        finally:
            _kill_group(process)
    transcript, cells = ears.transcript, ears.cells
    _check_end(process.returncode, transcript, source)
    if cells is not None and not cells.finish(transcript.kept, transcript.selected):
        raise DecoderDiedError(
            f"{printable(source)}: ffmpeg let {count(len(transcript.kept), 'frame')} pass, but did "
            f"not hand over as many to be compared. {ANOTHER_FFMPEG}, or set dedupe to off."
        )
    return Decoded(
        pts=np.frombuffer(transcript.pts, dtype=np.int64),
        scene_score=np.frombuffer(transcript.scene_score, dtype=np.float32),
        selected=np.frombuffer(transcript.selected, dtype=np.int32),
        kept=np.frombuffer(transcript.kept, dtype=np.int32),
        edge=np.frombuffer(transcript.edge, dtype=np.int32),
        transcript=transcript,
        stills=None if cells is None else cells.stills,
    )


def _start(command: list[str], folder: Path, cells: CellReader | None) -> subprocess.Popen[bytes]:
    """Start ffmpeg, which alone keeps the end of the pipe that it writes cells into.

    Raises:
        FfmpegUnusableError.
    """
    # Between fork and exec the child is a Python in our group, which Ctrl-C would reach.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches prep alone, which then ends ffmpeg
            preexec_fn=die_with_parent,
            pass_fds=() if cells is None else (cells.write_file,),
        )
    except OSError as error:
        raise FfmpegUnusableError(
            f"{printable(command[0])}: cannot be run: {cause_of(error)}."
        ) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if cells is not None:
            os.close(cells.write_file)


def _follow(
    process: subprocess.Popen[bytes],
    ears: Ears,
    source: Path,
    limits: Limits,
    link: Link,
) -> None:
    """Read what ffmpeg says until it ends; end it on a stall, a stop or too many frames."""
    assert process.stderr is not None  # noqa: S101
    transcript, cells = ears.transcript, ears.cells
    log, rest = process.stderr.fileno(), b""
    begun = last_progress = time.monotonic()
    reported = 0
    with selectors.DefaultSelector() as selector:
        selector.register(log, selectors.EVENT_READ)
        if cells is not None:
            selector.register(cells.file, selectors.EVENT_READ)
        ended = False
        while not ended:
            ready = {key.fd for key, _ in selector.select(timeout=_POLL_SECONDS)}
            if log in ready:
                data = os.read(log, _READ_BYTES)
                ended = not data
                *lines, rest = (rest + data).split(b"\n")
                rest = rest[:_READ_BYTES]  # a line without end does not fill the memory
                for line in lines:
                    transcript.add(line.decode("utf-8", "replace"))
            if cells is not None and cells.file in ready and not cells.read():
                selector.unregister(cells.file)
            try:
                is_busy = ears.judge()
            except WastefulError:
                link.tell(-reported)
                raise
            if ready and not is_busy:
                # ffmpeg writes a few bytes at a time; to wake up for each would slow it by a tenth.
                # But a short clip must not wait for us at its end.
                time.sleep(min(_REST_SECONDS, _REST_SHARE * (time.monotonic() - begun)))
            frames = len(transcript.pts)
            if frames > reported:
                link.tell(frames - reported)
                reported, last_progress = frames, time.monotonic()
            refuse_stopped(link)
            _check_progress(transcript, source, limits, time.monotonic() - last_progress)
    while True:
        try:
            process.wait(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            refuse_stopped(link)
            _check_progress(transcript, source, limits, time.monotonic() - last_progress)
        else:
            return


def _check_progress(
    transcript: Transcript, source: Path, limits: Limits, silent_seconds: float
) -> None:
    frames = len(transcript.pts)
    if transcript.disk_full:
        raise DiskFullError
    if frames > limits.max_frames:
        raise TooManyFramesError(
            f"{printable(source)}: more than {count(limits.max_frames, 'frame')}, which the "
            "file names have no digits for. Nothing was kept of it; set digits higher and run "
            "again."
        )
    if silent_seconds > limits.stall_seconds:
        raise _hung(source, frames, limits)


def _hung(source: Path, frames: int, limits: Limits) -> DecoderHungError:
    return DecoderHungError(
        f"{printable(source)}: ffmpeg hung: no frame for {limits.stall_seconds:g} s after "
        f"{count(frames, 'frame')}, so it was stopped. If the storage is that slow, raise "
        "stall_seconds in the settings; else convert the file first."
    )


def _check_end(returncode: int, transcript: Transcript, source: Path) -> None:
    name, frames = printable(source), len(transcript.pts)
    if transcript.hwaccel_failed:
        raise HwaccelError(
            f"{name}: the hardware acceleration that was asked for does not work on this machine "
            f"({transcript.last_line}). Do without the setting hwaccel."
        )
    if returncode < 0:
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
        raise kind(f"{name}: ffmpeg was killed ({sign}) after {count(frames, 'frame')}. {hint}")
    if any(index >= frames for index in transcript.kept[-1:]):
        raise DecoderDiedError(
            f"{name}: what ffmpeg says of its frames does not add up "
            f"({count(frames, 'frame')}, but image {transcript.kept[-1]}). "
            f"{ANOTHER_FFMPEG}."
        )
    # Where no frame is selected, ffmpeg complains that it had nothing to write: no failure.
    if returncode > 0 and (frames == 0 or transcript.kept) and not _cannot_decode(transcript):
        raise DecoderDiedError(
            f"{name}: ffmpeg gave up (exit code {returncode}) after "
            f"{count(frames, 'frame')}: {transcript.last_line}. Run 'prep doctor'. "
            f"{ANOTHER_FFMPEG}."
        )


def _cannot_decode(transcript: Transcript) -> bool:
    """Whether ffmpeg failed only for want of a single frame, which the footage is to blame for."""
    return not transcript.pts and bool(transcript.evidence.complaints)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
