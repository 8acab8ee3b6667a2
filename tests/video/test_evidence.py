"""What tells of damage in the log of ffmpeg, line by line: kinds that no footage makes at will."""

import dataclasses

import numpy as np
import pytest
from helpers.handmade import H264
from video_prep.dataset.packet_index import PacketIndex
from video_prep.video.damage import Stretch, find_damage, find_in_segment
from video_prep.video.evidence import Evidence
from video_prep.video.segments import Segment
from video_prep.video.transcript import Transcript

HEVC = dataclasses.replace(H264, codec="hevc", streams=())
MJPEG = dataclasses.replace(H264, codec="mjpeg", container="avi", streams=())
OPENED = "[info] Input #0, mov, from 'x.mp4':"
MARK = "[vist#0:1/h264 @ 0x1] [dec:h264 @ 0x2] [warning] corrupt decoded frame"
REJECT = "[vist#0:1/h264 @ 0x1] [dec:h264 @ 0x2] [error] Error submitting packet to decoder: Bad"
LACK = "[h264 @ 0x1] [error] mmco: unref short failure"


def frame(pts):
    return (
        f"[vist#0:1/h264 @ 0x1] [dec:h264 @ 0x2] [info] decoder -> pts:{pts} pts_time:1 pkt_dts:1"
    )


def frame_of_old(pts):
    return f"[info] decoder -> ist_index:1 type:video frame_pts:9 best_effort_ts:{pts} keyframe:0"


def packet(pts):
    return f"[info] demuxer -> ist_index:1 type:video next_pts:3 pkt_pts:{pts} pkt_pts_time:1"


def heard(info, *lines, start_pts=None) -> Evidence:
    made = Transcript(info, start_pts)
    for line in (OPENED, *lines):
        made.add(line)
    return made.evidence


def damage(info, *lines, keys=(0, 4), frames=8):
    pts = np.arange(frames, dtype=np.int64) * 10
    is_key = np.isin(np.arange(frames), keys)
    packets = PacketIndex(pts, np.zeros(frames, dtype=np.bool_), is_key, complete=True)
    return find_damage(heard(info, *lines), packets, pts)


@pytest.mark.parametrize(
    ("info", "line", "is_damage"),
    [
        (H264, MARK, True),
        (H264, "[warning] x.mp4: corrupt decoded frame in stream 1", True),
        (H264, "[warning] x.mp4: corrupt decoded frame in stream 0", False),
        (H264, REJECT, True),
        (H264, "[error] Error while decoding stream #0:1: Invalid data", True),
        (H264, LACK, True),
        (HEVC, "[hevc @ 0x1] [error] Could not find ref with POC 5", True),
        (HEVC, "[hevc @ 0x1] [error] Invalid number of merging MVP candidates: 248.", True),
        (MJPEG, "[mjpeg @ 0x1] [error] overread 8", True),
        (H264, "[in#0/mpegts @ 0x1] [warning] Packet corrupt (stream = 1, dts = 7).", True),
        (H264, "[in#0/mpegts @ 0x1] [warning] Packet corrupt (stream = 0, dts = 7).", False),
        (H264, "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x1] [error] stream 1, offset 0x5: partial file", True),
        (H264, "[in#0 @ 0x1] [error] Error during demuxing: Input/output error", True),
        (H264, "[in#0 @ 0x1] [warning] DTS discontinuity in stream 1: packet 4", False),
        # What decoders that mark their pictures say besides is no damage.
        (H264, "[h264 @ 0x1] [error] error while decoding MB 20 1, bytestream 3102", False),
        (H264, "[h264 @ 0x1] [error] SEI type 100 size 244 truncated at 121", False),
        (HEVC, "[hevc @ 0x1] [error] SEI type 100 size 1952 truncated at 968", False),
        (HEVC, "[hevc @ 0x1] [error] Hardware is lacking required capabilities", False),
        (HEVC, "[hevc @ 0x1] [error] Failed setup for format cuda: no device", False),
        (MJPEG, "[mjpeg @ 0x1] [error] unable to decode APP fields: Invalid data found", False),
        (H264, "[aac @ 0x1] [error] Prediction is not allowed in AAC-LC.", False),
        (H264, "[swscaler @ 0x1] [error] corrupt", False),
        (H264, "[out#0/image2 @ 0x1] [error] Nothing was written into output file", False),
        (H264, "[vost#0:0/mjpeg @ 0x1] [enc:mjpeg @ 0x2] [error] Could not open encoder", False),
    ],
)
@pytest.mark.parametrize("frame", [frame, frame_of_old])
def test_what_is_damage_of_which_frame(info, line, is_damage, frame):
    steps = [packet(0), frame(0), line, packet(10), frame(10), packet(20), frame(20)]
    found = damage(info, *steps)
    assert [(each.first, each.last) for each in found] == ([(1, 3)] if is_damage else [])


@pytest.mark.parametrize(
    ("line", "is_suspect"),
    [
        (MARK, True),
        (
            "[h264 @ 0x1] [error] error while decoding MB 20 1",
            True,
        ),  # which marks its frame, mostly
        ("[h264 @ 0x1] [error] SEI type 100 size 244 truncated at 121", False),
        ("[mpeg4 @ 0x1] [error] low_delay flag set incorrectly, clearing it", False),
        ("[h264 @ 0x1] [error] Hardware is lacking required capabilities", False),
        ("[info]     title           : [error] corrupt decoded frame", False),
    ],
)
def test_what_is_decoded_again(line, is_suspect):
    assert heard(H264, line).is_suspect == is_suspect


