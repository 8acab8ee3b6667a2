"""The API: one function a method and path, in the order of the API's own documentation."""

import re
from collections.abc import Callable
from urllib.parse import unquote

from cvat_stand_in import annotations
from cvat_stand_in.accounts import may
from cvat_stand_in.answers import Answers
from cvat_stand_in.creation import compressed
from cvat_stand_in.labels import create_labels, update_labels
from cvat_stand_in.lists import listing
from cvat_stand_in.messages import Answer, Refusal, Request, forbidden, not_found
from cvat_stand_in.state import Comment, Issue, Job, Project, State, Task, User, now

ROUTES: list[tuple[str, re.Pattern, Callable]] = []
PUBLIC = {("GET", "/api/server/about"), ("POST", "/api/auth/login")}


def route(method: str, path: str):
    """Register a view. ``<x>`` in the path is an argument: a number, unless it is a word."""

    def register(view):
        pattern = re.sub(r"<\w+>", r"([^/]+)", path)
        ROUTES.append((method, re.compile(pattern), view))
        return view

    return register


class Api:
    """What the views work on: the state, its looks, the uploads and the accounts."""

    def __init__(self, stand_in, request: Request, *, dies: bool):
        self.stand_in = stand_in
        self.state: State = stand_in.state
        self.request = request
        self.answers = Answers(self.state, request.host)
        self.dies = dies

    def task(self, number: str) -> Task:
        return self._owned("Task", self.state.tasks.get(_id(number)))

    def project(self, number: str) -> Project:
        return self._owned("Project", self.state.projects.get(_id(number)))

    def _owned(self, kind, one):
        if one is None:
            raise not_found(kind)
        if not may(self.request.user, one):
            raise forbidden()
        return one

    def job(self, number: str) -> Job:
        job = self.state.jobs.get(_id(number))
        if job is None:
            raise not_found("Job")
        if self.request.user is not job.assignee and not may(self.request.user, job.task):
            raise forbidden()
        return job

    def user(self, number) -> User | None:
        if number is None:
            return None
        if number not in self.state.users:
            raise Refusal(400, {"assignee_id": [f'Invalid pk "{number}" - object does not exist.']})
        return self.state.users[number]

    def visible(self, objects):
        return [one for one in objects if may(self.request.user, one)]

    def creator(self):
        """Raise unless the user may create things here; return the organization."""
        if self.request.user.group == "worker":
            raise forbidden()
        organization = self.request.organization or None
        roles = organization.roles if organization else {}
        if roles.get(self.request.user.id) == "worker" and self.request.user.group != "admin":
            raise forbidden()
        return organization


def handle(stand_in, request: Request, *, dies: bool) -> Answer:
    """Find the view of a request and call it."""
    path = request.path
    if (request.method, path) not in PUBLIC:
        stand_in.accounts.identify(request)
    allowed = False
    for method, pattern, view in ROUTES:
        found = pattern.fullmatch(path)
        if found and method == request.method:
            api = Api(stand_in, request, dies=dies)
            return view(api, *(unquote(argument) for argument in found.groups()))
        allowed = allowed or bool(found)
    if allowed:
        raise Refusal(405, {"detail": f'Method "{request.method}" not allowed.'})
    raise Refusal(
        404, b"<!doctype html><h1>Not Found</h1>", {"Content-Type": "text/html; charset=utf-8"}
    )


@route("GET", "/api/server/about")
def about(api: Api) -> Answer:
    return Answer(
        body={
            "name": "Computer Vision Annotation Tool",
            "description": "CVAT is completely re-designed and re-implemented version of Video "
            "Annotation Tool from Irvine, California tool. It is free, online, interactive video "
            "and image annotation tool for computer vision. It is being used by our team to "
            "annotate million of objects with different properties. Many UI and UX decisions are "
            "based on feedbacks from professional data annotation team.",
            "version": api.stand_in.version,
            "logo_url": f"{api.request.host}/static/logo.svg",
            "subtitle": "Open Data Annotation Platform",
        }
    )


