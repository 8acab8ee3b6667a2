"""A clip of which everything is known: what each frame shows, and which frames show the same.

On a dark ground one square is lit. It moves from place to place, stands still for a while, and goes
the first part of its way again. So a picture tells its frame; the frames that stand still are
duplicates for ``still``, and those that come again for ``similar``.
"""

import subprocess
from pathlib import Path

from ..base.errors import FfmpegUnusableError, printable
from ..video.binary import Ffmpeg, list_abilities, run_briefly
from .check import WrongResultError, expect

WIDTH, HEIGHT = 256, 128
_SQUARE = 32
_DARK, _LIT, _NO_COLOUR = 32, 224, 128  # luma in limited levels, and chroma

MOVING, STILL, AGAIN = 12, 6, 6
_PLACES = (*range(MOVING), *[MOVING - 1] * STILL, *range(AGAIN))
FRAMES = len(_PLACES)
SAME_AS = (*[-1] * MOVING, *[MOVING - 1] * STILL, *range(AGAIN))
"""For each frame the earlier one that shows the same, -1 for none."""

BRIGHTNESS, CONTRAST, TOLERANCE = 25.0, 39.0, 4.0
"""Mean and standard deviation of the grey levels of each picture, about."""

_ENCODERS = {
    # H.264 where possible, which most hardware decodes; B-frames where possible, so that the order
    # of decoding is not that of showing.
    "libx264": ("-bf", "2", "-pix_fmt", "yuv420p"),
    "libopenh264": ("-b:v", "2M", "-pix_fmt", "yuv420p"),
    "mpeg4": ("-bf", "2", "-q:v", "2"),
    "mjpeg": ("-q:v", "2"),  # every ffmpeg that prep accepts has it
}
_TIMEOUT_SECONDS = 60


def make_clip(ffmpeg: Ffmpeg, folder: Path) -> Path:
    """Make the clip with this ffmpeg, of pixels written here: not every build can draw some.

    Raises:
        FfmpegUnusableError: it cannot.
    """
    pixels, clip = folder / "clip.yuv", folder / "clip.mp4"
    pixels.write_bytes(b"".join(map(_picture, _PLACES)))
    offered = list_abilities(ffmpeg.path, "encoders")
    encoder = next(name for name in _ENCODERS if name in offered)
    command = [ffmpeg.path, "-hide_banner", "-nostdin", "-loglevel", "error"]
    command += ["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", f"{WIDTH}x{HEIGHT}"]
    command += ["-framerate", "25", "-i", f"file:{pixels}"]
    command += ["-c:v", encoder, *_ENCODERS[encoder], f"file:{clip}"]
    try:
        done = run_briefly(command, _TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise _useless(ffmpeg, f"it was not done within {_TIMEOUT_SECONDS} s") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise _useless(ffmpeg, said[-1] if said else f"exit code {done.returncode}")
    return clip


def check_pictures(images: dict[int, Path]) -> None:
    """Hold images against what the frames of these numbers show.

    Raises:
        WrongResultError: one shows another frame.
    """
    from ..pictures.likeness import read_picture

    for frame, path in images.items():
        picture = read_picture(path)
        if picture is None:
            raise WrongResultError(f"{path.name}: the image cannot be read")
        luma = picture.planes[0]
        expect(f"{path.name}: its size", luma.shape, (HEIGHT, WIDTH))
        squares = luma.reshape(HEIGHT // _SQUARE, _SQUARE, WIDTH // _SQUARE, _SQUARE)
        lit = (squares.mean((1, 3)) > (_DARK + _LIT) / 2).ravel().nonzero()[0].tolist()
        expect(f"{path.name}: squares that are lit", lit, [_PLACES[frame]])


def _picture(place: int) -> bytes:
    """Return a picture as planar YUV 4:2:0."""
    columns = WIDTH // _SQUARE
    left, above = place % columns * _SQUARE, place // columns * _SQUARE
    ground = bytes([_DARK])
    row = ground * left + bytes([_LIT]) * _SQUARE + ground * (WIDTH - left - _SQUARE)
    luma = ground * (WIDTH * above) + row * _SQUARE
    return luma.ljust(WIDTH * HEIGHT, ground) + bytes([_NO_COLOUR]) * (WIDTH * HEIGHT // 2)


def _useless(ffmpeg: Ffmpeg, why: str) -> FfmpegUnusableError:
    return FfmpegUnusableError(
        f"{printable(ffmpeg.path)}: ffmpeg {ffmpeg.version} cannot make a clip: {printable(why)}. "
        "Try another ffmpeg with --ffmpeg."
    )
