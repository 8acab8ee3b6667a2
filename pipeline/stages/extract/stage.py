"""Extract: every frame of every video under its own number, with a record of what each is."""

import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from ...base.errors import InputError, UsageError, printable
from ...base.work import Batch, Watch
from ...dataset.failed import FailedSource, note_failed
from ...dataset.records import Notice, SourceIdentity
from ...dataset.store import RESERVED_NAMES, Dataset
from ...engines.base import Engine
from ...engines.choice import engine_for
from ...settings.dedupe import DedupeSettings
from ...settings.stages import BreakSettings, ExtractSettings, RunSettings
from ...video.binary import find_ffmpeg
from ...video.identity import try_to_identify
from ...video.ids import assign_ids
from ...video.looks import needed_filters
from ...video.sources import FoundSources, Source, find_sources
from . import UNITS
from .batch import VideoBatch
from .hardware import settle_hardware
from .other_settings import refuse_other_settings
from .result import ExtractResult, FailedVideo, Outcome
from .resume import Recognised, find_absent, recognise, tell_copies, tell_moved
from .streams import confirm, take_streams, try_to_list
from .units import carry_out, memory_needed, size_bytes, source_of
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
    repeated. A bad video is a failed outcome and never stops the others. So many parameters, as all
    but the inputs and the dataset may be left out.

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
    settings, run = settings or ExtractSettings(), run or RunSettings()
    dedupe, breaks = dedupe or DedupeSettings(), breaks or BreakSettings()
    ffmpeg = find_ffmpeg(run, needed_filters(settings))
    run, notices = settle_hardware(ffmpeg, run)
    inputs = list(inputs)
    found = find_sources(inputs)
    store = Dataset(Path(os.path.abspath(dataset)))
    _refuse_folder_of_videos(store, inputs)
    with engine_for(engine, run, UNITS) as engine, store.writing(_CHOOSE_ANOTHER):
        extractor = VideoExtractor(store, settings, dedupe, breaks, run, ffmpeg, engine.cores_each)
        result = _extract_found(extractor, found, overwrite, engine, watch or Watch())
    return dataclasses.replace(result, notices=(*result.notices, *notices))


def _extract_found(
    extractor: VideoExtractor, found: FoundSources, overwrite: bool, engine: Engine, watch: Watch
) -> ExtractResult:
    """Find out which sources are in the dataset already, and extract the others."""
    store, stream = extractor.store, extractor.settings.stream
    records = store.read_records()
    videos = take_streams(found.sources, stream, functools.partial(_list_all, engine))
    recognised = recognise(videos, records, functools.partial(_identify_all, engine))
    known, copies = recognised.known, recognised.copies
    if not overwrite:
        refuse_other_settings(extractor.settings, extractor.dedupe, known.values())
    if stream is not None:
        known = {source: confirm(record) for source, record in known.items()}
    for record in known.values():
        if record != records[record.id]:
            store.replace_record(record)
    sources = [source for source in videos if source not in copies]
    ids = _ids(store, videos, recognised)
    batch = VideoBatch({} if overwrite else known, recognised.read, ids, watch)
    watch.batch_started(Batch(len(sources), sum(size_bytes(source.path) for source in sources)))
    outcomes: dict[Source, Outcome] = {**tell_copies(copies, ids, records)}
    outcomes |= _carry_out_all(extractor, sources, batch, engine)
    for source, record in known.items():
        outcomes[source] = tell_moved(outcomes[source], records[record.id].source, record.source)
    names = {r.id: r.source.name for r in (*records.values(), *known.values())}
    names |= {ids[source]: source.name for source in ids if overwrite or source not in known}
    unusable = (
        FailedVideo(None, path, why, InputError.kind) for path, why in found.unusable.items()
    )
    result = ExtractResult(
        dataset=os.fspath(store.path),
        videos=(*(outcomes[source] for source in videos), *unusable),
        skipped={reason: tuple(paths) for reason, paths in found.skipped.items()},
        notices=(
            *(Notice("unreadable-folder", why) for why in found.unreadable.values()),
            *(Notice("overlooked", text) for text in filter(None, [found.overlooked])),
            *_tell_unused(extractor.dedupe, names),
        ),
        without_input=find_absent(outcomes, records),
    )
    tried = {*(os.fspath(source.path) for source in videos), *found.unusable}
    failed = (FailedSource(failure.where, failure.error) for failure in result.failures)
    note_failed(store.path, tried, failed)
    return result


def _carry_out_all(
    extractor: VideoExtractor, sources: Sequence[Source], batch: VideoBatch, engine: Engine
) -> dict[Source, Outcome]:
    """Carry out all units of work, and return what became of each source."""
    # With few videos a worker may be the last one at work, and should have all cores then.
    are_many = engine.workers > 1 and len(sources) >= _MANY * engine.workers
    outcomes: dict[Source, Outcome] = {}
    with closing(
        engine.run(
            functools.partial(carry_out, dataclasses.replace(extractor, are_many=are_many)),
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
                outcomes[source_of(unit)] = outcome
    return outcomes


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


def _list_all(engine: Engine, sources: Sequence[Source]) -> dict[Path, tuple[int, ...]]:
    """Look into files for their video streams, side by side; none where one cannot be read."""
    with closing(engine.run(try_to_list, sources)) as results:
        return {
            source.path: streams if isinstance(streams, tuple) else ()
            for source, streams in results
        }


def _ids(store: Dataset, sources: Sequence[Source], recognised: Recognised) -> dict[Source, str]:
    """Return the id of each source but copies: that of its record, else a new one."""
    known = recognised.known
    new = [s for s in sources if s not in known and s not in recognised.copies]
    taken = [*RESERVED_NAMES, *(entry.name for entry in store.path.iterdir())]
    given = {source: record.id for source, record in known.items()}
    return assign_ids(new, taken=taken, among=sources, given=given)


def _tell_unused(dedupe: DedupeSettings, names: Mapping[str, str]) -> Iterator[Notice]:
    """Yield what is to be said of regions that are meant for videos which are not there.

    Args:
        dedupe: the settings of all videos.
        names: the path under the input folder of each video, by its id.
    """
    for region in dedupe.regions:
        if not any(region.is_for(*video) for video in names.items()):
            text = (
                f"ignore: no video fits the pattern '{printable(region.videos)}' of the region "
                f"{region}. It is held against the id of each video, its path under the input "
                "folder and its file name."
            )
            yield Notice("unused-region", text)


def _refuse_folder_of_videos(store: Dataset, inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse to begin a dataset in a folder that is an input: most likely a slip."""
    for path in inputs:
        is_folder = os.path.isdir(path) and os.path.isdir(store.path)
        if is_folder and store.path.samefile(path) and not store.video_ids():
            raise UsageError(
                f"{printable(path)}: the videos are in this folder, so the dataset needs another "
                "one. Name it with --output."
            )
