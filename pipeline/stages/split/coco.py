"""A training set in COCO's format: a JSON file of annotations for each side, and images."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...base.errors import InputError, printable, unreadable
from ...base.words import count, listing
from .images import ImageFile, find_images, place_of, sequence_of, side_in, side_named

_PLACES = ("annotations/*.json", "*.json", "*/*.json")
_FRAME_KEYS, _TIME_KEYS = ("frame_index", "frame_id", "frame"), ("time_seconds", "timestamp")


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


class Coco:
    """Images with annotations in JSON."""

    kind = "coco"

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self.root = root
        self._files = [(path, _read(path)) for path in files]
        self._entries: dict[str, dict[str, Any]] = {}
        self._objects: dict[str, list[dict[str, Any]]] = {}
        self._categories: dict[Any, dict[str, Any]] = {}

    def read(self) -> list[ImageFile]:
        """Return all images.

        Raises:
            InputError: an image is not there, or files contradict each other.
        """
        by_name: dict[str, list[str]] = defaultdict(list)
        for path in find_images(self.root):
            by_name[path.rpartition("/")[2]].append(path)
        found: list[ImageFile] = []
        missing: list[str] = []
        for file, data in self._files:
            self._take_categories(file, data)
            objects: dict[Any, list[dict[str, Any]]] = defaultdict(list)
            for each in data.get("annotations", ()):
                objects[each.get("image_id")].append(each)
            side = side_in(file.stem) or side_named(file.parent.name)
            for entry in data["images"]:
                resolved = self._resolve(str(entry["file_name"]), file, side, by_name)
                mine = objects.pop(entry["id"], [])
                if resolved is None:
                    missing.append(str(entry["file_name"]))
                else:
                    found.append(self._image(resolved, side, entry, mine))
            if objects:
                strange = sum(map(len, objects.values()))
                raise InputError(
                    f"{printable(file)}: {count(strange, 'annotation')} belong to images that it "
                    f"does not name: image_id {listing(sorted(map(str, objects)), 3)}. Mend it."
                )
        if missing:
            raise InputError(
                f"{printable(self.root)}: {count(len(missing), 'image')} of the annotations "
                f"{'is' if len(missing) == 1 else 'are'} not there: {listing(missing, 3)}. Bring "
                "them back, or take them out of the annotations."
            )
        return found

    def target(self, file: ImageFile, side: str) -> str:
        """Return where an image goes, as a path under the output."""
        return f"images/{side}/{file.rest}"

    def write(self, folder: Path, sides: Mapping[str, Sequence[ImageFile]]) -> None:
        """Write a file of annotations for each side.

        The numbers of images and objects stay; where files gave one twice, all are counted anew.
        """
        (folder / "annotations").mkdir()
        everything = [file.path for files in sides.values() for file in files]
        images = {path: self._entries[path]["id"] for path in everything}
        if len(set(images.values())) < len(images):
            images = {path: number for number, path in enumerate(everything, 1)}
        ids = [each.get("id") for path in everything for each in self._objects[path]]
        is_renumbered, following = len(set(ids)) < len(ids), 1
        others = {k: v for _, data in self._files for k, v in data.items() if k not in _OWN}
        for side, files in sides.items():
            entries, objects = [], []
            for file in files:
                entries.append(
                    {**self._entries[file.path], "id": images[file.path], "file_name": file.rest}
                )
                for each in self._objects[file.path]:
                    number = {"id": following} if is_renumbered else {}
                    objects.append({**each, **number, "image_id": images[file.path]})
                    following += 1
            categories = list(self._categories.values())
            data = {**others, "images": entries, "annotations": objects, "categories": categories}
            text = json.dumps(data, ensure_ascii=True)
            (folder / "annotations" / f"instances_{side}.json").write_text(text, encoding="utf-8")

    def _take_categories(self, file: Path, data: Mapping[str, Any]) -> None:
        for each in data.get("categories", ()):
            known = self._categories.setdefault(each["id"], each)
            if known.get("name") != each.get("name"):
                raise InputError(
                    f"{printable(file)}: category {each['id']} is '{printable(each.get('name'))}', "
                    f"but '{printable(known.get('name'))}' in another file. Number them alike."
                )

    def _resolve(
        self, name: str, file: Path, side: str | None, by_name: Mapping[str, list[str]]
    ) -> str | None:
        """Return the path of an image, of several the one nearest to the file that names it."""
        name = os.path.normpath(name).replace(os.sep, "/")
        fits = [
            path
            for path in by_name.get(name.rpartition("/")[2], ())
            if path == name or path.endswith(f"/{name}")
        ] or (by_name.get(name.rpartition("/")[2], []) if "/" in name else [])
        if len(fits) < 2:
            return fits[0] if fits else None
        beside = [path for path in fits if (self.root / path).parent == file.parent]
        of_side = [path for path in fits if side is not None and place_of(path)[0] == side]
        chosen = beside or of_side
        if len(chosen) != 1:
            raise InputError(
                f"{printable(file)}: which image is '{printable(name)}'? There are "
                f"{listing(fits, 4)}. Give them different names."
            )
        return chosen[0]

    def _image(
        self,
        path: str,
        side: str | None,
        entry: dict[str, Any],
        objects: list[dict[str, Any]],
    ) -> ImageFile:
        named, rest = place_of(path)
        sequence, frame = sequence_of(rest)
        index = next((entry[key] for key in _FRAME_KEYS if type(entry.get(key)) is int), frame)
        times = [entry[key] for key in _TIME_KEYS if type(entry.get(key)) in {int, float}]
        if entry.get("video_id") is not None:
            sequence = f"video {entry['video_id']}"
        if path in self._entries:
            raise InputError(
                f"{printable(self.root)}: {printable(path)} is in two annotation files, or twice "
                "in one. Leave those files in the folder that name each image once."
            )
        self._entries[path], self._objects[path] = entry, objects
        names = (self._categories.get(each.get("category_id"), {}) for each in objects)
        labels = Counter(str(category.get("name")) for category in names)
        seconds = float(times[0]) if times else None
        return ImageFile(path, rest, side or named, sequence, index, seconds, labels)


_OWN = frozenset(("images", "annotations", "categories"))


def _read(path: Path) -> dict[str, Any]:
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
    is_coco = isinstance(images, list) and all(
        isinstance(each, dict) and "id" in each and "file_name" in each for each in images
    )
    rest = [data.get(key, []) for key in ("annotations", "categories")] if is_coco else []
    if not is_coco or not all(
        isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in rest
    ):
        raise InputError(
            f"{printable(path)}: this is no COCO file: expected lists of images, annotations and "
            "categories, each image with 'id' and 'file_name'."
        )
    return dict(data)
