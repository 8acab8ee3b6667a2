"""Put into words what a person should know of one extracted video, and where in it."""

from collections.abc import Iterable

import numpy as np

from ...base.errors import DamagedVideoError, printable
from ...base.words import count, listing, plural
from ...dataset.frame_table import MISSING_PTS, FrameTable
from ...dataset.records import Complaint, Notice, PacketIndex, VideoInfo
from ...settings.dedupe import DedupeSettings
from ...settings.stages import ExtractSettings, RunSettings
from ...video.decoder import Decoded
from ...video.levels import count_levels
from ...video.sources import Source
from .levels import Levels, loses_bits


def describe(
    info: VideoInfo,
    packets: PacketIndex,
    decoded: Decoded,
    frames: FrameTable,
    hindrance: str | None = None,
    others: Iterable[Notice] = (),
) -> tuple[Notice, ...]:
    """Return what is remarkable about a video, findings first.

    Args:
        info: what its header says.
        packets: what the demuxer delivered.
        decoded: what the decoder delivered.
        frames: what became of it.
        hindrance: why it could not be cut into segments, if it is long enough for that.
        others: what `streams.describe_streams` and `looks.describe_looks` say.
    """
    notices = [
        *_damage(packets, decoded, frames),
        *_nothing_selected(decoded),
        *_hidden_packets(packets, decoded),
        *_header_claim(info, packets),
        *_size_changes(decoded, frames),
        *_timestamps(frames),
        *others,
        *_one_piece(hindrance),
    ]
    return tuple(sorted(notices, key=lambda notice: not notice.is_finding))


def describe_depth(
    info: VideoInfo,
    settings: ExtractSettings,
    dedupe: DedupeSettings,
    levels: Levels | None,
) -> tuple[Notice, ...]:
    """Return what a person should know of a video that has more than 8 bits a component.

    Args:
        info: what its header says.
        settings: what the images are.
        dedupe: which frames were left out.
        levels: the grey levels between which it is, if they were measured.
    """
    if not info.is_deep:
        return ()
    notices = []
    bits = f"the source has {info.component_bits} bits a component"
    if loses_bits(settings, info):
        text = f"{bits}, of which JPEG images hold 8. "
        if levels is not None:
            lost_bits = (info.component_bits or 8) - 8
            held = (levels[1] >> lost_bits) - (levels[0] >> lost_bits) + 1
            text += (
                f"At its beginning it uses the levels {levels[0]:,} to {levels[1]:,} of "
                f"{count_levels(info):,}: 8 bits hold {count(held, 'grey level')} of it. "
            )
        text += (
            "Set format to png to keep all bits, or levels to auto to spread them over 256 levels."
        )
        notices.append(Notice("bit-depth", text))
    if dedupe.method.compares:
        text = (
            f"{bits}, so its frames were compared exactly: only those that equal the one before "
            "them in every pixel are duplicates."
        )
        notices.append(Notice("compared-exactly", text))
    return tuple(notices)


def refuse_damage(source: Source, notices: Iterable[Notice], run: RunSettings) -> None:
    """Hold what was noticed of a video against the settings.

    Raises:
        DamagedVideoError: it is damaged, and that is a failure in this run.
    """
    damage = [notice for notice in notices if notice.kind == "damage"]
    if damage and run.on_damage == "fail":
        raise DamagedVideoError(
            f"{printable(source.path)}: damaged: {damage[0].message} "
            "Set on_damage to keep, and what decodes is kept."
        )


def _damage(packets: PacketIndex, decoded: Decoded, frames: FrameTable) -> list[Notice]:
    notices = []
    if decoded.transcript.complaints:
        lost = _lost_places(packets, frames)
        if lost:
            places = listing([f"{seconds:.3f} s" for _, seconds in lost])
            text = (
                f"{count(len(lost), 'frame')} could not be decoded, at {places}, and got no "
                "number; the frames around there are further apart than usual."
            )
            notices.append(Notice("damage", text, *lost[0]))
        complaint = decoded.transcript.complaints[0]
        frame = _complaint_place(complaint, frames)
        text = (
            f"{count(decoded.transcript.complaint_count, 'complaint')} of the decoder, the first "
            f"around frame {frame}: {complaint.text.rstrip('.')}. What decodes is kept; pictures "
            "may be broken there."
        )
        notices.append(Notice("damage", text, frame, _time_of(frames, frame)))
    if not packets.complete:
        text = (
            f"the packets can be counted only up to {len(packets.pts)}; there the file is broken."
        )
        notices.append(Notice("damage", text))
    return notices


