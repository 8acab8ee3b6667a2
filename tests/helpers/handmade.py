"""Committed videos that no ffmpeg has made, and tables of frames."""

import functools
import io
import json
import zlib

import numpy as np
from PIL import Image
from video_prep.dataset.accounts import recount
from video_prep.dataset.breaks import find_breaks
from video_prep.dataset.frame_file import write_frames
from video_prep.dataset.frame_table import Fate, FrameTable, Reason
from video_prep.dataset.records import Counts, SourceIdentity, StreamInfo, VideoInfo, VideoRecord
from video_prep.dataset.store import Dataset
from video_prep.dataset.video_folder import FRAMES_NAME, RECORD_NAME
from video_prep.settings.stages import BreakSettings

from .datasets import names


def table(fates, reasons=None, pts=None, scores=None):
    """Return a frame table with these fates; all else is as of 25 frames a second."""
    count = len(fates)
    pts = np.arange(count, dtype=np.int64) * 40 if pts is None else np.array(pts, np.int64)
    nothing = np.full(count, np.nan, np.float32)
    kept = np.array(fates) == Fate.KEPT
    return FrameTable(
        pts=pts,
        time_seconds=pts / 1000,
        fate=np.array(fates, np.int8),
        reason=np.array(reasons if reasons is not None else [0] * count, np.int8),
        duplicate_of=np.full(count, -1, np.int32),
        duplicate_video=np.full(count, "", dtype=object),
        scene_score=np.array(scores if scores is not None else [0] * count, np.float32),
        cut_score=np.array(scores if scores is not None else [0] * count, np.float32),
        crc32=np.where(kept, 1, -1).astype(np.int64),
        sharpness=nothing,
        brightness=nothing,
        contrast=nothing,
    )


def video(times, fates=None, reasons=None, scores=None):
    """Return a frame table with these times in seconds, NaN for none."""
    count = len(times)
    times = np.array(times, np.float64)
    nothing = np.full(count, np.nan, np.float32)
    known = np.nan_to_num(times, nan=0.0)
    return FrameTable(
        pts=np.where(np.isnan(times), -(2**63), np.round(known * 90000)).astype(np.int64),
        time_seconds=times,
        fate=np.array([Fate.KEPT] * count if fates is None else fates, np.int8),
        reason=np.array([0] * count if reasons is None else reasons, np.int8),
        duplicate_of=np.full(count, -1, np.int32),
        duplicate_video=np.full(count, "", dtype=object),
        scene_score=np.array([0] * count if scores is None else scores, np.float32),
        cut_score=np.array([0] * count if scores is None else scores, np.float32),
        crc32=np.zeros(count, np.int64),
        sharpness=nothing,
        brightness=nothing,
        contrast=nothing,
    )


SIZE = (48, 32)
WIDE = (1200, 200)

H264 = VideoInfo(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    stream_index=1,
    streams=(StreamInfo(0, "audio", "aac", False), StreamInfo(1, "video", "h264", False)),
    codec="h264",
    profile=None,
    pixel_format="yuv420p",
    coded_width=64,
    coded_height=48,
    average_rate="25",
    time_base="1/1000",
    start_time_seconds=0.0,
    duration_seconds=1.0,
    frames_in_header=3,
    color_range=None,
    color_primaries=None,
    color_transfer=None,
)
"""Of a file whose first stream is sound."""

PROBE = VideoInfo(
    "mp4", 0, (StreamInfo(0, "video", "h264", False),), "h264", None, "yuv420p", *SIZE, "25/1",
    "1/12800", 0.0, None, None, None, None, None,
)  # fmt: skip


@functools.lru_cache(maxsize=4096)
def picture(video, number, size=SIZE):
    """A JPEG like no other."""
    seed = zlib.crc32(f"{video}/{number}".encode())
    cells = np.random.default_rng(seed).integers(40, 210, (4, 6, 3), dtype=np.uint8)
    made = io.BytesIO()
    Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC).save(made, "JPEG", quality=90)
    return made.getvalue()


