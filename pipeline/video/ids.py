"""Give each video an id that is its own for ever."""

import hashlib
import itertools
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from .content import PREVIEW_SUFFIXES
from .sources import Source

MAX_ID_BYTES = 150
"""Leaves room for ``-frame_000000.jpg`` within the 255 bytes of a file name."""


def assign_ids(
    sources: Iterable[Source],
    taken: Iterable[str],
    among: Iterable[Source],
    given: Mapping[Source, str] = MappingProxyType({}),
) -> dict[Source, str]:
    """Return an id for each source that no other source has or ever had.

    Args:
        sources: the videos that need an id, in a fixed order.
        taken: names that stand in the dataset already.
        among: all sources of this run, with those that have their id; so an id does not depend on
            how many of them were done before.
        given: the ids of those that have one.
    """
    names = {source.path: source.name for source in among}
    same_name = Counter(_fold(Path(name).name) for name in names.values())
    used = {_fold(name) for name in taken}
    ids = dict(given)
    # The plain name is for the video itself, not for its preview or another stream of it.
    for source in sorted(sources, key=lambda s: (s.stream is not None, _is_preview(s))):
        for candidate in _id_candidates(source, same_name, ids.get(source.usual)):
            if _fold(candidate) not in used:
                used.add(_fold(candidate))
                ids[source] = candidate
                break
    return ids


def safe_id(name: str) -> str:
    """Return ``name`` as one path component that every file system and tool takes as it is.

    Separators and characters that ffmpeg or Windows reads as something else become
    ``_``; readable Unicode stays. Long names are cut and get a hash of the whole.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join("_" if _is_unsafe(c) else c for c in text)
    text = re.sub(r"^[-.\s]+|[.\s]+$", lambda match: "_" * len(match.group()), text)
    if re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)", text):
        text += "_"
    if len(text.encode()) > MAX_ID_BYTES:
        kept = text.encode()[: MAX_ID_BYTES - 9].decode(errors="ignore")
        text = f"{kept}-{_short_hash(name)}"
    return text or "_"


def _is_unsafe(c: str) -> bool:
    return c in '/\\:*?"<>|%' or not c.isprintable()


def _id_candidates(
    source: Source, same_name: Counter[str], id_of_usual: str | None
) -> Iterator[str]:
    """Yield ever longer names for a source: the first free one becomes its id."""
    if source.stream is not None:
        names = _id_candidates(source.usual, same_name, None)
        for name in itertools.chain([id_of_usual] if id_of_usual else [], names):
            yield safe_id(f"{name}_s{source.stream}")
    stem = str(Path(source.name).with_suffix("")) if Path(source.name).stem else source.name
    yield safe_id(stem)
    # Two files of one name need their folders to be told apart, cam.avi and cam.mp4 the suffix.
    if same_name[_fold(Path(source.name).name)] == 1:
        yield safe_id(source.name.replace(".", "_"))
    yield safe_id(f"{source.path.parent.name}_{stem}")
    base, number = safe_id(f"{stem}-{_short_hash(os.fspath(source.path))}"), 1
    yield base
    while True:
        number += 1
        yield f"{base}-{number}"


def _is_preview(source: Source) -> bool:
    return Path(source.name).suffix.lower() in PREVIEW_SUFFIXES


def _fold(text: str) -> str:
    # Case-insensitive file systems must not merge two ids.
    return unicodedata.normalize("NFC", text).casefold()


def _short_hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]
