"""The rules that need no clock, one after another: what annotators get wrong by hand."""

from collections.abc import Iterator, Sequence

from ...settings.cvat import AuditSettings
from ...tracks.extents import extents_of
from ...tracks.pieces import Reading, TaskView
from .collapses import collapses
from .doubles import doubles
from .fault import Fault
from .jumps import jumps
from .places import empty_shapes, outside_image


def faults_without_clock(
    readings: Sequence[Reading],
    task: TaskView,
    settings: AuditSettings,
    image_size: tuple[int, int] | None,
) -> Iterator[Fault]:
    """Find what annotators get wrong, whatever the clock says.

    Args:
        readings: all tracks of a task.
        task: its clock.
        settings: from where on something is wrong.
        image_size: width and height of its images in pixels; where that is not known, nothing is
            said of what lies outside.
    """
    extents = extents_of(readings)
    yield from collapses(readings, task, settings)
    yield from jumps(readings, extents, task, settings)
    yield from doubles(readings, extents, task, settings)
    yield from empty_shapes(readings, extents, settings)
    if image_size is not None:
        yield from outside_image(readings, extents, settings, image_size)
