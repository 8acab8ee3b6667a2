"""Decode one video, in as many passes as the choice of its frames needs."""

import dataclasses
import math
import shutil
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import DecoderDiedError, printable
from ..base.words import count
from ..base.work import Link, Quiet
from ..dataset.clock import without_contradictions
from ..dataset.image_folder import ImageNames
from ..dataset.records import SOFTWARE, PacketIndex, VideoInfo
from ..pictures.thinner import THUMBNAIL_SIDE, Thinner, thinner_of
from .damage import find_damage, find_in_segment, place
from .decoder import Decoded, Limits, decode
from .graph import (
    EVERYTHING,
    GRAPH_FILE,
    HASHES_FILE,
    SAMPLES_FILE,
    THUMBNAILS_FILE,
    Pass,
    Recipe,
    extraction_command,
)
from .levels import SAMPLED_FRAMES, read_levels
from .sampling import corrected_condition, exact_condition, plan_condition
from .segments import Segment, SegmentPlan, refuse_damaged, refuse_unproven
from .sources import Source, plain_name
from .still import compares_exactly, find_equal, read_hashes
from .transcript import Transcript
from .unreadable import why_known, why_undecoded

_BEGINNING = Segment(number=0, first=0, frames=25, border=1, start_pts=None, seek_seconds=None)

