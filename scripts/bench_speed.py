"""The part of bench.py that times prep beside what people do with plain ffmpeg and a shell.

Both sides run in alternation, A B, B A, …, with the same ffmpeg, so that a machine whose speed
drifts slows both; the ratio is taken pair by pair. Each run begins in an empty folder.
"""

import math
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import truediv
from pathlib import Path

from bench import PREP, QUIET, Measured, make_clip, recipe, run

HEAD = (
    "| work | theirs | prep | prep ÷ theirs | theirs, CPU | prep, CPU | prep ÷ theirs, CPU "
    "| decoding alone ÷ theirs, CPU | memory: prep, its workers, ffmpeg (MB) |\n" + "|---" * 9 + "|"
)
VIDEOS = 34
"""How many videos a dataset has that is made again."""

Runs = Callable[[Path], Measured]
"""Does the work in an empty folder."""


@dataclass(frozen=True)
class Contest:
    """A row of the table: the same work, done in two ways.

    ``floor``: decodes and throws away, the least that any tool can take; not for all.
    """

    name: str
    theirs: Runs
    ours: Runs
    floor: Runs | None = None


def bench_speed(ffmpeg: str, folder: Path, pairs: int, cores: int, rows: str | None) -> None:
    """Print the table.

    Args:
        ffmpeg: that of both sides.
        folder: for the clips, and all that is made.
        pairs: how often each row is measured; once more before, to warm up.
        cores: how many both sides may use.
        rows: which of `CONTESTS`, all if it is none.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    print(f"{cores} cores, {pairs} pairs, medians\n\n{HEAD}", flush=True)
    for name in [rows] if rows else CONTESTS:
        with tempfile.TemporaryDirectory(dir=folder) as clips:
            for contest in CONTESTS[name](ffmpeg, Path(clips), cores):
                measure(contest, folder, pairs)


def measure(contest: Contest, folder: Path, pairs: int) -> None:
    """Run both sides in alternation and print a row."""
    sides: list[Runs] = [contest.theirs, contest.ours]
    if contest.floor is not None:
        sides.append(contest.floor)
    rows = []
    for turn in range(pairs + 1):
        row: dict[int, Measured] = {}
        # A B, B A, A B …: whatever comes second has no advantage.
        for side in list(range(len(sides)))[:: -1 if turn % 2 else 1]:
            with tempfile.TemporaryDirectory(dir=folder) as empty:
                row[side] = sides[side](Path(empty))
        if turn:
            rows.append(row)
    cells = []
    for unit in ("seconds", "cpu_seconds"):
        theirs, ours = ([getattr(row[side], unit) for row in rows] for side in (0, 1))
        ratios = list(map(truediv, ours, theirs))
        cells += [
            f"{statistics.median(theirs):.2f} s | {statistics.median(ours):.2f} s",
            f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})",
        ]
    floors = [row[2].cpu_seconds / row[0].cpu_seconds if 2 in row else math.nan for row in rows]
    peaks = [
        max(getattr(row[1], name) for row in rows) for name in ("peak_mb", "worker_mb", "ffmpeg_mb")
    ]
    floor = "–" if contest.floor is None else f"{statistics.median(floors):.2f}"
    memory = ", ".join(f"{peak:.0f}" for peak in peaks)
    print(f"| {contest.name} | {' | '.join(cells)} | {floor} | {memory} |", flush=True)


def whole_videos(ffmpeg: str, clips: Path, cores: int) -> Iterator[Contest]:
    """Yield one video at a time, all frames of it."""
    for name, size, seconds in (
        ("0.5 s of 360p", "640x360", 0.5),
        ("720p, 30 s", "1280x720", 30),
        ("1080p, 30 s", "1920x1080", 30),
        ("5,400 frames of 180p", "320x180", 180),
    ):
        clip = make_clip(ffmpeg, clips / f"{size}.mp4", size, seconds)
        yield whole(ffmpeg, name, clip, "off")


def frames_that_differ(ffmpeg: str, clips: Path, cores: int) -> Iterator[Contest]:
    """Yield one video at a time, still frames left out."""
    moving = make_clip(ffmpeg, clips / "moving.mp4", "1920x1080", 30)
    yield whole(ffmpeg, "1080p, 30 s, everything moves", moving, "still")
    for name, noise in (("quiet", 6), ("noisy", 15)):
        room = film_room(ffmpeg, clips, noise)
        yield whole(ffmpeg, f"1080p, 60 s, mostly still, {name}", room, "still")


def whole(ffmpeg: str, name: str, clip: Path, dedupe: str) -> Contest:
    """Return the contest for a whole video."""
    return Contest(
        f"{name}, `--dedupe {dedupe}`",
        command(recipe(ffmpeg, [clip])),
        extract([clip], "--dedupe", dedupe),
        command([ffmpeg, *QUIET, "-i", str(clip), "-map", "0:V:0", "-f", "null", "-"]),
    )


def many_clips(ffmpeg: str, clips: Path, cores: int) -> Iterator[Contest]:
    """Yield many short videos, against a loop over all cores."""
    for number in range(50):
        make_clip(ffmpeg, clips / f"clip{number:02}.mp4", "1280x720", 2, seed=number)
    listed = clips / "clips.txt"
    listed.write_text("\n".join(map(str, sorted(clips.glob("*.mp4")))))
    yield Contest(
        f"50 clips of 720p, 2 s, against xargs -P{cores}",
        command(["xargs", "-a", str(listed), f"-P{cores}", "-n1", *recipe(ffmpeg, [])]),
        extract([clips], "--dedupe", "off"),
    )


def few_frames(ffmpeg: str, clips: Path, cores: int) -> Iterator[Contest]:
    """Yield some frames of a long video, whose key pictures are 2 s apart."""
    clip = make_clip(ffmpeg, clips / "long.mp4", "1280x720", 600, group=60)
    for options, before, behind in (
        (["--keyframes"], "-skip_frame nokey", ""),
        (["--every", "300"], "", "-vf select='not(mod(n,300))'"),
        (["--fps", "1"], "", "-vf fps=1"),
    ):
        yield Contest(
            f"720p, 10 min, {' '.join(options)}",
            command(recipe(ffmpeg, [clip], f"-fps_mode passthrough {behind}", before)),
            extract([clip], *options),
        )


def second_time(ffmpeg: str, clips: Path, cores: int) -> Iterator[Contest]:
    """Yield `prep run` on a folder that is done, or nearly so, against the first run on it."""
    for number in range(VIDEOS):
        make_clip(ffmpeg, clips / f"clip{number:02}.mp4", "1280x720", 10, seed=number)
    done, new = clips / "done", clips / "clip00.mp4"
    everything = [*PREP, "run", str(clips), "-q", "-o"]
    run([*everything, str(done)], cwd=clips)

    def again(empty: Path, *, without: str | None = None) -> Measured:
        if without:
            run([*PREP, "remove", without, "-o", str(done), "-q"], cwd=empty)
        return run([*everything, str(done)], cwd=empty)

    first = command([*everything, "ds"])
    yield Contest(f"{VIDEOS} videos, nothing new, against the first run", first, again)
    alone = command([*PREP, "run", str(new), "-q", "-o", "ds"])
    yield Contest(
        f"{VIDEOS} videos, one of them new, against that one alone",
        alone,
        partial(again, without=new.stem),
    )


CONTESTS = {
    "whole": whole_videos,
    "still": frames_that_differ,
    "clips": many_clips,
    "few": few_frames,
    "again": second_time,
}


def command(words: list[str]) -> Runs:
    """Return what runs a command."""
    return partial(run, words)


def extract(sources: list[Path], *options: str) -> Runs:
    """Return what makes a dataset."""
    return command([*PREP, "extract", *map(str, sources), "-o", "ds", *options, "-q"])


def film_room(ffmpeg: str, folder: Path, noise: int) -> Path:
    """Encode a minute of a noisy room in which something small moves every tenth second.

    ``noise`` is the strength of ffmpeg's filter, whose deviation is that by √3 in limited range: in
    levels of the images, two thirds of it.
    """
    room = "testsrc2=s=1920x1080:r=30,trim=end_frame=1,loop=-1:1,setpts=N/30/TB"
    graph = (
        f"{room},noise=alls={noise}:allf=t[room];color=white:s=24x24:r=30[thing];"
        "[room][thing]overlay=x='200+floor(t/10)*100+90*min(mod(t,10),1)':y=300"
    )
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"]
    target = folder / f"room{noise}.mp4"
    run([ffmpeg, *QUIET, "-filter_complex", graph, "-t", "60", *encoder, str(target)], cwd=folder)
    return target
