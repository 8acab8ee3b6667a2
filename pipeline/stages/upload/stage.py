"""The stage: a dataset into one project of a CVAT server, one task a video or part of it.

What is there already is left as it is. A bad task is a value, like a bad video; the others go on.
"""

import contextlib
import dataclasses
import json
import math
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ...base.errors import (
    CvatAuthError,
    CvatError,
    CvatPermissionError,
    CvatRefusedError,
    CvatUnreachableError,
    DatasetError,
    ExitCode,
    InterruptedRunError,
    PrepError,
    UnprovenError,
    UsageError,
    printable,
)
from ...base.words import count
from ...base.work import Batch, Link, Watch
from ...cvat.journal import Journal, TaskEntry, Upload, new_mark
from ...cvat.model import TaskState
from ...cvat.server import CvatServer
from ...dataset.files import save_text
from ...dataset.store import Dataset, open_dataset
from ...engines.threads import InProcess
from ...settings.cvat import UploadSettings
from ...settings.stages import BreakSettings
from .plan import Part
from .project import open_project
from .result import TaskOutcome, UploadResult, failed_task
from .task import TaskMaker
from .videos import VideoPlan, plan_dataset, write_manifests

_ENDS_ALL = (CvatAuthError, CvatPermissionError, CvatUnreachableError)


def upload(
    dataset: str | os.PathLike[str],
    server: CvatServer,
    settings: UploadSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    labels: Sequence[Mapping[str, Any]] | None = None,
    replace: bool = False,
    force: bool = False,
    watch: Watch | None = None,
    stop: threading.Event | None = None,
) -> UploadResult:
    """Bring a dataset into CVAT, and prove that what it shows is what is on the disk.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        server: where to; see `cvat.connect`.
        settings: project, tasks and jobs; the defaults if absent.
        breaks: what is a break, and which of them end a run; the defaults if absent.
        labels: those of the project, as CVAT's API takes them, if it has to be made.
        replace: make tasks anew whose images or borders are others by now, if they have no
            annotations.
        force: also if they have; the annotations are saved into the dataset first.
        watch: told how it goes on.
        stop: set when a person interrupts; the session should look at it as well.

    Raises:
        UsageError: there is nothing to upload, the project has other labels, or another prep is
            writing into the dataset.
        CvatError: the project cannot be found or made.
        InterruptedRunError: stopped by a person.
    """
    settings = settings or UploadSettings()
    store = open_dataset(dataset)
    server.refuse_read_only()
    with store.writing():  # it may finish what a killed run has begun, so nothing is read before
        plans = plan_dataset(store, settings, breaks or BreakSettings())
        if not settings.sends_images:
            write_manifests(store, plans)
        journal = Journal(store.path)
        project, warnings = open_project(server, journal, settings, store.path.name, labels or ())
        there = journal.open(server.host, server.organization, project.id, project.name)
        stage = _Stage(
            server,
            journal,
            there,
            store,
            settings,
            replace,
            force,
            watch or Watch(),
            stop or threading.Event(),
        )
        order = {plan.video_id: place for place, plan in enumerate(plans)}
        outcomes = tuple(sorted(stage.run(plans), key=lambda task: (order[task.video], task.name)))
        stage.forget_removed()
    warnings += stage.warnings
    gone = {entry.video for entry in journal.tasks(there)} - {plan.video_id for plan in plans}
    warnings += [
        f"{printable(video)} is no longer in the dataset; its task is left as it is."
        for video in sorted(gone)
    ]
    return UploadResult(server.host, project, outcomes, (*server.notices, *warnings))


@dataclass(frozen=True)
class _Work:
    """One task to be looked after: made, or only looked at where it is complete already.

    ``wanted`` is its entry as it is to be written before anything is done.
    """

    part: Part
    wanted: TaskEntry
    complete: TaskEntry | None


