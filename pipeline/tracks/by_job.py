"""Annotations as the jobs of a task have them, and as the task has them all together.

They are dicts as CVAT's API or `dataset.saved_annotations` write them. CVAT keeps them by job. What
it shows of a whole task it puts together on each request, which takes minutes where many jobs with
many keyframes overlap; so prep reads each job and does the same.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..dataset.saved_annotations import KINDS
from .frame_map import Shown
from .overlaps import overlaps

Json = dict[str, Any]

_SAME_SHAPE = 0.75  # the server's: boxes in two jobs that overlap so far are one


def pieces(jobs: Sequence[tuple[int, Sequence[Json]]]) -> list[Json]:
    """Return the tracks of all jobs of a task, each gone behind its job if the task goes on there.

    `overlaps.join_pieces` makes those one that jobs with an overlap cut.

    Args:
        jobs: of each job, in order, its last frame and its tracks.
    """
    end = max((stop for stop, _ in jobs), default=0)
    return [
        _ended(track, stop + 1) if stop < end else track
        for stop, tracks in jobs
        for track in tracks
    ]


def together(
    annotations: Mapping[str, Sequence[Json]], jobs: Sequence[tuple[int, int]]
) -> dict[str, list[Json]]:
    """Return the annotations of a task, of which each has its ``job``, all together.

    What two jobs both have on a frame that both show is there once; tracks are in `pieces`.

    Args:
        annotations: tags, shapes and tracks; ``job`` is a place in ``jobs``.
        jobs: first and last frame of each job.
    """
    by_job = _by_job(annotations, len(jobs))
    made: dict[str, list[Json]] = {kind: [] for kind in KINDS}
    for kind in ("tags", "shapes"):
        before: list[Json] = []
        for given in by_job:
            made[kind] += _new(given[kind], before)
            before = given[kind]
    stops = (stop for _, stop in jobs)
    made["tracks"] = pieces([(s, own["tracks"]) for s, own in zip(stops, by_job, strict=True)])
    return made


def in_same_jobs(
    annotations: Mapping[str, Sequence[Json]], old: Shown, new: Shown
) -> list[dict[str, list[Json]]] | None:
    """Return the annotations of each new job as an old one had them, by their places.

    ``None`` unless each old job has a new one that shows the very same frames.

    Args:
        annotations: tags, shapes and tracks, each with its ``job``, a place in those of ``old``.
        old: the frames of the task that has them.
        new: the frames of others.
    """
    places = {_frames(old, job): place for place, job in enumerate(old.jobs)}
    found = [places.get(_frames(new, job)) for job in new.jobs]
    if set(places.values()) - set(found) or len(places) < len(old.jobs):
        return None
    given = _by_job(annotations, len(old.jobs))
    empty: dict[str, list[Json]] = {kind: [] for kind in KINDS}
    made = []
    for place, (start, _) in zip(found, new.jobs, strict=True):
        own = empty if place is None else given[place]
        by = 0 if place is None else start - old.jobs[place][0]
        made.append({kind: [shifted(one, by) for one in own[kind]] for kind in KINDS})
    return made


def shifted(one: Json, frames: int) -> Json:
    """Return a tag, shape or track that lies some frames further on."""
    if not frames:
        return one
    made = {**one, "frame": one["frame"] + frames}
    for kind in ("shapes", "elements"):
        if kind in one:
            made[kind] = [shifted(each, frames) for each in one[kind]]
    return made


def _frames(shown: Shown, job: tuple[int, int]) -> tuple[bytes, bytes]:
    """Return which frames a job shows, and which of them are deleted."""
    own = slice(job[0], job[1] + 1)
    return shown.indices[own].tobytes(), shown.is_deleted[own].tobytes()


def _by_job(annotations: Mapping[str, Sequence[Json]], count: int) -> list[dict[str, list[Json]]]:
    jobs: list[dict[str, list[Json]]] = [{kind: [] for kind in KINDS} for _ in range(count)]
    for kind in KINDS:
        for one in annotations.get(kind) or ():
            bare = {key: value for key, value in one.items() if key != "job"}
            jobs[one["job"]][kind].append(bare)
    return jobs


def _ended(track: Json, frame: int) -> Json:
    """Return a track that is gone from a frame on, and so all of its elements."""
    shapes = track["shapes"]
    if shapes and not shapes[-1]["outside"]:
        end = {key: value for key, value in shapes[-1].items() if key != "id"}
        shapes = [*shapes, {**end, "frame": frame, "outside": True}]
    made = {**track, "shapes": shapes}
    if track.get("elements"):
        made["elements"] = [_ended(each, frame) for each in track["elements"]]
    return made


def _new(own: Sequence[Json], before: Sequence[Json]) -> list[Json]:
    """Return the tags or shapes of a job that are none of those of the job before, each of one."""
    known: dict[tuple[int, str], list[Json]] = defaultdict(list)
    for one in before:
        known[one["frame"], one["label"]].append(one)
    made = []
    for one in own:
        free = known[one["frame"], one["label"]]
        alike = [_likeness(one, other) for other in free]
        if max(alike, default=0.0) >= _SAME_SHAPE:
            del free[alike.index(max(alike))]
        else:
            made.append(one)
    return made


def _likeness(one: Json, other: Json) -> float:
    kind, points = one.get("type"), one.get("points")
    if kind != other.get("type"):
        return 0.0
    if kind == "rectangle":
        return float(overlaps(np.array([points]), np.array([other["points"]]))[0])
    same = ("points", "rotation", "elements")  # tags have none of these
    return float(all(one.get(key) == other.get(key) for key in same))
