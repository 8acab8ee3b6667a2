"""One task: made, sent, proven; or taken up where an earlier run was cut off.

Each step is written into the journal before it is taken, so whatever an attempt leaves behind, the
next one finds it there, and ends with exactly one complete task.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from ...base.errors import (
    CvatError,
    CvatRefusedError,
    CvatUncertainError,
    CvatUnreachableError,
    InterruptedRunError,
    PrepError,
    RequestLostError,
    UnprovenError,
    printable,
)
from ...base.work import Link, refuse_stopped
from ...cvat.archive import Archive
from ...cvat.failures import lasting
from ...cvat.journal import TaskEntry
from ...cvat.model import TaskSpec
from ...cvat.proof import choose_ends, choose_verified, compare_frames, compare_jobs
from ...cvat.server import CvatServer
from ...settings.cvat import UploadSettings
from .plan import Part
from .target import Target

T = TypeVar("T")

_ATTEMPTS = 3
_READ_AT_ONCE = 5
"""Images, for the proof: the server makes one chunk ready while it does another."""
_ARCHIVE_NAME = "images.zip"
_MEBIBYTE = 2**20


def until_certain(server: CvatServer, attempt: Callable[[], T]) -> T:
    """Return what an attempt does that goes on from what is there, where connections break.

    Raises:
        CvatUncertainError: they broke too often.
        InterruptedRunError: a person stopped it.
    """
    statuses = set()
    for number in range(1, _ATTEMPTS + 1):
        try:
            return attempt()
        except CvatUncertainError as error:
            statuses.add(error.status)
            if number == _ATTEMPTS:
                raise lasting(error, _ATTEMPTS if len(statuses) == 1 else 1) from None
            if server.stopped.wait(server.waits.task_seconds * number):
                raise InterruptedRunError("interrupted") from None
    raise AssertionError


@dataclass(frozen=True)
class TaskMaker:
    """Brings parts of a dataset into one project of a server."""

    target: Target
    settings: UploadSettings
    assignee_id: int | None

    @property
    def _server(self) -> CvatServer:
        return self.target.server

    def make(
        self, part: Part, wanted: TaskEntry, link: Link, *, is_successor: bool = False
    ) -> TaskEntry:
        """Return the entry of the complete task.

        Where the connection breaks, it is tried again from what is there.

        Args:
            part: what the task is to hold.
            wanted: its entry as it is to be written before anything is done; it has the mark of
                what an earlier run has left.
            link: told how many more bytes were sent; asked often whether to give up.
            is_successor: it takes the place of another, so it is proven and gets no name yet.

        Raises:
            CvatError: it did not work; `UnprovenError` where CVAT shows something else.
            UnbalancedVideoError: an image cannot be read, or is not what was extracted.
            DatasetError: the journal cannot be written.
            InterruptedRunError: the link is stopped.
        """

        def attempt() -> TaskEntry:
            entry = self._attempt(part, wanted, link)
            return entry if entry.is_complete or is_successor else self.target.name(entry)

        return until_certain(self._server, attempt)

    def _attempt(self, part: Part, wanted: TaskEntry, link: Link) -> TaskEntry:
        entry = self._take_up(part, wanted, link)
        if entry.jobs:
            return entry
        spec = TaskSpec(
            name=entry.working_name,
            project_id=self.target.upload.project_id,
            subset=self.settings.subset,
            bug_tracker=self.settings.bug_tracker,
            assignee_id=self.assignee_id,
            segment_size=part.segment_size,
            overlap=part.overlap,
        )
        entry = self.target.put(entry, task_id=self._server.create_task(spec))
        try:
            entry = self.target.put(entry, request_id=self._send(part, entry, link))
            self._wait(entry)
        except (CvatUncertainError, CvatUnreachableError, InterruptedRunError):
            raise  # the next attempt looks what is there
        except PrepError:
            with contextlib.suppress(CvatError):
                self.target.delete_leftovers(entry)
            raise
        return self._prove(part, entry, link)

    def _take_up(self, part: Part, wanted: TaskEntry, link: Link) -> TaskEntry:
        """Finish what an earlier attempt had wholly sent; delete all else that it left."""
        left = self.target.journal.task(self.target.upload, wanted)
        left = left and self.target.settle(left)
        if left and left.is_complete:
            return left
        state = left and self.target.state(left)
        is_same = left and left.digest == wanted.digest
        if left and state and is_same and self.target.is_here(state, left.working_name):
            with contextlib.suppress(CvatRefusedError, RequestLostError, UnprovenError):
                if state.size == 0 and left.request_id is not None:
                    self._wait(left)
                    return self._prove(part, left, link)
                if state.size > 0:
                    return self._prove(part, left, link)
        if left is not None:  # else nothing of it was ever begun
            self.target.delete_leftovers(left)
        return self.target.put(wanted)

    def _send(self, part: Part, entry: TaskEntry, link: Link) -> str:
        def tell(size_bytes: int) -> None:
            if size_bytes > 0:  # what is taken back is told in any case
                refuse_stopped(link)
            link.tell(size_bytes)

        assert entry.task_id is not None  # noqa: S101
        params: dict[str, object] = {"image_quality": self.settings.image_quality}
        if part.jobs is None:
            params["sorting_method"] = "lexicographical"
        else:
            names = part.server_names
            params["job_file_mapping"] = [list(names[a : b + 1]) for a, b in part.jobs]
        if not self.settings.sends_images:
            if self.settings.cloud_storage is not None:
                params["cloud_storage_id"] = self.settings.cloud_storage
            files = [*part.server_names, part.folder + part.manifest_name]
            return self._server.link_files(entry.task_id, files, params)
        return self._server.send_archive(
            entry.task_id,
            Archive(self.target.store.folder(part.video_id), part.names, part.crc32.tolist()),
            _ARCHIVE_NAME,
            params,
            self.settings.request_size * _MEBIBYTE,
            tell,
        )

    def _wait(self, entry: TaskEntry) -> None:
        assert entry.task_id is not None  # noqa: S101
        assert entry.request_id is not None  # noqa: S101
        self._server.wait_created(entry.task_id, entry.request_id, self.settings.deadline_seconds)

    def _prove(self, part: Part, entry: TaskEntry, link: Link) -> TaskEntry:
        """Compare all that the server says with the part.

        The images at both ends are read in any case, and what takes longest of it is the server's
        making ready of their chunks: it does so while it is asked for all else.
        """
        assert entry.task_id is not None  # noqa: S101
        task_id = entry.task_id
        folder = self.target.store.folder(part.video_id)

        def differs(number: int) -> bool:
            refuse_stopped(link)
            image = folder / part.names[number]
            return self._server.frame_bytes(task_id, number) != image.read_bytes()

        with ThreadPoolExecutor(_READ_AT_ONCE, "prep-proof") as threads:
            ends = choose_ends(self.settings.verify, len(part.names))
            reading = {number: threads.submit(differs, number) for number in ends}
            listing = threads.submit(self._server.jobs, task_id)
            shown, jobs = self._server.frames(task_id), listing.result()
            problems = compare_frames(part.server_names, part.image_size, shown.frames)
            problems += compare_jobs(part.expected_jobs, jobs)
            if problems:
                raise UnprovenError(task_id, problems)
            verified = choose_verified(self.settings.verify, jobs, shown.chunk_size)
            others = (number for number in verified if number not in reading)
            reading |= {number: threads.submit(differs, number) for number in others}
            problems = [
                f"{printable(part.names[number])}: CVAT gives other bytes than were sent"
                for number in verified
                if reading[number].result()
            ]
        if problems:
            raise UnprovenError(task_id, problems)
        return self.target.put(
            entry,
            jobs=tuple((job.id, job.start, job.stop) for job in jobs),
            frames_verified=tuple(verified),
        )
