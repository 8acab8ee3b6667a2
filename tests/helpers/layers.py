"""The layers of the package, and what breaks them."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

LAYERS = (
    "base",
    "settings",
    "engines dataset",
    "pictures tracks cvat pages",
    "video splits annotated",
    "stages.*",
    "all_stages doctor",
    "__init__",
    "commands",
    "cli",
    "__main__",
)
"""The packages, lowest first. One imports from layers below its own, never from beside it; each
stage is a package, or a module, for itself."""

OWNERS = {
    "PIL": "pictures",
    "av": "video",
    "click": "commands cli",
    "cv2": "pictures",
    "cvat_sdk": "cvat",
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

BY_NAME = {"__init__", "cli", "pictures.thinner"}
"""The modules that may import what a string names: public names, commands, and dedupe methods."""

_NAMES = ("pipeline", "video_prep")
_EVERYWHERE = sys.stdlib_module_names | {"numpy"}
_IMPORTERS = {"import_module", "__import__", "resolve_name", "exec", "eval"}
_LAYER_OF = {name: number for number, names in enumerate(LAYERS) for name in names.split()}


def violations(package: Path) -> list[str]:
    """Return every import in a package that breaks a layer or takes what another one owns."""
    found = []
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.pyi")]):
        parts = path.relative_to(package).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        room = _room(module)
        if room is None:
            found.append(f"{module} has no layer")
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, is_ours in _imports(tree, parts):
            found += [f"{module} imports {name}"] * (
                _breaks_layer(room, name) if is_ours else _is_of_another(room, name)
            )
        if module not in BY_NAME and not _IMPORTERS.isdisjoint(_mentions(tree)):
            found.append(f"{module} imports by name")
    return found


def _breaks_layer(room: str, name: str) -> bool:
    other = _room(name)
    if other is None:  # the package itself, which is above all but for its version
        return name != "__version__"
    # All stages load `stages` itself, so it imports nothing, and others import what is in it.
    return "stages" in {room, other} or (other != room and _layer(other) >= _layer(room))


def _is_of_another(room: str, name: str) -> bool:
    top = name.partition(".")[0]
    return top in _NAMES or (top not in _EVERYWHERE and room not in OWNERS.get(top, "").split())


def _room(module: str) -> str | None:
    """Return the package with a layer that a module is in."""
    parts = module.split(".")
    if parts[0] == "stages":
        return ".".join(parts[:2])
    return parts[0] if parts[0] in _LAYER_OF else None


def _layer(room: str) -> int:
    return _LAYER_OF["stages.*" if room.startswith("stages.") else room]


def _imports(tree: ast.Module, parts: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Yield what a module imports, wherever in it, and whether it is one of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module), False
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level] + tuple(filter(None, [node.module]))
            yield from ((".".join([*base, alias.name]), True) for alias in node.names)


def _mentions(tree: ast.Module) -> Iterator[str]:
    """Yield all names that a module uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
