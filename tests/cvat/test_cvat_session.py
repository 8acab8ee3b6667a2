"""The way into CVAT: addresses, TLS, credentials, secrets, and what is repeated."""

import contextlib
import dataclasses
import fcntl
import functools
import http.server
import json
import os
import pty
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import termios
import threading
import time
from collections import Counter

import pytest
import trustme
from cvat_sdk.core.auth import AuthStore, ProfileEntry
from cvat_sdk.version import VERSION
from helpers import media
from helpers.cvat_stand_in import Fault, Kind, StandIn
from helpers.patience import PATIENCE_SECONDS, wait_for, wait_for_end
from helpers.prep import command, environment
from video_prep.base.errors import (
    CvatAuthError,
    CvatPermissionError,
    CvatRefusedError,
    CvatUncertainError,
    CvatUnreachableError,
    InterruptedRunError,
    UsageError,
)
from video_prep.cvat.connect import connect
from video_prep.cvat.login import Credentials
from video_prep.cvat.waits import Waits
from video_prep.settings.cvat import CvatSettings

ADMIN = "admin:secret"
SECRET = "s3same-0pen"
USER = f"ann:{SECRET}"
HASTY = Waits(pauses_seconds=(0.01,) * 4)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """No credentials but those of the test."""
    for name in [name for name in os.environ if name.startswith("CVAT_")] + ["PASS"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def ann(stand_in):
    return stand_in.accounts.add_user("ann", SECRET)


@pytest.fixture
def opened(stand_in):
    """Connect to the stand-in as its admin."""
    with contextlib.ExitStack() as stack:

        def start(auth=ADMIN, waits=HASTY, **settings):
            settings = {"host": stand_in.url, "timeout_seconds": 1, **settings}
            session = connect(CvatSettings(**settings), auth, waits)
            stack.callback(session.close)
            return session

        yield start


@pytest.fixture(scope="session")
def extracted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uploaded")
    media.encode(folder / "clip.mp4", frames=10)
    arguments = command("extract", folder / "clip.mp4", "-o", folder / "ds", "-q")
    subprocess.run(arguments, env=environment(), check=True)
    return folder / "ds"


@pytest.fixture
def dataset(extracted, tmp_path):
    return shutil.copytree(extracted, tmp_path / "ds")


def sent(stand_in, path="", method=""):
    """Return how often what was asked for."""
    return Counter(
        f"{one.method} {one.path}"
        for one in stand_in.requests
        if path in one.path and method in one.method
    )


def save_profile(server, token, name="work", **options):
    AuthStore().put_profile(name, ProfileEntry(server, token, ""), **options)


# Credentials


WAYS = {
    "a token": ({"CVAT_ACCESS_TOKEN": "{token}"}, None, "robot"),
    "a token and a line break": ({"CVAT_ACCESS_TOKEN": "{token}\r\n"}, None, "robot"),
    "user and password": ({"CVAT_USERNAME": "ann", "CVAT_PASSWORD": SECRET}, None, "ann"),
    "--auth USER:PASS": ({}, USER, "ann"),
    "--auth USER and PASS": ({"PASS": SECRET}, "ann", "ann"),
    "--auth USER:PASS before PASS": ({"PASS": "wrong"}, USER, "ann"),
    "--auth before a token": ({"CVAT_ACCESS_TOKEN": "{token}"}, USER, "ann"),
    "--auth before CVAT_USERNAME": ({"CVAT_USERNAME": "b", "CVAT_PASSWORD": "c"}, USER, "ann"),
    "a token before a user": (
        {"CVAT_ACCESS_TOKEN": "{token}", "CVAT_USERNAME": "ann", "CVAT_PASSWORD": SECRET},
        None,
        "robot",
    ),
    "a user before a profile": (
        {"profile": "wrong", "CVAT_USERNAME": "ann", "CVAT_PASSWORD": SECRET},
        None,
        "ann",
    ),
    "a profile": ({"profile": "{token}", "PASS": "not asked"}, None, "robot"),
}


@pytest.mark.parametrize(("given", "auth", "user"), WAYS.values(), ids=WAYS)
def test_every_way_of_credentials(given, auth, user, stand_in, ann, opened, monkeypatch):
    robot = stand_in.accounts.add_user("robot", "none")
    token = stand_in.accounts.add_access_token(robot, read_only=False)
    for name, value in given.items():
        if name == "profile":
            save_profile(stand_in.url, value.format(token=token))
        else:
            monkeypatch.setenv(name, value.format(token=token))
    session = opened(auth)
    assert (session.user, session.is_read_only) == (user, False)
    session.post("projects", {"name": "p", "labels": []})
    session.close()
    by_password = int(user == "ann")
    assert sent(stand_in, "/auth/log") == Counter(
        {"POST /api/auth/login": by_password, "POST /api/auth/logout": by_password}
    )


def no_credentials(opened, **settings):
    with pytest.raises(CvatAuthError, match="no credentials for CVAT") as e:
        opened(None, **settings)
    assert e.value.exit_code == 4


def test_a_saved_profile_is_for_its_own_server(stand_in, opened):
    token = stand_in.accounts.add_access_token(stand_in.admin)
    save_profile("http://127.0.0.1:1", token, "first")
    no_credentials(opened)
    save_profile(stand_in.url.upper() + "/", token, "second")
    assert opened(None).user == "admin"


def test_a_profile_that_cvat_cli_has_made(stand_in, ann, prep, dataset, tmp_path):
    token = stand_in.accounts.add_access_token(ann, read_only=False)
    config = environment(XDG_CONFIG_HOME=str(tmp_path / "config"))
    arguments = ("--server-host", stand_in.url, "profile", "create", "--name", "work", token)
    subprocess.run([sys.executable, "-m", "cvat_cli", *arguments], env=config, check=True)
    done = prep("upload", "--cvat", dataset, "--host", stand_in.url)
    assert done.code == 0, done.out
    assert [task.owner for task in stand_in.state.tasks.values()] == [ann]


def test_of_several_profiles_the_default_is_taken(stand_in, ann, opened):
    for user in (stand_in.admin, ann):
        save_profile(stand_in.url, stand_in.accounts.add_access_token(user), user.username)
    AuthStore().set_default_profile("ann")
    assert opened(None).user == "ann"
    AuthStore().clear_default_profile()
    no_credentials(opened)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 1, "profiles": [1]}', '{"version": 9}', "\xff", None]
)
def test_a_file_of_profiles_that_cannot_be_used_is_none(text, stand_in, opened):
    save_profile(stand_in.url, stand_in.accounts.add_access_token(stand_in.admin))
    if text is None:  # others may read it
        AuthStore().path.chmod(0o644)
    else:
        AuthStore().path.write_bytes(text.encode("latin-1"))
    no_credentials(opened)


