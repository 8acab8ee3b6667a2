"""How an export is made of tasks that were read."""

import functools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...annotated.reading import AnnotatedTask
from ...base.errors import InputError, UsageError, printable
from ...base.words import listing, plural
from ...base.work import Watch
from ...dataset.records import Notice
from ...dataset.store import AUDIT_NAME, Dataset
from ...dataset.whole_folder import whole_folder
from ...engines.base import Engine
from ...engines.choice import engine_for
from ...settings.export import ExportSettings
from ...settings.stages import RunSettings
from ...splits import UNITS as SPLIT_UNITS
from ...splits.asked import Asked
from . import UNITS
from .choice import chosen, label_counts, wrong_spans
from .coco import write_coco
from .hf import hf_places, write_hf
from .images import ImageTable, put_images
from .mot import mot_places, write_mot
from .numbers import IMAGENET, boxes_of, pixels_of
from .page import write_page
from .parquet import write_parquet
from .result import ExportResult
from .sides import keep_record, with_sides
from .tables import Tables, Written, build_tables
from .yolo import write_yolo

RECORD_NAME, PAGE_NAME = "export.json", "export.html"
FORMAT = "prep export"


@dataclass(frozen=True)
class _Format:
    """How a format is written, and where it has its images."""

    write: Callable[[Tables, Path, Sequence[str]], Written]
    places: Callable[[ImageTable], list[str]]


@dataclass(frozen=True)
class Maker:
    """Makes an export of tasks that were read."""

    store: Dataset
    settings: ExportSettings
    asked: Asked
    run: RunSettings
    engine: Engine | None
    watch: Watch

    def export(
        self, read: Callable[[], Sequence[AnnotatedTask]], target: Path, *, overwrite: bool
    ) -> ExportResult:
        """Return what was written into the target folder."""
        target = Path(os.path.abspath(target))
        self._refuse(target)
        modules = (UNITS, SPLIT_UNITS)
        with (
            whole_folder(target, _is_export, overwrite=overwrite) as out,
            engine_for(self.engine, self.run, *modules) as engine,
        ):
            tables = self._tables(read())
            before, sides = self.asked.before(self.store, target), None
            if self.asked.is_wanted(before):
                tables, sides = with_sides(
                    tables, self.store, self.asked, before, engine, self.watch
                )
            made = _Made(self.settings, tables, target, self._places(tables.images, target))
            made.write(out)
            if not self.settings.no_numbers:
                made.pixels = pixels_of(tables.images, engine, self.watch)
            if sides is not None:
                made.split = dict(sides.summary)
                made.notices += keep_record(sides, self.store, out)
            result = made.result(self.store)
            write_record(result, out)
        return result

    def _refuse(self, target: Path) -> None:
        """Refuse what cannot be, before anything is read.

        Raises:
            UsageError: it cannot be.
        """
        if target.resolve().is_relative_to(self.store.path.resolve()):
            raise UsageError(
                f"{printable(target)}: an export cannot be inside of its dataset. Name a folder "
                "beside it with -o."
            )
        if self.settings.images == "none" and self.settings.to in {"yolo", "hf"}:
            raise UsageError(
                f"--images none: '{self.settings.to}' finds labels beside their images. Use "
                "--images symlink, which takes no space either."
            )

    def _tables(self, tasks: Sequence[AnnotatedTask]) -> Tables:
        self._refuse_images(tasks)
        wrong = {}
        if self.settings.interpolated == "only-true":
            wrong = wrong_spans(tasks, self.store.path / AUDIT_NAME)
        tables = chosen(build_tables(self.store, tasks, wrong), self.settings)
        if len(tables.images) == 0:
            told = [notice.message for notice in tables.notices]
            if self.settings.empty == "drop":
                told.append("On no image is anything drawn that is asked for (--empty, --labels).")
            raise InputError(
                f"{printable(self.store.path)}: there is nothing to export. {' '.join(told)}"
            )
        return tables

    def _refuse_images(self, tasks: Sequence[AnnotatedTask]) -> None:
        if self.settings.interpolated == "keep":
            return
        if any(task.export_kind == "images" for task in tasks):
            raise UsageError(
                f"--interpolated {self.settings.interpolated}: an export 'for images' does not say "
                "what CVAT filled in. Export as 'CVAT for video 1.1', or leave out --annotations."
            )

    def _places(self, images: ImageTable, target: Path) -> list[str]:
        """Return where the images are, seen from the folder of the export."""
        if self.settings.images != "none":
            return _format_of(self.settings).places(images)
        # Not relpath for each: there may be a million.
        way = os.path.relpath(self.store.path, os.path.realpath(target))
        ids = images.video_ids
        return [f"{way}/{ids[v]}/{f}" for v, f in zip(images.videos, images.files, strict=True)]


