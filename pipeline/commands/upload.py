"""prep upload."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import UsageError, printable
from ..base.guard import Failure
from ..base.words import count, plural
from ..settings.cvat import CvatSettings, UploadSettings
from ..settings.file import load_config
from ..settings.stages import BreakSettings
from .console import Answer, Console, cvat_server, verb
from .layout import align
from .loads import FRAMES_ALONE, load_lines
from .options import config_option, cvat_options, dataset_argument, settings_options

if TYPE_CHECKING:  # they load libraries that --help can do without
    from ..dataset.records import Break
    from ..stages.upload.plan import Part
    from ..stages.upload.result import FailedTask, TaskOutcome, UploadResult
    from ..stages.upload.videos import UploadPlan

_SHOWN_BREAKS = 5
"""Of each task; there may be very many."""

_COLOURS = {"uploaded": "green", "unchanged": "green", "planned": "green", "failed": "red"}


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

    config = load_config(config_file, flags)
    settings = config.section(UploadSettings)
    server_settings = config.section(CvatSettings)
    breaks = config.section(BreakSettings)
    if (force or carry) and not replace:
        raise UsageError(("--force" if force else "--carry") + " goes with --replace.")
    if carry and force:
        raise UsageError("--carry and --force are two ways to treat annotations: name one.")
    if dry_run or not cvat:
        plan = plan_upload(dataset, settings, breaks=breaks)
        planned = _planned(plan, settings, console)
        return planned if dry_run else _with_hint(planned)
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


def _planned(plan: "UploadPlan", settings: UploadSettings, console: Console) -> Answer:
    from ..stages.upload.people import planned_loads

    parts = plan.parts
    loads, assignees = planned_loads(plan, settings)
    notes = (FRAMES_ALONE,) * (bool(loads) and settings.load == "boxes")
    jobs = sorted(last - first + 1 for part in parts for first, last in part.expected_jobs)
    totals = {
        "tasks": len(parts),
        "jobs": len(jobs),
        "frames": sum(len(part.names) for part in parts),
        "shortest_job": jobs[0] if jobs else 0,
        "median_job": jobs[len(jobs) // 2] if jobs else 0,
        "longest_job": jobs[-1] if jobs else 0,
        "open_breaks": sum(len(part.open_breaks) for part in parts),
        "work_seconds": round(sum(jobs) * settings.seconds_per_image),
        "failed": len(plan.failures),
    }
    return Answer(
        exit_code=plan.exit_code,
        lines=(
            *_plan_lines(plan, console),
            "",
            *_plan_summary(totals, settings.seconds_per_image),
            *load_lines(loads, console),
            *notes,
        ),
        results=tuple(_part_json(part, assignees.get(part.task_name)) for part in parts),
        totals=totals,
        warnings=(
            *(
                f"{printable(part.task_name)}: {_told(each)}: a tracker will interpolate across it."
                for part in parts
                for each in part.open_breaks
            ),
            *notes,
        ),
        errors=tuple(map(_error_json, plan.failures)),
    )


def _with_hint(planned: Answer) -> Answer:
    """Return the answer of who has not said where to upload to."""
    hint = "This is only the plan: add --cvat to upload it to CVAT."
    lines = (*planned.lines, "", click.style(hint, fg="yellow"))
    return dataclasses.replace(planned, lines=lines, warnings=(hint, *planned.warnings))


def _part_json(part: "Part", assignees: Sequence[str] | None) -> dict[str, Any]:
    return {
        "name": part.task_name,
        "video": part.video_id,
        "status": "planned",
        "frames": len(part.names),
        "first_frame": int(part.frames[0]),
        "last_frame": int(part.frames[-1]),
        "jobs": [list(job) for job in part.expected_jobs],
        "assignees": assignees,
        "open_breaks": [
            {"kind": each.kind, "after": each.after, "before": each.before}
            for each in part.open_breaks
        ],
    }


def _plan_summary(totals: dict[str, int], seconds_per_image: float) -> Iterable[str]:
    yield (
        f"To be made: {count(totals['tasks'], 'task')}, {count(totals['jobs'], 'job')}, "
        f"{count(totals['frames'], 'frame')}. Nothing was sent."
    )
    if not totals["jobs"]:
        return
    yield (
        f"Frames a job: {totals['shortest_job']:,} to {totals['longest_job']:,}, median "
        f"{totals['median_job']:,}. Breaks inside a job: {totals['open_breaks']:,}."
    )
    yield (
        f"Work: {_hours(totals['work_seconds'])} if an image takes {seconds_per_image:g} s; "
        "measure that in the first job."
    )


def _hours(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} hours"


def _plan_lines(plan: "UploadPlan", console: Console) -> Iterable[str]:
    rows = [
        _row("planned", part.task_name, len(part.names), len(part.expected_jobs))
        for part in plan.parts
    ]
    for part, line in zip(plan.parts, align(rows, console.width, names=1), strict=True):
        yield line
        for each in part.open_breaks[:_SHOWN_BREAKS]:
            yield click.style(f"  {_told(each)}", fg="yellow")
        if (more := len(part.open_breaks) - _SHOWN_BREAKS) > 0:
            yield click.style(f"  and {count(more, 'more break')}; --json lists all", fg="yellow")
    for failure in plan.failures:
        yield f"{click.style('failed', fg='red')}   {failure.error}"


def _row(status: str, name: str, frames: int, jobs: int) -> tuple[str, ...]:
    return (
        click.style(status, fg=_COLOURS.get(status, "yellow")),
        printable(name),
        f"{frames:,} {plural(frames, 'frame'):<6}",
        f"{jobs:,} {plural(jobs, 'job'):<4}",
    )


def _told(each: "Break") -> str:
    return f"a {each.kind} break between frames {each.after} and {each.before} lies inside a job"


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
        errors=tuple(_error_json(task) for task in tasks if isinstance(task, Failure)),
    )


def _messages(task: "TaskOutcome | FailedTask") -> tuple[str, ...]:
    return () if isinstance(task, Failure) else task.messages


def _task_json(task: "TaskOutcome | FailedTask") -> dict[str, Any]:
    lacking = {"jobs": 0, "task_id": None, "url": None, "messages": (), "error": None}
    names = ("name", "video", "status", "frames", *lacking)
    return {name: getattr(task, name, lacking.get(name)) for name in names}


def _error_json(failure: Failure) -> dict[str, str]:
    return {"kind": failure.error_kind, "message": failure.error}


def _lines(result: "UploadResult", totals: dict[str, int], console: Console) -> Iterable[str]:
    rows = [
        (*_row(task.status, task.name, 0, 0)[:2], "", "")
        if isinstance(task, Failure)
        else _row(task.status, task.name, task.frames, task.jobs)
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
