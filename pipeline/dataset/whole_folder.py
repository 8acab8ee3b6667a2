"""A folder of results that is there whole or not at all, whatever happens while it is made."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from ..base.errors import DatasetError, InputError, UsageError, cause_of, printable
from .files import flush, flush_file_system

_NEW, _OLD = "new", "old"


@contextlib.contextmanager
def whole_folder(
    target: Path, may_replace: Callable[[Path], bool], *, overwrite: bool
) -> Iterator[Path]:
    """Give a hidden folder beside the target to build in; at the end, one rename makes it that.

    What a run that was killed has left is removed first.

    Args:
        target: the folder to make.
        may_replace: whether a folder that is there already is one that may be replaced.
        overwrite: whether it is to be.

    Raises:
        InputError: something is there that must not, or is not to, be replaced.
        DatasetError: the folder cannot be written, or another run is making it.
    """
    target = Path(os.path.realpath(target))
    work = target.with_name(f".{target.name}.prep")
    lock = filelock.FileLock(work / "lock", timeout=0)
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise DatasetError(
            f"{printable(target)}: another prep is writing this folder. Wait until it ends, then "
            "run the same command again."
        ) from error
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        _tidy_up(work, target)
        _refuse_others(target, may_replace, overwrite=overwrite)
        (work / _NEW).mkdir()
        try:
            yield work / _NEW
            flush_file_system(work / _NEW)
            if os.path.lexists(target):
                target.rename(work / _OLD)
            (work / _NEW).rename(target)
            flush(target.parent)
        except OSError as error:
            raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(work / _NEW, ignore_errors=True)
        if target.exists() or not (work / _OLD).exists():
            shutil.rmtree(work, ignore_errors=True)
        lock.release()


def _tidy_up(work: Path, target: Path) -> None:
    """Remove what a killed run has left; what it was about to replace comes back."""
    if (work / _OLD).exists() and not os.path.lexists(target):
        (work / _OLD).rename(target)
    shutil.rmtree(work / _NEW, ignore_errors=True)
    shutil.rmtree(work / _OLD, ignore_errors=True)


def _refuse_others(target: Path, may_replace: Callable[[Path], bool], *, overwrite: bool) -> None:
    if not os.path.lexists(target):
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    if not (target.is_dir() and may_replace(target)):
        raise InputError(
            f"{printable(target)}: something else is there, which is not replaced. Name another "
            "folder with -o."
        )
    if not overwrite:
        raise UsageError(
            f"{printable(target)}: there is an export already. Replace it with --overwrite, or "
            "name another folder with -o."
        )


def _unwritable(target: Path, error: OSError) -> DatasetError:
    return DatasetError(
        f"{printable(target)}: cannot be written: {cause_of(error)}. Make room, set the rights of "
        "the folder that it is in, or name another folder with -o."
    )
