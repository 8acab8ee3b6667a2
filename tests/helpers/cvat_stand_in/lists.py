"""Lists as the API gives them: filtered, searched, sorted, in pages."""

import itertools
import json
from urllib.parse import urlencode

from .messages import Answer, Refusal

DEFAULT_PAGE_SIZE = 10


def listing(request, objects, fields, render, *, search=("name",), newest_first=True) -> Answer:
    """Answer with one page of ``objects``.

    Args:
        request: its query says what is wanted.
        objects: all that the user may see.
        fields: name of a filter → function of an object.
        render: object → JSON.
        search: the names of the fields that ``search=`` looks into.
        newest_first: the order without ``sort=``.
    """
    found = [one for one in objects if in_organization(request, one)]
    query = request.query
    for name, read in fields.items():
        if name in query:
            found = [one for one in found if str(read(one)) == query[name]]
    if query.get("search"):
        word = query["search"].lower()
        found = [
            one for one in found if any(word in str(fields[name](one)).lower() for name in search)
        ]
    if query.get("filter"):
        try:
            rule = json.loads(query["filter"])
        except ValueError as error:
            raise Refusal(400, ["filter: Json syntax should be used"]) from error
        found = [one for one in found if holds(rule, one, fields)]
    found.sort(key=lambda one: one.id, reverse=newest_first)
    for key in reversed(query.get("sort", "").split(",") if query.get("sort") else []):
        read = fields[key.lstrip("-")]
        found.sort(key=lambda one, read=read: str(read(one) or ""), reverse=key.startswith("-"))
    return page(request, found, render)


def in_organization(request, one) -> bool:
    """Is it in the organization that the request speaks of? No context means all."""
    if request.organization is None or "job_id" in request.query:
        return True
    if not hasattr(one, "organization"):
        return True
    return one.organization is (request.organization or None)


def holds(rule, one, fields) -> bool:
    """Evaluate the JSON logic that the SDK's filters send."""
    if not isinstance(rule, dict) or len(rule) != 1:
        raise Refusal(400, ["filter: Json syntax should be used"])
    ((operator, arguments),) = rule.items()
    if operator == "and":
        return all(holds(inner, one, fields) for inner in arguments)
    if operator == "or":
        return any(holds(inner, one, fields) for inner in arguments)
    if operator == "!":
        return not holds(arguments, one, fields)
    if operator == "var":
        return _value(rule, one, fields) is not None
    values = [_value(argument, one, fields) for argument in arguments]
    if operator == "==":
        return values[0] == values[1]
    if None in values:
        return False
    if operator == "in":
        if isinstance(values[1], list):
            return values[0] in values[1]
        return str(values[0]) in str(values[1])
    order = {
        "<": lambda a, b: a < b,
        ">": lambda a, b: a > b,
        "<=": lambda a, b: a <= b,
        ">=": lambda a, b: a >= b,
    }
    if operator not in order:
        told = f"filter: {operator} operation with {arguments} arguments is not implemented"
        raise Refusal(400, [told])
    return all(order[operator](a, b) for a, b in itertools.pairwise(values))


def _value(term, one, fields):
    if not isinstance(term, dict):
        return term
    name = term["var"]
    if name not in fields:
        raise Refusal(400, [f"filter: '{name}' term is not supported"])
    return fields[name](one)


def page(request, found, render) -> Answer:
    """Cut out the page that the query asks for."""
    query = dict(request.query)
    size = DEFAULT_PAGE_SIZE
    if query.get("page_size") == "all":
        size = len(found) or 1
    elif query.get("page_size", "").isdigit():
        size = int(query["page_size"]) or DEFAULT_PAGE_SIZE
    asked = query.get("page", "1")
    number = int(asked) if asked.isdigit() else 0
    last = max(1, -(-len(found) // size))
    if not 1 <= number <= last:
        raise Refusal(404, {"detail": "Invalid page."})

    def link(to):
        if not 1 <= to <= last:
            return None
        return f"{request.host}{request.path}?{urlencode({**query, 'page': to})}"

    results = [render(one) for one in found[(number - 1) * size : number * size]]
    return Answer(
        body={
            "count": len(found),
            "next": link(number + 1),
            "previous": link(number - 1),
            "results": results,
        }
    )
