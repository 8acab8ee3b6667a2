"""One authenticated session with a CVAT server. The only owner of cvat_sdk, imported when needed.

Connecting, logging in and TLS are the SDK's. Requests go through its connection pool, but repeated
here: the SDK never repeats a POST, and repeats others without asking whether that is safe.
"""

import getpass
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from pipeline.config import CvatSettings
from pipeline.errors import (
    CvatAuthError,
    CvatError,
    CvatPermissionError,
    CvatRefusedError,
    CvatUncertainError,
    CvatUnreachableError,
    InterruptedRunError,
    UsageError,
    printable,
)

if TYPE_CHECKING:
    from cvat_sdk.core.client import Client
    from urllib3 import BaseHTTPResponse

_CONNECT_SECONDS = 10
_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
_PATIENCE_SECONDS = 30.0
"""The longest that a server may ask us to wait (Retry-After) before the next try."""
_REPEATABLE = frozenset(("GET", "HEAD", "DELETE"))
_NOT_NOW = frozenset((429, 502, 503, 504))
_DETAIL_LENGTH = 300
_CREDENTIALS = (
    "Set CVAT_ACCESS_TOKEN, or CVAT_USERNAME and CVAT_PASSWORD, or use --auth USER with the "
    "password in PASS."
)


@dataclass(frozen=True)
class Credentials:
    """Who asks: an access token, or user and password. Never printed, never stored."""

    token: str | None = None
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"


def find_credentials(auth: str | None, host: str) -> Credentials:
    """Return the credentials to use, found in the ways that cvat-cli finds them, and a few more.

    That is ``auth`` (``USER[:PASS]``, else the password from ``PASS``), ``CVAT_ACCESS_TOKEN``,
    ``CVAT_USERNAME`` with ``CVAT_PASSWORD``, cvat-cli's profile for this host, or a prompt.

    Raises:
        CvatAuthError: there are none, and no terminal to ask at.
    """
    if auth is not None:
        user, _, password = auth.partition(":")
        return _with_password(user, password or os.environ.get("PASS"), host)
    if token := os.environ.get("CVAT_ACCESS_TOKEN"):
        return Credentials(token=token)
    if name := os.environ.get("CVAT_USERNAME"):
        return _with_password(name, os.environ.get("CVAT_PASSWORD"), host)
    if token := _profile_token(host):
        return Credentials(token=token)
    if not (sys.stdin is not None and sys.stdin.isatty()):
        raise CvatAuthError(f"{_shown(host)}: no credentials for CVAT. {_CREDENTIALS}")
    return _with_password(input(f"User name at {_shown(host)}: "), None, host)


