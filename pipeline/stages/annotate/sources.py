"""Which file holds the tracks of which video."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from ...base.errors import InputError, UsageError, cause_of, printable
from ...base.guard import Failure, guard
from ...base.words import listing
from ...dataset.box_table import BoxTable
from ...dataset.records import VideoRecord
from ...tracks.box_files import SUFFIXES, read_boxes


def find_boxes(
    path: Path, records: Mapping[str, VideoRecord], labels: Sequence[str]
) -> tuple[dict[str, BoxTable | Failure], list[str]]:
    """Return the boxes of each video, or why they cannot be read, and what was left out.

    A folder has a file a video, named by its id or by its source; so may a single file be, which
    may also name the videos itself, or be of the only video of the dataset.

    Args:
        path: the file, or the folder.
        records: of the dataset.
        labels: see `tracks.box_files.read_boxes`.

    Raises:
        UsageError: a single file cannot be read, or is of no video; or several are of one.
        InputError: there is nothing of a video of the dataset.
    """
    if not path.exists():
        raise InputError(f"--tracks {printable(path)}: there is no such file or folder.")
    if not path.is_dir():
        return _of_file(path, records, labels)
    found: dict[str, BoxTable | Failure] = {}
    left_out: list[str] = []
    try:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise UsageError(f"{printable(path)}: cannot be read: {cause_of(error)}.") from error
    for file in files:
        try:
            video = video_called(file.stem, records)
        except UsageError as error:
            raise UsageError(f"{printable(file)}: {error}") from None
        if video is None:
            left_out.append(f"{printable(file)}: named by no video of the dataset, so left out.")
            continue
        if video in found:
            raise UsageError(
                f"{printable(file)}: another file here is also of video '{printable(video)}'. "
                "Leave one of them."
            )
        read = functools.partial(read_boxes, file, labels, records[video].counts.frames_decoded)
        found[video] = guard(read, video, file)
    if not found:
        raise InputError(
            f"{printable(path)}: none of its files ({', '.join(SUFFIXES)}) is named by a video of "
            f"the dataset, such as '{printable(min(records, default='v'))}.txt'."
        )
    return found, left_out


def _of_file(
    path: Path, records: Mapping[str, VideoRecord], labels: Sequence[str]
) -> tuple[dict[str, BoxTable | Failure], list[str]]:
    video = video_called(path.stem, records)
    if video is None and len(records) == 1:
        (video,) = records
    frame_count = None if video is None else records[video].counts.frames_decoded
    table = read_boxes(path, labels, frame_count)
    if table.video_names == ("",):
        if video is None:
            raise UsageError(
                f"{printable(path)}: of which video is it? Name the file by it (one of "
                f"{listing(sorted(records))}), or in Parquet have a column 'video'."
            )
        return {video: table}, []
    found: dict[str, BoxTable | Failure] = {}
    unknown = []
    for place, name in enumerate(table.video_names):
        video = video_called(name, records)
        if video is None:
            unknown.append(name)
        elif video in found:
            raise UsageError(
                f"{printable(path)}: '{printable(name)}' and another name in it are both video "
                f"'{printable(video)}'. Name it by its id alone."
            )
        else:
            found[video] = table.of_video(place)
    if not found:
        raise InputError(
            f"{printable(path)}: none of its videos ({listing(unknown)}) is in the dataset, which "
            f"has {listing(sorted(records))}."
        )
    return found, [
        f"{printable(path)}: no video of the dataset is called {listing(unknown)}; left out."
    ] * bool(unknown)


def video_called(name: str, records: Mapping[str, VideoRecord]) -> str | None:
    """Return the video with this id, or the only one whose source has this name.

    Raises:
        UsageError: several sources have it.
    """
    if name in records:
        return name
    for called in (_path, _name, _stem):
        fitting = [video for video, record in records.items() if called(record) == name]
        if len(fitting) > 1:
            raise UsageError(
                f"'{printable(name)}' may be any of the videos {listing(fitting)}: name the id."
            )
        if fitting:
            return fitting[0]
    return None


def _path(record: VideoRecord) -> str:
    return record.source.name


def _name(record: VideoRecord) -> str:
    return PurePosixPath(record.source.name).name


def _stem(record: VideoRecord) -> str:
    return PurePosixPath(record.source.name).stem
