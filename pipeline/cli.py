"""The command line: the group of all commands, and the exit code."""

import json

import click

from . import __version__
from .base.errors import ExitCode, UsageError
from .commands.annotate import annotate
from .commands.annotations import annotations
from .commands.audit import audit
from .commands.console import failure, unwritten
from .commands.dedupe import dedupe
from .commands.doctor import doctor
from .commands.extract import extract
from .commands.init import init
from .commands.manifest import manifest
from .commands.remove import remove
from .commands.report import report
from .commands.run import run as run_command
from .commands.status import status
from .commands.upload import upload
from .commands.validate import validate


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        return int(cli.main(arguments, prog_name="prep", standalone_mode=False) or 0)
    except click.ClickException as error:
        try:
            _tell(error, is_json="--json" in arguments)
        except OSError as unable:
            unwritten(unable)
        return int(ExitCode.USAGE)
    except click.Abort:
        return int(ExitCode.INTERRUPTED)
    except SystemExit:  # so click ends where the reader of a pipe has left: 'prep --help | head'
        return int(ExitCode.OK)
    except OSError as error:  # of the help; commands see to theirs
        return int(unwritten(error))


def _tell(error: click.ClickException, is_json: bool) -> None:
    if not is_json:
        error.show()
        return
    command = getattr(getattr(error, "ctx", None), "info_name", None) or "prep"
    answer = failure(UsageError(error.format_message()))
    click.echo(json.dumps(answer.to_json(command), indent=2))


class Commands(click.Group):
    """The commands in the order in which a person meets them, not in that of the alphabet."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return their names."""
        return list(self.commands)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all is well · 1 done, with something to look at · 2 usage or settings · "
    "3 some inputs failed, the others are done · 4 CVAT or the network · 5 interrupted, run again "
    "to continue · 70 a bug in prep.",
)
@click.version_option(__version__, prog_name="prep")
def cli() -> None:
    """Turn folders of videos into exactly numbered images, and prove that none is lost."""


for command in (
    run_command,
    extract,
    dedupe,
    remove,
    validate,
    status,
    report,
    upload,
    manifest,
    annotate,
    audit,
    annotations,
    doctor,
    init,
):
    cli.add_command(command)
