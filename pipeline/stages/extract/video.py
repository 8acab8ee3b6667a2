"""Extract one video: from the file to a committed folder, whole or not at all."""

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...base.errors import (
    DecoderDiedError,
    DecoderKilledError,
    InterruptedRunError,
    NotAVideoError,
    VideoError,
)
from ...base.work import Link, refuse_stopped
from ...dataset.breaks import find_breaks
from ...dataset.clock import duration_seconds, start_date, start_seconds
from ...dataset.image_folder import ImageNames
from ...dataset.packet_index import PacketIndex
from ...dataset.records import SourceIdentity, VideoRecord
from ...dataset.store import Dataset
from ...settings.dedupe import DedupeSettings
from ...settings.file import effective_settings, settings_digest
from ...settings.stages import AUTO, BreakSettings, ExtractSettings, RunSettings
from ...video.binary import Ffmpeg, same_ffmpeg
from ...video.chosen import Chosen
from ...video.few import plan_few
from ...video.identity import identify
from ...video.measure import measure_levels
from ...video.passes import VideoDecoder
from ...video.probe import probe
from ...video.recipe import Recipe
from ...video.sampling import plan_segments
from ...video.segments import UNPROVEN, Segment, UnprovenSegmentError, cut, refuse_unlike
from ...video.shelf import Shelf
from ...video.sources import Source
from ...video.written import checksum_written
from .hardware import choose_anyhow, tell_software, try_hardware
from .levels import mapped_levels, needs_measuring, refuse_levels, with_levels
from .links import SegmentLink
from .looks import SomeImages, describe_looks
from .notices import describe, describe_depth, refuse_damage
from .opened import Opened, refuse_regions, refuse_too_many, shelf_key
from .streams import describe_streams
from .table import (
    build_frame_table,
    count_frames,
    join_segments,
    map_changes,
    segment_frames,
)
from .ways import choose_soonest


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
    are_many: bool = False

    @property
    def effective_settings(self) -> dict[str, Any]:
        """The settings that decide on the bytes of the images, and which there are."""
        return effective_settings(self.settings, self.dedupe)

    def open(
        self,
        source: Source,
        video_id: str,
        link: Link,
        *,
        identity: SourceIdentity | None = None,
        is_anew: bool = False,
    ) -> Opened:
        """Look into a video, and plan how to decode it.

        Args:
            source: the video.
            video_id: its folder in the dataset.
            link: asked often whether to give up.
            identity: which file it is, where that is known already.
            is_anew: do nothing with what an earlier run has left.

        Raises:
            VideoError: this video cannot be done.
            InterruptedRunError.
        """
        info, packets = probe(source.path, link, source.stream)
        refuse_too_many(source, len(packets.pts), self.settings.digits)
        refuse_levels(self.settings, source, info)
        refuse_regions(self.dedupe, source, info)
        identity = identity or identify(source, link)
        hwaccel, why_software = try_hardware(self.ffmpeg, self.run, source, info)
        cutting = cut(packets, info, self.run.segment_frames, looks_back=self.settings.deinterlace)
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
            is_measured=not needs_measuring(self.settings, info),
            hwaccel=hwaccel,
            why_software=why_software,
        )
        shelf = Shelf(self.store, video_id)
        if is_anew:
            shelf.remove()
        if not cutting.segments or plan_few(self._recipe(opened, None), info, packets):
            return opened
        key = shelf_key(opened, cutting, self.effective_settings, self.ffmpeg.version)
        shelf.open(key, packets, plan_segments(self.settings, Fraction(info.time_base), cutting))
        if shelf.is_given_up:
            return dataclasses.replace(opened, hindrance=UNPROVEN)
        return dataclasses.replace(opened, packets=None, segments=cutting.segments)

    def measure(self, opened: Opened, link: Link) -> Opened:
        """Return a video with its grey levels, measured all over it if its images need them.

        Else they are for a notice alone, and the first frames will do.

        Raises:
            VideoError: this video cannot be done.
            DiskFullError, FfmpegUnusableError, InterruptedRunError: nor can the others.
        """
        levels, is_needed = None, self.settings.levels == AUTO
        in_software = dataclasses.replace(opened, hwaccel=None)
        recipe = self._recipe(in_software, self.cores_each if self.are_many else None)
        with self.store.work_folder(opened.video_id) as folder:
            decoder = VideoDecoder(recipe, opened.source, opened.info, folder, link)
            try:
                levels = measure_levels(decoder, opened.frames_promised, is_whole=is_needed)
            except VideoError:
                if is_needed:
                    raise
        return dataclasses.replace(opened, is_measured=True, levels=levels)

    def extract_whole(self, opened: Opened, link: Link) -> VideoRecord:
        """Extract a video in one piece and commit it to the dataset.

        The link is told how many more frames are decoded.

        Raises:
            VideoError: this video cannot be done.
            DiskFullError, FfmpegUnusableError, InterruptedRunError: nor can the others.
        """
        source, shelf = opened.source, Shelf(self.store, opened.video_id)
        packets = opened.packets or shelf.read_packets()
        recipe = self._recipe(opened, self.cores_each if self.are_many else None)
        names = self._images(opened.video_id)
        with self.store.work_folder(opened.video_id) as folder:
            chosen = choose_soonest(
                VideoDecoder(recipe, source, opened.info, folder, link), packets
            )
            checksums = checksum_written(source, folder, chosen.decoded.kept, names, link)
            record = self._commit(opened, packets, folder, chosen, checksums)
        shelf.remove()
        return record

    def extract_segment(self, opened: Opened, segment: Segment, link: Link) -> None:
        """Extract one segment of a video and lay it on the shelf; if it is there, that is it.

        The link is told how many more frames are decoded.

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
            link.tell(segment.frames)
            return
        plan = shelf.read_plan(segment)
        recipe = self._recipe(opened, self.cores_each)
        names = self._images(opened.video_id)
        with self.store.work_folder(opened.video_id) as folder:
            of_segment = SegmentLink(link, segment, shelf)
            decoder = VideoDecoder(recipe, opened.source, opened.info, folder, of_segment)
            try:
                chosen = choose_anyhow(
                    decoder, lambda it: it.choose_in_segment(segment, plan), plan.pts
                )
            except DecoderKilledError:
                raise  # which says nothing of the segment
            except (NotAVideoError, DecoderDiedError) as error:
                raise UnprovenSegmentError(str(error)) from error
            except InterruptedRunError:
                refuse_stopped(link)
                raise UnprovenSegmentError(UNPROVEN) from None
            kept = chosen.kept + np.int32(segment.first)
            crc32 = checksum_written(opened.source, folder, kept, names, link)
            sizes = names.sizes_in(folder)
            size_bytes = np.array([sizes[index] for index in kept.tolist()], dtype=np.int64)
            opened.refuse_changed()
            shelf.put(segment, segment_frames(segment, chosen, crc32, size_bytes), folder)

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
        images = SomeImages(folder, self._images(opened.video_id), frames)
        looks = (
            *describe_streams(info, is_confirmed=self.settings.stream is not None),
            *describe_looks(info, self.settings, images),
            *describe_depth(info, self.settings, self.dedupe, opened.levels),
            *tell_software(chosen.why_software or opened.why_software),
        )
        warnings = describe(info, packets, chosen.decoded, frames, opened.hindrance, looks)
        refuse_damage(opened.source, warnings, self.run)
        start = start_seconds(info, packets, frames)
        (width, height), settings = images.size(), self.effective_settings
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
            counts=count_frames(info, packets, frames, len(checksums), chosen.counted),
            breaks=find_breaks(frames, warnings, self.breaks),
            warnings=warnings,
            segments=tuple(segment.first for segment in opened.segments) or (0,),
            duration_seconds=duration_seconds(frames),
            levels=mapped_levels(self.settings, opened.levels),
            decoder=chosen.decoder,
            start_seconds=start,
            start_date=start_date(info, start),
            comparison=chosen.comparison,
            changes=map_changes(chosen),
        )
        self.store.commit(folder, record, frames)
        return record

    def _images(self, video_id: str) -> ImageNames:
        return ImageNames(video_id, self.settings.digits, self.settings.format)

    def _recipe(self, opened: Opened, threads: int | None) -> Recipe:
        settings = with_levels(self.settings, opened.levels)
        run = dataclasses.replace(self.run, hwaccel=opened.hwaccel)
        return Recipe(settings, self.dedupe, run, same_ffmpeg(self.ffmpeg, self.run), threads)
