"""Decode one video, in as many passes as the choice of its frames needs."""

import shutil
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import DecoderDiedError, printable
from ..base.work import Link, Quiet
from ..dataset.clock import without_contradictions
from ..dataset.image_folder import ImageNames
from ..dataset.packet_index import PacketIndex
from ..dataset.records import VideoInfo
from ..pictures.cuts import cut_scores
from ..pictures.thinner import Thinner, thinner_of
from .cells import WastefulError, read_cells
from .chosen import Chosen
from .cuts import read_pictures
from .damage import find_damage, find_in_segment, place
from .decoder import Decoded, Ears, Limits, decode
from .encoder import Encoder, encodes_exactly
from .few import Few
from .graph import (
    CUTS_FILE,
    SAMPLES_FILE,
    THUMBNAILS_FILE,
    encoding_command,
    extraction_command,
)
from .recipe import EVERYTHING, Pass, Recipe
from .sampling import corrected_condition, exact_condition, plan_condition
from .segments import Segment, SegmentPlan, refuse_damaged, refuse_unproven
from .sources import Source, plain_name
from .still import BEFORE_COMPARISON, FAINT_NOISE, compares_exactly, fixed_blocks
from .transcript import Transcript
from .unreadable import why_known, why_undecoded


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
        work = Pass(exact_condition(indices), blocks=None, writes_images=True)
        decoded = self._decode(work)
        exact = self._correct(work, decoded)
        return decoded if exact == work else self.decode_again(exact)

    def choose(self, packets: PacketIndex) -> Chosen:
        """Write the images that the settings ask for.

        The video is decoded once; or again, where what is known only then makes another choice.
        That is a range or rate planned on timestamps that proved wrong, a stream that changes,
        something that moved on the left edge alone, noise that makes all frames differ though
        nothing moves, frames that look alike, and a comparison in ffmpeg for which they had to be
        converted.
        """
        settings, time_base = self.recipe.settings, Fraction(self.info.time_base)
        work = self._first_pass(plan_condition(settings, time_base, packets.shown_pts))
        work, decoded = self._decode_first(work)
        is_suspect = decoded.transcript.evidence.is_suspect
        exact = self._correct(work, decoded)
        pts = without_contradictions(self.info, packets, decoded.pts)
        condition = corrected_condition(settings, time_base, packets.shown_pts, decoded, pts)
        if condition is not None:
            exact = replace(exact, condition=condition)
        if exact != work:
            exact, decoded = replace(self, link=Quiet(self.link))._decode_first(exact)
        chosen = self._settle(exact, decoded)
        decoded = chosen.decoded
        if is_suspect and not self.recipe.run.hwaccel:  # what hardware delivers is not kept then
            heard = self._listen(exact)
            damage = find_damage(heard.transcript.evidence, packets, heard.pts)
            decoded = replace(decoded, damage=place(damage, heard.pts, decoded.pts))
            chosen = chosen.without_measures()  # numbers of broken pictures race as they do
            if np.array_equal(heard.pts, decoded.pts):
                decoded = replace(decoded, scene_score=heard.scene_score, tiny=heard.tiny)
        pts = without_contradictions(self.info, packets, decoded.pts)
        decoded = replace(decoded, pts=pts, cut_score=cut_scores(decoded.tiny))
        return replace(chosen, decoded=decoded)

    def choose_few(self, few: Few) -> Chosen | None:
        """Write the images that the settings ask for, of a video of which little is decoded.

        Args:
            few: what of it.

        Returns:
            The choice; ``None`` where the packets do not hold what they promise.

        Raises:
            VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
        """
        first = self._first_pass(exact_condition(few.wanted))
        work = replace(first, packets=few.packets, is_of_keys=few.packets is None)
        work, decoded = self._decode_first(work)
        if self._correct(work, decoded) != work or not few.is_proven(decoded):
            return None
        return few.number(self._settle(work, decoded), self.folder, self._names)

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
        work = replace(self._first_pass(condition), segment=segment)
        work, decoded = self._decode_first(work)
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
        decoded = chosen.decoded
        return replace(chosen, decoded=replace(decoded, cut_score=cut_scores(decoded.tiny)))

    def _first_pass(self, condition: str) -> Pass:
        """Return the pass that is done with the video if nothing is in its way."""
        method, dedupe = self.recipe.dedupe.method, self.recipe.dedupe
        is_exact = compares_exactly(self.recipe.settings, self.info)
        surveys = self._thinner is not None
        if not method.drops_still:
            return Pass(condition, blocks=None, writes_images=not surveys)
        if dedupe.is_fixed:
            return Pass(condition, fixed_blocks(dedupe), writes_images=is_exact and not surveys)
        skips = is_exact and not surveys and dedupe.max_gap is None
        blocks = BEFORE_COMPARISON[0] if skips else None
        return Pass(condition, blocks, writes_images=not surveys, hands_cells=True)

    @property
    def _names(self) -> ImageNames:
        settings = self.recipe.settings
        return ImageNames(self.folder.name, settings.digits, settings.format)

    @property
    def _thinner(self) -> type[Thinner] | None:
        """What compares frames as a whole, in 8 bits: none where there are more."""
        return None if self.info.is_deep else thinner_of(self.recipe.dedupe)

    def _decode_first(self, work: Pass) -> tuple[Pass, Decoded]:
        """Decode, or first find out what is to be kept; return the pass that it became."""
        settings = self.recipe.settings
        hands = encodes_exactly(settings, self.info) and work.converts_late(settings, self.info)
        instead = replace(work, blocks=None, writes_images=hands, hands_frames=hands)
        try:
            decoded = self._decode(work)
        except WastefulError as error:
            if work.blocks != BEFORE_COMPARISON[0] or error.noise > FAINT_NOISE:
                return instead, self._decode(instead)
            return self._decode_first(
                replace(work, blocks=BEFORE_COMPARISON[1], hands_frames=hands)
            )
        if work.blocks and work.hands_cells and len(np.setdiff1d(decoded.edge, decoded.kept)):
            return instead, replace(self, link=Quiet(self.link))._decode(instead)
        return work, decoded

    def _listen(self, work: Pass) -> Decoded:
        """Run a pass again, in one thread and to write nothing: what is said then has its place."""
        return self.decode_again(replace(work, condition="0", is_careful=True))

    def _settle(self, work: Pass, decoded: Decoded) -> Chosen:
        """Finish the choice that a pass has prepared; decode again where the images differ."""
        frames = len(decoded.pts) if work.segment is None else work.segment.frames
        selected = (
            np.arange(frames, dtype=np.int32)
            if work.selects_all(self.recipe.settings)
            else decoded.selected
        )
        chosen = Chosen(decoded, selected, decoded.kept).without_still(work)
        if self._thinner is not None:
            thumbnails = self.folder.parents[1] / THUMBNAILS_FILE
            chosen = chosen.without_alike(
                self._thinner(self.recipe.dedupe), thumbnails, self.recipe.dedupe.max_gap
            )
        if work.writes_images and np.isin(chosen.kept, decoded.kept).all():
            return self._remove_others(work, chosen)
        final = replace(
            work,
            condition=exact_condition(chosen.kept.astype(np.int64)),
            blocks=None,
            writes_images=True,
            hands_cells=False,
            hands_frames=False,
            ends_after=int(chosen.kept[-1]) if len(chosen.kept) else 0,
        )
        written = self.decode_again(final)
        if not np.array_equal(written.kept, chosen.kept):
            raise DecoderDiedError(
                f"{printable(self.source.path)}: ffmpeg does not decode it the same way twice, so "
                "duplicates cannot be left out of it. Set dedupe to off."
            )
        return replace(chosen, decoded=replace(decoded, kept=chosen.kept))

    def _remove_others(self, work: Pass, chosen: Chosen) -> Chosen:
        """Remove the images that were written before it was known that they are not kept."""
        first = 0 if work.segment is None else work.segment.first
        if not work.hands_frames:  # else they were not written
            for index in np.setdiff1d(chosen.decoded.kept, chosen.kept).tolist():
                (self.folder / self._names.name(first + index)).unlink()
        return replace(chosen, decoded=replace(chosen.decoded, kept=chosen.kept))

    def _correct(self, work: Pass, decoded: Decoded) -> Pass:
        """Return the pass that suits what was seen of the stream; the same one where it did."""
        work = replace(work, matrix=decoded.transcript.changed_matrix)
        if decoded.transcript.size_changes and work.converts_late(self.recipe.settings, self.info):
            work = replace(work, is_steady=False)
        return work

    def decode_again(self, work: Pass) -> Decoded:
        """Run a pass of which the link is told nothing.

        Raises:
            VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
        """
        return replace(self, link=Quiet(self.link))._decode(work)

    def _decode(self, work: Pass) -> Decoded:
        source, folder, scratch = self.source, self.folder, self.folder.parents[1]
        if not work.is_careful:
            shutil.rmtree(folder)  # with what an earlier pass has left
            folder.mkdir()
        for name in (THUMBNAILS_FILE, SAMPLES_FILE, CUTS_FILE):
            (scratch / name).unlink(missing_ok=True)
        name = plain_name(source, scratch)
        start_pts = None if work.segment is None else work.segment.start_pts
        transcript = Transcript(self.info, start_pts)
        limits = Limits(10**self.recipe.settings.digits, self.recipe.run.stall_seconds)
        with ExitStack() as stack:
            ears = Ears(transcript)
            if work.hands_cells and not work.is_careful:
                ears = self._prick_up(ears, work, stack)
            targets = [pipe.target for pipe in ears.pipes]
            command, files = extraction_command(
                self.recipe, work, self.info, name, folder.name, targets
            )
            for file, text in files.items():
                (scratch / file).write_text(text, encoding="utf-8")
            decoded = decode(command, folder, source.path, ears, limits, self.link)
        if len(decoded.pts) == 0:
            said = next(iter(transcript.evidence.complaints), transcript.last_line)
            raise why_known(source.path) or why_undecoded(source.path, said)
        return replace(decoded, tiny=read_pictures(scratch / CUTS_FILE, decoded.pts, source.path))

    def _prick_up(self, ears: Ears, work: Pass, stack: ExitStack) -> Ears:
        """Return ears that also hear the frames which a pass hands over."""
        cells = read_cells(
            self.recipe.dedupe,
            self.info,
            self.source.path,
            selects_all=work.selects_all(self.recipe.settings),
            may_waste=work.writes_images and not work.hands_frames,
        )
        ears = replace(ears, cells=stack.enter_context(closing(cells)))
        if not work.hands_frames:
            return ears
        encoder = Encoder(
            encoding_command(self.recipe, work, self.info, self.folder.name),
            self.folder,
            self._names.name,
            self.source.path,
            self.recipe.run.stall_seconds,
            self.link,
        )
        first = 0 if work.segment is None else work.segment.first
        return replace(ears, encoder=stack.enter_context(closing(encoder)), first=first)
