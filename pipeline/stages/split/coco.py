"""A training set in COCO's format: a JSON file of annotations for each side, and images."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.errors import InputError, printable
from ...base.words import count, listing
from .coco_file import read_file
from .images import (
    ImageFile,
    find_images,
    place_of,
    sequence_of,
    side_in,
    side_named,
    without_side,
)

_INSTANCES = "instances"
_FRAME_KEYS, _TIME_KEYS = ("frame_index", "frame_id", "frame"), ("time_seconds", "timestamp")


@dataclass
class _File:
    """One annotation file, as it is read.

    ``kind`` is its name without the side: the files of a kind are written to one file a side.
    ``entries`` and ``objects`` are those of images, by their paths.
    """

    path: Path
    data: dict[str, Any]
    side: str | None
    kind: str
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Coco:
    """Images with annotations in JSON; several files may say different things of one image."""

    kind = "coco"

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self.root = root
        self._files = [
            _File(
                path,
                read_file(path),
                side_in(path.stem) or side_named(path.parent.name),
                _kind_of(path.stem),
            )
            for path in files
        ]
        self._names: dict[str, dict[Any, str]] = {}  # of categories, by kind and number
        self._videos: dict[Any, str] = {}

    def read(self) -> list[ImageFile]:
        """Return all images.

        Raises:
            InputError: an image is not there, or files contradict each other.
        """
        by_name: dict[str, list[str]] = defaultdict(list)
        for path in find_images(self.root):
            by_name[path.rpartition("/")[2]].append(path)
        missing = [name for file in self._files for name in self._assign(file, by_name)]
        if missing:
            names = list(dict.fromkeys(missing))
            raise InputError(
                f"{printable(self.root)}: {count(len(names), 'image')} of the annotations "
                f"{'is' if len(names) == 1 else 'are'} not there: {listing(names, 3)}. Bring "
                "them back, or take them out of the annotations."
            )
        self._names = {
            kind: {number: str(each.get("name")) for number, each in self._categories(kind).items()}
            for kind in self._kinds()
        }
        self._videos = self._name_videos()
        files: dict[str, list[_File]] = defaultdict(list)
        for file in self._files:
            for path in file.entries:
                files[path].append(file)
        return [self._image(path, some) for path, some in files.items()]

    def target(self, file: ImageFile, side: str) -> str:
        """Return where an image goes, as a path under the output."""
        return f"images/{side}/{file.rest}"

    def write(self, folder: Path, sides: Mapping[str, Sequence[ImageFile]]) -> None:
        """Write a file of annotations of each kind for each side.

        The numbers of images and objects stay; where files gave one twice, all are counted anew.
        """
        (folder / "annotations").mkdir()
        everything = [file.path for files in sides.values() for file in files]
        numbers: dict[str, set[Any]] = defaultdict(set)
        for file in self._files:
            for path, entry in file.entries.items():
                numbers[path].add(entry["id"])
        known = {path: next(iter(numbers[path])) for path in everything}
        if len(set(known.values())) < len(known) or any(len(numbers[p]) > 1 for p in everything):
            known = {path: number for number, path in enumerate(everything, 1)}
        for kind in self._kinds():
            self._write_kind(folder / "annotations", kind, sides, known)

    def _write_kind(
        self,
        folder: Path,
        kind: str,
        sides: Mapping[str, Sequence[ImageFile]],
        numbers: Mapping[str, Any],
    ) -> None:
        """Write the files of one kind. ``numbers`` are those of images, by their paths."""
        mine = [file for file in self._files if file.kind == kind]
        entries = {path: entry for file in mine for path, entry in file.entries.items()}
        objects = {path: some for file in mine for path, some in file.objects.items()}
        ids = [each.get("id") for path in numbers for each in objects.get(path, ())]
        is_renumbered, following = len(set(ids)) < len(ids), 1
        others = {k: v for file in mine for k, v in file.data.items() if k not in _OWN}
        if any("categories" in file.data for file in mine):
            others["categories"] = list(self._categories(kind).values())
        for side, files in sides.items():
            images, annotations = [], []
            for file in (file for file in files if file.path in entries):
                own = {"id": numbers[file.path], "file_name": file.rest}
                images.append({**entries[file.path], **own})
                for each in objects[file.path]:
                    number = {"id": following} if is_renumbered else {}
                    annotations.append({**each, **number, "image_id": numbers[file.path]})
                    following += 1
            data = {**others, "images": images, "annotations": annotations}
            (folder / f"{kind}_{side}.json").write_text(json.dumps(data), encoding="utf-8")

    def _kinds(self) -> list[str]:
        return list(dict.fromkeys(file.kind for file in self._files))

    def _categories(self, kind: str) -> dict[Any, dict[str, Any]]:
        """Return the categories of the files of a kind, by their numbers."""
        found: dict[Any, dict[str, Any]] = {}
        for file in (file for file in self._files if file.kind == kind):
            for each in file.data.get("categories", ()):
                known = found.setdefault(each["id"], each)
                if known.get("name") != each.get("name"):
                    raise InputError(
                        f"{printable(file.path)}: category {each['id']} is "
                        f"'{printable(each.get('name'))}', but '{printable(known.get('name'))}' in "
                        "another file. Number them alike."
                    )
        return found

    def _name_videos(self) -> dict[Any, str]:
        """Return the names of videos by their numbers, which may be others in the next export."""
        rows = [row for file in self._files for row in file.data.get("videos") or ()]
        known = [row for row in rows if _is_named(row)]
        names = {row["id"]: str(row["name"]) for row in known}
        is_clear = all(names[row["id"]] == str(row["name"]) for row in known)
        return names if is_clear and len(set(names.values())) == len(names) else {}

    def _assign(self, file: _File, by_name: Mapping[str, list[str]]) -> list[str]:
        """Find the images of a file; return the names of those that are not there."""
        objects: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for each in file.data.get("annotations", ()):
            objects[each.get("image_id")].append(each)
        missing = []
        for entry in file.data["images"]:
            path = self._resolve(str(entry["file_name"]), file.path, file.side, by_name)
            mine = objects.pop(entry["id"], [])
            if path is None:
                missing.append(str(entry["file_name"]))
                continue
            self._refuse_twice(path, file)
            file.entries[path], file.objects[path] = entry, mine
        if objects:
            strange = sum(map(len, objects.values()))
            what = count(strange, "annotation belongs", "annotations belong")
            raise InputError(
                f"{printable(file.path)}: {what} to images that it does not name: image_id "
                f"{listing(sorted(map(str, objects)), 3)}. Mend it."
            )
        return missing

    def _refuse_twice(self, path: str, file: _File) -> None:
        """Refuse an image that a file names twice, or that stands on two sides or in two parts."""
        for other in self._files:
            is_contrary = len({other.side, file.side} - {None}) > 1
            if path in other.entries and (other.kind == file.kind or is_contrary):
                where = printable(other.path)
                raise InputError(
                    f"{printable(file.path)}: it names {printable(path)}, "
                    + ("and does so twice" if other is file else f"and so does {where}")
                    + ". Files that say different things of the same images are named alike but "
                    "for their beginning, such as instances_val.json and captions_val.json. Leave "
                    "those in the folder that name each image once."
                )

    def _resolve(
        self, name: str, file: Path, side: str | None, by_name: Mapping[str, list[str]]
    ) -> str | None:
        """Return the path of an image, of several the one nearest to the file that names it."""
        name = os.path.normpath(name).replace(os.sep, "/")
        if name.rpartition("/")[2] not in by_name:
            name = name.replace("\\", "/")  # as Windows has it
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

    def _image(self, path: str, files: Sequence[_File]) -> ImageFile:
        named, rest = place_of(path)
        sequence, frame = sequence_of(rest)
        entry = {k: v for file in reversed(files) for k, v in file.entries[path].items()}
        index = next((entry[key] for key in _FRAME_KEYS if type(entry.get(key)) is int), frame)
        times = [entry[key] for key in _TIME_KEYS if type(entry.get(key)) in {int, float}]
        if (video := entry.get("video_id")) is not None:
            sequence = self._videos.get(video, f"video {video}")
        labels = Counter[str]()
        for file in files:  # of one object, several files may tell
            known = self._names[file.kind]
            numbers = (each.get("category_id") for each in file.objects[path])
            labels |= Counter(known[number] for number in numbers if number in known)
        seconds = float(times[0]) if times else None
        side = next((file.side for file in files if file.side), named)
        return ImageFile(path, rest, side, sequence, index, seconds, labels)


def _is_named(row: object) -> bool:
    """Whether the row of a video has a name, and an id that is one."""
    return (
        isinstance(row, dict)
        and {"id", "name"} <= row.keys()
        and not isinstance(row["id"], dict | list)
    )


def _kind_of(stem: str) -> str:
    """Return what a file tells of its images: instances, if its name says nothing of it."""
    kind = without_side(stem)
    return _INSTANCES if kind.lower() in _ANYTHING else kind


_ANYTHING = frozenset(("", "annotation", "annotations", "annotations.coco", "coco", "labels"))
_OWN = frozenset(("images", "annotations", "categories"))