def test_what_is_said_while_opening_is_said_of_the_file():
    made = Transcript(H264)
    for line in (
        "[in#0 @ 0x1] [error] Referenced QT chapter track not found",
        "[in#0 @ 0x1] [error] error reading header",
        LACK,
        OPENED,
    ):
        made.add(line)
    assert (made.evidence.opening, made.evidence.is_suspect) == (["error reading header"], False)


def test_damage_goes_on_to_the_next_keyframe_and_is_told_once():
    steps = [frame(0), MARK, frame(10), MARK, frame(20), frame(30), frame(40), REJECT, frame(50)]
    found = damage(H264, *steps)
    assert found == (
        Stretch(1, 3, "the decoder found errors in 2 frames"),
        Stretch(5, 7, "1 packet could not be decoded"),
    )


def test_what_is_shown_before_but_predicted_from_it_is_broken_too():
    # In file order 0 40 20 10 30 | 50, where 40 is marked; the others lie between.
    pts = np.array([0, 40, 20, 10, 30, 50])
    packets = PacketIndex(pts, np.zeros(6, dtype=np.bool_), pts % 50 == 0, complete=True)
    told = heard(H264, frame(0), frame(10), frame(20), frame(30), MARK, frame(40), frame(50))
    (found,) = find_damage(told, packets, np.sort(pts))
    assert (found.first, found.last) == (1, 4)


def test_the_parser_of_the_demuxer_is_not_heard_twice():
    parser, decoder = (
        "[hevc @ 0x1] [error] PPS id out of range: 63",
        "[hevc @ 0x2] [error] PPS id",
    )
    steps = [parser, frame(0), frame(10), decoder + " out of range: 63", frame(20)]
    (found,) = damage(HEVC, *steps)
    assert (found.first, found.last) == (2, 3)


PTS = np.arange(0, 60, 10)


def places(evidence):
    """Return the frames of what the demuxer said, and of what the decoder did."""
    demuxer, decoder = evidence.said_by_demuxer(PTS), evidence.said_by_decoder()
    return [at for at, _ in demuxer], [at for at, _ in decoder]


def test_what_a_parser_says_stands_before_its_packet_wherever_the_decoder_is():
    said = "[hevc @ 0x1] [error] missing picture in access unit with size 1629"
    for decoded in ([], [frame(0)], [frame(0), frame(10)]):
        assert places(heard(HEVC, packet(0), *decoded, said, packet(30))) == ([3], [])


def test_the_decoder_of_flv1_is_called_as_its_container():
    flv = dataclasses.replace(HEVC, codec="flv1", container="flv")
    lost = "[flv @ 0x1] [error] Packet mismatch 2017220470 1192 53078"
    assert places(heard(flv, packet(0), lost, packet(20), frame_of_old(0))) == ([2], [])
    lost = "[in#0/flv @ 0x1] [error] Packet mismatch 2017220470 1192 53078"
    decoder = "[flv @ 0x2] [error] Error at MB: 16"  # such pictures are marked
    assert places(heard(flv, frame(0), packet(0), decoder, lost, packet(20))) == ([2], [])


def test_a_small_file_is_read_to_its_end_while_it_is_opened():
    made = Transcript(HEVC)
    for line in ("[in#0/matroska,webm @ 0x1] [error] File ended prematurely", OPENED, packet(0)):
        made.add(line)
    assert made.evidence.is_suspect
    assert places(made.evidence) == ([len(PTS)], [])


def test_a_message_without_an_end_hides_neither_a_step_nor_itself():
    ffv1 = dataclasses.replace(HEVC, codec="ffv1")
    glued = "[ffv1 @ 0x1] [error] slice CRC mismatch E14A5F8!decoder -> pts:10 pts_time:1"
    row = "[ffv1 @ 0x1] [error] slice CRC mismatch 5!frame:1    pts:20     pts_time:1"
    found = damage(ffv1, frame(0), glued, row, frame(20), keys=range(8))
    assert [(each.first, each.last, each.why) for each in found] == [
        (1, 2, "ffmpeg says: slice CRC mismatch E14A5F8")
    ]


def test_of_a_segment_counts_what_comes_from_its_first_frame_on():
    segment = Segment(1, 40, 2, 1, 400, None)
    promised = np.array([400, 410, 420])
    before = [packet(390), LACK, MARK, REJECT, frame(390)]
    of_first = [LACK, REJECT, packet(400), frame(400)]  # left by the seek; else the border tells it
    cases = (
        ([*before, *of_first, frame(410), frame(420), MARK, frame(430)], None),
        ([*before, MARK, frame(400)], "corrupt decoded frame"),
        ([*before, *of_first, REJECT, frame(410)], "a packet could not be decoded"),
        ([*before, *of_first, frame(410), LACK, frame(420)], "mmco: unref short failure"),
    )
    for lines, expected in cases:
        told = heard(H264, *lines, start_pts=400)
        assert find_in_segment(told, segment, promised) == expected
    # While frames are decoded in several threads, that only spares a second look.
    assert not heard(H264, LACK, start_pts=400).is_suspect


def test_the_log_is_bounded():
    told = heard(MJPEG, *["[mjpeg @ 0x1] [error] " + "x" * 10_000] * 20_000)
    assert len(told.complaints) == 200
    assert max(map(len, told.complaints)) <= 400
    assert len(list(told.said_by_decoder())) == 10_000
