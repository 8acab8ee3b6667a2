"""Tracks as their annotator set them: without what the server put at the borders of jobs.

CVAT cuts tracks at the borders of jobs. Where jobs overlap it adds keyframes there, where they do
not it makes two tracks of one; neither says anything of where an object was.
"""

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .clock import TaskClock
from .interpolation import PLACED_BY_SHARE
from .model import Track, placed_between

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_ROUNDING_PX = 0.02  # exports keep two decimals
_SAME_PX = 1.0  # where the next piece of a track that jobs cut may begin
_NOISE = 1e-6  # of sums of floats, in pixels and in seconds; no error


def made_by_server(track: Track, clock: TaskClock) -> Flags:
    """Return which keyframes the server itself added at the borders of jobs that overlap.

    Shape (keyframes,). It adds them exactly where the box was anyway, at a job's first frame and,
    if the box has moved in the job, at its last.
    """
    return set_by_server(track, np.arange(len(track)), TaskView(clock))


class TaskView:
    """A clock with what is asked of it again and again.

    ``borders`` are the first and last frames of jobs where they overlap, ``edges`` the first and
    last ones that are shown; ``cuts`` the first frames of jobs where they do not overlap.
    """

    def __init__(self, clock: TaskClock) -> None:
        self.clock = clock
        self.frame_count = len(clock)
        self.is_deleted = np.zeros(self.frame_count, np.bool_)
        gone = [frame for frame in clock.deleted if 0 <= frame < self.frame_count]
        self.is_deleted[gone] = True
        self._deleted_before = np.concatenate([[0], np.cumsum(self.is_deleted)]).astype(np.int64)
        self._unknown_up_to = np.cumsum(clock.is_step_unknown)
        jobs = clock.jobs or ((0, 0, self.frame_count - 1),)
        pairs = list(itertools.pairwise(jobs))
        self.starts = {after[1] for before, after in pairs if after[1] <= before[2]}
        self.stops = {before[2] for before, after in pairs if after[1] <= before[2]}
        self.borders = np.array(sorted(self.starts | self.stops), np.int64)
        shown = np.append(np.flatnonzero(~self.is_deleted), self.frame_count).tolist()
        firsts = {shown[bisect.bisect_left(shown, start)] for start in self.starts}
        lasts = {shown[bisect.bisect_right(shown, stop) - 1] for stop in self.stops}
        self.edges = sorted(firsts | lasts)
        self.cuts = {after[1] for before, after in pairs if after[1] == before[2] + 1}
        self._jobs = jobs

    def end_of_job(self, frame: int) -> int:
        """Return the last frame of the job with this frame, of the later where two share it."""
        stops = [stop for _, start, stop in self._jobs if start <= frame <= stop]
        return min(max(stops, default=self.frame_count - 1), self.frame_count - 1)

    def shown_between(self, a: Ints | np.int64, b: Ints | np.int64) -> Ints:
        """Return how many frames that are not deleted lie strictly between a and b."""
        deleted = self._deleted_before[b] - self._deleted_before[np.minimum(a + 1, b)]
        return np.asarray(np.maximum(b - a - 1, 0) - deleted)

    def durations(self, a: Ints, b: Ints) -> Floats:
        """Return the moving seconds from a to b, NaN where any step between is unknown."""
        moving = self.clock.moving_seconds
        is_unknown = self._unknown_up_to[b] > self._unknown_up_to[a]
        return np.where(is_unknown, np.nan, moving[b] - moving[a])


@dataclass(frozen=True, eq=False)
class Reading:
    """A track with the keyframes that count: ``places`` in the track, ``frames``, ``is_outside``.

    ``last`` is the last frame with a keyframe that is not deleted, the server's too; ``is_open``
    tells that nothing ends the track.
    """

    track: Track
    places: Ints
    frames: Ints
    is_outside: Flags
    last: int
    is_open: bool

    @property
    def spans(self) -> tuple[Ints, Ints, Ints]:
        """The frames a and b of each span, and which keyframe a is among those that count."""
        starts = np.flatnonzero(~self.is_outside[:-1])
        return self.frames[starts], self.frames[starts + 1], starts

    def held(self, task: TaskView) -> int:
        """Return on how many frames the last box of an open track is held."""
        end = np.int64(task.end_of_job(self.last) + 1)
        return int(task.shown_between(self.frames[-1], end))


