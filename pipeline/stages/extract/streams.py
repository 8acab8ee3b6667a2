"""Files that hold several videos: which streams are taken, and what is said of it."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ...base.errors import VideoError
from ...base.words import count
from ...base.work import Link
from ...dataset.records import Notice, StreamInfo, VideoInfo, VideoRecord
from ...video.probe import list_streams
from ...video.sources import Source

WHICH = "which-stream"
"""The kind of the finding that another stream may be meant."""

_DEFAULT_BONUS, _PACKETS_BONUS = 5_000_000, 100_000_000
"""What FFmpeg adds to the pixels of a stream: for its default flag, and if it has packets."""


def try_to_list(source: Source, link: Link) -> tuple[int, ...]:
    """Return the video streams of a file, none where it cannot be read: a unit of work."""
    try:
        return list_streams(source.path, link)
    except (VideoError, OSError):  # its own turn will say so
        return ()


def take_streams(
    sources: Sequence[Source],
    wanted: str | None,
    list_all: Callable[[Sequence[Source]], Mapping[Path, tuple[int, ...]]],
) -> list[Source]:
    """Return the videos that files stand for.

    Args:
        sources: the files, in order.
        wanted: the number of a stream, or ``all``; the usual one if absent.
        list_all: looks into files for their video streams, the usual one first.
    """
    if wanted is None:
        return list(sources)
    streams = list_all(sources)
    return [
        Source(source.path, source.name, None if index in streams[source.path][:1] else index)
        for source in sources
        for index in _wanted(wanted, streams[source.path])
    ]


def _wanted(wanted: str, streams: tuple[int, ...]) -> Iterable[int | None]:
    """Return the streams of a file that are asked for; ``None`` where there is no telling."""
    return (streams or (None,)) if wanted == "all" else (int(wanted),)


def confirm(record: VideoRecord) -> VideoRecord:
    """Return a record without the finding that another stream may be meant."""
    warnings = tuple(notice for notice in record.warnings if notice.kind != WHICH)
    return dataclasses.replace(record, warnings=warnings)


def describe_streams(info: VideoInfo, is_confirmed: bool) -> list[Notice]:
    """Return what is to be said of a file with several video streams.

    Args:
        info: what its header says, and how many packets each stream has.
        is_confirmed: whether a person has named the stream.
    """
    if len(info.video_streams) < 2:
        return []
    numbers = ", ".join(str(stream.index) for stream in info.video_streams)
    told = Notice(
        "several-streams",
        f"the file holds {len(info.video_streams)} video streams ({numbers}); stream "
        f"{info.stream_index} was taken."
        + ("" if is_confirmed else " --stream all makes a video of each."),
    )
    finding = None if is_confirmed else _find_other(info)
    return [told] if finding is None else [Notice(WHICH, finding), told]


def _find_other(info: VideoInfo) -> str | None:
    """Return which stream may be meant instead: the very first one, or the one of plain ffmpeg."""
    first = info.video_streams[0]
    (taken,) = (stream for stream in info.video_streams if stream.index == info.stream_index)
    best = max(info.video_streams, key=_score)  # the first of equal ones
    if taken != first:
        other, why = first, f"is the first, but {'a single picture' if first.packets else 'empty'}"
    elif taken != best:
        other, why = best, "is what ffmpeg takes by itself"
    else:
        return None
    return (
        f"stream {_named(taken)} was taken; stream {_named(other)} {why}. Look which one is meant: "
        f"--stream {taken.index} says this one, --stream {other.index} takes the other, and "
        "--stream all makes a video of each."
    )


def _score(stream: StreamInfo) -> int:
    """Return by what ffmpeg chooses a stream (``map_auto_video`` of its command line)."""
    return (
        (stream.width or 0) * (stream.height or 0)
        + _DEFAULT_BONUS * stream.is_default
        + _PACKETS_BONUS * bool(stream.packets)
    )


def _named(stream: StreamInfo) -> str:
    size = f"{stream.width}×{stream.height}, " if stream.width else ""
    return f"{stream.index} ({size}{stream.codec}, {count(stream.packets or 0, 'frame')})"
