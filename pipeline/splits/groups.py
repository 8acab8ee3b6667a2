"""What has to stand on one side goes there together, and what is on a side already stays.

A group is all that is united: by what the records say, and by near-identical images. What is new
goes where its group is. Where that is on several sides, as new footage shows what two old
recordings show, the old ones stay, and what joins them is set aside: it would leak on either side.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..pictures.hash_index import Hashes
from .deal import NONE, Floats, SideNumbers, deal
from .near import Places, Unions, find_neighbours

ASIDE = -2
"""Stands for the side of what can stand on none without a leak."""


@dataclass(frozen=True, eq=False)
class Units:
    """The smallest things that get a side: videos, runs of frames, images.

    ``keys`` are what each is known by for ever; ``counts``: shape (units, 1 + labels), its images,
    and its objects of each label. ``given``: shape (units,), the side where it is already, or
    `deal.NONE`; ``by_hand``: whether a person has said so.
    """

    keys: Sequence[str]
    counts: Floats
    given: SideNumbers
    by_hand: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Shown:
    """What images show that can be compared: their hashes, and which unit each is of."""

    hashes: Hashes
    owners: Places


@dataclass(frozen=True, eq=False)
class Division:
    """The side of each unit: int8, `ASIDE` for what is set aside; and the root of its group.

    ``moved``: units that a person's word has taken to another side than they were on. ``torn``: of
    each unit that is set aside, those with a side that it would join.
    """

    sides: SideNumbers
    roots: Places
    moved: Places
    torn: Mapping[int, tuple[int, ...]]


def divide(
    units: Units,
    links: Places,
    unions: Unions,
    shown: Shown,
    shares: Floats,
    seed: int,
) -> Division:
    """Return on which side each unit stands.

    Args:
        units: what is to be divided.
        links: shape (2, n), units that belong together whatever they show.
        unions: of the units, by the links and by what is near-identical.
        shown: what they show.
        shares: shape (sides,), of the images; 0 for a side that gets none but what is given.
        seed: another one deals in another way.
    """
    sides = units.given.copy()
    torn: dict[int, tuple[int, ...]] = {}
    order = np.argsort(unions.roots, kind="stable")
    cuts = np.flatnonzero(np.diff(unions.roots[order])) + 1
    for members in np.split(order, cuts):
        if (sides[members] == NONE).all():
            continue
        ruled = members[units.by_hand[members] & (sides[members] != NONE)]
        if len(np.unique(sides[ruled])) == 1:
            sides[members] = sides[ruled[0]]
            continue
        if len(np.unique(sides[members[sides[members] != NONE]])) > 1:
            edges = _edges_within(members, links, shown)
            sides[members] = _join(units, members, edges, sides, torn)
        else:
            sides[members] = sides[members].max()
    free = np.flatnonzero(sides == NONE)
    if len(free):
        sides[free] = _deal_groups(units, unions.roots, sides, shares, seed)[free]
    moved = np.flatnonzero((units.given != NONE) & (units.given != sides))
    return Division(sides, unions.roots, moved, torn)


def _join(
    units: Units,
    members: Places,
    edges: Places,
    sides: SideNumbers,
    torn_to: dict[int, tuple[int, ...]],
) -> SideNumbers:
    """Return the sides of a group that stands on several: the least that joins them goes aside.

    Args:
        units: all units.
        members: those of the group.
        edges: shape (2, n), which members are bound directly, by their places.
        sides: of all units.
        torn_to: gets what is set aside, and what it would join.
    """
    mine = sides[members].copy()
    while True:
        reached = np.where(mine >= 0, 1 << np.maximum(mine, 0), 0)  # bits of the sides
        parts = Unions(len(members))
        between = edges[:, (mine[edges] == NONE).all(axis=0)]
        parts.unite(*between)
        touched = reached.copy()
        for one, other in (edges, edges[::-1]):
            np.bitwise_or.at(touched, one, np.where(mine[other] >= 0, reached[other], 0))
        of_part = np.zeros(len(members), dtype=np.int64)
        new = mine == NONE
        np.bitwise_or.at(of_part, parts.roots[new], touched[new])
        of_part = of_part[parts.roots]
        torn = np.flatnonzero(new & (of_part & (of_part - 1) != 0))
        if len(torn) == 0:
            bits = np.maximum(of_part, 1)
            return np.where(new, np.log2(bits).astype(np.int8), mine).astype(np.int8)
        # What touches several sides itself has to go in any case.
        touches_one = touched[torn] & (touched[torn] - 1) == 0
        smallest = np.lexsort((members[torn], units.counts[members[torn], 0], touches_one))
        out = torn[smallest[0]]
        mine[out] = ASIDE
        part = parts.roots == parts.roots[out]
        bound = np.concatenate((edges[1, part[edges[0]]], edges[0, part[edges[1]]]))
        torn_to[int(members[out])] = tuple(members[np.unique(bound[mine[bound] >= 0])].tolist())


def _edges_within(members: Places, links: Places, shown: Shown) -> Places:
    """Return which members are linked or near-identical, by their places: shape (2, n)."""
    place = np.full(int(max(members.max(), links.max(initial=0))) + 1, -1)
    place[members] = np.arange(len(members))
    inside = np.isin(shown.owners, members)
    near = find_neighbours(shown.hashes[inside], place[shown.owners[inside]])
    linked = place[links]
    linked = linked[:, (linked >= 0).all(axis=0)]
    return np.concatenate((near, linked), axis=1)


def _deal_groups(
    units: Units, roots: Places, sides: SideNumbers, shares: Floats, seed: int
) -> SideNumbers:
    """Return the side of each unit, those that have none dealt by their groups."""
    used = np.flatnonzero(shares > 0)
    # What stands on a side without a share, or on none, is no part of what is dealt.
    counted = np.isin(sides, [NONE, *used])
    firsts, group = np.unique(np.where(sides == NONE, roots, -9 - sides), return_inverse=True)
    counts = np.zeros((len(firsts), units.counts.shape[1]))
    np.add.at(counts, group[counted], units.counts[counted])
    given = np.full(len(firsts), NONE, dtype=np.int8)
    given[group] = np.where(sides == NONE, NONE, np.searchsorted(used, np.maximum(sides, 0)))
    taken = np.flatnonzero(np.bincount(group, weights=counted) > 0)
    keys = _digests(units.keys, group, len(firsts), seed)
    order = np.array(sorted(range(len(taken)), key=lambda place: keys[taken[place]]))
    dealt = np.zeros(len(firsts), dtype=np.int8)
    dealt[taken] = used[deal(counts[taken], given[taken], shares[used], order, seed)]
    return dealt[group]


def _digests(keys: Sequence[str], group: Places, groups: int, seed: int) -> list[bytes]:
    """Return for each group the least digest of its units, so the order of names is no matter."""
    least = [b"\xff" * 32] * groups
    for key, place in zip(keys, group.tolist(), strict=True):
        digest = hashlib.sha256(os.fsencode(f"{seed}:{key}")).digest()
        least[place] = min(least[place], digest)
    return least
