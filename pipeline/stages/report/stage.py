"""Report: one page that shows a dataset, and the same numbers for machines.

The page needs nothing but itself: style, script, numbers and small pictures are inside.
"""

import dataclasses
import functools
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ... import __version__
from ...base.errors import WorkerDiedError, printable
from ...base.guard import guard
from ...base.work import Batch, Link, Watch, refuse_stopped
from ...cvat.journal import Journal, Upload
from ...dataset.files import WRITE_ELSEWHERE, results_folder, save_text
from ...dataset.records import VideoRecord
from ...dataset.store import AUDIT_NAME, Dataset, open_dataset
from ...engines.base import Engine, Lost
from ...engines.choice import engine_for
from ...pages.environment import render
from ...pictures.thumbnails import thumbnail
from ...settings.stages import BREAK_KINDS, BreakSettings, RunSettings, ValidateSettings
from ...tracks.audit_record import AuditRecord, read_audit
from ...tracks.statistics import TrackCounts
from . import UNITS
from .summary import Distribution, Finding, Histogram, Threshold, Totals, find, thresholds_of, total
from .video import Extent, VideoReport, read_video

_PICTURE_BYTES_OF_ALL = 3_500_000
_LARGE_FROM_BYTES = 60_000
_LARGE, _SMALL = 320, 144


@dataclass(frozen=True)
class ReportResult:
    """What was written where, and what it says."""

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
    video_ids, watch = store.video_ids(), watch or Watch()
    thresholds = thresholds_of(validate or ValidateSettings())
    look = functools.partial(
        _look_at,
        store,
        breaks,
        Extent.for_videos(len(video_ids)),
        Journal(store.path).uploads,
        thresholds,
        _PICTURE_BYTES_OF_ALL // len(video_ids),
        os.path.relpath(store.path, folder),
    )
    watch.batch_started(Batch(len(video_ids), len(video_ids), unit=""))
    distribution = Distribution(thresholds)
    seen: dict[str, tuple[VideoReport, dict[str, Any]]] = {}
    with (
        engine_for(engine, run or RunSettings(), UNITS) as engine,
        closing(engine.run(look, video_ids)) as results,
    ):
        for video_id, found in results:
            if isinstance(found, Lost):
                raise WorkerDiedError(f"{printable(store.folder(video_id))}: {found.why}.")
            video, drawn, of_video = found
            distribution.include(of_video)
            seen[video_id] = video, drawn
            watch.item_done(video_id, 1)
    videos, pictures = zip(*(seen[video_id] for video_id in video_ids), strict=True)
    file = store.path / AUDIT_NAME
    audit = guard(lambda: read_audit(file), None, file)
    findings = find(videos, breaks, audit)
    result = ReportResult(
        page=folder / "report.html",
        numbers=folder / "report.json",
        totals=total(videos, findings),
        findings=findings,
        histograms=distribution.histograms(),
        videos=videos,
    )
    numbers = {
        "prep_version": __version__,
        "dataset": printable(store.path.name),
        "totals": dataclasses.asdict(result.totals),
        "findings": [dataclasses.asdict(finding) for finding in findings],
        "histograms": [dataclasses.asdict(histogram) for histogram in result.histograms],
        "break_settings": dataclasses.asdict(breaks),
        "tracks": _tracks(audit) if isinstance(audit, AuditRecord) else None,
        "videos": [dataclasses.asdict(video) for video in videos],
    }
    text = json.dumps(numbers, separators=(",", ":"))
    save_text(result.numbers, [text, "\n"], way_out=WRITE_ELSEWHERE)
    save_text(result.page, _render(numbers, pictures), way_out=WRITE_ELSEWHERE)
    return result


def _look_at(
    store: Dataset,
    breaks: BreakSettings,
    extent: Extent,
    uploads: tuple[Upload, ...],
    thresholds: tuple[Threshold, ...],
    picture_bytes: int,
    images_at: str,
    video_id: str,
    link: Link,
) -> tuple[VideoReport, dict[str, Any], Distribution]:
    """Return the numbers of a video, its small pictures, and the measures of its frames."""
    refuse_stopped(link)
    record, frames = store.read_video(video_id)
    distribution = Distribution(thresholds)
    distribution.add(frames)
    video = read_video(store, record, frames, breaks, extent, uploads)
    return video, _pictures(store, record, video, picture_bytes, images_at), distribution


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


def _render(numbers: dict[str, Any], pictures: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Yield the page in pieces."""
    concerns: dict[str, list[str]] = {}
    for finding in numbers["findings"]:
        for video_id in finding["videos"] if finding["needs_person"] else ():
            concerns.setdefault(video_id, []).append(finding["kind"])
    values = {"pictures": pictures, "concerns": concerns, "break_kinds": BREAK_KINDS}
    return render("report", {"clock": _clock, "size": _size}, numbers | values)


def _pictures(
    store: Dataset, record: VideoRecord, video: VideoReport, limit_bytes: int, images_at: str
) -> dict[str, Any]:
    """Return small pictures of the frames that a video shows, and where the images are.

    They take at most ``limit_bytes``: where they are too many, every other one goes. ``images_at``
    is the path from the page to the dataset.
    """
    wanted = dict.fromkeys([*(i for p in video.pairs for i in (p.left, p.right)), *video.sheet])
    names = {i: record.images.name(i) for i in wanted}
    side = _LARGE if limit_bytes >= _LARGE_FROM_BYTES else _SMALL
    drawn = {i: thumbnail(store.folder(record.id) / name, side) for i, name in names.items()}
    while sum(map(len, drawn.values())) > limit_bytes:
        drawn = dict(list(drawn.items())[::2]) if len(drawn) > 1 else {}
    folder = quote(os.fsencode(Path(images_at) / record.id))
    return {
        "thumbnails": drawn,
        "images": {i: f"{folder}/{quote(os.fsencode(name))}" for i, name in names.items()},
    }


def _clock(seconds: float | None) -> str:
    """Return a length of time as people write it: 0:04.0, 12:07, 3:04:09."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02d}:{int(rest):02d}"
    return f"{minutes}:{rest:04.1f}"


def _size(size_bytes: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:,.1f} TB"
