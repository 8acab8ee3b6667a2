"""How large an image is, from its header."""

from pathlib import Path


def load() -> None:
    """Load what reading sizes needs, where there is time for it."""
    import PIL.JpegImagePlugin
    import PIL.PngImagePlugin  # noqa: F401


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height in pixels of a JPEG or PNG file.

    Raises:
        OSError: it cannot be read.
    """
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    # Not Image.open, which takes very large pictures for an attack.
    read = PngImageFile if path.suffix == ".png" else JpegImageFile
    with read(path) as image:
        return image.size
