"""Progress bars: one for the batch, one for each video at work. On a terminal only."""

import contextlib
import io
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

from ..base.errors import printable
from ..doctor.check import Look, expect
from ..stages.extract.stage import Progress
from ..stages.upload.result import UploadProgress

T = TypeVar("T")

_LONG_SECONDS = 2.0
_FORMAT = (
    "{desc} {percentage:3.0f}%|{bar}| {n:,.0f}/{total:,.0f} frames {rate_noinv_fmt} ETA {remaining}"
)


class Bars(Progress):
    """Progress bars with tqdm, on stderr.

    How many frames the whole batch has is known only when all videos were opened; until then it
    is projected from those that were, by file size.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batch: tqdm[Any] | None = None
        self._bars: dict[str, tqdm[Any]] = {}

    def batch_started(self, videos: int, size_bytes: int) -> None:
        """Show the bar of the batch, in place of that of an earlier one."""
        self.close()
        self._videos, self._videos_done = videos, 0
        self._size_bytes, self._known_bytes, self._known_frames = size_bytes, 0, 0
        self._batch = _bar(f"all 0/{videos} videos", 0)

    def video_started(self, video_id: str, frames_expected: int, size_bytes: int) -> None:
        """Show the bar of a video, and project the batch anew."""
        with self._lock:
            self._known_frames += frames_expected
            self._known_bytes += size_bytes
            self._project()
            position = 1 + len(self._bars)
            self._bars[video_id] = _bar(printable(video_id)[-24:], frames_expected, position)

    def frames_done(self, video_id: str, frames: int) -> None:
        """Move both bars."""
        with self._lock:
            for bar in (self._bars[video_id], self._batch):
                if bar is not None:
                    # tqdm would forget a total that proves too small.
                    bar.total = max(bar.total or 0, bar.n + frames)
                    bar.update(frames)

    def video_done(self, video_id: str, size_bytes: int) -> None:
        """Take the bar of a video away."""
        with self._lock:
            self._videos_done += 1
            bar = self._bars.pop(video_id, None)
            if bar is None:  # nothing had to be decoded
                self._size_bytes -= size_bytes
                self._project()
            else:
                bar.close()
            if self._batch is not None:
                self._batch.set_description_str(f"all {self._videos_done}/{self._videos} videos")

    def close(self) -> None:
        """Take all bars away."""
        with self._lock:
            for bar in [*self._bars.values(), *([self._batch] if self._batch is not None else [])]:
                bar.close()
            self._batch = None
            self._bars.clear()

    def _project(self) -> None:
        if self._batch is not None and self._known_bytes:
            frames = self._known_frames * self._size_bytes / self._known_bytes
            self._batch.total = max(frames, self._batch.n)


class UploadBar(UploadProgress):
    """One progress bar with tqdm, on stderr: bytes, and frames of the tasks that are complete."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bar: tqdm[Any] | None = None
        self._tasks = self._tasks_done = self._frames = self._frames_done = 0

    def tasks_planned(self, tasks: int, frames: int, size_bytes: int) -> None:
        """Show the bar."""
        self._tasks, self._frames = tasks, frames
        self._bar = tqdm(
            total=size_bytes,
            leave=False,
            unit="B",
            unit_scale=True,
            dynamic_ncols=True,
            mininterval=0.2,
        )
        self._describe()

    def bytes_sent(self, size_bytes: int) -> None:
        """Move the bar; back where bytes must be sent again."""
        with self._lock:
            if self._bar is not None:
                self._bar.update(size_bytes)

    def task_done(self, frames: int) -> None:
        """Count a task and its frames."""
        with self._lock:
            self._tasks_done, self._frames_done = self._tasks_done + 1, self._frames_done + frames
            self._describe()

    def close(self) -> None:
        """Take the bar away."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()

    def _describe(self) -> None:
        if self._bar is not None:
            self._bar.set_description_str(
                f"tasks {self._tasks_done}/{self._tasks}, "
                f"frames {self._frames_done:,}/{self._frames:,}"
            )


def _bar(description: str, total: int, position: int = 0) -> "tqdm[Any]":
    return tqdm(
        desc=description,
        total=total,
        position=position,
        leave=False,
        unit=" frames",
        bar_format=_FORMAT,
        dynamic_ncols=True,
        mininterval=0.2,
    )


def watch(videos: Collection[T]) -> Iterable[T]:
    """Pass on videos, and show how many of them are done."""
    bar: tqdm[T] = tqdm(videos, leave=False, unit=" videos", dynamic_ncols=True, mininterval=0.2)
    return bar


def watch_looks(looks: Collection[Look]) -> Iterator[Look]:
    """Pass on what is to be tried, and show where it is once it has taken long."""
    begun = time.monotonic()
    with tqdm(
        total=len(looks), leave=False, bar_format="{n}/{total} {desc}", delay=_LONG_SECONDS
    ) as bar:
        for look in looks:
            takes_long = time.monotonic() - begun > _LONG_SECONDS
            bar.set_description_str(look.name, refresh=takes_long)
            yield look
            bar.n += 1
        bar.clear()  # it was drawn behind the back of tqdm, which therefore leaves it


def try_bars() -> str:
    """Draw each kind of bar where nobody sees it, and say what was drawn.

    Raises:
        WrongResultError: something else was drawn.
    """
    with contextlib.redirect_stderr(io.StringIO()) as drawn:
        bars = Bars()
        bars.batch_started(1, 1)
        bars.video_started("clip", 24, 1)
        bars.frames_done("clip", 24)
        bars.video_done("clip", 1)
        bars.close()
        upload = UploadBar()
        upload.tasks_planned(1, 24, 1)
        upload.bytes_sent(1)
        upload.task_done(24)
        upload.close()
        expect("videos passed on", list(watch(["clip"])), ["clip"])
    text = drawn.getvalue()
    for right in ("all 1/1 videos 100%", "24/24 frames", "tasks 1/1, frames 24/24"):
        expect(f"'{right}' is drawn", right in text, True)
    return "all kinds of progress bar"
