"""The numbers of one video in a report: what the page and report.json both show.

Nothing here grows with the number of frames: a timeline has a fixed number of columns, and lists
say how much they leave out.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ...base.errors import printable
from ...cvat.journal import Upload
from ...dataset.accounts import balance_with
from ...dataset.breaks import find_runs
from ...dataset.clock import duration_seconds
from ...dataset.frame_table import Fate, FrameTable, Reason
from ...dataset.records import Break, Counts, Notice, VideoRecord
from ...settings.file import shown
from ...settings.stages import BreakSettings
from .opened import OpenedVideo
from .regions import RegionsReport, read_regions
from .timeline import Timeline, draw_timeline

_COLUMNS_OF_ALL = 120_000
_ROWS_OF_ALL = 15_000
_PICTURES_OF_ALL = 1_500
_MAPS_OF_ALL = 400
_EXHIBITS_OF_ALL = 6_000

Indices = npt.NDArray[np.int64]
T = TypeVar("T")


@dataclass(frozen=True)
class Extent:
    """How much of each video is shown, so that the page stays small: the more, the less.

    Of ``exhibits``, so many of each kind are candidates for the galleries.
    """

    columns: int
    rows: int
    pictures: int
    has_map: bool
    exhibits: int

    @classmethod
    def for_videos(cls, videos: int) -> "Extent":
        """Return what each of so many videos may take."""
        # Beyond 1,000 videos, the rows of the table take the room.
        many = max(videos, videos**2 // 1000)
        return cls(
            columns=int(np.clip(_COLUMNS_OF_ALL // many, 20, 480)),
            rows=int(np.clip(_ROWS_OF_ALL // many, 3, 200)),
            pictures=min(_PICTURES_OF_ALL // videos, 18),
            has_map=videos <= _MAPS_OF_ALL,
            exhibits=int(np.clip(_EXHIBITS_OF_ALL // videos, 1, 60)),
        )


@dataclass(frozen=True)
class Excerpt:
    """The first rows of a list, and how many there are."""

    total: int
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Pair:
    """Two frames to look at side by side.

    ``kind`` is ``duplicate`` (``right`` was found to show the same as ``left``, both have an
    image) or ``stretch`` (kept neighbours, ``frames`` between them were left out as duplicates and
    have no image).
    """

    kind: str
    left: int
    right: int
    frames: int


@dataclass(frozen=True)
class VideoReport:
    """One video. Texts from outside are safe to print, but not escaped for HTML.

    ``counts`` is counted anew from the frame table and the files; ``imbalances`` says where that
    differs from the record. ``reasons`` counts duplicate and rejected frames by their reason.
    ``breaks`` lists those first that end a run. ``sheet`` are frames, with images, spread over the
    video. ``regions`` is absent where there is nothing to say of any. ``tasks`` are those of CVAT
    that show it.
    """

    id: str
    source: str
    path: str
    size_bytes: int
    seconds: float | None
    width: int | None
    height: int | None
    counts: Counts
    imbalances: tuple[str, ...]
    reasons: dict[str, int]
    rejected: Excerpt
    notices: Excerpt
    break_kinds: dict[str, int]
    breaks: Excerpt
    runs: Excerpt
    timeline: Timeline
    sheet: tuple[int, ...]
    pairs: tuple[Pair, ...]
    regions: RegionsReport | None
    tasks: Excerpt
    facts: dict[str, str]


def read_video(
    video: OpenedVideo, breaks: BreakSettings, extent: Extent, uploads: Sequence[Upload] = ()
) -> VideoReport:
    """Return the numbers of one committed video; ``uploads`` are those of the dataset."""
    record, frames, found, on_disk = video.record, video.frames, video.breaks, video.on_disk
    account = balance_with(record, frames, video.inventory)
    return VideoReport(
        id=record.id,
        source=printable(record.source.name),
        path=printable(record.source.path),
        size_bytes=record.source.size_bytes,
        seconds=duration_seconds(frames),
        width=record.image_width,
        height=record.image_height,
        counts=account.counts,
        imbalances=tuple(mismatch.message for mismatch in account.mismatches),
        reasons={
            Reason(code).name.lower(): int(count)
            for code, count in enumerate(np.bincount(frames.reason))
            if count and code
        },
        rejected=_excerpt(
            np.flatnonzero(frames.fate == Fate.REJECTED).tolist(),
            lambda index: {"frame": index, "reason": Reason(frames.reason[index]).name.lower()},
            extent,
        ),
        notices=_excerpt(record.warnings, _notice_row, extent),
        break_kinds=dict(Counter(each.kind for each in found)),
        breaks=_excerpt(
            sorted(found, key=lambda each: each.kind not in breaks.run_enders),
            lambda each: _break_row(each, frames),
            extent,
        ),
        runs=_excerpt(
            find_runs(frames, found, breaks),
            lambda run: {"first": run[0], "last": run[1]},
            extent,
        ),
        timeline=draw_timeline(frames, found, extent.columns),
        sheet=_spread(video.shown, extent.pictures * 2 // 3),
        pairs=tuple(_pairs(frames, found, on_disk, extent.pictures // 6)),
        regions=read_regions(record, frames, has_map=extent.has_map),
        tasks=_excerpt([*_tasks(uploads, record.id)], dict, extent),
        facts=_facts(record),
    )


def _spread(values: Indices, count: int) -> tuple[int, ...]:
    """Return at most ``count`` of the values, from the first to the last."""
    if len(values) <= count:
        return tuple(values.tolist())
    places = np.linspace(0, len(values) - 1, count).round().astype(np.int64)
    return tuple(values[places].tolist())


def _excerpt(items: Sequence[T], row_of: Callable[[T], dict[str, Any]], extent: Extent) -> Excerpt:
    return Excerpt(len(items), tuple(row_of(item) for item in items[: extent.rows]))


def _notice_row(notice: Notice) -> dict[str, Any]:
    row = dataclasses.asdict(notice)
    return row | {"message": printable(notice.message), "is_finding": notice.is_finding}


def _break_row(each: Break, frames: FrameTable) -> dict[str, Any]:
    at = float(frames.time_seconds[each.after])
    return dataclasses.asdict(each) | {"time_seconds": None if np.isnan(at) else round(at, 3)}


def _pairs(
    frames: FrameTable, breaks: Sequence[Break], on_disk: Indices, count: int
) -> Iterable[Pair]:
    """Yield duplicates that still have their image; without any, the longest stretch left out."""
    has_image = np.zeros(len(frames), dtype=np.bool_)
    has_image[on_disk] = True
    marked = on_disk[frames.fate[on_disk] == Fate.DUPLICATE]
    marked = marked[frames.duplicate_video[marked] == ""]  # the images of others are not at hand
    marked = marked[has_image[frames.duplicate_of[marked]]]
    for index in _spread(marked, count):
        yield Pair("duplicate", int(frames.duplicate_of[index]), index, 0)
    if len(marked) or not count:
        return
    dropped = np.concatenate([[0], np.cumsum(frames.fate == Fate.DUPLICATE)])
    stretches = [
        Pair("stretch", each.after, each.before, int(dropped[each.before] - dropped[each.after]))
        for each in breaks
        if has_image[each.after] and has_image[each.before]
    ]
    longest = max(stretches, key=lambda pair: pair.frames, default=None)
    if longest is not None and longest.frames:
        yield longest


def _tasks(uploads: Sequence[Upload], video_id: str) -> Iterable[dict[str, Any]]:
    for upload in uploads:
        # The address becomes a link, and the file that it stands in may come from anywhere.
        is_safe = upload.host.startswith(("http://", "https://"))
        for entry in upload.tasks:
            if entry.video == video_id and entry.is_complete:
                yield {
                    "name": printable(entry.name),
                    "project": printable(upload.project_name),
                    "url": f"{upload.host}/tasks/{entry.task_id}" if is_safe else None,
                    "frames": entry.frames_sent,
                    "jobs": len(entry.jobs),
                }


def _facts(record: VideoRecord) -> dict[str, str]:
    """Return what the file says of itself, in words."""
    probe, recording = record.probe, record.probe.recording
    start = record.start_seconds
    facts: Mapping[str, object] = {
        "container": probe.container,
        "codec": " ".join(filter(None, [probe.codec, probe.profile])),
        "pixel format": probe.pixel_format,
        "coded size": f"{probe.coded_width} × {probe.coded_height}",
        "average rate": probe.average_rate and f"{probe.average_rate} frames/s",
        "time base": probe.time_base,
        "clock starts at": record.start_date or (start and f"{start:.3f} s"),
        "recorded": recording.creation_time,
        "timecode": recording.timecode,
        "camera": " ".join(filter(None, [recording.make, recording.model])),
        "rotation": record.rotation_degrees and f"{record.rotation_degrees:g}°",
        "colour": " ".join(
            filter(None, [probe.color_range, probe.color_primaries, probe.color_transfer])
        ),
        "still frames": record.comparison and record.comparison.describe(len(record.segments)),
        "stream": f"{probe.stream_index} of {len(probe.streams)}",
        "SHA-256": record.source.sha256,
        "ffmpeg": record.ffmpeg_version,
        "settings": ", ".join(
            f"{name} {shown(value)}" for name, value in record.settings.items() if value is not None
        ),
    }
    return {name: printable(value) for name, value in facts.items() if value}
