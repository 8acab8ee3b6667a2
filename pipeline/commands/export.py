"""prep export."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import UsageError, printable
from ..base.words import count
from ..engines.choice import open_engine
from ..settings.cvat import CvatSettings
from ..settings.export import ExportSettings
from ..settings.file import load_config
from ..settings.splits import SplitSettings
from ..settings.stages import BreakSettings, RunSettings
from ..splits import UNITS as SPLIT_UNITS
from ..stages.export import UNITS
from .console import Answer, Console, cvat_session, verb
from .options import (
    config_option,
    cvat_options,
    dataset_argument,
    engine_options,
    labels_option,
    output_option,
    settings_options,
)

if TYPE_CHECKING:  # it loads libraries that --help can do without
    from ..stages.export.result import ExportResult

_SHOWN = 10


_LEFT = (
    "An export that was there before is as it was, unless the new one was just done; it is there "
    "whole, or not at all. Run the same command again."
)


@verb("export", "sides", first=("output", "to", "yolo"), left=_LEFT)
@dataset_argument
@click.option(
    "--task", "tasks", type=int, multiple=True, metavar="ID", help="Export this task; repeatable."
)
@click.option("--project", metavar="NAME", help="Export all tasks of this project, by name or id.")
@click.option(
    "--annotations",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the annotations from an export of CVAT's instead, of a task or a project, as 'CVAT "
    "for video 1.1' or 'CVAT for images 1.1'; no server is needed.",
)
@click.option(
    "--splits",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help='Videos that this file names stand on the side that it says: {"videos": {"v1": '
    '"train", "v2": "val"}}.',
)
@click.option("--overwrite", is_flag=True, help="Replace an export that is there already.")
@output_option("The folder to make.", default="export")
@config_option
@settings_options(
    ExportSettings, "to", "yolo", "images", "interpolated", "empty", "attributes", "no_numbers"
)
@labels_option
@settings_options(SplitSettings)
@engine_options
@cvat_options
def export(
    console: Console,
    dataset: Path,
    tasks: tuple[int, ...],
    project: str | None,
    annotations: Path | None,
    splits: Path | None,
    overwrite: bool,
    output: Path,
    config_file: str | None,
    auth: str | None,
    **flags: Any,
) -> Answer:
    """Make a training set of annotations and images.

    DATASET is the folder that 'prep extract' wrote into (default: dataset); without --task or
    --project all of its tasks are exported. Every label stands on the image of its frame, and
    every image is known by video, frame and second. The folder is complete or absent, and
    export.json in it says what it holds, and what differs from CVAT's own exports.
    """
    config = load_config(config_file, flags)
    settings, run = config.section(ExportSettings), config.section(RunSettings)
    if annotations is not None and (tasks or project):
        raise UsageError("--annotations reads a file; it goes with nothing that needs a server.")
    given: dict[str, Any] = {
        "split": config.section(SplitSettings),
        "splits": splits,
        "breaks": config.section(BreakSettings),
        "overwrite": overwrite,
    }
    with open_engine(run, UNITS, SPLIT_UNITS) as engine, console.watch() as watch:
        from ..cvat.annotations import CvatAnnotations
        from ..stages.export.stage import export as export_stage, export_file

        given |= {"engine": engine, "watch": watch}
        if annotations is not None:
            return _answer(export_file(dataset, annotations, output, settings, **given), console)
        with cvat_session(config.section(CvatSettings), auth) as session:
            server = CvatAnnotations(session)
            result = export_stage(
                dataset, server, output, settings, tasks=tasks, project=project, **given
            )
    return _answer(result, console)


def _answer(result: "ExportResult", console: Console) -> Answer:
    sides = tuple({"side": side, **counts} for side, counts in result.sides.items())
    pixels = result.numbers["pixels"]
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result, console)),
        results=sides,
        totals={"images": result.images, "shapes": result.shapes},
        warnings=tuple(notice.message for notice in result.notices),
        more={
            "folder": os.fspath(result.folder),
            "to": result.to,
            "dataset": result.numbers["dataset"],
            "settings": result.numbers["settings"],
            "labels": dict(result.labels),
            "mean": pixels and pixels["mean"],
            "std": pixels and pixels["std"],
            "imagenet": result.numbers["imagenet"],
            "split": result.numbers["split"],
        },
    )


def _lines(result: "ExportResult", console: Console) -> Iterable[str]:
    for side, counts in result.sides.items():
        yield (f"{side:<6} {count(counts['images'], 'image')}, {count(counts['shapes'], 'shape')}")
    labels = ", ".join(f"{printable(name)} {number:,}" for name, number in result.labels.items())
    yield f"labels {labels}"
    if (pixels := result.numbers["pixels"]) is not None:
        mean, std = (", ".join(f"{v:.4f}" for v in pixels[key]) for key in ("mean", "std"))
        yield f"pixels of the train images: mean ({mean}), standard deviation ({std})"
    shown = result.notices if console.verbose else result.notices[:_SHOWN]
    for notice in shown:
        yield f"{click.style('note', fg='yellow')}   {notice.message}"
    if len(shown) < len(result.notices):
        yield f"and {len(result.notices) - len(shown):,} more notes; -v shows all."
    yield f"The export is in {printable(result.folder)}"
