"""The engine that a person asks for."""

import contextlib
from collections.abc import Iterator

from ..base.errors import UsageError
from ..settings.stages import RunSettings
from .base import Engine
from .pool import Pool
from .threads import InProcess


def open_engine(settings: RunSettings, *modules: str) -> Engine:
    """Return the engine of these settings; it is to be closed.

    Args:
        settings: what a person asks for.
        modules: what its units will need, which a pool loads ahead.

    Raises:
        UsageError: the settings do not fit each other, or Ray cannot be used.
    """
    if settings.address is not None and settings.engine != "ray":
        raise UsageError("--address names a Ray cluster: use it with --engine ray.")
    if settings.engine == "ray":
        from .ray_cluster import RayEngine  # few runs need it

        return RayEngine(settings.address)
    if settings.engine == "pool":
        return Pool(settings.workers, preload=modules)
    return InProcess(settings.workers)


@contextlib.contextmanager
def engine_for(engine: Engine | None, settings: RunSettings, *modules: str) -> Iterator[Engine]:
    """Give the engine that the caller has opened, else that of the settings, closed at the end.

    Raises:
        UsageError: as `open_engine`.
    """
    if engine is not None:
        yield engine
        return
    with open_engine(settings, *modules) as opened:
        yield opened
