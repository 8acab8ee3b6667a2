"""One authenticated session with a CVAT server. The only owner of cvat_sdk, imported when needed.

Connections, their TLS, headers and cookies are the SDK's. Requests are sent and repeated here: the
SDK waits for ever, never repeats a POST, and repeats others without asking whether that is safe.
"""

import contextlib
import json
import os
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ..base.errors import (
    CvatAuthError,
    CvatError,
    CvatRefusedError,
    CvatUncertainError,
    CvatUnreachableError,
    InterruptedRunError,
    UsageError,
    cause_of,
    printable,
)
from ..settings.cvat import CvatSettings
from .connections import Breaker
from .failures import AGAIN, describe_refusal, is_cut, path_of, reason_of
from .login import LOGIN_HINT, Credentials, find_address, find_credentials, shown

if TYPE_CHECKING:
    from cvat_sdk.core.client import Client
    from urllib3 import BaseHTTPResponse

_CONNECT_SECONDS = 10
_LOGOUT_SECONDS = 5
_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
_PATIENCE_SECONDS = 30.0
"""The longest that a server may ask us to wait (Retry-After) before the next try."""
_REPEATABLE = frozenset(("GET", "HEAD", "DELETE"))
_NOT_NOW = frozenset((429, 502, 503, 504))
_SAYS_NO = frozenset(range(400, 500)) - {429}
_DETAIL_LENGTH = 300


