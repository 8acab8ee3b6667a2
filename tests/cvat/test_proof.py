"""The proof of an upload: what differs between what was sent and what CVAT shows."""

import pytest
from video_prep.cvat.model import ServerFrame, ServerJob
from video_prep.cvat.proof import choose_verified, compare_frames, compare_jobs

NAMES = ("a.jpg", "b.jpg", "c.jpg")


@pytest.mark.parametrize(
    ("count", "verify", "expected"),
    [
        (10, "5", [0, 2, 4, 7, 9]),
        (10, "2", [0, 9]),
        (10, "1", [0]),
        (10, "0", []),
        (3, "3", [0, 1, 2]),
        (2, "5", [0, 1]),
        (4, "all", [0, 1, 2, 3]),
        (100_000, "3", [0, 50_000, 99_999]),
    ],
)
def test_first_and_last_frame_are_among_those_read_back(count, verify, expected):
    assert choose_verified(count, verify) == expected


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
