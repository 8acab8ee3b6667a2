"""Images of a committed video, made again from its source as they were made before."""

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import (
    DecoderDiedError,
    SourceChangedError,
    VideoError,
    printable,
)
from ..base.work import Link
from ..dataset.records import VideoRecord, in_words
from ..settings.dedupe import DedupeSettings
from ..settings.file import build_settings
from ..settings.stages import ExtractSettings, RunSettings
from .binary import find_ffmpeg
from .codecs import is_exact_in_hardware
from .identity import is_same_file
from .looks import needed_filters
from .passes import VideoDecoder
from .recipe import Recipe
from .sources import Source
from .written import checksum_written


def extract_again(
    record: VideoRecord,
    indices: npt.NDArray[np.int64],
    folder: Path,
    run: RunSettings,
    link: Link,
) -> tuple[npt.NDArray[np.int64], str]:
    """Write the images of these frames of a committed video into a work folder.

    Args:
        record: the video.
        indices: ascending frame indices.
        folder: named as the video.
        run: how the work is done; but in software.
        link: told how many more frames are decoded.

    Returns:
        The CRC-32 of each image file (int64, the shape of ``indices``), and the version of ffmpeg.

    Raises:
        SourceChangedError: the source is gone or another file now.
        VideoError: this video cannot be done.
        DiskFullError, FfmpegUnusableError, InterruptedRunError: nor can others.
    """
    # Recorded by prep 0.1, which decoded everything in hardware.
    hwaccel = record.settings.get("hwaccel")
    if hwaccel and not is_exact_in_hardware(record.probe):
        raise VideoError(
            f"{printable(record.id)}: its images were made with hwaccel '{printable(hwaccel)}', "
            f"which decodes {record.probe.codec} to other bytes than software does, so nothing was "
            "restored",
            "Extract the video anew with 'prep extract --overwrite --dedupe off'.",
        )
    recipe = _recipe_of(record, dataclasses.replace(run, hwaccel=None))
    return _extract_again(record, indices, folder, recipe, link), recipe.ffmpeg.version


def _recipe_of(record: VideoRecord, run: RunSettings) -> Recipe:
    """Return how the images of a video were made, with the ffmpeg that is there now."""
    names = (field.name for field in dataclasses.fields(ExtractSettings))
    then = {name: record.settings[name] for name in names if name in record.settings}
    if record.levels is not None:  # as measured, if they were
        then["levels"] = "{}:{}".format(*record.levels)
    settings = build_settings(ExtractSettings, then, "extract")
    ffmpeg = find_ffmpeg(run, needed_filters(settings))
    return Recipe(settings, DedupeSettings("off"), run, ffmpeg, threads=None)


def _extract_again(
    record: VideoRecord,
    indices: npt.NDArray[np.int64],
    folder: Path,
    recipe: Recipe,
    link: Link,
) -> npt.NDArray[np.int64]:
    source = Source(Path(record.source.path), record.source.name)
    if not source.path.is_file() or not is_same_file(source.path, record.source, link):
        what = "has changed since" if source.path.is_file() else "is gone from where it was when"
        raise SourceChangedError(
            f"{printable(source.path)}: the file {what} '{printable(record.id)}' was extracted "
            "from it, so its frames cannot be restored. Put it back there and run again; if "
            "it was renamed or moved, run 'prep extract' on it where it is now, and its record "
            "follows. Or extract it anew with 'prep extract --overwrite --dedupe off'."
        )
    decoded = VideoDecoder(recipe, source, record.probe, folder, link).write(indices)
    is_as_then = len(decoded.pts) == record.counts.frames_decoded
    if not is_as_then or not np.array_equal(decoded.kept, indices):
        counts = record.counts
        way_out = (
            f"Use the ffmpeg of that time, version {printable(record.ffmpeg_version)}."
            if counts.counted == "decoded"
            else "It may be damaged where nothing was decoded then; extract it anew with "
            "'prep extract --overwrite --count decode'."
        )
        raise DecoderDiedError(
            f"{printable(source.path)}: {len(decoded.pts)} frames were decoded, but "
            f"{counts.frames_decoded} {in_words(counts.counted)} when it was extracted, so their "
            f"numbers are not certain and nothing was restored. {way_out}"
        )
    return checksum_written(source, folder, decoded.kept, record.images, link)
