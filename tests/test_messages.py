"""What people read: words, lines that fit, advice that helps, streams that are not there."""

import ast
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
from pathlib import Path

import click
import pytest
from helpers import media
from helpers.datasets import images, snapshot
from helpers.prep import command, environment
from video_prep.base.errors import UsageError, cause_of
from video_prep.base.plain_yaml import YamlError, load
from video_prep.base.words import count, listing, plural
from video_prep.cli import cli
from video_prep.commands.layout import align, wrap
from video_prep.settings.stages import ExtractSettings

PACKAGE = Path(__file__).parents[1] / "pipeline"


def test_words_follow_their_number():
    assert [count(n, "video") for n in (0, 1, 2000)] == ["0 videos", "1 video", "2,000 videos"]
    assert [count(n, "box", "boxes") for n in (1, 2)] == ["1 box", "2 boxes"]
    assert [plural(n, "is", "are") for n in (1, 2)] == ["is", "are"]


def test_a_listing_tells_how_many_it_leaves_out():
    assert listing("abc") == "a, b, c"
    assert listing("abcdef") == "a, b, c, d, e and 1 more"
    assert listing([1, 2, 3], 2) == "1, 2 and 1 more"
    assert listing(["a\x1b[2J"]) == r"a\x1b[2J"
    assert listing([]) == ""


def test_a_refusal_of_the_system_is_never_told_as_none():
    assert cause_of(PermissionError(13, "Permission denied")) == "Permission denied"
    assert cause_of(OSError("broken")) == "broken"
    assert cause_of(TimeoutError()) == "TimeoutError"


def test_lines_are_wrapped_with_a_hanging_indent():
    assert wrap("one two three", None) == "one two three"
    assert wrap("one two three", 13) == "one two three"
    assert wrap("one two three", 8) == "one two\n  three"
    assert wrap("  one two three", 9) == "  one two\n    three"
    assert wrap("extract   4 videos: 4 failed", 20) == "extract   4 videos:\n          4 failed"
    assert wrap("a http://127.0.0.1:8080/tasks/1", 10) == "a\n  http://127.0.0.1:8080/tasks/1"
    assert wrap("a: b\n    c", 20) == "a: b\n    c"
    red = click.style("one", fg="red")
    assert wrap(f"{red} two three", 13) == f"{red} two three"
    assert wrap("日本 日本 日本", 10) == "日本 日本\n  日本"


def test_columns_stand_under_each_other_and_long_names_above_their_cells():
    rows = [("video", "kept"), ("a", "7"), ("a-long-name", "1,000")]
    assert align(rows, None) == ["video         kept", "a                7", "a-long-name  1,000"]
    assert align(rows, 12) == ["video   kept", "a          7", "a-long-name\n       1,000"]
    assert align([("日本", "1"), ("abcd", "2")], None) == ["日本  1", "abcd  2"]
    red = click.style("no", fg="red")
    assert align([(red, "x"), ("none", "y")], None, names=1) == [f"{red}    x", "none  y"]
    assert align([("a", "1 job "), ("b", "2 jobs")], None) == ["a  1 job ", "b  2 jobs"]
    assert align([], 80) == []


def on_terminal(arguments, cwd, columns=80):
    """Run prep with a terminal for what it prints; return its exit code and the lines."""
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (30, columns))
    env = environment(NO_COLOR="1")
    process = subprocess.Popen(
        command(*arguments), cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=inner, stderr=inner
    )
    os.close(inner)
    received = b""
    while True:
        try:
            received += os.read(outer, 65536)
        except OSError:
            break
    os.close(outer)
    return process.wait(), received.decode().replace("\r", "").splitlines()


@pytest.fixture(scope="session")
def extracted(steady, tmp_path_factory):
    """A dataset of two videos, one with a name that is longer than a terminal has room for."""
    folder = tmp_path_factory.mktemp("messages")
    shutil.copy(steady, folder / "a.mp4")
    media.twin(steady, folder / f"{'a-long-name-' * 5}.mp4")
    arguments = command("extract", "a.mp4", "*long*", "-o", "ds", "--every", "10")
    subprocess.run(arguments, cwd=folder, env=environment(), check=True, capture_output=True)
    return folder