@route("POST", "/api/auth/login")
def login(api: Api) -> Answer:
    return api.stand_in.accounts.login(api.request)


@route("POST", "/api/auth/logout")
def logout(api: Api) -> Answer:
    return api.stand_in.accounts.logout(api.request)


@route("GET", "/api/users/self")
def users_self(api: Api) -> Answer:
    return Answer(body=api.answers.own_user(api.request.user))


@route("GET", "/api/users")
def users(api: Api) -> Answer:
    fields = {
        "id": lambda user: user.id,
        "username": lambda user: user.username,
        "first_name": lambda user: user.first_name,
        "last_name": lambda user: user.last_name,
    }
    everyone = list(api.state.users.values())
    organization = api.request.organization
    if organization:
        everyone = [user for user in everyone if user.id in organization.roles]
    return listing(
        api.request, everyone, fields, api.answers.user, search=("username", "first_name")
    )


@route("GET", "/api/users/<id>")
def user(api: Api, number: str) -> Answer:
    if _id(number) not in api.state.users:
        raise not_found("User")
    return Answer(body=api.answers.user(api.state.users[_id(number)]))


@route("GET", "/api/organizations")
def organizations(api: Api) -> Answer:
    mine = [
        one
        for one in api.state.organizations.values()
        if api.request.user.id in one.roles or api.request.user.group == "admin"
    ]
    fields = {name: lambda one, name=name: getattr(one, name) for name in ("id", "slug", "name")}
    return listing(api.request, mine, fields, api.answers.organization, search=("slug", "name"))


@route("GET", "/api/projects")
def projects(api: Api) -> Answer:
    mine = api.visible(api.state.projects.values())
    return listing(api.request, mine, _fields("updated"), api.answers.project)


@route("POST", "/api/projects")
def project_create(api: Api) -> Answer:
    organization = api.creator()
    given = api.request.json()
    _check_texts(given, required=("name",))
    project = Project(api.state.new_id("project"), given["name"], api.request.user, organization)
    _take_base(api, project, given)
    with api.state.lock:
        create_labels(api.state, given.get("labels") or [], project_id=project.id)
        api.state.projects[project.id] = project
    return _created(api.answers.project(project))


@route("GET", "/api/projects/<id>")
def project_get(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.project(api.project(number)))


@route("PATCH", "/api/projects/<id>")
def project_patch(api: Api, number: str) -> Answer:
    project = api.project(number)
    given = api.request.json()
    _check_texts(given)
    with api.state.lock:
        _take_base(api, project, given)
        update_labels(api.state, given.get("labels") or [], project_id=project.id)
    return Answer(body=api.answers.project(project))


@route("DELETE", "/api/projects/<id>")
def project_delete(api: Api, number: str) -> Answer:
    with api.state.lock:
        api.state.delete_project(api.project(number))
    return Answer(204)


@route("GET", "/api/labels")
def labels(api: Api) -> Answer:
    query = api.request.query
    if "job_id" in query:
        found = api.state.labels_of(api.job(query["job_id"]).task)
    elif "task_id" in query:
        found = api.state.labels_of(api.task(query["task_id"]))
    elif "project_id" in query:
        number = api.project(query["project_id"]).id
        found = [label for label in api.state.labels.values() if label.project_id == number]
    else:
        found = list(api.state.labels.values())
    found = [label for label in found if label.parent is None]
    fields = {name: lambda one, name=name: getattr(one, name) for name in ("name", "type", "color")}
    return listing(api.request, found, fields, api.answers.label, newest_first=False)


@route("GET", "/api/tasks")
def tasks(api: Api) -> Answer:
    mine = api.visible(api.state.tasks.values())
    fields = {
        **_fields("updated", "subset", "mode", "project_id"),
        "project_name": lambda task: task.project_id and api.state.projects[task.project_id].name,
        "tracker_link": lambda task: task.bug_tracker,
    }
    return listing(api.request, mine, fields, api.answers.task)


