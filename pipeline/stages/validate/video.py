"""One video while its images are validated: from its records to what became of them."""

import dataclasses
import functools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...base.errors import DatasetError, printable
from ...base.guard import Failure, guard
from ...base.work import Link, refuse_stopped
from ...dataset.accounts import may_have_image, recount
from ...dataset.breaks import find_breaks
from ...dataset.frame_table import MEASURES, Fate, FrameTable, Reason
from ...dataset.proven import find_proven, look_at, save_proven
from ...dataset.records import VideoRecord
from ...dataset.video_folder import FRAMES_NAME, RECORD_NAME, is_record
from ...pictures.judge import Judgement, checksum, judge
from ...settings.stages import BreakSettings

_CHANGING_COLUMNS = ("fate", "reason", *MEASURES)

_PUT_BACK = "Put the right file back, or extract the video again with 'prep extract --overwrite'."
_MESSAGES = {
    "missing": f"is gone: deleted, moved or renamed. {_PUT_BACK}",
    "empty": f"is empty, as a full disk or a broken copy leaves it. {_PUT_BACK}",
    "not_an_image": f"{{detail}}: something else was put in its place. {_PUT_BACK}",
    "wrong_format": f"{{detail}}: it was converted or renamed. {_PUT_BACK}",
    "truncated": f"is cut off, as by a full disk or a broken copy. {_PUT_BACK}",
    "corrupt": f"is damaged ({{detail}}): a fault of a disk or of a copy. {_PUT_BACK}",
    "wrong_content": f"{{detail}}. {_PUT_BACK}",
    "wrong_size": f"{{detail}}: it was scaled, or comes from elsewhere. {_PUT_BACK}",
    "trailing_data": f"has bytes behind its end ({{detail}}): something was appended. {_PUT_BACK}",
    "unreadable": "{detail}. Give yourself the right to read it, or check the disk.",
    "misnamed": "is the image of frame {frame} under a wrong name. Rename it to {detail}.",
    "foreign": "{detail}. Move it out of the folder.",
}
FINDING_KINDS = tuple(_MESSAGES)
"""Kinds of finding, the worst first: the names of `Reason`, and of files that are no frame's."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with one file of a video, or with one that does not belong there.

    ``frame`` is the index of the frame whose image it is or should be, ``None`` where no frame is
    known. ``detail`` is what ``message`` fills in.
    """

    kind: str
    video: str
    file: str
    frame: int | None
    detail: str

    @property
    def message(self) -> str:
        """What is wrong, its likely cause, and the way out."""
        text = _MESSAGES[self.kind].format(frame=self.frame, detail=printable(self.detail))
        return f"{printable(self.video)}/{printable(self.file)} {text}"


@dataclass(frozen=True, eq=False)
class Chunk:
    """A few images of one video, with all that is needed to judge them anywhere.

    ``indices`` are their frame indices, int64; ``names`` and ``crc32`` (int64) have that shape.
    """

    video_id: str
    folder: Path
    image_format: str
    size: tuple[int, int]
    indices: npt.NDArray[np.int64]
    names: tuple[str, ...]
    crc32: npt.NDArray[np.int64]


def judge_chunk(chunk: Chunk, link: Link) -> list[Judgement] | Failure:
    """Return the judgement of each image, or why they cannot be judged.

    Raises:
        InterruptedRunError: the link said so.
    """
    return guard(lambda: list(_judgements(chunk, link)), chunk.video_id, chunk.folder)


def _judgements(chunk: Chunk, link: Link) -> Iterator[Judgement]:
    for name, crc32 in zip(chunk.names, chunk.crc32.tolist(), strict=True):
        refuse_stopped(link)
        yield judge(chunk.folder / name, chunk.image_format, chunk.size, crc32)


