"""Send a file to CVAT in pieces, by the protocol tus (https://tus.io).

Each piece is proven by the offset that the server has reached, so it may be sent again.
"""

import base64
from collections.abc import Callable, Iterator

from ..base.errors import CvatError, CvatRefusedError, CvatUncertainError, CvatUnreachableError
from .archive import Archive
from .failures import AGAIN, LATER
from .session import Session

_TUS = {"Tus-Resumable": "1.0.0"}
_TRIES = 4
"""How often a piece of an archive is sent, before all of it is begun anew."""
_LEAST_PIECE_BYTES = 2**20


class Transfer:
    """Sends files into the data of a task."""

    def __init__(self, session: Session, task_id: int) -> None:
        self._session, self._data = session, f"tasks/{task_id}/data/"

    def send(
        self,
        archive: Archive,
        name: str,
        request_bytes: int,
        on_bytes: Callable[[int], None],
    ) -> None:
        """Send a file; see `cvat.server.CvatServer.send_archive`."""
        sent = _Counter(on_bytes)
        try:
            self._send(archive, name, request_bytes, sent)
        except CvatError:
            sent.back_to(0)  # all of it is sent again, or never
            raise

    def _send(self, archive: Archive, name: str, request_bytes: int, sent: "_Counter") -> None:
        size_bytes = archive.size_bytes
        created = self._session.request(
            "POST",
            self._data,
            headers={
                **_TUS,
                # CVAT tells the file's address by it where no proxy says X-Forwarded-Host, and
                # fails (500) without both.
                "Origin": self._session.origin,
                "Upload-Length": str(size_bytes),
                "Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()}",
            },
        )
        # Only its end counts: behind a proxy the address may be one that exists only there.
        file_id = created.headers["Location"].rstrip("/").rpartition("/")[2]
        path = f"{self._data}{file_id}"
        offset, tries = 0, 0
        while offset < size_bytes:
            sent.back_to(offset)
            stream = _Stream(archive.read(offset), sent.add)
            try:
                while offset < size_bytes:
                    length = min(request_bytes, size_bytes - offset)
                    offset = self._send_piece(path, stream, offset, length)
                    tries = 0
            except (CvatUncertainError, CvatUnreachableError):
                tries += 1
                if tries == _TRIES:
                    raise
                self._session.pause(self._session.waits.piece_seconds * tries)
                offset = self._offset(path)
            except _TooLargeError as error:
                if request_bytes <= _LEAST_PIECE_BYTES:
                    raise error.refusal from None
            request_bytes = max(request_bytes // 4, _LEAST_PIECE_BYTES)

    def _send_piece(self, path: str, stream: "_Stream", offset: int, length: int) -> int:
        """Send a piece and return the offset after it, which the server must have reached."""
        response = self._session.send_stream(
            "PATCH",
            path,
            stream.take(length),
            {
                **_TUS,
                "Content-Type": "application/offset+octet-stream",
                "Content-Length": str(length),
                "Upload-Offset": str(offset),
            },
            frozenset((409, 413, 429)),
        )
        if response.status == 413:
            raise _TooLargeError(path)
        if response.status == 429:
            raise CvatUncertainError("CVAT is too busy (429)", LATER, 429)
        end = offset + length
        if response.status == 409 or response.headers.get("Upload-Offset") != str(end):
            raise CvatUncertainError("the server is not where it should be in the file", AGAIN)
        return end

    def _offset(self, path: str) -> int:
        # CVAT fails (500) when asked for a file that it has wholly, or lost.
        answer = self._session.request("HEAD", path, headers=_TUS, accept=frozenset((404, 500)))
        told = answer.headers.get("Upload-Offset", "")
        if not told.isdigit():
            raise CvatUncertainError("the server does not know the file any more", AGAIN)
        return int(told)


class _TooLargeError(Exception):
    """The server takes no requests that large."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.refusal = CvatRefusedError(
            "CVAT, or a proxy before it, refuses even requests of 1 MiB (413)",
            "Raise the limit of the proxy (nginx: client_max_body_size).",
        )


class _Counter:
    """Tells how many bytes were sent, and takes back those that must be sent again."""

    def __init__(self, on_bytes: Callable[[int], None]) -> None:
        self._on_bytes, self._sum = on_bytes, 0

    def add(self, size_bytes: int) -> None:
        self._sum += size_bytes
        self._on_bytes(size_bytes)

    def back_to(self, offset: int) -> None:
        if offset != self._sum:
            self.add(offset - self._sum)


class _Stream:
    """A stream of bytes, cut into pieces of a given length."""

    def __init__(self, source: Iterator[bytes], on_bytes: Callable[[int], None]) -> None:
        self._source, self._on_bytes = source, on_bytes
        self._rest = b""

    def take(self, length: int) -> Iterator[bytes]:
        """Yield the next ``length`` bytes."""
        while length > 0:
            piece = self._rest or next(self._source)
            piece, self._rest = piece[:length], piece[length:]
            length -= len(piece)
            self._on_bytes(len(piece))
            yield piece
