"""Near-identical images among very many: which differ in at most 4 of the 64 bits of their hashes.

No pair is missed: of six parts of a hash, four bits that differ leave two parts equal, so all that
share any two of the parts are compared with each other (block permutations, as in Manku, Jain and
Das Sarma, "Detecting Near-Duplicates for Web Crawling", 2007).
"""

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ..pictures.hash_index import Hashes, count_bits
from ..settings.dedupe import DedupeSettings

Places = npt.NDArray[np.int64]
Wants = Callable[[Places, Places], npt.NDArray[np.bool_]]
"""Which of these places are still to be compared with all others of their bucket.

Given are the places, shape (n,), and where in them each bucket begins, shape (buckets,).
"""

NEAR_BITS = DedupeSettings().distance

_PARTS = ((0, 11), (11, 11), (22, 11), (33, 11), (44, 10), (54, 10))  # first bit, bits
_SHARED = len(_PARTS) - NEAR_BITS
_AT_ONCE = 1 << 20


class Unions:
    """Things that are united one by one: those that are, directly or not, have one root."""

    def __init__(self, number: int) -> None:
        self.roots = np.arange(number)

    def unite(self, first: Places, second: Places) -> Places:
        """Unite each of the first with its second; return the places of those that were apart."""
        apart = np.flatnonzero(self.roots[first] != self.roots[second])
        ends = self.roots[first[apart]], self.roots[second[apart]]
        lows, highs = np.minimum(*ends), np.maximum(*ends)
        _, once = np.unique(lows * len(self.roots) + highs, return_index=True)
        parent: dict[int, int] = {}

        def root_of(place: int) -> int:
            while place in parent:
                place = parent[place]
            return place

        united = []
        for place in once.tolist():
            low, high = sorted((root_of(int(lows[place])), root_of(int(highs[place]))))
            if low != high:
                parent[high] = low
                united.append(int(apart[place]))
        if parent:
            new = np.arange(len(self.roots))
            changed = np.fromiter(parent, dtype=np.int64)
            new[changed] = [root_of(int(place)) for place in changed]
            self.roots = new[self.roots]
        return np.array(united, dtype=np.int64)


def unite_near(hashes: Hashes, owners: Places, unions: Unions) -> tuple[Places, Places]:
    """Unite the owners of near-identical images.

    Args:
        hashes: shape (images,).
        owners: shape (images,), what each image is of.
        unions: of the owners; is changed.

    Returns:
        The images that united each two owners that were apart until then, int64, shape (n,) each.
    """
    order = np.argsort(hashes, kind="stable")
    equal = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
    first, second = order[equal], order[equal + 1]
    united = unions.unite(owners[first], owners[second])
    found = [(first[united], second[united])]
    images = _first_of_each(hashes, unions.roots[owners])
    few, mine = hashes[images], owners[images]

    def wants(places: Places, begins: Places) -> npt.NDArray[np.bool_]:
        # Those of the largest union in a bucket are found by the others in it.
        ranks = np.bincount(unions.roots)[unions.roots] * len(unions.roots) + unions.roots
        rank = ranks[mine[places]]
        largest = np.maximum.reduceat(rank, begins)
        return np.asarray(rank != np.repeat(largest, np.diff(begins, append=len(places))))

    for first, second in near_pairs(few, wants):
        united = unions.unite(mine[first], mine[second])
        found.append((images[first[united]], images[second[united]]))
    firsts, seconds = (np.concatenate(images) for images in zip(*found, strict=True))
    return firsts, seconds


def find_neighbours(hashes: Hashes, owners: Places) -> Places:
    """Return which owners have near-identical images: int64, shape (2, pairs), each pair once."""
    images = _first_of_each(hashes, owners)
    mine = owners[images]
    pairs = np.empty((2, 0), dtype=np.int64)

    def wants(places: Places, begins: Places) -> npt.NDArray[np.bool_]:
        return np.ones(len(places), dtype=np.bool_)

    for first, second in near_pairs(hashes[images], wants):
        both = np.sort(np.stack((mine[first], mine[second])), axis=0)
        pairs = np.unique(np.concatenate((pairs, both[:, both[0] != both[1]]), axis=1), axis=1)
    return pairs