@pytest.fixture
def dataset(extracted, tmp_path):
    """The same to be changed, with the video that is called a."""
    shutil.copy(extracted / "a.mp4", tmp_path)
    return shutil.copytree(extracted / "ds", tmp_path / "ds")


@pytest.mark.parametrize("arguments", [["status"], ["validate"], ["report"], ["dedupe"]])
def test_results_fit_80_columns(arguments, dataset, tmp_path):
    (image,) = [n for n in images(dataset / "a") if n.endswith("000020.jpg")]
    (dataset / "a" / image).unlink()
    code, shown = on_terminal([*arguments, "ds"], tmp_path)
    assert code in {0, 1}
    shown = [line for line in shown if "\x1b[A" not in line and "%|" not in line]  # bars
    # A path is never broken, so that it can be copied.
    assert [line for line in shown if len(line) > 80 and "/" not in line.split()[-1]] == []
    assert len(shown) > 2


def test_status_shows_all_counts_beside_or_below_a_name(dataset, prep, tmp_path):
    _, shown = on_terminal(["status", "ds"], tmp_path)
    place = next(i for i, line in enumerate(shown) if line.startswith("a-long-name"))
    numbers = ["50", "50", "50", "5", "0", "45", "0", "5"]
    assert shown[place + 1].split() == numbers
    assert ["a", *numbers] in [line.split() for line in shown]
    assert shown[0].split() == ["in", "dupli-", "sampled", "re-", "on"]
    piped = prep("status", "ds").out.splitlines()  # there a program finds it in one line
    assert [f"{'a-long-name-' * 5}", *numbers] in [line.split() for line in piped]


def test_errors_fit_the_terminal_too(tmp_path):
    code, shown = on_terminal(["status", "nowhere"], tmp_path)
    assert code == 2
    assert len(shown) > 2
    assert all(len(line) <= 80 or "/" in line for line in shown)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "extract:\n  quality: 4\n  digits: 6\n  quality: 5\n",
            "line 4, column 3: the key 'quality' is there already, in line 2. Remove one of them.\n"
            "    quality: 5\n    ^",
        ),
        ("'a': 1\n\"a\": 2", "line 2, column 1: the key 'a' is there already, in line 1"),
        ("- {a: 1, a: 2}", "line 1, column 10: the key 'a' is there already, in line 1"),
        (
            "extract:\n  quality: 4: 5\n",
            "not a YAML file: line 2, column 13: mapping values are not allowed here\n"
            "    quality: 4: 5\n              ^",
        ),
        ("extract:\n\tquality: 4", "line 2, column 1: found character '\\t' that cannot start"),
        ("a: [1,\n", "that begins in line"),
        ("a: \x07", "line 1: the character U+0007 is not allowed"),
        ("a: 2024-13-45", "not a YAML file: month must be in 1..12."),
        ("[" * 3000, "nested too deep"),
    ],
)
def test_yaml_errors_show_the_place(text, message):
    with pytest.raises(YamlError) as raised:
        load(text)
    assert message in str(raised.value)


def test_equal_keys_of_different_mappings_are_well():
    text = "a: &x {k: 1}\nb:\n  <<: *x\n  k: 2\nc: [{k: 1}, {k: 2}]\n1: 2\n'1': 3\n"
    assert load(text) == {"a": {"k": 1}, "b": {"k": 2}, "c": [{"k": 1}, {"k": 2}], 1: 2, "1": 3}


def test_yaml_errors_name_the_file_and_print_lines(prep, tmp_path):
    (tmp_path / "c.yaml").write_text("run:\n  workers: 1\n  workers: 2\n")
    done = prep("doctor", "-c", "c.yaml")
    assert done.code == 2
    assert done.err.splitlines() == [
        "error: c.yaml: line 3, column 3: the key 'workers' is there already, in line 2. Remove "
        "one of them.",
        "    workers: 2",
        "    ^",
    ]
    (tmp_path / "labels.yaml").write_text("- name: car\n  name: bus\n")
    (tmp_path / "c.yaml").write_text("upload: {labels: labels.yaml}")
    done = prep("upload", "--dry-run", "-c", "c.yaml")
    assert (done.code, "labels.yaml: line 2, column 3: the key 'name'" in done.err) == (2, True)
    (tmp_path / "c.yaml").write_bytes(b"a: \xff")
    assert "c.yaml: not a text file in UTF-8" in prep("doctor", "-c", "c.yaml").err


