"""Divide images of any origin: what belongs together by their names, records and looks."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.words import count
from ...dataset.records import Notice
from ...settings.splits import SIDES, SplitSettings
from ...splits.deal import NONE
from ...splits.groups import Shown, Units, divide
from ...splits.looks import Looks, is_flat, is_unreadable
from ...splits.near import Unions, unite_near
from ...splits.tell import Holdings, summarize, tell_shares
from ...splits.twins import find_twins
from .images import ImageFile, natural_labels


@dataclass(frozen=True)
class Divided:
    """Images with new sides, ``None`` for what is left out; a summary, and what is to be told."""

    files: tuple[ImageFile, ...]
    summary: dict[str, Any]
    notices: tuple[Notice, ...]

    def of(self, side: str) -> list[ImageFile]:
        """Return the images of a side."""
        return [file for file in self.files if file.side == side]


def divide_images(files: Sequence[ImageFile], looks: Looks, settings: SplitSettings) -> Divided:
    """Divide images: the frames of a video stay together, and what is near-identical.

    Args:
        files: all images; their sides do not matter.
        looks: how they look, shape (images,).
        settings: how to divide them, with nothing left open.
    """
    names = sorted({file.sequence or file.path for file in files})
    known = {name: place for place, name in enumerate(names)}
    owners = np.array([known[file.sequence or file.path] for file in files], dtype=np.int64)
    labels = list(natural_labels(files))
    columns = {label: column for column, label in enumerate(labels, 1)}
    counts = np.zeros((len(names), 1 + len(labels)))
    counts[:, 0] = np.bincount(owners, minlength=len(names))
    for file, owner in zip(files, owners.tolist(), strict=True):
        for label, number in file.labels.items():
            counts[owner, columns[label]] += number
    flat, usable = is_flat(looks), ~is_unreadable(looks)
    hashes = np.ascontiguousarray(looks["hash"])
    tells = usable & ~flat
    unions = Unions(len(names))
    unite_near(hashes[tells], owners[tells], unions)
    given = np.full(len(names), NONE, dtype=np.int8)
    units = Units(names, counts, given, np.zeros(len(names), dtype=np.bool_))
    shares = np.array([settings.shares.get(side, 0.0) for side in SIDES])
    shown, links = Shown(hashes[tells], owners[tells]), np.empty((2, 0), dtype=np.int64)
    division = divide(units, links, unions, shown, shares, settings.seed or 0)
    sides = division.sides[owners]
    aside = find_twins(hashes, sides, flat, usable, usable).aside
    divided = [
        dataclasses.replace(file, side=None if out else SIDES[side])
        for file, side, out in zip(files, sides.tolist(), aside.tolist(), strict=True)
    ]
    held = Holdings(counts, labels, division.sides, division.roots, shares, names)
    notices = tell_shares(held)
    if aside.any():
        black = count(int(aside.sum()), "image that shows", "images that show")
        text = f"{black} nothing, such as black ones, have their like on another side: left out."
        notices.append(Notice("shows-nothing", text))
    return Divided(tuple(divided), summarize(held), tuple(notices))
