"""The part of bench.py that measures how time and memory grow with the work.

All footage is made here. Peaks of memory are those that Linux keeps for each process, looked at
fifty times a second: a worker's counts pages that it shares with other workers.
"""

import importlib.util
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from bench import PREP, QUIET, Measured, make_clip, recipe, run

T = TypeVar("T")

UNITS = 1000
RATE = 25

ENGINE = """
import operator, sys, time
from pathlib import Path
from video_prep.settings.dedupe import DedupeSettings
from video_prep.settings.stages import RunSettings
from video_prep.engines.choice import open_engine
from video_prep.stages.extract import UNITS
from video_prep.stages.extract.stage import extract

def work(engine, dataset, clips):
    if clips:
        extract(clips, dataset, dedupe=DedupeSettings("off"), engine=engine)
    else:
        for _ in engine.run(operator.is_, range(int(sys.argv[2]))):
            pass

if __name__ == "__main__":
    clips, folder = sorted(Path(sys.argv[2]).glob("*.mp4")), Path(sys.argv[3])
    begun = time.perf_counter()
    with open_engine(RunSettings(engine=sys.argv[1]), UNITS) as engine:
        if clips:
            work(engine, folder / "warm", clips[:4])
        else:
            list(engine.run(operator.is_, [0]))
        started = time.perf_counter()
        work(engine, folder / "work", clips)
        print(started - begun, time.perf_counter() - started)
"""
"""Prints the seconds from opening an engine to the end of a first unit (or four clips), and those
of the work after that: so many units, or all clips of a folder. The function of the units that do
nothing is one of Python's own that takes two arguments, which all processes know."""

CLUSTER = """
import logging, sys, ray
ray.init(include_dashboard=False, logging_level=logging.ERROR)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
ray.shutdown()
"""
"""A Ray cluster of this machine that stands until its stdin is closed."""


def bench_scale(ffmpeg: str, version: str, folder: Path, pairs: int) -> None:
    """Print how `prep extract` grows, what engines cost, and what a frame of 1080p does."""
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, ffmpeg {version}, medians of "
        f"{pairs}, `--dedupe off`\n"
    )
    minute = make_clip(ffmpeg, folder / "minute.mp4", "320x180", 60, rate=RATE)
    tiny = make_clip(ffmpeg, folder / "tiny.mp4", "320x240", 10 / RATE, rate=RATE)
    lengths = {minutes: lengthen(ffmpeg, minute, minutes) for minutes in (1, 10, 60)}
    counts = {count: multiply(tiny, count) for count in (10, 100, 1000)}
    extract(tiny, folder)  # warms up
    bench_lengths(lengths, folder, pairs)
    bench_counts(ffmpeg, counts, folder, pairs)
    bench_workers({"a video of 10 min": lengths[10], "100 clips": counts[100]}, folder, pairs)
    bench_engines(counts[100], folder, pairs)
    bench_frame(ffmpeg, folder, pairs)
    bench_hashes(folder)


def lengthen(ffmpeg: str, minute: Path, minutes: int) -> Path:
    """Return a video that shows another one again and again."""
    target = minute.with_name(f"{minutes}min.mp4")
    loop = ["-stream_loop", str(minutes - 1), "-i", minute, "-c", "copy", target]
    subprocess.run([ffmpeg, *QUIET, *loop], check=True)
    return target


def multiply(clip: Path, count: int) -> Path:
    """Return a folder of so many videos that show a clip; what follows the MP4 tells them apart."""
    folder = clip.with_name(f"{count}clips")
    folder.mkdir()
    for number in range(count):
        box = b"\x00\x00\x00\x0cfree" + number.to_bytes(4, "big")
        (folder / f"clip{number:04}.mp4").write_bytes(clip.read_bytes() + box)
    return folder


def extract(what: Path, folder: Path, *options: str, core: int | None = None) -> Measured:
    """Extract into a fresh dataset, every frame an image; on one core of the machine if given."""
    dataset = folder / "dataset"
    shutil.rmtree(dataset, ignore_errors=True)
    command = [*PREP, "extract", str(what), "-o", str(dataset), "--dedupe", "off", "-q", *options]
    prefix = [] if core is None else ["taskset", "--cpu-list", str(core)]
    return run([*prefix, *command], cwd=folder)


def loop_over(clips: Path, folder: Path, ffmpeg: str, sync: str) -> Measured:
    """Do the same with a shell loop over the recipe."""
    out = folder / "recipe"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    return run(recipe(ffmpeg, sorted(clips.iterdir()), sync), cwd=out)


