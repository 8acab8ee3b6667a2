"""The numbers of one video in a report: what the page and report.json both show.

Nothing here grows with the number of frames: a timeline has a fixed number of columns, and lists
say how much they leave out.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.breaks import find_runs
from pipeline.config import BreakSettings
from pipeline.errors import printable
from pipeline.records import Break, Counts, Fate, FrameTable, Notice, Reason, VideoRecord
from pipeline.store import Dataset, list_image_indices

_COLUMNS_OF_ALL = 120_000
_ROWS_OF_ALL = 15_000
_PICTURES_OF_ALL = 1_500

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Extent:
    """How much of each video is shown, so that the page stays small: the more, the less."""

    columns: int
    rows: int
    pictures: int

    @classmethod
    def for_videos(cls, videos: int) -> "Extent":
        """Return what each of so many videos may take."""
        return cls(
            columns=int(np.clip(_COLUMNS_OF_ALL // videos, 40, 480)),
            rows=int(np.clip(_ROWS_OF_ALL // videos, 5, 200)),
            pictures=min(_PICTURES_OF_ALL // videos, 18),
        )


@dataclass(frozen=True)
class Excerpt:
    """The first rows of a list, and how many there are."""

    total: int
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Timeline:
    """A video in at most ``Extent.columns`` columns of neighbouring frames, all lists as long.

    ``first_frames`` and ``seconds`` say where a column begins. ``fates`` counts its frames by
    fate. ``scene_score`` is the largest in it, 0 to 100, ``sharpness`` and ``brightness`` the mean
    of what was measured; ``None`` where there is no value. ``breaks`` names for each kind the
    columns that hold the frame after a break.
    """

    first_frames: list[int]
    seconds: list[float | None]
    fates: dict[str, list[int]]
    scene_score: list[float | None]
    sharpness: list[float | None]
    brightness: list[float | None]
    breaks: dict[str, list[int]]


@dataclass(frozen=True)
class Pair:
    """Two frames to look at side by side.

    ``kind`` is ``duplicate`` (``right`` was found to show the same as ``left``, both have an
    image) or ``stretch`` (kept neighbours, the ``frames`` between them were left out as
    duplicates and have no image).
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
    ``sheet`` are frames, with images, spread over the video.
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
    notices: Excerpt
    break_kinds: dict[str, int]
    breaks: Excerpt
    runs: Excerpt
    timeline: Timeline
    sheet: tuple[int, ...]
    pairs: tuple[Pair, ...]
    facts: dict[str, str]


