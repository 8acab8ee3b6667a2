"""Measure prep side by side with what people use today.

    python scripts/bench.py extract [--pairs N]
    python scripts/bench.py validate [--pairs N]
    python scripts/bench.py dedupe     needs the extra 'bench' for three of its columns
    python scripts/bench.py upload     needs cvat-cli, and CVAT_HOST, CVAT_USERNAME, CVAT_PASSWORD
    python scripts/bench.py scale      how time and memory grow, and what engines cost
    python scripts/bench.py dataset [--frames N] [--videos N]    one of very many frames

For extract everything runs in alternation, A B, B A, …, with the same ffmpeg, so that a machine
whose speed drifts slows both; the ratio is taken pair by pair and its median printed. The clips are
made first. Times are of whole processes, Python's start included.
"""

import argparse
import contextlib
import importlib.util
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from video_prep.settings.stages import RunSettings
from video_prep.video.binary import find_ffmpeg

PREP = [sys.executable, "-m", "video_prep"]
QUIET = ["-hide_banner", "-v", "error", "-nostdin", "-y"]
LOOK_SECONDS = 0.02


@dataclass
class Measured:
    """One finished process: wall-clock seconds, and peaks of memory in MB.

    ``peak_mb``: its own. ``ffmpeg_mb``, ``worker_mb``: of the largest ffmpeg below it, and of the
    largest other process there.
    """

    seconds: float
    peak_mb: float
    ffmpeg_mb: float
    worker_mb: float


def main() -> None:
    """Parse the command line and run a benchmark."""
    benchmarks = {
        "extract": bench_extract,
        "validate": bench_validate,
        "dedupe": bench_dedupe,
        "upload": bench_upload,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*benchmarks, "scale", "dataset"])
    parser.add_argument("--pairs", type=int, default=5, help="pairs a comparison (default 5)")
    parser.add_argument("--frames", type=int, default=1_000_000, help="of the dataset")
    parser.add_argument("--videos", type=int, default=500, help="of the dataset")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prep-bench-") as folder:
        if arguments.what == "dataset":
            from bench_dataset import bench_dataset

            bench_dataset(PREP, Path(folder), arguments.frames, arguments.videos)
            return
        ffmpeg = find_ffmpeg(RunSettings())
        if arguments.what == "scale":
            from bench_scale import bench_scale

            benchmarks["scale"] = bench_scale
        benchmarks[arguments.what](ffmpeg.path, ffmpeg.version, Path(folder), arguments.pairs)


def bench_extract(ffmpeg: str, version: str, folder: Path, pairs: int) -> None:
    """Print the table of `prep extract` against the recipe."""
    print(f"ffmpeg {version}, {os.cpu_count()} cores, {pairs} pairs, medians\n")
    print("| footage | recipe | prep | prep ÷ recipe | decoding alone ÷ recipe |")
    print("|---|---|---|---|---|", flush=True)
    for name, size, seconds in (("720p, 30 s", "1280x720", 30), ("1080p, 30 s", "1920x1080", 30)):
        clip = make_clip(ffmpeg, folder / f"{size}.mp4", size, seconds)
        compare(name, recipe(ffmpeg, [clip]), [clip], decode_only(ffmpeg, clip), folder, pairs)
    clips = folder / "clips"
    clips.mkdir()
    for number in range(50):
        make_clip(ffmpeg, clips / f"clip{number:02}.mp4", "1280x720", 2, seed=number)
    loop = recipe(ffmpeg, sorted(clips.iterdir()))
    compare("50 clips of 720p, 2 s, against a shell loop", loop, [clips], None, folder, pairs)


def compare(
    name: str,
    old: list[str],
    inputs: list[Path],
    floor: list[str] | None,
    folder: Path,
    pairs: int,
    dedupe: str = "off",
) -> None:
    """Print a row: the recipe, prep and mere decoding, in alternation."""
    rows = []
    for turn in range(pairs + 1):
        out = folder / "recipe"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        # A B, B A, A B …: whatever comes second has no advantage.
        before = run_prep(inputs, folder, dedupe).seconds if turn % 2 else None
        recipe_seconds = run(old, cwd=out).seconds
        row = (
            recipe_seconds,
            before or run_prep(inputs, folder, dedupe).seconds,
            run(floor, cwd=out).seconds if floor else float("nan"),
        )
        if turn:  # the first warms up
            rows.append(row)
    recipe_s, prep_s = (statistics.median(row[i] for row in rows) for i in (0, 1))
    ratio = statistics.median(row[1] / row[0] for row in rows)
    spread = f"{min(r[1] / r[0] for r in rows):.2f}–{max(r[1] / r[0] for r in rows):.2f}"
    least = f"{statistics.median(row[2] / row[0] for row in rows):.2f}" if floor else "–"
    print(
        f"| {name} | {recipe_s:.1f} s | {prep_s:.1f} s | **{ratio:.2f}** ({spread}) | {least} |",
        flush=True,
    )


