"""Jobs: none too short, and what lies inside one is what harms least."""

import itertools

import pytest
from hypothesis import given, strategies as st
from video_prep.settings.cvat import UploadSettings
from video_prep.settings.stages import BREAK_KINDS
from video_prep.stages.upload.jobs import HARM, cut_jobs

CUT, TIMELINE, DAMAGE = HARM["cut"], HARM["timeline"], HARM["damage"]


def jobs(lengths, harms, **settings):
    """Return the jobs of runs that are so long, with breaks that harm so much between them."""
    ends = list(itertools.accumulate(lengths))
    runs = [(end - length, end - 1) for end, length in zip(ends, lengths, strict=True)]
    harm_of = {first: harm for (first, _), harm in zip(runs[1:], harms, strict=True)}
    found, segment_size = cut_jobs(runs, harm_of, UploadSettings(**settings))
    assert segment_size == 0
    assert [first for first, _ in found] == [0, *(last + 1 for _, last in found[:-1])]
    assert found[-1][1] == ends[-1] - 1
    return [last - first + 1 for first, last in found]


@pytest.mark.parametrize(
    ("lengths", "harms", "expected"),
    [
        ([40, 60], [CUT], [40, 60]),
        ([40, 10, 60], [CUT, DAMAGE], [40, 70]),
        ([40, 10, 60], [DAMAGE, CUT], [50, 60]),
        ([40, 10, 60], [CUT, CUT], [50, 60]),  # to the shorter one
        ([60, 10, 40], [CUT, CUT], [60, 50]),
        ([10, 10, 10], [CUT, CUT], [30]),
        ([10, 10], [CUT], [20]),  # there are no more
        ([24, 25], [CUT], [49]),
        ([25, 25], [DAMAGE], [25, 25]),
        ([20, 20, 20, 20], [TIMELINE, CUT, TIMELINE], [40, 40]),
        ([7] * 18, [CUT] * 17, [28, 28, 35, 35]),
        ([1000, 10, 990], [CUT, CUT], [1000, 1000]),  # no third job for want of space
    ],
)
def test_short_runs_are_joined_where_it_harms_least(lengths, harms, expected):
    assert jobs(lengths, harms) == expected


@given(
    runs=st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from(sorted(HARM.values()))), min_size=1
    ),
    shortest=st.integers(1, 30),
    size=st.integers(1, 60),
)
def test_no_job_is_shorter_than_it_must_be_nor_too_long(runs, shortest, size):
    lengths, harms = [length for length, _ in runs], [harm for _, harm in runs[1:]]
    found = jobs(lengths, harms, shortest_job=shortest, job_size=size)
    assert max(found) <= size
    # Joined runs are long enough, and the pieces of what is longer than a job are half of one.
    assert min(found) >= min(shortest, size, sum(lengths), (size + 1) // 2)


def test_very_many_short_runs_are_joined_in_no_time():
    found = jobs([1] * 10_000, [CUT] * 9_999)
    assert set(found) == {25}


def test_the_harm_of_every_kind_of_break_is_known():
    assert set(HARM) == set(BREAK_KINDS)
