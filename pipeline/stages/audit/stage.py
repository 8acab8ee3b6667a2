"""The stage: find where CVAT's interpolation of tracks is wrong, in tasks or in an export."""

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...annotated.chosen import choose_tasks
from ...annotated.match import Matcher
from ...base.work import Watch
from ...cvat.annotations import CvatAnnotations
from ...dataset.files import results_folder
from ...dataset.store import AUDIT_NAME, Dataset, open_dataset
from ...engines.threads import in_threads
from ...settings.cvat import AuditSettings
from ...settings.stages import BreakSettings
from ...tracks.audit_record import write_audit
from ...tracks.xml import tasks_from_xml
from .exported import audit_exported
from .join import join_task
from .mend import retime_task
from .page import PAGE_NAME, write_page
from .post import post_task
from .result import AuditResult, JoinResult, PostResult, RetimeResult, TaskAudit
from .task import audit_task


def audit(
    dataset: str | os.PathLike[str],
    server: CvatAnnotations,
    settings: AuditSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    tasks: Sequence[int] = (),
    project: str | None = None,
    join: bool = False,
    retime: bool = False,
    post: bool = False,
    dry_run: bool = False,
    output: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
) -> AuditResult:
    """Hold the tracks of tasks against the clock and the breaks of their videos.

    Writes ``audit.html`` and ``audit.json``.
    So many parameters, as each is something else that a caller may want; all but two are optional.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        server: where the tasks are.
        settings: what is a finding; the defaults if absent.
        breaks: what is a break, and which of them end a run; the defaults if absent.
        tasks: their ids; all that were uploaded to this server from the dataset if neither these
            nor a project are given.
        project: all tasks of this one as well, by its name or id.
        join: make one track of two that lie on each other, and audit once more.
        retime: add keyframes where boxes do not follow the clock, and audit once more.
        post: make an issue of each finding that has none yet.
        dry_run: count what would be joined, retimed and posted, and change nothing in CVAT.
        output: the folder to write into; the dataset if absent.
        watch: told how it goes on.

    Raises:
        InputError: there are no tasks.
        DatasetError: ``cvat.json`` cannot be read, or something not be written.
        CvatError: a task is not there, or the server does not answer.
    """
    store, settings = open_dataset(dataset), settings or AuditSettings()
    folder = Path(dataset) if output is None else results_folder(output)
    if (join or retime or post) and not dry_run:
        server.refuse_read_only()
    is_named = bool(tasks) or project is not None
    server, chosen = choose_tasks(store, server, tasks, project)
    matcher = Matcher(store, breaks or BreakSettings())
    look = functools.partial(audit_task, server, matcher, settings, may_be_gone=not is_named)
    look_at_all = functools.partial(in_threads, look, chosen, "tasks", server.stopped)
    audited = look_at_all(watch or Watch())
    joined = _join_all(server, audited, folder, dry_run) if join else ()
    if not dry_run and any(each.pairs for each in joined):
        audited = look_at_all(Watch())
    mended = _retime_all(server, audited, settings, folder, dry_run) if retime else ()
    if not dry_run and any(each.keyframes for each in mended):
        audited = look_at_all(Watch())
    posted = _post_all(server, audited, dry_run) if post else ()
    changes = {"joined": joined, "mended": mended, "posted": posted}
    return _written(store, folder, audited, settings, changes)


def audit_export(
    dataset: str | os.PathLike[str],
    file: Path,
    settings: AuditSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    output: str | os.PathLike[str] | None = None,
) -> AuditResult:
    """Hold the tracks of an export in CVAT's XML 1.1 against a dataset; no server is needed.

    Writes ``audit.html`` and ``audit.json`` into the dataset, or into the folder ``output``.

    Raises:
        UsageError: the file is no such export.
        DatasetError: ``cvat.json`` cannot be read, or something not be written.
    """
    store = open_dataset(dataset)
    folder = Path(dataset) if output is None else results_folder(output)
    matcher = Matcher(store, breaks or BreakSettings())
    tasks = tasks_from_xml(file)
    settings = settings or AuditSettings()
    judged = [audit_exported(task, store, matcher, settings) for task in tasks]
    return _written(store, folder, judged, settings, {})


def _retime_all(
    server: CvatAnnotations,
    tasks: Sequence[TaskAudit],
    settings: AuditSettings,
    folder: Path,
    is_dry_run: bool,
) -> tuple[RetimeResult, ...]:
    return tuple(
        retime_task(server, task, settings, folder, is_dry_run=is_dry_run)
        for task in tasks
        if task.task_id is not None and any(f.finding.kind == "uneven-time" for f in task.findings)
    )


def _post_all(
    server: CvatAnnotations, tasks: Sequence[TaskAudit], is_dry_run: bool
) -> tuple[PostResult, ...]:
    return tuple(
        post_task(server, task, is_dry_run=is_dry_run) for task in tasks if task.task_id is not None
    )


def _join_all(
    server: CvatAnnotations, tasks: Sequence[TaskAudit], folder: Path, is_dry_run: bool
) -> tuple[JoinResult, ...]:
    return tuple(
        join_task(server, task, folder, is_dry_run=is_dry_run)
        for task in tasks
        if task.task_id is not None and any(f.finding.kind == "double" for f in task.findings)
    )


def _written(
    store: Dataset,
    folder: Path,
    tasks: Sequence[TaskAudit],
    settings: AuditSettings,
    changes: Mapping[str, Any],
) -> AuditResult:
    """Write what was found, joined, mended and posted, and return it."""
    result = AuditResult(
        dataset=os.fspath(store.path),
        tasks=tuple(tasks),
        page=folder / PAGE_NAME,
        numbers=folder / AUDIT_NAME,
        limits=asdict(settings),
        **changes,
    )
    write_audit(result.numbers, result.to_record())
    write_page(result)
    return result
