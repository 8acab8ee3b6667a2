"""What is to be done for each video, given what the journal knows of its tasks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...base.errors import DatasetError, PrepError, UsageError
from ...base.guard import Failure
from ...cvat.journal import TaskEntry, new_mark
from .carry import refuse_other_size
from .plan import Part
from .result import FailedTask, TaskOutcome, Told
from .succession import Replacing, doom, doomed_of, finish
from .target import Target
from .videos import VideoPlan


@dataclass(frozen=True)
class Work:
    """One task to be looked after: made, or only looked at where it is complete already.

    ``wanted`` is its entry as it is to be written before anything is done. ``is_successor``: it
    gets its name only when all tasks of its video are proven, and takes the place of others.
    ``notes``: what a person should know of what was done for the video so far.
    """

    part: Part
    wanted: TaskEntry
    complete: TaskEntry | None
    is_successor: bool
    notes: Told


Decision = TaskOutcome | FailedTask | Work


def decide(
    target: Target, plans: Mapping[str, VideoPlan | Failure], replacing: Replacing
) -> Iterator[Decision]:
    """Yield the tasks to look after, and what became of those that are left alone.

    Args:
        target: where the tasks are.
        plans: the plan of each video.
        replacing: which tasks are made anew that are not as planned.

    Raises:
        DatasetError: the journal or annotations cannot be written.
        CvatError: those that end a run.
    """
    for video_id, plan in plans.items():
        try:
            decided = list(_decide(target, video_id, plan, replacing))
        except DatasetError:
            raise
        except PrepError as error:
            if error.ends_run:
                raise
            frames = 0 if isinstance(plan, Failure) else plan.frames
            decided = [target.failure(error, video_id, frames)]
        yield from decided


def _decide(
    target: Target, video_id: str, plan: VideoPlan | Failure, replacing: Replacing
) -> Iterator[Decision]:
    notes = finish(target, video_id)
    known = [each for each in target.entries if each.video == video_id and not each.is_doomed]
    entries = {entry.part: target.settle(entry) for entry in known}
    if isinstance(plan, Failure):
        yield FailedTask(**vars(plan), video=video_id, frames=0)
        return
    complete = [entry for entry in entries.values() if entry.is_complete]
    change = change_of(plan, complete)
    if change is not None and replacing.is_wanted:
        if replacing.carries:
            refuse_other_size(target, complete, plan.parts[0].image_size)
        refusal = doom(target, complete, replacing)
        if refusal is not None:
            yield from (target.outcome(entry, "changed", change, refusal) for entry in complete)
            return
        entries = {number: entry for number, entry in entries.items() if not entry.is_complete}
    elif change is not None:
        yield from _left_alone(target, video_id, plan, complete, change)
        return
    doomed = doomed_of(target, video_id)
    if replacing.carries:
        target.put_all(doomed, is_carried=True)
    for part in plan.parts:
        left = entries.pop(part.number, None)
        there = left if left is not None and left.is_complete else None
        yield Work(part, _wanted(plan, part, left), there, bool(doomed), notes)
        notes = Told()
    for entry in entries.values():  # half-made ones of a plan with more parts
        target.delete_leftovers(entry)
        target.forget(entry)


def _left_alone(
    target: Target, video_id: str, plan: VideoPlan, complete: Sequence[TaskEntry], change: str
) -> Iterator[TaskOutcome | FailedTask]:
    """Yield what there is to say of tasks that are not as planned."""
    if len(complete) < complete[0].parts:
        error = UsageError(
            f"{change}, and not all of its tasks are complete. Use 'prep upload --cvat --replace'."
        )
        yield target.failure(error, video_id, plan.frames)
        return
    is_newer = complete[0].video_digest != plan.digest
    message = f"{change}; the task is left as it is. 'prep upload --cvat --replace' makes it anew."
    for entry in complete:
        yield target.outcome(entry, "changed" if is_newer else "unchanged", message)


def change_of(plan: VideoPlan, complete: Sequence[TaskEntry]) -> str | None:
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
