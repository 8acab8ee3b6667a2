"""prep audit."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import ExitCode, UsageError, printable
from ..base.words import count, plural
from ..settings.cvat import AuditSettings, CvatSettings
from ..settings.file import load_config
from ..settings.stages import BreakSettings
from .console import Answer, Console, cvat_session, verb
from .options import config_option, cvat_options, dataset_argument, output_option, settings_options

if TYPE_CHECKING:  # it loads libraries that --help can do without
    from ..stages.audit.result import AuditResult, PlacedFinding, RetimeResult

_SHOWN = 30


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
    help="Audit a task's or project's export as 'CVAT for video 1.1' instead; no server is needed.",
)
@click.option(
    "--post",
    is_flag=True,
    help="Create an issue in CVAT for each finding, and each break inside a job, never twice.",
)
@click.option(
    "--join",
    is_flag=True,
    help="Make one track of two that lie on each other; both are saved first.",
)
@click.option(
    "--retime",
    is_flag=True,
    help="Add as few keyframes as needed for boxes to follow the clock; tracks are saved first.",
)
@click.option(
    "--undo",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Put back the tracks that --join or --retime saved in this file. What is there by now is "
    "saved first.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="With --post, --join or --retime: show what would be done.",
)
@output_option(
    "Write audit.html, audit.json and what --join, --retime and --undo save into this folder "
    "instead of the dataset.",
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
    join: bool,
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
    --retime and --join correct what can be corrected.
    """
    from ..cvat.annotations import CvatAnnotations
    from ..dataset.files import results_folder
    from ..stages.audit.stage import audit as audit_stage, audit_export
    from ..stages.audit.undo import undo as undo_retime

    changes = post or join or retime
    _refuse_contradictions(annotations, undo, bool(tasks or project), changes, dry_run)
    config = load_config(config_file, flags)
    settings, breaks = config.section(AuditSettings), config.section(BreakSettings)
    if annotations is not None:
        result = audit_export(dataset, annotations, settings, breaks=breaks, output=output)
        return _answer(result, console)
    with cvat_session(config.section(CvatSettings), auth) as session, console.watch() as watch:
        server = CvatAnnotations(session)
        if undo is not None:
            folder = None if output is None else results_folder(output)
            return _undone(undo_retime(server, undo, folder))
        result = audit_stage(
            dataset,
            server,
            settings,
            breaks=breaks,
            tasks=tasks,
            project=project,
            join=join,
            retime=retime,
            post=post,
            dry_run=dry_run,
            output=output,
            watch=watch,
        )
    return _answer(result, console, is_dry_run=dry_run, is_retimed=retime)


def _refuse_contradictions(
    annotations: Path | None, undo: Path | None, names_tasks: bool, changes: bool, dry_run: bool
) -> None:
    if annotations is not None and (names_tasks or changes or undo is not None):
        raise UsageError("--annotations reads a file; it goes with nothing that needs a server.")
    if undo is not None and (names_tasks or changes or dry_run):
        raise UsageError("--undo goes alone: its file says what is put back.")
    if dry_run and not changes:
        raise UsageError(
            "--dry-run goes with --post, --join or --retime; without them nothing is changed."
        )


def _undone(result: "RetimeResult") -> Answer:
    lines = [f"Task {result.task_id}: {count(result.tracks, 'track is', 'tracks are')} as before."]
    if result.undo_file is not None:
        lines.append(f"What was there before is in {printable(result.undo_file)}.")
    return Answer(ExitCode.OK, lines=tuple(lines), totals={"tracks_restored": result.tracks})


def _answer(
    result: "AuditResult", console: Console, *, is_dry_run: bool = False, is_retimed: bool = False
) -> Answer:
    totals = {
        "tasks": len(result.tasks),
        "tracks": sum(task.statistics.total.tracks for task in result.tasks),
        "findings": len(result.findings),
        "issues_posted": 0 if is_dry_run else sum(each.posted for each in result.posted),
        "issues_known": sum(each.known for each in result.posted),
        "pairs_joined": 0 if is_dry_run else sum(each.pairs for each in result.joined),
        "keyframes_added": 0 if is_dry_run else sum(each.keyframes for each in result.mended),
        "tracks_changed": 0 if is_dry_run else sum(each.tracks for each in result.mended),
    }
    would = " would be" if is_dry_run else ""
    extra = [
        f"Task {each.task_id}: {count(each.pairs, 'pair')} of tracks{would} joined"
        + (f"; undo with --undo {printable(each.undo_file)}" if each.undo_file else "")
        + "".join(f"; not {why.removesuffix('.')}" for why in each.left)
        + "."
        for each in result.joined
    ]
    extra += [
        f"Task {each.task_id}: {count(each.keyframes, 'keyframe')}{would} added to "
        f"{count(each.tracks, 'track')}"
        + (f"; undo with --undo {printable(each.undo_file)}" if each.undo_file else "")
        + "."
        for each in result.mended
        if each.tracks
    ]
    extra += [
        f"Task {each.task_id}: {count(each.posted, 'issue')}{would} posted, "
        f"{each.known:,} already there."
        for each in result.posted
    ]
    if is_retimed:
        extra += [*_nothing_to_retime(result), *_not_mended(result, is_dry_run)]
    notes = [f"{task.name}: {task.note}" for task in result.tasks if task.note]
    return Answer(
        exit_code=result.exit_code,
        lines=(*_lines(result, console), *extra, f"See {printable(result.page)}."),
        results=tuple(each.to_json() for each in result.findings),
        totals=totals,
        warnings=tuple(notes),
    )


def _nothing_to_retime(result: "AuditResult") -> Iterable[str]:
    """Say of each task that gets no keyframes why there is nothing to add."""
    for task in result.tasks:
        found = [each.tracks for each in result.mended if each.task_id == task.task_id]
        if any(found):
            continue
        if found:
            why = "no keyframe brings what is off any closer; set some by hand"
        elif not task.statistics.total.tracks:
            why = "it has no tracks"
        elif not task.match.clock.matched:
            why = "when its frames were filmed is not known"
        else:
            limit = result.limits["tolerance_px"]
            why = f"by the clock, no track is off by more than {limit:g} px between two breaks"
        yield f"Task {task.task_id}: nothing to retime: {why}."


def _not_mended(result: "AuditResult", is_dry_run: bool) -> Iterable[str]:
    """Say why findings are left after a retime, or would be, each reason once."""
    left = Counter((each.finding.kind, each.finding.not_mended) for each in result.findings)
    not_retimed = "Would not be retimed" if is_dry_run else "Not retimed"
    for (kind, reason), number in left.items():
        if reason is None and is_dry_run:
            continue
        why = reason or "it is off still: set keyframes by hand where it is"
        yield f"{not_retimed}: {number:,} {kind}: {why}."


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
        if inside := len(task.match.clock.open_breaks()):
            lie = plural(inside, "break lies", "breaks lie")
            yield f"                {inside:,} {lie} inside its jobs; --post tells annotators"
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
    yield f"Limits: {', '.join(f'{name} {value:g}' for name, value in result.limits.items())}."


def _line(placed: "PlacedFinding") -> str:
    from ..stages.audit.result import size_of

    finding = placed.finding
    size, unit = size_of(finding).split(" ", 1)
    where = placed.url or f"frames {finding.first_frame} to {finding.last_frame}"
    return (
        f"{click.style(f'{finding.kind:<16}', fg='yellow')} {size:>7} {unit:<6} "
        f"{printable(finding.label)}: {printable(finding.message)}  {where}"
    )
