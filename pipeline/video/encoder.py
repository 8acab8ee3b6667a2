"""Encode the images of the frames that are kept, and of no others, while the video is decoded.

Which frames are kept is known only once they were compared, and to encode all of them first would
cost most of the time. So ffmpeg hands over the frames themselves as well, as a stream of YUV4MPEG2.
Those that are kept go on into a second ffmpeg, which encodes them as the first one would have.
"""

import contextlib
import os
import select
import subprocess
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from ..base.errors import DecoderDiedError, DecoderHungError, DiskFullError, printable
from ..base.words import count
from ..base.work import Link, refuse_stopped
from ..dataset.records import VideoInfo
from ..settings.stages import ExtractSettings
from .binary import ANOTHER_FFMPEG
from .frame_pipe import FramePipe
from .processes import DISK_FULL, kill_group, killed, start_ffmpeg, widen
from .still import COMPARED_FORMATS

_BARE_CODECS = frozenset(
    ("av1", "h263", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vc1", "vp8", "vp9")
)
"""The codecs whose pictures bring no colour profile or notes that an image would take over."""

_POLL_SECONDS = 0.2
_LOG_FILE = "encoder.log"

Verdict = Callable[[int], bool | None]
"""Whether the frame that was handed over at a place is kept; ``None`` while nobody knows."""


def encodes_exactly(settings: ExtractSettings, info: VideoInfo) -> bool:
    """Return whether frames can be handed over so that their images are what they would be."""
    is_plain = settings.levels is None and settings.max_size is None
    is_known = info.pixel_format in COMPARED_FORMATS and "440" not in (info.pixel_format or "")
    is_toned = settings.tonemap and info.is_hdr
    return (
        settings.format == "jpg"
        and is_plain
        and not is_toned
        and is_known
        and info.codec in _BARE_CODECS
    )


class Encoder(FramePipe):
    """Takes frames from a pipe and encodes those that are kept.

    It reads no further than a frame of which nobody knows yet what becomes of it.

    Args:
        command: of ffmpeg, which reads frames from its standard input and makes images of them,
            numbered from 0.
        folder: where it runs.
        name: of the image with a number.
        source: the video, for messages.
        stall_seconds: for how long it may take no frame.
        link: told whether to give up.
    """

    def __init__(
        self,
        command: list[str],
        folder: Path,
        name: Callable[[int], str],
        source: Path,
        stall_seconds: float,
        link: Link,
    ) -> None:
        super().__init__(1, source)
        self._command, self._folder, self._name = command, folder, name
        self._stall_seconds, self._link = stall_seconds, link
        self._encoded = array("i")
        self._process: subprocess.Popen[bytes] | None = None

    def pass_on(self, verdict: Verdict, *, is_pressed: bool = False) -> None:
        """Encode the frames that are there and are kept, and let the others go.

        Args:
            verdict: what is to become of each.
            is_pressed: while that is open, encode the first for the time being.

        Raises:
            DecoderDiedError, DecoderHungError, DiskFullError, InterruptedRunError.
        """
        while self.is_full:
            is_kept = verdict(self.done)
            if is_kept is None and not is_pressed:
                return
            is_pressed = False
            if is_kept is not False:
                self._encode()
            self.let_go()

    def finish(self, verdict: Verdict, numbers: Sequence[int]) -> bool:
        """Encode the rest and name the images; return whether all frames were there.

        Args:
            verdict: what is to become of each frame, all of which is known.
            numbers: what to call the images of the frames that were handed over, ascending.

        Raises:
            DecoderDiedError, DecoderHungError, DiskFullError, InterruptedRunError.
        """
        self.wait()
        self.pass_on(verdict)
        while self.wants_more:
            self.read()
            self.pass_on(verdict)
        if self._process is not None:
            self._end(self._process)
        # From the last on, for none is numbered lower than it was.
        for number in reversed(range(len(self._encoded))):
            path, place = self._folder / self._name(number), self._encoded[number]
            try:
                if verdict(place):
                    path.rename(self._folder / self._name(numbers[place]))
                else:
                    path.unlink()
            except FileNotFoundError:
                raise self._died("left out images") from None
        return self.done == len(numbers)

    def close(self) -> None:
        """Close the pipe, and end what is still running."""
        super().close()
        if self._process is not None:
            with self._process:
                kill_group(self._process)

    def _encode(self) -> None:
        """Hand the frame that waits on."""
        if self._process is None:
            with self._log.open("wb") as log:
                self._process = start_ffmpeg(
                    self._command, self._folder, stdin=subprocess.PIPE, stderr=log
                )
            assert self._process.stdin is not None  # noqa: S101
            widen(self._process.stdin.fileno())
            self._write(self._process, memoryview(self.header))
        self._write(self._process, self.frame)
        self._encoded.append(self.done)

    def _write(self, process: subprocess.Popen[bytes], data: memoryview) -> None:
        assert process.stdin is not None  # noqa: S101
        file = process.stdin.fileno()
        os.set_blocking(file, False)
        poll = select.poll()
        poll.register(file, select.POLLOUT)
        last_progress = time.monotonic()
        while data:
            try:
                if poll.poll(1000 * _POLL_SECONDS):
                    data = data[os.write(file, data) :]
                    last_progress = time.monotonic()
            except BrokenPipeError:
                self._end(process)
                raise self._died("ended too early") from None
            self._give_up(time.monotonic() - last_progress)

    def _give_up(self, silent_seconds: float) -> None:
        """Give up where the run is stopped, or nothing was written for too long."""
        refuse_stopped(self._link)
        if silent_seconds > self._stall_seconds:
            raise DecoderHungError(
                f"{printable(self._source)}: ffmpeg hung: it wrote no image for "
                f"{self._stall_seconds:g} s, so it was stopped. If the storage is that slow, raise "
                "stall_seconds in the settings."
            )

    @property
    def _log(self) -> Path:
        return self._folder.parents[1] / _LOG_FILE

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Let ffmpeg come to its end, which has to be a good one."""
        assert process.stdin is not None  # noqa: S101
        process.stdin.close()
        begun = time.monotonic()
        while process.poll() is None:
            self._give_up(time.monotonic() - begun)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_POLL_SECONDS)
        said = self._log.read_text(encoding="utf-8", errors="replace")
        if any(words in said for words in DISK_FULL):
            raise DiskFullError
        if process.returncode < 0:
            raise killed(process.returncode, self._source, len(self._encoded))
        if process.returncode > 0:
            last_line = printable((said.splitlines() or ["it said nothing"])[-1])
            raise self._died(f"gave up (exit code {process.returncode}): {last_line}")

    def _died(self, how: str) -> DecoderDiedError:
        images = count(len(self._encoded), "image")
        return DecoderDiedError(
            f"{printable(self._source)}: the ffmpeg that encodes {how} after {images}. "
            f"{ANOTHER_FFMPEG}."
        )