def alternate(runs: dict[str, Callable[[], T]], pairs: int) -> dict[str, list[T]]:
    """Do each so many times, in an order that turns: nothing always comes second."""
    rows: dict[str, list[T]] = {name: [] for name in runs}
    for turn in range(pairs):
        for name in list(runs)[:: -1 if turn % 2 else 1]:
            rows[name].append(runs[name]())
    return rows


def seconds_of(rows: list[Measured]) -> float:
    """Return the median."""
    return statistics.median(row.seconds for row in rows)


def ratio_of(rows: list[Measured], others: list[Measured]) -> str:
    """Return what each took, divided by the other one of its turn: median, least and most."""
    ratios = [row.seconds / other.seconds for row, other in zip(rows, others, strict=True)]
    return f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"


def memory_of(rows: list[Measured]) -> str:
    """Return three cells: the peaks of prep itself, of its largest worker, its largest ffmpeg."""
    peaks = ((row.peak_mb, row.worker_mb, row.ffmpeg_mb) for row in rows)
    return " | ".join(f"{max(column):.0f} MB" for column in zip(*peaks, strict=True))


def bench_lengths(videos: dict[int, Path], folder: Path, pairs: int) -> None:
    """Print how one video grows with its length."""
    print("| a video of 320×180 | frames | time | frames a second | driver | worker | ffmpeg |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for minutes, video in videos.items():
        rows = [extract(video, folder) for _ in range(pairs)]
        seconds, frames = seconds_of(rows), minutes * 60 * RATE
        cells = f"{frames:,} | {seconds:.1f} s | {frames / seconds:.0f} | {memory_of(rows)}"
        print(f"| {minutes} min | {cells} |", flush=True)


def bench_counts(ffmpeg: str, folders: dict[int, Path], folder: Path, pairs: int) -> None:
    """Print how the number of videos counts, beside shell loops over the recipe."""
    loops = {"loop, same ffmpeg": (ffmpeg, "-fps_mode passthrough"), **recipe_as_typed()}
    names = "".join(f" | {name} | prep ÷ loop" for name in loops)
    print(f"\n| clips of 10 frames | prep | a clip{names} | driver | worker | ffmpeg |")
    print("|---" * (6 + 2 * len(loops)) + "|", flush=True)
    for count, clips in folders.items():
        rows = alternate(
            {
                "prep": partial(extract, clips, folder),
                **{name: partial(loop_over, clips, folder, *loop) for name, loop in loops.items()},
            },
            pairs,
        )
        prep = rows.pop("prep")
        cells = [f"{seconds_of(prep):.1f} s", f"{seconds_of(prep) / count * 1000:.0f} ms"]
        for others in rows.values():
            cells += [f"{seconds_of(others):.1f} s", ratio_of(prep, others)]
        print(f"| {count:,} | {' | '.join(cells)} | {memory_of(prep)} |", flush=True)


def recipe_as_typed() -> dict[str, tuple[str, str]]:
    """Return the system's ffmpeg, by name, if it still knows the option that the recipe has."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return {}
    banner = subprocess.run([ffmpeg, "-version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"ffmpeg version (\d+)[.\d]*", banner)
    if version is None or int(version[1]) >= 9:
        return {}
    return {f"loop, {version[0].replace(' version', '')}, `-vsync 0`": (ffmpeg, "-vsync 0")}


def bench_workers(work: dict[str, Path], folder: Path, pairs: int) -> None:
    """Print what a second worker saves."""
    print("\n| work | 1 worker | 2 workers | 2 ÷ 1 |\n|---|---|---|---|", flush=True)
    for name, what in work.items():
        one, two = alternate(
            {count: partial(extract, what, folder, "--workers", count) for count in ("1", "2")},
            pairs,
        ).values()
        times = f"{seconds_of(one):.1f} s | {seconds_of(two):.1f} s"
        print(f"| {name} | {times} | {ratio_of(two, one)} |", flush=True)


def bench_engines(clips: Path, folder: Path, pairs: int) -> None:
    """Print what engines cost: for units that do nothing, and beside real ones."""
    engines = ["threads", "pool", *(["ray"] if importlib.util.find_spec("ray") else [])]

    def start_and_work(engine: str, what: str) -> tuple[float, float]:
        datasets = folder / "datasets"
        shutil.rmtree(datasets, ignore_errors=True)
        command = [sys.executable, "-c", ENGINE, engine, what, str(datasets)]
        os.sync()  # as in `run`
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
        start, work = map(float, done.stdout.split())
        return start, work

    print(f"\n| engine | start | {UNITS:,} units that do nothing | a unit |\n|---|---|---|---|")
    rows = alternate({name: partial(start_and_work, name, str(UNITS)) for name in engines}, pairs)
    for name, measured in rows.items():
        start, work = map(statistics.median, zip(*measured, strict=True))
        print(
            f"| {name} | {start:.2f} s | {work:.2f} s | {work / UNITS * 1000:.2f} ms |", flush=True
        )

    whole = {name: partial(extract, clips, folder, "--engine", name) for name in engines}
    with standing_cluster("ray" in engines) as address:
        if address:
            options = ("--engine", "ray", "--address", address)
            whole["ray, of a cluster that stands"] = partial(extract, clips, folder, *options)
        processes = alternate(whole, pairs)
    alone = alternate({name: partial(start_and_work, name, str(clips)) for name in engines}, pairs)
    count = len(list(clips.iterdir()))
    print(
        f"\n| engine | {count} clips, whole process | without start | a clip |\n|---|---|---|---|"
    )
    for name, measured in processes.items():
        cells = ["–", "–"]
        if name in alone:
            work = statistics.median(work for _, work in alone[name])
            cells = [f"{work:.1f} s", f"{work / count * 1000:.0f} ms"]
        print(f"| {name} | {seconds_of(measured):.1f} s | {' | '.join(cells)} |", flush=True)


@contextmanager
def standing_cluster(is_wanted: bool) -> Iterator[str | None]:
    """Give the address of a Ray cluster of this machine, which ends afterwards."""
    if not is_wanted:
        yield None
        return
    # Recent versions guard such a cluster by a token, which whoever joins must be told to show.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    command = [sys.executable, "-c", CLUSTER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def bench_frame(ffmpeg: str, folder: Path, pairs: int) -> None:
    """Print what a frame of 1080p costs, on one core and while all others are at work as well.

    The engine is threads: then all processes are awaited, and Linux sums up their CPU time.
    """
    video = make_clip(ffmpeg, folder / "1080p.mp4", "1920x1080", 60, rate=RATE)
    options, frames = ("--segment-frames", "250", "--engine", "threads"), 60 * RATE
    cores = sorted(os.sched_getaffinity(0))
    runs = {
        "one core": partial(extract, video, folder, *options, core=cores[0]),
        f"all {len(cores)}, a worker each": partial(extract, video, folder, *options),
    }

    def with_cpu_seconds(work: Callable[[], Measured]) -> tuple[Measured, float]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        measured = work()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return measured, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    rows = alternate({name: partial(with_cpu_seconds, work) for name, work in runs.items()}, pairs)
    print("\n| 1080p, 60 s, segments of 250 | time | CPU time a frame | prep | ffmpeg |")
    print("|---|---|---|---|---|", flush=True)
    for name, measured in rows.items():
        times, cpu_seconds = zip(*measured, strict=True)
        cpu_ms = statistics.median(cpu_seconds) / frames * 1000
        driver, _, decoder = memory_of(list(times)).split(" | ")
        cells = f"{seconds_of(list(times)):.1f} s | {cpu_ms:.1f} ms | {driver} | {decoder}"
        print(f"| {name} | {cells} |", flush=True)
    images = [path.stat().st_size for path in (folder / "dataset" / "1080p").glob("*.jpg")]
    print(f"\n{len(images):,} images, {sum(images) / len(images) / 1000:.0f} kB each on average")


def bench_hashes(folder: Path) -> None:
    """Print what thinning by near hashes costs; half of the hashes are like an earlier one."""
    code = (
        "import sys, numpy as np\n"
        "from video_prep.pictures.similarity import Similar\n"
        "from video_prep.settings.dedupe import DedupeSettings\n"
        "n, of, distance = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])\n"
        "random = np.random.default_rng(1)\n"
        "hashes = random.integers(0, 2**64, n, dtype=np.uint64)\n"
        "likes = random.integers(0, n // 2, n - n // 2) if of == 'any' else 0\n"
        "hashes[n // 2:] = hashes[likes] ^ (np.uint64(9) << np.uint64(20))\n"
        "looks = np.zeros(n, dtype=Similar.dtype)\n"
        "looks['hash'], places = hashes, np.arange(n)\n"
        "like = Similar(DedupeSettings('similar', distance=distance)).thin(looks, places)\n"
        "assert (like != places).sum() >= n - n // 2, (like != places).sum()\n"
    )
    print(
        "\n| hashes | second half is like | distance | time | peak memory |\n|---|---|---|---|---|"
    )
    for count in (100_000, 1_000_000):
        for of, distance in (
            ("any", 4),
            ("one", 4),
            ("any", 6),
            ("any", 8),
            ("any", 10),
            ("any", 16),
        ):
            measured = run([sys.executable, "-c", code, str(count), of, str(distance)], cwd=folder)
            cells = f"{count:,} | {of} | {distance} | {measured.seconds:.1f} s"
            print(f"| {cells} | {measured.peak_mb:.0f} MB |", flush=True)
