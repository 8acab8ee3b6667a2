"""The rules by which tracks are wrong: what CVAT fills in, held against the clock and the breaks.

A span lies between two neighbouring keyframes a < b of one track, the first not outside. Only
keyframes of the annotator count: those on deleted frames do not, for CVAT neither, and those that
the server itself put at the borders of overlapping jobs say nothing of where an object was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...base.words import count, plural
from ...settings.cvat import AuditSettings
from ...settings.stages import BREAK_KINDS
from ...tracks.clock import TaskClock
from ...tracks.model import Track, distance, largest_movement, outline_of, placed_between
from ...tracks.pieces import Reading, TaskView, find_links, read_track, set_by_server
from .clockless import faults_without_clock
from .fault import Fault
from .path import can_follow
from .reasons import REASONS, why_across
from .unevenness import errors_by_clock

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FINDING_KINDS = (
    "crosses-break", "uneven-time", "shape-collapses", "jump", "double", "empty-shape",
    "outside-image", "never-ends", "deleted-keyframe", "single-keyframe", "long-span",
)  # fmt: skip
"""What can be wrong with a track, worst first."""
_NOISE = 1e-6  # of sums of floats, in pixels and in seconds; no error


@dataclass(frozen=True)
class Finding:
    """One place where a track is wrong; frames are numbers of the task.

    ``size`` is in pixels for ``uneven-time`` (how far it is off by the clock), ``crosses-break``
    (how far the box moves over it, as far as it is shown) and ``jump``, in percent that are lost
    for ``shape-collapses`` or outside for ``outside-image``, in frames for the others. ``seconds``
    is presentation time from the first frame to the last, ``video_first`` and ``video_last`` are
    their indices in the video; ``None`` where not known. ``break_kinds`` are those of the breaks
    inside the span. ``limit`` is what the rule let pass, where it has one; ``other_number`` and
    ``other_id`` are those of the second track of a ``double``, ``apart_frames`` on how many frames
    both are shown, but apart. ``not_mended`` says why ``--retime`` does nothing about it; ``None``
    where it does.
    """

    kind: str
    track_number: int
    track_id: int | None
    parent_id: int | None
    label: str
    element: str | None
    first_frame: int
    last_frame: int
    worst_frame: int
    size: float
    seconds: float | None
    video_first: int | None
    video_last: int | None
    break_kinds: tuple[str, ...]
    message: str
    limit: float | None = None
    other_number: int | None = None
    other_id: int | None = None
    apart_frames: int = 0
    not_mended: str | None = None


def audit_tracks(
    tracks: Sequence[Track],
    clock: TaskClock,
    settings: AuditSettings,
    image_size: tuple[int, int] | None = None,
) -> list[Finding]:
    """Return everything that is wrong with the tracks of a task, worst first.

    Args:
        tracks: all tracks of the task; the pieces of a track that jobs cut are seen as one.
        clock: the task's clock.
        settings: from where on something is a finding.
        image_size: width and height of all images in pixels, if they are known.
    """
    task = TaskView(clock)
    readings = [read_track(track, task) for track in tracks]
    findings = list(_ends(readings, task))
    faults = faults_without_clock(readings, task, settings, image_size)
    findings += [_of_fault(task, fault) for fault in faults]
    for reading in readings:
        findings += _spans(reading, task, settings)
        findings += _on_deleted(reading, task)
    order = {kind: place for place, kind in enumerate(FINDING_KINDS)}
    return sorted(
        findings,
        key=lambda one: (
            order[one.kind], -one.size, one.track_number, one.element or "", one.first_frame,
        ),
    )  # fmt: skip


def _of_fault(task: TaskView, fault: Fault) -> Finding:
    """Return the finding that a fault is."""
    one = _finding(task, fault.track, fault.kind, fault.frames, fault.size, fault.message)
    if fault.other is None:
        return replace(one, limit=fault.limit)
    other = fault.other
    both = replace(one, other_number=other.number, other_id=other.id, apart_frames=fault.apart)
    return replace(both, limit=fault.limit)


def _spans(reading: Reading, task: TaskView, settings: AuditSettings) -> Iterator[Finding]:
    """Find what is wrong between neighbouring keyframes."""
    track = reading.track
    a, b, starts = reading.spans
    shown = task.shown_between(a, b)
    some = shown > 0
    a, b, starts, shown = a[some], b[some], starts[some], shown[some]
    if len(a) == 0:
        return
    seconds = task.durations(a, b)
    places = task.clock.break_places
    # One that ends behind a break is shown before it alone: nothing is filled in across.
    reach = b - track.is_outside[reading.places[starts + 1]]
    is_crossing = np.searchsorted(places, reach) > np.searchsorted(places, a)
    errors, worst = errors_by_clock(reading, task, settings, (a, b, starts))
    is_uneven = errors > max(settings.tolerance_px, _NOISE)
    is_long = (shown > settings.max_span_frames) | (seconds > settings.max_span_seconds + _NOISE)
    for i in np.flatnonzero(is_crossing | is_uneven | is_long):
        first, last, off = int(a[i]), int(b[i]), int(worst[i])
        span = f"Between frames {first} and {last} CVAT fills in the box"
        # A stall that the clock tells is no worse than any other uneven time, and mended alike.
        is_stall = is_uneven[i] and can_follow(task.clock, first, last, settings.max_stall_seconds)
        if is_crossing[i] and not is_stall:
            place = int(places[np.searchsorted(places, a[i])])
            before, behind = reading.places[starts[i] : starts[i] + 2].tolist()
            moved = _moved(track, before, behind, task)
            frames = (first, last, min(place + 1, last - 1))
            one = _finding(task, track, "crosses-break", frames, moved, "")
            message = (
                f"{span} across a break in the footage ({', '.join(one.break_kinds)}) after frame "
                f"{place}. End the track with 'outside' behind frame {place}, or set a keyframe "
                "on both sides of the break."
            )
            reason = why_across(task.clock, first, last, settings.max_stall_seconds)
            yield replace(one, message=message, not_mended=reason)
        elif is_uneven[i]:
            message = (
                f"{span} evenly, but time does not pass evenly there: at frame {off} it may be "
                f"{errors[i]:.1f} px off. Set a keyframe there."
            )
            yield _finding(task, track, "uneven-time", (first, last, off), errors[i], message)
        if is_long[i]:
            time = "" if np.isnan(seconds[i]) else f", {seconds[i]:.1f} s"
            message = (
                f"{span} on {count(int(shown[i]), 'frame')}{time}, without a keyframe. Look "
                "whether it follows the object, and set keyframes where it does not."
            )
            middle = (first + last) // 2
            yield _finding(task, track, "long-span", (first, last, middle), shown[i], message)


def _moved(track: Track, a: int, b: int, task: TaskView) -> float:
    """Return how far the box moves between two keyframes, in pixels, as far as it is shown."""
    if not track.is_outside[b]:
        return largest_movement(track, a, b)
    first, behind = int(track.frames[a]), int(track.frames[b])
    last = first + int(np.flatnonzero(~task.is_deleted[first:behind])[-1])
    end = outline_of(track.shape, placed_between(track, a, b, last))
    return distance(track.outline(a), end)


def _ends(readings: Sequence[Reading], task: TaskView) -> Iterator[Finding]:
    """Find tracks that nothing ends, and those that are one held box."""
    links = find_links(readings, task)
    for head in range(len(readings)):
        if head in links.before:
            continue
        chain = [head]
        while (following := links.after.get(chain[-1])) is not None:
            chain.append(following)
        boxes = [_one_box(readings[one], task) for one in chain]
        whole = [box for box in boxes if box is not None]
        last_piece = readings[chain[-1]]
        if len(whole) == len(chain):
            first, last = whole[0][0], whole[-1][1]
            held = sum(box[2] for box in whole) + len(whole) - 1
            message = (
                f"This track is a single box, set on frame {first} and held on {held} more up to "
                f"frame {last}. Set keyframes where the object moves, or end the track with "
                "'outside'."
            )
            kind, track = "single-keyframe", readings[head].track
        elif last_piece.is_open:
            first, last = int(last_piece.frames[-1]), task.end_of_job(last_piece.last)
            held = last_piece.held(task)
            message = (
                f"Nothing ends this track: the box of frame {first} is held on {held} more up to "
                f"frame {last}, the end of the job. Set 'outside' where the object leaves."
            )
            kind, track = "never-ends", last_piece.track
        else:
            continue
        if held > 0:
            yield _finding(task, track, kind, (first, last, last), held, message)


def _one_box(reading: Reading, task: TaskView) -> tuple[int, int, int] | None:
    """Return the first and last frame of a track that is one box, and how many hold it."""
    seen = np.flatnonzero(~reading.is_outside)
    if len(seen) != 1:
        return None
    first = int(reading.frames[seen[0]])
    if reading.is_open:
        return first, task.end_of_job(reading.last), reading.held(task)
    ends = reading.frames[seen[0] + 1 :]
    end = int(ends[0]) if len(ends) else task.frame_count
    return first, end - 1, int(task.shown_between(np.int64(first), np.int64(end)))


def _on_deleted(reading: Reading, task: TaskView) -> Iterator[Finding]:
    """Find keyframes on deleted frames, but for those that the server made."""
    track = reading.track
    inside = np.flatnonzero((track.frames >= 0) & (track.frames < task.frame_count))
    # An end right behind a job is the server's, and nothing is shown behind it anyway.
    ends_job = track.is_outside[inside] & np.isin(track.frames[inside], sorted(task.cuts))
    gone = task.is_deleted[track.frames[inside]] & ~ends_job
    if not gone.any():
        return
    depending: list[int] = []
    if len(task.borders):
        by_server = set_by_server(track, inside, task)
        gone &= ~by_server
        # What the server set at borders by a keyframe that is gone is taken for the annotator's.
        depending = sorted(set(track.frames[inside[by_server]]) & set(reading.frames.tolist()))
    anew = f"{plural(len(depending), 'keyframe')} anew on {', '.join(map(str, depending))}"
    more = f" What CVAT set by it where jobs overlap stays: set the {anew}." if depending else ""
    for place in inside[gone]:
        frame = int(track.frames[place])
        what = "the end of this track" if track.is_outside[place] else "a keyframe of this track"
        message = (
            f"Frame {frame} is deleted, so {what} on it stopped counting: CVAT shows the box as "
            f"if it were not there. Set it on a frame beside it, or restore the frame.{more}"
        )
        yield _finding(task, track, "deleted-keyframe", (frame, frame, frame), 1, message)


def _finding(
    task: TaskView, track: Track, kind: str, frames: tuple[int, int, int], size: float, message: str
) -> Finding:
    """Return a finding; the frames are the first, the last and the worst."""
    first, last, worst = frames
    clock = task.clock
    lo, hi = np.searchsorted(clock.break_places, [first, last])
    kinds = {one.kind for one in clock.breaks[lo:hi]}
    seconds = float(clock.seconds[last] - clock.seconds[first])
    video_first, video_last = (int(clock.frame_indices[frame]) for frame in (first, last))
    return Finding(
        kind=kind,
        track_number=track.number,
        track_id=track.id,
        parent_id=track.parent_id,
        label=track.label,
        element=track.element,
        first_frame=first,
        last_frame=last,
        worst_frame=worst,
        size=float(size),
        seconds=None if np.isnan(seconds) else seconds,
        video_first=None if video_first < 0 else video_first,
        video_last=None if video_last < 0 else video_last,
        break_kinds=tuple(one for one in BREAK_KINDS if one in kinds),
        message=message,
        not_mended=REASONS.get(kind),
    )
