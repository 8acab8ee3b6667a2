"""One connection of a client: its requests are read, noted, answered, or broken on purpose."""

import contextlib
import functools
import socket
import struct
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from . import views_accounts, views_data, views_jobs, views_tasks  # noqa: F401
from .faults import Fault, Kind
from .messages import Answer, Refusal, Request, server_error
from .routing import handle
from .uploads import ServerDiesError

STEPS = ("Upload-Start", "Upload-Multiple", "Upload-Finish", "Upload-Length", "Upload-Offset")
LINGER_SECONDS = 5
PROXY_TEXTS = {
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


@dataclass
class Logged:
    """One request as it came in, in ``stand_in.requests``."""

    number: int
    method: str
    path: str
    query: dict[str, str]
    step: str  # the header that says which step of an upload it is, or ""
    user_agent: str
    body_size: int = 0  # bytes
    files: list[str] = field(default_factory=list)
    status: int | None = None  # None: no answer was sent
    fault: Kind | None = None


class CutError(Exception):
    """The connection is to be broken."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "nginx"
    sys_version = ""
    disable_nagle_algorithm = True
    stand_in: Any

    def setup(self) -> None:
        super().setup()
        self.stand_in = self.server.stand_in
        self.stand_in.connections.add(self.connection)

    def finish(self) -> None:
        self.stand_in.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, *_) -> None:
        """Keep quiet."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        step = next((step for step in STEPS if step in self.headers), "")
        agent = self.headers.get("User-Agent", "")
        logged = Logged(0, self.command, url.path, query, step, agent)
        self.stand_in.log(logged)
        self.stand_in.faults.catch_up()
        fault = self.stand_in.faults.take(Fault, logged)
        logged.fault = fault and fault.kind
        try:
            self._answer(logged, fault)
        except CutError:
            self._break()
        except OSError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def _answer(self, logged: Logged, fault: Fault | None) -> None:
        kind = fault and fault.kind
        length = int(self.headers.get("Content-Length", 0))
        if kind is Kind.CUT_REQUEST:
            self._read(length // 2)
            raise CutError
        if length > self.stand_in.max_request_size:
            logged.body_size = length
            self._refuse_at_once(logged, length)
            return
        body = self._read_body(length)
        logged.body_size = len(body)
        if kind is Kind.HANG:
            self._wait()
        if kind is Kind.REFUSE:
            self._send(logged, _proxy_answer(fault.status, fault.retry_after))
            return
        request = self._request(logged, body, crashes=kind is Kind.CRASH)
        if kind is Kind.REFUSE_THEN_DO:
            late = functools.partial(self._work, logged, request)
            self.stand_in.faults.postpone(fault.after, late)
            self._send(logged, _proxy_answer(fault.status, fault.retry_after))
            return
        answer = self._work(logged, request)
        if kind in {Kind.CRASH, Kind.DO_THEN_REFUSE}:
            answer = _proxy_answer(fault.status, fault.retry_after)
        if kind is Kind.SILENT:
            self._wait()
        if kind is Kind.CUT_ANSWER:
            raise CutError
        if kind is Kind.LATE:
            self.stand_in.closed.wait(fault.seconds)
        self._send(logged, answer, midway=kind is Kind.CUT_MIDWAY)

    def _wait(self) -> None:
        self.stand_in.closed.wait()
        raise CutError

    def _refuse_at_once(self, logged: Logged, length: int) -> None:
        """As nginx does: answer, read on for a while so that the client sees it, close."""
        self.close_connection = True
        self._send(logged, _proxy_answer(413))
        self.connection.settimeout(LINGER_SECONDS)
        while length > 0 and (piece := self.rfile.read(min(length, 2**16))):
            length -= len(piece)

    def _read_body(self, length: int) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self._read(length)
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self._read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _read(self, length: int) -> bytes:
        content = self.rfile.read(length)
        if len(content) < length:
            raise CutError
        return content

    def _request(self, logged: Logged, body: bytes, *, crashes: bool) -> Request:
        host = f"http://{self.headers.get('Host', '')}"
        return Request(
            self.command, logged.path, logged.query, self.headers, body, host=host, crashes=crashes
        )

    def _work(self, logged: Logged, request: Request) -> Answer:
        try:
            if logged.step in {"Upload-Multiple", "Upload-Finish"}:
                logged.files = [name for name, _ in request.form()[1]]
            elif request.crashes:  # what a transaction began is undone
                return Answer(502)
            return handle(self.stand_in, request)
        except Refusal as refusal:
            return refusal.answer
        except ServerDiesError:
            return Answer(502)
        except Exception as bug:
            self.stand_in.bugs.append(bug)
            return server_error().answer

    def _send(self, logged: Logged, answer: Answer, *, midway: bool = False) -> None:
        content = answer.content()
        logged.status = answer.status
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        for cookie in answer.cookies:
            self.send_header("Set-Cookie", cookie)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if midway:
            self.wfile.write(content[: len(content) // 2])
            raise CutError
        if self.command != "HEAD":
            self.wfile.write(content)

    def _break(self) -> None:
        """Reset the connection, so that the client sees it break and not end."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            reset = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            self.connection.close()


def _proxy_answer(status: int, retry_after: str | None = None) -> Answer:
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    if status == 429:
        told = f"Request was throttled. Expected available in {retry_after or 60} seconds."
        return Answer(429, {"detail": told}, headers)
    text = f"{status} {PROXY_TEXTS.get(status, '')}".strip()
    page = (
        f"<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n<center><h1>{text}</h1>"
        "</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, page.encode(), {"Content-Type": "text/html", **headers})
