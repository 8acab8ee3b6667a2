#!/usr/bin/env bash
# The fast tests where other people's machines differ most from the one that the whole suite runs
# on: the newest of everything on Python 3.12, and the oldest that pyproject.toml allows.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/uv"
"$work/uv/bin/pip" install --quiet --disable-pip-version-check uv
uv=$work/uv/bin/uv

smoke() { # PYTHON [OPTION OF uv...]
    local python=$1 environment=$work/environment
    "$uv" venv --quiet --clear --python "$python" "$environment"
    "$uv" pip install --quiet --python "$environment" "${@:2}" --editable '.[smoke]'
    "$environment/bin/python" -m pytest -m smoke --ignore tests/stages/export/test_outside_readers.py
}

echo "== The oldest versions allowed, on $(python3 --version)"
smoke "$(command -v python3)" --resolution lowest-direct

# Under pyenv, a Python that is not the chosen one answers only when it is called by its version.
if python=$(PYENV_VERSION=3.12 python3.12 -c 'import sys; print(sys.executable)' 2>/dev/null); then
    echo "== The newest versions, on Python 3.12"
    smoke "$python"
else
    echo "== Python 3.12 is not on this machine: the newest versions were not tried on it"
fi
