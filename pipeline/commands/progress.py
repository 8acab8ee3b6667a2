"""Progress bars: one for the batch, one for each video at work. On a terminal only."""

import contextlib
import io
import time
from collections.abc import Collection, Iterator
from typing import Any

from tqdm import tqdm

from ..base.errors import printable
from ..base.work import Batch, Watch
from ..doctor.check import Look, expect

tqdm.monitor_interval = 0
_LONG_SECONDS = 2.0
_FRAMES = (
    "{desc} {percentage:3.0f}%|{bar}| {n:,.0f}/{total:,.0f} frames {rate_noinv_fmt} ETA {remaining}"
)
_ITEMS = "{desc} {percentage:3.0f}%|{bar}| ETA {remaining}"


class Bars(Watch):
    """Progress bars with tqdm, on stderr: of the batch that is going on, and of its items.

    Where the number of all parts shows only as items are begun, it is projected from those that
    were, by their sizes.
    """

    def __init__(self) -> None:
        self._batch = Batch(0, 0)
        self._bar: tqdm[Any] | None = None
        self._bars: dict[str, tqdm[Any]] = {}

    def batch_started(self, batch: Batch) -> None:
        """Show the bar of the batch, in place of that of an earlier one."""
        self.close()
        self._batch, self._size = batch, batch.size
        self._items_done = self._size_done = self._known_parts = self._known_size = 0
        if batch.unit == "frames":
            self._bar = _frames_bar("", batch.parts)
        elif batch.unit == "bytes":
            self._bar = _bar(total=batch.parts, unit="B", unit_scale=True)
        else:
            self._bar = _bar(total=batch.items, bar_format=_ITEMS)
        self._describe()

    def item_started(self, item: str, parts: int, size: int) -> None:
        """Show the bar of an item that is made of frames, and project the batch anew."""
        if self._batch.unit == "frames":
            self._known_parts += parts
            self._known_size += size
            self._project()
            position = 1 + len(self._bars)
            self._bars[item] = _frames_bar(printable(item)[-24:], parts, position)

    def parts_done(self, item: str, parts: int) -> None:
        """Move the bars; back where parts must be done again."""
        for bar in (self._bars.get(item), self._bar):
            if bar is not None:
                # tqdm would forget a total that proves too small.
                bar.total = max(bar.total or 0, bar.n + parts)
                bar.update(parts)

    def item_done(self, item: str, size: int) -> None:
        """Take the bar of an item away."""
        self._items_done += 1
        self._size_done += size
        bar = self._bars.pop(item, None)
        if bar is not None:
            bar.close()
        elif self._batch.unit == "frames":  # nothing had to be decoded
            self._size -= size
            self._project()
        elif not self._batch.unit and self._bar is not None:
            self._bar.update()
        self._describe()

    def close(self) -> None:
        """Take all bars away."""
        for bar in (*self._bars.values(), self._bar):
            if bar is not None:
                bar.close()
        self._bar = None
        self._bars.clear()

    def _describe(self) -> None:
        if self._bar is None:
            return
        done, batch = self._items_done, self._batch
        text = f"all {done}/{batch.items} {batch.noun}"
        if batch.unit == "bytes":
            text = f"{batch.noun} {done}/{batch.items}, frames {self._size_done:,}/{batch.size:,}"
        self._bar.set_description_str(text)

    def _project(self) -> None:
        if self._bar is not None and self._known_size:
            parts = self._known_parts * self._size / self._known_size
            self._bar.total = max(parts, self._bar.n)


def _bar(**options: Any) -> "tqdm[Any]":
    # With miniters, no bar is ever late, and tqdm needs no thread that looks after it.
    return tqdm(leave=False, dynamic_ncols=True, mininterval=0.2, miniters=1, **options)


def _frames_bar(description: str, total: int, position: int = 0) -> "tqdm[Any]":
    return _bar(
        desc=description, total=total, position=position, unit=" frames", bar_format=_FRAMES
    )


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
        bars.batch_started(Batch(1, 1))
        bars.item_started("clip", 24, 1)
        bars.parts_done("clip", 24)
        bars.item_done("clip", 1)
        bars.batch_started(Batch(1, 24, "tasks", "bytes", 1))
        bars.parts_done("clip", 1)
        bars.item_done("clip", 24)
        bars.batch_started(Batch(1, 1, "tasks", ""))
        bars.item_done("clip", 1)
        bars.close()
    text = drawn.getvalue()
    for right in (
        "all 1/1 videos 100%",
        "24/24 frames",
        "tasks 1/1, frames 24/24",
        "all 1/1 tasks 100%",
    ):
        expect(f"'{right}' is drawn", right in text, True)
    return "all kinds of progress bar"
