"""Decode one video, in as many passes as the choice of its frames needs."""

import dataclasses
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import DecoderDiedError, NotAVideoError, printable
from ..dataset.records import PacketIndex, VideoInfo
from ..settings.stages import DedupeSettings, ExtractSettings, RunSettings
from .binary import Ffmpeg
from .decoder import Decoded, Watch, decode
from .graph import EVERYTHING, THUMBNAIL_SIDE, Pass, compares_exactly, extraction_command
from .sampling import choose_frames, exact_condition, plan_condition
from .segments import Segment, refuse_unproven
from .sources import Source

_THUMBNAILS = "thumbnails.gray"
_NO_FRAMES = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was decoded, and the choice among it; all int32 frame indices, ascending.

    ``selected``: asked for by range and sampling. ``kept``: to be images. ``alike``: left out
    because they look like the frames ``alike_to`` (same shape). The rest of the selected ones
    is left out as still.
    """

    decoded: Decoded
    selected: npt.NDArray[np.int32]
    kept: npt.NDArray[np.int32]
    alike: npt.NDArray[np.int32] = field(default_factory=_NO_FRAMES.copy)
    alike_to: npt.NDArray[np.int32] = field(default_factory=_NO_FRAMES.copy)


@dataclass(frozen=True)
class VideoDecoder:
    """Runs ffmpeg over a video, and again where it must."""

    settings: ExtractSettings
    dedupe: DedupeSettings
    run: RunSettings
    ffmpeg: Ffmpeg
    is_stopped: Callable[[], bool]
    threads: int | None

    def write(
        self,
        source: Source,
        info: VideoInfo,
        indices: npt.NDArray[np.int64],
        folder: Path,
        on_frames: Callable[[int], None],
    ) -> Decoded:
        """Write the images of exactly these frames (ascending indices) into a work folder.

        Raises:
            VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
        """
        work = Pass(exact_condition(indices), drops_still=False, writes_images=True)
        decoded = self._decode(source, info, folder, work, on_frames)
        exact = self._correct(work, decoded, info)
        if exact == work:
            return decoded
        return self._decode(source, info, folder, exact, lambda frames: None)

    def choose(
        self,
        source: Source,
        info: VideoInfo,
        packets: PacketIndex,
        folder: Path,
        on_frames: Callable[[int], None],
    ) -> Chosen:
        """Write the images that the settings ask for into a work folder.

        The video is decoded once; or again, where what is known only then makes another choice.
        That is a rate planned on timestamps that proved wrong, a stream that changes, something
        that moved on the left edge alone, and whatever cannot be decided in ffmpeg:
        frames that look alike, and a comparison for which the frames had to be converted.
        """
        time_base = Fraction(info.time_base)
        planned = plan_condition(self.settings, time_base, packets.shown_pts)
        work = self._first_pass(info, planned)
        decoded = self._decode(source, info, folder, work, on_frames)
        exact = self._correct(work, decoded, info)
        if self.settings.fps is not None:
            wanted = choose_frames(self.settings, time_base, decoded.pts)
            if not np.array_equal(wanted, decoded.selected):
                exact = dataclasses.replace(exact, condition=exact_condition(wanted))
        if exact != work:
            decoded = self._decode(source, info, folder, exact, lambda frames: None)
        return self._settle(source, info, folder, exact, decoded)

    def choose_in_segment(
        self,
        source: Source,
        info: VideoInfo,
        segment: Segment,
        promised_pts: npt.NDArray[np.int64],
        wanted: npt.NDArray[np.int64] | None,
        folder: Path,
        on_frames: Callable[[int], None],
    ) -> Chosen:
        """Write the images of a segment into a work folder, and prove that they are its frames.

        Frames are compared with those of the segment only; its first one is always kept.

        Args:
            source: the whole video.
            info: its header.
            segment: the part of it.
            promised_pts: int64, timestamps of its frames and of those of its border.
            wanted: int64, the frames asked for, ascending and counted from its first one; all of
                them if absent.
            folder: named as the video.
            on_frames: told how many more frames are decoded.

        Returns:
            The choice, with frame indices counted from its first one, without its border.

        Raises:
            UnprovenSegmentError: decoded alone, it is not what it is in the whole.
            VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
        """
        condition = EVERYTHING if wanted is None else exact_condition(wanted)
        work = dataclasses.replace(self._first_pass(info, condition), segment=segment)
        decoded = self._decode(source, info, folder, work, on_frames)
        refuse_unproven(
            segment,
            promised_pts,
            decoded.pts,
            decoded.transcript.complaints,
            self._correct(work, decoded, info) != work or bool(decoded.transcript.size_changes),
        )
        return self._settle(source, info, folder, work, decoded)

    def _first_pass(self, info: VideoInfo, condition: str) -> Pass:
        still = self.dedupe.dedupe != "off"
        survey = self.dedupe.dedupe == "similar" or (
            still and not compares_exactly(self.settings, info)
        )
        return Pass(condition, drops_still=still, writes_images=not survey)

    def _settle(
        self, source: Source, info: VideoInfo, folder: Path, work: Pass, decoded: Decoded
    ) -> Chosen:
        """Finish the choice that a pass has prepared; decode again where the images differ."""
        frames = len(decoded.pts) if work.segment is None else work.segment.frames
        selected = (
            np.arange(frames, dtype=np.int32)
            if work.selects_all(self.settings)
            else decoded.selected
        )
        if self.dedupe.dedupe == "similar":
            chosen = self._thin(Chosen(decoded, selected, decoded.kept), folder.parents[1])
        else:
            chosen = Chosen(decoded, selected, np.union1d(decoded.kept, decoded.edge))
            if work.writes_images and len(chosen.kept) == len(decoded.kept):
                return chosen
        final = dataclasses.replace(
            work,
            condition=exact_condition(chosen.kept.astype(np.int64)),
            drops_still=False,
            writes_images=True,
        )
        decoded = self._decode(source, info, folder, final, lambda frames: None)
        if not np.array_equal(decoded.kept, chosen.kept):
            raise DecoderDiedError(
                f"{printable(source.path)}: ffmpeg does not decode it the same way twice, so "
                "duplicates cannot be left out of it. Set dedupe to off."
            )
        return dataclasses.replace(chosen, decoded=decoded)

    def _correct(self, work: Pass, decoded: Decoded, info: VideoInfo) -> Pass:
        """Return the pass that suits what was seen of the stream; the same one where it did."""
        work = dataclasses.replace(work, matrix=decoded.transcript.changed_matrix)
        if decoded.transcript.size_changes and work.converts_late(info):
            work = dataclasses.replace(work, is_steady=False)
        return work

    def _thin(self, chosen: Chosen, scratch: Path) -> Chosen:
        """Leave out also what looks like an earlier frame as a whole."""
        from ..pictures.likeness import hash_thumbnails  # few runs need these
        from ..pictures.similarity import HashIndex, thin

        if len(chosen.kept) == 0:
            return chosen
        side = THUMBNAIL_SIDE
        pixels = np.memmap(scratch / _THUMBNAILS, dtype=np.uint8, mode="r")
        thumbnails = pixels.reshape(-1, side, side)
        places = np.arange(len(thumbnails))
        like = thin(
            hash_thumbnails(thumbnails),
            thumbnails.mean(axis=(1, 2), dtype=np.float32),
            np.searchsorted(chosen.selected, chosen.kept),
            places,
            HashIndex(self.dedupe.distance),
            self.dedupe.max_gap,
        )
        is_kept = like == places
        return dataclasses.replace(
            chosen,
            kept=chosen.kept[is_kept],
            alike=chosen.kept[~is_kept],
            alike_to=chosen.kept[like[~is_kept]],
        )

    def _decode(
        self,
        source: Source,
        info: VideoInfo,
        folder: Path,
        work: Pass,
        on_frames: Callable[[int], None],
    ) -> Decoded:
        scratch = folder.parents[1]
        shutil.rmtree(folder)  # with what an earlier pass has left
        folder.mkdir()
        (scratch / _THUMBNAILS).unlink(missing_ok=True)
        command, graph = extraction_command(
            self.ffmpeg,
            self.settings,
            self.dedupe,
            self.run,
            work,
            source=_plain_name(source, scratch),
            graph_file="../../graph.txt",
            thumbnails_file=f"../../{_THUMBNAILS}",
            stem=folder.name,
            info=info,
            threads=self.threads,
        )
        (scratch / "graph.txt").write_text(graph, encoding="utf-8")
        watch = Watch(
            max_frames=10**self.settings.digits,
            stall_seconds=self.run.stall_seconds,
            on_frames=on_frames,
            stop=self.is_stopped,
        )
        decoded = decode(command, folder, source.path, info, watch)
        if len(decoded.pts) == 0:
            complaints = decoded.transcript.complaints
            why = complaints[0].text if complaints else decoded.transcript.last_line
            raise NotAVideoError(
                f"{printable(source.path)}: not one frame can be decoded: {why.rstrip('.')}. "
                "Convert the file with the program that made it, or leave it out."
            )
        return decoded


def _plain_name(source: Source, scratch: Path) -> str:
    """Return a harmless name for a video: ffmpeg writes it into the log that we read."""
    suffix = source.path.suffix if re.fullmatch(r"\.\w{1,8}", source.path.suffix, re.ASCII) else ""
    link = scratch / f"input{suffix}"
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(source.path)
    except OSError:  # this file system has no links
        return os.fspath(source.path)
    return f"../../{link.name}"