def at_terminal(keys, *arguments):
    """Run prep at a terminal, typing an answer to each prompt; return what it and stdout show."""
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        command(*arguments),
        env=environment(),
        stdin=inner,
        stderr=inner,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(inner)
    too_late = threading.Timer(PATIENCE_SECONDS, process.kill)
    too_late.start()
    shown, keys = b"", list(keys)
    with contextlib.suppress(OSError):
        while data := os.read(outer, 1024):
            shown += data
            if shown.endswith(b": ") and keys:
                time.sleep(0.2)  # until the terminal is switched to not echo
                os.write(outer, keys.pop(0))
    os.close(outer)
    out, _ = process.communicate()
    too_late.cancel()
    assert b"Traceback" not in shown
    return process.returncode, shown.decode(), out.decode()


def test_a_terminal_is_asked_and_does_not_echo_the_password(stand_in, ann, tmp_path):
    arguments = ("doctor", "--json", "--host", stand_in.url, "-o", tmp_path)
    keys = (b"ann\n", f"{SECRET}\n".encode())
    code, shown, out = at_terminal(keys, *arguments)
    assert "logged in as ann" in json.loads(out)["findings"][-1]["detail"]
    assert code in {0, 1}  # little room on the disk
    # What was drawn while things were tried is gone by then.
    asked = f"User name at {stand_in.url}: ann\r\nPassword of ann at {stand_in.url}: \r\n"
    assert re.fullmatch(rf"(.*\r {{5,}}\r)?{re.escape(asked)}", shown, re.DOTALL)
    code, shown, out = at_terminal(keys[1:], *arguments, "--auth", "ann")
    assert (code in {0, 1}, SECRET in shown + out) == (True, False)
    assert sent(stand_in, "/login") == {"POST /api/auth/login": 2}