@route("POST", "/api/tasks")
def task_create(api: Api) -> Answer:
    organization = api.creator()
    given = api.request.json()
    _check_texts(given, required=("name",))
    project_id = given.get("project_id")
    if given.get("labels") and project_id:
        raise Refusal(400, ["Task must have only one of Label set or project_id"])
    if project_id is not None:
        project = api.state.projects.get(project_id)
        if project is None:
            raise Refusal(400, [f"The specified project #{project_id} does not exist."])
        if not may(api.request.user, project):
            raise forbidden()
        if api.request.organization is None:
            organization = project.organization
        if project.organization is not organization:
            raise Refusal(400, ["The task and its project should be in the same organization."])
    task = Task(
        api.state.new_id("task"),
        given["name"],
        api.request.user,
        organization,
        project_id,
        subset=given.get("subset", ""),
        segment_size=given.get("segment_size", 0),
        overlap=given.get("overlap"),
        consensus_replicas=given.get("consensus_replicas", 0),
    )
    _take_base(api, task, given)
    with api.state.lock:
        create_labels(api.state, given.get("labels") or [], task_id=task.id)
        api.state.tasks[task.id] = task
    return _created(api.answers.task(task))


@route("GET", "/api/tasks/<id>")
def task_get(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.task(api.task(number)))


@route("PATCH", "/api/tasks/<id>")
def task_patch(api: Api, number: str) -> Answer:
    task = api.task(number)
    given = api.request.json()
    _check_texts(given)
    with api.state.lock:
        _take_base(api, task, given)
        task.subset = given.get("subset", task.subset)
        if task.project_id is None:
            update_labels(api.state, given.get("labels") or [], task_id=task.id)
    return Answer(body=api.answers.task(task))


@route("DELETE", "/api/tasks/<id>")
def task_delete(api: Api, number: str) -> Answer:
    with api.state.lock:
        api.state.delete_task(api.task(number))
    return Answer(204)


@route("POST", "/api/tasks/<id>/data/?")
def task_data(api: Api, number: str) -> Answer:
    return api.stand_in.uploads.post(api.request, api.task(number), dies=api.dies)


@route("HEAD", "/api/tasks/<id>/data/<file>")
@route("PATCH", "/api/tasks/<id>/data/<file>")
def task_data_piece(api: Api, number: str, file: str) -> Answer:
    if api.request.method == "PATCH" and file == "meta":
        return _delete_frames(api, api.task(number), None)
    return api.stand_in.uploads.piece(api.request, api.task(number), file)


@route("GET", "/api/tasks/<id>/data/?")
def task_picture(api: Api, number: str) -> Answer:
    task = api.task(number)
    return _picture(api, task, 0, len(_ready(task).frames) - 1)


@route("GET", "/api/tasks/<id>/data/meta")
def task_meta(api: Api, number: str) -> Answer:
    task = api.task(number)
    if task.data is None:
        return Answer(500, b"<h1>Server Error (500)</h1>", {"Content-Type": "text/html"})
    return Answer(body=api.answers.meta(task))


@route("GET", "/api/tasks/<id>/annotations/?")
def task_annotations(api: Api, number: str) -> Answer:
    task = api.task(number)
    if task.data is None:
        told = b"Exporting annotations from a task without data is not allowed"
        raise Refusal(400, told, {"Content-Type": "text/html; charset=utf-8"})
    with api.state.lock:
        return Answer(body=annotations.of_task(api.state, task))


@route("PUT", "/api/tasks/<id>/annotations/?")
def task_annotations_put(api: Api, number: str) -> Answer:
    with api.state.lock:
        task = api.task(number)
        return Answer(body=annotations.put_task(api.state, task, api.request.json()))


@route("PATCH", "/api/tasks/<id>/annotations/?")
def task_annotations_patch(api: Api, number: str) -> Answer:
    with api.state.lock:
        task, action = api.task(number), api.request.query.get("action", "")
        return Answer(body=annotations.patch_task(api.state, task, api.request.json(), action))


