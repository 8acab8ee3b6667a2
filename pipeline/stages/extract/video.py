"""Extract one video: from the file to a committed folder, whole or not at all."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...base.errors import (
    DamagedVideoError,
    DecoderDiedError,
    DecoderKilledError,
    InterruptedRunError,
    NotAVideoError,
    SourceChangedError,
    printable,
)
from ...dataset.breaks import find_breaks
from ...dataset.clock import duration_seconds
from ...dataset.image_folder import ImageNames
from ...dataset.records import Notice, PacketIndex, SourceIdentity, VideoRecord
from ...dataset.store import Dataset
from ...settings.file import effective_settings, settings_digest
from ...settings.stages import BreakSettings, DedupeSettings, ExtractSettings, RunSettings
from ...video.binary import Ffmpeg, same_ffmpeg
from ...video.passes import Chosen, VideoDecoder
from ...video.probe import probe
from ...video.sampling import list_frames
from ...video.segments import (
    BORDER_FRAMES,
    UNPROVEN,
    Segment,
    UnprovenSegmentError,
    cut,
    refuse_unlike,
)
from ...video.sources import Source
from ...video.written import checksum_written, image_size
from .identity import identify, is_same_file
from .notices import describe
from .opened import Opened, refuse_too_many
from .shelf import SegmentFrames, Shelf
from .table import build_frame_table, count_frames, join_segments

_SHELF_FORMAT = 1
"""To be raised when something else is laid on shelves."""

OnFrames = Callable[[int], None]
"""Told how many more frames are decoded."""

IsStopped = Callable[[], bool]
"""Says whether to give up; asked often."""


@dataclass(frozen=True)
class VideoExtractor:
    """What all videos of one run share, and the work on each.

    ``cores_each``: threads for ffmpeg where there are many units; ``are_many``: whether the videos
    are that. Else ffmpeg may have as many as it likes.
    """

    store: Dataset
    settings: ExtractSettings
    dedupe: DedupeSettings
    breaks: BreakSettings
    run: RunSettings
    ffmpeg: Ffmpeg
    cores_each: int
    are_many: bool

    def open(
        self,
        source: Source,
        video_id: str,
        is_stopped: IsStopped,
        *,
        identity: SourceIdentity | None = None,
        is_anew: bool = False,
    ) -> Opened:
        """Look into a video, and plan how to decode it.

        Args:
            source: the video.
            video_id: its folder in the dataset.
            is_stopped: asked often.
            identity: which file it is, where that is known already.
            is_anew: do nothing with what an earlier run has left.

        Raises:
            VideoError: this video cannot be done.
            InterruptedRunError.
        """
        info, packets = probe(source.path, is_stopped)
        refuse_too_many(source, len(packets.pts), self.settings.digits)
        identity = identity or identify(source, is_stopped)
        cutting = cut(packets, info, self.run.segment_frames)
        opened = Opened(
            source=source,
            video_id=video_id,
            identity=identity,
            info=info,
            frames_promised=len(cutting.pts),
            packets=packets,
            segments=(),
            hindrance=cutting.hindrance,
            is_anew=is_anew,
        )
        shelf = Shelf(self.store, video_id)
        if is_anew:
            shelf.remove()
        if not cutting.segments:
            return opened
        shelf.open(self._key(identity, cutting.segments), packets)
        if shelf.is_given_up:
            return dataclasses.replace(opened, hindrance=UNPROVEN)
        return dataclasses.replace(opened, packets=None, segments=cutting.segments)

    def extract_whole(
        self, opened: Opened, on_frames: OnFrames, is_stopped: IsStopped
    ) -> VideoRecord:
        """Extract a video in one piece and commit it to the dataset.

        Raises:
            VideoError: this video cannot be done.
            DiskFullError, FfmpegUnusableError, InterruptedRunError: nor can the others.
        """
        source, info = opened.source, opened.info
        shelf = Shelf(self.store, opened.video_id)
        packets = opened.packets or shelf.read_packets()
        with self.store.work_folder(opened.video_id) as folder:
            decoder = self._decoder(is_stopped)
            chosen = decoder.choose(source, info, packets, folder, on_frames)
            checksums = checksum_written(
                source, folder, chosen.decoded.kept, self._images(opened.video_id), is_stopped
            )
            record = self._commit(opened, packets, folder, chosen, checksums)
        shelf.remove()
        return record

    def extract_segment(
        self, opened: Opened, segment: Segment, on_frames: OnFrames, is_stopped: IsStopped
    ) -> None:
        """Extract one segment of a video and lay it on the shelf; if it is there, that is it.

        Raises:
            UnprovenSegmentError: it, or another one, decoded alone, is not what it is in the whole.
            ShelfDamagedError: the video has to be begun anew.
            VideoError: this video cannot be done.
            DiskFullError, FfmpegUnusableError, InterruptedRunError: nor can the others.
        """
        shelf = Shelf(self.store, opened.video_id)
        if shelf.is_given_up:
            raise UnprovenSegmentError(UNPROVEN)
        if shelf.holds(segment):
            on_frames(segment.frames)
            return
        pts = np.sort(shelf.read_packets().shown_pts)
        first, end = segment.first, segment.first + segment.frames
        wanted = None
        if self.settings.selects_by_position:
            asked_for = list_frames(self.settings, Fraction(opened.info.time_base), pts)
            wanted = asked_for[slice(*np.searchsorted(asked_for, (first, end)))] - first
        with self.store.work_folder(opened.video_id) as folder:
            decoder = self._decoder(lambda: is_stopped() or shelf.is_given_up, is_segment=True)
            try:
                chosen = decoder.choose_in_segment(
                    opened.source,
                    opened.info,
                    segment,
                    pts[first : end + segment.border],
                    wanted,
                    folder,
                    _at_most(segment.frames, on_frames),
                )
            except DecoderKilledError:
                raise  # which says nothing of the segment
            except (NotAVideoError, DecoderDiedError) as error:
                raise UnprovenSegmentError(str(error)) from error
            except InterruptedRunError:
                if is_stopped():
                    raise
                raise UnprovenSegmentError(UNPROVEN) from None
            kept = chosen.kept + np.int32(first)
            pictures = chosen.decoded.transcript.pictures
            images = self._images(opened.video_id)
            crc32 = checksum_written(opened.source, folder, kept, images, is_stopped)
            sizes = images.sizes_in(folder)
            frames = SegmentFrames(
                pts=chosen.decoded.pts[: segment.frames],
                scene_score=chosen.decoded.scene_score,
                selected=chosen.selected,
                kept=chosen.kept,
                alike=chosen.alike,
                alike_to=chosen.alike_to,
                crc32=crc32,
                size_bytes=np.array([sizes[index] for index in kept.tolist()], dtype=np.int64),
                begins=np.array(pictures[:BORDER_FRAMES], dtype=np.str_),
                ends=np.array(pictures[len(pictures) - segment.border :], dtype=np.str_),
                rotation_degrees=np.array(
                    chosen.decoded.transcript.rotation_degrees, dtype=np.float64
                ),
            )
            opened.refuse_changed()
            shelf.put(segment, frames, folder)

    def join(self, opened: Opened) -> VideoRecord:
        """Make a video of its segments and commit it to the dataset.

        Raises:
            UnprovenSegmentError: two neighbours do not agree on the frames that both decoded.
            ShelfDamagedError: the video has to be begun anew.
            VideoError: this video cannot be done.
        """
        shelf = Shelf(self.store, opened.video_id)
        parts = [shelf.get(segment) for segment in opened.segments]
        for segment, part, following in zip(opened.segments, parts, parts[1:], strict=False):
            refuse_unlike(segment, tuple(part.ends), tuple(following.begins))
        chosen, checksums = join_segments(opened.info, opened.segments, parts)
        size_bytes = np.concatenate([part.size_bytes for part in parts])
        shelf.check_images(self._images(opened.video_id), chosen.kept, size_bytes)
        record = self._commit(opened, shelf.read_packets(), shelf.images, chosen, checksums)
        shelf.remove()
        return record

    def give_up_segments(self, opened: Opened) -> Opened:
        """Note that a video has to be decoded in one piece; return it so."""
        Shelf(self.store, opened.video_id).give_up()
        return dataclasses.replace(opened, segments=(), hindrance=UNPROVEN)

    def _commit(
        self,
        opened: Opened,
        packets: PacketIndex,
        folder: Path,
        chosen: Chosen,
        checksums: npt.NDArray[np.int64],
    ) -> VideoRecord:
        """Write the record of a video, and move its folder into place."""
        info = opened.info
        opened.refuse_changed()
        frames = build_frame_table(chosen, checksums, Fraction(info.time_base))
        warnings = describe(info, packets, chosen.decoded, frames, opened.hindrance)
        self.refuse_damage(opened.source, warnings)
        width, height = image_size(folder, chosen.kept, self._images(opened.video_id))
        settings = effective_settings(self.settings, self.dedupe, self.run)
        record = VideoRecord(
            id=opened.video_id,
            source=opened.identity,
            settings_digest=settings_digest(settings),
            settings=settings,
            ffmpeg_version=self.ffmpeg.version,
            probe=info,
            rotation_degrees=chosen.decoded.transcript.rotation_degrees,
            image_width=width,
            image_height=height,
            counts=count_frames(info, packets, frames, len(checksums)),
            breaks=find_breaks(frames, warnings, self.breaks),
            warnings=warnings,
            segments=tuple(segment.first for segment in opened.segments) or (0,),
            duration_seconds=duration_seconds(frames),
        )
        self.store.commit(folder, record, frames)
        return record

    def extract_again(
        self,
        record: VideoRecord,
        indices: npt.NDArray[np.int64],
        folder: Path,
        on_frames: OnFrames,
        is_stopped: IsStopped,
    ) -> npt.NDArray[np.int64]:
        """Write the images of these frames of a committed video into a work folder.

        Args:
            record: the video; ``settings`` must be those of its images.
            indices: ascending frame indices.
            folder: named as the video.
            on_frames: told how many more frames are decoded.
            is_stopped: asked often.

        Returns:
            The CRC-32 of each image file: int64, the shape of ``indices``.

        Raises:
            SourceChangedError: the source is gone or another file now.
            VideoError: this video cannot be done.
            DiskFullError, FfmpegUnusableError, InterruptedRunError: nor can others.
        """
        source = Source(Path(record.source.path), record.source.name)
        if not source.path.is_file() or not is_same_file(source.path, record.source, is_stopped):
            what = (
                "has changed since" if source.path.is_file() else "is gone from where it was when"
            )
            raise SourceChangedError(
                f"{printable(source.path)}: the file {what} '{printable(record.id)}' was extracted "
                "from it, so its frames cannot be restored. Put it back there and run again; if "
                "it was renamed or moved, run 'prep extract' on it where it is now, and its record "
                "follows. Or extract it anew with 'prep extract --overwrite --dedupe off'."
            )
        decoder = self._decoder(is_stopped)
        decoded = decoder.write(source, record.probe, indices, folder, on_frames)
        if len(decoded.pts) != record.counts.frames_decoded or not np.array_equal(
            decoded.kept, indices
        ):
            raise DecoderDiedError(
                f"{printable(source.path)}: {len(decoded.pts)} frames were decoded, but "
                f"{record.counts.frames_decoded} when it was extracted, so their numbers are not "
                "certain and nothing was restored. Use the ffmpeg of that time, version "
                f"{printable(record.ffmpeg_version)}."
            )
        return checksum_written(source, folder, decoded.kept, record.images, is_stopped)

    def refuse_damage(self, source: Source, warnings: Iterable[Notice]) -> None:
        """Hold a damaged video against the settings.

        Raises:
            DamagedVideoError: it is damaged, and that is a failure in this run.
        """
        damage = [notice for notice in warnings if notice.kind == "damage"]
        if damage and self.run.on_damage == "fail":
            raise DamagedVideoError(
                f"{printable(source.path)}: damaged: {damage[0].message} "
                "Set on_damage to keep, and what decodes is kept."
            )

    def _images(self, video_id: str) -> ImageNames:
        return ImageNames(video_id, self.settings.digits, self.settings.format)

    def _decoder(self, is_stopped: IsStopped, *, is_segment: bool = False) -> VideoDecoder:
        threads = self.cores_each if is_segment or self.are_many else None
        ffmpeg = same_ffmpeg(self.ffmpeg, self.run)
        return VideoDecoder(self.settings, self.dedupe, self.run, ffmpeg, is_stopped, threads)

    def _key(self, identity: SourceIdentity, segments: Iterable[Segment]) -> str:
        """Return what segments on a shelf must have in common."""
        settings = effective_settings(self.settings, self.dedupe, self.run)
        firsts = [segment.first for segment in segments]
        key = [_SHELF_FORMAT, identity.sha256, settings, self.ffmpeg.version, firsts]
        return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _at_most(limit: int, on_frames: OnFrames) -> OnFrames:
    """Return what passes on no more frames: those of a border are not told."""
    left = limit

    def tell(frames: int) -> None:
        nonlocal left
        frames = min(frames, left)
        left -= frames
        on_frames(frames)

    return tell
