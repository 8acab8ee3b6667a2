"""What packets promise: where decoding may begin, and which pictures are shown."""

import pytest
from video_prep.video.promises import promises_frame

AVC = bytes([1, 100, 0, 10, 0xFF])
HVC = bytes([1, *[0] * 20, 0xFF])


def begins_anew(data, codec, header):
    return promises_frame(data, codec, header, is_key=True)


def packet(*kinds, length=4, hevc=False):
    """A packet of NAL units of these kinds."""
    units = [bytes([kind << 1 if hevc else 0x60 | kind, 9, 9]) for kind in kinds]
    return memoryview(b"".join(len(unit).to_bytes(length, "big") + unit for unit in units))


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [((9, 7, 8, 6, 5, 5), True), ((6, 1), False), ((1, 5), False), ((7, 8), False), ((), False)],
)
def test_h264_begins_anew_with_an_idr_picture(kinds, expected):
    assert begins_anew(packet(*kinds), "h264", AVC) is expected
    assert begins_anew(packet(*kinds, length=2), "h264", AVC[:4] + b"\xfd") is expected


@pytest.mark.parametrize("kind", range(32))
def test_hevc_begins_anew_where_nothing_is_left_out(kind):
    expected = kind in {19, 20, 21}  # behind others, pictures are not shown
    assert begins_anew(packet(35, 32, 33, 34, 39, kind, hevc=True), "hevc", HVC) is expected


@pytest.mark.parametrize("header", [b"", b"\1", b"\0\0\0\1\x67\x64", b"\0" + AVC[1:]])
def test_without_lengths_nothing_is_promised(header):
    assert not begins_anew(packet(5), "h264", header)
    assert not begins_anew(packet(19, hevc=True), "hevc", header)


def test_what_is_cut_off_or_empty_promises_nothing():
    assert not begins_anew(memoryview(b"\0\0\0\0\0\0\0\1\x65"), "h264", AVC)
    assert not begins_anew(packet(7, 5)[:-4], "h264", AVC)


@pytest.mark.parametrize(
    ("codec", "expected"),
    [("av1", True), ("mjpeg", True), ("mpeg4", False), ("mpeg2video", False)],
)
def test_other_codecs_are_known_by_name(codec, expected):
    assert begins_anew(memoryview(b"x"), codec, b"") is expected


@pytest.mark.parametrize(
    ("codec", "data", "is_key", "expected"),
    [
        ("vp8", b"\x10\0", True, True),
        ("vp8", b"\x11\0", False, True),
        ("vp8", b"\x10\0", False, False),
        ("vp8", b"\x11\0", True, False),
        ("vp8", b"\x01\0", False, False),  # not shown
        ("vp9", b"\x82\0", True, True),
        ("vp9", b"\x82\0", False, False),
        ("vp9", b"\x86\0", False, True),
        ("vp9", b"\x86\0", True, False),
        ("vp9", b"\x84\0", False, False),  # not shown
        ("vp9", b"\x84\0\xc9", False, True),  # but one behind it in the packet is
        ("vp9", b"\x88\0", False, True),  # an old one is shown
        ("vp9", b"\xb3\0", False, True),  # profile 3
        ("vp9", b"\xb2\0", False, False),
        ("h264", b"\x01\0", False, True),
    ],
)
def test_frame_headers_tell_what_is_shown_and_what_is_a_key(codec, data, is_key, expected):
    assert promises_frame(memoryview(data), codec, b"", is_key=is_key) is expected
