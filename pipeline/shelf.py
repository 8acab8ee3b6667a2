"""The segments of a video that are done, kept in the dataset until the whole video is.

::

    dataset/.prep/segments/<id>/
      key             what they are segments of; others are thrown away
      packets.npz     the packets of the video
      000003.npz      what one segment gave; it is there when its images are
      whole           why the video must be decoded in one piece after all
      new/<id>/       the images, in their final folder

Everything appears by one rename, so it does not matter how often, or by how many at once, a segment
is done: the images are the same bytes, and one that is already there is replaced by itself.
"""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.records import PacketIndex
from pipeline.segments import Segment
from pipeline.store import Dataset, move_images, replace_file, replace_text

_KEY, _PACKETS, _WHOLE = "key", "packets.npz", "whole"


@dataclass(frozen=True, eq=False)
class SegmentFrames:
    """What one segment gave. Frame indices are int32 and count from its first frame.

    ``pts``: int64, shape (frames,), time-base units. ``scene_score``: float32, shape
    (frames + border,). ``selected``, ``kept``, ``alike``, ``alike_to``: as in
    `pipeline.decode_video.Chosen`. ``crc32``: int64, of the images, shape as ``kept``. ``begins``,
    ``ends``: size, format and checksum of the frames that it shares with its neighbours.
    ``rotation_degrees``: NaN where ffmpeg tells of none.
    """

    pts: npt.NDArray[np.int64]
    scene_score: npt.NDArray[np.float32]
    selected: npt.NDArray[np.int32]
    kept: npt.NDArray[np.int32]
    alike: npt.NDArray[np.int32]
    alike_to: npt.NDArray[np.int32]
    crc32: npt.NDArray[np.int64]
    begins: npt.NDArray[np.str_]
    ends: npt.NDArray[np.str_]
    rotation_degrees: npt.NDArray[np.float64]


class Shelf:
    """The segments of one video."""

    def __init__(self, store: Dataset, video_id: str) -> None:
        self._folder = store.shelf_folder(video_id)
        self.images = self._folder / "new" / video_id

    def open(self, key: str, packets: PacketIndex) -> None:
        """Make it ready for the segments of a video; those of another key are thrown away."""
        file = self._folder / _KEY
        if file.exists() and file.read_text(encoding="utf-8") == key:
            return
        self.remove()
        self.images.mkdir(parents=True)
        columns = {f.name: getattr(packets, f.name) for f in dataclasses.fields(PacketIndex)}
        _save(self._folder / _PACKETS, self._folder / f"{_PACKETS}.part", columns)
        replace_text(file, [key])

    def read_packets(self) -> PacketIndex:
        """Return the packets of the video."""
        columns = _load(self._folder / _PACKETS)
        complete = bool(columns.pop("complete"))
        return PacketIndex(**columns, complete=complete)

    def holds(self, segment: Segment) -> bool:
        """Whether a segment is done."""
        return self._file(segment).exists()

    def put(self, segment: Segment, frames: SegmentFrames, folder: Path) -> None:
        """Take the images of a segment out of a work folder, then note it as done."""
        move_images(folder, self.images)
        columns = {f.name: getattr(frames, f.name) for f in dataclasses.fields(SegmentFrames)}
        _save(self._file(segment), folder.parents[1] / _PACKETS, columns)

    def get(self, segment: Segment) -> SegmentFrames:
        """Return what a segment gave."""
        return SegmentFrames(**_load(self._file(segment)))

    @property
    def hindrance(self) -> str | None:
        """Why the video must be decoded in one piece, where a segment could not be proven."""
        try:
            return str(json.loads((self._folder / _WHOLE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def give_up(self, why: str) -> None:
        """Note that the video must be decoded in one piece."""
        replace_text(self._folder / _WHOLE, [json.dumps(why)])

    def remove(self) -> None:
        """Throw everything away."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _file(self, segment: Segment) -> Path:
        return self._folder / f"{segment.number:06d}.npz"


def _save(path: Path, part: Path, columns: dict[str, Any]) -> None:
    replace_file(path, part, lambda file: np.savez(file, **columns))


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)
