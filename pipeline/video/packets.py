"""List the packets of video streams; nothing is decoded."""

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..base.work import Link, refuse_stopped
from ..dataset.frame_table import MISSING_PTS
from ..dataset.packet_index import PacketIndex
from .promises import promises_frame
from .unreadable import encrypted


class _Growing:
    """The packets of one stream as they are read; memory is 10 bytes a packet."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._pts: array[int] = array("q")
        self._discarded, self._keys = bytearray(), bytearray()
        context = stream.codec_context
        self._codec = context.codec.canonical_name if context is not None else ""
        self._header = (context and context.extradata) or b""
        self._promises_frames = True

    def add(self, packet: "av.Packet[Any]") -> None:
        """Take one in."""
        if self._promises_frames:
            self._promises_frames = packet.pts is not None and promises_frame(
                memoryview(packet), self._codec, self._header, is_key=packet.is_keyframe
            )
        timestamp = packet.pts if packet.pts is not None else packet.dts
        self._pts.append(MISSING_PTS if timestamp is None else timestamp)
        self._discarded.append(packet.is_discard)
        self._keys.append(packet.is_keyframe)

    def index(self, complete: bool) -> PacketIndex:
        """Return all of them."""
        return PacketIndex(
            pts=np.array(self._pts, dtype=np.int64),
            is_discarded=np.array(self._discarded, dtype=np.bool_),
            is_key=np.array(self._keys, dtype=np.bool_),
            complete=complete,
            promises_frames=self._promises_frames,
        )


def read_packets(
    container: av.container.InputContainer,
    streams: Sequence[av.VideoStream],
    link: Link,
    path: Path,
) -> dict[int, PacketIndex]:
    """Return the packets of streams, by their indices, in file order.

    A file that breaks off or turns to nonsense yields the packets before that place, and
    ``complete`` is False.

    Raises:
        EncryptedError: some are; often the first seconds are not.
    """
    read = {stream.index: _Growing(stream) for stream in streams}
    complete = True
    try:
        for packet in container.demux(streams):
            if packet.size == 0:  # PyAV's own mark of the end
                continue
            read[packet.stream_index].add(packet)
            if packet.is_keyframe and packet.has_sidedata("encryption_info"):
                # How libavutil keeps it: the scheme comes first (AVEncryptionInfo).
                scheme = bytes(packet.get_sidedata("encryption_info"))[:4]
                raise encrypted(path, scheme.decode("latin-1"))
            refuse_stopped(link)
    except (av.FFmpegError, IndexError):
        # IndexError: PyAV does not know streams that appear in the middle of a damaged file.
        complete = False
    return {index: packets.index(complete) for index, packets in read.items()}
