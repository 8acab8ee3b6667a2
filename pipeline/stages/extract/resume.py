"""Which videos of the dataset are the sources at hand: the resume key and its first half.

A committed video is left alone where both halves of its key hold: the source's identity (size and
modification time, else a hash of the content) and the digest of the settings.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import InterruptedRunError, SourceChangedError, UsageError, printable
from ...base.words import count, listing
from ...dataset.accounts import balance
from ...dataset.image_folder import list_image_indices
from ...dataset.records import Notice, SourceIdentity, VideoRecord
from ...dataset.store import Dataset
from ...settings.file import settings_digest
from ...video.sources import Source


def match_records(
    sources: Iterable[Source], records: Mapping[str, VideoRecord]
) -> dict[Path, VideoRecord]:
    """Return the record of each source that is in the dataset already.

    A source is known by its path. One that was moved, with the folder it is in, is known by its
    name under that folder and its content.
    """
    sources = list(sources)
    by_path = {record.source.path: record for record in records.values()}
    known = {s.path: by_path[os.fspath(s.path)] for s in sources if os.fspath(s.path) in by_path}
    claimed = {record.id for record in known.values()}
    for source in sources:
        if source.path in known:
            continue
        for record in records.values():
            if (
                record.id not in claimed
                and record.source.name == source.name
                and not os.path.exists(record.source.path)
                and _looks_same(source.path, record.source)
            ):
                known[source.path] = record
                claimed.add(record.id)
                break
    return known


def refuse_other_settings(settings: Mapping[str, Any], known: Mapping[Path, VideoRecord]) -> None:
    """Refuse to mix settings in one dataset.

    Raises:
        UsageError: one of the videos is there already with other settings.
    """
    digest = settings_digest(settings)
    others = [record for record in known.values() if record.settings_digest != digest]
    if not others:
        return
    then = others[0].settings
    changes = ", ".join(
        f"{name} {_shown(then.get(name))} → {_shown(settings.get(name))}"
        for name in {**then, **settings}
        if then.get(name) != settings.get(name)
    )
    raise UsageError(
        f"{count(len(others), 'video is', 'videos are')} in the dataset already with other "
        f"settings: {listing([record.id for record in others])} ({changes}). Nothing was done. "
        "Use --overwrite to extract again, or another --output to keep both."
    )


def _shown(value: Any) -> str:
    return "not set" if value is None else printable(value)


def check_unchanged(
    source: Source, record: VideoRecord, store: Dataset, is_stopped: Callable[[], bool]
) -> tuple[Notice, ...]:
    """Return the notices of a video that is in the dataset already, missing images among them.

    Raises:
        InterruptedRunError: ``is_stopped`` said so.
        SourceChangedError: the file is another one now.
    """
    if not is_same_file(source.path, record.source, is_stopped):
        raise SourceChangedError(
            f"{printable(source.path)}: the file has changed since '{record.id}' was extracted "
            "from it. Use --overwrite to replace the images, or another --output to keep both."
        )
    digits, image_format = record.settings["digits"], record.settings["format"]
    present = list_image_indices(store.folder(record.id), record.id, digits, image_format)
    if np.array_equal(present, np.arange(record.counts.frames_decoded)):
        return record.warnings  # each frame has its image, so nothing else needs to be read
    account = balance(store, record, store.read_frames(record.id))
    return (
        *record.warnings,
        *(
            Notice("files-missing", mismatch.message, next(iter(mismatch.frames), None))
            for mismatch in account.mismatches
        ),
    )


def identify(source: Source, is_stopped: Callable[[], bool]) -> SourceIdentity:
    """Return the identity of a file; reads it whole.

    Raises:
        InterruptedRunError: ``is_stopped`` said so.
    """
    size_bytes, mtime_ns = stat_identity(source.path)
    return SourceIdentity(
        name=source.name.encode("utf-8", "backslashreplace").decode(),
        path=os.fspath(source.path),
        size_bytes=size_bytes,
        mtime_ns=mtime_ns,
        sha256=_sha256(source.path, is_stopped),
    )


def _looks_same(path: Path, identity: SourceIdentity) -> bool:
    try:
        return is_same_file(path, identity)
    except OSError:  # it cannot be read; its own turn will say so
        return False


def is_same_file(
    path: Path, identity: SourceIdentity, is_stopped: Callable[[], bool] = lambda: False
) -> bool:
    """Whether a file is the one that was extracted: by size and mtime, else by content.

    Raises:
        InterruptedRunError: ``is_stopped`` said so.
    """
    size_bytes, mtime_ns = stat_identity(path)
    if size_bytes != identity.size_bytes:
        return False
    return mtime_ns == identity.mtime_ns or _sha256(path, is_stopped) == identity.sha256


def stat_identity(path: Path) -> tuple[int, int]:
    """Return size in bytes and modification time in nanoseconds."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _sha256(path: Path, is_stopped: Callable[[], bool] = lambda: False) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            if is_stopped():
                raise InterruptedRunError("interrupted")
    return digest.hexdigest()
