"""Jobs that overlap: pieces that the server does not join are one track, and are retimed as one."""

import itertools

import numpy as np
import pytest
from helpers.cvat import (
    OUT,
    SKELETON,
    Caller,
    annotate,
    label_id,
    send,
    shape,
    task_named,
    told,
)
from helpers.handmade import film
from video_prep.stages.audit.stage import audit
from video_prep.stages.audit.undo import undo
from video_prep.tracks.model import outline_at, tracks_from_api

STALLED = [0.04 * step for step in [1, 1, 1, 6, 1, 1] * 5]  # 31 frames
SPEED = 150.0  # pixels a second
OVERLAP = {"jobs": "size", "job_size": 10, "overlap": 2}
LAST = 28
SHAPES = {
    "points": [10, 20],
    "polyline": [10, 20, 60, 20, 60, 70],
    "ellipse": [50, 50, 80, 40],
    "cuboid": [0, 0, 0, 40, 30, 0, 30, 40, 50, 10, 50, 50, 20, 10, 20, 50],
    "polygon": [0, 0, 60, 0, 60, 60, 0, 60],
    "rectangle": [0, 20, 50, 80],
    "skeleton": [10, 20],
}


def moved(points, x):
    return [value + (x if i % 2 == 0 else 0) for i, value in enumerate(points)]


def moving(kind, points, times, frames):
    """The keyframes of an object at a constant speed, ended behind the last one."""
    shapes = [shape(f, moved(points, SPEED * times[f]), kind=kind) for f in frames]
    return [*shapes, {**shapes[-1], "frame": frames[-1] + 1, "outside": OUT}]


def put(stand_in, task, kind, points, times, frames):
    if kind != "skeleton":
        annotate(stand_in, task, moving(kind, points, times, frames))
        return
    parts = {"nose": points, "tail": [points[0] + 30, points[1] + 5]}
    elements = [
        {
            "frame": frames[0],
            "label_id": label_id(stand_in, name),
            "shapes": moving("points", part, times, frames),
        }
        for name, part in parts.items()
    ]
    whole = {
        "frame": frames[0],
        "label_id": label_id(stand_in, "bike"),
        "shapes": moving("skeleton", [], times, frames),
        "elements": elements,
    }
    body = {"version": 0, "tags": [], "shapes": [], "tracks": [whole]}
    assert Caller(stand_in)("PUT", f"/api/tasks/{task.id}/annotations/", body).status == 200


def filmed(stand_in, dataset, kind, steps=STALLED, **jobs):
    table = film(dataset, "v", steps)
    labels = SKELETON if kind == "skeleton" else [{"name": "car"}]
    assert send(stand_in, dataset, labels=labels, **jobs).exit_code == 0
    return task_named(stand_in, "v"), table.time_seconds


def tracks_of(stand_in, where):
    return tracks_from_api(Caller(stand_in)("GET", f"/api/{where}/annotations/").json, {})


def pieces_of(stand_in, task):
    """The tracks of each job, in each also those of a skeleton, and the frames that it shows."""
    for job in stand_in.state.jobs_of(task):
        yield tracks_of(stand_in, f"jobs/{job.id}"), range(job.start_frame, job.stop_frame + 1)


def farthest(stand_in, task, before, times):
    """How far a piece is from where the object is by the clock, at most, in any job."""
    starts = {track.element: track.outline(0) for track in before}
    off = [0.0]
    for pieces, frames in pieces_of(stand_in, task):
        for track in pieces:
            for frame in set(frames) & set(range(LAST + 1)):
                there = starts[track.element] + [SPEED * times[frame], 0]
                off.append(float(np.abs(outline_at(track, frame) - there).max()))
    return max(off)


def disagreement(stand_in, task):
    """How far the pieces of two jobs are apart on the frames that both show, at most."""
    jobs = list(pieces_of(stand_in, task))
    return max(
        np.abs(outline_at(one, frame) - outline_at(other, frame)).max()
        for (before, frames), (after, more) in itertools.pairwise(jobs)
        for one, other in zip(before, after, strict=True)
        for frame in set(frames) & set(more) & set(range(LAST + 1))
    )


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("jobs", [(10, 2), (12, 5)])
def test_every_shape_follows_the_clock_in_every_job(stand_in, server, tmp_path, kind, jobs):
    ds = tmp_path / "ds"
    size, overlap = jobs
    task, times = filmed(stand_in, ds, kind, jobs="size", job_size=size, overlap=overlap)
    put(stand_in, task, kind, SHAPES[kind], times, [0, 16, LAST])
    before = tracks_of(stand_in, f"jobs/{stand_in.state.jobs_of(task)[0].id}")
    in_pieces = len(tracks_of(stand_in, f"tasks/{task.id}")) > len(before)
    assert in_pieces == (kind not in ("rectangle", "polygon"))
    assert farthest(stand_in, task, before, times) > 20

    found = audit(ds, server)
    assert {f.finding.parent_id or f.finding.track_id for f in found.findings} == {
        before[0].parent_id or before[0].id
    }
    assert [(f.finding.first_frame, f.finding.last_frame) for f in found.findings[:1]] == [
        (16, LAST)
    ]
    assert found.tasks[0].statistics.total.tracks == 1
    done = audit(ds, server, retime=True)
    assert told(done) == []
    assert farthest(stand_in, task, before, times) <= 2 + 0.01
    assert disagreement(stand_in, task) <= 0.01
    assert audit(ds, server, retime=True).mended == ()
    undo(server, done.mended[0].undo_file)
    assert told(audit(ds, server)) == told(found)
