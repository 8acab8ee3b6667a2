"""One dataset, one choice of settings: the second half of the resume key."""

from collections.abc import Iterable, Mapping
from typing import Any

from ...base.errors import UsageError, printable
from ...base.words import count, listing
from ...dataset.records import VideoRecord
from ...settings.file import settings_digest
from ...settings.positions import parse_position
from ...video.codecs import is_exact_in_hardware


def refuse_other_settings(settings: Mapping[str, Any], records: Iterable[VideoRecord]) -> None:
    """Refuse to mix settings in one dataset.

    Args:
        settings: those of this run.
        records: the videos of this run that are in the dataset already.

    Raises:
        UsageError: one of them was made with other settings.
    """
    digest = settings_digest(settings)
    others = [r for r in records if _digest(r) != digest or _counts_otherwise(r)]
    if not others:
        return
    then = others[0].settings
    changes = ", ".join(
        f"{name} {_shown(then.get(name))} → {_shown(settings.get(name))}"
        for name in {**then, **settings}
        if then.get(name) != settings.get(name)
    )
    changes = changes or "times counted on the clock of the stream → from the first frame"
    raise UsageError(
        f"{count(len(others), 'video is', 'videos are')} in the dataset already with other "
        f"settings: {listing([record.id for record in others])} ({changes}). Nothing was done. "
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


def _shown(value: Any) -> str:
    return "not set" if value is None else printable(value)
