"""The worker's work: what was uploaded to a task becomes frames and jobs, or an error.

The rules are those of CVAT's ``cvat/apps/engine/task.py`` and ``media_extractors.py``, for images
and archives of images.
"""

import io
import itertools
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .faults import CreationError
from .files import MANIFEST, Manifest, find
from .state import Data, Frame, Task


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
        task: it has its data.
        parameters: those of the data upload.
        root: where ``server_files`` lie: the share, or the folder of a bucket.

    Raises:
        CreationError: with the message that the failed request shows.
    """
    data = task.data
    mapping = _checked_mapping(task, parameters)
    contents, manifest = find(data, parameters, root)
    if manifest is not None and data.sorting_method == "random":
        told = "It isn't supported to upload manifest file and use random sorting"
        raise CreationError.invalid(told)
    if mapping is not None:
        names = _mapped(list(contents), mapping)
    else:
        archived = isinstance(next(iter(contents.values())), bytes)
        names = _sorted(list(contents), data, parameters, manifest, archived=archived)
    last = parameters.get("stop_frame")
    chosen = slice(data.start_frame, None if last is None else last + 1, data.step)
    if not names[chosen]:
        raise CreationError("ValueError: No media data found")
    lines = _lines(names, manifest)[chosen]
    frames = [
        _frame(name, contents[name], line, data)
        for name, line in zip(names[chosen], lines, strict=True)
    ]
    return _outcome(task, frames, mapping)


def _checked_mapping(task: Task, parameters: dict) -> list[list[str]] | None:
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


def _mapped(images: list[str], mapping: list[list[str]]) -> list[str]:
    """Return the images of all jobs. Those of no job are silently left out."""
    names = [name for job in mapping for name in job]
    known = set(images)
    for name in names:
        if name not in known:
            told = f"Can't find file '{os.path.basename(name)}' in the input files"
            raise CreationError.invalid(told)
    return names


def _sorted(
    images: list[str], data: Data, parameters: dict, manifest: Manifest | None, *, archived: bool
) -> list[str]:
    if data.sorting_method == "natural":
        return sorted(images, key=_natural)
    if data.sorting_method == "random":
        return random.sample(images, len(images))
    if data.sorting_method == "lexicographical":
        return sorted(images)
    if manifest is not None:
        return _by_manifest(images, manifest)
    if archived:
        raise CreationError(
            f"FileNotFoundError: Can't find upload manifest file '{MANIFEST}' in the uploaded "
            "files. When the 'predefined' sorting method is used, this file is required in the "
            "input files. Read more: https://docs.cvat.ai/docs/manual/advanced/dataset_manifest/"
        )
    return parameters.get("upload_file_order") or images


def _by_manifest(images: list[str], manifest: Manifest) -> list[str]:
    known = set(images)
    wrong = [f"{name} (upload)" for name in images if name not in manifest]
    wrong += [f"{name} (manifest)" for name in manifest if name not in known]
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


def _lines(names: list[str], manifest: Manifest | None) -> list[dict]:
    """Return the line of a manifest for each image; it must list them in their order."""
    if manifest is None:
        return [{} for _ in names]
    listed = itertools.chain(manifest, itertools.repeat(None))
    for name, other in zip(names, listed, strict=False):
        if name != other:
            raise CreationError.invalid("Incorrect file mapping to manifest content")
    return list(manifest.values())[: len(names)]


def _frame(name: str, content: Path | bytes, line: dict, data: Data) -> Frame:
    if "width" in line and "height" in line:  # a manifest is believed
        return Frame(name, line["width"], line["height"], content)
    place = "share" if data.storage == "share" else f"data/data/{data.id}/raw"
    shown = f"'/home/django/{place}/{name}'"
    try:
        with Image.open(content if isinstance(content, Path) else io.BytesIO(content)) as image:
            return Frame(name, *image.size, content)
    except Image.UnidentifiedImageError as error:
        told = f"PIL.UnidentifiedImageError: cannot identify image file {shown}"
        raise CreationError(told) from error
    except FileNotFoundError as error:
        told = f"FileNotFoundError: [Errno 2] No such file or directory: {shown}"
        raise CreationError(told) from error
    except OSError as error:
        raise CreationError(f"OSError: {error}") from error


def _outcome(task: Task, frames: list[Frame], mapping) -> Outcome:
    data, size = task.data, len(frames)
    if mapping is not None:
        ends = list(itertools.accumulate(len(job) for job in mapping))
        borders = [(end - len(job), end - 1) for end, job in zip(ends, mapping, strict=True)]
        segment_size = overlap = 0
    else:
        segment_size = min(task.segment_size or size, size)
        overlap = min(task.overlap or 0, segment_size // 2)
        borders = [
            (start, min(start + segment_size, size) - 1)
            for start in range(0, size - overlap, segment_size - overlap)
        ]
    area = frames[0].width * frames[0].height
    reached = data.start_frame + (size - 1) * data.step
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