def sides_of_twins(hashes: Hashes, sides: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
    """Return on which sides each image has a twin, itself included: uint8, shape (images,).

    Args:
        hashes: shape (images,).
        sides: shape (images,), each 0 to 7; its bit is set in the result.
    """
    unique, places = np.unique(hashes, return_inverse=True)
    own = np.zeros(len(unique), dtype=np.uint8)
    np.bitwise_or.at(own, places, np.uint8(1) << sides.astype(np.uint8))
    seen = own.copy()

    def wants(places: Places, begins: Places) -> npt.NDArray[np.bool_]:
        all_of_bucket = np.bitwise_or.reduceat(own[places], begins)
        there = np.repeat(all_of_bucket, np.diff(begins, append=len(places)))
        return np.asarray((seen[places] | there) != seen[places])

    for first, second in near_pairs(unique, wants):
        np.bitwise_or.at(seen, first, own[second])
    return seen[places]


def near_pairs(hashes: Hashes, wants: Wants) -> Iterator[tuple[Places, Places]]:
    """Yield pairs of places of near-identical hashes, first those that are asked about.

    A pair comes up to twice, and again in other batches.

    Args:
        hashes: shape (n,).
        wants: asked before each batch, so it may forget what is settled by those before.
    """
    for parts in combinations(_PARTS, _SHARED):
        key = np.zeros(len(hashes), dtype=np.uint64)
        for first, bits in parts:
            part = hashes >> np.uint64(first) & np.uint64((1 << bits) - 1)
            key = key << np.uint64(bits) | part
        order = np.argsort(key.astype(np.uint32), kind="stable")
        begins = np.flatnonzero(np.diff(key[order], prepend=np.uint64(1 << 63)))
        sizes = np.diff(begins, append=len(order))
        begins, sizes = begins[sizes > 1], sizes[sizes > 1]
        for low, high in _batches(sizes**2):
            at = _ramps(begins[low:high], sizes[low:high])
            yield from _pairs_within(hashes, order[at], sizes[low:high], wants)


def _pairs_within(
    hashes: Hashes, places: Places, sizes: Places, wants: Wants
) -> Iterator[tuple[Places, Places]]:
    """Yield the near pairs within buckets, which lie one after another in ``places``."""
    begins = np.cumsum(sizes) - sizes
    bucket = np.repeat(np.arange(len(sizes)), sizes)
    mine = hashes[places]
    done = 0
    while done < len(places):
        asked = np.flatnonzero(wants(places, begins)[done:]) + done
        ends = np.cumsum(sizes[bucket[asked]])
        asked = asked[: max(int(np.searchsorted(ends, _AT_ONCE, "right")), 1)]
        if len(asked) == 0:
            return
        others = _ramps(begins[bucket[asked]], sizes[bucket[asked]])
        first = np.repeat(asked, sizes[bucket[asked]])
        near = (count_bits(mine[first] ^ mine[others]) <= NEAR_BITS) & (first != others)
        yield places[first[near]], places[others[near]]
        done = int(asked[-1]) + 1


def _batches(amounts: Places) -> Iterator[tuple[int, int]]:
    """Yield ranges of places whose amounts are about as much as is done at once."""
    ends, low = np.cumsum(amounts), 0
    while low < len(amounts):
        before = int(ends[low - 1]) if low else 0
        high = max(int(np.searchsorted(ends, before + _AT_ONCE, "right")), low + 1)
        yield low, high
        low = high


def _ramps(begins: Places, sizes: Places) -> Places:
    """Return the numbers from each begin on, as many as its size, one after another."""
    ends = np.cumsum(sizes)
    return np.asarray(
        np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins - ends + sizes, sizes)
    )


def _first_of_each(hashes: Hashes, owners: Places) -> Places:
    """Return one image of each hash that an owner has."""
    rows = np.stack((hashes.view(np.int64), owners))
    order = np.lexsort(rows)
    changes = np.diff(rows[:, order], axis=1).any(axis=0)
    return order[np.concatenate(([True], changes))] if len(order) else order
