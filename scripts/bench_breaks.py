"""How well cuts are found: prep beside the detectors of PySceneDetect, on films with known cuts."""

import importlib.util
import json
import logging
import resource
import subprocess
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import films
import numpy as np
from video_prep.pictures import cuts

SEEDS = {"the films that the thresholds were chosen on": 1, "held out": 2}
FILMS_A_SET = 4
TOLERANCE = 1
"""How many frames beside a cut it still counts as found; a blended one has two."""

DETECTORS = {
    "ContentDetector": "Content",
    "AdaptiveDetector": "Adaptive",
    "HashDetector": "Hash",
    "HistogramDetector": "Histogram",
    "ThresholdDetector": "Threshold",
}
DEFAULT_SHORTEST, NO_SHORTEST = 15, 1


@dataclass(frozen=True)
class Truth:
    """What is true of a film: its set, its length, and what `films.Film` knows of it."""

    kind: str
    frames: int
    cuts: list[int]
    blends: list[tuple[int, int]]


Run = Callable[..., object]
Calls = dict[str, list[int]]
"""For each video the frames that are called cuts."""


@dataclass
class Score:
    """``found`` cuts, ``wrong`` calls, ``missed`` cuts."""

    found: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, other: "Score") -> None:
        """Count what another one counted."""
        self.found += other.found
        self.wrong += other.wrong
        self.missed += other.missed

    @property
    def text(self) -> str:
        """Precision, recall and F1."""
        precision = self.found / max(1, self.found + self.wrong)
        recall = self.found / max(1, self.found + self.missed)
        f1 = 2 * self.found / max(1, 2 * self.found + self.wrong + self.missed)
        return f"{precision:.2f} / {recall:.2f} / **{f1:.3f}**"


def bench_breaks(
    ffmpeg: str, prep: Sequence[str], run: Run, folder: Path, footage: Path | None
) -> None:
    """Print how well each detector finds cuts, and what it costs prep.

    Args:
        ffmpeg: what encodes the films.
        prep: the command.
        run: runs a command to its end.
        folder: an empty one to work in.
        footage: a folder of real videos, of which films are spliced as well.
    """
    print(
        "found / wrong / missed; below: precision / recall / F1. In brackets: the shortest scene."
    )
    for name, seed in SEEDS.items():
        truth = {}
        for kind, make in films.SETS.items():
            for number in range(FILMS_A_SET):
                random = np.random.default_rng([seed, number, zlib.crc32(kind.encode())])
                path = folder / f"{seed}" / f"{kind.replace(' ', '_')}-{number}.mp4"
                truth[path] = encode(ffmpeg, kind, make(random), path, random)
        print(f"\nSeed {seed}, {name}: ", end="")
        compare(truth, prep, run, folder / f"{seed}")
    if footage is not None:
        truth = splice(ffmpeg, footage, folder / "spliced")
        print(f"\nStretches of the videos in {footage.name}, spliced: ", end="")
        compare(truth, prep, run, folder / "spliced")
    cost(ffmpeg, prep, run, folder)


def encode(ffmpeg: str, kind: str, film: films.Film, path: Path, random: films.Random) -> Truth:
    """Encode a film as a camera sees it, and return what is true of it."""
    path.parent.mkdir(exist_ok=True)
    size = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{films.WIDTH}x{films.HEIGHT}"]
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(random.integers(18, 32))]
    command = [ffmpeg, "-v", "error", "-nostdin", *size, "-r", str(films.RATE), "-i", "pipe:"]
    command += [*encoder, "-pix_fmt", "yuv420p", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for frame in film.frames:
            seen = frame + random.normal(0, film.noise, frame.shape) if film.noise else frame
            process.stdin.write(seen.clip(0, 255).astype(np.uint8).tobytes())
    return Truth(kind, len(film.frames), film.cuts, film.blends)


def splice(ffmpeg: str, footage: Path, folder: Path) -> dict[Path, Truth]:
    """Return films of random stretches of real videos; the cuts are where they meet."""
    scale = ["-vf", f"scale={films.WIDTH}:{films.HEIGHT}", "-frames:v", "450", "-pix_fmt", "bgr24"]
    videos = []
    for path in sorted(footage.iterdir()):
        command = [ffmpeg, "-v", "quiet", "-nostdin", "-i", f"file:{path}", "-map", "0:V:0", *scale]
        done = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=False)
        frames = np.frombuffer(done.stdout, np.uint8)
        frames = frames.reshape(-1, films.HEIGHT, films.WIDTH, 3)
        if len(frames) >= 60:
            videos.append(frames)
    random, truth = np.random.default_rng(3), {}
    for number in range(16):
        film = films.Film(noise=0)
        for place in random.permutation(len(videos))[:8]:
            length = int(random.integers(12, 60))
            first = int(random.integers(0, len(videos[place]) - length + 1))
            film.cuts += [len(film.frames)] if film.frames else []
            film.frames += [each.astype(np.float32) for each in videos[place][first:][:length]]
        path = folder / f"splice-{number}.mp4"
        truth[path] = encode(ffmpeg, "spliced", film, path, random)
    return truth


