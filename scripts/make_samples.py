"""Make the clips in sample_videos/, each with its frame number burned in.

    python scripts/make_samples.py [FOLDER]

The clips are small stand-ins for the footage that goes wrong elsewhere: B-frames, a variable frame
rate on a rotated phone, a still scene, a cut with a jump in time, damage, another codec. Run it
again after a change; ffmpeg is the one that prep uses.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import av
from video_prep.settings.stages import RunSettings
from video_prep.video.binary import find_ffmpeg

FOLDER = Path(__file__).parents[1] / "sample_videos"
X264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "slow", "-threads", "1"]


def numbered(picture: str, first: int = 0, text: str = "%{frame_num}", when: str = "1") -> str:
    """Return the lavfi source ``picture`` with the frame number burned in."""
    return (
        f"{picture},drawtext=text='{text}':start_number={first}:enable='{when}':fontsize=48:"
        "x=12:y=8:fontcolor=white:box=1:boxcolor=black:boxborderw=6"
    )


def encode(ffmpeg: str, target: Path, picture: str, *options: str) -> None:
    """Encode a lavfi source, the same bytes each time."""
    command = [ffmpeg, "-v", "error", "-y", "-f", "lavfi", "-i", picture, *options]
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact"]
    subprocess.run([*command, *exact, str(target)], check=True)


def main(folder: Path) -> None:
    """Make all clips in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    ffmpeg = find_ffmpeg(RunSettings()).path
    encode(
        ffmpeg,
        folder / "steady.mp4",
        numbered("testsrc2=s=640x360:r=30:d=5"),
        *X264,
        "-crf",
        "30",
        "-bf",
        "3",
    )
    encode(
        ffmpeg,
        folder / "street_vp9.webm",
        numbered("testsrc2=s=480x270:r=30:d=4"),
        "-c:v",
        "libvpx-vp9",
        "-crf",
        "44",
        "-b:v",
        "0",
        "-threads",
        "1",
    )
    make_still(ffmpeg, folder / "still.mp4")
    make_phone(ffmpeg, folder / "phone_vfr.mp4")
    make_cut(ffmpeg, folder / "two_scenes.mkv")
    make_damaged(ffmpeg, folder / "damaged.mp4")


def make_still(ffmpeg: str, target: Path) -> None:
    """A ball of 16 pixels rests, rolls and rests again, twice, in light sensor noise.

    The number stands still with the ball: at rest it is that of the first frame of the rest.
    """
    picture = (
        "color=0x506070:s=640x360:r=30:d=10,drawbox=y=220:w=640:h=140:c=0x806040:t=fill[back];"
        "color=0xd03020:s=16x16:r=30:d=10[ball];[back][ball]overlay=shortest=1:"
        "x='120+200*(clip(t-2,0,1)+clip(t-7,0,1))':y=204"
    )
    for first, last, rolls in ((0, 60, 0), (61, 90, 1), (91, 210, 0), (211, 240, 1), (241, 299, 0)):
        text = "%{frame_num}" if rolls else str(max(first - 1, 0))
        picture = numbered(picture, text=text, when=f"between(n,{first},{last})")
    encode(ffmpeg, target, f"{picture},noise=alls=6:allf=t", *X264, "-crf", "24")


def make_phone(ffmpeg: str, target: Path) -> None:
    """A phone held upright that drops frames in the dark: variable rate, rotated by 90°."""
    drops = "select='not(eq(mod(n,7),3)+between(n,60,74))'"
    upright = numbered(f"testsrc2=s=270x480:r=30:d=5,{drops}")
    with tempfile.TemporaryDirectory() as work:
        stored = Path(work, "stored.mp4")
        encode(
            ffmpeg,
            stored,
            f"{upright},transpose=cclock",
            *X264,
            "-crf",
            "32",
            "-bf",
            "0",
            "-fps_mode",
            "passthrough",
        )
        with av.open(str(stored)) as source, av.open(str(target), "w") as result:
            stream = result.add_stream_from_template(source.streams.video[0])
            stream.set_display_rotation(-90)
            for packet in source.demux(source.streams.video[0]):
                if packet.size:
                    packet.stream = stream
                    result.mux(packet)


def make_cut(ffmpeg: str, target: Path) -> None:
    """Two scenes in one file: a hard cut, and four seconds missing from the clock."""
    with tempfile.TemporaryDirectory() as work:
        scenes = {"mandelbrot=s=480x270:r=25": 0, "testsrc=s=480x270:r=25": 75}
        script = ""
        for number, (picture, first) in enumerate(scenes.items()):
            scene = Path(work, f"{number}.mkv")
            encode(ffmpeg, scene, numbered(picture, first), "-t", "3", *X264, "-crf", "34")
            script += f"file '{scene}'\nduration 7\n"
        Path(work, "list.txt").write_text(script)
        subprocess.run(
            [
                ffmpeg,
                "-v",
                "error",
                "-y",
                "-f",
                "concat",
                "-safe",
                "0",
                "-i",
                f"{work}/list.txt",
                "-c",
                "copy",
                "-fflags",
                "+bitexact",
                str(target),
            ],
            check=True,
        )


def make_damaged(ffmpeg: str, target: Path) -> None:
    """A file with one hole in it, as a bad memory card leaves it."""
    encode(ffmpeg, target, numbered("testsrc2=s=480x270:r=30:d=4"), *X264, "-crf", "30", "-g", "30")
    data = bytearray(target.read_bytes())
    hole = data.index(b"mdat") + len(data) // 2
    data[hole : hole + 1500] = bytes(1500)
    target.write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