def connect(
    settings: CvatSettings,
    auth: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> "Session":
    """Return a session with the server that the settings, or ``CVAT_HOST``, name.

    Args:
        settings: the server, and the organization to work in.
        auth: ``USER[:PASS]``; see `find_credentials`.
        stop: asked while waiting between two tries whether to give up.

    Raises:
        UsageError: no server is named, or its certificates cannot be read.
        CvatUnreachableError: nothing answers there, or not CVAT.
        CvatAuthError: wrong or no credentials.
        CvatRefusedError: there is no such organization.
    """
    host = _address(settings)
    client = _make_client(host, settings)
    session = Session(client, host, settings, stop)
    session.begin()
    session.log_in(find_credentials(auth, host))
    return session


class Session:
    """An authenticated session; threads may share it.

    Attributes:
        host: the address, without a slash at its end.
        organization: its short name, ``None`` for the default of the user.
        version: of the server.
        notices: what a person should know of the server.
        user: the user name.
        is_read_only: whether it is an access token's that may not change anything.
    """

    def __init__(
        self, client: "Client", host: str, settings: CvatSettings, stop: Callable[[], bool]
    ) -> None:
        self.host = host
        self.organization = settings.organization
        self.version = ""
        self.notices: tuple[str, ...] = ()
        self.user = ""
        self.is_read_only = False
        self._client, self._stop = client, stop
        self._timeout_seconds = settings.timeout_seconds
        self._pauses_seconds: tuple[float, ...] = _PAUSES_SECONDS[
            :2
        ]  # no one waits long for a wrong address

    def begin(self) -> None:
        """Find out whether this is CVAT, and which.

        Raises:
            CvatUnreachableError: nothing answers, or not CVAT.
        """
        try:
            about = self.get("server/about")
            self.version = str(about["version"])
        except CvatUnreachableError:
            raise
        except (CvatError, KeyError, TypeError) as e:
            reason = str(e) if isinstance(e, CvatError) else "no version in its answer"
            raise CvatUnreachableError(
                f"{_shown(self.host)}: something answers, but it is not CVAT ({reason}). Check the "
                "address; it is what the browser shows up to the first '/'."
            ) from e
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
        from cvat_sdk.api_client import ApiException
        from cvat_sdk.core.client import AccessTokenCredentials
        from urllib3.exceptions import HTTPError

        if credentials.token is not None:
            self._client.login(AccessTokenCredentials(credentials.token))
        else:
            try:
                self._client.login((credentials.user or "", credentials.password or ""))
            except ApiException as error:
                if error.status in {400, 401, 403}:
                    raise CvatAuthError(
                        f"{_shown(self.host)}: CVAT does not accept this user name and password. "
                        f"{_CREDENTIALS}"
                    ) from None
                raise CvatUnreachableError(
                    f"{_shown(self.host)}: logging in failed with status {error.status}. Try again "
                    "later."
                ) from None
            except (HTTPError, OSError) as error:
                raise self._unreachable(error) from None
            except (AssertionError, ValueError):  # the SDK takes cookies for granted
                raise CvatUnreachableError(
                    f"{_shown(self.host)}: something answers, but it does not log in as CVAT does. "
                    "Check the address."
                ) from None
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
            wait_seconds = next(pauses, None)
            may_repeat = wait_seconds is not None and stream is None
            try:
                response = self._send(method, url, data if stream is None else stream, headers)
            except CvatUnreachableError:
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
                    raise self._error(method, path, response)
                asked = response.headers.get("Retry-After", "")
                if asked.isdigit():
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
        """Log out, as far as that is needed, and close all connections."""
        from cvat_sdk.api_client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            self._client.logout()
        except (ApiException, HTTPError, OSError):
            pass  # the session ends by itself
        finally:
            self._client.close()

    def _send(
        self, method: str, url: str, body: Any, headers: Mapping[str, str] | None
    ) -> "BaseHTTPResponse":
        from cvat_sdk.core.helpers import make_request_headers
        from urllib3 import Timeout
        from urllib3.exceptions import (
            ConnectTimeoutError,
            HTTPError,
            NewConnectionError,
            SSLError,
        )

        if self._stop():
            raise InterruptedRunError("interrupted")
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
                timeout=Timeout(connect=_CONNECT_SECONDS, read=self._timeout_seconds),
            )
        except (NewConnectionError, ConnectTimeoutError, SSLError) as error:
            raise self._unreachable(error) from None
        except (HTTPError, OSError) as error:
            raise CvatUncertainError(
                f"{_shown(self.host)}: the connection broke or no answer came "
                f"({type(error).__name__}) to {method} {_path(url)}. Run the same command again: "
                "it finds out what was done."
            ) from None
        return response

    def _unreachable(self, error: Exception) -> CvatUnreachableError:
        from urllib3.exceptions import SSLError

        if isinstance(error, SSLError):
            hint = (
                "Name the certificates of its authority with --ca-file; or, if the server speaks "
                "no TLS, write http:// before its address."
            )
            reason = printable(str(error.args[0])[:_DETAIL_LENGTH])
            return CvatUnreachableError(f"{_shown(self.host)}: TLS failed ({reason}). {hint}")
        return CvatUnreachableError(
            f"{_shown(self.host)}: no answer from CVAT ({type(error).__name__}). Check the address "
            "and the network; it is what the browser shows up to the first '/'."
        )

    def _error(self, method: str, path: str, response: "BaseHTTPResponse") -> CvatError:
        status, detail = response.status, _detail(response)
        said = f"{method} /api/{path} gave {status}{': ' * bool(detail)}{detail}"
        if status == 401:
            return CvatAuthError(f"CVAT does not accept the credentials ({said}). {_CREDENTIALS}")
        if status == 403:
            return CvatPermissionError(
                f"CVAT does not allow this ({said}). An access token is read-only unless it was "
                "made otherwise; a user needs the right to make projects and tasks, and the "
                "--organization where they are."
            )
        if status == 413:
            return CvatRefusedError(
                f"CVAT, or a proxy before it, takes no requests that large ({said}). Lower "
                "--request-size."
            )
        if status == 429:
            return CvatRefusedError(f"CVAT is too busy ({said}). Run the same command again later.")
        if 300 <= status < 400:
            place = printable(response.headers.get("Location", "another address"))
            return CvatRefusedError(f"CVAT is elsewhere: {place} ({said}). Name that with --host.")
        if status >= 500:
            return CvatUncertainError(
                f"CVAT failed ({said}). Run the same command again: it finds out what was done."
            )
        return CvatRefusedError(f"CVAT refused: {said}.")

    def _json(self, response: "BaseHTTPResponse") -> Any:
        try:
            return json.loads(response.data)
        except ValueError:
            raise CvatUncertainError(
                f"{_shown(self.host)}: the answer is not what CVAT answers (no JSON). Check the "
                "address, and whether a proxy asks for something."
            ) from None


