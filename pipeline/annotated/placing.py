"""Every shape that annotators drew in a task, on every frame that shows it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..tracks.clock import TaskClock
from ..tracks.drawing import OCCLUDED, VISIBLE, Drawing, Key, Traits
from ..tracks.model import Track
from ..tracks.overlaps import join_pieces
from ..tracks.pieces import Links, Reading, TaskView, find_links, read_track
from ..tracks.shown import Shown, shown_on
from .shape_table import KINDS, NO_TRACK, ShapeRows

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Spans = Sequence[tuple[int, int]]


@dataclass
class Placed:
    """What became of the shapes of tasks, in numbers of shapes on images.

    ``ended``: left out, though CVAT shows it, behind an ``outside`` on a deleted frame.
    ``continued``: there, though CVAT has lost it, behind the deleted first frame of a job.
    ``wrong``: left out, as the audit finds it wrong. ``unplaced``: on frames without an image.
    """

    ended: int = 0
    continued: int = 0
    wrong: int = 0
    unplaced: int = 0

    def __add__(self, other: "Placed") -> "Placed":
        return Placed(*(getattr(self, n) + getattr(other, n) for n in vars(self)))


class Placer:
    """Puts the shapes of one task into rows, an image each.

    What CVAT's own exports make of deleted frames is followed for keyframes between others, but not
    where it is no good for training: an ``outside`` on one still ends its track, and where the
    first frame of a job is deleted, what the server put there when it cut a track still counts.
    Pieces of a track that the server cut at the border of a job have one number.
    """

    def __init__(
        self,
        drawing: Drawing,
        clock: TaskClock,
        images: Ints,
        rows: ShapeRows,
        wrong: Mapping[Key, Spans],
    ) -> None:
        """Get ready.

        Args:
            drawing: what was drawn.
            clock: the clock of the task.
            images: int64, shape (frames of the task,), the row of its image, -1 for none.
            rows: what to put them into.
            wrong: first and last frame of spans, by number and element of a track, inside which
                nothing is taken that no person set.
        """
        self._drawing, self._images, self._rows, self._wrong = drawing, images, rows, wrong
        self._view = TaskView(clock)
        self._deleted = np.flatnonzero(self._view.is_deleted)
        self._frames = np.flatnonzero(images >= 0)
        self.placed = Placed()

    def place(self, first_track: int) -> int:
        """Put everything into the rows; return how many tracks there are.

        Args:
            first_track: the number of the first one.
        """
        whole = join_pieces(self._drawing.tracks, self._view.clock)
        readings = [read_track(track, self._view) for track in whole.tracks]
        links = find_links(readings, self._view)
        pieces: dict[int, list[int]] = defaultdict(list)
        for place, reading in enumerate(readings):
            pieces[reading.track.number].append(place)
        traits = _joined(self._drawing.traits, whole.joined)
        ids: dict[int, int] = {}
        for number, places in pieces.items():
            before = {readings[links.before[p]].track.number for p in places if p in links.before}
            head = ids.get(min(before, default=number))
            ids[number] = first_track + len(set(ids.values())) if head is None else head
            shown = [
                (readings[p], *self._shown(readings[p], links, p, counts=p == places[0]))
                for p in places
            ]
            goes_on = bool(before)
            if readings[places[0]].track.element is None:
                self._add_track(shown[0], traits, ids[number], goes_on=goes_on)
            else:
                self._add_skeleton(shown, traits, ids[number], goes_on=goes_on)
        self._add_stills()
        return len(set(ids.values()))

    def _shown(
        self, reading: Reading, links: Links, place: int, *, counts: bool
    ) -> tuple[Shown, Flags]:
        """Return a track where it is shown, and where a person set it.

        Args:
            reading: the track.
            links: which pieces go on as which.
            place: of the reading among all.
            counts: whether to count what differs from CVAT: of a skeleton, one element stands for
                all.
        """
        track = reading.track
        is_inside = (track.frames >= 0) & (track.frames < self._view.frame_count)
        is_alive = is_inside & ~np.isin(track.frames, self._deleted)
        exists, by_server = is_alive.copy(), []
        if place in links.before:
            exists[0] = is_inside[0]
            by_server.append(0)
        if links.made_by_server[place] > len(by_server):
            by_server.append(int(np.flatnonzero(~track.is_outside)[-1]))
        frames = self._frames
        if len(self._deleted):
            by_cvat = shown_on(track, frames, np.flatnonzero(is_alive)).frames
            frames = frames[~self._is_ended(track, exists, frames)]
        found = shown_on(track, frames, np.flatnonzero(exists))
        if len(self._deleted):
            self.placed.ended += counts * len(np.setdiff1d(by_cvat, found.frames))
            self.placed.continued += counts * len(np.setdiff1d(found.frames, by_cvat))
        by_hand = np.setdiff1d(reading.frames, track.frames[by_server])
        return found, found.is_keyframe & np.isin(found.frames, by_hand)

    def _is_ended(self, track: Track, exists: Flags, frames: Ints) -> Flags:
        """Return which frames lie behind a track's job, or its end on a deleted frame."""
        ends = np.flatnonzero(exists | (track.is_outside & np.isin(track.frames, self._deleted)))
        here = np.searchsorted(track.frames[ends], frames, side="right")
        is_ended = np.concatenate([[False], track.is_outside[ends]])[here]
        if self._view.cuts:
            is_ended |= frames > self._view.end_of_job(int(track.frames[0]))
        return np.asarray(is_ended)

    def _is_wrong(self, reading: Reading, frames: Ints, is_set: Flags) -> Flags:
        """Return which frames show what no person set, inside a span that is wrong."""
        spans = self._wrong.get((reading.track.number, reading.track.element), ())
        inside = np.zeros(len(frames), np.bool_)
        for first, last in spans:
            inside |= (frames >= first) & (frames <= last)
        return inside & ~is_set

    def _add_track(
        self,
        piece: tuple[Reading, Shown, Flags],
        traits: Mapping[Key, Traits],
        track_id: int,
        *,
        goes_on: bool,
    ) -> None:
        reading, shown, is_set = piece
        keep = ~self._is_wrong(reading, shown.frames, is_set)
        self.placed.wrong += int((~keep).sum())
        values = shown.values[np.repeat(keep, shown.counts)]
        track, frames = reading.track, shown.frames[keep]
        said = traits.get((track.number, track.element), Traits.nothing())
        occluded, attributes = self._held(said, frames, goes_on=goes_on)
        self._rows.add(
            self._images[frames],
            values,
            shown.counts[keep],
            labels=self._rows.label(track.label),
            tracks=track_id,
            kinds=KINDS.index(track.shape),
            is_set=is_set[keep],
            is_occluded=occluded,
            rotations=shown.rotations[keep],
            attributes=attributes,
        )

    def _add_skeleton(
        self,
        pieces: Sequence[tuple[Reading, Shown, Flags]],
        traits: Mapping[Key, Traits],
        track_id: int,
        *,
        goes_on: bool,
    ) -> None:
        track = pieces[0][0].track
        names = self._drawing.elements.get(track.label, ())
        names = tuple(dict.fromkeys((*names, *(p[0].track.element or "" for p in pieces))))
        frames = np.unique(np.concatenate([shown.frames for _, shown, _ in pieces]))
        points = np.zeros((len(frames), len(names), 3))
        is_set, is_wrong = np.zeros(len(frames), np.bool_), np.zeros(len(frames), np.bool_)
        for reading, shown, is_by_hand in pieces:
            at = np.searchsorted(frames, shown.frames)
            said = traits.get((track.number, reading.track.element), Traits.nothing())
            occluded, _ = self._held(said, shown.frames, goes_on=goes_on)
            place = names.index(reading.track.element or "")
            points[at, place, :2] = _centres(shown)
            points[at, place, 2] = np.where(occluded, OCCLUDED, VISIBLE)
            is_set[at] |= is_by_hand
            is_wrong[at] |= self._is_wrong(reading, shown.frames, is_by_hand)
        keep = is_set | ~is_wrong
        self.placed.wrong += int((~keep).sum())
        frames, points = frames[keep], points[keep]
        said = traits.get((track.number, None), Traits.nothing())
        _, attributes = self._held(said, frames, goes_on=goes_on)
        self._rows.add(
            self._images[frames],
            points.ravel(),
            np.full(len(frames), 3 * len(names), np.int64),
            labels=self._rows.label(track.label),
            tracks=track_id,
            kinds=KINDS.index("skeleton"),
            is_set=is_set[keep],
            is_occluded=(points[..., 2] < VISIBLE).all(axis=1),
            rotations=0.0,
            attributes=attributes,
        )

    def _held(self, said: Traits, frames: Ints, *, goes_on: bool) -> tuple[Flags, Ints]:
        """Return whether a track is occluded on frames, and the codes of its attributes."""
        deleted = self._deleted
        if goes_on and len(said.frames):
            deleted = deleted[deleted != said.frames[0]]
        occluded, states, places = said.held(frames, deleted)
        return occluded, self._rows.attribute_codes(states)[places]

    def _add_stills(self) -> None:
        stills = self._drawing.stills
        frames = np.array(stills.frames, np.int64)
        is_inside = (frames >= 0) & (frames < len(self._images))
        keep = is_inside.copy()
        keep[is_inside] = self._images[frames[is_inside]] >= 0
        self.placed.unplaced += int((~keep).sum())
        counts = np.array(stills.counts, np.int64)
        self._rows.add(
            self._images[frames[keep]],
            np.array(stills.values, np.float64)[np.repeat(keep, counts)],
            counts[keep],
            labels=_codes(map(self._rows.label, stills.labels), keep),
            tracks=NO_TRACK,
            kinds=_codes(map(KINDS.index, stills.shapes), keep),
            is_set=True,
            is_occluded=np.frombuffer(stills.is_occluded, np.uint8).astype(np.bool_)[keep],
            rotations=np.array(stills.rotations, np.float64)[keep],
            attributes=self._rows.attribute_codes(stills.attributes)[keep],
        )


def _codes(codes: "map[int]", keep: Flags) -> Ints:
    return np.fromiter(codes, np.int64, len(keep))[keep]


def _centres(shown: Shown) -> Floats:
    """Return the middle of a shape's points on each frame, shape (frames, 2)."""
    if (shown.counts == 2).all():
        return shown.values.reshape(-1, 2)
    begins = (np.cumsum(shown.counts) - shown.counts) // 2
    sums = np.add.reduceat(shown.values.reshape(-1, 2), begins, axis=0)
    return np.asarray(sums / (shown.counts[:, np.newaxis] / 2))


def _joined(traits: Mapping[Key, Traits], joined: Mapping[int, int]) -> Mapping[Key, Traits]:
    """Return traits with those of the pieces of a track together, as `join_pieces` joined them."""
    found = dict(traits)
    for number, head in sorted(joined.items()):
        while head in joined:
            head = joined[head]
        for (other, element), more in traits.items():
            if other == number and (head, element) in found:
                found[head, element] = found[head, element].with_more(more)
    return found
