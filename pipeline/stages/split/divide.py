"""Divide images of any origin: what belongs together by their names, records and looks."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.errors import UsageError
from ...base.words import count
from ...dataset.records import Notice
from ...settings.splits import SIDES, SplitSettings
from ...splits.deal import Floats
from ...splits.groups import Shown, Units, divide
from ...splits.looks import Looks, is_flat, is_unreadable
from ...splits.near import Places, Unions, unite_near
from ...splits.parts import given_at, settle
from ...splits.record import SplitRecord, VideoSides
from ...splits.tell import Holdings, summarize, tell_shares
from ...splits.told import side_name, tell_conflicts
from ...splits.twins import find_twins
from .images import ImageFile, natural_labels


@dataclass(frozen=True)
class Divided:
    """Images with new sides, ``None`` for what is left out.

    ``record`` says where what stands, ``summary`` how much, JSON-ready; ``notices`` are for people.
    """

    files: tuple[ImageFile, ...]
    record: SplitRecord
    summary: dict[str, Any]
    notices: tuple[Notice, ...]

    def of(self, side: str) -> list[ImageFile]:
        """Return the images of a side."""
        return [file for file in self.files if file.side == side]


def divide_images(
    files: Sequence[ImageFile], looks: Looks, asked: SplitSettings, before: SplitRecord | None
) -> Divided:
    """Divide images: the frames of a video stay together, and what is near-identical.

    Args:
        files: all images; their sides do not matter.
        looks: how they look, shape (images,).
        asked: how to divide them; what is not set is as in ``before``.
        before: where images stand already, by what they are frames of, or else by their names.

    Raises:
        UsageError: ``asked`` differs from how ``before`` was dealt, or asks for runs.
    """
    settings = settle(asked, before)
    if settings.by == "run":
        raise UsageError(
            "'by' is to be run, but where the runs of a video end, only a dataset of prep tells: "
            "'prep export --split' divides that. Say --by recording here."
        )
    of_files = _keys(files)
    names = sorted(set(of_files))
    known = {name: place for place, name in enumerate(names)}
    owners = np.array([known[name] for name in of_files], dtype=np.int64)
    labels = list(natural_labels(files))
    counts = _count(files, owners, labels, len(names))
    flat, usable = is_flat(looks), ~is_unreadable(looks)
    hashes = np.ascontiguousarray(looks["hash"])
    tells = usable & ~flat
    unions = Unions(len(names))
    unite_near(hashes[tells], owners[tells], unions)
    places = [given_at(before.videos.get(name) if before else None, 0) for name in names]
    given = np.array([side for side, _ in places], dtype=np.int8)
    by_hand = np.array([is_by_hand for _, is_by_hand in places], dtype=np.bool_)
    shares = np.array([settings.shares.get(side, 0.0) for side in SIDES])
    shown, links = Shown(hashes[tells], owners[tells]), np.empty((2, 0), dtype=np.int64)
    units = Units(names, counts, given, by_hand)
    division = divide(units, links, unions, shown, shares, settings.seed or 0)
    sides = division.sides[owners]
    aside = find_twins(hashes, sides, flat, usable, usable).aside
    divided = [
        dataclasses.replace(file, side=None if out or side < 0 else SIDES[side])
        for file, side, out in zip(files, sides.tolist(), aside.tolist(), strict=True)
    ]
    if asked.split is None and by_hand.all():
        shares = np.zeros_like(shares)  # nobody asked for them
    held = Holdings(counts, labels, division.sides, division.roots, shares, names)
    notices = [*tell_conflicts(names, given, division), *tell_shares(held)]
    if aside.any():
        black = count(int(aside.sum()), "image that shows", "images that show")
        text = f"{black} nothing, such as black ones, have their like on another side: left out."
        notices.append(Notice("shows-nothing", text))
    now = {
        name: VideoSides(side_name(side), by_hand=is_by_hand)
        for name, side, is_by_hand in zip(names, division.sides.tolist(), by_hand, strict=True)
    }
    record = SplitRecord({**(before.videos if before else {}), **now}, settings)
    return Divided(tuple(divided), record, summarize(held), tuple(notices))


def _keys(files: Sequence[ImageFile]) -> list[str]:
    """Return what each image is known by: its video, or else its name wherever it stood."""
    alone = [file.sequence or file.rest for file in files]
    often = Counter(alone)
    return [
        file.path if file.sequence is None and often[name] > 1 else name
        for file, name in zip(files, alone, strict=True)
    ]


def _count(files: Sequence[ImageFile], owners: Places, labels: Sequence[str], units: int) -> Floats:
    """Return what each unit holds: shape (units, 1 + labels), images and objects of each label."""
    columns = {label: column for column, label in enumerate(labels, 1)}
    counts = np.zeros((units, 1 + len(labels)))
    counts[:, 0] = np.bincount(owners, minlength=units)
    for file, owner in zip(files, owners.tolist(), strict=True):
        for label, number in file.labels.items():
            counts[owner, columns[label]] += number
    return counts
