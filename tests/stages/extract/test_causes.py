"""Files that give no pictures: why that is so, and the way out of that very case."""

import struct
import uuid

import pytest
from helpers import media
from helpers.media import FFMPEGS
from helpers.prep import script
from PIL import Image

KEY = "00112233445566778899aabbccddeeff"
ENCRYPTED = (
    "encrypted ({}): decrypt it first. Its pictures cannot be seen without the key; whoever "
    "recorded or published it has one."
)
JOIN = (
    "Put the init segment in front and all fragments behind it, in their order (cat init.mp4 "
    "segment1.m4s segment2.m4s > whole.mp4), and extract that file."
)
COPY_AGAIN = "Copy or download it again; if there is no whole copy any more, leave it out."
PLAYS_ELSEWHERE = (
    "If it plays elsewhere, convert it there first; else it is damaged or no video: copy it again, "
    "or leave it out."
)


def cenc(folder, base):
    options = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY, "-encryption_kid", KEY)
    media.run(["-i", str(base), "-c", "copy", *options, str(folder / "x.mp4")])
    return (folder / "x.mp4").read_bytes()


def cbcs(folder, base):
    return cenc(folder, base).replace(b"schm\0\0\0\0cenc", b"schm\0\0\0\0cbcs")


def matroska(folder, base):
    media.run(["-i", str(base), "-c", "copy", str(folder / "x.mkv")])
    data = bytearray((folder / "x.mkv").read_bytes())

    def element(code, content):
        return bytes.fromhex(code) + bytes([0x80 | len(content)]) + content

    key = element("5035", element("47e1", b"\5") + element("47e2", b"0123456789abcdef"))
    added = element("6d80", element("6240", element("5033", b"\1") + key))
    tracks = data.rindex(bytes.fromhex("1654ae6b")) + 4  # behind it its length, in two bytes
    entry = data.index(b"\xae\1\0\0\0", tracks) + 2  # and that of the track, in seven
    segment = data.index(bytes.fromhex("18538067")) + 5
    end = entry + 7 + int.from_bytes(data[entry : entry + 7], "big")
    for place, size in ((tracks, 2), (entry, 7), (segment, 7)):
        longer = int.from_bytes(data[place : place + size], "big") + len(added)
        data[place : place + size] = longer.to_bytes(size, "big")
    data[end:end] = added
    return bytes(data)


def windows_media(folder, base):
    media.run(["-i", str(base), "-c:v", "wmv2", str(folder / "x.wmv")])
    data = (folder / "x.wmv").read_bytes()
    texts = b"".join(struct.pack("<I", len(t)) + t for t in (b"x", b"DRM\0", b"kid\0", b"url\0"))
    kind = uuid.UUID("2211B3FB-BD23-11D2-B4B7-00A0C955FC6E").bytes_le
    added = kind + struct.pack("<Q", 24 + len(texts)) + texts
    size, objects = struct.unpack("<QI", data[16:28])
    head = struct.pack("<QI", size + len(added), objects + 1)
    return data[:16] + head + data[28:30] + added + data[30:]


def transport_stream(folder, base):
    media.run(["-i", str(base), "-c", "copy", str(folder / "x.ts")])
    return bytearray((folder / "x.ts").read_bytes())


def scrambled(folder, base):
    data = transport_stream(folder, base)
    for at in range(0, len(data), 188):
        if data[at + 1] & 0x1F == 1 and data[at + 2] == 0:  # the packets of the pictures
            data[at + 3] |= 0x80
            data[at + 20 : at + 188] = bytes(byte ^ 0x5A for byte in data[at + 20 : at + 188])
    return data


def sample_aes(folder, base):
    data = transport_stream(folder, base)
    for at in range(0, len(data), 188):
        if data[at + 1] & 0x1F == 16 and data[at + 2] == 0:  # the table of the programme
            start = at + 5
            end = start + 3 + (data[start + 2] | (data[start + 1] & 15) << 8)
            data[data.index(b"\x1b\xe1\0", start)] = 0xDB
            data[end - 4 : end] = crc32_mpeg(data[start : end - 4]).to_bytes(4, "big")
    return data


def crc32_mpeg(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 1 << 31 else 0)) & 0xFFFFFFFF
    return value


SCHEMES = {
    "cenc": cenc,
    "cbcs": cbcs,
    "Matroska ContentEncryption": matroska,
    "Windows Media DRM": windows_media,
    "scrambled transport stream": scrambled,
    "SAMPLE-AES": sample_aes,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    path = tmp_path_factory.mktemp("base") / "base.mp4"
    return media.encode(path, *media.X264, "-g", "5", frames=10)


def failure(prep, path, **options):
    """Extract a file of which nothing comes, and return why, and of which kind that is."""
    done = prep("extract", path, "-o", "ds", "--json", *options.pop("flags", ()))
    assert done.code == 3
    (error,) = done.json["errors"]
    assert error["message"].startswith(f"{path}: ")
    assert not (path.parent / "ds" / path.stem).exists()
    return error["kind"], error["message"].removeprefix(f"{path}: ")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_encrypted_video_names_its_scheme(scheme, base, prep, tmp_path):
    path = tmp_path / "film"
    path.write_bytes(SCHEMES[scheme](tmp_path, base))
    assert failure(prep, path) == ("encrypted", ENCRYPTED.format(scheme))


def test_a_sound_track_that_is_scrambled_is_no_matter(prep, tmp_path):
    sound, path = ("-f", "lavfi", "-i", "sine", "-c:a", "mp2", "-shortest"), tmp_path / "x.ts"
    media.run(["-f", "lavfi", "-i", "testsrc2=d=1", *sound, "-c:v", "mpeg2video", str(path)])
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 188):
        if data[at + 1] & 0x1F == 1 and data[at + 2] == 1:
            data[at + 3] |= 0x80
    path.write_bytes(data)
    assert prep("extract", path, "-o", "ds", "--json").json["totals"]["frames_decoded"] == 25


