"""Which images a task is made of: uploaded, on the share, in a bucket, in an archive."""

import fnmatch
import json
import mimetypes
import os
import shutil
import zipfile
from pathlib import Path

from .faults import CreationError
from .state import Data

MANIFEST = "manifest.jsonl"

Contents = dict[str, Path | bytes]
"""Name of an image in the task → where its bytes are, or they themselves."""

Manifest = dict[str, dict]
"""Name of an image → its line in a manifest, in the manifest's order."""


def find(data: Data, parameters: dict, root: Path) -> tuple[Contents, Manifest | None]:
    """Return the images of a task, in the order they were named, and the manifest beside them.

    Args:
        data: what was uploaded or named.
        parameters: those of the data upload.
        root: where ``server_files`` lie: the share, or the folder of a bucket.

    Raises:
        CreationError: there are none, or they do not go together.
    """
    on_server = bool(data.server_files) or data.storage == "cloud_storage"
    home = root if on_server else data.folder
    files = _on_server(data, parameters, root) if on_server else list(data.client_files)
    manifests = [name for name in files if name.endswith(".jsonl")]
    files = [name for name in files if not name.endswith(".jsonl")]
    if len(manifests) > 1:
        raise CreationError.invalid("Only one manifest file can be attached to data")
    manifest = None
    if manifests:
        manifest = _manifest((home / manifests[0]).read_bytes())
        if data.storage == "cloud_storage":
            manifest = _of_bucket(manifest, Path(manifests[0]).parent, files)
    if on_server and data.storage == "local":
        for name in files:
            (data.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(home / name, data.folder / name)
        home = data.folder

    archives = [name for name in files if mimetypes.guess_type(name)[0] == "application/zip"]
    images = [name for name in files if is_image(name)]
    if not archives and not images:
        raise CreationError("ValueError: No media data found")
    if archives and (images or len(archives) > 1):
        raise CreationError(
            "ValueError: Only one archive, video, zip, pdf or many image, directory can be used "
            f"simultaneously, but {len(images)} image(s), {len(archives)} zip(s) found."
        )
    if not archives:
        return {name: home / name for name in images}, manifest
    return _archive(home / archives[0], data, manifest)


def is_image(name: str) -> bool:
    """Go by the name alone, as CVAT does."""
    kind = mimetypes.guess_type(name)[0] or ""
    return kind.startswith("image") and not kind.startswith("image/svg")


def _on_server(data: Data, parameters: dict, root: Path) -> list[str]:
    files = [os.path.normpath(name).lstrip("/") for name in data.server_files]
    for name in files:
        if ".." in name.split("/"):
            raise CreationError("ValueError: Don't use '..' inside file paths")
    manifests = [name for name in files if name.endswith(".jsonl")]
    pattern = parameters.get("filename_pattern")
    if data.storage == "cloud_storage" and (pattern or files == manifests):
        if manifests:
            folder = Path(manifests[0]).parent
            known = [str(folder / name) for name in _manifest((root / manifests[0]).read_bytes())]
        else:
            known = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
        files += fnmatch.filter(known, pattern or "*")
    found = []
    for name in files:
        inside = [root / name]
        if inside[0].is_dir():
            inside = [file for file in inside[0].rglob("*") if is_image(file.name)]
        found += [str(file.relative_to(root)) for file in inside]
    excluded = set(parameters.get("server_files_exclude") or [])
    return [
        name
        for name in found
        if name not in excluded and not any(f"{p}/" in excluded for p in Path(name).parents)
    ]


def _archive(path: Path, data: Data, manifest: Manifest | None):
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
            if manifest is None and data.sorting_method == "predefined" and MANIFEST in names:
                manifest = _manifest(archive.read(MANIFEST))
            return {name: archive.read(name) for name in names if is_image(name)}, manifest
    except (zipfile.BadZipFile, FileNotFoundError) as error:
        kind = type(error)
        name = f"zipfile.{kind.__name__}" if kind.__module__ == "zipfile" else kind.__name__
        raise CreationError(f"{name}: {error}") from error


def _manifest(content: bytes) -> Manifest:
    try:
        lines = [json.loads(line) for line in content.splitlines() if line]
        if "version" not in lines[0] or lines[1]["type"] != "images":
            raise CreationError.invalid("Invalid manifest was uploaded")
        return {line["name"] + line["extension"]: line for line in lines[2:]}
    except (ValueError, KeyError, IndexError) as error:
        raise CreationError.invalid("Invalid manifest was uploaded") from error


def _of_bucket(manifest: Manifest, folder: Path, files: list[str]) -> Manifest:
    """Return the lines of a bucket's manifest for some of its files."""
    wanted = set(files)
    lines = {str(folder / name): line for name, line in manifest.items()}
    lines = {name: line for name, line in lines.items() if name in wanted}
    if not lines:
        raise CreationError.invalid(
            "There is no intersection of the files specifiedin the request with the contents of "
            "the bucket"
        )
    return lines