def test_an_upload_asks_for_the_password_before_it_begins(stand_in, ann, dataset):
    code, shown, out = at_terminal(
        (f"{SECRET}\n".encode(),),
        "upload",
        "--cvat",
        dataset,
        "--host",
        stand_in.url,
        "--auth",
        "ann",
    )
    assert (code, SECRET in shown + out) == (0, False)
    assert shown.startswith(f"Password of ann at {stand_in.url}: \r\n")
    assert [task.owner for task in stand_in.state.tasks.values()] == [ann]


@pytest.mark.parametrize(
    ("keys", "code", "reason"),
    [
        ((b"\x04",), 4, "no user name was given"),
        ((b"\n",), 4, "no user name was given"),
        ((b"ann\n", b"\x04"), 4, "no password was given"),
        ((b"ann\n", b"\n"), 4, "does not accept this user name and password"),
        ((b"ann\n", b"\x03"), 5, "Interrupted"),
    ],
)
def test_nothing_typed_at_a_terminal_is_no_bug(keys, code, reason, stand_in, tmp_path):
    done = at_terminal(keys, "doctor", "--json", "--host", stand_in.url, "-o", tmp_path)
    assert (done[0], reason in done[2]) == (code, True)


WRONG = {
    "a wrong password": ("ann:wr0ng", {}, CvatAuthError, "does not accept this user name"),
    "an unknown user": ("bob:wr0ng", {}, CvatAuthError, "does not accept this user name"),
    "no password": ("ann", {}, CvatAuthError, "no password for user ann"),
    "an empty password": ("ann:", {"PASS": ""}, CvatAuthError, "no password for user ann"),
    "PASS is for --auth": (None, {"CVAT_USERNAME": "a", "PASS": "wr0ng"}, CvatAuthError, "no pass"),
    "an unknown token": (None, {"CVAT_ACCESS_TOKEN": "wr0ng"}, CvatAuthError, "gave 401: Invalid"),
    "an old token": (
        None,
        {"CVAT_ACCESS_TOKEN": "wr0ng"},
        CvatAuthError,
        "Make another one in CVAT",
    ),
    "two lines as token": (None, {"CVAT_ACCESS_TOKEN": "wr0ng\n2"}, CvatAuthError, "cannot be an"),
    "an odd token": (None, {"CVAT_ACCESS_TOKEN": "wr0ng“"}, CvatAuthError, "in CVAT_ACCESS_TOKEN"),
    "nothing": (None, {"CVAT_ACCESS_TOKEN": ""}, CvatAuthError, "no credentials for CVAT"),
    "an empty --auth": ("", {}, UsageError, "--auth: no user is named"),
    "only a password": (":wr0ng", {}, UsageError, "--auth: no user is named"),
}


@pytest.mark.parametrize(("auth", "given", "error", "words"), WRONG.values(), ids=WRONG)
def test_wrong_credentials_are_told_and_not_shown(
    auth, given, error, words, ann, opened, monkeypatch
):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error, match=words) as raised:
        opened(auth)
    assert raised.type is error
    assert "wr0ng" not in str(raised.value)


# What one may do


def test_a_read_only_token_makes_nothing(stand_in, prep, dataset):
    token = stand_in.accounts.add_access_token(stand_in.admin)
    done = prep(
        "upload", "--cvat", dataset, "--json", "--host", stand_in.url, CVAT_ACCESS_TOKEN=token
    )
    assert (done.code, done.json["errors"][0]["kind"]) == (4, "cvat-permission")
    assert "token is read-only" in done.json["errors"][0]["message"]
    assert sum(sent(stand_in, method="POST").values()) == 0


def test_a_worker_makes_nothing(stand_in, prep, dataset):
    stand_in.accounts.add_user("hand", "pass", "worker")
    done = prep(
        "upload", "--cvat", dataset, "--json", "--host", stand_in.url, "--auth", "hand:pass"
    )
    assert (done.code, done.json["errors"][0]["kind"]) == (4, "cvat-permission")
    assert "POST /api/projects gave 403" in done.json["errors"][0]["message"]
    assert (stand_in.state.projects, stand_in.state.tasks) == ({}, {})


