"""Who has how much to do, in words."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..base.errors import printable
from ..base.words import count, plural
from .console import Console
from .layout import align

if TYPE_CHECKING:  # it loads libraries that --help can do without
    from ..stages.upload.result import PersonLoad

FRAMES_ALONE = (
    "These are frames: 'prep upload --load boxes' counts the boxes that are in CVAT, which only "
    "the upload itself asks for, so the jobs may be dealt out otherwise then."
)
"""What there is to say of a plan."""

AS_IF_NEW = (
    "This deals out the jobs of all tasks as if nobody had one. Those in CVAT may be somebody's by "
    "now, who keeps them, which only the upload itself asks for."
)
"""The same, where something is in CVAT already."""


def load_lines(loads: "Sequence[PersonLoad]", console: Console) -> Iterable[str]:
    """Yield a line for each person, behind an empty one."""
    rows = [
        (
            printable(each.name),
            f"{each.jobs:,} {plural(each.jobs, 'job'):<4}",
            f"{each.frames:,} {plural(each.frames, 'frame'):<6}",
            f"{each.videos:,} {plural(each.videos, 'video'):<6}",
            "" if each.boxes is None else count(each.boxes, "box", "boxes"),
        )
        for each in loads
    ]
    if rows:
        yield ""
    yield from align(rows, console.width, names=0)
