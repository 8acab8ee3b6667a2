"""prep status."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.console import DEFAULT_DATASET, Answer, Console, verb
from pipeline.errors import DatasetError, printable

if TYPE_CHECKING:
    from pipeline.accounts import Account, StatusResult

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


@verb("status", "videos")
@click.argument("dataset", type=click.Path(path_type=Path), default=DEFAULT_DATASET)
def status(console: Console, dataset: Path) -> Answer:
    """Count the frames of a dataset in independent ways, and name every difference.

    DATASET is the folder that 'prep extract' wrote into (default: dataset). Nothing is changed.
    """
    from pipeline.accounts import status as status_stage

    result = status_stage(dataset)
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
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result, totals, console)),
        results=tuple(_account_json(account) for account in result.videos),
        totals={"videos": len(result.videos), **totals},
        warnings=tuple(warnings),
        errors=tuple(
            {"kind": DatasetError.kind, "message": video.error} for video in result.unreadable
        ),
    )


def _account_json(account: "Account") -> dict[str, Any]:
    return {
        "id": account.id,
        "counts": dataclasses.asdict(account.counts),
        "explained": [dataclasses.asdict(notice) for notice in account.explained],
        "mismatches": [dataclasses.asdict(mismatch) for mismatch in account.mismatches],
    }


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
    yield click.style(f"{'all':<{width}}" + _row(totals.values()), bold=True)
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