def write_video(dataset, video, frames=12, *, cut=(), similar=(), still=(), rejected=(), **content):
    """Write a video as extract, dedupe and validate leave it.

    Args:
        dataset: the folder.
        video: its id.
        frames: how many were decoded.
        cut: frames before which the clock jumps.
        similar: duplicates whose images are still there.
        still: duplicates that were never written.
        rejected: frames whose image is half a file.
        content: ``content=`` the bytes of an image, by its frame.
    """
    folder = dataset / video
    folder.mkdir(parents=True, exist_ok=True)
    steps = np.ones(frames, np.int64)
    steps[list(cut)] = 100
    pts = (np.cumsum(steps) - 1) * 512
    table = FrameTable(
        pts=pts,
        time_seconds=pts / 12800,
        fate=np.zeros(frames, np.int8),
        reason=np.zeros(frames, np.int8),
        duplicate_of=np.full(frames, -1, np.int32),
        duplicate_video=np.full(frames, "", object),
        scene_score=np.zeros(frames, np.float32),
        cut_score=np.zeros(frames, np.float32),
        crc32=np.full(frames, -1, np.int64),
        **{n: np.full(frames, np.nan, np.float32) for n in ("sharpness", "brightness", "contrast")},
    )
    for places, fate, reason in (
        (similar, Fate.DUPLICATE, Reason.SIMILAR),
        (still, Fate.DUPLICATE, Reason.STILL),
        (rejected, Fate.REJECTED, Reason.TRUNCATED),
    ):
        table = table.with_rows(list(places), fate=fate, reason=reason)
    for index, name in enumerate(names(video, range(frames))):
        if table.fate[index] == Fate.DUPLICATE:
            table = table.with_rows([index], duplicate_of=0)
        if index not in still:
            image = content.get("content", functools.partial(picture, video))(index)
            table = table.with_rows([index], crc32=zlib.crc32(image))
            (folder / name).write_bytes(image[: len(image) // 2] if index in rejected else image)
    store_video(dataset, video, table)
    return folder


def store_video(dataset, video, table, size=SIZE):
    counts = recount(Counts(None, len(table), 0, 0, 0, 0, 0, 0), table)
    record = VideoRecord(
        id=video,
        source=SourceIdentity(f"{video}.mp4", f"/data/{video}.mp4", 1, 1, video),
        settings_digest="",
        settings={"digits": 6, "format": "jpg"},
        ffmpeg_version="7.1",
        probe=PROBE,
        rotation_degrees=None,
        image_width=size[0],
        image_height=size[1],
        counts=counts,
        breaks=find_breaks(table, (), BreakSettings()),
        warnings=(),
    )
    write_frames(dataset / video / FRAMES_NAME, table)
    (dataset / video / RECORD_NAME).write_text(json.dumps(record.to_json()))


def change_fates(dataset, video, places, fate, reason=Reason.NONE, *, size=None):
    record, table = Dataset(dataset).read_video(video)
    table = table.with_rows(list(places), fate=fate, reason=reason)
    store_video(dataset, video, table, size or (record.image_width, record.image_height))


def noise(size_bytes):
    """An image whose end is no image: the server looks at its beginning alone."""
    tail = np.random.default_rng(1).bytes(size_bytes)
    return lambda index: picture("noise", index) + tail[index:]


STEADY = [0.04] * 29


def film(dataset, video, steps=STEADY, *, gone=None, scores=None):
    """Write a committed video whose frames are these seconds apart, and wide enough for tracks.

    Args:
        dataset: the folder.
        video: its id.
        steps: between its frames.
        gone: (fate, reason) of the frames that are not kept, by index.
        scores: scene scores, by index.
    """
    folder = dataset / video
    folder.mkdir(parents=True)
    times = np.cumsum([0.0, *steps])
    count = len(times)
    measured = {n: np.full(count, np.nan, np.float32) for n in ("sharpness", "brightness")}
    table = FrameTable(
        pts=np.round(times * 90000).astype(np.int64),
        time_seconds=times,
        fate=np.zeros(count, np.int8),
        reason=np.zeros(count, np.int8),
        duplicate_of=np.full(count, -1, np.int32),
        duplicate_video=np.full(count, "", object),
        scene_score=np.zeros(count, np.float32),
        cut_score=np.zeros(count, np.float32),
        crc32=np.full(count, -1, np.int64),
        contrast=np.full(count, np.nan, np.float32),
        **measured,
    )
    for index, score in (scores or {}).items():
        table = table.with_rows([index], scene_score=score, cut_score=score)
    for index, (fate, reason) in (gone or {}).items():
        like = 0 if fate == Fate.DUPLICATE else -1
        table = table.with_rows([index], fate=fate, reason=reason, duplicate_of=like)
    for index, name in enumerate(names(video, range(count))):
        if table.fate[index] == Fate.KEPT:
            image = picture(video, index, WIDE)
            table = table.with_rows([index], crc32=zlib.crc32(image))
            (folder / name).write_bytes(image)
    store_video(dataset, video, table, WIDE)
    return table


def make_video(dataset, video_id, fates, *, reasons=None, source=None, notices=(), draw=None):
    """Put a committed video into a dataset; ``draw(path, index)`` makes the image of a frame."""
    count = len(fates)
    fate = np.array(fates, dtype=np.int8)
    kept = np.flatnonzero(fate == Fate.KEPT)
    reason = np.where(fate == Fate.DUPLICATE, Reason.STILL, Reason.NONE).astype(np.int8)
    for index, why in (reasons or {}).items():
        reason[index] = why
    earlier = np.maximum.accumulate(np.where(fate == Fate.KEPT, np.arange(count), 0))
    scores = np.full(count, 0.5, np.float32)
    frames = FrameTable(
        pts=np.arange(count, dtype=np.int64),
        time_seconds=np.arange(count) / 25,
        fate=fate,
        reason=reason,
        duplicate_of=np.where(fate == Fate.DUPLICATE, earlier, -1).astype(np.int32),
        duplicate_video=np.full(len(fate), "", dtype=object),
        scene_score=scores,
        cut_score=scores,
        crc32=np.where(fate == Fate.SAMPLED_OUT, -1, 1).astype(np.int64),
        sharpness=np.full(count, np.nan, np.float32),
        brightness=np.full(count, np.nan, np.float32),
        contrast=np.full(count, np.nan, np.float32),
    )
    name = source or f"{video_id}.mp4"
    record = VideoRecord(
        id=video_id,
        source=SourceIdentity(name, f"/films/{name}", 1000, 0, "0" * 64),
        settings_digest="",
        settings={"digits": 6, "format": "jpg"},
        ffmpeg_version="9",
        probe=VideoInfo(
            *("mov", 0, (StreamInfo(0, "video", "h264", False),), "h264", None, "yuv420p"),
            *(64, 48, "25", "1/25", 0.0, count / 25, count, None, None, None),
        ),
        rotation_degrees=None,
        image_width=64,
        image_height=48,
        counts=Counts(
            *(count, count, count, len(kept)),
            *(frames.count(fate) for fate in (Fate.DUPLICATE, Fate.SAMPLED_OUT, Fate.REJECTED)),
            len(kept),
        ),
        breaks=find_breaks(frames, notices, BreakSettings()),
        warnings=tuple(notices),
    )
    folder = dataset / video_id
    folder.mkdir(parents=True)
    write_frames(folder / "frames.parquet", frames)
    (folder / "video.json").write_text(json.dumps(record.to_json()))
    for index in kept:
        path = folder / record.images.name(int(index))
        draw(path, int(index)) if draw else path.touch()
    return frames