def connect(
    settings: CvatSettings,
    auth: str | Credentials | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> "Session":
    """Return a session with the server that the settings, or ``CVAT_HOST``, name.

    Args:
        settings: the server, and the organization to work in.
        auth: ``USER[:PASS]``, from which `find_credentials` goes on; or what it would find.
        stop: asked while waiting between two tries whether to give up.

    Raises:
        UsageError: no server is named, or its certificates cannot be read.
        CvatUnreachableError: nothing answers there, or not CVAT.
        CvatAuthError: wrong or no credentials.
        CvatRefusedError: there is no such organization.
        InterruptedRunError: a person stopped it.
    """
    host = find_address(settings)
    session = Session(_make_client(host, settings), host, settings, stop)
    try:
        session.begin()
        if not isinstance(auth, Credentials):
            auth = find_credentials(auth, host)
        session.log_in(auth)
    except BaseException:
        session.close()
        raise
    return session


class Session:
    """An authenticated session; threads may share it.

    Attributes:
        host: the address, without a slash at its end.
        organization: its short name, ``None`` for none.
        version: of the server.
        notices: what a person should know of the server.
        user: the user name.
        is_read_only: whether it is an access token's that may not change anything.
    """

    def __init__(
        self, client: "Client", host: str, settings: CvatSettings, stop: Callable[[], bool]
    ) -> None:
        self.host = host
        self.organization = settings.organization or None
        self.version = ""
        self.notices: tuple[str, ...] = ()
        self.user = ""
        self.is_read_only = False
        self._client, self._stop = client, stop
        self._breaker = Breaker(client.api_client.rest_client.pool_manager, stop)
        self._timeout_seconds = settings.timeout_seconds
        # No one waits long for a wrong address.
        self._pauses_seconds: tuple[float, ...] = _PAUSES_SECONDS[:2]

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def begin(self) -> None:
        """Find out whether this is CVAT, and which.

        Raises:
            CvatUnreachableError: nothing answers, or not CVAT.
        """
        hint = "it is what the browser shows up to the first '/'."
        try:
            response = self.request("GET", "server/about", accept=_SAYS_NO)
        except CvatUncertainError as error:
            what = str(error).removesuffix(AGAIN)
            raise CvatUnreachableError(
                f"{shown(self.host)}: {what}Check that CVAT runs there, and the address; {hint}"
            ) from None
        try:
            self.version = str(json.loads(response.data)["version"])
        except (ValueError, LookupError, TypeError):
            raise CvatUnreachableError(
                f"{shown(self.host)}: something answers (status {response.status}), but it is not "
                f"CVAT. Check the address; {hint}"
            ) from None
        from cvat_sdk.version import VERSION

        ours, theirs = (".".join(v.split(".")[:2]) for v in (VERSION, self.version))
        if ours != theirs:
            self.notices = (
                f"CVAT is version {printable(self.version)}, cvat-sdk {VERSION}; they are made to "
                "work together when the first two numbers agree.",
            )

    def log_in(self, credentials: Credentials) -> None:
        """Log in, and enter the organization.

        Raises:
            CvatAuthError: the credentials are wrong.
            CvatRefusedError: there is no such organization.
        """
        from cvat_sdk.core.client import AccessTokenCredentials

        if credentials.token is not None:
            self._client.login(AccessTokenCredentials(credentials.token))
        else:
            self._log_in_with_password(credentials)
        self.user = str(self.get("users/self").get("username", ""))
        if credentials.token is not None:
            token = self.find("auth/access_tokens/self") or {}  # servers of old have no such path
            self.is_read_only = bool(token.get("read_only"))
        if self.organization:
            slugs = [each["slug"] for each in self.list_all("organizations")]
            if self.organization not in slugs:
                known = ", ".join(printable(slug) for slug in slugs) or "none"
                raise CvatRefusedError(
                    f"--organization {printable(self.organization)}: you are in no such "
                    f"organization (you are in: {known}). Check the short name."
                )
            self._client.organization_slug = self.organization
        self._pauses_seconds = _PAUSES_SECONDS

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
        stream: Iterable[bytes] | None = None,
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
            stream: sent as it is instead, once; ``headers`` must tell its Content-Length.
            headers: more headers.
            accept: statuses besides 2xx that are an answer and no error.

        Raises:
            CvatUnreachableError: nothing answers.
            CvatAuthError, CvatPermissionError: 401, 403.
            CvatRefusedError: any other status that says no.
            CvatUncertainError: the connection broke, or the server failed.
            InterruptedRunError: a person stopped it.
        """
        url = f"{self.host}/api/{path}" + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        pauses = iter(self._pauses_seconds)
        while True:
            if self._stop():
                raise InterruptedRunError("interrupted")
            wait_seconds = next(pauses, None)
            may_repeat = wait_seconds is not None and stream is None
            try:
                response = self._send(method, url, data if stream is None else stream, headers)
            except _NotSentError:
                if not may_repeat:
                    raise
            except CvatUncertainError:
                if not (may_repeat and method in _REPEATABLE):
                    raise
            else:
                status = response.status
                if 200 <= status < 300 or status in accept:
                    return response
                is_safe = method in _REPEATABLE and status in _NOT_NOW | {500}
                if not (may_repeat and (is_safe or status == 429)):
                    raise describe_refusal(self.host, method, path, response)
                asked = response.headers.get("Retry-After", "")
                if asked.isascii() and asked.isdigit():
                    wait_seconds = min(max(float(asked), wait_seconds or 0), _PATIENCE_SECONDS)
            self.pause(wait_seconds or 0)

    def pause(self, seconds: float) -> None:
        """Wait, unless a person stops it.

        Raises:
            InterruptedRunError: a person stopped it.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stop():
                raise InterruptedRunError("interrupted")
            time.sleep(min(left, 0.1))

    def close(self) -> None:
        """Log out if that is needed, without waiting long or failing; close all connections."""
        cookies = self._client.api_client.cookies
        try:
            if "sessionid" in cookies:
                self._send("POST", f"{self.host}/api/auth/logout", None, None, _LOGOUT_SECONDS)
        except CvatError:
            pass  # the session ends by itself
        finally:
            self._breaker.close()
            cookies.clear()
            self._client.api_client.rest_client.pool_manager.clear()
            self._client.close()

    def _log_in_with_password(self, credentials: Credentials) -> None:
        from http.cookies import CookieError

        response = self.request(
            "POST",
            "auth/login",
            body={"username": credentials.user, "password": credentials.password},
            accept=frozenset((400, 401, 403)),
        )
        if response.status >= 400:
            raise CvatAuthError(
                f"{shown(self.host)}: CVAT does not accept this user name and password "
                f"(status {response.status}). {LOGIN_HINT}"
            )
        api = self._client.api_client
        for each in response.headers.getlist("Set-Cookie"):
            with contextlib.suppress(CookieError):  # one of a proxy before it
                api.cookies.load(each)
        if not {"sessionid", "csrftoken"} <= api.cookies.keys():
            raise CvatUnreachableError(
                f"{shown(self.host)}: something answers, but it does not log in as CVAT does. "
                "Check the address."
            )
        api.configuration.api_key["csrfHeaderAuth"] = api.cookies["csrftoken"].value

    def _send(
        self,
        method: str,
        url: str,
        body: Any,
        headers: Mapping[str, str] | None,
        timeout_seconds: float | None = None,
    ) -> "BaseHTTPResponse":
        """Send a request once.

        Raises:
            CvatUnreachableError: it cannot be sent; as a `_NotSentError` where that may pass.
            CvatUncertainError: it was sent, at least partly, and there is no answer.
        """
        from cvat_sdk.core.helpers import make_request_headers
        from urllib3 import Timeout
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

        seconds = timeout_seconds or self._timeout_seconds
        sent = {
            **make_request_headers(self._client.api_client),
            "Accept": "application/vnd.cvat+json, application/json, */*",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        try:
            response: BaseHTTPResponse = self._client.api_client.rest_client.pool_manager.request(
                method,
                url,
                body=body,
                headers=sent,
                retries=False,
                redirect=False,
                timeout=Timeout(connect=min(_CONNECT_SECONDS, seconds), read=seconds),
            )
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise _NotSentError(
                f"{shown(self.host)}: no answer from CVAT ({reason_of(error)}). Check the address "
                "and the network; it is what the browser shows up to the first '/'."
            ) from None
        except (HTTPError, OSError) as error:
            if isinstance(error, SSLError) and not is_cut(error):
                raise CvatUnreachableError(
                    f"{shown(self.host)}: TLS failed ({reason_of(error)}). Name the certificates "
                    "of its authority with --ca-file; or, if the server speaks no TLS, write "
                    "http:// before its address."
                ) from None
            raise CvatUncertainError(
                f"no answer to {method} {path_of(url)} ({reason_of(error)}). {AGAIN}"
            ) from None
        return response

    def _json(self, response: "BaseHTTPResponse") -> Any:
        try:
            return json.loads(response.data)
        except ValueError:
            raise CvatUncertainError(
                f"{shown(self.host)}: the answer is not what CVAT answers (no JSON). Check the "
                "address, and whether a proxy asks for something."
            ) from None


class _NotSentError(CvatUnreachableError):
    """There was no connection, so any request may be tried again."""


def _make_client(host: str, settings: CvatSettings) -> "Client":
    from cvat_sdk.api_client.rest import RESTClientObject
    from cvat_sdk.core.client import Client, Config

    client = Client(host, config=Config(verify_ssl=True), check_server_version=False)
    configuration = client.api_client.configuration
    configuration.connection_pool_maxsize = 32
    configuration.retries = False
    if settings.ca_file is not None:
        shown = f"--ca-file {printable(settings.ca_file)}"
        if not os.path.isfile(settings.ca_file):
            raise UsageError(f"{shown}: no such file.")
        try:
            ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:
            reason = cause_of(error)
            raise UsageError(
                f"{shown}: cannot be used: {reason}. It must hold certificates in PEM format."
            ) from None
        configuration.ssl_ca_cert = settings.ca_file
    client.api_client.rest_client = RESTClientObject(configuration)
    return client
