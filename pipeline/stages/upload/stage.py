"""The stage: a dataset into one project of a CVAT server, one task a video or part of it.

What is there already is left as it is. A bad task is a value, like a bad video; the others go on.
"""

import dataclasses
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from ...base.errors import (
    DatasetError,
    InterruptedRunError,
    PrepError,
    UnprovenError,
    printable,
)
from ...base.words import count
from ...base.work import Batch, Link, Watch
from ...cvat.journal import Journal, TaskEntry
from ...cvat.model import TaskState
from ...cvat.server import CvatServer
from ...dataset.store import open_dataset
from ...engines.base import Lost
from ...engines.threads import InProcess
from ...settings.cvat import CvatSettings, UploadSettings
from ...settings.stages import BreakSettings
from .clearing import forget_removed, sweep
from .decision import Decision, Work, decide
from .known import known_tasks, tell_several, uploads_meant
from .manifest import write_manifests
from .people import Staff
from .plan import Part
from .project import enter_organization, labels_of, open_project
from .result import FailedTask, PersonLoad, TaskOutcome, Told, UploadResult
from .succession import Replacing, succeed
from .target import Target
from .task import TaskMaker, until_certain
from .videos import UploadPlan, plan_dataset


def upload(
    dataset: str | os.PathLike[str],
    server: CvatServer,
    settings: UploadSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    labels: Sequence[Mapping[str, Any]] | None = None,
    replace: bool = False,
    force: bool = False,
    carry: bool = False,
    watch: Watch | None = None,
) -> UploadResult:
    """Bring a dataset into CVAT, and prove that what it shows is what is on the disk.

    So many parameters, as all but two are optional.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        server: where to; see `cvat.connect`.
        settings: project, tasks and jobs; the defaults if absent.
        breaks: what is a break, and which of them end a run; the defaults if absent.
        labels: of a project that has to be made, as CVAT's API takes them; else those of the file.
        replace: make tasks anew that are not as planned by now, if they have no annotations.
        force: also if they have; these are saved into the dataset first.
        carry: also if they have; these go to the new tasks, by video and frame.
        watch: told how it goes on.

    Raises:
        UsageError: there is nothing to upload, the project has other labels, or another prep is
            writing into the dataset.
        CvatError: the project cannot be found or made.
        InterruptedRunError: stopped by a person.
    """
    settings, watch = settings or UploadSettings(), watch or Watch()
    labels = labels_of(settings) if labels is None else labels
    store = open_dataset(dataset)
    server.refuse_read_only()
    with store.writing():  # it may finish what a killed run has begun, so nothing is read before
        plan = plan_dataset(store, settings, breaks or BreakSettings())
        if not settings.sends_images:
            write_manifests(store, plan.parts)
        journal = Journal(store.path)
        server = enter_organization(server, journal)
        notices = () if journal.find(server.host, server.organization) else server.notices
        staff = Staff(server, settings)  # before anything is made that may be for nobody
        project, warnings = open_project(server, journal, settings, labels, store)
        there = journal.open(server.host, server.organization, project.id, project.name)
        target = Target(store, server, journal, there)
        run = _Run(target, settings, staff.assignee_id, watch)
        tasks = [*run.carry_out(decide(target, plan.videos, Replacing(replace, force, carry)))]
        loads: tuple[PersonLoad, ...] = ()
        if run.gave_up is None:
            warnings += sweep(target)
            forget_removed(target)
            given, told = staff.put_to_work(target, plan.videos)
            loads, warnings = tuple(given), [*warnings, *told]
    place = {video_id: place for place, video_id in enumerate(plan.videos)}
    tasks.sort(key=lambda task: (place[task.video], task.name))
    warnings = [*notices, *warnings, *_gone(target, plan)]
    return UploadResult(server.host, project, tuple(tasks), tuple(warnings), loads)


def plan_upload(
    dataset: str | os.PathLike[str],
    settings: UploadSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    server: CvatSettings | None = None,
    replacing: Replacing | None = None,
) -> UploadPlan:
    """Return what `upload` would make of a dataset. Nothing is changed or asked.

    What of it is in CVAT already is told as ``cvat.json`` has it.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        settings: tasks and jobs; the defaults if absent.
        breaks: what is a break, and which of them end a run; the defaults if absent.
        server: where to, if that is said.
        replacing: which tasks would be made anew that are not as planned by now; none if absent.

    Raises:
        UsageError: there is nothing to upload, or the labels cannot be read.
        DatasetError: ``cvat.json`` cannot be read.
    """
    settings = settings or UploadSettings()
    labels_of(settings)
    store = open_dataset(dataset)
    plan = plan_dataset(store, settings, breaks or BreakSettings())
    uploads = uploads_meant(Journal(store.path), settings, server or CvatSettings())
    replacing = replacing or Replacing(False, False, False)
    known = known_tasks(uploads[0], plan.videos, replacing) if len(uploads) == 1 else {}
    return dataclasses.replace(plan, known=known, notes=tuple(tell_several(uploads)))


