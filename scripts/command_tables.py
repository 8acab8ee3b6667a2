"""Write the tables of options in docs/commands.md anew, from the commands themselves.

    python scripts/command_tables.py

A test checks that the file is what this writes.
"""

import re
from pathlib import Path

import click
from video_prep.cli import cli
from video_prep.commands.options import ANSWER

FILE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

_PLACE = re.compile(r"(<!-- options of (.+?) -->\n).*?(<!-- end of options -->)", re.DOTALL)
_EVERY_COMMAND = "every command"


def fill_tables(text: str) -> str:
    """Return the text with the options of each command where it has a place for them."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{_tables(place[2])}\n{place[3]}", text)


def _tables(command: str) -> str:
    """Return a table for each group of options, as the help of the command groups them."""
    every = command == _EVERY_COMMAND
    parent = click.Context(cli, **cli.context_settings)
    verb = cli.get_command(parent, "run" if every else command.removeprefix("prep "))
    sections = verb.sections(click.Context(verb, parent, verb.name))
    shown = {title: rows for title, rows in sections.items() if (title == ANSWER) == every}
    return "\n".join(_table(title * (len(shown) > 1), rows) for title, rows in shown.items())


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    heading = f"**{title}**\n\n" if title else ""
    lines = ["| option | default | meaning |", "|---|---|---|", *map(_row, rows)]
    return heading + "\n".join(lines) + "\n"


def _row(row: tuple[str, str]) -> str:
    """Return one option as help describes it, with its default in a column of its own."""
    names, text = row
    default = re.search(r"\s+\[default: (.*?)\]", text)
    if default:
        text = text.replace(default[0], "")
    text = re.sub(r"\s+\[(.*?)\]$", r" (\1)", text)  # the range
    cells = (f"`{names}`", f"`{default[1]}`" if default else "", text)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    FILE.write_text(fill_tables(FILE.read_text(encoding="utf-8")), encoding="utf-8")
