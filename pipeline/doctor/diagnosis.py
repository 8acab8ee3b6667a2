"""Doctor: does everything here work that prep needs, and what to do where it does not."""

import os
import platform
import shutil
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from pathlib import Path

from .. import __version__
from ..base.errors import (
    CvatPermissionError,
    DatasetError,
    ExitCode,
    PrepError,
    printable,
)
from ..base.machine import count_cores, memory_bytes
from ..base.words import count
from ..settings.cvat import CvatSettings
from ..settings.stages import RunSettings
from .check import Check, Look
from .trial import Trial

_LITTLE_DISK_BYTES = 5 * 10**9


def diagnose(
    run: RunSettings,
    cvat: CvatSettings,
    dataset: Path,
    auth: str | None = None,
    *,
    further: Iterable[Look] = (),
    watch: Callable[[Collection[Look]], Iterable[Look]] = iter,
) -> tuple[Check, ...]:
    """Try each thing that prep needs, and return what came of it.

    Args:
        run: how the work would be done.
        cvat: the server, if one is to be tried.
        dataset: where the dataset would go.
        auth: who logs in there; see `cvat.login.find_credentials`.
        further: what else to try.
        watch: passes on what is to be tried, and may show how far it is.

    Raises:
        InterruptedRunError, KeyboardInterrupt: a person stopped it. Nothing else.
    """
    with ExitStack() as stack:
        looks = (
            Look("prep", lambda: f"{__version__}, Python {platform.python_version()}"),
            Look("machine", _machine),
            *Trial(run, stack).looks(),
            *further,
            Look("disk", lambda: _disk(dataset)),
        )
        checks = [look.carry_out() for look in watch(looks)]
    # Nothing may be drawn where a password is asked for.
    return (*checks, Look("cvat", lambda: _cvat(cvat, auth)).carry_out())


def _machine() -> str:
    return f"{count(count_cores(), 'core')}, {memory_bytes() / 2**30:.1f} GiB memory"


def _cvat(settings: CvatSettings, auth: str | None) -> str:
    if not (settings.host or os.environ.get("CVAT_HOST")):
        return "no server configured (CVAT_HOST, or cvat: host)"
    from ..cvat.connect import connect

    session = connect(settings, auth)
    try:
        if session.is_read_only:
            raise CvatPermissionError(
                f"version {printable(session.version)}, logged in as {printable(session.user)}, "
                "but the access token is read-only: uploading will be refused. Make one that may "
                "write."
            )
        where = f" in organization {printable(session.organization)}" * bool(session.organization)
        notes = "".join(f"; {notice}" for notice in session.notices)
        return (
            f"version {printable(session.version)}, logged in as {printable(session.user)}"
            f"{where}{notes}"
        )
    finally:
        session.close()


def _disk(dataset: Path) -> str:
    folder = dataset.absolute()
    while not os.path.exists(folder):
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        raise DatasetError(f"{printable(folder)}: cannot write there. Choose another --output.")
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:,.1f} GB free at {printable(folder)}"
    if free < _LITTLE_DISK_BYTES:
        raise _LittleDiskError(f"{detail}: an hour of 1080p30 needs about 20 GB. Make room.")
    return detail


class _LittleDiskError(PrepError):
    exit_code = ExitCode.FINDINGS
