"""What all engines share: units of work are started, watched, repeated where their worker died.

An engine knows nothing of videos. It carries out a function for many items, and yields each item
with its result as it comes. The function is given a `Link` beside its item: it tells the driver how
the work goes on, and asks whether to give up. Both are signs of life; a unit that gives none for
too long is taken for hung.
"""

import itertools
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from ..base.work import Link

T = TypeVar("T")
R = TypeVar("R")

SILENCE_SECONDS = 600.0
"""How long a unit may give no sign of life. ffmpeg is watched far closer, by `video.decoder`;
this is for what hangs outside it, such as a demuxer, or a disk that no longer answers."""

_POLL_SECONDS = 0.2
_ATTEMPTS = 2
_ATTEMPTS_ON_NODES = 5
"""A unit may have killed its worker itself, but has no part in the loss of a node."""


@dataclass(frozen=True)
class Lost:
    """What a unit has instead of a result: it was tried again, and its worker died each time."""

    why: str


class EventKind(Enum):
    """What a backend tells of a unit. The last three end it."""

    SIGN_OF_LIFE = auto()
    MESSAGE = auto()
    RESULT = auto()
    RAISED = auto()
    DIED = auto()
    NODE_LOST = auto()


@dataclass(frozen=True)
class Event:
    """One thing that happened to the unit ``key``.

    ``value`` is the message, the result, the exception, or in words why the worker died.
    """

    key: int
    kind: EventKind
    value: Any = None

    @property
    def ends_unit(self) -> bool:
        """Whether it is the last one of its unit."""
        return self.kind not in {EventKind.MESSAGE, EventKind.SIGN_OF_LIFE}


@dataclass
class _Unit(Generic[T]):
    """An item on its way; ``attempts`` were begun, ``nodes_lost`` of them fell with a node."""

    item: T
    memory_bytes: int
    attempts: int = 0
    nodes_lost: int = 0
    last_sign: float = 0.0


class Engine(ABC):
    """Carries out functions for items. A context manager; one run at a time.

    Args:
        silence_seconds: how long a unit may give no sign of life before it is taken for hung.
    """

    def __init__(self, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._silence_seconds = silence_seconds
        self._keys = itertools.count()

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many units are at work at once, if there are enough."""

    @property
    @abstractmethod
    def cores_each(self) -> int:
        """How many cores there are for each of them."""

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(
        self,
        function: Callable[[T, Link], R],
        items: Iterable[T],
        *,
        follow: Callable[[T, R | Lost], Iterable[T]] = lambda item, result: (),
        memory_needed: Callable[[T], int] = lambda item: 0,
        on_message: Callable[[T, Any], None] = lambda item, message: None,
        on_repeat: Callable[[T], None] = lambda item: None,
    ) -> Generator[tuple[T, R | Lost], None, None]:
        """Yield each item with its result as it completes; what the function raises is raised.

        A unit whose worker dies or hangs is repeated once; if it dies again, its result is `Lost`.
        One that falls with a whole node is repeated more often. However the iteration ends, no unit
        is at work afterwards.

        Args:
            function: what to do; engines that leave this process pickle it, and items and results.
            items: taken up only as there is room, so there may be any number of them.
            follow: further items that come of a result. They go before those that wait.
            memory_needed: bytes that the unit of an item needs. One unit may always begin.
            on_message: told what a unit tells, in this thread.
            on_repeat: told that a unit begins anew, and what it has told so far is void.
        """
        remaining = iter(items)
        ahead: deque[_Unit[T]] = deque()
        running: dict[int, _Unit[T]] = {}
        # Silence is counted in time spent listening: what was not listened to is no silence.
        heard = 0.0
        try:
            while True:
                while self._has_place(len(running)):
                    if not ahead:
                        new = next(remaining, _END)
                        if isinstance(new, _End):
                            break
                        ahead.append(_Unit(new, memory_needed(new)))
                    used_bytes = sum(unit.memory_bytes for unit in running.values())
                    if running and not self._has_memory(used_bytes, ahead[0].memory_bytes):
                        break
                    key, unit = next(self._keys), ahead.popleft()
                    unit.attempts, unit.last_sign = unit.attempts + 1, heard
                    running[key] = unit
                    self._start(key, function, unit.item, unit.memory_bytes)
                if not running:
                    return
                began = time.monotonic()
                events = list(self._events(_POLL_SECONDS))
                heard += time.monotonic() - began
                for event in events:
                    if event.key not in running:  # of an attempt that was given up
                        continue
                    unit = running[event.key]
                    unit.last_sign = heard
                    if event.kind is EventKind.MESSAGE:
                        on_message(unit.item, event.value)
                    if not event.ends_unit:
                        continue
                    del running[event.key]
                    if event.kind is EventKind.RAISED:
                        raise event.value
                    if event.kind is EventKind.RESULT:
                        result = event.value
                    elif self._may_be_repeated(unit, event.kind):
                        on_repeat(unit.item)
                        ahead.appendleft(unit)
                        continue
                    else:
                        result = Lost(f"{event.value}, {unit.attempts} times")
                    further = [_Unit(i, memory_needed(i)) for i in follow(unit.item, result)]
                    ahead.extendleft(reversed(further))
                    yield unit.item, result
                for key, unit in running.items():
                    if heard - unit.last_sign > self._silence_seconds:
                        unit.last_sign = heard
                        self._kill(key, f"no sign of life for {self._silence_seconds:g} s")
        finally:
            self._stop()

    def _may_be_repeated(self, unit: _Unit[T], kind: EventKind) -> bool:
        if kind is EventKind.NODE_LOST:
            unit.nodes_lost += 1
            return unit.nodes_lost < _ATTEMPTS_ON_NODES
        return unit.attempts - unit.nodes_lost < _ATTEMPTS

    @abstractmethod
    def _has_place(self, running: int) -> bool:
        """Whether a further unit may begin beside so many."""

    @abstractmethod
    def _has_memory(self, used_bytes: int, needed_bytes: int) -> bool:
        """Whether a unit may begin beside others."""

    @abstractmethod
    def _start(
        self, key: int, function: Callable[[T, Link], R], item: T, memory_bytes: int
    ) -> None:
        """Begin a unit."""

    @abstractmethod
    def _events(self, timeout_seconds: float) -> Iterable[Event]:
        """Yield what has happened; wait at most so long for the first of it."""

    @abstractmethod
    def _kill(self, key: int, why: str) -> None:
        """End a unit by force; it is told as died, for this reason."""

    @abstractmethod
    def _stop(self) -> None:
        """Tell all units to give up, and see to it that they are no longer at work."""

    @abstractmethod
    def close(self) -> None:
        """Let go of workers."""


class _End:
    """Says that there are no more items."""


_END = _End()
