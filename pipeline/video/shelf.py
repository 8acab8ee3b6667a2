"""The segments of a video that are done, kept in the dataset until the whole video is.

::

    dataset/.prep/segments/<id>/
      key             what they are segments of; others are thrown away
      packets.npz     the packets of the video
      plan.npz        what each segment has to deliver
      000003.npz      what one segment gave; it is there when its images are
      whole           the video must be decoded in one piece after all
      new/<id>/       the images, in their final folder

Everything appears by one rename, so it does not matter how often, or by how many at once, a segment
is done: the images are the same bytes, and one that is already there is replaced by itself. What is
found damaged is thrown away and done again.
"""

import contextlib
import dataclasses
import errno
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dataset.files import replace_file
from ..dataset.image_folder import ImageNames
from ..dataset.packet_index import PacketIndex
from ..dataset.store import Dataset, move_images
from .segments import Segment, SegmentPlan

_KEY, _PACKETS, _PLAN, _WHOLE = "key", "packets.npz", "plan.npz", "whole"
_FORMAT = 6
"""To be raised when something else is laid on shelves."""

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


class ShelfDamagedError(Exception):
    """What lies on a shelf is not what was laid there."""


@dataclass(frozen=True, eq=False)
class SegmentFrames:
    """What one segment gave. Frame indices are int32 and count from its first frame.

    ``pts``: int64, shape (frames,), time-base units. ``scene_score``: float32, shape
    (frames + border,). ``cut_score``: float32, shape (frames,), for which the first frames lack
    what is before them; so ``ends_at`` and ``tiny`` are the places and pictures that
    `video.cuts.join_scores` takes. ``selected``, ``kept``, ``alike``, ``alike_to``: as in
    `video.passes.Chosen`. ``crc32`` and ``size_bytes``: int64, of the images, shape as
    ``kept``. ``begins``, ``ends``: size, format and checksum of the frames that it shares with its
    neighbours. ``rotation_degrees``: NaN where ffmpeg tells of none. ``decoder``, ``why_software``:
    as in `video.passes.Chosen`, the latter empty where there is nothing to say.
    """

    pts: npt.NDArray[np.int64]
    scene_score: npt.NDArray[np.float32]
    cut_score: npt.NDArray[np.float32]
    ends_at: npt.NDArray[np.int32]
    tiny: npt.NDArray[np.uint8]
    selected: npt.NDArray[np.int32]
    kept: npt.NDArray[np.int32]
    alike: npt.NDArray[np.int32]
    alike_to: npt.NDArray[np.int32]
    crc32: npt.NDArray[np.int64]
    size_bytes: npt.NDArray[np.int64]
    begins: npt.NDArray[np.str_]
    ends: npt.NDArray[np.str_]
    rotation_degrees: npt.NDArray[np.float64]
    decoder: npt.NDArray[np.str_]
    way: npt.NDArray[np.str_]
    limits: npt.NDArray[np.float64]
    changed_cells: npt.NDArray[np.int32]
    why_software: npt.NDArray[np.str_]


