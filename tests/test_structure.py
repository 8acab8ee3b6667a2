"""The shape of the code: one direction."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.layers import LAYERS, violations

PACKAGE = Path(__file__).parents[1] / "pipeline"
TESTS = Path(__file__).parent


def test_imports_follow_the_layers():
    assert violations(PACKAGE) == []


PLANTED = """
base/a.py              import yaml                                       -
base/b.py              from ..settings import fields                     settings.fields
settings/a.py          from ..base.a import x                            -
settings/b.py          def f(): from ..engines.pool import Pool          engines.pool.Pool
engines/a.py           from ..dataset import store                       dataset.store
dataset/a.py           if TYPE_CHECKING: from ..cvat.server import X      cvat.server.X
cvat/a.py              from . import b                                   -
cvat/c.py              from .. import __version__                        -
tracks/a.py            from ..cvat.annotations import X                  cvat.annotations.X
video/a.py             import cv2.cuda                                   cv2.cuda
video/b.py             def f(): importlib.import_module('jinja2')        by name
video/c.py             from importlib import import_module as get        by name
video/d.py             import pkgutil; pkgutil.resolve_name(NAME)        by name
video/e.py             exec('import jinja2')                             by name
pictures/thinner.py    import pkgutil; pkgutil.resolve_name(NAME)        -
tracks/b.py            import os, numpy, requests                        requests
dataset/b.py           def f(): import PIL.JpegImagePlugin               PIL.JpegImagePlugin
__init__.py            from .cli import main                             cli.main
__init__.py            import cv2                                        cv2
__init__.pyi           from .commands.run import run                     commands.run.run
__init__.pyi           from .stages.extract.stage import extract         -
stages/__init__.py     from .audit import task                               stages.audit.task
stages/extract/a.py    from ..dedupe.stage import dedupe                 stages.dedupe.stage.dedupe
stages/extract/b.py    from .. import dedupe                             stages.dedupe
stages/extract/c.py    from ... import stages                            stages
stages/report/a.py     import video_prep.base.errors                     video_prep.base.errors
stages/report/b.py     from pipeline.base import errors                  pipeline.base
doctor/a.py            from ..all_stages import run                      all_stages.run
doctor/b.py            from ..commands.console import verb               commands.console.verb
commands/a.py          import click, tqdm                                -
commands/b.py          from ..cli import main                            cli.main
all_stages.py          from . import run                                 run
""".strip().splitlines()


@pytest.mark.parametrize("line", PLANTED)
def test_the_layers_refuse(line, tmp_path):
    file, code, imported = re.split(r"  +", line)
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    module = file.partition(".")[0].replace("/", ".").removesuffix(".__init__")
    assert violations(tmp_path) == [f"{module} imports {imported}"] * (imported != "-")


def test_a_module_without_a_layer_is_refused(tmp_path):
    for name in ("export.py", "__init__.py", "stages/__init__.py", "stages/export.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert violations(tmp_path) == ["export has no layer"]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_modules_and_functions_are_small(path):
    text = path.read_text()
    assert text.count("\n") <= 300
    is_command = path.parent.name == "commands"  # click gives each option as a parameter
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        assert node.end_lineno - node.lineno < 60, node.name
        taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        parameters = [argument.arg for argument in taken if argument.arg not in {"self", "cls"}]
        has_reason = "So many parameters, " in (ast.get_docstring(node) or "")
        assert len(parameters) <= 6 or is_command or has_reason, node.name


def test_the_wheel_has_every_package():
    packages = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py")}
    names = [".".join(["video_prep", *package.parts]) for package in packages]
    with (PACKAGE.parent / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["tool"]["setuptools"]["packages"] == sorted(
            [*names, "video_prep.configs"]
        )


def test_the_command_line_opens_without_the_libraries_of_the_stages():
    loaded = "import sys, video_prep.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "pyarrow", "av", "cv2", "cvat_sdk", "jinja2"} & {*done.stdout.split()}


def test_architecture_has_the_layers_every_package_and_where_to_add_what():
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", text, re.M)
    told = [(int(number), set(re.findall(r"`([\w.*]+)`", names))) for number, names in rows]
    assert told == [*reversed([(n, set(row.split())) for n, row in enumerate(LAYERS, 1)])]
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages | {"all_stages", "cli"} == set(re.findall(r"\*\*`(\w+)`\*\*", text))
    places = text.partition("## Where do I add")[2]
    lists = {
        name: re.findall(r"`([\w./]+)`", files)
        for name, files in re.findall(r"^\| ([\w ]+) \| (.+) \|$", places, re.M)
    }
    for name in ["setting", "dedupe method", "exporter", "decoder", "number in the report"]:
        assert 0 < len(lists[name]) <= 5, name
    assert 0 < len(lists["annotation server"]) <= 8
    files = {file for files in lists.values() for file in files} - {"pipeline/stages/export/"}
    assert [file for file in sorted(files) if not (PACKAGE.parent / file).exists()] == []


def imports_of_tests(folder):
    """Tell which modules below a folder import a test module or a conftest, as pairs of names."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            else:
                continue
            parts = [part for name in names for part in name.split(".")]
            yield from (
                (path.name, part) for part in parts if re.match(r"(test_.|conftest$)", part)
            )


def test_no_test_module_imports_another(tmp_path):
    assert list(imports_of_tests(TESTS)) == []
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "test_a.py").write_text(
        "import helpers, test_b\n"
        "from tests.conftest import prep\n"
        "def test():\n"
        "    from . import test_c\n"
        "    from .test_d import x\n"
    )
    assert list(imports_of_tests(tmp_path)) == [
        ("test_a.py", name) for name in ("test_b", "conftest", "test_c", "test_d")
    ]
