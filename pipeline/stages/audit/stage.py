"""The stage: find where CVAT's interpolation of tracks is wrong, in tasks or in an export."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...base.errors import ExitCode, InputError, printable
from ...base.words import count
from ...base.work import Batch, Watch
from ...cvat.annotations import CvatAnnotations, TaskFrames
from ...cvat.journal import Journal, TaskEntry
from ...dataset.store import Dataset, open_dataset
from ...engines.threads import InProcess
from ...settings.cvat import AuditSettings
from ...settings.stages import BreakSettings
from ...tracks.audit_record import AuditedTask, AuditRecord
from ...tracks.model import Track, tracks_from_api
from ...tracks.statistics import TrackStatistics, statistics
from ...tracks.xml import XmlAnnotations, tracks_from_xml
from .match import Match, Matcher, unmatched_clock
from .rules import Finding, audit_tracks

_TASKS_AT_ONCE = 3


@dataclass(frozen=True)
class PlacedFinding:
    """A finding with its place on the server; ``job_id`` and ``url`` are ``None`` if not known."""

    finding: Finding
    task_id: int | None
    job_id: int | None
    url: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON-ready data."""
        return {
            **asdict(self.finding),
            "task": self.task_id,
            "job": self.job_id,
            "url": self.url,
        }


