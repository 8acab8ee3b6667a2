"""The part of bench.py that measures prep on a dataset of very many frames.

python scripts/bench_dataset.py FOLDER [FRAMES [VIDEOS]]    make such a dataset, and keep it
"""

import dataclasses
import io
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from video_prep.dataset.accounts import recount
from video_prep.dataset.breaks import find_breaks
from video_prep.dataset.frame_table import Fate, FrameTable, Reason
from video_prep.dataset.records import Counts, SourceIdentity, StreamInfo, VideoInfo, VideoRecord
from video_prep.dataset.store import Dataset
from video_prep.settings.stages import BreakSettings, ExtractSettings

WIDTH, HEIGHT = 160, 120
STILL_EVERY, CUT_EVERY = 10, 500
LINKS = 60_000  # ext4 allows 65,000 names of one file

JOURNAL = """
import dataclasses, pathlib, sys
from video_prep.settings.stages import BreakSettings
from video_prep.settings.cvat import UploadSettings
from video_prep.cvat.journal import Journal, TaskEntry
from video_prep.dataset.store import Dataset
from video_prep.stages.upload.videos import plan_dataset
folder = pathlib.Path(sys.argv[1])
journal = Journal(folder)
upload = journal.open("http://localhost", None, 1, "bench")
task_id = 0
for plan in plan_dataset(Dataset(folder), UploadSettings(), BreakSettings()).videos.values():
    for part in plan.parts:
        task_id += 1
        first, last = int(part.frames[0]), int(part.frames[-1])
        entry = TaskEntry(
            part.video_id, part.number, part.count, part.task_name, "mark", part.digest,
            plan.digest, len(part.names), first, last,
        )
        jobs = tuple((task_id * 1000 + n, *job) for n, job in enumerate(part.expected_jobs))
        for step in (
            {}, {"task_id": task_id}, {"request_id": "request"},
            {"jobs": jobs, "frames_verified": (0, 1, 2, 3, 4)}, {"is_complete": True},
        ):
            entry = journal.put(upload, dataclasses.replace(entry, **step))
"""
"""Writes what `prep upload` writes down while it sends the dataset, without a server."""


def bench_dataset(prep: list[str], folder: Path, frames: int, videos: int) -> None:
    """Print what each command costs on a dataset of so many images in so many videos."""
    dataset = folder / "dataset"
    python = sys.executable
    cvat = "after the upload: "
    steps = {
        "(make the dataset)": [python, __file__, str(dataset), str(frames), str(videos)],
        "prep status": [*prep, "status", str(dataset)],
        "prep validate": [*prep, "validate", str(dataset)],
        "prep report": [*prep, "report", str(dataset)],
        "prep upload --dry-run": [*prep, "upload", "--cvat", "--dry-run", str(dataset)],
        "prep manifest": [*prep, "manifest", str(dataset)],
        "the journal of an upload": [python, "-c", JOURNAL, str(dataset)],
        f"{cvat}prep status": [*prep, "status", str(dataset)],
        f"{cvat}prep report": [*prep, "report", str(dataset)],
    }
    print(f"{frames:,} images of {WIDTH}×{HEIGHT} in {videos:,} videos, {os.cpu_count()} cores\n")
    print("| command | seconds | peak memory | exit code |\n|---|---|---|---|", flush=True)
    for name, command in steps.items():
        seconds, peak_mb, code = measure(command)
        print(f"| {name} | {seconds:.1f} | {peak_mb:.0f} MB | {code} |", flush=True)


def measure(command: list[str]) -> tuple[float, float, int]:
    """Run a command; return its seconds, the peak of its memory in MB, and its exit code.

    The peak is at least that of this process, which the child was for a moment; so the dataset is
    made in another one.
    """
    os.sync()
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - begun, usage.ru_maxrss / 1024, process.returncode


def make_dataset(folder: Path, frames: int = 1_000_000, videos: int = 500) -> None:
    """Write a dataset as extraction leaves it, all of whose images are one small JPEG.

    ``frames`` have an image. Behind every tenth of them was one that was left out as still, and
    before every 500th is a cut.
    """
    random = np.random.default_rng(1)
    made = io.BytesIO()
    picture = random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(picture).save(made, "JPEG", quality=50)
    image = made.getvalue()
    store = Dataset(folder)
    borders = np.linspace(0, frames, videos + 1).astype(int)
    with store.writing():
        for number, kept in enumerate(np.diff(borders).tolist()):
            video_id = f"video_{number:04d}"
            table = make_table(kept, zlib.crc32(image))
            record = make_record(video_id, table)
            names = record.images.names(np.flatnonzero(table.fate == Fate.KEPT))
            with store.work_folder(video_id) as work:
                link_images(work, names, image)
                store.commit(work, record, table)


def make_table(kept: int, crc32: int) -> FrameTable:
    """Return the frames of a video that has so many images."""
    places = np.arange(kept + kept // STILL_EVERY)
    is_still = places % (STILL_EVERY + 1) == STILL_EVERY
    nothing = np.full(len(places), np.nan, np.float32)
    return FrameTable(
        pts=places * 512,
        time_seconds=places / 25,
        fate=np.where(is_still, Fate.DUPLICATE, Fate.KEPT).astype(np.int8),
        reason=np.where(is_still, Reason.STILL, Reason.NONE).astype(np.int8),
        duplicate_of=np.where(is_still, places - 1, -1).astype(np.int32),
        duplicate_video=np.full(len(places), "", object),
        scene_score=np.where(places % CUT_EVERY == CUT_EVERY - 1, 50, 1).astype(np.float32),
        cut_score=np.where(places % CUT_EVERY == CUT_EVERY - 1, 50, 1).astype(np.float32),
        crc32=np.where(is_still, -1, crc32).astype(np.int64),
        sharpness=nothing,
        brightness=nothing,
        contrast=nothing,
    )


def make_record(video_id: str, table: FrameTable) -> VideoRecord:
    """Return the record of a video with these frames."""
    count, seconds = len(table), len(table) / 25
    path = f"/videos/{video_id}.mp4"
    streams = (StreamInfo(0, "video", "h264", False),)
    return VideoRecord(
        id=video_id,
        source=SourceIdentity(f"{video_id}.mp4", path, count * 4000, 0, sha256=video_id),
        settings_digest="",
        settings=dataclasses.asdict(ExtractSettings(digits=max(6, len(str(count))))),
        ffmpeg_version="7.1",
        probe=VideoInfo(
            *("mov,mp4", 0, streams, "h264", "High", "yuv420p", WIDTH, HEIGHT, "25/1", "1/12800"),
            *(0.0, seconds, count, None, None, None),
        ),
        rotation_degrees=None,
        image_width=WIDTH,
        image_height=HEIGHT,
        counts=recount(Counts(count, count, 0, 0, 0, 0, 0, 0), table),
        breaks=find_breaks(table, (), BreakSettings()),
        warnings=(),
    )


def link_images(folder: Path, names: tuple[str, ...], image: bytes) -> None:
    """Give one image many names."""
    for place, name in enumerate(names):
        if place % LINKS == 0:
            first = folder / name
            first.write_bytes(image)
        else:
            os.link(first, folder / name)


if __name__ == "__main__":
    make_dataset(Path(sys.argv[1]), *map(int, sys.argv[2:]))
