"""prep validate."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import printable
from ..base.guard import Failure
from ..base.words import count
from ..dataset.marks import MARKS
from ..engines.choice import open_engine
from ..settings.file import load_config
from ..settings.stages import BreakSettings, RunSettings, ValidateSettings
from ..stages.validate import UNITS
from .console import Answer, Console, verb
from .layout import align
from .options import (
    again_option,
    config_option,
    dataset_argument,
    engine_options,
    output_option,
    settings_options,
)

if TYPE_CHECKING:  # the stage loads OpenCV
    from ..stages.validate.result import ValidatedVideo, ValidateResult

_FINDINGS_SHOWN = 20


@verb("validate", "videos")
@dataset_argument
@output_option(
    "Leave the dataset as it is, and write validate.json into this folder; for a dataset that may "
    "only be read.",
    default=None,
)
@config_option
@settings_options(ValidateSettings)
@engine_options
@again_option
def validate(
    console: Console,
    dataset: Path,
    output: Path | None,
    config_file: str | None,
    again: bool,
    **flags: Any,
) -> Answer:
    """Check every image of a dataset against its record.

    An image that is damaged, swapped, misnumbered or gone is named and its frame marked as
    rejected; no file is touched. The others are measured: how sharp and bright they are, and how
    much contrast they have. With -v, those that are blurred, dark, bright or flat are named.
    """
    config = load_config(config_file, flags)
    settings = config.section(ValidateSettings)
    run = config.section(RunSettings)
    breaks = config.section(BreakSettings)
    with open_engine(run, UNITS) as engine, console.watch() as watch:
        from ..stages.validate.stage import validate as validate_stage  # while workers begin

        result = validate_stage(
            dataset,
            settings,
            run,
            breaks=breaks,
            output=output,
            again=again,
            engine=engine,
            watch=watch,
        )
    return _answer(result, console)


def _answer(result: "ValidateResult", console: Console) -> Answer:
    videos = result.done
    totals = {
        "videos": len(result.videos),
        "failed": len(result.failures),
        "images": sum(video.images for video in videos),
        "proven": sum(video.proven for video in videos),
        "kept": sum(video.record.counts.kept for video in videos),
        "rejected": sum(video.record.counts.rejected for video in videos),
        "recovered": sum(video.recovered for video in videos),
        "findings": sum(len(video.findings) for video in videos),
        "foreign_folders": len(result.foreign_folders),
        **{mark: sum(video.marks.get(mark, 0) for video in videos) for mark in MARKS},
    }
    foreign = tuple(
        f"{printable(name)}: this folder is no video of the dataset, it has no record. Move it "
        "away."
        for name in result.foreign_folders
    )
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result, totals, foreign, console)),
        results=tuple(result.to_json()["videos"]),
        totals=totals,
        warnings=foreign,
        errors=tuple(
            {"kind": failure.error_kind, "message": failure.error} for failure in result.failures
        ),
    )


def _lines(
    result: "ValidateResult",
    totals: Mapping[str, int],
    foreign: Iterable[str],
    console: Console,
) -> Iterable[str]:
    rows = [("video", "images", "rejected"), *map(_row, result.videos)]
    heading, *lines = align(rows, console.width)
    yield click.style(f"{heading}  marks", dim=True)
    for video, line in zip(result.videos, lines, strict=True):
        if isinstance(video, Failure):
            yield line.rstrip()
            yield f"  {video.error}"
        else:
            yield f"{line}  {_marks(video)}".rstrip()
    yield ""
    yield from _finding_lines(result, console)
    yield from _marked_lines(result, console)
    yield from (click.style(f"foreign: {text}", fg="yellow") for text in foreign)
    yield (
        f"{count(totals['images'], 'image')} of {count(totals['videos'], 'video')} checked: "
        f"{totals['kept']:,} right, {totals['rejected']:,} rejected"
        + (f", {totals['recovered']:,} right again" if totals["recovered"] else "")
        + (f"; {count(totals['failed'], 'video')} failed" if totals["failed"] else "")
    )
    if totals["proven"]:
        yield "Files that were right before, and were not written since, were not read (--again)."


def _row(video: "ValidatedVideo | Failure") -> tuple[str, str, str]:
    if isinstance(video, Failure):
        return printable(video.id), click.style(video.status, fg="red"), ""
    number = video.record.counts.rejected
    rejected = click.style(f"{number:,}", fg="red" if number else None)
    return printable(video.id), f"{video.images:,}", rejected


def _marks(video: "ValidatedVideo") -> str:
    return ", ".join(f"{number:,} {mark}" for mark, number in video.marks.items() if number)


def _finding_lines(result: "ValidateResult", console: Console) -> Iterable[str]:
    from ..stages.validate.video import FINDING_KINDS

    findings = [finding for video in result.done for finding in video.findings]
    findings.sort(key=lambda finding: FINDING_KINDS.index(finding.kind))
    shown = findings if console.verbose else findings[:_FINDINGS_SHOWN]
    for finding in shown:
        kind = click.style(f"{finding.kind}:", fg="yellow")
        yield f"{kind} {finding.message}"
    if len(shown) < len(findings):
        yield f"and {len(findings) - len(shown):,} more; -v names all."
    if findings:
        yield ""


def _marked_lines(result: "ValidateResult", console: Console) -> Iterable[str]:
    """Yield the images that are marked for how they look, the worst first, or how to see them."""
    if not any(number for video in result.done for number in video.marks.values()):
        return
    if not console.verbose:
        yield "To see which images are marked, add -v."
        return
    marked = [(image, video.id) for video in result.done for image in video.marked_images()]
    for name, mark in MARKS.items():
        images = [each for each in marked if each[0]["mark"] == name]
        for image, video_id in sorted(images, key=lambda each: -mark.badness(each[0]["value"])):
            kind = click.style(f"{name}:", fg="cyan")
            where = printable(f"{video_id}/{image['file']}")
            yield f"{kind} {where} ({image['measure']} {image['value']:g})"
    yield ""
