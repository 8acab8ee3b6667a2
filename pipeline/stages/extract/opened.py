"""A video that was looked into, and what is to be done with it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...base.errors import SourceChangedError, TooManyFramesError, VideoError, printable
from ...base.machine import count_cores
from ...base.words import count
from ...dataset.packet_index import PacketIndex
from ...dataset.records import SourceIdentity, VideoInfo
from ...settings.dedupe import DedupeSettings
from ...settings.regions import Region
from ...video.identity import stat_identity
from ...video.segments import Cutting, Segment
from ...video.sources import Source


@dataclass(frozen=True, eq=False)
class Opened:
    """A video that was looked into, and what is to be done with it.

    ``segments``: the parts to decode, none where it is decoded in one piece; ``hindrance`` says why
    that is so if it is long. ``packets`` are absent where they lie on the shelf of the video.
    ``is_anew``: the shelf was found damaged before, and thrown away. ``levels``: the grey levels
    between which the video is, once measured; ``is_measured``: whether that is done or not needed.
    ``is_anew``: the shelf was found damaged before, and thrown away. ``hwaccel``: the hardware that
    can decode it, if any is wanted; ``why_software``: why it cannot.
    """

    source: Source
    video_id: str
    identity: SourceIdentity
    info: VideoInfo
    frames_promised: int
    packets: PacketIndex | None
    segments: tuple[Segment, ...]
    hindrance: str | None
    is_anew: bool
    is_measured: bool = True
    levels: tuple[int, int] | None = None
    hwaccel: str | None = None
    why_software: str | None = None

    @property
    def memory_needed(self) -> int:
        """Bytes that ffmpeg needs at most: frames in flight in all its threads."""
        return _memory_needed(self.info)

    def refuse_changed(self) -> None:
        """Hold the file against what it was.

        Raises:
            SourceChangedError: it is another one now.
        """
        identity = self.identity
        if stat_identity(self.source.path) != (identity.size_bytes, identity.mtime_ns):
            raise SourceChangedError(
                f"{printable(self.source.path)}: the file changed while it was read. Run again "
                "when nothing writes to it any more."
            )


def shelf_key(
    opened: Opened, cutting: Cutting, settings: Mapping[str, Any], ffmpeg_version: str
) -> str:
    """Return what segments of a video on a shelf must have in common.

    Args:
        opened: the video.
        cutting: how it is cut.
        settings: those that its images depend on.
        ffmpeg_version: of the ffmpeg that decodes it.
    """
    firsts = [segment.first for segment in cutting.segments]
    key = [opened.identity.content, settings, ffmpeg_version, firsts]
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def refuse_too_many(source: Source, frames: int, digits: int) -> None:
    """Hold the number of frames against what file names have digits for.

    Raises:
        TooManyFramesError: it is larger.
    """
    if frames > 10**digits:
        needed = len(str(frames - 1))
        raise TooManyFramesError(
            f"{printable(source.path)}: {count(frames, 'frame')} do not fit into "
            f"{count(digits, 'digit')}, and a "
            f"longer number would break the order of the names. Set digits to "
            f"{needed}, in the settings file or with 'prep extract --digits {needed}'."
        )


def refuse_regions(dedupe: DedupeSettings, source: Source, info: VideoInfo) -> None:
    """Hold the regions to ignore against the size of the frames, which may turn out upright.

    Raises:
        VideoError: one of them lies outside whichever way up they are, or may be all there is.
    """
    width, height = info.coded_width, info.coded_height
    for region in dedupe.regions if "ignore" in dedupe.method.settings else ():
        sizes = ((width, height), (height, width))
        if all(_lies_outside(region, *size) for size in sizes):
            what = "lies outside of"
        elif any(_is_all(region, *size) for size in sizes):
            what = "is all of"
        else:
            continue
        raise VideoError(
            f"{printable(source.path)}: ignore: '{region}' {what} the frames of this video, which "
            f"are {width}×{height}",
            "Give shares of the frame, such as 92%,0%,100%,6%, which suit every size; or name the "
            "videos that a region is for, in the settings file: {videos: 'cam2*', region: "
            f"'{region}'}}.",
        )


def _lies_outside(region: Region, width: int, height: int) -> bool:
    corners = region.corners(width, height)
    return min(x for x, _ in corners) >= width or min(y for _, y in corners) >= height


def _is_all(region: Region, width: int, height: int) -> bool:
    upper_left, _, lower_right, *_ = region.corners(width, height)
    is_box = len(region.points) == 2
    return is_box and max(upper_left) <= 0 and lower_right[0] >= width and lower_right[1] >= height


def _memory_needed(info: VideoInfo) -> int:
    """Return a generous estimate of what ffmpeg needs: frames in flight in all its threads."""
    deep = info.pixel_format is None or not info.pixel_format.endswith(("420p", "nv12"))
    frame_bytes = info.coded_width * info.coded_height * (4 if deep else 2)
    threads = min(count_cores(), 16)
    return 100_000_000 + frame_bytes * (2 * threads + 24)
