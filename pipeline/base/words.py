"""Words for people that depend on a number, and lists that are too long to be told whole."""

from collections.abc import Sequence

from .errors import printable


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return the form of a word that a number takes; ``many`` is ``one`` with an s if absent."""
    return one if number == 1 else f"{one}s" if many is None else many


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number and what it counts: '1 video', '2,000 videos'."""
    return f"{number:,} {plural(number, one, many)}"


def listing(names: Sequence[object], limit: int = 5) -> str:
    """Return names safe to print, those beyond ``limit`` as a number: 'a, b, c and 9 more'."""
    named = ", ".join(printable(name) for name in names[:limit])
    return f"{named} and {len(names) - limit:,} more" if len(names) > limit else named
