"""A task that was exported, and what is wrong in it."""

from dataclasses import replace

from ...annotated.exported import task_of
from ...annotated.match import Matcher
from ...base.words import count
from ...dataset.store import Dataset
from ...settings.cvat import AuditSettings
from ...tracks.overlaps import join_pieces
from ...tracks.xml import XmlAnnotations
from .result import TaskAudit
from .task import Place, judge


def audit_exported(
    export: XmlAnnotations, store: Dataset, matcher: Matcher, settings: AuditSettings
) -> TaskAudit:
    """Return what is wrong with the tracks of one task of an export."""
    task, jobs = task_of(export, store, matcher)
    match = matcher.match(task, jobs)
    if not export.has_tracks:
        note = f"an export 'for images' has no tracks, only {count(export.shapes, 'box', 'boxes')}"
        note += "; export it as 'CVAT for video 1.1' to have them looked at."
        match = replace(match, note=note)
    place = _place_of(export, task.id)
    tracks = join_pieces(export.tracks, match.clock, is_export=True).tracks
    return judge(task.name, place, match, tracks, settings)


def _place_of(export: XmlAnnotations, task_id: int) -> Place:
    """Return where people see the task: an export has the addresses that programs call."""
    hosts = {url.partition("/api/jobs/")[0] for url in export.job_urls if "/api/jobs/" in url}
    if len(hosts) != 1 or not task_id:
        return Place(export.task_id)
    url = f"{hosts.pop()}/tasks/{task_id}"
    return Place(export.task_id, url, {job: f"{url}/jobs/{job}" for job, _, _ in export.jobs})
