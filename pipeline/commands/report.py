"""prep report."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import printable
from ..base.words import count, listing
from ..dataset.records import in_words
from ..engines.choice import open_engine
from ..settings.file import load_config
from ..settings.stages import BreakSettings, RunSettings, ValidateSettings
from ..stages.report import UNITS
from .console import Answer, Console, verb
from .options import config_option, dataset_argument, engine_options, output_option

if TYPE_CHECKING:
    from ..stages.report.stage import ReportResult


@verb("report", "findings")
@dataset_argument
@output_option(
    "Write into this folder instead of the dataset, which is only read then.", default=None
)
@config_option
@engine_options
def report(
    console: Console, dataset: Path, output: Path | None, config_file: str | None, **flags: Any
) -> Answer:
    """Write report.html, one page that shows a dataset.

    DATASET is the folder that 'prep extract' wrote into (default: dataset). The page needs no
    network and can be sent to anyone. Within the dataset, a click on a picture opens its image.
    report.json has the same numbers.
    """
    config = load_config(config_file, flags)
    run = config.section(RunSettings)
    with open_engine(run, UNITS) as engine, console.watch() as watch:
        from ..stages.report.stage import report as report_stage  # while workers begin

        result = report_stage(
            dataset,
            output=output,
            breaks=config.section(BreakSettings),
            validate=config.section(ValidateSettings),
            engine=engine,
            watch=watch,
        )
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result)),
        results=tuple(dataclasses.asdict(finding) for finding in result.findings),
        totals=dataclasses.asdict(result.totals),
    )


def _lines(result: "ReportResult") -> Iterable[str]:
    totals = result.totals
    yield (
        f"{count(totals.videos, 'video')}: {count(totals.frames_decoded, 'frame')} "
        f"{in_words(totals.counted)} = {totals.kept:,} kept + {totals.duplicates:,} duplicates + "
        f"{totals.sampled_out:,} sampled out + {totals.rejected:,} rejected; "
        f"{count(totals.files_on_disk, 'file')} on disk"
    )
    for finding in result.findings:
        mark = click.style("look at", fg="yellow") if finding.needs_person else "note   "
        where = f" ({listing(finding.videos)})" if finding.videos else ""
        yield f"{mark}  {finding.title}{where}"
    if not any(finding.needs_person for finding in result.findings):
        yield click.style("Nothing needs attention.", fg="green")
    yield f"The report is {printable(result.page)}"
