"""One dataset, one choice of settings: the second half of the resume key."""

from collections.abc import Iterable

from ...base.errors import UsageError
from ...base.words import count, listing
from ...dataset.records import VideoRecord
from ...settings.dedupe import DedupeSettings
from ...settings.file import effective_settings, settings_digest, shown
from ...settings.positions import parse_position
from ...settings.stages import ExtractSettings
from ...video.codecs import is_exact_in_hardware


def refuse_other_settings(
    extract: ExtractSettings, dedupe: DedupeSettings, records: Iterable[VideoRecord]
) -> None:
    """Refuse to mix settings in one dataset.

    Args:
        extract: what the images are in this run.
        dedupe: which frames it leaves out.
        records: the videos of this run that are in the dataset already.

    Raises:
        UsageError: one of them was made with other settings.
    """
    others = []
    for record in records:
        now = effective_settings(extract, dedupe.for_video(record.id, record.source.name))
        if _digest(record) != settings_digest(now) or _counts_otherwise(record):
            others.append((record, now))
    if not others:
        return
    then, settings = others[0][0].settings, others[0][1]
    changes = ", ".join(
        f"{name} {shown(then.get(name))} → {shown(settings.get(name))}"
        for name in {**then, **settings}
        if then.get(name) != settings.get(name)
    )
    changes = changes or "times counted on the clock of the stream → from the first frame"
    raise UsageError(
        f"{count(len(others), 'video is', 'videos are')} in the dataset already with other "
        f"settings: {listing([record.id for record, _ in others])} ({changes}). Nothing was done. "
        "Use --overwrite to extract again, or another --output to keep both."
    )


def _digest(record: VideoRecord) -> str:
    """Return the digest of the settings of a video, but of the hardware where that is exact.

    In datasets of prep 0.1 it is a setting of all videos.
    """
    if "hwaccel" not in record.settings or not is_exact_in_hardware(record.probe):
        return record.settings_digest
    return settings_digest({k: v for k, v in record.settings.items() if k != "hwaccel"})


def _counts_otherwise(record: VideoRecord) -> bool:
    """Whether prep 0.1 took times for those of the stream's clock, which does not begin at 0."""
    if record.probe.holds_timestamps is not None or not record.probe.start_time_seconds:
        return False
    given = (record.settings[name] for name in ("start", "end"))
    return any(text is not None and parse_position(text).unit == "time" for text in given)
