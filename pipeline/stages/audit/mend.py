"""Change tracks: save, send, prove by reading back."""

import functools
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import (
    CvatError,
    InterruptedRunError,
    UnprovenError,
    printable,
)
from ...cvat.annotations import CvatAnnotations
from ...dataset.files import WRITE_ELSEWHERE
from ...dataset.saved_annotations import keep
from ...settings.cvat import AuditSettings
from ...tracks.model import tracks_from_api
from ...tracks.overlaps import join_pieces
from ...tracks.pieces import TaskView
from .result import RetimeResult, TaskAudit
from .retime import Guide, parts_of, retimed
from .task import pieces_of

_ROUNDING_PX = 0.02

Json = dict[str, Any]


def retime_task(
    server: CvatAnnotations,
    audited: TaskAudit,
    settings: AuditSettings,
    folder: Path,
    *,
    is_dry_run: bool = False,
) -> RetimeResult:
    """Add keyframes to the tracks of a task until they follow the clock, and prove it.

    What is changed is saved first. Only tracks that change are sent; all else stays as it is.

    Args:
        server: where the task is.
        audited: the task, just read.
        settings: the tolerance, and what is a stall.
        folder: where the file for undoing it is written.
        is_dry_run: change nothing, and count.

    Raises:
        DatasetError: the annotations cannot be saved.
        CvatError: the server does not answer; `UnprovenError` where it shows something else.
    """
    assert audited.task_id is not None  # noqa: S101 - it is on a server
    task = TaskView(audited.match.clock)
    given = pieces_of(server, task.clock.jobs)
    guides = _guides(given, task, settings, _uneven(audited))
    before: dict[int, list[Json]] = {}
    after: dict[int, list[Json]] = {}
    for job_id, start, stop in task.clock.jobs:
        for track in server.of_job(job_id)["tracks"]:
            parts = parts_of(track)
            known = [guides[part["id"]] for part in parts if part["id"] in guides]
            if not parts or len(known) < len(parts):
                continue
            frames = range(start, stop + 1)
            if changed := retimed(track, known, frames, task.clock.deleted):
                before.setdefault(job_id, []).append(track)
                after.setdefault(job_id, []).append(changed)
    keyframes = sum(
        _count(new) - _count(old)
        for job_id, tracks in after.items()
        for old, new in zip(before[job_id], tracks, strict=True)
    )
    count = sum(len(tracks) for tracks in after.values())
    if not count or is_dry_run:
        return RetimeResult(audited.task_id, count, keyframes, None)
    file = save_tracks(folder, server, audited.task_id, before)
    send(server, audited.task_id, after, file)
    return RetimeResult(audited.task_id, count, keyframes, file)


def _guides(
    given: Json, task: TaskView, settings: AuditSettings, wanted: Set[int | None]
) -> dict[int, Guide]:
    """Return what makes pieces of tracks follow the clock, by their ids or those of elements.

    Args:
        given: the pieces of all jobs.
        task: their task.
        settings: the tolerance, and what is a stall.
        wanted: the ids of the tracks whose pieces are meant.
    """
    seen = tracks_from_api(given, {})
    whole = join_pieces(seen, task.clock)
    guides = {
        (track.number, track.element): Guide.of(track, task, settings)
        for track in whole.tracks
        if (track.parent_id or track.id) in wanted
    }
    found = {}
    for piece in seen:
        number = whole.joined.get(piece.number, piece.number)
        if (number, piece.element) in guides and piece.id is not None:
            found[piece.id] = guides[number, piece.element]
    return found


def _uneven(audited: TaskAudit) -> Set[int | None]:
    """Return the ids of the tracks that do not follow the clock."""
    found = (each.finding for each in audited.findings if each.finding.kind == "uneven-time")
    return {finding.parent_id or finding.track_id for finding in found}


def _count(track: Json) -> int:
    return sum(len(part["shapes"]) for part in parts_of(track))


