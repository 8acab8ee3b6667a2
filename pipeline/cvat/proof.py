"""Hold what CVAT shows of a task against what the dataset holds: names in order, sizes, jobs.

Each function returns what differs, in words that name the first frames concerned; nothing if all is
as it must be.
"""

from collections.abc import Sequence
from itertools import zip_longest

from ..base.errors import printable
from ..base.words import count, listing, plural
from .model import ServerFrame, ServerJob

_NAMED = 3


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


def choose_verified(count: int, verify: str) -> list[int]:
    """Return the frame numbers to read back: first, last and others spread evenly between.

    Args:
        count: how many frames the task has.
        verify: how many, or ``all``.
    """
    if verify == "all" or int(verify) >= count:
        return list(range(count))
    wanted = int(verify)
    if wanted <= 1:
        return [0] * wanted
    return [round(i * (count - 1) / (wanted - 1)) for i in range(wanted)]


def _frames(names: Sequence[str]) -> str:
    return f"{listing(names, _NAMED)} {plural(len(names), 'is', 'are')}"


def _job(borders: tuple[int, int] | None) -> str:
    return "no job" if borders is None else f"{borders[0]} to {borders[1]}"
