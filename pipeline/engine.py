"""Carry out a function for many items at once, within a budget of cores and memory.

Knows nothing of videos: ``(function, items) → (item, result)`` as they come.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class MemoryBudget:
    """Lets work begin only while the memory it declares fits; one piece always may."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def reserve(self, size_bytes: int) -> Iterator[None]:
        """Wait until ``size_bytes`` fit, and hold them."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._used_bytes == 0 or self._used_bytes + size_bytes <= self._limit_bytes
            )
            self._used_bytes += size_bytes
        try:
            yield
        finally:
            with self._changed:
                self._used_bytes -= size_bytes
                self._changed.notify_all()


def run(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, stop: threading.Event
) -> Generator[tuple[T, R], None, None]:
    """Yield each item with its result as it completes; an exception of ``function`` is raised.

    The work is done in threads: it is ffmpeg's, in processes of its own. However the iteration
    ends, ``stop`` is set first where it ends early, and all threads are awaited, so that no work
    goes on behind the caller's back.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="prep") as pool:
        pending: dict[Future[R], T] = {}
        try:
            while True:
                for item in islice(remaining, 2 * workers - len(pending)):
                    pending[pool.submit(function, item)] = item
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield pending.pop(future), future.result()
        except BaseException:
            stop.set()
            for future in pending:
                future.cancel()
            raise


def run_in_order(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, stop: threading.Event
) -> Generator[R, None, None]:
    """Yield the result of each item in the order of the items; an exception of it is raised.

    The work is done in threads, ahead of the caller by two results a worker at most. However the
    iteration ends, ``stop`` is set first where it ends early, and all threads are awaited.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="prep") as pool:
        pending: deque[Future[R]] = deque()
        try:
            while True:
                for item in islice(remaining, 2 * workers - len(pending)):
                    pending.append(pool.submit(function, item))
                if not pending:
                    return
                yield pending.popleft().result()
        except BaseException:
            stop.set()
            for future in pending:
                future.cancel()
            raise


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the memory of this machine, or of the container it runs in."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # "max", or no control groups here
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total
