"""The output: built beside its place, then put there by one rename."""

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ...base.errors import DatasetError, UsageError, cause_of, printable, unreadable
from ...dataset.files import WRITE_ELSEWHERE, flush, flush_file_system
from ...dataset.store import SPLITS_NAME
from ...splits.record import SplitRecord
from .images import ImageFile

_NO_LINKS = frozenset((errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES))


class Layout(Protocol):
    """How a format lays out a set."""

    root: Path

    def target(self, file: ImageFile, side: str) -> str:
        """Return where an image goes, as a path under the output."""

    def write(self, folder: Path, sides: Mapping[str, Sequence[ImageFile]]) -> None:
        """Write what goes with the images."""


def refuse_taken(target: Path, root: Path) -> Path:
    """Return a folder to write, which must not be there yet, or be empty.

    Raises:
        UsageError: it is taken, or within the set that is read.
    """
    if target == root or root in target.parents:
        raise UsageError(
            f"{printable(target)}: the output lies in the folder that is read. Name another one."
        )
    try:
        taken = target.is_symlink() or (target.exists() and any(target.iterdir()))
    except NotADirectoryError:
        taken = True
    except OSError as error:
        raise DatasetError(
            f"{printable(target)}: cannot be looked into: {cause_of(error)}. {WRITE_ELSEWHERE}"
        ) from error
    if taken:
        raise UsageError(
            f"{printable(target)}: is there already. Remove it, or name another folder with "
            "--output; prep replaces none."
        )
    return target


def write(
    target: Path,
    layout: Layout,
    sides: Mapping[str, Sequence[ImageFile]],
    record: SplitRecord,
    images: str,
) -> None:
    """Write a set: all of it is there in the end, or nothing.

    Args:
        target: the folder to make.
        layout: how the set is laid out.
        sides: its images.
        record: what says where they stand; goes beside them.
        images: ``link`` or ``copy``.

    Raises:
        DatasetError: it cannot be written. Nothing is left of it.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        part.mkdir(parents=True)
        for side, files in sides.items():
            for file in files:
                place = part / layout.target(file, side)
                place.parent.mkdir(parents=True, exist_ok=True)
                _place(layout.root / file.path, place, images == "link")
        layout.write(part, sides)
        (part / SPLITS_NAME).write_text(record.text(), encoding="utf-8")
        flush_file_system(part)
        part.rename(target)
        flush(target.parent)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise DatasetError(
            f"{printable(target)}: cannot be written: {cause_of(error)}. {WRITE_ELSEWHERE}"
        ) from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _place(source: Path, place: Path, is_linked: bool) -> None:
    """Put an image into its place, as a hard link where the file system has them.

    Raises:
        DatasetError: it is not there, or a link that leads nowhere.
        OSError: it cannot be written.
    """
    real = os.path.realpath(source)  # a link to a symbolic link would be one more of these
    try:
        os.stat(real)  # noqa: PTH116
    except OSError as error:
        raise unreadable(source, error) from error
    if is_linked:
        try:
            os.link(real, place)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            return
    shutil.copyfile(real, place)
