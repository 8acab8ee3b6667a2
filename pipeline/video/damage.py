"""Tell where pictures of a video may be broken, from what ffmpeg said when it was careful."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..base.words import count
from ..dataset.frame_table import MISSING_PTS
from ..dataset.packet_index import PacketIndex
from .evidence import Evidence
from .segments import Segment

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Stretch:
    """Frames ``first`` to ``last`` may show broken pictures; ``why`` says what was found there."""

    first: int
    last: int
    why: str


def lost_pts(packets: PacketIndex, pts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the timestamps of packets that gave no frame, ascending.

    Only where packets and frames have the same clock, which some containers do not keep.

    Args:
        packets: of the video.
        pts: int64, shape (frames,), of its frames.
    """
    known = pts[pts != MISSING_PTS]
    shown = packets.shown_pts[packets.shown_pts != MISSING_PTS]
    if len(known) < 2 or len(np.intersect1d(shown, known)) < len(known) / 2:
        return np.empty(0, dtype=np.int64)
    return np.setdiff1d(shown, known)


def find_damage(
    evidence: Evidence, packets: PacketIndex, pts: npt.NDArray[np.int64]
) -> tuple[Stretch, ...]:
    """Return where pictures may be broken: from each place to the frame before the next keyframe.

    Args:
        evidence: of a careful run over the whole video.
        packets: of the video.
        pts: int64, shape (frames,), of its frames.
    """
    said = [*evidence.said_by_decoder(), *evidence.said_by_demuxer(pts)]
    marked, rejected = (np.array(at, dtype=np.int64) for at in (evidence.marked, evidence.rejected))
    spoken = np.array([frame for frame, _ in said], dtype=np.int64)
    frames = np.minimum(np.concatenate([marked, rejected, spoken]), len(pts) - 1)
    if len(frames) == 0:
        return ()
    at_pts = pts[frames]
    lost = lost_pts(packets, pts)
    if len(lost) == len(rejected):  # so it is known which packets these are
        place = slice(len(marked), len(marked) + len(rejected))
        at_pts[place] = lost
        frames[place] = np.minimum(np.searchsorted(pts, lost), len(pts) - 1)
    first, last = _reach(frames, at_pts, packets, pts)
    order = np.argsort(first, kind="stable")
    reached = np.maximum.accumulate(last[order])
    is_new = np.append(True, first[order][1:] > reached[:-1] + 1)
    stretch = np.empty_like(frames)
    stretch[order] = np.cumsum(is_new) - 1
    number = int(is_new.sum())
    of_marked, of_rejected, of_spoken = np.split(stretch, np.cumsum([len(marked), len(rejected)]))
    texts: dict[int, str] = {}
    for which, (_, text) in sorted(zip(of_spoken.tolist(), said, strict=True)):
        texts.setdefault(which, text)
    ends = np.append(np.flatnonzero(is_new)[1:] - 1, len(frames) - 1)
    return tuple(
        Stretch(int(begins), int(ends), _why(int(marks), int(packets_lost), texts.get(place)))
        for place, (begins, ends, marks, packets_lost) in enumerate(
            zip(
                first[order][is_new],
                reached[ends],
                np.bincount(of_marked, minlength=number),
                np.bincount(of_rejected, minlength=number),
                strict=True,
            )
        )
    )


def place(
    stretches: Iterable[Stretch], heard: npt.NDArray[np.int64], pts: npt.NDArray[np.int64]
) -> tuple[Stretch, ...]:
    """Return stretches of the frames of one run as those of another, by their timestamps.

    Args:
        stretches: what was found in a run.
        heard: int64, the timestamps of its frames.
        pts: int64, those of the other run; mostly the same, for what is broken beyond repair may
            be a frame in one run and none in the next.
    """
    if np.array_equal(heard, pts):
        return tuple(stretches)

    def moved(frame: int) -> int:
        later = np.flatnonzero(pts >= heard[frame])
        return int(later[0]) if len(later) else len(pts) - 1

    return tuple(
        dataclasses.replace(one, first=moved(one.first), last=moved(one.last)) for one in stretches
    )


def find_in_segment(evidence: Evidence, segment: Segment, pts: npt.NDArray[np.int64]) -> str | None:
    """Return what ffmpeg first says of damage in a segment and its border, if it does.

    Args:
        evidence: of a careful run over the segment.
        segment: which one.
        pts: int64, what it has to deliver.
    """
    marked = ((frame, "corrupt decoded frame") for frame in evidence.marked)
    rejected = ((frame, "a packet could not be decoded") for frame in evidence.rejected)
    said = [*evidence.said_by_decoder(), *evidence.said_by_demuxer(pts)]
    frames = len(pts) if segment.border else len(pts) + 1  # nothing follows the last one
    found = [one for one in (*marked, *rejected, *said) if one[0] < frames]
    return min(found)[1] if found else None


def _reach(
    frames: npt.NDArray[np.int64],
    at_pts: npt.NDArray[np.int64],
    packets: PacketIndex,
    pts: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first and last frame that damage in these frames, or packets, may reach.

    Broken is also what is shown before such a frame, but predicted from it: it comes later in the
    file. Where the clocks of packets and frames differ, only the frames themselves are returned.
    """
    if not (np.diff(pts) > 0).all():
        return frames, frames
    in_file = np.where(packets.pts == MISSING_PTS, _NEVER, packets.pts)
    order = np.argsort(in_file, kind="stable")
    place = order[np.minimum(np.searchsorted(in_file[order], at_pts), len(order) - 1)]
    keys = np.append(np.flatnonzero(packets.is_key), len(in_file))
    end = keys[np.searchsorted(keys, place, side="right")]
    padded = np.append(in_file, _NEVER)
    earliest = np.minimum.reduceat(padded, np.column_stack([place, end]).ravel())[::2]
    first = np.searchsorted(pts, earliest)
    last = np.searchsorted(pts, padded[end]) - 1
    is_known = in_file[place] == at_pts
    return (
        np.where(is_known, np.minimum(first, frames), frames),
        np.where(is_known, np.maximum(last, frames), frames),
    )


def _why(marked: int, rejected: int, said: str | None) -> str:
    facts = []
    if marked:
        facts.append(f"the decoder found errors in {count(marked, 'frame')}")
    if rejected:
        facts.append(f"{count(rejected, 'packet')} could not be decoded")
    if said is not None:
        facts.append(f"ffmpeg says: {said}")
    return "; ".join(facts)
