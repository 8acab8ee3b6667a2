"""Find the videos that a person means.

Only regular files are opened: a fifo or device in a folder would block for ever. Each real file
counts once, however many links lead to it.
"""

import dataclasses
import errno
import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import InputError, printable
from ..base.words import count, listing, plural
from .content import VIDEO_SUFFIXES, is_hidden_video, is_text

_NOWHERE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))
_NOT_REGULAR = "not a regular file"
_TEXT = "text, not a video"

LOOKS_LIKE_VIDEO = "a video by its content, not by its name"
"""The reason for which a file is left out that a person may have meant."""


@dataclass(frozen=True)
class Source:
    """A video: a file, and the index of the stream in it, ``None`` for the one usually taken.

    ``name`` is its path under the input folder, with '/' as separator.
    """

    path: Path
    name: str
    stream: int | None = None

    @property
    def usual(self) -> "Source":
        """The video that the file is if nobody names a stream."""
        return dataclasses.replace(self, stream=None)


@dataclass
class FoundSources:
    """The videos found, and what was left out.

    ``unusable`` maps inputs that lead to nothing, ``unreadable`` folders and links inside of
    inputs, to a message that says why. ``skipped`` maps a reason to what nobody needs to look at.
    """

    sources: list[Source] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    @property
    def overlooked(self) -> str:
        """What is to be said of files that are left out, though they look like videos."""
        if not (paths := self.skipped.get(LOOKS_LIKE_VIDEO)):
            return ""
        return (
            f"{count(len(paths), 'file')} without the suffix of a video "
            f"{plural(len(paths), 'begins as one and was', 'begin as one and were')} left out: "
            f"{listing(paths)}. To take such a file, name it itself, beside the folder."
        )

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
        for path, base, status in _expand(text, found):
            if stat.S_ISDIR(status.st_mode):
                for file, status_of_file in _walk(path, found):
                    _add(file, path, status_of_file, found, seen)
            elif stat.S_ISREG(status.st_mode):
                _add(path, base, status, found, seen)
            else:
                found.skip(_NOT_REGULAR, path)
    if not found.sources:
        raise InputError(_nothing_found(given, found))
    return found


def _expand(text: str, found: FoundSources) -> Iterator[tuple[Path, Path, os.stat_result]]:
    """Yield each path that an input means, and the folder that its name is relative to."""
    path, parts = Path(text), Path(text).parts
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        if not glob.has_magic(text) or not _leads_nowhere(error):
            found.unusable[text] = _why_unusable(text, error)
            return
    else:
        yield path, path.parent, status
        return
    _note_unsearched(parts, found)
    matches = sorted(glob.glob(text, recursive=True))
    if not matches:
        found.unusable[text] = _why_unusable(text)
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    for match in map(Path, matches):
        if any(part.startswith(".") and part not in {".", ".."} for part in match.parts):
            found.skip("hidden", match)
        elif (status_of_match := _status_of(match, found)) is None:
            continue
        elif stat.S_ISREG(status_of_match.st_mode) and is_text(match):
            found.skip(_TEXT, match)
        else:
            yield match, Path(*parts[:fixed]), status_of_match


def _note_unsearched(parts: Sequence[str], found: FoundSources) -> None:
    """Note the folders in which a pattern was not looked for: glob is silent about them."""
    for depth, part in enumerate(parts):
        needed = os.X_OK | (os.R_OK if glob.has_magic(part) else 0)
        for folder in glob.glob(f"{Path(*parts[:depth])}/", recursive=True):
            if not os.access(folder, needed):
                name = folder.rstrip("/") or folder
                found.unreadable[name] = _cannot_read(name, os.strerror(errno.EACCES))


def _walk(folder: Path, found: FoundSources) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the video files in a folder and below, sorted; each real folder once."""
    visited: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            status = current.stat()
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            concerned = found.unusable if current == folder else found.unreadable
            concerned[str(current)] = _cannot_read(current, error.strerror)
            continue
        if (status.st_dev, status.st_ino) in visited:
            found.skip("folder seen before", current)
            continue
        visited.add((status.st_dev, status.st_ino))
        folders = []
        for path in (Path(entry.path) for entry in entries):
            if path.name.startswith("."):
                found.skip("hidden", path)
            elif (status_of_entry := _status_of(path, found)) is None:
                continue
            elif stat.S_ISDIR(status_of_entry.st_mode):
                folders.append(path)
            elif (why_not := _why_no_video(path, status_of_entry)) is not None:
                found.skip(why_not, path)
            else:
                yield path, status_of_entry
        pending.extend(reversed(folders))


def _why_no_video(path: Path, status: os.stat_result) -> str | None:
    """Return why a file in a folder is left out; regular files may be opened, others never."""
    is_regular = stat.S_ISREG(status.st_mode)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return _NOT_REGULAR if not is_regular else _TEXT if is_text(path) else None
    return LOOKS_LIKE_VIDEO if is_regular and is_hidden_video(path) else "not a video"


def _status_of(path: Path, found: FoundSources) -> os.stat_result | None:
    """Return what a path leads to; note why where that cannot be told."""
    try:
        return path.stat()
    except OSError as error:
        if _leads_nowhere(error):
            found.skip("dangling link", path)
            return None
        # Who may list a folder but not search it sees names, and nothing behind any of them.
        blocked = path if os.access(path.parent, os.X_OK) else path.parent
        found.unreadable[str(blocked)] = _cannot_read(blocked, error.strerror)
        return None


def _leads_nowhere(error: Exception) -> bool:
    return not isinstance(error, OSError) or error.errno in _NOWHERE


def _add(
    path: Path,
    base: Path,
    status: os.stat_result,
    found: FoundSources,
    seen: set[tuple[int, int]],
) -> None:
    key = (status.st_dev, status.st_ino)
    if key in seen:
        found.skip("same file again", path)
        return
    seen.add(key)
    found.sources.append(Source(Path(os.path.realpath(path)), path.relative_to(base).as_posix()))


def _why_unusable(text: str, error: Exception | None = None) -> str:
    if isinstance(error, OSError) and not _leads_nowhere(error):
        return _cannot_read(text, error.strerror)
    return f"{printable(text)}: no such file or folder. Check the path."


def _cannot_read(path: object, reason: str | None) -> str:
    return (
        f"{printable(path)}: cannot be read: {reason}, so it was left out. Check its rights, then "
        "run the same command again."
    )


def _nothing_found(given: list[str], found: FoundSources) -> str:
    for messages in (found.unusable, found.unreadable):
        if messages:
            return next(iter(messages.values()))
    names = ", ".join(printable(text) for text in given)
    skipped = ", ".join(f"{len(paths)} {reason}" for reason, paths in found.skipped.items())
    text = f"{names}: no videos found (skipped: {skipped or 'nothing'}). "
    return text + (found.overlooked or "A file that is named itself is taken whatever its suffix.")


def plain_name(source: Source, scratch: Path) -> str:
    """Return a harmless name for a video: ffmpeg writes it into the log that we read."""
    suffix = source.path.suffix if re.fullmatch(r"\.\w{1,8}", source.path.suffix, re.ASCII) else ""
    link = scratch / f"input{suffix}"
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(source.path)
    except OSError:  # this file system has no links
        return os.fspath(source.path)
    return f"../../{link.name}"
