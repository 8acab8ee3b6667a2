"""Extract: every frame of every video under its own number, with a record of what each is."""

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from ...base.errors import InputError, UsageError, WorkerDiedError, printable
from ...base.work import Batch, Watch
from ...dataset.records import Notice, SourceIdentity, VideoRecord
from ...dataset.store import RESERVED_NAMES, Dataset
from ...engines.base import Engine, Lost
from ...engines.choice import engine_for
from ...settings.file import effective_settings
from ...settings.stages import BreakSettings, DedupeSettings, ExtractSettings, RunSettings
from ...video.binary import find_ffmpeg
from ...video.identity import try_to_identify
from ...video.sources import Source, assign_ids, find_sources
from . import UNITS
from .opened import Opened
from .result import ExtractResult, VideoOutcome
from .resume import (
    Recognised,
    find_absent,
    recognise,
    refuse_other_settings,
    tell_copies,
    tell_moved,
)
from .units import (
    ExtractSegment,
    ExtractWhole,
    InOnePiece,
    JoinSegments,
    OpenVideo,
    Result,
    ShelfDamaged,
    Unit,
    carry_out,
    memory_needed,
    size_bytes,
    source_of,
    video_of,
)
from .video import VideoExtractor

_MANY = 4
_CHOOSE_ANOTHER = "Choose another folder with --output, or give yourself the right to write there."


