"""Find the decoders of an ffmpeg whose pictures depend on how their threads happen to run.

    python scripts/decoder_threads.py [--ffmpeg PATH] [--encode-with PATH] [--only REGEX]
    python scripts/decoder_threads.py --clips FILE …    for codecs that ffmpeg cannot encode

A small clip is made with each encoder and each pixel format that it knows. Where threads can decode
it, it is decoded again and again while busy loops take the cores, with as many threads as ffmpeg
likes and with many; the checksums of all frames are held against those of one thread. What differs
races, and is tried again with slice threads. What prep does about it is `RACING` in
`pipeline/video/codecs.py`.
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from video_prep.base.errors import VideoError
from video_prep.settings.stages import RunSettings
from video_prep.video.binary import Ffmpeg, find_ffmpeg
from video_prep.video.probe import probe

FRAMES = 48
SIZES = ("320x288", "352x288", "720x576", "1920x1080")  # some encoders take only a few
EXTRAS = (["-slices", "4", "-bf", "2"], ["-bf", "2"], [])
CONTAINERS = ("mkv", "nut", "avi", "mov", "apng", "mxf")
OPTIONS = {
    "dnxhd": ["-profile:v", "dnxhr_sq"],
    "dnxhd yuv422p10le": ["-profile:v", "dnxhr_hqx"],
    "dnxhd yuv444p10le": ["-profile:v", "dnxhr_444"],
    "dnxhd gbrp10le": ["-profile:v", "dnxhr_444"],
    "libaom-av1": ["-cpu-used", "8"],
    "librav1e": ["-speed", "10"],
    "libtheora": ["-q:v", "6"],
    "libvpx": ["-deadline", "realtime"],
    "libvpx-vp9": ["-deadline", "realtime", "-cpu-used", "8", "-tile-columns", "2"],
    "libvvenc": ["-preset", "faster"],
    "libx264": ["-preset", "veryfast"],
    "libx264rgb": ["-preset", "veryfast"],
    "libx265": ["-preset", "ultrafast"],
}
"""What an encoder needs to take a small clip, or to be done with it soon."""

_IN_HARDWARE = re.compile(r"_(v4l2m2m|nvenc|qsv|vaapi|vulkan|amf|omx)$")
_MAPPING = re.compile(r"Stream #0:\d+ -> #0:0 \((\S+) \((\S+)\) ->")

WAYS = {
    "default": [],
    "many": ["-threads", "8"],
    "slices": ["-threads", "8", "-thread_type", "slice"],
    "one": ["-threads", "1"],
}


@dataclass
class Trial:
    """What came of decoding a clip again and again.

    ``made_by``: its encoder, or its name. ``codec`` and ``pixel_format`` are as prep's probe has
    them. ``threading``: what the decoder can do. ``differing``: of the runs each way, how many gave
    other frames than one thread; ``results``: how many different ones there were in all.
    """

    made_by: str
    codec: str
    pixel_format: str | None
    decoder: str
    threading: str
    runs: dict[str, int]
    differing: dict[str, int]
    results: int

    @property
    def races(self) -> bool:
        """Whether it gave other frames at any time."""
        return any(self.differing.values())


def main() -> None:
    """Parse the command line, try everything, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ffmpeg", help="default: the one that prep uses")
    parser.add_argument("--encode-with", metavar="FFMPEG", help="default: the same")
    parser.add_argument("--runs", type=int, default=16, help="decodings of a clip (default 16)")
    parser.add_argument("--only", default="", help="try the encoders that match this expression")
    parser.add_argument("--json", type=Path, help="write all trials into this file")
    cores = os.cpu_count() or 1
    parser.add_argument("--busy", type=int, default=cores, help="busy loops (default: one a core)")
    parser.add_argument("--clips", nargs="+", type=Path, help="try these in place of encoders")
    arguments = parser.parse_args()
    ffmpeg = find_ffmpeg(RunSettings(ffmpeg=arguments.ffmpeg))
    maker = find_ffmpeg(RunSettings(ffmpeg=arguments.encode_with or ffmpeg.path)).path
    trials: list[Trial] = []
    not_made: list[str] = []
    with tempfile.TemporaryDirectory(prefix="prep-threads-") as folder, busy_cores(arguments.busy):
        clips = arguments.clips or make_clips(maker, Path(folder), arguments.only, not_made)
        for clip in clips:
            trial = try_clip(ffmpeg, clip, arguments.runs)
            if trial is None:
                not_made.append(clip.stem)
                continue
            trials.append(trial)
            print("X" if trial.races else ".", end="", flush=True)
    print_table(ffmpeg.version, trials, not_made)
    if arguments.json:
        all_trials = [asdict(trial) for trial in trials]
        result = {"ffmpeg": ffmpeg.version, "trials": all_trials, "not_made": not_made}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


@contextlib.contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """Keep the cores busy meanwhile: threads that wait for each other then come out of step."""
    loops = [multiprocessing.Process(target=spin) for _ in range(count)]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.join()


def spin() -> None:
    """Do nothing, busily."""
    while True:
        pass


