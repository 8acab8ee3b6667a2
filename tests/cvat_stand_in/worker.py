"""The queue of background requests and the threads that work on them."""

import threading
import time
from datetime import UTC, datetime, timedelta

from cvat_stand_in.creation import Outcome, create
from cvat_stand_in.faults import CreationError, Faults, WorkerFault, WorkerStopsError
from cvat_stand_in.messages import Refusal, forbidden
from cvat_stand_in.state import Background, Job, State, User, now

DAY = timedelta(days=1)


class Worker:
    """Creates tasks in threads of their own.

    Args:
        state: what it works on.
        faults: its own faults are among them.
        share: where ``server_files`` lie.
        polls: how often at least a request is told to be ``queued``, then ``started``, before it
            is told to be ``finished``; a client that polls too rarely or gives up early is found
            out without any waiting.
    """

    def __init__(self, state: State, faults: Faults, share, polls: tuple[int, int] = (0, 1)):
        self.state = state
        self.faults = faults
        self.share = share
        self.polls = polls
        self._generation = 0

    def enqueue(self, work: Background, parameters: dict) -> None:
        arguments = (work, parameters, self._generation)
        threading.Thread(target=self._run, args=arguments, daemon=True).start()

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
            if work.owner is not user and user.group != "admin":
                raise forbidden()
            work.polls += 1
            queued, started = self.polls
            shown = Background(**vars(work))
            if work.polls <= queued + started:
                shown.finished = shown.expiry = None
                shown.message = ""
                shown.status = "started" if work.polls > queued else "queued"
                shown.started = shown.started if work.polls > queued else None
            return shown

    def _run(self, work: Background, parameters: dict, generation: int) -> None:
        task = work.task
        with self.state.lock:
            work.status, work.started = "started", now()
        root = self.share
        if task.data.cloud_storage_id is not None:
            root = self.state.buckets[task.data.cloud_storage_id].folder
        message = ""
        try:
            outcome = create(task, parameters, root)
            fault = self.faults.take(WorkerFault, task)
            if fault:
                fault.spoil(outcome)
        except CreationError as error:
            message = str(error)
        except WorkerStopsError:
            return
        with self.state.lock:
            if generation != self._generation or task.id not in self.state.tasks:
                return
            if not message:
                self._commit(work, outcome)
            work.status = "failed" if message else "finished"
            work.message = message
            work.finished = now()
            kept = DAY if message else timedelta(seconds=500)
            work.expiry = (datetime.now(UTC) + kept).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _commit(self, work: Background, outcome: Outcome) -> None:
        task = work.task
        task.mode = "annotation"
        task.segment_size, task.overlap = outcome.segment_size, outcome.overlap
        task.data.frames = outcome.frames
        task.data.chunk_size = outcome.chunk_size
        task.data.stop_frame = outcome.stop_frame
        task.data.chunks_updated = task.updated = now()
        for start, stop in outcome.borders:
            job = Job(self.state.new_id("job"), task, start, stop)
            self.state.jobs[job.id] = job


def wait_until(true, seconds: float = 10.0) -> None:
    """Wait for something that another thread does.

    Raises:
        TimeoutError: it did not happen.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)
