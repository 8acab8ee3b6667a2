"""Read what a video file says of itself; nothing is decoded."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.format import Flags
from av.stream import Disposition
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc

from ..base.errors import NotAVideoError, NoVideoStreamError, printable
from ..base.words import listing, plural
from ..base.work import UNWATCHED, Link, refuse_stopped
from ..dataset.packet_index import PacketIndex
from ..dataset.recording import read_recording
from ..dataset.records import StreamInfo, VideoInfo
from .packets import read_packets
from .unreadable import encrypted, why_empty, why_not_opened

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,gif,"
    "apng,h264,hevc,vvc,m4v,mjpeg,mpjpeg,mxf,nut,rm,wtv,dv,ivf,obu,av1,yuv4mpegpipe,dhav,amv,"
    "h261,h263,vc1,dirac,cavsvideo,avs2,avs3,lvf,swf,nuv,4xm,bink,roq,smk,film_cpk,gxf"
)
"""Containers that are read. Playlists and concat scripts are not among them: they make ffmpeg
open whatever files and addresses they name."""

OPEN_TIMEOUT_SECONDS = 60.0

_FIELD_ORDERS = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}
"""FFmpeg's AVFieldOrder."""

_MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    14: "ictcp",
}
"""FFmpeg's AVColorSpace, by the names that its filters know."""

_ENCRYPTED_TAGS = {b"encv": "MP4", b"drmi": "FairPlay", b"\xdb\0\0\0": "SAMPLE-AES"}
"""Codec tags that say so: of MP4, where nothing else says how, of iTunes, and of HLS."""

_NO_TIMESTAMPS: Any = Flags.no_timestamps.value

_ANY_TITLE: dict[str, Any] = (
    {"metadata_errors": "replace"}
    if hasattr(av.container.InputContainer, "metadata_errors")
    else {}
)
"""Old phones write titles that are not UTF-8. Up to PyAV 18 such a file opens only by request."""


def probe(
    path: Path, link: Link = UNWATCHED, stream_index: int | None = None
) -> tuple[VideoInfo, PacketIndex]:
    """Return what the headers say of a video stream, and its packets.

    Args:
        path: the file.
        link: asked often whether to give up.
        stream_index: the stream; the usual one if absent, see `list_streams`.

    Raises:
        NotAVideoError: nothing in the file can be read as a video.
        NoVideoStreamError: it holds no video stream, only cover art, or nothing behind its header;
            or not that one.
        EncryptedError: its pictures are encrypted.
        InterruptedRunError: the link is stopped.
    """
    with _open(path) as container:
        streams = _moving_pictures(container, path)
        if stream_index is not None:
            _refuse_absent(stream_index, streams, path)
        read = read_packets(container, streams, link, path)
        counts = {index: len(packets.pts) for index, packets in read.items()}
        taken = _usual(counts) if stream_index is None else stream_index
        (stream,) = (stream for stream in streams if stream.index == taken)
        _refuse_unreadable(container, stream, path)
        if counts[taken] == 0:
            raise why_empty(path, claims_frames=bool(stream.frames))
        return _describe(container, stream, counts), read[taken]


def list_streams(path: Path, link: Link = UNWATCHED) -> tuple[int, ...]:
    """Return the indices of the video streams of a file, but cover art; the usual one first.

    That is the first one, as CVAT takes it; but never a single picture where there is more.

    Raises:
        NotAVideoError, NoVideoStreamError, InterruptedRunError: as in `probe`.
    """
    with _open(path) as container:
        streams = _moving_pictures(container, path)
        counts = dict.fromkeys((stream.index for stream in streams), 0)
        if len(streams) > 1:
            with contextlib.suppress(av.FFmpegError, IndexError):
                for packet in container.demux(streams):
                    counts[packet.stream_index] += bool(packet.size)
                    refuse_stopped(link)
                    if min(counts.values()) > 1:
                        break
        usual = _usual(counts)
        return usual, *(index for index in counts if index != usual)


def _usual(counts: Mapping[int, int]) -> int:
    """Return the stream that is taken if nobody names one, of the packets that each has."""
    return next((index for index, packets in counts.items() if packets > 1), next(iter(counts)))


def _refuse_absent(index: int, streams: Sequence[av.VideoStream], path: Path) -> None:
    if all(stream.index != index for stream in streams):
        there = listing([stream.index for stream in streams])
        raise NoVideoStreamError(
            f"{printable(path)}: there is no video stream {index} in the file; "
            f"{plural(len(streams), 'the only one is', 'there are')} {there}",
            "Set stream to one of these, or leave the file out.",
        )


def _refuse_unreadable(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path
) -> None:
    if stream.codec_context is None:
        raise NotAVideoError(
            f"{printable(path)}: the codec of its video is not known. The file may be damaged; "
            "else convert it first."
        )
    if scheme := _encryption_in_header(container, stream):
        raise encrypted(path, scheme)


