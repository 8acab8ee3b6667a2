"""Which video of a dataset a task in CVAT shows, and which of its frames, however it was made."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from ..base.errors import DatasetError, printable
from ..base.words import count, plural
from ..cvat.annotations import TaskFrames
from ..dataset.breaks import find_breaks
from ..dataset.frame_table import Fate
from ..dataset.records import VideoRecord
from ..dataset.store import Dataset
from ..settings.stages import BreakSettings
from ..tracks.clock import TaskClock, clock_of

_IMAGE_NAME = re.compile(r"(.+)-frame_([0-9]{1,9})\.\w+")


@dataclass(frozen=True, eq=False)
class Match:
    """The clock of a task, and the video that it shows, ``None`` where it shows none of them.

    ``note`` says how far its frames were matched, where that is not wholly. ``image_size``: width
    and height of all images in pixels, if known.
    """

    video: str | None
    clock: TaskClock
    note: str | None
    image_size: tuple[int, int] | None = None


class Matcher:
    """Finds the videos of a dataset behind tasks."""

    def __init__(self, store: Dataset, breaks: BreakSettings) -> None:
        self._store, self._breaks = store, breaks
        self.records, self._unreadable = _records(store)

    def match(self, task: TaskFrames, jobs: tuple[tuple[int, int, int], ...]) -> Match:
        """Return which frames of which video a task shows.

        Args:
            task: its frames.
            jobs: (job id, first frame, last frame) of its jobs.
        """
        if task.size == 0:
            return Match(None, unmatched_clock(0, (), jobs), "it has no frames yet.")
        video, indices, why = self._of_video(task) if task.is_video else self._of_images(task)
        if video is not None:
            try:
                record, frames = self._store.read_video(video)
            except DatasetError as error:
                video, why = None, str(error)
        if video is None:
            clock = unmatched_clock(task.size, task.deleted, jobs)
            return Match(None, clock, why, task.image_size)
        clock = clock_of(
            frames,
            find_breaks(frames, record.warnings, self._breaks),
            self._breaks,
            indices,
            task.deleted,
            jobs,
        )
        if clock.matched < len(clock):
            missing = len(clock) - clock.matched
            why = f"{missing:,} of {count(len(clock), 'frame')} "
            why += f"{plural(missing, 'is', 'are')} none of video '{printable(video)}'; "
            why += "spans that end at one of them have no clock."
        size = task.image_size
        if size is None and not task.is_video and record.image_width and record.image_height:
            size = (record.image_width, record.image_height)
        return Match(video, clock, why, size)

    def kept_names(self, video: str, first: int = 0, last: int | None = None) -> tuple[str, ...]:
        """Return the names of the images of a video that are kept, between two frame indices.

        Raises:
            DatasetError: its frame table cannot be read.
        """
        kept = np.flatnonzero(self._store.read_frames(video).fate == Fate.KEPT)
        if last is not None:
            kept = kept[(kept >= first) & (kept <= last)]
        return self.records[video].images.names(kept)

    def _of_images(self, task: TaskFrames) -> tuple[str | None, npt.NDArray[np.int64], str | None]:
        """Go by the names of the images: those that prep gives them tell video and frame."""
        found = [_IMAGE_NAME.fullmatch(PurePosixPath(name).name) for name in task.names]
        videos = Counter(m[1] for m in found if m and m[1] in self.records)
        if not videos:
            return None, np.empty(0, np.int64), self._unknown("its images are not named as prep's")
        video, _ = videos.most_common(1)[0]
        indices = [int(m[2]) if m and m[1] == video else -1 for m in found]
        return video, np.array(indices, dtype=np.int64), None

    def _of_video(self, task: TaskFrames) -> tuple[str | None, npt.NDArray[np.int64], str | None]:
        """Go by the name of the source; CVAT counts a video's frames as its decoder does."""
        name = PurePosixPath(task.names[0]).name
        fitting = [
            video
            for video, record in self.records.items()
            if PurePosixPath(record.source.name).name == name
        ]
        indices = task.start + task.step * np.arange(task.size, dtype=np.int64)
        if len(fitting) > 1:
            fitting = [video for video in fitting if video == task.name] or fitting
        if len(fitting) != 1:
            what = f"it was made from '{printable(name)}', which "
            what += "several videos of the dataset came from" if fitting else "no video came from"
            return None, np.empty(0, np.int64), self._unknown(what)
        (video,) = fitting
        return video, indices, None

    def _unknown(self, what: str) -> str:
        unread = f"; {count(self._unreadable, 'video')} of the dataset cannot be read" * (
            self._unreadable > 0
        )
        return (
            f"{what}{unread}, so nobody knows which frames it shows. Name the dataset that holds "
            "its video."
        )


def unmatched_clock(
    size: int, deleted: tuple[int, ...], jobs: tuple[tuple[int, int, int], ...]
) -> TaskClock:
    """Return the clock of a task of which nothing is known but how many frames it has."""
    return TaskClock(
        frame_indices=np.full(size, -1, dtype=np.int64),
        seconds=np.full(size, np.nan),
        moving_seconds=np.full(size, np.nan),
        is_step_unknown=np.zeros(size, dtype=np.bool_),
        breaks=(),
        break_places=np.empty(0, dtype=np.int64),
        deleted=frozenset(deleted),
        jobs=tuple(sorted(jobs, key=lambda job: job[1:])),
        matched=0,
    )


def _records(store: Dataset) -> tuple[dict[str, VideoRecord], int]:
    records, unreadable = {}, 0
    for video in store.video_ids():
        try:
            records[video] = store.read_record(video)
        except DatasetError:
            unreadable += 1
    return records, unreadable
