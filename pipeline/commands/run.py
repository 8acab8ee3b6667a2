"""prep run."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import ExitCode, printable
from ..base.guard import Failure
from ..base.words import count, listing
from ..dataset.records import in_words
from ..engines.choice import open_engine
from ..settings.cvat import CvatSettings, UploadSettings
from ..settings.file import load_config
from ..settings.stages import RunSettings
from ..stages.extract import UNITS as EXTRACT_UNITS
from ..stages.report import UNITS as REPORT_UNITS
from ..stages.validate import UNITS as VALIDATE_UNITS
from ..video.binary import asking_ahead
from .console import Answer, Console, cvat_server, verb
from .extract import count_outcomes, without_input
from .options import (
    MATTER_FIRST,
    again_option,
    config_option,
    cvat_options,
    engine_options,
    extraction_options,
    output_option,
    settings_options,
)

if TYPE_CHECKING:  # the stages load libraries that --help can do without
    from ..all_stages import Destination, RunResult
    from ..settings.file import Config

_CONCERNS_SHOWN = 30
_OF_ACCOUNTS = ("records-differ", "same-source")
_REMARKED = ("several-streams", "interlaced", "hdr", "bit-depth", "no-timestamps")
_MOVED = ("renamed", "moved")
"""Kinds of notice that need nobody and are shown all the same; the latter name their video."""
_TASK_STATUSES = ("uploaded", "unchanged", "changed", "unproven", "failed")


@verb("run", "findings", first=(*MATTER_FIRST, "cvat"))
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@output_option("Dataset (a folder) to write into.")
@config_option
@extraction_options
@click.option("--overwrite", is_flag=True, help="Extract again what is in the dataset already.")
@again_option
@click.option("--cvat", is_flag=True, help="Also upload to CVAT, as 'prep upload --cvat' does.")
@cvat_options
@settings_options(RunSettings, "hwaccel")
@engine_options
def run(
    console: Console,
    inputs: tuple[str, ...],
    output: Path,
    config_file: str | None,
    overwrite: bool,
    again: bool,
    cvat: bool,
    auth: str | None,
    **flags: Any,
) -> Answer:
    """Run all stages: extract, validate, count, report, upload.

    INPUT is a video, a folder (searched recursively) or a glob pattern. Settings that have no flag
    here come from a settings file, or from a preset: '-c tracking' or '-c detection'. What is done
    already stays as it is; after an interruption, run the same command again.
    """
    config = load_config(config_file, flags)
    server = config.section(CvatSettings)
    how = config.section(RunSettings)
    with (
        # First, for a wrong password should not be found after hours of work.
        _destination(config, server, auth) if cvat else nullcontext() as destination,
        asking_ahead(how),
        open_engine(how, EXTRACT_UNITS, VALIDATE_UNITS, REPORT_UNITS) as engine,
        console.watch() as watch,
    ):
        from ..all_stages import run as run_stages  # while workers begin

        result = run_stages(
            inputs,
            output,
            config,
            overwrite=overwrite,
            again=again,
            destination=destination,
            engine=engine,
            watch=watch,
        )
    concerns = tuple(_concerns(result))
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result, concerns, console)),
        results=tuple(
            {"stage": stage, "video": video, "kind": kind, "message": message}
            for stage, video, kind, message in concerns
        ),
        totals=_totals(result),
        warnings=(*_remarks(result), *without_input(result.extracted)),
        errors=tuple(
            {"kind": kind, "message": message} for _, _, kind, message in _failures(result)
        ),
    )


@contextmanager
def _destination(
    config: "Config", server: CvatSettings, auth: str | None
) -> "Iterator[Destination]":
    """Give a server that is connected and logged in to, and log out at the end."""
    from ..all_stages import Destination
    from ..stages.upload.project import labels_of

    labels = labels_of(config.section(UploadSettings))
    with cvat_server(server, auth) as connected:
        connected.refuse_read_only()
        yield Destination(connected, labels)


def _totals(result: "RunResult") -> dict[str, int]:
    totals = {
        "videos": len(result.extracted.videos),
        "failed": result.extracted.count("failed"),
        "findings": sum(1 for _ in _concerns(result)),
        "skipped": sum(len(paths) for paths in result.extracted.skipped.values()),
    }
    if result.reported is not None:
        counted = dataclasses.asdict(result.reported.totals)
        names = ("frames_decoded", "kept", "duplicates", "sampled_out", "rejected", "files_on_disk")
        totals |= {name: counted[name] for name in names}
    if result.uploaded is not None:
        totals["frames_in_cvat"] = result.uploaded.frames_in_cvat
    return totals


Concern = tuple[str, str | None, str, str]
"""Stage, id of the video where there is one, kind, and what a person must know."""


def _failures(result: "RunResult") -> Iterable[Concern]:
    stages = {
        "extract": result.extracted,
        "dedupe": result.deduped,
        "validate": result.validated,
    }
    for stage, outcome in stages.items():
        for failure in outcome.failures if outcome is not None else ():
            yield stage, failure.id, failure.error_kind, failure.error
    if result.upload_error is not None:
        yield "upload", None, result.upload_error.kind, str(result.upload_error)
    for task in result.uploaded.tasks if result.uploaded is not None else ():
        if isinstance(task, Failure):
            yield "upload", task.video, task.error_kind, task.error


def _concerns(result: "RunResult") -> Iterable[Concern]:
    """Yield all that needs attention, failures first."""
    yield from _failures(result)
    for notice in result.extracted.notices:
        if notice.is_finding:
            yield "extract", None, notice.kind, notice.message
    for video in result.extracted.videos:
        for notice in video.notices:
            # What is wrong with the images on disk, the later stages say better.
            if notice.is_finding and notice.kind != "files-missing":
                yield "extract", video.id, notice.kind, notice.message
    for deduped in result.deduped.done if result.deduped is not None else ():
        for notice in filter(lambda notice: notice.is_finding, deduped.notices):
            yield "dedupe", deduped.id, notice.kind, notice.message
    if result.validated is not None:
        for validated in result.validated.done:
            for finding in validated.findings:
                yield "validate", validated.id, finding.kind, finding.message
        for name in result.validated.foreign_folders:
            text = f"{printable(name)}: this folder is no video of the dataset. Move it away."
            yield "validate", None, "foreign", text
    for account in result.accounts.videos if result.accounts is not None else ():
        for mismatch in account.mismatches:
            if mismatch.kind in _OF_ACCOUNTS:  # the other kinds are those of validate
                yield "accounts", account.id, mismatch.kind, mismatch.message

    for task in result.uploaded.tasks if result.uploaded is not None else ():
        if not isinstance(task, Failure) and task.exit_code:
            for message in task.messages:
                yield "upload", task.video, task.status, message


def _remarks(result: "RunResult") -> list[str]:
    """Return what there is to say of the inputs that needs nobody."""
    videos = defaultdict(list)
    for video in result.extracted.videos:
        for notice in video.notices:
            if notice.kind in {*_REMARKED, *_MOVED}:
                videos[notice.kind, notice.message].append(video.id)
    return [
        *(f"{n.kind}: {n.message}" for n in result.extracted.notices if not n.is_finding),
        *(
            f"{kind}: {text}" if kind in _MOVED else f"{kind}: {listing(ids)}: {text}"
            for (kind, text), ids in videos.items()
        ),
    ]


def _input_lines(result: "RunResult", console: Console) -> Iterable[str]:
    remarks = _remarks(result)
    shown = remarks if console.verbose else remarks[:_CONCERNS_SHOWN]
    yield from shown
    if len(shown) < len(remarks):
        yield f"and {count(len(remarks) - len(shown), 'remark')} more; -v names all."
    yield from without_input(result.extracted)


def _lines(result: "RunResult", concerns: tuple[Concern, ...], console: Console) -> Iterable[str]:
    yield from _stage_lines(result)
    yield from console.skipped_lines(result.extracted.skipped)
    yield from (click.style(line, dim=True) for line in _input_lines(result, console))
    yield ""
    if not concerns:
        yield click.style("Nothing needs attention.", fg="green")
        return
    yield click.style(
        f"{count(len(concerns), 'thing needs', 'things need')} attention:", fg="yellow"
    )
    shown = concerns if console.verbose else concerns[:_CONCERNS_SHOWN]
    for stage, video, kind, message in shown:
        where = f" {printable(video)}:" if video is not None else ""
        yield f"  {stage}:{where} {kind}: {message}"
    if len(shown) < len(concerns):
        yield f"  and {len(concerns) - len(shown):,} more; -v names all."


def _stage_lines(result: "RunResult") -> Iterable[str]:
    extracted = result.extracted
    yield _stage(
        "extract",
        extracted.exit_code,
        f"{count(len(extracted.videos), 'video')}: {count_outcomes(extracted)}",
    )
    if result.deduped is not None:
        videos = result.deduped.done
        marked = sum(video.still + video.similar for video in videos)
        looked_at = sum(video.images for video in videos)
        text = f"{marked:,} of {count(looked_at, 'image')} marked as duplicates"
        yield _stage("dedupe", result.deduped.exit_code, text)
    if result.validated is not None:
        images = sum(video.images for video in result.validated.done)
        marks: dict[str, int] = {}
        for video in result.validated.done:
            for mark, number in video.marks.items():
                marks[mark] = marks.get(mark, 0) + number
        marked_as = ", ".join(f"{number:,} {mark}" for mark, number in marks.items() if number)
        text = f"{count(images, 'image')} checked"
        if marked_as:
            named = f"'prep validate {printable(extracted.dataset)} -v'"
            text += f"; {marked_as} ({named} lists them)"
        yield _stage("validate", result.validated.exit_code, text)
    if result.accounts is not None and result.reported is not None:
        totals = result.reported.totals
        text = (
            f"{totals.frames_decoded:,} {in_words(totals.counted)} = {totals.kept:,} kept + "
            f"{totals.duplicates:,} duplicates + {totals.sampled_out:,} sampled out + "
            f"{totals.rejected:,} rejected; {count(totals.files_on_disk, 'file')} on disk"
        )
        yield _stage("accounts", result.accounts.exit_code, text)
    if result.uploaded is not None:
        tasks = result.uploaded.tasks
        counted = {status: sum(t.status == status for t in tasks) for status in _TASK_STATUSES}
        done = ", ".join(f"{number} {status}" for status, number in counted.items() if number)
        project = f"{printable(result.uploaded.host)}/projects/{result.uploaded.project.id}"
        text = f"{count(len(tasks), 'task')}: {done}; {project}"
        yield _stage("upload", result.uploaded.exit_code, text)
    if result.accounts is not None and result.reported is not None:
        yield _stage("report", ExitCode.OK, printable(result.reported.page))


def _stage(name: str, code: ExitCode, text: str) -> str:
    color = {ExitCode.OK: "green", ExitCode.FINDINGS: "yellow"}.get(code, "red")
    return f"{click.style(f'{name:<8}', fg=color)}  {text}"
