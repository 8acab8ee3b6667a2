"""The command line as people and programs meet it."""

import http.server
import json
import re
import threading

import click
import pytest
import video_prep
from helpers import media
from helpers.prep import on_terminal
from video_prep.cli import cli


def every_command():
    return sorted((name, cli.get_command(None, name)) for name in cli.list_commands(None))


@pytest.mark.parametrize(("name", "verb"), every_command())
def test_every_command_and_option_has_help(name, verb):
    """test_docs.py holds the documentation against it."""
    assert verb.help
    for parameter in verb.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("name", [None, *(name for name, _ in every_command())])
def test_help_is_shown(name, prep):
    done = prep(*([name] if name else []), "--help")
    assert done.code == 0
    assert done.out.startswith("Usage: prep")


def test_the_list_of_commands_says_what_each_says_of_itself(prep):
    said = prep("--help").out
    for name, verb in every_command():
        short = verb.get_short_help_str(limit=1000)
        assert f"  {name:<11}  {short}\n" in said


def test_help_shows_first_what_matters_first(prep):
    """The other options follow in groups; what all commands have comes last."""
    text = prep("run", "--help", COLUMNS="80").out
    titles = re.findall(r"^(\S.*):$", text, re.M)
    assert titles == [
        "Options that matter first",
        "Options",
        "Frames and images",
        "Duplicates",
        "CVAT server",
        "How the work is done",
        "What is printed",
    ]
    first, *_ = re.split(r"^\S.*:$", text, flags=re.M)[1:]
    assert re.findall(r"^  (?:-\w, )?(--[\w-]+)", first, re.M) == [
        "--output",
        "--config",
        "--every",
        "--fps",
        "--dedupe",
        "--cvat",
    ]
    assert max(map(len, text.splitlines())) <= 80
    assert text.rstrip().endswith("Show this message and exit.")


def test_help_names_ranges_in_words(prep):
    text = re.sub(r"\s+", " ", prep("extract", "--help").out)
    assert "1 (best) to 31. [default: 4] [1 to 31]" in text
    assert "counted from the first one or from --start. [at least 1]" in text
    assert "<=" not in text


def test_version(prep_process):
    assert re.fullmatch(r"prep, version \d+\.\d+\.\d+\n", prep_process("--version").out)


def test_usage_errors(prep_process):
    for arguments in (
        (),
        ("extract",),
        ("extract", "x", "--quality", "0"),
        ("extract", "x", "--nope"),
        ("xtract",),
    ):
        assert prep_process(*arguments).code == 2
    done = prep_process("extract", "x", "--quality", "40", "--json")
    assert done.code == done.json["exit_code"] == 2


KEYS = {"command", "status", "exit_code", "videos", "totals", "warnings", "errors"}
TOTALS = {
    "videos",
    "extracted",
    "unchanged",
    "copies",
    "failed",
    "frames_decoded",
    "kept",
    "duplicates",
    "sampled_out",
    "rejected",
    "skipped",
    "without_input",
}
VIDEO = {"id", "source", "status", "duration_seconds", "counts", "warnings", "error"}
COUNTS = {
    "frames_in_header",
    "packets",
    "frames_decoded",
    "kept",
    "duplicates",
    "sampled_out",
    "rejected",
    "files_on_disk",
    "counted",
}
RECORD = {
    "id",
    "source",
    "settings_digest",
    "settings",
    "ffmpeg_version",
    "probe",
    "rotation_degrees",
    "image_width",
    "image_height",
    "counts",
    "breaks",
    "warnings",
    "segments",
    "duration_seconds",
    "levels",
    "decoder",
    "start_seconds",
    "start_date",
    "comparison",
    "changes",
}


def test_json_is_one_object_with_fixed_keys(steady, prep, tmp_path):
    (tmp_path / "bad.mp4").write_text("x")
    done = prep("extract", steady, "bad.mp4", "-o", "ds", "--json")
    assert done.err == ""
    assert done.json.keys() == KEYS
    assert (done.json["command"], done.json["status"]) == ("extract", "some_failed")
    assert done.json["exit_code"] == done.code == 3
    assert done.json["totals"].keys() == TOTALS
    good, bad = done.json["videos"]
    assert good.keys() == bad.keys() == VIDEO
    assert good["counts"].keys() == COUNTS
    assert good["counts"] == {
        "frames_in_header": 50,
        "packets": 50,
        "frames_decoded": 50,
        "kept": 50,
        "duplicates": 0,
        "sampled_out": 0,
        "rejected": 0,
        "files_on_disk": 50,
        "counted": "decoded",
    }
    assert bad["counts"] is None
    record = json.loads((tmp_path / "ds" / "steady" / "video.json").read_text())
    assert record.keys() == RECORD


