"""Measure prep side by side with what people use today.

    python scripts/bench.py speed [--pairs N] [--cores N] [--rows NAME]
    python scripts/bench.py validate [--pairs N]
    python scripts/bench.py dedupe [--films FOLDER] [--grain VIDEO]
                                       needs the extra 'bench' for three of its columns
    python scripts/bench.py breaks [--footage FOLDER]    needs the extra 'bench' to compare
    python scripts/bench.py upload     needs cvat-cli, and CVAT_HOST, CVAT_USERNAME, CVAT_PASSWORD
    python scripts/bench.py scale      how time and memory grow, and what engines cost
    python scripts/bench.py dataset [--frames N] [--videos N]    one of very many frames

The clips are made first. Times are of whole processes, Python's start included.
"""

import argparse
import contextlib
import ctypes
import importlib.util
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from video_prep.settings.stages import RunSettings
from video_prep.video.binary import find_ffmpeg

PREP = [sys.executable, "-m", "video_prep"]
QUIET = ["-hide_banner", "-v", "error", "-nostdin", "-y"]
LOOK_SECONDS = 0.02
SET_CHILD_SUBREAPER = 36
"""Of prctl(2): processes whose parents ended become children of this one, not of init."""


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
        "validate": bench_validate,
        "upload": bench_upload,
    }
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", choices=["speed", *benchmarks, "breaks", "dedupe", "scale", "dataset"]
    )
    parser.add_argument("--pairs", type=int, default=5, help="pairs a comparison (default 5)")
    parser.add_argument("--cores", type=int, default=cores, help="that speed may use (default all)")
    parser.add_argument("--rows", help="of speed: whole, still, clips, few or again")
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
        if arguments.what == "speed":
            from bench_speed import bench_speed

            print(f"ffmpeg {ffmpeg.version}")
            bench_speed(ffmpeg.path, Path(folder), arguments.pairs, arguments.cores, arguments.rows)
            return
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
            bench_dedupe(ffmpeg.path, Path(folder), films, arguments.grain)
            return
        benchmarks[arguments.what](ffmpeg.path, ffmpeg.version, Path(folder), arguments.pairs)


def make_clip(
    ffmpeg: str,
    target: Path,
    size: str,
    seconds: float,
    seed: int = 1,
    rate: int = 30,
    group: int = 250,
) -> Path:
    """Encode a clip in which everything moves, with the grain of a camera.

    So many parameters, for all are of the clip; ``group``: how many frames a key picture is before
    the next.
    """
    picture = f"testsrc2=s={size}:r={rate}:d={seconds},noise=alls=8:allf=t:all_seed={seed}"
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"]
    encoder += ["-g", str(group)]
    subprocess.run([ffmpeg, *QUIET, "-f", "lavfi", "-i", picture, *encoder, target], check=True)
    return target


def recipe(
    ffmpeg: str, clips: list[Path], options: str = "-fps_mode passthrough", before: str = ""
) -> list[str]:
    """Return the command that people use today, in a shell loop.

    Args:
        ffmpeg: which one.
        clips: the videos; more may be added behind the command.
        options: of the output, besides those that say how images are numbered, and how good.
        before: options of the input.
    """
    each = (
        f'n=$(basename "$v" .mp4); mkdir "$n"; "{ffmpeg}" {" ".join(QUIET)} {before} -i "$v" '
        f'-start_number 0 {options} -an -q:v 4 "$n/$n-frame_%06d.jpg"'
    )
    return ["sh", "-c", f'for v in "$@"; do {each}; done', "sh", *map(str, clips)]


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
