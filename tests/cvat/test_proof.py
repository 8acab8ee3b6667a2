"""The proof of an upload: what differs between what was sent and what CVAT shows."""

import pytest
from hypothesis import given, strategies as st
from video_prep.cvat.model import ServerFrame, ServerJob
from video_prep.cvat.proof import choose_ends, choose_verified, compare_frames, compare_jobs

NAMES = ("a.jpg", "b.jpg", "c.jpg")


@pytest.mark.parametrize(
    ("borders", "chunk_size", "verify", "expected"),
    [
        ([(0, 9)], 72, "5", [0, 2, 4, 7, 9]),
        ([(0, 9)], 72, "2", [0, 9]),
        ([(0, 9)], 72, "1", [0]),
        ([(0, 9)], 72, "0", []),
        ([(0, 2)], 72, "3", [0, 1, 2]),
        ([(0, 1)], 72, "5", [0, 1]),
        ([(0, 3)], 1, "all", [0, 1, 2, 3]),
        # Chunks of two jobs: 0-3, 4-5 and 6-9, 10-13, 14
        ([(0, 5), (6, 14)], 4, "4", [0, 1, 3, 14]),
        ([(0, 5), (6, 14)], 4, "5", [0, 1, 2, 3, 14]),
        ([(0, 5), (6, 14)], 4, "6", [0, 2, 3, 7, 8, 14]),  # one chunk more is needed
        ([(0, 5), (4, 9)], 4, "3", [0, 2, 9]),  # jobs overlap: 0-3, 4-5 and 4-7, 8-9
        ([(0, 99_999)], 72, "3", [0, 68, 99_999]),
        ([(0, 99_999)], 1, "3", [0, 50_000, 99_999]),  # as where chunks are not known
        ([(0, 1999)], 72, "5", [0, 32, 64, 1967, 1999]),
        ([(0, 1999)], 72, "9", [0, 25, 50, 1011, 1036, 1060, 1949, 1974, 1999]),
    ],
)
def test_first_and_last_frame_are_among_those_read_back_of_few_chunks(
    borders, chunk_size, verify, expected
):
    jobs = [ServerJob(number, *job) for number, job in enumerate(borders)]
    assert choose_verified(verify, jobs, chunk_size) == expected


@given(
    st.integers(1, 40),
    st.integers(1, 12),
    st.integers(0, 50),
    st.integers(1, 15),
    st.integers(0, 7),
)
def test_as_many_frames_are_read_back_as_asked(count, chunk_size, wanted, size, overlap):
    overlap = min(overlap, size // 2)
    starts = range(0, max(1, count - overlap), size - overlap)
    jobs = [ServerJob(n, start, min(start + size, count) - 1) for n, start in enumerate(starts)]
    numbers = choose_verified(str(wanted), jobs, chunk_size)
    assert len(numbers) == min(wanted, count)
    assert numbers == sorted(set(numbers))
    assert wanted < 2 or (numbers[0], numbers[-1]) == (0, count - 1)
    ends = choose_ends(str(wanted), count)
    assert (ends, set(ends) - set(numbers)) == (sorted({0, count - 1})[:wanted], set())


def shown(*names, width=48, height=32):
    return [ServerFrame(name, width, height) for name in names]


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        (shown(*NAMES), []),
        (shown("a.jpg", "b.jpg"), ["c.jpg is not in CVAT"]),
        (shown(*NAMES, "d.jpg"), ["d.jpg is in CVAT, but not in the dataset"]),
        (
            shown("a.jpg", "c.jpg", "b.jpg"),
            ["frame 1 in CVAT is c.jpg instead of b.jpg: the order differs"],
        ),
        (shown("a.jpg", *NAMES), ["frame 1 in CVAT is a.jpg instead of b.jpg: the order differs"]),
        (
            [*shown("a.jpg", "b.jpg"), *shown("c.jpg", width=47)],
            ["c.jpg is 47×32 in CVAT instead of 48×32"],
        ),
        (
            [*shown("a.jpg"), *shown("b.jpg", "c.jpg", height=31)],
            ["b.jpg, c.jpg are 48×31 in CVAT instead of 48×32"],
        ),
    ],
)
def test_names_order_and_both_sides_of_each_frame_are_compared(frames, told):
    assert compare_frames(NAMES, (48, 32), frames) == told


def test_jobs_are_compared_by_both_borders():
    planned = [(0, 4), (5, 9)]
    jobs = [ServerJob(7, 0, 4), ServerJob(8, 5, 9)]
    assert compare_jobs(planned, jobs) == []
    for other in ([jobs[0]], [*jobs, ServerJob(9, 10, 11)], [jobs[0], ServerJob(8, 4, 9)]):
        (problem,) = compare_jobs(planned, other)
        assert problem.startswith("the jobs have other borders: ")
