"""The plan of an upload, in words and for machines; no server is asked."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import printable
from ..base.words import count, plural
from ..settings.cvat import UploadSettings
from .console import Answer, Console
from .layout import align
from .loads import AS_IF_NEW, FRAMES_ALONE, load_lines

if TYPE_CHECKING:  # they load libraries that --help can do without
    from ..base.guard import Failure
    from ..dataset.records import Break
    from ..stages.upload.plan import Part
    from ..stages.upload.videos import Known, UploadPlan

_SHOWN_BREAKS = 5
"""Of each task; there may be very many."""

_STATUSES = ("planned", "unfinished", "unchanged", "changed")
_COLOURS = dict.fromkeys(("uploaded", "unchanged", "planned"), "green") | {"failed": "red"}


def planned(plan: "UploadPlan", settings: UploadSettings, console: Console) -> Answer:
    """Return the answer of a dry run."""
    from ..stages.upload.people import planned_loads

    parts = plan.parts
    statuses = Counter(plan.known_of(part).status for part in parts)
    loads, assignees = planned_loads(plan, settings)
    notes = (
        *plan.notes,
        *(FRAMES_ALONE,) * (bool(loads) and settings.load == "boxes"),
        *(AS_IF_NEW,) * (bool(loads) and statuses["planned"] < len(parts)),
    )
    jobs = sorted(last - first + 1 for part in parts for first, last in part.expected_jobs)
    totals = {
        "tasks": len(parts),
        "jobs": len(jobs),
        "frames": sum(len(part.names) for part in parts),
        "shortest_job": jobs[0] if jobs else 0,
        "median_job": jobs[len(jobs) // 2] if jobs else 0,
        "longest_job": jobs[-1] if jobs else 0,
        "open_breaks": sum(len(part.open_breaks) for part in parts),
        "work_seconds": round(sum(jobs) * settings.seconds_per_image),
        "failed": len(plan.failures),
        **{status: statuses[status] for status in _STATUSES},
    }
    return Answer(
        exit_code=plan.exit_code,
        lines=(
            *_plan_lines(plan, console),
            "",
            *_plan_summary(plan, totals, settings.seconds_per_image),
            *load_lines(loads, console),
            *notes,
        ),
        results=tuple(
            _part_json(part, plan.known_of(part), assignees.get(part.task_name)) for part in parts
        ),
        totals=totals,
        warnings=(
            *(
                f"{printable(part.task_name)}: {_told(each)}: a tracker will interpolate across it."
                for part in parts
                for each in part.open_breaks
            ),
            *(
                f"{printable(part.task_name)}: {message}"
                for part in parts
                if (message := plan.known_of(part).message)
            ),
            *notes,
        ),
        errors=tuple(map(error_json, plan.failures)),
    )


def with_hint(answer: Answer) -> Answer:
    """Return the answer of who has not said where to upload to."""
    hint = "This is only the plan: add --cvat to upload it to CVAT."
    lines = (*answer.lines, "", click.style(hint, fg="yellow"))
    return dataclasses.replace(answer, lines=lines, warnings=(hint, *answer.warnings))


def _part_json(part: "Part", known: "Known", assignees: Sequence[str] | None) -> dict[str, Any]:
    return {
        "name": part.task_name,
        "video": part.video_id,
        "status": known.status,
        "url": known.url,
        "frames": len(part.names),
        "first_frame": int(part.frames[0]),
        "last_frame": int(part.frames[-1]),
        "jobs": [list(job) for job in part.expected_jobs],
        "assignees": assignees,
        "open_breaks": [
            {"kind": each.kind, "after": each.after, "before": each.before}
            for each in part.open_breaks
        ],
    }


def _plan_summary(
    plan: "UploadPlan", totals: dict[str, int], seconds_per_image: float
) -> Iterable[str]:
    made = [part for part in plan.parts if plan.known_of(part).is_to_be_made]
    yield (
        f"To be made: {count(len(made), 'task')}, "
        f"{count(sum(len(part.expected_jobs) for part in made), 'job')}, "
        f"{count(sum(len(part.names) for part in made), 'frame')}. Nothing was sent."
    )
    if there := totals["unchanged"] + totals["changed"]:
        yield (
            f"{count(there, 'task')} {plural(there, 'is', 'are')} in CVAT already, as cvat.json "
            "has it; 'prep status --cvat' asks CVAT itself."
        )
    if not totals["jobs"]:
        return
    yield (
        f"Frames a job: {totals['shortest_job']:,} to {totals['longest_job']:,}, median "
        f"{totals['median_job']:,}. Breaks inside a job: {totals['open_breaks']:,}."
    )
    yield (
        f"Work: {_hours(totals['work_seconds'])} if an image takes {seconds_per_image:g} s; "
        "measure that in the first job."
    )


def _hours(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} hours"


def _plan_lines(plan: "UploadPlan", console: Console) -> Iterable[str]:
    rows = [
        task_row(
            plan.known_of(part).status, part.task_name, len(part.names), len(part.expected_jobs)
        )
        for part in plan.parts
    ]
    for part, line in zip(plan.parts, align(rows, console.width, names=1), strict=True):
        known = plan.known_of(part)
        yield line + f"  {known.url}" * (known.url is not None)
        if known.message:
            yield click.style(f"  {known.message}", fg="yellow")
        for each in part.open_breaks[:_SHOWN_BREAKS]:
            yield click.style(f"  {_told(each)}", fg="yellow")
        if (more := len(part.open_breaks) - _SHOWN_BREAKS) > 0:
            yield click.style(f"  and {count(more, 'more break')}; --json lists all", fg="yellow")
    for failure in plan.failures:
        yield f"{click.style('failed', fg='red')}   {failure.error}"


def task_row(status: str, name: str, frames: int, jobs: int) -> tuple[str, ...]:
    """Return the row of a task, its status coloured."""
    return (
        click.style(status, fg=_COLOURS.get(status, "yellow")),
        printable(name),
        f"{frames:,} {plural(frames, 'frame'):<6}",
        f"{jobs:,} {plural(jobs, 'job'):<4}",
    )


def _told(each: "Break") -> str:
    return f"a {each.kind} break between frames {each.after} and {each.before} lies inside a job"


def error_json(failure: "Failure") -> dict[str, str]:
    """Return what JSON shows of a failure."""
    return {"kind": failure.error_kind, "message": failure.error}