@route("DELETE", "/api/tasks/<id>/annotations/?")
def task_annotations_delete(api: Api, number: str) -> Answer:
    with api.state.lock:
        for job in api.state.jobs_of(api.task(number)):
            annotations.clear(job)
    return Answer(204)


@route("GET", "/api/jobs")
def jobs(api: Api) -> Answer:
    mine = [
        job
        for job in api.state.jobs.values()
        if api.request.user is job.assignee or may(api.request.user, job.task)
    ]
    mine = [job for job in mine if _in_task_organization(api.request, job)]
    fields = {
        "id": lambda job: job.id,
        "task_id": lambda job: job.task.id,
        "task_name": lambda job: job.task.name,
        "project_id": lambda job: job.task.project_id,
        "assignee": lambda job: job.assignee and job.assignee.username,
        "stage": lambda job: job.stage,
        "state": lambda job: job.state,
        "type": lambda job: "annotation",
    }
    return listing(api.request, mine, fields, api.answers.job, search=("task_name", "assignee"))


@route("GET", "/api/jobs/<id>")
def job_get(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.job(api.job(number)))


@route("PATCH", "/api/jobs/<id>")
def job_patch(api: Api, number: str) -> Answer:
    job = api.job(number)
    given = api.request.json()
    choices = {
        "stage": {"annotation", "validation", "acceptance"},
        "state": {"new", "in progress", "completed", "rejected"},
    }
    with api.state.lock:
        for name, known in choices.items():
            if given.get(name, getattr(job, name)) not in known:
                raise Refusal(400, {name: [f'"{given[name]}" is not a valid choice.']})
        if "assignee" in given:
            job.assignee = api.user(given["assignee"])
            job.assigned = now()
        job.stage = given.get("stage", job.stage)
        job.state = given.get("state", job.state)
        job.updated = now()
    return Answer(body=api.answers.job(job))


@route("GET", "/api/jobs/<id>/data/meta")
def job_meta(api: Api, number: str) -> Answer:
    job = api.job(number)
    return Answer(body=api.answers.meta(job.task, job))


@route("PATCH", "/api/jobs/<id>/data/meta")
def job_meta_patch(api: Api, number: str) -> Answer:
    job = api.job(number)
    return _delete_frames(api, job.task, job)


@route("GET", "/api/jobs/<id>/data/?")
def job_picture(api: Api, number: str) -> Answer:
    job = api.job(number)
    return _picture(api, job.task, job.start_frame, job.stop_frame)


@route("GET", "/api/jobs/<id>/annotations/?")
def job_annotations(api: Api, number: str) -> Answer:
    with api.state.lock:
        return Answer(body=annotations.of_job(api.job(number)))


@route("PUT", "/api/jobs/<id>/annotations/?")
def job_annotations_put(api: Api, number: str) -> Answer:
    with api.state.lock:
        job = api.job(number)
        return Answer(body=annotations.put_job(api.state, job, api.request.json()))


@route("PATCH", "/api/jobs/<id>/annotations/?")
def job_annotations_patch(api: Api, number: str) -> Answer:
    with api.state.lock:
        job, action = api.job(number), api.request.query.get("action", "")
        return Answer(body=annotations.patch_job(api.state, job, api.request.json(), action))


@route("DELETE", "/api/jobs/<id>/annotations/?")
def job_annotations_delete(api: Api, number: str) -> Answer:
    with api.state.lock:
        annotations.clear(api.job(number))
    return Answer(204)


@route("GET", "/api/issues")
def issues(api: Api) -> Answer:
    mine = [one for one in api.state.issues.values() if may(api.request.user, one.job.task)]
    fields = {
        "id": lambda one: one.id,
        "job_id": lambda one: one.job.id,
        "task_id": lambda one: one.job.task.id,
        "frame_id": lambda one: one.frame,
        "resolved": lambda one: one.resolved,
        "owner": lambda one: one.owner.username,
    }
    return listing(api.request, mine, fields, api.answers.issue, search=("owner",))


