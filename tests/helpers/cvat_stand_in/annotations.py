"""Tags, shapes and tracks of jobs and tasks: checked, given ids, kept by job.

Ids are the rows' own. An update that names one puts a new row in its place under that id, and the
database refuses an id that a row of another job has.
"""

from contextlib import contextmanager
from copy import deepcopy

from .checks import KINDS, checked
from .messages import Refusal, server_error
from .state import Job, State, Task, now
from .tracks import SAME_SHAPE, cut, join, shape_likeness


def clear(job: Job) -> None:
    job.tags, job.shapes, job.tracks = [], [], []
    job.updated = now()


def of_job(state: State, job: Job) -> dict:
    """Return all annotations of a job."""
    return {"version": 0, **{kind: _filled(state, job, getattr(job, kind)) for kind in KINDS}}


def of_task(state: State, task: Task) -> dict:
    """Return all annotations of a task, those of its jobs joined at their borders."""
    return _joined(task, [(job, of_job(state, job)) for job in state.jobs_of(task)])


def put_job(state: State, job: Job, given: dict) -> dict:
    given = checked(state, job.task, given, "create")
    with _transaction([job]):
        clear(job)
        return _store(state, job, given)


def patch_job(state: State, job: Job, given: dict, action: str) -> dict:
    given = checked(state, job.task, given, _known(action))
    with _transaction([job]), _told_of_taken_ids():
        return _patched(state, job, given, action)


def put_task(state: State, task: Task, given: dict) -> dict:
    if task.data is None:
        raise server_error()
    given = checked(state, task, given, "create")
    told = []
    with _transaction(state.jobs_of(task)) as jobs:
        for job in jobs:
            clear(job)
            told.append((job, _store(state, job, _inside(job, given))))
    return _joined(task, told)


def patch_task(state: State, task: Task, given: dict, action: str) -> dict:
    if task.data is None:
        raise Refusal(400, "'NoneType' object has no attribute 'validation_mode'")
    given = checked(state, task, given, _known(action))
    with _transaction(state.jobs_of(task)) as jobs, _told_of_taken_ids():
        told = [(job, _patched(state, job, _inside(job, given), action)) for job in jobs]
    return _joined(task, told)


def _known(action: str) -> str:
    if action not in {"create", "update", "delete"}:
        raise Refusal(400, ["Please specify a correct 'action' for the request"])
    return action


class _TakenError(Refusal):
    """An id is in use: a 500 where nobody catches it."""

    def __init__(self, number: int):
        answer = server_error().answer
        super().__init__(answer.status, answer.body, answer.headers)
        self.number = number


@contextmanager
def _transaction(jobs: list[Job]):
    before = [[list(getattr(job, kind)) for kind in KINDS] for job in jobs]
    try:
        yield jobs
    except Refusal:
        for job, (tags, shapes, tracks) in zip(jobs, before, strict=True):
            job.tags, job.shapes, job.tracks = tags, shapes, tracks
        raise


@contextmanager
def _told_of_taken_ids():
    """A PATCH catches the database's error and tells it."""
    try:
        yield
    except _TakenError as taken:
        told = f"duplicate key value violates unique constraint\nDETAIL:  Key (id)=({taken.number})"
        raise Refusal(400, f"{told} already exists.\n") from taken


def _patched(state: State, job: Job, given: dict, action: str) -> dict:
    if action != "create":
        for kind in KINDS:
            gone = {one.get("id") for one in given[kind]} - {None}
            setattr(job, kind, [one for one in getattr(job, kind) if one["id"] not in gone])
    if action == "delete":
        job.updated = now()
        return {"version": 0, **given}
    return _store(state, job, given)


def _inside(job: Job, given: dict) -> dict:
    """Return what lies in the frames of a job; what lies beyond the task is in none."""
    plain = {
        kind: [
            deepcopy(one)
            for one in given[kind]
            if job.start_frame <= one["frame"] <= job.stop_frame
        ]
        for kind in ("tags", "shapes")
    }
    if any(map(_stands_twice, given["tracks"])):
        raise server_error()  # an assertion where it is interpolated
    parts = [cut(track, job.start_frame, job.stop_frame) for track in given["tracks"]]
    return {**plain, "tracks": [part for part in parts if part]}


