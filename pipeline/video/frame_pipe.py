"""Frames that ffmpeg hands over through a pipe, as a stream of YUV4MPEG2, which tells its size."""

import os
import re
from pathlib import Path
from typing import Any

from ..base.errors import DecoderDiedError, printable
from .binary import ANOTHER_FFMPEG
from .processes import PIPE_BYTES, Pipe

HANDED_OVER: dict[str, Any] = {"format": "yuv4mpegpipe", "strict": -1}
"""Options of the outputs that hand over frames."""

FRAME = b"FRAME\n"
"""What each begins with."""

# ' C420mpeg2', ' C444', ' Cmono16', ' C420p16'
_HEADER = re.compile(rb"YUV4MPEG2 W(\d+) H(\d+) .*?\bC(mono|420|422|444)(p?\d+)?(?!alpha)[^\n]*\n")
_LONGEST_HEADER = 1000
_LAYOUTS = {b"420": (2, 2), b"422": (2, 1), b"444": (1, 1)}
"""By how much the colours of a frame are smaller than its brightness, across and down."""


class FramePipe(Pipe):
    """A pipe of frames. It holds one of them, and reads no further until that was let go.

    ``header``: what they begin with. ``shapes``: rows and columns of the planes of each.
    ``frame``: the bytes of the one that is there, in whole where ``is_full``, with `FRAME`.
    ``done``: how many were let go.

    Args:
        sample_bytes: those of a sample.
        source: the video, for messages.
    """

    def __init__(self, sample_bytes: int, source: Path) -> None:
        super().__init__()
        os.set_blocking(self.file, False)
        self.header = b""
        self.shapes: list[tuple[int, int]] = []
        self.frame = memoryview(b"")
        self.done = 0
        self._sample_bytes, self._source = sample_bytes, source
        self._filled = 0

    @property
    def is_full(self) -> bool:
        """Whether a frame is there to its end."""
        return 0 < self._filled == len(self.frame)

    def read(self) -> None:
        """Read what is there, up to the end of a frame.

        Raises:
            DecoderDiedError: it is no frame.
        """
        try:
            if not self.frame:
                self._read_header()
            while self.frame and self.wants_more:
                taken = os.readv(self.file, [self.frame[self._filled :][:PIPE_BYTES]])
                self._filled += taken
                self.wants_more = taken > 0 and not self.is_full
        except BlockingIOError:
            return
        if self.is_full and self.frame[: len(FRAME)] != FRAME:
            raise self._strange()

    def let_go(self) -> None:
        """Be done with the frame that is there, and read on."""
        self.done += 1
        self._filled, self.wants_more = 0, True
        self.read()

    def wait(self) -> None:
        """Let each `read` wait for more, or the end; for when nothing else is to be heard."""
        os.set_blocking(self.file, True)

    def _read_header(self) -> None:
        while self.wants_more and not self.header.endswith(b"\n"):
            byte = os.read(self.file, 1)
            self.header += byte
            self.wants_more = bool(byte) and len(self.header) < _LONGEST_HEADER
        match = _HEADER.fullmatch(self.header)
        if match is None or self._sample_bytes != (2 if match[4] else 1):
            if self.header:
                raise self._strange()
            return
        width, height = int(match[1]), int(match[2])
        self.shapes = [(height, width)]
        if match[3] in _LAYOUTS:
            across, down = _LAYOUTS[match[3]]
            self.shapes += [(-(-height // down), -(-width // across))] * 2
        samples = sum(rows * columns for rows, columns in self.shapes)
        self.frame = memoryview(bytearray(len(FRAME) + self._sample_bytes * samples))

    def _strange(self) -> DecoderDiedError:
        return DecoderDiedError(
            f"{printable(self._source)}: ffmpeg handed over what is no frame. {ANOTHER_FFMPEG}, or "
            "set dedupe to off."
        )
