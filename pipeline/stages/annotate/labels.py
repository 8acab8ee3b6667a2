"""Whether tasks have the labels that their tracks are to have."""

from collections import Counter
from collections.abc import Sequence

from ...base.errors import UsageError, printable
from ...base.words import count, listing
from .prepared import PreparedTask

_BOXABLE = frozenset(("any", "rectangle"))
"""The types of labels that take boxes."""


def check_labels(host: str, tasks: Sequence[PreparedTask]) -> None:
    """Refuse tracks with labels that their tasks do not have, or that are not for boxes.

    Raises:
        UsageError: there are such.
    """
    lacking: Counter[str] = Counter()
    known = ""
    for task in tasks:
        if len(task.labels) != 1 and any(not task.names[track.label] for track in task.plan.tracks):
            raise UsageError(
                f"{printable(task.entry.video)}: the file names no label for its tracks. Name one "
                f"with --label; task {task.entry.task_id} has {_named(task)}."
            )
        for label in map(task.label_of, task.plan.tracks):
            if label not in task.labels:
                lacking[label] += 1
                known = _named(task)
            elif (kind := task.labels[label][1]) not in _BOXABLE:
                raise UsageError(
                    f"label '{printable(label)}' of task {task.entry.task_id} is for {kind} alone, "
                    "not for boxes. Name another one, or change its type in CVAT."
                )
    if lacking:
        missing = [f"{label} ({count(tracks, 'track')})" for label, tracks in lacking.items()]
        raise UsageError(
            f"the project on {printable(host)} lacks labels of these tracks: {listing(missing)}. "
            f"It has {known}. Add them there, or name others in the file "
            "or by --label."
        )


def _named(task: PreparedTask) -> str:
    return ", ".join(map(printable, task.labels)) or "none"
