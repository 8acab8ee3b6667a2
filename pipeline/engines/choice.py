"""The engine that a person asks for."""

from pipeline.config import RunSettings
from pipeline.engines.base import Engine
from pipeline.engines.local import InProcess, Pool
from pipeline.errors import UsageError

EXTRACTS, VALIDATES = "pipeline.extract_units", "pipeline.validate_video"
DEDUPES, REPORTS = "pipeline.dedupe", "pipeline.report"
"""The modules of the units of each stage."""


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
        from pipeline.engines.ray_cluster import RayEngine  # few runs need it

        return RayEngine(settings.address)
    if settings.engine == "pool":
        return Pool(settings.workers, preload=modules)
    return InProcess(settings.workers)
