"""Pictures that are drawn, and films of them."""

import shutil

import numpy as np
from PIL import Image

from . import media

LOSSLESS = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-pix_fmt", "yuv420p")


def texture(seed, size=(160, 120), cell=20):
    """A picture of large blocks of many greys: RGB, float."""
    width, height = size
    cells = np.random.default_rng(seed).integers(60, 190, (height // cell, width // cell, 3))
    return np.kron(cells, np.ones((cell, cell, 1)))


def landscapes(seed, count, size=(160, 120)):
    """Pictures that are large and soft as nature is, each another one: RGB, float."""
    random_ = np.random.default_rng(seed)
    cells = random_.integers(20, 220, (count, 6, 8)).astype(np.uint8)
    large = (Image.fromarray(c).resize(size, Image.Resampling.BICUBIC) for c in cells)
    return [np.asarray(grey, float)[..., np.newaxis] * [1, 0.9, 0.8] for grey in large]


def grain(pictures, level, seed=0):
    """Add the noise of a camera."""
    random_ = np.random.default_rng(seed)
    return [
        np.clip(p + random_.normal(0, level, (*p.shape[:2], 1)), 0, 255).astype(np.uint8)
        for p in pictures
    ]


def with_box(picture, x, y, width=12, height=12, level=70):
    picture = picture.copy()
    picture[y : y + height, x : x + width] += level
    return picture


def write_images(folder, pictures, names="{}.png"):
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(np.asarray(picture).clip(0, 255).astype(np.uint8)).save(
            folder / names.format(number)
        )
    return folder


def film(target, pictures, *options, rate="25"):
    """Encode pictures, without loss unless told otherwise."""
    folder = write_images(target.with_suffix(".frames"), pictures, "{:04d}.png")
    still = ["-framerate", rate, "-i", str(folder / "%04d.png")]
    media.run([*still, *(options or LOSSLESS), str(target)])
    shutil.rmtree(folder)
    return target
