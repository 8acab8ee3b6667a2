"""What the engines of one machine share: how much it can carry, and signs of life."""

import time

from ..base.machine import count_cores, memory_bytes
from .base import SILENCE_SECONDS, Engine

_SIGN_SECONDS = 1.0


class LocalEngine(Engine):
    """What the engines of one machine share: a number of workers, and half of the memory."""

    def __init__(
        self, workers: int | None = None, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        super().__init__(silence_seconds)
        self._workers = workers or count_cores()
        self._memory_bytes = memory_bytes() // 2

    @property
    def workers(self) -> int:
        """How many units are at work at once."""
        return self._workers

    @property
    def cores_each(self) -> int:
        """How many cores there are for each of them."""
        return max(1, count_cores() // self._workers)

    def _has_place(self, running: int) -> bool:
        return running < self._workers

    def _has_memory(self, used_bytes: int, needed_bytes: int) -> bool:
        return used_bytes + needed_bytes <= self._memory_bytes


class Metronome:
    """Says now and then that it is time."""

    def __init__(self) -> None:
        self._next = 0.0

    def is_due(self) -> bool:
        """Whether the next sign is due; it is taken as given then."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _SIGN_SECONDS
        return True
