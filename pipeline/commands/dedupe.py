"""prep dedupe."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import printable
from ..base.guard import Failure
from ..base.words import count
from ..engines.choice import open_engine
from ..settings.dedupe import DedupeSettings
from ..settings.file import load_config
from ..settings.stages import BreakSettings, RunSettings
from ..stages.dedupe import UNITS
from .console import Answer, Console, verb
from .layout import align
from .options import DEFAULT_DATASET, config_option, engine_options, settings_options

if TYPE_CHECKING:  # it loads libraries that --help can do without
    from ..stages.dedupe.result import DedupeOutcome, DedupeResult

_COUNTS = ("images", "still", "similar", "elsewhere", "deleted", "deleted_bytes", "restored")


@verb("dedupe", "videos")
@click.argument("folder", default=DEFAULT_DATASET, metavar="[FOLDER]")
@config_option
@settings_options(DedupeSettings)
@settings_options(RunSettings, "ffmpeg")
@engine_options
@click.option(
    "--delete",
    is_flag=True,
    help="Delete the files of marked images. Without other options on duplicates, nothing is "
    "compared again: what an earlier run marked is deleted.",
)
@click.option(
    "--restore",
    is_flag=True,
    help="Bring back everything that was left out or deleted as a duplicate, from the videos.",
)
def dedupe(
    console: Console,
    folder: str,
    config_file: str | None,
    delete: bool,
    restore: bool,
    **flags: Any,
) -> Answer:
    """Mark images that show the same as an earlier one.

    FOLDER is a dataset (default: dataset), or a folder of images that another tool made: each
    folder in it is a sequence, in natural order of the names. Marks from an earlier run are
    replaced; no file is deleted without --delete.
    """
    config = load_config(config_file, flags)
    settings = config.section(DedupeSettings) if "dedupe" in config.values else None
    run = config.section(RunSettings)
    breaks = config.section(BreakSettings)
    with open_engine(run, UNITS) as engine, console.watch() as watch:
        from ..stages.dedupe.stage import dedupe as dedupe_stage  # while workers begin

        result = dedupe_stage(
            folder,
            settings,
            run,
            breaks=breaks,
            delete=delete,
            restore=restore,
            engine=engine,
            watch=watch,
        )
    return _answer(result, console)


def _answer(result: "DedupeResult", console: Console) -> Answer:
    totals = {
        "videos": len(result.videos),
        "failed": len(result.failures),
        **{name: sum(getattr(video, name) for video in result.done) for name in _COUNTS},
    }
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result, totals, console)),
        results=tuple(_video_json(video) for video in result.videos),
        totals=totals,
        warnings=tuple(
            f"{video.id}: {notice.message}" for video in result.done for notice in video.notices
        ),
        errors=tuple(
            {"kind": failure.error_kind, "message": failure.error} for failure in result.failures
        ),
    )


def _video_json(video: "DedupeOutcome | Failure") -> dict[str, Any]:
    if isinstance(video, Failure):
        found: dict[str, Any] = {
            **dict.fromkeys(_COUNTS, 0),
            "copies": [],
            "error": video.error,
            "warnings": [],
        }
    else:
        found = {
            **{name: getattr(video, name) for name in _COUNTS},
            "copies": [dataclasses.asdict(copy) for copy in video.copies],
            "error": None,
            "warnings": [dataclasses.asdict(notice) for notice in video.notices],
        }
    return {"id": video.id, "status": video.status, **found}


def _lines(result: "DedupeResult", totals: Mapping[str, int], console: Console) -> Iterable[str]:
    lines = align([_row(video) for video in result.videos], console.width, names=1)
    for video, line in zip(result.videos, lines, strict=True):
        if isinstance(video, Failure):
            yield line
            yield f"  {video.error}"
            continue
        yield line + _said(video)
        for notice in video.notices:
            style = {"fg": "yellow"} if notice.is_finding else {"dim": True}
            yield click.style(f"  {notice.kind}: {notice.message}", **style)
    yield ""
    freed = f" ({totals['deleted_bytes'] / 1e6:,.1f} MB)" if totals["deleted"] else ""
    yield (
        f"{count(totals['videos'], 'folder')}, {count(totals['images'], 'image')}: "
        f"{totals['still']:,} still and {totals['similar']:,} similar marked, "
        f"{totals['deleted']:,} deleted{freed}, {totals['restored']:,} restored in "
        f"{printable(result.path)}"
    )


def _row(video: "DedupeOutcome | Failure") -> tuple[str, str, str]:
    if isinstance(video, Failure):
        return click.style(video.status, fg="red"), printable(video.id), ""
    findings = any(notice.is_finding for notice in video.notices)
    status = click.style(video.status, fg="yellow" if findings else "green")
    return status, printable(video.id), count(video.images, "image")


def _said(video: "DedupeOutcome") -> str:
    parts = [f"{getattr(video, name):,} {name}" for name in ("still", "similar", "deleted")]
    said = "".join(f", {part}" for part in parts if not part.startswith("0 "))
    if video.elsewhere:
        said += f", {video.elsewhere:,} of them like images elsewhere"
    return said + (f", {video.restored:,} restored" if video.restored else "")
