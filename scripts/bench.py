"""Measure prep side by side with what people use today.

    python scripts/bench.py extract [--pairs N]
    python scripts/bench.py validate [--pairs N]
    python scripts/bench.py dedupe [--pairs N] [--films FOLDER] [--grain VIDEO]
                                       needs the extra 'bench' for three of its columns
    python scripts/bench.py breaks [--footage FOLDER]    needs the extra 'bench' to compare
    python scripts/bench.py upload     needs cvat-cli, and CVAT_HOST, CVAT_USERNAME, CVAT_PASSWORD
    python scripts/bench.py scale      how time and memory grow, and what engines cost
    python scripts/bench.py dataset [--frames N] [--videos N]    one of very many frames

For extract everything runs in alternation, A B, B A, …, with the same ffmpeg, so that a machine
whose speed drifts slows both; the ratio is taken pair by pair and its median printed. The clips are
made first. Times are of whole processes, Python's start included.
"""

import argparse
import contextlib
import ctypes
import importlib.util
import math
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from operator import truediv
from pathlib import Path

from video_prep.settings.stages import RunSettings
from video_prep.video.binary import find_ffmpeg

PREP = [sys.executable, "-m", "video_prep"]
QUIET = ["-hide_banner", "-v", "error", "-nostdin", "-y"]
LOOK_SECONDS = 0.02
SET_CHILD_SUBREAPER = 36
"""Of prctl(2): processes whose parents ended become children of this one, not of init."""
SPEED_TABLE = (
    "| footage | recipe | prep | prep ÷ recipe | decoding alone ÷ recipe "
    "| recipe, CPU | prep, CPU | prep ÷ recipe, CPU | decoding alone ÷ recipe, CPU |\n"
    + "|---" * 9
    + "|"
)


@dataclass
class Measured:
    """One finished process: seconds on the clock and of the processor, and peaks of memory in MB.

    ``cpu_seconds``: of it and all that it started.
    ``peak_mb``: its own. ``ffmpeg_mb``, ``worker_mb``: of the largest ffmpeg below it, and of the
    largest other process there.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    ffmpeg_mb: float
    worker_mb: float


def main() -> None:
    """Parse the command line and run a benchmark."""
    benchmarks = {
        "extract": bench_extract,
        "validate": bench_validate,
        "upload": bench_upload,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*benchmarks, "breaks", "dedupe", "scale", "dataset"])
    parser.add_argument("--pairs", type=int, default=5, help="pairs a comparison (default 5)")
    parser.add_argument("--films", type=Path, help="where dedupe keeps its scenes for another run")
    parser.add_argument("--grain", type=Path, help="still footage whose grain dedupe takes")
    parser.add_argument("--frames", type=int, default=1_000_000, help="of the dataset")
    parser.add_argument("--videos", type=int, default=500, help="of the dataset")
    parser.add_argument("--footage", type=Path, help="real videos, to splice some with known cuts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prep-bench-") as folder:
        if arguments.what == "dataset":
            from bench_dataset import bench_dataset

            bench_dataset(PREP, Path(folder), arguments.frames, arguments.videos)
            return
        ffmpeg = find_ffmpeg(RunSettings())
        if arguments.what == "breaks":
            from bench_breaks import bench_breaks

            bench_breaks(ffmpeg.path, PREP, run, Path(folder), arguments.footage)
            return
        if arguments.what == "scale":
            from bench_scale import bench_scale

            benchmarks["scale"] = bench_scale
        if arguments.what == "dedupe":
            from bench_dedupe import bench_dedupe

            films = arguments.films or Path(folder) / "films"
            benchmarks["dedupe"] = partial(bench_dedupe, films=films, grain_from=arguments.grain)
        benchmarks[arguments.what](ffmpeg.path, ffmpeg.version, Path(folder), arguments.pairs)


def bench_extract(ffmpeg: str, version: str, folder: Path, pairs: int) -> None:
    """Print the table of `prep extract` against the recipe."""
    print(f"ffmpeg {version}, {os.cpu_count()} cores, {pairs} pairs, medians\n")
    print(SPEED_TABLE, flush=True)
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
        before = run_prep(inputs, folder, dedupe) if turn % 2 else None
        of_recipe = run(old, cwd=out)
        row = (
            of_recipe,
            before or run_prep(inputs, folder, dedupe),
            run(floor, cwd=out) if floor else None,
        )
        if turn:  # the first warms up
            rows.append(row)
    cells = []
    for unit in ("seconds", "cpu_seconds"):
        recipe_s, prep_s, floor_s = zip(
            *([getattr(one, unit, math.nan) for one in row] for row in rows), strict=True
        )
        ratios = list(map(truediv, prep_s, recipe_s))
        least = statistics.median(map(truediv, floor_s, recipe_s))
        cells += [
            f"{statistics.median(recipe_s):.1f} s | {statistics.median(prep_s):.1f} s",
            f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})",
            f"{least:.2f}" if floor else "–",
        ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


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
    said = subprocess.DEVNULL if is_silent else None
    peaks = {"itself": 0.0, "ffmpeg": 0.0, "worker": 0.0}
    with adopting_orphans() as seen:
        begun, cpu_before = time.perf_counter(), cpu_seconds_of_ended()
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        while process.returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
            for pid in family(process.pid):
                seen.add(pid)
                with contextlib.suppress(OSError):  # it has just ended
                    status = Path(f"/proc/{pid}/status").read_text()
                    peak = re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)
                    kind = "ffmpeg" if status.startswith("Name:\tffmpeg") else "worker"
                    kind = "itself" if pid == process.pid else kind
                    peaks[kind] = max(peaks[kind], int(peak[1]) / 1024 if peak else 0)
        seconds = time.perf_counter() - begun
    cpu_seconds = cpu_seconds_of_ended() - cpu_before
    if process.returncode != 0:
        sys.exit(f"{command[:4]} ended with {process.returncode}")
    return Measured(seconds, cpu_seconds, peaks["itself"], peaks["ffmpeg"], peaks["worker"])


@contextlib.contextmanager
def adopting_orphans() -> Iterator[set[int]]:
    """Wait, at the end, for those of a set of processes whose parents did not wait for them.

    Linux counts what a process took of the processor only to who waits for it, and the server from
    which workers are forked outlives the one that started it.
    """
    seen: set[int] = set()
    prctl = ctypes.CDLL(None).prctl
    prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield seen
        for pid in seen:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
    finally:
        prctl(SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def cpu_seconds_of_ended() -> float:
    """Return what all processes took of the processor that were waited for, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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


if __name__ == "__main__":
    main()
