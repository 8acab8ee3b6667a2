"""Which videos are chapters of one recording: cameras begin a new file every few minutes."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise

from ..dataset.records import VideoRecord

_GOPRO = re.compile(r"(?:GOPR|G[HXPLS]\d\d)(\d{4})")
"""GoPro's names: chapters of one recording have the same four digits at the end."""

_SLACK_SECONDS = 2.0
"""Times of recording are whole seconds, and a camera takes a moment to begin a file."""


def find_chapters(records: Mapping[str, VideoRecord]) -> Iterator[tuple[str, str]]:
    """Yield pairs of videos, by their ids, of which one goes on where the other ends.

    Both lie in one folder and are of one camera, by what their files say; and they have names that
    GoPro cameras give to chapters, or one was begun when the other ended. Cameras write into a file
    when it was begun, or when it ended, so either fits if it does for both.
    """
    cameras: dict[tuple[object, ...], list[VideoRecord]] = defaultdict(list)
    names: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for record in records.values():
        probe, recording = record.probe, record.probe.recording
        folder, _, name = record.source.name.rpartition("/")
        size = probe.coded_width, probe.coded_height
        camera = (recording.make, recording.model, probe.codec, size, probe.container)
        cameras[folder, *camera].append(record)
        if match := _GOPRO.match(name.upper()):
            names[folder, match[1], size].append(record.id)
    for chapters in names.values():
        yield from pairwise(chapters)
    for videos in cameras.values():
        yield from _following(videos)


def _following(videos: list[VideoRecord]) -> Iterator[tuple[str, str]]:
    """Yield each pair of videos of which one was begun when the other ended."""
    timed = sorted(
        (time, record.duration_seconds, record.id)
        for record in videos
        if (time := _time_of(record)) is not None and record.duration_seconds
    )
    for (time, seconds, video), (later, other_seconds, other) in pairwise(timed):
        passed = later - time
        if any(abs(passed - each) <= _SLACK_SECONDS for each in (seconds, other_seconds)):
            yield video, other


def _time_of(record: VideoRecord) -> float | None:
    """Return when a video was recorded, in seconds since 1970, as far as its file says."""
    text = record.start_date or record.probe.recording.creation_time
    if text is None:
        return None
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp()