@pytest.fixture(scope="module")
def fragments(base, tmp_path_factory):
    """The init segment of a stream, and its two fragments."""
    folder = tmp_path_factory.mktemp("fragments")
    options = ("-f", "hls", "-hls_segment_type", "fmp4", "-hls_time", "0.2", "-hls_list_size", "0")
    media.run(["-i", str(base), "-c", "copy", *options, str(folder / "x.m3u8")])
    return [folder / "init.mp4", folder / "x0.m4s", folder / "x1.m4s"]


def test_parts_of_a_stream_are_to_be_joined(fragments, prep, tmp_path):
    init, one, two = fragments
    kind, why = failure(prep, init)
    header = "holds no pictures (only a header)"
    assert (kind, why) == (
        "no-video-stream",
        f"{header}: it is the init segment of a stream in fragments. {JOIN}",
    )
    for part in (one, two):
        assert failure(prep, part) == (
            "not-a-video",
            "a fragment of a stream, without the init segment that says what is in it. " + JOIN,
        )
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(b"".join(part.read_bytes() for part in fragments))
    assert prep("extract", whole, "-o", "ds", "--json").json["totals"]["frames_decoded"] == 10


def test_a_header_alone(base, prep, tmp_path):
    media.run(["-i", str(base), "-c", "copy", str(tmp_path / "x.mkv")])
    data = (tmp_path / "x.mkv").read_bytes()
    path = tmp_path / "header.mkv"
    path.write_bytes(data[: data.index(bytes.fromhex("1f43b675")) + 60])  # the first cluster
    assert failure(prep, path) == (
        "no-video-stream",
        "holds no pictures (only a header). The recording broke off at once, or the copy did. "
        + COPY_AGAIN,
    )


@pytest.mark.parametrize("ffmpeg", FFMPEGS, ids=["bundled", "other"][: len(FFMPEGS)])
@pytest.mark.parametrize("behind", [-4, 4, 300])
def test_a_copy_that_ends_behind_its_header(behind, ffmpeg, base, prep, tmp_path):
    media.run(["-i", str(base), "-c", "copy", "-movflags", "+faststart", str(tmp_path / "x.mp4")])
    data = (tmp_path / "x.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: data.index(b"mdat") + behind])
    size = "" if behind < 0 else f": only {path.stat().st_size:,} of {len(data):,} bytes are there"
    assert failure(prep, path, flags=("--ffmpeg", ffmpeg)) == (
        "not-a-video",
        f"cut off right behind its header{size}. {COPY_AGAIN}",
    )


def test_webp(prep, tmp_path):
    pictures = [Image.new("RGB", (32, 32), (40 * n, 0, 0)) for n in range(5)]
    pictures[0].save(tmp_path / "moving.webp", save_all=True, append_images=pictures[1:])
    pictures[0].save(tmp_path / "still.webp")
    assert failure(prep, tmp_path / "still.webp") == (
        "not-a-video",
        "a picture (WebP), not a video. Leave it out.",
    )
    assert failure(prep, tmp_path / "moving.webp") == (
        "not-a-video",
        "an animated WebP, which cannot be read. Make a video of it first, with ffmpeg 9 or newer: "
        "ffmpeg -i IN.webp -fps_mode passthrough -c:v ffv1 OUT.mkv",
    )
    # The way out leads there.
    moving, video = str(tmp_path / "moving.webp"), str(tmp_path / "OUT.mkv")
    media.run(["-i", moving, "-fps_mode", "passthrough", "-c:v", "ffv1", video])
    assert prep("extract", video, "-o", "ds", "--json").json["totals"]["frames_decoded"] == 5


def test_what_is_not_known_is_not_guessed(base, prep, tmp_path):
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(bytes(range(1, 256)) * 20)
    assert failure(prep, noise) == (
        "not-a-video",
        "not a video that can be read (Invalid data found when processing input). "
        + PLAYS_ELSEWHERE,
    )
    data = bytearray(base.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : data.index(b"moov", start) - 4] = bytes(data.index(b"moov", start) - 4 - start)
    zeros = tmp_path / "zeros.mp4"
    zeros.write_bytes(data)
    kind, why = failure(prep, zeros)
    assert kind == "not-a-video"
    assert why.startswith("not one frame can be decoded: ")
    assert why.endswith(PLAYS_ELSEWHERE)


def test_an_ffmpeg_without_the_decoder_is_what_another_one_helps(base, prep, tmp_path):
    lacks = "[dec:x @ 0x1] [fatal] Decoding requested, but no decoder found for: h264"
    poor = script(
        tmp_path / "poor",
        f'case "$*" in *graph.txt*) echo "{lacks}" >&2; exit 1;; esac\nexec "{media.FFMPEG}" "$@"',
    )
    kind, why = failure(prep, base, flags=("--ffmpeg", poor))
    assert (kind, why) == (
        "not-a-video",
        "not one frame can be decoded: Decoding requested, but no decoder found for: h264. Try "
        "another ffmpeg, named by PREP_FFMPEG or the setting ffmpeg, or convert the file first.",
    )
