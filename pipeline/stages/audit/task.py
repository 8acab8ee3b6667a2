"""One task: its frames matched, its tracks read and judged, its findings placed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...annotated.match import Match, Matcher, unmatched_clock
from ...base.errors import InputError, printable
from ...cvat.annotations import CvatAnnotations
from ...settings.cvat import AuditSettings
from ...tracks.by_job import pieces
from ...tracks.model import Track, tracks_from_api
from ...tracks.overlaps import join_pieces
from ...tracks.statistics import statistics
from .result import PlacedFinding, TaskAudit
from .rules import audit_tracks


@dataclass(frozen=True)
class Place:
    """Where a task is, as far as that is known: its id and address, and those of its jobs."""

    task_id: int | None
    url: str | None = None
    job_urls: Mapping[int, str] = field(default_factory=dict)


def audit_task(
    server: CvatAnnotations,
    matcher: Matcher,
    settings: AuditSettings,
    task_id: int,
    *,
    may_be_gone: bool = False,
) -> TaskAudit:
    """Return what is wrong with the tracks of one task.

    Args:
        server: where it is.
        matcher: finds its video.
        settings: what is a finding.
        task_id: its id.
        may_be_gone: say so in its note if it is no longer there.

    Raises:
        InputError: there is no such task.
        CvatError: the server does not answer.
    """
    place = Place(task_id, f"{server.host}/tasks/{task_id}")
    task = server.task(task_id)
    if task is None and may_be_gone:
        gone = "it is gone from CVAT; 'prep upload --cvat' makes it anew."
        match = Match(None, unmatched_clock(0, (), ()), gone)
        return judge(f"task {task_id}", place, match, (), settings)
    if task is None:
        raise InputError(
            f"task {task_id}: there is none on {printable(server.host)}. The address of its page "
            "in CVAT has its number."
        )
    jobs = tuple((job.id, job.start, job.stop) for job in server.jobs(task_id))
    place = replace(place, job_urls={job[0]: f"{place.url}/jobs/{job[0]}" for job in jobs})
    tracks = tracks_from_api(pieces_of(server, jobs), server.labels(task_id))
    match = matcher.match(task, jobs)
    return judge(task.name, place, match, join_pieces(tracks, match.clock).tracks, settings)


def pieces_of(server: CvatAnnotations, jobs: Sequence[tuple[int, int, int]]) -> dict[str, Any]:
    """Return the tracks of a task, in pieces, with what tells where they are alone.

    Args:
        server: where the task is.
        jobs: (job id, first frame, last frame) of its jobs, in order.
    """
    there = server.places_of_jobs([job_id for job_id, _, _ in jobs])
    given = [(job[2], each["tracks"]) for job, each in zip(jobs, there, strict=True)]
    return {"tracks": pieces(given)}


def judge(
    name: str, place: Place, match: Match, tracks: Sequence[Track], settings: AuditSettings
) -> TaskAudit:
    """Return what is wrong with tracks, wherever they were read.

    Args:
        name: that of their task.
        place: where that is.
        match: which frames it shows.
        tracks: all that it has, of which no jobs hold pieces.
        settings: what is a finding.
    """
    placed = []
    for finding in audit_tracks(tracks, match.clock, settings, match.image_size):
        job_id = _job_at(match, finding.worst_frame)
        job_url = None if job_id is None else place.job_urls.get(job_id)
        link = job_url and f"{job_url}?frame={finding.worst_frame}"
        placed.append(PlacedFinding(finding, place.task_id, job_id, link))
    return TaskAudit(
        place.task_id,
        name,
        place.url,
        match,
        tuple(tracks),
        tuple(placed),
        statistics(tracks, match.clock),
        match.note,
    )


def _job_at(match: Match, frame: int) -> int | None:
    """Return the job that shows a frame; of two that overlap, the later."""
    holding = [job for job in match.clock.jobs if job[1] <= frame <= job[2]]
    return max(holding, key=lambda job: job[2])[0] if holding else None
