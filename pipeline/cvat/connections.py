"""Connections that are broken when a person stops a run, however long the server keeps silent."""

import contextlib
import socket
import threading
import weakref
from typing import Any


class Breaker:
    """Breaks the open connections of a pool once it is told to stop.

    A thread that waits for an answer cannot look whether to stop; its connection must end.
    """

    def __init__(self, pool_manager: Any, stopped: threading.Event, look_seconds: float) -> None:
        self._connections: weakref.WeakSet[Any] = weakref.WeakSet()
        self._stopped, self._closed = stopped, threading.Event()
        self._look_seconds = look_seconds
        pool_manager.pool_classes_by_scheme = _pools(self._connections)
        threading.Thread(target=self._watch, daemon=True, name="prep-breaker").start()

    def close(self) -> None:
        """Watch no longer."""
        self._closed.set()

    def _watch(self) -> None:
        was_stopped = False
        while not self._closed.wait(self._look_seconds):
            is_stopped = self._stopped.is_set()
            # Once only: what is opened later is to log out.
            for connection in list(self._connections) if is_stopped and not was_stopped else ():
                with contextlib.suppress(OSError, AttributeError):  # it ends by itself just now
                    connection.sock.shutdown(socket.SHUT_RDWR)
            was_stopped = is_stopped


def _pools(known: "weakref.WeakSet[Any]") -> dict[str, type]:
    """Return the classes of urllib3's pools, whose connections make themselves known."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            known.add(self)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            known.add(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