def test_json_has_its_keys_also_when_all_fails(prep):
    done = prep("extract", "nowhere", "--json")
    assert done.json.keys() == KEYS
    assert done.json["videos"] == []


def test_quiet_prints_errors_alone(steady, prep, tmp_path):
    done = prep("extract", steady, "-o", "ds", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
    (tmp_path / "bad.mp4").write_text("x")
    done = prep("extract", steady, "bad.mp4", "-o", "ds", "-q")
    assert done.code == 3
    assert done.out == ""
    assert "bad.mp4" in done.err


def test_in_a_pipe_there_is_no_progress_and_no_colour(steady, prep_process):
    done = prep_process("extract", steady, "-o", "ds")
    assert done.err == ""
    assert "\x1b" not in done.out
    assert "steady" in done.out


def test_on_a_terminal_there_are_two_bars(steady, tmp_path):
    slow = ("--ffmpeg", media.paced(tmp_path / "slow", 1))
    code, shown = on_terminal(["extract", steady, "-o", "ds", *slow], tmp_path)
    assert code == 0
    assert re.search(r"all 0/1 videos +\d+%", shown)
    assert re.search(r"steady +\d+%.* [\d,]+/50 frames .*ETA", shown)
    assert on_terminal(["extract", steady, "-o", "ds2", "-q", *slow], tmp_path) == (0, "")


@pytest.mark.smoke
def test_doctor_is_content_here(prep_process):
    done = prep_process("doctor", "--json")
    checks = {check["name"]: check for check in done.json["findings"]}
    surroundings = "prep machine engine disk cvat"
    libraries = "ffmpeg probe lock extract pictures validate dedupe report settings upload progress"
    assert checks.keys() == {*surroundings.split(), *libraries.split()}
    assert all(checks[name]["ok"] for name in checks.keys() - {"disk"})
    assert done.code == (0 if checks["disk"]["ok"] else 1)
    assert "no server configured" in checks["cvat"]["detail"]


def test_doctor_sends_a_unit_through_the_engine(prep_process):
    assert "pool, 3 workers; one answered" in prep_process("doctor", "--workers", "3").out
    done = prep_process("doctor", "--engine", "ray", "--address", "127.0.0.1:9")
    assert done.code == 2
    assert "FAIL  engine   No Ray cluster answers at 127.0.0.1:9" in done.out


def test_doctor_names_a_missing_ffmpeg(prep):
    done = prep("doctor", "--ffmpeg", "/nowhere")
    assert done.code == 2
    assert "FAIL  ffmpeg" in done.out


class Server(http.server.BaseHTTPRequestHandler):
    answer = b""
    kind = "application/json"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(answer, kind="application/json"):
        handler = type("Handler", (Server,), {"answer": answer, "kind": kind})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_doctor_reaches_a_cvat(stand_in, prep, tmp_path):
    user = {"CVAT_USERNAME": "admin", "CVAT_PASSWORD": "secret"}
    done = prep("doctor", "--json", CVAT_HOST=stand_in.url, **user)
    check = done.json["findings"][-1]
    assert (check["name"], check["ok"]) == ("cvat", True)
    assert check["detail"].startswith("version 2.54.1, logged in as admin")
    (tmp_path / "c.yaml").write_text(f"cvat:\n  host: {stand_in.url}\n")
    assert "logged in as admin" in prep("doctor", "-c", "c.yaml", **user).out
    read_only = stand_in.accounts.add_access_token(stand_in.admin)
    done = prep("doctor", "--host", stand_in.url, CVAT_ACCESS_TOKEN=read_only)
    assert (done.code, "token is read-only" in done.out) == (4, True)
    done = prep("doctor", "--host", stand_in.url)
    assert (done.code, "no credentials" in done.out) == (4, True)


def test_doctor_and_an_unreachable_cvat(prep):
    done = prep("doctor", CVAT_HOST="http://127.0.0.1:9")
    assert (done.code, "no answer from CVAT" in done.out) == (4, True)
    done = prep("doctor", CVAT_HOST="http://user:geheim@127.0.0.1:9")
    assert (done.code, "password in the address" in done.out) == (2, True)
    assert "geheim" not in done.out + done.err


@pytest.mark.parametrize("answer", [b"<html>hello</html>", b"{}", b"[]"])
def test_doctor_and_something_that_is_not_cvat(answer, serve, prep):
    done = prep("doctor", CVAT_HOST=serve(answer, "text/html"))
    assert done.code == 4
    assert "not CVAT" in done.out


@pytest.mark.smoke
def test_python_interface_gives_the_same(steady, tmp_path):
    result = video_prep.extract([steady], tmp_path / "ds")
    assert result.exit_code == 0
    (video,) = result.videos
    assert (video.id, video.status, video.record.counts.kept) == ("steady", "extracted", 50)
    frames = media.truth(steady)
    assert len(frames) == 50
