"""prep annotate."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import UsageError, printable
from ..base.guard import Failure
from ..base.words import count, plural
from ..settings.cvat import AnnotateSettings, CvatSettings
from ..settings.file import load_config
from ..settings.stages import BreakSettings
from .console import Answer, Console, cvat_session, verb
from .layout import align
from .options import config_option, cvat_options, dataset_argument, settings_options

if TYPE_CHECKING:  # it loads libraries that --help can do without
    from ..stages.annotate.result import AnnotatedTask, AnnotateResult

_COLOURS = {"occupied": "yellow", "failed": "red"}


@verb("annotate", "tasks", first=("tracks", "label", "dry_run"))
@dataset_argument
@click.option(
    "--tracks",
    type=click.Path(path_type=Path, readable=False),
    required=True,
    metavar="FILE",
    help="The tracks: MOTChallenge text, CVAT's XML or Parquet; or a folder with a file for each "
    "video, named by it.",
)
@click.option("--project", metavar="NAME", help="Project with the tasks, where there are several.")
@click.option(
    "--add", is_flag=True, help="Also into tasks that have other annotations, beside these."
)
@click.option(
    "--replace",
    is_flag=True,
    help="Also into tasks that have other annotations, in place of all of these, which are saved "
    "into the dataset first.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing in CVAT.")
@config_option
@cvat_options
@settings_options(AnnotateSettings)
def annotate(
    console: Console,
    dataset: Path,
    tracks: Path,
    project: str | None,
    add: bool,
    replace: bool,
    dry_run: bool,
    config_file: str | None,
    auth: str | None,
    **flags: Any,
) -> Answer:
    """Bring a tracker's boxes into the tasks, with few keyframes.

    DATASET is the folder that 'prep extract' wrote into (default: dataset), uploaded to CVAT.
    Frames and boxes in the file are those of the video. Run again, it does nothing twice.
    """
    from ..cvat.annotations import CvatAnnotations
    from ..stages.annotate.stage import annotate as annotate_stage

    if add and replace:
        raise UsageError("--add and --replace exclude each other.")
    config = load_config(config_file, flags)
    settings, breaks = config.section(AnnotateSettings), config.section(BreakSettings)
    with cvat_session(config.section(CvatSettings), auth) as session, console.watch() as watch:
        result = annotate_stage(
            dataset,
            CvatAnnotations(session),
            tracks,
            settings,
            breaks=breaks,
            project=project,
            add=add,
            replace=replace,
            dry_run=dry_run,
            watch=watch,
        )
    return _answer(result, console)


def _answer(result: "AnnotateResult", console: Console) -> Answer:
    done = [task for task in result.tasks if not isinstance(task, Failure)]
    put = [task for task in done if task.status in {"annotated", "planned"}]
    totals = {
        "tasks": len(result.tasks),
        **{
            status: sum(task.status == status for task in result.tasks)
            for status in ("annotated", "unchanged", "occupied", "planned", "failed")
        },
        "tracks": sum(task.tracks for task in done),
        "tracks_added": sum(task.added for task in put),
        "boxes": sum(task.boxes for task in done),
        "boxes_elsewhere": result.boxes_elsewhere,
        "keyframes": sum(task.keyframes for task in done),
    }
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result, totals, console)),
        results=tuple(map(_task_json, result.tasks)),
        totals=totals,
        warnings=(
            *result.warnings,
            *(f"{each.name}: {each.message}" for each in done if each.message),
        ),
        errors=tuple(
            {"kind": each.error_kind, "message": each.error}
            for each in result.tasks
            if isinstance(each, Failure)
        ),
    )


def _task_json(task: "AnnotatedTask | Failure") -> dict[str, Any]:
    if isinstance(task, Failure):
        return {"name": task.id, "status": task.status, "error": task.error}
    saved = None if task.saved is None else str(task.saved)
    return {**vars(task), "saved": saved, "worst_px": round(task.worst_px, 3), "error": None}


def _lines(result: "AnnotateResult", totals: dict[str, int], console: Console) -> Iterable[str]:
    rows = [_row(task) for task in result.tasks]
    for task, line in zip(result.tasks, align(rows, console.width, names=1), strict=True):
        yield line
        if isinstance(task, Failure):
            yield f"  {task.error}"
            continue
        if task.message:
            yield click.style(f"  {task.message}", fg="yellow")
        if task.saved is not None:
            yield f"  what was there is in {printable(task.saved)}"
    yield ""
    for warning in result.warnings:
        yield click.style(f"note: {warning}", fg="yellow")
    if elsewhere := result.boxes_elsewhere:
        lie = plural(elsewhere, "box of the file lies", "boxes of the file lie")
        yield f"{elsewhere:,} {lie} on frames that no task shows, and so nowhere in CVAT."
    if occupied := totals["occupied"]:
        was, has = plural(occupied, "task was", "tasks were"), plural(occupied, "has", "have")
        yield click.style(
            f"{occupied:,} {was} left alone, as annotations are there. Run again with --add to put "
            "the tracks beside them; or with --replace to put the tracks in their place, when "
            f"what {plural(occupied, 'it', 'they')} {has} is saved first.",
            fg="yellow",
        )
    shown = [e for e in result.tasks if not isinstance(e, Failure) and e.status != "occupied"]
    if boxes := sum(task.boxes for task in shown):
        keyframes, worst = sum(e.keyframes for e in shown), max(e.worst_px for e in shown)
        would = " would be" if totals["planned"] else ""
        share = 100 * abs(1 - keyframes / boxes)
        yield (
            f"{count(totals['tracks_added'], 'track')}{would} added. "
            f"{count(keyframes, 'keyframe')} for {count(boxes, 'box', 'boxes')}, "
            f"{share:.0f} % {'fewer' if keyframes <= boxes else 'more'}, ends of tracks among "
            f"them; no corner is more than {worst:.2f} px off."
        )


def _row(task: "AnnotatedTask | Failure") -> tuple[str, ...]:
    status = click.style(task.status, fg=_COLOURS.get(task.status, "green"))
    if isinstance(task, Failure):
        return status, printable(task.id), "", "", ""
    return (
        status,
        printable(task.name),
        f"{task.tracks:,} {plural(task.tracks, 'track'):<6}",
        f"{task.keyframes:,} {plural(task.keyframes, 'keyframe'):<9}",
        task.url,
    )
