"""The part of bench.py that measures what dedupe keeps and loses.

Each scene is judged by what is known of it (`bench_scenes`): how many of the frames were kept in
which nothing changed, and how far, in any frame left out, an object stands from where it is in the
image that stands for it.
"""

import math
import shutil
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from bench import PREP, run
from bench_film import Pictures, decode_grey, film_scene, grain_of, lag_px
from bench_scenes import FRAMES, HEIGHT, WIDTH, Floats, Judged, Scene, judge, scenes

STILL_SHARE, FARTHEST_PX, DRIFT_LEVELS = 0.05, 2, 3
HIGHEST_NOISE, LEAST_CONTRAST = 12, 4
AIMS = f"""\
Farthest off: how far, in any frame left out, an object is from where it is in the image kept for it
(px), or how much light or colour differ from it (levels).

Aims, up to noise of {HIGHEST_NOISE} levels and from a contrast of {LEAST_CONTRAST} times the noise:
at most {STILL_SHARE:.0%} of the still frames kept, and nothing farther off than {FARTHEST_PX} px
and {DRIFT_LEVELS} levels. Other scenes have no aim. Where a miss is "shown late", the object lags
behind by so much in the video itself, for the encoder repeated it."""

Choose = Callable[[Pictures], list[int]]


@dataclass(frozen=True)
class Row:
    """A scene, what a method did to it, and how late the video shows its object."""

    scene: Scene
    judged: Judged
    lag_px: float

    @property
    def has_aim(self) -> bool:
        """Whether what moves here stands out from the noise by enough to be asked for."""
        scene = self.scene
        stands_out = not len(scene.paths) or abs(scene.contrast) >= LEAST_CONTRAST * scene.noise
        return scene.noise <= HIGHEST_NOISE and stands_out

    @property
    def misses(self) -> list[str]:
        """Which aims the method misses, in words."""
        if not self.has_aim:
            return []
        judged, found = self.judged, []
        if judged.still_kept > STILL_SHARE * judged.still:
            found.append(f"still kept {_share(judged.still_kept, judged.still)}")
        if judged.farthest_px > FARTHEST_PX:
            late = f" (shown {self.lag_px:.0f} px late)" if self.lag_px > FARTHEST_PX else ""
            found.append(f"{_px(judged)} off{late}")
        if judged.drift_levels > DRIFT_LEVELS:
            found.append(f"{judged.drift_levels:.1f} levels off")
        return found


def bench_dedupe(ffmpeg: str, folder: Path, films: Path, grain_from: Path | None) -> None:
    """Print what each method keeps and loses in all scenes.

    Args:
        ffmpeg: the program.
        folder: for what is thrown away afterwards.
        films: where the scenes are filmed, or have been.
        grain_from: still footage with the grain for those scenes that have some.
    """
    films.mkdir(parents=True, exist_ok=True)
    grain = None if grain_from is None else grain_of(ffmpeg, grain_from)
    compare_methods(ffmpeg, folder, films, scenes(), grain)


def compare_methods(
    ffmpeg: str, folder: Path, films: Path, shown: Iterable[Scene], grain: Floats | None = None
) -> None:
    """Print a row a scene, a summary by noise, and which scenes miss which aim."""
    others = methods()
    print(f"{FRAMES} frames of {WIDTH}×{HEIGHT} a scene\n\n{AIMS}\n")
    print("Of the other methods: still frames kept, moved frames kept, farthest off.\n")
    head = ["scene", "still kept", "moved kept", "farthest off", "misses", *others]
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|", flush=True)
    table: dict[str, list[Row]] = {"prep": [], **{name: [] for name in others}}
    for scene in shown:
        video = filmed(ffmpeg, scene, films, grain)
        frames = decode_grey(ffmpeg, video)
        kept = [kept_by_prep(video, folder), *(choose(frames) for choose in others.values())]
        late_px = lag_px(scene, frames)
        for rows, numbers in zip(table.values(), kept, strict=True):
            rows.append(Row(scene, judge(scene, numbers), late_px))
        by_prep, *by_others = (rows[-1] for rows in table.values())
        told = "; ".join(by_prep.misses) or ("–" if by_prep.has_aim else "no aim")
        cells = [scene.name, *_cells(by_prep.judged), told]
        cells += [", ".join(_cells(row.judged)) for row in by_others]
        print(f"| {' | '.join(cells)} |", flush=True)
    print_sums("method", table)
    print_sums("prep, by noise", by_noise(table["prep"]))
    print_misses(table["prep"])