def test_everything_is_made_in_the_organization(stand_in, ann, prep, dataset):
    team = stand_in.accounts.add_organization("team", ann)
    arguments = ("upload", "--cvat", dataset, "--json", "--host", stand_in.url, "--auth", USER)
    done = prep(*arguments, "--organization", "team")
    assert done.code == 0
    (project,), (task,) = stand_in.state.projects.values(), stand_in.state.tasks.values()
    assert (project.organization, task.organization, task.owner) == (team, team, ann)


@pytest.mark.parametrize("others", [[], ["team", "crew"]])
def test_an_unknown_organization_is_refused(others, stand_in, ann, opened):
    for slug in others:
        stand_in.accounts.add_organization(slug, ann)
    stand_in.accounts.add_organization("strangers", stand_in.admin)
    known = ", ".join(sorted(others)) or "none"
    with pytest.raises(CvatRefusedError, match="strangers: you are in no such") as raised:
        opened(USER, organization="strangers")
    assert f"(you are in: {known})" in str(raised.value)
    assert sent(stand_in, "logout") == {"POST /api/auth/logout": 1}


def test_an_empty_organization_is_none(opened):
    assert opened(organization="").organization is None


# Addresses


@pytest.fixture
def silent():
    """A port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.fixture
def answering():
    """Start servers that give one answer to everything; they note the paths asked for."""
    with contextlib.ExitStack() as stack:

        def start(status=200, body=b"", **headers):
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    asked.append(self.path)
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                do_POST = do_GET  # noqa: N815

                def log_message(self, *_):
                    pass

            asked = []
            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}", asked

        yield start


def unreachable(opened, host, **settings):
    with pytest.raises(CvatUnreachableError) as raised:
        opened(host=host, **settings)
    assert raised.value.exit_code == 4
    return str(raised.value)


def test_nothing_answers(opened, closed, silent):
    assert unreachable(opened, closed).startswith(
        f"http://{closed}: no answer from CVAT (Connection refused). Check the address"
    )
    message = unreachable(opened, "no-such-host.invalid")
    assert message.startswith("https://no-such-host.invalid: no answer from CVAT (")
    for scheme in ("http", "https"):
        message = unreachable(opened, f"{scheme}://{silent}")
        assert message.startswith(f"{scheme}://{silent}: no answer to GET /api/server/about (")
        assert "timed out). Check that CVAT runs there, and the address; it is" in message


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_the_proxy_of_a_cvat_that_is_down(status, stand_in, opened):
    stand_in.faults.add(Fault(Kind.REFUSE, status=status, times=99))
    message = unreachable(opened, stand_in.url)
    assert f"CVAT failed (GET /api/server/about gave {status}). Check that CVAT runs" in message
    assert sent(stand_in) == {"GET /api/server/about": 3}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>hello</html>"),
        (200, b"{}"),
        (200, b"[]"),
        (200, b"\xff"),
        (200, b""),
        (204, b""),
        (400, b"plain HTTP to an HTTPS port"),
        (401, b'{"detail": "who?"}'),
        (403, b"no"),
        (404, b"no"),
    ],
)
def test_something_else_than_cvat_answers(status, body, answering, opened):
    host, asked = answering(status, body)
    message = unreachable(opened, host)
    assert message.startswith(f"{host}: something answers (status {status}), but it is not CVAT.")
    assert asked == ["/api/server/about"]


def test_something_that_speaks_no_http(opened):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet():
            with contextlib.suppress(OSError):
                while True:
                    with server.accept()[0] as connection:
                        connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
                        connection.recv(4096)

        threading.Thread(target=greet, daemon=True).start()
        message = unreachable(opened, f"127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)
    assert "no answer to GET /api/server/about (" in message


def test_a_redirect_says_where_cvat_is(answering, opened):
    there, asked_there = answering()
    for base in ("https://cvat.example.com", there):
        host, asked = answering(301, Location=f"{base}/api/server/about?x=1")
        assert unreachable(opened, host) == f"{host}: CVAT is at {base}. Name that with --host."
        assert asked == ["/api/server/about"]
    host, _ = answering(302, Location="https://sso.example.com/in?token=s3same-0pen")
    message = unreachable(opened, host)
    assert message.startswith(f"{host}: it sends us on to https://sso.example.com/in. Check the")
    assert "nowhere" in unreachable(opened, answering(307)[0])
    assert asked_there == []  # no one is followed


def test_what_does_not_log_in_as_cvat_does(answering, opened):
    host, asked = answering(200, b'{"version": "2.80.0"}')
    assert "does not log in as CVAT does" in unreachable(opened, host)
    assert asked == ["/api/server/about", "/api/auth/login"]


def test_addresses_as_people_type_them(stand_in, opened, monkeypatch):
    local = f"http://localhost:{stand_in.port}"
    for host in (f"localhost:{stand_in.port}", f" {local}// ", local.upper()):
        assert opened(host=host).host == local
    monkeypatch.setenv("CVAT_HOST", stand_in.url)
    assert opened(host=None).host == stand_in.url
    for path in ("/tasks/5", "/?next=/x", "/api"):
        message = unreachable(opened, stand_in.url + path)
        assert "is not CVAT" in message
        assert message.endswith("it is what the browser shows up to the first '/'.")


@pytest.mark.parametrize(
    "host",
    [
        "http://h:port",
        "http://h:99999",
        "http://h:0",
        "h:-1",
        "[",
        "http://[",
        "http://",
        "http:/localhost",
        "://h",
        "ftp://h",
        "file:///etc",
        "http://a b",
        "http://a..b",
        f"http://{'a' * 64}.example",
        "http://\x1b[31mh\x00",
    ],
)
def test_what_is_no_address(host, opened):
    with pytest.raises(UsageError, match="is no address of a server") as raised:
        opened(host=host)
    assert (raised.value.exit_code, str(raised.value).isprintable()) == (2, True)


@pytest.mark.parametrize("host", [None, "", " ", "/"])
def test_no_address(host, opened):
    with pytest.raises(UsageError, match="no CVAT server is named"):
        opened(host=host)


@pytest.mark.parametrize(
    "host",
    [
        "http://ann:{}@h",
        "https://ann:{}@h:8080/x",
        "ann:{}@h",
        "http://:{}@h",
        "http://ann:/{}@h",
        "http://ann:1/{}@h",
        "http://ann:@{}@h",
        "ann:://{}@h",
        "ftp://ann:{}@h",
        "http://{}@",
    ],
)
def test_a_secret_in_the_address_is_refused_and_not_shown(host, opened):
    with pytest.raises(UsageError, match="a user or password in the address") as raised:
        opened(host=host.format(SECRET))
    assert SECRET not in str(raised.value)
    assert "ann" not in str(raised.value)


# TLS


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def with_tls(stand_in, authority, name="localhost"):
    """Let the stand-in speak TLS; return its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    stand_in._http.socket = context.wrap_socket(stand_in._http.socket, server_side=True)
    return f"https://localhost:{stand_in.port}"


