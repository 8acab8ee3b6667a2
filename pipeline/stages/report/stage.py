"""The stage: one page that shows a dataset, and the same numbers for machines."""

import dataclasses
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ... import __version__
from ...base.errors import ExitCode, WorkerDiedError, printable
from ...base.guard import Failure, guard
from ...base.work import Batch, Watch
from ...cvat.journal import Journal
from ...dataset.files import WRITE_ELSEWHERE, results_folder, save_text
from ...dataset.store import AUDIT_NAME, Dataset, open_dataset
from ...engines.base import Engine, Lost
from ...engines.choice import engine_for
from ...settings.stages import BreakSettings, RunSettings, ValidateSettings
from ...tracks.audit_record import AuditRecord, read_audit
from ...tracks.statistics import TrackCounts
from . import UNITS
from .page import write_page
from .summary import Distribution, Finding, Histogram, Totals, find, thresholds_of, total
from .units import Look
from .video import Extent, VideoReport

_PICTURE_BYTES_OF_ALL = 3_500_000


@dataclass(frozen=True)
class ReportResult:
    """What was written where, and what it says. That something needs a person is no failure."""

    exit_code: ClassVar[ExitCode] = ExitCode.OK

    page: Path
    numbers: Path
    totals: Totals
    findings: tuple[Finding, ...]
    histograms: tuple[Histogram, ...]
    videos: tuple[VideoReport, ...]


def report(
    dataset: str | os.PathLike[str],
    run: RunSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    validate: ValidateSettings | None = None,
    output: str | os.PathLike[str] | None = None,
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> ReportResult:
    """Write ``report.html`` and ``report.json`` into a dataset, or into another folder.

    The same dataset gives the same bytes; nothing else in it is touched, and no lock is needed.
    So many parameters, as each is something else that a caller may want; all but the first are
    optional.

    Args:
        dataset: the folder of the dataset.
        run: how the work is done; the defaults if absent.
        breaks: what is a break, and which of them end a run; the defaults if absent.
        validate: limits to draw into the histograms; the defaults if absent.
        output: the folder to write into; the dataset if absent.
        engine: carries out the work; the one that ``run`` names if absent.
        watch: told how the work goes on.

    Raises:
        InputError: there is no video in the dataset.
        DatasetError: a record cannot be read, or the report not be written.
    """
    store, breaks = open_dataset(dataset), breaks or BreakSettings()
    folder = store.path if output is None else results_folder(output)
    video_ids = store.video_ids()
    look = Look(
        store,
        breaks,
        Extent.for_videos(len(video_ids)),
        Journal(store.path).uploads,
        thresholds_of(validate or ValidateSettings()),
        _PICTURE_BYTES_OF_ALL // len(video_ids),
        os.path.relpath(store.path, folder),
    )
    with engine_for(engine, run or RunSettings(), UNITS) as engine:
        seen, measures = _look_at_all(look, video_ids, engine, watch or Watch())
    videos = tuple(video for video, _ in seen)
    audit = guard(lambda: read_audit(store.path / AUDIT_NAME), None, store.path / AUDIT_NAME)
    findings = find(videos, breaks, audit)
    result = ReportResult(
        page=folder / "report.html",
        numbers=folder / "report.json",
        totals=total(videos, findings),
        findings=findings,
        histograms=measures.histograms(),
        videos=videos,
    )
    numbers = _numbers(store, result, breaks, audit)
    text = json.dumps(numbers, separators=(",", ":"))
    save_text(result.numbers, [text, "\n"], way_out=WRITE_ELSEWHERE)
    write_page(result.page, numbers, [pictures for _, pictures in seen])
    return result


def _look_at_all(
    look: Look, video_ids: Sequence[str], engine: Engine, watch: Watch
) -> tuple[list[tuple[VideoReport, dict[str, Any]]], Distribution]:
    """Return the videos in their order with their pictures, and the measures of all together.

    Raises:
        WorkerDiedError: a video was lost with what looked at it.
    """
    watch.batch_started(Batch(len(video_ids), len(video_ids), unit=""))
    measures = Distribution(look.thresholds)
    seen: dict[str, tuple[VideoReport, dict[str, Any]]] = {}
    with closing(engine.run(look, video_ids)) as results:
        for video_id, found in results:
            if isinstance(found, Lost):
                folder = printable(look.store.folder(video_id))
                raise WorkerDiedError(f"{folder}: {found.why}.")
            measures.include(found.measures)
            seen[video_id] = found.video, found.pictures
            watch.item_done(video_id, 1)
    return [seen[video_id] for video_id in video_ids], measures


def _numbers(
    store: Dataset,
    result: ReportResult,
    breaks: BreakSettings,
    audit: AuditRecord | Failure | None,
) -> dict[str, Any]:
    """Return what ``report.json`` holds."""
    return {
        "prep_version": __version__,
        "dataset": printable(store.path.name),
        "totals": dataclasses.asdict(result.totals),
        "findings": [dataclasses.asdict(finding) for finding in result.findings],
        "histograms": [dataclasses.asdict(histogram) for histogram in result.histograms],
        "break_settings": dataclasses.asdict(breaks),
        "tracks": _tracks(audit) if isinstance(audit, AuditRecord) else None,
        "videos": [dataclasses.asdict(video) for video in result.videos],
    }


def _tracks(audit: AuditRecord) -> dict[str, Any]:
    """Return how many boxes CVAT filled in, for each label, as the last audit counted them."""
    labels: dict[str, TrackCounts] = defaultdict(TrackCounts)
    for task in audit.tasks:
        for label, counts in task.labels.items():
            labels[printable(label)] += counts
    return {
        "findings": len(audit.findings),
        "labels": {label: dataclasses.asdict(counts) for label, counts in labels.items()},
    }
