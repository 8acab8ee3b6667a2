"""What is told of the videos of a dataset: what stands together, what leaks, what is set aside."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.errors import printable
from ..base.words import count, listing
from ..dataset.records import Notice
from ..settings.splits import SIDES
from .bonds import Bonds
from .deal import SideNumbers
from .groups import ASIDE, Division, Shown
from .near import Places, find_neighbours
from .parts import Parts
from .record import ASIDE_NAME

_MOST_TOLD = 20
_FIX = "Say with --splits FILE on which side they are to stand, all on one."


def groups_of(
    parts: Parts, bonds: Bonds, division: Division, is_here: npt.NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Return what stands together and why, of several videos each: JSON-ready, largest first.

    Only where one at least is of ``is_here``, shape (parts,): what is divided now.
    """
    why: dict[int, list[str]] = defaultdict(list)
    for bond in bonds.why:
        if bond.why:
            why[int(division.roots[bond.first])].append(bond.why)
    groups = []
    for root, reasons in why.items():
        members = np.flatnonzero(division.roots == root)
        if not is_here[members].any():
            continue
        videos = sorted({parts.records[place].id for place in parts.video[members].tolist()})
        sides = sorted({side_name(int(side)) for side in division.sides[members]})
        groups.append({"videos": videos, "sides": sides, "why": reasons})
    return sorted(groups, key=lambda group: (-len(group["videos"]), group["videos"]))


def tell_groups(groups: list[dict[str, Any]]) -> Iterator[Notice]:
    """Yield a notice of each group of videos that stands on one side."""
    several = [group for group in groups if len(group["videos"]) > 1]
    for group in several[:_MOST_TOLD]:
        text = (
            f"{listing(group['videos'], 8)} stand together ({', '.join(group['sides'])}): "
            f"{'; '.join(group['why'][:3])}"
        )
        more = len(group["why"]) - 3
        text += f"; and {count(more, 'more reason')}." if more > 0 else "."
        yield Notice("same-recording", text)
    if len(several) > _MOST_TOLD:
        text = f"{count(len(several) - _MOST_TOLD, 'more group')} of videos stand together."
        yield Notice("same-recording", text)


def tell_conflicts(
    units: Sequence[str], given: SideNumbers, division: Division
) -> Iterator[Notice]:
    """Yield what was set aside, and what a person's word has moved.

    Args:
        units: what people call each unit.
        given: shape (units,), the side where it was before.
        division: where they stand.
    """
    names = [printable(name) for name in units]
    for unit, others in division.torn.items():
        where = [f"{names[o]} ({side_name(int(division.sides[o]))})" for o in others]
        text = (
            f"{names[unit]} is set aside, on no side: it would leak on each, for it joins "
            f"{listing(where, 6)}, which stay where they were. {_FIX}"
        )
        yield Notice("set-aside", text)
    for unit in division.moved.tolist():
        now, before = side_name(int(division.sides[unit])), side_name(int(given[unit]))
        text = (
            f"{names[unit]} goes from {before} to {now}, for what it must stand together with was "
            "put there by hand."
        )
        yield Notice("moved-side", text)


def tell_leaks(
    parts: Parts,
    bonds: Bonds,
    division: Division,
    leaking: Shown,
    is_here: npt.NDArray[np.bool_],
) -> Iterator[Notice]:
    """Yield which parts stand on several sides though they should not.

    Args:
        parts: of videos.
        bonds: what binds them.
        division: where they stand.
        leaking: the images that have a near-identical one on another side.
        is_here: shape (parts,), what is divided now; nothing is told of others alone.
    """
    near = find_neighbours(leaking.hashes, leaking.owners)
    names = [printable(name) for name in parts.names]
    told = set()
    for (one, other), words in (
        *((pair, "show near-identical images") for pair in near.T.tolist()),
        *((pair, "may show the same moment") for pair in bonds.links.T.tolist()),
    ):
        sides = [int(division.sides[each]) for each in (one, other)]
        is_other = not is_here[[one, other]].any()
        if is_other or min(sides) < 0 or sides[0] == sides[1] or (one, other) in told:
            continue
        told.add((one, other))
        if len(told) <= _MOST_TOLD:
            where = " and ".join(
                f"{names[each]} ({side_name(side)})"
                for each, side in zip((one, other), sides, strict=True)
            )
            text = f"{where} {words}, and stand on two sides as they did before. {_FIX}"
            yield Notice("leak", text)
    images = int(is_here[leaking.owners].sum())
    if told:
        text = (
            f"{count(images, 'image has', 'images have')} a near-identical one on another side; "
            f"{count(len(told), 'pair')} of videos or runs leak."
        )
        yield Notice("leak", text)


def tell_doubles(parts: Parts, division: Division, owners: Places) -> Iterator[Notice]:
    """Yield how many images were left out of parts that keep their side.

    Args:
        parts: of videos.
        division: where they stand.
        owners: the part of each image that is left out.
    """
    names = [printable(name) for name in parts.names]
    for unit, number in zip(*np.unique(owners, return_counts=True), strict=True):
        what = count(int(number), "image is", "images are")
        text = (
            f"{what} left out of {names[unit]} ({side_name(int(division.sides[unit]))}): what they "
            f"show, others show that stand on another side since before. {_FIX}"
        )
        yield Notice("set-aside", text)


def side_name(side: int) -> str:
    """Return what people call a side."""
    return ASIDE_NAME if side in {ASIDE, -1} else SIDES[side]
