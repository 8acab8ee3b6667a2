"""The command line: the group of all commands, and the exit code."""

import json
import pkgutil

import click

from . import __version__
from .base.errors import ExitCode, UsageError

_SHORT_HELP = {
    "run": "Run all stages: extract, validate, count, report, upload.",
    "extract": "Extract the frames of videos, each under its own number.",
    "dedupe": "Mark images that show the same as an earlier one.",
    "remove": "Take videos out of a dataset: images, frame table and record.",
    "validate": "Check every image of a dataset against its record.",
    "status": "Count the frames of a dataset in independent ways.",
    "report": "Write report.html, one page that shows a dataset.",
    "upload": "Upload a dataset to CVAT, complete, once and in order.",
    "manifest": "Write the manifest files for CVAT's share or a cloud storage.",
    "annotate": "Bring a tracker's boxes into the tasks, with few keyframes.",
    "audit": "Find where CVAT's interpolation of tracks is wrong.",
    "export": "Make a training set of annotations and images.",
    "annotations": "Save the annotations of tasks, or put back what was saved.",
    "split": "Tell how leaky a split of a training set is, and split it anew.",
    "doctor": "Try out everything that prep needs, on a tiny clip.",
    "init": "Write a settings file that explains every setting.",
}
"""What help says of each command, in the order in which a person meets them."""


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        return int(cli.main(arguments, prog_name="prep", standalone_mode=False) or 0)
    except click.ClickException as error:
        try:
            _tell(error, is_json="--json" in arguments)
        except OSError as unable:
            _tell_unwritten(unable)
        return int(ExitCode.USAGE)
    except click.Abort:
        return int(ExitCode.INTERRUPTED)
    except SystemExit:  # so click ends where the reader of a pipe has left: 'prep --help | head'
        return int(ExitCode.OK)
    except OSError as error:  # of the help; commands see to theirs
        return int(_tell_unwritten(error))


def _tell(error: click.ClickException, is_json: bool) -> None:
    if not is_json:
        error.show()
        return
    command = getattr(getattr(error, "ctx", None), "info_name", None) or "prep"
    from .commands.console import failure

    answer = failure(UsageError(error.format_message()))
    click.echo(json.dumps(answer.to_json(command), indent=2))


def _tell_unwritten(error: OSError) -> ExitCode:
    from .commands.console import unwritten  # help alone need not wait for it

    return unwritten(error)


class Commands(click.Group):
    """The commands; each is loaded when it is asked for, as together they take long."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return their names."""
        return list(_SHORT_HELP)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Return a command, if there is one of this name."""
        if name not in _SHORT_HELP:
            return None
        command: click.Command = pkgutil.resolve_name(f"{__package__}.commands.{name}:{name}")
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each of them does into the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_SHORT_HELP.items()))


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