class _Stage:
    """One run into one project. ``warnings`` are what a person should know, after it."""

    def __init__(
        self,
        server: CvatServer,
        journal: Journal,
        there: Upload,
        store: Dataset,
        settings: UploadSettings,
        replace: bool,
        force: bool,
        watch: Watch,
        stop: threading.Event,
    ) -> None:
        self._server, self._journal, self._there = server, journal, there
        self._store, self._settings = store, settings
        self._replace, self._force, self._watch = replace, force, watch
        self._stop = stop
        self._gave_up: PrepError | None = None
        self.warnings: list[str] = []
        assignee = settings.assignee
        self._maker = TaskMaker(
            server,
            journal,
            there,
            store.folder,
            settings,
            None if assignee is None else server.user_id(assignee),
            self._stop,
        )

    def run(self, plans: Iterable[VideoPlan]) -> Iterator[TaskOutcome]:
        """Yield what became of each task."""
        work: list[_Work] = []
        for plan in plans:
            try:
                decided = list(self._decide(plan))
            except (InterruptedRunError, DatasetError, *_ENDS_ALL):
                raise
            except PrepError as error:
                decided = [failed_task(plan.video_id, plan.video_id, plan.frames, error)]
            yield from (each for each in decided if isinstance(each, TaskOutcome))
            work += [each for each in decided if isinstance(each, _Work)]
        new = [each.part for each in work if each.complete is None]
        frames, size_bytes = sum(len(part.names) for part in new), sum(map(self._size_bytes, new))
        self._watch.batch_started(Batch(len(new), frames, "tasks", "bytes", size_bytes))
        # One waits long for a server, and the session to it cannot be shared with other processes.
        engine = InProcess(self._settings.parallel, math.inf, self._stop)
        with closing(engine.run(self._carry_out, work, on_message=self._take_message)) as results:
            for each, outcome in results:
                if isinstance(outcome, TaskOutcome):
                    if outcome.status == "uploaded":
                        self._watch.item_done(each.wanted.name, outcome.frames)
                    yield outcome
        if self._gave_up is None:
            self._sweep()

    def _sweep(self) -> None:
        """Delete the tasks of requests that were thought lost, and were carried out late.

        Others that bear the name of one of ours are not touched, but told.
        """
        entries = self._journal.tasks(self._there)
        half_made = {entry.working_name: entry.task_id for entry in entries}
        named = {entry.name: entry.task_id for entry in entries}
        with contextlib.suppress(CvatError):  # the next run sweeps again
            for state in self._server.tasks(self._there.project_id):
                if state.id != half_made.get(state.name, state.id):
                    self._server.delete_task(state.id)
                elif state.id != named.get(state.name, state.id):
                    self.warnings.append(
                        f"the project has another task called '{printable(state.name)}' (id "
                        f"{state.id}), which is not of this upload; it is left as it is."
                    )

    def forget_removed(self) -> None:
        """Forget tasks of videos that were removed, once nothing of them is on the server.

        What an upload that was cut off has left is deleted; what is complete stays.
        """
        if self._gave_up is not None:
            return
        known = set(self._store.video_ids())
        for entry in self._journal.tasks(self._there):
            if entry.video in known:
                continue
            with contextlib.suppress(CvatError):  # the next run tries again
                settled = self._maker.settle(entry)
                if settled.is_complete and self._server.task(settled.task_id or 0) is not None:
                    continue
                self._maker.delete_leftovers(settled)
                self._journal.remove(self._there, settled)

    def _size_bytes(self, part: Part) -> int:
        """Return how many bytes are to be sent; images that are gone are told when it is begun."""
        if not self._settings.sends_images:
            return 0
        folder = self._store.folder(part.video_id)
        paths = (folder / name for name in part.names)
        return sum(path.stat().st_size for path in paths if path.exists())

    def _decide(self, plan: VideoPlan) -> Iterator[TaskOutcome | _Work]:
        """Yield the tasks of a video to look after, or why it is left alone."""
        known = (e for e in self._journal.tasks(self._there) if e.video == plan.video_id)
        entries = {entry.part: self._maker.settle(entry) for entry in known}
        for entry in [e for e in entries.values() if e.is_doomed]:
            self._remove(entries.pop(entry.part))
        if plan.error is not None:
            yield failed_task(plan.video_id, plan.video_id, 0, plan.error)
            return
        complete = [entry for entry in entries.values() if entry.is_complete]
        change = _change(plan, complete)
        if change is not None and self._replace:
            refusal = self._retire(complete)
            if refusal is not None:
                yield from (self._outcome(e, "changed", (change, refusal)) for e in complete)
                return
            entries = {n: e for n, e in entries.items() if not e.is_complete}
        elif change is not None and len(complete) == complete[0].parts:
            is_newer = complete[0].video_digest != plan.digest
            message = f"{change}; the task is left as it is. 'prep upload --replace' makes it anew."
            for entry in complete:
                yield self._outcome(entry, "changed" if is_newer else "unchanged", (message,))
            return
        elif change is not None:
            error = UsageError(
                f"{change}, and not all of its tasks are complete. Use 'prep upload --replace'."
            )
            yield failed_task(plan.video_id, plan.video_id, plan.frames, error)
            return
        for part in plan.parts:
            left = entries.pop(part.number, None)
            is_there = left is not None and left.is_complete
            yield _Work(part, _wanted(plan, part, left), left if is_there else None)
        for entry in entries.values():  # half-made ones of a plan with more parts
            self._maker.delete_leftovers(entry)
            self._journal.remove(self._there, entry)

    def _retire(self, entries: Sequence[TaskEntry]) -> str | None:
        """Delete complete tasks, to make them anew; or return why they must stay."""
        for entry in entries:
            if not self._force and _holds_any(self._annotations(entry)):
                return (
                    f"task {entry.task_id} has annotations, so it was not replaced. 'prep upload "
                    "--replace --force' saves them into the dataset first."
                )
        doomed = [dataclasses.replace(entry, is_doomed=True) for entry in entries]
        for entry in doomed:  # all of them before the first is gone, so that the next run goes on
            self._journal.put(self._there, entry)
        for entry in doomed:
            self._remove(entry)
        return None

    def _remove(self, entry: TaskEntry) -> None:
        """Delete a task of ours; what was annotated in it is saved first.

        Raises:
            CvatRefusedError: the task with its id is another one, or was made one.
            DatasetError: the annotations cannot be saved.
        """
        state = self._server.task(entry.task_id) if entry.task_id is not None else None
        if state is not None and (
            state.project_id != self._there.project_id
            or state.name not in {entry.name, entry.working_name}
        ):
            raise CvatRefusedError(
                f"task {state.id} is '{printable(state.name)}' in project {state.project_id}, "
                f"while prep made '{printable(entry.name)}' in project {self._there.project_id}, "
                "so it was not deleted. Give it back its name and place, or delete it in CVAT."
            )
        annotations = self._annotations(entry)
        if _holds_any(annotations):
            file = self._store.path / f"cvat-annotations-{entry.task_id}.json"
            text = json.dumps(annotations, indent=1)
            save_text(file, [text, "\n"], "The task stays as it is. ")
        if entry.task_id is not None:
            self._server.delete_task(entry.task_id)
        self._journal.remove(self._there, entry)

    def _annotations(self, entry: TaskEntry) -> dict[str, Any]:
        if entry.task_id is None or self._server.task(entry.task_id) is None:
            return {}
        return self._server.annotations(entry.task_id)

    def _take_message(self, work: _Work, size_bytes: int) -> None:
        self._watch.parts_done(work.wanted.name, size_bytes)

    def _carry_out(self, work: _Work, link: Link) -> TaskOutcome:
        part, wanted = work.part, work.wanted
        if self._gave_up is not None:
            return failed_task(wanted.name, wanted.video, wanted.frames_sent, self._gave_up)
        messages: tuple[str, ...] = ()
        try:
            if work.complete is not None:
                state = self._server.task(work.complete.task_id or 0)
                if state is not None:
                    return self._look_at(work.complete, state)
                messages = (f"task {work.complete.task_id} was gone from CVAT; it was made anew.",)
                self._journal.remove(self._there, work.complete)
            made = self._maker.make(part, wanted, link)
        except (InterruptedRunError, DatasetError):
            raise
        except UnprovenError as error:
            message = f"CVAT does not show what was sent: {error}. Running again makes it anew."
            unproven = dataclasses.replace(wanted, task_id=error.task_id)
            return self._outcome(unproven, "unproven", (message,))
        except PrepError as error:
            if isinstance(error, _ENDS_ALL):
                self._gave_up = error
            return failed_task(wanted.name, wanted.video, wanted.frames_sent, error)
        return self._outcome(made, "uploaded", messages)

    def _look_at(self, entry: TaskEntry, state: TaskState) -> TaskOutcome:
        if (state.project_id, state.size) == (self._there.project_id, entry.frames_sent):
            return self._outcome(entry, "unchanged", ())
        message = (
            f"task {entry.task_id} is no longer as prep left it: {count(state.size, 'frame')} in "
            f"project {state.project_id}. 'prep status --cvat' says more; delete it in CVAT to "
            "have it made anew."
        )
        return dataclasses.replace(self._outcome(entry, "changed", (message,)), frames=state.size)

    def _outcome(self, entry: TaskEntry, status: str, messages: tuple[str, ...]) -> TaskOutcome:
        return TaskOutcome(
            name=entry.name,
            video=entry.video,
            status=status,
            frames=entry.frames_sent,
            jobs=len(entry.jobs),
            task_id=entry.task_id,
            url=None if entry.task_id is None else self._server.task_url(entry.task_id),
            messages=messages,
            exit_code=ExitCode.FINDINGS if status in {"changed", "unproven"} else ExitCode.OK,
        )


def _change(plan: VideoPlan, complete: Sequence[TaskEntry]) -> str | None:
    """Return why what is in CVAT is not what would be uploaded now."""
    if not complete:
        return None
    if any(entry.video_digest != plan.digest for entry in complete):
        there, now = sum(entry.frames_sent for entry in complete), plan.frames
        return f"the dataset has other images than were uploaded ({now:,} now, {there:,} in CVAT)"
    planned = {part.number: part.digest for part in plan.parts}
    if any(planned.get(entry.part) != entry.digest for entry in complete):
        return "it was uploaded with other settings of tasks and jobs"
    return None


def _wanted(plan: VideoPlan, part: Part, left: TaskEntry | None) -> TaskEntry:
    return TaskEntry(
        video=part.video_id,
        part=part.number,
        parts=part.count,
        name=part.task_name,
        mark=new_mark() if left is None or left.is_complete else left.mark,
        digest=part.digest,
        video_digest=plan.digest,
        frames_sent=len(part.names),
        first_frame=int(part.frames[0]),
        last_frame=int(part.frames[-1]),
    )


def _holds_any(annotations: Mapping[str, Any]) -> bool:
    return any(annotations.get(kind) for kind in ("tags", "shapes", "tracks"))
