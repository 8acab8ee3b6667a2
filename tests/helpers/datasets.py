"""Reading a dataset as other programs do."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq


def images(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.suffix in {".jpg", ".png"})


def count_files(folder: Path, suffix: str) -> int:
    """Return how many there are below a folder in which others are at work."""
    return sum(name.endswith(suffix) for _, _, found in os.walk(folder) for name in found)


def names(video_id: str, indices, digits=6, suffix="jpg") -> list[str]:
    return [f"{video_id}-frame_{index:0{digits}d}.{suffix}" for index in indices]


def indices(folder: Path) -> list[int]:
    return [int(name.rsplit("_", 1)[1].split(".")[0]) for name in images(folder)]


def snapshot(dataset: Path) -> dict[str, bytes]:
    """Return every file of a dataset but the private ones."""
    return {
        str(path.relative_to(dataset)): path.read_bytes()
        for path in sorted(dataset.rglob("*"))
        if path.is_file() and ".prep" not in path.parts
    }


def record(folder: Path):
    return json.loads((folder / "video.json").read_text())


def frames(folder: Path):
    return pq.read_table(folder / "frames.parquet").to_pydict()


def times(folder: Path):
    return np.array(frames(folder)["time_seconds"], dtype=float)