class _Run:
    """The tasks of one run. ``gave_up`` says why those that were not begun would fail as well."""

    def __init__(
        self, target: Target, settings: UploadSettings, assignee_id: int | None, watch: Watch
    ) -> None:
        self._target, self._settings, self._watch = target, settings, watch
        self._maker = TaskMaker(target, settings, assignee_id)
        self.gave_up: PrepError | None = None

    def carry_out(self, decisions: Iterable[Decision]) -> Iterator[TaskOutcome | FailedTask]:
        """Yield what became of each task, once it is decided what is to be done for all of them."""
        work: list[Work] = []
        for decision in decisions:
            if isinstance(decision, Work):
                work.append(decision)
            else:
                yield decision
        new = [each.part for each in work if each.complete is None]
        frames, size_bytes = sum(len(part.names) for part in new), sum(map(self._size_bytes, new))
        self._watch.batch_started(Batch(len(new), frames, "tasks", "bytes", size_bytes))
        # One waits long for a server, and the session to it cannot be shared with other processes.
        engine = InProcess(self._settings.parallel, math.inf, self._target.server.stopped)
        successors = defaultdict(list)
        with closing(engine.run(self._look_after, work, on_message=self._tell)) as results:
            for each, outcome in results:
                if isinstance(outcome, Lost):  # which no thread is
                    continue
                if outcome.status == "uploaded":
                    self._watch.item_done(each.wanted.name, outcome.frames)
                if each.is_successor:
                    successors[each.wanted.video].append(outcome)
                else:
                    yield outcome
        for video_id, outcomes in successors.items():
            yield from self._succeed(video_id, outcomes)

    def _succeed(
        self, video_id: str, made: list[TaskOutcome | FailedTask]
    ) -> Iterator[TaskOutcome | FailedTask]:
        """Let the new tasks of a video take the place of the old ones, if all of them are proven.

        Else the old ones stay, and the next run goes on.
        """
        if any(task.status not in {"uploaded", "unchanged"} for task in made):
            yield from made
            return
        try:
            told = until_certain(self._target.server, lambda: succeed(self._target, video_id))
        except (InterruptedRunError, DatasetError):
            raise
        except PrepError as error:
            if error.ends_run:
                self.gave_up = error
            frames = sum(task.frames for task in made)
            yield self._target.failure(error, video_id, frames)
        else:
            for task in made:
                yield task.with_told(told) if isinstance(task, TaskOutcome) else task
                told = Told()

    def _size_bytes(self, part: Part) -> int:
        """Return how many bytes are to be sent; images that are gone are told when it is begun."""
        if not self._settings.sends_images:
            return 0
        folder = self._target.store.folder(part.video_id)
        paths = (folder / name for name in part.names)
        return sum(path.stat().st_size for path in paths if path.exists())

    def _tell(self, work: Work, size_bytes: int) -> None:
        self._watch.parts_done(work.wanted.name, size_bytes)

    def _look_after(self, work: Work, link: Link) -> TaskOutcome | FailedTask:
        wanted = work.wanted
        if self.gave_up is not None:
            return self._failure(wanted, self.gave_up)
        try:
            return self._look_at_or_make(work, link).with_told(work.notes)
        except (InterruptedRunError, DatasetError):
            raise
        except UnprovenError as error:
            message = (
                f"CVAT does not show what was sent: {error}. Running again makes it anew; if that "
                "ends alike, the fault is on the server."
            )
            unproven = dataclasses.replace(wanted, task_id=error.task_id)
            return self._target.outcome(unproven, "unproven", message)
        except PrepError as error:
            if error.ends_run:
                self.gave_up = error
            return self._failure(wanted, error)

    def _failure(self, wanted: TaskEntry, error: PrepError) -> FailedTask:
        return self._target.failure(error, wanted.video, wanted.frames_sent, wanted.name)

    def _look_at_or_make(self, work: Work, link: Link) -> TaskOutcome:
        messages: tuple[str, ...] = ()
        if work.complete is not None:
            state = self._target.state(work.complete)
            if state is not None:
                return self._look_at(work.complete, state)
            messages = (f"task {work.complete.task_id} was gone from CVAT; it was made anew.",)
            self._target.forget(work.complete)
        made = self._maker.make(work.part, work.wanted, link, is_successor=work.is_successor)
        return self._target.outcome(made, "uploaded", *messages)

    def _look_at(self, entry: TaskEntry, state: TaskState) -> TaskOutcome:
        project_id = self._target.upload.project_id
        if (state.project_id, state.size) == (project_id, entry.frames_sent):
            return self._target.outcome(entry, "unchanged")
        way_out = (
            "to have it made anew, save what was annotated ('prep annotations save'), then delete "
            "it in CVAT."
            if state.project_id == project_id
            else "move it back in CVAT."
        )
        message = (
            f"task {entry.task_id} is no longer as prep left it: {count(state.size, 'frame')} in "
            f"project {state.project_id}. 'prep status --cvat' says more; {way_out}"
        )
        changed = self._target.outcome(entry, "changed", message)
        return dataclasses.replace(changed, frames=state.size)


def _gone(target: Target, plan: UploadPlan) -> Iterator[str]:
    """Yield what there is to say of videos that have tasks and are no longer in the dataset."""
    for video_id in sorted({entry.video for entry in target.entries} - plan.videos.keys()):
        yield f"{printable(video_id)} is no longer in the dataset; its task is left as it is."
