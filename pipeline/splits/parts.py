"""The parts of the videos of a dataset that each get a side: whole videos, or runs of frames."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..base.errors import UsageError
from ..dataset.breaks import find_breaks, find_runs
from ..dataset.records import VideoRecord
from ..dataset.store import SPLITS_NAME, Dataset
from ..settings.splits import SIDES, SplitSettings
from ..settings.stages import BreakSettings
from .deal import NONE, SideNumbers
from .groups import ASIDE
from .near import Places
from .record import ASIDE_NAME, SplitRecord, VideoSides

_NUMBERS = {side: number for number, side in enumerate(SIDES)} | {ASIDE_NAME: ASIDE}
_NAMES = {number: side for side, number in _NUMBERS.items()}


def settle(asked: SplitSettings, before: SplitRecord | None) -> SplitSettings:
    """Return how to deal.

    Raises:
        UsageError: another way is asked for than that in which was dealt before.
    """
    old = before.settings if before else SplitSettings()
    for name in ("split", "by", "seed"):
        one, other = getattr(old, name), getattr(asked, name)
        if None not in (one, other) and one != other:
            raise UsageError(
                f"'{name}' is to be {other}, but what stands in {SPLITS_NAME} was dealt with "
                f"{one}, and keeps its side. Leave {name} out to go on like that; or move "
                f"{SPLITS_NAME} out of the folder that is read, and all is dealt anew."
            )
    return asked.dealt(old)


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of videos, those of a video one after another.

    All arrays have shape (parts,). ``video``: int64, a place in ``records``. ``firsts``: int64, the
    frame index at which each begins; it goes up to the next one of its video. ``given``: int8, the
    side where it is already, or `deal.NONE`. ``by_hand``: bool, whether a person has said so.
    """

    records: Sequence[VideoRecord]
    video: Places
    firsts: Places
    given: SideNumbers
    by_hand: npt.NDArray[np.bool_]

    def of(self, place: int) -> slice:
        """Return which parts a video has, by its place in ``records``."""
        begin, end = np.searchsorted(self.video, [place, place + 1]).tolist()
        return slice(begin, end)

    def owners(self, place: int, frames: Places) -> Places:
        """Return the part of each frame of a video: int64, their shape."""
        mine = self.of(place)
        return np.asarray(mine.start + np.searchsorted(self.firsts[mine], frames, "right") - 1)

    @property
    def names(self) -> list[str]:
        """What people call each: its video, and its frames if that has several."""
        ends = self._ends()
        alone = np.bincount(self.video)[self.video] == 1
        return [
            self.records[video].id
            if is_alone
            else f"{self.records[video].id}, frames {first} to {end}"
            for video, first, end, is_alone in zip(
                self.video.tolist(), self.firsts.tolist(), ends, alone.tolist(), strict=True
            )
        ]

    @property
    def keys(self) -> list[str]:
        """What each is known by for ever: the content of its video, and where it begins."""
        contents = [content_of(record) for record in self.records]
        pairs = zip(self.video.tolist(), self.firsts.tolist(), strict=True)
        return [f"{contents[video]}:{first}" for video, first in pairs]

    def to_record(self, place: int, sides: SideNumbers, recording: str | None) -> VideoSides:
        """Return where a video stands, as `splits.json` keeps it.

        Args:
            place: of the video.
            sides: shape (parts,).
            recording: what may show the same moment.
        """
        mine, record = self.of(place), self.records[place]
        firsts, own = self.firsts[mine], sides[mine]
        starts = np.flatnonzero(np.diff(own, prepend=-9))
        lasts = [*(firsts[starts[1:]] - 1).tolist(), max(record.counts.frames_decoded - 1, 0)]
        runs = tuple(
            (int(firsts[start]), int(last), _NAMES[int(own[start])])
            for start, last in zip(starts.tolist(), lasts, strict=True)
        )
        whole = runs[0][2] if len(runs) == 1 else None
        by_hand = bool(self.by_hand[mine].any())
        content = content_of(record)
        return VideoSides(whole, () if whole else runs, content, recording, by_hand)

    def _ends(self) -> list[int]:
        last = [max(record.counts.frames_decoded - 1, 0) for record in self.records]
        following = np.append(self.firsts[1:], 0) - 1
        ends = np.where(following < 0, np.array(last, np.int64)[self.video], following)
        return [int(end) for end in ends]


def divide_into_parts(
    store: Dataset, videos: Iterable[str], before: SplitRecord | None, breaks: BreakSettings | None
) -> Parts:
    """Return the parts of videos that each get a side, and the sides where they are already.

    Args:
        store: the dataset.
        videos: their ids.
        before: where they stand already.
        breaks: what ends a run, if each run is a part.

    Raises:
        DatasetError: a record or a frame table cannot be read.
    """
    records = [store.read_record(video) for video in videos]
    known = known_sides(records, before)
    rows = [
        (place, first, *given_at(known.get(record.id), first))
        for place, record in enumerate(records)
        for first in _firsts(store, record, known.get(record.id), breaks)
    ]
    columns = [np.array(column) for column in zip(*rows, strict=True)] or [np.empty(0)] * 4
    kinds: tuple[type, ...] = (np.int64, np.int64, np.int8, np.bool_)
    return Parts(records, *(c.astype(kind) for c, kind in zip(columns, kinds, strict=True)))


def content_of(record: VideoRecord) -> str:
    """Return what tells a video from all others, whatever it is called."""
    sha256, stream = record.source.content
    return sha256 if stream is None else f"{sha256}:{stream}"


def _firsts(
    store: Dataset, record: VideoRecord, known: VideoSides | None, breaks: BreakSettings | None
) -> list[int]:
    """Return the frames at which the parts of a video begin, ascending, 0 the first."""
    firsts = {0}
    if breaks is not None:
        record, frames = store.read_video(record.id)
        found = find_breaks(frames, record.warnings, breaks)
        firsts |= {first for first, _ in find_runs(frames, found, breaks)[1:]}
    for first, last, _ in known.runs if known else ():
        firsts |= {first, last + 1}
    return sorted(first for first in firsts if first < max(record.counts.frames_decoded, 1))


def given_at(known: VideoSides | None, first: int) -> tuple[int, bool]:
    """Return the side that a part stands on which begins at this frame, and who has said so.

    What prep has set aside is looked at anew.
    """
    if known is None:
        return NONE, False
    side = known.side
    for begin, end, name in known.runs:
        if begin <= first <= end:
            side = name
    if side is None or (side == ASIDE_NAME and not known.by_hand):
        return NONE, False
    return _NUMBERS[side], known.by_hand


def known_sides(
    records: Iterable[VideoRecord], before: SplitRecord | None
) -> Mapping[str, VideoSides]:
    """Return what a record says of videos: by what they are made of, or else by their ids."""
    if before is None:
        return {}
    contents = {sides.content: sides for sides in before.videos.values() if sides.content}
    found = {}
    for record in records:
        mine, content = before.videos.get(record.id), content_of(record)
        is_mine = mine is not None and (mine.by_hand or mine.content in {None, content})
        sides = mine if is_mine else contents.get(content, mine)
        if sides is not None:
            found[record.id] = sides
    return found


def forgotten(records: Iterable[VideoRecord], before: SplitRecord) -> Iterator[str]:
    """Yield the videos of a record that are gone under their names, and here under others."""
    ids = {record.id for record in records}
    contents = {content_of(record) for record in records}
    for video, sides in before.videos.items():
        if video not in ids and sides.content in contents:
            yield video
