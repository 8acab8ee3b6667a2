"""What a video has that only a person can judge: breaks, marked images, duplicates."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...base.errors import DatasetError
from ...dataset.frame_table import Fate, Reason
from ...dataset.marks import MARKS
from ...dataset.records import Break
from ...settings.stages import ValidateSettings
from .opened import OpenedVideo

BREAKS = ("cut", "timeline", "damage", "size", "missing")
"""The kinds of break that are shown: where frames are left out as still, nothing moved."""
DUPLICATES = (Reason.SIMILAR.name.lower(), Reason.STILL.name.lower())
KINDS = (*BREAKS, *MARKS, *DUPLICATES)

_NEIGHBOURS = 25
"""So many marked images in a row, at most, are judged by the worst of them."""


@dataclass(frozen=True)
class Picture:
    """A frame to look at; ``file`` is its image in the folder of the video, if it is there."""

    video: str
    frame: int
    file: str | None


@dataclass(frozen=True)
class Exhibit:
    """A place to judge: one picture, or two side by side.

    Beside a duplicate that has no image, the next kept frame stands in for it. ``value`` was
    measured there, ``None`` where nothing is. It stands for ``count`` of the frames
    ``first`` to ``last``: the marked images, the duplicates, or those that lie between the two
    frames of a break.
    """

    kind: str
    video: str
    pictures: tuple[Picture, ...]
    value: float | None
    first: int
    last: int
    count: int

    @property
    def badness(self) -> float:
        """What is the larger, the sooner it should be shown; of others of its kind."""
        if self.kind in DUPLICATES:
            return self.count
        if self.value is None:
            return 0
        if self.kind == "cut":  # the least certain comes first
            return -self.value
        mark = MARKS.get(self.kind)
        return abs(self.value) if mark is None else mark.badness(self.value)


@dataclass(frozen=True)
class Share:
    """What one video has of a kind: so many breaks, images or duplicates, at so many places.

    ``without_image`` of the duplicates have no image. ``exhibits`` are the worst places, in that
    order.
    """

    count: int
    places: int
    without_image: int
    exhibits: tuple[Exhibit, ...]


def find_exhibits(video: OpenedVideo, limits: ValidateSettings, most: int) -> dict[str, Share]:
    """Return what a video has to judge, by kind.

    Args:
        video: what was read of it.
        limits: from where on an image is marked.
        most: how many exhibits of each kind, at most.
    """
    shares = {
        **{kind: _breaks(video, kind, most) for kind in BREAKS},
        **{name: _marked(video, name, limits, most) for name in MARKS},
        **{name: _duplicates(video, Reason[name.upper()], most) for name in DUPLICATES},
    }
    return {kind: share for kind, share in shares.items() if share.count}


def _breaks(video: OpenedVideo, kind: str, most: int) -> Share:
    places = [each for each in video.breaks if each.kind == kind]
    exhibits = [
        Exhibit(
            kind=kind,
            video=video.record.id,
            pictures=(),  # those of the worst are looked for
            value=_value(video, each),
            first=each.after,
            last=each.before,
            count=each.frames,
        )
        for each in places
    ]
    worst = sorted(exhibits, key=lambda exhibit: -exhibit.badness)[:most]
    shown = [
        dataclasses.replace(
            each, pictures=(_picture(video, each.first), _picture(video, each.last))
        )
        for each in worst
    ]
    return Share(len(places), len(places), 0, tuple(shown))


def _value(video: OpenedVideo, each: Break) -> float | None:
    """Return what is measured of a break: a cut score, seconds, frames that are missing."""
    if each.kind == "cut":
        scores = video.frames.cut_score[each.after + 1 : each.before + 1]
        return round(float(np.nanmax(scores)), 1)
    return {"timeline": each.seconds, "missing": each.frames}.get(each.kind)


def _marked(video: OpenedVideo, name: str, limits: ValidateSettings, most: int) -> Share:
    mark = MARKS[name]
    worst = mark.worst_first(video.frames, limits)
    frames, groups = _neighbours(worst, np.flatnonzero(video.frames.fate == Fate.KEPT))
    group_of_worst = groups[np.searchsorted(frames, worst)]
    # The first of a group, in this order, is its worst.
    chosen = np.sort(np.unique(group_of_worst, return_index=True)[1])
    exhibits = []
    for place in chosen[:most].tolist():
        frame, group = int(worst[place]), group_of_worst[place]
        begin, end = np.searchsorted(groups, [group, group + 1])
        value = float(getattr(video.frames, mark.measure)[frame])
        exhibits.append(
            Exhibit(
                kind=name,
                video=video.record.id,
                pictures=(_picture(video, frame),),
                value=round(value, 2),
                first=int(frames[begin]),
                last=int(frames[end - 1]),
                count=int(end - begin),
            )
        )
    return Share(len(worst), len(chosen), 0, tuple(exhibits))


def _neighbours(
    marked: npt.NDArray[np.int64], kept: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return marked frames in ascending order, and for each the number of its group: int64 both.

    A group is of neighbours among the kept frames.
    """
    frames = np.sort(marked)
    begins = np.diff(np.searchsorted(kept, frames), prepend=-2) != 1
    numbers = np.arange(len(frames))
    offsets = numbers - np.maximum.accumulate(np.where(begins, numbers, 0))
    return frames, np.cumsum(offsets % _NEIGHBOURS == 0)


def _duplicates(video: OpenedVideo, reason: Reason, most: int) -> Share:
    frames = video.frames
    duplicates = np.flatnonzero((frames.fate == Fate.DUPLICATE) & (frames.reason == reason))
    with_image = np.intersect1d(duplicates, video.on_disk)
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for frame, other, like in zip(
        duplicates.tolist(),
        frames.duplicate_video[duplicates],
        frames.duplicate_of[duplicates].tolist(),
        strict=True,
    ):
        groups[other, like].append(frame)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))[:most]
    exhibits = (
        Exhibit(
            kind=reason.name.lower(),
            video=video.record.id,
            pictures=(_kept_one(video, *like), _beside(video, members, with_image)),
            value=None,
            first=members[0],
            last=members[-1],
            count=len(members),
        )
        for like, members in largest
    )
    return Share(len(duplicates), len(groups), len(duplicates) - len(with_image), tuple(exhibits))


def _beside(
    video: OpenedVideo, duplicates: Sequence[int], with_image: npt.NDArray[np.int64]
) -> Picture:
    """Return the last of these duplicates that has an image, or else the next kept frame."""
    there = np.intersect1d(duplicates, with_image)
    if len(there):
        return _picture(video, int(there[-1]))
    kept = video.shown
    after = kept[np.searchsorted(kept, duplicates[-1]) :]
    return _picture(video, int(after[0]) if len(after) else duplicates[-1])


def _kept_one(video: OpenedVideo, other: str, frame: int) -> Picture:
    """Return the picture that a duplicate is like, of this video or of another one."""
    if other in {"", video.record.id}:
        return _picture(video, frame)
    try:
        file = video.image_of(frame, video.store.read_record(other).images)
    except DatasetError:  # that video was taken out, or is damaged, which its own part tells
        file = None
    return Picture(other, frame, file)


def _picture(video: OpenedVideo, frame: int) -> Picture:
    return Picture(video.record.id, frame, video.image_of(frame))
