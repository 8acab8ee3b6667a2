"""Failure as a value: one bad video, folder or task must not cost the others."""

import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from .bugs import describe_bug
from .errors import (
    DiskFullError,
    ExitCode,
    PrepError,
    VideoError,
    cause_of,
    printable,
)

R = TypeVar("R")

_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))


@dataclass(frozen=True)
class Failure:
    """What stands in place of a result: why there is none.

    ``id`` is the video, folder or task, ``None`` where it never got one. ``where`` is the file or
    folder concerned. ``error`` names it, the cause and the way out; ``error_kind`` is for machines.
    """

    id: str | None
    where: str
    error: str
    error_kind: str
    exit_code: ExitCode = ExitCode.SOME_FAILED

    status: ClassVar[str] = "failed"

    @classmethod
    def of(cls, error: PrepError, name: str | None, where: object) -> "Failure":
        """Return the failure that an error of prep is."""
        return cls(name, str(where), str(error), error.kind)


def done(outcomes: Iterable[R | Failure]) -> tuple[R, ...]:
    """Return the results of those that did not fail."""
    return tuple(outcome for outcome in outcomes if not isinstance(outcome, Failure))


def failures(outcomes: Iterable[object]) -> tuple[Failure, ...]:
    """Return why the others did."""
    return tuple(outcome for outcome in outcomes if isinstance(outcome, Failure))


def guard(work: Callable[[], R], name: str | None, where: object) -> R | Failure:
    """Do some work on one of many items; what goes wrong with it alone is a value.

    Args:
        work: what to do.
        name: the id of the item.
        where: its file or folder.

    Raises:
        PrepError: of those that end a run, as no other item would fare better: `DiskFullError`,
            `FfmpegUnusableError`, `InterruptedRunError`, and those of CVAT that concern all tasks.
    """
    try:
        return work()
    except PrepError as error:
        if error.ends_run:
            raise
        return Failure.of(error, name, where)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFullError from error
        place = f" ({printable(error.filename)})" if error.filename else ""
        kind = "folder" if os.path.isdir(str(where)) else "file"
        text = f"{printable(where)}: {cause_of(error)}{place}. Check the {kind} and its rights."
        return Failure(name, str(where), text, VideoError.kind)
    except Exception as error:  # one that finds a bug must not cost the others
        text = f"{printable(where)}: {describe_bug(error)}"
        return Failure(name, str(where), text, PrepError.kind)


class HasExitCode(Protocol):
    """A result, an outcome, a failure or an error."""

    @property
    def exit_code(self) -> ExitCode:
        """What it would end a command with."""


def worst(outcomes: Iterable[HasExitCode]) -> ExitCode:
    """Return the worst exit code of all; that all is well where there are none."""
    return max((outcome.exit_code for outcome in outcomes), default=ExitCode.OK)
