"""Groups are dealt so that each side has its share of the images and of every label."""

import itertools

import numpy as np
import pytest
from video_prep.splits.deal import NONE, TOLERANCE, deal

SHARES = np.array([0.8, 0.1, 0.1])


def random_counts(seed, groups, labels):
    chance = np.random.default_rng(seed)
    images = chance.integers(50, 3000, (groups, 1))
    objects = chance.poisson(chance.gamma(0.5, 300, (groups, labels)))
    return np.concatenate((images, objects), axis=1).astype(float)


def dealt(counts, given=None, shares=SHARES, seed=0):
    given = np.full(len(counts), NONE, np.int8) if given is None else given
    return deal(counts, given, shares, np.arange(len(counts)), seed)


def off(counts, sides, shares=SHARES):
    """How far the sides are off: of images, and of each label among the objects of a side."""
    held = np.array([counts[sides == side].sum(axis=0) for side in range(len(shares))])
    images = np.abs(held[:, 0] / counts[:, 0].sum() - shares).max()
    labels = held[:, 1:] / np.maximum(held[:, 1:].sum(axis=1, keepdims=True), 1)
    whole = counts[:, 1:].sum(axis=0) / counts[:, 1:].sum()
    return max(images, np.abs(labels - whole).max())


@pytest.mark.parametrize(("groups", "labels"), [(40, 3), (100, 10), (3000, 5)])
@pytest.mark.parametrize("seed", range(2))
def test_shares_are_within_5_points(groups, labels, seed):
    counts = random_counts(seed, groups, labels)
    assert off(counts, dealt(counts)) <= TOLERANCE


@pytest.mark.parametrize("seed", range(8))
def test_of_few_groups_they_are_wherever_that_can_be(seed):
    """Groups are made so that one way to deal them is exact, among many others."""
    chance = np.random.default_rng(seed)
    whole = np.array([100, 30, 20, 10])
    parts = [*(whole * n // 10 for n in chance.multinomial(40, [0.25] * 4)), whole / 2, whole / 2]
    counts = np.array([part for part in parts if part[0] > 0], float)
    counts += chance.integers(0, 9, counts.shape)
    every_way = itertools.product(range(3), repeat=len(counts))
    best = min(off(counts, np.array(sides)) for sides in every_way)
    found = off(counts, dealt(counts))
    assert found <= max(best, TOLERANCE) + 0.02


def test_no_side_is_empty_while_there_are_groups_enough():
    counts = np.array([[1000, 10.0], [5, 1], [1, 1]])
    assert sorted(dealt(counts).tolist()) == [0, 1, 2]
    assert dealt(counts)[0] == 0
    assert dealt(counts[:1]).tolist() == [0]


def test_a_rare_label_comes_to_every_side():
    counts = np.array([[10, 100, number < 3] for number in range(60)], float)
    sides = dealt(counts)
    assert sorted(sides[:3].tolist()) == [0, 1, 2]


def test_what_has_a_side_keeps_it_and_the_others_make_up_for_it():
    counts = random_counts(1, 40, 4)
    given = np.full(40, NONE, np.int8)
    given[:6] = 1
    sides = dealt(counts, given)
    assert sides[:6].tolist() == [1] * 6
    assert 0 in sides[6:]
    assert dealt(counts, sides).tolist() == sides.tolist()


def test_the_same_seed_deals_in_the_same_way_and_another_in_another():
    counts = random_counts(2, 400, 4)
    order = np.random.default_rng(3).permutation(400)
    assert dealt(counts).tolist() == dealt(counts).tolist()
    given = np.full(400, NONE, np.int8)
    other = deal(counts, given, SHARES, order, 0)
    assert other.tolist() != dealt(counts).tolist()
