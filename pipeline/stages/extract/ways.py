"""In which way a video that is not cut is decoded: few of its packets, in hardware, or whole."""

import dataclasses

from ...base.errors import DecoderKilledError, VideoError
from ...dataset.packet_index import PacketIndex
from ...video.chosen import Chosen
from ...video.few import plan_few
from ...video.passes import VideoDecoder
from .hardware import choose_anyhow
from .links import ShareLink


def choose_soonest(decoder: VideoDecoder, packets: PacketIndex) -> Chosen:
    """Make a choice of which only what is wanted is decoded, where the packets promise the rest.

    Args:
        decoder: of the video.
        packets: its packets.

    Raises:
        VideoError, DiskFullError, FfmpegUnusableError, InterruptedRunError.
    """
    few = plan_few(decoder.recipe, decoder.info, packets)
    if few is not None:
        link = ShareLink(decoder.link, len(few.decoded), len(few.pts))
        try:
            chosen = dataclasses.replace(decoder, link=link).choose_few(few)
        except DecoderKilledError:
            raise  # which says nothing of the packets
        except VideoError:
            chosen = None
        if chosen is not None:
            return chosen
        link.take_back()
    return choose_anyhow(decoder, lambda it: it.choose(packets), packets.shown_pts)
