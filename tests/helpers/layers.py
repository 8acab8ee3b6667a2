"""The layers of the package, and what breaks them."""

import ast
from pathlib import Path

LAYERS = (
    "base",
    "settings",
    "engines dataset",
    "pictures tracks cvat pages",
    "video",
    "stages.extract stages.dedupe stages.validate stages.upload stages.audit stages.report "
    "stages.remove",
    "all_stages doctor",
    "commands",
    "cli",
    "__main__",
)
"""The packages, lowest first. One imports from layers below its own, never from beside it."""

OWNERS = {
    "PIL": "pictures",
    "av": "video",
    "click": "commands cli",
    "cv2": "pictures",
    "cvat_sdk": "cvat",
    "faiss": "pictures",
    "ffmpeg": "video",
    "filelock": "dataset",
    "imageio_ffmpeg": "video",
    "jinja2": "pages",
    "multiprocessing": "engines",
    "pyarrow": "dataset",
    "ray": "engines",
    "simplejpeg": "pictures",
    "tqdm": "commands",
    "urllib3": "cvat",
    "yaml": "base",
    "zipstream": "cvat",
}
"""Who may import an outside library: one package, and its neighbour above for click."""

_NAMES = ("pipeline", "video_prep")
_LAYER_OF = {name: number for number, names in enumerate(LAYERS) for name in names.split()}


def violations(package: Path) -> list[str]:
    """Return every import in a package that breaks a layer or takes what another one owns."""
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        room = _room(module)
        if room is None:
            found += [f"{module} has no layer"] * (module not in {"", "stages"})
            continue
        for name, is_ours in _imports(path, parts):
            found += [f"{module} imports {name}"] * (
                _breaks_layer(room, name) if is_ours else _is_of_another(room, name)
            )
    return found


def _breaks_layer(room: str, name: str) -> bool:
    other = _room(name)
    if other is None:  # the package itself, which is above all but for its version
        return name != "__version__"
    return other != room and _LAYER_OF[other] >= _LAYER_OF[room]


def _is_of_another(room: str, name: str) -> bool:
    top = name.partition(".")[0]
    return top in _NAMES or room not in OWNERS.get(top, room).split()


def _room(module: str) -> str | None:
    """Return the package with a layer that a module is in."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in _LAYER_OF), None)


def _imports(path: Path, parts: tuple[str, ...]):  # type: ignore[no-untyped-def]
    """Yield what a module imports, wherever in it, and whether it is one of ours."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module), False
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level] + tuple(filter(None, [node.module]))
            yield from ((".".join([*base, alias.name]), True) for alias in node.names)
        elif isinstance(node, ast.Call) and _calls_import(node):
            yield from ((str(each.value), False) for each in node.args[:1])  # type: ignore[attr-defined]


def _calls_import(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    is_named = bool(node.args) and isinstance(node.args[0], ast.Constant)
    return is_named and name in {"import_module", "__import__"}
