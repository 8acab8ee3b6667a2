"""Build the command of ffmpeg for one video. The only owner of ffmpeg-python.

`video.decoder` runs the command. Its filter graph, and why it is so:

- ``scale`` first, without arguments, passes frames on untouched, until the stream changes its size
  or pixel format: then it keeps what follows at the first size. Without it ffmpeg 9 and 5 crash on
  a stream that shrinks.
- What hardware decodes comes as nv12 or p010, where the same values lie in another order.
  ``format`` puts them into that of software, so that all that follows is the same.
- ``settb``: all timestamps in the time base of the probe, which ffmpeg does not always share.
- ``bwdif``, where it is asked for, stands before all choices, for it looks at the frames before
  and after each; and before ``settb``, for it halves the time base.
- The colour matrix, where it is given, is written into all frames first: the scaler would convert
  the colours of a stream that changes it, and ffmpeg's own command line does not.
- The scene score takes few pixel formats. Where the images are to keep another one, each branch
  begins with a ``scale``, which converts for what follows: else ffmpeg does so before the split.
- One branch scores and prints every frame, with its true timestamp, into the log, and writes a tiny
  picture of it, by which cuts are found. The other selects and numbers: its timestamps *become* the
  frame index, which image2 puts into the file name.
  ``1e12`` carries the choice over the change of time base.
- Of a segment, the frames before it are let go, and ``trim`` ends the reading behind its border.
  Checksums of the frames that neighbours share go into the log.
- Where few packets are to be decoded, a bitstream filter drops the others: ``noise``, which can do
  that by number, and leaves those that it lets pass as they are.
- ``settb`` with ``-enc_time_base`` to match: the encoder's own, coarser one makes frames with close
  timestamps collide, and ffmpeg then gives up, now and then.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import ffmpeg as ffmpeg_python

from ..dataset.image_folder import ImageNames
from ..dataset.records import VideoInfo
from ..pictures.thinner import THUMBNAIL_SIDE
from ..settings.positions import parse_levels
from ..settings.stages import ExtractSettings
from .binary import Ffmpeg
from .codecs import thread_options
from .cuts import shrink
from .frame_pipe import HANDED_OVER
from .levels import map_levels, sample_levels
from .looks import deinterlace, tonemap
from .probe import DEMUXERS
from .recipe import Pass, Recipe
from .segments import BORDER_FRAMES, Segment
from .still import average_cells, drop_still

_SCORED_AS = {"jpg": "yuvj420p|yuvj422p|yuvj444p", "png": "gray|rgb24|rgba"}
"""Pixel formats that both the scene score and images of a format take."""

_ONLY_IN_PNG = frozenset(("monob", "monow", "pal8", "ya8"))
"""Pixel formats of at most 8 bits that images may have, and the scene score does not take."""

GRAPH_FILE = "graph.txt"
PACKETS_FILE = "packets.txt"
THUMBNAILS_FILE, SAMPLES_FILE = "thumbnails.gray", "samples.raw"
CUTS_FILE = "cuts.yuv"
"""What ffmpeg reads and writes besides, two folders above that of the images, where it runs."""

_TWO_UP = "../../"
_SAYING = ("-hide_banner", "-nostats")

MARK = "prep"
"""The metadata key under which ffmpeg prints the frames that are ``selected``, ``kept``, or changed
on the left ``edge``."""


def extraction_command(
    recipe: Recipe,
    work: Pass,
    info: VideoInfo,
    source: str,
    stem: str,
    targets: Sequence[str] = (),
) -> tuple[list[str], dict[str, str]]:
    """Return the command line of a pass over a video, and the files that it reads, by their names.

    Args:
        recipe: settings and ffmpeg.
        work: the pass.
        info: the header of the video.
        source: its path, without characters that would disturb the log.
        stem: what the names of its images begin with.
        targets: where a pass that hands over cells writes these, and then where its frames go.
    """
    timing = _timing(recipe.ffmpeg)
    stream, border = _read(recipe, work, info, source)
    branches = stream.filter_multi_output("split")
    scored, is_apart = branches[0], _keeps_format(recipe.settings, work, info)
    if is_apart:
        scored = scored.filter("scale").filter("format", _SCORED_AS[recipe.settings.format])
    scored = scored.filter("scdet").filter("metadata", mode="print", key="lavfi.scd.score")
    told = [] if border is None else [_number(border, "N")]
    chosen = _choose(branches[1], recipe.settings, work)
    if work.blocks is not None:
        late = work.converts_late(recipe.settings, info)
        chosen, edge = drop_still(chosen, recipe.settings, work.blocks, info, converts_late=late)
        told.append(_mark(edge, "edge"))
    chosen = _mark(chosen, "kept").filter("metadata", mode="delete", key=MARK)
    handed = []
    if targets:
        branches = chosen.filter_multi_output("split")
        chosen = branches[0]
        handed.append(average_cells(branches[1], info).output(targets[0], **HANDED_OVER, **timing))
    if work.hands_frames:
        written = chosen.output(targets[1], **HANDED_OVER, **timing)
    else:
        if work.segment is not None:
            chosen = chosen.filter("setpts", f"PTS+{work.segment.first}")
        written = _write(chosen, recipe, work, info, stem, is_apart=is_apart)
    outputs = [stream.output("-", format="null", **timing) for stream in told]
    tiny = shrink(_number(scored, "N")).output(_TWO_UP + CUTS_FILE, format="rawvideo", **timing)
    command, graph = _compile(recipe.ffmpeg, written, [tiny, *outputs, *handed])
    files = {GRAPH_FILE: graph}
    if work.packets is not None:
        files[PACKETS_FILE] = f"noise=drop='not({work.packets})'"
    return ([*command, "-debug_ts"] if work.is_careful else command), files


def encoding_command(recipe: Recipe, work: Pass, info: VideoInfo, stem: str) -> list[str]:
    """Return the command line that encodes what a pass hands over, and numbers it from 0."""
    stream = ffmpeg_python.input("pipe:0", format=HANDED_OVER["format"])["V:0"]
    written = _write(_number(stream, "N"), recipe, work, info, stem, is_apart=False)
    return list(written.global_args(*_SAYING).compile(cmd=recipe.ffmpeg.path))


def _timing(ffmpeg: Ffmpeg) -> dict[str, Any]:
    return {**ffmpeg.passthrough, "enc_time_base": "1/1000"}


def _write(
    chosen: Any, recipe: Recipe, work: Pass, info: VideoInfo, stem: str, *, is_apart: bool
) -> Any:
    """Return the output of the frames that are chosen: images, or small pictures of them."""
    timing = _timing(recipe.ffmpeg)
    if work.writes_images:
        if recipe.settings.levels is not None:
            levels = parse_levels(recipe.settings.levels)
            chosen = map_levels(chosen.filter("scale"), levels, info)
        elif recipe.settings.tonemap and info.is_hdr:
            chosen = tonemap(chosen, info, recipe.settings.format)
        elif (
            is_apart or work.converts_late(recipe.settings, info)
        ) and recipe.settings.max_size is None:
            # Else ffmpeg lets the first scaler of the graph convert every frame for the encoder.
            chosen = chosen.filter("scale")
        return _images(chosen, recipe.settings, stem, {**timing, **recipe.thread_options})
    if work.is_sample:
        sampled = sample_levels(chosen, info)
        return sampled.output(_TWO_UP + SAMPLES_FILE, format="rawvideo", **timing)
    side = THUMBNAIL_SIDE
    chosen = chosen.filter("scale", side, side, flags="area").filter("format", "gray")
    return chosen.output(_TWO_UP + THUMBNAILS_FILE, format="rawvideo", **timing)


def _keeps_format(settings: ExtractSettings, work: Pass, info: VideoInfo) -> bool:
    """Whether frames reach the images, or the comparison, as the scene score does not take them."""
    if work.is_sample:
        return True
    is_palette = settings.format == "png" and info.pixel_format in _ONLY_IN_PNG
    if is_palette or settings.levels is not None:
        return work.writes_images
    return info.is_deep and (settings.format == "png" or work.hands_cells)


def _read(recipe: Recipe, work: Pass, info: VideoInfo, source: str) -> tuple[Any, Any]:
    """Return the frames of a video, or of a segment of it; and those at its border, if any."""
    options: dict[str, Any] = {
        "protocol_whitelist": "file",
        "format_whitelist": DEMUXERS,
        "reinit_filter": 0,
        "copyts": None,
    }
    if recipe.run.hwaccel:
        options["hwaccel"] = recipe.run.hwaccel
    if work.is_of_keys:
        options["skip_frame"] = "nokey"
    if work.packets is not None:
        options["/bsf:v"] = _TWO_UP + PACKETS_FILE
    options |= {"threads": 1} if work.is_careful else recipe.thread_options
    options |= thread_options(info)
    if work.segment is not None and work.segment.seek_seconds is not None:
        options |= _seek(work.segment.seek_seconds)
    stream = ffmpeg_python.input(f"file:{source}", **options)[f"V:{info.stream_number}"]
    if work.matrix is not None:
        stream = stream.filter("setparams", colorspace=work.matrix)
    stream = stream.filter("scale")
    if recipe.run.hwaccel:
        stream = stream.filter("format", info.pixel_format)
    if recipe.settings.deinterlace:
        stream = deinterlace(stream)
    stream = stream.filter("settb", info.time_base)
    if work.ends_after is not None and work.segment is None:
        stream = stream.filter("trim", end_frame=work.ends_after + 1)
    return (stream, None) if work.segment is None else _cut_out(stream, work.segment)


def _choose(stream: Any, settings: ExtractSettings, work: Pass) -> Any:
    """Return the frames that are selected, each with its index for a timestamp."""
    condition = f"({work.condition})"
    if work.segment is not None:
        condition += f"*lt(N,{work.segment.frames})"
    stream = stream.filter("setpts", f"1e12*{condition}")
    key = "*key" if settings.keyframes else ""
    stream = (
        _number(stream, "if(gt(PTS,0),N,-1)")
        .filter("select", f"gte(pts,0){key}")
        .filter("metadata", mode="add", key=MARK, value="selected")
    )
    if work.selects_all(settings):
        return stream
    return stream.filter("metadata", mode="print", key=MARK)


def _compile(ffmpeg: Ffmpeg, written: Any, outputs: Sequence[Any]) -> tuple[list[str], str]:
    command = (
        ffmpeg_python.merge_outputs(written, *outputs)
        .global_args(*_SAYING, "-nostdin", "-loglevel", "repeat+level+info")
        .global_args("-max_error_rate", "1")
        .compile(cmd=ffmpeg.path)
    )
    place = command.index("-filter_complex")
    graph = command[place + 1]
    # The graph of a long sampled video is larger than a command line may be.
    command[place : place + 2] = [ffmpeg.graph_from_file, _TWO_UP + GRAPH_FILE]
    return command, graph


def _seek(seconds: Fraction) -> dict[str, Any]:
    """Return the input options that make ffmpeg begin at the keyframe at or before an instant."""
    return {"ss": f"{float(seconds):.6f}", "seek_timestamp": 1, "noaccurate_seek": None}


def _cut_out(stream: Any, segment: Segment) -> tuple[Any, Any]:
    """Return the frames of a segment with those of its border; and those that a neighbour has too.

    The second stream is for the log only: size, format and checksum of each frame.
    """
    if segment.start_pts is not None:
        # Frames without a timestamp pass as well, to be noticed.
        stream = stream.filter("select", f"not(lt(pts,{segment.start_pts}))")
    if segment.border:
        stream = stream.filter("trim", end_frame=segment.frames + segment.border)
    branches = stream.filter_multi_output("split")
    at_border = branches[1].filter("select", f"lt(n,{BORDER_FRAMES})+gte(n,{segment.frames})")
    return branches[0], at_border.filter("showinfo")


def _number(stream: Any, index: str) -> Any:
    return stream.filter("settb", "1/1000").filter("setpts", index)


def _mark(stream: Any, value: str) -> Any:
    return stream.filter("metadata", mode="modify", key=MARK, value=value).filter(
        "metadata", mode="print", key=MARK
    )


def _images(stream: Any, settings: ExtractSettings, stem: str, options: dict[str, Any]) -> Any:
    if settings.max_size is not None:
        factor = f"min(1,{settings.max_size}/max(iw,ih))"
        stream = stream.filter("scale", f"max(1,round(iw*{factor}))", f"max(1,round(ih*{factor}))")
    codec = (
        {"c:v": "mjpeg", "q:v": settings.quality} if settings.format == "jpg" else {"c:v": "png"}
    )
    names = ImageNames(stem, settings.digits, settings.format)
    return stream.output(f"./{names.template}", format="image2", frame_pts=1, **codec, **options)