@dataclass(frozen=True, eq=False)
class TaskAudit:
    """What was found in one task. ``note`` says how far it could be looked at, if not wholly."""

    task_id: int | None
    name: str
    url: str | None
    match: Match
    tracks: tuple[Track, ...]
    findings: tuple[PlacedFinding, ...]
    statistics: TrackStatistics
    note: str | None

    def to_record(self) -> AuditedTask:
        """Return what is written down of the audit, without the tracks themselves."""
        clock = self.match.clock
        return AuditedTask(
            task=self.task_id,
            name=self.name,
            url=self.url,
            video=self.match.video,
            frames=len(clock),
            matched=clock.matched,
            tracks=self.statistics.total.tracks,
            labels=self.statistics.by_label,
            findings=len(self.findings),
            note=self.note,
        )


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What was found in all tasks."""

    dataset: str
    tasks: tuple[TaskAudit, ...]

    @property
    def findings(self) -> tuple[PlacedFinding, ...]:
        """All findings, in the order of the tasks, worst first in each."""
        return tuple(each for task in self.tasks for each in task.findings)

    def to_record(self) -> AuditRecord:
        """Return what ``audit.json`` holds."""
        return AuditRecord(
            tuple(task.to_record() for task in self.tasks),
            tuple(each.to_json() for each in self.findings),
        )

    @property
    def exit_code(self) -> ExitCode:
        """1 if there is something to look at."""
        return ExitCode.FINDINGS if self.findings else ExitCode.OK


def audit(
    dataset: str | os.PathLike[str],
    server: CvatAnnotations,
    settings: AuditSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    tasks: Sequence[int] = (),
    watch: Watch | None = None,
) -> AuditResult:
    """Hold the tracks of tasks against the clock and the breaks of their videos.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        server: where the tasks are.
        settings: what is a finding; the defaults if absent.
        breaks: what is a break, and which of them end a run; the defaults if absent.
        tasks: their ids; all that were uploaded to this server from the dataset if absent.
        watch: told how it goes on.

    Raises:
        InputError: there are no tasks.
        DatasetError: ``cvat.json`` cannot be read.
        CvatError: a task is not there, or the server does not answer.
    """
    store = open_dataset(dataset)
    chosen = list(dict.fromkeys(tasks)) or [*_uploaded(store, server.host)]
    if not chosen:
        raise InputError(
            f"{printable(store.path)}: no task of this dataset is on {printable(server.host)}. "
            "Name tasks with --task or --project, or an export with --annotations."
        )
    matcher = Matcher(store, breaks or BreakSettings())
    settings = settings or AuditSettings()
    # Threads, for the session with the server cannot be shared with other processes.
    engine = InProcess(_TASKS_AT_ONCE, math.inf, server.stopped)
    watch = watch or Watch()
    watch.batch_started(Batch(len(chosen), len(chosen), "tasks", ""))
    audited: dict[int, TaskAudit] = {}
    with closing(
        engine.run(
            lambda task_id, _: audit_task(
                server, task_id, matcher, settings, may_be_gone=not tasks
            ),
            chosen,
        )
    ) as results:
        for task_id, task in results:
            if isinstance(task, TaskAudit):
                audited[task_id] = task
            watch.item_done(str(task_id), 1)
    return AuditResult(os.fspath(store.path), tuple(audited[task_id] for task_id in chosen))


def audit_task(
    server: CvatAnnotations,
    task_id: int,
    matcher: Matcher,
    settings: AuditSettings,
    *,
    may_be_gone: bool = False,
) -> TaskAudit:
    """Return what is wrong with the tracks of one task.

    Args:
        server: where it is.
        task_id: its id.
        matcher: finds its video.
        settings: what is a finding.
        may_be_gone: say so in its note if it is no longer there.

    Raises:
        InputError: there is no such task.
        CvatError: the server does not answer.
    """
    task = server.task(task_id)
    url = f"{server.host}/tasks/{task_id}"
    if task is None and may_be_gone:
        task = TaskFrames(task_id, f"task {task_id}", 0, False, (), 0, 1, ())
        gone = "it is no longer there, or not for you to see; 'prep upload' makes it anew."
        return _judge(task, url, Match(None, unmatched_clock(0, (), ()), gone), (), settings)
    if task is None:
        raise InputError(
            f"task {task_id}: there is none on {printable(server.host)}, or none that you may see."
        )
    jobs = tuple((job.id, job.start, job.stop) for job in server.jobs(task_id))
    # One without frames has no annotations either; the server refuses to look.
    given = server.of_task(task_id) if task.size else {}
    tracks = tracks_from_api(given, server.labels(task_id))
    return _judge(task, url, matcher.match(task, jobs), tracks, settings)


def audit_export(
    dataset: str | os.PathLike[str],
    file: Path,
    settings: AuditSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
) -> AuditResult:
    """Hold the tracks of an export in CVAT's XML 1.1 against a dataset; no server is needed.

    Raises:
        UsageError: the file is no such export.
        DatasetError: ``cvat.json`` cannot be read.
    """
    store = open_dataset(dataset)
    export = tracks_from_xml(file)
    matcher = Matcher(store, breaks or BreakSettings())
    task, jobs = _task_of(export, store, matcher)
    judged = _judge(
        task,
        None,
        matcher.match(task, jobs),
        export.tracks,
        settings or AuditSettings(),
        dict(zip((job[0] for job in export.jobs), export.job_urls, strict=False)),
        export.task_id,
        None
        if export.has_tracks
        else f"an export 'for images' has no tracks, only "
        f"{count(export.shapes, 'box', 'boxes')}; export it as 'CVAT for video 1.1' to have them "
        "looked at.",
    )
    return AuditResult(os.fspath(store.path), (judged,))


def _uploaded(store: Dataset, host: str) -> Iterator[int]:
    for upload in Journal(store.path).uploads:
        if upload.host == host:
            yield from (e.task_id for e in upload.tasks if e.is_complete and e.task_id is not None)


def _judge(
    task: TaskFrames,
    url: str | None,
    match: Match,
    tracks: Sequence[Track],
    settings: AuditSettings,
    job_urls: dict[int, str] | None = None,
    task_id: int | None = None,
    note: str | None = None,
) -> TaskAudit:
    placed = []
    for finding in audit_tracks(tracks, match.clock, settings):
        job_id = _job_at(match, finding.worst_frame)
        job_url = (job_urls or {}).get(job_id or 0)
        if url is not None and job_id is not None:
            job_url = f"{url}/jobs/{job_id}"
        link = job_url and f"{job_url}?frame={finding.worst_frame}"
        placed.append(PlacedFinding(finding, task.id if url else task_id, job_id, link))
    return TaskAudit(
        task.id if url else task_id,
        task.name,
        url,
        match,
        tuple(tracks),
        tuple(placed),
        statistics(tracks, match.clock),
        note or match.note,
    )


def _job_at(match: Match, frame: int) -> int | None:
    """Return the job that shows a frame; of two that overlap, the later."""
    holding = [job for job in match.clock.jobs if job[1] <= frame <= job[2]]
    return max(holding, key=lambda job: job[2])[0] if holding else None


def _task_of(
    export: XmlAnnotations, store: Dataset, matcher: Matcher
) -> tuple[TaskFrames, tuple[tuple[int, int, int], ...]]:
    """Return the frames and the jobs of the task that was exported, as far as the dataset tells."""
    for upload in Journal(store.path).uploads:
        for entry in upload.tasks:
            if entry.video in matcher.records and _is_export_of(export, entry):
                names = matcher.kept_names(entry.video, entry.first_frame, entry.last_frame)
                number, size = entry.task_id or 0, entry.frames_sent
                task = TaskFrames(number, entry.name, size, False, names, 0, 1, ())
                return task, entry.jobs or export.jobs
    return _unknown_task(export, matcher), export.jobs


def _is_export_of(export: XmlAnnotations, entry: TaskEntry) -> bool:
    """Whether an export is of a task that was uploaded, or of one of its jobs."""
    if export.is_job:
        return not set(entry.jobs).isdisjoint(export.jobs)
    is_named_so = (entry.task_id, entry.name) == (export.task_id, export.task_name)
    return is_named_so and entry.frames_sent in {export.size, len(export.images)}


def _unknown_task(export: XmlAnnotations, matcher: Matcher) -> TaskFrames:
    """Return the frames of an exported task that the dataset knows by their names at most."""
    name = export.task_name or ""
    if export.images:
        names = tuple(image.name for image in sorted(export.images, key=lambda each: each.frame))
        return TaskFrames(export.task_id or 0, name, len(names), False, names, 0, 1, ())
    size = export.size or 0
    if size == 0:
        frames = [int(track.frames[-1]) for track in export.tracks]
        size = max(frames, default=-1) + 1
    if name in matcher.records:
        names = matcher.kept_names(name)
        if len(names) == size:
            return TaskFrames(export.task_id or 0, name, size, False, names, 0, 1, ())
    videos = [r.source.name for r in matcher.records.values()]
    source = next((each for each in videos if name in {each, Path(each).name, Path(each).stem}), "")
    start, step = export.start_frame, export.frame_step
    return TaskFrames(export.task_id or 0, name, size, True, (source or name,), start, step, ())
