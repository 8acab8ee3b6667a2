"""The page of a report.

It needs nothing but itself: style, script, numbers and small pictures are inside.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...dataset.files import WRITE_ELSEWHERE, save_text
from ...pages.environment import render
from ...settings.stages import BREAK_KINDS


def write_page(
    path: Path, numbers: Mapping[str, Any], pictures: Sequence[Mapping[str, Any]]
) -> None:
    """Write ``report.html``.

    Args:
        path: the file.
        numbers: what ``report.json`` holds.
        pictures: those of each video, in the order of the videos.

    Raises:
        DatasetError: it cannot be written.
    """
    concerns: dict[str, list[str]] = {}
    for finding in numbers["findings"]:
        for video_id in finding["videos"] if finding["needs_person"] else ():
            concerns.setdefault(video_id, []).append(finding["kind"])
    values = {"pictures": pictures, "concerns": concerns, "break_kinds": BREAK_KINDS}
    pieces = render("report", {"clock": _clock, "size": _size}, {**numbers, **values})
    save_text(path, pieces, way_out=WRITE_ELSEWHERE)


def _clock(seconds: float | None) -> str:
    """Return a length of time as people write it: 0:04.0, 12:07, 3:04:09."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02d}:{int(rest):02d}"
    return f"{minutes}:{rest:04.1f}"


def _size(size_bytes: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:,.1f} TB"
