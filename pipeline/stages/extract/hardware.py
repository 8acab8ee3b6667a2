"""Which videos of a run hardware decodes, and what is said where it does not.

ffmpeg itself decodes in software where the hardware cannot, and goes on. So it is asked first, with
one frame of each video; and what hardware delivers counts only if there is nothing to complain of.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...base.errors import DecoderKilledError, HwaccelError, VideoError
from ...base.words import count
from ...dataset.frame_table import MISSING_PTS
from ...dataset.records import Notice, VideoInfo
from ...settings.stages import RunSettings
from ...video.binary import Ffmpeg
from ...video.chosen import Chosen
from ...video.codecs import is_exact_in_hardware
from ...video.hardware import decode_in_hardware, find_device
from ...video.passes import VideoDecoder
from ...video.segments import UnprovenSegmentError
from ...video.sources import Source
from .links import CountingLink


def settle_hardware(ffmpeg: Ffmpeg, run: RunSettings) -> tuple[RunSettings, tuple[Notice, ...]]:
    """Return the settings with hardware that is there, or none; and what there is to say.

    Raises:
        HwaccelError: the device that is named is not there.
    """
    if run.hwaccel is None:
        return run, ()
    found = find_device(ffmpeg, run.hwaccel)
    text = "no device that decodes videos was found here, so all were decoded in software."
    notices = () if found else (Notice("no-hardware", text),)
    return dataclasses.replace(run, hwaccel=found), notices


def try_hardware(
    ffmpeg: Ffmpeg, run: RunSettings, source: Source, info: VideoInfo
) -> tuple[str | None, str | None]:
    """Return the hardware that is to decode a video, if any is; and why it cannot, if it should.

    None is to where damage has to be found: hardware says nothing of a picture that is broken.
    """
    if run.hwaccel is None or run.on_damage == "fail" or not is_exact_in_hardware(info):
        return None, None
    try:
        decode_in_hardware(ffmpeg, run.hwaccel, source.path, info, frames=1)
    except HwaccelError as error:
        return None, error.what
    return run.hwaccel, None


def choose_anyhow(
    decoder: VideoDecoder,
    choose: Callable[[VideoDecoder], Chosen],
    promised_pts: npt.NDArray[np.int64],
) -> Chosen:
    """Make a choice in hardware, if the settings have any; in software where there is any doubt.

    Hardware must deliver what the packets promise, and ffmpeg must have nothing to complain of.

    Args:
        decoder: of the video.
        choose: what it does.
        promised_pts: int64, the timestamps of the packets that are shown, in any order.

    Raises:
        What software raises; InterruptedRunError, DiskFullError.
    """
    link = CountingLink(decoder.link)
    run = decoder.recipe.run
    if run.hwaccel is None:
        return choose(decoder)
    try:
        chosen = choose(dataclasses.replace(decoder, link=link))
        why = _doubt(chosen, promised_pts)
    except DecoderKilledError:
        raise  # which says nothing of the hardware
    except (VideoError, HwaccelError) as error:
        why = error.what
    except UnprovenSegmentError as error:
        why = str(error)
    if why is None:
        return dataclasses.replace(chosen, decoder=run.hwaccel)
    decoder.link.tell(-link.frames_told)
    software = dataclasses.replace(decoder.recipe, run=dataclasses.replace(run, hwaccel=None))
    chosen = choose(dataclasses.replace(decoder, recipe=software))
    return dataclasses.replace(chosen, why_software=why)


def _doubt(chosen: Chosen, promised_pts: npt.NDArray[np.int64]) -> str | None:
    """Return what is wrong with what hardware delivered, if anything is."""
    pts, transcript = np.sort(chosen.decoded.pts), chosen.decoded.transcript
    if transcript.evidence.complaints:
        return transcript.evidence.complaints[0]
    if transcript.size_changes:
        return "the stream changes its size or format"
    if len(pts) != len(promised_pts):
        promised = count(len(promised_pts), "packet")  # of which the file may hide some
        return f"it gave {count(len(pts), 'frame')} of {promised}"
    # Some containers have none, and some count them from another instant than ffmpeg.
    is_timed = MISSING_PTS not in promised_pts
    if is_timed and not np.array_equal(np.diff(pts), np.diff(np.sort(promised_pts))):
        return "it gave other times than the packets"
    return None


def tell_software(why: str | None) -> tuple[Notice, ...]:
    """Return the notice that a video, or a part of it, was decoded in software after all."""
    if why is None:
        return ()
    text = f"hardware was tried, but this was decoded in software: {why.removesuffix('.')}."
    return (Notice("software", text),)
