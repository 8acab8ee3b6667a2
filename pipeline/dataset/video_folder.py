"""The folder of one video: its record and its frame table, which are replaced together.

They are written beside the old ones first. The new record under its promised name is the promise
that both are put into place, by this run or, if it is killed, by the next one that writes; who only
reads takes the promised ones.
"""

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import DatasetError, printable, unreadable
from .files import flush, save_text
from .frame_file import read_frames, write_frames
from .frame_table import FrameTable
from .records import VideoRecord

RECORD_NAME = "video.json"
FRAMES_NAME = "frames.parquet"
MANIFEST_NAME = "manifest.jsonl"

_NEXT, _PART = ".next", ".part"
_MANIFEST = re.compile(r"([0-9]+\.)?" + re.escape(MANIFEST_NAME))


def is_record(name: str) -> bool:
    """Whether a file in a video's folder is one of prep's that is no image."""
    return name.removesuffix(_NEXT) in {RECORD_NAME, FRAMES_NAME} or (
        name == f"{RECORD_NAME}{_PART}" or _MANIFEST.fullmatch(name) is not None
    )


@dataclass(frozen=True)
class VideoFolder:
    """The folder of one video, committed or about to be."""

    path: Path

    @property
    def may_have_record(self) -> bool:
        """Whether there is a record, or nobody may look whether there is."""
        try:
            return stat.S_ISREG(self._record.stat().st_mode)
        except PermissionError:
            return True
        except OSError:
            return False

    def read_record(self) -> VideoRecord:
        """Return the record, as `store.Dataset.read_record` does."""
        try:
            try:
                text = self._promise.read_text(encoding="utf-8")
            except FileNotFoundError:
                text = self._record.read_text(encoding="utf-8")
            record = VideoRecord.from_json(json.loads(text))
        except OSError as error:
            raise unreadable(self._record, error) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DatasetError(
                f"{printable(self._record)}: this record cannot be read ({type(error).__name__}). "
                "Move the folder away and run 'prep extract' with its video again."
            ) from error
        if record.id != self.path.name:
            raise DatasetError(
                f"{printable(self.path)}: this folder was renamed; its images are named after "
                f"'{printable(record.id)}'. Give it that name again."
            )
        return record

    def read_frames(self) -> FrameTable:
        """Return the frame table, as `store.Dataset.read_frames` does."""
        if not self._promise.exists() or not self._next_frames.exists():
            return read_frames(self._frames)
        try:
            return read_frames(self._next_frames)
        except DatasetError:
            if self._next_frames.exists():
                raise
            return read_frames(self._frames)  # it was put into place meanwhile

    def write(self, record: VideoRecord, frames: FrameTable) -> None:
        """Write the record and the frame table where nobody looks yet."""
        write_frames(self._frames, frames)
        self._record.write_text(_text_of(record), encoding="utf-8")

    def replace_record(self, record: VideoRecord) -> None:
        """Replace the record alone, as `store.Dataset.replace_record` does."""
        save_text(self._record, [_text_of(record)])

    def update(self, record: VideoRecord, frames: FrameTable) -> None:
        """Replace the record and the frame table, both or none."""
        write_frames(self._next_frames, frames)
        flush(self._next_frames)
        self._part.write_text(_text_of(record), encoding="utf-8")
        flush(self._part)
        self._part.rename(self._promise)
        self.finish_update()

    def finish_update(self) -> None:
        """Carry out an update that was promised, and forget one that was not."""
        if not self._promise.exists():
            self._next_frames.unlink(missing_ok=True)
            self._part.unlink(missing_ok=True)
            return
        # The promise goes last: without it, nobody would know what to do with the frames.
        if self._next_frames.exists():
            self._next_frames.rename(self._frames)
        self._promise.rename(self._record)
        flush(self.path)

    @property
    def is_half_updated(self) -> bool:
        """Whether an update was begun and not finished."""
        return any(map(os.path.exists, (self._promise, self._next_frames)))

    @property
    def _record(self) -> Path:
        return self.path / RECORD_NAME

    @property
    def _frames(self) -> Path:
        return self.path / FRAMES_NAME

    @property
    def _promise(self) -> Path:
        return self.path / (RECORD_NAME + _NEXT)

    @property
    def _part(self) -> Path:
        return self.path / (RECORD_NAME + _PART)

    @property
    def _next_frames(self) -> Path:
        return self.path / (FRAMES_NAME + _NEXT)


def _text_of(record: VideoRecord) -> str:
    return json.dumps(record.to_json(), indent=2, ensure_ascii=True) + "\n"
