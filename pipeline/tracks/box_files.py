"""Tracks as trackers write them: MOTChallenge text, CVAT's XML, Parquet."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import UsageError, cause_of, printable
from ..base.words import count, plural
from ..dataset.box_table import BoxTable, coded, read_box_table
from .fit import interpolated_boxes
from .model import Track
from .xml import tracks_from_xml
from .xml_task import MOST_FRAMES

SUFFIXES = (".txt", ".csv", ".xml", ".parquet")
"""Of files that may hold tracks: MOTChallenge text, CVAT's XML, Parquet."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tar")
_PACKED_BEGINS = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ")
_TOO_LARGE = 1e15
"""No frame and no pixel is as far away."""
_MOT_FORM = "frame,id,left,top,width,height, and perhaps confidence and class"


def read_boxes(path: Path, labels: Sequence[str], frame_count: int | None = None) -> BoxTable:
    """Return the boxes in a file, whose suffix tells its format.

    Args:
        path: the file.
        labels: for text, which names none: one for all boxes, or those of class 1, 2, ….
        frame_count: how many frames the video has, if the file is of one; a track of CVAT's that
            nothing ends goes on to the last.

    Raises:
        UsageError: the file cannot be read, is of no such format, or a box in it makes no sense.
    """
    suffix = path.suffix.lower()
    if _is_packed(path):
        raise UsageError(
            f"{printable(path)}: it is compressed. Unpack it, and name the file with the tracks."
        )
    if suffix == ".parquet":
        table = read_box_table(path)
    elif suffix == ".xml":
        table = _read_xml(path, frame_count)
    elif suffix in SUFFIXES:
        table = _read_mot(path, labels)
    else:
        raise UsageError(
            f"{printable(path)}: tracks are read from {', '.join(SUFFIXES)}. Rename the file if it "
            "is one of these (MOTChallenge text, CVAT's XML, Parquet)."
        )
    table = _with_tracks(table)
    _check(path, table, 1 if suffix in (".txt", ".csv") else 0)
    return table


def _is_packed(path: Path) -> bool:
    """Return whether a file is an archive, as exports of CVAT are; one that cannot be read is none.

    Names of text often lose the suffix that tells it.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(6)
    except OSError:
        return False
    return path.suffix.lower() in _PACKED or begin.startswith(_PACKED_BEGINS)


def _with_tracks(table: BoxTable) -> BoxTable:
    """Leave out boxes with a negative number for an id, by which trackers say that it has none."""
    is_trackless = np.array([_is_negative(name) for name in table.object_names], np.bool_)
    rows = is_trackless[table.objects]
    left_out = int(rows.sum())
    told = f"{count(left_out, 'box', 'boxes')} without a track (a negative id)"
    return table.taken(~rows, left_out=(told,) * (left_out > 0))


def _is_negative(name: str) -> bool:
    try:
        return float(name) < 0
    except ValueError:
        return False


def _read_mot(path: Path, labels: Sequence[str]) -> BoxTable:
    """Return the boxes of a MOTChallenge file, whose frames count from 1.

    Its confidence is 0 for boxes that are to be ignored.
    """
    rows: list[tuple[float, ...]] = []
    objects: list[str] = []
    classes: list[int] = []
    ignored = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = _mot_row(line)
                if row is None:
                    raise UsageError(
                        f"{printable(path)}: line {number} is none of MOTChallenge's, "
                        f"'{printable(line.strip()[:80])}': expected {_MOT_FORM}."
                    )
                if len(row) > 6 and row[6] == 0:
                    ignored += 1
                else:
                    rows.append(row[:1] + row[2:6])
                    objects.append(_object_name(line, row[1]))
                    classes.append(int(row[7]) if len(row) > 7 else -1)
    except OSError as error:
        raise UsageError(f"{printable(path)}: cannot be read: {cause_of(error)}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{printable(path)}: this is not text in UTF-8, in which MOTChallenge's files are. If "
            "it is text in another encoding, save it in UTF-8."
        ) from error
    numbers = np.array(rows, np.float64).reshape(-1, 5)
    codes, names = coded(_named(path, classes, labels))
    object_codes, object_names = coded(objects)
    left_out = f"{count(ignored, 'box', 'boxes')} with confidence 0, to be ignored"
    return BoxTable(
        frames=numbers[:, 0].astype(np.int64) - 1,
        corners=np.concatenate([numbers[:, 1:3], numbers[:, 1:3] + numbers[:, 3:5]], axis=1),
        videos=np.zeros(len(rows), np.int64),
        video_names=("",),
        objects=object_codes,
        object_names=object_names,
        labels=codes,
        label_names=names,
        left_out=(left_out,) * (ignored > 0),
    )


def _mot_row(line: str) -> tuple[float, ...] | None:
    """Return the numbers of a line, ``None`` where they are no box."""
    try:
        row = tuple(map(float, _parts(line)[:8]))
    except ValueError:
        return None
    is_box = len(row) >= 6 and all(abs(each) < _TOO_LARGE for each in (row[0], *row[2:]))
    return row if is_box and math.isfinite(row[1]) and row[0].is_integer() else None


def _object_name(line: str, number: float) -> str:
    """Return the id in a line, digit by digit: many trackers count in 64 bits, as no float can."""
    written = _parts(line)[1].strip()
    return str(int(written)) if written.isdecimal() else repr(number).removesuffix(".0")


def _parts(line: str) -> list[str]:
    return line.split("," if "," in line else None)


def _named(path: Path, classes: Sequence[int], labels: Sequence[str]) -> list[str]:
    """Return the label of each box, empty where none is named."""
    if len(labels) <= 1:
        return [*labels, ""][:1] * len(classes)
    unknown = sorted({each for each in classes if not 1 <= each <= len(labels)})
    if unknown:
        raise UsageError(
            f"{printable(path)}: it has boxes of class {unknown[0]}, while {len(labels)} labels "
            "are named, of the classes from 1 on. Name each with --label, in the order of the "
            "classes, or a single one for all boxes."
        )
    return [labels[each - 1] for each in classes]


def _read_xml(path: Path, frame_count: int | None) -> BoxTable:
    """Return the boxes of the tracks in CVAT's XML, those between its keyframes too."""
    export = tracks_from_xml(path)
    if not export.has_tracks or export.is_job or export.mode == "annotation":
        raise UsageError(
            f"{printable(path)}: this export does not number the frames of a video. Export a task "
            "that was made of the video itself, not of images, as 'CVAT for video 1.1'."
        )
    upright = [
        track
        for track in export.tracks
        if track.shape == "rectangle" and track.element is None and not track.rotations.any()
    ]
    others = len({track.number for track in export.tracks}) - len(upright)
    stop = frame_count if export.stop_frame is None else export.stop_frame + 1
    keyframes = (export.start_frame + int(each.frames[-1]) * export.frame_step for each in upright)
    if (highest := max([stop or 0, *keyframes])) > MOST_FRAMES:
        raise UsageError(
            f"{printable(path)}: its frames go up to {highest:,}, as those of no video do. Give it "
            "as CVAT wrote it."
        )
    shown = [_every_box(track, export.start_frame, export.frame_step, stop) for track in upright]
    places = np.repeat(np.arange(len(shown)), [len(frames) for frames, _ in shown])
    codes, names = coded([track.label for track in upright])
    left_out = f"{count(others, 'track')} of other shapes than upright boxes"
    return BoxTable(
        frames=np.concatenate([np.zeros(0, np.int64), *(frames for frames, _ in shown)]),
        corners=np.concatenate([np.zeros((0, 4)), *(boxes for _, boxes in shown)]),
        videos=np.zeros(len(places), np.int64),
        video_names=("",),
        objects=places,
        object_names=tuple(str(track.number) for track in upright),
        labels=codes[places],
        label_names=names,
        left_out=(left_out,) * (others > 0),
    )


