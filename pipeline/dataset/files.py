"""The folders that a person names; files written into them whole or not at all, and durably."""

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from ..base.errors import DatasetError, InputError, cause_of, printable, unreadable

WRITE_ELSEWHERE = "Make room or set the rights of the folder, or name another folder with --output."
NAME_DATASET = (
    "Name the dataset behind the command: the folder that 'prep extract' wrote into. Where none "
    "is named, it is 'dataset' in the current folder."
)


def find_folder(path: str | os.PathLike[str], way_out: str = NAME_DATASET) -> Path:
    """Return the absolute path of a folder that is there.

    Args:
        path: the folder.
        way_out: what to do if it is not there, as the command knows it.

    Raises:
        InputError: it is not.
        DatasetError: it cannot be looked for.
    """
    folder = Path(os.path.abspath(path))
    try:
        is_there = stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{printable(folder)}: there is no such folder. {way_out}") from error
    except OSError as error:
        raise unreadable(folder, error) from error
    if not is_there:
        raise InputError(f"{printable(folder)}: this is a file, not a folder. {way_out}")
    return folder


def results_folder(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a folder for results, made if absent.

    Raises:
        DatasetError: it cannot be made or written to.
    """
    folder = Path(os.path.abspath(path))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise DatasetError(
            f"{printable(folder)}: cannot write there: {cause_of(error)}. Name another folder with "
            "--output."
        ) from error
    return folder


def save_text(
    path: Path,
    pieces: Iterable[str],
    consequence: str = "",
    way_out: str = "Make room, or set the rights of the folder, then run the same command again.",
) -> None:
    """Write a text file as `replace_text` does, for a person.

    Args:
        path: the file.
        pieces: its content.
        consequence: a sentence on what comes of it where it cannot be written.
        way_out: what to do then, as the command knows it.

    Raises:
        DatasetError: it cannot be written; what was there stays.
    """
    try:
        replace_text(path, pieces)
    except OSError as error:
        raise DatasetError(
            f"{printable(path)}: cannot be written: {cause_of(error)}. {consequence}{way_out}"
        ) from error


def replace_text(path: Path, pieces: Iterable[str]) -> None:
    """Write a text file durably beside the old one, then rename: no one ever meets half of it.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    encoded = (piece.encode("utf-8") for piece in pieces)
    replace_file(path, lambda file: file.writelines(encoded))


def replace_file(
    path: Path, write: Callable[[IO[bytes]], object], part: Path | None = None
) -> None:
    """Write a file durably under another name, ``part`` or a hidden one beside it, then rename it.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    part = part or path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def flush_file_system(folder: Path) -> None:
    """Make all files of the file system that a folder is on durable.

    One call for the whole file system takes a tenth of the time of an fsync for each image.
    """
    if sys.platform == "linux":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            # Where writing was put off, as over a network, a full disk shows only now.
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), os.fspath(folder))
        finally:
            os.close(descriptor)
    else:
        os.sync()


def flush(path: Path) -> None:
    """Make a file durable, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