_NO_FRAMES = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was decoded, and the choice among it; all int32 frame indices, ascending.

    ``selected``: asked for by range and sampling. ``kept``: to be images. ``alike``: left out
    because they look like the frames ``alike_to`` (same shape). The rest of the selected ones
    is left out as still. ``decoder``: what decoded, by name. ``why_software``: why hardware did not
    that was tried.
    """

    decoded: Decoded
    selected: npt.NDArray[np.int32]
    kept: npt.NDArray[np.int32]
    alike: npt.NDArray[np.int32] = field(default_factory=_NO_FRAMES.copy)
    alike_to: npt.NDArray[np.int32] = field(default_factory=_NO_FRAMES.copy)
    decoder: str = SOFTWARE
    why_software: str | None = None


@dataclass(frozen=True)
class VideoDecoder:
    """Runs ffmpeg over one video, and again where it must.

    ``info`` is its header. Images go into ``folder``, a work folder that is named as the video.
    ``link`` is told how many more frames are decoded.
    """

    recipe: Recipe
    source: Source
    info: VideoInfo
    folder: Path
    link: Link

    def write(self, indices: npt.NDArray[np.int64]) -> Decoded:
        """Write the images of exactly these frames (ascending indices).

        Raises:
            VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
        """
        work = Pass(exact_condition(indices), drops_still=False, writes_images=True)
        decoded = self._decode(work)
        exact = self._correct(work, decoded)
        return decoded if exact == work else self._decode_again(exact)

    def choose(self, packets: PacketIndex) -> Chosen:
        """Write the images that the settings ask for.

        The video is decoded once; or again, where what is known only then makes another choice.
        That is a range or rate planned on timestamps that proved wrong, a stream that changes,
        something that moved on the left edge alone, and whatever cannot be decided in ffmpeg:
        frames that look alike, and a comparison for which the frames had to be converted.
        """
        settings, time_base = self.recipe.settings, Fraction(self.info.time_base)
        work = self._first_pass(plan_condition(settings, time_base, packets.shown_pts))
        decoded = self._decode(work)
        is_suspect = decoded.transcript.evidence.is_suspect
        exact = self._correct(work, decoded)
        pts = without_contradictions(self.info, packets, decoded.pts)
        condition = corrected_condition(settings, time_base, packets.shown_pts, decoded, pts)
        if condition is not None:
            exact = dataclasses.replace(exact, condition=condition)
        if exact != work:
            decoded = self._decode_again(exact)
        chosen = self._settle(exact, decoded)
        decoded = chosen.decoded
        if is_suspect and not self.recipe.run.hwaccel:  # what hardware delivers is not kept then
            heard = self._listen(exact)
            damage = find_damage(heard.transcript.evidence, packets, heard.pts)
            decoded = dataclasses.replace(decoded, damage=place(damage, heard.pts, decoded.pts))
            if np.array_equal(heard.pts, decoded.pts):  # scores of broken pictures race as they do
                decoded = dataclasses.replace(decoded, scene_score=heard.scene_score)
        pts = without_contradictions(self.info, packets, decoded.pts)
        return dataclasses.replace(chosen, decoded=dataclasses.replace(decoded, pts=pts))

    def choose_in_segment(self, segment: Segment, plan: SegmentPlan) -> Chosen:
        """Write the images of a segment, and prove that they are its frames.

        Frames are compared with those of the segment only; its first one is always kept.

        Args:
            segment: the part of the video.
            plan: what it has to deliver.

        Returns:
            The choice, with frame indices counted from its first one, without its border.

        Raises:
            UnprovenSegmentError: decoded alone, it is not what it is in the whole.
            VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
        """
        condition = EVERYTHING if plan.wanted is None else exact_condition(plan.wanted)
        work = dataclasses.replace(self._first_pass(condition), segment=segment)
        decoded = self._decode(work)
        refuse_unproven(
            segment,
            plan.pts,
            decoded.pts,
            self._correct(work, decoded) != work or bool(decoded.transcript.size_changes),
        )
        chosen = self._settle(work, decoded)
        if decoded.transcript.evidence.is_suspect and not self.recipe.run.hwaccel:
            evidence = self._listen(work).transcript.evidence
            refuse_damaged(segment, find_in_segment(evidence, segment, plan.pts))
        return chosen

    def measure_levels(self, frames: int, *, is_whole: bool) -> tuple[int, int]:
        """Return the grey levels between which almost all of the video is.

        Args:
            frames: about how many it has.
            is_whole: look at frames all over it; else at the first ones alone, which is soon done.

        Raises:
            VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
        """
        step = math.ceil(frames / SAMPLED_FRAMES) if is_whole else 1
        work = Pass(
            f"not(mod(N,{max(1, step)}))",
            drops_still=False,
            writes_images=False,
            segment=None if is_whole else _BEGINNING,
            is_sample=True,
        )
        decoded = self._decode_again(work)
        path = self.folder.parents[1] / SAMPLES_FILE
        return read_levels(path, len(decoded.kept), self.info)

    def _first_pass(self, condition: str) -> Pass:
        method = self.recipe.dedupe.method
        if self.info.is_deep:
            return Pass(condition, drops_still=method.compares, writes_images=True)
        survey = method.thinner is not None or (
            method.drops_still and not compares_exactly(self.recipe.settings, self.info)
        )
        return Pass(condition, drops_still=method.drops_still, writes_images=not survey)

    def _listen(self, work: Pass) -> Decoded:
        """Run a pass again, in one thread and to write nothing: what is said then has its place."""
        return self._decode_again(dataclasses.replace(work, condition="0", is_careful=True))

    def _settle(self, work: Pass, decoded: Decoded) -> Chosen:
        """Finish the choice that a pass has prepared; decode again where the images differ."""
        frames = len(decoded.pts) if work.segment is None else work.segment.frames
        selected = (
            np.arange(frames, dtype=np.int32)
            if work.selects_all(self.recipe.settings)
            else decoded.selected
        )
        if self.info.is_deep:
            return self._leave_out_equal(work, Chosen(decoded, selected, decoded.kept))
        thinner = thinner_of(self.recipe.dedupe)
        if thinner is not None:
            chosen = self._thin(Chosen(decoded, selected, decoded.kept), thinner)
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
        decoded = self._decode_again(final)
        if not np.array_equal(decoded.kept, chosen.kept):
            raise DecoderDiedError(
                f"{printable(self.source.path)}: ffmpeg does not decode it the same way twice, so "
                "duplicates cannot be left out of it. Set dedupe to off."
            )
        return dataclasses.replace(chosen, decoded=decoded)

    def _leave_out_equal(self, work: Pass, chosen: Chosen) -> Chosen:
        """Remove the images of frames that equal the one before them bit by bit."""
        written = chosen.kept
        if not work.drops_still or len(written) == 0:
            return chosen
        hashes = read_hashes(self.folder.parents[1] / HASHES_FILE)
        if len(hashes) != len(written):
            raise DecoderDiedError(
                f"{printable(self.source.path)}: ffmpeg wrote {count(len(written), 'image')}, but "
                f"hashes of {count(len(hashes), 'frame')}, so duplicates cannot be left out of it. "
                "Set dedupe to off."
            )
        is_equal = find_equal(hashes, self.recipe.dedupe.max_gap)
        settings = self.recipe.settings
        names = ImageNames(self.folder.name, settings.digits, settings.format)
        first = 0 if work.segment is None else work.segment.first
        for index in written[is_equal].tolist():
            (self.folder / names.name(first + index)).unlink()
        kept = written[~is_equal]
        return dataclasses.replace(
            chosen, decoded=dataclasses.replace(chosen.decoded, kept=kept), kept=kept
        )

    def _correct(self, work: Pass, decoded: Decoded) -> Pass:
        """Return the pass that suits what was seen of the stream; the same one where it did."""
        work = dataclasses.replace(work, matrix=decoded.transcript.changed_matrix)
        if decoded.transcript.size_changes and work.converts_late(self.recipe.settings, self.info):
            work = dataclasses.replace(work, is_steady=False)
        return work

    def _thin(self, chosen: Chosen, thinner: type[Thinner]) -> Chosen:
        """Leave out also what looks like an earlier frame as a whole."""
        if len(chosen.kept) == 0:
            return chosen
        side = THUMBNAIL_SIDE
        pixels = np.memmap(self.folder.parents[1] / THUMBNAILS_FILE, dtype=np.uint8, mode="r")
        thumbnails = pixels.reshape(-1, side, side)
        places = np.arange(len(thumbnails))
        positions = np.searchsorted(chosen.selected, chosen.kept)
        like = thinner(self.recipe.dedupe).thin(thinner.describe(thumbnails), positions, places)
        is_kept = like == places
        return dataclasses.replace(
            chosen,
            kept=chosen.kept[is_kept],
            alike=chosen.kept[~is_kept],
            alike_to=chosen.kept[like[~is_kept]],
        )

    def _decode_again(self, work: Pass) -> Decoded:
        return dataclasses.replace(self, link=Quiet(self.link))._decode(work)

    def _decode(self, work: Pass) -> Decoded:
        source, folder, scratch = self.source, self.folder, self.folder.parents[1]
        if not work.is_careful:
            shutil.rmtree(folder)  # with what an earlier pass has left
            folder.mkdir()
        for name in (THUMBNAILS_FILE, HASHES_FILE, SAMPLES_FILE):
            (scratch / name).unlink(missing_ok=True)
        name = plain_name(source, scratch)
        command, graph = extraction_command(self.recipe, work, self.info, name, folder.name)
        (scratch / GRAPH_FILE).write_text(graph, encoding="utf-8")
        limits = Limits(10**self.recipe.settings.digits, self.recipe.run.stall_seconds)
        start_pts = None if work.segment is None else work.segment.start_pts
        transcript = Transcript(self.info, start_pts)
        decoded = decode(command, folder, source.path, transcript, limits, self.link)
        if len(decoded.pts) == 0:
            said = next(iter(transcript.evidence.complaints), transcript.last_line)
            raise why_known(source.path) or why_undecoded(source.path, said)
        return decoded
