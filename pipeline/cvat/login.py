"""Where CVAT is and who asks: the address and the credentials, found as cvat-cli finds them.

Nothing here is ever printed with a secret in it.
"""

import getpass
import os
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..base.errors import CvatAuthError, UsageError, printable
from ..settings.cvat import CvatSettings

_LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))
LOGIN_HINT = (
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
        UsageError: ``auth`` names no user.
        CvatAuthError: there are none, and no terminal to ask at; or what should be an access token
            cannot be one.
    """
    if auth is not None:
        user, _, password = auth.partition(":")
        if not user:
            raise UsageError("--auth: no user is named. Was a shell variable not set?")
        return _with_password(user, password or os.environ.get("PASS"), host)
    if token := os.environ.get("CVAT_ACCESS_TOKEN", "").strip():
        return _with_token(token, "CVAT_ACCESS_TOKEN", host)
    if name := os.environ.get("CVAT_USERNAME"):
        return _with_password(name, os.environ.get("CVAT_PASSWORD"), host)
    if saved := _profile_token(host):
        return _with_token(saved, "cvat-cli's profile", host)
    if not _is_at_terminal():
        raise CvatAuthError(f"{shown(host)}: no credentials for CVAT", LOGIN_HINT)
    return _with_password(_ask_user(host), None, host)


def is_server_named(settings: CvatSettings) -> bool:
    """Whether the settings, or ``CVAT_HOST``, name a server."""
    return bool(_named(settings))


def find_address(settings: CvatSettings) -> str:
    """Return the address of the server that the settings, or ``CVAT_HOST``, name.

    Raises:
        UsageError: they name none, or it is no address, or it has a user or password in it.
    """
    from urllib3.util import parse_url

    host = _named(settings)
    if not host:
        raise UsageError(
            "no CVAT server is named",
            "Use --host or CVAT_HOST, for example http://localhost:8080 or https://app.cvat.ai.",
        )
    if "@" in host:
        raise UsageError(
            f"{shown(host)}: a user or password in the address would end up in logs", LOGIN_HINT
        )
    try:
        if "://" not in host:
            # As people type it: a server on this machine rarely speaks TLS, any other should.
            is_local = urlsplit(f"//{host}").hostname in _LOCAL
            host = f"{'http' if is_local else 'https'}://{host}"
        parts = urlsplit(host)
        is_usable = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.port != 0
            and not parts.netloc.endswith(":")  # 'http:' was meant as more than a name
        )
        parse_url(host)
        (parts.hostname or "").encode("idna")  # finds names that are too long, or have empty parts
    except ValueError:
        is_usable = False
    if not is_usable:
        raise UsageError(
            f"{shown(host)}: this is no address of a server",
            "It looks like https://cvat.example.com or http://localhost:8080.",
        )
    return parts._replace(netloc=parts.netloc.lower()).geturl()


def _named(settings: CvatSettings) -> str:
    return (settings.host or os.environ.get("CVAT_HOST") or "").strip().rstrip("/")


def _profile_token(host: str) -> str | None:
    """Return the token that cvat-cli has saved for this server, if any."""
    from cvat_sdk.core.auth import AuthStore
    from cvat_sdk.core.exceptions import AuthStoreError

    try:
        store = AuthStore()
        every = store.list_profiles().values()
        profiles = [one for one in every if one.server.rstrip("/").lower() == host.lower()]
        _, preferred = store.get_default_profile() or ("", None)
        if preferred in profiles:
            profiles = [preferred]
        return str(profiles[0].token) if len(profiles) == 1 else None
    except (AuthStoreError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # made for another program; ours go on without


def _with_token(token: str, source: str, host: str) -> Credentials:
    # What cannot be sent would be shown by those who say so.
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise CvatAuthError(
            f"{shown(host)}: what is in {source} cannot be an access token", LOGIN_HINT
        )
    return Credentials(token=token)


def _with_password(user: str, password: str | None, host: str) -> Credentials:
    if password:
        return Credentials(user=user, password=password)
    if not _is_at_terminal():
        raise CvatAuthError(f"{shown(host)}: no password for user {printable(user)}", LOGIN_HINT)
    try:
        asked = getpass.getpass(f"Password of {printable(user)} at {shown(host)}: ")
    except EOFError:
        raise CvatAuthError(f"{shown(host)}: no password was given", LOGIN_HINT) from None
    return Credentials(user=user, password=asked)


def _ask_user(host: str) -> str:
    sys.stderr.write(f"User name at {shown(host)}: ")  # stdout is for the result
    sys.stderr.flush()
    user = sys.stdin.readline().strip()
    if not user:
        raise CvatAuthError(f"{shown(host)}: no user name was given", LOGIN_HINT)
    return user


def _is_at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def shown(host: str) -> str:
    """Return an address safe to print: without a user or password in it."""
    scheme = next((s for s in ("http://", "https://") if host.lower().startswith(s)), "")
    return printable(scheme + host[len(scheme) :].rpartition("@")[2])
