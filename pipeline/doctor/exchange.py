"""What prep says to CVAT, said for once to this process: logging in, and sending images.

A listener on this machine's own address gives one fixed answer to each request and keeps what it
got. It knows nothing of CVAT; whether a server takes what is sent, only a server can say.
"""

import importlib.metadata
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..base.errors import CvatUnreachableError
from ..settings.cvat import CvatSettings
from .check import WrongResultError, expect

_TIMEOUT_SECONDS = 10
_USER, _PASSWORD, _TOKEN = "prep", "a password", "a-token"
_COOKIES = ("sessionid=a-session", "csrftoken=a-cookie")
_DATA, _FILE = "/api/tasks/1/data/", "/api/tasks/1/data/a-file"

_FRAMES = {"image_quality": 70}


@dataclass(frozen=True)
class _Answer:
    """An answer: headers, each a name and a value, and what becomes JSON."""

    content: Any = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class _Got:
    """What came: for each method and path the headers, and the body, of the last request."""

    headers: dict[str, Mapping[str, str]] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)


def upload_to_listener(images: Sequence[Path], crc32: Sequence[int]) -> None:
    """Log in, send the images of one folder as an upload does, and look at what came.

    Raises:
        WrongResultError: something else came.
        CvatError: an answer was not understood.
    """
    from ..cvat.archive import Archive
    from ..cvat.connect import connect
    from ..cvat.login import Credentials
    from ..cvat.server import CvatServer

    archive = Archive(images[0].parent, [image.name for image in images], crc32)
    size_bytes = archive.size_bytes
    answers = {
        "GET /api/server/about": _Answer({"version": importlib.metadata.version("cvat-sdk")}),
        "POST /api/auth/login": _Answer({}, tuple(("Set-Cookie", cookie) for cookie in _COOKIES)),
        "POST /api/auth/logout": _Answer({}),
        "GET /api/users/self": _Answer({"username": _USER}),
        "GET /api/auth/access_tokens/self": _Answer({"read_only": True}),
        f"POST {_DATA}": _Answer({"rq_id": "a-request"}, (("Location", _FILE),)),
        f"PATCH {_FILE}": _Answer(None, (("Upload-Offset", str(size_bytes)),)),
    }
    with _listener(answers) as (port, got):
        settings = CvatSettings(host=f"http://127.0.0.1:{port}", timeout_seconds=_TIMEOUT_SECONDS)
        with closing(connect(settings, Credentials(token=_TOKEN))) as session:
            expect("token that may only read", session.is_read_only, True)
            sent = got.headers["GET /api/auth/access_tokens/self"]
            expect("the token sent", sent.get("Authorization"), f"Bearer {_TOKEN}")
        with closing(connect(settings, Credentials(user=_USER, password=_PASSWORD))) as session:
            expect("the user", (session.user, session.notices), (_USER, ()))
            request_id = CvatServer(session).send_archive(
                1, archive, "clip.zip", _FRAMES, size_bytes, lambda count: None
            )
        expect("the request that makes the frames", request_id, "a-request")
        _check_upload(got, images)
        _refuse_what_speaks_no_tls(port)


def _check_upload(got: _Got, images: Sequence[Path]) -> None:
    login = json.loads(got.bodies["POST /api/auth/login"])
    expect("the log-in", login, {"username": _USER, "password": _PASSWORD})
    sent = got.headers[f"PATCH {_FILE}"]
    cookies = {part.strip() for part in (sent.get("Cookie") or "").split(";")}
    expect("the cookies sent", cookies, set(_COOKIES))
    expect("the token against forged requests", sent.get("X-CSRFToken"), "a-cookie")
    expect("what the frames shall be", json.loads(got.bodies[f"POST {_DATA}"]), _FRAMES)
    with zipfile.ZipFile(io.BytesIO(got.bodies[f"PATCH {_FILE}"])) as archive:
        expect("files in the zip", archive.namelist(), [image.name for image in images])
        for image in images:
            if archive.read(image.name) != image.read_bytes():
                raise WrongResultError(f"{image.name} is another file in the zip")


def _refuse_what_speaks_no_tls(port: int) -> None:
    from ..cvat.connect import connect
    from ..cvat.login import Credentials

    settings = CvatSettings(host=f"https://127.0.0.1:{port}", timeout_seconds=_TIMEOUT_SECONDS)
    try:
        connect(settings, Credentials(token=_TOKEN)).close()
    except CvatUnreachableError as error:
        expect("TLS was tried", "TLS failed" in str(error), True)
    else:
        raise WrongResultError("a server without TLS was taken for one with")


@contextmanager
def _listener(answers: Mapping[str, _Answer]) -> Iterator[tuple[int, _Got]]:
    """Listen on a free port of this machine's own address; give it, and what comes."""
    got = _Got()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            request = f"{self.command} {self.path}"
            got.headers[request] = dict(self.headers)
            got.bodies[request] = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = answers.get(request)
            content = (
                b""
                if answer is None or answer.content is None
                else (json.dumps(answer.content).encode())
            )
            self.send_response(404 if answer is None else 200)
            for name, value in () if answer is None else answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            """Say nothing: what matters is in the check."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True, name="prep-listener").start()
        try:
            yield server.server_port, got
        finally:
            server.shutdown()
