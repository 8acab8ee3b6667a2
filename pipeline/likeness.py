"""Which frames look alike as a whole: perceptual hashes, and thinning by them.

The hash is pHash as in Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions" (2010), with the numbers of the imagehash library: the signs of the 8 x 8 lowest
frequencies of a 32 x 32 picture against their median. It sees a picture as a whole: a small object
that moves changes no bit of it.
"""

import cv2
import numpy as np
import numpy.typing as npt

_BRIGHTNESS_TOLERANCE = 32
"""Grey levels. The hash knows no brightness: without a bound, black would be like white."""


def hash_thumbnails(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return the perceptual hash of each picture: uint64, shape (n,).

    Args:
        thumbnails: grey levels, uint8, shape (n, 32, 32).
    """
    hashes = np.empty(len(thumbnails), dtype=np.uint64)
    for place, thumbnail in enumerate(thumbnails):
        low = cv2.dct(thumbnail.astype(np.float32))[:8, :8]
        bits = np.packbits(low > np.median(low))
        hashes[place] = bits.view(">u8")[0]
    return hashes


def thin(
    thumbnails: npt.NDArray[np.uint8],
    positions: npt.NDArray[np.int64],
    distance_bits: int,
    max_gap: int | None,
) -> npt.NDArray[np.int64]:
    """Return for each picture the place of the earlier one that it is like, or its own to keep it.

    A picture is compared with all that are kept before it, so that a loop is found as well.

    Args:
        thumbnails: uint8, shape (n, 32, 32), in display order.
        positions: int64, shape (n,), the place of each picture in its sequence; what lies between
            them is left out already.
        distance_bits: how many bits of the hashes may differ.
        max_gap: how many places in a row may be left out.
    """
    hashes = hash_thumbnails(thumbnails)
    brightness = thumbnails.mean(axis=(1, 2))
    like = np.arange(len(hashes))
    kept = np.empty(len(hashes), dtype=np.int64)
    kept_count = 0
    for place in range(len(hashes)):
        others = kept[:kept_count]
        differing = np.bitwise_count(hashes[others] ^ hashes[place]).astype(np.int64)
        differing[np.abs(brightness[others] - brightness[place]) > _BRIGHTNESS_TOLERANCE] = 64
        nearest = int(np.argmin(differing)) if kept_count else -1
        if (
            kept_count
            and differing[nearest] <= distance_bits
            and not _gap_too_long(positions, place, int(others[-1]), max_gap)
        ):
            like[place] = others[nearest]
        else:
            kept[kept_count] = place
            kept_count += 1
    return like


def _gap_too_long(
    positions: npt.NDArray[np.int64], place: int, last_kept: int, max_gap: int | None
) -> bool:
    """Whether leaving this one out makes the gap before the next one too long."""
    if max_gap is None:
        return False
    end = positions[place + 1] if place + 1 < len(positions) else positions[place] + 1
    return bool(end - positions[last_kept] - 1 > max_gap)