def _address(settings: CvatSettings) -> str:
    host = (settings.host or os.environ.get("CVAT_HOST") or "").strip().rstrip("/")
    if not host:
        raise UsageError(
            "no CVAT server is named. Use --host or CVAT_HOST, for example "
            "http://localhost:8080 or https://app.cvat.ai."
        )
    if "://" not in host:
        # As people type it: a server on this machine rarely speaks TLS, any other should.
        is_local = urlsplit(f"//{host}").hostname in {"localhost", "127.0.0.1", "::1"}
        host = f"{'http' if is_local else 'https'}://{host}"
    try:
        parts = urlsplit(host)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_usable = False
    if not is_usable:
        raise UsageError(
            f"{_shown(host)}: this is no address of a server. It looks like "
            "https://cvat.example.com or http://localhost:8080."
        )
    if parts.username or parts.password:
        raise UsageError(
            f"{_shown(host)}: a user or password in the address would end up in logs. "
            f"{_CREDENTIALS}"
        )
    return host


def _make_client(host: str, settings: CvatSettings) -> "Client":
    from cvat_sdk.api_client.rest import RESTClientObject
    from cvat_sdk.core.client import Client, Config
    from urllib3.exceptions import SSLError

    client = Client(host, config=Config(verify_ssl=True), check_server_version=False)
    configuration = client.api_client.configuration
    configuration.connection_pool_maxsize = 32
    configuration.retries = False
    if settings.ca_file is not None:
        if not os.path.isfile(settings.ca_file):
            raise UsageError(f"--ca-file {printable(settings.ca_file)}: no such file.")
        configuration.ssl_ca_cert = settings.ca_file
    try:
        client.api_client.rest_client = RESTClientObject(configuration)
    except (SSLError, OSError) as error:
        raise UsageError(
            f"--ca-file {printable(settings.ca_file)}: cannot be used: {printable(error)}."
        ) from None
    return client


def _profile_token(host: str) -> str | None:
    """Return the token that cvat-cli has saved for this server, if any."""
    from cvat_sdk.core.auth import AuthStore
    from cvat_sdk.core.exceptions import AuthStoreError

    try:
        profiles = AuthStore().list_profiles().values()
    except (AuthStoreError, OSError, KeyError, TypeError, AttributeError):
        return None  # made for another program; ours go on without
    tokens = [each.token for each in profiles if each.server.rstrip("/") == host]
    return tokens[0] if len(tokens) == 1 else None


def _with_password(user: str, password: str | None, host: str) -> Credentials:
    if password:
        return Credentials(user=user, password=password)
    if not (sys.stdin is not None and sys.stdin.isatty()):
        raise CvatAuthError(
            f"{_shown(host)}: no password for user {printable(user)}. {_CREDENTIALS}"
        )
    asked = getpass.getpass(f"Password of {printable(user)} at {_shown(host)}: ")
    return Credentials(user=user, password=asked)


def _detail(response: "BaseHTTPResponse") -> str:
    """Return what the server says in words; pages of HTML say nothing."""
    try:
        said = json.loads(response.data)
    except ValueError:
        text = response.data.decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else printable(text[:_DETAIL_LENGTH])
    if isinstance(said, dict) and set(said) == {"detail"}:
        said = said["detail"]
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return printable(text[:_DETAIL_LENGTH])


def _path(url: str) -> str:
    return printable(urlsplit(url).path)


def _shown(host: str) -> str:
    """Return an address safe to print: without a user or password in it."""
    before, slashes, rest = host.rpartition("//")
    return printable(before + slashes + rest.rpartition("@")[2])
