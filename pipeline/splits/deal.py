"""Deal groups that must stay together to sides, each side with its share of all and of each label.

First greedily, the group that weighs most first, each to the side that lacks most of what it has,
as stratified group k-fold does (scikit-learn's `StratifiedGroupKFold`); rare labels weigh as much
as common ones, as in Sechidis et al., "On the Stratification of Multi-Label Data" (2011). Then
groups are moved and exchanged as long as that brings the sides nearer to the whole, which finds
what greed alone misses where there are few groups. Groups that have a side keep it.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
SideNumbers = npt.NDArray[np.int8]

NONE = -1
"""Stands for the side of a group that has none yet."""

TOLERANCE = 0.05
"""A side may differ so much from what it should be before that counts as far off."""

_FAR_WEIGHT = 100.0
_EMPTY, _UNLABELLED = 1e6, 1e3  # a side without any image, or any label, is of no use
_MISSING = TOLERANCE**2  # per label that a side has none of, though others have it
_ROUNDS = 1000
_STARTS, _MOST_STARTED = 6, 300
_LEAST_GAIN = 1e-6
_MOST_MOVED = 2000  # of more groups than these, each is small: greed alone does
_MOST_EXCHANGED = 250


def deal(
    counts: Floats, given: SideNumbers, shares: Floats, order: Places, seed: int
) -> SideNumbers:
    """Return the side of each group: int8, shape (groups,), places in ``shares``.

    Args:
        counts: shape (groups, 1 + labels), how many images a group has, and objects of each label.
        given: shape (groups,), the side that a group has already, or `NONE`.
        shares: shape (sides,), of the images; 1 together.
        order: shape (groups,), in which groups that weigh the same are taken.
        seed: of the starts.
    """
    free = np.flatnonzero(given == NONE)
    if len(free) == 0:
        return given
    board = _Board(counts, shares)
    weights = (counts / board.totals).max(axis=1)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    largest_first = free[np.lexsort((rank[free], -weights[free]))]
    best = board.improve(board.deal_greedily(given, largest_first), free)
    if len(free) <= _MOST_STARTED:
        chance = np.random.default_rng(seed)
        shuffled = free[np.argsort(rank[free])]
        for _ in range(_STARTS):
            start = board.deal_greedily(given, chance.permutation(shuffled))
            other = board.improve(start, free)
            if board.cost(other) < board.cost(best) - _LEAST_GAIN:
                best = other
    return best


class _Board:
    """What it costs if groups stand on these sides."""

    def __init__(self, counts: Floats, shares: Floats) -> None:
        self._counts, self._shares = counts, shares
        totals = counts.sum(axis=0)
        self.totals = np.maximum(totals, 1)
        self._label_shares = totals[1:] / max(totals[1:].sum(), 1)
        self._is_rare = (counts[:, 1:] > 0).sum(axis=0) < len(shares)

    def deal_greedily(self, given: SideNumbers, taken: Places) -> SideNumbers:
        """Deal the groups in this order, each to the side that lacks most of what it has."""
        sides = given.copy()
        parts = self._counts / self.totals
        held = self._held(given, parts)
        for group in taken.tolist():
            part = parts[group]
            # How much nearer the share of each side comes to what it should be.
            lack = self._shares[:, np.newaxis] - held
            gain = (part * (2 * lack - part) / self._shares[:, np.newaxis]).sum(axis=1)
            side = int(np.argmax(gain))
            sides[group] = side
            held[side] += part
        return sides

    def improve(self, sides: SideNumbers, free: Places) -> SideNumbers:
        """Move or exchange groups as long as that costs less."""
        sides = sides.copy()
        free = free[:_MOST_MOVED]
        held = self._held(sides, self._counts)
        costs = self._costs(held, np.arange(len(held)))
        for _ in range(_ROUNDS):
            gain, change = self._best_move(sides, free, held, costs)
            if gain < _LEAST_GAIN:
                gain, change = self._best_exchange(sides, free[:_MOST_EXCHANGED], held, costs)
            if gain < _LEAST_GAIN:
                break
            for group, side in change:
                sides[group] = side
            held = self._held(sides, self._counts)
            costs = self._costs(held, np.arange(len(held)))
        return sides

    def cost(self, sides: SideNumbers) -> float:
        """Return how far the sides are from what they should be."""
        held = self._held(sides, self._counts)
        return float(self._costs(held, np.arange(len(held))).sum())

    def _best_move(
        self, sides: SideNumbers, free: Places, held: Floats, costs: Floats
    ) -> tuple[float, list[tuple[int, int]]]:
        mine = sides[free]
        without = self._costs(held[mine] - self._counts[free], mine)
        gains = np.full((len(free), len(self._shares)), -np.inf)
        for side in range(len(self._shares)):
            with_it = self._costs(held[side] + self._counts[free], np.full(len(free), side))
            gain = costs[mine] + costs[side] - without - with_it
            gains[:, side] = np.where(mine == side, -np.inf, gain)
        place = int(np.argmax(gains))
        row, side = divmod(place, len(self._shares))
        return float(gains.flat[place]), [(int(free[row]), side)]

    def _best_exchange(
        self, sides: SideNumbers, free: Places, held: Floats, costs: Floats
    ) -> tuple[float, list[tuple[int, int]]]:
        first, second = np.triu_indices(len(free), 1)
        first, second = free[first], free[second]
        differ = sides[first] != sides[second]
        first, second = first[differ], second[differ]
        if len(first) == 0:
            return 0.0, []
        one, other = sides[first], sides[second]
        moved = self._counts[second] - self._counts[first]
        new = self._costs(held[one] + moved, one) + self._costs(held[other] - moved, other)
        gains = costs[one] + costs[other] - new
        best = int(np.argmax(gains))
        change = [(int(first[best]), int(other[best])), (int(second[best]), int(one[best]))]
        return float(gains[best]), change

    def _held(self, sides: SideNumbers, counts: Floats) -> Floats:
        """Return what stands on each side: shape (sides, 1 + labels)."""
        held = np.zeros((len(self._shares), counts.shape[1]))
        known = sides != NONE
        np.add.at(held, sides[known], counts[known])
        return held

    def _costs(self, held: Floats, sides: npt.NDArray[np.integer]) -> Floats:
        """Return what it costs if sides hold this much: shape (n,).

        Args:
            held: shape (n, 1 + labels).
            sides: shape (n,), which side each row is of.
        """
        off = _beyond(held[:, 0] / self.totals[0] - self._shares[sides])
        cost = off + _EMPTY * (held[:, 0] < 0.5)
        if len(self._label_shares) == 0:
            return np.asarray(cost)
        objects = held[:, 1:].sum(axis=1)
        label_shares = held[:, 1:] / np.maximum(objects, 1)[:, np.newaxis]
        cost = cost + _beyond(label_shares - self._label_shares).sum(axis=1)
        missing = (held[:, 1:] < 0.5) & ~self._is_rare
        return np.asarray(cost + _UNLABELLED * (objects < 0.5) + _MISSING * missing.sum(axis=1))


def _beyond(off: Floats) -> Floats:
    """Return what it costs to be so far off: more than the tolerance costs much."""
    return np.asarray(off**2 + _FAR_WEIGHT * np.maximum(np.abs(off) - TOLERANCE, 0) ** 2)