@pytest.mark.parametrize(
    ("start", "end"), [("10", "5"), ("7", "7"), ("2s", "0:01.5"), ("1s", "1s")]
)
def test_an_empty_range_is_refused(start, end, steady, prep, tmp_path):
    with pytest.raises(UsageError, match="is not before 'end'"):
        ExtractSettings(start=start, end=end)
    done = prep("extract", steady, "-o", "ds", "--start", start, "--end", end)
    assert (done.code, (tmp_path / "ds").exists()) == (2, False)
    (tmp_path / "c.yaml").write_text(f"extract:\n  end: {end}\n")
    done = prep("run", steady, "-o", "ds", "-c", "c.yaml", "--start", start)
    assert (done.code, (tmp_path / "ds").exists()) == (2, False)


def test_a_frame_and_a_time_are_not_compared():
    assert ExtractSettings(start="10", end="1s").end == "1s"
    assert ExtractSettings(start="5", end="10").start == "5"


DATASET_COMMANDS = ["status", "validate", "report", "dedupe", "manifest", "upload", "audit"]


@pytest.mark.parametrize("verb", DATASET_COMMANDS)
def test_what_is_no_dataset_is_told(verb, steady, prep, tmp_path):
    (tmp_path / "empty").mkdir()
    rest = {"audit": ["--annotations", "x.xml"], "upload": ["--dry-run"]}.get(verb, [])
    missing = prep(verb, "nowhere", *rest)
    assert missing.code == 2
    assert "nowhere: there is no such folder. Name the dataset" in missing.err
    default = prep(verb, *rest)
    assert default.code == 2
    assert "dataset: there is no such folder. Name the dataset behind the command" in default.err
    assert "is 'dataset' in the current folder" in default.err
    empty = prep(verb, "empty", *rest)
    assert empty.code == 2
    wanted = "neither a dataset nor" if verb == "dedupe" else "holds no video of a dataset. Name"
    assert wanted in empty.err
    a_file = prep(verb, steady, *rest)
    assert (a_file.code, "this is a file, not a folder" in a_file.err) == (2, True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty"]


@pytest.fixture(name="ordinary")
def said_to_an_ordinary_person(ordinary):
    """Run prep where the rights of files count; return its exit code and all it says."""

    def run(*arguments):
        done = ordinary(*arguments)
        assert "bug in prep" not in done.out + done.err
        return done.code, done.out + done.err

    return run


@pytest.fixture
def closed():
    """Take rights away from files and folders, and give them back at the end."""
    changed = []

    def close(path, mode=0):
        changed.append((path, path.stat().st_mode))
        path.chmod(mode)

    yield close
    for path, mode in reversed(changed):
        path.chmod(mode)


@pytest.mark.parametrize("name", [".", "..", "a", "a/video.json", "a/frames.parquet"])
def test_what_may_not_be_read_is_told_as_such(name, dataset, closed, ordinary, tmp_path):
    outer = tmp_path / "outer"
    outer.mkdir()
    inside = dataset.rename(outer / "ds")
    closed(outer if name == ".." else inside / name)
    for verb in ("status", "validate", "report", "dedupe", "manifest"):
        code, said = ordinary(verb, "outer/ds")
        assert code in {2, 3}, verb
        assert "Permission denied" in said, verb
        assert "ive yourself the right" in said or "heck the folder and its rights" in said, verb
        assert "ove it away" not in said, verb
        assert "ove the folder away" not in said, verb
    if name != "a/frames.parquet":
        for verb in ("extract", "run"):
            code, said = ordinary(verb, "a.mp4", "-o", "outer/ds", "--every", "10")
            assert (code, "Permission denied" in said) == (2, True)


def test_an_output_folder_without_rights_is_told_by_doctor(closed, ordinary, tmp_path):
    (tmp_path / "out").mkdir()
    closed(tmp_path / "out")
    for output in ("out", "out/ds"):
        code, said = ordinary("doctor", "-o", output)
        assert (code, "cannot write there. Choose another --output" in said) == (2, True)


@pytest.fixture
def read_only(dataset, closed):
    """The dataset, in which nothing may be written."""
    for path in [*dataset.rglob("*"), dataset]:
        closed(path, path.stat().st_mode & ~0o222)
    return dataset


def test_a_read_only_dataset_can_be_validated(read_only, ordinary, tmp_path):
    before = snapshot(read_only)
    code, said = ordinary("validate", "ds")
    assert (code, "cannot write there" in said, "--output" in said) == (2, True, True)
    code, said = ordinary("validate", "ds", "--output", "results/new")
    assert (code, "10 images of 2 videos checked: 10 right" in said) == (0, True)
    told = json.loads((tmp_path / "results" / "new" / "validate.json").read_text())
    assert [(v["id"][:6], v["images"], v["findings"]) for v in told["videos"]] == [
        ("a", 5, []),
        ("a-long", 5, []),
    ]
    assert told["foreign_folders"] == []
    assert snapshot(read_only) == before
    code, said = ordinary("validate", "ds", "--output", "ds/results")
    assert (code, "Name another folder with --output" in said) == (2, True)


def test_validate_with_output_leaves_the_dataset_as_it_is(dataset, prep, tmp_path):
    (dataset / "a" / images(dataset / "a")[2]).write_bytes(b"")
    before = snapshot(dataset)
    done = prep("validate", "ds", "-o", "results", "--json")
    assert (done.code, done.json["totals"]["rejected"]) == (1, 1)
    assert snapshot(dataset) == before
    told = json.loads((tmp_path / "results" / "validate.json").read_text())
    assert told["videos"] == done.json["videos"]
    assert told["videos"][0]["findings"][0]["kind"] == "empty"
    assert prep("validate", "ds", "-o", "").code == 2


def test_a_read_only_dataset_can_be_reported(read_only, ordinary, tmp_path):
    code, said = ordinary("report", "ds")
    assert (code, "cannot be written: Permission denied" in said) == (2, True)
    assert "name another folder with --output" in said
    assert ordinary("status", "ds")[0] == 0
    code, said = ordinary("report", "ds", "--output", "results/new")
    assert (code, said.splitlines()[-1]) == (
        0,
        f"The report is {tmp_path / 'results' / 'new' / 'report.html'}",
    )
    assert json.loads((tmp_path / "results" / "new" / "report.json").read_text())["videos"]
    page = (tmp_path / "results" / "new" / "report.html").read_text()
    link = re.search(r'"(\.\./\.\./ds/a/a-frame_000000\.jpg)"', page)
    assert (tmp_path / "results" / "new" / link[1]).is_file()


def test_a_read_only_dataset_can_be_audited(read_only, ordinary, tmp_path):
    (tmp_path / "x.xml").write_text(
        "<annotations><version>1.1</version><meta><task><id>1</id><name>a</name><size>5</size>"
        "<mode>interpolation</mode><labels/></task></meta></annotations>"
    )
    code, said = ordinary("audit", "ds", "--annotations", "x.xml")
    assert (code, "name another folder with --output" in said) == (2, True)
    code, said = ordinary("audit", "ds", "--annotations", "x.xml", "--output", "results")
    assert code == 0
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert names == ["audit.html", "audit.json"]


def run_in_shell(line, cwd, **env):
    quoted = " ".join(command())
    return subprocess.run(
        ["bash", "-c", line.replace("prep", quoted)],
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("prep status ds {}", 1),
        ("prep status nowhere {}", 2),
        ("prep status nowhere --json {}", 2),
        ("prep bogus {}", 2),
        ("prep --help {}", 0),
    ],
)
def test_streams_that_are_closed_or_not_read(line, code, dataset, tmp_path):
    (dataset / "strange").mkdir()
    for closing in ("2>&-", "<&- >&- 2>&-"):
        done = run_in_shell(line.format(closing), tmp_path)
        assert done.returncode == code, closing
        assert "Traceback" not in done.stdout + done.stderr
    for reader in ("| head -0", "2>&1 | head -0"):
        done = run_in_shell(line.format(reader) + "; exit ${PIPESTATUS[0]}", tmp_path)
        assert (done.returncode, done.stdout) == (code, ""), reader
        assert "Traceback" not in done.stderr
        assert "Broken pipe" not in done.stderr
    full = run_in_shell(line.format(">/dev/full 2>&1"), tmp_path)
    assert full.returncode == 2


