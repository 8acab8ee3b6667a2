"""Split: tell how leaky the division of a training set is, and divide it anew."""

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...base.errors import InputError, printable
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
from ...splits.looks import ImageSet, Looks, is_unreadable, look_at
from ...splits.record import SplitRecord, find_record, go_on
from .coco import Coco
from .coco_file import find_files
from .divide import Divided, divide_images
from .images import ImageFile, find_images, refuse_twice
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
    splits: Path | None = None,
    images: str = "link",
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> SplitResult:
    """Tell how leaky the division of a training set is; divide it anew where that is asked for.

    The set is only read. Videos stay together. The output is there as a whole, or not at all.
    So many parameters, for each is something that a caller may want; most are optional.

    Args:
        path: a folder of images, with annotations of COCO or YOLO (Ultralytics) or without.
        settings: the shares and the seed; as before if absent, the first time the defaults.
        leaks: how near neighbours count as leaks; the defaults if absent.
        run: how the work is done; the defaults if absent.
        output: a new folder for the same set with other sides; it is only looked at if absent.
        splits: ``splits.json`` of an earlier output, which goes on, or sides that a person wrote;
            if absent, that of the set itself, if it has one.
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
    before = _before(root, splits)
    source = _open(root)
    files = source.read()
    _refuse_nothing_to_do(root, files, is_divided=target is not None)
    every = ImageSet(root.name, root, [file.path for file in files])
    with engine_for(engine, run or RunSettings(), UNITS) as engine:
        (looks,) = look_at([every], engine, watch or Watch())
    leaks = leaks or LeakSettings()
    found = find_leaks(files, looks, leaks) if any(file.side for file in files) else None
    notices = *_tell_strange(root, files), *_tell_unreadable(files, looks)
    result = SplitResult(os.fspath(root), source.kind, _count_sides(files), found, notices=notices)
    if target is None:
        return result
    files, looks = _once(files, looks)
    divided = divide_images(files, looks, settings or SplitSettings(), before)
    _write(target, source, divided, images)
    return dataclasses.replace(
        result,
        output=os.fspath(target),
        after=find_leaks(divided.files, looks, leaks),
        settings=divided.record.settings,
        summary=divided.summary,
        notices=(*result.notices, *divided.notices, *_tell_without_val(source, divided)),
    )


def _before(root: Path, splits: Path | None) -> SplitRecord | None:
    """Return where images stand already, as the set or a file says."""
    own = find_record(root)
    return own if splits is None else go_on(own, splits)


def _once(files: Sequence[ImageFile], looks: Looks) -> tuple[list[ImageFile], Looks]:
    """Return each image once, also one that stood on two sides, and how they look."""
    places = np.unique([file.path for file in files], return_index=True)[1]
    return [files[place] for place in places.tolist()], looks[places]


def _write(target: Path, source: Source, divided: Divided, images: str) -> None:
    sides = {side: some for side in SIDES if (some := divided.of(side))}
    places = ((f.path, source.target(f, side)) for side in sides for f in sides[side])
    refuse_twice(source.root, places)
    write(target, source, sides, divided.record, images)


def _count_sides(files: Sequence[ImageFile]) -> dict[str, int]:
    found = Counter(file.side or "none" for file in files)
    return {side: found[side] for side in (*SIDES, "none") if found[side]}


def _refuse_nothing_to_do(root: Path, files: Sequence[ImageFile], *, is_divided: bool) -> None:
    if not files:
        raise InputError(f"{printable(root)}: no image is in this folder. {_WAY_OUT}")
    if not is_divided and all(file.side is None for file in files):
        raise InputError(
            f"{printable(root)}: no folder or annotation file in it is named train, val or test, "
            "so there is no division to look at. Name a folder for a new one with -o."
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


def _tell_strange(root: Path, files: Sequence[ImageFile]) -> list[Notice]:
    """Return a notice of images that the annotations do not name."""
    strange = sorted({*find_images(root)} - {file.path for file in files})
    if not strange:
        return []
    what = count(len(strange), "image in the folder is", "images in the folder are")
    text = f"{what} named by no annotations, and left out: {listing(strange)}."
    return [Notice("left-out", text)]


def _tell_without_val(source: Source, divided: Divided) -> list[Notice]:
    """Return a notice where training goes without val: Ultralytics needs some."""
    if not isinstance(source, Yolo) or divided.of("val"):
        return []
    text = (
        "No image is in val, so data.yaml names those of train there, as Ultralytics does not "
        "train without any: what it then says of val is no proof."
    )
    return [Notice("no-val", text)]


def _tell_unreadable(files: Sequence[ImageFile], looks: Looks) -> list[Notice]:
    bad = [files[place].path for place in np.flatnonzero(is_unreadable(looks)).tolist()]
    if not bad:
        return []
    text = f"{count(len(bad), 'image')} cannot be read, and could not be compared: {listing(bad)}."
    return [Notice("unreadable", text)]
