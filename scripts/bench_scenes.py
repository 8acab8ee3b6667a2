"""The scenes of `bench.py dedupe`: footage of which is known what changed, and a judge of choices.

All scenes are of 200 frames of 640x360. Noise is added before the encoder, as in a camera. Levels
are those of the images, where black is 0 and white 255.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

WIDTH, HEIGHT, FRAMES = 640, 360, 200
REST = 25
"""Frames for which an object rests, and then moves."""
MEAN_LEVEL = 115
"""Of the grounds: what a gain of the light counts in levels."""
WHOLE = (0, HEIGHT, 0, WIDTH)

TIMES = np.arange(FRAMES)
GOES = TIMES // REST % 2


def _steady(value: float, *shape: int) -> Floats:
    return np.full((FRAMES, *shape), value, dtype=np.float32)


@dataclass(frozen=True)
class Scene:
    """Footage of which is known what changed, frame by frame.

    Attributes:
        name: what is to be seen.
        noise: its standard deviation in levels.
        is_grain: whether the noise is like film's or taken from footage; white otherwise.
        codec: "h264", "hevc" or "mjpeg".
        quality: crf, or the quantiser of MJPEG.
        gop: frames from one key picture to the next, at most.
        ground: "cells" of 20 px, or "texture".
        size: of the objects, in px: they are square.
        contrast: what the first object adds to the ground, in levels; the next one takes it off.
        paths: x and y of the left upper corners of the objects, (objects, frames, 2), in px; NaN
            in a frame without the object.
        light: gain of the brightness, (frames, 1) or (frames, rows).
        pan: how far the ground has moved to the left, (frames,), in px.
        moves_in: top, bottom, left and right of the part of the ground that moves.
        colour: U and V, (frames, 2), in levels.
        coloured: top, bottom, left and right of the part that has this colour, in px.
    """

    name: str
    noise: float
    is_grain: bool = False
    codec: str = "h264"
    quality: int = 23
    gop: int = 250
    ground: str = "cells"
    size: int = 16
    contrast: float = 0
    paths: Floats = field(default_factory=lambda: np.empty((0, FRAMES, 2), dtype=np.float32))
    light: Floats = field(default_factory=lambda: _steady(1, 1))
    pan: Floats = field(default_factory=lambda: _steady(0))
    moves_in: tuple[int, int, int, int] = WHOLE
    colour: Floats = field(default_factory=lambda: _steady(128, 2))
    coloured: tuple[int, int, int, int] = WHOLE

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.pan)

    @property
    def offset_px(self) -> Floats:
        """Where the (first) object is: (frames, 2), NaN without one."""
        return self.paths[0] if len(self.paths) else np.full((self.frames, 2), np.nan, np.float32)

    @property
    def level(self) -> Floats:
        """How far light and colour are from those of frame 0, at most: (frames,), in levels."""
        return np.array([self.drift_levels(i, 0) for i in range(self.frames)], dtype=np.float32)

    @property
    def is_still(self) -> npt.NDArray[np.bool_]:
        """Whether nothing but noise differs from the frame before: (frames,); the first is not."""
        pairs = [(frame, frame - 1) for frame in range(1, self.frames)]
        still = [self.drift_px(*pair) == 0 == self.drift_levels(*pair) for pair in pairs]
        return np.array([False, *still])

    def drift_levels(self, frame: int, other: int) -> float:
        """Return by how much light or colour of two frames differ where they do so most."""
        light = np.abs(self.light[frame] - self.light[other]).max() * MEAN_LEVEL
        return float(max(light, np.abs(self.colour[frame] - self.colour[other]).max()))

    def drift_px(self, frame: int, other: int) -> float:
        """Return how far any object, or the ground, moved; infinite if an object came or went."""
        steps = np.hypot(*(self.paths[:, frame] - self.paths[:, other]).T)
        absent = np.isnan(self.paths[:, [frame, other], 0])
        steps = np.where(absent.all(axis=1), 0, np.where(absent.any(axis=1), np.inf, steps))
        return float(max([*steps, abs(self.pan[frame] - self.pan[other])]))

    @property
    def digest(self) -> str:
        """A name for its video that changes when the scene does."""
        values = [getattr(self, each.name) for each in dataclasses.fields(self)]
        told = [v.tobytes() if isinstance(v, np.ndarray) else repr(v).encode() for v in values]
        return hashlib.sha256(b"|".join(told)).hexdigest()[:16]


@dataclass(frozen=True)
class Judged:
    """What a choice of frames did to a scene.

    ``still_kept`` of ``still`` frames, ``moved_kept`` of ``moved`` ones (the first frame is
    neither), and how far a dropped frame is at most from the one kept for it, in px and levels.
    """

    still_kept: int
    still: int
    moved_kept: int
    moved: int
    farthest_px: float
    drift_levels: float


def judge(scene: Scene, kept: list[int]) -> Judged:
    """Hold the kept frames, numbered from 0, which is one of them, against what is known."""
    numbers = np.arange(scene.frames)
    is_kept = np.isin(numbers, kept)
    still, moved = scene.is_still, ~scene.is_still
    moved[0] = False
    stands_for = np.maximum.accumulate(np.where(is_kept, numbers, 0))
    pairs = [(int(frame), int(stands_for[frame])) for frame in numbers[~is_kept]]
    return Judged(
        int((is_kept & still).sum()),
        int(still.sum()),
        int((is_kept & moved).sum()),
        int(moved.sum()),
        max((scene.drift_px(*pair) for pair in pairs), default=0.0),
        max((scene.drift_levels(*pair) for pair in pairs), default=0.0),
    )


def scenes() -> Iterator[Scene]:
    """Yield all scenes."""
    yield from _objects()
    yield from _objects_elsewhere()
    yield from _encoded()
    yield from _other_changes()
    yield from _never_still()


def _walk(size: int, speed: float, place: str = "middle") -> Floats:
    """Return the path of an object that rests, moves, rests …: (1, frames, 2)."""
    right, bottom = WIDTH - size, HEIGHT - size
    starts = {
        "middle": (200, 170, 1, 0),
        "left edge": (0, 60, 0, 1),
        "right edge": (right, 60, 0, 1),
        "top edge": (100, 0, 1, 0),
        "bottom edge": (100, bottom, 1, 0),
        "left upper corner": (0, 0, 0.8, 0.6),
        "right upper corner": (right, 0, -0.8, 0.6),
        "left lower corner": (0, bottom, 0.8, -0.6),
        "right lower corner": (right, bottom, -0.8, -0.6),
    }
    x, y, across, down = starts[place]
    steps = GOES * speed
    if "corner" in place:  # there and back, so that it stays there
        steps = steps * np.where(TIMES // (2 * REST) % 2, -1, 1)
    gone = np.cumsum(steps)
    return np.stack([x + across * gone, y + down * gone], axis=-1)[None].astype(np.float32)


def one_object(
    noise: float, contrast: float, size: int, speed: float, place: str = "middle", **more: object
) -> Scene:
    """Return a scene with one object, named by what it is made of."""
    kind = "grain" if more.get("is_grain") else "noise"
    extra = [f"{key} {value}" for key, value in more.items() if key != "is_grain"]
    name = ", ".join(
        [
            f"{kind} {noise:g}: {size} px, {contrast:+g} levels, {speed:g} px a frame, {place}",
            *extra,
        ]
    )
    paths = _walk(size, speed, place)
    return Scene(name, noise, size=size, contrast=contrast, paths=paths, **more)  # type: ignore[arg-type]


def _objects() -> Iterator[Scene]:
    for noise in (2, 4, 6, 8, 10, 12, 14, 16):
        yield Scene(f"noise {noise}: nothing moves", noise)
        for size, speed, sigmas in ((8, 1, 4), (16, 2, 4), (24, 4, 3)):
            yield one_object(noise, sigmas * noise, size, speed)
    for noise in (2, 6, 12):
        yield one_object(noise, 80, 8, 2)
        yield one_object(noise, 5 * noise, 24, 0.5)
        yield one_object(noise, -5 * noise, 16, 2)
    for noise in (3, 6, 9, 12):
        yield Scene(f"grain {noise}: nothing moves", noise, is_grain=True)
        yield one_object(noise, 5 * noise, 8, 1, is_grain=True)
        yield one_object(noise, 4 * noise, 16, 2, is_grain=True)


def _objects_elsewhere() -> Iterator[Scene]:
    for side in ("left", "right", "top", "bottom"):
        yield one_object(4, 30, 12, 1.5, f"{side} edge")
    for number, across in enumerate(("left", "right")):
        for down in ("upper", "lower"):
            yield one_object(5, 30, 8 + 8 * number, 1.5, f"{across} {down} corner")
    for noise in (3, 10):
        yield one_object(noise, 40, 120, 2)
        yield one_object(noise, 50, 16, 2, ground="texture")
    yield one_object(10, -40, 120, 2)
    for noise in (3, 10):
        path = _walk(16, 0)
        path[0, GOES == 0] = np.nan
        name = f"noise {noise}: 16 px, +50 levels, comes and goes"
        yield Scene(name, noise, contrast=50, paths=path)


def _encoded() -> Iterator[Scene]:
    for quality in (18, 28, 32):
        yield one_object(3, 20, 12, 1, quality=quality)
        yield one_object(8, 40, 12, 1, quality=quality, gop=25)
    yield one_object(6, 30, 12, 1, gop=12)
    for quality in (20, 28):
        yield one_object(3, 20, 12, 1, codec="hevc", quality=quality)
        yield one_object(8, 40, 12, 1, codec="hevc", quality=quality, gop=25)
    for quality in (3, 8):
        yield one_object(3, 20, 12, 1, codec="mjpeg", quality=quality)
        yield one_object(8, 40, 12, 1, codec="mjpeg", quality=quality)


def _column(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float32)[:, None]


def _other_changes() -> Iterator[Scene]:
    fade = _column(np.interp(TIMES, [50, 150], [1.0, 0.2]))
    slow = _column(np.interp(TIMES, [10, 190], [1.0, 0.85]))
    exposure = _column(
        np.interp(TIMES, [60, 63, 110, 116, 160, 161], [1, 1.12, 1.12, 0.94, 0.94, 1])
    )
    for noise in (2, 8):
        yield Scene(f"noise {noise}: fade to dark, 0.9 levels a frame", noise, light=fade)
        yield Scene(f"noise {noise}: slow fade, 0.1 levels a frame", noise, light=slow)
        yield Scene(f"noise {noise}: steps of auto-exposure", noise, light=exposure)
        for gain in (1.5, 1.06):
            flash = _column(np.where(TIMES == 100, gain, 1))
            name = f"noise {noise}: flash of one frame, {MEAN_LEVEL * (gain - 1):.0f} levels"
            yield Scene(name, noise, light=flash)
        for v in (90, 160):  # from 180
            colour = np.where(GOES[:, None], (100, v), (100, 180)).astype(np.float32)
            name = f"noise {noise}: red lamp of 16 px turns, {180 - v} levels of colour"
            yield Scene(name, noise, colour=colour, coloured=(150, 166, 200, 216))
        rate = np.interp(TIMES, [50, 150], [0, 1])
        colour = np.stack([128 - 10 * rate, 128 + 12 * rate], axis=-1).astype(np.float32)
        yield Scene(f"noise {noise}: white balance drifts, 12 levels", noise, colour=colour)
        for speed in (0.5, 2):
            pan = (np.maximum(TIMES - 100, 0) * speed).astype(np.float32)
            yield Scene(f"noise {noise}: pan that starts, {speed:g} px a frame", noise, pan=pan)
        for rate_hz, mains_hz, levels in ((25, 50.1, 2), (25, 50.1, 8), (30, 50, 8)):
            # Light pulses at twice the mains' frequency; rows are read in 0.9 of a frame's time.
            seconds = (TIMES[:, None] + 0.9 * np.arange(HEIGHT) / HEIGHT) / rate_hz
            light = 1 + levels / MEAN_LEVEL * np.cos(4 * np.pi * mains_hz * seconds)
            name = f"noise {noise}: flicker of {mains_hz:g} Hz at {rate_hz} fps, ±{levels} levels"
            yield Scene(name, noise, light=light.astype(np.float32))


def _never_still() -> Iterator[Scene]:
    random = np.random.default_rng(2)
    lanes = 14
    starts, speeds = random.uniform(0, WIDTH, lanes), random.uniform(1, 4, lanes)
    x = (starts[:, None] + speeds[:, None] * TIMES) % (WIDTH + 20) - 20
    y = np.broadcast_to(np.arange(lanes)[:, None] * 24.0 + 8, x.shape)
    traffic = np.stack([x, y], axis=-1).astype(np.float32)
    drift = (1.5 * TIMES).astype(np.float32)
    sway = (6 + 6 * np.sin(TIMES / 5)).astype(np.float32)
    for noise in (3, 10):
        name = f"noise {noise}: traffic, {lanes} objects of 20 px"
        yield Scene(name, noise, size=20, contrast=45, paths=traffic)
        for what, pan, part in (
            ("water in the lower half", drift, (HEIGHT // 2, HEIGHT, 0, WIDTH)),
            ("a tree sways", sway, (40, 240, 400, 600)),
        ):
            yield Scene(f"noise {noise}: {what}", noise, ground="texture", pan=pan, moves_in=part)