class VideoCheck:
    """One video while its images are judged: ``frames`` as they were, ``now`` as they are found.

    ``indices`` are the frames that should have an image, int64; ``proven`` says how many of them
    were found right before and are the same files still, ``waiting`` how many are not judged yet.

    Args:
        record: of the video.
        frames: of the video.
        folder: of the video.
        proven_file: says which images were found right before (`dataset.proven`).
        again: judge these as well.
    """

    def __init__(
        self,
        record: VideoRecord,
        frames: FrameTable,
        folder: Path,
        proven_file: Path,
        *,
        again: bool,
    ) -> None:
        if recount(record.counts, frames) != record.counts:
            raise DatasetError(
                f"{printable(folder)}: {RECORD_NAME} and {FRAMES_NAME} do not count the same "
                "frames: one of them comes from elsewhere. Extract the video again with "
                "'prep extract --overwrite'."
            )
        self.record, self.frames, self.folder = record, frames, folder
        self._found = {name: getattr(frames, name).copy() for name in _CHANGING_COLUMNS}
        self.indices = np.flatnonzero(np.isin(frames.fate, (Fate.KEPT, Fate.REJECTED)))
        self._images = record.images
        self._proven_file, self._looked_at_ns = proven_file, time.time_ns()
        names = self._images.names(self.indices)
        self._files = look_at(folder, names, self.indices, frames.crc32[self.indices])
        is_measured = ~np.isnan(frames.sharpness[self.indices])
        is_right = (frames.fate[self.indices] == Fate.KEPT) & is_measured
        self._is_proven = is_right & find_proven(proven_file, self._files) & (not again)
        self.proven = int(self._is_proven.sum())
        self.waiting = len(self.indices) - self.proven
        self._faults: dict[int, Judgement] = {}

    def chunks(self, length: int) -> Iterator[Chunk]:
        """Yield all images that are to be judged, so many at a time."""
        size = (self.record.image_width or 0, self.record.image_height or 0)
        to_judge = self.indices[~self._is_proven]
        for start in range(0, len(to_judge), length):
            indices = to_judge[start : start + length]
            yield Chunk(
                self.record.id,
                self.folder,
                self._images.format,
                size,
                indices,
                self._images.names(indices),
                self.frames.crc32[indices],
            )

    def take(self, index: int, judgement: Judgement) -> None:
        """Note what was found out about the image of a frame."""
        self._found["reason"][index] = judgement.reason
        self._found["fate"][index] = Fate.REJECTED if judgement.reason else Fate.KEPT
        measures = judgement.measures
        for name in MEASURES:
            self._found[name][index] = getattr(measures, name) if measures else np.nan
        if judgement.reason:
            self._faults[index] = judgement
        self.waiting -= 1

    @functools.cached_property
    def now(self) -> FrameTable:
        """The frames as they were found, once nothing is waiting."""
        return dataclasses.replace(self.frames, **self._found)

    def save_proven(self) -> None:
        """Write down which images are right now, unless that is known already."""
        if self.proven < len(self.indices):
            is_right = ~np.isin(self.indices, list(self._faults))
            save_proven(self._proven_file, self._files[is_right], self._looked_at_ns)

    @property
    def is_changed(self) -> bool:
        """Whether something else was found than the records say."""
        return not all(
            np.array_equal(
                getattr(self.now, name), getattr(self.frames, name), equal_nan=name in MEASURES
            )
            for name in _CHANGING_COLUMNS
        )

    def conclude(self, breaks: BreakSettings) -> VideoRecord:
        """Return the record as it is now. Breaks are those it had, unless a fate has changed."""
        if np.array_equal(self.now.fate, self.frames.fate):
            return self.record
        return dataclasses.replace(
            self.record,
            counts=recount(self.record.counts, self.now),
            breaks=find_breaks(self.now, self.record.warnings, breaks),
        )

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong: images by frame, then the files that are no frame's.

        Raises:
            OSError: the folder cannot be read.
        """
        frames_with = _FramesByContent(self.frames.crc32)
        for index, fault in sorted(self._faults.items()):
            detail = fault.detail
            if fault.reason == Reason.WRONG_CONTENT:
                others = frames_with(fault.crc32)
                detail = (
                    f"holds frame {others[0]}: images were swapped or renumbered"
                    if len(others)
                    else "is whole, but not as it was extracted: edited, encoded anew or damaged"
                )
            kind = Reason(fault.reason).name.lower()
            yield Finding(kind, self.record.id, self._images.name(index), index, detail)
        for name in sorted(self._strays()):
            held = [int(index) for index in frames_with(_checksum(self.folder / name))]
            lost = next((index for index in held if index in self._faults), None)
            if lost is not None:
                yield Finding("misnamed", self.record.id, name, lost, self._images.name(lost))
            else:
                frame = held[0] if held else None
                detail = self._strangeness(name, frame)
                yield Finding("foreign", self.record.id, name, frame, detail)

    def _strays(self) -> Iterator[str]:
        """Yield the names of the files that are no frame's; hidden ones are passed over."""
        has_image = may_have_image(self.now)
        with os.scandir(self.folder) as entries:
            for entry in entries:
                index = self._images.number_of(entry.name)
                is_image = index is not None and index < len(has_image) and has_image[index]
                is_ours = is_image or is_record(entry.name)
                if not is_ours and not entry.name.startswith("."):
                    yield entry.name

    def _strangeness(self, name: str, held: int | None) -> str:
        if os.path.isdir(self.folder / name):
            return "is a folder, but the images of a video stand beside each other"
        if held is not None:
            return f"is a copy of the image of frame {held}"
        index = self._images.number_of(name)
        if index is None:
            return f"belongs to no frame: images here have names like {self._images.name(0)}"
        if index >= len(self.frames):
            return f"belongs to no frame: the video has {len(self.frames):,}"
        return f"stands where no image should be: frame {index} was left out"


class _FramesByContent:
    """Finds the frames that a checksum belongs to."""

    def __init__(self, crc32: npt.NDArray[np.int64]) -> None:
        self._frames = np.argsort(crc32, kind="stable")
        self._crc32 = crc32[self._frames]

    def __call__(self, crc32: int | None) -> npt.NDArray[np.int64]:
        """Return the frame indices, ascending; none for ``None``."""
        if crc32 is None:
            return self._frames[:0]
        first, end = (np.searchsorted(self._crc32, crc32, side) for side in ("left", "right"))
        return self._frames[first:end]


def _checksum(path: Path) -> int | None:
    """Return the checksum of a file, if it is one and can be read."""
    try:
        return checksum(path) if os.path.isfile(path) else None
    except OSError:
        return None
