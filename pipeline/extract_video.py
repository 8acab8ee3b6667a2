"""Extract one video: from the file to a committed folder, whole or not at all."""

import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline import engine
from pipeline.breaks import find_breaks
from pipeline.config import BreakSettings, DedupeSettings, ExtractSettings, RunSettings
from pipeline.config_file import effective_settings, settings_digest
from pipeline.decode_video import Chosen, VideoDecoder
from pipeline.decoder import Decoded, disk_full
from pipeline.errors import (
    DamagedVideoError,
    DecoderDiedError,
    SourceChangedError,
    TooManyFramesError,
    printable,
)
from pipeline.ffmpeg import Ffmpeg
from pipeline.notices import describe
from pipeline.probe import probe
from pipeline.records import (
    MISSING_PTS,
    Counts,
    Fate,
    FrameTable,
    Notice,
    PacketIndex,
    Reason,
    VideoInfo,
    VideoRecord,
)
from pipeline.resume import identify, is_same_file, stat_identity
from pipeline.sources import Source
from pipeline.store import Dataset, checksum_images, image_name, list_image_indices


@dataclass(frozen=True)
class VideoExtractor:
    """What all videos of one run share, and the work on each."""

    store: Dataset
    settings: ExtractSettings
    dedupe: DedupeSettings
    breaks: BreakSettings
    run: RunSettings
    ffmpeg: Ffmpeg
    memory: engine.MemoryBudget
    stop: threading.Event
    threads: int | None

    def extract(
        self,
        source: Source,
        video_id: str,
        on_start: Callable[[int], None],
        on_frames: Callable[[int], None],
    ) -> VideoRecord:
        """Extract a video and commit it to the dataset.

        Args:
            source: the video.
            video_id: its folder in the dataset.
            on_start: told the number of packets when decoding begins.
            on_frames: told how many more frames are decoded.

        Raises:
            VideoError: this video cannot be done.
            DiskFullError, FfmpegUnusableError, InterruptedRunError: nor can the others.
        """
        info, packets = probe(source.path, self.stop.is_set)
        _refuse_too_many(source, len(packets.pts), self.settings.digits)
        identity = identify(source, self.stop)
        with (
            self.memory.reserve(_memory_needed(info)),
            self.store.work_folder(video_id) as folder,
        ):
            on_start(len(packets.pts))
            chosen = self._decoder.choose(source, info, packets, folder, on_frames)
            decoded = chosen.decoded
            if stat_identity(source.path) != (identity.size_bytes, identity.mtime_ns):
                raise SourceChangedError(
                    f"{printable(source.path)}: the file changed while it was read. Run again when "
                    "nothing writes to it any more."
                )
            checksums = self._checksum_images(source, folder, decoded)
            frames = _frame_table(chosen, checksums, Fraction(info.time_base))
            warnings = describe(info, packets, decoded, frames)
            self.refuse_damage(source, warnings)
            width, height = self._image_size(folder, decoded)
            settings = effective_settings(self.settings, self.dedupe)
            record = VideoRecord(
                id=video_id,
                source=identity,
                settings_digest=settings_digest(settings),
                settings=settings,
                ffmpeg_version=self.ffmpeg.version,
                probe=info,
                rotation_degrees=decoded.transcript.rotation_degrees,
                image_width=width,
                image_height=height,
                counts=_count(info, packets, frames, len(checksums)),
                breaks=find_breaks(frames, warnings, self.breaks),
                warnings=warnings,
            )
            self.store.commit(folder, record, frames)
        return record

    def extract_again(
        self,
        record: VideoRecord,
        indices: npt.NDArray[np.int64],
        folder: Path,
        on_frames: Callable[[int], None],
    ) -> npt.NDArray[np.int64]:
        """Write the images of these frames of a committed video into a work folder.

        Args:
            record: the video; ``settings`` must be those of its images.
            indices: ascending frame indices.
            folder: named as the video.
            on_frames: told how many more frames are decoded.

        Returns:
            The CRC-32 of each image file: int64, the shape of ``indices``.

        Raises:
            SourceChangedError: the source is gone or another file now.
            VideoError: this video cannot be done.
            DiskFullError, FfmpegUnusableError, InterruptedRunError: nor can others.
        """
        source = Source(Path(record.source.path), record.source.name)
        if not source.path.is_file() or not is_same_file(source.path, record.source):
            what = (
                "has changed since" if source.path.is_file() else "is gone from where it was when"
            )
            raise SourceChangedError(
                f"{printable(source.path)}: the file {what} '{printable(record.id)}' was extracted "
                "from it, so its frames cannot be restored. Put it back there and run again, or "
                "extract it anew with 'prep extract --overwrite --dedupe off'."
            )
        with self.memory.reserve(_memory_needed(record.probe)):
            decoded = self._decoder.write(source, record.probe, indices, folder, on_frames)
        if len(decoded.pts) != record.counts.frames_decoded or not np.array_equal(
            decoded.kept, indices
        ):
            raise DecoderDiedError(
                f"{printable(source.path)}: {len(decoded.pts)} frames were decoded, but "
                f"{record.counts.frames_decoded} when it was extracted, so their numbers are not "
                "certain and nothing was restored. Use the ffmpeg of that time, version "
                f"{printable(record.ffmpeg_version)}."
            )
        return self._checksum_images(source, folder, decoded)

    def refuse_damage(self, source: Source, warnings: Iterable[Notice]) -> None:
        """Hold a damaged video against the settings.

        Raises:
            DamagedVideoError: it is damaged, and that is a failure in this run.
        """
        damage = [notice for notice in warnings if notice.kind == "damage"]
        if damage and self.run.on_damage == "fail":
            raise DamagedVideoError(
                f"{printable(source.path)}: damaged: {damage[0].message} "
                "With --on-damage keep, what decodes is kept."
            )

    @property
    def _decoder(self) -> VideoDecoder:
        return VideoDecoder(
            self.settings, self.dedupe, self.run, self.ffmpeg, self.stop, self.threads
        )

    def _checksum_images(
        self, source: Source, folder: Path, decoded: Decoded
    ) -> npt.NDArray[np.int64]:
        """Return the checksums of the images, after holding them against ffmpeg's report."""
        digits, image_format = self.settings.digits, self.settings.format
        on_disk = list_image_indices(folder, folder.name, digits, image_format)
        broken = None
        if np.array_equal(on_disk, decoded.kept):
            checksums = checksum_images(
                folder, folder.name, on_disk, digits, image_format, self.stop.is_set
            )
            if not (checksums < 0).any():
                return checksums
            broken = image_name(
                folder.name, int(on_disk[np.argmin(checksums)]), digits, image_format
            )
        if shutil.disk_usage(folder).free < 16 * 2**20:
            raise disk_full()
        what = f"{broken} is cut off" if broken else f"{len(on_disk)} are on disk"
        raise DecoderDiedError(
            f"{printable(source.path)}: ffmpeg reported {len(decoded.kept)} images, but {what}. "
            "Nothing of it was kept; check the disk and run again."
        )

    def _image_size(self, folder: Path, decoded: Decoded) -> tuple[int | None, int | None]:
        if len(decoded.kept) == 0:
            return None, None
        first = int(decoded.kept[0])
        name = image_name(folder.name, first, self.settings.digits, self.settings.format)
        from PIL.JpegImagePlugin import JpegImageFile
        from PIL.PngImagePlugin import PngImageFile

        # Not Image.open, which takes very large pictures for an attack.
        read = JpegImageFile if self.settings.format == "jpg" else PngImageFile
        with read(folder / name) as image:
            return image.size