class Shelf:
    """The segments of one video."""

    def __init__(self, store: Dataset, video_id: str) -> None:
        self._folder = store.shelf_folder(video_id)
        self.images = self._folder / "new" / video_id

    def open(self, key: str, packets: PacketIndex, plans: Iterable[SegmentPlan]) -> None:
        """Make it ready for the segments of a video; those of another key are thrown away.

        Args:
            key: what the segments of one video must have in common.
            packets: those of the video.
            plans: what each of its segments has to deliver.
        """
        file, key = self._folder / _KEY, f"{_FORMAT} {key}"
        with contextlib.suppress(*_UNREADABLE):
            if file.read_text(encoding="utf-8") == key and self.images.is_dir():
                return
        self.remove()
        self.images.mkdir(parents=True)
        columns = {f.name: getattr(packets, f.name) for f in dataclasses.fields(PacketIndex)}
        _save(self._folder / _PACKETS, columns)
        # One member each, so that who works on a segment reads its own alone.
        members = {}
        for number, plan in enumerate(plans):
            members[f"pts{number}"] = plan.pts
            if plan.wanted is not None:
                members[f"wanted{number}"] = plan.wanted
        _save(self._folder / _PLAN, members)
        replace_file(file, lambda part: part.write(key.encode()), _part_of(file))

    def read_packets(self) -> PacketIndex:
        """Return the packets of the video.

        Raises:
            ShelfDamagedError: they cannot be read.
        """
        with _told_as_damage():
            columns = _load(self._folder / _PACKETS)
            complete, promises = (
                bool(columns.pop(name)) for name in ("complete", "promises_frames")
            )
            return PacketIndex(**columns, complete=complete, promises_frames=promises)

    def read_plan(self, segment: Segment) -> SegmentPlan:
        """Return what a segment has to deliver.

        Raises:
            ShelfDamagedError: it cannot be read.
        """
        with _told_as_damage(), _opened(self._folder / _PLAN) as columns:
            number = segment.number
            return SegmentPlan(columns[f"pts{number}"], columns.get(f"wanted{number}"))

    def holds(self, segment: Segment) -> bool:
        """Whether a segment is done."""
        return self._file(segment).exists()

    def put(self, segment: Segment, frames: SegmentFrames, folder: Path) -> None:
        """Take the images of a segment out of a work folder, then note it as done.

        Raises:
            ShelfDamagedError: there is no place for them.
        """
        with _told_as_damage():
            move_images(folder, self.images)
        columns = {f.name: getattr(frames, f.name) for f in dataclasses.fields(SegmentFrames)}
        _save(self._file(segment), columns)

    def get(self, segment: Segment) -> SegmentFrames:
        """Return what a segment gave.

        Raises:
            ShelfDamagedError: it cannot be read.
        """
        with _told_as_damage():
            return SegmentFrames(**_load(self._file(segment)))

    def check_images(
        self, names: ImageNames, kept: npt.NDArray[np.int32], size_bytes: npt.NDArray[np.int64]
    ) -> None:
        """Hold names and sizes of all images against those that were laid here.

        Their content is not read again, which would take as long as to write it; that is left to
        `stages.validate.stage`.

        Raises:
            ShelfDamagedError: something else is there.
        """
        with _told_as_damage():
            found = names.sizes_in(self.images)
            if found != dict(zip(kept.tolist(), size_bytes.tolist(), strict=True)):
                raise ShelfDamagedError(f"{self.images}: other images than were written there")

    @property
    def is_given_up(self) -> bool:
        """Whether the video must be decoded in one piece, as a segment could not be proven."""
        return (self._folder / _WHOLE).exists()

    def give_up(self) -> None:
        """Note that the video must be decoded in one piece."""
        (self._folder / _WHOLE).touch()

    def remove(self) -> None:
        """Throw everything away."""
        if self._folder.is_dir() and not self._folder.is_symlink():
            with contextlib.suppress(OSError):
                (self._folder / _KEY).unlink()  # first, so that no half of it is ever used
            shutil.rmtree(self._folder, ignore_errors=True)
        else:
            self._folder.unlink(missing_ok=True)

    def _file(self, segment: Segment) -> Path:
        return self._folder / f"{segment.number:06d}.npz"


@contextlib.contextmanager
def _told_as_damage() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise ShelfDamagedError(str(error)) from error


def _part_of(path: Path) -> Path:
    """Return a name of its own: the same thing may be done twice at once."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _save(path: Path, columns: dict[str, Any]) -> None:
    replace_file(path, lambda file: np.savez(file, **columns), _part_of(path))


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    with _opened(path) as columns:
        return dict(columns)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
    """Give the arrays in a file, each of which is read, and proven by its checksum, when asked."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as columns:
        yield columns