@route("POST", "/api/issues")
def issue_create(api: Api) -> Answer:
    given = api.request.json()
    wanted = ("frame", "position", "job", "message")
    missing = {name: ["This field is required."] for name in wanted if name not in given}
    if missing:
        raise Refusal(400, missing)
    if not given["message"]:
        raise Refusal(400, {"message": ["This field may not be blank."]})
    with api.state.lock:
        job = api.job(str(given["job"]))
        issue = Issue(
            api.state.new_id("issue"), job, api.request.user, given["frame"], given["position"]
        )
        api.state.issues[issue.id] = issue
        _comment(api, issue, given["message"])
        return _created(api.answers.issue(issue))


@route("GET", "/api/issues/<id>")
def issue_get(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.issue(_issue(api, number)))


@route("PATCH", "/api/issues/<id>")
def issue_patch(api: Api, number: str) -> Answer:
    issue = _issue(api, number)
    given = api.request.json()
    issue.resolved = given.get("resolved", issue.resolved)
    issue.position = given.get("position", issue.position)
    if "assignee" in given:
        issue.assignee = api.user(given["assignee"])
    issue.updated = now()
    return Answer(body=api.answers.issue(issue))


@route("DELETE", "/api/issues/<id>")
def issue_delete(api: Api, number: str) -> Answer:
    with api.state.lock:
        api.state.delete_issue(_issue(api, number))
    return Answer(204)


@route("GET", "/api/comments")
def comments(api: Api) -> Answer:
    mine = [one for one in api.state.comments.values() if may(api.request.user, one.issue.job.task)]
    fields = {
        "id": lambda one: one.id,
        "issue_id": lambda one: one.issue.id,
        "job_id": lambda one: one.issue.job.id,
        "frame_id": lambda one: one.issue.frame,
        "owner": lambda one: one.owner.username,
    }
    return listing(api.request, mine, fields, api.answers.comment, search=("owner",))


@route("POST", "/api/comments")
def comment_create(api: Api) -> Answer:
    given = api.request.json()
    missing = {name: ["This field is required."] for name in ("issue",) if name not in given}
    if missing:
        raise Refusal(400, missing)
    with api.state.lock:
        issue = _issue(api, str(given["issue"]))
        return _created(api.answers.comment(_comment(api, issue, given.get("message", ""))))


@route("GET", "/api/requests/<id>")
def request_get(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.background(api.stand_in.worker.poll(number, api.request.user)))


@route("GET", "/api/requests")
def requests(api: Api) -> Answer:
    mine = [one for one in api.state.background.values() if one.owner is api.request.user]
    fields = {
        "status": lambda one: one.status,
        "task_id": lambda one: one.task.id,
        "project_id": lambda one: one.task.project_id,
        "action": lambda one: "create",
        "target": lambda one: "task",
    }
    return listing(api.request, mine, fields, api.answers.background, search=("status",))


@route("GET", "/api/cloudstorages")
def buckets(api: Api) -> Answer:
    mine = [one for one in api.state.buckets.values() if _may_use(api, one)]
    fields = {"name": lambda one: one.name, "display_name": lambda one: one.name}
    return listing(api.request, mine, fields, api.answers.bucket)


@route("GET", "/api/cloudstorages/<id>")
def bucket_get(api: Api, number: str) -> Answer:
    bucket = api.state.buckets.get(_id(number))
    if bucket is None:
        raise not_found("CloudStorage")
    if not _may_use(api, bucket):
        raise forbidden()
    return Answer(body=api.answers.bucket(bucket))


def _may_use(api: Api, bucket) -> bool:
    user = api.request.user
    return user.group == "admin" or user is bucket.owner


def _id(number: str) -> int:
    return int(number) if number.isdigit() else -1


def _created(body: dict) -> Answer:
    headers = {"Location": body["url"]} if "url" in body else {}
    return Answer(201, body, headers)


