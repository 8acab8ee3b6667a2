"""Footage for the tests, made on the spot: ordinary, odd and hostile."""

import os
import struct
import subprocess
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np

from .prep import script

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
# The bundled ffmpeg always; another one, an older release for preference, where CI names it.
FFMPEGS = [FFMPEG, *filter(None, [os.environ.get("PREP_TEST_FFMPEG")])]
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def encode(target: Path, *options: str, size="160x120", rate="25", frames=50, picture="testsrc2"):
    """Encode a moving test picture with ffmpeg."""
    source = f"{picture}{':' if '=' in picture else '='}s={size}:r={rate}"
    run(["-f", "lavfi", "-i", source, "-frames:v", str(frames), *(options or X264), str(target)])
    return target


def run(arguments):
    command = [FFMPEG, "-v", "error", "-y", *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=120)


def paced(path: Path, rate: float):
    """Write an ffmpeg that takes the time of the footage, 1/rate of it, without much work."""
    return script(
        path,
        f'case "$*" in *graph.txt*) exec "{FFMPEG}" -readrate {rate} "$@";; esac\n'
        f'exec "{FFMPEG}" "$@"',
    )


def write_frames(target: Path, pts, time_base=Fraction(1, 1000), size=(160, 120), **options):
    """Encode frames at exactly these timestamps; each shows another grey."""
    with av.open(str(target), "w") as container:
        stream = container.add_stream("mpeg4" if target.suffix == ".avi" else "libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = time_base
        stream.options = {"preset": "ultrafast", "bf": "0", **options}
        for number, timestamp in enumerate(pts):
            picture = np.full((size[1], size[0], 3), 40 + number * 7 % 180, np.uint8)
            picture[10:30, number % (size[0] - 20) : number % (size[0] - 20) + 20] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = int(timestamp), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return target


def cut_copy(source: Path, target: Path, seconds: float):
    """Copy what comes after an instant without encoding: an edit list, or an open start."""
    run(["-ss", str(seconds), "-i", str(source), "-map", "0:v", "-c", "copy", str(target)])
    return target


def retime(source: Path, target: Path, pts):
    """Copy a video without B-frames, its packets at other timestamps (milliseconds)."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(old.streams.video[0]) if packet.size]
        for packet, timestamp in zip(packets, pts, strict=True):
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = int(timestamp)
            new.mux(packet)
    return target


def lose_times(source: Path, target: Path, milliseconds: int):
    """Copy a Matroska file of one cluster, its clock set back: what is before 0 has no time."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:  # the block begins with the track, then its time, 16 bits
                place = slice(packet.pos + 1, packet.pos + 3)
                data[place] = (packet.pts - milliseconds).to_bytes(2, "big", signed=True)
    target.write_bytes(data)
    return target


def dahua(target: Path, begin: datetime, frames=75, rate=25):
    """Write H.264 as recorders of Dahua export it: a header and a footer around each picture."""
    raw = encode(target.with_suffix(".h264"), rate=rate, frames=frames, size="96x64")
    chunks = []
    with av.open(str(raw)) as container:
        for number, packet in enumerate(container.demux(container.streams.video[0])):
            if packet.size == 0:
                continue
            at = begin + number * timedelta(seconds=1) / rate
            date = (at.year - 2000) << 26 | at.month << 22 | at.day << 17
            date |= at.hour << 12 | at.minute << 6 | at.second
            # Of a keyframe: its size; H.264 and the rate.
            extra = struct.pack("<BxxxHHBxBB", 0x82, 96, 64, 0x81, 2, rate)
            extra = extra if packet.is_keyframe else b""
            length = 24 + len(extra) + packet.size + 8
            kind = 0xFD if packet.is_keyframe else 0xFC
            times = struct.pack("<IHBx", date, number * 1000 // rate % 65536, len(extra))
            head = struct.pack("<4sBxxxII", b"DHAV", kind, number, length) + times
            chunks.append(head + extra + bytes(packet) + struct.pack("<4sI", b"dhav", length))
    raw.unlink()
    target.write_bytes(b"".join(chunks))
    return target


def rotate(source: Path, target: Path, *, degrees: float = 0, hflip: bool = False):
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        stream.set_display_rotation(degrees, hflip=hflip) if hflip else stream.set_display_rotation(
            degrees
        )
        for packet in old.demux(old.streams.video[0]):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    return target


def truncate(source: Path, target: Path, share: float):
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def punch(source: Path, target: Path, share: float, size: int = 400):
    """Overwrite a stretch with zeros."""
    data = bytearray(source.read_bytes())
    start = int(len(data) * share)
    data[start : start + size] = bytes(size)
    target.write_bytes(data)
    return target


def repack(source: Path, target: Path, change):
    """Copy a video; ``change`` gives the bytes of each packet anew, by its number, or none."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(old.streams.video[0]) if packet.size]
        for number, packet in enumerate(packets):
            data = change(number, bytes(packet))
            if data is None:
                continue
            changed = av.Packet(data)
            changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
            changed.time_base, changed.is_keyframe = packet.time_base, packet.is_keyframe
            changed.stream = stream
            new.mux(changed)
    return target


def passthrough(ffmpeg: str) -> list[str]:
    """Return the option for each frame once; the other ffmpeg of CI is older than fps_mode."""
    return ["-fps_mode", "passthrough"] if ffmpeg == FFMPEG else ["-vsync", "0"]


def truth(path: Path, ffmpeg: str = FFMPEG) -> list[str]:
    """Return a hash of each frame that the decoder delivers: an independent count."""
    sync = passthrough(ffmpeg)
    done = subprocess.run(
        [
            ffmpeg,
            "-v",
            "quiet",
            "-i",
            f"file:{path}",
            "-map",
            "0:V:0",
            *sync,
            "-f",
            "framemd5",
            "-",
        ],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    rows = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    return [row.rsplit(",", 1)[1].strip() for row in rows]


def recipe(
    path: Path, folder: Path, stem: str, ffmpeg: str = FFMPEG, *options: str, suffix: str = "jpg"
) -> None:
    """Run the command that people use today."""
    folder.mkdir(parents=True)
    sync = passthrough(ffmpeg)
    pattern = str(folder / f"{stem.replace('%', '%%')}-frame_%06d.{suffix}")
    subprocess.run(
        [
            ffmpeg,
            "-v",
            "quiet",
            "-i",
            f"file:{path}",
            "-map",
            "0:V:0",
            "-start_number",
            "0",
            "-b:v",
            "10000k",
            *sync,
            "-an",
            "-y",
            *(options or ("-q:v", "4")),
            pattern,
        ],
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def reader_times(path: Path) -> list[float]:
    """Return the times of all frames as PyAV decodes them."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams.video if not s.disposition & 0x400)  # no cover
        return [frame.time for frame in container.decode(stream)]


def twin(source: Path, target: Path):
    """Write an MP4 of the same frames, and no copy: a box that readers pass over tells it apart."""
    name = os.fsencode(target)
    box = (8 + len(name)).to_bytes(4, "big") + b"free" + name
    target.write_bytes(source.read_bytes() + box)
    return target
