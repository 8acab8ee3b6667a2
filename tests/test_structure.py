"""The shape of the code: one direction, and modules that stand alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pipeline"

# A module imports only from modules above it. docs/architecture.md says what each is for.
ORDER = """
    errors machine records plain_yaml positions config config_cvat config_file labels
    engines.base engines.parcels engines.local engines.ray_worker engines.ray_cluster
    engines.choice
    sources probe segments ffmpeg_binary ffmpeg transcript decoder
    frame_file image_folder store shelf likeness
    cvat_login cvat_failures cvat_connections cvat_session archive cvat_transfer cvat journal proof
    images similarity compare
    sampling notices breaks accounts resume opened_video decode_video frame_table written_images
    extract_video extract_units
    validate_video
    extract doctor
    validate
    dedupe_video dedupe_folder dedupe
    upload_plan upload_videos upload_project upload_result upload_task upload accounts_cvat
    tracks tracks_xml task_clock track_pieces track_statistics audit_rules
    cvat_annotations audit_match audit retime audit_retime audit_post
    pictures audit_lanes audit_drawings audit_page
    report_timeline report_video report_summary report run
    progress
    commands.console commands.extract commands.doctor commands.init
    commands.dedupe commands.validate commands.status commands.report commands.run
    commands.upload commands.manifest commands.audit
    cli __main__
""".split()  # noqa: SIM905


def path_of(module):
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def imports_of(module):
    tree = ast.parse(path_of(module).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
            inner = node.module.removeprefix("pipeline").removeprefix(".")
            yield from [inner] if inner else [alias.name for alias in node.names]


def test_every_module_has_its_place():
    modules = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py"))
    found = (".".join(module.parts) for module in modules if module.name != "__init__")
    assert sorted(ORDER) == sorted(found)


@pytest.mark.parametrize("module", ORDER)
def test_data_flows_one_way(module):
    above = {*ORDER[: ORDER.index(module)], "__version__"}
    # Code that is sent to another machine finds the rest of its own module there.
    assert set(imports_of(module)) - {module} <= above


@pytest.mark.parametrize("module", [m for m in ORDER if m != "__main__"])
def test_each_module_imports_alone_without_a_warning(module):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import pipeline.{module}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_each_outside_library_has_one_owner():
    owners = {
        "ffmpeg": "ffmpeg",
        "imageio_ffmpeg": "ffmpeg_binary",
        "av": "probe",
        "pyarrow": "frame_file",
        "filelock": "store",
        "tqdm": "progress",
        "yaml": "plain_yaml",
        "cvat_sdk": "cvat_login cvat_session",
        "zipstream": "archive",
        "cv2": "likeness images",
        "simplejpeg": "images",
        "jinja2": "report audit_page",
        "faiss": "similarity",
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
                if isinstance(node, ast.ImportFrom)
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