def _stands_twice(track: dict) -> bool:
    frames = [shape["frame"] for shape in track["shapes"]]
    return len(set(frames)) < len(frames)


def _store(state: State, job: Job, given: dict) -> dict:
    stored = deepcopy(given)
    ids = {kind: _ids(state, kind) for kind in (*KINDS, "tracked")}
    for kind in ("tags", "shapes"):
        for one in stored[kind]:
            _identify(state, kind, one, ids)
    stored["tracks"] = [track for track in stored["tracks"] if track["shapes"]]
    for track in (part for one in stored["tracks"] for part in (one, *one["elements"])):
        _identify(state, "tracks", track, ids)
        if not track["shapes"]:
            continue
        track["shapes"].sort(key=lambda shape: shape["frame"])
        first = track["shapes"][0]
        if track["frame"] < first["frame"]:
            hidden = {**deepcopy(first), "id": None, "frame": track["frame"], "outside": True}
            track["shapes"].insert(0, hidden)
        track["frame"] = min(track["frame"], first["frame"])
        for shape in track["shapes"]:
            _identify(state, "tracked", shape, ids)
    for kind in KINDS:
        setattr(job, kind, getattr(job, kind) + stored[kind])
    job.updated = job.task.updated = now()
    return {"version": 0, **deepcopy(stored)}


def _identify(state: State, kind: str, one: dict, ids: dict[str, set[int]]) -> None:
    if one["id"] is None:
        one["id"] = state.new_id(kind)
    elif one["id"] in ids[kind]:
        raise _TakenError(one["id"])
    ids[kind].add(one["id"])


def _ids(state: State, kind: str) -> set[int]:
    jobs = state.jobs.values()
    tracks = [part for job in jobs for one in job.tracks for part in (one, *one["elements"])]
    if kind == "tracked":
        return {shape["id"] for track in tracks for shape in track["shapes"]}
    if kind == "tracks":
        return {track["id"] for track in tracks}
    return {one["id"] for job in jobs for one in getattr(job, kind)}


def _joined(task: Task, told: list[tuple[Job, dict]]) -> dict:
    tags, shapes, tracks = [], [], []
    for job, given in told:
        shared = range(job.start_frame, job.start_frame + (task.overlap or 0))
        tags += [tag for tag in given["tags"] if not _repeats(tag, tags, shared, _same_tag)]
        shapes += [one for one in given["shapes"] if not _repeats(one, shapes, shared, _same_shape)]
        tracks = join(tracks, given["tracks"], job.start_frame, task.overlap or 0)
    return {"version": 0, "tags": tags, "shapes": shapes, "tracks": tracks}


def _repeats(one: dict, known: list[dict], shared: range, same) -> bool:
    return one["frame"] in shared and any(
        other["frame"] == one["frame"] and same(one, other) for other in known
    )


def _same_tag(one: dict, other: dict) -> bool:
    return one["label_id"] == other["label_id"]


def _same_shape(one: dict, other: dict) -> bool:
    return shape_likeness(one, other) >= SAME_SHAPE


def _filled(state: State, job: Job, found: list[dict]) -> list[dict]:
    """Return copies with the default values of attributes that were not given."""
    labels = {label.id: label for label in state.labels_of(job.task)}
    found = deepcopy(found)
    for one in found:
        specs = labels[one["label_id"]].attributes
        if "shapes" not in one:
            _extend(one["attributes"], [(spec["id"], spec["default_value"]) for spec in specs])
            continue
        fixed = [(spec["id"], spec["default_value"]) for spec in specs if not spec["mutable"]]
        values = [(spec["id"], spec["default_value"]) for spec in specs if spec["mutable"]]
        _extend(one["attributes"], fixed)
        for shape in one["shapes"]:
            _extend(shape["attributes"], values)
            values = [(value["spec_id"], value["value"]) for value in shape["attributes"]]
    return sorted(found, key=lambda one: one["frame"] if "shapes" not in one else one["id"])


def _extend(attributes: list[dict], values: list[tuple[int, str]]) -> None:
    given = {attribute["spec_id"] for attribute in attributes}
    attributes += [{"spec_id": s, "value": value} for s, value in values if s not in given]
