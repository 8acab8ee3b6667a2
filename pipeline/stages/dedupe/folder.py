"""Dedupe a folder of images that another tool made: its marks are in ``dedupe.json`` in it.

::

    {"settings": {...},
     "images": {"7.png": {"fate": "duplicate", "duplicate_of": "5.png", "duplicate_folder": null,
                          "reason": "still"}, ...}}

``duplicate_folder`` is the folder of ``duplicate_of`` under the one that was given, null for the
same folder.
"""

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...base.errors import DatasetError, UsageError, printable, unreadable
from ...base.words import count, listing
from ...base.work import Link
from ...dataset.files import replace_text
from ...dataset.frame_table import Reason
from ...dataset.records import Notice
from ...dataset.video_folder import RECORD_NAME
from ...pictures.compare import Images, Marks, Seen, nothing_marked
from ...pictures.thinner import Thinner
from ...settings.dedupe import METHODS, DedupeSettings
from ...settings.file import effective_dedupe
from ...settings.stages import RunSettings

MARKS_NAME = "dedupe.json"
_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))
_KEPT = {"fate": "kept", "duplicate_of": None, "duplicate_folder": None, "reason": None}

Entry = dict[str, Any]


@dataclass(frozen=True)
class FolderImages:
    """The images of one folder, in natural order: 9.png before 10.png."""

    root: Path
    folder: Path
    settings: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The folder's path under the one that was given, ``.`` for that one."""
        return self.folder.relative_to(self.root).as_posix()

    @property
    def name(self) -> str:
        """What patterns of videos are held against besides the id: that once more."""
        return self.id

    def count(self) -> int:
        """Return how many images there are."""
        return len(_image_names(self.folder))

    def images(self) -> Images:
        """Return the images to compare: those that are there.

        Raises:
            DatasetError: the marks cannot be read.
        """
        names = self._names()
        present = set(_image_names(self.folder))
        numbers = np.array([n for n, name in enumerate(names) if name in present], dtype=np.int64)
        return Images(numbers, numbers, lambda number: self.folder / names[number])

    def find_missing(self) -> tuple[Notice, ...]:
        """Return nothing: what another tool made is not known."""
        return ()

    def mark(self, numbers: npt.NDArray[np.int64], marks: Marks, ids: Sequence[str]) -> bool:
        """Replace the marks of an earlier run by these; return whether that changed anything.

        Args:
            numbers: int64, the images that were compared.
            marks: what came of it.
            ids: of what ``marks.sequence`` counts.
        """
        before = self.read_marks()
        names = self._names()
        names_of = {-1: names} | {
            other: self._sibling(ids[other])._names()
            for other in set(marks.sequence.tolist()) - {-1}
        }
        entries = {name: before[name] for name in self._deleted(before)}
        rows = zip(
            numbers.tolist(),
            marks.reason.tolist(),
            marks.sequence.tolist(),
            marks.number.tolist(),
            strict=True,
        )
        for number, reason, other, like in rows:
            entries[names[number]] = (
                _KEPT
                if reason == Reason.NONE
                else {
                    "fate": "duplicate",
                    "duplicate_of": names_of[other][like],
                    "duplicate_folder": None if other < 0 else ids[other],
                    "reason": Reason(reason).name.lower(),
                }
            )
        return self._write({name: entries[name] for name in names})

    def release(self, numbers: npt.NDArray[np.int64]) -> bool:
        """Keep marked images again; return whether there were any.

        Args:
            numbers: int64, the images to be kept.
        """
        entries, names = self.read_marks(), self._names()
        marked = [names[n] for n in numbers.tolist() if _is_marked(entries, names[n])]
        return bool(marked) and self._write(entries | dict.fromkeys(marked, _KEPT))

    def follow(self) -> None:
        """Let deleted images point to what is kept, where theirs was marked."""
        entries = self.read_marks()
        deleted = self._deleted(entries)
        if deleted:
            self._follow(entries, deleted)
            self._write(entries)

    def footage(self, seen: Seen, thinner: type[Thinner] | None) -> None:
        """Return nothing: when what is shown is not known."""

    def marked(self) -> list[Reason]:
        """Return why each of the images is marked that are marked and there."""
        marks = self.read_marks()
        there = (marks[name] for name in _image_names(self.folder) if name in marks)
        return [Reason[e["reason"].upper()] for e in there if e["fate"] == "duplicate"]

    def delete(self) -> tuple[int, int]:
        """Remove the files of marked images; return how many, and their bytes."""
        marks, deleted, size_bytes = self.read_marks(), 0, 0
        for name in _image_names(self.folder):
            if _is_marked(marks, name):
                path = self.folder / name
                size_bytes += path.lstat().st_size
                path.unlink()
                deleted += 1
        return deleted, size_bytes

    def restore(self, run: RunSettings, link: Link) -> tuple[int, tuple[Notice, ...]]:
        """Forget the marks; images that were deleted stay gone, for nothing can make them again.

        Returns:
            How many images are no longer marked, and a notice of those that stay gone.
        """
        marks = self.read_marks()
        deleted = self._deleted(marks)
        marked = sum(entry["fate"] == "duplicate" for entry in marks.values())
        numbers = self.images().numbers
        self.mark(numbers, nothing_marked(numbers), ())
        if not deleted:
            return marked, ()
        text = (
            f"{count(len(deleted), 'deleted image')} cannot be brought back here, only by the tool "
            f"that made them: {listing(deleted)}."
        )
        return marked - len(deleted), (Notice("not-restored", text),)

    def read_marks(self) -> dict[str, Entry]:
        """Return the marks of an earlier run by image name; empty where there was none.

        Raises:
            DatasetError: they cannot be read.
        """
        path = self.folder / MARKS_NAME
        try:
            marks = json.loads(path.read_text(encoding="utf-8"))["images"]
            if any(entry.keys() != _KEPT.keys() for entry in marks.values()):
                raise ValueError("marks")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise unreadable(path, error) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DatasetError(
                f"{printable(path)}: these marks cannot be read ({type(error).__name__}). Move the "
                "file away to compare the images anew."
            ) from error
        return dict(marks)

    def _sibling(self, name: str) -> "FolderImages":
        return FolderImages(self.root, self.root / name, self.settings)

    def _deleted(self, marks: Mapping[str, Entry]) -> list[str]:
        present = set(_image_names(self.folder))
        return [
            name
            for name, entry in marks.items()
            if entry["fate"] == "duplicate" and name not in present
        ]

    def _names(self) -> list[str]:
        """Return the names of the images, with those that were deleted as duplicates."""
        return sorted({*_image_names(self.folder), *self._deleted(self.read_marks())}, key=_natural)

    def _follow(self, entries: dict[str, Entry], deleted: Sequence[str]) -> None:
        """Let deleted images point to what is kept, where theirs was marked now."""
        folders = {entries[name]["duplicate_folder"] for name in deleted} - {None}
        others = {folder: self._sibling(folder).read_marks() for folder in folders}
        for name in deleted:
            folder = entries[name]["duplicate_folder"]
            marks = entries if folder is None else others[folder]
            target = marks.get(entries[name]["duplicate_of"], _KEPT)
            if target["fate"] == "duplicate":
                further = target["duplicate_folder"] or folder
                entries[name] = {
                    **entries[name],
                    "duplicate_of": target["duplicate_of"],
                    "duplicate_folder": None if further == self.id else further,
                }

    def _write(self, entries: Mapping[str, Entry]) -> bool:
        """Write the marks unless they are there already; return whether they were not."""
        path = self.folder / MARKS_NAME
        is_empty = not METHODS[self.settings["dedupe"]].compares and not self._deleted(entries)
        text = json.dumps({"settings": dict(self.settings), "images": entries}, indent=1)
        if path.exists() == (not is_empty) and (is_empty or path.read_text("utf-8") == text):
            return False
        if is_empty:
            path.unlink()
            return True
        replace_text(path, [text])
        return True


