"""The numbers of the whole dataset in a report: totals, what needs attention, distributions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.guard import Failure
from ...base.words import count
from ...dataset.frame_table import Fate, FrameTable, Reason
from ...dataset.marks import MARKS
from ...dataset.records import counted_together
from ...settings.stages import BreakSettings, ValidateSettings
from ...tracks.audit_record import AuditRecord
from .exhibits import BREAKS
from .video import VideoReport

_BINS = {
    # Sharpness spans powers of ten: what lies outside counts in the first or last bin.
    "sharpness": np.logspace(-1, 5, 61),
    "brightness": np.linspace(0, 256, 65),
    "contrast": np.linspace(0, 128, 65),
}
_DUPLICATES = {Reason.STILL.name.lower(), Reason.SIMILAR.name.lower()}
_NOTICES = {
    "damage": (
        "Damaged source",
        "Open it: its notices name the frames around which pictures may be broken. Get the file "
        "anew if you can.",
    ),
    "nothing-selected": (
        "No frame selected",
        "The range or sampling asked for leaves nothing. Extract it again with other settings.",
    ),
}


@dataclass(frozen=True)
class Threshold:
    """A limit drawn into a histogram; ``is_upper`` says on which side of it frames get ``mark``."""

    name: str
    measure: str
    value: float
    is_upper: bool
    mark: str


@dataclass(frozen=True)
class Histogram:
    """How a measure is distributed over the kept frames that were measured.

    ``counts[i]`` frames lie from ``edges[i]`` up to ``edges[i + 1]``. ``marked`` counts, for each
    name of a threshold, the frames beyond its value.
    """

    measure: str
    edges: list[float]
    counts: list[int]
    thresholds: tuple[Threshold, ...]
    marked: dict[str, int]


@dataclass(frozen=True)
class Finding:
    """Something about the dataset that a person should know.

    ``needs_person`` is false for what is no fault, but worth a look. ``count`` is in units that the
    title names; ``videos`` are the ids concerned, none where it is about the dataset.
    ``galleries`` are the kinds of those that show it.
    """

    kind: str
    needs_person: bool
    title: str
    advice: str
    count: int
    videos: tuple[str, ...]
    galleries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Totals:
    """The accounts of all videos together; ``seconds`` of those that have a clock, if any has.

    ``counted``: as in `dataset.records.Counts`; ``packets`` where that is so of any video.
    """

    videos: int
    frames_decoded: int
    counted: str
    kept: int
    duplicates: int
    sampled_out: int
    rejected: int
    files_on_disk: int
    size_bytes: int
    seconds: float | None
    breaks: int
    videos_with_findings: int
    balanced: bool


class Distribution:
    """Gathers a histogram of each measure, a video at a time."""

    def __init__(self, settings: ValidateSettings) -> None:
        self._settings = settings
        self._counts = {name: np.zeros(len(edges) - 1, int) for name, edges in _BINS.items()}
        self._marked: Counter[str] = Counter()

    @classmethod
    def of(cls, settings: ValidateSettings, parts: Iterable["Distribution"]) -> "Distribution":
        """Return what others have gathered with the same limits, together."""
        whole = cls(settings)
        for part in parts:
            for measure, counts in part._counts.items():
                whole._counts[measure] += counts
            whole._marked += part._marked
        return whole

    def add(self, frames: FrameTable) -> None:
        """Count the kept frames of a video."""
        for measure, edges in _BINS.items():
            values = getattr(frames, measure)[frames.fate == Fate.KEPT]
            values = np.asarray(values[~np.isnan(values)], dtype=np.float64)
            # The measures are float32: one of them may round to the edge above the last bin.
            inside = np.clip(values, edges[0], np.nextafter(edges[-1], 0))
            self._counts[measure] += np.histogram(inside, edges)[0]
        for mark in MARKS.values():
            self._marked[mark.setting] += len(mark.worst_first(frames, self._settings))

    def histograms(self) -> tuple[Histogram, ...]:
        """Return the histograms of those measures that any frame has."""
        return tuple(
            Histogram(
                measure,
                _BINS[measure].round(4).tolist(),
                counts.tolist(),
                limits := tuple(t for t in self._thresholds() if t.measure == measure),
                {limit.name: self._marked[limit.name] for limit in limits},
            )
            for measure, counts in self._counts.items()
            if counts.any()
        )

    def _thresholds(self) -> Iterable[Threshold]:
        for name, mark in MARKS.items():
            limit = mark.limit(self._settings)
            yield Threshold(mark.setting, mark.measure, limit, mark.is_upper, name)


def total(videos: Sequence[VideoReport], findings: Sequence[Finding]) -> Totals:
    """Return the sums over all videos."""
    counts = [video.counts for video in videos]
    seconds = [video.seconds for video in videos if video.seconds is not None]
    concerned = {id_ for finding in findings if finding.needs_person for id_ in finding.videos}
    return Totals(
        videos=len(videos),
        frames_decoded=sum(count.frames_decoded for count in counts),
        counted=counted_together(counts),
        kept=sum(count.kept for count in counts),
        duplicates=sum(count.duplicates for count in counts),
        sampled_out=sum(count.sampled_out for count in counts),
        rejected=sum(count.rejected for count in counts),
        files_on_disk=sum(count.files_on_disk for count in counts),
        size_bytes=sum(video.size_bytes for video in videos),
        seconds=round(sum(seconds), 3) if seconds else None,
        breaks=sum(video.breaks.total for video in videos),
        videos_with_findings=len(concerned),
        balanced=not any(video.imbalances for video in videos),
    )


def find(
    videos: Sequence[VideoReport], breaks: BreakSettings, audit: AuditRecord | Failure | None
) -> tuple[Finding, ...]:
    """Return what a person should know, what needs them first.

    Args:
        videos: all of the dataset.
        breaks: which breaks end a run.
        audit: the last audit, or why it cannot be read; ``None`` if there was none.
    """
    return (
        *_imbalances(videos),
        *_rejected(videos),
        *_notices(videos),
        *_unread(audit),
        *_breaks(videos, breaks),
        *_suggestions(videos),
    )


def _imbalances(videos: Sequence[VideoReport]) -> Iterable[Finding]:
    if concerned := [video.id for video in videos if video.imbalances]:
        yield Finding(
            "accounts",
            True,
            f"The accounts of {count(len(concerned), 'video')} do not balance",
            "Images or records were removed or changed. Extract the video again with 'prep extract "
            "--overwrite'; the frame numbers stay the same.",
            len(concerned),
            tuple(concerned),
        )


def _rejected(videos: Sequence[VideoReport]) -> Iterable[Finding]:
    reasons = {reason: None for video in videos for reason in video.reasons}
    for reason in sorted(reasons.keys() - _DUPLICATES):
        images = sum(video.reasons.get(reason, 0) for video in videos)
        yield Finding(
            reason,
            True,
            f"{count(images, 'image')} rejected: {reason.replace('_', ' ')}",
            "They are left out of uploads. Extract the video again with 'prep extract "
            "--overwrite'; the frame numbers stay the same.",
            images,
            tuple(video.id for video in videos if reason in video.reasons),
        )


def _notices(videos: Sequence[VideoReport]) -> Iterable[Finding]:
    concerned: dict[str, dict[str, None]] = {}
    for video in videos:
        for row in video.notices.rows:
            if row["is_finding"]:
                concerned.setdefault(row["kind"], {})[video.id] = None
    for kind, ids in concerned.items():
        title, advice = _NOTICES.get(kind, (kind.replace("-", " ").capitalize(), "Look at it."))
        shown = tuple(gallery for gallery in BREAKS if gallery == kind)
        yield Finding(
            kind, True, f"{title}: {count(len(ids), 'video')}", advice, len(ids), tuple(ids), shown
        )


def _unread(audit: AuditRecord | Failure | None) -> Iterable[Finding]:
    if isinstance(audit, Failure):
        advice = "Until it can be read, the report tells nothing of the tracks in CVAT."
        yield Finding("audit", True, audit.error, advice, 1, ())


def _breaks(videos: Sequence[VideoReport], breaks: BreakSettings) -> Iterable[Finding]:
    kinds: Counter[str] = Counter()
    for video in videos:
        kinds.update({k: n for k, n in video.break_kinds.items() if k in breaks.run_enders})
    if kinds:
        named = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common())
        yield Finding(
            "breaks",
            False,
            f"{count(kinds.total(), 'break')} where a tracker must not interpolate: {named}",
            "Begin a new track after each. A cut is only suspected: compare the two frames.",
            kinds.total(),
            tuple(video.id for video in videos if kinds.keys() & video.break_kinds.keys()),
            tuple(kind for kind in BREAKS if kind in kinds),
        )


def _suggestions(videos: Sequence[VideoReport]) -> Iterable[Finding]:
    suggested = {v.id: v.regions.suggested for v in videos if v.regions and v.regions.suggested}
    for video_id, regions in list(suggested.items())[:1]:
        options = " ".join(region.option for region in regions)
        yield Finding(
            "regions",
            False,
            f"{count(len(suggested), 'video')} in which a part of the picture changes all the time",
            "If it is a clock, a tree or a screen, ignore it, and dedupe leaves out more: "
            f"{options} for {video_id}. Each video shows where.",
            len(suggested),
            tuple(suggested),
        )
