"""prep status."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import DatasetError, ExitCode, UsageError, printable
from ..settings.cvat import CvatSettings
from ..settings.file import load_config
from .console import Answer, Console, cvat_session, verb
from .options import DEFAULT_DATASET, config_option, cvat_options

if TYPE_CHECKING:
    from ..dataset.accounts import Account, StatusResult
    from ..stages.upload.accounts import UploadAccount

_COLUMNS = {
    "header": "frames_in_header",
    "packets": "packets",
    "decoded": "frames_decoded",
    "kept": "kept",
    "duplicates": "duplicates",
    "sampled out": "sampled_out",
    "rejected": "rejected",
    "on disk": "files_on_disk",
}
_WIDEST_NAME = 40
_NAMED = 5


@verb("status", "videos")
@click.argument("dataset", type=click.Path(path_type=Path), default=DEFAULT_DATASET)
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
    from ..dataset.accounts import status as status_stage

    result = status_stage(dataset)
    uploads = _uploads(dataset, cvat, config_file, auth, flags)
    totals = {
        name: sum(getattr(account.counts, name) or 0 for account in result.videos)
        for name in _COLUMNS.values()
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
    balances = all(upload.balances for upload in uploads)
    sums = ("frames_sent", "frames_in_cvat")
    if uploads:
        totals |= {
            name: sum(getattr(task, name) or 0 for upload in uploads for task in upload.tasks)
            for name in sums
        }
    return Answer(
        exit_code=max(result.exit_code, ExitCode.OK if balances else ExitCode.FINDINGS),
        lines=(*_lines(result, totals, console), *_upload_lines(uploads)),
        results=tuple(_account_json(account, uploads) for account in result.videos),
        totals={"videos": len(result.videos), **totals},
        warnings=tuple(warnings),
        errors=tuple(
            {"kind": DatasetError.kind, "message": video.error} for video in result.unreadable
        ),
    )


def _uploads(
    dataset: Path, cvat: bool, config_file: str | None, auth: str | None, flags: Mapping[str, Any]
) -> "tuple[UploadAccount, ...]":
    from ..dataset.store import Dataset
    from ..stages.upload.accounts import account_uploads

    store = Dataset(dataset.absolute())
    if not cvat:
        return account_uploads(store)
    settings = load_config(config_file, flags).section(CvatSettings)
    from ..cvat.server import CvatServer

    with cvat_session(settings, auth) as session:
        accounts = account_uploads(store, CvatServer(session))
        if not any(account.is_asked for account in accounts):
            raise UsageError(
                f"{printable(dataset)}: nothing of this dataset was uploaded to "
                f"{printable(session.host)} yet. Run 'prep upload', or name the server it is on "
                "with --host."
            )
    return accounts


def _account_json(account: "Account", uploads: "Iterable[UploadAccount]") -> dict[str, Any]:
    return {
        "id": account.id,
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


def _upload_lines(uploads: "Iterable[UploadAccount]") -> Iterable[str]:
    for upload in uploads:
        when = "now" if upload.is_asked else "when it was uploaded"
        yield ""
        yield click.style(
            f"CVAT project '{printable(upload.project_name)}', {printable(upload.host)}/projects/"
            f"{upload.project_id}",
            bold=True,
        )
        width = min(max((len(printable(t.name)) for t in upload.tasks), default=4), _WIDEST_NAME)
        yield f"{'task':<{width}}" + _row(("id", "kept", "sent", "in CVAT"))
        for task in upload.tasks:
            row = _row((task.task_id, task.kept, task.frames_sent, task.frames_in_cvat))
            line = f"{printable(task.name):<{width}}{row}"
            yield click.style(line, fg="yellow") if task.mismatches else line
            for mismatch in task.mismatches:
                yield click.style(f"  {mismatch.kind}: {mismatch.message}", fg="yellow")
        if upload.not_uploaded:
            named = ", ".join(printable(name) for name in upload.not_uploaded[:_NAMED])
            more = f" and {len(upload.not_uploaded) - _NAMED} more"
            yield f"Not uploaded yet: {named}{more * (len(upload.not_uploaded) > _NAMED)}."
        sent = sum(task.frames_sent for task in upload.tasks)
        if upload.balances:
            yield f"All balances: {sent:,} frames sent = {sent:,} frames in CVAT, {when}."


def _lines(result: "StatusResult", totals: dict[str, int], console: Console) -> Iterable[str]:
    names = [printable(account.id) for account in result.videos]
    width = min(max([len(name) for name in [*names, "all"]]), _WIDEST_NAME)
    yield click.style(f"{'video':<{width}}" + _row(_COLUMNS), bold=True)
    for name, account in zip(names, result.videos, strict=True):
        counts = {heading: getattr(account.counts, field) for heading, field in _COLUMNS.items()}
        line = f"{name:<{width}}" + _row(counts.values())
        yield click.style(line, fg="yellow") if account.mismatches else line
        if console.verbose:
            for notice in account.explained:
                yield click.style(f"  {notice.kind}: {notice.message}", dim=True)
        for mismatch in account.mismatches:
            yield click.style(f"  {mismatch.kind}: {mismatch.message}", fg="yellow")
    sums = (totals[name] for name in _COLUMNS.values())
    yield click.style(f"{'all':<{width}}" + _row(sums), bold=True)
    yield ""
    for video in result.unreadable:
        yield f"{click.style('unreadable', fg='red')}  {video.error}"
    for name in result.foreign_folders:
        yield click.style(
            f"folder-foreign: {printable(name)} is no video of this dataset; move it away.",
            fg="yellow",
        )
    concerned = sum(bool(account.mismatches) for account in result.videos)
    if concerned:
        yield f"The accounts of {concerned} of {len(result.videos)} videos do not balance."
    elif not result.unreadable:
        yield (
            f"All balances: {totals['frames_decoded']:,} decoded = {totals['kept']:,} kept + "
            f"{totals['duplicates']:,} duplicates + {totals['sampled_out']:,} sampled out + "
            f"{totals['rejected']:,} rejected; {totals['files_on_disk']:,} files on disk."
        )


def _row(cells: Iterable[Any]) -> str:
    texts = (
        "–" if cell is None else f"{cell:,}" if isinstance(cell, int) else cell for cell in cells
    )
    return "".join(f"{text:>13}" for text in texts)
