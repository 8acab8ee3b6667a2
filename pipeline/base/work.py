"""What those who ask for work and those who do it have of each other, whatever the work is."""

from dataclasses import dataclass
from typing import Any, Protocol

from .errors import InterruptedRunError


class Link(Protocol):
    """What a unit of work has of its driver. May be used from any thread of the unit."""

    def tell(self, message: Any) -> None:
        """Send a message to the driver: mostly how many more parts are done."""

    def is_stopped(self) -> bool:
        """Whether to give up; to be asked often."""


class Unwatched(Link):
    """The link of work that nobody watches: it tells no one, and is never stopped."""

    def tell(self, message: Any) -> None:
        """Let a message go unheard."""

    def is_stopped(self) -> bool:
        """Return False."""
        return False


UNWATCHED = Unwatched()


def refuse_stopped(link: Link) -> None:
    """Give up where the driver says so.

    Raises:
        InterruptedRunError: the link is stopped.
    """
    if link.is_stopped():
        raise InterruptedRunError("interrupted")


@dataclass(frozen=True)
class Batch:
    """What a stage has ahead of it.

    ``items`` are what ``noun`` names, in the plural: videos, tasks. Each has a size, known before
    it is begun; ``size`` is that of all together. Each is made of parts, which ``unit`` names
    (frames, bytes) and which are told as they are done; with an empty ``unit``, items are told only
    as a whole. ``parts`` is the number of all parts, 0 where it shows only as items are begun.
    """

    items: int
    size: int
    noun: str = "videos"
    unit: str = "frames"
    parts: int = 0


class Watch:
    """Told, in the thread of the driver, how the work of a stage goes on.

    This one does nothing with it. What a method raises ends the run, as an interruption does.
    """

    def batch_started(self, batch: Batch) -> None:
        """Work begins."""

    def item_started(self, item: str, parts: int, size: int) -> None:
        """Work on an item begins, of which so many parts are expected."""

    def parts_done(self, item: str, parts: int) -> None:
        """So many more parts of an item are done; less than 0 where they must be done again."""

    def item_done(self, item: str, size: int) -> None:
        """An item is finished, whatever came of it; it may never have been told as started."""


class Quiet(Link):
    """Passes on only whether to give up: frames that are decoded again are no more frames."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def tell(self, message: Any) -> None:
        """Say nothing."""

    def is_stopped(self) -> bool:
        """Return what the other link says."""
        return self._link.is_stopped()