def read_track(track: Track, task: TaskView) -> Reading:
    """Return a track with those of its keyframes that count: set by hand, and not deleted."""
    is_inside = (track.frames >= 0) & (track.frames < task.frame_count)
    counts = is_inside.copy()
    counts[is_inside] = ~task.is_deleted[track.frames[is_inside]]
    places = np.flatnonzero(counts)
    alive = np.flatnonzero(counts | ~is_inside)  # behind the task: the server drops boxes there
    is_open = len(places) > 0 and not track.is_outside[alive[-1]]
    last = int(track.frames[places[-1]]) if len(places) else -1
    if len(task.borders) and len(places) > 1:
        places = places[~set_by_server(track, places, task)]
    return Reading(track, places, track.frames[places], track.is_outside[places], last, is_open)


def set_by_server(track: Track, places: Ints, task: TaskView) -> Flags:
    """Return which of these keyframes of a track the server added."""
    found = np.zeros(len(places), np.bool_)
    maybe = np.isin(track.frames[places], task.borders) & ~track.is_outside[places]
    numbers = places.tolist()
    for place in (np.flatnonzero(maybe[1:]) + 1).tolist():
        before = place - 1
        while found[before]:
            before -= 1
        after = place + 1
        # A polygon goes another way from border to border than from keyframe to keyframe.
        while track.shape in PLACED_BY_SHARE and after < len(places) - 1 and maybe[after]:
            after += 1
        ends = range(place + 1, after + 1)
        around = ((numbers[before], *numbers[each : each + 1]) for each in ends)
        found[place] = any(_is_filled_in(track, numbers[place], pair, task) for pair in around)
    return found


def _is_filled_in(track: Track, here: int, ends: Sequence[int], task: TaskView) -> bool:
    """Return whether a keyframe lies where CVAT had the box anyway.

    Args:
        track: the track.
        here: the place of the keyframe in it.
        ends: the places of those before and, if there is one, after it.
        task: its task.
    """
    before, after = ends[0], ends[-1]
    if track.is_outside[before]:
        return False
    frame, shown = int(track.frames[here]), track.placed(here)
    between = placed_between(track, before, after, frame)
    if len(between.values) != len(shown.values):
        return False
    has_moved = frame in task.starts or not np.array_equal(shown.values, track.raw(before))
    turn = (shown.rotation - between.rotation + 180) % 360 - 180
    off = np.abs(shown.values - between.values).max(initial=0.0)
    return bool(has_moved and off <= _ROUNDING_PX and abs(turn) <= _ROUNDING_PX)


@dataclass(frozen=True, eq=False)
class Links:
    """Which tracks are pieces of one that the borders of jobs cut."""

    after: dict[int, int]
    before: dict[int, int]
    made_by_server: list[int]


def find_links(readings: Sequence[Reading], task: TaskView) -> Links:
    """Return which piece follows which, by their places in ``readings``."""
    links = Links({}, {}, [0] * len(readings))
    if not task.cuts:
        return links
    begin = defaultdict(list)
    for place, reading in enumerate(readings):
        track = reading.track
        if len(track) and not track.is_outside[0] and int(track.frames[0]) in task.cuts:
            begin[track.label, track.element, track.shape, int(track.frames[0])].append(place)
    for place, reading in enumerate(readings):
        track = reading.track
        seen = np.flatnonzero(~track.is_outside)
        if len(seen) == 0:
            continue
        is_ended = bool(track.is_outside[-1])
        frame = int(track.frames[-1]) if is_ended else task.end_of_job(reading.last) + 1
        fitting = [
            (round(off, 6), way, other)
            for other in begin.get((track.label, track.element, track.shape, frame), ())
            if other not in links.before and other != place
            for way, off in _misfits(track, int(seen[-1]), readings[other].track)
        ]
        off, way, other = min(fitting, default=(np.inf, 0, -1))
        if off <= _SAME_PX:
            links.after[place], links.before[other] = other, place
            links.made_by_server[place] += way == 1  # or its last is the annotator's
            links.made_by_server[other] += 1
    return links


def _misfits(one: Track, seen: int, other: Track) -> Iterator[tuple[int, float]]:
    """Return how far off, in pixels, another track is from going on where one stopped.

    In three ways: as it stood (0), on its way (1), and on the way of the other (2).

    Args:
        one: the earlier track.
        seen: its last keyframe that is not outside.
        other: a track that begins at the border.
    """
    last, first = one.raw(seen), other.raw(0)
    if len(last) != len(first):
        return
    apart = first - last
    yield 0, float(np.abs(apart).max(initial=0.0))
    if one.frames[seen] != other.frames[0] - 1:
        return
    for way, track, a in ((1, one, seen - 1), (2, other, 0)):
        if 0 <= a < len(track) - 1 and not track.is_outside[a]:
            before, behind = track.raw(a), track.raw(a + 1)
            if len(before) == len(behind):
                step = (behind - before) / float(track.frames[a + 1] - track.frames[a])
                yield way, float(np.abs(apart - step).max(initial=0.0))
