"""How the frames of a task become jobs.

Jobs end at the breaks, where a box that CVAT moves would be wrong. But a job is also what a person
opens, tracks through and hands in: of very short ones, that is most of the work. So runs are joined
until each job is long enough, and what is then inside a job is what harms least.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

from ...settings.cvat import UploadSettings

Borders = tuple[tuple[int, int], ...]
"""First and last frame number in CVAT of each job of a task."""

HARM = {"still": 1, "damage": 1, "timeline": 2, "missing": 2, "size": 3, "cut": 3}
"""How bad a break is inside a job: 1 the same goes on, 2 time is missing, 3 another picture."""

_Cost = tuple[int, int, int]


def cut_jobs(
    runs: Sequence[tuple[int, int]], harms: Mapping[int, int], settings: UploadSettings
) -> tuple[Borders | None, int]:
    """Return the borders of jobs that are cut by name, or ``None`` and the size of segments.

    Args:
        runs: the first and last frame of each, in order, without a gap.
        harms: of the break before each run but the first, by the run's first frame.
        settings: how to cut.
    """
    if settings.jobs == "one":
        return None, 0
    if settings.jobs == "size":
        return None, settings.job_size
    jobs: list[tuple[int, int]] = []
    for first, last in _join_short(runs, harms, settings):
        count = last - first + 1
        pieces = math.ceil(count / settings.job_size)
        cuts = [first + count * piece // pieces for piece in range(pieces + 1)]
        jobs += [(a, b - 1) for a, b in itertools.pairwise(cuts)]
    return tuple(jobs), 0


def _join_short(
    runs: Sequence[tuple[int, int]], harms: Mapping[int, int], settings: UploadSettings
) -> list[tuple[int, int]]:
    """Return the runs, neighbours joined so that none is too short, if all together are not.

    Of all ways to join them, the one that leaves the least harm inside, makes the fewest jobs, and
    jobs most alike in length: the best of each beginning is known when the next run is added.
    """
    shortest = min(settings.shortest_job, settings.job_size)
    inside = [0, *itertools.accumulate(harms[first] for first, _ in runs[1:])]
    best: list[_Cost | None] = [(0, 0, 0)]  # of the runs before this one
    joined_from: list[int] = []
    for place, (_, last) in enumerate(runs):
        ways: list[tuple[_Cost, int]] = []
        nearest = None  # the latest run from which on they are long enough
        for begin in range(place, -1, -1):
            first = runs[begin][0]
            if nearest is not None and nearest - first >= shortest:
                break  # these are long enough to be two jobs
            length, before = last - first + 1, best[begin]
            if length < shortest:
                continue
            nearest = first if nearest is None else nearest
            if before is not None:
                harm, jobs = inside[place] - inside[begin], math.ceil(length / settings.job_size)
                cost = (before[0] + harm, before[1] + jobs, before[2] + length**2)
                ways.append((cost, begin))
        best.append(min(ways)[0] if ways else None)
        joined_from.append(min(ways)[1] if ways else 0)
    joined: list[tuple[int, int]] = []
    place = len(runs) - 1
    while place >= 0:
        joined.append((runs[joined_from[place]][0], runs[place][1]))
        place = joined_from[place] - 1
    return joined[::-1]
