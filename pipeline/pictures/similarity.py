"""The method ``similar``: find alike pictures by their perceptual hashes, among very many.

The hash is pHash as in Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions" (2010), with the numbers of the imagehash library: the signs of the 8 x 8 lowest
frequencies of a 32 x 32 picture against their median. It sees a picture as a whole: a small object
that moves changes no bit of it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..settings.dedupe import DedupeSettings
from .hash_index import BRIGHTNESS_TOLERANCE, NONE, HashIndex, count_bits
from .opencv import cv2
from .thinner import Thinner

_BATCH = 1024
"""Pictures that are compared with each other, all with all; measured with a million."""


class Similar(Thinner):
    """Leaves out pictures whose hashes differ in few bits, if they are about as bright."""

    dtype = np.dtype([("hash", np.uint64), ("brightness", np.float32)])

    def __init__(self, settings: DedupeSettings) -> None:
        self._distance_bits = settings.distance

    @staticmethod
    def describe(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Return hash and mean grey level of each picture; see `Thinner.describe`."""
        looks = np.empty(len(thumbnails), dtype=Similar.dtype)
        looks["hash"] = hash_thumbnails(thumbnails)
        looks["brightness"] = thumbnails.mean(axis=(1, 2), dtype=np.float32)
        return looks

    @staticmethod
    def hashes(looks: npt.NDArray[Any]) -> npt.NDArray[np.uint64] | None:
        """Return the hash of each picture; see `Thinner.hashes`."""
        return np.ascontiguousarray(looks["hash"])

    def thin(self, looks: npt.NDArray[Any], order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the place of what each picture is like; see `Thinner.thin`.

        A picture is compared with all that stayed before it, and is like the nearest of them.
        """
        index = HashIndex(self._distance_bits)
        like = np.arange(len(looks))
        stayed = np.empty(len(looks), dtype=np.int64)
        for begin in range(0, len(order), _BATCH):
            batch = order[begin : begin + _BATCH]
            hashes, brightness = looks["hash"][batch], looks["brightness"][batch]
            found, distances = index.nearest(hashes, brightness)
            like[batch] = np.where(found == NONE, batch, stayed[found])
            distances[found == NONE] = self._distance_bits + 1
            new = _settle(hashes, brightness, distances, batch, like)
            stayed[len(index) : len(index) + len(new)] = batch[new]
            index.add(hashes[new], brightness[new])
        return like


def _settle(
    hashes: npt.NDArray[np.uint64],
    brightness: npt.NDArray[np.float32],
    distances: npt.NDArray[np.int64],
    batch: npt.NDArray[np.int64],
    like: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Compare the pictures of a batch with each other; return which of them are like none.

    Args:
        hashes: shape (n,), in the order in which they are taken.
        brightness: shape (n,).
        distances: bits, int64, shape (n,), to what each is like so far, more than are allowed
            where that is nothing; is lowered.
        batch: the places of the pictures, shape (n,).
        like: the place of what each picture is like; is changed at those of the batch.
    """
    new = np.flatnonzero(like[batch] == batch)
    apart = count_bits(hashes[new, np.newaxis] ^ hashes)
    near = apart < distances
    stays = np.ones(len(new), dtype=np.bool_)
    for row in np.flatnonzero(near.sum(axis=1) > 1).tolist():  # each is near itself
        place = new[row]
        if like[batch[place]] != batch[place]:
            stays[row] = False
            continue
        bright = np.abs(brightness - brightness[place]) <= BRIGHTNESS_TOLERANCE
        nearer = (apart[row] < distances) & bright
        nearer[: place + 1] = False
        distances[nearer] = apart[row][nearer]
        like[batch[nearer]] = batch[place]
    return new[stays]


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
