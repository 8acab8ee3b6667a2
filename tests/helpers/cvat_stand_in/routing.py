"""From a request to its view, with what all views need."""

import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from urllib.parse import unquote

from .accounts import may, may_in_job, owns
from .answers import Answers
from .messages import Answer, Refusal, Request, forbidden, not_found, server_error
from .state import Job, Organization, Project, State, Task, User, now

ROUTES: list[tuple[str, re.Pattern, Callable, bool]] = []
PUBLIC = {("GET", "/api/server/about"), ("POST", "/api/auth/login")}


def route(method: str, path: str, *, alone: bool = True):
    """Register a view.

    Args:
        method: of HTTP.
        path: ``<x>`` in it is an argument of the view; ``/?`` allows a slash.
        alone: nothing else may touch the state while the view works.
    """

    def register(view):
        pattern = re.sub(r"<\w+>", r"([^/]+)", path)
        ROUTES.append((method, re.compile(pattern), view, alone))
        return view

    return register


class Api:
    """One request in its surroundings: the state, its looks, who asks."""

    def __init__(self, stand_in, request: Request):
        self.stand_in = stand_in
        self.state: State = stand_in.state
        self.request = request
        self.answers = Answers(self.state, request.host)

    def task(self, number: str, *, to_delete: bool = False) -> Task:
        return self._permitted("Task", self.state.tasks.get(number_of(number)), to_delete)

    def project(self, number: str, *, to_delete: bool = False) -> Project:
        return self._permitted("Project", self.state.projects.get(number_of(number)), to_delete)

    def _permitted(self, kind, one, to_delete):
        if one is None:
            raise not_found(kind)
        if not (owns if to_delete else may)(self.request.user, one):
            raise forbidden()
        return one

    def job(self, number: str) -> Job:
        job = self.state.jobs.get(number_of(number))
        if job is None:
            raise not_found("Job")
        if not may_in_job(self.request.user, job):
            raise forbidden()
        return job

    def named(self, kind: str, number: Any) -> Any:
        """Return the task, job or issue that a body names."""
        held = {"Task": self.state.tasks, "Job": self.state.jobs, "Issue": self.state.issues}
        one = held[kind].get(number)
        if one is None:
            raise Refusal(400, [f"{kind} matching query does not exist."])
        job = one.job if kind == "Issue" else one
        if not (may if kind == "Task" else may_in_job)(self.request.user, job):
            raise forbidden()
        return one

    def assignee(self, number: int | None, organization: Organization | None) -> User | None:
        """Return who is to have something, if one may see him."""
        if number is None:
            return None
        user = self.state.users.get(number)
        if number and self.request.user.group != "admin":
            known = {self.request.user.id, *(organization.roles if organization else ())}
            if number not in known:
                raise forbidden()
        if user is None:
            raise server_error()
        return user

    def user(self, number: int | None, field: str) -> User | None:
        if number is None:
            return None
        if number not in self.state.users:
            raise Refusal(400, {field: [f'Invalid pk "{number}" - object does not exist.']})
        return self.state.users[number]

    def visible(self, objects):
        return [one for one in objects if may(self.request.user, one)]

    def take_base(self, one: Project | Task, given: dict) -> None:
        """Take over what projects and tasks have in common."""
        one.name = given.get("name", one.name)
        one.bug_tracker = given.get("bug_tracker", one.bug_tracker)
        if "assignee_id" in given:
            one.assignee = self.assignee(given["assignee_id"], one.organization)
            one.assigned = now() if one.assignee else one.assigned
        if given.get("owner_id") is not None:
            one.owner = self.user(given["owner_id"], "owner_id")
        for name in ("source_storage", "target_storage"):
            if given.get(name):
                number = self.state.new_id("storage")
                setattr(one, name, {"id": number, "cloud_storage_id": None, **given[name]})
        one.updated = now()


def handle(stand_in, request: Request) -> Answer:
    """Find the view of a request and call it.

    Raises:
        Refusal: there is none, or the view refuses.
    """
    lock = stand_in.state.lock
    if (request.method, request.path) not in PUBLIC:
        with lock:
            stand_in.accounts.identify(request)
    known = False
    for method, pattern, view, alone in ROUTES:
        found = pattern.fullmatch(request.path)
        if found and method == request.method:
            arguments = (unquote(argument) for argument in found.groups())
            with lock if alone else nullcontext():
                return view(Api(stand_in, request), *arguments)
        known = known or bool(found)
    if known:
        raise Refusal(405, {"detail": f'Method "{request.method}" not allowed.'})
    page = b"<!doctype html><html><body><h1>Not Found</h1></body></html>"
    raise Refusal(404, page, {"Content-Type": "text/html; charset=utf-8"})


def number_of(text: str) -> int:
    """Return the id in a path, or -1, which nothing has."""
    return int(text) if text.isdigit() else -1


def created(body: dict) -> Answer:
    return Answer(201, body, {"Location": body["url"]} if "url" in body else {})


def require(given: dict, *names: str) -> None:
    """Refuse a body in which a field is missing or an empty text."""
    wrong = {name: ["This field is required."] for name in names if name not in given}
    blank = {name for name in names if isinstance(given.get(name), str) and not given[name].strip()}
    wrong |= {name: ["This field may not be blank."] for name in blank}
    null = {name for name in names if name in given and given[name] is None}
    wrong |= {name: ["This field may not be null."] for name in null}
    is_odd = {name for name in names if "\0" in str(given.get(name))}
    wrong |= {name: ["Null characters are not allowed."] for name in is_odd}
    if wrong:
        raise Refusal(400, wrong)
