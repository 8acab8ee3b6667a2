"""The command line: parses, calls one stage function, renders its result, sets the exit code.

Everything that a person or a machine reads is written here; no stage prints.
"""

import dataclasses
import functools
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

import click

from pipeline import __version__
from pipeline.config import (
    CvatSettings,
    ExtractSettings,
    RunSettings,
    load_config,
    render_default_config,
)
from pipeline.errors import (
    ExitCode,
    InterruptedRunError,
    PrepError,
    UsageError,
    describe_bug,
    printable,
)
from pipeline.records import ExtractResult, VideoOutcome

DEFAULT_DATASET = "dataset"
DEFAULT_CONFIG = "prep.yaml"


@dataclass(frozen=True)
class Answer:
    """What a command has to say: ``lines`` for people, the rest for machines.

    ``results`` is a list that JSON shows under ``key`` (``videos`` or ``findings``).
    """

    exit_code: ExitCode
    lines: tuple[str, ...] = ()
    results: tuple[dict[str, Any], ...] = ()
    key: str = "findings"
    totals: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    errors: tuple[dict[str, str], ...] = ()

    def to_json(self, command: str) -> dict[str, Any]:
        """Return the one object that ``--json`` prints."""
        return {
            "command": command,
            "status": self.exit_code.name.lower(),
            "exit_code": int(self.exit_code),
            self.key: list(self.results),
            "totals": self.totals,
            "warnings": list(self.warnings),
            "errors": list(self.errors),
        }


@dataclass(frozen=True)
class Console:
    """How much a person wants to read."""

    quiet: bool
    verbose: bool
    as_json: bool

    @property
    def shows_progress(self) -> bool:
        """Whether bars are drawn: on a terminal, unless silence was asked for."""
        return not self.quiet and sys.stderr.isatty()


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        return int(cli.main(arguments, prog_name="prep", standalone_mode=False) or 0)
    except click.ClickException as error:
        if "--json" in arguments:
            command = getattr(getattr(error, "ctx", None), "info_name", None) or "prep"
            failure = _failure(UsageError(error.format_message()))
            click.echo(json.dumps(failure.to_json(command), indent=2))
        else:
            error.show()
        return int(ExitCode.USAGE)
    except click.Abort:
        return int(ExitCode.INTERRUPTED)


def verb(name: str, results: str) -> Callable[[Callable[..., Answer]], click.Command]:
    """Make a command of a function: common options, and the one place where errors end.

    ``results`` is the key of its list of results in JSON, which is there also when it fails.
    """

    def decorate(function: Callable[..., Answer]) -> click.Command:
        @functools.wraps(function)
        def command(quiet: bool, verbose: bool, as_json: bool, **arguments: Any) -> int:
            console = Console(quiet, verbose, as_json)
            answer = _guarded(function, console, arguments)
            return int(_render(name, dataclasses.replace(answer, key=results), console))

        for decorator in (
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead."),
            click.option("-v", "--verbose", is_flag=True, help="Say more: name what is skipped."),
            click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
        ):
            decorator(command)
        return click.command(name)(command)

    return decorate


def settings_options(cls: type, *names: str) -> Callable[[Any], Any]:
    """Add flags for fields of a settings class; help, range and default come from the field."""
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}

    def decorate(function: Any) -> Any:
        for name in reversed(names or tuple(fields)):
            function = _flag(name, fields[name], hints[name])(function)
        return function

    return decorate


def _flag(name: str, settings_field: "dataclasses.Field[Any]", hint: Any) -> Callable[[Any], Any]:
    meta = settings_field.metadata
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    kind = next(k for k in kinds if k is not type(None))
    default = settings_field.default
    text = meta["help"]
    if kind is bool:
        return click.option(
            f"--{name.replace('_', '-')}", name, is_flag=True, default=None, help=text
        )
    if default is not None:
        text = f"{text}  [default: {default}]"
    value_type: Any = kind
    if meta["choices"]:
        value_type = click.Choice(meta["choices"])
    elif kind is int:
        value_type = click.IntRange(meta["min"], meta["max"])
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=value_type,
        default=None,
        metavar=meta["metavar"],
        help=text,
    )


config_option = click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings file (YAML); 'prep init' writes one.",
)


def _as_path(context: click.Context, parameter: click.Parameter, text: str) -> Path:
    if not text:
        raise click.BadParameter("is empty. Was a shell variable not set?", context, parameter)
    return Path(text)


