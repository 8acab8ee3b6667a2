"""Put into words what CVAT does not allow (403), and who may do it, by its public rules.

Seen of a task is all or nothing: it is not shown to who has some of its jobs.
"""

from ..base.errors import CvatPermissionError, printable

_STAFF = (
    "if you own it or its project, if one of these is assigned to you, or as a maintainer of its "
    "organization"
)
_SEEN = {
    "tasks": f"You see a task {_STAFF}; to have jobs of it is not enough.",
    "projects": "You see a project if you own it, if it is assigned to you, or as a maintainer of "
    "its organization.",
    "jobs": f"You see a job if it is assigned to you, and those of a task {_STAFF}.",
}
_MADE = {
    "projects": (
        "make a project",
        "Accounts in CVAT's group 'worker' make none; in an organization, it takes the role of a "
        "supervisor. Ask for that; or let somebody else make the project and assign it to you, "
        "and name it with 'prep upload --cvat --project'.",
    ),
    "tasks": (
        "make a task",
        "Accounts in CVAT's group 'worker' make none; others need a project that is theirs or "
        "assigned to them or, in an organization, the role of a supervisor. Ask for that, or let "
        "somebody run the command who has it.",
    ),
    "jobs": (
        "make a ground-truth job",
        "It takes a task that is yours or assigned to you and, in an organization, the role of a "
        "supervisor. Ask for that, or let somebody run the command who has it.",
    ),
}


class CvatHiddenError(CvatPermissionError):
    """One task, job or project is not shown to this user. It is there; others may be seen.

    For machines it is of the same kind as its parent.
    """

    ends_run = False


def describe_denial(
    method: str, path: str, said: str, organization: str | None
) -> CvatPermissionError:
    """Return the error for an answer with status 403.

    Args:
        method: of the request.
        path: under ``/api/``.
        said: the request and what the server answered.
        organization: in which it was asked, if any.
    """
    kind, number = [*path.split("/"), ""][:2]
    one = f"{kind[:-1]} {number}"
    if number and kind in _SEEN and method == "GET":
        return CvatHiddenError(
            f"CVAT does not let you see {one} ({said})",
            f"{_SEEN[kind]} It is there, so do not upload again: let somebody run the command who "
            f"sees it, or have {one} assigned to you.",
        )
    if number and kind in _SEEN:
        doing = f"{'delete' if method == 'DELETE' else 'change'} {one}"
        way_out = "Let its owner, or a maintainer of its organization, run the same command."
    elif method == "POST" and kind in _MADE:
        doing, way_out = _MADE[kind]
    elif method == "GET" and organization:
        doing = f"look into the organization '{printable(organization)}'"
        way_out = (
            "Let one of its maintainers make you a member, or name another one with --organization."
        )
    else:
        doing, way_out = "do this", "Ask who administers CVAT for the right to do so."
    return CvatPermissionError(f"CVAT does not let you {doing} ({said})", way_out)
