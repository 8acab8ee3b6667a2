"""Connect to a CVAT server: its certificates, whether it is CVAT, log in.

Connections, their TLS, headers and cookies are those of cvat_sdk, which is imported when needed.
"""

import contextlib
import dataclasses
import json
import os
import ssl
from typing import TYPE_CHECKING

from ..base.errors import (
    CvatAuthError,
    CvatRefusedError,
    CvatUncertainError,
    CvatUnreachableError,
    UsageError,
    cause_of,
    printable,
)
from ..settings.cvat import CvatSettings
from .login import LOGIN_HINT, Credentials, find_address, find_credentials, shown
from .session import Session
from .waits import Waits

if TYPE_CHECKING:
    from cvat_sdk.core.client import Client

_SAYS_NO = frozenset(range(400, 500)) - {429}
_PAUSES_BEFORE_LOG_IN = 2
_ADDRESS_HINT = "it is what the browser shows up to the first '/'."


def connect(
    settings: CvatSettings,
    auth: str | Credentials | None = None,
    waits: Waits | None = None,
) -> Session:
    """Return a session with the server that the settings, or ``CVAT_HOST``, name.

    Args:
        settings: the server, and the organization to work in.
        auth: ``USER[:PASS]``, from which `find_credentials` goes on; or what it would find.
        waits: how long is waited for what; the defaults if absent.

    Raises:
        UsageError: no server is named, or its certificates cannot be read.
        CvatUnreachableError: nothing answers there, or not CVAT.
        CvatAuthError: wrong or no credentials.
        CvatRefusedError: there is no such organization.
    """
    host, waits = find_address(settings), waits or Waits()
    client = _make_client(host, settings)
    # No one waits long for a wrong address.
    few = dataclasses.replace(waits, pauses_seconds=waits.pauses_seconds[:_PAUSES_BEFORE_LOG_IN])
    session = Session(client, host, settings, few)
    try:
        session.version = _find_version(session)
        session.notices = _compare_versions(session.version)
        if not isinstance(auth, Credentials):
            auth = find_credentials(auth, host)
        _log_in(session, client, auth)
        if settings.organization:
            _enter(session, settings.organization)
        session.names_organization = settings.organization is not None
    except BaseException:
        session.close()
        raise
    session.waits = waits
    return session


def _find_version(session: Session) -> str:
    """Find out whether this is CVAT, and which.

    Raises:
        CvatUnreachableError: nothing answers, or not CVAT.
    """
    try:
        response = session.request("GET", "server/about", accept=_SAYS_NO)
    except CvatUncertainError as error:
        raise CvatUnreachableError(
            f"{shown(session.host)}: {error.what}",
            f"Check that CVAT runs there, and the address; {_ADDRESS_HINT}",
        ) from None
    try:
        return str(json.loads(response.data)["version"])
    except (ValueError, LookupError, TypeError):
        raise CvatUnreachableError(
            f"{shown(session.host)}: something answers (status {response.status}), but it is not "
            "CVAT",
            f"Check the address; {_ADDRESS_HINT}",
        ) from None


def _compare_versions(version: str) -> tuple[str, ...]:
    """Return what a person should know of a server of this version."""
    from cvat_sdk.version import VERSION

    ours, theirs = (".".join(each.split(".")[:2]) for each in (VERSION, version))
    if ours == theirs:
        return ()
    return (
        f"CVAT is version {printable(version)}, cvat-sdk {VERSION}; they are made to "
        "work together when the first two numbers agree.",
    )


def _log_in(session: Session, client: "Client", credentials: Credentials) -> None:
    """Log in.

    Raises:
        CvatAuthError: the credentials are wrong.
    """
    from cvat_sdk.core.client import AccessTokenCredentials

    if credentials.token is not None:
        client.login(AccessTokenCredentials(credentials.token))
        try:
            token = session.find("auth/access_tokens/self") or {}  # not there on servers of old
        except CvatAuthError as error:
            raise CvatAuthError(
                f"{shown(session.host)}: the access token has expired, was revoked, or is none of "
                f"this server: {error.what}",
                "Make another one in CVAT (profile, security), and put it into CVAT_ACCESS_TOKEN.",
            ) from None
        session.is_read_only = bool(token.get("read_only"))
    else:
        _log_in_with_password(session, client, credentials)


def _log_in_with_password(session: Session, client: "Client", credentials: Credentials) -> None:
    from http.cookies import CookieError

    response = session.request(
        "POST",
        "auth/login",
        body={"username": credentials.user, "password": credentials.password},
        accept=frozenset((400, 401, 403)),
    )
    if response.status >= 400:
        raise CvatAuthError(
            f"{shown(session.host)}: CVAT does not accept this user name and password "
            f"(status {response.status})",
            LOGIN_HINT,
        )
    api = client.api_client
    for each in response.headers.getlist("Set-Cookie"):
        with contextlib.suppress(CookieError):  # one of a proxy before it
            api.cookies.load(each)
    if not {"sessionid", "csrftoken"} <= api.cookies.keys():
        raise CvatUnreachableError(
            f"{shown(session.host)}: something answers, but it does not log in as CVAT does",
            "Check the address.",
        )
    api.configuration.api_key["csrfHeaderAuth"] = api.cookies["csrftoken"].value


def _enter(session: Session, organization: str) -> None:
    """Let all that follows be in an organization.

    Raises:
        CvatRefusedError: there is no such organization.
    """
    slugs = [each["slug"] for each in session.list_all("organizations")]
    if organization not in slugs:
        known = ", ".join(printable(slug) for slug in slugs) or "none"
        raise CvatRefusedError(
            f"--organization {printable(organization)}: you are in no such organization (you are "
            f"in: {known})",
            "Check the short name.",
        )
    session.organization = organization


def _make_client(host: str, settings: CvatSettings) -> "Client":
    from cvat_sdk.api_client.rest import RESTClientObject
    from cvat_sdk.core.client import Client, Config

    client = Client(host, config=Config(verify_ssl=True), check_server_version=False)
    configuration = client.api_client.configuration
    configuration.connection_pool_maxsize = 32
    configuration.retries = False
    if settings.ca_file is not None:
        named = f"--ca-file {printable(settings.ca_file)}"
        if not os.path.isfile(settings.ca_file):
            raise UsageError(f"{named}: no such file.")
        try:
            ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:
            raise UsageError(
                f"{named}: cannot be used: {cause_of(error)}",
                "It must hold certificates in PEM format.",
            ) from None
        configuration.ssl_ca_cert = settings.ca_file
    client.api_client.rest_client = RESTClientObject(configuration)
    return client
