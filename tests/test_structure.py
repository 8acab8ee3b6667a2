"""The shape of the code: one direction, and modules that stand alone."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pipeline"
TESTS = Path(__file__).parent

# A module imports only from modules above it. docs/architecture.md says what each is for.
ORDER = """
    base.errors base.work base.guard base.words base.machine base.plain_yaml settings.positions
    settings.stages settings.cvat settings.file dataset.image_folder dataset.frame_table
    dataset.records cvat.labels
    engines.base engines.parcels engines.local engines.ray_worker engines.ray_cluster
    engines.choice
    video.sources video.probe video.segments video.binary video.graph video.transcript
    video.decoder video.hardware
    dataset.files dataset.frame_file dataset.video_folder dataset.store
    stages.extract.shelf pictures.likeness
    cvat.login cvat.failures cvat.connections cvat.session cvat.archive cvat.transfer
    cvat.server cvat.journal cvat.proof
    pictures.judge pictures.similarity pictures.compare
    video.sampling stages.extract.notices dataset.clock dataset.breaks dataset.accounts
    stages.extract.identity stages.extract.result stages.extract.resume
    stages.extract.opened video.passes stages.extract.table video.written
    stages.extract.video stages.extract.units
    stages.validate.video
    stages.extract.stage
    stages.validate.stage
    stages.dedupe.video stages.dedupe.folder stages.dedupe.stage stages.remove
    stages.upload.plan stages.upload.videos stages.upload.project stages.upload.result
    stages.upload.task stages.upload.stage stages.upload.accounts
    tracks.model tracks.xml tracks.clock tracks.pieces tracks.statistics stages.audit.rules
    cvat.annotations stages.audit.match stages.audit.stage stages.audit.retime stages.audit.mend
    stages.audit.post
    pictures.thumbnails stages.audit.lanes stages.audit.drawings stages.audit.page
    stages.report.timeline stages.report.video stages.report.summary stages.report.stage
    all_stages doctor.check doctor.clip doctor.exchange doctor.trial doctor.diagnosis
    commands.progress commands.layout
    commands.options commands.console commands.extract commands.doctor commands.init
    commands.dedupe commands.remove commands.validate commands.status commands.report commands.run
    commands.upload commands.manifest commands.audit
    cli __main__
""".split()  # noqa: SIM905


def path_of(module):
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def imports_of(module):
    tree = ast.parse(path_of(module).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*module.split(".")[: -node.level], *filter(None, [node.module])]
            if path_of(".".join(base)).exists():
                yield ".".join(base)
            else:
                yield from (".".join([*base, alias.name]) for alias in node.names)


def test_imports_are_relative():
    # So the package works under both of its names: that of the folder and that of the wheel.
    for module in ORDER:
        for node in ast.walk(ast.parse(path_of(module).read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert node.module.split(".")[0] not in {"pipeline", "video_prep"}, module
            if isinstance(node, ast.Import):
                roots = {alias.name.split(".")[0] for alias in node.names}
                assert not roots & {"pipeline", "video_prep"}, module


def test_the_wheel_has_every_package():
    packages = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py")}
    names = [".".join(["video_prep", *package.parts]) for package in packages]
    with (PACKAGE.parent / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["tool"]["setuptools"]["packages"] == sorted(
            [*names, "video_prep.configs"]
        )


def test_every_module_has_its_place():
    modules = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py"))
    found = (".".join(module.parts) for module in modules if module.name != "__init__")
    assert sorted(ORDER) == sorted(found)


@pytest.mark.parametrize("module", ORDER)
def test_data_flows_one_way(module):
    above = {*ORDER[: ORDER.index(module)], "__version__", "pages"}
    # Code that is sent to another machine finds the rest of its own module there.
    assert set(imports_of(module)) - {module} <= above


@pytest.mark.parametrize("module", [m for m in ORDER if m != "__main__"])
def test_each_module_imports_alone_without_a_warning(module):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import video_prep.{module}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_line_opens_without_the_libraries_of_the_stages():
    loaded = "import sys, video_prep.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "pyarrow", "av", "cv2", "cvat_sdk", "jinja2"} & {*done.stdout.split()}


def test_each_outside_library_has_one_owner():
    owners = {
        "ffmpeg": "video.graph",
        "imageio_ffmpeg": "video.binary",
        "av": "video.probe",
        "pyarrow": "dataset.frame_file",
        "filelock": "dataset.store",
        "tqdm": "commands.progress",
        "yaml": "base.plain_yaml",
        "cvat_sdk": "cvat.login cvat.session",
        "zipstream": "cvat.archive",
        "cv2": "pictures.likeness pictures.judge",
        "simplejpeg": "pictures.judge",
        "jinja2": "stages.report.stage stages.audit.page",
        "faiss": "pictures.similarity",
        "multiprocessing": "engines.local",
        "ray": "engines.ray_cluster engines.ray_worker",
    }
    for module in ORDER:
        tree = ast.parse(path_of(module).read_text())
        used = {
            name.split(".")[0]
            for node in tree.body
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else []
            )
        }
        assert {
            name for name in used & owners.keys() if module not in owners[name].split()
        } == set(), module


def test_architecture_names_every_module():
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    for module in ORDER:
        assert f"`{module}" in text, module


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
