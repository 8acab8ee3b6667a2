"""MOTChallenge: a folder for each video, with its images, ``gt/gt.txt`` and ``seqinfo.ini``."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...annotated.geometry import boxes_around
from ...annotated.shape_table import NO_TRACK
from ...base.words import count
from ...dataset.records import Notice
from .images import ImageTable
from .tables import Tables, Written

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DECIMALS = 3


def mot_places(images: ImageTable) -> list[str]:
    """Return where the images are: ``SIDE/VIDEO/img1/000001.jpg``, counted in each folder."""
    places = [""] * len(images)
    for side, video, rows in _sequences(images):
        ending = images.names[video].format
        for number, row in enumerate(rows.tolist(), start=1):
            folder = f"{images.side_names[side]}/{images.video_ids[video]}"
            places[row] = f"{folder}/img1/{number:06d}.{ending}"
    return places


def write_mot(tables: Tables, out: Path, places: Sequence[str]) -> Written:
    """Write ``SIDE/VIDEO`` for each video, and ``seqmaps/SIDE.txt``.

    Frames are counted from 1 without gaps, as trackers open their images by these numbers;
    ``frames.csv`` says which frame of the video each is.

    Args:
        tables: what.
        out: the folder of the export.
        places: where the images are.
    """
    images, shapes = tables.images, tables.shapes
    has_area = ~shapes.is_kind("points", "polyline")
    shapes = shapes.taken(np.flatnonzero(has_area))
    boxes = boxes_around(shapes)
    first, behind = (
        np.searchsorted(shapes.images, np.arange(len(images)), side=s) for s in ("left", "right")
    )
    singles, gaps, names = 0, 0, dict[str, list[str]]()
    for side, video, rows in _sequences(images):
        name = images.video_ids[video]
        names.setdefault(images.side_names[side], []).append(name)
        folder = out / images.side_names[side] / name
        (folder / "gt").mkdir(parents=True)
        of_it = np.concatenate([np.arange(first[row], behind[row]) for row in rows.tolist()])
        numbers = np.searchsorted(rows, shapes.images[of_it]) + 1
        tracks = shapes.tracks[of_it].copy()
        is_single = tracks == NO_TRACK
        tracks[is_single] = tracks.max(initial=0) + 1 + np.arange(is_single.sum())
        singles += int(is_single.sum())
        seen = np.where(shapes.is_occluded[of_it], 0, 1)
        columns = (numbers, tracks, boxes[of_it], shapes.labels[of_it] + 1, seen)
        (folder / "gt" / "gt.txt").write_text("".join(_boxes(*columns)), encoding="ascii")
        text = "".join(f"{label}\n" for label in shapes.label_names)
        (folder / "gt" / "labels.txt").write_text(text, encoding="utf-8")
        rate = rate_of(images.seconds[rows])
        (folder / "seqinfo.ini").write_text(_info(images, video, len(rows), rate), encoding="utf-8")
        _write_frames(folder / "frames.csv", images, rows, places)
        steps = np.diff(images.seconds[rows])
        gaps += int((steps > 1.5 / rate).sum()) if rate else 0
    _write_maps(out / "seqmaps", names)
    return Written(has_area, tuple(_told(int((~has_area).sum()), singles, gaps)))


def rate_of(seconds: Floats) -> float | None:
    """Return the usual number of images a second, ``None`` where nothing tells it.

    Args:
        seconds: float64, shape (images,), their presentation times, NaN unknown.
    """
    steps = np.diff(seconds)
    steps = steps[steps > 0]
    return round(float(1 / np.median(steps)), 3) if len(steps) else None


def _sequences(images: ImageTable) -> Iterator[tuple[int, int, Ints]]:
    """Yield side, video and the rows of each of them that has any."""
    for side in range(len(images.side_names)):
        for video in range(len(images.video_ids)):
            rows = np.flatnonzero((images.sides == side) & (images.videos == video))
            if len(rows):
                yield side, video, rows


def _boxes(numbers: Ints, tracks: Ints, boxes: Floats, labels: Ints, seen: Ints) -> Iterator[str]:
    order = np.lexsort((tracks, numbers))
    corners = boxes.round(_DECIMALS)
    sizes = (corners[:, 2:] - corners[:, :2]).round(_DECIMALS)
    columns = (
        numbers,
        tracks,
        corners[:, 0],
        corners[:, 1],
        sizes[:, 0],
        sizes[:, 1],
        labels,
        seen,
    )
    for frame, track, x, y, width, height, label, visible in zip(
        *(column[order].tolist() for column in columns), strict=True
    ):
        yield f"{frame},{track},{x},{y},{width},{height},1,{label},{visible}\n"


def _info(images: ImageTable, video: int, length: int, rate: float | None) -> str:
    width, height = images.sizes[video].tolist()
    return (
        f"[Sequence]\nname={images.video_ids[video]}\nimDir=img1\nframeRate={rate or 1:g}\n"
        f"seqLength={length}\nimWidth={width}\nimHeight={height}\n"
        f"imExt=.{images.names[video].format}\n"
    )


def _write_frames(path: Path, images: ImageTable, rows: Ints, places: Sequence[str]) -> None:
    """Write which frame of the video each number is."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("frame", "image", "video", "frame_index", "pts", "time_seconds"))
        for number, row in enumerate(rows.tolist(), start=1):
            seconds = float(images.seconds[row])
            video = images.video_ids[images.videos[row]]
            time = "" if seconds != seconds else f"{seconds:.6f}"
            table.writerow((number, places[row], video, images.frames[row], images.pts[row], time))


def _write_maps(folder: Path, names: dict[str, list[str]]) -> None:
    folder.mkdir()
    for side, videos in names.items():
        text = "".join(f"{name}\n" for name in ("name", *videos))
        (folder / f"{side}.txt").write_text(text, encoding="utf-8")


def _told(left: int, singles: int, gaps: int) -> Iterator[Notice]:
    if left:
        shapes = count(left, "shape")
        yield Notice("left-out", f"{shapes} left out: points and polylines enclose nothing.")
    if singles:
        shapes = count(singles, "shape")
        yield Notice("singles", f"{shapes} of no track: each is a track of its own here.")
    if gaps:
        yield Notice(
            "gaps",
            f"{count(gaps, 'step')} from one image to the next longer than usual, as images are "
            "left out between them: frames.csv has the time of each.",
        )
