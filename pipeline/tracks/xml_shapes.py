"""Shapes as CVAT's XML 1.1 writes them: their elements, and their numbers as the API has them."""

from collections.abc import Iterator, Mapping

XML_SHAPES = {
    **{kind: kind for kind in ("ellipse", "points", "polygon", "polyline", "mask", "cuboid")},
    "box": "rectangle",
}
"""CVAT's words for shapes by the names of their elements."""

_XML_BOX = ("xtl", "ytl", "xbr", "ybr")
_XML_CUBOID = tuple(
    f"{axis}{edge}{side}{face}"
    for face in "12"
    for side, edge in (("l", "t"), ("l", "b"), ("r", "t"), ("r", "b"))
    for axis in "xy"
)


def numbers_of(tag: str, given: Mapping[str, str]) -> Iterator[float]:
    """Return a shape's attributes as the numbers that the API has."""
    if tag == "box":
        yield from (float(given[key]) for key in _XML_BOX)
    elif tag == "ellipse":
        x, y, across, down = (float(given[key]) for key in ("cx", "cy", "rx", "ry"))
        yield from (x, y, x + across, y - down)
    elif tag == "cuboid":
        yield from (float(given[key]) for key in _XML_CUBOID)
    elif tag == "mask":
        left, top, width, height = (float(given[k]) for k in ("left", "top", "width", "height"))
        yield from (left, top, left + width - 1, top + height - 1)
    else:
        for pair in given["points"].split(";"):
            x, y = map(float, pair.split(","))
            yield from (x, y)
