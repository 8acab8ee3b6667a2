"""One track, or one element of a skeleton, on other frames of its video."""

import bisect
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .api_shapes import is_same_place, placed, states, turn
from .fit import corners_of_curve
from .follow import stands
from .frame_map import FrameMap
from .interpolation import PLACED_BY_SHARE, Placed, along, is_held
from .model import TURNING, distance, make_track, movements, outline_of

Json = dict[str, Any]

TOLERANCE_PX = 0.5
"""How far a shape may be from where it was, on frames without a keyframe of its own."""
_DECIMALS = 2  # CVAT keeps no more
_ROUNDING_PX = 0.02  # how far that moves what lies between


@dataclass(frozen=True)
class NotMoved:
    """What could not stay as it was; ``frame`` is a number of the old task.

    ``kind``: tag, shape or keyframe. ``moved_to``: the number of the new frame that has a keyframe
    in its place, ``None`` where there is none.
    """

    kind: str
    label: str
    frame: int
    moved_to: int | None


class RecutPart:
    """What moves by itself, a track or an element of a skeleton, on the new frames.

    ``added``: how many keyframes the shapes that were asked for have more than the old ones, so
    that what lies between stays where it was.
    """

    def __init__(
        self, frames: FrameMap, track: Json, label: str, *, is_element: bool = False
    ) -> None:
        self.frames, self.track, self.is_element = frames, track, is_element
        self.not_moved: list[NotMoved] = []
        self.added = 0
        self._label = label
        known = {shape["frame"]: shape for shape in track["shapes"]}  # of several the last wins
        deleted = frames.old.is_deleted
        ordered = [known[frame] for frame in sorted(known) if 0 <= frame < len(deleted)]
        # What is on a deleted frame does not count, but it comes back with the frame.
        self.old = [shape for shape in ordered if not deleted[shape["frame"]]]
        self._old_frames = [int(shape["frame"]) for shape in self.old]
        self.states = list(states(self.old))
        self.made: dict[int, Json] = {}
        gone = []
        for shape in ordered:
            number = frames.number(shape["frame"])
            if number < 0:
                gone.append(shape)
            else:
                self.made[number] = {**shape, "frame": number}
        for shape in gone:
            if deleted[shape["frame"]]:
                self._tell(shape, None)
            else:
                self._replace(bisect.bisect_left(self._old_frames, shape["frame"]))
        self._end_with_the_old_task()
        self._numbers = sorted(self.made)
        self._counting = [n for n in self._numbers if not frames.new.is_deleted[n]]

    def _tell(self, shape: Json, moved_to: int | None) -> None:
        self.not_moved.append(NotMoved("keyframe", self._label, shape["frame"], moved_to))

    def _replace(self, place: int) -> None:
        """Put what a keyframe did, whose frame is gone, where frames are left."""
        shape = self.old[place]
        begin, end = self._stretch(place)
        before = self._neighbour(shape["frame"], begin, is_before=True)
        behind = self._neighbour(shape["frame"], end, is_before=False)
        moved_to: int | None
        if shape["outside"]:
            moved_to = None if before is None else behind
            if before is not None and before not in self.made and self._moves(place - 1):
                self.made[before] = self._at(before)
            if before is not None and behind is not None and behind not in self.made:
                self.made[behind] = {**self._at(before), "frame": behind, "outside": True}
        else:
            moved_to = behind
            if before is not None and (behind is None or self._is_nearer(place, before, behind)):
                moved_to = before
            is_held_on = place + 1 == len(self.old)  # from behind it on, at the place it came to
            for number in (moved_to, behind if is_held_on else None):
                if number is not None and number not in self.made:
                    self.made[number] = self._at(number)
        self._tell(shape, moved_to)

    def _stretch(self, place: int) -> tuple[float, float]:
        """Return the places in the old task where what a keyframe is part of begins and ends.

        For one that is outside: where what it ends has begun, and where the track is seen again.
        """
        first = place
        while first > 0 and not self.old[first - 1]["outside"]:
            first -= 1
        last = place + 1
        is_outside = self.old[place]["outside"]
        while last < len(self.old) and self.old[last]["outside"] == is_outside:
            last += 1
        end = self._old_frames[last] if last < len(self.old) else np.inf
        if not is_outside:
            end = min(end, len(self.frames.new_number))
        begin = self._old_frames[first] if first < place or not is_outside else np.inf
        return float(begin), float(end)

    def _neighbour(self, frame: int, limit: float, *, is_before: bool) -> int | None:
        """Return the next new frame before or behind an old one, within the limit."""
        places = self.frames.alive_places
        found = bisect.bisect_left(places, frame) - is_before
        if not 0 <= found < len(places):
            return None
        is_within = places[found] >= limit if is_before else places[found] < limit
        return self.frames.alive[found] if is_within else None

    def _is_nearer(self, place: int, before: int, behind: int) -> bool:
        """Whether a keyframe can do on the frame before it what it did, and that is nearer."""
        if place == 0 or self.states[place] != self.states[place - 1]:
            return False
        one, other = self.old[place - 1], self.old[place]
        if is_held(one["type"], len(one["points"]), len(other["points"])):
            return False
        indices = self.frames.new.indices
        here = self.frames.old.indices[other["frame"]]
        return bool(here - indices[before] <= indices[behind] - here)

    def _moves(self, place: int) -> bool:
        one, other = self.old[place], self.old[place + 1]
        return not is_same_place(one, other)

    def _end_with_the_old_task(self) -> None:
        """End what was held to the last frame of the old task, where the new ones go on."""
        if not self.old or self.old[-1]["outside"]:
            return
        begin, end = self._stretch(len(self.old) - 1)
        before = self._neighbour(int(end), begin, is_before=True)
        behind = self._neighbour(int(end), np.inf, is_before=False)
        if before is not None and behind is not None and behind not in self.made:
            self.made[behind] = {**self._at(before), "frame": behind, "outside": True}

    def _at(self, number: int) -> Json:
        """Return what CVAT showed at a new frame where the old task had this."""
        at = self.frames.places[number]
        place = bisect.bisect_right(self._old_frames, at) - 1
        one = self.old[place]
        occluded, z_order, attributes = self.states[place]
        shape = {
            **{key: value for key, value in one.items() if key != "keyframe"},
            "frame": number,
            "occluded": occluded,
            "z_order": z_order,
            "attributes": {**attributes},
        }
        if at == one["frame"] or place + 1 == len(self.old):
            return shape
        (shown,) = self._shown_at([number])
        shape["points"] = [round(each, _DECIMALS) for each in shown.values.tolist()]
        if one["type"] in TURNING:
            shape["rotation"] = shown.rotation
        return shape

    def _shown_at(self, numbers: Iterable[int]) -> list[Placed]:
        """Return where CVAT showed it on new frames, ascending; it was visible there."""
        shown = []
        places = (self.frames.places[number] for number in numbers)
        legs = itertools.groupby(places, lambda at: bisect.bisect_right(self._old_frames, at) - 1)
        for place, group in legs:
            one, other = self.old[place], self.old[min(place + 1, len(self.old) - 1)]
            way = other["frame"] - one["frame"]
            shares = [(at - one["frame"]) / way if way else 0.0 for at in group]
            shown += along(one["type"], placed(one), placed(other), shares)
        return shown

    def inside(self, borders: tuple[int, int]) -> list[Json]:
        """Return the shapes of a job, with keyframes where its borders cut the track."""
        alive = self.frames.alive
        low = bisect.bisect_left(alive, borders[0])
        high = bisect.bisect_right(alive, borders[1])
        begin = bisect.bisect_left(self._numbers, borders[0])
        end = bisect.bisect_right(self._numbers, borders[1])
        shapes = {number: self.made[number] for number in self._numbers[begin:end]}
        if low < high and self._counting:
            first, last = alive[low], alive[high - 1]
            at_first = self._open_before(first)
            if first not in shapes and at_first is not None:
                shapes[first] = at_first
            at_last = self._cut_behind(last, shapes)
            if at_last is not None:
                shapes[last] = at_last
            self._keep_close(shapes, borders[1])
        ordered = [shapes[number] for number in sorted(shapes)]
        if not self.is_element:
            while ordered and ordered[0]["outside"]:
                ordered.pop(0)
        return ordered

    def hidden(self, number: int) -> list[Json]:
        """Return what tells that it is not shown on a new frame; nothing if it has no keyframes."""
        if self.old and self._old_frames[0] <= self.frames.places[number]:
            return [{**self._at(number), "outside": True}]
        first = (self.old or self.track["shapes"])[:1]
        return [{**shape, "frame": number, "outside": True} for shape in first]

    def _keep_close(self, shapes: dict[int, Json], stop: int) -> None:
        """Add the keyframes to a job's that it needs to be shown where it was on common frames."""
        counting = [n for n in sorted(shapes) if not self.frames.new.is_deleted[n]]
        last = counting[-1] if counting else None
        went_on = last is not None and self.frames.places[last] < self._old_frames[-1]
        if last is not None and went_on and not shapes[last]["outside"]:
            held = self.frames.common_between(last, stop + 1)
            if self._is_off(shapes[last], held):  # it went elsewhere, and came back
                shapes[held[-1]] = self._at(held[-1])
                counting.append(held[-1])
                self.added += 1
        for a, b in itertools.pairwise(counting):
            inside = self.frames.common_between(a, b)
            if inside and not shapes[a]["outside"]:
                for number in self._stands(shapes, a, inside, b):
                    shapes[number] = self._at(number)
                    self.added += 1

    def _stands(self, shapes: Mapping[int, Json], a: int, inside: list[int], b: int) -> list[int]:
        """Return at which of the common frames between two keyframes more of them must stand."""
        tolerance, places = TOLERANCE_PX - _ROUNDING_PX, self.frames.places
        frames, kind = [a, *inside, b], shapes[a]["type"]
        place = bisect.bisect_right(self._old_frames, places[a]) - 1
        if 0 <= place < len(self.old) - 1 and places[b] <= self._old_frames[place + 1]:
            ends = self._old_frames[place : place + 2]
            is_straight = kind not in PLACED_BY_SHARE and turn(shapes[a]) == turn(shapes[b])
            # Of what is cut, some goes another way in two steps than in one.
            if self.frames.is_even(a, b) and (is_straight or [places[a], places[b]] == ends):
                return []
            if is_straight:
                step = self._movements[place] / (ends[1] - ends[0])
                way = [places[number] * step for number in frames]
                return [frames[at] for at in corners_of_curve(frames, way, tolerance)[1:-1]]
        shown = [placed(shapes[a]), *self._shown_at(inside), placed(shapes[b])]
        return [frames[at] for at in stands(kind, np.array(frames), shown, tolerance)]

    @cached_property
    def _movements(self) -> list[float]:
        """How far it moves from each old keyframe to the next, in pixels; 0 where it is held."""
        track = make_track(self.old, 0, "")
        moved: list[float] = movements(track, np.arange(len(track))).tolist()
        for place, (one, other) in enumerate(itertools.pairwise(self.old)):
            if is_held(one["type"], len(one["points"]), len(other["points"])):
                moved[place] = 0.0
        return moved

    def _is_off(self, shape: Json, numbers: Iterable[int]) -> bool:
        """Whether it is elsewhere on a frame than the shape that is held there."""
        drawn = outline_of(shape["type"], placed(shape))
        shown = (outline_of(shape["type"], each) for each in self._shown_at(numbers))
        return any(distance(drawn, each) > TOLERANCE_PX - _ROUNDING_PX for each in shown)

    def _open_before(self, number: int) -> Json | None:
        """Return the shape at the first frame of a job of a track that came in from before."""
        place = bisect.bisect_left(self._counting, number) - 1
        if place < 0:
            return None
        before = self.made[self._counting[place]]
        if before["outside"]:
            return {**before, "frame": number} if self.is_element else None
        return self._at(number)

    def _cut_behind(self, number: int, shapes: Mapping[int, Json]) -> Json | None:
        """Return the shape at the last frame of a job of a track that moves on behind it.

        Or of one with a keyframe on a deleted frame behind its last: CVAT ends a track behind its
        job where that one is, and moves it there, though it counts for nothing else.
        """
        place = bisect.bisect_right(self._counting, number) - 1
        if number in shapes or place < 0:
            return None
        before = self.made[self._counting[place]]
        if before["outside"]:
            return None
        if any(self.frames.new.is_deleted[n] and n > before["frame"] for n in shapes):
            return self._at(number)
        behind = self._counting[place + 1 : place + 2]
        if not behind or is_same_place(before, self.made[behind[0]]):
            return None
        shown = self._at(number)
        return None if is_same_place(before, shown) else shown
