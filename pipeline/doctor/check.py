"""One thing tried, and what came of it: whatever goes wrong is a value, with the way out."""

import errno
import importlib.metadata
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..base.bugs import place_of
from ..base.errors import ExitCode, InterruptedRunError, PrepError, printable

_NO_ROOM = frozenset((errno.ENOENT, errno.ENOSPC, errno.EDQUOT, errno.EROFS))
INSTALL_AGAIN = (
    "Install video-prep again in a fresh environment; if that does not help, report this line."
)


@dataclass(frozen=True)
class Check:
    """One thing tried. ``exit_code`` is OK where it is as it should be."""

    name: str
    detail: str
    exit_code: ExitCode


@dataclass(frozen=True)
class Look:
    """One thing to try.

    ``look`` returns what it found, in words. ``libraries`` are the distributions that it proves,
    ``others`` those that are at work as well; all are named where it fails. ``way_out`` is what
    helps then.
    """

    name: str
    look: Callable[[], str]
    libraries: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    way_out: str = INSTALL_AGAIN

    def carry_out(self) -> Check:
        """Return what came of it.

        Raises:
            InterruptedRunError: a person stopped it.
        """
        try:
            detail = self.look()
        except InterruptedRunError:
            raise
        except PrepError as error:
            return Check(self.name, str(error), error.exit_code)
        except Exception as error:  # what a broken library raises is not to be foreseen
            at_work = (*self.libraries, *self.others)
            return Check(self.name, describe(error, at_work, self.way_out), ExitCode.USAGE)
        return Check(self.name, detail + _versions(self.libraries), ExitCode.OK)


class WrongResultError(Exception):
    """Something ended well and gave something else than it must."""


class NotTriedError(PrepError):
    """Something could not be tried, for want of what an earlier check makes."""

    exit_code = ExitCode.USAGE
    kind = "not-tried"


def describe(error: Exception, libraries: tuple[str, ...], way_out: str) -> str:
    """Return one line about what a library raised, or gave that is wrong, with the way out."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM and _is_temporary(error.filename):
        return (
            f"{printable(error)}. Make room in the temporary folder, or name another one with "
            "TMPDIR."
        )
    what = printable(error)
    if not isinstance(error, WrongResultError):
        place = place_of(error, Path(__file__).parents[1])
        what = f"{type(error).__name__}: {what}" + f" at {place}" * bool(place)
    return f"{what.rstrip('.')}{_versions(libraries)}. {way_out}"


def expect(what: str, found: object, right: object) -> None:
    """Hold a result against the right one.

    Raises:
        WrongResultError: they differ.
    """
    if found != right:
        raise WrongResultError(f"{what}: {found}, but {right} is right")


def _versions(libraries: tuple[str, ...]) -> str:
    """Return the versions of distributions in brackets; empty for none."""
    named = ", ".join(_version(library) for library in libraries)
    return f" ({named})" if named else ""


def _version(library: str) -> str:
    try:
        return f"{library} {importlib.metadata.version(library)}"
    except importlib.metadata.PackageNotFoundError:  # a build of another name, or none
        return f"{library} of unknown version"


def _is_temporary(filename: object) -> bool:
    """Whether a file lies in the temporary folder, or none can be found for it."""
    try:
        return filename is None or str(filename).startswith(tempfile.gettempdir())
    except OSError:
        return True