def compare(truth: dict[Path, Truth], prep: Sequence[str], run: Run, folder: Path) -> None:
    """Print a row for each set: what prep and the others find."""
    calls = {"prep": called_by_prep(prep, run, folder)}
    calls |= called_by_others(list(truth))
    frames = sum(film.frames for film in truth.values())
    print(f"{frames:,} frames, {sum(len(film.cuts) for film in truth.values())} cuts\n")
    print("| set | " + " | ".join(calls) + " |\n" + "|---" * (1 + len(calls)) + "|")
    totals = {name: Score() for name in calls}
    for kind in dict.fromkeys(film.kind for film in truth.values()):
        cells = []
        for name, found in calls.items():
            score = Score()
            for path, film in truth.items():
                if film.kind == kind:
                    score.add(judge(found[path.stem], film))
            totals[name].add(score)
            cells.append(f"{score.found} / {score.wrong} / {score.missed}")
        print(f"| {kind} | " + " | ".join(cells) + " |", flush=True)
    print("| all | " + " | ".join(score.text for score in totals.values()) + " |")


def judge(calls: Sequence[int], film: Truth) -> Score:
    """Hold calls against the cuts of a film; those inside a fade or dissolve do not count."""
    score, left = Score(), list(film.cuts)
    for call in calls:
        near = min(left, key=lambda cut: abs(cut - call), default=None)
        if near is not None and abs(near - call) <= TOLERANCE:
            left.remove(near)
            score.found += 1
        elif not any(first <= call <= last for first, last in film.blends):
            score.wrong += 1
    score.missed = len(left)
    return score


def called_by_prep(prep: Sequence[str], run: Run, folder: Path) -> Calls:
    """Return the cuts that `prep extract` writes into its records."""
    dataset = folder / "dataset"
    options = ["-o", str(dataset), "--dedupe", "off", "-q"]
    run([*prep, "extract", *map(str, sorted(folder.glob("*.mp4"))), *options], cwd=folder)
    records = [json.loads(path.read_text()) for path in dataset.glob("*/video.json")]
    return {
        Path(record["source"]["path"]).stem: [
            each["before"] for each in record["breaks"] if each["kind"] == "cut"
        ]
        for record in records
    }


def called_by_others(paths: Sequence[Path]) -> dict[str, Calls]:
    """Return what the detectors of PySceneDetect find, by their defaults and without a minimum."""
    if not importlib.util.find_spec("scenedetect"):
        print("(PySceneDetect is not installed: pip install '.[bench]') ", end="")
        return {}
    import scenedetect

    logging.getLogger("pyscenedetect").setLevel(logging.CRITICAL)
    found: dict[str, Calls] = {}
    for detector, name in DETECTORS.items():
        for shortest in (DEFAULT_SHORTEST, NO_SHORTEST):
            calls = found[f"{name} ({shortest})"] = {}
            for path in paths:
                manager = scenedetect.SceneManager()
                manager.add_detector(getattr(scenedetect, detector)(min_scene_len=shortest))
                manager.detect_scenes(scenedetect.open_video(str(path), backend="pyav"))
                scenes = manager.get_scene_list()
                calls[path.stem] = [first.frame_num for first, _ in scenes[1:]]
    return found


def cost(ffmpeg: str, prep: Sequence[str], run: Run, folder: Path) -> None:
    """Print the share of extraction, in seconds of processor, that finding cuts takes."""
    clip, tiny, pairs = folder / "clip.mp4", folder / "cuts.yuv", 5
    picture = "testsrc2=s=1920x1080:r=30:d=10,noise=alls=8:allf=t"
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"]
    quiet = [ffmpeg, "-v", "error", "-nostdin", "-y"]
    subprocess.run([*quiet, "-f", "lavfi", "-i", picture, *encoder, str(clip)], check=True)
    w, h = cuts.WIDTH, cuts.HEIGHT
    shrink = f"scale={5 * w}:{5 * h}:flags=neighbor,scale={w}:{h}:flags=area,format=yuv444p"
    bare = [*quiet, "-i", str(clip), "-vf", "scdet", "-f", "null", "-"]
    told = [*quiet, "-i", str(clip), "-vf", f"scdet,{shrink}", "-f", "rawvideo", str(tiny)]
    extract = [*prep, "extract", str(clip), "-o", str(folder / "dataset"), "--overwrite", "-q"]
    extract += ["--engine", "threads"]  # whose ffmpeg is waited for, and so counted
    spent = {"bare": 0.0, "told": 0.0, "extract": 0.0}
    for turn in range(pairs):
        rows = {"bare": bare, "told": told, "extract": extract}
        for name in list(rows)[:: -1 if turn % 2 else 1]:
            begun = processor_seconds()
            run(rows[name], cwd=folder)
            spent[name] += processor_seconds() - begun
    pictures = np.fromfile(tiny, np.uint8).reshape(-1, 3, h, w)
    begun = time.process_time()
    for _ in range(pairs):
        cuts.cut_scores(pictures)
    scored = time.process_time() - begun
    share = (spent["told"] - spent["bare"] + scored) / spent["extract"]
    print(
        f"\nCost, 1080p, {len(pictures)} frames, processor time, means of {pairs}: extraction "
        f"{spent['extract'] / pairs:.2f} s, of which the tiny pictures "
        f"{(spent['told'] - spent['bare']) / pairs:.2f} s, their scores {scored / pairs:.3f} s: "
        f"{100 * share:.1f} %."
    )


def processor_seconds() -> float:
    """Return what all processes that were waited for have taken so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
