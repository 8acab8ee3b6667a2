"""Small pictures of the dataset's images, as the pages hold them: data URIs in WebP."""

import base64
import io
from pathlib import Path

import numpy as np

_QUALITY = 60
_CROP_QUALITY = 75  # a crop is there to be looked at closely


def thumbnail(path: Path, side: int, crop: tuple[int, int, int, int] | None = None) -> str:
    """Return a picture as a data URI, its longer side at most ``side`` pixels.

    Empty if the image is not there or cannot be opened.

    Args:
        path: the image.
        side: the longer side, in pixels; nothing is enlarged.
        crop: left, top, right and bottom of the part to show, in pixels; all of it if absent.
    """
    from PIL import Image

    buffer = io.BytesIO()
    try:
        with Image.open(path) as image:
            if crop is None:
                image.draft("RGB", (side, side))
            part = image if crop is None else image.crop(crop)
            if part.mode.startswith("I;16"):  # of which Pillow would cut off all above 255
                part = Image.fromarray((np.asarray(part) >> 8).astype(np.uint8))
            part.thumbnail((side, side))
            quality = _QUALITY if crop is None else _CROP_QUALITY
            part.convert("RGB").save(buffer, "WEBP", quality=quality)
    except Exception:  # an image that nobody can open is shown as such; it must not cost the page
        return ""
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
