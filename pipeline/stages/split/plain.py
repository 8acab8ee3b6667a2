"""A folder of images without annotations, or one folder for each class, as ImageNet has it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from .images import ImageFile, find_images, place_of, sequence_of


class PlainFolder:
    """Images alone: those of a side are in its folder."""

    kind = "folder"

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self) -> list[ImageFile]:
        """Return all images."""
        return [_image(path) for path in find_images(self.root)]

    def target(self, file: ImageFile, side: str) -> str:
        """Return where an image goes, as a path under the output."""
        return f"{side}/{file.rest}"

    def write(self, folder: Path, sides: Mapping[str, Sequence[ImageFile]]) -> None:
        """Write what goes with the images: nothing."""


def _image(path: str) -> ImageFile:
    side, rest = place_of(path)
    sequence, frame = sequence_of(rest)
    labels = Counter([rest.split("/")[0]]) if sequence is None and "/" in rest else Counter()
    return ImageFile(path, rest, side, sequence, frame, None, labels)
