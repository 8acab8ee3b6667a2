"""Tags, shapes and tracks of jobs and tasks."""

from copy import deepcopy

from cvat_stand_in.messages import Refusal
from cvat_stand_in.state import Job, State, Task, now


def clear(job: Job) -> None:
    job.tags, job.shapes, job.tracks = [], [], []
    job.updated = now()


def of_job(job: Job) -> dict:
    return deepcopy({"version": 0, "tags": job.tags, "shapes": job.shapes, "tracks": job.tracks})


def of_task(state: State, task: Task) -> dict:
    jobs = state.jobs_of(task)
    return deepcopy(
        {
            "version": 0,
            "tags": [tag for job in jobs for tag in job.tags],
            "shapes": [shape for job in jobs for shape in job.shapes],
            "tracks": [track for job in jobs for track in job.tracks],
        }
    )


def put_job(state: State, job: Job, given: dict) -> dict:
    clear(job)
    _add(state, job, given)
    return of_job(job)


def patch_job(state: State, job: Job, given: dict, action: str) -> dict:
    _check_action(action)
    if action != "create":
        _remove(job, given)
    if action != "delete":
        _add(state, job, given)
    return of_job(job)


def put_task(state: State, task: Task, given: dict) -> dict:
    for job in state.jobs_of(task):
        put_job(state, job, _inside(job, given))
    return of_task(state, task)


def patch_task(state: State, task: Task, given: dict, action: str) -> dict:
    _check_action(action)
    for job in state.jobs_of(task):
        patch_job(state, job, _inside(job, given), action)
    return of_task(state, task)


def _check_action(action: str) -> None:
    if action not in {"create", "update", "delete"}:
        raise Refusal(400, ["Please specify a correct 'action' for the request"])


def _inside(job: Job, given: dict) -> dict:
    return {
        kind: [
            deepcopy(one)
            for one in given.get(kind, [])
            if job.start_frame <= one["frame"] <= job.stop_frame
        ]
        for kind in ("tags", "shapes", "tracks")
    }


def _add(state: State, job: Job, given: dict) -> None:
    for track in given.get("tracks", []):
        shapes = [
            {"id": state.new_id("shape"), "attributes": [], **shape} for shape in track["shapes"]
        ]
        job.tracks.append({"attributes": [], "elements": [], **track, "shapes": shapes})
        job.tracks[-1]["id"] = state.new_id("track")
    for kind in ("tags", "shapes"):
        for one in given.get(kind, []):
            getattr(job, kind).append(
                {"attributes": [], "elements": [], **one, "id": state.new_id(kind)}
            )
    job.updated = now()


def _remove(job: Job, given: dict) -> None:
    for kind in ("tags", "shapes", "tracks"):
        gone = {one.get("id") for one in given.get(kind, [])}
        setattr(job, kind, [one for one in getattr(job, kind) if one["id"] not in gone])