def output_option(help_text: str) -> Callable[[Any], Any]:
    """Return the option that names the dataset."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(),
        callback=_as_path,
        default=DEFAULT_DATASET,
        metavar="FOLDER",
        show_default=True,
        help=help_text,
    )


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all well · 1 done, with findings to look at · 2 usage or settings · "
    "3 some inputs failed, the others are done · 4 CVAT or the network · 5 interrupted, run again "
    "to go on · 70 a bug in prep.",
)
@click.version_option(__version__, prog_name="prep")
def cli() -> None:
    """Turn folders of videos into exactly numbered frames, and prove that none got lost."""


@verb("extract", "videos")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@output_option("Dataset to write into.")
@config_option
@settings_options(ExtractSettings)
@settings_options(RunSettings, "ffmpeg", "hwaccel", "workers", "on_damage")
@click.option("--overwrite", is_flag=True, help="Extract again what is in the dataset already.")
def extract(
    console: Console,
    inputs: tuple[str, ...],
    output: Path,
    config_file: Path | None,
    overwrite: bool,
    **flags: Any,
) -> Answer:
    """Extract every frame of videos under its own number.

    INPUT is a video, a folder (searched recursively) or a glob pattern. The images are
    OUTPUT/ID/ID-frame_000000.jpg and so on; the number is the frame's place in the video, also
    where sampling leaves frames out. A run that was cut off is simply repeated.
    """
    from pipeline.extract import extract as extract_stage
    from pipeline.progress import Bars

    config = load_config(config_file)
    settings = config.section(ExtractSettings, _flags_of(ExtractSettings, flags))
    run = config.section(RunSettings, _flags_of(RunSettings, flags))
    bars = Bars() if console.shows_progress else None
    try:
        result = extract_stage(inputs, output, settings, run, overwrite=overwrite, progress=bars)
    finally:
        if bars is not None:
            bars.close()
    return _extract_answer(result, console)


@verb("doctor", "findings")
@output_option("Where the dataset would go; its disk is looked at.")
@config_option
@settings_options(RunSettings, "ffmpeg", "hwaccel")
def doctor(console: Console, output: Path, config_file: Path | None, **flags: Any) -> Answer:
    """Check that everything prep needs is here, and say what to do where it is not."""
    from pipeline.doctor import diagnose

    config = load_config(config_file)
    checks = diagnose(
        config.section(RunSettings, _flags_of(RunSettings, flags)),
        config.section(CvatSettings),
        output,
    )
    marks = {True: click.style("ok  ", fg="green"), False: click.style("FAIL", fg="red")}
    return Answer(
        exit_code=max((check.exit_code for check in checks), default=ExitCode.OK),
        lines=tuple(f"{marks[not c.exit_code]}  {c.name:<8} {c.detail}" for c in checks),
        results=tuple(
            {"name": c.name, "ok": c.exit_code == ExitCode.OK, "detail": c.detail} for c in checks
        ),
        totals={"checks": len(checks), "failed": sum(c.exit_code != ExitCode.OK for c in checks)},
        errors=tuple({"kind": c.name, "message": c.detail} for c in checks if c.exit_code),
    )


@verb("init", "findings")
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_CONFIG)
def init(console: Console, file: Path) -> Answer:
    """Write a settings file that explains every setting (default: prep.yaml)."""
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(render_default_config())
    except FileExistsError as error:
        raise UsageError(
            f"{printable(file)}: there already. Remove it, or give another name."
        ) from error
    except OSError as error:
        raise UsageError(f"{printable(file)}: cannot be written: {error.strerror}.") from error
    return Answer(ExitCode.OK, (f"Wrote {printable(file)}. Use it with -c {printable(file)}.",))


for command in (extract, doctor, init):
    cli.add_command(command)


def _guarded(
    function: Callable[..., Answer], console: Console, arguments: Mapping[str, Any]
) -> Answer:
    """Return the function's answer; whatever it raises becomes an answer as well."""
    try:
        return function(console, **arguments)
    except PrepError as error:
        return _failure(error)
    except KeyboardInterrupt:
        return _failure(
            InterruptedRunError(
                "Interrupted. What is done so far is complete; run the same command again to go on."
            )
        )
    except Exception as error:  # the last line of defence: no traceback reaches a user
        return _failure(PrepError(describe_bug(error)))