def test_nothing_is_written_into_a_dataset_in_place_of_a_closed_stream(steady, prep, tmp_path):
    shutil.copy(steady, tmp_path / "a.mp4")
    assert prep("run", "a.mp4", "-o", "one").code == 0
    assert run_in_shell("prep run a.mp4 -o two <&- >&- 2>&-", tmp_path).returncode == 0
    one, two = snapshot(tmp_path / "one"), snapshot(tmp_path / "two")
    assert {n: one[n] for n in one if "report" not in n} == {
        n: two[n] for n in two if "report" not in n
    }


@pytest.mark.parametrize(
    ("words", "answer"),
    [("prep st", "plain,status"), ("prep extract --ov", "plain,--overwrite")],
)
def test_the_shell_completes_commands_and_options(words, answer, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "video_prep"],
        env=environment(
            _PREP_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, answer)
    assert "_PREP_COMPLETE=bash_source prep" in (PACKAGE.parent / "README.md").read_text()


CVAT_COMMANDS = {"run", "upload", "status", "annotate", "audit", "doctor"}
VERBS = {*cli.list_commands(None)}
COMMANDS_OF = {
    "commands": set(),  # the module's own name
    "cli": VERBS,
    "doctor": {"doctor"},
    "cvat": CVAT_COMMANDS,
    "dataset.files": {"report", "validate", "audit", "split"},
    "engines": {"extract", "run", "dedupe", "validate", "report", "split", "doctor"},
    "dataset.whole_folder": {"export"},
    "stages.annotate": {"annotate"},
    "annotated": {"audit", "export"},
    "stages.audit": {"audit"},
    "stages.export": {"export"},
    "stages.upload.annotations": {"annotations"},
    "stages.upload.known": {"upload"},
    "stages.upload.placing": {"annotations"},
    "stages.dedupe": {"dedupe"},
    "stages.extract": {"extract", "run"},
    "stages.remove": {"remove"},
    "stages.split": {"split"},
    "splits": {"export", "split"},
    "stages.status": {"status"},
    "stages.upload": {"upload", "run"},
    "stages.validate": {"validate", "run"},
    "tracks.box_files": {"annotate"},
    "video.hardware": {"doctor"},
    "video": {"extract", "run", "dedupe", "doctor"},
}
"""In which commands the messages of a module can appear, for those that name bare options."""

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
QUOTED = re.compile(r"prep ([a-z]+)((?: [a-z…{}-]+)*)")


