"""About the server, who one is, users, organizations, buckets, background requests."""

from .lists import listing
from .messages import Answer, Refusal, forbidden, not_found
from .routing import Api, number_of, route
from .state import Bucket


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


@route("GET", "/api/auth/access_tokens/self")
def access_token_self(api: Api) -> Answer:
    token = api.request.headers.get("Authorization", "").removeprefix("Bearer ")
    read_only = api.stand_in.accounts.read_only(token)
    if read_only is None:
        raise not_found("AccessToken")
    user = api.request.user
    dates = ("created_date", "updated_date", "expiry_date", "last_used_date")
    return Answer(
        body={
            "id": 1,
            "name": "token",
            **dict.fromkeys(dates),
            "read_only": read_only,
            "owner": api.answers.user(user),
        }
    )


@route("GET", "/api/users/self")
def users_self(api: Api) -> Answer:
    return Answer(body=api.answers.whole_user(api.request.user))


@route("GET", "/api/users")
def users(api: Api) -> Answer:
    """Outside an organization, only an admin sees others than himself."""
    organization = api.request.organization
    asker = api.request.user
    found = [
        user
        for user in api.state.users.values()
        if (user.id in organization.roles if organization else asker in (user, *api.state.admins()))
    ]
    names = ("username", "first_name", "last_name")
    fields = {name: lambda user, name=name: getattr(user, name) for name in ("id", *names)}
    render = api.answers.whole_user if asker.group == "admin" else api.answers.user
    return listing(api.request, found, fields, render, search=names)


@route("GET", "/api/users/<id>")
def user(api: Api, number: str) -> Answer:
    if number_of(number) not in api.state.users:
        raise not_found("User")
    return Answer(body=api.answers.user(api.state.users[number_of(number)]))


@route("GET", "/api/organizations")
def organizations(api: Api) -> Answer:
    user = api.request.user
    mine = [
        one
        for one in api.state.organizations.values()
        if user.id in one.roles or user.group == "admin"
    ]
    fields = {name: lambda one, name=name: getattr(one, name) for name in ("id", "slug", "name")}
    return listing(api.request, mine, fields, api.answers.organization, search=("slug", "name"))


@route("GET", "/api/server/share")
def share(api: Api) -> Answer:
    named = api.request.query.get("directory", "/").removeprefix("/")
    root = api.stand_in.share.resolve()
    folder = (root / named).resolve()
    if not (folder.is_relative_to(root) and folder.is_dir()):
        raise Refusal(400, f"{named} is an invalid directory")
    found = [
        {"name": each.name, "type": "DIR" if each.is_dir() else "REG",
         "mime_type": "DIR" if each.is_dir() else "image"}
        for each in sorted(folder.iterdir())
    ]  # fmt: skip
    return Answer(body=found)


@route("GET", "/api/cloudstorages")
def buckets(api: Api) -> Answer:
    mine = [one for one in api.state.buckets.values() if _may_use(api, one)]
    fields = {"name": lambda one: one.name, "display_name": lambda one: one.name}
    return listing(api.request, mine, fields, lambda one: _told(api, one))


@route("GET", "/api/cloudstorages/<id>")
def bucket(api: Api, number: str) -> Answer:
    found = api.state.buckets.get(number_of(number))
    if found is None:
        raise not_found("CloudStorage")
    if not _may_use(api, found):
        raise forbidden()
    return Answer(body=_told(api, found))


def _may_use(api: Api, bucket: Bucket) -> bool:
    return api.request.user.group == "admin" or api.request.user is bucket.owner


def _told(api: Api, bucket: Bucket) -> dict:
    return {
        "id": bucket.id,
        "owner": api.answers.user(bucket.owner),
        "manifests": bucket.manifests,
        "provider_type": "AWS_S3_BUCKET",
        "resource": bucket.name,
        "display_name": bucket.name,
        "created_date": bucket.created,
        "updated_date": bucket.created,
        "credentials_type": "KEY_SECRET_KEY_PAIR",
        "specific_attributes": "",
        "description": "",
        "organization": bucket.organization and bucket.organization.id,
    }


@route("GET", "/api/requests/<id>")
def background_request(api: Api, number: str) -> Answer:
    return Answer(body=api.answers.background(api.stand_in.worker.poll(number, api.request.user)))


@route("GET", "/api/requests")
def background_requests(api: Api) -> Answer:
    mine = [one for one in api.state.background.values() if one.owner is api.request.user]
    fields = {
        "status": lambda one: one.status,
        "task_id": lambda one: one.task.id,
        "project_id": lambda one: one.task.project_id,
        "action": lambda one: "create",
        "target": lambda one: "task",
    }
    return listing(api.request, mine, fields, api.answers.background, search=("status",))
