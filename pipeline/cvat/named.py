"""Annotations of a server by the names of labels and attributes, read and written whole."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ..base.errors import InputError, UndecidedError, UnprovenError, UsageError
from ..base.words import listing
from ..dataset.saved_annotations import KINDS, SavedAnnotations
from .jobs import (
    Annotations,
    create_annotations,
    delete_annotations,
    is_one_portion,
    put_annotations,
)
from .model import ServerJob, TaskState
from .names import Names, compare, has_any
from .server import CvatServer
from .session import Session

Json = dict[str, Any]

_ROUNDS = 2


@dataclass(frozen=True)
class FullIssue:
    """An issue with all that was said in it; ``messages`` are (user, text), the first its own."""

    id: int
    job_id: int
    frame: int
    position: tuple[float, ...]
    is_resolved: bool
    messages: tuple[tuple[str, str], ...]


class NamedAnnotations:
    """The annotations of a server by names, through an authenticated session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.server = CvatServer(session)

    def names(self, task_id: int) -> Names:
        """Return the labels of a task."""
        return Names(self._session.list_all("labels", task_id=task_id))

    def read(self, task_id: int) -> SavedAnnotations | None:
        """Return all annotations of a task, each with its job; see `SavedAnnotations`.

        ``None`` if there is no such task, or if it has no frames.
        """
        task = self.server.task(task_id)
        return None if task is None else self.read_of(task)

    def read_of(self, task: TaskState) -> SavedAnnotations | None:
        """Return all annotations of a task that the server has just told of; see `read`."""
        if not task.size:
            return None
        names = self.names(task.id)
        named: dict[str, list[Json]] = {kind: [] for kind in KINDS}
        jobs = self.server.jobs(task.id)
        for place, told in enumerate(self.server.annotations_of_jobs([job.id for job in jobs])):
            for kind in KINDS:
                named[kind] += [{"job": place, **names.named(one)} for one in told[kind]]
        return self._saved(task, jobs, named)

    def tracks(self, task_id: int, jobs: Mapping[int, Sequence[Json]]) -> SavedAnnotations:
        """Return tracks of a task, to be put back in the place of what they become.

        Args:
            task_id: the task.
            jobs: tracks as the API tells of them, by the id of their job.

        Raises:
            InputError: the task is gone.
        """
        names, task = self.names(task_id), self.server.task(task_id)
        if task is None:
            raise InputError(f"task {task_id}: it is gone from CVAT.")
        named = [
            {"job": job_id, **names.named(deepcopy(track), keeps_ids=True)}
            for job_id, tracks in jobs.items()
            for track in tracks
        ]
        given = {"tags": [], "shapes": [], "tracks": named}
        return self._saved(task, self.server.jobs(task_id), given, is_part=True)

    def _saved(
        self,
        task: TaskState,
        jobs: Sequence[ServerJob],
        named: Mapping[str, list[Json]],
        *,
        is_part: bool = False,
    ) -> SavedAnnotations:
        shown = self.server.frames(task.id)
        first = shown.frames[0]
        return SavedAnnotations(
            host=self.server.host,
            organization=self.server.organization,
            project=task.project_id,
            task=task.id,
            task_name=task.name,
            images=tuple(frame.name for frame in shown.frames),
            image_size=(first.width, first.height),
            deleted=tuple(sorted(shown.deleted)),
            jobs=tuple((job.start, job.stop) for job in jobs),
            is_part=is_part,
            tags=named["tags"],
            shapes=named["shapes"],
            tracks=named["tracks"],
        )

    def write(
        self,
        task_id: int,
        jobs: Mapping[int, Mapping[str, Sequence[Json]]],
        *,
        spares: bool = False,
    ) -> None:
        """Replace all annotations of jobs, and prove it by reading them back.

        Args:
            task_id: their task.
            jobs: tags, shapes and tracks by names, by the job's id.
            spares: refuse where a job has others.

        Raises:
            UsageError: the task lacks a label or an attribute.
            UndecidedError: it has other annotations.
            UnprovenError: the server shows something else.
        """
        names = self.names(task_id)
        lacking = {
            each
            for given in jobs.values()
            for kind in KINDS
            for one in given[kind]
            for each in names.unknown(one)
        }
        if lacking:
            raise UsageError(
                f"task {task_id} has not all labels that these annotations need: "
                f"{listing(sorted(lacking))}",
                "Add them to its project in CVAT, then run the same command again.",
            )
        waiting = []
        for job_id, given in jobs.items():  # one by one, as both may be large
            there = self.server.annotations(job_id)
            wanted = _with_ids(names, given)
            difference = compare(wanted, there)
            if not difference:
                continue
            # One request is never done by half, so what is there of few is somebody's.
            is_begun = not has_any(difference.others) and not is_one_portion(wanted)
            if spares and has_any(there) and not is_begun:
                raise UndecidedError(
                    f"task {task_id} has other annotations in job {job_id}, so nothing was put "
                    "into it",
                    "'prep annotations restore --force' saves these first, and replaces them then.",
                )
            waiting.append(job_id)
        for job_id in waiting:
            self._write_job(task_id, job_id, _with_ids(names, jobs[job_id]))
        if doubtful := self._session.unanswered.intersection(waiting):
            # What no answer came to may be carried out after all: wait once more, then look.
            self._session.pause(self._session.waits.late_seconds[-1])
            for job_id in sorted(doubtful):
                self._session.unanswered.discard(job_id)
                self._write_job(task_id, job_id, _with_ids(names, jobs[job_id]), is_proven=True)

    def _write_job(
        self, task_id: int, job_id: int, wanted: Annotations, *, is_proven: bool = False
    ) -> None:
        """Give a job the annotations wanted and no others, and prove it.

        What is there of them already stays, where they are too many for one request: a run that
        was cut off has put it there. A request that was thought lost may be carried out late, so
        all is put right once more; but what others add meanwhile is not saved, and so not removed.
        Once it was proven (``is_proven``), that is nothing to tell of either.
        """

        def left(there: Mapping[str, Any]) -> int:
            return sum(map(len, compare(wanted, there).lacks.values()))

        for number in range(is_proven, _ROUNDS + 1):
            there = self.server.annotations(job_id)
            difference = compare(wanted, there)
            is_all = not (has_any(difference.lacks) or has_any(difference.twins))
            if is_all and (is_proven or not difference):
                return
            if number == _ROUNDS or (number and has_any(difference.others)):
                break
            if is_one_portion(wanted, there):
                put_annotations(self._session, job_id, wanted, left)
            else:
                delete_annotations(self._session, job_id, difference.others)
                delete_annotations(self._session, job_id, difference.twins)
                create_annotations(self._session, job_id, difference.lacks, left)
        raise UnprovenError(task_id, [f"the annotations of job {job_id} are not as they were sent"])

    def delete_frames(self, task_id: int, numbers: Iterable[int]) -> None:
        """Delete frames of a task as a person does: they keep their numbers, and may come back."""
        there = set(self.server.frames(task_id).deleted)
        wanted = there.union(numbers)
        if wanted != there:
            body = {"deleted_frames": sorted(wanted)}
            self._session.request("PATCH", f"tasks/{task_id}/data/meta", body=body)

    def worked_in_apart(self, task_id: int) -> list[int]:
        """Return the ids of jobs with annotations that are not among those of the task.

        They show frames of other jobs once more: for ground truth, or to several people.
        """
        return [
            job.id
            for job in self.server.all_jobs(task_id)
            if job.type != "annotation" and has_any(self.server.annotations(job.id))
        ]

    def issues(self, task_id: int) -> list[FullIssue]:
        """Return the issues of a task with all that was said in them, in the order of their ids."""
        listed = self._session.list_all("issues", task_id=task_id)
        said: dict[int, list[tuple[int, str, str]]] = {}
        for job_id in sorted({each["job"] for each in listed}):
            for comment in self._session.list_all("comments", job_id=job_id):
                owner = (comment.get("owner") or {}).get("username", "")
                said.setdefault(comment["issue"], []).append(
                    (comment["id"], owner, comment["message"])
                )
        return [
            FullIssue(
                each["id"],
                each["job"],
                each["frame"],
                tuple(map(float, each["position"])),
                bool(each["resolved"]),
                tuple((owner, text) for _, owner, text in sorted(said.get(each["id"], ()))),
            )
            for each in sorted(listed, key=lambda each: int(each["id"]))
        ]

    def post_issue(self, issue: FullIssue, texts: Sequence[str], known: FullIssue | None) -> None:
        """Make an issue with comments, or what a run that was cut off has left to do of it.

        Args:
            issue: its job, frame, position, and whether it is resolved.
            texts: what is said in it, the first when it is made.
            known: what is there of it.
        """
        count = 0 if known is None else len(known.messages)
        issue_id = None if known is None else known.id
        if issue_id is None:
            body = {"job": issue.job_id, "frame": issue.frame, "position": [*issue.position]}
            made = self._session.post("issues", {**body, "message": texts[0]})
            issue_id, count = int(made["id"]), 1
        for text in texts[count:]:
            self._session.post("comments", {"issue": issue_id, "message": text})
        if issue.is_resolved and not (known and known.is_resolved):
            self._session.request("PATCH", f"issues/{issue_id}", body={"resolved": True})


def _with_ids(names: Names, given: Mapping[str, Sequence[Json]]) -> dict[str, list[Json]]:
    return {kind: [names.with_ids(one) for one in given[kind]] for kind in KINDS}
