"""Retime a track: add the fewest keyframes that make CVAT's interpolation follow the clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...settings.cvat import AuditSettings
from ...tracks.interpolation import Placed, between
from ...tracks.model import TURNING, Track
from ...tracks.pieces import Reading, TaskView, read_track, set_by_server
from .path import Path, can_follow

Shape = dict[str, Any]

_NOISE_PX = 1e-6


@dataclass(frozen=True, eq=False)
class Guide:
    """What makes a track of a whole task follow the clock, for all its pieces to be changed alike.

    ``moves`` says by frame where keyframes are to be added, or moved where the server set them at
    borders of jobs. ``shape`` is CVAT's word.
    """

    shape: str
    moves: Mapping[int, Placed]

    @classmethod
    def of(cls, track: Track, task: TaskView, settings: AuditSettings) -> "Guide":
        """Return the guide for a track, as its annotator set it.

        Keyframes that were set by hand stay as they are. None is added where a break lies between
        two of them, except for a stall: a jump of the clock that is short enough for things to
        have moved on.
        """
        reading = read_track(track, task)
        moves: dict[int, Placed] = {}
        for a, b, one in zip(*(each.tolist() for each in reading.spans), strict=True):
            if not can_follow(task.clock, a, b, settings.max_stall_seconds):
                continue
            ends = int(reading.places[one]), int(reading.places[one + 1])
            path = Path.of(track, *ends, task.clock)
            if path is not None and path.off(a, b) > max(settings.tolerance_px, _NOISE_PX):
                edges = [each for each in task.edges if a < each < b]
                found = path.stands(edges, settings.tolerance_px)
                moves |= {**found, **_on_deleted_borders(reading, task, (a, b), found)}
        return cls(track.shape, moves)


def _on_deleted_borders(
    reading: Reading, task: TaskView, span: tuple[int, int], moves: Mapping[int, Placed]
) -> dict[int, Placed]:
    """Return where keyframes go on borders that are deleted: on the way between their neighbours.

    They are not shown there, but the server joins pieces by them. Those set by hand stay.
    """
    a, b = span
    borders = [each for each in task.borders.tolist() if a < each < b and task.is_deleted[each]]
    if not borders:
        return {}
    track = reading.track
    by_server = set_by_server(track, np.arange(len(track)), task)
    dead = [place for place in np.flatnonzero(~by_server) if task.is_deleted[track.frames[place]]]
    places = {*reading.places.tolist(), *dead}
    known = {int(track.frames[place]): track.placed(place) for place in places} | dict(moves)
    frames = np.array(sorted(known))
    found = {}
    for border in set(borders) - set(known):
        behind = int(np.searchsorted(frames, border))
        one, other = frames[behind - 1 : behind + 1].tolist()
        share = (border - one) / (other - one)
        found[border] = between(track.shape, known[one], known[other], share)
    return found


def retimed(
    track: Mapping[str, Any], guides: Sequence[Guide], frames: range, deleted: Collection[int]
) -> dict[str, Any] | None:
    """Return a track of CVAT's API with keyframes added, ``None`` where it needs none.

    Args:
        track: as the API gives it, of one job; it is not changed.
        guides: for the track, or for each of its elements that has shapes.
        frames: those of the job.
        deleted: the deleted frames of the task.
    """
    added: set[int] = set()
    replaced = []
    is_changed = False
    for part, guide in zip(parts_of(track), guides, strict=True):
        shapes = {int(shape["frame"]): shape for shape in part["shapes"]}
        moves = {frame: to for frame, to in guide.moves.items() if frame in frames}
        moved = {frame: _moved(shapes, frame, to, deleted) for frame, to in moves.items()}
        if guide.shape in TURNING:
            moved = {frame: {**moved[frame], "rotation": moves[frame].rotation} for frame in moved}
        added |= set(moved) - set(shapes)
        is_changed |= bool(moved)
        shapes |= moved
        replaced.append({**part, "shapes": [shapes[frame] for frame in sorted(shapes)]})
    if not is_changed:
        return None
    if not track.get("elements"):
        return dict(replaced[0])
    elements = iter(replaced)
    return {
        **track,
        "shapes": _with_copies(track["shapes"], added),
        "elements": [next(elements) if e["shapes"] else e for e in track["elements"]],
    }


def parts_of(track: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what of a track moves by itself: it, or those of its elements that have shapes."""
    return [part for part in track.get("elements") or [track] if part["shapes"]]


def _moved(shapes: Mapping[int, Shape], frame: int, to: Placed, deleted: Collection[int]) -> Shape:
    """Return the keyframe of a frame, or one like the last before it that counts, in its place."""
    points = to.values.tolist()
    if frame in shapes:
        return {**shapes[frame], "points": points}
    like = min(shapes, key=lambda each: (each > frame, each in deleted, abs(each - frame)))
    copy = {k: v for k, v in shapes[like].items() if k not in {"id", "keyframe"}}
    return {**copy, "frame": frame, "outside": False, "points": points}


def _with_copies(shapes: list[dict[str, Any]], frames: set[int]) -> list[dict[str, Any]]:
    """Return the shapes of a skeleton with a copy of the last one before each of these frames."""
    known = sorted(shapes, key=lambda shape: int(shape["frame"]))
    copies = []
    for frame in frames - {int(shape["frame"]) for shape in known}:
        before = [shape for shape in known if shape["frame"] < frame]
        if before:
            copy = {k: v for k, v in before[-1].items() if k not in {"id", "keyframe"}}
            copies.append({**copy, "frame": frame})
    return sorted([*known, *copies], key=lambda shape: int(shape["frame"]))
