"""What the tests of several stages need: an uploaded dataset, and a browser for pages."""

import os
import shutil

import pytest
from helpers import media
from helpers.cvat import TASKS, USER


@pytest.fixture
def asked(stand_in, prep):
    """Run prep against the stand-in, and give its JSON."""

    def run(*arguments, code):
        done = prep(*arguments, "--json", CVAT_HOST=stand_in.url, **USER)
        assert done.code == code, done.out + done.err
        return done.json

    return run


@pytest.fixture
def uploaded(asked, tmp_path):
    """Two videos of 12 and 8 frames, uploaded; the first as two tasks of 6 frames."""
    for name, frames in (("a", 12), ("b", 8)):
        media.encode(tmp_path / f"{name}.mp4", *media.X264, frames=frames)
    asked("extract", "a.mp4", "b.mp4", "-o", "ds", "--dedupe", "off", code=0)
    done = asked("upload", "--cvat", "ds", "--task-size", "6", code=0)
    assert [task["name"] for task in done["tasks"]] == TASKS
    return tmp_path / "ds"


CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("PREP_TEST_BROWSER"):
            pytest.fail("PREP_TEST_BROWSER is set, but there is no chromium on the PATH")
        pytest.skip("no chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The sandbox needs rights that containers lack; the page is our own.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()
