"""Turn folders of videos into exactly numbered frames, and prove that none got lost.

Each stage is one plain function that takes paths and settings, and returns a result::

    import video_prep

    result = video_prep.extract(["videos/"], "dataset", video_prep.ExtractSettings(every=5))
    for video in result.videos:
        print(video.id, video.status)

What can go wrong is a `PrepError`; a bad video is a value of the result and stops no other.
``video_prep.__all__`` names all that other programs may rely on.
"""

import functools
import importlib
from pathlib import Path
from typing import Any

__version__ = "0.1.0"


@functools.cache
def _homes() -> dict[str, str]:
    """Return the module of each name that is exported, from the file that type checkers read."""
    import ast  # no command needs it

    return {
        alias.name: node.module
        for node in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def __getattr__(name: str) -> Any:
    # When first asked for: `prep --help` need not wait for the libraries of all stages.
    if name == "__all__":
        return sorted(_homes())
    if name.startswith("__") or name not in _homes():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_homes()[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_homes()})
