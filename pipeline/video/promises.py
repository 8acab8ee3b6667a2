"""What packets promise of their pictures, in their first bytes; nothing is decoded.

NAL units are those of ITU-T H.264 (7.4.1) and H.265 (7.4.2.2), frame headers those of VP8 (RFC
6386, 9.1) and of VP9 (bitstream specification, 6.2).
"""

from collections.abc import Iterator

_BY_NAME = frozenset(
    {"av1", "dnxhd", "ffv1", "ffvhuff", "huffyuv", "mjpeg", "png", "prores", "rawvideo"}
)
"""Codecs of which a packet is a picture that is shown, and one that is marked as a key needs no
other."""

_NAL_UNITS = {
    "h264": (
        4,
        0,
        31,
        range(1, 6),
        {5},
    ),  # IDR: elsewhere, FFmpeg misses what is left out
    "hevc": (21, 1, 63, range(32), {19, 20, 21}),  # IDR_W_RADL, IDR_N_LP, CRA_NUT
}
"""How to read NAL units: where in the header it says how long the lengths are that stand before
them; where their kind stands in their first byte, and its bits; which kinds are slices, and which
of these are of pictures at which decoding may begin."""


def promises_frame(data: memoryview, codec: str, header: bytes, *, is_key: bool) -> bool:
    """Whether a packet holds one picture that is shown, and is rightly marked as a key one, or not.

    Decoding may then begin at each key one: what is shown from it on is as in the whole.

    Args:
        data: the packet.
        codec: its codec, as FFmpeg calls it.
        header: the codec's part of the header of the file: of H.264 and HEVC in MP4 and Matroska,
            it says how long the lengths are that stand before NAL units.
        is_key: whether it is marked as a key one. Of H.264 and HEVC, no other is looked into.
    """
    match codec:
        case "h264" | "hevc":
            return not is_key or _is_clean(data, codec, header)
        case "vp8":
            return bool(data[0] & 0x10) and is_key is not bool(data[0] & 1)
        case "vp9":
            after_profile = 4 + (data[0] & 0x30 == 0x30)
            bits = [bool(data[0] << after_profile + place & 0x80) for place in range(3)]
            shows_old_one, is_inter, is_shown = bits
            is_last_shown = data[-1] & 0xE0 == 0xC0  # of several pictures in one packet
            is_right = is_key is not (shows_old_one or is_inter)
            return is_right and (shows_old_one or is_shown or is_last_shown)
    return codec in _BY_NAME


def _is_clean(data: memoryview, codec: str, header: bytes) -> bool:
    place, shift, bits, slices, clean = _NAL_UNITS[codec]
    if header[:1] != b"\1" or len(header) <= place:
        return False
    kinds = (unit[0] >> shift & bits for unit in _units(data, (header[place] & 3) + 1))
    return next((kind for kind in kinds if kind in slices), None) in clean


def _units(data: memoryview, length_bytes: int) -> Iterator[memoryview]:
    """Yield the NAL units of a packet; none is empty."""
    place = 0
    while place + length_bytes < len(data):
        begin = place + length_bytes
        place = begin + int.from_bytes(data[place:begin], "big")
        if place == begin:
            return
        yield data[begin:place]