def _complaint_place(complaint: Complaint, frames: FrameTable) -> int:
    """Return the index of the frame that a complaint is about, as near as can be told.

    ffmpeg reads and decodes ahead of what it delivers.
    """
    if complaint.pts is not None:
        at_or_after = np.flatnonzero(frames.pts >= complaint.pts)
        if len(at_or_after):
            return int(at_or_after[0])
    return min(complaint.frames_before, len(frames) - 1)


def _lost_places(packets: PacketIndex, frames: FrameTable) -> list[tuple[int, float]]:
    """Return where packets gave no frame: the index of the frame after it, and its time.

    Only where packets and frames have the same clock, which some containers do not keep.
    """
    known = frames.pts != MISSING_PTS
    shown = packets.pts[~packets.is_discarded & (packets.pts != MISSING_PTS)]
    lost = np.setdiff1d(shown, frames.pts[known])
    order = np.sort(frames.pts[known])
    if len(lost) == 0 or len(order) < 2 or len(np.intersect1d(shown, order)) < len(order) / 2:
        return []
    # Seconds are linear in timestamps; two frames give the line.
    first, last = np.argmin(frames.pts[known]), np.argmax(frames.pts[known])
    seconds = frames.time_seconds[known]
    slope = (seconds[last] - seconds[first]) / (order[-1] - order[0]) if order[-1] > order[0] else 0
    return [
        (int(np.searchsorted(order, pts)), float(seconds[first] + (pts - order[0]) * slope))
        for pts in lost
    ]


def _nothing_selected(decoded: Decoded) -> list[Notice]:
    if len(decoded.kept):
        return []
    return [
        Notice(
            "nothing-selected",
            "no frame is in the range and sampling asked for, of "
            f"{count(len(decoded.pts), 'frame')} in all.",
        )
    ]


def _hidden_packets(packets: PacketIndex, decoded: Decoded) -> list[Notice]:
    difference = len(packets.pts) - len(decoded.pts)
    if difference == 0 or decoded.transcript.complaints:
        return []
    hidden = int(np.count_nonzero(packets.is_discarded))
    if difference < 0:
        why = "some packets hold more than one frame"
    elif hidden == difference:
        why = "the others are hidden by the file's edit list"
    else:
        why = "the others are not for display (hidden frames, half frames, an edit list)"
    return [
        Notice(
            "packets-differ",
            f"{count(len(packets.pts), 'packet gives', 'packets give')} "
            f"{count(len(decoded.pts), 'frame')}; {why}. "
            "Tools that count packets number this video differently.",
        )
    ]


def _header_claim(info: VideoInfo, packets: PacketIndex) -> list[Notice]:
    if info.frames_in_header is None or info.frames_in_header == len(packets.pts):
        return []
    text = (
        f"the header claims {count(info.frames_in_header, 'frame')}, the file holds "
        f"{count(len(packets.pts), 'packet')}. Headers are often wrong; if frames are missing, "
        "the file was cut."
    )
    return [Notice("header-differs", text)]


def _size_changes(decoded: Decoded, frames: FrameTable) -> list[Notice]:
    return [
        Notice(
            "size-change",
            f"from frame {change.frame} on the stream is {change.width}×{change.height} or of "
            "another pixel format; the images are scaled to the size of the first.",
            change.frame,
            _time_of(frames, change.frame),
        )
        for change in decoded.transcript.size_changes
        if change.frame < len(frames)
    ]


def _timestamps(frames: FrameTable) -> list[Notice]:
    missing = int(np.count_nonzero(frames.pts == MISSING_PTS))
    if missing == 0:
        return []
    return [
        Notice(
            "no-timestamps",
            f"{missing:,} of {count(len(frames), 'frame')} "
            f"{plural(missing, 'has no timestamp; its', 'have no timestamp; their')} time is left "
            "empty.",
            int(np.argmax(frames.pts == MISSING_PTS)),
        )
    ]


def _one_piece(hindrance: str | None) -> list[Notice]:
    if hindrance is None:
        return []
    text = f"decoded in one piece, not in segments side by side: {hindrance}."
    return [Notice("one-piece", text)]


def _time_of(frames: FrameTable, frame: int) -> float | None:
    seconds = float(frames.time_seconds[frame])
    return None if np.isnan(seconds) else seconds