def save_tracks(
    folder: Path,
    server: CvatAnnotations,
    task_id: int,
    jobs: Mapping[int, Sequence[Json]],
    absent: Sequence[tuple[int, int]] = (),
    way_out: str = WRITE_ELSEWHERE,
) -> Path:
    """Save tracks by job as they are, and return the file that `undo.undo` reads.

    Args:
        folder: where to.
        server: where the task is.
        task_id: its id.
        jobs: the tracks, by the id of their job.
        absent: job and id of tracks that are to come, and are to go when this is put back.
        way_out: what to do if they cannot be saved.

    Raises:
        DatasetError: it cannot be written.
    """
    name = f"cvat-undo-{task_id}-{time.strftime('%Y%m%d-%H%M%S')}"
    saved = replace(server.named.tracks(task_id, jobs), absent=tuple(absent))
    return keep(saved, folder, name, "Nothing was changed in CVAT. ", way_out)[0]


def send(
    server: CvatAnnotations,
    task_id: int,
    jobs: Mapping[int, Sequence[Json]],
    file: Path,
    removed: Mapping[int, Sequence[Json]] | None = None,
) -> None:
    """Replace tracks, remove others, and read back what is there then.

    Args:
        server: where the task is.
        task_id: its id.
        jobs: by job the tracks as they are to be; a track that is gone is made again, by its id.
        file: where all of them are as they were.
        removed: by job those to be removed, once the others are sent.

    Raises:
        CvatError: the server does not answer, or, as an `UnprovenError`, shows something else.
    """
    removed = removed or {}
    way_back = (
        f"Some tracks may be changed already; --undo {printable(file)} puts all of them back."
    )
    try:
        for job_id, tracks in jobs.items():
            left = functools.partial(_count_unlike, tracks)
            server.update_tracks(job_id, tracks, left)
        for job_id, tracks in removed.items():
            server.delete_tracks(job_id, tracks)
    except (CvatError, InterruptedRunError) as error:
        raise error.with_more(way_back) from error
    except KeyboardInterrupt:
        raise InterruptedRunError("Interrupted", way_back) from None
    problems = []
    for job_id in {**jobs, **removed}:
        given = server.of_job(job_id)
        there = {track["id"] for track in given["tracks"]}
        problems += [
            f"track {track['id']} of job {job_id} is not as it was sent"
            for track in _unlike(jobs.get(job_id, ()), given)
        ]
        problems += [
            f"track {track['id']} of job {job_id} is still there"
            for track in removed.get(job_id, ())
            if track["id"] in there
        ]
    if problems:
        problems.append(f"what was there before is in {printable(file)}")
        raise UnprovenError(task_id, problems)


def _unlike(sent: Sequence[Json], given: Mapping[str, Any]) -> list[Json]:
    """Return the tracks that a job does not have as they were sent."""
    there = {track["id"]: track for track in given["tracks"]}
    return [
        track
        for track in sent
        if track["id"] not in there or not _is_same(there[track["id"]], track)
    ]


def _count_unlike(sent: Sequence[Json], given: Mapping[str, Any]) -> int:
    return len(_unlike(sent, given))


def _is_same(track: Json, sent: Json) -> bool:
    """Whether a track was read back as it was sent; new shapes have ids by then."""
    parts, sent_parts = (
        [each, *sorted(each.get("elements") or (), key=lambda element: int(element["label_id"]))]
        for each in (track, sent)
    )
    if list(map(_head, parts)) != list(map(_head, sent_parts)):
        return False
    pairs = (
        zip(_by_frame(part), _by_frame(other), strict=True)
        for part, other in zip(parts, sent_parts, strict=True)
        if len(part["shapes"]) == len(other["shapes"])
    )
    counts = [len(each["shapes"]) for each in parts]
    return counts == [len(each["shapes"]) for each in sent_parts] and all(
        _facts(one) == _facts(other)
        and len(one["points"]) == len(other["points"])
        and np.allclose(one["points"], other["points"], rtol=0, atol=_ROUNDING_PX)
        for pair in pairs
        for one, other in pair
    )


def _head(track: Json) -> Any:
    return (track["label_id"], track.get("group") or 0, _values(track))


def _values(holder: Json) -> list[Any]:
    return sorted((each["spec_id"], each["value"]) for each in holder.get("attributes") or ())


def _by_frame(track: Json) -> list[Json]:
    return sorted(track["shapes"], key=lambda shape: int(shape["frame"]))


def _facts(shape: Json) -> Any:
    return (
        shape["frame"],
        bool(shape.get("outside")),
        bool(shape.get("occluded")),
        round(float(shape.get("rotation") or 0), 3),
        shape.get("z_order") or 0,
        _values(shape),
    )
