"""Annotations of one task for tasks that show other frames of the same video.

They are dicts as CVAT's API writes them, but with names in place of the ids of labels and
attributes, see `dataset.saved_annotations`. Keyframes whose frame is still there stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..dataset.saved_annotations import KINDS
from .frame_map import FrameMap, Shown
from .recut_part import NotMoved, RecutPart
from .rejoin import rejoined

Json = dict[str, Any]


@dataclass
class Recut:
    """Annotations for other frames: those of each job, by its place, and what did not move.

    ``keyframes_added``: how many there are more, so that tracks stay where they were.
    """

    jobs: list[dict[str, list[Json]]]
    not_moved: list[NotMoved] = field(default_factory=list)
    keyframes_added: int = 0


def recut(annotations: Mapping[str, Sequence[Json]], old: Shown, new: Shown) -> Recut:
    """Return the annotations of a task for the jobs of other tasks.

    A keyframe whose frame is gone goes to the nearest frame that is left of the stretch in which
    its track is visible, with the shape that CVAT showed there; a track begins and ends with the
    first and last frame that is left. Where jobs cut a track, it gets a keyframe on either side;
    where they no longer do, its pieces are one again. CVAT moves tracks evenly by the number of the
    frame, so where frames were left out unevenly they get keyframes between, as few as keep them
    within half a pixel of where they were on every frame that both tasks show.

    Args:
        annotations: tags, shapes and tracks.
        old: the frames of the task that has them.
        new: the frames of the other tasks.
    """
    frames = FrameMap(old, new)
    made = Recut([{kind: [] for kind in KINDS} for _ in new.jobs])
    for kind in ("tags", "shapes"):
        for one in annotations.get(kind) or ():
            number = frames.number(one["frame"])
            if number < 0:
                made.not_moved.append(NotMoved(kind[:-1], one["label"], one["frame"], None))
            for place, (start, stop) in enumerate(new.jobs):
                if start <= number <= stop:
                    made.jobs[place][kind].append(_on_frame(one, number))
    tracks = rejoined(
        annotations.get("tracks") or (),
        len(old.indices),
        set(np.flatnonzero(old.is_deleted).tolist()),
        old.jobs,
        {start for start, _ in old.jobs if frames.is_inside_a_job(start)},
    )
    for track in tracks:
        whole = RecutPart(frames, track, track["label"])
        elements = [
            RecutPart(frames, each, f"{track['label']}: {each['label']}", is_element=True)
            for each in track.get("elements") or ()
        ]
        for place, borders in enumerate(new.jobs):
            if piece := _piece(whole, elements, borders):
                made.jobs[place]["tracks"].append(piece)
        for part in (whole, *elements):
            made.not_moved += part.not_moved
            made.keyframes_added += part.added
    return made


def _on_frame(one: Json, number: int) -> Json:
    """Return a tag or shape, of a skeleton with its elements, on another frame."""
    made = {**one, "frame": number}
    if "elements" in one:
        made["elements"] = [_on_frame(each, number) for each in one["elements"]]
    return made


def _piece(
    whole: RecutPart, elements: Sequence[RecutPart], borders: tuple[int, int]
) -> Json | None:
    """Return the part of a track in a job, ``None`` if that shows nothing of it."""
    shapes = whole.inside(borders)
    if not shapes:
        return None
    piece = {**whole.track, "frame": shapes[0]["frame"], "shapes": shapes}
    if elements:
        piece["elements"] = [_element(each, piece["frame"], borders[1]) for each in elements]
    return piece


def _element(part: RecutPart, first: int, last: int) -> Json:
    """Return the part of an element in a job, between the first frame of its skeleton and the last.

    CVAT lets an element begin with its skeleton, and knows none without a keyframe; so one that is
    not there yet begins outside.
    """
    shapes = part.inside((first, last))
    if not shapes or shapes[0]["frame"] > first:
        shapes = [*part.hidden(first), *shapes]
    return {**part.track, "frame": first, "shapes": shapes}