def make_clips(ffmpeg: str, folder: Path, only: str, not_made: list[str]) -> Iterator[Path]:
    """Yield a clip of each encoder and pixel format; note those of which none can be made."""
    listed = run([ffmpeg, "-encoders"]).stdout
    for encoder in re.findall(r"^ V\S{5} (\w[\w-]*) ", listed, re.MULTILINE):
        if _IN_HARDWARE.search(encoder) or not re.search(only, encoder):
            continue
        about = run([ffmpeg, "-h", f"encoder={encoder}"]).stdout
        formats = re.search(r"Supported pixel formats: (.*)", about)
        for pixel_format in formats[1].split() if formats else ["yuv420p"]:
            clip = make_clip(ffmpeg, folder, encoder, pixel_format)
            if clip is None:
                not_made.append(f"{encoder} {pixel_format}")
            else:
                yield clip
                clip.unlink()


def make_clip(ffmpeg: str, folder: Path, encoder: str, pixel_format: str) -> Path | None:
    """Encode a picture that moves up, then down: a thread then waits for rows further on."""
    special = OPTIONS.get(f"{encoder} {pixel_format}", OPTIONS.get(encoder, []))
    for size, extra in itertools.product(SIZES, EXTRAS):
        graph = (
            f"testsrc2=s={size}:r=25,split[a][b];[a]scroll=.01:.05,trim=end_frame={FRAMES // 2}[c];"
            f"[b]scroll=.01:-.05,trim=end_frame={FRAMES // 2}[d];"
            f"[c][d]concat,noise=alls=12:allf=t,format={pixel_format}"
        )
        command = [ffmpeg, "-v", "error", "-y", "-f", "lavfi", "-i", graph]
        command += ["-frames:v", str(FRAMES), "-c:v", encoder, "-b:v", "4M", "-strict", "-2"]
        command += [*special, *extra]
        if run([*command, "-f", "null", "-"]).returncode == 0:
            break
    else:
        return None
    for container in CONTAINERS:
        clip = folder / f"{encoder} {pixel_format}.{container}"
        with contextlib.suppress(VideoError):
            is_made = run([*command, str(clip)]).returncode == 0 and len(probe(clip)[1].pts) > 1
            if is_made and run([ffmpeg, "-i", str(clip), "-f", "null", "-"]).returncode == 0:
                return clip
        clip.unlink(missing_ok=True)
    return None


def try_clip(ffmpeg: Ffmpeg, clip: Path, runs: int) -> Trial | None:
    """Decode a clip in all ways; slice threads only where the others differ. None: it cannot be."""
    info, _ = probe(clip)
    truth, said = decode(ffmpeg, clip, "one")
    mapping = _MAPPING.search(said)
    if not mapping or not truth:
        return None
    decoder = mapping[1] if mapping[2] == "native" else mapping[2]
    about = run([ffmpeg.path, "-h", f"decoder={decoder}"]).stdout
    threading = (re.search(r"Threading capabilities: (.*)", about) or ["", "none"])[1].strip()
    made_by, results = clip.stem if clip.suffix[1:] in CONTAINERS else clip.name, {truth}
    trial = Trial(made_by, info.codec, info.pixel_format, decoder, threading, {}, {}, 1)
    ways = [] if threading == "none" else ["default", "many"]
    for way in ways:
        try_way(ffmpeg, clip, way, runs // 2, trial, results)
    if trial.races:
        for way in ("slices", "one"):
            try_way(ffmpeg, clip, way, runs, trial, results)
    trial.results = len(results)
    return trial


def try_way(
    ffmpeg: Ffmpeg, clip: Path, way: str, runs: int, trial: Trial, results: set[str]
) -> None:
    """Decode a clip so many times; note in the trial how often other frames came."""
    truth, _ = decode(ffmpeg, clip, "one")
    got = [decode(ffmpeg, clip, way)[0] for _ in range(runs)]
    trial.runs[way], trial.differing[way] = runs, sum(frames != truth for frames in got)
    results.update(got)


def decode(ffmpeg: Ffmpeg, clip: Path, way: str) -> tuple[str, str]:
    """Return checksum and time of each frame, and what ffmpeg says."""
    sync = [word for name, value in ffmpeg.passthrough.items() for word in (f"-{name}", value)]
    command = [ffmpeg.path, "-hide_banner", "-nostdin", *WAYS[way], "-i", f"file:{clip}"]
    done = run([*command, "-map", "0:V:0", *sync, "-f", "framemd5", "-"])
    return "\n".join(x for x in done.stdout.splitlines() if not x.startswith("#")), done.stderr


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run ffmpeg, whatever comes of it."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def print_table(version: str, trials: list[Trial], not_made: list[str]) -> None:
    """Print what races, and how much was tried."""
    print(f"\n\nffmpeg {version}, {os.cpu_count()} cores\n")
    print("| made by | codec, pixel format | decoder | threads | other frames than one thread |")
    print("|---|---|---|---|---|")
    for trial in trials:
        if trial.races:
            ways = [f"{way} {trial.differing[way]} of {runs}" for way, runs in trial.runs.items()]
            what = f"{trial.made_by} | {trial.codec} {trial.pixel_format} | {trial.decoder}"
            print(f"| {what} | {trial.threading} | {', '.join(ways)}; {trial.results} results |")
    threaded = sum(bool(trial.runs) for trial in trials)
    print(f"\n{len(trials)} clips, {threaded} of them decoded by threads; ", end="")
    print(
        f"{sum(trial.races for trial in trials)} race. Not made: {', '.join(not_made) or 'none'}."
    )


if __name__ == "__main__":
    main()
