"""The data of tasks and jobs: uploads, meta, pictures, annotations."""

from . import annotations
from .creation import compressed
from .messages import Answer, Refusal, server_error
from .routing import Api, route
from .state import Background, Task, now


@route("POST", "/api/tasks/<id>/data/?", alone=False)
def upload(api: Api, number: str) -> Answer:
    return api.stand_in.uploads.post(api.request, api.task(number))


@route("GET", "/api/tasks/<id>/data/?", alone=False)
def task_picture(api: Api, number: str) -> Answer:
    task = _with_data(api.task(number))
    return _picture(api, task, range(len(task.data.frames)))


@route("GET", "/api/tasks/<id>/data/meta")
def task_meta(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.meta(_with_data(api.task(number))))


@route("PATCH", "/api/tasks/<id>/data/meta")
def task_meta_patch(api: Api, number: str) -> Answer:
    task = _with_data(api.task(number))
    wanted = _deleted(api)
    if len(set(wanted)) != len(wanted):
        raise Refusal(400, {"deleted_frames": ["Deleted frames cannot repeat"]})
    if unknown := sorted(set(wanted) - set(range(len(task.data.frames)))):
        told = f"Unknown frames {', '.join(map(str, unknown))} requested for removal"
        raise Refusal(400, {"deleted_frames": [told]})
    task.data.deleted_frames = wanted
    task.updated = now()
    return Answer(body=api.answers.meta(task))


@route("HEAD", "/api/tasks/<id>/data/<file>", alone=False)
@route("PATCH", "/api/tasks/<id>/data/<file>", alone=False)
def upload_piece(api: Api, number: str, file: str) -> Answer:
    return api.stand_in.uploads.piece(api.request, api.task(number), file)


@route("GET", "/api/jobs/<id>/data/?", alone=False)
def job_picture(api: Api, number: str) -> Answer:
    job = api.job(number)
    return _picture(api, job.task, job.frames)


@route("GET", "/api/jobs/<id>/data/meta")
def job_meta(api: Api, number: str) -> Answer:
    job = api.job(number)
    return Answer(body=api.answers.meta(job.task, job))


@route("PATCH", "/api/jobs/<id>/data/meta")
def job_meta_patch(api: Api, number: str) -> Answer:
    """Delete frames of a job, and only these; of a ground-truth job, for itself alone."""
    job = api.job(number)
    wanted, frames = set(_deleted(api)), set(job.chosen or job.frames)
    if unknown := sorted(wanted - frames):
        raise Refusal(400, [f"Frames {', '.join(map(str, unknown))} do not belong to the job"])
    if job.chosen:
        job.disabled = sorted(wanted)
    else:
        data = job.task.data
        data.deleted_frames = sorted(wanted.union(data.deleted_frames) - (frames - wanted))
    job.task.updated = now()
    return Answer(body=api.answers.meta(job.task, job))


@route("GET", "/api/tasks/<id>/annotations/?")
def task_annotations(api: Api, number: str) -> Answer:
    task = api.task(number)
    if task.data is None:
        told = b"Exporting annotations from a task without data is not allowed"
        raise Refusal(400, told, {"Content-Type": "text/html; charset=utf-8"})
    return Answer(body=annotations.of_task(api.state, task))


@route("PUT", "/api/tasks/<id>/annotations/?")
def task_annotations_put(api: Api, number: str) -> Answer:
    task = api.task(number)
    return Answer(body=annotations.put_task(api.state, task, api.request.json()))


@route("PATCH", "/api/tasks/<id>/annotations/?")
def task_annotations_patch(api: Api, number: str) -> Answer:
    task, action = api.task(number), api.request.query.get("action", "")
    return Answer(body=annotations.patch_task(api.state, task, api.request.json(), action))


@route("DELETE", "/api/tasks/<id>/annotations/?")
def task_annotations_delete(api: Api, number: str) -> Answer:
    for job in api.state.jobs_of(api.task(number)):
        annotations.clear(job)
    return Answer(204)


