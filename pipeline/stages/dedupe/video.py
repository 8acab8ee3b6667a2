"""Dedupe one video of a dataset: its marks are the fates in its frame table."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...base.words import count, listing
from ...base.work import Link
from ...dataset.accounts import recount
from ...dataset.breaks import find_breaks
from ...dataset.clock import duration_seconds
from ...dataset.frame_table import Fate, FrameTable, Reason
from ...dataset.records import Notice, VideoRecord
from ...dataset.store import Dataset
from ...pictures.compare import Images, Marks, Seen
from ...pictures.copies import Footage
from ...pictures.thinner import Thinner
from ...settings.stages import BreakSettings, RunSettings
from ...video.restore import extract_again


@dataclass(frozen=True)
class VideoImages:
    """The images of one committed video."""

    store: Dataset
    record: VideoRecord
    breaks: BreakSettings

    @property
    def id(self) -> str:
        """The id of the video."""
        return self.record.id

    @property
    def name(self) -> str:
        """The path of the video under the input folder."""
        return self.record.source.name

    @property
    def folder(self) -> Path:
        """Where its images are."""
        return self.store.folder(self.id)

    def count(self) -> int:
        """Return about how many images there are."""
        return self.record.counts.kept

    def path_of(self, index: int) -> Path:
        """Return the file of a frame's image."""
        return self.store.folder(self.id) / self.record.images.name(index)

    def images(self) -> Images:
        """Return the images to compare: those that are kept or marked, and there.

        Raises:
            DatasetError: the frame table cannot be read.
        """
        present = self._present()
        frames = self._released(self.store.read_frames(self.id), present)
        numbers = np.intersect1d(np.flatnonzero(frames.fate == Fate.KEPT), present)
        asked_for = np.cumsum(frames.fate != Fate.SAMPLED_OUT) - 1
        positions, frame_size = asked_for[numbers], self.record.frame_size
        per_frame = self.record.source.size_bytes / max(len(frames), 1)
        return Images(numbers, positions, self.path_of, self._hide_depth, frame_size, per_frame)

    @property
    def _hide_depth(self) -> bool:
        """Whether the video has more than 8 bits a component, and its images have not."""
        record, probe = self.record, self.record.probe
        is_tonemapped = bool(record.settings.get("tonemap")) and probe.is_hdr
        is_cut = record.images.format == "jpg" or record.levels is not None or is_tonemapped
        return probe.is_deep and is_cut

    def find_missing(self) -> tuple[Notice, ...]:
        """Return a notice if images of kept frames are gone."""
        kept = np.flatnonzero(self.store.read_frames(self.id).fate == Fate.KEPT)
        lost = np.setdiff1d(kept, self._present())
        if len(lost) == 0:
            return ()
        gone = count(len(lost), "image of a kept frame is", "images of kept frames are")
        text = f"{gone} gone: frame {listing(lost.tolist())}."
        return (Notice("files-missing", text, int(lost[0])),)

    def mark(self, numbers: npt.NDArray[np.int64], marks: Marks, ids: Sequence[str]) -> bool:
        """Replace the marks of an earlier run by these; return whether that changed anything.

        Args:
            numbers: int64, the images that were compared.
            marks: what came of it.
            ids: of what ``marks.sequence`` counts.
        """
        before = self.store.read_frames(self.id)
        like = marks.reason != Reason.NONE
        marked = numbers[like]
        videos = np.array([*ids, ""], dtype=object)
        frames = self._released(before, self._present()).with_rows(
            marked,
            fate=Fate.DUPLICATE,
            reason=marks.reason[like],
            duplicate_of=marks.number[like],
            duplicate_video=videos[marks.sequence[like]],
        )
        return self._commit(before, frames)

    def release(self, numbers: npt.NDArray[np.int64]) -> bool:
        """Keep marked images again; return whether there were any.

        Args:
            numbers: int64, the images to be kept.
        """
        before = self.store.read_frames(self.id)
        return self._commit(before, self._released(before, numbers))

    def follow(self) -> None:
        """Let duplicates without a file point to what is kept, where theirs was marked."""
        before = self.store.read_frames(self.id)
        lost = np.setdiff1d(np.flatnonzero(before.fate == Fate.DUPLICATE), self._present())
        self._commit(before, self._followed(before, lost))

    def footage(self, seen: Seen, thinner: type[Thinner] | None) -> Footage | None:
        """Return what the video shows when, as far as that is known and can be compared.

        Times count from the first frame.

        Args:
            seen: what was seen of the images.
            thinner: what the images were compared with.
        """
        hashes = None if thinner is None else thinner.hashes(seen.looks)
        frames = self.store.read_frames(self.id)
        seconds = duration_seconds(frames)
        if hashes is None or seconds is None:
            return None
        shown = np.full(len(frames), -1)
        usable = ~seen.unreadable & ~seen.deep
        shown[seen.numbers[usable]] = np.flatnonzero(usable)
        # Others were left out while extracting, or their files are gone.
        left_out = np.flatnonzero((frames.fate == Fate.DUPLICATE) & (frames.duplicate_video == ""))
        left_out = np.setdiff1d(left_out, seen.numbers)
        shown[left_out] = shown[frames.duplicate_of[left_out]]
        times = frames.time_seconds - np.nanmin(frames.time_seconds)
        known = np.flatnonzero((shown >= 0) & ~np.isnan(times))
        known = known[np.argsort(times[known], kind="stable")]
        return Footage(hashes[shown[known]], times[known], seconds)

    def marked(self) -> list[Reason]:
        """Return why each of the images is marked that are marked and there."""
        frames = self.store.read_frames(self.id)
        there = np.intersect1d(np.flatnonzero(frames.fate == Fate.DUPLICATE), self._present())
        return [Reason(reason) for reason in frames.reason[there].tolist()]

    def delete(self) -> tuple[int, int]:
        """Remove the files of marked images; return how many, and their bytes."""
        fate = self.store.read_frames(self.id).fate
        marked = np.intersect1d(np.flatnonzero(fate == Fate.DUPLICATE), self._present())
        size_bytes = 0
        for index in marked.tolist():
            path = self.path_of(index)
            size_bytes += path.stat().st_size
            path.unlink()
        return len(marked), size_bytes

    def restore(self, run: RunSettings, link: Link) -> tuple[int, tuple[Notice, ...]]:
        """Keep all duplicates again; those without a file are extracted from the source.

        Images are moved in first, then the table is replaced: a run that was killed in between is
        simply repeated.

        Args:
            run: how they are extracted.
            link: told how many more frames are decoded.

        Returns:
            How many images were restored, and what a person should look at.

        Raises:
            SourceChangedError: the source is gone or another file now.
            VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
        """
        before = self.store.read_frames(self.id)
        duplicates = np.flatnonzero(before.fate == Fate.DUPLICATE)
        lost = np.setdiff1d(duplicates, self._present())
        frames = before
        notices: tuple[Notice, ...] = ()
        if len(lost):
            with self.store.work_folder(self.id) as folder:
                checksums, version = extract_again(self.record, lost, folder, run, link)
                self.store.add_images(self.id, folder)
            notices = self._differences(before.crc32[lost], checksums, version)
            frames = before.with_rows(lost, crc32=checksums)
        self._commit(before, self._released(frames, self._present()))
        return len(duplicates), notices

    def _differences(
        self, known: npt.NDArray[np.int64], now: npt.NDArray[np.int64], version: str
    ) -> tuple[Notice, ...]:
        differing = int(((known >= 0) & (known != now)).sum())
        if version == self.record.ffmpeg_version and not differing:
            return ()
        text = (
            f"restored by ffmpeg {version}, while the other images are by "
            f"{self.record.ffmpeg_version}; {count(differing, 'image has', 'images have')} other "
            "bytes than before."
        )
        return (Notice("other-bytes", text),)

    def _present(self) -> npt.NDArray[np.int64]:
        return self.record.images.numbers_in(self.store.folder(self.id))

    def _released(self, frames: FrameTable, present: npt.NDArray[np.int64]) -> FrameTable:
        """Return the table in which the marked images that are there are kept."""
        marked = np.intersect1d(np.flatnonzero(frames.fate == Fate.DUPLICATE), present)
        return frames.with_rows(
            marked, fate=Fate.KEPT, reason=Reason.NONE, duplicate_of=-1, duplicate_video=""
        )

    def _followed(self, frames: FrameTable, lost: npt.NDArray[np.int64]) -> FrameTable:
        """Return the table in which duplicates whose image was marked point to what is kept."""
        numbers, videos = frames.duplicate_of.copy(), frames.duplicate_video.copy()
        for video in set(frames.duplicate_video[lost]):
            rows = lost[frames.duplicate_video[lost] == video]
            if video and not self.store.folder(video).is_dir():
                continue  # taken out of the dataset
            other = self.store.read_frames(video) if video else frames
            rows = rows[frames.duplicate_of[rows] < len(other)]
            targets = frames.duplicate_of[rows]
            moved = other.fate[targets] == Fate.DUPLICATE
            rows, targets = rows[moved], targets[moved]
            further = other.duplicate_video[targets]
            further = np.where(further == "", video, further)
            numbers[rows] = other.duplicate_of[targets]
            videos[rows] = np.where(further == self.id, "", further)
        return dataclasses.replace(frames, duplicate_of=numbers, duplicate_video=videos)

    def _commit(self, before: FrameTable, frames: FrameTable) -> bool:
        """Write a changed table with its counts and breaks; return whether it was changed."""
        present = self._present()
        kept = np.flatnonzero(frames.fate == Fate.KEPT)
        # A restore that was killed leaves images that were never checked in.
        unknown = np.intersect1d(kept[frames.crc32[kept] < 0], present)
        folder = self.store.folder(self.id)
        checksums = self.record.images.checksums_in(folder, unknown)
        frames = frames.with_rows(unknown, crc32=checksums)
        columns = ("fate", "reason", "duplicate_of", "duplicate_video", "crc32")
        if all(np.array_equal(getattr(before, name), getattr(frames, name)) for name in columns):
            return False
        # A kept image that is gone is named by `find_missing`, and rejected by `stages.validate`.
        counts = recount(self.record.counts, frames)
        breaks = find_breaks(frames, self.record.warnings, self.breaks)
        self.store.update(dataclasses.replace(self.record, counts=counts, breaks=breaks), frames)
        return True
