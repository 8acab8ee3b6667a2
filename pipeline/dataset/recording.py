"""When, where and with what a video was recorded, from the tags of its container.

The names of tags are those that FFmpeg gives them; each maker of cameras has others.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

_CREATION = ("com.apple.quicktime.creationdate", "creation_time", "date")
_LOCATION = ("com.apple.quicktime.location.iso6709", "location", "location-eng")
_MAKE = ("com.apple.quicktime.make", "com.android.manufacturer", "make")
_MODEL = ("com.apple.quicktime.model", "com.android.model", "model")
_TIMECODE = ("timecode",)

_FIRST_DATE = datetime(1970, 1, 2, tzinfo=UTC)
"""Cameras without a clock write the first second of 1904 or 1970."""

_COORDINATES = re.compile(r"([+-]\d+(?:\.\d+)?){2,3}(?=/|CRS|$)")  # ISO 6709
_LENGTH = 200


@dataclass(frozen=True)
class RecordingInfo:
    """What a container says of the recording, each ``None`` where it says nothing.

    ``creation_time`` is ISO 8601, with a zone where the file names one. ``timecode`` is that of the
    first frame (SMPTE ST 12). ``location`` is where it was recorded, in degrees as ISO 6709 writes
    them, or in words; it may tell where people live, and is for ``video.json`` alone. ``make`` and
    ``model`` are those of the camera.
    """

    creation_time: str | None = None
    timecode: str | None = None
    location: str | None = None
    make: str | None = None
    model: str | None = None


def read_recording(tags: Iterable[Mapping[str, str]]) -> RecordingInfo:
    """Return what the tags say of the recording.

    Args:
        tags: those of the container, then of its streams; the first that says something counts.
    """
    known = [{key.lower(): text[:_LENGTH].strip() for key, text in one.items()} for one in tags]

    def first(names: Iterable[str], read: Callable[[str], str | None] = str) -> str | None:
        found = (read(one[name]) for name in names for one in known if name in one)
        return next(filter(None, found), None)

    return RecordingInfo(
        creation_time=first(_CREATION, _date),
        timecode=first(_TIMECODE),
        location=first(_LOCATION, _place),
        make=first(_MAKE),
        model=first(_MODEL),
    )


def _date(text: str) -> str | None:
    """Return a date with its time as ISO 8601 has it; ``None`` where it is none."""
    if len(text) <= len("2026-03-01"):  # of a day, or a year: that of the work, not of the file
        return None
    with contextlib.suppress(ValueError, OverflowError):
        date = datetime.fromisoformat(text)
        if date.replace(tzinfo=date.tzinfo or UTC) >= _FIRST_DATE:
            return date.isoformat()
    return None


def _place(text: str) -> str | None:
    """Return coordinates without what may stand behind them; ``None`` where no place is known."""
    match = _COORDINATES.match(text)
    if match is None:
        return text
    return match[0] if re.search(r"[1-9]", match[0]) else None  # 0, 0: a phone without a fix
