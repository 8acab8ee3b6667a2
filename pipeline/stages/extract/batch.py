"""The videos of a run: which unit of work comes of which, and what became of each video."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...base.errors import WorkerDiedError, printable
from ...base.guard import Failure
from ...base.work import Watch
from ...dataset.records import SourceIdentity, VideoRecord
from ...engines.base import Lost
from ...video.sources import Source
from .opened import Opened
from .result import FailedVideo, Outcome, VideoOutcome
from .resume import identity_of
from .units import (
    ExtractSegment,
    ExtractWhole,
    InOnePiece,
    JoinSegments,
    MeasureLevels,
    OpenVideo,
    Result,
    ShelfDamaged,
    Unit,
    size_bytes,
    source_of,
    video_of,
)


class VideoBatch:
    """Says which unit of work comes of which, and what became of each video."""

    def __init__(
        self,
        known: Mapping[Source, VideoRecord],
        read: Mapping[Path, SourceIdentity],
        ids: Mapping[Source, str],
        watch: Watch,
    ) -> None:
        self._known, self._read, self._ids, self._watch = known, read, ids, watch
        self._segments_left: dict[str, int] = {}
        self._next: dict[str, Unit] = {}
        self._frames_told: dict[str, Counter[int]] = defaultdict(Counter)
        self._restarted: set[str] = set()
        self._failed: dict[str, Outcome] = {}

    def units(self, sources: Iterable[Source]) -> Iterator[Unit]:
        """Yield the first unit of each video."""
        for source in sources:
            identity = identity_of(source, self._read)
            yield OpenVideo(source, self._ids[source], self._known.get(source), identity)

    def take_message(self, unit: Unit, frames: int) -> None:
        """Pass on how many more frames are decoded."""
        self._frames_told[video_of(unit)][_place(unit)] += frames
        self._watch.parts_done(video_of(unit), frames)

    def begin_anew(self, unit: Unit) -> None:
        """Take back what a unit has told that is carried out again."""
        self._take_back(video_of(unit), self._frames_told[video_of(unit)].pop(_place(unit), 0))

    def follow(self, unit: Unit, result: Result | Lost) -> Iterable[Unit]:
        """Return what is to be done next for the same video."""
        match result:
            case Opened(is_measured=False) as opened:
                return [MeasureLevels(opened)]
            case Opened() as opened:
                if opened.video_id not in self._restarted:
                    size = size_bytes(opened.source.path)
                    self._watch.item_started(opened.video_id, opened.frames_promised, size)
                self._segments_left[opened.video_id] = len(opened.segments)
                if opened.segments:
                    return [ExtractSegment(opened, segment) for segment in opened.segments]
                return [ExtractWhole(opened)]
            case InOnePiece(opened):
                self._next[opened.video_id] = ExtractWhole(opened)
            case ShelfDamaged():
                video_id = video_of(unit)
                self._restarted.add(video_id)
                self._next[video_id] = OpenVideo(source_of(unit), video_id, None, is_anew=True)
        if isinstance(unit, ExtractSegment):
            return self._after_segment(unit, result)
        return self._turn(unit)

    def outcome(self, unit: Unit, result: Result | Lost) -> Outcome | None:
        """Return what became of a video, with the last of its units."""
        video_id = video_of(unit)
        if isinstance(unit, ExtractSegment):
            if self._segments_left[video_id] or video_id not in self._failed:
                return None
            outcome = self._failed[video_id]
        elif isinstance(result, VideoOutcome | Failure | Lost):
            outcome = _as_outcome(unit, result)
        else:
            return None
        self._watch.item_done(video_id, size_bytes(source_of(unit).path))
        return outcome

    def _after_segment(self, unit: ExtractSegment, result: Result | Lost) -> Iterable[Unit]:
        video_id = video_of(unit)
        self._segments_left[video_id] -= 1
        if isinstance(result, VideoOutcome | Failure | Lost):
            self._failed.setdefault(video_id, _as_outcome(unit, result))
        if self._segments_left[video_id] or video_id in self._failed:
            return ()
        return self._turn(unit) if video_id in self._next else [JoinSegments(unit.opened)]

    def _turn(self, unit: Unit) -> Iterable[Unit]:
        """Return what a video needs that cannot go on as planned, if that is so."""
        following = self._next.pop(video_of(unit), None)
        return () if following is None else self._from_the_start(following)

    def _from_the_start(self, unit: Unit) -> Iterable[Unit]:
        video_id = video_of(unit)
        self._take_back(video_id, sum(self._frames_told.pop(video_id, Counter()).values()))
        return [unit]

    def _take_back(self, video_id: str, frames: int) -> None:
        if frames:
            self._watch.parts_done(video_id, -frames)


def _place(unit: Unit) -> int:
    """Return what tells a unit from the others of its video that tell of frames."""
    return unit.segment.number if isinstance(unit, ExtractSegment) else -1


def _as_outcome(unit: Unit, result: VideoOutcome | Failure | Lost) -> Outcome:
    if isinstance(result, VideoOutcome):
        return result
    if isinstance(result, Failure):
        return FailedVideo(**vars(result))
    path = source_of(unit).path
    text = (
        f"{printable(path)}: {result.why}. If memory is short, lower --workers; else this file "
        "brings down the libraries that read it: convert it first, or leave it out."
    )
    return FailedVideo(video_of(unit), os.fspath(path), text, WorkerDiedError.kind)
