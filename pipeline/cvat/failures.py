"""Put into words why CVAT did not do what it was asked, and what the way out is."""

import json
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..base.errors import (
    CvatAuthError,
    CvatError,
    CvatPermissionError,
    CvatRefusedError,
    CvatUncertainError,
    CvatUnreachableError,
    RequestLostError,
    printable,
)
from .denials import describe_denial
from .login import LOGIN_HINT, shown

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

AGAIN = "Run the same command again: it finds out what was done."
LATER = "Run the same command again later."
_THEN_AGAIN = "Then run the same command again: it finds out what was done."
_IF_IT_STAYS = "If it fails alike, the server's log says why ('docker logs cvat_server')."
_OF_PROXIES = frozenset((502, 503, 504))
_DETAIL_LENGTH = 300


class NotSentError(CvatUnreachableError):
    """There was no connection, so any request may be tried again."""


def is_answer(response: "BaseHTTPResponse", accept: frozenset[int]) -> bool:
    """Return whether a server did what it was asked, or said one of these instead."""
    is_no = response.status in accept and not _lacks_organization(response)
    return 200 <= response.status < 300 or is_no


def describe_refusal(
    host: str,
    method: str,
    path: str,
    response: "BaseHTTPResponse",
    organization: str | None = None,
) -> CvatError:
    """Return the error for an answer that is none of those wanted."""
    status, detail = response.status, _detail(response)
    said = f"{method} /api/{path} gave {status}{': ' * bool(detail)}{detail}"
    if status == 401:
        return CvatAuthError(f"CVAT does not accept the credentials ({said})", LOGIN_HINT)
    if status == 403:
        return describe_denial(method, path, said, organization)
    if organization and _lacks_organization(response):
        return CvatRefusedError(
            f"the organization '{printable(organization)}' is not there any more, nor what was "
            f"uploaded in it ({said.removesuffix('.')})",
            "Name another one with --organization, or none by --organization ''.",
        )
    if status == 413:
        return CvatRefusedError(
            f"CVAT, or a proxy before it, takes no requests that large ({said})",
            "Lower the setting request_size.",
        )
    if status == 429:
        return CvatRefusedError(f"CVAT is too busy ({said})", LATER)
    if 300 <= status < 400:
        place, _, _ = response.headers.get("Location", "").partition("?")
        before, found, _ = place.partition(f"/api/{path}")
        if found and "://" in before:
            return CvatUnreachableError(
                f"{shown(host)}: CVAT is at {shown(before)}", "Name that with --host."
            )
        return CvatUnreachableError(
            f"{shown(host)}: it sends us on to {shown(place) or 'nowhere'}",
            "Check the address, and whether a proxy wants a log-in of its own, which prep cannot "
            "do.",
        )
    if status >= 500:
        way_out = AGAIN if status in _OF_PROXIES else f"{AGAIN} {_IF_IT_STAYS}"
        return CvatUncertainError(f"CVAT failed ({said})", way_out, status)
    return CvatRefusedError(f"CVAT refused: {said.removesuffix('.')}.")


def _lacks_organization(response: "BaseHTTPResponse") -> bool:
    """Return whether a server says that there is no such organization, not that it lacks a task."""
    return response.status == 404 and b"organization does not exist" in response.data


def refuse_to_write() -> CvatPermissionError:
    """Return the error for a token that may only read, where something is to be changed."""
    return CvatPermissionError(
        "the access token is read-only, as tokens are unless made otherwise",
        "Make one in CVAT (profile, security) that may write, and put it into CVAT_ACCESS_TOKEN.",
    )


def describe_break(host: str, method: str, url: str, error: Exception) -> CvatError:
    """Return the error for a request without an answer; a `NotSentError` if that may pass."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return NotSentError(
            f"{shown(host)}: no answer from CVAT ({_reason_of(error)})",
            "Check the address and the network; it is what the browser shows up to the first '/'.",
        )
    if isinstance(error, SSLError) and not _is_cut(error):
        return CvatUnreachableError(
            f"{shown(host)}: TLS failed ({_reason_of(error)})",
            "Name the certificates of its authority with --ca-file; or, if the server speaks no "
            "TLS, write http:// before its address.",
        )
    path = printable(urlsplit(url).path)
    return CvatUncertainError(f"no answer to {method} {path} ({_reason_of(error)})", AGAIN)


def lasting(error: CvatError, times: int) -> CvatError:
    """Return the error of what failed so many times in a row, with what may help then.

    It must not advise to do the same once more. Errors that advise something else stay as they are.
    """
    if times == 1 or not isinstance(error, CvatUncertainError) or AGAIN not in error.way_out:
        return error
    if isinstance(error, RequestLostError):
        what_next = f"See whether its containers are restarted all the time. {_THEN_AGAIN}"
    elif error.status is None:
        what_next = (
            "See whether the network or a proxy ends long requests. Raise the setting "
            "timeout_seconds; if it is while images are sent, lower request_size. "
            f"{_THEN_AGAIN}"
        )
    elif error.status in _OF_PROXIES:
        what_next = (
            "A proxy says this where CVAT is not there or takes too long: see whether its "
            f"containers run, and how long the proxy waits for them. {_THEN_AGAIN}"
        )
    else:
        what_next = (
            "The fault is on the server, whose log says more ('docker logs cvat_server'): to run "
            "the same command again will not help. If a proxy of your own is before CVAT, let it "
            "pass on the headers Host, X-Forwarded-Host and X-Forwarded-Proto."
        )
    return type(error)(error.what, f"It did so {times} times in a row. {what_next}", error.status)


def _is_cut(error: Exception) -> bool:
    """Return whether a connection with TLS broke, rather than could not be made."""
    return isinstance(error.args[0], ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)


def _reason_of(error: Exception) -> str:
    """Return in a few words why there was no answer."""
    from urllib3.exceptions import TimeoutError as TimedOutError

    for cause in (error, error.__cause__, *error.args):
        if isinstance(cause, OSError):
            return printable(str(cause.strerror or cause)[:_DETAIL_LENGTH])
    return "timed out" if isinstance(error, TimedOutError) else type(error).__name__


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
