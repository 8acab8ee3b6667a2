"""Which shapes and images of all are exported, as a person has chosen."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...annotated.reading import AnnotatedTask
from ...annotated.shape_table import ShapeTable
from ...base.errors import UsageError, printable
from ...base.words import count
from ...dataset.records import Notice
from ...settings.export import ExportSettings
from ...settings.options import refuse_unknown
from ...tracks.audit_record import AuditRecord, read_audit
from ...tracks.drawing import Key
from ...tracks.overlaps import join_pieces
from ...tracks.statistics import statistics
from .about import ABOUT_EMPTY
from .tables import Tables

Ints = npt.NDArray[np.integer[Any]]

_NOT_FILLED_IN = frozenset(("double", "deleted-keyframe"))
"""Findings that say nothing of what lies between two keyframes."""


def chosen(tables: Tables, settings: ExportSettings) -> Tables:
    """Return what of the tables is to be exported.

    Raises:
        UsageError: a label or attribute is named that is none.
    """
    tables = _of_classes(tables, settings.classes)
    tables = replace(tables, shapes=_with_attributes(tables.shapes, settings.attributes))
    if settings.interpolated == "drop":
        tables = _without_filled_in(tables)
    return _without_empty(tables) if settings.empty == "drop" else tables


def _of_classes(tables: Tables, classes: str | None) -> Tables:
    if classes is None:
        return tables
    shapes = tables.shapes
    old: dict[str, str] = {}
    # As in CSV: a name with a comma stands in quotation marks.
    line = " ".join(classes.splitlines())
    for pair in next(csv.reader([line], skipinitialspace=True)) or [""]:
        name, _, new = (each.strip() for each in pair.partition("="))
        refuse_unknown(name, shapes.label_names, "--labels: label")
        if name in old:
            raise UsageError(f"--labels: '{printable(name)}' is named twice.")
        old[name] = new or name
    names = tuple(dict.fromkeys(old.values()))
    codes = [names.index(old[name]) if name in old else -1 for name in shapes.label_names]
    elements: dict[str, tuple[str, ...]] = {}
    for name, new in old.items():
        points = tables.elements.get(name)
        if points is not None and elements.setdefault(new, points) != points:
            raise UsageError(
                f"--labels: '{printable(name)}' cannot become '{printable(new)}', as a skeleton of "
                "that name has other points."
            )
    edges = {new: tables.edges[name] for name, new in old.items() if name in tables.edges}
    shapes = shapes.renamed(np.array(codes, np.int64), names)
    return replace(tables, shapes=shapes, elements=elements, edges=edges)


def _with_attributes(shapes: ShapeTable, wanted: str) -> ShapeTable:
    if wanted == "all":
        return shapes
    known = sorted({name for pairs in shapes.attribute_sets for name, _ in pairs})
    names = () if wanted == "none" else tuple(name.strip() for name in wanted.split(","))
    for name in names:
        refuse_unknown(name, known, "--attributes: attribute")
    sets = (tuple(p for p in pairs if p[0] in names) for pairs in shapes.attribute_sets)
    return replace(shapes, attribute_sets=tuple(sets))


def _without_filled_in(tables: Tables) -> Tables:
    shapes = tables.shapes
    left = np.unique(shapes.images[~shapes.is_set])
    shapes = shapes.taken(np.flatnonzero(shapes.is_set))
    return replace(tables, shapes=shapes, notices=(*tables.notices, *_partly_drawn(shapes, left)))


def _partly_drawn(shapes: ShapeTable, left: Ints) -> tuple[Notice, ...]:
    """Say on how many images objects are seen that have lost their box, beside others with one."""
    both = len(np.intersect1d(left, shapes.images))
    if not both:
        return ()
    return (
        Notice(
            "partly-drawn",
            f"On {count(both, 'image')} some objects have no box any more, as CVAT filled it in, "
            "and others have: a detector learns from them that the former are nothing.",
        ),
    )


def _without_empty(tables: Tables) -> Tables:
    notices = tuple(n for n in tables.notices if n.kind not in ABOUT_EMPTY)
    return only_images(replace(tables, notices=notices), np.unique(tables.shapes.images))


def only_images(tables: Tables, rows: Ints) -> Tables:
    """Return the tables with these images alone, ascending, and what is on them."""
    if len(rows) == len(tables.images):
        return tables
    new = np.full(len(tables.images), -1, np.int64)
    new[rows] = np.arange(len(rows))
    shapes = tables.shapes.taken(np.flatnonzero(new[tables.shapes.images] >= 0))
    shapes = replace(shapes, images=new[shapes.images].astype(np.int32))
    return replace(tables, images=tables.images.taken(rows), shapes=shapes)


def wrong_spans(
    tasks: Sequence[AnnotatedTask], audit_file: Path
) -> dict[int, dict[Key, list[tuple[int, int]]]]:
    """Return the spans that the last audit found wrong, by the place of the task and the track.

    Raises:
        UsageError: there was no audit of a task, or it has changed since.
        DatasetError: the audit cannot be read.
    """
    record = read_audit(audit_file)
    way_out = "Run 'prep audit' on the same annotations, then the export again."
    if record is None:
        raise UsageError(f"--interpolated only-true: {printable(audit_file)} is missing. {way_out}")
    found: dict[int, dict[Key, list[tuple[int, int]]]] = {}
    for place, task in enumerate(tasks):
        if task.match.video is None:
            continue
        if not _is_audited(record, task):
            raise UsageError(
                f"--interpolated only-true: task {printable(task.name)} was not audited, or has "
                f"changed since. {way_out}"
            )
        spans: dict[Key, list[tuple[int, int]]] = defaultdict(list)
        for finding in record.findings:
            if finding.get("task") == task.task_id and finding["kind"] not in _NOT_FILLED_IN:
                key = (finding["track_number"], finding.get("element"))
                spans[key].append((finding["first_frame"], finding["last_frame"]))
        found[place] = spans
    return found


def _is_audited(record: AuditRecord, task: AnnotatedTask) -> bool:
    """Whether an audit counted the same tracks and keyframes in a task as there are now."""
    clock, is_export = task.match.clock, task.export_kind is not None
    if is_export:  # of a file, it does not see which frames are left out
        clock = replace(clock, deleted=frozenset())
    tracks = join_pieces(task.drawing.tracks, clock, is_export=is_export).tracks
    counted = statistics(tracks, clock)
    return any(
        (each.task, each.name, each.labels) == (task.task_id, task.name, counted.by_label)
        for each in record.tasks
    )


def label_counts(tables: Tables) -> Mapping[str, int]:
    """Return how many shapes there are of each label, in the order of the labels."""
    names = tables.shapes.label_names
    counts = np.bincount(tables.shapes.labels, minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))