def test_an_unknown_certificate_is_refused(stand_in, authority, prep, opened):
    host = with_tls(stand_in, authority)
    message = unreachable(opened, host)
    assert message.startswith(f"{host}: TLS failed ([SSL: CERTIFICATE_VERIFY_FAILED]")
    assert "Name the certificates of its authority with --ca-file" in message
    done = prep("doctor", "--host", host, "--auth", ADMIN)
    assert (done.code, "with --ca-file" in done.out) == (4, True)
    assert stand_in.requests == []


def test_a_certificate_named_with_ca_file(stand_in, authority, ca_file, prep, dataset):
    host = with_tls(stand_in, authority)
    arguments = ("--host", host, "--auth", ADMIN, "--ca-file", ca_file)
    assert prep("upload", "--cvat", dataset, *arguments).code == 0
    assert [task.name for task in stand_in.state.tasks.values()] == ["clip"]


def test_a_certificate_of_another_server(stand_in, authority, ca_file, opened):
    host = with_tls(stand_in, authority, "cvat.example.com")
    assert "TLS failed" in (message := unreachable(opened, host, ca_file=ca_file))
    assert "ostname mismatch" in message


def test_tls_on_one_side_only(stand_in, authority, opened):
    message = unreachable(opened, stand_in.url.replace("http", "https"))
    assert "TLS failed" in message
    assert "if the server speaks no TLS, write http:// before its address" in message
    host = with_tls(stand_in, authority).replace("https", "http")
    assert unreachable(opened, host).startswith(f"{host}: no answer to GET")


