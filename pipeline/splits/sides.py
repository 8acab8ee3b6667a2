"""The sides of the frames of a dataset, once they are dealt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dataset.records import Notice
from ..settings.splits import SIDES
from .record import SplitRecord

ASIDE = -1
"""Stands for the side of an image that can stand on none without a leak: leave it out."""

Frames = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Material:
    """What is to be divided of one video.

    ``frames``: int64, shape (images,), the frame indices of its images, ascending. ``labels``: for
    each label the frame index of each of its objects, int64, in any order; a frame may stand there
    several times.
    """

    frames: Frames
    labels: Mapping[str, Frames] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Stretch:
    """How the frames of one video are divided.

    ``firsts``: int64, shape (parts,), the frame at which each part begins, ascending, 0 the first.
    ``sides``: int8, shape (parts,), places in `SIDES`, or `ASIDE`. ``aside``: int64, ascending,
    single frames that are left out besides.
    """

    firsts: Frames
    sides: npt.NDArray[np.int8]
    aside: Frames


@dataclass(frozen=True, eq=False)
class Sides:
    """Which image stands on which side.

    ``used`` are the sides that get a share, in the order of `SIDES`. ``record`` is what to keep of
    it. ``notices`` are for people: leaks, what was set aside, shares that could not be had; a
    finding among them deserves exit code 1. ``summary`` is JSON-ready: how much stands where.
    """

    used: tuple[str, ...]
    stretches: Mapping[str, Stretch]
    record: SplitRecord
    notices: tuple[Notice, ...]
    summary: Mapping[str, Any]

    def of(self, video: str, frames: Frames) -> npt.NDArray[np.int8]:
        """Return the side of frames of a video: int8, their shape, places in `SIDES` or `ASIDE`.

        Raises:
            KeyError: this video was not among those that were dealt.
        """
        stretch = self.stretches[video]
        sides = stretch.sides[np.searchsorted(stretch.firsts, frames, "right") - 1]
        return np.where(np.isin(frames, stretch.aside), np.int8(ASIDE), sides)

    def side_of(self, video: str, frame: int) -> str | None:
        """Return the side of one frame, ``None`` for what is set aside; else as `of` does."""
        side = int(self.of(video, np.array([frame]))[0])
        return None if side == ASIDE else SIDES[side]