def filmed(ffmpeg: str, scene: Scene, films: Path, grain: Floats | None) -> Path:
    """Return the video of a scene, filmed unless there is one of the same description."""
    suffix = "avi" if scene.codec == "mjpeg" else "mp4"
    taken = "" if grain is None or not scene.is_grain else f"-{zlib.crc32(grain):x}"
    target = films / f"{scene.digest}{taken}.{suffix}"
    if not target.exists():
        part = target.with_name(f"part.{suffix}")
        film_scene(ffmpeg, scene, part, grain)
        part.rename(target)
    return target


def kept_by_prep(video: Path, folder: Path) -> list[int]:
    """Return the frames that `prep extract` keeps with its defaults."""
    dataset = folder / "dataset"
    shutil.rmtree(dataset, ignore_errors=True)
    run([*PREP, "extract", str(video), "-o", str(dataset), "-q"], cwd=folder)
    images = (dataset / video.stem).glob("*.jpg")
    return sorted(int(path.stem.rsplit("_", 1)[1]) for path in images)


def methods() -> dict[str, Choose]:
    """Return what prep is held against: from frames to the kept ones, as `keep` chooses them."""

    def mean_difference(frames: Pictures) -> list[int]:
        small = [cv2.resize(f, (160, 90), interpolation=cv2.INTER_AREA) for f in frames]
        return keep(small, lambda one, other: float(cv2.absdiff(one, other).mean()) <= 1)

    chosen = {"mean ≤ 1, 160 px": mean_difference}
    try:
        import imagehash
        from PIL import Image
    except ImportError:
        print("imagehash is not installed: pip install '.[bench]' for its columns\n")
        return chosen

    def hashed(function: str, bits: int) -> Choose:
        def choose(frames: Pictures) -> list[int]:
            hashes = [getattr(imagehash, function)(Image.fromarray(frame)) for frame in frames]
            return keep(hashes, lambda one, other: one - other <= bits)

        return choose

    for function, bits in (("phash", 4), ("phash", 10), ("dhash", 2)):
        chosen[f"{function} ≤ {bits}"] = hashed(function, bits)
    return chosen


def keep(items: list[Any], is_same: Callable[[Any, Any], bool]) -> list[int]:
    """Return the places of items that differ from the last one kept."""
    kept = [0]
    for place in range(1, len(items)):
        if not is_same(items[place], items[kept[-1]]):
            kept.append(place)
    return kept


def by_noise(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows by kind and strength of noise."""
    classes: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (not row.has_aim, row.scene.is_grain, row.scene.noise)):
        limit = next((limit for limit in (4, 8) if row.scene.noise <= limit), HIGHEST_NOISE)
        kind = "grain" if row.scene.is_grain else "white"
        name = f"{kind}, up to {limit}" if row.has_aim else "without an aim"
        classes.setdefault(name, []).append(row)
    return classes


def print_sums(title: str, classes: dict[str, list[Row]]) -> None:
    """Print a table with a line for each class of rows."""
    head = [title, "scenes", "still kept", "moved kept", "farthest off", "meet their aims"]
    print(f"\n| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for name, rows in classes.items():
        judged = [row.judged for row in rows]
        counts = ("still_kept", "still", "moved_kept", "moved")
        together = Judged(
            *(sum(getattr(one, count) for one in judged) for count in counts),
            max(one.farthest_px for one in judged),
            max(one.drift_levels for one in judged),
        )
        aimed = [row for row in rows if row.has_aim]
        met = f"{sum(not row.misses for row in aimed)} of {len(aimed)}"
        print(f"| {' | '.join([name, str(len(rows)), *_cells(together), met])} |")


def print_misses(rows: list[Row]) -> None:
    """Print a line for each scene that misses an aim."""
    missing = [row for row in rows if row.misses]
    print(f"\n{len(missing)} of {sum(row.has_aim for row in rows)} scenes with an aim miss it:")
    for row in missing:
        print(f"- {row.scene.name}: {'; '.join(row.misses)}")


def _cells(judged: Judged) -> list[str]:
    """Return the shares of still and moved frames that were kept, and how far what else is off."""
    off = [told for told in (_px(judged), f"{judged.drift_levels:.1f} levels") if told[:3] != "0.0"]
    return [
        _share(judged.still_kept, judged.still),
        _share(judged.moved_kept, judged.moved),
        " and ".join(off) or "0",
    ]


def _px(judged: Judged) -> str:
    came_or_went = judged.farthest_px == math.inf
    return "a whole object" if came_or_went else f"{judged.farthest_px:.1f} px"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"