def _failure(error: PrepError) -> Answer:
    return Answer(error.exit_code, errors=({"kind": error.kind, "message": str(error)},))


def _render(command: str, answer: Answer, console: Console) -> ExitCode:
    """Print an answer; return its exit code, or that of the failure to print it."""
    color = False if "NO_COLOR" in os.environ else None
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names need not fit the terminal
    try:
        if console.as_json:
            click.echo(json.dumps(answer.to_json(command), indent=2))
        elif not console.quiet:
            for line in answer.lines:
                click.echo(line, color=color)
        if not console.as_json and (console.quiet or not answer.lines):
            for error in answer.errors:
                label = click.style("error:", fg="red")
                click.echo(f"{label} {error['message']}", err=True, color=color)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # Python must not complain again when it closes the stream at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # 'prep ... | head' is no failure
            click.echo(f"error: the result cannot be written: {error.strerror}.", err=True)
            return max(answer.exit_code, ExitCode.USAGE)
    return answer.exit_code


def _flags_of(cls: type, flags: Mapping[str, Any]) -> dict[str, Any]:
    return {f.name: flags[f.name] for f in dataclasses.fields(cls) if f.name in flags}


def _extract_answer(result: ExtractResult, console: Console) -> Answer:
    records = [video.record for video in result.videos if video.record is not None]
    totals = {
        "videos": len(result.videos),
        "extracted": result.count("extracted"),
        "unchanged": result.count("unchanged"),
        "failed": result.count("failed"),
        "frames_decoded": sum(record.counts.frames_decoded for record in records),
        "kept": sum(record.counts.kept for record in records),
        "duplicates": sum(record.counts.duplicates for record in records),
        "sampled_out": sum(record.counts.sampled_out for record in records),
        "rejected": sum(record.counts.rejected for record in records),
        "skipped": sum(len(paths) for paths in result.skipped.values()),
    }
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_extract_lines(result, totals, console)),
        results=tuple(_video_json(video) for video in result.videos),
        totals=totals,
        warnings=tuple(
            f"{video.id}: {notice.message}" for video in result.videos for notice in video.notices
        ),
        errors=tuple(
            {"kind": str(video.error_kind), "message": str(video.error)}
            for video in result.videos
            if video.error is not None
        ),
    )


def _video_json(video: VideoOutcome) -> dict[str, Any]:
    record = video.record
    return {
        "id": video.id,
        "source": video.source,
        "status": video.status,
        "counts": dataclasses.asdict(record.counts) if record else None,
        "warnings": [dataclasses.asdict(notice) for notice in video.notices],
        "error": video.error,
    }


def _extract_lines(
    result: ExtractResult, totals: Mapping[str, int], console: Console
) -> Iterable[str]:
    width = max((len(printable(video.id or "")) for video in result.videos), default=0)
    for video in result.videos:
        yield from _video_lines(video, min(width, 40))
    yield ""
    done = ", ".join(
        f"{totals[status]} {status}"
        for status in ("extracted", "unchanged", "failed")
        if totals[status]
    )
    yield (
        f"{totals['videos']} videos ({done}): {totals['frames_decoded']:,} frames decoded, "
        f"{totals['kept']:,} images in {printable(result.dataset)}"
    )
    for reason, paths in result.skipped.items():
        yield click.style(f"skipped, {reason}: {len(paths)}", dim=True)
        if console.verbose:
            yield from (f"  {printable(path)}" for path in paths)


def _video_lines(video: VideoOutcome, width: int) -> Iterable[str]:
    name = printable(video.id or video.source)
    if video.record is None:
        yield f"{click.style('failed   ', fg='red')}  {name}"
        yield f"           {video.error}"
        return
    record, counts = video.record, video.record.counts
    findings = any(notice.is_finding for notice in video.notices)
    status = click.style(f"{video.status:<9}", fg="yellow" if findings else "green")
    images = "" if counts.kept == counts.frames_decoded else f"{counts.kept:>9,} images"
    size = f"{record.image_width}×{record.image_height}" if record.image_width else ""
    seconds = record.probe.duration_seconds
    length = f"{seconds:9.1f} s" if seconds is not None else ""
    yield (
        f"{status}  {name:<{width}} {counts.frames_decoded:>9,} frames{images}  {size:>9}{length}"
    )
    for notice in video.notices:
        style = {"fg": "yellow"} if notice.is_finding else {"dim": True}
        yield click.style(f"           {notice.kind}: {notice.message}", **style)
