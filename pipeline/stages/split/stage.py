"""Split: tell how leaky the division of a training set is, and divide it anew."""

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...base.errors import InputError, UsageError, printable
from ...base.words import count, listing
from ...base.work import Watch
from ...dataset.files import find_folder
from ...dataset.records import Notice
from ...dataset.store import Dataset
from ...engines.base import Engine
from ...engines.choice import engine_for
from ...settings.splits import SIDES, LeakSettings, SplitSettings
from ...settings.stages import RunSettings
from ...splits import UNITS
from ...splits.deal import NONE
from ...splits.groups import Shown, Units, divide
from ...splits.looks import ImageSet, Looks, is_flat, is_unreadable, look_at
from ...splits.near import Unions, unite_near
from ...splits.tell import Holdings, summarize, tell_shares
from ...splits.twins import find_twins
from .coco import Coco, find_files
from .images import ImageFile, natural_labels, refuse_twice
from .leaks import find_leaks
from .plain import PlainFolder
from .result import SplitResult
from .write import refuse_taken, write
from .yolo import Yolo, is_yolo

_WAY_OUT = "Name a folder of images, with or without annotations of COCO or YOLO."

Source = Coco | Yolo | PlainFolder


def split(
    path: str | os.PathLike[str],
    settings: SplitSettings | None = None,
    leaks: LeakSettings | None = None,
    run: RunSettings | None = None,
    *,
    output: str | os.PathLike[str] | None = None,
    images: str = "link",
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> SplitResult:
    """Tell how leaky the division of a training set is; divide it anew where that is asked for.

    The set is only read. The output is there as a whole, or not at all.
    So many parameters, for each is something else that a caller may want; all but the first are
    optional.

    Args:
        path: a folder of images, with annotations of COCO or YOLO (Ultralytics) or without.
        settings: how to divide it; the defaults if absent.
        leaks: how near neighbours count as leaks; the defaults if absent.
        run: how the work is done; the defaults if absent.
        output: a new folder for the same set with other sides; it is only looked at if absent.
        images: ``link``: the images of the output are hard links, ``copy``: copies.
        engine: looks at the images; the one that ``run`` names if absent.
        watch: told how far that is.

    Raises:
        InputError: nothing to divide is there, or it is damaged. Nothing was written.
        UsageError: the settings or the output cannot be used. Nothing was written.
        InterruptedRunError, KeyboardInterrupt: stopped. Nothing was written.
    """
    root = find_folder(path, _WAY_OUT)
    target = None if output is None else refuse_taken(Path(os.path.abspath(output)), root)
    if (settings or SplitSettings()).by == "run":
        raise UsageError("Runs are known of datasets of prep only: leave --by run out here.")
    source = _open(root)
    files = source.read()
    if not files:
        raise InputError(f"{printable(root)}: no image is in this folder. {_WAY_OUT}")
    if target is None and all(file.side is None for file in files):
        raise InputError(
            f"{printable(root)}: no folder or annotation file in it is named train, val or test, "
            "so there is no division to look at. Name a folder for a new one with -o."
        )
    with engine_for(engine, run or RunSettings(), UNITS) as engine:
        every = ImageSet(root.name, root, [file.path for file in files])
        (looks,) = look_at([every], engine, watch or Watch())
    has_sides = any(file.side is not None for file in files)
    result = SplitResult(
        os.fspath(root),
        source.kind,
        dict(Counter(file.side or "none" for file in files)),
        find_leaks(files, looks, leaks or LeakSettings()) if has_sides else None,
        notices=tuple(_tell_unreadable(files, looks)),
    )
    if target is None:
        return result
    divided, summary, notices = _divide(files, looks, (settings or SplitSettings()).dealt())
    sides = {side: some for side in SIDES if (some := [f for f in divided if f.side == side])}
    places = [(f.path, source.target(f, side)) for side, some in sides.items() for f in some]
    refuse_twice(root, places)
    write(target, source, sides, images)
    is_there = np.array([file.side is not None for file in divided])
    return dataclasses.replace(
        result,
        output=os.fspath(target),
        after=find_leaks(
            [file for file in divided if file.side], looks[is_there], leaks or LeakSettings()
        ),
        summary=summary,
        notices=(*result.notices, *notices),
    )


def _open(root: Path) -> Source:
    """Return what is in a folder, by what it looks like."""
    if Dataset(root).video_ids():
        raise InputError(
            f"{printable(root)}: this is a dataset of prep, which 'prep export --split' divides. "
            f"{_WAY_OUT}"
        )
    if is_yolo(root):
        return Yolo(root)
    if files := find_files(root):
        return Coco(root, files)
    return PlainFolder(root)


def _divide(
    files: Sequence[ImageFile], looks: Looks, settings: SplitSettings
) -> tuple[list[ImageFile], dict[str, object], list[Notice]]:
    """Return the images with their new sides, a summary, and what is to be told.

    The frames of a video stay together, and what is near-identical.
    """
    names = sorted({file.sequence or file.path for file in files})
    known = {name: place for place, name in enumerate(names)}
    owners = np.array([known[file.sequence or file.path] for file in files], dtype=np.int64)
    labels = list(natural_labels(files))
    columns = {label: column for column, label in enumerate(labels, 1)}
    counts = np.zeros((len(names), 1 + len(labels)))
    counts[:, 0] = np.bincount(owners, minlength=len(names))
    for file, owner in zip(files, owners.tolist(), strict=True):
        for label, number in file.labels.items():
            counts[owner, columns[label]] += number
    flat, usable = is_flat(looks), ~is_unreadable(looks)
    hashes = np.ascontiguousarray(looks["hash"])
    tells = usable & ~flat
    unions = Unions(len(names))
    unite_near(hashes[tells], owners[tells], unions)
    given = np.full(len(names), NONE, dtype=np.int8)
    units = Units(names, counts, given, np.zeros(len(names), dtype=np.bool_))
    shares = np.array([settings.shares.get(side, 0.0) for side in SIDES])
    shown, links = Shown(hashes[tells], owners[tells]), np.empty((2, 0), dtype=np.int64)
    division = divide(units, links, unions, shown, shares, settings.seed or 0)
    sides = division.sides[owners]
    aside = find_twins(hashes, sides, flat, usable).aside
    divided = [
        dataclasses.replace(file, side=None if out else SIDES[side])
        for file, side, out in zip(files, sides.tolist(), aside.tolist(), strict=True)
    ]
    held = Holdings(counts, labels, division.sides, division.roots, shares, names)
    notices = tell_shares(held)
    if aside.any():
        black = count(int(aside.sum()), "image that shows", "images that show")
        text = f"{black} nothing, such as black ones, have their like on another side: left out."
        notices.append(Notice("split-flat", text))
    return divided, summarize(held), notices


def _tell_unreadable(files: Sequence[ImageFile], looks: Looks) -> list[Notice]:
    bad = [files[place].path for place in np.flatnonzero(is_unreadable(looks)).tolist()]
    if not bad:
        return []
    text = f"{count(len(bad), 'image')} cannot be read, and could not be compared: {listing(bad)}."
    return [Notice("unreadable", text)]
