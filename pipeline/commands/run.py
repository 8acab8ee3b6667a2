"""prep run."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.console import Answer, Console, config_option, output_option, verb
from pipeline.config import load_config
from pipeline.errors import ExitCode, printable

if TYPE_CHECKING:  # the stages load libraries that --help can do without
    from pipeline.run import RunResult

_CONCERNS_SHOWN = 30


@verb("run", "findings")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@output_option("Dataset to write into.")
@config_option
@click.option("--overwrite", is_flag=True, help="Extract again what is in the dataset already.")
def run(
    console: Console,
    inputs: tuple[str, ...],
    output: Path,
    config_file: Path | None,
    overwrite: bool,
) -> Answer:
    """Do it all: extract, look for duplicates, validate, balance the accounts, report.

    INPUT is a video, a folder (searched recursively) or a glob pattern. All settings come from
    the settings file; configs/tracking.yaml and configs/detection.yaml are made for these tasks.
    What is done already is left as it is, so a run that was cut off is simply repeated.
    """
    from pipeline.progress import watch
    from pipeline.run import run as run_stages

    config = load_config(config_file)
    with console.bars() as bars:
        result = run_stages(
            inputs,
            output,
            config,
            overwrite=overwrite,
            progress=bars,
            watch=watch if bars is not None else iter,
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
        errors=tuple(
            {"kind": kind, "message": message} for _, _, kind, message in _failures(result)
        ),
    )


def _totals(result: "RunResult") -> dict[str, int]:
    totals = {
        "videos": len(result.extracted.videos),
        "failed": result.extracted.count("failed"),
        "findings": sum(1 for _ in _concerns(result)),
    }
    if result.reported is not None:
        counted = dataclasses.asdict(result.reported.totals)
        names = ("frames_decoded", "kept", "duplicates", "sampled_out", "rejected", "files_on_disk")
        totals |= {name: counted[name] for name in names}
    return totals


Concern = tuple[str, str | None, str, str]
"""Stage, id of the video where there is one, kind, and what a person must know."""


def _failures(result: "RunResult") -> Iterable[Concern]:
    for video in result.extracted.videos:
        if video.error is not None:
            yield "extract", video.id, str(video.error_kind), video.error
    for stage, outcome in (("dedupe", result.deduped), ("validate", result.validated)):
        for each in outcome.videos if outcome is not None else ():
            if each.error is not None:
                yield stage, each.id, str(each.error_kind), each.error


def _concerns(result: "RunResult") -> Iterable[Concern]:
    """Yield all that needs a person, failures first."""
    yield from _failures(result)
    for video in result.extracted.videos:
        for notice in video.notices:
            # What is wrong with the images on disk, the later stages say better.
            if notice.is_finding and notice.kind != "files-missing":
                yield "extract", video.id, notice.kind, notice.message
    for deduped in result.deduped.videos if result.deduped is not None else ():
        for notice in deduped.notices:
            yield "dedupe", deduped.id, notice.kind, notice.message
    if result.validated is not None:
        for validated in result.validated.videos:
            for finding in validated.findings:
                yield "validate", validated.id, finding.kind, finding.message
        for name in result.validated.foreign_folders:
            text = f"{printable(name)}: this folder is no video of the dataset. Move it away."
            yield "validate", None, "foreign", text
    for account in result.accounts.videos if result.accounts is not None else ():
        for mismatch in account.mismatches:
            if mismatch.kind == "records-differ":  # the other kinds are those of validate
                yield "accounts", account.id, mismatch.kind, mismatch.message


def _lines(result: "RunResult", concerns: tuple[Concern, ...], console: Console) -> Iterable[str]:
    yield from _stage_lines(result)
    yield ""
    if not concerns:
        yield click.style("Nothing needs a person.", fg="green")
        return
    yield click.style(f"{len(concerns)} things need a person:", fg="yellow")
    shown = concerns if console.verbose else concerns[:_CONCERNS_SHOWN]
    for stage, video, kind, message in shown:
        where = f" {printable(video)}:" if video is not None else ""
        yield f"  {stage}:{where} {kind}: {message}"
    if len(shown) < len(concerns):
        yield f"  and {len(concerns) - len(shown)} more; -v names all."


def _stage_lines(result: "RunResult") -> Iterable[str]:
    extracted = result.extracted
    done = ", ".join(
        f"{extracted.count(status)} {status}"
        for status in ("extracted", "unchanged", "failed")
        if extracted.count(status)
    )
    yield _stage("extract", extracted.exit_code, f"{len(extracted.videos)} videos: {done}")
    if result.deduped is not None:
        videos = result.deduped.videos
        marked = sum(video.still + video.similar for video in videos)
        looked_at = sum(video.images for video in videos)
        text = f"{marked:,} of {looked_at:,} images marked as duplicates"
        yield _stage("dedupe", result.deduped.exit_code, text)
    if result.validated is not None:
        images = sum(video.images for video in result.validated.videos)
        marks: dict[str, int] = {}
        for video in result.validated.videos:
            for mark, count in video.marks.items():
                marks[mark] = marks.get(mark, 0) + count
        marked_as = ", ".join(f"{count:,} {mark}" for mark, count in marks.items() if count)
        text = f"{images:,} images checked" + f"; {marked_as}" * bool(marked_as)
        yield _stage("validate", result.validated.exit_code, text)
    if result.accounts is not None and result.reported is not None:
        totals = result.reported.totals
        text = (
            f"{totals.frames_decoded:,} decoded = {totals.kept:,} kept + "
            f"{totals.duplicates:,} duplicates + {totals.sampled_out:,} sampled out + "
            f"{totals.rejected:,} rejected; {totals.files_on_disk:,} files on disk"
        )
        yield _stage("accounts", result.accounts.exit_code, text)
        yield _stage("report", ExitCode.OK, printable(result.reported.page))


def _stage(name: str, code: ExitCode, text: str) -> str:
    color = {ExitCode.OK: "green", ExitCode.FINDINGS: "yellow"}.get(code, "red")
    return f"{click.style(f'{name:<8}', fg=color)}  {text}"
