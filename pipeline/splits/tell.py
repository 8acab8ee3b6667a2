"""What is told of sides: how much stands where, and what could not be had."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.words import count, listing
from ..dataset.records import Notice
from ..settings.splits import SIDES
from .deal import TOLERANCE, Floats, SideNumbers
from .near import Places


@dataclass(frozen=True, eq=False)
class Holdings:
    """What units hold, and where they stand.

    ``counts``: shape (units, 1 + labels), images, and objects of each of ``labels``. ``sides``:
    shape (units,), places in `SIDES`, less than 0 for none. ``roots``: shape (units,), one number
    for all that stands together. ``shares``: shape (3,), what was asked for. ``names`` are for
    people, one a unit.
    """

    counts: Floats
    labels: Sequence[str]
    sides: SideNumbers
    roots: Places
    shares: Floats
    names: Sequence[str]

    @property
    def held(self) -> Floats:
        """What stands on each side: shape (3, 1 + labels)."""
        held = np.zeros((len(SIDES), self.counts.shape[1]))
        stands = self.sides >= 0
        np.add.at(held, self.sides[stands], self.counts[stands])
        return held


def summarize(held: Holdings) -> dict[str, Any]:
    """Return how much stands on each side, JSON-ready."""
    totals = held.held
    images = max(float(totals[:, 0].sum()), 1)
    return {
        side: {
            "images": int(totals[place, 0]),
            "share": round(float(totals[place, 0]) / images, 4),
            "groups": len(np.unique(held.roots[held.sides == place])),
            "labels": dict(zip(held.labels, totals[place, 1:].astype(int).tolist(), strict=True)),
        }
        for place, side in enumerate(SIDES)
        if held.shares[place] > 0 or totals[place, 0] > 0
    }


def tell_shares(held: Holdings) -> list[Notice]:
    """Return notices of sides that are empty, or far from what they should be, and why."""
    totals = held.held
    images = totals[:, 0] / max(float(totals[:, 0].sum()), 1)
    groups = len(np.unique(held.roots[(held.sides >= 0) & (held.counts[:, 0] > 0)]))
    notices = []
    off: list[tuple[float, str, int]] = []
    for place in np.flatnonzero(held.shares > 0).tolist():
        side, asked = SIDES[place], held.shares[place]
        if totals[place, 0] == 0:
            text = (
                f"{side} is empty: all images together are {count(groups, 'group')} that cannot be "
                "parted without a leak. Add footage of another time and place."
            )
            notices.append(Notice("empty-side", text))
            continue
        if abs(images[place] - asked) > TOLERANCE:
            words = f"{side} has {images[place]:.0%} of the images instead of {asked:.0%}"
            off.append((abs(images[place] - asked), words, 0))
        whole = totals[:, 1:].sum(axis=0) / max(float(totals[:, 1:].sum()), 1)
        mine = totals[place, 1:] / max(float(totals[place, 1:].sum()), 1)
        for label in np.flatnonzero(np.abs(mine - whole) > TOLERANCE).tolist():
            words = (
                f"'{held.labels[label]}' is {mine[label]:.0%} of the objects in {side}, and "
                f"{whole[label]:.0%} of all"
            )
            off.append((abs(mine[label] - whole[label]), words, label + 1))
    notices += [
        Notice("shares-off", f"{words}: {_cause(held, column, groups)}.")
        for _, words, column in sorted(off, reverse=True)[:_MOST_TOLD]
    ]
    return notices


_MOST_TOLD = 6
_LARGE = 0.15  # of all: a group that explains by itself why shares are off


def _cause(held: Holdings, column: int, groups: int) -> str:
    """Return why the share of a column could not be had: what the largest group holds of it."""
    amounts = np.zeros(int(held.roots.max()) + 1)
    np.add.at(amounts, held.roots, held.counts[:, column])
    root = int(np.argmax(amounts))
    names = sorted({held.names[place] for place in np.flatnonzero(held.roots == root).tolist()})
    share = amounts[root] / max(float(amounts.sum()), 1)
    what = f"'{held.labels[column - 1]}'" if column else "the images"
    largest = f"{listing(names, 3)} alone {'holds' if len(names) == 1 else 'hold'}"
    if share > _LARGE:
        why = f"{largest} {share:.0%} of {what}"
    else:
        why = "none can be moved without another share getting worse"
    return f"of {count(groups, 'group')} that must stay together, {why}"
