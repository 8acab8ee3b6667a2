"""The page of a report.

It needs nothing but itself: style, script, numbers and small pictures are inside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...dataset.files import WRITE_ELSEWHERE, save_text
from ...dataset.marks import MARKS
from ...pages.environment import render
from ...settings.stages import BREAK_KINDS
from .exhibits import BREAKS, DUPLICATES, Picture
from .units import Seen, place_of


@dataclass(frozen=True)
class Pictures:
    """The small pictures of a page.

    ``videos`` has those of each video, in their order, as `units.Look` returns them, ``covers``
    those of the table. ``galleries`` has those of the galleries, by the id of the video and the
    frame, with the address of the image.
    """

    videos: list[dict[str, Any]]
    covers: list[str]
    galleries: dict[str, dict[str, str]]

    @classmethod
    def of(cls, seen: Sequence[Seen], drawn: Mapping[Picture, str], images_at: str) -> "Pictures":
        """Return the pictures of videos that were looked at, and those that were drawn."""
        galleries = {
            f"{picture.video}/{picture.frame}": {
                "src": drawing,
                "href": place_of(images_at, picture.video, picture.file or ""),
            }
            for picture, drawing in drawn.items()
        }
        return cls([each.pictures for each in seen], [each.cover for each in seen], galleries)


def write_page(path: Path, numbers: Mapping[str, Any], pictures: Pictures) -> None:
    """Write ``report.html``.

    Args:
        path: the file.
        numbers: what ``report.json`` holds.
        pictures: what it shows.

    Raises:
        DatasetError: it cannot be written.
    """
    concerns: dict[str, list[str]] = {}
    for finding in numbers["findings"]:
        for video_id in finding["videos"] if finding["needs_person"] else ():
            concerns.setdefault(video_id, []).append(finding["kind"])
    opened: dict[str, list[str]] = {video["id"]: [] for video in numbers["videos"]}
    for gallery in numbers["galleries"]:
        for video_id in gallery["videos"]:
            opened[video_id].append(gallery["kind"])
    values = {
        "pictures": pictures,
        "concerns": concerns,
        "opened": opened,
        "break_kinds": BREAK_KINDS,
        "kinds": {"breaks": BREAKS, "marks": tuple(MARKS), "duplicates": DUPLICATES},
    }
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
