"""The stage: one page that shows a dataset, and the same numbers for machines."""

import dataclasses
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ... import __version__
from ...base.errors import ExitCode, WorkerDiedError, printable
from ...base.guard import Failure, guard
from ...base.work import Batch, Watch
from ...cvat.journal import Journal
from ...dataset.failed import FailedSource, read_failed
from ...dataset.files import WRITE_ELSEWHERE, results_folder, save_text
from ...dataset.store import AUDIT_NAME, Dataset, open_dataset
from ...engines.base import Engine, Lost
from ...engines.choice import engine_for
from ...settings.stages import BreakSettings, RunSettings, ValidateSettings
from ...tracks.audit_record import AuditRecord, read_audit
from ...tracks.statistics import TrackCounts
from . import UNITS
from .current import NUMBERS_NAME, PAGE_NAME, describe_inputs, remember
from .exhibits import Exhibit, Picture
from .galleries import Gallery, choose, hang, images_of, open_galleries
from .page import Pictures, write_page
from .remarks import tell_failed, tell_worth_a_look
from .summary import Distribution, Finding, Histogram, Totals, find, total
from .units import Draw, Look, Seen
from .video import Extent, VideoReport

T = TypeVar("T")

_PICTURE_BYTES_OF_ALL = 2_300_000
_COVER_BYTES_OF_ALL = 600_000
_PAGE_BYTES = 9_300_000
_GALLERY_BYTES = (500_000, 3_500_000)
"""Pictures of the galleries take what the rest leaves of the page, within these bounds."""
_GALLERY_SIDES = (320, 200)
_LARGE_PICTURE_BYTES = 16_000
"""About so many takes a picture of the larger side."""


@dataclass(frozen=True)
class ReportResult:
    """What was written where, and what it says. That something needs attention is no failure.

    ``failed`` are sources of which nothing is in the dataset.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.OK

    page: Path
    numbers: Path
    totals: Totals
    findings: tuple[Finding, ...]
    histograms: tuple[Histogram, ...]
    galleries: tuple[Gallery, ...]
    videos: tuple[VideoReport, ...]
    failed: tuple[FailedSource, ...]


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

    The same dataset gives the same bytes; no lock is needed, and nothing else in it is touched but
    what spares the next report work.
    So many parameters, as all but the first are optional.

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
    validate = validate or ValidateSettings()
    folder = store.path if output is None else results_folder(output)
    inputs = describe_inputs(store, breaks, validate)
    look = _look_of(store, folder, breaks, validate)
    with engine_for(engine, run or RunSettings(), UNITS) as engine:
        seen = _look_at_all(look, store.video_ids(), engine, watch or Watch())
        hung, drawn = _draw(store, seen, engine)
    galleries = open_galleries({s.video.id: s.shares for s in seen}, hung, breaks, validate)
    videos = tuple(each.video for each in seen)
    audit = guard(lambda: read_audit(store.path / AUDIT_NAME), None, store.path / AUDIT_NAME)
    failed = read_failed(store.path)
    findings = (*tell_failed(failed), *find(videos, breaks, audit), *tell_worth_a_look(galleries))
    result = ReportResult(
        page=folder / PAGE_NAME,
        numbers=folder / NUMBERS_NAME,
        totals=total(videos, findings),
        findings=findings,
        histograms=Distribution.of(validate, (each.measures for each in seen)).histograms(),
        galleries=galleries,
        videos=videos,
        failed=failed,
    )
    numbers = _numbers(store, result, breaks, audit)
    text = json.dumps(numbers, separators=(",", ":"))
    save_text(result.numbers, [text, "\n"], way_out=WRITE_ELSEWHERE)
    write_page(result.page, numbers, Pictures.of(seen, drawn, look.images_at))
    if folder == store.path:
        remember(store, inputs, result.totals)
    return result


def _look_of(
    store: Dataset, folder: Path, breaks: BreakSettings, validate: ValidateSettings
) -> Look:
    count = len(store.video_ids())
    return Look(
        store=store,
        breaks=breaks,
        validate=validate,
        extent=Extent.for_videos(count),
        uploads=Journal(store.path).uploads,
        picture_bytes=_PICTURE_BYTES_OF_ALL // count,
        cover_bytes=_COVER_BYTES_OF_ALL // count,
        images_at=os.path.relpath(store.path, folder),
    )


def _look_at_all(look: Look, video_ids: Sequence[str], engine: Engine, watch: Watch) -> list[Seen]:
    """Return what was seen of the videos, in their order.

    Raises:
        WorkerDiedError: a video was lost with what looked at it.
    """
    watch.batch_started(Batch(len(video_ids), len(video_ids), unit=""))
    seen: dict[str, Seen] = {}
    with closing(engine.run(look, video_ids)) as results:
        for video_id, found in results:
            seen[video_id] = _survived(found, look.store.folder(video_id))
            watch.item_done(video_id, 1)
    return [seen[video_id] for video_id in video_ids]


def _draw(
    store: Dataset, seen: Sequence[Seen], engine: Engine
) -> tuple[list[Exhibit], dict[Picture, str]]:
    """Return what is shown in the galleries, and its pictures.

    Raises:
        WorkerDiedError: a video was lost with what drew its pictures.
    """
    chosen = choose({each.video.id: each.shares for each in seen})
    images = images_of(chosen)
    least, most = _GALLERY_BYTES
    room_bytes = min(max(_PAGE_BYTES - sum(each.page_bytes for each in seen), least), most)
    wanted_bytes = _LARGE_PICTURE_BYTES * sum(map(len, images.values()))
    draw = Draw(store, images, _GALLERY_SIDES[wanted_bytes > room_bytes])
    drawn: dict[Picture, str] = {}
    with closing(engine.run(draw, list(images))) as results:
        for video_id, found in results:
            for frame, drawing in _survived(found, store.folder(video_id)).items():
                drawn[Picture(video_id, frame, images[video_id][frame])] = drawing
    return hang(chosen, drawn, room_bytes)


def _survived(found: T | Lost, folder: Path) -> T:
    if isinstance(found, Lost):
        raise WorkerDiedError(f"{printable(folder)}: {found.why}.")
    return found


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
        "galleries": [dataclasses.asdict(gallery) for gallery in result.galleries],
        "break_settings": dataclasses.asdict(breaks),
        "tracks": _tracks(audit) if isinstance(audit, AuditRecord) else None,
        "failed": [
            {"path": printable(source.path), "error": printable(source.error)}
            for source in result.failed
        ],
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
