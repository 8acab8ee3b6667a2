"""Tracks over the borders of jobs: cut when they are written, joined when they are read.

Written from the behaviour of CVAT's ``cvat/apps/dataset_manager/annotation.py``. Simpler than it in
one thing: tracks of two jobs are matched by the best pair first, not by the best sum of all pairs.
Deleted frames are frames like all others here.
"""

import itertools
from copy import deepcopy

import numpy as np
from video_prep.tracks.interpolation import Placed, between

ENOUGH_ALIKE = 0.5  # mean overlap of two tracks that are one
SAME_SHAPE = 0.75  # overlap of two shapes that are one
RASTER = 64  # places across two polygons, to measure how much they overlap


def cut(track: dict, start: int, stop: int) -> dict | None:
    """Return the part of a track that lies in the frames of one job, or None."""
    if not _lies_inside(track["shapes"], start, stop):
        return None
    track = deepcopy(track)
    inside = _visible_from_first(track["shapes"], start, stop)
    if len(inside) < len(track["shapes"]):
        shown = interpolated(track, stop + 1)
        scoped = _visible_from_first(shown, start, stop)
        if scoped:
            first, last = scoped[0], scoped[-1]
            last_keyframe = max(shape["frame"] for shape in track["shapes"])
            if not first["keyframe"]:
                inside.insert(0, first)
            moved = last_keyframe >= stop and last["points"] != inside[-1]["points"]
            ended = last["keyframe"] and last["outside"] and last["frame"] != inside[-1]["frame"]
            if moved or ended:
                inside.append(last)
    if not inside:
        return None
    track["shapes"] = [
        {name: value for name, value in shape.items() if name != "keyframe"} for shape in inside
    ]
    track["frame"] = inside[0]["frame"]
    if "elements" in track:
        parts = [(each, cut(each, start, stop)) for each in track["elements"]]
        track["elements"] = [part or {**each, "shapes": []} for each, part in parts]
    return track


def _lies_inside(shapes: list[dict], start: int, stop: int) -> bool:
    if not shapes:
        return False
    for one, following in itertools.pairwise(shapes):
        if not one["outside"] and max(one["frame"], start) <= min(following["frame"], stop):
            return True
    return not shapes[-1]["outside"] and shapes[-1]["frame"] <= stop


def _visible_from_first(shapes: list[dict], start: int, stop: int) -> list[dict]:
    """Return the shapes between two frames, without those that open it outside."""
    inside = [shape for shape in shapes if start <= shape["frame"] <= stop]
    while inside and inside[0]["outside"]:
        inside.pop(0)
    return inside


def interpolated(track: dict, end: int) -> list[dict]:
    """Return the shapes of a track on each frame before ``end``; keyframes are marked in it."""
    shown: list[dict] = []
    keyframes = sorted(track["shapes"], key=lambda shape: shape["frame"])
    for shape in keyframes:
        shape["keyframe"] = True
    for one, following in zip(keyframes, [*keyframes[1:], None], strict=True):
        shown.append(one)
        if one["outside"]:
            continue
        until = following["frame"] if following else end
        shown += [_between(one, following, frame) for frame in range(one["frame"] + 1, until)]
    return [shape for shape in shown if track["frame"] <= shape["frame"] < end]


def _between(one: dict, following: dict | None, frame: int) -> dict:
    shown = {"points": list(one["points"])}
    if following:
        share = (frame - one["frame"]) / (following["frame"] - one["frame"])
        # As it is held against exports of a real server.
        placed = between(one["type"], _placed(one), _placed(following), share)
        shown = {"points": placed.values.tolist(), "rotation": placed.rotation}
    return {**deepcopy(one), **shown, "frame": frame, "keyframe": False}


def _placed(shape: dict) -> Placed:
    return Placed(np.array(shape["points"], float), shape.get("rotation") or 0.0)


