"""The engine that a person asks for."""

from pipeline.config import RunSettings
from pipeline.engines.base import Engine
from pipeline.engines.local import InProcess, Pool
from pipeline.errors import UsageError


def open_engine(settings: RunSettings) -> Engine:
    """Return the engine of these settings; it is to be closed.

    Raises:
        UsageError: the settings do not fit each other, or Ray cannot be used.
    """
    if settings.address is not None and settings.engine != "ray":
        raise UsageError("--address names a Ray cluster: use it with --engine ray.")
    if settings.engine == "ray":
        from pipeline.engines.ray_cluster import RayEngine  # few runs need it

        return RayEngine(settings.address)
    return (Pool if settings.engine == "pool" else InProcess)(settings.workers)