def read_video(
    dataset: Dataset, record: VideoRecord, frames: FrameTable, breaks: BreakSettings, extent: Extent
) -> VideoReport:
    """Return the numbers of one committed video."""
    settings = record.settings
    on_disk = list_image_indices(
        dataset.folder(record.id), record.id, settings["digits"], settings["format"]
    )
    on_disk = on_disk[on_disk < len(frames)]
    counts = dataclasses.replace(
        record.counts,
        kept=frames.count(Fate.KEPT),
        duplicates=frames.count(Fate.DUPLICATE),
        sampled_out=frames.count(Fate.SAMPLED_OUT),
        rejected=frames.count(Fate.REJECTED),
        files_on_disk=int(np.count_nonzero(frames.fate[on_disk] == Fate.KEPT)),
    )
    runs = find_runs(frames, record.breaks, breaks)
    shown = on_disk[frames.fate[on_disk] == Fate.KEPT]
    return VideoReport(
        id=record.id,
        source=printable(record.source.name),
        path=printable(record.source.path),
        size_bytes=record.source.size_bytes,
        seconds=_duration(record, frames),
        width=record.image_width,
        height=record.image_height,
        counts=counts,
        imbalances=tuple(_imbalances(record.counts, counts, frames, on_disk)),
        reasons={
            Reason(code).name.lower(): int(count)
            for code, count in enumerate(np.bincount(frames.reason))
            if count and code
        },
        notices=_excerpt([_notice_row(notice) for notice in record.warnings], extent),
        break_kinds=dict(Counter(each.kind for each in record.breaks)),
        breaks=Excerpt(
            len(record.breaks),
            tuple(_break_row(each, frames) for each in record.breaks[: extent.rows]),
        ),
        runs=_excerpt([{"first": first, "last": last} for first, last in runs], extent),
        timeline=_timeline(frames, record.breaks, extent.columns),
        sheet=_spread(shown, extent.pictures * 2 // 3),
        pairs=tuple(_pairs(frames, record.breaks, on_disk, extent.pictures // 6)),
        facts=_facts(record),
    )


def _spread(values: Indices, count: int) -> tuple[int, ...]:
    """Return at most ``count`` of the values, from the first to the last."""
    if len(values) <= count:
        return tuple(values.tolist())
    places = np.linspace(0, len(values) - 1, count).round().astype(np.int64)
    return tuple(values[places].tolist())


def _imbalances(
    recorded: Counts, counted: Counts, frames: FrameTable, on_disk: Indices
) -> Iterable[str]:
    if recorded.frames_decoded != len(frames):
        yield (
            f"video.json says {recorded.frames_decoded:,} frames decoded, frames.parquet has "
            f"{len(frames):,} rows."
        )
    for name in ("kept", "duplicates", "sampled_out", "rejected"):
        said, found = getattr(recorded, name), getattr(counted, name)
        if said != found:
            words = name.replace("_", " ")
            yield f"video.json says {said:,} {words}, frames.parquet has {found:,}."
    missing = np.setdiff1d(np.flatnonzero(frames.fate == Fate.KEPT), on_disk)
    if len(missing):
        yield f"{len(missing):,} kept images are not on disk, the first is frame {missing[0]}."


def _duration(record: VideoRecord, frames: FrameTable) -> float | None:
    known = frames.time_seconds[~np.isnan(frames.time_seconds)]
    if record.probe.duration_seconds is None and len(known):
        return round(float(known.max() - known.min()), 3)
    return record.probe.duration_seconds


def _excerpt(rows: Sequence[dict[str, Any]], extent: Extent) -> Excerpt:
    return Excerpt(len(rows), tuple(rows[: extent.rows]))


def _notice_row(notice: Notice) -> dict[str, Any]:
    row = dataclasses.asdict(notice)
    return row | {"message": printable(notice.message), "is_finding": notice.is_finding}


def _break_row(each: Break, frames: FrameTable) -> dict[str, Any]:
    at = float(frames.time_seconds[each.after])
    return dataclasses.asdict(each) | {"time_seconds": None if np.isnan(at) else round(at, 3)}


def _timeline(frames: FrameTable, breaks: Sequence[Break], columns: int) -> Timeline:
    firsts = np.unique(np.linspace(0, len(frames), columns, endpoint=False).astype(np.int64))
    firsts = firsts[: len(frames)]
    marks: dict[str, set[int]] = {}
    places = np.searchsorted(firsts, [each.before for each in breaks], side="right") - 1
    for each, place in zip(breaks, places, strict=True):
        marks.setdefault(each.kind, set()).add(int(place))
    return Timeline(
        first_frames=firsts.tolist(),
        seconds=_listed(frames.time_seconds[firsts], 3),
        fates={
            fate.name.lower(): np.add.reduceat(frames.fate == fate, firsts, dtype=int).tolist()
            if len(firsts)
            else []
            for fate in Fate
        },
        scene_score=_listed(
            np.maximum.reduceat(frames.scene_score, firsts) if len(firsts) else firsts, 1
        ),
        sharpness=_means(frames.sharpness, firsts),
        brightness=_means(frames.brightness, firsts),
        breaks={kind: sorted(columns) for kind, columns in marks.items()},
    )


def _means(values: npt.NDArray[np.float32], firsts: Indices) -> list[float | None]:
    """Return the mean of the known values of each column; an empty list if none is known."""
    known = ~np.isnan(values)
    if not known.any():
        return []
    counts = np.add.reduceat(known, firsts, dtype=np.int64)
    sums = np.add.reduceat(np.where(known, values, 0), firsts, dtype=np.float64)
    return _listed(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0), 1)


def _listed(values: npt.NDArray[Any], digits: int) -> list[float | None]:
    return [None if np.isnan(value) else round(value, digits) for value in values.tolist()]


def _pairs(
    frames: FrameTable, breaks: Sequence[Break], on_disk: Indices, count: int
) -> Iterable[Pair]:
    """Yield duplicates that still have their image; without any, the longest stretch left out."""
    marked = on_disk[frames.fate[on_disk] == Fate.DUPLICATE]
    marked = marked[np.isin(frames.duplicate_of[marked], on_disk)]
    for index in _spread(marked, count):
        yield Pair("duplicate", int(frames.duplicate_of[index]), index, 0)
    if len(marked) or not count:
        return
    stretches = [
        each
        for each in breaks
        if (frames.fate[each.after + 1 : each.before] == Fate.DUPLICATE).any()
        and np.isin([each.after, each.before], on_disk).all()
    ]
    if stretches:
        longest = max(stretches, key=lambda each: each.frames)
        yield Pair("stretch", longest.after, longest.before, longest.frames)


def _facts(record: VideoRecord) -> dict[str, str]:
    """Return what the file says of itself, in words."""
    probe = record.probe
    facts: Mapping[str, object] = {
        "container": probe.container,
        "codec": " ".join(filter(None, [probe.codec, probe.profile])),
        "pixel format": probe.pixel_format,
        "coded size": f"{probe.coded_width} × {probe.coded_height}",
        "average rate": probe.average_rate and f"{probe.average_rate} frames/s",
        "time base": probe.time_base,
        "rotation": record.rotation_degrees and f"{record.rotation_degrees:g}°",
        "colour": " ".join(
            filter(None, [probe.color_range, probe.color_primaries, probe.color_transfer])
        ),
        "stream": f"{probe.stream_index} of {len(probe.streams)}",
        "SHA-256": record.source.sha256,
        "ffmpeg": record.ffmpeg_version,
        "settings": ", ".join(
            f"{name} {value}" for name, value in record.settings.items() if value is not None
        ),
    }
    return {name: printable(value) for name, value in facts.items() if value}
