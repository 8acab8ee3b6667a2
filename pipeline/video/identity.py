"""Which file a source is: its size and modification time, else its content."""

import hashlib
import os
from pathlib import Path

from ..base.work import UNWATCHED, Link, refuse_stopped
from ..dataset.records import SourceIdentity
from .sources import Source

_END_BYTES = 1 << 16


def identify(source: Source, link: Link) -> SourceIdentity:
    """Return the identity of a file; reads it whole.

    Raises:
        InterruptedRunError: the link is stopped.
        OSError: it cannot be read.
    """
    size_bytes, mtime_ns = stat_identity(source.path)
    return SourceIdentity(
        name=source.name.encode("utf-8", "backslashreplace").decode(),
        path=os.fspath(source.path),
        size_bytes=size_bytes,
        mtime_ns=mtime_ns,
        sha256=_sha256(source.path, link),
        stream=source.stream,
    )


def try_to_identify(source: Source, link: Link) -> SourceIdentity | None:
    """Return the identity of a file, ``None`` where it cannot be read: a unit of work."""
    try:
        return identify(source, link)
    except OSError:  # its own turn will say so
        return None


def is_same_file(path: Path, identity: SourceIdentity, link: Link = UNWATCHED) -> bool:
    """Whether a file is the one that was extracted: by size and mtime, else by content.

    Raises:
        InterruptedRunError: the link is stopped.
        OSError: it cannot be read.
    """
    size_bytes, mtime_ns = stat_identity(path)
    if size_bytes != identity.size_bytes:
        return False
    return mtime_ns == identity.mtime_ns or _sha256(path, link) == identity.sha256


def stat_identity(path: Path) -> tuple[int, int]:
    """Return size in bytes and modification time in nanoseconds.

    Raises:
        OSError: it is gone.
    """
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def digest_ends(path: Path) -> bytes | None:
    """Return a digest of how a file begins and ends, ``None`` where it cannot be read.

    Two videos of one size, as recorders write them, hardly ever begin and end alike; so copies are
    told from others without reading them whole.
    """
    try:
        with path.open("rb") as file:
            first = file.read(_END_BYTES)
            file.seek(max(0, path.stat().st_size - _END_BYTES))
            return hashlib.sha256(first + file.read(_END_BYTES)).digest()
    except OSError:
        return None


def _sha256(path: Path, link: Link) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            refuse_stopped(link)
    return digest.hexdigest()
