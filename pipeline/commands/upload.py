"""prep upload."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import UsageError, printable
from ..base.guard import Failure
from ..base.words import count
from ..settings.cvat import CvatSettings, UploadSettings
from ..settings.file import load_config
from ..settings.stages import BreakSettings
from .console import Answer, Console, cvat_server, verb
from .layout import align
from .loads import load_lines
from .options import config_option, cvat_options, dataset_argument, settings_options
from .plan import error_json, planned, task_row, with_hint

if TYPE_CHECKING:  # they load libraries that --help can do without
    from ..stages.upload.result import FailedTask, TaskOutcome, UploadResult


@verb("upload", "tasks")
@dataset_argument
@click.option(
    "--cvat", is_flag=True, help="Upload to CVAT. Without it, the plan is shown and nothing sent."
)
@config_option
@cvat_options
@settings_options(UploadSettings)
@click.option(
    "--replace",
    is_flag=True,
    help="Replace tasks whose images or borders have changed since, unless they have annotations.",
)
@click.option(
    "--force",
    is_flag=True,
    help="With --replace: even if they have annotations, which are saved into the dataset first.",
)
@click.option(
    "--carry",
    is_flag=True,
    help="With --replace: even if they have annotations, which go to the same frames of the new "
    "tasks; exit code 1 if some of them had no frame left.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be created; send and ask nothing.")
def upload(
    console: Console,
    dataset: Path,
    cvat: bool,
    config_file: str | None,
    auth: str | None,
    replace: bool,
    force: bool,
    carry: bool,
    dry_run: bool,
    **flags: Any,
) -> Answer:
    """Upload a dataset to CVAT, complete, once and in order.

    DATASET is the folder that 'prep extract' wrote into (default: dataset). With --cvat, it
    becomes one project with a task for each video, and is checked there; without, you see the plan.
    Run it again to finish an upload that was cut off, or to add new videos; everything else stays
    as it is.
    """
    from ..stages.upload.project import labels_of
    from ..stages.upload.stage import plan_upload, upload as upload_stage
    from ..stages.upload.succession import Replacing

    config = load_config(config_file, flags)
    settings = config.section(UploadSettings)
    server_settings = config.section(CvatSettings)
    breaks = config.section(BreakSettings)
    if (force or carry) and not replace:
        raise UsageError(("--force" if force else "--carry") + " goes with --replace.")
    if carry and force:
        raise UsageError("--carry and --force are two ways to treat annotations: name one.")
    if dry_run or not cvat:
        replacing = Replacing(replace, force, carry)
        plan = plan_upload(
            dataset, settings, breaks=breaks, server=server_settings, replacing=replacing
        )
        answer = planned(plan, settings, console)
        return answer if dry_run else with_hint(answer)
    labels = labels_of(settings)  # before anyone is asked for a password
    with cvat_server(server_settings, auth, dataset) as server, console.watch() as watch:
        result = upload_stage(
            dataset,
            server,
            settings,
            breaks=breaks,
            labels=labels,
            replace=replace,
            force=force,
            carry=carry,
            watch=watch,
        )
    return _answer(result, console)


def _answer(result: "UploadResult", console: Console) -> Answer:
    tasks = result.tasks
    totals = {
        "tasks": len(tasks),
        **{
            status: sum(task.status == status for task in tasks)
            for status in ("uploaded", "unchanged", "changed", "unproven", "failed")
        },
        "jobs": sum(task.jobs for task in result.in_cvat),
        "frames_sent": sum(task.frames for task in tasks if task.status == "uploaded"),
        "frames_in_cvat": result.frames_in_cvat,
    }
    warnings = [*result.warnings]
    warnings += [f"{task.name}: {message}" for task in tasks for message in _messages(task)]
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result, totals, console)),
        results=tuple(_task_json(task) for task in tasks),
        totals=totals,
        warnings=tuple(warnings),
        errors=tuple(error_json(task) for task in tasks if isinstance(task, Failure)),
    )


def _messages(task: "TaskOutcome | FailedTask") -> tuple[str, ...]:
    return () if isinstance(task, Failure) else task.messages


def _task_json(task: "TaskOutcome | FailedTask") -> dict[str, Any]:
    lacking = {"jobs": 0, "task_id": None, "url": None, "messages": (), "error": None}
    names = ("name", "video", "status", "frames", *lacking)
    return {name: getattr(task, name, lacking.get(name)) for name in names}


def _lines(result: "UploadResult", totals: dict[str, int], console: Console) -> Iterable[str]:
    rows = [
        (*task_row(task.status, task.name, 0, 0)[:2], "", "")
        if isinstance(task, Failure)
        else task_row(task.status, task.name, task.frames, task.jobs)
        for task in result.tasks
    ]
    for task, line in zip(result.tasks, align(rows, console.width, names=1), strict=True):
        if isinstance(task, Failure):
            yield line
            yield f"  {task.error}"
            continue
        yield line + f"  {task.url}" * (task.url is not None)
        for message in task.messages:
            yield click.style(f"  {message}", fg="yellow")
    yield ""
    for warning in result.warnings:
        yield click.style(f"note: {warning}", fg="yellow")
    yield (
        f"Project '{printable(result.project.name)}' at {printable(result.host)}/projects/"
        f"{result.project.id}: {count(totals['uploaded'], 'task')} uploaded, "
        f"{totals['unchanged']:,} there already, "
        f"{totals['changed'] + totals['unproven'] + totals['failed']:,} to look at; "
        f"{count(totals['frames_in_cvat'], 'frame')} in CVAT."
    )
    yield from load_lines(result.loads, console)
