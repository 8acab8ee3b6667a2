"""What is said of an error that should not have happened."""

import re
import traceback
from pathlib import Path

from .errors import printable


def describe_bug(error: Exception) -> str:
    """Return one line about an error that should not have happened, with its place."""
    place = place_of(error)
    where = f" ({place})" if place else ""
    return (
        f"this is a bug in prep: {type(error).__name__}: {printable(error)}{where}. Please report "
        "it with the command."
    )


def place_of(error: Exception, package: Path | None = None) -> str:
    """Return where an error arose, as ``file.py:line``; empty where that is not known.

    With ``package``, the last place within that folder, if there is one.
    """
    # One that comes from another process has its traceback in a note.
    texts = ["".join(traceback.format_tb(error.__traceback__)), *getattr(error, "__notes__", ())]
    places = re.findall(r'File "([^"\n]+)", line (\d+)', "".join(texts))
    within = [place for place in places if package in Path(place[0]).parents]
    return "".join(f"{Path(file).name}:{line}" for file, line in (within or places)[-1:])
