"""Tracks as CVAT keeps them: keyframes, and what lies between two of them.

Frames are numbers of the task, 0…n−1.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .interpolation import Placed, between

Floats = npt.NDArray[np.float64]

TURNING = frozenset({"rectangle", "ellipse"})
"""The shapes that have a rotation."""


@dataclass(frozen=True, eq=False)
class Track:
    """One object over the frames of a task, or one element of a skeleton.

    ``id`` is the server's, ``None`` in an export; ``number`` the place in the file or answer, from
    0, which the elements of a skeleton share; ``parent_id`` and ``element`` (the sublabel's name)
    are those of an element, else ``None``. ``shape`` is CVAT's word for it (rectangle, …).
    ``attributes``: ids and values of those that never change in it, as far as they were read.

    ``frames``: int64, shape (keyframes,), ascending. ``is_outside``: bool, shape (keyframes,).
    ``rotations``: float64, shape (keyframes,), degrees clockwise. ``values``: float64, CVAT's own
    numbers of all keyframes end to end in pixels; those of keyframe k are
    ``values[offsets[k]:offsets[k + 1]]``, ``offsets`` int64, shape (keyframes + 1,).
    """

    id: int | None
    number: int
    label: str
    shape: str
    element: str | None
    parent_id: int | None
    frames: npt.NDArray[np.int64]
    is_outside: npt.NDArray[np.bool_]
    rotations: Floats
    values: Floats
    offsets: npt.NDArray[np.int64]
    attributes: frozenset[tuple[int, str]] = frozenset()

    def __len__(self) -> int:
        return len(self.frames)

    def raw(self, keyframe: int) -> Floats:
        """Return CVAT's own numbers of a keyframe, shape (values,)."""
        return self.values[self.offsets[keyframe] : self.offsets[keyframe + 1]]

    def placed(self, keyframe: int) -> Placed:
        """Return where a keyframe has it."""
        return Placed(self.raw(keyframe), float(self.rotations[keyframe]))

    def outline(self, keyframe: int) -> Floats:
        """Return the visible outline at a keyframe, shape (points, 2), x and y in pixels."""
        return outline_of(self.shape, self.placed(keyframe))

    def taken(self, places: npt.NDArray[np.int64]) -> "Track":
        """Return the track with these of its keyframes, in this order."""
        counts = np.diff(self.offsets)[places]
        ends = np.cumsum(counts)
        # Which of its values: those of each keyframe, counted from where they begin.
        begins = np.repeat(self.offsets[places] - (ends - counts), counts)
        return replace(
            self,
            frames=self.frames[places],
            is_outside=self.is_outside[places],
            rotations=self.rotations[places],
            values=self.values[begins + np.arange(len(begins))],
            offsets=np.concatenate([[0], ends]).astype(np.int64),
        )

    @property
    def stacked(self) -> Floats | None:
        """CVAT's own numbers, shape (keyframes, values); ``None`` if their count differs."""
        counts = np.diff(self.offsets)
        if len(counts) == 0 or (counts != counts[0]).any():
            return None
        return self.values.reshape(len(counts), -1)


def outlines(shape: str, raw: Floats, rotations: Floats) -> Floats:
    """Return visible outlines, shape (keyframes, points, 2), of CVAT's numbers.

    A rectangle has its four corners, an ellipse the ends of its two axes, both turned around the
    centre; a mask the corners of its box; anything else its own points.

    Args:
        shape: CVAT's word for the shape.
        raw: float64, shape (keyframes, values).
        rotations: float64, shape (keyframes,), degrees.
    """
    if shape == "mask":  # run lengths, then left, top, right, bottom
        raw = raw[:, -4:]
    if shape not in TURNING | {"mask"} or raw.shape[1] != 4:
        return raw[:, : raw.shape[1] // 2 * 2].reshape(len(raw), -1, 2)
    x1, y1, x2, y2 = raw.T
    if shape == "ellipse":  # centre, the x of the right end, the y of the upper end
        centre = raw[:, :2]
        across, down = x2 - x1, y1 - y2
        zero = np.zeros_like(across)
        arms = np.stack([across, zero, zero, down, -across, zero, zero, -down], axis=1)
    else:
        centre = np.stack([x1 + x2, y1 + y2], axis=1) / 2
        arms = np.stack([x1, y1, x2, y1, x2, y2, x1, y2], axis=1) - np.tile(centre, 4)
    angles = np.radians(rotations)[:, np.newaxis]
    cosine, sine = np.cos(angles), np.sin(angles)
    x, y = arms[:, 0::2], arms[:, 1::2]
    turned = np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=2)
    return np.asarray(centre[:, np.newaxis] + turned)


def largest_movement(track: Track, a: int, b: int) -> float:
    """Return how far the corner that moves most moves from keyframe a to keyframe b, in pixels."""
    return distance(track.outline(a), track.outline(b))


def distance(one: Floats, other: Floats) -> float:
    """Return how far the corners of two outlines are apart, at most, in pixels.

    Outlines with other numbers of points have no common corners: there it is the largest
    distance of a point to the nearest one of the other, both ways.
    """
    if len(one) == len(other):
        return float(np.hypot(*(other - one).T).max(initial=0.0))
    if not (len(one) and len(other)):
        return 0.0
    # In slices: a brush leaves outlines of thousands of points.
    nearest = np.full(len(other), np.inf)
    farthest = 0.0
    for start in range(0, len(one), 256):
        apart = one[start : start + 256, np.newaxis] - other
        distances = np.hypot(apart[..., 0], apart[..., 1])
        farthest = max(farthest, float(distances.min(axis=1).max()))
        nearest = np.minimum(nearest, distances.min(axis=0))
    return max(farthest, float(nearest.max()))


def movements(track: Track, keyframes: npt.NDArray[np.int64]) -> Floats:
    """Return the largest movement from each of these keyframes to the next, shape (keyframes−1,).

    Args:
        track: the track.
        keyframes: int64, which of its keyframes, ascending.
    """
    if len(keyframes) < 2:
        return np.zeros(0)
    if (raw := track.stacked) is not None:
        shown = outlines(track.shape, raw[keyframes], track.rotations[keyframes])
        steps = np.diff(shown, axis=0)
        return np.asarray(np.hypot(steps[..., 0], steps[..., 1]).max(axis=1, initial=0.0))
    pairs = itertools.pairwise(keyframes.tolist())
    return np.array([largest_movement(track, a, b) for a, b in pairs])


def outline_of(shape: str, placed: Placed) -> Floats:
    """Return the visible outline of a shape, shape (points, 2), in pixels; see `outlines`."""
    turn = np.array([placed.rotation])
    return np.asarray(outlines(shape, placed.values[np.newaxis], turn)[0])


def placed_at(track: Track, frame: int, deleted: Collection[int] = ()) -> Placed | None:
    """Return where CVAT shows a track at any frame, ``None`` where it does not show it.

    It does not before the first keyframe, and from an ``outside`` to the next keyframe. The last
    keyframe is held. One on a deleted frame does not exist, be it the end of the track or not.

    Args:
        track: the track, or an element of a skeleton.
        frame: number of the task's frame, which may be a deleted one.
        deleted: numbers of the task's deleted frames.
    """
    alive = np.arange(len(track))
    if deleted:
        alive = np.flatnonzero(~np.isin(track.frames, [*deleted]))
    here = int(np.searchsorted(track.frames[alive], frame, side="right")) - 1
    if here < 0 or track.is_outside[alive[here]]:
        return None
    a, b = alive[here], alive[min(here + 1, len(alive) - 1)]
    return placed_between(track, int(a), int(b), frame)


def placed_between(track: Track, a: int, b: int, frame: int) -> Placed:
    """Return where a track is at a frame between two of its keyframes, by their places.

    They may be the same: it is held then.
    """
    way = int(track.frames[b] - track.frames[a])
    return interpolate(track, a, b, (frame - int(track.frames[a])) / way if way else 0.0)


def interpolate(track: Track, a: int, b: int, share: float) -> Placed:
    """Return where a track is between two of its keyframes, by their places; see `between`."""
    return between(track.shape, track.placed(a), track.placed(b), share)


def outline_at(track: Track, frame: int, deleted: Collection[int] = ()) -> Floats | None:
    """Return the outline that CVAT shows of a track, shape (points, 2), in pixels; `placed_at`."""
    placed = placed_at(track, frame, deleted)
    return None if placed is None else outline_of(track.shape, placed)


def tracks_from_api(annotations: Mapping[str, Any], labels: Mapping[int, str]) -> tuple[Track, ...]:
    """Return the tracks of an answer of CVAT's API, in its order; a skeleton is its elements.

    Args:
        annotations: with ``tracks`` as CVAT's API tells of them.
        labels: the names of labels and sublabels by their ids.
    """
    made = []
    for number, track in enumerate(annotations.get("tracks") or ()):
        label = labels.get(track["label_id"], f"label {track['label_id']}")
        elements = track.get("elements") or ()
        if not elements:
            fixed = frozenset((a["spec_id"], a["value"]) for a in track.get("attributes") or ())
            one = make_track(track["shapes"], number, label, id=track.get("id"))
            made.append(replace(one, attributes=fixed))
        own = sorted((int(one["frame"]), bool(one.get("outside"))) for one in track["shapes"])
        for element in elements:
            name = labels.get(element["label_id"], f"label {element['label_id']}")
            ids = {"id": element.get("id"), "parent_id": track.get("id")}
            part = make_track(element["shapes"], number, label, element=name, **ids)
            made.append(_hidden_with(part, own))
    return tuple(track for track in made if len(track))


def _hidden_with(element: Track, skeleton: Sequence[tuple[int, bool]]) -> Track:
    """Return an element that is outside where its skeleton is, too.

    CVAT moves an element between its own keyframes alone, whatever the skeleton does between.

    Args:
        element: as the server gives it.
        skeleton: the frames of its keyframes, ascending, and whether they are outside.
    """
    if len(element) == 0 or not any(is_outside for _, is_outside in skeleton):
        return element
    turns = np.array([frame for frame, _ in skeleton])
    is_hidden = np.array([False, *(is_outside for _, is_outside in skeleton)])  # not before them
    changes = turns[(is_hidden[1:] | is_hidden[:-1]) & (turns > element.frames[0])]
    lacking = np.setdiff1d(changes, element.frames)  # where it has to go or come back as well
    behind = np.searchsorted(element.frames, lacking)
    ends = np.minimum(behind, len(element) - 1)
    placed = [
        placed_between(element, a, b, frame)
        for a, b, frame in zip((behind - 1).tolist(), ends.tolist(), lacking.tolist(), strict=True)
    ]
    counts = np.array([len(each.values) for each in placed], np.int64)
    values = np.concatenate([[], *(each.values for each in placed)])
    inserted_at = np.repeat(element.offsets[behind], counts)
    frames = np.insert(element.frames, behind, lacking)
    own = element.is_outside[np.searchsorted(element.frames, frames, side="right") - 1]
    more = np.insert(np.diff(element.offsets), behind, counts)
    return replace(
        element,
        frames=frames,
        is_outside=own | is_hidden[np.searchsorted(turns, frames, side="right")],
        rotations=np.insert(element.rotations, behind, [each.rotation for each in placed]),
        values=np.insert(element.values, inserted_at, values),
        offsets=np.concatenate([[0], np.cumsum(more)]).astype(np.int64),
    )


def make_track(
    shapes: Iterable[Mapping[str, Any]],
    number: int,
    label: str,
    *,
    id: int | None = None,  # noqa: A002 - the field's name
    element: str | None = None,
    parent_id: int | None = None,
) -> Track:
    """Return a track of shapes as CVAT's API writes them, in any order; see `Track`."""
    last = {shape["frame"]: shape for shape in shapes}  # of several on one frame the last wins
    ordered = [last[frame] for frame in sorted(last)]
    kind = ordered[0]["type"] if ordered else ""
    counts = np.fromiter((len(s["points"]) for s in ordered), np.int64, len(ordered))
    flat = itertools.chain.from_iterable(shape["points"] for shape in ordered)
    turns = (s.get("rotation") or 0.0 for s in ordered)
    return Track(
        id=id,
        number=number,
        label=label,
        shape=kind,
        element=element,
        parent_id=parent_id,
        frames=np.fromiter((s["frame"] for s in ordered), np.int64, len(ordered)),
        is_outside=np.fromiter((bool(s.get("outside")) for s in ordered), np.bool_, len(ordered)),
        rotations=np.fromiter(turns, np.float64, len(ordered)) * (kind in TURNING),
        values=np.fromiter(flat, np.float64, int(counts.sum())),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )
