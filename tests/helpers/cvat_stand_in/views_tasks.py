"""Projects, labels and tasks."""

from .accounts import may, may_create
from .labels import create_labels, update_labels
from .lists import listing
from .messages import Answer, Refusal, forbidden, server_error
from .routing import Api, created, number_of, require, route
from .state import Project, Task

LENGTHS = {"name": 256, "subset": 64, "bug_tracker": 2000}


@route("GET", "/api/projects")
def projects(api: Api) -> Answer:
    mine = api.visible(api.state.projects.values())
    return listing(api.request, mine, _fields(), api.answers.project, search=("name", "owner"))


@route("POST", "/api/projects")
def project_create(api: Api) -> Answer:
    organization = api.request.organization or None
    if not may_create(api.request.user, organization):
        raise forbidden()
    given = _checked(api.request.json())
    require(given, "name")
    project = Project(api.state.new_id("project"), given["name"], api.request.user, organization)
    api.take_base(project, given)
    create_labels(api.state, given.get("labels") or [], project_id=project.id)
    api.state.projects[project.id] = project
    return created(api.answers.project(project))


@route("GET", "/api/projects/<id>")
def project_get(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.project(api.project(number)))


@route("PATCH", "/api/projects/<id>")
def project_patch(api: Api, number: str) -> Answer:
    project = api.project(number)
    given = _checked(api.request.json())
    require(given, *({"name"} & given.keys()))
    api.take_base(project, given)
    update_labels(api.state, given.get("labels") or [], project_id=project.id)
    return Answer(body=api.answers.project(project))


@route("DELETE", "/api/projects/<id>")
def project_delete(api: Api, number: str) -> Answer:
    api.state.delete_project(api.project(number, to_delete=True))
    return Answer(204)


@route("GET", "/api/labels")
def labels(api: Api) -> Answer:
    query, state = api.request.query, api.state
    held = {"job_id": state.jobs, "task_id": state.tasks, "project_id": state.projects}
    for name, known in held.items():
        if name in query and number_of(query[name]) not in known:
            raise server_error()
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
        **_fields(),
        "subset": lambda task: task.subset,
        "mode": lambda task: task.mode,
        "project_id": lambda task: task.project_id,
        "project_name": lambda task: task.project and task.project.name,
    }
    return listing(api.request, mine, fields, api.answers.task, search=("name", "owner", "subset"))


@route("POST", "/api/tasks")
def task_create(api: Api) -> Answer:
    given = _checked(api.request.json())
    require(given, "name")
    project = _project(api, given)
    task = Task(
        api.state.new_id("task"),
        given["name"],
        api.request.user,
        api.request.organization or None,
        project,
        subset=given.get("subset", ""),
        segment_size=given.get("segment_size", 0),
        overlap=given.get("overlap"),
        consensus_replicas=given.get("consensus_replicas", 0),
    )
    api.take_base(task, given)
    create_labels(api.state, given.get("labels") or [], task_id=task.id)
    api.state.tasks[task.id] = task
    return created(api.answers.task(task))


def _project(api: Api, given: dict) -> Project | None:
    number = given.get("project_id")
    organization = api.request.organization or None
    project = api.state.projects.get(number)
    staff = project is not None and may(api.request.user, project)
    if not may_create(api.request.user, organization, in_own_project=staff):
        raise forbidden()
    if number is None:
        return None
    if given.get("labels"):
        raise Refusal(400, ["Task must have only one of Label set or project_id"])
    if project is None:
        raise Refusal(400, ["Project matching query does not exist."])
    if not staff:
        raise forbidden()
    if project.organization is not organization:
        raise Refusal(400, ["The task and its project should be in the same organization."])
    return project


@route("GET", "/api/tasks/<id>")
def task_get(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.task(api.task(number)))


@route("PATCH", "/api/tasks/<id>")
def task_patch(api: Api, number: str) -> Answer:
    task = api.task(number)
    given = _checked(api.request.json())
    require(given, *({"name"} & given.keys()))
    api.take_base(task, given)
    task.subset = given.get("subset", task.subset)
    if task.project is None:
        update_labels(api.state, given.get("labels") or [], task_id=task.id)
    return Answer(body=api.answers.task(task))


@route("DELETE", "/api/tasks/<id>")
def task_delete(api: Api, number: str) -> Answer:
    api.state.delete_task(api.task(number, to_delete=True))
    return Answer(204)


def _fields():
    """The filters that projects and tasks share."""
    return {
        "id": lambda one: one.id,
        "name": lambda one: one.name,
        "owner": lambda one: one.owner.username,
        "assignee": lambda one: one.assignee and one.assignee.username,
        "status": lambda one: "annotation",
        "updated_date": lambda one: one.updated,
        "tracker_link": lambda one: one.bug_tracker,
    }


def _checked(given: dict) -> dict:
    wrong = {
        name: [f"Ensure this field has no more than {longest} characters."]
        for name, longest in LENGTHS.items()
        if len(given.get(name) or "") > longest
    }
    for name in ("segment_size", "overlap"):
        if (given.get(name) or 0) < 0:
            wrong[name] = ["Ensure this value is greater than or equal to 0."]
    if wrong:
        raise Refusal(400, wrong)
    return given
