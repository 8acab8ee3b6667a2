"""What all commands share: the one place where errors end, and rendering.

Everything that a person or a machine reads is written by this package; no stage prints.
"""

import contextlib
import dataclasses
import functools
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.bugs import describe_bug
from ..base.errors import (
    ExitCode,
    InterruptedRunError,
    PrepError,
    cause_of,
    printable,
)
from ..base.work import Watch
from ..settings.cvat import CvatSettings
from .layout import width_of, wrap
from .options import ANSWER, Command, Option

if TYPE_CHECKING:  # --help needs no server
    from ..cvat.server import CvatServer
    from ..cvat.session import Session


@dataclass(frozen=True)
class Answer:
    """What a command has to say: ``lines`` for people, the rest for machines.

    ``results`` is a list that JSON shows under ``key`` (``videos`` or ``findings``), ``more`` are
    keys beside it.
    """

    exit_code: ExitCode
    lines: tuple[str, ...] = ()
    results: tuple[dict[str, Any], ...] = ()
    key: str = "findings"
    totals: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    errors: tuple[dict[str, str], ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    def to_json(self, command: str) -> dict[str, Any]:
        """Return the one object that ``--json`` prints."""
        return {
            "command": command,
            "status": self.exit_code.name.lower(),
            "exit_code": int(self.exit_code),
            self.key: list(self.results),
            **self.more,
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

    def skipped_lines(self, skipped: Mapping[str, Iterable[str]]) -> Iterator[str]:
        """Yield how many paths were left out for each reason, and their names on request."""
        for reason, paths in skipped.items():
            named = [f"  {printable(path)}" for path in paths]
            yield click.style(f"skipped, {reason}: {len(named)}", dim=True)
            yield from named if self.verbose else ()

    @property
    def width(self) -> int | None:
        """Columns of the terminal that results go to, ``None`` where they go into a pipe."""
        return width_of(sys.stdout)

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watch]:
        """Give what draws progress bars, where they are drawn; take them away at the end."""
        if not self.shows_progress:
            yield Watch()
            return
        from .progress import Bars

        bars = Bars()
        try:
            yield bars
        finally:
            bars.close()


_GOES_ON = "What is done so far is complete; run the same command again to go on."


def verb(
    name: str, results: str, first: tuple[str, ...] = (), left: str = _GOES_ON
) -> Callable[[Callable[..., Answer]], click.Command]:
    """Make a command of a function: common options, and the one place where errors end.

    Args:
        name: of the command.
        results: the key of its list of results in JSON, which is there also when it fails.
        first: its options that help shows before all others.
        left: what there is when a person interrupts it, and how to go on.
    """
    common = functools.partial(click.option, cls=Option, group=ANSWER, is_flag=True)

    def decorate(function: Callable[..., Answer]) -> click.Command:
        @functools.wraps(function)
        def command(quiet: bool, verbose: bool, as_json: bool, **arguments: Any) -> int:
            console = Console(quiet, verbose, as_json)
            answer = _guarded(function, console, arguments, left)
            return int(_render(name, dataclasses.replace(answer, key=results), console))

        for decorator in (
            common("--json", "as_json", help="Print one JSON object instead."),
            common("-v", "--verbose", help="Say more, such as which files were skipped."),
            common("-q", "--quiet", help="Print nothing but errors."),
        ):
            decorator(command)
        return click.command(name, cls=Command, first=first)(command)

    return decorate


@contextlib.contextmanager
def cvat_session(settings: CvatSettings, auth: str | None) -> "Iterator[Session]":
    """Give a session with a server that is logged in to; log out at the end."""
    from ..cvat.connect import connect

    with connect(settings, auth) as session:
        yield session


@contextlib.contextmanager
def cvat_server(
    settings: CvatSettings, auth: str | None, dataset: Path | None = None
) -> "Iterator[CvatServer]":
    """Give a server that is logged in to, for uploads; log out at the end.

    Nobody is asked for a password if the dataset that is named is none.
    """
    from ..cvat.server import CvatServer
    from ..dataset.store import open_dataset

    if dataset is not None:
        open_dataset(dataset)
    with cvat_session(settings, auth) as session:
        yield CvatServer(session)


def _guarded(
    function: Callable[..., Answer], console: Console, arguments: Mapping[str, Any], left: str
) -> Answer:
    """Return the function's answer; whatever it raises becomes an answer as well."""
    try:
        return function(console, **arguments)
    except PrepError as error:
        return failure(error)
    except KeyboardInterrupt:
        return failure(InterruptedRunError("Interrupted", left))
    except Exception as error:  # the last line of defence: no traceback reaches a user
        return failure(PrepError(describe_bug(error)))


def failure(error: PrepError) -> Answer:
    """Return what a command says that failed with this error."""
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
                click.echo(wrap(line.rstrip(), console.width), color=color)
        if not console.as_json and (console.quiet or not answer.lines):
            for error in answer.errors:
                label = click.style("error:", fg="red")
                text = wrap(f"{label} {error['message']}", width_of(sys.stderr))
                click.echo(text, err=True, color=color)
        sys.stdout.flush()
    except OSError as error:
        return max(answer.exit_code, unwritten(error))
    return answer.exit_code


def unwritten(error: OSError) -> ExitCode:
    """Tell that what was to be printed could not be, and return the exit code of that.

    That the reader of a pipe has left, as in 'prep ... | head', is no failure.
    """
    is_failure = not isinstance(error, BrokenPipeError)
    if is_failure:
        with contextlib.suppress(OSError):
            click.echo(f"error: the result cannot be written: {cause_of(error)}.", err=True)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # Python must not complain again when it closes the stream at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return ExitCode.USAGE if is_failure else ExitCode.OK
