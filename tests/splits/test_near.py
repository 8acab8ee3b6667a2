"""Near-identical images are found among all, none is missed."""

import numpy as np
from hypothesis import given, settings, strategies as st
from video_prep.splits.near import (
    NEAR_BITS,
    Unions,
    find_neighbours,
    sides_of_twins,
    unite_near,
)
from video_prep.splits.twins import find_twins


@st.composite
def images(draw):
    """Hashes that differ in few bits from some others, and what each is of."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, owners = draw(st.integers(1, 60)), draw(st.integers(1, 20))
    bases = chance.integers(0, 2**64, max(1, count // draw(st.integers(1, 8))), dtype=np.uint64)
    hashes = bases[chance.integers(0, len(bases), count)]
    for _ in range(draw(st.integers(0, 5))):
        hashes = hashes ^ (np.uint64(1) << chance.integers(0, 64, count, dtype=np.uint64))
    return hashes, chance.integers(0, owners, count)


def near(hashes):
    """All with all, in plain Python."""
    numbers = [int(each) for each in hashes]
    return [
        (one, other)
        for one in range(len(numbers))
        for other in range(len(numbers))
        if (numbers[one] ^ numbers[other]).bit_count() <= NEAR_BITS
    ]


@settings(max_examples=40)
@given(images())
def test_owners_of_near_images_are_united_and_no_others(made):
    hashes, owners = made
    plain = {owner: {owner} for owner in range(20)}
    for one, other in near(hashes):
        union = plain[owners[one]] | plain[owners[other]]
        plain |= dict.fromkeys(union, union)
    unions = Unions(20)
    firsts, seconds = unite_near(hashes, owners, unions)
    assert [min(plain[owner]) for owner in range(20)] == unions.roots.tolist()
    # As many pairs are named as were needed, and they are near.
    assert len(firsts) == 20 - len(set(unions.roots.tolist()))
    assert set(zip(firsts.tolist(), seconds.tolist(), strict=True)) <= set(near(hashes))


@settings(max_examples=40)
@given(images())
def test_neighbours_and_twins_are_those_of_all_pairs(made):
    hashes, owners = made
    pairs = {(*sorted((owners[a], owners[b])),) for a, b in near(hashes) if owners[a] != owners[b]}
    assert set(map(tuple, find_neighbours(hashes, owners).T.tolist())) == pairs
    sides, seen = owners % 3, np.zeros(len(hashes), int)
    for one, other in near(hashes):
        seen[one] |= 1 << sides[other]
    assert sides_of_twins(hashes, sides).tolist() == seen.tolist()


def test_what_shows_nothing_is_left_out_where_its_like_stand_on_an_earlier_side():
    black, other, plain = 0x8000000000000000, 0x0123456789ABCDEF, 0x8000000000000003
    hashes = np.array([black, black, black, other, plain, black], np.uint64)
    sides = np.array([0, 1, 2, 1, 1, -2], np.int8)
    flat = np.array([True, True, True, False, False, True])
    twins = find_twins(hashes, sides, flat, np.ones(6, bool), np.zeros(6, bool))
    # Even the first goes, for a picture on another side that shows a little is like it.
    assert twins.aside.tolist() == [True, True, True, False, False, False]
    assert twins.others.tolist() == [0] * 6
    none = np.zeros(4, bool)
    twins = find_twins(hashes[:4], sides[:4], flat[:4], ~none, none)
    assert twins.aside.tolist() == [False, True, True, False]


def test_twins_of_images_that_show_something_are_leaks_or_left_out():
    hashes = np.array([1, 3, 1 << 40, 0xFF << 20], np.uint64)
    sides, none = np.array([0, 1, 1, 2], np.int8), np.zeros(4, bool)
    twins = find_twins(hashes, sides, none, ~none, ~none)
    assert twins.others.tolist() == [2, 1, 1, 0]  # 3 and 1 << 40 differ in 3 bits of 1
    assert not twins.aside.any()
    twins = find_twins(hashes, sides, none, ~none, np.array([False, True, False, False]))
    assert twins.others.tolist() == [2, 1, 0, 0]
    assert twins.double.tolist() == [False, False, True, False]
