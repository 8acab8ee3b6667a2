"""The small pictures that an earlier report has drawn of a video: ``.prep/drawn/ID``.

To draw them takes most of the time of a report, and a new video changes those of no other.
"""

import contextlib
import json
import re
from typing import Any

from ...dataset.files import replace_text
from ...dataset.store import Dataset
from ...pictures.thumbnails import thumbnail

_PICTURE = re.compile(r"(data:image/webp;base64,[A-Za-z0-9+/=]+)?")
"""What goes into a page as it is, so nothing else may be among what was kept."""


class Drawn:
    """Gives small pictures of the images of a video, and draws those that are not there yet."""

    def __init__(self, store: Dataset, video_id: str, kind: str) -> None:
        self._folder = store.folder(video_id)
        self._file = store.memory_file(video_id, kind)
        self._kept: dict[str, Any] = {}
        self._given: dict[str, list[Any]] = {}
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            self._kept = kept if isinstance(kept, dict) else {}

    def picture(self, name: str, side: int) -> str:
        """Return a picture of an image as `pictures.thumbnails.thumbnail` draws it."""
        try:
            status = (self._folder / name).stat()
        except OSError:
            return ""
        key = f"{side} {name}"
        state = [status.st_ino, status.st_size, status.st_mtime_ns]
        match self._kept.get(key):
            case [known, str(drawn)] if known == state and _PICTURE.fullmatch(drawn):
                pass
            case _:
                drawn = thumbnail(self._folder / name, side)
        self._given[key] = [state, drawn]
        return drawn

    def keep(self) -> None:
        """Keep the pictures that were given for the next report, and no others.

        Where that cannot be written, they are drawn anew.
        """
        if self._given != self._kept:
            with contextlib.suppress(OSError):
                self._file.parent.mkdir(exist_ok=True)
                replace_text(self._file, [json.dumps(self._given)])
