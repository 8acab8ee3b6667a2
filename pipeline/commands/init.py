"""prep init."""

from pathlib import Path

import click

from ..base.errors import ExitCode, UsageError, printable
from ..settings.file import render_default_config
from .console import Answer, Console, verb

DEFAULT_CONFIG = "prep.yaml"


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
