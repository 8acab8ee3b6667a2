"""The worker: it turns what was uploaded to a task into frames and jobs, or fails.

The rules are those of CVAT's ``cvat/apps/engine/task.py`` and ``media_extractors.py``, for images
and archives of images.
"""

import fnmatch
import io
import itertools
import json
import mimetypes
import os
import random
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cvat_stand_in.answers import frame_step
from cvat_stand_in.faults import CreationError
from cvat_stand_in.state import Data, Frame, Task


@dataclass
class Outcome:
    """What creation gives a task, before it is committed."""

    frames: list[Frame]
    borders: list[tuple[int, int]]  # first and last frame of each job
    segment_size: int
    overlap: int
    chunk_size: int
    stop_frame: int


def create(task: Task, parameters: dict, root: Path) -> Outcome:
    """Make the frames and jobs of a task.

    Args:
        task: has its data, whose files lie in ``data.folder``.
        parameters: those of the data upload.
        root: where ``server_files`` lie: the share, or the folder of a bucket.

    Raises:
        CreationError: with the message that the failed request shows.
    """
    data = task.data
    mapping = _checked_mapping(task, parameters)
    on_server = bool(data.server_files) or data.storage == "cloud_storage"
    home = root if on_server else data.folder
    files = _server_files(data, parameters, root) if on_server else list(data.client_files)
    manifests = [name for name in files if name.endswith(".jsonl")]
    files = [name for name in files if not name.endswith(".jsonl")]
    if len(manifests) > 1:
        raise CreationError.invalid("Only one manifest file can be attached to data")
    manifest = _read_manifest(home / manifests[0]) if manifests else None
    if manifest is not None and data.storage == "cloud_storage":
        manifest = _of_bucket(manifest, Path(manifests[0]).parent, files)
    if manifest is not None and data.sorting_method == "random":
        raise CreationError.invalid(
            "It isn't supported to upload manifest file and use random sorting"
        )

    if on_server and parameters.get("copy_data") and data.storage == "local":
        for name in files:
            _copy(home / name, data.folder / name)
        home = data.folder
    images, archived = _media(files, home, data)
    if archived:
        home = data.folder
        inner = home / "manifest.jsonl"
        if manifest is None and data.sorting_method == "predefined" and inner.exists():
            manifest = _read_manifest(inner)
    names = _in_order(images, data, parameters, mapping, manifest, archived=archived)
    step = frame_step(data.frame_filter)
    last = parameters.get("stop_frame")
    chosen = slice(data.start_frame, None if last is None else last + 1, step)
    if not names[chosen]:
        raise CreationError("ValueError: No media data found")
    lines = _lines(names, manifest)[chosen]
    frames = [_frame(*both, home, data) for both in zip(names[chosen], lines, strict=True)]
    return _outcome(task, frames, mapping, step, data)


def _lines(names: list[str], manifest: dict | None) -> list[dict]:
    """Return the line of a manifest for each image; it must list them in their order."""
    if manifest is None:
        return [{} for _ in names]
    listed = itertools.chain(manifest, itertools.repeat(None))
    for name, other in zip(names, listed, strict=False):
        if other is None or not name.endswith(other):
            raise CreationError.invalid("Incorrect file mapping to manifest content")
    return list(manifest.values())[: len(names)]


def _of_bucket(manifest: dict, folder: Path, files: list[str]) -> dict:
    """Return the lines of a bucket's manifest for some of its files, in the manifest's order."""
    wanted = set(files)
    lines = {str(folder / name): line for name, line in manifest.items()}
    lines = {name: line for name, line in lines.items() if name in wanted}
    if not lines:
        raise CreationError.invalid(
            "There is no intersection of the files specifiedin the request with the contents of "
            "the bucket"
        )
    return lines


def _checked_mapping(task: Task, parameters: dict):
    mapping = parameters.get("job_file_mapping")
    if mapping is None:
        return None
    refusals = {
        "segment_size": task.segment_size,
        "sorting_method": task.data.sorting_method != "lexicographical",
        "start_frame": task.data.start_frame,
        "stop_frame": task.data.stop_frame,
        "frame_filter": task.data.frame_filter,
        "filename_pattern": parameters.get("filename_pattern"),
        "server_files_exclude": parameters.get("server_files_exclude"),
    }
    for name, given in refusals.items():
        if given:
            raise CreationError.invalid(f"job_file_mapping cannot be used with {name}")
    return mapping


def _server_files(data: Data, parameters: dict, root: Path) -> list[str]:
    files = [os.path.normpath(name).lstrip("/") for name in data.server_files]
    for name in files:
        if ".." in name.split("/"):
            raise CreationError("ValueError: Don't use '..' inside file paths")
    pattern = parameters.get("filename_pattern")
    if data.storage == "cloud_storage" and (pattern or not _without_manifests(files)):
        manifests = [name for name in files if name.endswith(".jsonl")]
        if manifests:
            prefix = Path(manifests[0]).parent
            known = [str(prefix / name) for name in _read_manifest(root / manifests[0])]
        else:
            known = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
        files += fnmatch.filter(known, pattern or "*")
    excluded = set(parameters.get("server_files_exclude") or [])
    found = []
    for name in files:
        path = root / name
        inside = (
            (file for file in path.rglob("*") if _is_image(file.name)) if path.is_dir() else [path]
        )
        found += [str(file.relative_to(root)) for file in inside]
    return [
        name
        for name in found
        if name not in excluded and not any(f"{p}/" in excluded for p in Path(name).parents)
    ]