def join(tracks: list[dict], more: list[dict], start: int, overlap: int) -> list[dict]:
    """Join the tracks of the jobs so far with those of the job that starts at ``start``."""
    end = start + overlap
    new = [track for track in more if track["frame"] >= end]
    shared = [track for track in more if track["frame"] < end]
    going_on = [
        track
        for track in tracks
        if track["shapes"][-1]["frame"] >= start or not track["shapes"][-1]["outside"]
    ]
    pairs = _pairs(shared, going_on, start, end)
    for one, other in pairs:
        _unite(one, other)
    for track in going_on:
        if not any(track is other for _, other in pairs):
            _end(track, end)
    alone = [track for track in shared if not any(track is one for one, _ in pairs)]
    return [*tracks, *new, *alone]


def _pairs(shared, going_on, start, end):
    costs = sorted(
        (
            (-_likeness(one, other, start, end), i, j)
            for i, one in enumerate(shared)
            for j, other in enumerate(going_on)
        ),
    )
    pairs, used = [], (set(), set())
    for cost, i, j in costs:
        if -cost >= ENOUGH_ALIKE and i not in used[0] and j not in used[1]:
            pairs.append((shared[i], going_on[j]))
            used[0].add(i)
            used[1].add(j)
    return pairs


def _likeness(one: dict, other: dict, start: int, end: int) -> float:
    if one["label_id"] != other["label_id"]:
        return 0.0
    first = {shape["frame"]: shape for shape in interpolated(one, end)}
    second = {shape["frame"]: shape for shape in interpolated(other, end)}
    frames = [frame for frame in range(start, end) if frame in first or frame in second]
    likeness = 0.0
    for frame in frames:
        a, b = first.get(frame), second.get(frame)
        if a and b and a["outside"] == b["outside"]:
            likeness += shape_likeness(a, b)
    return likeness / len(frames) if frames else 1.0


def shape_likeness(one: dict, other: dict) -> float:
    """Return the overlap of two boxes or polygons, 0 to 1; no others are ever alike."""
    if one["type"] != other["type"] or one.get("label_id") != other.get("label_id"):
        return 0.0
    if one["type"] == "polygon":
        return _overlap(*(np.array(each["points"], float).reshape(-1, 2) for each in (one, other)))
    if one["type"] != "rectangle":
        return 0.0
    a, b = one["points"], other["points"]
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return common / (sum(areas) - common) if all(areas) else 0.0


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the overlap of two polygons on a raster; 0 where one crosses itself."""
    if _crosses_itself(one) or _crosses_itself(other):
        return 0.0
    low, high = (np.concatenate([one, other]).min(axis=0), np.concatenate([one, other]).max(axis=0))
    ticks = (np.arange(RASTER) + 0.5) / RASTER
    x, y = np.meshgrid(*(low[axis] + ticks * (high - low)[axis] for axis in (0, 1)))
    inside, inside_other = (_is_inside(polygon, x, y) for polygon in (one, other))
    either = np.count_nonzero(inside | inside_other)
    return np.count_nonzero(inside & inside_other) / either if either else 0.0


def _is_inside(polygon: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    found = np.zeros(x.shape, bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 != y2:
            found ^= ((y1 > y) != (y2 > y)) & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return found


def _crosses_itself(polygon: np.ndarray) -> bool:
    def side(a, b, c):
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    edges = list(zip(polygon, np.roll(polygon, -1, axis=0), strict=True))
    return any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for (a, b), (c, d) in itertools.combinations(edges, 2)
    )


def _unite(one: dict, other: dict) -> None:
    """Put the shapes of ``one`` into ``other``, which is the earlier; it wins where both are."""
    shapes = {shape["frame"]: shape for shape in [*one["shapes"], *other["shapes"]]}
    other["frame"] = min(one["frame"], other["frame"])
    other["shapes"] = [shapes[frame] for frame in sorted(shapes)]


def _end(track: dict, frame: int) -> None:
    """End a track that goes on: with a copy of its last shape, also of the shape's id."""
    for part in (track, *track.get("elements", ())):
        if part["shapes"] and not part["shapes"][-1]["outside"]:
            part["shapes"].append({**deepcopy(part["shapes"][-1]), "frame": frame, "outside": True})
