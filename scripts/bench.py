"""Measure prep side by side with what people use today.

    python scripts/bench.py extract [--pairs N]
    python scripts/bench.py validate [--pairs N]

Everything runs in alternation, A B, B A, …, with the same ffmpeg, so that a machine whose speed
drifts slows both; the ratio is taken pair by pair and its median printed. The clips are made
first. Times are of whole processes, Python's start included.
"""

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import RunSettings
from pipeline.ffmpeg import find_ffmpeg

PREP = [sys.executable, "-m", "pipeline"]
QUIET = ["-hide_banner", "-v", "error", "-nostdin", "-y"]


@dataclass
class Measured:
    """One finished process: wall-clock seconds, and the peak of its own memory in MB."""

    seconds: float
    peak_mb: float


def main() -> None:
    """Parse the command line and run a benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["extract", "validate"])
    parser.add_argument("--pairs", type=int, default=5, help="pairs a comparison (default 5)")
    arguments = parser.parse_args()
    ffmpeg = find_ffmpeg(RunSettings())
    with tempfile.TemporaryDirectory(prefix="prep-bench-") as folder:
        benchmark = {"extract": bench_extract, "validate": bench_validate}[arguments.what]
        benchmark(ffmpeg.path, ffmpeg.version, Path(folder), arguments.pairs)


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
    print("\n| length of a 720p video | peak memory of prep itself |\n|---|---|", flush=True)
    minute = make_clip(ffmpeg, folder / "minute.mp4", "1280x720", 60)
    for minutes in (1, 10):
        video = folder / f"{minutes}.mp4"
        subprocess.run(
            [ffmpeg, *QUIET, "-stream_loop", str(minutes - 1), "-i", minute, "-c", "copy", video],
            check=True,
        )
        print(f"| {minutes} min | {run_prep([video], folder).peak_mb:.0f} MB |", flush=True)


def compare(
    name: str, old: list[str], inputs: list[Path], floor: list[str] | None, folder: Path, pairs: int
) -> None:
    """Print a row: the recipe, prep and mere decoding, in alternation."""
    rows = []
    for turn in range(pairs + 1):
        out = folder / "recipe"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        # A B, B A, A B …: whatever comes second has no advantage.
        before = run_prep(inputs, folder).seconds if turn % 2 else None
        recipe_seconds = run(old, cwd=out).seconds
        row = (
            recipe_seconds,
            before or run_prep(inputs, folder).seconds,
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


def make_clip(ffmpeg: str, target: Path, size: str, seconds: int, seed: int = 1) -> Path:
    """Encode a clip in which everything moves, with the grain of a camera."""
    picture = f"testsrc2=s={size}:r=30:d={seconds},noise=alls=8:allf=t:all_seed={seed}"
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"]
    subprocess.run([ffmpeg, *QUIET, "-f", "lavfi", "-i", picture, *encoder, target], check=True)
    return target


def recipe(ffmpeg: str, clips: list[Path]) -> list[str]:
    """Return the command that people use today, once or in a shell loop."""
    each = (
        f'n=$(basename "$v" .mp4); mkdir "$n"; "{ffmpeg}" {" ".join(QUIET)} -i "$v" '
        '-start_number 0 -b:v 10000k -fps_mode passthrough -an -q:v 4 "$n/$n-frame_%06d.jpg"'
    )
    return ["sh", "-c", f'for v in "$@"; do {each}; done', "sh", *map(str, clips)]


def decode_only(ffmpeg: str, clip: Path) -> list[str]:
    """Return the command that decodes and throws away: the floor."""
    return [ffmpeg, *QUIET, "-i", str(clip), "-map", "0:V:0", "-f", "null", "-"]


def run_prep(inputs: list[Path], folder: Path) -> Measured:
    """Extract into a fresh dataset."""
    dataset = folder / "dataset"
    shutil.rmtree(dataset, ignore_errors=True)
    everything = ["--dedupe", "off", "-q"]  # both sides are to write the same images
    return run([*PREP, "extract", *map(str, inputs), "-o", str(dataset), *everything], cwd=folder)


def run(command: list[str], cwd: Path) -> Measured:
    """Run a command to its end; its peak memory is read while it runs, children not counted."""
    os.sync()  # nobody pays for what another left to be written
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL)
    status, peak_kb = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        if status.exists():
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peak_kb = int(line.split()[1])
        time.sleep(0.02)
    if process.returncode != 0:
        sys.exit(f"{command[:4]} ended with {process.returncode}")
    return Measured(time.perf_counter() - begun, peak_kb / 1024)


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
