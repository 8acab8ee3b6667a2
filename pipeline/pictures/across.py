"""Which images look like others as a whole, of all sequences: the best of them are kept."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..dataset.frame_table import Reason
from ..settings.dedupe import DedupeSettings
from .compare import Marks, Seen
from .quality import best_first, log_of, more_detail
from .thinner import Thinner, shorten_gaps, thinner_of


def compare(found: Mapping[int, Seen], settings: DedupeSettings) -> dict[int, Marks]:
    """Compare the images of sequences, each as a whole with those of all.

    Of images that look alike the best one is kept, whichever sequence it is in. The frames of a
    video are each as good as the others: of them the first one is kept, as while extracting.

    Args:
        found: what was seen of each sequence, by its number, which ascends.
        settings: what a duplicate is.
    """
    sizes = [len(seen.numbers) for seen in found.values()]
    owners = np.repeat(np.fromiter(found, dtype=np.int64, count=len(found)), sizes)
    seen = _join(list(found.values()))
    places, thinner = np.arange(len(owners)), thinner_of(settings)
    like = seen.like if thinner is None else _look_across(seen, owners, thinner, settings)
    why = np.where(seen.like == places, Reason.SIMILAR, Reason.STILL)
    reason = np.where(like == places, Reason.NONE, why).astype(np.int8)
    columns = (reason, np.where(owners[like] == owners, -1, owners[like]), seen.numbers[like])
    ends = np.cumsum(sizes)[:-1]
    parts = zip(*(np.split(column, ends) for column in columns), strict=True)
    return {number: Marks(*part) for number, part in zip(found, parts, strict=True)}


def _look_across(
    seen: Seen, owners: npt.NDArray[np.int64], thinner: type[Thinner], settings: DedupeSettings
) -> npt.NDArray[np.int64]:
    """Return the place of what each image is like if whole pictures are compared as well.

    Frames that are still follow the one before them. Among other images, a still one may be the
    better one of the two, so all of them are compared.
    """
    places = np.arange(len(owners))
    usable = ~seen.unreadable & ~seen.deep
    passed = np.flatnonzero(usable & ((seen.like == places) | ~seen.is_frame))
    target = places.copy()
    target[passed] = passed[_thin(seen, passed, owners, thinner(settings))]
    is_alone = target == places
    is_alone[target[~is_alone]] = False
    like = np.where(is_alone, target[seen.like], target)
    stays = shorten_gaps(
        like[passed] == passed, seen.positions[passed], owners[passed], settings.max_gap
    )
    like[passed[stays]] = passed[stays]
    rest = np.setdiff1d(places, passed)
    like[rest] = like[seen.like[rest]]
    return like


def _join(parts: Sequence[Seen]) -> Seen:
    """Return what was seen of several sequences as if they were one."""
    firsts = np.cumsum([0, *(len(part.numbers) for part in parts[:-1])])
    shifted = [
        dataclasses.replace(part, like=part.like + first)
        for part, first in zip(parts, firsts, strict=True)
    ]
    columns = (
        np.concatenate([getattr(part, field.name) for part in shifted])
        for field in dataclasses.fields(Seen)
    )
    return Seen(*columns)


def _thin(
    seen: Seen, passed: npt.NDArray[np.int64], owners: npt.NDArray[np.int64], thinner: Thinner
) -> npt.NDArray[np.int64]:
    """Return what each of the images that passed is like if the best ones are taken first.

    Both count those that passed alone.
    """
    looks, pixels, size_bytes = seen.looks[passed], seen.pixels[passed], seen.size_bytes[passed]
    detail = log_of(seen.detail[passed])
    if not seen.is_frame.all():
        return thinner.thin(looks, best_first(pixels, detail, size_bytes))
    order = np.arange(len(passed))
    like = thinner.thin(looks, order)
    better = best_first(pixels, more_detail(detail, like, owners[passed]), size_bytes)
    return like if np.array_equal(better, order) else thinner.thin(looks, better)
