"""Users by their names, and whom one may have meant where CVAT shows none of that name."""

import difflib
from collections.abc import Iterable, Sequence

from ..base.errors import CvatRefusedError, printable
from ..base.words import listing, plural
from .session import Session

_NEAR = 3


def find_users(session: Session, names: Iterable[str]) -> dict[str, int]:
    """Return the ids of users, by their names.

    Raises:
        CvatRefusedError: some are none, as far as one may see.
    """
    ids = {}
    unknown = []
    for name in names:
        found = session.list_all("users", search=name)
        named = [int(user["id"]) for user in found if user["username"] == name]
        if named:
            ids[name] = named[0]
        else:
            unknown.append(name)
    if unknown:
        there = [str(user["username"]) for user in session.list_all("users")]
        raise _unknown(session, unknown, there)
    return ids


def _unknown(session: Session, unknown: Sequence[str], there: Sequence[str]) -> CvatRefusedError:
    """Return the error for names that none of the users has whom one may see."""
    are = plural(len(unknown), "is no such user", "are no such users")
    what = (
        f"{plural(len(unknown), 'assignee')} {', '.join(map(_quoted, unknown))}: there {are} that "
        "you may see"
    )
    near = [name for one in unknown for name in _near(one, there)]
    way_out = [f"Did you mean {', '.join(map(_quoted, dict.fromkeys(near)))}?"] * bool(near)
    if session.organization:
        here = f"the organization '{printable(session.organization)}'"
        if near:
            way_out.append(f"Jobs there can be given to members of {here} alone.")
        else:
            way_out.append(f"The members of {here} are {listing(sorted(there))}.")
    elif set(there) <= {session.user}:
        way_out.append(
            "Outside of an organization, CVAT shows nobody but yourself: name the --organization "
            "that you share with them."
        )
    elif not near:
        way_out.append(f"There are {listing(sorted(there))}.")
    return CvatRefusedError(what, " ".join(way_out))


def _near(name: str, there: Sequence[str]) -> list[str]:
    """Return the names that are much like one, or longer, the nearest first."""
    known: dict[str, list[str]] = {}
    for each in there:
        known.setdefault(each.casefold(), []).append(each)
    close = difflib.get_close_matches(name.casefold(), known, n=_NEAR)
    close += [each for each in sorted(known) if name.casefold() in each and each not in close]
    return [each for folded in close for each in known[folded]][:_NEAR]


def _quoted(name: str) -> str:
    return f"'{printable(name)}'"