@pytest.mark.parametrize("content", [None, b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_certificates_that_cannot_be_read(content, stand_in, opened, tmp_path):
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_bytes(content)
    for ca_file in (path, tmp_path, ""):
        with pytest.raises(UsageError, match=r"--ca-file .*(no such file|in PEM format)") as raised:
            opened(ca_file=str(ca_file))
        assert raised.value.exit_code == 2
    assert stand_in.requests == []


def test_a_tls_connection_that_breaks_leaves_in_doubt(stand_in, opened, monkeypatch):
    from urllib3.exceptions import SSLError

    session = opened()
    pool = session._client.api_client.rest_client.pool_manager
    tries = []

    def cut(*_, **__):
        tries.append(1)
        raise SSLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))

    monkeypatch.setattr(pool, "request", cut)
    with pytest.raises(CvatUncertainError, match="EOF occurred"):
        session.post("projects", {"name": "p"})
    assert len(tries) == 1
    with pytest.raises(CvatUncertainError, match="EOF occurred"):
        session.get("projects")
    assert len(tries) == 6


# Secrets


@pytest.fixture
def started(monkeypatch):
    """The programs that are started, with their arguments."""
    programs = []
    start = subprocess.Popen.__init__

    def note(self, arguments, *more, **named):
        programs.append(repr((arguments, named.get("executable"))))
        start(self, arguments, *more, **named)

    monkeypatch.setattr(subprocess.Popen, "__init__", note)
    return programs


@pytest.mark.parametrize("way", ["--auth", "PASS", "CVAT_PASSWORD", "CVAT_ACCESS_TOKEN", "profile"])
def test_secrets_appear_nowhere(way, stand_in, ann, prep, dataset, started):
    token = stand_in.accounts.add_access_token(ann, read_only=False)
    secret = token if way in {"CVAT_ACCESS_TOKEN", "profile"} else SECRET
    env = {}
    if way == "profile":
        save_profile(stand_in.url, token)
    elif way == "CVAT_PASSWORD":
        env |= {"CVAT_USERNAME": "ann", way: SECRET}
    elif way != "--auth":
        env |= {way: secret}
    auth = {"--auth": ["--auth", USER], "PASS": ["--auth", "ann"]}.get(way, [])
    server = ["--host", stand_in.url, *auth]
    runs = [
        prep("doctor", "-v", *server, **env),
        prep("upload", "--cvat", dataset, *server, "-v", **env),
    ]
    assert runs[1].code == 0
    assert any("ffmpeg" in program for program in started)
    for kind in (Kind.REFUSE, Kind.CUT_ANSWER):
        at_post = lambda one: (one.method, one.path) == ("POST", "/api/projects")  # noqa: E731
        stand_in.faults.add(Fault(kind, match=at_post))
        more = ("--json", "--project", kind.name)
        runs.append(prep("upload", "--cvat", dataset, *server, *more, **env))
        assert (runs[-1].code, stand_in.faults.waiting) == (4, 0)
    stand_in.close()
    runs.append(prep("upload", "--cvat", dataset, *server, "--json", **env))
    assert runs[-1].code == 4
    written = [path.read_bytes() for path in dataset.rglob("*") if path.is_file()]
    shown = [text.encode() for run in runs for text in (run.out, run.err)]
    shown += [program.encode() for program in started]
    assert (dataset / "cvat.json").exists()
    assert not [text for text in (*written, *shown) if secret.encode() in text]


def test_credentials_do_not_show_themselves():
    assert SECRET not in repr(Credentials(SECRET, SECRET, SECRET))


# One run


