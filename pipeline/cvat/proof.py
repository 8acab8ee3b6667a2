"""Hold what CVAT shows of a task against what the dataset holds: names in order, sizes, jobs.

Each function returns what differs, in words that name the first frames concerned; nothing if all is
as it must be.
"""

import itertools
import math
from collections.abc import Sequence
from itertools import zip_longest

from ..base.errors import printable
from ..base.words import count, listing, plural
from .model import ServerFrame, ServerJob

_NAMED = 3
_READ_OF_A_CHUNK = 3
"""Images, where that leaves two chunks at least."""


def compare_frames(
    expected: Sequence[str], size: tuple[int, int] | None, shown: Sequence[ServerFrame]
) -> list[str]:
    """Return how the frames of a task differ from the images that were sent.

    Args:
        expected: the names, in order.
        size: width and height of all images in pixels, ``None`` where they are not known.
        shown: what the server says of each frame, in its order.
    """
    names = [frame.name for frame in shown]
    wanted, there = set(expected), set(names)
    problems = []
    if missing := [name for name in expected if name not in there]:
        problems.append(f"{_frames(missing)} not in CVAT")
    if foreign := [name for name in names if name not in wanted]:
        problems.append(f"{_frames(foreign)} in CVAT, but not in the dataset")
    if not problems:
        for number, (name, other) in enumerate(zip_longest(expected, names)):
            if name != other:
                problems.append(
                    f"frame {number} in CVAT is {printable(other)} instead of {printable(name)}: "
                    "the order differs"
                )
                break
    wrong = [f for f in shown if size is not None and (f.width, f.height) != size]
    if wrong and size is not None:
        problems.append(
            f"{_frames([f.name for f in wrong])} {wrong[0].width}×{wrong[0].height} in CVAT "
            f"instead of {size[0]}×{size[1]}"
        )
    return problems


def compare_jobs(expected: Sequence[tuple[int, int]], shown: Sequence[ServerJob]) -> list[str]:
    """Return how the jobs of a task differ from the plan.

    Args:
        expected: first and last frame number of each job, in order.
        shown: the jobs on the server, in order.
    """
    borders = [(job.start, job.stop) for job in shown]
    for wanted, there in zip_longest(expected, borders):
        if wanted != there:
            return [
                f"the jobs have other borders: {_job(there)} instead of {_job(wanted)} "
                f"({count(len(borders), 'job')}, {len(expected):,} planned)"
            ]
    return []


def choose_verified(verify: str, jobs: Sequence[ServerJob], chunk_size: int) -> list[int]:
    """Return the frame numbers to read back: first, last and others spread evenly over few chunks.

    To read one original image, CVAT makes ready the whole chunk that it is in, which takes it half
    a second; the others of that chunk then cost next to nothing.

    Args:
        verify: how many, or ``all``.
        jobs: those of the task, ordered by their first frame.
        chunk_size: frames of a chunk; each job has chunks of its own.
    """
    count = jobs[-1].stop + 1
    if verify == "all" or int(verify) >= count:
        return list(range(count))
    wanted = int(verify)
    if wanted <= 1:
        return [0] * wanted
    chunks = [
        range(first, min(first + chunk_size, job.stop + 1))
        for job in jobs
        for first in range(job.start, job.stop + 1, chunk_size)
    ]
    touched = min(len(chunks), max(2, math.ceil(wanted / _READ_OF_A_CHUNK)))
    numbers: list[int] = []
    while len(numbers) < wanted:
        chosen = [chunks[place] for place in _spread(touched, len(chunks))]
        numbers = sorted(set(itertools.chain.from_iterable(chosen)))
        touched += 1
    return [numbers[place] for place in _spread(wanted, len(numbers))]


def choose_ends(verify: str, frame_count: int) -> list[int]:
    """Return the frame numbers that `choose_verified` chooses whatever the jobs and chunks are."""
    wanted = 2 if verify == "all" else int(verify)
    return [0, frame_count - 1][: min(wanted, frame_count)]


def _spread(wanted: int, count: int) -> list[int]:
    """Return so many places from 0 to ``count - 1``, spread evenly, both ends among them."""
    return [round(i * (count - 1) / max(1, wanted - 1)) for i in range(wanted)]


def _frames(names: Sequence[str]) -> str:
    return f"{listing(names, _NAMED)} {plural(len(names), 'is', 'are')}"


def _job(borders: tuple[int, int] | None) -> str:
    return "no job" if borders is None else f"{borders[0]} to {borders[1]}"
