"""The page of an export: it needs nothing but itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...pages.environment import render


def write_page(path: Path, numbers: Mapping[str, Any]) -> None:
    """Write ``export.html``.

    Args:
        path: the file.
        numbers: what ``export.json`` holds.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("w", encoding="utf-8") as file:
        file.writelines(render("export", {"curve": _curve}, numbers))


def _curve(levels: Sequence[int]) -> str:
    """Return a line through how often each level occurs, 255 wide and 100 high.

    Black and white alone can be so many that nothing else is seen, so the next highest counts.
    """
    highest = max(*levels[1:-1], 1)
    points = (
        f"{level} {100 - min(100, 100 * times / highest):.1f}" for level, times in enumerate(levels)
    )
    return "M" + "L".join(points)
