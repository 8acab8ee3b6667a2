"""prep audit."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import ExitCode, InputError, UsageError, printable
from ..base.words import count, plural
from ..settings.cvat import AuditSettings, CvatSettings
from ..settings.file import load_config
from ..settings.stages import BreakSettings
from .console import Answer, Console, cvat_session, verb
from .options import config_option, cvat_options, dataset_argument, output_option, settings_options

if TYPE_CHECKING:  # they load libraries that --help can do without
    from ..cvat.annotations import CvatAnnotations
    from ..stages.audit.mend import RetimeResult
    from ..stages.audit.post import PostResult
    from ..stages.audit.stage import AuditResult, PlacedFinding

_SHOWN = 30
_PIXEL_KINDS = frozenset(("uneven-time", "crosses-break"))


@verb("audit", "findings")
@dataset_argument
@click.option(
    "--task", "tasks", type=int, multiple=True, metavar="ID", help="Audit this task; repeatable."
)
@click.option("--project", metavar="NAME", help="Audit all tasks of this project, by name or id.")
@click.option(
    "--annotations",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Audit an export in the format 'CVAT for video 1.1' instead; no server is needed.",
)
@click.option("--post", is_flag=True, help="Create an issue in CVAT for each finding, never twice.")
@click.option(
    "--retime",
    is_flag=True,
    help="Add as few keyframes as needed for boxes to follow the clock; tracks are saved first.",
)
@click.option(
    "--undo",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Put back the tracks that --retime saved in this file.",
)
@click.option("--dry-run", is_flag=True, help="With --post or --retime: show what would be done.")
@output_option(
    "Write audit.html, audit.json and what --retime saves into this folder instead of the dataset.",
    default=None,
)
@config_option
@cvat_options
@settings_options(AuditSettings)
def audit(
    console: Console,
    dataset: Path,
    tasks: tuple[int, ...],
    project: str | None,
    annotations: Path | None,
    post: bool,
    retime: bool,
    undo: Path | None,
    dry_run: bool,
    output: Path | None,
    config_file: str | None,
    auth: str | None,
    **flags: Any,
) -> Answer:
    """Find where CVAT's interpolation of tracks is wrong.

    DATASET is the folder that 'prep extract' wrote into (default: dataset); without --task or
    --project all of its tasks are looked at. Boxes between keyframes are compared with the clock
    of the video and its breaks. DATASET/audit.html shows the findings, audit.json has the same;
    --retime corrects what can be corrected.
    """
    from ..cvat.annotations import CvatAnnotations
    from ..dataset.files import results_folder
    from ..dataset.store import AUDIT_NAME
    from ..stages.audit.page import write_page
    from ..stages.audit.stage import audit as audit_stage, audit_export
    from ..tracks.audit_record import write_audit

    _refuse_contradictions(annotations, tasks, project, post, retime, undo, dry_run)
    folder = dataset if output is None else results_folder(output)
    config = load_config(config_file, flags)
    settings = config.section(AuditSettings)
    breaks = config.section(BreakSettings)
    posted: list[PostResult] = []
    mended: list[RetimeResult] = []
    if annotations is not None:
        result = audit_export(dataset, annotations, settings, breaks=breaks)
    else:
        server_settings = config.section(CvatSettings)
        with cvat_session(server_settings, auth) as session, console.watch() as watch:
            server = CvatAnnotations(session)
            if undo is not None:
                return _undone(server, undo)
            chosen = [*tasks, *_of_project(server, project)]
            result = audit_stage(
                dataset, server, settings, breaks=breaks, tasks=chosen, watch=watch
            )
            if retime:
                mended = _retime(server, result, settings, folder, dry_run)
            if retime and not dry_run and any(each.keyframes for each in mended):
                result = audit_stage(dataset, server, settings, breaks=breaks, tasks=chosen)
            if post:
                posted = _post(server, result, dry_run)
    write_audit(folder / AUDIT_NAME, result.to_record())
    page = write_page(result, folder)
    return _answer(result, page, posted, mended, dry_run, console)


def _refuse_contradictions(
    annotations: Path | None,
    tasks: tuple[int, ...],
    project: str | None,
    post: bool,
    retime: bool,
    undo: Path | None,
    dry_run: bool,
) -> None:
    wants_server = bool(tasks or project or post or retime or undo)
    if annotations is not None and wants_server:
        raise UsageError("--annotations reads a file; it goes with nothing that needs a server.")
    if undo is not None and (tasks or project or post or retime or dry_run):
        raise UsageError("--undo goes alone: its file says what is put back.")
    if dry_run and not (post or retime):
        raise UsageError("--dry-run goes with --post or --retime; without them nothing is changed.")


def _of_project(server: "CvatAnnotations", project: str | None) -> list[int]:
    if project is None:
        return []
    found = server.tasks_of_project(project)
    if not found:
        raise InputError(f"--project {printable(project)}: there is none with tasks to be seen.")
    return found


def _retime(
    server: "CvatAnnotations",
    result: "AuditResult",
    settings: AuditSettings,
    folder: Path,
    is_dry_run: bool,
) -> "list[RetimeResult]":
    from ..stages.audit.mend import retime_task

    if not is_dry_run:
        server.refuse_read_only()
    return [
        retime_task(server, task, settings, folder, is_dry_run=is_dry_run)
        for task in result.tasks
        if task.task_id is not None and any(f.finding.kind == "uneven-time" for f in task.findings)
    ]


def _post(server: "CvatAnnotations", result: "AuditResult", is_dry_run: bool) -> "list[PostResult]":
    from ..stages.audit.post import post_task

    if not is_dry_run:
        server.refuse_read_only()
    return [
        post_task(server, task, is_dry_run=is_dry_run)
        for task in result.tasks
        if task.task_id is not None
    ]


def _undone(server: "CvatAnnotations", file: Path) -> Answer:
    from ..stages.audit.mend import undo

    server.refuse_read_only()
    result = undo(server, file)
    line = f"Task {result.task_id}: {count(result.tracks, 'track is', 'tracks are')} as before."
    return Answer(ExitCode.OK, lines=(line,), totals={"tracks_restored": result.tracks})


def _answer(
    result: "AuditResult",
    page: Path,
    posted: "list[PostResult]",
    mended: "list[RetimeResult]",
    is_dry_run: bool,
    console: Console,
) -> Answer:
    totals = {
        "tasks": len(result.tasks),
        "tracks": sum(task.statistics.total.tracks for task in result.tasks),
        "findings": len(result.findings),
        "issues_posted": 0 if is_dry_run else sum(each.posted for each in posted),
        "issues_known": sum(each.known for each in posted),
        "keyframes_added": 0 if is_dry_run else sum(each.keyframes for each in mended),
        "tracks_changed": 0 if is_dry_run else sum(each.tracks for each in mended),
    }
    would = " would be" if is_dry_run else ""
    extra = [
        f"Task {each.task_id}: {count(each.keyframes, 'keyframe')}{would} added to "
        f"{count(each.tracks, 'track')}"
        + (f"; undo with --undo {printable(each.undo_file)}" if each.undo_file else "")
        + "."
        for each in mended
    ]
    extra += [
        f"Task {each.task_id}: {count(each.posted, 'issue')}{would} posted, "
        f"{each.known:,} already there."
        for each in posted
    ]
    notes = [f"{task.name}: {task.note}" for task in result.tasks if task.note]
    return Answer(
        exit_code=result.exit_code,
        lines=(*_lines(result, console), *extra, f"See {printable(page)}."),
        results=tuple(each.to_json() for each in result.findings),
        totals=totals,
        warnings=tuple(notes),
    )


def _lines(result: "AuditResult", console: Console) -> Iterable[str]:
    told = [task for task in result.tasks if task.note or task.statistics.total.tracks]
    for task in told:
        counts = task.statistics.total
        share = f"{100 * counts.share_filled_in:.0f} % of its boxes filled in by CVAT"
        colour = "yellow" if task.findings else "green"
        found = plural(len(task.findings), "finding")
        yield (
            f"{click.style(f'{len(task.findings):>5,} {found:<8}', fg=colour)}  "
            f"{printable(task.name)}: {count(counts.tracks, 'track')}, {share}"
        )
        if task.note:
            yield click.style(f"                {task.note}", fg="yellow")
    if len(told) < len(result.tasks):
        yield f"Tasks without tracks: {len(result.tasks) - len(told):,}."
    yield ""
    shown = result.findings if console.verbose else result.findings[:_SHOWN]
    for placed in shown:
        yield _line(placed)
    if len(shown) < len(result.findings):
        yield f"and {len(result.findings) - len(shown):,} more; -v names all."
    if not result.findings:
        yield click.style("No track is wrong.", fg="green")


def _line(placed: "PlacedFinding") -> str:
    finding = placed.finding
    is_px = finding.kind in _PIXEL_KINDS
    size = f"{finding.size:.1f}" if is_px else f"{finding.size:.0f}"
    unit = "px" if is_px else plural(round(finding.size), "frame")
    where = placed.url or f"frames {finding.first_frame} to {finding.last_frame}"
    return (
        f"{click.style(f'{finding.kind:<16}', fg='yellow')} {size:>7} {unit:<6} "
        f"{printable(finding.label)}: {printable(finding.message)}  {where}"
    )
