"""How images look as a whole, so that near-identical ones are found."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.work import Link, refuse_stopped
from ..pictures.likeness import read_picture
from ..pictures.similarity import hash_thumbnails

LOOK = np.dtype([("hash", np.uint64), ("brightness", np.float32), ("contrast", np.float32)])
"""A perceptual hash, as the dedupe method ``similar`` has it; mean and deviation of grey levels.

All three are NaN or 0 where a file cannot be read as an image.
"""

Looks = npt.NDArray[np.void]


def look_at(paths: tuple[Path, ...], link: Link) -> Looks:
    """Return how images look: `LOOK`, shape (paths,).

    Raises:
        InterruptedRunError: the link is stopped.
    """
    looks = np.zeros(len(paths), dtype=LOOK)
    looks["contrast"] = looks["brightness"] = np.nan
    for place, path in enumerate(paths):
        refuse_stopped(link)
        picture = read_picture(path)
        if picture is not None:
            thumbnail = picture.thumbnail
            looks[place] = (
                hash_thumbnails(thumbnail[np.newaxis])[0],
                thumbnail.mean(),
                thumbnail.std(),
            )
        link.tell(1)
    return looks
