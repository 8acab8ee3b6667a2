"""What a file is, as its suffix and its first bytes tell.

Magic numbers are those of the demuxers of FFmpeg (their ``read_probe``).
"""

import re
from collections.abc import Callable
from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in """
        264 265 266 360 3g2 3gp 3gp2 3gpp amv asf avc avi avs2 avs3 av1 bik cavs dav dif divx drc dv
        evo f4v flv gif gxf h261 h263 h264 h265 h266 hevc insv ismv ivf k3g lrf lrv m1v m2p m2t m2ts
        m2v m4v mj2 mjpeg mjpg mk3d mkv mod mov mp2v mp4 mp4v mpe mpeg mpeg4 mpg mpg4 mpv mqv mts
        mxf nut nuv obu ogm ogv osv ps qt rec rm rmvb smk tod tp trp ts vc1 vob vro vvc webm wmv wtv
        y4m
    """.split()  # noqa: SIM905
)
"""What counts as a video inside a folder. A file that is named itself is taken as it is."""

PREVIEW_SUFFIXES = frozenset({".lrf", ".lrv"})
"""Small copies that drones and action cameras write beside the real video, under its name."""

_ALSO_OF_TEXTS = frozenset(f".{name}" for name in "asf mod mts nut ps rec rm tp trp ts".split())  # noqa: SIM905
"""Video suffixes that TypeScript, PostScript, modules and the like have as well."""

_NEVER_VIDEOS = frozenset(
    f".{name}"
    for name in """
        aac ac3 aif aiff amr ape avif bmp cr3 csv flac heic heif htm html jpeg jpg js json m3u m3u8
        m4a m4b mka mks mp3 oga opus parquet pdf png py ra srt svg thm tif tiff txt vtt wav webp wma
        xml yaml yml zip
    """.split()  # noqa: SIM905
)
"""Suffixes that say what a file is: images, sound, texts. They are many, and not opened."""

_HEAD_BYTES = 8192
_NO_VIDEO_BRANDS = re.compile(rb"M4[ABP] |F4[AB] |avi[fs]|hei[cxms]|hev[cxms]|mi[fa]1|msf1|crx ")
_VIDEO_GUID = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")


def _is_mp4(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return not _NO_VIDEO_BRANDS.match(head, 8)
    return head[4:8] in {b"moov", b"mdat", b"moof", b"styp", b"wide"}


def _is_transport_stream(head: bytes) -> bool:
    """Whether packets follow one another that begin with 'G' and hold something."""
    return any(
        head[start : start + 5 * size : size] == b"G" * 5 and head[start + 3] & 0x30
        for start, size in ((0, 188), (4, 192), (0, 204))
    )


_BEGINNINGS: tuple[Callable[[bytes], object], ...] = (
    _is_mp4,
    _is_transport_stream,
    re.compile(rb"\x1a\x45\xdf\xa3.{,64}(matroska|webm)", re.DOTALL).match,
    re.compile(rb"RIFF.{4}(AVI |AVIX|AMV |CDXA)", re.DOTALL).match,
    re.compile(rb"FLV\x01[\x01\x05]").match,
    re.compile(rb"DHAV|DKIF|YUV4MPEG2|\.RMF|nut/multimedia|BIK[bfghi]|SMK[24]|NuppelVideo").match,
    re.compile(
        rb"\0\0\x01\xba[!-/D-G]|\0\0\x01\xb3|\0?\0\0\x01\x67[\x42\x4d\x58\x64\x6e\x7a]"
    ).match,
    re.compile(rb"\0\0\0\x01(\x09[\x10\x30\x50\x70\x90\xb0\xd0\xf0]|\x40\x01\x0c)").match,
    re.compile(rb"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02|\xb7\xd8\x00\x20\x37\x49\xda").match,
    re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11.*" + re.escape(_VIDEO_GUID), re.DOTALL).match,
    re.compile(rb"OggS.*(\x80theora|OVP80|BBCD\0)", re.DOTALL).match,
)
"""MP4 and MOV, MPEG-TS; Matroska, AVI, FLV; formats with a name of their own; MPEG-PS, MPEG-1 and
MPEG-2, H.264, HEVC; MXF, WTV; ASF and Ogg, where a stream of them is a video."""


def is_hidden_video(path: Path) -> bool:
    """Whether a file without the suffix of a video begins as one; False where it cannot be read."""
    if path.suffix.lower() in _NEVER_VIDEOS:
        return False
    head = _head(path)
    return any(matches(head) for matches in _BEGINNINGS)


def is_text(path: Path) -> bool:
    """Whether a file with the suffix of a video is a text; asked only where texts have it too."""
    if path.suffix.lower() not in _ALSO_OF_TEXTS:
        return False
    head = _head(path)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    if re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]", head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:  # but for a character that is cut off
        return len(head) - error.start < 4 and len(head) == _HEAD_BYTES
    return bool(head)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""
