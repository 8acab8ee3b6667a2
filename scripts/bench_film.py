"""The part of `bench.py dedupe` that draws, encodes and decodes its scenes."""

import subprocess
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from bench import QUIET
from bench_scenes import FRAMES, HEIGHT, MEAN_LEVEL, WIDTH, Floats, Scene

Pictures = npt.NDArray[np.uint8]

ENCODERS = {
    "h264": ["-c:v", "libx264", "-preset", "veryfast", "-crf"],
    "hevc": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-crf"],
    "mjpeg": ["-c:v", "mjpeg", "-q:v"],
}


@lru_cache
def _ground(kind: str) -> Floats:
    """Return a still picture, wider than a frame, so that the frame can pan."""
    random = np.random.default_rng(1)
    wide = WIDTH + 2 * FRAMES + 20
    if kind == "cells":
        cells = random.integers(60, 2 * MEAN_LEVEL - 60, (HEIGHT // 20, wide // 20))
        return np.kron(cells, np.ones((20, 20))).astype(np.float32)
    texture = cv2.GaussianBlur(random.standard_normal((HEIGHT, wide)), (0, 0), 1.5)
    return (MEAN_LEVEL + 25 * texture / texture.std()).astype(np.float32)


@lru_cache
def _noise(is_grain: bool) -> Floats:
    """Return noise of deviation 1, larger than a frame, from which each frame takes a part."""
    noise = np.random.default_rng(3).standard_normal((3 * HEIGHT, 3 * WIDTH), dtype=np.float32)
    if is_grain:  # grains are larger than a pixel
        noise = cv2.GaussianBlur(noise, (0, 0), 0.9)
    return noise / noise.std()


def grain_of(ffmpeg: str, video: Path) -> Floats:
    """Return the grain of still footage, with deviation 1: (frames, HEIGHT, WIDTH).

    It is what differs from the median over time in the tile of 64x64 in which that is finest, so
    that neither movement nor light is taken for grain. Tiles stand side by side, each at another
    moment.
    """
    tile = 64
    frames = decode_grey(ffmpeg, video, limit=FRAMES).astype(np.float32)
    down, across = (length // tile for length in frames.shape[1:])
    residual = (frames - np.median(frames, axis=0))[:, : down * tile, : across * tile]
    tiles = residual.reshape(len(frames), down, tile, across, tile).swapaxes(2, 3)
    strength = tiles.std(axis=(0, 3, 4))
    fineness = np.diff(tiles, axis=4).std(axis=(0, 3, 4)) / np.maximum(strength, 1e-6)
    fineness[strength < 0.5] = 0  # black, burnt out, or smoothed away by the encoder
    y, x = np.unravel_index(fineness.argmax(), fineness.shape)
    grain = tiles[:, y, x]
    rows = [
        np.concatenate(
            [np.roll(grain, 37 * x + 11 * y, axis=0) for x in range(-(-WIDTH // tile))], 2
        )
        for y in range(-(-HEIGHT // tile))
    ]
    return (np.concatenate(rows, axis=1)[:, :HEIGHT, :WIDTH] / grain.std()).astype(np.float32)


def decode_grey(ffmpeg: str, video: Path, limit: int = 10**9) -> Pictures:
    """Return the first frames: uint8, shape (frames, height, width)."""
    command = [ffmpeg, *QUIET, "-i", video, "-frames:v", str(limit), "-f", "image2pipe"]
    done = subprocess.run([*command, "-c:v", "pgm", "-"], capture_output=True, check=True)
    width, height = map(int, done.stdout.split(maxsplit=3)[1:3])
    head = len(f"P5\n{width} {height}\n255\n")
    pictures = np.frombuffer(done.stdout, dtype=np.uint8).reshape(-1, head + height * width)
    return pictures[:, head:].reshape(-1, height, width)


def lag_px(scene: Scene, frames: Pictures) -> float:
    """Return how far the video shows the one object of a scene from where it was, at most.

    An encoder may repeat a faint object where it last stored it. Each frame shows it where it is in
    that drawn picture, of all times, which is nearest to the frame in the sum of squares.
    """
    if len(scene.paths) != 1 or np.isnan(scene.paths).any():
        return 0.0
    left, top = np.floor(scene.paths[0].min(axis=0)).astype(int)
    right, bottom = np.ceil(scene.paths[0].max(axis=0)).astype(int) + scene.size
    part = np.s_[top:bottom, left:right]
    drawn = np.stack([_draw(scene, frame)[part].ravel() for frame in range(scene.frames)])
    shown = frames[:, *part].reshape(len(frames), -1).astype(np.float32)
    ground = drawn.mean(axis=0)
    drawn, shown = drawn - ground, shown - ground
    nearest = ((drawn**2).sum(axis=1) - 2 * shown @ drawn.T).argmin(axis=1)
    return float(np.hypot(*(scene.paths[0] - scene.paths[0, nearest]).T).max())


def film_scene(ffmpeg: str, scene: Scene, target: Path, grain: Floats | None = None) -> None:
    """Encode a scene as a camera would see it; ``grain`` is of footage, instead of the model."""
    is_grey = bool((scene.colour == 128).all())
    pixels = "gray" if is_grey else "yuvj420p"
    size = ["-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{WIDTH}x{HEIGHT}", "-r", "25"]
    encoder = [*ENCODERS[scene.codec], str(scene.quality), "-g", str(scene.gop)]
    stored = "yuvj420p" if scene.codec == "mjpeg" else "yuv420p"
    command = [ffmpeg, *QUIET, *size, "-i", "pipe:", *encoder, "-pix_fmt", stored, target]
    random = np.random.default_rng(int(scene.digest, 16))
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for frame in range(scene.frames):
            picture = _draw(scene, frame)
            noise = _take(random, _noise(scene.is_grain), picture.shape)
            if scene.is_grain and grain is not None:
                noise = grain[frame % len(grain)]
            if scene.is_grain:  # light comes in photons
                noise = noise * np.sqrt((picture + 10) / (MEAN_LEVEL + 10))
            planes = [picture + scene.noise * noise]
            if not is_grey:
                planes += _draw_colour(scene, frame, random)
            for plane in planes:
                process.stdin.write((plane + 0.5).clip(0, 255).astype(np.uint8).tobytes())
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)


def _take(random: np.random.Generator, noise: Floats, shape: tuple[int, ...]) -> Floats:
    """Return a part of the noise, turned at random: no pixel has the same one twice."""
    top, left = (int(random.integers(n - m)) for n, m in zip(noise.shape, shape, strict=True))
    part = noise[top : top + shape[0], left : left + shape[1]]
    return part[:: random.choice([1, -1]), :: random.choice([1, -1])] * random.choice([1, -1])


def _draw(scene: Scene, frame: int) -> Floats:
    """Return the brightness of a frame, without noise: (HEIGHT, WIDTH)."""
    ground = _ground(scene.ground)
    picture = ground[:, :WIDTH].copy()
    top, bottom, left, right = scene.moves_in
    whole, part = divmod(float(scene.pan[frame]), 1)
    near, next_ = (
        ground[top:bottom, left + int(whole) + step : right + int(whole) + step] for step in (0, 1)
    )
    picture[top:bottom, left:right] = (1 - part) * near + part * next_
    for number, (x, y) in enumerate(scene.paths[:, frame]):
        if not np.isnan(x):
            drawn = np.outer(_cover(HEIGHT, y, scene.size), _cover(WIDTH, x, scene.size))
            picture += np.float32(scene.contrast * (-1) ** number) * drawn
    return picture * scene.light[frame][:, None]


def _cover(length: int, start: float, size: int) -> Floats:
    """Return how much of each pixel in a row an object covers."""
    pixels = np.arange(length)
    covered = np.minimum(pixels + 1, start + size) - np.maximum(pixels, start)
    return covered.clip(0, 1).astype(np.float32)


def _draw_colour(scene: Scene, frame: int, random: np.random.Generator) -> list[Floats]:
    """Return U and V of a frame, at half the size, with half the noise."""
    top, bottom, left, right = (edge // 2 for edge in scene.coloured)
    planes = []
    for level in scene.colour[frame]:
        plane = np.full((HEIGHT // 2, WIDTH // 2), 128, dtype=np.float32)
        plane[top:bottom, left:right] = level
        planes.append(plane + scene.noise / 2 * _take(random, _noise(scene.is_grain), plane.shape))
    return planes