def make_clip(
    ffmpeg: str, target: Path, size: str, seconds: float, seed: int = 1, rate: int = 30
) -> Path:
    """Encode a clip in which everything moves, with the grain of a camera."""
    picture = f"testsrc2=s={size}:r={rate}:d={seconds},noise=alls=8:allf=t:all_seed={seed}"
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"]
    subprocess.run([ffmpeg, *QUIET, "-f", "lavfi", "-i", picture, *encoder, target], check=True)
    return target


def recipe(ffmpeg: str, clips: list[Path], sync: str = "-fps_mode passthrough") -> list[str]:
    """Return the command that people use today, once or in a shell loop."""
    each = (
        f'n=$(basename "$v" .mp4); mkdir "$n"; "{ffmpeg}" {" ".join(QUIET)} -i "$v" '
        f'-start_number 0 -b:v 10000k {sync} -an -q:v 4 "$n/$n-frame_%06d.jpg"'
    )
    return ["sh", "-c", f'for v in "$@"; do {each}; done', "sh", *map(str, clips)]


def decode_only(ffmpeg: str, clip: Path) -> list[str]:
    """Return the command that decodes and throws away: the floor."""
    return [ffmpeg, *QUIET, "-i", str(clip), "-map", "0:V:0", "-f", "null", "-"]


def run_prep(inputs: list[Path], folder: Path, dedupe: str = "off") -> Measured:
    """Extract into a fresh dataset; without dedupe both sides write the same images."""
    dataset = folder / "dataset"
    shutil.rmtree(dataset, ignore_errors=True)
    options = ["-o", str(dataset), "--dedupe", dedupe, "-q"]
    return run([*PREP, "extract", *map(str, inputs), *options], cwd=folder)


def run(command: list[str], cwd: Path, *, is_silent: bool = False) -> Measured:
    """Run a command to its end; peaks of memory are read from Linux while it runs."""
    os.sync()  # nobody pays for what another left to be written
    begun = time.perf_counter()
    said = subprocess.DEVNULL if is_silent else None
    process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    peaks = {"itself": 0.0, "ffmpeg": 0.0, "worker": 0.0}
    while process.returncode is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_SECONDS)
        for pid in family(process.pid):
            with contextlib.suppress(OSError):  # it has just ended
                status = Path(f"/proc/{pid}/status").read_text()
                peak = re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)
                kind = "ffmpeg" if status.startswith("Name:\tffmpeg") else "worker"
                kind = "itself" if pid == process.pid else kind
                peaks[kind] = max(peaks[kind], int(peak[1]) / 1024 if peak else 0)
    seconds = time.perf_counter() - begun
    if process.returncode != 0:
        sys.exit(f"{command[:4]} ended with {process.returncode}")
    return Measured(seconds, peaks["itself"], peaks["ffmpeg"], peaks["worker"])


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that it has started, directly or not."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from family(int(child))