def texts_of(path):
    """Yield the texts of a module, without those that document it."""
    tree = ast.parse(path.read_text())
    documents = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # docstrings, and the texts below constants
    inner = {
        id(value)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for value in node.values
    }
    for node in ast.walk(tree):
        if id(node) in documents | inner:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                value.value if isinstance(value, ast.Constant) else "{}" for value in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def options_of(verb):
    return {
        option
        for parameter in cli.get_command(None, verb).params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }


def commands_of(module):
    parent, _, name = module.partition(".")
    if parent == "commands":
        shared = {"console", "layout", "options", "progress"}
        return VERBS if name in shared else {{"plan": "upload"}.get(name, name)}
    return next((v for k, v in COMMANDS_OF.items() if f"{module}.".startswith(f"{k}.")), None)


def unknown_to_commands(module, bare, text):
    assert commands_of(module), f"say in COMMANDS_OF where the messages of {module} appear"
    for verb in commands_of(module):
        if not bare <= options_of(verb):
            yield module, verb, text


def test_advice_names_only_options_that_are_there():
    wrong, quoted = [], 0
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for text in texts_of(path):
            for verb, rest in QUOTED.findall(text):
                if verb in VERBS and not set(OPTION.findall(rest)) <= options_of(verb):
                    wrong.append((module, verb, text))
                quoted += verb in VERBS
            bare = set(OPTION.findall(QUOTED.sub("", text)))
            if module.startswith("settings."):  # the help of options, also in the settings file
                assert bare <= set().union(*map(options_of, VERBS)), text
            elif bare and not text.startswith("--") and module != "commands.options":
                wrong += list(unknown_to_commands(module, bare, text))
    assert wrong == []
    assert quoted > 20
