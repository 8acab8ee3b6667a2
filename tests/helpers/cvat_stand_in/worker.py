"""The queue of background requests and the threads that work on them."""

import io
import json
import threading
import traceback
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from . import annotations
from .creation import Outcome, create
from .faults import CreationError, Faults, WorkerFault, WorkerStopsError
from .messages import Refusal, forbidden
from .state import TIME, Background, Job, State, Task, User, now

KEPT = {"finished": timedelta(seconds=500), "failed": timedelta(days=1)}


class Worker:
    """Creates and exports tasks, each in a thread of its own.

    Args:
        state: what it works on.
        faults: its own are among them.
        share: where ``server_files`` lie.
        polls: how often at least a request is told to be queued, and then started, before it is
            told to be finished; so a client that asks only once is found out without any waiting.

    Attributes:
        running: while this event is not set, nothing is begun: requests stay queued.
    """

    def __init__(self, state: State, faults: Faults, share: Path, polls: tuple[int, int]):
        self.state = state
        self.faults = faults
        self.share = share
        self.polls = polls
        self.running = threading.Event()
        self.running.set()
        self._generation = 0

    def create(self, work: Background, parameters: dict) -> None:
        """Queue the creation of a task from its data."""
        self._enqueue(work, lambda: self._create(work.task, parameters))

    def export(self, work: Background) -> None:
        """Queue the export of a task. Whatever the format, it is the annotations as JSON."""
        self._enqueue(work, lambda: lambda: self._export(work))

    def forget(self) -> None:
        """Lose what is queued and what is being worked on: it neither ends nor is known."""
        with self.state.lock:
            self._generation += 1
            for work in list(self.state.background.values()):
                if work.status in {"queued", "started"}:
                    del self.state.background[work.id]

    def poll(self, number: str, user: User) -> Background:
        """Return what a request looks like to the one who asks for it.

        Raises:
            Refusal: there is none, or it is someone else's.
        """
        with self.state.lock:
            work = self.state.background.get(number)
            if work is None:
                told = b"There is no request with specified id"
                raise Refusal(404, told, {"Content-Type": "text/html; charset=utf-8"})
            if work.task.id not in self.state.tasks:
                raise Refusal(400, ["Task matching query does not exist."])
            if work.owner is not user and user.group != "admin":
                raise forbidden()
            work.polls += 1
            queued, started = self.polls
            shown = replace(work)
            if work.polls <= queued:
                shown.status, shown.started = "queued", None
            elif work.polls <= queued + started and work.status in KEPT:
                shown.status = "started"
            if shown.status not in KEPT:
                shown.finished = shown.expiry = None
                shown.message = ""
            return shown

    def _enqueue(self, work: Background, act: Callable[[], Callable[[], None]]) -> None:
        self.state.background[work.id] = work
        arguments = (work, act, self._generation)
        threading.Thread(target=self._run, args=arguments, daemon=True).start()

    def _run(self, work: Background, act, generation: int) -> None:
        self.running.wait()
        with self.state.lock:
            if generation != self._generation:
                return
            work.status, work.started = "started", now()
        message = ""
        try:
            commit = act()
        except CreationError as error:
            message = f"{error}\n"
        except WorkerStopsError:
            return
        except Exception as error:
            message = "".join(traceback.format_exception_only(error))
        with self.state.lock:
            if generation != self._generation or work.task.id not in self.state.tasks:
                return
            if not message:
                commit()
            work.status, work.message = "failed" if message else "finished", message
            work.finished = now()
            work.expiry = (datetime.now(UTC) + KEPT[work.status]).strftime(TIME)

    def _create(self, task: Task, parameters: dict) -> Callable[[], None]:
        root = self.share
        if task.data.cloud_storage_id is not None:
            root = self.state.buckets[task.data.cloud_storage_id].folder
        outcome = create(task, parameters, root)
        if fault := self.faults.take(WorkerFault, task):
            fault.spoil(outcome)
        return lambda: self._commit(task, outcome)

    def _commit(self, task: Task, outcome: Outcome) -> None:
        task.mode = "annotation"
        task.segment_size, task.overlap = outcome.segment_size, outcome.overlap
        task.data.frames = outcome.frames
        task.data.chunk_size = outcome.chunk_size
        task.data.stop_frame = outcome.stop_frame
        task.data.chunks_updated = task.updated = now()
        for start, stop in outcome.borders:
            job = self._add_job(task, start, stop)
            for _ in range(task.consensus_replicas):
                self._add_job(task, start, stop, type="consensus_replica", parent=job)

    def _add_job(self, task: Task, start: int, stop: int, **more) -> Job:
        job = Job(self.state.new_id("job"), task, start, stop, **more)
        self.state.jobs[job.id] = job
        return job

    def _export(self, work: Background) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as made:
            told = annotations.of_task(self.state, work.task)
            made.writestr("annotations.json", json.dumps(told))
        work.result = archive.getvalue()
