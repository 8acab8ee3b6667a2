"""What the engine on Ray sends to the cluster: what runs in its workers, and beside the driver.

Ray sends what `mailbox_class` and `task_function` return as it is, not by name, so that it also
runs where there is no prep, or another one.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ..base.work import Link
from .base import EventKind
from .parcels import carry_out, pack

_EXCHANGE_SECONDS = 1.0

Answer = tuple[int, list[bytes], EventKind, bytes]
"""What a task gives back: how many messages it sent, those that it did not, the end, its value."""


def mailbox_class() -> type:
    """Return the class of the actor that is beside the driver."""

    class Mailbox:
        """Where units leave what they tell, and learn that they are to stop."""

        def __init__(self) -> None:
            self.told: list[tuple[int, str, list[bytes]]] = []
            self.last_stopped = -1

        def put(self, key: int, node: str, messages: list[bytes]) -> bool:
            self.told.append((key, node, messages))
            return key <= self.last_stopped

        def take(self) -> list[tuple[int, str, list[bytes]]]:
            told, self.told = self.told, []
            return told

        def stop(self, last_key: int) -> None:
            self.last_stopped = last_key

    return Mailbox


def task_function() -> Callable[..., Any]:
    """Return the function that Ray calls for each unit; it checks the version of prep first."""

    def carry_out_unit(version: str, *unit: Any) -> Any:
        try:
            from .. import __version__ as found
        except ImportError:
            found = "none"
        if found != version:
            import socket

            return (
                f"Node {socket.gethostname()} of the Ray cluster has another video-prep ({found}) "
                f"than this machine ({version}). Install the same version on all nodes."
            )
        from .ray_worker import carry_out_here

        return carry_out_here(*unit)

    return carry_out_unit


def carry_out_here(key: int, function: bytes, item: bytes, mailbox: Any) -> Answer:
    """Carry out a unit in this process, a worker of Ray."""
    sys.stdout.flush()
    os.dup2(2, 1)  # what is printed reaches the driver's stderr; its stdout is for results
    link = _MailboxLink(key, mailbox)
    kind, value = carry_out(function, item, link)
    return link.close(kind, value)


class _MailboxLink(Link):
    """Tells at once that the unit has begun, and then all that is to be told, once a second."""

    def __init__(self, key: int, mailbox: Any) -> None:
        import ray

        self._key, self._mailbox = key, mailbox
        self._node = ray.get_runtime_context().get_node_id()
        self._lock = threading.Lock()
        self._messages: list[bytes] = []
        self._sent = 0
        self._is_stopped = False
        mailbox.put.remote(key, self._node, [])
        self._next_exchange = time.monotonic() + _EXCHANGE_SECONDS

    def tell(self, message: Any) -> None:
        parcel = pack(message, f"a message of type {type(message).__name__}")
        with self._lock:
            self._messages.append(parcel)
            self._exchange()

    def is_stopped(self) -> bool:
        with self._lock:
            self._exchange()
            return self._is_stopped

    def close(self, kind: EventKind, value: bytes) -> Answer:
        with self._lock:
            return self._sent, self._messages, kind, value

    def _exchange(self) -> None:
        if time.monotonic() < self._next_exchange:
            return
        # Awaited, so that all is in order, and is there before the result. Not by `ray.get`: while
        # that waits, Ray takes the core for free and begins another unit on it.
        exchanged = self._mailbox.put.remote(self._key, self._node, self._messages)
        self._is_stopped = exchanged.future().result()
        self._sent += len(self._messages)
        self._messages = []
        self._next_exchange = time.monotonic() + _EXCHANGE_SECONDS
