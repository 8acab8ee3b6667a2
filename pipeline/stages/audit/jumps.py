"""The rule about keyframes far off the path of their neighbours: slips and identity switches.

Things turn round as well, so to be far off and back is not enough. A slip is far off compared with
how far any keyframe of that track is off the way between its neighbours, and fast. Where a thing
bounces, the keyframes on one side lead to where it turned.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ...settings.cvat import AuditSettings
from ...tracks.extents import Extents
from ...tracks.pieces import Reading, TaskView
from .fault import Fault

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_TIMES_USUAL = 5.0
"""A slip is off by so many times of what is usual in its track."""
_TIMES_LED = 2.0
"""What turns is off by no more than that from where the keyframes on one side lead."""
_USUAL = 0.5
"""What is usual: this share of a track's keyframes, or spans, has no more. Others may slip too."""
_BACK = 0.5
"""From the keyframe before to the next, it is at most this share of the detour."""
_FAST_SIZES, _FASTER = 0.04, 2.0
"""A slip goes more than so many of its sizes a frame, or is so much faster than is usual."""
_FEW, _FEW_TIMES = 4, 1.5
"""Where fewer keyframes can be judged, what is usual is not known: the limit is higher."""
_BEYOND = 0.5
"""A slip reaches beyond where the box should be, by this share of the limit. Else it has shrunk in
its place: a part of the object is hidden."""
_LEAST_SIZE_PX, _POINT_SIZE_PX = 16.0, 32.0
"""Nothing counts as smaller; a point has no size of its own."""


def jumps(
    readings: Sequence[Reading], extents: Extents, task: TaskView, settings: AuditSettings
) -> Iterator[Fault]:
    """Find single keyframes that are far off the straight way from the one before to the next."""
    if len(extents.frames) < 3:
        return
    owners, frames, boxes = extents.owners, extents.frames, extents.boxes
    is_span = (owners[1:] == owners[:-1]) & ~extents.is_outside[:-1] & ~extents.is_outside[1:]
    places = task.clock.break_places
    # Behind a cut, things are elsewhere.
    is_span &= np.searchsorted(places, frames[1:]) == np.searchsorted(places, frames[:-1])
    moved = _farthest(boxes[1:] - boxes[:-1])
    speeds = moved / np.maximum(np.diff(frames), 1)
    middle = np.flatnonzero(is_span[:-1] & is_span[1:]) + 1
    whose = owners[middle]
    straight = boxes[middle + 1] - boxes[middle - 1]
    expected = _led_to(frames, boxes, middle, -1, 1)
    off = _farthest(boxes[middle] - expected)
    # How far it is off as well from where the two before it, and the two behind, lead alone.
    turning = off.copy()
    is_known = np.pad(is_span, 1)
    for side, is_led in ((-1, is_known[middle - 1]), (1, is_known[middle + 2])):
        led = middle[is_led]
        apart = _farthest(boxes[led] - _led_to(frames, boxes, led, 2 * side, side))
        turning[is_led] = np.minimum(turning[is_led], apart)
    # To a keyframe that slipped lead two spans, and it moves the ways of both its neighbours.
    usual_speeds = _usual(owners[1:][is_span], speeds[is_span], 2, len(readings))
    usual = _usual(whose, off, 3, len(readings))
    sizes = _sizes(readings, extents)[whose]
    is_few = np.bincount(whose, minlength=len(readings))[whose] < _FEW
    limits = settings.jump_share * sizes * np.where(is_few, _FEW_TIMES, 1.0)
    slower = np.minimum(speeds[middle - 1], speeds[middle])
    is_faster = ~is_few & (slower > _FASTER * usual_speeds[whose])
    is_fast = is_faster | (slower > _FAST_SIZES * sizes)
    is_back = _farthest(straight) < _BACK * (moved[middle - 1] + moved[middle])
    outgrown = (boxes[middle] - expected) * np.array([-1, -1, 1, 1])
    is_beyond = outgrown.max(axis=1) > _BEYOND * limits
    is_turn = turning <= np.maximum(limits, _TIMES_LED * usual[whose])
    is_far = (off > limits) & (off > _TIMES_USUAL * usual[whose]) & ~is_turn
    found = is_far & is_fast & is_back & is_beyond
    for place, by, limit in zip(middle[found], off[found], limits[found], strict=True):
        first, at, last = (int(frames[each]) for each in (place - 1, place, place + 1))
        message = (
            f"The keyframe of frame {at} is {by:.0f} px off the way from frame {first} to frame "
            f"{last}, much farther than others of this track. Look whether it slipped, or is on "
            "another object, and move it back."
        )
        track = readings[int(owners[place])].track
        yield Fault("jump", track, (first, last, at), float(by), float(limit), message)


