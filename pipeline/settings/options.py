"""What settings are made of: fields that carry all that is said of them."""

import dataclasses
import difflib
from collections.abc import Collection
from typing import Any

from ..base.errors import UsageError, printable


def option(
    default: Any,
    help_text: str,
    *,
    metavar: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Collection[str] = (),
    is_named_if_set: bool = False,
    decides_images: bool = True,
) -> Any:
    """Return a dataclass field that carries its help text and range for flag and file alike.

    So many parameters, for a setting has so many properties; each is named in the call.

    ``is_named_if_set``: datasets are older than this setting, so their records name it only where
    it is not the default. Else each of their videos would count as made with other settings.
    ``decides_images``: whether the images of a video depend on it; else it decides which videos
    there are, and records do not name it.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "help": help_text,
            "metavar": metavar,
            "min": minimum,
            "max": maximum,
            "choices": choices,
            "is_named_if_set": is_named_if_set,
            "decides_images": decides_images,
        },
    )


def refuse_unknown(key: object, known: Any, where: str) -> None:
    """Refuse a name that is not known, with the nearest right one.

    Raises:
        UsageError: it is not.
    """
    if key in known:
        return
    close = difflib.get_close_matches(str(key), list(known), n=1)
    hint = f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(known) or 'none'}."
    raise UsageError(f"{where} '{printable(key)}' is unknown.{hint}")
