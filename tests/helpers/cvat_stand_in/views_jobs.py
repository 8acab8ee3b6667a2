"""Jobs, and what people say about them: issues and comments."""

from .accounts import may_in_job
from .lists import listing
from .messages import Answer, Refusal, forbidden, not_found
from .routing import Api, created, number_of, require, route
from .state import Comment, Issue, Job, now

CHOICES = {
    "stage": {"annotation", "validation", "acceptance"},
    "state": {"new", "in progress", "completed", "rejected"},
}


@route("GET", "/api/jobs")
def jobs(api: Api) -> Answer:
    user = api.request.user
    mine = [job for job in api.state.jobs.values() if may_in_job(user, job)]
    fields = {
        "id": lambda job: job.id,
        "task_id": lambda job: job.task.id,
        "task_name": lambda job: job.task.name,
        "project_id": lambda job: job.task.project_id,
        "assignee": lambda job: job.assignee and job.assignee.username,
        "stage": lambda job: job.stage,
        "state": lambda job: job.state,
        "type": lambda job: job.type,
    }
    return listing(api.request, mine, fields, api.answers.job, search=("task_name", "assignee"))


@route("POST", "/api/jobs")
def job_create(api: Api) -> Answer:
    """Make the one ground-truth job of a task, of frames that the client names."""
    given = api.request.json()
    require(given, "type", "task_id", "frame_selection_method")
    if "frames" not in given:
        raise Refusal(400, {"non_field_errors": ['The "frames" field is required']})
    if not given["frames"]:
        raise Refusal(400, {"frames": ["This list may not be empty."]})
    if given["type"] != "ground_truth":
        raise Refusal(400, [f"Unexpected job type '{given['type']}'"])
    task = api.named("Task", given["task_id"])
    if task.data is None:
        told = "This task has no data attached yet. Please set up task data and try again"
        raise Refusal(400, [told])
    if any(job.type == "ground_truth" for job in api.state.jobs.values() if job.task is task):
        told = 'Task with validation mode "gt" cannot have more than 1 GT job'
        raise Refusal(400, [told])
    frames = given["frames"]
    if len(set(frames)) != len(frames):
        raise Refusal(400, ["Frames must not repeat"])
    last = len(task.data.frames) - 1
    if wrong := sorted(set(frames) - set(range(last + 1))):
        told = ", ".join(map(str, wrong))
        raise Refusal(400, [f"The following frames do not exist in the task: {told}"])
    job = Job(api.state.new_id("job"), task, 0, last, type="ground_truth", chosen=sorted(frames))
    api.state.jobs[job.id] = job
    return created(api.answers.job(job))


@route("GET", "/api/jobs/<id>")
def job_get(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.job(api.job(number)))


@route("DELETE", "/api/jobs/<id>")
def job_delete(api: Api, number: str) -> Answer:
    job = api.job(number)
    if job.type != "ground_truth":
        raise Refusal(400, ["Only ground truth jobs can be removed"])
    api.state.delete_jobs({job})
    return Answer(204)


@route("PATCH", "/api/jobs/<id>")
def job_patch(api: Api, number: str) -> Answer:
    job = api.job(number)
    given = api.request.json()
    for name, known in CHOICES.items():
        if given.get(name, getattr(job, name)) not in known:
            raise Refusal(400, {name: [f'"{given[name]}" is not a valid choice.']})
    if "assignee" in given:
        job.assignee = api.assignee(given["assignee"], job.organization)
        job.assigned = now()
    job.stage = given.get("stage", job.stage)
    job.state = given.get("state", job.state)
    job.updated = now()
    return Answer(body=api.answers.job(job))


@route("GET", "/api/issues")
def issues(api: Api) -> Answer:
    mine = [one for one in api.state.issues.values() if may_in_job(api.request.user, one.job)]
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
    job = api.named("Job", given.get("job"))
    require(given, "frame", "position", "message")
    if given["frame"] < 0:
        raise Refusal(400, {"frame": ["Ensure this value is greater than or equal to 0."]})
    if not given["position"]:
        raise Refusal(400, {"position": ["This list may not be empty."]})
    issue = Issue(
        api.state.new_id("issue"), job, api.request.user, given["frame"], given["position"]
    )
    issue.assignee = api.user(given.get("assignee"), "assignee")
    issue.resolved = given.get("resolved", False)
    api.state.issues[issue.id] = issue
    _comment(api, issue, given["message"])
    return created(api.answers.issue(issue))


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
        issue.assignee = api.user(given["assignee"], "assignee")
    issue.updated = now()
    return Answer(body=api.answers.issue(issue))


@route("DELETE", "/api/issues/<id>")
def issue_delete(api: Api, number: str) -> Answer:
    api.state.delete_issue(_issue(api, number))
    return Answer(204)


@route("GET", "/api/comments")
def comments(api: Api) -> Answer:
    user = api.request.user
    mine = [one for one in api.state.comments.values() if may_in_job(user, one.issue.job)]
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
    issue = api.named("Issue", given.get("issue"))
    require(given, "message")
    return created(api.answers.comment(_comment(api, issue, given["message"])))


@route("PATCH", "/api/comments/<id>")
def comment_patch(api: Api, number: str) -> Answer:
    comment = api.state.comments.get(number_of(number))
    if comment is None:
        raise not_found("Comment")
    if not may_in_job(api.request.user, comment.issue.job):
        raise forbidden()
    comment.message = api.request.json().get("message", comment.message)
    comment.updated = now()
    return Answer(body=api.answers.comment(comment))


def _issue(api: Api, number: str) -> Issue:
    issue = api.state.issues.get(number_of(number))
    if issue is None:
        raise not_found("Issue")
    if not may_in_job(api.request.user, issue.job):
        raise forbidden()
    return issue


def _comment(api: Api, issue: Issue, message: str) -> Comment:
    comment = Comment(api.state.new_id("comment"), issue, api.request.user, message)
    api.state.comments[comment.id] = comment
    return comment
