"""One session with a CVAT server: requests are sent, and sent again where that is safe.

Not by cvat_sdk, whose headers and connections these are: it waits for ever, never repeats a POST,
and repeats others without asking whether that is safe.
"""

import copy
import json
import threading
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ..base.errors import CvatError, CvatUncertainError, InterruptedRunError
from ..settings.cvat import CvatSettings
from .connections import Breaker
from .failures import NotSentError, describe_break, describe_refusal, is_answer, lasting
from .login import shown
from .waits import Waits

if TYPE_CHECKING:
    from cvat_sdk.core.client import Client
    from urllib3 import BaseHTTPResponse

_REPEATABLE = frozenset(("GET", "HEAD", "DELETE"))
_TOO_BUSY = 429
READ_AT_ONCE = 4
"""Requests for annotations, of all threads: a server has several workers, and others to serve."""
_NOT_NOW = frozenset((_TOO_BUSY, 500, 502, 503, 504))


class Session:
    """An authenticated session, as `cvat.connect` makes it; threads may share it.

    Attributes:
        host: the address, without a slash at its end.
        organization: its short name, ``None`` for none in particular.
        names_organization: whether a person has said so, be it that there is none.
        waits: how long is waited for what.
        version: of the server.
        notices: what a person should know of the server.
        is_read_only: whether it is an access token's that may not change anything.
        stopped: set while work is being stopped: all waiting ends, and nothing more is sent.
        unanswered: ids of jobs that something was written to without an answer.
        turns: of those who read several things at once.
    """

    def __init__(
        self,
        client: "Client",
        host: str,
        settings: CvatSettings,
        waits: Waits,
    ) -> None:
        self.host = host
        self.organization: str | None = None
        self.names_organization = False
        self.waits = waits
        self.version = ""
        self.notices: tuple[str, ...] = ()
        self._user: str | None = None
        self.is_read_only = False
        self.stopped = threading.Event()
        self.unanswered: set[int] = set()
        self.turns = threading.BoundedSemaphore(READ_AT_ONCE)
        self._client = client
        pool_manager = client.api_client.rest_client.pool_manager
        self._breaker = Breaker(pool_manager, self.stopped, waits.look_seconds)
        self._timeout_seconds = settings.timeout_seconds

    @property
    def origin(self) -> str:
        """The server's address as browsers tell it in the header ``Origin``."""
        return str(self._client.api_client.build_origin_header())

    @property
    def user(self) -> str:
        """The user name, as the server tells it when it is first asked for.

        Raises:
            CvatError: as `request`.
        """
        if self._user is None:
            self._user = str(self.get("users/self").get("username", ""))
        return self._user

    def within(self, organization: str | None) -> "Session":
        """Return this session in an organization; only the first one is to be closed."""
        other = copy.copy(self)
        other.organization = organization
        return other

    def covers(self, host: str, organization: str | None) -> bool:
        """Whether what is in an organization of a server is what this session is for."""
        is_meant = not self.names_organization or organization == self.organization
        return host == self.host and is_meant

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a resource under ``/api/``.

        Raises:
            CvatError: as `request`; `CvatUncertainError` also where the answer is no JSON.
        """
        return self._json(self.request("GET", path, query=query))

    def find(self, path: str) -> Any | None:
        """Return the JSON of a resource, ``None`` where there is none (404)."""
        response = self.request("GET", path, accept=frozenset((404,)))
        return None if response.status == 404 else self._json(response)

    def list_all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return all objects of a list, of all its pages."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = self.get(path, **query, page=page, page_size=100)
            found += answer["results"]
            if not answer.get("next"):
                return found
            page += 1

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Send JSON and return the JSON of the answer, ``None`` where it is empty."""
        response = self.request("POST", path, body=body, headers=headers)
        return self._json(response) if response.data else None

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> "BaseHTTPResponse":
        """Send a request, and again where that is safe; return its answer.

        It is safe where nothing was sent or the server says that it did nothing (429), and for
        requests that only read or delete.

        Args:
            method: of HTTP.
            path: under ``/api/``.
            query: parameters of the address.
            body: sent as JSON.
            headers: more headers.
            accept: statuses besides 2xx that are an answer and no error.

        Raises:
            CvatUnreachableError: nothing answers.
            CvatAuthError, CvatPermissionError: 401, 403.
            CvatRefusedError: any other status that says no.
            CvatUncertainError: the connection broke, or the server failed.
            InterruptedRunError: a person stopped it.
        """
        place = path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        for times, wait_seconds in enumerate((*self.waits.pauses_seconds, None), 1):
            self._end_if_stopped()
            try:
                response = self._send(method, place, data, headers)
            except NotSentError:
                if wait_seconds is None:
                    raise
            except CvatUncertainError as error:
                if wait_seconds is None or method not in _REPEATABLE:
                    raise lasting(error, times) from None
            else:
                if is_answer(response, accept):
                    return response
                repeatable = _NOT_NOW if method in _REPEATABLE else {_TOO_BUSY}
                if wait_seconds is None or response.status not in repeatable:
                    refusal = describe_refusal(self.host, method, path, response, self.organization)
                    raise lasting(refusal, times)
                wait_seconds = self._asked_seconds(response, wait_seconds)
            self.pause(wait_seconds)
        raise AssertionError

    def send_stream(
        self,
        method: str,
        path: str,
        stream: Iterable[bytes],
        headers: Mapping[str, str],
        accept: frozenset[int] = frozenset(),
    ) -> "BaseHTTPResponse":
        """Send a request with a body that can be read only once, once; return its answer.

        Args:
            method: of HTTP.
            path: under ``/api/``.
            stream: the body.
            headers: more headers, the Content-Length among them.
            accept: statuses besides 2xx that are an answer and no error.

        Raises:
            CvatError: as `request`.
            InterruptedRunError: a person stopped it.
        """
        self._end_if_stopped()
        response = self._send(method, path, stream, headers)
        if not is_answer(response, accept):
            raise describe_refusal(self.host, method, path, response, self.organization)
        return response

    def pause(self, seconds: float) -> None:
        """Wait, unless a person stops it.

        Raises:
            InterruptedRunError: a person stopped it.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._end_if_stopped()
            time.sleep(min(left, self.waits.look_seconds))

    def close(self) -> None:
        """Log out if that is needed, without waiting long or failing; close all connections."""
        cookies = self._client.api_client.cookies
        try:
            if "sessionid" in cookies:
                self._send("POST", "auth/logout", None, None, self.waits.logout_seconds)
        except CvatError:
            pass  # the session ends by itself
        finally:
            self._breaker.close()
            cookies.clear()
            self._client.api_client.rest_client.pool_manager.clear()
            self._client.close()

    def _end_if_stopped(self) -> None:
        if self.stopped.is_set():
            raise InterruptedRunError("interrupted")

    def _asked_seconds(self, response: "BaseHTTPResponse", least_seconds: float) -> float:
        """Return how long to wait: as long as the server asks for, within bounds."""
        asked = response.headers.get("Retry-After", "")
        if not (asked.isascii() and asked.isdigit()):
            return least_seconds
        return min(max(float(asked), least_seconds), self.waits.longest_asked_seconds)

    def _send(
        self,
        method: str,
        place: str,
        body: Any,
        headers: Mapping[str, str] | None,
        timeout_seconds: float | None = None,
    ) -> "BaseHTTPResponse":
        """Send a request once; ``place`` is its path with the query.

        Raises:
            CvatUnreachableError: it cannot be sent; as a `NotSentError` where that may pass.
            CvatUncertainError: it was sent, at least partly, and there is no answer.
        """
        from cvat_sdk.core.helpers import make_request_headers
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        url = f"{self.host}/api/{place}"
        seconds = timeout_seconds or self._timeout_seconds
        sent = {
            **make_request_headers(self._client.api_client),
            "Accept": "application/vnd.cvat+json, application/json, */*",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        if self.organization or self.names_organization:  # without it, those of all are listed
            sent["X-Organization"] = self.organization or ""
        try:
            response: BaseHTTPResponse = self._client.api_client.rest_client.pool_manager.request(
                method,
                url,
                body=body,
                headers=sent,
                retries=False,
                redirect=False,
                timeout=Timeout(connect=min(self.waits.connect_seconds, seconds), read=seconds),
            )
        except (HTTPError, OSError) as error:
            raise describe_break(self.host, method, url, error) from None
        return response

    def _json(self, response: "BaseHTTPResponse") -> Any:
        try:
            return json.loads(response.data)
        except ValueError:
            raise CvatUncertainError(
                f"{shown(self.host)}: the answer is not what CVAT answers (no JSON)",
                "Check the address, and whether a proxy asks for something.",
            ) from None