def _is_marked(marks: Mapping[str, Entry], name: str) -> bool:
    return bool(marks.get(name, _KEPT)["fate"] == "duplicate")


def find_folders(root: Path, settings: DedupeSettings) -> list[FolderImages]:
    """Return the folder and those in it that hold images, or held them, in natural order.

    Links are not followed.

    Raises:
        UsageError: there are no images, or some belong to a dataset of prep.
        DatasetError: a folder cannot be read.
    """
    found = []
    for path, folders, files in os.walk(root, onerror=_refuse_unreadable):
        folders[:] = sorted((f for f in folders if not f.startswith(".")), key=_natural)
        if RECORD_NAME in files:
            raise UsageError(
                f"{printable(path)}: this is a video in a dataset of prep. Name the dataset: "
                f"{printable(Path(path).parent)}."
            )
        if _image_names(Path(path)) or MARKS_NAME in files:
            images = FolderImages(root, Path(path), {})
            used = effective_dedupe(settings.for_video(images.id, images.name))
            found.append(dataclasses.replace(images, settings=used))
    if not found:
        raise UsageError(
            f"{printable(root)}: neither a dataset nor a folder of images. Extract videos into it "
            "with 'prep extract --output', or name a folder that holds "
            f"{', '.join(sorted(_SUFFIXES))}."
        )
    return found


def _refuse_unreadable(error: OSError) -> None:
    raise unreadable(error.filename, error) from error


def _image_names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(
            (
                entry.name
                for entry in entries
                if Path(entry.name).suffix.lower() in _SUFFIXES
                and not entry.name.startswith(".")
                and entry.is_file()
            ),
            key=_natural,
        )


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return a key that orders numbers by their value."""
    parts = re.split(r"([0-9]+)", name)
    key = [(0, part.casefold()) for part in parts]
    # Compared by length first, so that a name of 5,000 digits needs no number of that size.
    digits = (part.lstrip("0") for part in parts[1::2])
    key[1::2] = [(len(number), number) for number in digits]
    return key, name
