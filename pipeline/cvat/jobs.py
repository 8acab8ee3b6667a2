"""The jobs of a task, and what they have of its annotations.

Annotations are read and written by job, never those of a task at once: where many jobs overlap, it
takes a server minutes to put their tracks together, longer than proxies wait. For the same reason
many are written in portions, each wholly or not at all. Where an answer is lost, nobody knows
whether a portion was written: the job is read until it shows it, before it is sent again.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ..base.errors import CvatUncertainError
from ..dataset.saved_annotations import KINDS
from .failures import lasting
from .model import ServerJob
from .session import READ_AT_ONCE, Session

TRACK_WORK = 10
"""A track by itself costs a server as much time as so many of its shapes."""

_PORTION_WORK = 5_000
"""Of one request, in shapes: some seconds, where proxies wait for a minute."""
_TRIES = 3
_MAY_COME_LATE = frozenset((None, 502, 504))
"""After these no answer comes, while the server may still be at work; others say that it is not."""

Annotations = Mapping[str, Sequence[Any]]
Left = Callable[[Mapping[str, Any]], int]
"""Tells of all that a job has how many of the annotations sent are not written yet."""
T = TypeVar("T")


def list_jobs(session: Session, task_id: int, *, every: bool = False) -> tuple[ServerJob, ...]:
    """Return the jobs of a task, ordered by their first frame.

    Args:
        session: with the server.
        task_id: of the task.
        every: also those that show the same frames again.
    """
    jobs = (
        ServerJob(
            each["id"],
            each["start_frame"],
            each["stop_frame"],
            (each.get("assignee") or {}).get("username"),
            each.get("type", "annotation"),
            each.get("frame_count"),
        )
        for each in session.list_all("jobs", task_id=task_id)
    )
    shown = (job for job in jobs if every or job.type == "annotation")
    return tuple(sorted(shown, key=lambda job: (job.start, job.stop)))


def read_annotations(session: Session, job_id: int) -> dict[str, Any]:
    """Return all annotations of a job, with the ids that they have."""
    return dict(session.get(f"jobs/{job_id}/annotations/"))


def read_at_once(session: Session, read: Callable[[int], T], job_ids: Sequence[int]) -> list[T]:
    """Return what is read of each job, in their order; of a few jobs at once.

    Args:
        session: with the server.
        read: asks for one job.
        job_ids: of the jobs.

    Raises:
        CvatError: what one of the reads raises; the others are left.
    """

    def in_turn(job_id: int) -> T:
        with session.turns:
            return read(job_id)

    threads = ThreadPoolExecutor(max(1, min(len(job_ids), READ_AT_ONCE)), "prep-read")
    try:
        return list(threads.map(in_turn, job_ids))
    except KeyboardInterrupt:  # else the answers would be waited for
        session.stopped.set()
        threads.shutdown(cancel_futures=True)
        session.stopped.clear()
        raise
    finally:
        threads.shutdown(cancel_futures=True)


def portions(ones: Iterable[T], work_of: Callable[[T], int]) -> list[list[T]]:
    """Return tags, shapes or tracks in portions, in their order; the rest of some gives the rest.

    Args:
        ones: all of them.
        work_of: tells how much work one is for a server; see `TRACK_WORK`.
    """
    made: list[list[T]] = []
    room = 0
    for one in ones:
        work = work_of(one)
        if work > room:
            made.append([])
            room = _PORTION_WORK
        made[-1].append(one)
        room -= work
    return made


def is_one_portion(*annotations: Annotations) -> bool:
    """Return whether annotations are so few that a server takes them all at once."""
    return sum(_work_of(one) for each in annotations for _, one in _flat(each)) <= _PORTION_WORK


def put_annotations(session: Session, job_id: int, annotations: Annotations, left: Left) -> None:
    """Put annotations in the place of all that a job has; the server does it wholly or not at all.

    Args:
        session: with the server.
        job_id: of the job.
        annotations: tags, shapes and tracks, with the ids of labels and attributes; with those that
            are there together they should be `is_one_portion`.
        left: how many of them are not there.

    Raises:
        CvatUncertainError: nobody knows whether it was done, after several tries.
    """

    def is_done(there: Mapping[str, Any]) -> bool:
        return not left(there) and len(_flat(there)) == len(_flat(annotations))

    _send(session, job_id, ("PUT", None), annotations, is_done)


def create_annotations(session: Session, job_id: int, annotations: Annotations, left: Left) -> None:
    """Add annotations to a job; see `put_annotations`, but they may be any number."""
    _change(session, job_id, "create", annotations, left)


def update_annotations(session: Session, job_id: int, annotations: Annotations, left: Left) -> None:
    """Replace annotations of a job by their ids, one that is gone is made again.

    Those with other ids stay as they are; else see `create_annotations`.
    """
    _change(session, job_id, "update", annotations, left)


def delete_annotations(session: Session, job_id: int, annotations: Annotations) -> None:
    """Remove annotations of a job by their ids; those that are gone already are no error."""
    ids = {(kind, one["id"]) for kind, one in _flat(annotations)}

    def left(there: Mapping[str, Any]) -> int:
        return sum((kind, one["id"]) in ids for kind, one in _flat(there))

    _change(session, job_id, "delete", annotations, left)


def _change(
    session: Session, job_id: int, action: str, annotations: Annotations, left: Left
) -> None:
    flat = _flat(annotations)
    behind = len(flat)
    for portion in portions(flat, lambda each: _work_of(each[1])):
        behind -= len(portion)
        body = {kind: [one for k, one in portion if k == kind] for kind in KINDS}
        is_done = functools.partial(_is_left, left, behind)
        _send(session, job_id, ("PATCH", action), body, is_done)


def _is_left(left: Left, most: int, there: Mapping[str, Any]) -> bool:
    return left(there) <= most


def _send(
    session: Session,
    job_id: int,
    how: tuple[str, str | None],
    annotations: Annotations,
    is_done: Callable[[Mapping[str, Any]], bool],
) -> None:
    """Send one request, and again only where a job does not show for long that it was done.

    Args:
        session: with the server.
        job_id: of the job.
        how: the method, and the action of a PATCH.
        annotations: what is sent.
        is_done: tells by all that the job has.
    """
    method, action = how
    body = {"version": 0, **annotations}
    query = None if action is None else {"action": action}
    for times in range(1, _TRIES + 1):
        try:
            session.request(method, f"jobs/{job_id}/annotations/", query=query, body=body)
        except CvatUncertainError as error:
            failure, status = lasting(error, times), error.status
            session.unanswered.add(job_id)
        else:
            return
        waits_seconds = session.waits.late_seconds
        for wait_seconds in waits_seconds if status in _MAY_COME_LATE else waits_seconds[:1]:
            session.pause(wait_seconds)
            if is_done(read_annotations(session, job_id)):
                return
    raise failure


def _flat(annotations: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(kind, one) for kind in KINDS for one in annotations.get(kind) or ()]


def _work_of(one: Mapping[str, Any]) -> int:
    own = len(one["shapes"]) + TRACK_WORK if "shapes" in one else 1
    return own + sum(map(_work_of, one.get("elements") or ()))