def test_one_client_a_run_and_one_line_on_its_version(stand_in, prep, dataset):
    arguments = ("upload", "--cvat", dataset, "--host", stand_in.url, "--auth", ADMIN)
    done = prep(*arguments)
    assert done.code == 0
    once = ("GET /api/server/about", "POST /api/auth/login", "POST /api/auth/logout")
    assert {each: sent(stand_in)[each] for each in once} == dict.fromkeys(once, 1)
    (line,) = [line for line in (done.out + done.err).splitlines() if "cvat-sdk" in line]
    assert line.startswith(f"note: CVAT is version 2.54.1, cvat-sdk {VERSION}; ")
    again = prep(*arguments, "--json")  # the second time it is no news
    assert (again.json["warnings"], again.err) == ([], "")
    told = prep("doctor", *arguments[3:]).out.replace("\n", " ")
    assert line.removeprefix("note: ") in re.sub(" +", " ", told)


@pytest.mark.parametrize(
    ("version", "notices"),
    [(VERSION, 0), (".".join(VERSION.split(".")[:2]) + ".99", 0), ("3", 1), ("\x1b[1m", 1)],
)
def test_versions_that_go_together(version, notices):
    with StandIn(version=version) as server:
        session = connect(CvatSettings(host=server.url), ADMIN)
        assert (session.version, len(session.notices)) == (version, notices)
        assert "".join(session.notices).isprintable()
        session.close()


def test_the_end_of_a_session(stand_in, opened):
    hasty = dataclasses.replace(HASTY, logout_seconds=0.3)
    opened = functools.partial(opened, waits=hasty, timeout_seconds=600)
    session = opened()
    session.stopped.set()
    session.close()
    session.close()
    assert sent(stand_in, "logout") == {"POST /api/auth/logout": 1}
    for kind in (Kind.HANG, Kind.CUT_ANSWER, Kind.REFUSE):
        session = opened()
        stand_in.faults.add(Fault(kind))
        wait_for_end(session.close)
    session = opened()
    stand_in.close()
    wait_for_end(session.close)


def test_a_log_in_that_fails_is_over_soon(stand_in, opened):
    at_login = functools.partial(Fault, match=lambda one: one.path.endswith("login"))
    stand_in.faults.add(at_login(Kind.REFUSE, status=429))
    assert opened().user == "admin"
    assert sent(stand_in, "login") == {"POST /api/auth/login": 2}
    for fault in (at_login(Kind.HANG), at_login(Kind.REFUSE, status=502)):
        stand_in.faults.add(fault)
        with pytest.raises(CvatUncertainError, match="POST /api/auth/login"):
            opened()
    assert sent(stand_in, "login") == {"POST /api/auth/login": 4}


# What is repeated


BREAKS = (Kind.CUT_REQUEST, Kind.CUT_ANSWER, Kind.CUT_MIDWAY, Kind.SILENT)
FAULTS = {
    **{str(status): Fault(Kind.REFUSE, status=status) for status in (429, 500, 502, 503, 504)},
    **{kind.name: Fault(kind) for kind in BREAKS},
}


@pytest.fixture
def ask(opened, stand_in):
    """Send a request that goes wrong; return how often it was sent, and the error."""
    usual = opened().request

    def send(method, fault, request=usual, **more):
        fault = Fault(fault.kind, status=fault.status, retry_after=fault.retry_after)
        stand_in.faults.add(fault)
        before, error = len(stand_in.requests), None
        try:
            response = request(method, "nowhere", accept=frozenset((404,)), **more)
            assert response.status == 404  # of the stand-in itself
        except Exception as raised:
            error = type(raised)
        return len(stand_in.requests) - before, error

    return send


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_what_only_reads_or_deletes_is_repeated(method, fault, ask):
    is_complete = (method, fault.kind) == ("HEAD", Kind.CUT_MIDWAY)  # what was cut off is no part
    assert ask(method, fault) == (1 if is_complete else 2, None)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_what_changes_something_is_repeated_only_after_429(method, fault, ask):
    expected = (2, None) if fault.status == 429 else (1, CvatUncertainError)
    assert ask(method, fault, body={"a": "b"}) == expected


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("method", ["PATCH", "GET"])
def test_a_stream_is_never_repeated(method, fault, ask, opened):
    error = CvatRefusedError if fault.status == 429 else CvatUncertainError
    stream = iter([b"ab", b"c"])
    send, headers = opened().send_stream, {"Content-Length": "3"}
    assert ask(method, fault, send, stream=stream, headers=headers) == (1, error)
    assert list(stream) == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, CvatUnreachableError),
        (400, CvatRefusedError),
        (401, CvatAuthError),
        (403, CvatPermissionError),
        (409, CvatRefusedError),
        (413, CvatRefusedError),
        (501, CvatUncertainError),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_repeated(method, status, error, ask):
    assert ask(method, Fault(Kind.REFUSE, status=status)) == (1, error)


