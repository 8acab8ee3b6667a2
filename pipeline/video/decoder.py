"""Run one extraction command of ffmpeg and watch over it.

ffmpeg decodes the video, scores scene changes and writes the images; Python only reads what it
says. A process of its own also survives what crashes a decoder.
"""

import os
import selectors
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import (
    DecoderDiedError,
    DecoderHungError,
    DiskFullError,
    HwaccelError,
    TooManyFramesError,
    printable,
)
from ..base.words import count
from ..base.work import Link, refuse_stopped
from ..pictures.stillness import StillFilter
from .binary import ANOTHER_FFMPEG
from .cells import CellReader, WastefulError
from .damage import Stretch
from .encoder import Encoder
from .processes import Pipe, kill_group, killed, start_ffmpeg
from .transcript import Transcript

_READ_BYTES = 65536
_POLL_SECONDS = 0.2
_REST_SECONDS, _REST_SHARE = 0.01, 0.02


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
    ``encoder``: takes the frames themselves, if it hands these over as well; ``first``: to be added
    to their indices, to number the images.
    """

    transcript: Transcript
    cells: CellReader | None = None
    encoder: Encoder | None = None
    first: int = 0

    @property
    def pipes(self) -> tuple[Pipe, ...]:
        """What it writes into, besides its log."""
        return tuple(pipe for pipe in (self.cells, self.encoder) if pipe is not None)

    def judge(self, *, is_pressed: bool) -> bool:
        """Let the frames be judged of which all is known; return whether any were.

        Args:
            is_pressed: whether ffmpeg waits for us.
        """
        log = self.transcript
        if self.cells is None:
            return False
        is_busy = self.cells.judge(log.kept, log.selected)
        if self.encoder is not None:
            self.encoder.pass_on(self.cells.verdict, is_pressed=is_pressed)
        return is_busy

    def finish(self) -> bool:
        """Judge and encode the rest; return whether all that passed was handed over."""
        if self.cells is None:
            return True
        log = self.transcript
        is_whole = self.cells.finish(log.kept, log.selected)
        if self.encoder is not None and is_whole:
            numbers = [self.first + index for index in log.kept]
            return self.encoder.finish(self.cells.verdict, numbers)
        return is_whole


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
    process = start_ffmpeg(command, folder, ears.pipes)
    with process:
        try:
            _follow(process, ears, source, limits, link)
        finally:
            kill_group(process)
    transcript, cells = ears.transcript, ears.cells
    _check_end(process.returncode, transcript, source)
    if not ears.finish():
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


def _follow(
    process: subprocess.Popen[bytes],
    ears: Ears,
    source: Path,
    limits: Limits,
    link: Link,
) -> None:
    """Read what ffmpeg says until it ends; end it on a stall, a stop or too many frames."""
    assert process.stderr is not None  # noqa: S101
    transcript = ears.transcript
    log, rest = process.stderr.fileno(), b""
    begun = last_progress = time.monotonic()
    reported = 0
    with selectors.DefaultSelector() as selector:
        selector.register(log, selectors.EVENT_READ)
        ended = False
        while not ended:
            _listen_to(ears.pipes, selector)
            ready = {key.fd for key, _ in selector.select(timeout=_POLL_SECONDS)}
            if log in ready:
                data = os.read(log, _READ_BYTES)
                ended = not data
                *lines, rest = (rest + data).split(b"\n")
                rest = rest[:_READ_BYTES]  # a line without end does not fill the memory
                for line in lines:
                    transcript.add(line.decode("utf-8", "replace"))
            for pipe in ears.pipes:
                if pipe.file in ready:
                    pipe.read()
            try:
                is_busy = ears.judge(is_pressed=not ready)
                is_busy |= ears.encoder is not None and ears.encoder.file in ready
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


def _listen_to(pipes: tuple[Pipe, ...], selector: selectors.BaseSelector) -> None:
    """Let a selector tell when there is something to read, from pipes that want more."""
    for pipe in pipes:
        is_known = pipe.file in selector.get_map()
        if pipe.wants_more and not is_known:
            selector.register(pipe.file, selectors.EVENT_READ)
        elif is_known and not pipe.wants_more:
            selector.unregister(pipe.file)


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
        raise killed(returncode, source, frames)
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
