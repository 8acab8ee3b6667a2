"""Who asks, and in which organization: sessions, tokens, access tokens, CSRF."""

import secrets
from http.cookies import SimpleCookie

from .messages import Answer, Refusal, Request, forbidden
from .state import Job, Organization, State, User

SAFE = {"GET", "HEAD", "OPTIONS"}
EXPIRES = "expires=Fri, 31 Dec 2049 23:59:59 GMT"


class Accounts:
    """The ways to be someone; all are forgotten with the server, none at a restart."""

    def __init__(self, state: State):
        self.state = state
        self._sessions: dict[str, tuple[User, str]] = {}  # id → user, CSRF token
        self._tokens: dict[str, User] = {}
        self._access_tokens: dict[str, tuple[User, bool]] = {}  # → user, read only

    def add_user(self, username: str, password: str, group: str = "user") -> User:
        user = User(self.state.new_id("user"), username, password, group)
        self.state.users[user.id] = user
        return user

    def add_access_token(self, user: User, *, read_only: bool = True) -> str:
        """Return a new access token. CVAT makes them read-only unless told otherwise."""
        token = secrets.token_urlsafe(24)
        self._access_tokens[token] = (user, read_only)
        return token

    def add_organization(
        self, slug: str, owner: User, roles: dict[User, str] | None = None
    ) -> Organization:
        known = {owner.id: "owner", **{user.id: role for user, role in (roles or {}).items()}}
        made = Organization(self.state.new_id("organization"), slug, slug, owner, known)
        self.state.organizations[made.id] = made
        return made

    def login(self, request: Request) -> Answer:
        given = request.json()
        missing = {name: ["This field is required."] for name in ("password",) if name not in given}
        if missing:
            raise Refusal(400, missing)
        for user in self.state.users.values():
            if (user.username, user.password) == (given.get("username"), given["password"]):
                break
        else:
            told = ["Unable to log in with provided credentials."]
            raise Refusal(400, {"non_field_errors": told})
        key, session, csrf = (secrets.token_hex(20) for _ in range(3))
        self._tokens[key] = user
        self._sessions[session] = (user, csrf)
        return Answer(
            body={"key": key},
            cookies=[
                f"csrftoken={csrf}; {EXPIRES}; Max-Age=31449600; Path=/; SameSite=Lax",
                f"sessionid={session}; {EXPIRES}; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax",
            ],
        )

    def read_only(self, token: str) -> bool | None:
        """Return whether an access token is read-only, None if it is none."""
        return self._access_tokens.get(token, (None, None))[1]

    def logout(self, request: Request) -> Answer:
        self._sessions.pop(_cookies(request).get("sessionid", ""), None)
        gone = 'sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/'
        return Answer(body={"detail": "Successfully logged out."}, cookies=[gone])

    def identify(self, request: Request) -> None:
        """Set the request's user and organization.

        Raises:
            Refusal: 401 or 403, or 404 for an organization that is none.
        """
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme in {"Token", "Bearer"}:
            read_only = False
            if scheme == "Token":
                request.user = self._tokens.get(secret)
            elif secret in self._access_tokens:
                request.user, read_only = self._access_tokens[secret]
            if request.user is None:
                raise Refusal(401, {"detail": "Invalid token."}, {"WWW-Authenticate": scheme})
            if read_only and request.method not in SAFE:
                raise forbidden()
        else:
            self._identify_by_session(request)
        self._set_organization(request)

    def _identify_by_session(self, request: Request) -> None:
        cookies = _cookies(request)
        if cookies.get("sessionid") not in self._sessions:
            raise Refusal(
                401,
                {"detail": "Authentication credentials were not provided."},
                {"WWW-Authenticate": "Bearer"},
            )
        request.user, csrf = self._sessions[cookies["sessionid"]]
        if request.method in SAFE:
            return
        given = request.headers.get("X-CSRFToken")
        if given is None:
            raise Refusal(403, {"detail": "CSRF Failed: CSRF token missing."})
        if given != csrf or cookies.get("csrftoken") != csrf:
            raise Refusal(403, {"detail": "CSRF Failed: CSRF token incorrect."})

    def _set_organization(self, request: Request) -> None:
        slug, header = request.query.get("org"), request.headers.get("X-Organization")
        number = request.query.get("org_id")
        if number is not None and (slug is not None or header is not None):
            told = (
                'You cannot specify "org_id" query parameter with "org" query parameter or '
                '"X-Organization" HTTP header at the same time.'
            )
            raise Refusal(400, [told])
        if slug is not None and header is not None and slug != header:
            told = (
                'You cannot specify "org" query parameter and "X-Organization" HTTP header with '
                "different values."
            )
            raise Refusal(400, [told])
        slug = header if slug is None else slug
        if slug is None and number is None:
            return
        request.organization = False
        if slug or number:
            request.organization = self._organization(request.user, slug, number)

    def _organization(self, user: User, slug: str | None, number: str | None) -> Organization:
        for one in self.state.organizations.values():
            if one.slug == slug or str(one.id) == number:
                if user.id not in one.roles and user.group != "admin":
                    raise forbidden()
                return one
        raise Refusal(404, {"detail": f"{slug or number} organization does not exist."})


def may(user: User, one) -> bool:
    """May a user see and change a project or a task, or what belongs to it?"""
    project = getattr(one, "project", None)
    return user is one.assignee or owns(user, one) or (project is not None and may(user, project))


def may_in_job(user: User, job: Job) -> bool:
    """May a user see and change a job, and what is said about it?"""
    return user is job.assignee or may(user, job.task)


def owns(user: User, one) -> bool:
    """May a user delete a project or a task?"""
    role = one.organization and one.organization.roles.get(user.id)
    project = getattr(one, "project", None)
    return (
        user.group == "admin"
        or user is one.owner
        or role in {"owner", "maintainer"}
        or (project is not None and may(user, project))
    )


def may_create(
    user: User, organization: Organization | None, *, in_own_project: bool = False
) -> bool:
    """May a user create projects and tasks, here or in a project that is his?"""
    if user.group == "admin" or user.group == "worker":
        return user.group == "admin"
    role = organization and organization.roles.get(user.id)
    return organization is None or role != "worker" or in_own_project


def _cookies(request: Request) -> dict[str, str]:
    jar = SimpleCookie(request.headers.get("Cookie", ""))
    return {name: morsel.value for name, morsel in jar.items()}
