"""What goes from one process to another, so that it arrives there or is complained of here."""

import pickle
import traceback
from collections.abc import Callable
from typing import Any

from ..base.work import Link
from .base import EventKind


def pack(value: Any, what: str) -> bytes:
    """Return ``value`` as bytes; ``what`` it is, for people, where that cannot be done."""
    try:
        return pickle.dumps(value)
    except Exception as error:  # pickle has no error of its own for most of this
        raise TypeError(f"{what} cannot be sent to another process: {error}") from error


def unpack(parcel: bytes) -> Any:
    """Return what was packed."""
    return pickle.loads(parcel)  # noqa: S301 - of our own processes only


def carry_out(function: bytes, item: bytes, link: Link) -> tuple[EventKind, bytes]:
    """Call a packed function with a packed item; return how that ended, and the packed value."""
    try:
        call: Callable[[Any, Link], Any] = unpack(function)
        result = call(unpack(item), link)
        return EventKind.RESULT, pack(result, f"a result of type {type(result).__name__}")
    except BaseException as error:  # raised again by the driver
        return EventKind.RAISED, _pack_error(error)


def _pack_error(error: BaseException) -> bytes:
    """Return an exception as bytes: itself if possible, else one that says the same.

    Many a class cannot be made from the arguments that it passed on to its base, and then pickle
    only notices at the far end, or makes another message of them.
    """
    error.add_note("".join(traceback.format_exception(error)))  # tracebacks do not travel
    for form in (error, _WithoutInit(error)):
        try:
            parcel = pickle.dumps(form)
            copy = unpack(parcel)
        except Exception:  # noqa: S112 - whatever a class of others does there
            continue
        if type(copy) is type(error) and str(copy) == str(error):
            return parcel
    return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))


class _WithoutInit:
    """An exception on its way, to be made again without its ``__init__``."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_error, (type(self._error), self._error.args, self._error.__dict__)


def _make_error(
    kind: type[BaseException], arguments: tuple[Any, ...], state: dict[str, Any]
) -> BaseException:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error
