"""Put into words what a person should know of one extracted video, and where in it."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ...base.errors import DamagedVideoError, printable
from ...base.words import count, listing, plural
from ...dataset.clock import made_up, usual_step
from ...dataset.frame_table import MISSING_PTS, FrameTable
from ...dataset.packet_index import PacketIndex
from ...dataset.records import Notice, VideoInfo
from ...settings.dedupe import DedupeSettings
from ...settings.stages import ExtractSettings, RunSettings
from ...video.damage import lost_pts
from ...video.decoder import Decoded
from ...video.levels import count_levels
from ...video.sources import Source
from .levels import Levels, loses_bits

_STRETCHES_TOLD = 100


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
        *_damage(info, packets, decoded, frames),
        *_nothing_selected(decoded),
        *_hidden_packets(packets, decoded),
        *_header_claim(info, packets),
        *_size_changes(decoded, frames),
        *_timestamps(info, packets, frames),
        *others,
        *_one_piece(hindrance),
    ]
    return tuple(sorted(notices, key=lambda notice: not notice.is_finding))


_FEW_SHADES = 64
"""So few of the 256 shades of an image, and thermal or depth footage is hardly to be seen."""


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
    is_toned = settings.tonemap and info.is_hdr
    if loses_bits(settings, info) and not is_toned:
        text = f"{bits}, of which JPEG images hold 8. --format png keeps all of them."
        lost_bits = (info.component_bits or 8) - 8
        shades = 256 if levels is None else (levels[1] >> lost_bits) - (levels[0] >> lost_bits) + 1
        if levels is not None and shades <= _FEW_SHADES:
            text = (
                f"{bits}, of which JPEG images hold 8: of the levels that it uses at its beginning "
                f"({levels[0]:,} to {levels[1]:,} of {count_levels(info):,}), "
                f"{count(shades, 'shade of grey', 'shades of grey')} "
                f"{plural(shades, 'is', 'are')} left. --levels auto spreads them over all 256, "
                "--format png keeps all bits."
            )
        notices.append(Notice("bit-depth", text))
    if dedupe.method.thinner is not None:
        text = (
            f"{bits}, and whole pictures are compared in 8, so frames were only left out in which "
            "nothing changed at all."
        )
        notices.append(Notice("not-compared", text))
    return tuple(notices)


def refuse_damage(source: Source, notices: Iterable[Notice], run: RunSettings) -> None:
    """Hold what was noticed of a video against the settings.

    Raises:
        DamagedVideoError: it is damaged, and that is a failure in this run.
    """
    damage = [notice for notice in notices if notice.kind == "damage"]
    if damage and run.on_damage == "fail":
        raise DamagedVideoError(
            f"{printable(source.path)}: damaged: {damage[0].message} Nothing of it was extracted.",
            "Set on_damage to keep, and what can be decoded is kept.",
        )


def _damage(
    info: VideoInfo, packets: PacketIndex, decoded: Decoded, frames: FrameTable
) -> list[Notice]:
    notices = []
    lost = _lost_places(packets, frames) if decoded.damage else []
    if lost:
        places = listing([f"{seconds:.3f} s" for _, seconds in lost])
        text = (
            f"{count(len(lost), 'frame')} could not be decoded, at {places}, and got no "
            "number; the frames around there are further apart than usual."
        )
        notices.append(Notice("damage", text, *lost[0]))
    for stretch in decoded.damage[:_STRETCHES_TOLD]:
        where = (
            f"frame {stretch.first}"
            if stretch.first == stretch.last
            else f"frames {stretch.first} to {stretch.last}"
        )
        text = f"pictures may be broken in {where}: {stretch.why}."
        notices.append(Notice("damage", text, stretch.first, _time_of(frames, stretch.first)))
    if untold := decoded.damage[_STRETCHES_TOLD:]:
        text = (
            f"pictures may be broken in {count(len(untold), 'stretch', 'stretches')} more, up to "
            f"frame {untold[-1].last}."
        )
        notices.append(Notice("damage", text, untold[0].first, _time_of(frames, untold[0].first)))
    opening = decoded.transcript.evidence.opening
    lacks_packets = len(packets.pts) < (info.frames_in_header or 0)
    if not packets.complete:
        text = (
            f"the packets can be counted only up to {len(packets.pts)}; there the file is broken."
        )
        notices.append(Notice("damage", text))
    elif opening and lacks_packets:
        text = (
            f"the header claims {count(info.frames_in_header or 0, 'frame')}, the file holds "
            f"{count(len(packets.pts), 'packet')}, and ffmpeg could not read all of its beginning: "
            f"{opening[0]}."
        )
        notices.append(Notice("damage", text))
    return notices


def _lost_places(packets: PacketIndex, frames: FrameTable) -> list[tuple[int, float]]:
    """Return where packets gave no frame: the index of the frame after it, and its time."""
    lost = lost_pts(packets, frames.pts)
    if len(lost) == 0:
        return []
    known = frames.pts != MISSING_PTS
    order = np.sort(frames.pts[known])
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
    if difference == 0 or decoded.damage:
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


def _timestamps(info: VideoInfo, packets: PacketIndex, frames: FrameTable) -> list[Notice]:
    notices = []
    missing = frames.pts == MISSING_PTS
    if missing.any():
        text = f"{_frames_without_time(missing)}; they are left empty."
        notices.append(Notice("no-timestamps", text, int(np.argmax(missing))))
    invented = made_up(info, packets, frames.pts)
    if invented.any():
        step = usual_step(np.where(invented, frames.time_seconds, np.nan))
        rate = f"{1 / step:.6g} frames a second" if step else "the usual rate"
        text = (
            f"{_frames_without_time(invented)}; they are counted at {rate}, which the stream names "
            "or else ffmpeg guesses. Lengths, and what is chosen by time or rate, follow that."
        )
        notices.append(Notice("no-timestamps", text, int(np.argmax(invented))))
    return notices


def _frames_without_time(flags: npt.NDArray[np.bool_]) -> str:
    """Return which frames the file holds no times for, in words."""
    number = int(np.count_nonzero(flags))
    if number == len(flags):
        return "the file holds no times for its frames"
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    runs = [
        f"{first} to {end - 1}" if end - first > 1 else f"{first}"
        for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]
    return (
        f"the file holds no times for {number:,} of {count(len(flags), 'frame')} ({listing(runs)})"
    )


def _one_piece(hindrance: str | None) -> list[Notice]:
    if hindrance is None:
        return []
    text = f"decoded in one piece, not in segments side by side: {hindrance}."
    return [Notice("one-piece", text)]


def _time_of(frames: FrameTable, frame: int) -> float | None:
    seconds = float(frames.time_seconds[frame])
    return None if np.isnan(seconds) else seconds
