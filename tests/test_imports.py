"""Each module can be the first one of the package that a program imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import video_prep
from helpers.prep import environment

PACKAGE = Path(video_prep.__file__).parent
MODULES = sorted(
    ".".join(("video_prep", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in PACKAGE.rglob("*.py")
    if path.stem not in {"__init__", "__main__"}
)
# Libraries take most of the time: they are loaded once, and taken down once.
IMPORTS = """
import importlib, json, os, sys, tempfile, traceback
for module in sys.argv[1:]:
    importlib.import_module(module)
for loaded in [name for name in sys.modules if name.partition(".")[0] == "video_prep"]:
    del sys.modules[loaded]
ends = {}
for module in sys.argv[1:]:
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            try:
                importlib.import_module(module)
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        ends[module] = status, said.read().decode()
print(json.dumps(ends))
"""


@pytest.fixture(scope="module")
def ends():
    """How a process for each module ended, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *MODULES],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", MODULES)
def test_each_module_imports_alone_without_a_warning(module, ends):
    assert ends[module] == [0, ""]
