"""Find the videos that a person means, and give each an id that is its own for ever.

Only regular files are opened: a fifo or device in a folder would block for ever. Each real file
counts once, however many links lead to it.
"""

import glob
import hashlib
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import InputError, printable

VIDEO_SUFFIXES = frozenset(
    [
        ".264",
        ".265",
        ".3g2",
        ".3gp",
        ".amv",
        ".asf",
        ".avc",
        ".avi",
        ".av1",
        ".dav",
        ".divx",
        ".dv",
        ".f4v",
        ".flv",
        ".gif",
        ".h264",
        ".h265",
        ".hevc",
        ".insv",
        ".ivf",
        ".m1v",
        ".m2t",
        ".m2ts",
        ".m2v",
        ".m4v",
        ".mj2",
        ".mjpeg",
        ".mjpg",
        ".mkv",
        ".mod",
        ".mov",
        ".mp4",
        ".mpe",
        ".mpeg",
        ".mpg",
        ".mpv",
        ".mts",
        ".mxf",
        ".nut",
        ".obu",
        ".ogm",
        ".ogv",
        ".ps",
        ".qt",
        ".rm",
        ".rmvb",
        ".tod",
        ".trp",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
        ".wtv",
        ".y4m",
    ]
)
"""What counts as a video inside a folder. A file that is named itself is taken as it is."""

MAX_ID_BYTES = 150
"""Leaves room for ``-frame_000000.jpg`` within the 255 bytes of a file name."""


@dataclass(frozen=True)
class Source:
    """A video file. ``name`` is its path under the input folder, with '/' as separator."""

    path: Path
    name: str


@dataclass
class FoundSources:
    """The videos found, and what was left out, by reason."""

    sources: list[Source] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, reason: str, path: object) -> None:
        """Note a path that is left out."""
        self.skipped.setdefault(reason, []).append(str(path))


def find_sources(inputs: Iterable[str | os.PathLike[str]]) -> FoundSources:
    """Return the videos behind files, folders (recursive) and glob patterns, in name order.

    Raises:
        InputError: there is nothing at all to work on.
    """
    found = FoundSources()
    seen: set[tuple[int, int]] = set()
    given = [os.fspath(item) for item in inputs]
    if "" in given:
        raise InputError("An input is empty. Was a shell variable not set?")
    for text in given:
        for path, base in _expand(text, found):
            if os.path.isdir(path):
                for file in _walk(path, found):
                    _add(file, path, found, seen)
            elif _is_regular(path, found):
                _add(path, base, found, seen)
    if not found.sources:
        raise InputError(_nothing_found(given, found))
    return found


def assign_ids(
    sources: Iterable[Source], taken: Iterable[str], among: Iterable[Source]
) -> dict[Path, str]:
    """Return an id for each source that no other source has or ever had.

    Args:
        sources: the videos that need an id, in a fixed order.
        taken: names that stand in the dataset already.
        among: all sources of this run, with those that have their id; so an id does not depend on
            how many of them were done before.
    """
    same_name = Counter(_fold(Path(source.name).name) for source in among)
    used = {_fold(name) for name in taken}
    ids: dict[Path, str] = {}
    for source in sources:
        for candidate in _id_candidates(source, same_name):
            if _fold(candidate) not in used:
                used.add(_fold(candidate))
                ids[source.path] = candidate
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


def _id_candidates(source: Source, same_name: Counter[str]) -> Iterator[str]:
    """Yield ever longer names for a source: the first free one becomes its id."""
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


def _fold(text: str) -> str:
    # Case-insensitive file systems must not merge two ids.
    return unicodedata.normalize("NFC", text).casefold()


def _short_hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _expand(text: str, found: FoundSources) -> Iterator[tuple[Path, Path]]:
    """Yield each path that an input means, with the folder that its name is relative to."""
    path = Path(text)
    if os.path.lexists(path):
        if os.path.exists(path):
            yield path, path.parent
        else:
            found.missing.append(text)
            found.skip("dangling link", path)
        return
    matches = sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) else []
    if not matches:
        found.missing.append(text)
    parts = path.parts
    fixed = next(i for i, part in enumerate((*parts, "*")) if glob.has_magic(part))
    for match in matches:
        if any(part.startswith(".") and part not in {".", ".."} for part in Path(match).parts):
            found.skip("hidden", match)
        else:
            yield Path(match), Path(*parts[:fixed])


def _walk(folder: Path, found: FoundSources) -> Iterator[Path]:
    """Yield the video files in a folder and below, sorted; each real folder once."""
    visited: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            status = current.stat()
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError:
            found.skip("unreadable folder", current)
            continue
        if (status.st_dev, status.st_ino) in visited:
            found.skip("folder seen before", current)
            continue
        visited.add((status.st_dev, status.st_ino))
        folders = []
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith("."):
                found.skip("hidden", path)
            elif os.path.isdir(path):
                folders.append(path)
            elif Path(entry.name).suffix.lower() not in VIDEO_SUFFIXES:
                found.skip("not a video", path)
            elif _is_regular(path, found):
                yield path
        pending.extend(reversed(folders))


def _is_regular(path: Path, found: FoundSources) -> bool:
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return True
        found.skip("not a regular file", path)
    except OSError:
        found.skip("dangling link", path)
    return False


def _add(path: Path, base: Path, found: FoundSources, seen: set[tuple[int, int]]) -> None:
    status = path.stat()
    key = (status.st_dev, status.st_ino)
    if key in seen:
        found.skip("same file again", path)
        return
    seen.add(key)
    found.sources.append(Source(Path(os.path.realpath(path)), path.relative_to(base).as_posix()))


def _nothing_found(given: list[str], found: FoundSources) -> str:
    names = ", ".join(printable(text) for text in given)
    if found.missing:
        return f"{printable(found.missing[0])}: no such file or folder. Check the path."
    skipped = sum(len(paths) for paths in found.skipped.values())
    return (
        f"{names}: no videos found ({skipped} other entries skipped; -v names them). "
        "A file that is named itself is taken whatever its suffix."
    )
