"""prep extract."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from ..base.errors import printable
from ..base.guard import Failure
from ..base.words import count, listing, plural
from ..dataset.records import Notice, counted_together, in_words
from ..engines.choice import open_engine
from ..settings.dedupe import DedupeSettings
from ..settings.file import load_config
from ..settings.stages import BreakSettings, ExtractSettings, RunSettings
from ..stages.extract import UNITS
from ..stages.extract.result import Copy, ExtractResult, Outcome, VideoOutcome
from ..video.binary import asking_ahead
from .console import Answer, Console, verb
from .layout import align
from .options import (
    MATTER_FIRST,
    config_option,
    engine_options,
    extraction_options,
    output_option,
    settings_options,
)

_OUTCOMES = {
    "extracted": "extracted",
    "unchanged": "unchanged",
    "copy": "left out",
    "failed": "failed",
}


@verb("extract", "videos", first=MATTER_FIRST)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@output_option("Dataset (a folder) to write into.")
@config_option
@extraction_options
@settings_options(ExtractSettings, "digits")
@settings_options(DedupeSettings, "hi", "lo", "frac", "distance", "max_gap")
@settings_options(RunSettings, "segment_frames", "count", "ffmpeg", "hwaccel", "on_damage")
@engine_options
@click.option("--overwrite", is_flag=True, help="Extract again what is in the dataset already.")
def extract(
    console: Console,
    inputs: tuple[str, ...],
    output: Path,
    config_file: str | None,
    overwrite: bool,
    **flags: Any,
) -> Answer:
    """Extract the frames of videos, each under its own number.

    INPUT is a video, a folder (searched recursively) or a glob pattern. The images are
    OUTPUT/ID/ID-frame_000000.jpg and so on; the number is the frame's place in the video, even
    if other frames are left out. After an interruption, run the same command again.
    """
    config = load_config(config_file, flags)
    settings = config.section(ExtractSettings)
    run = config.section(RunSettings)
    dedupe = config.section(DedupeSettings)
    breaks = config.section(BreakSettings)
    with asking_ahead(run), open_engine(run, UNITS) as engine, console.watch() as watch:
        from ..stages.extract.stage import extract as extract_stage  # while workers begin

        result = extract_stage(
            inputs,
            output,
            settings,
            run,
            dedupe=dedupe,
            breaks=breaks,
            overwrite=overwrite,
            engine=engine,
            watch=watch,
        )
    return _extract_answer(result, console)


def _extract_answer(result: ExtractResult, console: Console) -> Answer:
    records = [video.record for video in result.videos if isinstance(video, VideoOutcome)]
    totals = {
        "videos": len(result.videos),
        "extracted": result.count("extracted"),
        "unchanged": result.count("unchanged"),
        "copies": result.count("copy"),
        "failed": result.count("failed"),
        "frames_decoded": sum(record.counts.frames_decoded for record in records),
        "kept": sum(record.counts.kept for record in records),
        "duplicates": sum(record.counts.duplicates for record in records),
        "sampled_out": sum(record.counts.sampled_out for record in records),
        "rejected": sum(record.counts.rejected for record in records),
        "skipped": sum(len(paths) for paths in result.skipped.values()),
        "without_input": len(result.without_input),
    }
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_extract_lines(result, totals, console)),
        results=tuple(_video_json(video) for video in result.videos),
        totals=totals,
        warnings=(
            *(f"{video.id}: {n.message}" for video in result.videos for n in video.notices),
            *(notice.message for notice in result.notices),
            *without_input(result),
        ),
        errors=tuple(
            {"kind": video.error_kind, "message": video.error} for video in result.failures
        ),
    )


def _video_json(video: Outcome) -> dict[str, Any]:
    record = video.record if isinstance(video, VideoOutcome) else None
    return {
        "id": video.id,
        "source": _source_of(video),
        "status": video.status,
        "duration_seconds": record.duration_seconds if record else None,
        "counts": dataclasses.asdict(record.counts) if record else None,
        "warnings": [dataclasses.asdict(notice) for notice in video.notices],
        "error": video.error if isinstance(video, Failure) else None,
    }


def _source_of(video: Outcome) -> str:
    return video.where if isinstance(video, Failure) else video.source


def _extract_lines(
    result: ExtractResult, totals: Mapping[str, int], console: Console
) -> Iterable[str]:
    lines = align([_row(video) for video in result.videos], console.width, names=1)
    for video, line in zip(result.videos, lines, strict=True):
        yield line
        if isinstance(video, Failure):
            yield f"  {video.error}"
        for notice in video.notices:
            yield f"  {_styled(notice)}"
    there = (video.record.counts for video in result.videos if isinstance(video, VideoOutcome))
    yield ""
    yield (
        f"{count(totals['videos'], 'video')} ({count_outcomes(result)}): "
        f"{count(totals['frames_decoded'], 'frame')} {in_words(counted_together(there))}, "
        f"{count(totals['kept'], 'image')} in {printable(result.dataset)}"
    )
    yield from console.skipped_lines(result.skipped)
    for notice in result.notices:
        yield _styled(notice)
    yield from (click.style(line, dim=True) for line in without_input(result))


def _styled(notice: Notice) -> str:
    style: dict[str, Any] = {"fg": "yellow"} if notice.is_finding else {"dim": True}
    return click.style(f"{notice.kind}: {notice.message}", **style)


def count_outcomes(result: ExtractResult) -> str:
    """Return how many videos had which outcome, in words."""
    return ", ".join(
        f"{result.count(status)} {words}"
        for status, words in _OUTCOMES.items()
        if result.count(status)
    )


def what_of_gone(video_id: str, dataset: str) -> str:
    """Return what can be done about videos whose sources are gone, of which this is one."""
    return (
        "If a source was renamed or moved, run 'prep extract' on it where it is now, and its video "
        "follows. To take one out of the dataset for good: "
        f"'prep remove {printable(video_id)} -o {printable(dataset)} --force'."
    )


def without_input(result: ExtractResult) -> Iterable[str]:
    """Yield what there is to say of videos that none of the inputs stands behind."""
    if not (absent := result.without_input):
        return
    ids = listing([source.id for source in absent])
    yield f"in the dataset, but not among the inputs: {count(len(absent), 'video')} ({ids})"
    if gone := [source.id for source in absent if source.is_gone]:
        yield f"their sources are gone: {listing(gone)}. {what_of_gone(gone[0], result.dataset)}"


def _row(video: Outcome) -> tuple[str, ...]:
    name = printable(video.id or _source_of(video))
    if isinstance(video, Copy):
        name = printable(Path(video.source).name)  # the id is that of another file
        return click.style("copy", fg="yellow"), name, "", "", "", ""
    if isinstance(video, Failure):
        return click.style("failed", fg="red"), name, "", "", "", ""
    record = video.record
    counts, seconds = record.counts, record.duration_seconds
    findings = any(notice.is_finding for notice in video.notices)
    return (
        click.style(video.status, fg="yellow" if findings else "green"),
        name,
        _counted(counts.frames_decoded, "frame"),
        "" if counts.kept == counts.frames_decoded else _counted(counts.kept, "image"),
        f"{record.image_width}×{record.image_height}" if record.image_width else "",
        f"{seconds:.1f} s" if seconds is not None else "",
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {plural(number, noun):<{len(noun) + 1}}"
