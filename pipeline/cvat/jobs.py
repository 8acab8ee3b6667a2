"""The jobs of a task, and what they have of its annotations.

Annotations are read and written by job, never those of a task at once: where many jobs overlap, it
takes a server minutes to put their tracks together, longer than proxies wait.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .model import ServerJob
from .session import Session


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
        )
        for each in session.list_all("jobs", task_id=task_id)
    )
    shown = (job for job in jobs if every or job.type == "annotation")
    return tuple(sorted(shown, key=lambda job: (job.start, job.stop)))


def read_annotations(session: Session, job_id: int) -> dict[str, Any]:
    """Return all annotations of a job, with the ids that they have."""
    return dict(session.get(f"jobs/{job_id}/annotations/"))


def put_annotations(
    session: Session, job_id: int, annotations: Mapping[str, Sequence[Any]]
) -> None:
    """Put annotations in the place of all that a job has; the server does it wholly or not at all.

    Args:
        session: with the server.
        job_id: of the job.
        annotations: tags, shapes and tracks, with the ids of labels and attributes.
    """
    body = {"version": 0, **annotations}
    session.request("PUT", f"jobs/{job_id}/annotations/", body=body)
