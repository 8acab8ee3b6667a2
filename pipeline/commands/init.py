"""prep init."""

from pathlib import Path

import click

from ..base.errors import ExitCode, UsageError, cause_of, printable
from ..settings.file import list_presets, render_default_config
from .console import Answer, Console, verb

DEFAULT_CONFIG = "prep.yaml"


@verb("init", "files")
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_CONFIG)
@click.option("--list", "lists", is_flag=True, help="Write nothing; list the presets for -c.")
def init(console: Console, file: Path, lists: bool) -> Answer:
    """Write a settings file that explains every setting.

    FILE is its name (default: prep.yaml). It is then used with -c FILE.
    """
    if lists:
        return _list_presets()
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(render_default_config())
    except FileExistsError as error:
        raise UsageError(
            f"{printable(file)}: there already. Remove it, or give another name."
        ) from error
    except OSError as error:
        raise UsageError(f"{printable(file)}: cannot be written: {cause_of(error)}.") from error
    return Answer(
        ExitCode.OK,
        (f"Wrote {printable(file)}. Use it with -c {printable(file)}.",),
        results=({"file": str(file)},),
    )


def _list_presets() -> Answer:
    presets = [
        {
            "name": name,
            "file": str(path),
            "summary": path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# "),
        }
        for name, path in list_presets().items()
    ]
    width = max(len(preset["name"]) for preset in presets)
    lines = (f"{preset['name']:<{width}}  {preset['summary']}" for preset in presets)
    folder = printable(Path(presets[0]["file"]).parent)
    hint = f"Use one by its name, such as -c {presets[-1]['name']}. The files are in {folder}."
    return Answer(ExitCode.OK, (*lines, "", hint), results=tuple(presets))
