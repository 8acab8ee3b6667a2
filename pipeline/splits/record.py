"""The record of which video stands on which side: ``splits.json``, which people may also write.

::

    {"version": 1,
     "settings": {"split": "80/10/10", "by": "recording", "seed": 0},
     "videos": {
       "v1": {"content": "9f86…:0", "recording": "v1", "side": "train"},
       "v2": {"content": "60303…", "recording": "v1", "side": "train"},
       "v3": {"content": "fd61a…", "recording": "v3",
              "runs": [[0, 119, "train"], [120, 400, "val"]]},
       "v4": {"content": "a4e62…", "recording": "v4", "side": "aside"}}}

Written by hand, ``{"videos": {"v1": "train", "v3": "val"}}`` is enough. ``recording`` is the first
video of those that may show the same moment. What is ``aside`` is on no side, see `deal`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..base.errors import UsageError, cause_of, printable
from ..dataset.store import SPLITS_NAME
from ..settings.file import build_settings
from ..settings.options import refuse_unknown
from ..settings.splits import SIDES, SplitSettings

ASIDE_NAME = "aside"

_VERSION = 1
_KEYS = ("version", "settings", "videos")
_VIDEO_KEYS = ("content", "recording", "side", "runs", "by_hand")

Run = tuple[int, int, str]
"""The first and last frame index of a stretch of frames, and its side."""


@dataclass(frozen=True)
class VideoSides:
    """Where a video stands: all of it on one ``side``, or else each of its ``runs``.

    ``content`` tells the bytes and the stream it was made of, ``None`` where a person wrote the
    record; so it is known again under another name. ``by_hand``: a person has said so.
    """

    side: str | None = None
    runs: tuple[Run, ...] = ()
    content: str | None = None
    recording: str | None = None
    by_hand: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        where = {"runs": [list(run) for run in self.runs]} if self.side is None else {}
        known = {"content": self.content, "recording": self.recording, "side": self.side}
        told = {name: value for name, value in known.items() if value is not None}
        return told | where | ({"by_hand": True} if self.by_hand else {})


@dataclass(frozen=True)
class SplitRecord:
    """The sides of all videos by their ids, and how they were dealt."""

    videos: Mapping[str, VideoSides]
    settings: SplitSettings = field(default_factory=SplitSettings)

    def text(self) -> str:
        """Return the content of ``splits.json``: one line a video, as people may change it."""
        settings = {name: getattr(self.settings, name) for name in ("split", "by", "seed")}
        videos = ",\n".join(
            f"    {json.dumps(video)}: {json.dumps(sides.to_json())}"
            for video, sides in sorted(self.videos.items())
        )
        return (
            f'{{\n  "version": {_VERSION},\n  "settings": {json.dumps(settings)},\n'
            f'  "videos": {{\n{videos}\n  }}\n}}\n'
        )


def read_record(path: Path) -> SplitRecord | None:
    """Return what a file of sides says; ``None`` where there is no such file.

    Raises:
        UsageError: it cannot be read, or is no record of sides.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{printable(path)}: cannot be read: {cause_of(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{printable(path)}: this is no JSON ({printable(error)}).") from error
    return _record_of(data, printable(path))


def find_record(folder: Path) -> SplitRecord | None:
    """Return the record in a folder of anybody's; ``None`` where there is none, or another file.

    Raises:
        UsageError: it cannot be read.
    """
    path = folder / SPLITS_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return read_record(path)
    is_one = isinstance(data, dict) and isinstance(data.get("videos"), dict)
    return _record_of(data, printable(path)) if is_one else None


def go_on(before: SplitRecord | None, path: Path) -> SplitRecord:
    """Return what a file says: a record that prep wrote goes on, one of a person fixes sides.

    Raises:
        UsageError: as `fix`.
    """
    record = read_record(path)
    is_dealt = record is not None and record.settings != SplitSettings()
    return record if record is not None and is_dealt else fix(before, path)


def fix(before: SplitRecord | None, path: Path) -> SplitRecord:
    """Return a record in which the videos that a file names stand where it says.

    Args:
        before: where videos stand; those that the file does not name stay there.
        path: the file, which a person has written.

    Raises:
        UsageError: it is not there, cannot be read, or is no record of sides.
    """
    fixed = read_record(path)
    if fixed is None:
        raise UsageError(f"{printable(path)}: there is no such file. Name a file of sides.")
    by_hand = {video: replace(sides, by_hand=True) for video, sides in fixed.videos.items()}
    known = before or SplitRecord({}, fixed.settings)
    return SplitRecord({**known.videos, **by_hand}, known.settings)


def _record_of(data: Any, where: str) -> SplitRecord:
    example = 'Expected are sides by video, such as {"videos": {"v1": "train", "v2": "val"}}.'
    if not isinstance(data, dict) or not isinstance(data.get("videos"), dict):
        raise UsageError(f"{where}: no sides of videos are in it. {example}")
    for key in data:
        refuse_unknown(key, _KEYS, f"{where}: key")
    if data.get("version", _VERSION) != _VERSION:
        raise UsageError(f"{where}: was written by a newer prep. Update prep to read it.")
    settings = data.get("settings") or {}
    if not isinstance(settings, dict):
        raise UsageError(f"{where}: 'settings' must hold keys and values.")
    for key in settings:
        refuse_unknown(key, ("split", "by", "seed"), f"{where}: key 'settings:'")
    videos = {video: _sides_of(entry, video, where) for video, entry in data["videos"].items()}
    try:
        return SplitRecord(videos, build_settings(SplitSettings, settings, "settings"))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _sides_of(entry: Any, video: str, where: str) -> VideoSides:
    place = f"{where}: video '{printable(video)}'"
    if isinstance(entry, str):
        entry = {"side": entry}
    if not isinstance(entry, dict):
        raise UsageError(f"{place}: expected a side: {', '.join(SIDES)} or {ASIDE_NAME}.")
    for key in entry:
        refuse_unknown(key, _VIDEO_KEYS, f"{place}: key")
    if ("side" in entry) == ("runs" in entry):
        raise UsageError(f"{place}: expected either 'side' or 'runs'.")
    rows = entry.get("runs", [])
    if not isinstance(rows, list) or ("runs" in entry and not rows):
        raise UsageError(f"{place}: 'runs' is a list of at least one run.")
    runs = tuple(_run_of(run, place) for run in rows)
    if any(before[1] >= after[0] for before, after in pairwise(runs)):
        raise UsageError(f"{place}: its runs overlap, or are not in the order of the frames.")
    if not runs:
        _refuse_other_side(entry.get("side"), place)
    content, recording = entry.get("content"), entry.get("recording")
    if not all(text is None or isinstance(text, str) for text in (content, recording)):
        raise UsageError(f"{place}: 'content' and 'recording' are texts.")
    by_hand = entry.get("by_hand") is True
    return VideoSides(entry.get("side"), runs, content, recording, by_hand)


def _run_of(run: Any, place: str) -> Run:
    is_run = isinstance(run, list) and len(run) == 3 and all(type(n) is int for n in run[:2])
    if not is_run or not 0 <= run[0] <= run[1]:
        raise UsageError(
            f"{place}: a run is its first frame, its last frame and its side, such as "
            '[0, 119, "train"].'
        )
    _refuse_other_side(run[2], place)
    return (run[0], run[1], run[2])


def _refuse_other_side(side: object, place: str) -> None:
    refuse_unknown(side, (*SIDES, ASIDE_NAME), f"{place}: side")
