"""Annotations into tasks that show frames of the same video, whichever of them these are."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...base.errors import UsageError, printable
from ...base.words import count, listing
from ...cvat.named import FullIssue, NamedAnnotations
from ...dataset.image_folder import frame_of
from ...dataset.saved_annotations import KINDS, SavedAnnotations
from ...tracks.by_job import in_same_jobs, shifted, together
from ...tracks.frame_map import Shown
from ...tracks.recut import Recut, recut
from ...tracks.recut_part import NotMoved

Ints = npt.NDArray[np.int64]
Json = dict[str, Any]


class Row:
    """Tasks of one video one after the other, to be annotated as others were.

    Args:
        server: where they are.
        task_ids: theirs, in the order of their frames.
    """

    def __init__(self, server: NamedAnnotations, task_ids: Sequence[int]) -> None:
        self._server, self.task_ids = server, task_ids
        shown = [server.server.frames(each) for each in task_ids]
        self._jobs = [server.server.jobs(each) for each in task_ids]
        self._starts = [0, *itertools.accumulate(len(each.frames) for each in shown)]
        self.images = tuple(frame.name for each in shown for frame in each.frames)
        self._is_deleted = np.zeros(len(self.images), np.bool_)
        for start, each in zip(self._starts, shown, strict=False):
            self._is_deleted[[start + number for number in each.deleted]] = True

    def put(self, saved: Sequence[SavedAnnotations], *, spares: bool = False) -> list[Recut]:
        """Replace all annotations of the tasks, and prove it; return what each became.

        Args:
            saved: the annotations, of other tasks or of these.
            spares: refuse where a job has others.

        Raises:
            UsageError: the tasks show other images, or lack a label.
            UndecidedError: a job has others that are to be spared.
            CvatError: the server does not answer; `UnprovenError` where it shows
                something else.
        """
        views = [self._views(each) for each in saved]
        for each, (old, new) in zip(saved, views, strict=True):
            gone = old[[number for number in each.deleted if number < len(old)]]
            self._is_deleted |= np.isin(new, gone)
        jobs = tuple(
            (start + job.start, start + job.stop)
            for start, jobs in zip(self._starts, self._jobs, strict=False)
            for job in jobs
        )
        cuts, groups = [], 0
        for each, (old, new) in zip(saved, views, strict=True):
            is_deleted = np.isin(np.arange(len(old)), each.deleted)
            shown = Shown(old, is_deleted, each.jobs), Shown(new, self._is_deleted, jobs)
            given = _regrouped(each, groups)
            same = in_same_jobs(given, *shown)
            cuts.append(Recut(same) if same else recut(together(given, each.jobs), *shown))
            groups += _largest_group(each)
        self._write(cuts, spares)
        return cuts

    def _views(self, saved: SavedAnnotations) -> tuple[Ints, Ints]:
        """Return the frame indices of what was annotated, and of the frames of this row.

        Raises:
            UsageError: they have nothing in common.
        """
        old, new = (list(map(frame_of, names)) for names in (saved.images, self.images))
        videos = {each and each[0] for each in (*old, *new)}
        if len(videos) == 1 and None not in videos:
            pair = tuple(
                np.array([each[1] for each in one if each], np.int64) for one in (old, new)
            )
            if all((np.diff(each) > 0).all() for each in pair):
                return pair[0], pair[1]
        if saved.images == self.images:
            return np.arange(len(old)), np.arange(len(new))
        tasks = ", ".join(map(str, self.task_ids))
        raise UsageError(
            f"task {tasks} shows other images than task {saved.task} ('{printable(saved.task_name)}"
            f"'), whose annotations these are: {printable(self.images[0])} instead of "
            f"{printable(saved.images[0])}. Name a task with images of that video with --task."
        )

    def _write(self, cuts: Sequence[Recut], spares: bool) -> None:
        for number, (task_id, start) in enumerate(zip(self.task_ids, self._starts, strict=False)):
            first = sum(map(len, self._jobs[:number]))
            given = {
                job.id: {
                    kind: [shifted(o, -start) for cut in cuts for o in cut.jobs[first + at][kind]]
                    for kind in KINDS
                }
                for at, job in enumerate(self._jobs[number])
            }
            self._server.write(task_id, given, spares=spares)
            wanted = self._is_deleted[start : self._starts[number + 1]]
            self._server.delete_frames(task_id, np.flatnonzero(wanted).tolist())

    def post(self, saved: SavedAnnotations, issues: Sequence[FullIssue], user: str) -> int:
        """Post issues of another task, each on its frame, or the nearest that is there.

        Those that are there are known again, and completed where a run was cut off. Returns how
        many are not on their own frame.

        Args:
            saved: the annotations of that task.
            issues: its issues.
            user: who posts; what others have said begins with their names.
        """
        old, new = self._views(saved)
        there = {task_id: self._server.issues(task_id) for task_id in self.task_ids}
        moved = 0
        for issue in issues:
            nearest = int(np.abs(new - old[issue.frame]).argmin())
            moved += bool(new[nearest] != old[issue.frame])
            number = int(np.searchsorted(self._starts, nearest, side="right")) - 1
            frame = nearest - self._starts[number]
            holding = [job for job in self._jobs[number] if job.start <= frame <= job.stop]
            placed = dataclasses.replace(issue, job_id=holding[-1].id, frame=frame)
            texts = [
                text if who in ("", user) else f"{who}: {text}" for who, text in issue.messages
            ]
            posted = there[self.task_ids[number]]
            known = next((each for each in posted if _is_same(each, placed, texts)), None)
            if known is not None:
                posted.remove(known)
            self._server.post_issue(placed, texts, known)
        return moved


def lost_of(not_moved: Iterable[NotMoved]) -> str:
    """Return what had no frame to go to: '2 keyframes of car, 1 tag of bike'; empty for nothing."""
    lost = Counter((each.kind, each.label) for each in not_moved if each.moved_to is None)
    kinds = [
        f"{count(number, kind)} of {printable(label)}" for (kind, label), number in lost.items()
    ]
    return listing(kinds)


def _is_same(known: FullIssue, wanted: FullIssue, texts: Sequence[str]) -> bool:
    said = [text for _, text in known.messages]
    return (known.job_id, known.frame, known.position, said) == (
        wanted.job_id,
        wanted.frame,
        wanted.position,
        texts[: len(said)],
    )


def _largest_group(saved: SavedAnnotations) -> int:
    ones = itertools.chain(saved.tags, saved.shapes, saved.tracks)
    return max((int(one.get("group") or 0) for one in ones), default=0)


def _regrouped(saved: SavedAnnotations, more: int) -> dict[str, list[Json]]:
    """Return annotations whose groups are none of those that others in the same tasks have."""
    if not more:
        return saved.annotations
    return {
        kind: [{**o, "group": o["group"] + more} if o.get("group") else o for o in ones]
        for kind, ones in saved.annotations.items()
    }