def _encryption_in_header(
    container: av.container.InputContainer, stream: av.VideoStream
) -> str | None:
    """Return how the header says that a stream is encrypted, where it says so itself."""
    if "enc_key_id" in stream.metadata:
        return "Matroska ContentEncryption"
    if "ASF_Protection_Type" in container.metadata:
        return "Windows Media DRM"
    return _ENCRYPTED_TAGS.get(_codec_tag(stream))


def _describe(
    container: av.container.InputContainer, stream: av.VideoStream, counts: Mapping[int, int]
) -> VideoInfo:
    context = stream.codec_context
    duration = stream.duration
    seconds = (
        float(duration * stream.time_base)
        if duration is not None and stream.time_base is not None
        else container.duration / av.time_base
        if container.duration is not None
        else None
    )
    return VideoInfo(
        container=container.format.name,
        stream_index=stream.index,
        streams=tuple(
            _describe_stream(other, counts.get(other.index)) for other in container.streams
        ),
        codec=_codec_name(stream),
        profile=stream.profile,
        pixel_format=context.pix_fmt,
        coded_width=context.width,
        coded_height=context.height,
        average_rate=_fraction_text(stream.average_rate),
        time_base=str(Fraction(stream.time_base or Fraction(1, 1000))),
        start_time_seconds=(
            float(stream.start_time * stream.time_base)
            if stream.start_time is not None and stream.time_base is not None
            else None
        ),
        duration_seconds=seconds,
        frames_in_header=stream.frames or None,
        color_range=_color_name(ColorRange, context.color_range),
        color_primaries=_color_name(ColorPrimaries, context.color_primaries),
        color_transfer=_color_name(ColorTrc, context.color_trc),
        # PyAV before 18.1 does not tell it; the images show it then.
        field_order=_FIELD_ORDERS.get(getattr(context, "field_order", 0)),
        color_matrix=_MATRICES.get(context.colorspace),
        component_bits=max(
            (component.bits for component in context.format.components), default=None
        )
        if context.format
        else None,
        holds_timestamps=not container.format.flags & _NO_TIMESTAMPS,
        recording=read_recording(
            [container.metadata, stream.metadata, *(other.metadata for other in container.streams)]
        ),
    )


def _describe_stream(stream: av.stream.Stream, packets: int | None) -> StreamInfo:
    context = stream.codec_context if isinstance(stream, av.VideoStream) else None
    return StreamInfo(
        index=stream.index,
        type=str(stream.type),
        codec=_codec_name(stream),
        is_cover_art=_is_cover_art(stream),
        width=context.width if context is not None else None,
        height=context.height if context is not None else None,
        is_default=bool(stream.disposition & Disposition.default),
        packets=packets,
    )


@contextlib.contextmanager
def _open(path: Path):  # type: ignore[no-untyped-def]
    try:
        if path.stat().st_size == 0:
            raise NotAVideoError(f"{printable(path)}: the file is empty. Copy or record it again.")
        container = av.open(
            f"file:{os.fspath(path)}",
            options={"protocol_whitelist": "file", "format_whitelist": DEMUXERS},
            timeout=OPEN_TIMEOUT_SECONDS,
            **_ANY_TITLE,
        )
    except (av.FFmpegError, OSError) as error:
        raise why_not_opened(path, error) from error
    with container:
        yield container


def _moving_pictures(container: av.container.InputContainer, path: Path) -> list[av.VideoStream]:
    """Return the video streams, at least one, but those that are cover art."""
    videos = list(container.streams.video)
    if moving := [stream for stream in videos if not _is_cover_art(stream)]:
        return moving
    what = "only cover art" if videos else "no video stream"
    others = sorted({str(stream.type) for stream in container.streams} - {"video"})
    holds = f" (it holds {', '.join(others)})" if others else ""
    raise NoVideoStreamError(
        f"{printable(path)}: {what} in the file{holds}. There are no frames to extract: "
        "leave it out."
    )


def _is_cover_art(stream: av.stream.Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def _codec_tag(stream: av.VideoStream) -> bytes:
    try:
        return stream.codec_context.codec_tag.encode()
    except UnicodeDecodeError as error:  # which PyAV does not expect
        return bytes(error.object)


def _codec_name(stream: av.stream.Stream) -> str:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else "unknown"


def _fraction_text(value: Fraction | None) -> str | None:
    return str(Fraction(value)) if value else None


def _color_name(names: type[IntEnum], value: int) -> str | None:
    """Return FFmpeg's name of a colour property, ``None`` where it is not said."""
    try:
        name = names(value).name
    except ValueError:
        return None
    if name == "UNSPECIFIED":
        return None
    return {"MPEG": "tv", "JPEG": "pc"}.get(name, name.lower().replace("_", "-"))
