"""One HTTP exchange as the API sees it: the request, the answer, the refusal."""

import html
import json
import re
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

JSON = "application/vnd.cvat+json"


@dataclass
class Request:
    """A request whose body has been read to its end."""

    method: str
    path: str
    query: dict[str, str]
    headers: Any  # email.message.Message: case-insensitive
    body: bytes = b""
    user: Any = None  # set once the credentials are checked
    organization: Any = None  # None: no context; False: the personal workspace
    host: str = ""
    crashes: bool = False  # the server dies in the middle of the work
    _form: Any = None

    def json(self) -> Any:
        """Return the JSON body; an empty one is an empty object."""
        if not self.body.strip():
            return {}
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refusal(400, {"detail": f"JSON parse error - {error}"}) from error

    def form(self) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
        """Return the fields and the files (name, content) of JSON or of a form."""
        if self._form is None:
            self._form = self._parse_form()
        return self._form

    def _parse_form(self) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
        kind = self.headers.get("Content-Type", "")
        if not kind.startswith("multipart/form-data"):
            return self.json(), []
        message = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + kind.encode() + b"\r\n\r\n", headersonly=True
        )
        fields: dict[str, Any] = {}
        files = []
        for head, content in _parts(self.body, message.get_boundary()):
            name = re.search(rb'[; ]name="([^"]*)"', head)
            filename = re.search(rb'filename="([^"]*)"', head)
            if filename:
                files.append((file_name(filename[1].decode()), content))
            elif name:
                fields[name[1].decode()] = content.decode()
        return fields, [(name, content) for name, content in files if name]


def _parts(body: bytes, boundary: str):
    """Yield head and content of each part without copying the body more than once."""
    mark = b"--" + boundary.encode()
    start = body.find(mark)
    while start >= 0:
        start += len(mark)
        if body[start : start + 2] == b"--":
            return
        end = body.find(b"\r\n" + mark, start)
        if end < 0:
            return
        split = body.find(b"\r\n\r\n", start)
        yield body[start:split], body[split + 4 : end]
        start = end + 2


def file_name(sent: str) -> str:
    """Return the name that Django gives to an uploaded file: the last part, printable."""
    last = html.unescape(sent).rsplit("/", maxsplit=1)[-1].rsplit("\\", maxsplit=1)[-1]
    last = "".join(c for c in last if c.isprintable()).strip()
    return "" if last in {".", ".."} else last


@dataclass
class Answer:
    """Status, headers and body; a body of bytes goes out as it is, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)

    def content(self) -> bytes:
        """Return the body as bytes, and say in the headers what it is."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        self.headers.setdefault("Content-Type", JSON)
        return json.dumps(self.body).encode()


class Refusal(Exception):  # noqa: N818  it is an answer, thrown
    """An answer that ends the handling of a request where it is found out."""

    def __init__(self, status: int, body: Any = None, headers: dict[str, str] | None = None):
        super().__init__(status, body)
        self.answer = Answer(status, body, headers or {})


def server_error() -> Refusal:
    page = b"<!doctype html><html><body><h1>Server Error (500)</h1></body></html>"
    return Refusal(500, page, {"Content-Type": "text/html; charset=utf-8"})


def not_found(kind: str) -> Refusal:
    return Refusal(404, {"detail": f"No {kind} matches the given query."})


def forbidden() -> Refusal:
    return Refusal(403, {"detail": "You do not have permission to perform this action."})
