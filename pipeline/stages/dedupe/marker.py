"""Compare what was seen of videos or folders, and write down what came of it."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from ...base.errors import printable
from ...base.guard import Failure, guard
from ...base.words import count, listing
from ...dataset.frame_table import Reason
from ...dataset.records import Notice
from ...pictures.across import compare
from ...pictures.compare import Marks, Seen
from ...pictures.copies import Footage, find_alike, find_copies
from ...pictures.thinner import thinner_of
from ...settings.dedupe import DedupeSettings
from .result import CopyOf, DedupeOutcome
from .units import ImageSequence

R = TypeVar("R")

Outcomes = dict[int, DedupeOutcome | Failure]


class Marker:
    """Marks the images of sequences, and deletes what is marked if it is to."""

    def __init__(
        self, sequences: Sequence[ImageSequence], settings: DedupeSettings, *, deletes: bool
    ) -> None:
        self._sequences, self._settings, self._deletes = sequences, settings, deletes
        self._ids = [sequence.id for sequence in sequences]
        self._thinner = thinner_of(settings)

    def take(
        self, results: Iterator[Seen | DedupeOutcome | Failure]
    ) -> tuple[DedupeOutcome | Failure, ...]:
        """Return what became of each sequence.

        Where a method compares whole pictures, all are seen before any is marked.
        """
        outcomes: Outcomes = {}
        compared: list[int] = []
        waiting: dict[int, Seen] = {}
        for number, result in enumerate(results):
            if not isinstance(result, Seen):
                outcomes[number] = result
                continue
            compared.append(number)
            if self._thinner is not None:
                waiting[number] = result
            else:
                outcomes |= self._mark_all({number: result})
        outcomes |= self._mark_all(waiting)
        # What a duplicate without a file is like may be marked as well by now.
        done = [n for n in compared if not isinstance(outcomes[n], Failure)]
        followed = self._each(done, lambda number: self._sequences[number].follow())
        outcomes |= {n: each for n, each in followed.items() if isinstance(each, Failure)}
        return tuple(outcomes[number] for number in range(len(self._sequences)))

    def _mark_all(self, seen: Mapping[int, Seen]) -> Outcomes:
        """Mark sequences whose images may be like those of each other.

        What is to be kept is released everywhere before anything is marked, and all is marked
        before anything is deleted: wherever this is cut off, a duplicate is like a kept image.
        """
        if not seen:
            return {}
        marks = compare(seen, self._settings)
        copies = self._find_copies(seen, marks)

        def release(number: int) -> bool:
            kept = seen[number].numbers[marks[number].reason == Reason.NONE]
            return self._sequences[number].release(kept)

        released = self._each(seen, release)

        def mark(number: int) -> DedupeOutcome:
            changed = self._sequences[number].mark(seen[number].numbers, marks[number], self._ids)
            outcome = self._tell(number, seen[number], marks[number], copies.get(number, ()))
            is_changed = changed or released[number] is True
            return dataclasses.replace(outcome, status="marked") if is_changed else outcome

        outcomes: Outcomes = self._each(seen, mark)
        if self._deletes:
            done = {n: each for n, each in outcomes.items() if not isinstance(each, Failure)}
            outcomes |= self._each(done, lambda number: self._delete(number, done[number]))
        return outcomes

    def _tell(
        self, number: int, seen: Seen, marks: Marks, copies: tuple[CopyOf, ...]
    ) -> DedupeOutcome:
        sequence = self._sequences[number]
        names = {other.id: other.name for other in self._sequences} if copies else {}
        notices = list(sequence.find_missing())
        notices += [_tell_copy(sequence.name, of, names[of.video]) for of in copies]
        unreadable = seen.numbers[seen.unreadable].tolist()
        if unreadable:
            text = (
                f"{count(len(unreadable), 'image')} cannot be read and stayed as before: "
                f"{listing([sequence.images().path_of(each).name for each in unreadable])}."
            )
            notices.append(Notice("unreadable", text))
        if seen.deep.any() and sequence.images().hide_depth:
            text = (
                "the source has more bits than these images, which cannot show what changes in it, "
                "so all were kept that extraction kept."
            )
            notices.append(Notice("not-compared", text))
        return DedupeOutcome(
            sequence.id,
            "unchanged",
            images=len(seen.numbers),
            still=int((marks.reason == Reason.STILL).sum()),
            similar=int((marks.reason == Reason.SIMILAR).sum()),
            elsewhere=int((marks.sequence >= 0).sum()),
            copies=copies,
            notices=tuple(notices),
        )

    def _find_copies(
        self, seen: Mapping[int, Seen], marks: Mapping[int, Marks]
    ) -> dict[int, tuple[CopyOf, ...]]:
        """Return of what other videos each is a copy or a part."""
        pairs = find_alike(marks)
        footage = self._each(
            sorted({number for pair in pairs for number in pair}),
            lambda number: self._sequences[number].footage(seen[number], self._thinner),
        )
        known = {n: shown for n, shown in footage.items() if isinstance(shown, Footage)}
        found: dict[int, tuple[CopyOf, ...]] = {}
        for copy in find_copies(known, [pair for pair in pairs if known.keys() >= set(pair)]):
            of = CopyOf(self._ids[copy.of], copy.begin_seconds, copy.end_seconds, copy.is_whole)
            found[copy.video] = (*found.get(copy.video, ()), of)
        return found

    def _delete(self, number: int, outcome: DedupeOutcome) -> DedupeOutcome:
        deleted, deleted_bytes = self._sequences[number].delete()
        status = "marked" if deleted else outcome.status
        return dataclasses.replace(
            outcome, status=status, deleted=deleted, deleted_bytes=deleted_bytes
        )

    def _each(self, numbers: Iterable[int], work: Callable[[int], R]) -> dict[int, R | Failure]:
        """Return what is done for each sequence; what goes wrong with one is a value."""
        results = {}
        for number in numbers:
            sequence = self._sequences[number]
            results[number] = guard(functools.partial(work, number), sequence.id, sequence.folder)
        return results


def _tell_copy(name: str, of: CopyOf, other: str) -> Notice:
    part = "" if of.is_whole else f" from {of.begin_seconds:.1f} s to {of.end_seconds:.1f} s"
    text = f"{printable(name)} is {printable(other)}{part}: they show the same recording."
    return Notice("same-recording", text)
