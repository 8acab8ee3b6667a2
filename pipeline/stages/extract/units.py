"""The units of work that extraction is made of, and how each is carried out, wherever that is.

A video is opened first. It is then decoded in one piece, or in segments that are joined at the end.
What goes wrong with one video is a value; only what concerns all of them is raised.
"""

import contextlib
import dataclasses
import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import DatasetError, DecoderKilledError, printable
from ...base.guard import Failure, guard
from ...base.work import Link, refuse_stopped
from ...dataset import frame_file
from ...dataset.records import SourceIdentity, VideoRecord
from ...pictures import opencv
from ...video.processes import AT_WORK
from ...video.segments import Segment, UnprovenSegmentError
from ...video.shelf import ShelfDamagedError
from ...video.sources import Source
from .links import CountingLink
from .notices import refuse_damage
from .opened import Opened
from .result import VideoOutcome
from .resume import check_unchanged
from .video import VideoExtractor


@dataclass(frozen=True)
class OpenVideo:
    """Look into a video; ``record`` is that of one that is in the dataset already.

    ``identity`` is known where the file was read whole before. ``is_anew``: throw away what an
    earlier run has left of it.
    """

    source: Source
    video_id: str
    record: VideoRecord | None
    identity: SourceIdentity | None = None
    is_anew: bool = False


@dataclass(frozen=True, eq=False)
class MeasureLevels:
    """Measure the grey levels of a video, on which its images depend, or what is said of them."""

    opened: Opened


@dataclass(frozen=True, eq=False)
class ExtractWhole:
    """Extract a video in one piece."""

    opened: Opened


@dataclass(frozen=True, eq=False)
class ExtractSegment:
    """Extract one segment of a video."""

    opened: Opened
    segment: Segment


@dataclass(frozen=True, eq=False)
class JoinSegments:
    """Make a video of its segments."""

    opened: Opened


Unit = OpenVideo | MeasureLevels | ExtractWhole | ExtractSegment | JoinSegments


@dataclass(frozen=True)
class SegmentDone:
    """A segment lies on the shelf."""


@dataclass(frozen=True, eq=False)
class InOnePiece:
    """A video has to be decoded in one piece, against the plan."""

    opened: Opened


@dataclass(frozen=True)
class ShelfDamaged:
    """What an earlier run has left of a video cannot be used: it has to be begun anew."""


Result = Opened | SegmentDone | InOnePiece | ShelfDamaged | VideoOutcome | Failure


def carry_out(extractor: VideoExtractor, unit: Unit, link: Link) -> Result:
    """Do one unit of work; the link is told how many more frames are decoded.

    Raises:
        DiskFullError, FfmpegUnusableError, InterruptedRunError: no other unit can succeed.
    """
    video_id, source = video_of(unit), source_of(unit)
    dedupe = extractor.dedupe.for_video(video_id, source.name)
    extractor = dataclasses.replace(extractor, dedupe=dedupe)
    return guard(lambda: _attempt(extractor, unit, link), video_id, source.path)


def _attempt(extractor: VideoExtractor, unit: Unit, link: Link) -> Result:
    refuse_stopped(link)
    counting = CountingLink(link)
    try:
        return _do(extractor, unit, counting)
    except DecoderKilledError:  # as with a worker that is killed: once more
        link.tell(-counting.frames_told)
        return _do(extractor, unit, link)


@functools.cache
def _load_meanwhile() -> None:
    """Let libraries load while ffmpeg is at work; once in each process.

    They take a fifth of a second, which is free then.
    """

    def load() -> None:
        AT_WORK.wait()  # else ffmpeg would have to wait for them
        with contextlib.suppress(ImportError):  # which whoever needs it will say
            opencv.load()
            frame_file.load()

    threading.Thread(target=load, daemon=True, name="prep-loader").start()


def source_of(unit: Unit) -> Source:
    """Return the video that a unit belongs to."""
    return unit.source if isinstance(unit, OpenVideo) else unit.opened.source


def video_of(unit: Unit) -> str:
    """Return the id of that video."""
    return unit.video_id if isinstance(unit, OpenVideo) else unit.opened.video_id


def memory_needed(unit: Unit) -> int:
    """Return the bytes that a unit needs at most."""
    if isinstance(unit, MeasureLevels | ExtractWhole | ExtractSegment):
        return unit.opened.memory_needed
    frames = unit.opened.frames_promised if isinstance(unit, JoinSegments) else 0
    return 50_000_000 + 300 * frames


def size_bytes(path: Path) -> int:
    """Return the size of a file, 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _do(extractor: VideoExtractor, unit: Unit, link: Link) -> Result:
    if isinstance(unit, OpenVideo):
        source, known = unit.source, unit.record
        if known is None:
            return extractor.open(
                source, unit.video_id, link, identity=unit.identity, is_anew=unit.is_anew
            )
        notices = check_unchanged(source, known, extractor.store, link)
        refuse_damage(source, notices, extractor.run)
        return VideoOutcome(os.fspath(source.path), known.id, "unchanged", known, notices)
    opened = unit.opened
    _load_meanwhile()
    try:
        match unit:
            case MeasureLevels():
                return extractor.measure(opened, link)
            case ExtractWhole():
                record = extractor.extract_whole(opened, link)
            case JoinSegments():
                record = extractor.join(opened)
            case ExtractSegment(segment=segment):
                extractor.extract_segment(opened, segment, link)
                return SegmentDone()
    except UnprovenSegmentError:
        return InOnePiece(extractor.give_up_segments(opened))
    except ShelfDamagedError as error:
        if opened.is_anew:  # what damages it goes on
            raise DatasetError(f"{printable(error)}. Check the disk and run again.") from error
        return ShelfDamaged()
    path = os.fspath(opened.source.path)
    return VideoOutcome(path, record.id, "extracted", record, record.warnings)
