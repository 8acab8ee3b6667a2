"""A training set as Ultralytics reads it: images, a text file of labels for each, ``data.yaml``."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ...base import plain_yaml
from ...base.errors import InputError, cause_of, printable
from ...base.words import listing
from ...settings.splits import SIDES
from .images import SUFFIXES, ImageFile, find_images, place_of, sequence_of

_CONFIGS = ("data.yaml", "dataset.yaml", "data.yml")
_KEYS = {"train": "train", "val": "val", "valid": "val", "test": "test"}


def is_yolo(root: Path) -> bool:
    """Whether a folder looks like such a set."""
    return _config_of(root) is not None or bool(
        [path for pattern in ("labels", "*/labels") for path in root.glob(pattern)]
    )


def _config_of(root: Path) -> Path | None:
    return next((root / name for name in _CONFIGS if (root / name).is_file()), None)


class Yolo:
    """Images with labels in text files."""

    kind = "yolo"

    def __init__(self, root: Path) -> None:
        self.root = root
        path = _config_of(root)
        config = plain_yaml.read_file(path, "data set") if path else {}
        if not isinstance(config, dict):
            raise InputError(f"{printable(path)}: expected names and folders, as Ultralytics has.")
        names = config.get("names") or {}
        if not isinstance(names, dict | list):
            raise InputError(
                f"{printable(path)}: 'names' is no list of labels. Write it as [car, dog]."
            )
        self._config: dict[str, Any] = config
        self._names: dict[Any, Any] = names if isinstance(names, dict) else dict(enumerate(names))

    def read(self) -> list[ImageFile]:
        """Return all images, those that ``data.yaml`` names, or all that are there.

        One that it names on two sides is there twice.

        Raises:
            InputError: what it names is not there, or a label file is damaged.
        """
        named = {_KEYS[key]: value for key, value in self._config.items() if key in _KEYS and value}
        if not named:
            return [self._image(path, None) for path in find_images(self.root)]
        places = [
            (path, side)
            for side, values in named.items()
            for value in (values if isinstance(values, list) else [values])
            for path in self._images_of(str(value))
        ]
        return [self._image(path, side) for path, side in dict.fromkeys(places)]

    def target(self, file: ImageFile, side: str) -> str:
        """Return where an image goes, as a path under the output."""
        return f"images/{side}/{file.rest}"

    def write(self, folder: Path, sides: Mapping[str, Sequence[ImageFile]]) -> None:
        """Write the labels of all images, and ``data.yaml``."""
        for side, files in sides.items():
            (folder / "labels" / side).mkdir(parents=True)
            for file in files:
                source = self._labels_of(file.path)
                if source.is_file():
                    place = PurePosixPath("labels", side, file.rest).with_suffix(".txt")
                    (folder / place).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, folder / place)
        kept = {k: v for k, v in self._config.items() if k not in {*_KEYS, "path", "download"}}
        used = {side: f"images/{side}" for side in SIDES if side in sides}
        used = {"train": "images/train", "val": used.get("val", "images/train")} | used
        text = plain_yaml.dump_value(used | kept)
        (folder / "data.yaml").write_text(f"{text}\n", encoding="utf-8")

    def _images_of(self, value: str) -> Iterator[str]:
        """Yield the images of a folder, or of a list, that ``data.yaml`` names."""
        base = self.root / str(self._config.get("path") or "")
        tried = (base / value, self.root / value, self.root / value.removeprefix("../"))
        place = next((each for each in tried if each.exists()), None)
        if place is None:
            raise InputError(
                f"{printable(self.root)}: data.yaml names '{printable(value)}', which is not "
                "there. Set 'path', or the folders, in it right."
            )
        if place.is_dir():
            below = os.path.relpath(place, self.root).replace(os.sep, "/")
            start = "" if below == "." else f"{below}/"
            yield from (start + path for path in find_images(place))
            return
        missing = []
        for line in place.read_text(encoding="utf-8").splitlines():
            if not line.strip():
                continue
            named = (place.parent / line.strip(), base / line.strip())
            path = next((each for each in named if each.is_file()), None)
            if path is None or path.suffix.lower() not in SUFFIXES:
                missing.append(line.strip())
            else:
                yield os.path.relpath(path, self.root).replace(os.sep, "/")
        if missing:
            raise InputError(
                f"{printable(place)}: names images that are not there: {listing(missing, 3)}. "
                "Bring them back, or take them out of the list."
            )

    def _image(self, path: str, side: str | None) -> ImageFile:
        named, rest = place_of(path)
        sequence, frame = sequence_of(rest)
        image = ImageFile(path, rest, side or named, sequence, frame)
        return replace(image, labels=self._count(path))

    def _count(self, path: str) -> Counter[str]:
        source = self._labels_of(path)
        try:
            lines = source.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return Counter()
        except (OSError, ValueError) as error:
            cause = cause_of(error) if isinstance(error, OSError) else "no text"
            raise InputError(f"{printable(source)}: cannot be read: {cause}.") from error
        found = Counter[str]()
        for number, line in enumerate(lines, 1):
            if not (parts := line.split()):
                continue
            try:
                label = int(float(parts[0]))
            except (ValueError, OverflowError) as error:
                raise InputError(
                    f"{printable(source)}: line {number} does not begin with the number of a "
                    f"label: {printable(line[:40])}. Mend it, or take the line out."
                ) from error
            known = self._names.get(label)
            found[str(label if known is None else known)] += 1
        return found

    def _labels_of(self, path: str) -> Path:
        """Return where the labels of an image are, as Ultralytics looks for them."""
        *folders, name = path.split("/")
        places = [n for n, folder in enumerate(folders) if folder == "images"]
        if places:
            folders[places[-1]] = "labels"
        return self.root.joinpath(*folders, PurePosixPath(name).with_suffix(".txt"))