@route("GET", "/api/jobs/<id>/annotations/?")
def job_annotations(api: Api, number: str) -> Answer:
    return Answer(body=annotations.of_job(api.state, api.job(number)))


@route("PUT", "/api/jobs/<id>/annotations/?")
def job_annotations_put(api: Api, number: str) -> Answer:
    job = api.job(number)
    return Answer(body=annotations.put_job(api.state, job, api.request.json()))


@route("PATCH", "/api/jobs/<id>/annotations/?")
def job_annotations_patch(api: Api, number: str) -> Answer:
    job, action = api.job(number), api.request.query.get("action", "")
    return Answer(body=annotations.patch_job(api.state, job, api.request.json(), action))


@route("DELETE", "/api/jobs/<id>/annotations/?")
def job_annotations_delete(api: Api, number: str) -> Answer:
    annotations.clear(api.job(number))
    return Answer(204)


@route("POST", "/api/tasks/<id>/dataset/export")
def export(api: Api, number: str) -> Answer:
    task, user, form = api.task(number), api.request.user, api.request.query["format"]
    rq_id = (
        f"action=export&target=task&target_id={task.id}&user_id={user.id}"
        f"&format={form.replace(' ', '_').replace('.', '~')}&subresource=dataset"
    )
    api.stand_in.worker.export(Background(rq_id, task, user, "export:dataset", form))
    return Answer(202, {"rq_id": rq_id})


@route("GET", "/api/tasks/<id>/dataset/download")
def export_download(api: Api, number: str) -> Answer:
    task = api.task(number)
    work = api.state.background.get(api.request.query.get("rq_id", ""))
    if work is None or not work.result:
        told = b"Unknown export request id"
        raise Refusal(400, told, {"Content-Type": "text/html; charset=utf-8"})
    when = work.created[:19].translate(str.maketrans("-T:", "___"))
    name = f"task_{task.id}_dataset_{when}_{work.format.lower()}.zip"
    disposition = f'attachment; filename="{name}"'
    headers = {"Content-Type": "application/zip", "content-disposition": disposition}
    return Answer(body=work.result, headers={**headers, "ETag": f'"{len(work.result):x}"'})


def _picture(api: Api, task: Task, frames: range) -> Answer:
    query = api.request.query
    if query.get("type") != "frame":
        raise Refusal(400, ["Data type not specified or has wrong value"])
    if "number" not in query:
        raise Refusal(400, ["Number is not specified"])
    number, quality = int(query["number"]), query.get("quality", "compressed")
    if quality not in {"original", "compressed"}:
        raise Refusal(400, ["Wrong quality value"])
    if number not in frames:
        told = (
            f"Invalid frame '{number}'. The frame number should be in the [0, {len(frames)}] range"
        )
        raise Refusal(400, told)
    frame = task.data.frames[number]
    if quality == "original":
        with api.state.lock:
            holding = [job for job in api.state.jobs_of(task) if number in job.frames]
        if not holding:
            raise server_error()  # an assertion
        api.stand_in.chunks.make_ready(holding[0], number)
        kind = "image/png" if frame.name.lower().endswith(".png") else "image/jpeg"
        return Answer(body=frame.read(), headers={"Content-Type": kind})
    shown = compressed(frame, task.data.image_quality)
    return Answer(body=shown, headers={"Content-Type": "image/jpeg"})


def _with_data(task: Task) -> Task:
    if task.data is None:
        raise server_error()
    return task


def _deleted(api: Api) -> list[int]:
    wanted = api.request.json()["deleted_frames"]
    for place, number in enumerate(wanted):
        if type(number) is not int:
            raise Refusal(400, {"deleted_frames": {str(place): ["A valid integer is required."]}})
        if number < 0:
            told = "Ensure this value is greater than or equal to 0."
            raise Refusal(400, {"deleted_frames": {str(place): [told]}})
    return wanted