def test_patience_has_an_end(stand_in, opened):
    session = opened()
    for status, error, told in (
        (503, CvatUncertainError, "It did so 5 times in a row"),
        (429, CvatRefusedError, "Run the same command again later"),
    ):
        stand_in.faults.add(Fault(Kind.REFUSE, status=status, times=5))
        with pytest.raises(error, match=told):
            session.get("projects")
    assert sent(stand_in, "/projects") == {"GET /api/projects": 10}
    assert session.get("projects")["results"] == []


def test_a_refused_connection_is_tried_again(stand_in, opened):
    session = opened(waits=Waits(pauses_seconds=(0.1,) * 10 * PATIENCE_SECONDS))
    restart = threading.Thread(target=stand_in.restart, args=(0.5,))
    restart.start()
    time.sleep(0.25)
    session.post("projects", {"name": "p", "labels": []})
    restart.join()
    assert [project.name for project in stand_in.state.projects.values()] == ["p"]
    assert sent(stand_in, "/projects") == {"POST /api/projects": 1}
    stand_in.close()
    paused = pauses_of(session)
    with pytest.raises(CvatUnreachableError, match="Connection refused"):
        session.send_stream("PATCH", "nowhere", iter([b"a"]), {"Content-Length": "1"})
    assert paused == []


def pauses_of(session):
    """Return the pauses that a session makes, in seconds, as it comes to them; it makes none."""
    paused = []
    session.pause = paused.append
    return paused


@pytest.mark.parametrize(
    ("asked", "pause_seconds"),
    [
        ("1", 1),
        ("3600", 30),
        ("0", 0.01),
        ("Wed, 21 Oct 2065 07:28:00 GMT", 0.01),
        ("\xb2", 0.01),
    ],
)
def test_retry_after_is_heeded_within_bounds(asked, pause_seconds, ask, opened):
    session = opened(waits=dataclasses.replace(HASTY, longest_asked_seconds=30))
    paused = pauses_of(session)
    for fault in (Fault(Kind.REFUSE, status=status, retry_after=asked) for status in (429, 503)):
        assert ask("GET", fault, session.request) == (2, None)
    assert paused == [pause_seconds] * 2


def test_a_pause_takes_its_time(opened):
    began = time.monotonic()
    opened().pause(0.3)
    assert time.monotonic() - began >= 0.3


def test_a_stop_ends_every_wait(stand_in, opened):
    session = opened(waits=dataclasses.replace(HASTY, longest_asked_seconds=600))
    stand_in.faults.add(Fault(Kind.REFUSE, status=503, retry_after="600"))
    for wait in (lambda: session.pause(600), lambda: session.get("projects")):
        session.stopped.clear()
        threading.Timer(0.1, session.stopped.set).start()
        with pytest.raises(InterruptedRunError):
            wait_for_end(wait)
    before = len(stand_in.requests)
    with pytest.raises(InterruptedRunError):
        session.get("projects")
    assert len(stand_in.requests) == before


@pytest.mark.parametrize("step", ["Upload-Start", "Upload-Offset", ""])
def test_ctrl_c_ends_a_run_whose_server_keeps_silent(step, stand_in, dataset):
    is_it = {"": lambda r: r.path == "/api/tasks" and r.method == "POST"}.get(
        step, lambda r: r.step == step
    )
    stand_in.faults.add(Fault(Kind.HANG, match=is_it))
    process = subprocess.Popen(
        command("upload", "--cvat", dataset),
        env=environment(CVAT_HOST=stand_in.url, CVAT_USERNAME="admin", CVAT_PASSWORD="secret"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: not stand_in.faults.waiting)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, "Interrupted" in err) == (5, True), out + err
    assert "Traceback" not in out + err
