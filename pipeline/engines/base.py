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
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
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


@dataclass
class _Queue(Generic[T]):
    """The units of a run: those at work, by their keys, and those that wait, most of them unread.

    ``heard_seconds``: silence is counted in time spent listening, for what was not listened to is
    no silence.
    """

    remaining: Iterator[T]
    memory_needed: Callable[[T], int]
    ahead: deque[_Unit[T]] = field(default_factory=deque)
    running: dict[int, _Unit[T]] = field(default_factory=dict)
    heard_seconds: float = 0.0

    def peek(self) -> _Unit[T] | None:
        """Return the unit that is next, ``None`` where there is none."""
        if not self.ahead:
            self.ahead += [
                _Unit(i, self.memory_needed(i)) for i in itertools.islice(self.remaining, 1)
            ]
        return self.ahead[0] if self.ahead else None

    def add_first(self, items: Iterable[T]) -> None:
        """Put units before all others that wait."""
        units = [_Unit(item, self.memory_needed(item)) for item in items]
        self.ahead.extendleft(reversed(units))


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
        queue = _Queue(iter(items), memory_needed)
        try:
            while True:
                self._begin(queue, function)
                if not queue.running:
                    return
                for unit, event in self._listen(queue):
                    if event.kind is EventKind.MESSAGE:
                        on_message(unit.item, event.value)
                    if not event.ends_unit:
                        continue
                    del queue.running[event.key]
                    if event.kind is EventKind.RAISED:
                        raise event.value
                    has_result = event.kind is EventKind.RESULT
                    if not has_result and self._may_be_repeated(unit, event.kind):
                        on_repeat(unit.item)
                        queue.ahead.appendleft(unit)
                        continue
                    lost = Lost(f"{event.value}, {unit.attempts} times")
                    result = event.value if has_result else lost
                    queue.add_first(follow(unit.item, result))
                    yield unit.item, result
                self._kill_silent(queue)
        finally:
            self._stop()

    def _begin(self, queue: "_Queue[T]", function: Callable[[T, Link], R]) -> None:
        """Start as many units as there is room for."""
        while self._has_place(len(queue.running)) and (unit := queue.peek()) is not None:
            used_bytes = sum(other.memory_bytes for other in queue.running.values())
            if queue.running and not self._has_memory(used_bytes, unit.memory_bytes):
                return
            key, unit = next(self._keys), queue.ahead.popleft()
            unit.attempts, unit.last_sign = unit.attempts + 1, queue.heard_seconds
            queue.running[key] = unit
            self._start(key, function, unit.item, unit.memory_bytes)

    def _listen(self, queue: "_Queue[T]") -> Iterator[tuple[_Unit[T], Event]]:
        """Yield what has happened to units at work, but not to attempts that were given up."""
        began = time.monotonic()
        events = list(self._events(_POLL_SECONDS))
        queue.heard_seconds += time.monotonic() - began
        for event in events:
            if event.key in queue.running:
                unit = queue.running[event.key]
                unit.last_sign = queue.heard_seconds
                yield unit, event

    def _kill_silent(self, queue: "_Queue[T]") -> None:
        """Kill the units that have given no sign of life for too long."""
        for key, unit in queue.running.items():
            if queue.heard_seconds - unit.last_sign > self._silence_seconds:
                unit.last_sign = queue.heard_seconds
                self._kill(key, f"no sign of life for {self._silence_seconds:g} s")

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
