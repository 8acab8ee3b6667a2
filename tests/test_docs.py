"""The documentation: its commands run and print what it shows, its tables and links hold.

Blocks with a language are run: ``sh``, ``console`` (with the output that is to come), ``python``; a
``yaml`` block is the file ``labels.yaml``. What sets prep up is not run, see `SET_UP`.
"""

import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import video_prep
from helpers.datasets import indices
from helpers.prep import environment
from video_prep.base.errors import ExitCode
from video_prep.cli import cli
from video_prep.commands.options import ANSWER
from video_prep.settings.file import SECTIONS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
COMMANDS = ROOT / "docs" / "commands.md"

BLOCK = re.compile(r"^(?:<!-- exits with (\d+) -->\n)?```(\w+)\n(.*?)^```$", re.M | re.S)
SET_UP = re.compile(
    r"python3 scripts/dev\.py (?P<task>\w+)|"
    r"(pipx|pip) install '?\.(\[(?P<extra>\w+)\])?'?"
)
"""Commands that install something: they are not run, but what they name must exist."""
ADDRESS = "http://localhost:8080"
"""The CVAT server in the documentation, for which the tests put their own."""


def blocks(page, *languages):
    for code, language, text in BLOCK.findall(page.read_text()):
        if language in languages:
            yield int(code or 0), language, text


