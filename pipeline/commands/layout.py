"""Text laid out for a terminal: long lines are wrapped, columns stand under each other.

In a pipe there is no width, and every line stays whole for the program that reads it.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import IO

import click

_USUAL_WIDTH = 80
_GAP = "  "


def width_of(stream: IO[str]) -> int | None:
    """Return the columns of the terminal that a stream writes to, ``None`` where that is none."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except (OSError, ValueError):
        return _USUAL_WIDTH


def wrap(text: str, width: int | None) -> str:
    """Return text whose lines are broken between words so that they fit, where that is possible.

    What follows is indented: below the last column of a line that has some, else by two more
    than the line itself. Escape sequences for colours take no room.
    """
    if width is None:
        return text
    return "\n".join(piece for line in text.split("\n") for piece in _wrap_line(line, width))


def _wrap_line(line: str, width: int) -> Iterator[str]:
    if _cells(line) <= width:
        yield line
        return
    plain = click.unstyle(line)
    leading = len(plain) - len(plain.lstrip())
    columns = [gap.end() for gap in re.finditer(r"(?<=\S) {2,}(?=\S)", plain)]
    fitting = [_cells(plain[:end]) for end in columns if _cells(plain[:end]) <= width // 2]
    indent = " " * (fitting[-1] if fitting else leading + 2)
    current = ""
    for gap, word in re.findall(r"( *)([^ ]+)", line):
        if current.strip() and _cells(current + gap + word) > width:
            yield current
            current = indent + word
        else:
            current += gap + word
    yield current


def align(rows: Sequence[Sequence[str]], width: int | None, *, names: int = 0) -> list[str]:
    """Return a line for each row, with its cells under each other.

    Where a name is too long to leave room for the cells after it, they go to a line below it, so
    that nothing is cut off.

    Args:
        rows: as many cells in each.
        width: columns of the terminal, ``None`` for no limit.
        names: which column holds names. Up to it, cells are on the left, after it on the right.
    """
    if not rows:
        return []
    widths = [max(map(_cells, column)) for column in zip(*rows, strict=True)]
    before = sum(wide + len(_GAP) for wide in widths[:names])
    after = sum(wide + len(_GAP) for wide in widths[names + 1 :])
    if width is not None:
        room = width - before - after
        widths[names] = max(
            (cells for row in rows if (cells := _cells(row[names])) <= room), default=0
        )
    lines = []
    for row in rows:
        line = "".join(_pad(cell, widths[i]) + _GAP for i, cell in enumerate(row[:names]))
        line += _pad(row[names], widths[names])
        if _cells(row[names]) > widths[names]:
            line += "\n" + " " * (before + widths[names])
        for cell, wide in zip(row[names + 1 :], widths[names + 1 :], strict=True):
            line += _GAP + _pad(cell, wide, right=True)
        lines.append(line)
    return lines


def _pad(text: str, cells: int, *, right: bool = False) -> str:
    blanks = " " * (cells - _cells(text))
    return blanks + text if right else text + blanks


def _cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    plain = click.unstyle(text)
    if plain.isascii():
        return len(plain)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in plain)
    return len(plain) + wide - sum(unicodedata.combining(c) > 0 for c in plain)