def _without_manifests(files: list[str]) -> list[str]:
    return [name for name in files if not name.endswith(".jsonl")]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _media(files: list[str], home: Path, data: Data) -> tuple[list[str], bool]:
    """Return the images among the files, and whether they came out of an archive."""
    kinds = {name: mimetypes.guess_type(name)[0] or "" for name in files}
    archives = [name for name, kind in kinds.items() if kind == "application/zip"]
    images = [name for name in files if _is_image(name)]
    if not archives and not images:
        raise CreationError("ValueError: No media data found")
    if archives and (images or len(archives) > 1):
        raise CreationError(
            "ValueError: Only one archive, video, zip, pdf or many image, directory can be used "
            f"simultaneously, but {len(images)} image(s), {len(archives)} zip(s) found."
        )
    if not archives:
        return images, False
    try:
        with zipfile.ZipFile(home / archives[0]) as archive:
            archive.extractall(data.folder)
            names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
            return [name for name in names if _is_image(name)], True
    except zipfile.BadZipFile as error:
        raise CreationError(f"zipfile.BadZipFile: {error}") from error


def _is_image(name: str) -> bool:
    kind = mimetypes.guess_type(name)[0] or ""
    return kind.startswith("image") and not kind.startswith("image/svg")


def _in_order(images, data: Data, parameters, mapping, manifest, *, archived: bool) -> list[str]:
    if mapping is not None:
        names = [name for job in mapping for name in job]
        known = set(images)
        for name in names:
            if name not in known:
                raise CreationError.invalid(
                    f"Can't find file '{os.path.basename(name)}' in the input files"
                )
        return names
    if data.sorting_method == "predefined":
        if archived and manifest is None:
            raise CreationError(
                "FileNotFoundError: Can't find upload manifest file 'manifest.jsonl' in the "
                "uploaded files. When the 'predefined' sorting method is used, this file is "
                "required in the input files. Read more: "
                "https://docs.cvat.ai/docs/manual/advanced/dataset_manifest/"
            )
        if manifest is not None:
            return _by_manifest(images, manifest)
        return parameters.get("upload_file_order") or images
    if data.sorting_method == "natural":
        return sorted(images, key=_natural)
    if data.sorting_method == "random":
        return random.sample(images, len(images))
    return sorted(images)


def _by_manifest(images: list[str], manifest: dict) -> list[str]:
    wrong = [f"{name} (upload)" for name in images if name not in manifest]
    wrong += [f"{name} (manifest)" for name in manifest if name not in set(images)]
    if wrong:
        more = f" (and {len(wrong) - 5} more). " if len(wrong) > 5 else ""
        raise CreationError(
            "FileNotFoundError: Uploaded files do no match the upload manifest file contents. "
            "Please check the upload manifest file contents and the list of uploaded files. "
            f"Mismatching files: {', '.join(wrong[:5])}{more}. "
            "Read more: https://docs.cvat.ai/docs/manual/advanced/dataset_manifest/"
        )
    return list(manifest)


def _natural(name: str) -> list:
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)
    ]


def _read_manifest(path: Path) -> dict[str, dict]:
    """Return name → line of a manifest, in its order."""
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line]
        if "version" not in lines[0] or lines[1]["type"] != "images":
            raise CreationError.invalid("Invalid manifest was uploaded")
        return {line["name"] + line["extension"]: line for line in lines[2:]}
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise CreationError.invalid("Invalid manifest was uploaded") from error


def _frame(name: str, line: dict, home: Path, data: Data) -> Frame:
    path = home / name
    if "width" in line and "height" in line:  # a manifest is believed
        return Frame(name, line["width"], line["height"], path)
    place = "share" if data.storage == "share" else f"data/data/{data.id}/raw"
    shown = f"/home/django/{place}/{name}"
    try:
        with path.open("rb") as file, Image.open(file) as image:
            return Frame(name, *image.size, path)
    except Image.UnidentifiedImageError as error:
        raise CreationError(
            f"PIL.UnidentifiedImageError: cannot identify image file '{shown}'"
        ) from error
    except FileNotFoundError as error:
        raise CreationError(
            f"FileNotFoundError: [Errno 2] No such file or directory: '{shown}'"
        ) from error
    except OSError as error:
        raise CreationError(f"OSError: {error}") from error


def _outcome(task: Task, frames: list[Frame], mapping, step: int, data: Data) -> Outcome:
    size = len(frames)
    if mapping is not None:
        borders, start = [], 0
        for job in mapping:
            borders.append((start, start + len(job) - 1))
            start += len(job)
        segment_size = overlap = 0
    else:
        segment_size = task.segment_size
        if segment_size == 0 or segment_size > size:
            segment_size = size
        overlap = min(task.overlap or 0, segment_size // 2)
        borders = [
            (start, min(start + segment_size, size) - 1)
            for start in range(0, size - overlap, segment_size - overlap)
        ]
    area = frames[0].width * frames[0].height
    reached = data.start_frame + (size - 1) * step
    return Outcome(
        frames,
        borders,
        segment_size,
        overlap,
        data.chunk_size or max(2, min(72, 36 * 1920 * 1080 // area)),
        min(data.stop_frame, reached) if data.stop_frame else reached,
    )


def compressed(frame: Frame, quality: int) -> bytes:
    """Return the picture that annotators see. A broken one is shown as far as it goes."""
    with Image.open(io.BytesIO(frame.read())) as image:
        try:
            image.load()
        except OSError:
            image.tile = []
        shown = io.BytesIO()
        image.convert("RGB").save(shown, "JPEG", quality=quality)
        return shown.getvalue()