def _led_to(frames: Ints, boxes: Floats, places: Ints, one: int, other: int) -> Floats:
    """Return where two others lead a keyframe that moves evenly, shape (places, 4).

    Args:
        frames: int64, shape (keyframes,).
        boxes: float64, shape (keyframes, 4).
        places: int64, shape (places,), of the keyframes.
        one: how far the first of the others is behind it, in keyframes; before it if negative.
        other: the second.
    """
    a, b = places + one, places + other
    share = (frames[places] - frames[a]) / (frames[b] - frames[a])
    return np.asarray(boxes[a] + (boxes[b] - boxes[a]) * share[:, np.newaxis])


def _farthest(moved: Floats) -> Floats:
    """Return how far that corner is moved which is moved most, shape (keyframes,), in pixels."""
    return np.maximum(np.hypot(moved[:, 0], moved[:, 1]), np.hypot(moved[:, 2], moved[:, 3]))


def _usual(owners: Ints, values: Floats, left_out: int, track_count: int) -> Floats:
    """Return what is usual for each track, shape (tracks,), but for so many of its largest.

    0 where there are no more than those.
    """
    ordered = values[np.lexsort((values, owners))]
    counts = np.bincount(owners, minlength=track_count)
    begins = np.cumsum(counts) - counts
    usual = np.zeros(track_count)
    some = counts > left_out
    ranks = (_USUAL * (counts[some] - left_out - 1)).astype(np.int64)
    usual[some] = ordered[begins[some] + ranks]
    return usual


def _sizes(readings: Sequence[Reading], extents: Extents) -> Floats:
    """Return the median size of each track, in pixels; of an element, that of its skeleton."""
    numbers = np.array([each.track.number for each in readings], np.int64)
    is_element = np.array([each.track.element is not None for each in readings], np.bool_)
    seen = np.flatnonzero(~extents.is_outside)
    sizes = _medians(extents.owners[seen], extents.sizes[seen], len(readings))
    of_elements = seen[is_element[extents.owners[seen]]]
    if len(of_elements):
        whose, frames = numbers[extents.owners[of_elements]], extents.frames[of_elements]
        order = np.lexsort((frames, whose))
        whose, frames, boxes = whose[order], frames[order], extents.boxes[of_elements[order]]
        begins = np.flatnonzero(
            (np.diff(whose, prepend=-1) > 0) | (np.diff(frames, prepend=-1) > 0)
        )
        low = np.minimum.reduceat(boxes[:, :2], begins)
        high = np.maximum.reduceat(boxes[:, 2:], begins)
        whole = np.sqrt((high - low).prod(axis=1))
        of_skeletons = _medians(whose[begins], whole, int(numbers.max()) + 1)
        sizes[is_element] = of_skeletons[numbers[is_element]]
    return np.where(sizes > 0, np.maximum(sizes, _LEAST_SIZE_PX), _POINT_SIZE_PX)


def _medians(owners: Ints, values: Floats, count: int) -> Floats:
    """Return the median of the values of each owner, shape (count,), 0 where there are none."""
    medians = np.zeros(count)
    order = np.lexsort((values, owners))
    some, begins, counts = np.unique(owners[order], return_index=True, return_counts=True)
    medians[some] = values[order[begins + counts // 2]]
    return medians
