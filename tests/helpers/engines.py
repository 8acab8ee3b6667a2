"""The engines, opened by their names."""

from video_prep.engines.pool import Pool
from video_prep.engines.ray_cluster import RayEngine
from video_prep.engines.threads import InProcess

SILENCE_SECONDS = 3.0


def open_engine(name, silence_seconds=SILENCE_SECONDS):
    if name == "ray":
        return RayEngine("local", silence_seconds)
    return {"in_process": InProcess, "pool": Pool}[name](2, silence_seconds)
