"""prep status."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import printable
from ..base.words import count, listing
from ..dataset.records import counted_together, in_words
from ..settings.cvat import CvatSettings
from ..settings.file import load_config
from .console import Answer, Console, cvat_server, verb
from .extract import what_of_gone
from .layout import align
from .options import config_option, cvat_options, dataset_argument

if TYPE_CHECKING:
    from ..dataset.accounts import Account
    from ..stages.status.stage import StatusResult
    from ..stages.status.uploads import UploadAccount

_COLUMNS = {
    "frames_in_header": ("in", "header"),
    "packets": ("", "packets"),
    "frames_decoded": ("", "decoded"),
    "kept": ("", "kept"),
    "duplicates": ("dupli-", "cates"),
    "sampled_out": ("sampled", "out"),
    "rejected": ("re-", "jected"),
    "files_on_disk": ("on", "disk"),
}
"""The counts, each with its heading in two lines, so that all of them fit beside a name."""

_SHOWN = 5


@verb("status", "videos")
@dataset_argument
@click.option("--cvat", is_flag=True, help="Ask CVAT what it shows of the tasks uploaded there.")
@config_option
@cvat_options
def status(
    console: Console,
    dataset: Path,
    cvat: bool,
    config_file: str | None,
    auth: str | None,
    **flags: Any,
) -> Answer:
    """Count the frames of a dataset in independent ways.

    Every difference is named, with its likely cause and what to do. Nothing is changed. DATASET is
    the folder that 'prep extract' wrote into (default: dataset).
    """
    from ..stages.status.stage import status as status_stage

    if cvat:
        settings = load_config(config_file, flags).section(CvatSettings)
        with cvat_server(settings, auth, dataset) as server:
            result = status_stage(dataset, server)
    else:
        result = status_stage(dataset)
    return _answer(result, console)


def _answer(result: "StatusResult", console: Console) -> Answer:
    uploads = result.uploads
    totals = {
        name: sum(getattr(account.counts, name) or 0 for account in result.videos)
        for name in _COLUMNS
    }
    warnings = [
        f"{printable(account.id)}: {mismatch.kind}: {mismatch.message}"
        for account in result.videos
        for mismatch in account.mismatches
    ]
    warnings += [
        f"{printable(name)}: folder-foreign: no video of this dataset; move it away."
        for name in result.foreign_folders
    ]
    warnings += [
        f"{printable(task.name)}: {mismatch.kind}: {mismatch.message}"
        for upload in uploads
        for task in upload.tasks
        for mismatch in task.mismatches
    ]
    gone = {source.id for source in result.absent}
    if uploads:
        totals |= {
            name: sum(getattr(task, name) or 0 for upload in uploads for task in upload.tasks)
            for name in ("frames_sent", "frames_in_cvat")
        }
    return Answer(
        exit_code=result.exit_code,
        lines=(*_lines(result, totals, console), *_upload_lines(uploads, console)),
        results=tuple(
            _account_json(account, account.id in gone, uploads) for account in result.videos
        ),
        totals={"videos": len(result.videos), **totals},
        warnings=tuple(warnings),
        errors=tuple(
            {"kind": video.error_kind, "message": video.error} for video in result.unreadable
        ),
    )


def _account_json(
    account: "Account", is_source_gone: bool, uploads: "Iterable[UploadAccount]"
) -> dict[str, Any]:
    return {
        "id": account.id,
        "is_source_gone": is_source_gone,
        "counts": dataclasses.asdict(account.counts),
        "explained": [dataclasses.asdict(notice) for notice in account.explained],
        "mismatches": [dataclasses.asdict(mismatch) for mismatch in account.mismatches],
        "tasks": [
            {"host": upload.host, "project_id": upload.project_id, **dataclasses.asdict(task)}
            for upload in uploads
            for task in upload.tasks
            if task.video == account.id
        ],
    }


def _upload_lines(uploads: "Iterable[UploadAccount]", console: Console) -> Iterable[str]:
    for upload in uploads:
        when = "now" if upload.is_asked else "when it was uploaded"
        yield ""
        yield click.style(
            f"CVAT project '{printable(upload.project_name)}', {printable(upload.host)}/projects/"
            f"{upload.project_id}",
            bold=True,
        )
        rows = [
            (
                printable(task.name),
                "–" if task.task_id is None else str(task.task_id),
                *map(_number, (task.kept, task.frames_sent, task.frames_in_cvat)),
            )
            for task in upload.tasks
        ]
        heading, *lines = align([("task", "id", "kept", "sent", "in CVAT"), *rows], console.width)
        yield heading
        for task, line in zip(upload.tasks, lines, strict=True):
            yield click.style(line, fg="yellow") if task.mismatches else line
            for mismatch in task.mismatches:
                yield click.style(f"  {mismatch.kind}: {mismatch.message}", fg="yellow")
        if upload.not_uploaded:
            yield f"Not uploaded yet: {listing(upload.not_uploaded)}."
        sent = count(sum(task.frames_sent for task in upload.tasks), "frame")
        if upload.balances:
            yield f"All balances: {sent} sent = {sent} in CVAT, {when}."


def _lines(result: "StatusResult", totals: dict[str, int], console: Console) -> Iterable[str]:
    counted = in_words(counted_together(account.counts for account in result.videos))
    headings = {**_COLUMNS, "frames_decoded": ("", counted)}
    upper, lower = zip(*headings.values(), strict=True)
    rows = [
        (printable(account.id), *(_number(getattr(account.counts, name)) for name in _COLUMNS))
        for account in result.videos
    ]
    sums = ("all", *(_number(totals[name]) for name in _COLUMNS))
    table = align([("", *upper), ("video", *lower), *rows, sums], console.width)
    yield click.style("\n".join(table[:2]), bold=True)
    for account, line in zip(result.videos, table[2:-1], strict=True):
        yield click.style(line, fg="yellow") if account.mismatches else line
        if console.verbose:
            for notice in account.explained:
                yield click.style(f"  {notice.kind}: {notice.message}", dim=True)
        for mismatch in account.mismatches:
            yield click.style(f"  {mismatch.kind}: {mismatch.message}", fg="yellow")
    yield click.style(table[-1], bold=True)
    yield ""
    for video in result.unreadable:
        yield f"{click.style('unreadable', fg='red')}  {video.error}"
    for name in result.foreign_folders:
        yield click.style(
            f"folder-foreign: {printable(name)} is no video of this dataset; move it away.",
            fg="yellow",
        )
    yield from (click.style(line, dim=True) for line in _absent(result, console))
    concerned = sum(
        any(mismatch.kind != "same-source" for mismatch in account.mismatches)
        for account in result.videos
    )
    if concerned:
        yield (
            f"The accounts of {concerned:,} of {count(len(result.videos), 'video')} do not balance."
        )
    elif not result.unreadable:
        yield (
            f"All balances: {totals['frames_decoded']:,} {counted} = {totals['kept']:,} kept + "
            f"{totals['duplicates']:,} duplicates + {totals['sampled_out']:,} sampled out + "
            f"{totals['rejected']:,} rejected; {count(totals['files_on_disk'], 'file')} on disk."
        )


def _absent(result: "StatusResult", console: Console) -> Iterable[str]:
    """Yield what there is to say of sources that are not where they were."""
    if not (number := len(result.absent)):
        return
    yield (
        f"{number:,} of {count(len(result.videos), 'source')} no longer where they were; what is "
        "left out of their images cannot be restored:"
    )
    shown = result.absent if console.verbose else result.absent[:_SHOWN]
    yield from (f"  {printable(source.id)}: {printable(source.path)}" for source in shown)
    if len(shown) < number:
        yield f"  and {number - len(shown):,} more; -v names all."
    yield what_of_gone(result.absent[0].id, result.dataset)


def _number(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"