def _every_box(track: Track, start: int, step: int, stop: int | None) -> tuple[Ints, Floats]:
    """Return the frames of the video on which a track of boxes is shown, and the boxes.

    Args:
        track: its frames count from ``start`` in steps of ``step`` frames of the video.
        start: a frame of the video.
        step: in frames.
        stop: behind the last frame, up to which the last box stays if nothing ends the track.
    """
    keyframes = start + track.frames * step
    boxes = track.values.reshape(-1, 4)
    last = int(keyframes[-1])
    ends = [*keyframes[1:].tolist(), last + 1 if stop is None else max(stop, last + 1)]
    frames = [
        np.arange(first, end)
        for first, end, is_outside in zip(keyframes.tolist(), ends, track.is_outside, strict=True)
        if not is_outside
    ]
    at = np.concatenate([np.zeros(0, np.int64), *frames])
    return at, interpolated_boxes(keyframes, boxes, at)


def _check(path: Path, table: BoxTable, first: int) -> None:
    """Refuse boxes that cannot be meant so; ``first`` is the number of a video's first frame.

    Raises:
        UsageError: names the first of them.
    """
    keys = np.stack([table.videos, table.labels, table.objects, table.frames])
    order = np.lexsort(keys[::-1])
    is_twin = (np.diff(keys[:, order], axis=1) == 0).all(axis=0)
    flat = (table.corners[:, :2] >= table.corners[:, 2:]).any(axis=1)
    checks = (
        (np.flatnonzero(table.frames < 0), f"is before the first frame, which is {first}"),
        (np.flatnonzero(~np.isfinite(table.corners).all(axis=1)), "has a corner that is no number"),
        (np.flatnonzero(flat), "has no width or no height"),
        (order[1:][is_twin], "is the second one of this object there"),
    )
    for places, what in checks:
        if len(places):
            row, more = int(places[0]), len(places) - 1
            others = f" So {plural(more, 'is', 'are')} {more:,} more." * (more > 0)
            raise UsageError(
                f"{printable(path)}: the box of object "
                f"'{printable(table.object_names[table.objects[row]])}' on frame "
                f"{table.frames[row] + first} {what}.{others} Nothing was read."
            )
