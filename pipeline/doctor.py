"""Doctor: is everything here that prep needs, and what to do where it is not."""

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import __version__
from .base.errors import (
    CvatPermissionError,
    DatasetError,
    ExitCode,
    PrepError,
    WorkerDiedError,
    printable,
)
from .base.machine import count_cores, memory_bytes
from .base.words import count
from .cvat.session import connect
from .engines.base import Link, Lost
from .engines.choice import open_engine
from .settings.cvat import CvatSettings
from .settings.stages import RunSettings
from .video.binary import find_ffmpeg, list_abilities

_LITTLE_DISK_BYTES = 5 * 10**9


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``exit_code`` is OK where it is as it should be."""

    name: str
    detail: str
    exit_code: ExitCode


def diagnose(
    run: RunSettings, cvat: CvatSettings, dataset: Path, auth: str | None = None
) -> tuple[Check, ...]:
    """Return a check of each thing that prep needs; none of them raises."""
    checks = [
        Check("prep", f"{__version__}, Python {platform.python_version()}", ExitCode.OK),
        Check(
            "machine",
            f"{count(count_cores(), 'core')}, {memory_bytes() / 2**30:.1f} GiB memory",
            ExitCode.OK,
        ),
        _check("ffmpeg", lambda: _ffmpeg(run)),
        _check("demuxer", _demuxer),
        _check("opencv", _opencv),
        _check("engine", lambda: _engine(run)),
        _check("disk", lambda: _disk(dataset)),
    ]
    host = cvat.host or os.environ.get("CVAT_HOST")
    if host:
        checks.append(_check("cvat", lambda: _cvat(cvat, auth)))
    else:
        checks.append(Check("cvat", "no server configured (CVAT_HOST, or cvat: host)", ExitCode.OK))
    return tuple(checks)


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, look(), ExitCode.OK)
    except PrepError as error:
        return Check(name, str(error), error.exit_code)
    except (ImportError, OSError) as error:
        return Check(
            name, f"{error}. Install video-prep again in a fresh environment.", ExitCode.USAGE
        )


def _ffmpeg(run: RunSettings) -> str:
    found = find_ffmpeg(run)
    hwaccels = ", ".join(sorted(list_abilities(found.path, "hwaccels"))) or "none"
    return f"{found.version} at {printable(found.path)}; hardware acceleration built in: {hwaccels}"


def _demuxer() -> str:
    import av

    libavformat = ".".join(map(str, av.library_versions["libavformat"]))
    return f"PyAV {av.__version__}, libavformat {libavformat}"


def _opencv() -> str:
    import cv2
    import numpy as np

    encoded, data = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if encoded else None
    if decoded is None or decoded.shape != (8, 8, 3):
        raise ImportError("OpenCV cannot write and read a JPEG")
    return f"OpenCV {cv2.__version__}"


def _engine(run: RunSettings) -> str:
    with open_engine(run) as engine:
        ((_, version),) = engine.run(_tell_version, [None])
        if isinstance(version, Lost):
            raise WorkerDiedError(f"{run.engine}: {version.why}. Try --engine threads.")
        return f"{run.engine}, {count(engine.workers, 'worker')}; one answered, with prep {version}"


def _tell_version(item: None, link: Link) -> str:
    return __version__


def _cvat(settings: CvatSettings, auth: str | None) -> str:
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
