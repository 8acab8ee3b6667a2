"""The short way to few frames: only the groups of pictures that hold them are decoded.

The number of a frame is then that of its packet among all, in the order in which they are shown.
Where packets do not promise so much, and where what was decoded is not what they promise, the whole
video is decoded instead.
"""

import contextlib
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..dataset.image_folder import ImageNames
from ..dataset.packet_index import PacketIndex
from ..dataset.records import VideoInfo
from ..pictures.cuts import REACH, Pictures, Scores, cut_scores, scene_change
from .chosen import Chosen
from .decoder import Decoded
from .recipe import Recipe
from .sampling import list_frames, membership

_CONTAINERS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
"""Those in which a packet is a frame, and has its own time."""

_SKIPS_IN_DECODER = frozenset({"h264", "hevc"})
"""Codecs whose decoders leave out all but keyframes themselves, also those that no packet marks."""

_WORTH = 0.75
"""Where a larger share of the packets has to be decoded, the whole video is."""

_RARE = 0.1
"""Where a smaller share of the packets is key ones, these are all decoded: they show whether the
stream changes, and the scene, between the frames that are wanted."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Few:
    """The few frames of a video that are decoded.

    ``pts``: int64, shape (frames,), the timestamps of all its frames, ascending. ``decoded``:
    int32, the indices of the few, ascending. ``wanted``: int64, the places among these of the
    frames that are asked for, ascending. ``packets``: which packets that takes, as in
    `recipe.Pass`; ``None`` where the decoder itself finds the keyframes.
    """

    pts: npt.NDArray[np.int64]
    decoded: npt.NDArray[np.int32]
    wanted: npt.NDArray[np.int64]
    packets: str | None

    def is_proven(self, decoded: Decoded) -> bool:
        """Whether what the packets promise was decoded, without a complaint."""
        transcript = decoded.transcript
        return (
            np.array_equal(decoded.pts, self.pts[self.decoded])
            and np.array_equal(decoded.selected, self.wanted)
            and not transcript.evidence.is_suspect
            and not transcript.size_changes
        )

    def number(self, chosen: Chosen, folder: Path, names: ImageNames) -> Chosen:
        """Return a choice, counted among the few, with the numbers of the frames; images get them.

        Args:
            chosen: what was decoded and chosen.
            folder: where its images are.
            names: of these.
        """
        numbers, decoded = self.decoded, chosen.decoded
        # From the last on, for none is numbered lower than it was. What is missing is told later.
        for old in reversed(chosen.kept.tolist()):
            with contextlib.suppress(FileNotFoundError):
                (folder / names.name(old)).rename(folder / names.name(int(numbers[old])))
        begins = np.flatnonzero(np.diff(numbers, prepend=-2) > 1)
        scene_score, cut_score = (np.full(len(self.pts), fill, np.float32) for fill in (np.nan, 0))
        scene_score[numbers] = decoded.scene_score
        for place in begins[1:]:  # which two frames before decide on
            scene_score[numbers[place : place + 2]] = np.nan
        cut_score[numbers] = _score_cuts(decoded.tiny, begins)
        return replace(
            chosen,
            decoded=replace(
                decoded,
                pts=self.pts,
                scene_score=scene_score,
                cut_score=cut_score,
                selected=numbers[decoded.selected],
                kept=numbers[decoded.kept],
                edge=numbers[decoded.edge],
            ),
            selected=numbers[chosen.selected],
            kept=numbers[chosen.kept],
            alike=numbers[chosen.alike],
            alike_to=numbers[chosen.alike_to],
            counted="packets",
        )


def plan_few(recipe: Recipe, info: VideoInfo, packets: PacketIndex) -> Few | None:
    """Return the frames to decode; ``None`` where that is to be the whole video.

    Args:
        recipe: settings and ffmpeg.
        info: the header of the video.
        packets: its packets.
    """
    settings = recipe.settings
    if not (settings.selects_by_position or settings.keyframes):
        return None
    if not _may_count(recipe, info) or not _promises_all(info, packets):
        return None
    order = np.argsort(packets.pts)  # the packet of each frame
    pts, is_key = packets.pts[order], packets.is_key[order]
    wanted = list_frames(settings, Fraction(info.time_base), pts)
    skips = settings.keyframes and info.codec in _SKIPS_IN_DECODER
    if settings.keyframes:
        wanted = wanted[is_key[wanted]]
    is_needed = _needed(packets, order[wanted])
    is_needed[0] = True  # all images are made in the size and format of the first frame
    if settings.keyframes or np.mean(is_key) < _RARE:
        is_needed |= packets.is_key
    if np.count_nonzero(is_needed) > _WORTH * len(pts):
        return None
    if not skips and not recipe.ffmpeg.drops_packets:
        return None
    decoded = np.flatnonzero(is_needed[order]).astype(np.int32)
    in_file = None if skips else membership("n", np.flatnonzero(is_needed))
    return Few(pts, decoded, np.searchsorted(decoded, wanted), in_file)


def _may_count(recipe: Recipe, info: VideoInfo) -> bool:
    """Whether it is enough to count packets, and nothing but the wanted frames is to be seen."""
    run = recipe.run
    return (
        run.count == "packets"
        and run.on_damage == "keep"
        and run.hwaccel is None
        and not recipe.settings.deinterlace
        and info.container in _CONTAINERS
        # In a stream of fields, a packet may hold one field; other codecs call that a frame.
        and (info.codec != "h264" or info.field_order == "progressive")
    )


def _promises_all(info: VideoInfo, packets: PacketIndex) -> bool:
    """Whether each packet is one frame, and the first one of the file is shown first."""
    pts = packets.pts
    return bool(
        packets.complete
        and packets.promises_frames
        and not packets.is_discarded.any()
        and info.frames_in_header in {None, len(pts)}
        and packets.is_key[0]
        and pts[0] == pts.min()
        and len(np.unique(pts)) == len(pts)
    )


def _needed(packets: PacketIndex, wanted: npt.NDArray[np.int64]) -> Flags:
    """Return which packets have to be decoded for those that are wanted: one flag a packet.

    These are the ones from a key packet on. What is shown before that, though it comes behind it in
    the file, is predicted from the group of pictures before as well.

    Args:
        packets: of the whole video.
        wanted: the places of the wanted ones in the file, in any order.
    """
    pts, keys = packets.pts, np.flatnonzero(packets.is_key)
    group = np.cumsum(packets.is_key) - 1
    leads = pts < pts[keys[group]]
    begins = keys[group[wanted] - leads[wanted]]
    opened, ended = (np.bincount(places, minlength=len(pts) + 1) for places in (begins, wanted + 1))
    is_needed = np.cumsum(opened - ended)[:-1] > 0
    follows = np.append(False, is_needed)[keys]  # whether the group before goes on to its end
    return np.asarray(is_needed & (~leads | follows[group]))


def _score_cuts(tiny: Pictures, begins: npt.NDArray[np.int64]) -> Scores:
    """Return for each decoded frame how much of a cut it is; the first of a stretch: from the last.

    Args:
        tiny: uint8, shape (decoded, 3, 18, 32), their pictures.
        begins: the places at which a stretch of frames begins that follow one another.
    """
    stretches = np.split(tiny, begins[1:])
    scores = [cut_scores(stretch) for stretch in stretches]
    for (before, after), score in zip(pairwise(stretches), scores[1:], strict=True):
        score[0] = scene_change(before[-REACH:], after[:REACH])
    return np.concatenate(scores)
