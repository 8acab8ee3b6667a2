"""How many boxes of a task its annotators set, and how many CVAT filled in."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .clock import TaskClock
from .model import Track, tracks_from_api
from .pieces import TaskView, find_links, read_track


@dataclass(frozen=True)
class TrackCounts:
    """What the boxes of some tracks are: each shown box is counted once.

    ``keyframes`` are those that the annotator set on frames that show them, ``interpolated`` lie
    between two keyframes, ``held`` follow the last one of a track that has no ``outside``. The
    elements of a skeleton are one of ``tracks``, and each has boxes of its own.
    """

    tracks: int = 0
    keyframes: int = 0
    interpolated: int = 0
    held: int = 0

    @property
    def boxes(self) -> int:
        """All boxes that CVAT shows."""
        return self.keyframes + self.interpolated + self.held

    @property
    def share_filled_in(self) -> float:
        """The share of boxes that nobody set, 0 to 1."""
        return (self.interpolated + self.held) / self.boxes if self.boxes else 0.0

    def __add__(self, other: "TrackCounts") -> "TrackCounts":
        return TrackCounts(
            self.tracks + other.tracks,
            self.keyframes + other.keyframes,
            self.interpolated + other.interpolated,
            self.held + other.held,
        )


@dataclass(frozen=True)
class TrackStatistics:
    """Counts for each track (in the order given), for each label, and of all."""

    by_track: tuple[TrackCounts, ...]
    by_label: dict[str, TrackCounts]
    total: TrackCounts


def statistics(tracks: Sequence[Track], clock: TaskClock) -> TrackStatistics:
    """Return how many boxes are the annotator's, and how many CVAT filled in."""
    task = TaskView(clock)
    readings = [read_track(track, task) for track in tracks]
    links = find_links(readings, task)
    by_track = []
    by_label: dict[str, TrackCounts] = defaultdict(TrackCounts)
    known: set[int] = set()
    for place, reading in enumerate(readings):
        keyframes = int((~reading.is_outside).sum())
        a, b, _ = reading.spans
        between = int(task.shown_between(a, b).sum())
        held = reading.held(task) if reading.is_open else 0
        # What the server put where it cut a track is filled in as well.
        of_server = links.made_by_server[place]
        counts = TrackCounts(1, keyframes - of_server, between + of_server, held)
        by_track.append(counts)
        is_new = reading.track.number not in known
        known.add(reading.track.number)
        by_label[reading.track.label] += replace(counts, tracks=int(is_new))
    total = sum(by_label.values(), start=TrackCounts())
    return TrackStatistics(tuple(by_track), dict(by_label), total)


def boxes_by_frame(annotations: Mapping[str, Any], frames: int) -> npt.NDArray[np.int64]:
    """Return how many boxes and other shapes a job shows on each frame, shape (frames,).

    Args:
        annotations: the answer to ``GET /api/jobs/ID/annotations/``.
        frames: how many its task has; a track that nothing ends goes on to the last.
    """
    steps = np.zeros(frames + 1, np.int64)
    for track in tracks_from_api(annotations, {}):
        is_shown = ~track.is_outside
        ends = np.append(track.frames[1:], frames)
        np.add.at(steps, np.minimum(track.frames[is_shown], frames), 1)
        np.add.at(steps, np.minimum(ends[is_shown], frames), -1)
    for shape in annotations.get("shapes") or ():
        steps[shape["frame"]] += 1
        steps[shape["frame"] + 1] -= 1
    return np.cumsum(steps[:-1])
