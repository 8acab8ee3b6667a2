"""The annotation files of a training set in COCO's format: where they are, what is in them."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base.errors import InputError, printable, unreadable
from ...base.words import listing

_PLACES = ("annotations/*.json", "*.json", "*/*.json")


def find_files(root: Path) -> list[Path]:
    """Return the annotation files of a folder: none where it is no COCO set."""
    for pattern in _PLACES:
        found = [path for path in sorted(root.glob(pattern)) if _looks_like_coco(path)]
        if found:
            return found
    return []


def _looks_like_coco(path: Path) -> bool:
    """Whether a file may be one, which its beginning or its name tells; it may be damaged."""
    if path.name in {"splits.json", "dedupe.json", "export.json"}:
        return False
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            begin = file.read(1 << 16)
        return any(f'"{key}"' in begin for key in ("images", "annotations"))
    except OSError:
        return True


def read_file(path: Path) -> dict[str, Any]:
    """Return what a file holds: images, annotations and categories can be told by their ids.

    Raises:
        InputError: it is no such file, or two of its images have one id.
        DatasetError: it cannot be read.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{printable(path)}: this is no JSON ({printable(error)}). It may have been cut off: "
            "write it anew."
        ) from error
    images = data.get("images") if isinstance(data, dict) else None
    if not isinstance(images, list) or not all(
        _has(data.get(key, []), *keys) for key, keys in _IDS.items()
    ):
        raise InputError(
            f"{printable(path)}: this is no COCO file: expected lists of images, annotations and "
            "categories, each image with 'id' and 'file_name', each category with 'id', and all "
            "ids numbers or texts."
        )
    twice = [number for number, n in Counter(each["id"] for each in images).items() if n > 1]
    if twice:
        raise InputError(
            f"{printable(path)}: several images have one id, so which annotations are whose is not "
            f"clear: {listing(twice, 3)}. Number them apart."
        )
    return dict(data)


_IDS: Mapping[str, tuple[str, ...]] = {
    "images": ("id", "file_name"),
    "annotations": (),
    "categories": ("id",),
}


def _has(rows: object, *keys: str) -> bool:
    """Whether these are rows of COCO that have these keys, and whose ids are numbers or texts."""
    return isinstance(rows, list) and all(
        isinstance(row, dict)
        and row.keys() >= set(keys)
        and not any(isinstance(row.get(key), dict | list) for key in _REFERENCES)
        for row in rows
    )


_REFERENCES = ("id", "image_id", "category_id", "video_id")
