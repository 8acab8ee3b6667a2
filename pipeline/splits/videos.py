"""Deal the videos of a dataset to sides.

Those that are not divided now, but have a side, are there as well: what is new makes up for the
shares together with them, and stands with what it shows. Nothing is told of them alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.words import count
from ..base.work import Watch
from ..dataset.records import Notice
from ..dataset.store import Dataset
from ..engines.base import Engine
from ..settings.splits import SIDES, SplitSettings
from .asked import Asked
from .bonds import Bonds, find_bonds
from .deal import NONE, Floats
from .groups import ASIDE as SET_ASIDE, Division, Shown, Units, divide
from .looks import LOOK, Looks, is_flat, is_unreadable, look_at_frames
from .near import Places
from .others import find_others
from .parts import Parts, divide_into_parts, forgotten, settle
from .record import SplitRecord
from .sides import Material, Sides, Stretch
from .tell import Holdings, summarize, tell_shares
from .told import groups_of, tell_conflicts, tell_doubles, tell_groups, tell_leaks
from .twins import Twins, find_twins

Flags = npt.NDArray[np.bool_]


def deal_videos(
    store: Dataset,
    material: Mapping[str, Material],
    asked: Asked,
    before: SplitRecord | None,
    engine: Engine,
    watch: Watch,
) -> Sides:
    """Return on which side each of these images stands.

    Args:
        store: the dataset that they are of.
        material: what is to be divided, by the id of the video.
        asked: how; what is not set is as in ``before``.
        before: where videos stand already, see `record.read_record` and `record.fix`.
        engine: looks at the images; `splits.UNITS` is what it needs.
        watch: told how far that is.

    Raises:
        UsageError: ``asked`` differs from how ``before`` was dealt.
        DatasetError: a record or a frame table cannot be read.
        InterruptedRunError: stopped.
    """
    settings = settle(asked.settings, before)
    every = {**material, **find_others(store, material, before)}
    breaks = asked.breaks if settings.by == "run" else None
    parts = divide_into_parts(store, sorted(every), before, breaks)
    is_here = np.array([record.id in material for record in parts.records], np.bool_)[parts.video]
    images = _look(store, parts, every, engine, watch)
    tells = images.usable & ~images.flat & (parts.given[images.owners] != SET_ASIDE)
    shown = Shown(images.hashes[tells], images.owners[tells])
    bonds = find_bonds(parts, shown, images.frames[tells], settings)
    labels = sorted({label for each in material.values() for label in each.labels})
    counts = _count(parts, images, every, labels, is_here)
    units = Units(parts.keys, counts, parts.given, parts.by_hand)
    shares = np.array([settings.shares.get(side, 0.0) for side in SIDES])
    division = divide(units, bonds.links, bonds.unions, shown, shares, settings.seed or 0)
    sides = division.sides[images.owners]
    is_ruled = parts.by_hand[images.owners]
    twins = find_twins(images.hashes, sides, images.flat, images.usable, is_ruled)
    counts[:, 0] -= np.bincount(images.owners[twins.aside], minlength=len(counts))
    wanted = shares * _are_judged(store, parts, division, is_here, asked, before)
    held = Holdings(counts, labels, division.sides, division.roots, wanted, parts.names)
    mine = is_here[images.owners]
    of_mine = replace(held, counts=counts * is_here[:, np.newaxis])
    summary: dict[str, Any] = {
        "sides": summarize(of_mine),
        "set_aside": int(((twins.aside | (sides < 0)) & mine).sum()),
        "near_identical_across_sides": int(((twins.others != 0) & mine).sum()),
        "groups": groups_of(parts, bonds, division, is_here),
    }
    told = _tell(parts, bonds, division, images, twins, is_here)
    return Sides(
        used=tuple(summary["sides"]),
        stretches=dict(_stretches(parts, division, images, twins)),
        record=_record(parts, division, before, settings),
        notices=(*tell_groups(summary["groups"]), *told, *tell_shares(held)),
        summary=summary,
    )


def _are_judged(
    store: Dataset,
    parts: Parts,
    division: Division,
    is_here: Flags,
    asked: Asked,
    before: SplitRecord | None,
) -> bool:
    """Return whether what stands on each side is held against the shares that it should have.

    Not where nobody has asked for shares, as a person has put all by hand; nor where some videos of
    a dataset that was divided before are looked at alone.
    """
    if asked.settings.split is not None or not is_here.any():
        return True
    is_bound = np.isin(division.roots, division.roots[parts.given != NONE])
    if not is_bound.all():  # the others were dealt right now
        return True
    here = {parts.records[place].id for place in parts.video[is_here].tolist()}
    absent = set(store.video_ids()) - here
    is_alone = before is not None and not absent.isdisjoint(before.videos)
    is_ruled = np.isin(division.roots[is_here], division.roots[parts.by_hand])
    return not is_alone and not is_ruled.all()


@dataclass(frozen=True, eq=False)
class _Images:
    """All images, those of a video one after another; all arrays have shape (images,).

    ``owners``: int64, the part that each is of. ``frames``: int64, its frame index. ``looks``: how
    it looks.
    """

    owners: Places
    frames: Places
    looks: Looks

    @property
    def hashes(self) -> npt.NDArray[np.uint64]:
        return np.ascontiguousarray(self.looks["hash"])

    @property
    def flat(self) -> npt.NDArray[np.bool_]:
        return is_flat(self.looks)

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        return ~is_unreadable(self.looks)


def _look(
    store: Dataset,
    parts: Parts,
    material: Mapping[str, Material],
    engine: Engine,
    watch: Watch,
) -> _Images:
    frames = {record.id: material[record.id].frames for record in parts.records}
    looks = look_at_frames(store, frames, engine, watch)
    owners = [parts.owners(place, each) for place, each in enumerate(frames.values())]
    none = np.empty(0, dtype=np.int64)
    return _Images(
        np.concatenate([none, *owners]),
        np.concatenate([none, *frames.values()]),
        np.concatenate([np.empty(0, dtype=LOOK), *looks.values()]),
    )


def _count(
    parts: Parts,
    images: _Images,
    material: Mapping[str, Material],
    labels: Sequence[str],
    is_here: Flags,
) -> Floats:
    """Return what each part holds: shape (parts, 1 + labels), images and objects of each label.

    What is drawn on those that are not divided now is not known: as much as on the others.
    """
    number = len(parts.firsts)
    counts = np.zeros((number, 1 + len(labels)))
    counts[:, 0] = np.bincount(images.owners, minlength=number)
    columns = {label: column for column, label in enumerate(labels, 1)}
    for place, record in enumerate(parts.records):
        for label, frames in material[record.id].labels.items():
            owners = parts.owners(place, frames)
            counts[:, columns[label]] += np.bincount(owners, minlength=number)
    density = counts[is_here, 1:].sum(axis=0) / max(float(counts[is_here, 0].sum()), 1)
    counts[~is_here, 1:] = counts[~is_here, :1] * density
    return counts


def _stretches(
    parts: Parts, division: Division, images: _Images, twins: Twins
) -> Iterator[tuple[str, Stretch]]:
    for place, record in enumerate(parts.records):
        mine = parts.of(place)
        inside = (images.owners >= mine.start) & (images.owners < mine.stop) & twins.aside
        sides = np.maximum(division.sides[mine], -1)
        yield record.id, Stretch(parts.firsts[mine], sides, images.frames[inside])


def _record(
    parts: Parts, division: Division, before: SplitRecord | None, settings: SplitSettings
) -> SplitRecord:
    """Return the record: of videos that are not dealt now, what it said of them before."""
    videos = dict(before.videos) if before else {}
    for video in list(forgotten(parts.records, before)) if before else ():
        del videos[video]
    for place, record in enumerate(parts.records):
        root = int(division.roots[parts.of(place).start])
        recording = parts.records[int(parts.video[root])].id if settings.by != "run" else None
        videos[record.id] = parts.to_record(place, division.sides, recording)
    return SplitRecord(videos, settings)


def _tell(
    parts: Parts, bonds: Bonds, division: Division, images: _Images, twins: Twins, is_here: Flags
) -> Iterator[Notice]:
    yield from tell_conflicts(parts.names, parts.given, division)
    leaks, mine = twins.others != 0, is_here[images.owners]
    leaking = Shown(images.hashes[leaks], images.owners[leaks])
    yield from tell_leaks(parts, bonds, division, leaking, is_here)
    yield from tell_doubles(parts, division, images.owners[twins.double & mine])
    flats, unreadable = int((twins.empty & mine).sum()), int((~images.usable & mine).sum())
    if flats:
        text = (
            f"{count(flats, 'image that shows', 'images that show')} nothing, such as black ones, "
            f"{'is' if flats == 1 else 'are'} left out: {'its' if flats == 1 else 'their'} like "
            "stand on another side."
        )
        yield Notice("shows-nothing", text)
    if unreadable:
        text = (
            f"{count(unreadable, 'image')} cannot be read, so nobody knows what "
            f"{'it is' if unreadable == 1 else 'they are'} like; 'prep validate' tells more."
        )
        yield Notice("unreadable", text)
