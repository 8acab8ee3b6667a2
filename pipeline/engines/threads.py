"""An engine of one machine: threads of this process."""

import contextlib
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ..base.work import Batch, Link, Watch
from .base import SILENCE_SECONDS, Event, EventKind, Lost
from .local import LocalEngine, Metronome

T = TypeVar("T")
R = TypeVar("R")

_GRACE_SECONDS = 10.0
"""How long units may take to give up. Threads cannot be killed: those that go on are left behind,
and end with the process."""
_AT_ONCE = 3
"""Of what mostly waits for a server, so many at once: it has others to serve as well."""


class InProcess(LocalEngine):
    """Threads of this process: at once at work, but what kills one unit kills all.

    A thread cannot be ended by force: one that hangs is left behind, and ends with the process.

    Args:
        workers: how many units are at work at once; one a core if absent.
        silence_seconds: how long a unit may give no sign of life.
        stop: set when units are told to give up, for what does not ask its link, and cleared when
            none of them is at work any more.
    """

    def __init__(
        self,
        workers: int | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        stop: threading.Event | None = None,
    ) -> None:
        super().__init__(workers, silence_seconds)
        self._stop_all = stop
        self._told: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._units: dict[int, tuple[threading.Thread, _ThreadLink]] = {}

    def _start(
        self, key: int, function: Callable[[T, Link], R], item: T, memory_bytes: int
    ) -> None:
        link = _ThreadLink(key, self._told)
        thread = threading.Thread(
            target=self._carry_out, args=(key, function, item, link), daemon=True, name="prep-unit"
        )
        self._units[key] = thread, link
        thread.start()

    def _carry_out(
        self, key: int, function: Callable[[T, Link], R], item: T, link: "_ThreadLink"
    ) -> None:
        link.has_begun = True
        if link.stopped.is_set():  # nobody waits for it any more
            return
        try:
            event = Event(key, EventKind.RESULT, function(item, link))
        except BaseException as error:  # raised again by the driver
            event = Event(key, EventKind.RAISED, error)
        self._told.put(event)

    def _events(self, timeout_seconds: float) -> Iterator[Event]:
        with contextlib.suppress(queue.Empty):
            event = self._told.get(timeout=timeout_seconds)
            while True:
                if event.ends_unit:
                    self._units.pop(event.key, None)
                yield event
                event = self._told.get_nowait()

    def _kill(self, key: int, why: str) -> None:
        _, link = self._units.pop(key)
        link.stopped.set()  # should it ever come back
        self._told.put(Event(key, EventKind.DIED, why))

    def _stop(self) -> None:
        if self._stop_all is not None and self._units:
            self._stop_all.set()
        for _, link in self._units.values():
            link.stopped.set()
        # One that Ctrl-C met while it was being started cannot be joined, and gives up by itself.
        begun = [thread for thread, link in self._units.values() if link.has_begun]
        deadline = time.monotonic() + _GRACE_SECONDS
        for thread in begun:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._stop_all is not None and not any(thread.is_alive() for thread in begun):
            self._stop_all.clear()
        self._units.clear()

    def close(self) -> None:
        """Do nothing: threads end with their units."""


def in_threads(
    act: Callable[[T], R], items: Sequence[T], noun: str, stop: threading.Event, watch: Watch
) -> list[R]:
    """Return what a function that waits for a server makes of items, in their order.

    What it raises is raised. Threads, for the session with a server cannot be shared with other
    processes.

    Args:
        act: the function.
        items: in any number; of a few at once.
        noun: what they are, in the plural.
        stop: as `InProcess` sets it.
        watch: told how it goes on.
    """
    engine = InProcess(_AT_ONCE, math.inf, stop)
    watch.batch_started(Batch(len(items), len(items), noun, ""))
    places = range(len(items))
    done: dict[int, R] = {}
    with contextlib.closing(engine.run(lambda place, _: act(items[place]), places)) as results:
        for place, result in results:
            if not isinstance(result, Lost):  # which no thread is
                done[place] = result
            watch.item_done(str(place), 1)
    return [done[place] for place in places]


class _ThreadLink(Link):
    def __init__(self, key: int, told: "queue.SimpleQueue[Event]") -> None:
        self._key, self._told = key, told
        self.stopped = threading.Event()
        self.has_begun = False
        self._sign = Metronome()

    def tell(self, message: Any) -> None:
        self._told.put(Event(self._key, EventKind.MESSAGE, message))

    def is_stopped(self) -> bool:
        if self._sign.is_due():
            self._told.put(Event(self._key, EventKind.SIGN_OF_LIFE))
        return self.stopped.is_set()
