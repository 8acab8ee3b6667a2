"""The grey levels of a video: which of them its images spread out, and what is said of them."""

import dataclasses

from ...base.errors import VideoError, printable
from ...dataset.records import VideoInfo
from ...settings.positions import parse_levels
from ...settings.stages import AUTO, ExtractSettings
from ...video.levels import count_levels
from ...video.sources import Source

Levels = tuple[int, int]


def loses_bits(settings: ExtractSettings, info: VideoInfo) -> bool:
    """Whether the images of a video hold fewer bits than it does, and nobody has chosen which."""
    return info.is_deep and settings.format == "jpg" and settings.levels is None


def needs_measuring(settings: ExtractSettings, info: VideoInfo) -> bool:
    """Whether the levels of a video are to be measured, for its images or for a notice."""
    return settings.levels == AUTO or loses_bits(settings, info)


def mapped_levels(settings: ExtractSettings, measured: Levels | None) -> Levels | None:
    """Return the levels that become black and white in the images, if any do."""
    if settings.levels is None:
        return None
    return measured if settings.levels == AUTO else parse_levels(settings.levels)


def with_levels(settings: ExtractSettings, measured: Levels | None) -> ExtractSettings:
    """Return the settings with numbers in the place of what was to be measured."""
    levels = mapped_levels(settings, measured)
    text = None if levels is None else "{}:{}".format(*levels)
    return dataclasses.replace(settings, levels=text)


def refuse_levels(settings: ExtractSettings, source: Source, info: VideoInfo) -> None:
    """Hold the levels that are asked for against those that the video can have.

    Raises:
        VideoError: it cannot have the higher one.
    """
    levels, highest = mapped_levels(settings, None), count_levels(info) - 1
    if levels is not None and levels[1] > highest:
        raise VideoError(
            f"{printable(source.path)}: the grey levels {levels[0]} to {levels[1]} were asked for, "
            f"but those of this video go from 0 to {highest:,}.",
            "Set levels to a range within that or to auto, or leave the video out.",
        )
