"""What binds parts of videos to one side, and why."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..base.errors import printable
from ..settings.splits import SplitSettings
from .chapters import find_chapters
from .groups import ASIDE, Shown
from .near import Places, Unions, unite_near
from .parts import Parts


@dataclass(frozen=True)
class Bond:
    """Two parts that stand together, by their numbers, and why in words."""

    first: int
    second: int
    why: str


@dataclass(frozen=True, eq=False)
class Bonds:
    """What binds parts: ``links`` are those that do not depend on images, shape (2, n).

    ``why`` has as many as are needed to bind all that is bound, for people.
    """

    unions: Unions
    links: Places
    why: tuple[Bond, ...]


def find_bonds(parts: Parts, shown: Shown, frames: Places, settings: SplitSettings) -> Bonds:
    """Return what binds parts of videos.

    Args:
        parts: of videos.
        shown: what their images show; only of those that can be compared.
        frames: the frame index of each of these images, in the shape of ``shown.hashes``.
        settings: what stands together.
    """
    unions = Unions(len(parts.firsts))
    bonds = list(_links(parts, settings))
    links = np.array([(bond.first, bond.second) for bond in bonds], dtype=np.int64)
    links = links.reshape(-1, 2).T
    why = [bonds[place] for place in unions.unite(*links).tolist()]
    names = [printable(record.id) for record in parts.records]
    for first, second in zip(*unite_near(shown.hashes, shown.owners, unions), strict=True):
        images = sorted([int(first), int(second)])
        one, other = (int(shown.owners[image]) for image in images)
        words = [
            f"frame {frames[image]} of {names[parts.video[shown.owners[image]]]}"
            for image in images
        ]
        why.append(Bond(one, other, f"{words[1]} is near-identical to {words[0]}"))
    return Bonds(unions, links, tuple(why))


def _links(parts: Parts, settings: SplitSettings) -> Iterator[Bond]:
    """Yield what binds parts whatever their images show; what a person left out is not bound."""
    free = parts.given != ASIDE
    if settings.by != "run":
        for place in range(len(parts.records)):
            mine = np.arange(len(free))[parts.of(place)]
            yield from (Bond(a, b, "") for a, b in pairwise(mine[free[mine]].tolist()))
    if settings.by != "recording":
        return
    first_part = {
        record.id: place
        for number, record in enumerate(parts.records)
        if free[place := parts.of(number).start]
    }
    files: dict[str, list[str]] = defaultdict(list)
    for record in parts.records:
        files[record.source.sha256].append(record.id)
    pairs = [(pair, "is of the same file as") for ids in files.values() for pair in pairwise(ids)]
    chapters = find_chapters({record.id: record for record in parts.records})
    pairs += [(pair, "is a chapter of one recording with") for pair in chapters]
    for (one, other), words in pairs:
        if first_part.keys() >= {one, other}:
            why = f"{printable(other)} {words} {printable(one)}"
            yield Bond(first_part[one], first_part[other], why)