def _fields(*plain: str):
    """The filters that projects and tasks share; ``plain`` are attributes by their own names."""
    names = {"updated": "updated_date"}
    return {
        "id": lambda one: one.id,
        "name": lambda one: one.name,
        "owner": lambda one: one.owner.username,
        "assignee": lambda one: one.assignee and one.assignee.username,
        "status": lambda one: "annotation",
        **{names.get(name, name): lambda one, name=name: getattr(one, name) for name in plain},
    }


def _check_texts(given: dict, required: tuple[str, ...] = ()) -> None:
    wrong = {name: ["This field is required."] for name in required if name not in given}
    for name, longest in (("name", 256), ("subset", 64), ("bug_tracker", 2000)):
        value = given.get(name)
        if value is not None and len(value) > longest:
            wrong[name] = [f"Ensure this field has no more than {longest} characters."]
        if name == "name" and name in given and not (value or "").strip():
            wrong[name] = ["This field may not be blank."]
    for name in ("segment_size", "overlap"):
        if given.get(name) is not None and given[name] < 0:
            wrong[name] = ["Ensure this value is greater than or equal to 0."]
    if wrong:
        raise Refusal(400, wrong)


def _take_base(api: Api, one, given: dict) -> None:
    one.name = given.get("name", one.name)
    one.bug_tracker = given.get("bug_tracker", one.bug_tracker)
    if "assignee_id" in given:
        one.assignee = api.user(given["assignee_id"])
        one.assigned = now() if one.assignee else one.assigned
    if given.get("owner_id") is not None:
        one.owner = api.user(given["owner_id"])
    for name in ("source_storage", "target_storage"):
        if given.get(name):
            stored = {"id": api.state.new_id("storage"), "cloud_storage_id": None, **given[name]}
            setattr(one, name, stored)
    one.updated = now()


def _ready(task: Task):
    if task.data is None or not task.data.frames:
        raise Refusal(400, ["Task data is not ready"])
    return task.data


def _picture(api: Api, task: Task, first: int, last: int) -> Answer:
    data = _ready(task)
    query = api.request.query
    if query.get("type") != "frame":
        raise Refusal(400, ["Unknown data type"])
    number = int(query.get("number", "-1"))
    if not first <= number <= last:
        raise Refusal(400, [f"Incorrect requested frame number: {number}"])
    frame = data.frames[number]
    if query.get("quality", "compressed") == "original":
        kind = "image/png" if frame.name.lower().endswith(".png") else "image/jpeg"
        return Answer(body=frame.read(), headers={"Content-Type": kind})
    shown = compressed(frame, data.image_quality)
    return Answer(body=shown, headers={"Content-Type": "image/jpeg"})


def _delete_frames(api: Api, task: Task, job: Job | None) -> Answer:
    data = _ready(task)
    frames = api.request.json().get("deleted_frames", data.deleted_frames)
    first, last = (job.start_frame, job.stop_frame) if job else (0, len(data.frames) - 1)
    unknown = [number for number in frames if not first <= number <= last]
    if len(set(frames)) != len(frames):
        raise Refusal(400, {"deleted_frames": ["Deleted frames cannot repeat"]})
    if unknown:
        listed = ", ".join(map(str, sorted(unknown)))
        told = f"Unknown frames {listed} requested for removal"
        raise Refusal(400, {"deleted_frames": [told]})
    with api.state.lock:
        others = [number for number in data.deleted_frames if not first <= number <= last]
        data.deleted_frames = sorted(others + frames)
    return Answer(body=api.answers.meta(task, job))


def _issue(api: Api, number: str) -> Issue:
    issue = api.state.issues.get(_id(number))
    if issue is None:
        raise not_found("Issue")
    if not may(api.request.user, issue.job.task):
        raise forbidden()
    return issue


def _comment(api: Api, issue: Issue, message: str) -> Comment:
    comment = Comment(api.state.new_id("comment"), issue, api.request.user, message)
    api.state.comments[comment.id] = comment
    return comment


def _in_task_organization(request: Request, job: Job) -> bool:
    return request.organization is None or job.task.organization is (request.organization or None)
