"""The stand-in itself: it listens, and goes away when asked to."""

import contextlib
import shutil
import socket
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

from .accounts import Accounts
from .chunks import Chunks
from .connection import Handler, Logged
from .faults import Faults
from .state import Bucket, State, User
from .uploads import Uploads
from .worker import Worker


class StandIn:
    """A CVAT server for tests, on a free port of this machine.

    Use it in a ``with``; ``url`` is its address. The user ``admin`` (password ``secret``) is there.

    Args:
        version: the version that it says it has.
        max_request_size: bytes; longer requests are refused with 413, as by the nginx that is part
            of CVAT, and by other reverse proxies with smaller limits.
        max_file_size: bytes of a file that is sent by TUS.
        polls: see ``Worker``.
        chunk_seconds: how long it takes to make a chunk ready, of which an original image is read
            for the first time; on a real server about 0.475 s.

    Attributes:
        faults: what is to go wrong.
        requests: all requests so far, in the order they came.
        accounts: users, tokens and organizations can be added here.
        worker: makes the tasks.
        state: all objects of the server.
        share: the folder that ``server_files`` are in.
        chunks: those that were made ready.
        bugs: of the stand-in itself; leaving the ``with`` raises the first.
    """

    def __init__(
        self,
        *,
        version: str = "2.54.1",
        max_request_size: int = 2**30,
        max_file_size: int = 26843545600,
        polls: tuple[int, int] = (0, 1),
        chunk_seconds: float = 0.002,
    ):
        self.version = version
        self.max_request_size = max_request_size
        self.folder = Path(tempfile.mkdtemp(prefix="cvat-stand-in-"))
        self.share = self.folder / "share"
        self.share.mkdir()
        self.chunks = Chunks(chunk_seconds)
        self.faults = Faults()
        self.requests: list[Logged] = []
        self.state = State(self.folder)
        self.accounts = Accounts(self.state)
        self.worker = Worker(self.state, self.faults, self.share, polls)
        self.uploads = Uploads(self.state, max_file_size, self.worker)
        self.admin = self.accounts.add_user("admin", "secret", "admin")
        self.bugs: list[Exception] = []
        self.closed = threading.Event()
        self.connections: set[socket.socket] = set()
        self._log_lock = threading.Lock()
        self._listen(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_bucket(self, folder: Path, name: str = "bucket", owner: User | None = None) -> Bucket:
        """Register a folder as a cloud storage."""
        bucket = Bucket(self.state.new_id("bucket"), name, folder, owner or self.admin)
        self.state.buckets[bucket.id] = bucket
        return bucket

    def restart(self, seconds: float = 0.0) -> None:
        """Go away for a moment. All unfinished work is lost: TUS files, requests, connections."""
        self._stop_listening()
        self.uploads.tus.clear()
        self.worker.forget()
        time.sleep(seconds)
        self._listen(self.port)

    def close(self) -> None:
        """Stop, and forget everything."""
        self.closed.set()
        self._stop_listening()
        self.worker.forget()
        self.worker.running.set()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, kind, *_) -> None:
        self.close()
        if self.bugs and kind is None:
            raise self.bugs[0]

    def log(self, request: Logged) -> None:
        """Number a request and note it."""
        with self._log_lock:
            request.number = len(self.requests)
            self.requests.append(request)

    def _listen(self, port: int) -> None:
        self._http = _Server(("127.0.0.1", port), Handler)
        self._http.stand_in = self
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def _stop_listening(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    stand_in: StandIn

    def handle_error(self, *_) -> None:
        """Keep quiet: clients that go away, and connections cut on purpose, are expected."""
