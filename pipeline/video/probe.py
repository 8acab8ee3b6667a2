"""Read what a video file says of itself, and list its packets; nothing is decoded.

The only owner of the demuxer library (PyAV).
"""

import contextlib
import os
from array import array
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc

from ..base.errors import NotAVideoError, NoVideoStreamError, printable
from ..base.work import UNWATCHED, Link, refuse_stopped
from ..dataset.frame_table import MISSING_PTS
from ..dataset.records import PacketIndex, StreamInfo, VideoInfo
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

_ANY_TITLE: dict[str, Any] = (
    {"metadata_errors": "replace"}
    if hasattr(av.container.InputContainer, "metadata_errors")
    else {}
)
"""Old phones write titles that are not UTF-8. Up to PyAV 18 such a file opens only by request."""


def probe(path: Path, link: Link = UNWATCHED) -> tuple[VideoInfo, PacketIndex]:
    """Return what the headers say of the video stream that ffmpeg calls ``0:V:0``, and its packets.

    Raises:
        NotAVideoError: nothing in the file can be read as a video.
        NoVideoStreamError: it holds no video stream, only cover art, or nothing behind its header.
        EncryptedError: its pictures are encrypted.
        InterruptedRunError: the link is stopped.
    """
    with _open(path) as container:
        stream = _moving_pictures(container, path)
        if scheme := _encryption_in_header(container, stream):
            raise encrypted(path, scheme)
        packets = _list_packets(container, stream, link, path)
        if len(packets.pts) == 0:
            raise why_empty(path, claims_frames=bool(stream.frames))
        return _describe(container, stream), packets


def _encryption_in_header(
    container: av.container.InputContainer, stream: av.VideoStream
) -> str | None:
    """Return how the header says that a stream is encrypted, where it says so itself."""
    if "enc_key_id" in stream.metadata:
        return "Matroska ContentEncryption"
    if "ASF_Protection_Type" in container.metadata:
        return "Windows Media DRM"
    return _ENCRYPTED_TAGS.get(_codec_tag(stream))


def _describe(container: av.container.InputContainer, stream: av.VideoStream) -> VideoInfo:
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
            StreamInfo(
                index=other.index,
                type=str(other.type),
                codec=_codec_name(other),
                is_cover_art=_is_cover_art(other),
            )
            for other in container.streams
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
        field_order=_FIELD_ORDERS.get(context.field_order),
        color_matrix=_MATRICES.get(context.colorspace),
    )


def _list_packets(
    container: av.container.InputContainer, stream: av.VideoStream, link: Link, path: Path
) -> PacketIndex:
    """Return the packets of the video stream, in file order; memory is 10 bytes a packet.

    A file that breaks off or turns to nonsense yields the packets before that place, and
    ``complete`` is False.

    Raises:
        EncryptedError: some are; often the first seconds are not.
    """
    pts: array[int] = array("q")
    discarded, keys = bytearray(), bytearray()
    complete = True

    try:
        for packet in container.demux(stream):
            if packet.size == 0:  # PyAV's own mark of the end
                continue
            timestamp = packet.pts if packet.pts is not None else packet.dts
            pts.append(MISSING_PTS if timestamp is None else timestamp)
            discarded.append(packet.is_discard)
            keys.append(packet.is_keyframe)
            if packet.is_keyframe and packet.has_sidedata("encryption_info"):
                # How libavutil keeps it: the scheme comes first (AVEncryptionInfo).
                scheme = bytes(packet.get_sidedata("encryption_info"))[:4]
                raise encrypted(path, scheme.decode("latin-1"))
            refuse_stopped(link)
    except (av.FFmpegError, IndexError):
        # IndexError: PyAV does not know streams that appear in the middle of a damaged file.
        complete = False
    return PacketIndex(
        pts=np.array(pts, dtype=np.int64),
        is_discarded=np.array(discarded, dtype=np.bool_),
        is_key=np.array(keys, dtype=np.bool_),
        complete=complete,
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


def _moving_pictures(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    videos = list(container.streams.video)
    for stream in videos:
        if _is_cover_art(stream):
            continue
        if stream.codec_context is None:
            raise NotAVideoError(
                f"{printable(path)}: the codec of its video is not known. The file may be damaged; "
                "else convert it first."
            )
        return stream
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
