"""The frame table and the accounts of one video, from what was decoded and chosen."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ...dataset.change_map import ChangeMap
from ...dataset.comparison import Comparison
from ...dataset.frame_table import MISSING_PTS, Fate, FrameTable, Reason
from ...dataset.packet_index import PacketIndex
from ...dataset.records import Counts, VideoInfo
from ...pictures.cells import CELL
from ...video.chosen import Chosen
from ...video.cuts import join_scores, places_at_ends
from ...video.decoder import Decoded
from ...video.segments import BORDER_FRAMES, Segment
from ...video.shelf import SegmentFrames
from ...video.transcript import Transcript

_NOTHING = np.zeros((0, 0), dtype=np.int32)


def segment_frames(
    segment: Segment,
    chosen: Chosen,
    crc32: npt.NDArray[np.int64],
    size_bytes: npt.NDArray[np.int64],
) -> SegmentFrames:
    """Return what a segment gave, as it is laid on the shelf.

    Args:
        segment: which one.
        chosen: what was decoded and chosen.
        crc32: int64, the checksum of the image of each kept frame.
        size_bytes: int64, the size of each.
    """
    decoded = chosen.decoded
    pictures = decoded.transcript.pictures
    ends_at = places_at_ends(segment.frames)
    return SegmentFrames(
        pts=decoded.pts[: segment.frames],
        scene_score=decoded.scene_score,
        cut_score=decoded.cut_score[: segment.frames],
        ends_at=ends_at,
        tiny=decoded.tiny[ends_at],
        selected=chosen.selected,
        kept=chosen.kept,
        alike=chosen.alike,
        alike_to=chosen.alike_to,
        crc32=crc32,
        size_bytes=size_bytes,
        begins=np.array(pictures[:BORDER_FRAMES], dtype=np.str_),
        ends=np.array(pictures[len(pictures) - segment.border :], dtype=np.str_),
        rotation_degrees=np.array(decoded.transcript.rotation_degrees, dtype=np.float64),
        decoder=np.array(chosen.decoder),
        way=np.array(chosen.comparison.way if chosen.comparison else ""),
        limits=np.array(chosen.comparison.limits if chosen.comparison else ()),
        changed_cells=_NOTHING if chosen.changed_cells is None else chosen.changed_cells,
        why_software=np.array(chosen.why_software or ""),
    )


def join_segments(
    info: VideoInfo, segments: Sequence[Segment], parts: Sequence[SegmentFrames]
) -> tuple[Chosen, npt.NDArray[np.int64]]:
    """Return what the segments of a video gave as if it was one piece, and the checksums."""
    firsts = [segment.first for segment in segments]

    def indices(name: str) -> npt.NDArray[np.int32]:
        pairs = zip(firsts, parts, strict=True)
        return np.concatenate([getattr(part, name) + np.int32(first) for first, part in pairs])

    pts = np.concatenate([part.pts for part in parts])
    scores = np.empty(len(pts), dtype=np.float32)
    for first, part in reversed(list(zip(firsts, parts, strict=True))):
        # Where two have decoded a frame, the earlier one has seen what was before it.
        scores[first : first + len(part.scene_score)] = part.scene_score
    transcript = Transcript(info)
    rotation = float(parts[0].rotation_degrees)
    transcript.rotation_degrees = None if np.isnan(rotation) else rotation
    kept = indices("kept")
    decoded = Decoded(
        pts=pts,
        scene_score=scores,
        selected=indices("selected"),
        kept=kept,
        edge=np.empty(0, dtype=np.int32),
        transcript=transcript,
        cut_score=join_scores(
            firsts,
            [part.cut_score for part in parts],
            [part.ends_at for part in parts],
            [part.tiny for part in parts],
        ),
    )
    chosen = Chosen(
        decoded,
        decoded.selected,
        kept,
        indices("alike"),
        indices("alike_to"),
        decoder=", ".join(sorted({str(part.decoder) for part in parts})),
        comparison=_join_comparisons(parts),
        changed_cells=_sum([part.changed_cells for part in parts if part.changed_cells.size]),
        why_software=next((str(part.why_software) for part in parts if part.why_software), None),
    )
    return chosen, np.concatenate([part.crc32 for part in parts])


def _join_comparisons(parts: Sequence[SegmentFrames]) -> Comparison | None:
    """Return how the still frames of a video were told, from how those of its segments were."""
    ways = sorted({str(part.way) for part in parts} - {""})
    limits = [part.limits for part in parts if part.limits.size]
    middle = np.median(limits, axis=0).tolist() if limits else ()
    return Comparison(", ".join(ways), tuple(middle)) if ways else None


def _sum(counts: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32] | None:
    return np.sum(counts, axis=0, dtype=np.int32) if counts else None


def map_changes(chosen: Chosen) -> ChangeMap | None:
    """Return where something changed, and how often, in the frames that were compared."""
    counts = chosen.changed_cells
    if counts is None or len(chosen.selected) == 0:
        return None
    return ChangeMap.from_counts(counts, len(chosen.selected), block_pixels=CELL)


def build_frame_table(
    chosen: Chosen, checksums: npt.NDArray[np.int64], time_base: Fraction
) -> FrameTable:
    """Return the table of all frames of a video.

    Args:
        chosen: what was decoded and chosen.
        checksums: int64, the CRC-32 of the image of each kept frame.
        time_base: seconds a timestamp unit.
    """
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
        cut_score=chosen.decoded.cut_score,
        crc32=crc32,
        sharpness=np.full(shape, np.nan, dtype=np.float32),
        brightness=np.full(shape, np.nan, dtype=np.float32),
        contrast=np.full(shape, np.nan, dtype=np.float32),
    )


def count_frames(
    info: VideoInfo, packets: PacketIndex, frames: FrameTable, files_on_disk: int, counted: str
) -> Counts:
    """Return the accounts of a video, from what was counted in different places.

    Args:
        info: its header.
        packets: its packets.
        frames: what became of its frames.
        files_on_disk: its images.
        counted: what the frames were counted by.
    """
    return Counts(
        frames_in_header=info.frames_in_header,
        packets=len(packets.pts),
        frames_decoded=len(frames),
        kept=frames.count(Fate.KEPT),
        duplicates=frames.count(Fate.DUPLICATE),
        sampled_out=frames.count(Fate.SAMPLED_OUT),
        rejected=frames.count(Fate.REJECTED),
        files_on_disk=files_on_disk,
        counted=counted,
    )
