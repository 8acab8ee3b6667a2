"""Which points of a skeleton CVAT draws a line between: its label has a drawing that tells."""

import re
from collections.abc import Mapping

Edges = tuple[tuple[str, str], ...]
"""The names of two points each."""

_TAG = re.compile(r"<(line|circle)\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)\s*=\s*"([^"]*)"')


def edges_of(svg: str, names: Mapping[str, str]) -> Edges:
    """Return the edges of a skeleton.

    Args:
        svg: the drawing, as the API or an export has it.
        names: the names of points by their ids, where the drawing has these.
    """
    tags = [(tag, dict(_ATTRIBUTE.findall(text))) for tag, text in _TAG.findall(svg)]
    nodes = {}
    for tag, given in tags:
        name = given.get("data-label-name") or names.get(given.get("data-label-id", ""))
        if tag == "circle" and name is not None:
            nodes[given.get("data-node-id")] = name
    ends = (
        (nodes.get(given.get("data-node-from")), nodes.get(given.get("data-node-to")))
        for tag, given in tags
        if tag == "line"
    )
    return tuple((one, other) for one, other in ends if one is not None and other is not None)
