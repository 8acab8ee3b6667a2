"""The images of a training set, whoever made it: where they are, on which side, of which video."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ...base.errors import InputError, printable, unreadable
from ...base.words import count, listing
from ...dataset.image_folder import frame_of
from ...settings.splits import SIDES

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))

_SIDE = re.compile(r"(train|val|dev|test)(?:ing|id|idation)?(?:set|[-_]?\d{4})?", re.I)
_SIDE_IN_NAME = re.compile(r"(?:^|[^a-z])(train|val|dev|test)(?:ing|id|idation)?(?![a-z])", re.I)
_FRAME = re.compile(r"(.*?)(?:^|[-_. ])(?:frame|frm)[-_. ]?(\d{1,9})", re.I)
_IMAGE_FOLDERS = frozenset(("images", "jpegimages", "data"))


@dataclass(frozen=True)
class ImageFile:
    """One image.

    ``path`` is its path under the root of the set, ``rest`` that below the folder of its side: its
    name, and folders of its own. ``side`` is one of `SIDES`, ``None`` where nothing tells. What
    it is a frame of is ``sequence``, where its name or a record tells that; ``frame`` counts
    frames, ``seconds`` is on the clock of the sequence. ``labels``: how many objects of each.
    """

    path: str
    rest: str
    side: str | None
    sequence: str | None = None
    frame: int | None = None
    seconds: float | None = None
    labels: Counter[str] = field(default_factory=Counter)


def side_named(name: str) -> str | None:
    """Return the side that a folder is named after: train, valid, test2017."""
    match = _SIDE.fullmatch(name)
    return _side(match[1]) if match else None


def side_in(name: str) -> str | None:
    """Return the side that a file names somewhere: instances_train2017.json."""
    match = _SIDE_IN_NAME.search(name)
    return _side(match[1]) if match else None


def without_side(name: str) -> str:
    """Return the name of a file without the side, and what belongs to it: instances."""
    return _SIDE_IN_NAME.sub("", name, count=1).strip("-_. 0123456789")


def _side(word: str) -> str:
    lower = word.lower()
    return "val" if lower == "dev" else lower


def place_of(path: str) -> tuple[str | None, str]:
    """Return the side that the folders of an image name, and its path without them, and inside."""
    *folders, name = path.split("/")
    side: str | None = None
    rest: list[str] = []
    has_images = False
    for folder in folders:
        if side is None and (named := side_named(folder)):
            side = named
        elif not has_images and folder.lower() in _IMAGE_FOLDERS:
            has_images = True
        elif folder != "..":  # of a folder beside the set; the output has all within it
            rest.append(folder)
    return side, "/".join((*rest, name))


def sequence_of(rest: str) -> tuple[str | None, int | None]:
    """Return of what an image is a frame, and which, where its name tells.

    Names of prep do, and such as ``walk_frame_000012.jpg`` and ``walk/frame12.png``. Other numbers
    may be anything.
    """
    folder, _, name = rest.rpartition("/")
    if known := frame_of(name):
        return known
    match = _FRAME.fullmatch(name.rpartition(".")[0])
    return (f"{folder}/{match[1]}".strip("/"), int(match[2])) if match else (None, None)


def find_images(root: Path) -> list[str]:
    """Return the paths of all images below a folder, sorted; hidden ones do not count.

    Raises:
        DatasetError: a folder cannot be read.
    """
    found: list[str] = []

    def refuse(error: OSError) -> None:
        raise unreadable(error.filename, error) from error

    for folder, inner, names in os.walk(root, onerror=refuse, followlinks=True):
        inner[:] = sorted(
            name for name in inner if not name.startswith(".") and not _is_loop(folder, name)
        )
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        start = "" if below == "." else f"{below}/"
        found += [
            start + name
            for name in names
            if not name.startswith(".") and PurePosixPath(name).suffix.lower() in SUFFIXES
        ]
    return sorted(found)


def _is_loop(folder: str, name: str) -> bool:
    """Whether a folder is a link to one that it lies in, and so would never end."""
    path = Path(folder, name)
    return path.is_symlink() and Path(os.path.realpath(folder)).is_relative_to(path.resolve())


def refuse_twice(root: Path, images: Iterable[tuple[str, str]]) -> None:
    """Refuse images that would get the same place.

    Args:
        root: of the set.
        images: the path of each, and the place that it is to get.

    Raises:
        InputError: two would.
    """
    places: dict[str, str] = {}
    twice: list[str] = []
    for path, place in images:
        other = places.setdefault(place.lower(), path)  # some file systems know no case
        if other != path:
            twice.append(f"{other} and {path}")
    if twice:
        raise InputError(
            f"{printable(root)}: {count(len(twice), 'pair')} of images would get one and the same "
            f"name on one side: {listing(twice, 3)}. Give them different names."
        )


def natural_labels(files: Sequence[ImageFile]) -> Iterator[str]:
    """Yield the labels of all images, each once, sorted."""
    yield from sorted({label for file in files for label in file.labels})


def side_number(file: ImageFile) -> int:
    """Return the place of the side of an image in `SIDES`, -1 where it has none."""
    return -1 if file.side is None else SIDES.index(file.side)
