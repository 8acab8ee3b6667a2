"""Open the images that prep writes, and tell how large they are from their headers."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile


def load() -> None:
    """Load what reading sizes needs, where there is time for it."""
    import PIL.JpegImagePlugin
    import PIL.PngImagePlugin  # noqa: F401


def open_image(path: Path) -> "ImageFile":
    """Open a JPEG or PNG file; the caller closes it.

    Raises:
        OSError: it cannot be read.
    """
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    # Not Image.open, which takes very large pictures for an attack.
    return (PngImageFile if path.suffix == ".png" else JpegImageFile)(path)


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height in pixels of a JPEG or PNG file.

    Raises:
        OSError: it cannot be read.
    """
    with open_image(path) as image:
        return image.size