def extract(
    inputs: Iterable[str | os.PathLike[str]],
    dataset: str | os.PathLike[str],
    settings: ExtractSettings | None = None,
    run: RunSettings | None = None,
    *,
    dedupe: DedupeSettings | None = None,
    breaks: BreakSettings | None = None,
    overwrite: bool = False,
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> ExtractResult:
    """Extract the frames of videos into a dataset; what is there already is left as it is.

    Each video appears in the dataset whole or not at all, so a run that was cut off is simply
    repeated. A bad video is a failed outcome and never stops the others.

    Args:
        inputs: files, folders (recursive) and glob patterns.
        dataset: the folder to write into; made if absent.
        settings: what the images are; the defaults if absent.
        run: how the work is done; the defaults if absent.
        dedupe: which frames are left out as duplicates; the defaults if absent.
        breaks: where a tracker must not interpolate; the defaults if absent.
        overwrite: extract again what is there already.
        engine: carries out the work; the one that ``run`` names if absent.
        watch: told how the work goes on.

    Raises:
        UsageError: the inputs, the settings, the dataset or ffmpeg cannot be used, or videos are
            there already with other settings. Nothing was done.
        DiskFullError: no room left. The videos done so far are complete.
        InterruptedRunError, KeyboardInterrupt: stopped. The videos done so far are complete.
    """
    settings, run, watch = settings or ExtractSettings(), run or RunSettings(), watch or Watch()
    dedupe, breaks = dedupe or DedupeSettings(), breaks or BreakSettings()
    ffmpeg = find_ffmpeg(run)
    inputs = list(inputs)
    found = find_sources(inputs)
    store = Dataset(Path(os.path.abspath(dataset)))
    _refuse_folder_of_videos(store, inputs)
    with engine_for(engine, run, UNITS) as engine, store.writing(_CHOOSE_ANOTHER):
        records = store.read_records()
        recognised = recognise(found.sources, records, functools.partial(_identify_all, engine))
        if not overwrite:
            refuse_other_settings(effective_settings(settings, dedupe, run), recognised.known)
        for record in recognised.known.values():
            if record.source != records[record.id].source:
                store.replace_record(record)
        sources = [source for source in found.sources if source.path not in recognised.copies]
        ids = _ids(store, found.sources, recognised)
        # With few videos a worker may be the last one at work, and should have all cores then.
        is_many = engine.workers > 1 and len(sources) >= _MANY * engine.workers
        extractor = VideoExtractor(
            store, settings, dedupe, breaks, run, ffmpeg, engine.cores_each, is_many
        )
        batch = _Batch({} if overwrite else recognised.known, recognised.read, ids, watch)
        watch.batch_started(Batch(len(sources), sum(size_bytes(s.path) for s in sources)))
        outcomes = tell_copies(recognised.copies, ids, records)
        with closing(
            engine.run(
                functools.partial(carry_out, extractor),
                batch.units(sources),
                follow=batch.follow,
                memory_needed=memory_needed,
                on_message=batch.take_message,
                on_repeat=batch.begin_anew,
            )
        ) as results:
            for unit, result in results:
                outcome = batch.outcome(unit, result)
                if outcome is not None:
                    outcomes[source_of(unit).path] = outcome
    for path, record in recognised.known.items():
        outcomes[path] = tell_moved(outcomes[path], records[record.id].source, record.source)
    return ExtractResult(
        dataset=os.fspath(store.path),
        videos=(
            *(outcomes[source.path] for source in found.sources),
            *(_unusable(path, why) for path, why in found.unusable.items()),
        ),
        skipped={reason: tuple(paths) for reason, paths in found.skipped.items()},
        notices=tuple(Notice("unreadable-folder", why) for why in found.unreadable.values()),
        without_input=find_absent(outcomes, records),
    )


def _identify_all(engine: Engine, sources: Sequence[Source]) -> dict[Path, SourceIdentity]:
    """Read files whole, side by side; those that cannot be read are left out."""
    if not sources:
        return {}
    with closing(engine.run(try_to_identify, sources)) as results:
        return {
            source.path: identity
            for source, identity in results
            if isinstance(identity, SourceIdentity)
        }


def _ids(store: Dataset, sources: Sequence[Source], recognised: Recognised) -> dict[Path, str]:
    """Return the id of each source but copies: that of its record, else a new one."""
    known = recognised.known
    new = [s for s in sources if s.path not in known and s.path not in recognised.copies]
    taken = [*RESERVED_NAMES, *(entry.name for entry in store.path.iterdir())]
    ids = {path: record.id for path, record in known.items()}
    return ids | assign_ids(new, taken=taken, among=sources)


def _refuse_folder_of_videos(store: Dataset, inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse to begin a dataset in a folder that is an input: most likely a slip."""
    for path in inputs:
        is_folder = os.path.isdir(path) and os.path.isdir(store.path)
        if is_folder and store.path.samefile(path) and not store.video_ids():
            raise UsageError(
                f"{printable(path)}: the videos are in this folder, so the dataset needs another "
                "one. Name it with --output."
            )


class _Batch:
    """Says which unit of work comes of which, and what became of each video."""

    def __init__(
        self,
        known: Mapping[Path, VideoRecord],
        read: Mapping[Path, SourceIdentity],
        ids: Mapping[Path, str],
        watch: Watch,
    ) -> None:
        self._known, self._read, self._ids, self._watch = known, read, ids, watch
        self._segments_left: dict[str, int] = {}
        self._next: dict[str, Unit] = {}
        self._frames_told: dict[str, Counter[int]] = defaultdict(Counter)
        self._restarted: set[str] = set()
        self._failed: dict[str, VideoOutcome] = {}

    def units(self, sources: Iterable[Source]) -> Iterator[Unit]:
        """Yield the first unit of each video."""
        for source in sources:
            path = source.path
            yield OpenVideo(source, self._ids[path], self._known.get(path), self._read.get(path))

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

    def outcome(self, unit: Unit, result: Result | Lost) -> VideoOutcome | None:
        """Return what became of a video, with the last of its units."""
        video_id = video_of(unit)
        if isinstance(unit, ExtractSegment):
            if self._segments_left[video_id] or video_id not in self._failed:
                return None
            outcome = self._failed[video_id]
        elif isinstance(result, VideoOutcome | Lost):
            outcome = _as_outcome(unit, result)
        else:
            return None
        self._watch.item_done(video_id, size_bytes(source_of(unit).path))
        return outcome

    def _after_segment(self, unit: ExtractSegment, result: Result | Lost) -> Iterable[Unit]:
        video_id = video_of(unit)
        self._segments_left[video_id] -= 1
        if isinstance(result, VideoOutcome | Lost):
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


def _as_outcome(unit: Unit, result: VideoOutcome | Lost) -> VideoOutcome:
    if isinstance(result, VideoOutcome):
        return result
    path = os.fspath(source_of(unit).path)
    text = (
        f"{printable(path)}: {result.why}. If memory is short, lower --workers; else this file "
        "brings down the libraries that read it: convert it first, or leave it out."
    )
    return VideoOutcome(path, video_of(unit), "failed", error=text, error_kind=WorkerDiedError.kind)


def _unusable(path: str, why: str) -> VideoOutcome:
    return VideoOutcome(path, None, "failed", error=why, error_kind=InputError.kind)
