"""Who annotates what: jobs dealt out to people, and the frames that are annotated twice."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import CvatError, UsageError, printable
from ...base.words import count
from ...cvat.journal import TaskEntry
from ...cvat.model import ServerJob
from ...cvat.server import CvatServer
from ...settings.cvat import UploadSettings
from ...tracks.statistics import boxes_by_frame
from .result import PersonLoad
from .target import Target
from .videos import UploadPlan

_FAIR = 1.1
"""How many times the load of another one may have before they exchange jobs, which then are no
longer neighbours."""
_EXCHANGES = 10_000


@dataclass(frozen=True)
class Share:
    """A job as it is dealt out: its video, its frames, and the boxes that it shows if counted."""

    video: str
    frames: int
    boxes: int | None = None

    @property
    def load(self) -> int:
        """What it counts for whoever gets it."""
        return self.frames if self.boxes is None else self.boxes


def people_of(settings: UploadSettings) -> tuple[str, ...]:
    """Return the people that the settings name.

    Raises:
        UsageError: one is there twice, or has no name.
    """
    if settings.assignees is None:
        return ()
    names = tuple(name.strip() for name in settings.assignees.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(
            f"assignees: '{printable(settings.assignees)}' must name each user once, separated by "
            "commas."
        )
    return names


def deal(jobs: Sequence[Share], loads: Sequence[int]) -> list[int]:
    """Return whom each job goes to: a place in ``loads``.

    People get neighbouring jobs, in the order in which these are given, so that few share a video.
    Where that is not even enough, single jobs are exchanged.

    Args:
        jobs: videos one after the other, their jobs in order.
        loads: what each person has already.
    """
    sizes = np.array([job.load for job in jobs], np.int64)
    people = np.array(_in_a_row(sizes.tolist(), loads), np.int64)
    totals = np.array(loads, np.int64)
    np.add.at(totals, people, sizes)
    for _ in range(_EXCHANGES):
        most, least = int(totals.argmax()), int(totals.argmin())
        apart = int(totals[most] - totals[least])
        if totals[most] <= _FAIR * totals[least]:
            break
        given = np.flatnonzero(people == most)
        taken = np.flatnonzero(people == least)
        # To give a job away for nothing is to take one for it that is no load.
        gains = sizes[given][:, np.newaxis] - np.append(sizes[taken], 0)
        is_better = (gains > 0) & (gains < apart)
        if not is_better.any():
            break
        misses = np.where(is_better, np.abs(2 * gains - apart), np.iinfo(np.int64).max)
        one, other = np.unravel_index(int(misses.argmin()), gains.shape)
        gain = int(gains[one, other])
        people[given[one]] = least
        if other < len(taken):
            people[taken[other]] = most
        totals[most] -= gain
        totals[least] += gain
    return [int(person) for person in people]


def _in_a_row(sizes: Sequence[int], loads: Sequence[int]) -> list[int]:
    """Return whom each job goes to, if each person gets a stretch of them."""
    level = _level(sum(sizes), loads)
    targets = [*itertools.accumulate(max(0.0, level - load) for load in loads)]
    owners = []
    person, before = 0, 0
    for size in sizes:
        middle = before + size / 2
        while person < len(loads) - 1 and middle > targets[person]:
            person += 1
        owners.append(person)
        before += size
    return owners


def _level(given: int, loads: Sequence[int]) -> float:
    """Return up to which load those who have less are given more."""
    ordered = sorted(loads)
    level, held = 0.0, 0
    for number, load in enumerate(ordered, 1):
        held += load
        level = (given + held) / number
        if number == len(ordered) or level <= ordered[number]:
            break
    return level


def planned_loads(
    plan: UploadPlan, settings: UploadSettings
) -> tuple[list[PersonLoad], Mapping[str, list[str]]]:
    """Return what each person would have, and who would get each job of a task, by its name.

    Args:
        plan: of a dataset of which nothing is in CVAT yet.
        settings: name the people.

    Raises:
        UsageError: one is named twice.
    """
    names = people_of(settings)
    if not names:
        return [], {}
    of_tasks = [
        (part.task_name, Share(part.video_id, last - first + 1))
        for part in plan.parts
        for first, last in part.expected_jobs
    ]
    owners = deal([job for _, job in of_tasks], [0] * len(names))
    assignees: dict[str, list[str]] = {}
    for (task, _), owner in zip(of_tasks, owners, strict=True):
        assignees.setdefault(task, []).append(names[owner])
    held = ((names[owner], job) for (_, job), owner in zip(of_tasks, owners, strict=True))
    return _loads(names, held), assignees


def _loads(
    names: Sequence[str], held: Iterable[tuple[str, Share]], *, is_counted: bool = False
) -> list[PersonLoad]:
    """Return what each person has; ``is_counted`` tells that the boxes of all jobs were."""
    mine: dict[str, list[Share]] = {name: [] for name in names}
    for name, job in held:
        mine[name].append(job)
    return [
        PersonLoad(
            name,
            len(own),
            sum(job.frames for job in own),
            len({job.video for job in own}),
            sum(job.boxes or 0 for job in own) if is_counted else None,
        )
        for name, own in mine.items()
    ]


class Staff:
    """The people of one upload, and the share of frames that is annotated twice.

    Attributes:
        assignee_id: of the user that tasks as a whole are assigned to, if any.

    Args:
        server: that knows them.
        settings: name them.

    Raises:
        UsageError: one is named twice.
        CvatRefusedError: there is no such user, as far as one may see.
    """

    def __init__(self, server: CvatServer, settings: UploadSettings) -> None:
        names = people_of(settings)
        assignee = settings.assignee
        ids = server.user_ids(dict.fromkeys((*names, *([] if assignee is None else [assignee]))))
        self.assignee_id = None if assignee is None else ids[assignee]
        self._ids = {name: ids[name] for name in names}
        self._counts_boxes = settings.load == "boxes"
        self._ground_truth = settings.ground_truth

    def put_to_work(
        self, target: Target, videos: Iterable[str]
    ) -> tuple[list[PersonLoad], list[str]]:
        """Deal out the jobs that nobody has yet.

        Those that somebody has stay theirs. A run that was cut off is finished by the next.
        Returns what each person has, and what there is to say of people and jobs.

        Args:
            target: the tasks.
            videos: their ids, in order.

        Raises:
            CvatError: the server does not answer, or refuses.
        """
        if not self._ids and self._ground_truth is None:
            return [], []
        order = {video: place for place, video in enumerate(videos)}
        entries = [each for each in target.entries if each.is_complete and each.video in order]
        entries.sort(key=lambda entry: (order[entry.video], entry.part))
        try:
            of_tasks = [(entry, _jobs_of(target.server, entry)) for entry in entries]
            told = [each for of in of_tasks for each in self._see_to_truth(target.server, *of)]
            jobs = [job for of in of_tasks for job in self._shares(target.server, *of)]
            loads = self._deal(target.server, jobs) if self._ids else []
        except CvatError as error:
            raise error.with_more(
                "The tasks themselves are there; running again goes on with the jobs."
            ) from error
        return loads, [*told, *_idle(loads)]

    def _see_to_truth(
        self, server: CvatServer, entry: TaskEntry, jobs: Sequence[ServerJob]
    ) -> Iterator[str]:
        """Make the ground-truth job of a task; or yield that it has another than was asked for."""
        if self._ground_truth is None or entry.task_id is None:
            return
        frames = spread(entry.frames_sent, self._ground_truth)
        there = next((job for job in jobs if job.type == "ground_truth"), None)
        if there is None:
            server.make_ground_truth(entry.task_id, frames)
        elif there.frames not in (None, len(frames)):
            yield (
                f"task {entry.task_id} ('{printable(entry.name)}') has a ground-truth job of "
                f"{there.frames:,} of its {count(entry.frames_sent, 'frame')} already (job "
                f"{there.id}), so none of {len(frames):,} was made. CVAT has one for each task: to "
                "have another, delete that job in CVAT, with what is annotated in it, then run the "
                "same command again."
            )

    def _shares(
        self, server: CvatServer, entry: TaskEntry, jobs: Sequence[ServerJob]
    ) -> list[tuple[ServerJob, Share]]:
        """Return the jobs that are dealt out of a task."""
        mine = [job for job in jobs if job.type == "annotation"]
        counts: list[int | None] = [None] * len(mine)
        if self._ids and self._counts_boxes:
            there = server.annotations_of_jobs([job.id for job in mine])
            shown = [boxes_by_frame(each, entry.frames_sent) for each in there]
            counts = [
                int(boxes[job.start : job.stop + 1].sum())
                for job, boxes in zip(mine, shown, strict=True)
            ]
        return [
            (job, Share(entry.video, job.stop - job.start + 1, boxes))
            for job, boxes in zip(mine, counts, strict=True)
        ]

    def _deal(
        self, server: CvatServer, jobs: Sequence[tuple[ServerJob, Share]]
    ) -> list[PersonLoad]:
        names = [*self._ids]
        held = [(job.assignee, share) for job, share in jobs if job.assignee in self._ids]
        free = [(job, share) for job, share in jobs if job.assignee is None]
        before = [sum(share.load for owner, share in held if owner == name) for name in names]
        owners = deal([share for _, share in free], before)
        for (job, share), owner in zip(free, owners, strict=True):
            server.assign_job(job.id, self._ids[names[owner]])
            held.append((names[owner], share))
        return _loads(names, held, is_counted=self._counts_boxes)


def _jobs_of(server: CvatServer, entry: TaskEntry) -> tuple[ServerJob, ...]:
    assert entry.task_id is not None  # noqa: S101 - it is complete
    return server.all_jobs(entry.task_id)


def _idle(loads: Iterable[PersonLoad]) -> Iterator[str]:
    """Yield what there is to say of people who got nothing to do."""
    if idle := [each.name for each in loads if not each.jobs]:
        yield f"no job was left for {', '.join(idle)}: each has somebody else already."


def spread(frames: int, share: float) -> list[int]:
    """Return which frames of a task are a share of it: at least one, all equally far apart.

    Neighbours of a video show nearly the same, so frames drawn by lot would often be alike.
    """
    count = max(1, round(frames * share))
    return [(2 * number + 1) * frames // (2 * count) for number in range(count)]
