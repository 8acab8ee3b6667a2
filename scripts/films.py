"""Films with known cuts, made of random scenes: what `bench_breaks` judges detectors by.

A cut is a frame that shows another scene, or another page of a screen, than the frame before, and
what was before does not come back at once. So none of these is one: a flash, a lamp that is
switched on or blinks, a window that pops up and goes, a fast pan, a shaking hand, a thing that
fills the picture on its way. A fade or dissolve has no frame at which the scene changes: inside
one, a call counts neither for a detector nor against it; a fade to black and back is no change.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, RATE = 320, 180, 25

Picture = npt.NDArray[np.float32]
Random = np.random.Generator


@dataclass
class Film:
    """Frames (float32, shape (height, width, 3), BGR 0 to 255), and what is true of them.

    ``cuts`` are indices of the first frame behind each; ``blends`` the first and last frame of each
    fade or dissolve into another scene. ``noise`` is the sensor's, in grey levels.
    """

    frames: list[Picture] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    blends: list[tuple[int, int]] = field(default_factory=list)
    noise: float = 2.0

    def shot(
        self,
        scene: "Scene",
        length: int,
        *,
        path: Callable[[int], tuple[float, float]] = lambda _: (0, 0),
        light: Callable[[int], float] = lambda _: 1,
        is_cut: bool = True,
    ) -> "Film":
        """Add a shot: where the camera looks and how bright it is, by the frame of the shot."""
        if self.frames and is_cut:
            self.cuts.append(len(self.frames))
        self.frames += [scene.picture(t, *path(t)) * np.float32(light(t)) for t in range(length)]
        return self

    def blend(self, old: "Scene", new: "Scene", length: int, *, through_black: bool) -> "Film":
        """Add a dissolve between scenes, or a fade out and in."""
        if old is not new:
            self.blends.append((len(self.frames), len(self.frames) + length))
        for t in range(length):
            share = np.float32((t + 1) / (length + 1))
            one, two = (1 - share, share)
            if through_black:
                one, two = max(0, 1 - 2 * share), max(0, 2 * share - 1)
            self.frames.append(old.picture(t) * one + new.picture(t) * two)
        return self


class Scene:
    """A place larger than the picture, in which some things move."""

    def __init__(self, random: Random, *, low: float = 20, high: float = 220, things: int = 3):
        size = (2 * HEIGHT, 2 * WIDTH)
        world = np.zeros((*size, 3), np.float32)
        for cells, weight in ((3, 1.0), (8, 0.8), (24, 0.5), (80, 0.3)):
            coarse = random.random((cells, 2 * cells, 3), np.float32)
            coarse += 2 * random.random((cells, 2 * cells, 1), np.float32)  # mostly grey
            world += weight * cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
        for _ in range(int(random.integers(4, 14))):  # walls, windows, cars
            corner = random.integers(0, size[::-1])
            sides = random.integers(20, 140, 2)
            colour = random.random(3) * 3 + world.min()
            cv2.rectangle(world, corner.tolist(), (corner + sides).tolist(), colour.tolist(), -1)
        world = (world - world.min()) / (world.max() - world.min())
        self.world = (low + (high - low) * world).astype(np.float32)
        self.things = [
            (
                random.integers(0, (WIDTH, HEIGHT)),
                random.uniform(-5, 5, 2),
                int(random.integers(8, 40)),
                random.uniform(low, high, 3),
            )
            for _ in range(things)
        ]

    def picture(self, t: int, dx: float = 0, dy: float = 0) -> Picture:
        """Return what the camera sees at a frame of the shot, moved by so many pixels."""
        rows = (np.arange(HEIGHT) + HEIGHT // 2 + round(dy)) % len(self.world)
        columns = (np.arange(WIDTH) + WIDTH // 2 + round(dx)) % self.world.shape[1]
        seen = np.ascontiguousarray(self.world[rows][:, columns])
        for place, speed, side, colour in self.things:
            x, y = (place + speed * t - (round(dx), round(dy))).astype(int).tolist()
            cv2.rectangle(seen, (x, y), (x + side, y + 2 * side), colour.tolist(), -1)
        return seen


class Page(Scene):
    """A page of a screen: windows, lines of text, and a cursor that blinks."""

    def __init__(self, random: Random):
        super().__init__(random, things=0)
        ground = float(random.choice([25, 60, 235, 250]))
        self.page = np.full((HEIGHT, WIDTH, 3), ground, np.float32)
        self.ink = 20.0 if ground > 128 else 230.0
        for _ in range(int(random.integers(1, 4))):
            x, y = random.integers(0, (WIDTH // 2, HEIGHT // 2)).tolist()
            w, h = random.integers(60, (WIDTH // 2, HEIGHT // 2)).tolist()
            colour = random.uniform(30, 250, 3)
            cv2.rectangle(self.page, (x, y), (x + w, y + h), colour.tolist(), -1)
        for y in range(int(random.integers(8, 20)), HEIGHT - 10, 9):
            x = 12
            while x < WIDTH * random.uniform(0.4, 1):
                word = int(random.integers(6, 30))
                cv2.rectangle(self.page, (x, y), (x + word, y + 4), (self.ink,) * 3, -1)
                x += word + 5

    def picture(self, t: int, dx: float = 0, dy: float = 0) -> Picture:
        """Return the page, scrolled by so many pixels."""
        seen = np.roll(self.page, (-round(dy), -round(dx)), (0, 1))
        if t // 12 % 2:
            cv2.rectangle(seen, (60, 90), (63, 102), (self.ink,) * 3, -1)
        return seen


def hard_cuts(random: Random) -> Film:
    """Shots of a second or two by a steady camera."""
    film = Film(noise=random.uniform(1, 6))
    for _ in range(4):
        film.shot(Scene(random), int(random.integers(20, 50)))
    return film


def short_shots(random: Random) -> Film:
    """Shots of a third of a second."""
    film = Film()
    for _ in range(12):
        film.shot(Scene(random), int(random.integers(8, 14)))
    return film


def alike(random: Random) -> Film:
    """Cuts between dark scenes of little contrast, with strong noise."""
    film = Film(noise=random.uniform(5, 9))
    for _ in range(4):
        low = random.uniform(5, 25)
        film.shot(Scene(random, low=low, high=low + random.uniform(60, 110)), 30)
    return film


def grainy(random: Random) -> Film:
    """Cuts in very noisy footage."""
    film = Film(noise=random.uniform(18, 30))
    for _ in range(4):
        film.shot(Scene(random), 30)
    return film


def fades(random: Random) -> Film:
    """A dissolve, a fade through black to another scene, one back to the same, and a cut."""
    one, two, three = (Scene(random) for _ in range(3))
    film = Film().shot(one, 20).blend(one, two, int(random.integers(10, 30)), through_black=False)
    film.shot(two, 20, is_cut=False)
    film.blend(two, three, int(random.integers(16, 40)), through_black=True)
    film.shot(three, 20, is_cut=False)
    film.blend(three, three, int(random.integers(16, 40)), through_black=True)
    return film.shot(three, 20, is_cut=False).shot(Scene(random), 20)


def flashes(random: Random) -> Film:
    """Photographers: one to three bright frames now and then, and cuts."""
    film = Film()
    for _ in range(3):
        burst = {s + k for s in random.integers(4, 38, 3) for k in range(random.integers(1, 4))}
        strength = random.uniform(1.8, 4)
        film.shot(Scene(random), 45, light=lambda t, b=burst, s=strength: s if t in b else 1)
    return film


def lamps(random: Random) -> Film:
    """A lamp that blinks, one that is switched on and stays on, and a cut."""
    period, low = int(random.integers(3, 14)), random.uniform(0.35, 0.7)
    film = Film().shot(Scene(random), 60, light=lambda t: low if t // period % 2 else 1)
    film.shot(Scene(random), 50, light=lambda t: low if t < 25 else 1)
    return film


def blinking(random: Random) -> Film:
    """A screen on which something large comes and goes; then another page."""
    film = Film(noise=0)
    for _ in range(2):
        page, window, period = Page(random), Page(random), int(random.integers(2, 10))
        w, h = (random.uniform(0.4, 1, 2) * (WIDTH, HEIGHT)).astype(int)
        if film.frames:
            film.cuts.append(len(film.frames))
        for t in range(63):
            seen = page.picture(t)
            if t > 8 and t // period % 2 and t < 55:
                seen[:h, :w] = window.picture(t)[:h, :w]
            film.frames.append(seen)
    return film


def pages(random: Random) -> Film:
    """A screen whose pages change and scroll."""
    film = Film(noise=0)
    for _ in range(4):
        speed = float(random.choice([0, 0, 3, 12]))
        film.shot(Page(random), 30, path=lambda t, s=speed: (0, s * t))
    return film


def pans(random: Random) -> Film:
    """Slow and whipping pans, and cuts."""
    film = Film()
    for _ in range(3):
        slow, fast = random.uniform(1, 6), random.choice([-1, 1]) * random.uniform(15, 45)
        begin = int(random.integers(8, 25))

        def path(t: int, s: float = slow, f: float = fast, b: int = begin) -> tuple[float, float]:
            return s * t + f * min(max(t - b, 0), 10), 0

        film.shot(Scene(random), 45, path=path)
    return film


def shaking(random: Random) -> Film:
    """A hand that shakes, hard at times, and cuts."""
    film = Film()
    for _ in range(3):
        jolts = random.normal(0, random.uniform(3, 12), (40, 2)).cumsum(0) * 0.5
        jolts[random.integers(0, 40, 3)] += random.uniform(-40, 40, (3, 2))
        film.shot(Scene(random), 40, path=lambda t, j=jolts: tuple(j[t]))
    return film


def passing(random: Random) -> Film:
    """A thing that fills the picture on its way, and a cut."""
    scene, body = Scene(random), Scene(random, things=0)
    film = Film().shot(scene, 20)
    speed, length = random.uniform(35, 90), random.uniform(1.0, 2.5) * WIDTH
    steps = int((WIDTH + length) / speed) + 1
    for t in range(steps):
        seen, front = scene.picture(20 + t), speed * t
        lo, hi = max(0, int(front - length)), min(WIDTH, int(front))
        seen[:, lo:hi] = body.picture(0, WIDTH - front)[:, lo:hi]
        film.frames.append(seen)
    return film.shot(scene, 20, is_cut=False).shot(Scene(random), 30)


def fast_things(random: Random) -> Film:
    """Large things that move fast before the camera, and cuts."""
    film = Film()
    for _ in range(3):
        scene = Scene(random, things=0)
        for _ in range(4):
            speed = random.choice([-1, 1]) * random.uniform(12, 40)
            start = np.array([0 if speed > 0 else WIDTH, random.integers(0, 90)])
            colour = random.uniform(0, 255, 3)
            motion = np.array([speed, random.uniform(-4, 4)])
            scene.things.append((start, motion, int(random.integers(40, 90)), colour))
        film.shot(scene, 30)
    return film


def repeated(random: Random) -> Film:
    """Pans, large things that move fast, and cuts, at a third of the frame rate."""
    film = Film()
    for part in (pans(random), fast_things(random)):
        if film.frames:
            film.cuts.append(len(film.frames))
        film.cuts += [len(film.frames) + 3 * -(-cut // 3) for cut in part.cuts]
        for third in range(len(part.frames) // 3):
            film.frames += 3 * [part.frames[3 * third]]
    return film


def blended(random: Random) -> Film:
    """Cuts whose first frame still shows half of the scene before, as converters make them."""
    film = hard_cuts(random)
    for cut in film.cuts:
        film.frames[cut] = (film.frames[cut - 1] + film.frames[cut]) / 2
    return film


SETS = {
    "hard cuts": hard_cuts,
    "short shots": short_shots,
    "dark and alike": alike,
    "strong noise": grainy,
    "fades, dissolves": fades,
    "flashes": flashes,
    "lamps": lamps,
    "blinking screen": blinking,
    "pages of a screen": pages,
    "pans": pans,
    "shaking camera": shaking,
    "passing close by": passing,
    "fast motion": fast_things,
    "repeated frames": repeated,
    "blended cuts": blended,
}
"""What is filmed, by the name of the set."""
