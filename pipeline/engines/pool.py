"""An engine of one machine: a pool of processes. Owner of multiprocessing."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing import connection, forkserver, resource_tracker
from typing import Any, TypeVar

from ..base.errors import UsageError, printable
from ..base.machine import die_with_parent, has_one_thread, let_go_of_files
from ..base.work import Link
from .base import SILENCE_SECONDS, Event, EventKind
from .local import LocalEngine, Metronome
from .parcels import carry_out, pack, unpack

T = TypeVar("T")
R = TypeVar("R")

_GRACE_SECONDS = 2.0
"""How long units may take to give up before their worker is killed."""

_INTERRUPTING = (signal.SIGINT, signal.SIGTERM)
_NO_UNIT = -1
_CANNOT_BEGIN = "Worker processes cannot begin: {}. Threads need none: use the engine 'threads'."


class Pool(LocalEngine):
    """A pool of processes: what kills or blocks one of them costs the unit that it was at.

    Workers are forked off this process, which takes a hundredth of a second, as long as it has one
    thread: a copy of a process with several may find locks held for ever. Else a server that was
    started for it forks them.

    Args:
        workers: how many units are at work at once; one a core if absent.
        silence_seconds: how long a unit may give no sign of life.
        preload: modules that workers of such a server find loaded. They are loaded while the caller
            goes on.
    """

    def __init__(
        self,
        workers: int | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        preload: Sequence[str] = (),
    ) -> None:
        super().__init__(workers, silence_seconds)
        self._preload = preload
        self._server: multiprocessing.context.ForkServerContext | None = None
        if not has_one_thread():
            self._begin_server()
        self._idle: list[_Worker] = []
        self._busy: dict[int, _Worker] = {}

    def _start(
        self, key: int, function: Callable[[T, Link], R], item: T, memory_bytes: int
    ) -> None:
        work = pack(function, "the function"), pack(item, f"an item of type {type(item).__name__}")
        worker = self._idle.pop() if self._idle else self._begin_worker()
        self._busy[key] = worker
        with contextlib.suppress(OSError):  # it died while it was idle; its end is read as such
            worker.connection.send_bytes(pickle.dumps((key, *work)))

    def _begin_worker(self) -> "_Worker":
        if has_one_thread():
            others = [worker.connection for worker in (*self._idle, *self._busy.values())]
            return _Worker(multiprocessing.get_context("fork"), others)
        return _Worker(self._server or self._begin_server())

    def _begin_server(self) -> multiprocessing.context.ForkServerContext:
        """Start the process that forks workers.

        Raises:
            UsageError: it cannot begin.
        """
        self._server = multiprocessing.get_context("forkserver")
        self._server.set_forkserver_preload([__name__, *self._preload])
        # Ctrl-C is for the driver alone. The server ignores it, but only once it has begun. The
        # tracker must be there before, for to start it lifts the block again.
        resource_tracker.ensure_running()
        try:
            with _no_signals():
                forkserver.ensure_running()
        except OSError as error:  # mostly: its socket would have too long a path
            raise UsageError(
                f"Worker processes cannot begin: {printable(error)}. They meet in the folder for "
                f"temporary files, {printable(tempfile.gettempdir())}: name another, with a short "
                "path, in TMPDIR."
            ) from error
        return self._server

    def _events(self, timeout_seconds: float) -> Iterator[Event]:
        key_of = {worker.connection: key for key, worker in self._busy.items()}
        for ready in connection.wait(list(key_of), timeout_seconds):
            key = key_of[ready]  # type: ignore[index]
            worker = self._busy[key]
            try:
                while worker.connection.poll():
                    event = Event(*unpack(worker.connection.recv_bytes()))
                    worker.has_begun = True
                    if event.ends_unit:
                        self._idle.append(self._busy.pop(key))
                    yield replace(event, value=unpack(event.value))
                    if key not in self._busy:
                        break
            except (EOFError, OSError):
                del self._busy[key]
                end = worker.describe_end()
                if worker.has_begun:
                    yield Event(key, EventKind.DIED, end)
                else:
                    yield Event(key, EventKind.RAISED, UsageError(_CANNOT_BEGIN.format(end)))

    def _kill(self, key: int, why: str) -> None:
        self._busy[key].kill(why)

    def _stop(self) -> None:
        for worker in self._busy.values():
            with contextlib.suppress(OSError):
                worker.connection.send_bytes(b"")
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._busy and time.monotonic() < deadline:
            for _ in self._events(deadline - time.monotonic()):
                pass
        for worker in self._busy.values():
            worker.kill("it did not give up")
        for worker in self._busy.values():
            worker.describe_end()
        self._busy.clear()

    def close(self) -> None:
        """End all workers."""
        self._stop()
        for worker in self._idle:
            worker.kill("it is no longer needed")  # and has nothing that it could lose
        for worker in self._idle:
            worker.describe_end()
        self._idle.clear()


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """Keep multiprocessing from running the caller's script anew in each worker.

    Units are functions of prep, so workers need nothing of the script, which then needs no guard
    (``if __name__ == "__main__"``), and may as well come from stdin.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    """Keep the signals that interrupt prep from what is started, until it sees to them itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """A process that carries out one unit after another.

    Args:
        context: how it begins.
        others: the connections to other workers, of which a fork has copies.
    """

    def __init__(
        self,
        context: multiprocessing.context.ForkContext | multiprocessing.context.ForkServerContext,
        others: Sequence["connection.Connection[Any, Any]"] = (),
    ) -> None:
        self.connection, far_end = context.Pipe()
        is_fork = context.get_start_method() == "fork"
        copies = (self.connection, *others) if is_fork else ()
        self.process = context.Process(
            target=_serve, args=(far_end, copies), daemon=True, name="prep-worker"
        )
        try:
            with _no_main_module(), _no_signals():
                self.process.start()
        except AssertionError as error:  # only the text tells: a daemon may have no children
            raise UsageError(_CANNOT_BEGIN.format(error)) from error
        far_end.close()
        self.has_begun = False
        self._why: str | None = None

    def kill(self, why: str) -> None:
        """End it by force."""
        self._why = self._why or why
        self.process.kill()

    def describe_end(self) -> str:
        """Return in words how it ended."""
        self.process.join()
        self.connection.close()
        code = self.process.exitcode or 0
        if self._why:
            return self._why
        if code >= 0:
            return f"the worker process ended (exit code {code})"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (most likely memory ran out)" if -code == signal.SIGKILL else ""
        return f"the worker process was killed by {name}{hint}"


def _serve(
    near_end: "connection.Connection[Any, Any]",
    copies: Sequence["connection.Connection[Any, Any]"],
) -> None:
    """Carry out what comes through a connection until it is closed; the life of a worker.

    Args:
        near_end: the connection.
        copies: the ends that are the driver's. Where this process is a fork of it, they would keep
            a connection open that the driver has closed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the driver decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTING)
    die_with_parent()  # which is the driver, or the server that forks
    if copies:
        for copy in copies:
            copy.close()
        let_go_of_files()
    threading.Thread(target=_die_with_driver, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):  # the driver is gone
        _PipeLink(_NO_UNIT, near_end).is_stopped()  # a sign that it has begun
        while True:
            task = near_end.recv_bytes()
            if not task:  # told to give up what was done already
                continue
            key, function, item = unpack(task)
            link = _PipeLink(key, near_end)
            link.send(*carry_out(function, item, link))


def _die_with_driver() -> None:
    """Wait for the driver to end, and end this process with it, whatever it is at."""
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
        os.kill(os.getpid(), signal.SIGKILL)


class _PipeLink(Link):
    def __init__(self, key: int, near_end: "connection.Connection[Any, Any]") -> None:
        self._key, self._connection = key, near_end
        self._lock = threading.Lock()
        self._sign = Metronome()
        self._is_stopped = False

    def tell(self, message: Any) -> None:
        self.send(EventKind.MESSAGE, pack(message, f"a message of type {type(message).__name__}"))

    def is_stopped(self) -> bool:
        if self._sign.is_due():
            self.send(EventKind.SIGN_OF_LIFE, pickle.dumps(None))
        with self._lock:
            if not self._is_stopped and self._connection.poll():
                self._is_stopped = True
        return self._is_stopped

    def send(self, kind: EventKind, value: bytes) -> None:
        data = pickle.dumps((self._key, kind, value))
        with self._lock:
            self._connection.send_bytes(data)