@dataclass
class _Made:
    """An export as it is made."""

    settings: ExportSettings
    tables: Tables
    target: Path
    places: Sequence[str]
    notices: tuple[Notice, ...] = ()
    pixels: dict[str, Any] | None = None
    split: dict[str, Any] | None = None

    def write(self, out: Path) -> None:
        """Write the images and the labels."""
        self.notices = self.tables.notices
        if self.settings.images != "none":
            self.notices += put_images(self.tables.images, out, self.places, self.settings.images)
        written = _format_of(self.settings).write(self.tables, out, self.places)
        self.notices += written.notices
        # What follows is of that alone which is there.
        shapes = self.tables.shapes.taken(np.flatnonzero(written.is_there))
        self.tables = replace(self.tables, shapes=shapes)

    def result(self, store: Dataset) -> ExportResult:
        """Return what was written."""
        images, shapes = self.tables.images, self.tables.shapes
        sides = {
            name: {
                "images": int((images.sides == place).sum()),
                "shapes": int((images.sides[shapes.images] == place).sum()),
            }
            for place, name in enumerate(images.side_names)
        }
        numbers = {
            "format": FORMAT,
            "prep_version": __version__,
            "to": self.settings.to,
            "dataset": printable(store.path.name),
            "settings": asdict(self.settings),
            "images": len(images),
            "shapes": len(shapes),
            "sides": sides,
            "split": self.split,
            "labels": boxes_of(self.tables),
            "pixels": self.pixels,
            "imagenet": IMAGENET,
            "notices": [{"kind": each.kind, "message": each.message} for each in self.notices],
        }
        labels = label_counts(self.tables)
        total = len(images), len(shapes)
        return ExportResult(
            self.target, self.settings.to, *total, sides, labels, self.notices, numbers
        )


def _is_export(folder: Path) -> bool:
    """Whether prep made a folder as an export.

    Raises:
        InputError: it did, and somebody has put more into it since, which would be lost.
    """
    try:
        record = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
        is_ours, ours = record["format"] == FORMAT, set(record["contents"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if others := sorted({each.name for each in folder.iterdir()} - ours) if is_ours else []:
        raise InputError(
            f"{printable(folder)}: holds {listing(others, 3)} besides an export, which replacing "
            f"it would delete. Move {plural(len(others), 'that', 'these')} out of it, or name "
            "another folder with -o."
        )
    return bool(is_ours)


def _by_side(images: ImageTable) -> list[str]:
    sides = images.side_names
    return [f"images/{sides[s]}/{file}" for s, file in zip(images.sides, images.files, strict=True)]


def _format_of(settings: ExportSettings) -> _Format:
    formats = {
        "coco": _Format(write_coco, _by_side),
        "yolo": _Format(functools.partial(write_yolo, kind=settings.yolo), _by_side),
        "mot": _Format(write_mot, mot_places),
        "parquet": _Format(write_parquet, _by_side),
        "hf": _Format(write_hf, hf_places),
    }
    return formats[settings.to]


def write_record(result: ExportResult, out: Path) -> None:
    """Write ``export.json``, and ``export.html``, which shows the same."""
    contents = sorted({*(each.name for each in out.iterdir()), RECORD_NAME, PAGE_NAME})
    text = json.dumps({**result.numbers, "contents": contents}, indent=1)
    (out / RECORD_NAME).write_text(text + "\n", encoding="utf-8")
    write_page(out / PAGE_NAME, result.numbers)