def load_script(name):
    specification = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class Reader:
    """A person who types what the documentation says, in a folder of their own."""

    def __init__(self, home, stand_in):
        self.home = home
        shutil.copytree(ROOT / "sample_videos", home / "sample_videos")
        (home / "my_videos").mkdir()
        shutil.copy(ROOT / "sample_videos" / "steady.mp4", home / "my_videos")
        (home / "bin").mkdir()
        prep = home / "bin" / "prep"
        prep.write_text(f'#!/bin/sh\nexec {sys.executable} -m video_prep "$@"\n')
        prep.chmod(0o755)
        self._url = stand_in.url
        token = stand_in.accounts.add_access_token(stand_in.admin, read_only=False)
        self._real = {ADDRESS: stand_in.url, "CVAT_ACCESS_TOKEN=…": f"CVAT_ACCESS_TOKEN={token}"}
        self._exports = ""
        path = f"{home / 'bin'}:{os.environ['PATH']}"
        user = {"CVAT_USERNAME": "admin", "CVAT_PASSWORD": "secret"}
        self.environment = environment(PATH=path, **user)

    def real(self, text):
        """Return what is to be typed here in place of an example."""
        for example, real in self._real.items():
            text = text.replace(example, real)
        return text

    def types(self, command):
        """Run a command in a shell; return its exit code and output."""
        if command.startswith("export "):
            self._exports += self.real(command) + "\n"
            return 0, ""
        done = subprocess.run(
            ["bash", "-c", self._exports + self.real(command)],
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout.replace(self._url, ADDRESS)


@pytest.fixture
def reader(tmp_path, stand_in):
    return Reader(tmp_path, stand_in)


def shown_as(text):
    """Return the pattern of shown output: … is any text, and alone on a line any lines."""
    pattern = ""
    for line in text.splitlines():
        parts = (re.escape(part) for part in line.split("…"))
        pattern += "(?:.*\n)*" if line == "…" else ".*".join(parts) + "\n"
    return pattern


def commands_of(language, text):
    """Yield each command of a block, with its output where the block shows it."""
    if language == "sh":
        for line in text.splitlines():
            if line and not line.startswith("#"):
                yield line, None
    else:
        for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def test_the_readme_works_as_written(reader):
    """Somebody follows it from the first line to the last."""
    for code, language, text in blocks(ROOT / "README.md", "sh", "console", "yaml"):
        if language == "yaml":
            (reader.home / "labels.yaml").write_text(text)
            continue
        for command, output in commands_of(language, text):
            if SET_UP.fullmatch(command):
                continue
            got = reader.types(command)
            assert got[0] == code, (command, got)
            if output is not None:
                assert re.fullmatch(shown_as(output), got[1]), f"{command}\n{got[1]}"
    for folder, numbers in {
        "one_per_second": range(0, 150, 30),
        "every_tenth": range(0, 150, 10),
        "only_a_range": range(30, 105),
        "small": range(0, 150, 15),
        "all_frames": range(150),
    }.items():
        assert indices(reader.home / folder / "steady") == list(numbers), folder


def test_what_the_readme_installs_is_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tasks = load_script("dev").EXTRAS
    found = [
        match
        for page in PAGES
        for _, language, text in blocks(page, "sh", "console")
        for command, _ in commands_of(language, text)
        if (match := SET_UP.match(command))
    ]
    assert {match["task"] for match in found} >= {"demo", "test"}
    for match in found:
        assert match["task"] is None or match["task"] in tasks, match[0]
        assert match["extra"] is None or match["extra"] in extras["optional-dependencies"], match[0]


def test_python_examples_run(reader):
    page = ROOT / "docs" / "python.md"
    script = reader.home / "examples.py"
    script.write_text(
        "\n".join(f"# {i}\n{text}" for i, (*_, text) in enumerate(blocks(page, "python")))
    )
    script.write_text(reader.real(script.read_text()))
    code, output = reader.types(f"{sys.executable} {script.name}")
    assert code == 0, output
    assert "steady extracted 30" in output
    assert "still [0]\n" in output
    assert "0 0.0 kept" in output


def test_python_signatures_are_those_of_the_functions():
    signatures = re.findall(
        r"^```\n(\w+)(\(.*\))\n```$", (ROOT / "docs/python.md").read_text(), re.M
    )
    functions = {
        name for name in video_prep.__all__ if inspect.isfunction(getattr(video_prep, name))
    }
    assert {name for name, _ in signatures} == functions - {"connect", "load_config", "load_labels"}
    for name, signature in signatures:
        parameters = inspect.signature(getattr(video_prep, name)).parameters.values()
        bare = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
        text = str(inspect.Signature(bare)).replace(repr(iter), "iter")
        assert signature == text, name


def test_names_in_the_python_page_are_exported():
    text = (ROOT / "docs" / "python.md").read_text()
    names = set(re.findall(r"\b[A-Z]\w+(?:Settings|Result|Error)\b", text))
    assert names <= set(video_prep.__all__)


def every_command():
    return sorted((name, cli.get_command(None, name)) for name in cli.list_commands(None))


def section_of(name):
    """Return what docs/commands.md says of a command."""
    (section,) = re.findall(rf"^## prep {name}\n(.*?)(?=^## )", COMMANDS.read_text(), re.M | re.S)
    return section


def documented(text):
    """Return the options in the tables of a text, with their defaults."""
    rows = re.findall(r"^\| `(?:-\w, )?(--[\w-]+)[^`]*` \| (?:`(.*?)`)? *\|", text, re.M)
    assert len(rows) == len(dict(rows))
    return dict(rows)


def test_tables_of_options_are_those_of_the_commands():
    """If this fails: python scripts/command_tables.py."""
    text = COMMANDS.read_text()
    assert load_script("command_tables").fill_tables(text) == text


@pytest.mark.parametrize(("name", "verb"), every_command())
def test_each_command_is_documented_with_its_options_and_no_others(name, verb):
    assert f"](#prep-{name})" in COMMANDS.read_text()
    options = {
        parameter.opts[-1]: parameter
        for parameter in verb.get_params(click.Context(verb))
        if isinstance(parameter, click.Option)
    }
    common = {o for o, option in options.items() if getattr(option, "group", None) == ANSWER}
    introduction = COMMANDS.read_text().split("\n## ")[0]
    assert documented(introduction).keys() == common
    rows = documented(section_of(name))
    assert rows.keys() == options.keys() - common
    defaults = {
        field.name: field.default
        for cls in SECTIONS.values()
        for field in cls.__dataclass_fields__.values()
    }
    for option, default in rows.items():
        own = options[option].default
        expected = defaults.get(options[option].name, own if isinstance(own, str) else None)
        assert default == ("" if expected in {None, False, ()} else str(expected)), option


def test_defaults_in_the_text_are_those_of_the_settings():
    """Such as `stall_seconds` (60)."""
    defaults = {
        field.name: field.default
        for cls in SECTIONS.values()
        for field in cls.__dataclass_fields__.values()
    }
    told = re.findall(r"`(?:\w+: )?(\w+)` \((\d[\d.]*)\)", COMMANDS.read_text())
    assert len(told) >= 3
    for name, value in told:
        assert defaults[name] == float(value), name


@pytest.mark.parametrize("page", [ROOT / "README.md", COMMANDS], ids=lambda page: page.name)
def test_exit_codes_are_all_documented(page):
    assert set(map(int, re.findall(r"^\| (\d+) \|", page.read_text(), re.M))) == set(ExitCode)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_is_named_exists(page):
    """Of each `prep …` in the text, in code blocks too."""
    for name, rest in re.findall(r"\bprep ([a-z]+)((?: [^`\n#]+)?)[`\n]", page.read_text()):
        if name not in cli.list_commands(None):
            continue
        known = {opt for parameter in cli.get_command(None, name).params for opt in parameter.opts}
        for option in re.findall(r"(?<![\w-])(--?[a-z][\w-]*)", rest):
            assert option in {*known, "--help"}, f"prep {name}{rest}"


def anchors(page):
    """Return the anchors that a page of Markdown has for its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_pictures_are_small_and_described():
    for alternative, name in re.findall(
        r"!\[([^\]]*)\]\(([^)]+)\)", (ROOT / "README.md").read_text()
    ):
        assert len(alternative) > 40, name
        assert (ROOT / name).stat().st_size < 300_000, name
