"""Options of the command line, each declared once; help shows them in groups."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import click

from ..settings.cvat import AnnotateSettings, AuditSettings, CvatSettings, UploadSettings
from ..settings.dedupe import DedupeSettings
from ..settings.export import ExportSettings
from ..settings.splits import LeakSettings, SplitSettings
from ..settings.stages import ExtractSettings, RunSettings, ValidateSettings

DEFAULT_DATASET = "dataset"

OPTIONS, ANSWER = "Options", "What is printed"
_FIRST = "Options that matter first"
_GROUPS = {
    ExtractSettings: "Frames and images",
    DedupeSettings: "Duplicates",
    ValidateSettings: "Marks for how an image looks",
    RunSettings: "How the work is done",
    CvatSettings: "CVAT server",
    UploadSettings: "Project, tasks and jobs",
    AnnotateSettings: "Boxes and keyframes",
    AuditSettings: "What is worth a look",
    SplitSettings: "Train, val and test",
    LeakSettings: "What counts as a leak",
    ExportSettings: "What is exported",
}
_WITHOUT_LIMIT = 10**6
"""A limit this large is there to refuse nonsense; help does not name it."""


class Option(click.Option):
    """An option with the group that help shows it in."""

    def __init__(self, *args: Any, group: str = OPTIONS, **more: Any) -> None:
        super().__init__(*args, **more)
        self.group = group

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return what follows the help text, with the range in words."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.type, click.IntRange | click.FloatRange) and "range" in extra:
            low, high = self.type.min, self.type.max
            if high is not None and high < _WITHOUT_LIMIT:
                extra["range"] = f"{low or 0} to {high}"
            elif low:
                extra["range"] = f"at least {low}"
            else:
                del extra["range"]
        return extra


class Command(click.Command):
    """A command whose help shows the options that matter first, then the others by group."""

    def __init__(self, *args: Any, first: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self._first = first

    def sections(self, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
        """Return the options as help shows them, a name and a text each, by the group's title."""
        sections: dict[str, list[tuple[str, str]]] = {_FIRST: [], OPTIONS: []}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None and isinstance(parameter, click.Option):
                group = getattr(parameter, "group", OPTIONS)
                title = _FIRST if parameter.name in self._first else group
                sections.setdefault(title, []).append(row)
        sections[ANSWER] = sections.pop(ANSWER, [])  # at the end
        return {title: rows for title, rows in sections.items() if rows}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options into the help."""
        for title, rows in self.sections(ctx).items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return ``--help``, in the group of what all commands have."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.group = ANSWER  # type: ignore[attr-defined]
        return option


def settings_options(cls: type, *names: str) -> Callable[[Any], Any]:
    """Add flags for fields of a settings class; help, range and default come from the field."""
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}

    def decorate(function: Any) -> Any:
        for name in reversed(names or tuple(fields)):
            function = _flag(fields[name], hints[name], group_of(cls))(function)
        return function

    return decorate


def group_of(cls: type) -> str:
    """Return the title under which help shows the options of a settings class."""
    return _GROUPS[cls]


def _flag(settings_field: "dataclasses.Field[Any]", hint: Any, group: str) -> Callable[[Any], Any]:
    name, meta = settings_field.name, settings_field.metadata
    has_several = get_origin(hint) is tuple
    kinds = get_args(hint) if isinstance(hint, UnionType) else (str,) if has_several else (hint,)
    kind = next(k for k in kinds if k is not type(None))
    text = meta["help"]
    if settings_field.default not in {None, False, ()}:
        text = f"{text}  [default: {settings_field.default}]"
    value_type: Any = kind
    if meta["choices"]:
        value_type = click.Choice(meta["choices"])
    elif kind is int:
        value_type = click.IntRange(meta["min"], meta["max"])
    elif kind is float:
        value_type = click.FloatRange(meta["min"], meta["max"])
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        cls=Option,
        group=group,
        is_flag=kind is bool,
        multiple=has_several,
        type=None if kind is bool else value_type,
        default=None,  # what is not given is for the settings file to say
        metavar=meta["metavar"] or ("N" if kind in {int, float} else None),
        help=text,
    )


MATTER_FIRST = ("output", "config_file", "every", "fps", "dedupe")
"""Of an extraction; the first thing that most people vary."""


def extraction_options(function: Any) -> Any:
    """Add what people vary from run to run: which frames become what images."""
    function = settings_options(DedupeSettings, "dedupe", "ignore")(function)
    return settings_options(
        ExtractSettings,
        *("every", "fps", "keyframes", "start", "end", "quality", "format", "levels", "max_size"),
        *("deinterlace", "tonemap", "stream"),
    )(function)


engine_options = settings_options(RunSettings, "workers", "engine", "address")
"""Says what does the work."""

_CLASSES = ExportSettings.__dataclass_fields__["classes"].metadata
labels_option = click.option(
    "--labels",  # an upload has another setting of this name
    "classes",
    cls=Option,
    group=_GROUPS[ExportSettings],
    metavar=_CLASSES["metavar"],
    help=_CLASSES["help"],
)
"""Says which labels are exported."""

config_option = click.option(
    "-c",
    "--config",
    "config_file",
    metavar="FILE",
    help="Settings file (YAML), or the name of a preset; see 'prep init --list'.",
)


def cvat_options(function: Any) -> Any:
    """Add the options that say where CVAT is, and who asks."""
    function = click.option(
        "--auth",
        cls=Option,
        group=_GROUPS[CvatSettings],
        metavar="USER[:PASS]",
        help="User to log in to CVAT as. The password may also be in the variable PASS; else you "
        "are asked for it. Default: CVAT_ACCESS_TOKEN, or CVAT_USERNAME and CVAT_PASSWORD.",
    )(function)
    return settings_options(CvatSettings)(function)


dataset_argument = click.argument(
    "dataset", type=click.Path(path_type=Path, readable=False), default=DEFAULT_DATASET
)
"""The dataset to work on; what cannot be read is told by the stage, with the way out."""


again_option = click.option(
    "--again",
    is_flag=True,
    help="Read all images, also those that were right at the last check and whose files are the "
    "same since, by inode, size and time of the last change.",
)


def output_option(
    help_text: str, default: str | None = DEFAULT_DATASET, name: str = "--output"
) -> Callable[[Any], Any]:
    """Return the option that names the folder to write into."""
    return click.option(
        "-o",
        name,
        type=click.Path(readable=False),
        callback=_as_path,
        default=default,
        metavar="FOLDER",
        show_default=True,
        help=help_text,
    )


def _as_path(context: click.Context, parameter: click.Parameter, text: str | None) -> Path | None:
    if text == "":
        raise click.BadParameter("is empty. Was a shell variable not set?", context, parameter)
    return None if text is None else Path(text)