def _refuse_too_many(source: Source, frames: int, digits: int) -> None:
    if frames > 10**digits:
        needed = len(str(frames - 1))
        raise TooManyFramesError(
            f"{printable(source.path)}: {frames:,} frames do not fit into {digits} digits, and a "
            f"longer number would break the order of the names. Use --digits {needed}."
        )


def _memory_needed(info: VideoInfo) -> int:
    """Return a generous estimate of what ffmpeg needs: frames in flight in all its threads."""
    deep = info.pixel_format is None or not info.pixel_format.endswith(("420p", "nv12"))
    frame_bytes = info.coded_width * info.coded_height * (4 if deep else 2)
    threads = min(engine.count_cores(), 16)
    return 100_000_000 + frame_bytes * (2 * threads + 24)


def _frame_table(
    chosen: Chosen, checksums: npt.NDArray[np.int64], time_base: Fraction
) -> FrameTable:
    pts = chosen.decoded.pts
    seconds = pts.astype(np.float64) * time_base.numerator / time_base.denominator
    shape = len(pts)
    fate = np.full(shape, Fate.SAMPLED_OUT, dtype=np.int8)
    reason = np.full(shape, Reason.NONE, dtype=np.int8)
    duplicate_of = np.full(shape, -1, dtype=np.int32)
    crc32 = np.full(shape, -1, dtype=np.int64)
    # What ffmpeg left out equals the last frame that it let through: a kept one, or an alike one.
    passed = np.union1d(chosen.kept, chosen.alike).astype(np.int32)
    still = np.setdiff1d(chosen.selected, passed)
    fate[still], reason[still] = Fate.DUPLICATE, Reason.STILL
    duplicate_of[still] = passed[np.searchsorted(passed, still) - 1]
    fate[chosen.alike], reason[chosen.alike] = Fate.DUPLICATE, Reason.SIMILAR
    duplicate_of[chosen.alike] = chosen.alike_to
    of_alike = still[reason[duplicate_of[still]] == Reason.SIMILAR]
    duplicate_of[of_alike] = duplicate_of[duplicate_of[of_alike]]
    fate[chosen.kept], crc32[chosen.kept] = Fate.KEPT, checksums
    return FrameTable(
        pts=pts,
        time_seconds=np.where(pts == MISSING_PTS, np.nan, seconds),
        fate=fate,
        reason=reason,
        duplicate_of=duplicate_of,
        duplicate_video=np.full(shape, "", dtype=object),
        scene_score=chosen.decoded.scene_score,
        crc32=crc32,
        sharpness=np.full(shape, np.nan, dtype=np.float32),
        brightness=np.full(shape, np.nan, dtype=np.float32),
        contrast=np.full(shape, np.nan, dtype=np.float32),
    )


def _count(info: VideoInfo, packets: PacketIndex, frames: FrameTable, files_on_disk: int) -> Counts:
    return Counts(
        frames_in_header=info.frames_in_header,
        packets=len(packets.pts),
        frames_decoded=len(frames),
        kept=frames.count(Fate.KEPT),
        duplicates=frames.count(Fate.DUPLICATE),
        sampled_out=frames.count(Fate.SAMPLED_OUT),
        rejected=frames.count(Fate.REJECTED),
        files_on_disk=files_on_disk,
    )