def bench_upload(ffmpeg: str, version: str, folder: Path, pairs: int) -> None:
    """Print the table of `prep upload` against cvat-cli."""
    import bench_upload as part  # it needs a server

    clip = make_clip(ffmpeg, folder / "clip.mp4", "640x360", part.IMAGES // 30 + 1)
    part.bench_upload(clip, PREP, run, folder, pairs)


CLEANVISION = """
import sys
from cleanvision import Imagelab
if __name__ == "__main__":  # it starts processes
    Imagelab(data_path=sys.argv[1]).find_issues(verbose=False)
"""
IMAGEHASH = """
import sys, pathlib, imagehash
from PIL import Image
for path in pathlib.Path(sys.argv[1]).glob("*.jpg"):
    imagehash.phash(Image.open(path))
"""


def bench_validate(ffmpeg: str, version: str, folder: Path, pairs: int) -> None:
    """Print the table of `prep validate` beside other tools that read every image.

    They look for other things: cleanvision for quality and duplicates, imagehash makes one hash.
    """
    clip = make_clip(ffmpeg, folder / "clip.mp4", "1920x1080", 30)
    dataset = folder / "dataset"
    run([*PREP, "extract", str(clip), "-o", str(dataset), "--dedupe", "off", "-q"], cwd=folder)
    images = dataset / "clip"
    count = len(list(images.glob("*.jpg")))
    tools = {"prep validate": [*PREP, "validate", str(dataset), "-q"]}
    for name, script in (("cleanvision", CLEANVISION), ("imagehash", IMAGEHASH)):
        if importlib.util.find_spec(name):
            (folder / f"with_{name}.py").write_text(script)
            label = {"cleanvision": "cleanvision", "imagehash": "one pHash of imagehash"}[name]
            tools[label] = [sys.executable, str(folder / f"with_{name}.py"), str(images)]
    rows: dict[str, list[Measured]] = {name: [] for name in tools}
    for turn in range(pairs):
        for name in list(tools)[:: -1 if turn % 2 else 1]:
            rows[name].append(run(tools[name], cwd=folder))
    print(f"{count} JPEGs of 1920×1080, {os.cpu_count()} cores, medians of {pairs}\n")
    print("| tool | seconds | images a second | peak memory |\n|---|---|---|---|")
    for name, measured in rows.items():
        seconds = statistics.median(each.seconds for each in measured)
        peak_mb = max(each.peak_mb for each in measured)
        print(f"| {name} | {seconds:.1f} | {count / seconds:.0f} | {peak_mb:.0f} MB |", flush=True)


Pictures = npt.NDArray[np.uint8]
WIDTH, HEIGHT, FRAMES = 640, 360, 200


@dataclass
class Scene:
    """Footage of which is known what moved: ``offset`` places a box, ``gain`` brightens all.

    ``moved`` says of each frame whether it shows something else than the one before.
    """

    name: str
    noise: float
    crf: int
    box: int
    offsets: npt.NDArray[np.int64]
    gain: npt.NDArray[np.float64]
    pan: npt.NDArray[np.int64]

    @property
    def moved(self) -> npt.NDArray[np.bool_]:
        """Whether a frame differs from the one before, but for noise."""
        steps = [
            np.diff(values, prepend=values[0]) for values in (self.offsets, self.gain, self.pan)
        ]
        return np.logical_or.reduce([step != 0 for step in steps])


def scenes() -> Iterator[Scene]:
    """Yield still scenes in which a box moves for half of the time, and scenes of other changes."""
    nothing, full = np.zeros(FRAMES, dtype=np.int64), np.ones(FRAMES)
    goes = np.arange(FRAMES) // 25 % 2  # a second of rest, a second of movement
    for box in (8, 12, 24):
        for speed in (1, 3):
            for noise, crf in ((2, 18), (2, 28), (5, 18), (5, 28)):
                name = f"{box} px at {speed} px a frame, noise {noise}, crf {crf}"
                yield Scene(name, noise, crf, box, np.cumsum(goes * speed), full, nothing)
    fade = np.interp(np.arange(FRAMES), [50, 150], [1.0, 0.2])
    yield Scene("fade to dark in 100 frames", 2, 23, 0, nothing, fade, nothing)
    flash = full.copy()
    flash[100] = 1.5
    yield Scene("flash of one frame", 2, 23, 0, nothing, flash, nothing)
    pan = np.maximum(np.arange(FRAMES) - 100, 0)
    yield Scene("pan that starts, 1 px a frame", 2, 23, 0, nothing, full, pan)


def film_scene(ffmpeg: str, scene: Scene, target: Path) -> None:
    """Encode a scene as a camera would see it."""
    random = np.random.default_rng(1)
    cells = random.integers(50, 180, (HEIGHT // 20, (WIDTH + FRAMES) // 20))
    ground = np.kron(cells, np.ones((20, 20)))
    size = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", "25"]
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(scene.crf)]
    command = [ffmpeg, *QUIET, *size, "-i", "pipe:", *encoder, "-pix_fmt", "yuv420p", target]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for offset, gain, pan in zip(scene.offsets, scene.gain, scene.pan, strict=True):
            picture = ground[:, pan : pan + WIDTH] * gain
            picture[150 : 150 + scene.box, 40 + offset : 40 + offset + scene.box] += 50
            picture = picture + random.normal(0, scene.noise, picture.shape)
            process.stdin.write(picture.clip(0, 255).astype(np.uint8).tobytes())


def decode_grey(ffmpeg: str, video: Path) -> Pictures:
    """Return all frames: uint8, shape (frames, height, width)."""
    command = [ffmpeg, *QUIET, "-i", video, "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, dtype=np.uint8).reshape(-1, HEIGHT, WIDTH)


def methods() -> dict[str, Callable[[Pictures], list[int]]]:
    """Return what prep is held against: from frames to the kept ones, as `keep` chooses them."""

    def mean_difference(frames: Pictures) -> list[int]:
        small = [cv2.resize(f, (160, 90), interpolation=cv2.INTER_AREA) for f in frames]
        return keep(small, lambda one, other: float(cv2.absdiff(one, other).mean()) <= 1)

    import cv2

    chosen = {"mean ≤ 1, 160 px": mean_difference}
    try:
        import imagehash
        from PIL import Image
    except ImportError:
        print("imagehash is not installed: pip install '.[bench]' for its columns\n")
        return chosen

    def hashed(function: str, bits: int) -> Callable[[Pictures], list[int]]:
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


def kept_by_prep(video: Path, folder: Path) -> list[int]:
    """Return the frames that `prep extract` keeps with its defaults."""
    run_prep([video], folder, dedupe="still")
    images = (folder / "dataset" / video.stem).glob("*.jpg")
    return sorted(int(path.stem.rsplit("_", 1)[1]) for path in images)


def bench_dedupe(ffmpeg: str, version: str, folder: Path, pairs: int) -> None:
    """Print what each method keeps, what `still` saves, and what near hashes cost."""
    bench_recall(ffmpeg, folder)
    print(f"\nffmpeg {version}, {os.cpu_count()} cores, {pairs} pairs, medians\n")
    print("| footage | recipe | prep extract | prep ÷ recipe | decoding alone ÷ recipe |")
    print("|---|---|---|---|---|", flush=True)
    calm = film_calm(ffmpeg, folder / "calm.mp4")
    busy = make_clip(ffmpeg, folder / "busy.mp4", "1920x1080", 30)
    for name, clip in (("1080p, 60 s, mostly still", calm), ("1080p, 30 s, all moves", busy)):
        floor = decode_only(ffmpeg, clip)
        compare(name, recipe(ffmpeg, [clip]), [clip], floor, folder, pairs, dedupe="still")


def film_calm(ffmpeg: str, target: Path) -> Path:
    """Encode a minute of a noisy room in which something small moves every tenth second."""
    room = "testsrc2=s=1920x1080:r=30,trim=end_frame=1,loop=-1:1,setpts=N/30/TB"
    graph = (
        f"{room},noise=alls=6:allf=t[room];color=white:s=24x24:r=30[thing];"
        "[room][thing]overlay=x='200+floor(t/10)*100+90*min(mod(t,10),1)':y=300"
    )
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"]
    command = [ffmpeg, *QUIET, "-filter_complex", graph, "-t", "60", *encoder, str(target)]
    subprocess.run(command, check=True)
    return target


def bench_recall(ffmpeg: str, folder: Path) -> None:
    """Print how many moved frames each method keeps, and how many still ones (1 is right)."""
    others = methods()
    print(f"{FRAMES} frames of {WIDTH}×{HEIGHT}: moved frames kept / still frames kept\n")
    print("| scene | moved | " + " | ".join(["prep: still", *others]) + " |")
    print("|---" * (3 + len(others)) + "|", flush=True)
    sums = np.zeros((1 + len(others), 2), dtype=np.int64)
    total = 0
    for scene in scenes():
        video = folder / "scene.mp4"
        film_scene(ffmpeg, scene, video)
        frames = decode_grey(ffmpeg, video)
        kept = [kept_by_prep(video, folder), *(choose(frames) for choose in others.values())]
        counts = np.array([[scene.moved[k].sum(), (~scene.moved[k]).sum()] for k in kept])
        sums += counts
        total += int(scene.moved.sum())
        cells = " | ".join(f"{moved} / {still}" for moved, still in counts)
        print(f"| {scene.name} | {scene.moved.sum()} | {cells} |", flush=True)
    cells = " | ".join(f"{moved} / {still}" for moved, still in sums)
    print(f"| all | {total} | {cells} |\n")


if __name__ == "__main__":
    main()
