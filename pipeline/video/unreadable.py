"""Why a file gives no pictures, as far as its own bytes tell.

Demuxer and decoder say "invalid data" of most of it. MP4 and its kin are a row of boxes, each with
its length in front (ISO/IEC 14496-12, 4.2); MPEG-TS is packets of 188 bytes (ISO/IEC 13818-1,
2.4.3.2).
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..base.errors import EncryptedError, NotAVideoError, NoVideoStreamError, VideoError, printable
from .binary import ANOTHER_FFMPEG

_HEAD_BYTES = 1 << 18
_JOIN = (
    "Put the init segment in front and all fragments behind it, in their order (cat init.mp4 "
    "segment1.m4s segment2.m4s > whole.mp4), and extract that file."
)
PLAYS_ELSEWHERE = (
    "If it plays elsewhere, convert it there first; else it is damaged or no video: copy it again, "
    "or leave it out."
)
"""The way out where the cause is not known."""

_COPY_AGAIN = "Copy or download it again; if there is no whole copy any more, leave it out."


class _Box(NamedTuple):
    """A box; ``start`` and ``end`` of its content in bytes, as it says itself."""

    kind: bytes
    start: int
    end: int


def encrypted(path: Path, scheme: str) -> EncryptedError:
    """Return the error that says that a file is encrypted, and how."""
    return EncryptedError(
        f"{printable(path)}: encrypted ({printable(scheme)}): decrypt it first",
        "Its pictures cannot be seen without the key; whoever recorded or published it has one.",
    )


def why_not_opened(path: Path, error: Exception) -> VideoError:
    """Return why a demuxer does not take a file.

    Args:
        path: the file.
        error: what the demuxer, or the system, said.
    """
    name = printable(path)
    if isinstance(error, PermissionError):
        return NotAVideoError(
            f"{name}: no permission to read it. Give yourself the right, or leave it out."
        )
    if isinstance(error, FileNotFoundError):
        return NotAVideoError(f"{name}: the file is gone. Was it moved meanwhile?")
    with contextlib.suppress(OSError), path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if head[:7] in {b"#EXTM3U", b"ffconca"} or head[:9] == b"[playlist":
            return NotAVideoError(
                f"{name}: a playlist or concat script, not a video. Playlists are never followed: "
                "name the videos themselves."
            )
        if (known := _webp(name, head)) or (known := _scrambled(path, head)):
            return known
        if known := _without_index(name, _boxes(file)):
            return known
        if known := why_known(path):
            return known
    what = f"{name}: not a video that can be read ({printable(_reason(error))})"
    return NotAVideoError(what, PLAYS_ELSEWHERE)


def why_empty(path: Path, claims_frames: bool) -> VideoError:
    """Return why a file that has a video stream has no packet of it.

    Args:
        path: the file.
        claims_frames: whether its header promises some.
    """
    if known := why_known(path):
        return known
    name = printable(path)
    if claims_frames:
        return NotAVideoError(f"{name}: cut off right behind its header", _COPY_AGAIN)
    what = f"{name}: holds no pictures (only a header)"
    if _is_init_segment(path):
        return NoVideoStreamError(f"{what}: it is the init segment of a stream in fragments", _JOIN)
    return NoVideoStreamError(
        what, "The recording broke off at once, or the copy did. " + _COPY_AGAIN
    )


def why_known(path: Path) -> VideoError | None:
    """Return why nothing of a file can be decoded, where its bytes tell."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        if known := _scrambled(path, file.read(_HEAD_BYTES)):
            return known
        size, boxes = file.seek(0, os.SEEK_END), [*_boxes(file)]
        if boxes and any(box.kind == b"moov" for box in boxes) and boxes[-1].end > size:
            where = "" if any(box.kind == b"moof" for box in boxes) else " right behind its header"
            return NotAVideoError(
                f"{printable(path)}: cut off{where}: only {size:,} of {boxes[-1].end:,} bytes are "
                "there",
                _COPY_AGAIN,
            )
    return None


def _webp(name: str, head: bytes) -> VideoError | None:
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    if b"ANIM" not in head[:64]:
        return NotAVideoError(f"{name}: a picture (WebP), not a video. Leave it out.")
    return NotAVideoError(
        f"{name}: an animated WebP, which cannot be read",
        "Make a video of it first, with ffmpeg 9 or newer: ffmpeg -i IN.webp -fps_mode passthrough "
        "-c:v ffv1 OUT.mkv",
    )


def _scrambled(path: Path, head: bytes) -> VideoError | None:
    """Return that most packets of a transport stream that carry something are scrambled."""
    start = next((at for at in range(188) if head[at : at + 376 + 1 : 188] == b"GGG"), None)
    if start is None:
        return None
    packets = [head[at : at + 4] for at in range(start, len(head) - 4, 188)]
    carrying = [p[3] >> 6 for p in packets if p[0] == 0x47 and p[1:3] != b"\x1f\xff" and p[3] & 16]
    if 2 * sum(map(bool, carrying)) <= len(carrying):
        return None
    return encrypted(path, "scrambled transport stream")


def _without_index(name: str, boxes: Iterator[_Box]) -> VideoError | None:
    kinds = {box.kind for box in boxes}
    if b"moov" in kinds:
        return None
    if b"moof" in kinds:
        return NotAVideoError(
            f"{name}: a fragment of a stream, without the init segment that says what is in it",
            _JOIN,
        )
    if kinds & {b"ftyp", b"mdat"}:
        return NotAVideoError(
            f"{name}: the index of the file (moov) is missing: the recording or the copy was "
            "cut off before its end. Copy it again, or repair it with a tool such as untrunc."
        )
    return None


def _is_init_segment(path: Path) -> bool:
    """Whether the index of a file announces fragments (its box ``mvex``)."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return any(
            inner.kind == b"mvex"
            for box in _boxes(file)
            if box.kind == b"moov"
            for inner in _boxes(file, box.start, box.end)
        )
    return False


def _boxes(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[_Box]:
    """Yield the boxes of a file, or of a box, up to the first that is none."""
    end = file.seek(0, os.SEEK_END) if end is None else end
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, kind, content = int.from_bytes(head[:4], "big"), head[4:8], start + 8
        if size == 1:
            size, content = int.from_bytes(head[8:16], "big"), start + 16
        elif size == 0:  # up to the end
            size = end - start
        if start + size < content or not kind.isalnum():
            return
        yield _Box(kind, content, start + size)
        start += size


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def why_undecoded(path: Path, said: str) -> NotAVideoError:
    """Return the error that says that not one frame of a file can be decoded.

    Args:
        path: the file.
        said: what ffmpeg said first.
    """
    has_no_decoder = re.search(r"[Dd]ecoder .*not found|no decoder found", said)
    return NotAVideoError(
        f"{printable(path)}: not one frame can be decoded: {said.rstrip('.')}",
        f"{ANOTHER_FFMPEG}, or convert the file first." if has_no_decoder else PLAYS_ELSEWHERE,
    )
