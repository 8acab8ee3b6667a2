"""How the kept frames of a video become tasks and jobs in CVAT.

A task shows frames 0 to n-1, and CVAT moves boxes between two keyframes of a job linearly in that
number. So jobs end where such a box would be wrong: at the breaks.
"""

import bisect
import dataclasses
import hashlib
import json
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from ...dataset.breaks import find_breaks, find_runs
from ...dataset.frame_table import Fate, FrameTable
from ...dataset.image_folder import ImageNames
from ...dataset.records import Break, VideoRecord
from ...dataset.video_folder import MANIFEST_NAME
from ...settings.cvat import UploadSettings
from ...settings.stages import BreakSettings
from .jobs import HARM, Borders, cut_jobs


class LazyNames(Sequence[str]):
    """The names of the images of some frames, each made when it is asked for.

    The plans of a whole dataset are held at once, and names take ten times the room of numbers.
    """

    def __init__(self, images: ImageNames, frames: npt.NDArray[np.int64]) -> None:
        self._images, self._frames = images, frames

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[str]:
        return map(self._images.name, self._frames.tolist())

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [*self._images.names(self._frames[place])]
        return self._images.name(int(self._frames[place]))


@dataclass(frozen=True, eq=False)
class Part:
    """One task to be: a stretch of the kept frames of a video.

    ``number`` of ``count`` parts, from 1. ``frames``: int64, frame indices of the video, ascending;
    ``crc32``: int64, the same shape, of their files. ``names``: of the files, in that order.
    ``folder``: what precedes them in CVAT, ``manifest_folder`` in the manifest. ``image_size``:
    width and height in pixels, of all images. ``jobs``: their borders where they are cut by name,
    ``None`` where CVAT cuts them by ``segment_size`` and ``overlap``. ``open_breaks``: breaks
    inside a job, which a box may cross.
    """

    video_id: str
    number: int
    count: int
    frames: npt.NDArray[np.int64]
    crc32: npt.NDArray[np.int64]
    names: Sequence[str]
    folder: str
    manifest_folder: str
    image_size: tuple[int, int] | None
    jobs: Borders | None
    segment_size: int
    overlap: int
    open_breaks: tuple[Break, ...]

    @property
    def task_name(self) -> str:
        """The name of the task: the video's id, and which part of how many."""
        return self.video_id if self.count == 1 else f"{self.video_id} ({self.number}/{self.count})"

    @property
    def server_names(self) -> tuple[str, ...]:
        """The names of the frames in CVAT, in order."""
        return tuple(self.folder + name for name in self.names)

    @property
    def manifest_name(self) -> str:
        """The name of the file that lists the images, beside them."""
        return MANIFEST_NAME if self.count == 1 else f"{self.number}.{MANIFEST_NAME}"

    @property
    def expected_jobs(self) -> Borders:
        """The borders of the jobs as CVAT makes them."""
        if self.jobs is not None:
            return self.jobs
        count = len(self.frames)
        size = min(self.segment_size or count, count)
        overlap = min(self.overlap, size // 2)
        starts = range(0, count - overlap, size - overlap)
        return tuple((start, min(start + size, count) - 1) for start in starts)

    @property
    def digest(self) -> str:
        """A digest of all that makes the task: images, their order and content, and jobs."""
        digest = hashlib.sha256(self.frames.astype("<i8").tobytes())
        digest.update(self.crc32.astype("<i8").tobytes())
        digest.update(json.dumps([self.server_names, self.expected_jobs]).encode())
        return digest.hexdigest()[:32]

    def manifest_lines(self) -> Iterator[str]:
        """Yield the lines of CVAT's manifest of these images.

        CVAT believes it without a look at the images. Names in it are those on the share, but
        those in a cloud storage count from the folder of the manifest.
        """
        assert self.image_size is not None  # noqa: S101 - known where there is an image
        width, height = self.image_size
        yield '{"version":"1.1"}\n'
        yield '{"type":"images"}\n'
        for name in self.names:
            stem, dot, extension = name.rpartition(".")
            line = {
                "name": self.manifest_folder + stem,
                "extension": dot + extension,
                "width": width,
                "height": height,
                "meta": {"related_images": []},
            }
            yield json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def plan_video(
    record: VideoRecord, frames: FrameTable, settings: UploadSettings, breaks: BreakSettings
) -> tuple[Part, ...]:
    """Return the tasks of a video; none if it has no kept frame.

    Args:
        record: of the video.
        frames: its frames.
        settings: sizes of tasks and jobs.
        breaks: which breaks end a run.
    """
    kept = np.flatnonzero(frames.fate == Fate.KEPT)
    if len(kept) == 0:
        return ()
    found = find_breaks(frames, record.warnings, breaks)
    runs = _positions(kept, find_runs(frames, found, breaks))
    enders = [each for each in found if each.kind in breaks.run_enders]
    harm_before: dict[int, int] = {}
    for each in enders:
        harm_before[each.before] = max(harm_before.get(each.before, 0), HARM[each.kind])
    tasks = _cut_tasks(runs, settings.task_size)
    folder = ""
    if not settings.sends_images:
        prefix = (settings.share or "").strip("/")
        folder = f"{prefix}/{record.id}/" if prefix else f"{record.id}/"
    is_sized = record.image_width is not None and record.image_height is not None
    parts = []
    for number, (first, last) in enumerate(tasks, 1):
        indices = kept[first : last + 1].astype(np.int64)
        inside = [(a - first, b - first) for a, b in _clip(runs, first, last)]
        harms = {a: harm_before[int(indices[a])] for a, _ in inside[1:]}
        jobs, segment_size = cut_jobs(inside, harms, settings)
        part = Part(
            video_id=record.id,
            number=number,
            count=len(tasks),
            frames=indices,
            crc32=frames.crc32[indices],
            names=LazyNames(record.images, indices),
            folder=folder,
            manifest_folder=folder if settings.cloud_storage is None else "",
            image_size=(record.image_width, record.image_height) if is_sized else None,  # type: ignore[arg-type]
            jobs=jobs,
            segment_size=segment_size,
            overlap=settings.overlap,
            open_breaks=(),
        )
        parts.append(dataclasses.replace(part, open_breaks=_open_breaks(part, enders)))
    return tuple(parts)


def _positions(kept: npt.NDArray[np.intp], runs: Sequence[tuple[int, int]]) -> Borders:
    """Return runs of frame indices as runs of places among the kept frames."""
    firsts = np.searchsorted(kept, [first for first, _ in runs])
    lasts = np.searchsorted(kept, [last for _, last in runs])
    return tuple(zip(firsts.tolist(), lasts.tolist(), strict=True))


def _cut_tasks(runs: Borders, task_size: int) -> Borders:
    """Return the tasks: as few as there must be, cut between runs where one ends late enough.

    A border moves back to the end of a run while that leaves a task at least half full.
    """
    count = runs[-1][1] + 1
    ends = [last for _, last in runs]
    tasks: list[tuple[int, int]] = []
    first = 0
    while count - first > task_size:
        last = first + task_size - 1
        place = bisect.bisect_right(ends, last) - 1
        if place >= 0 and ends[place] >= first + task_size // 2 - 1 and ends[place] >= first:
            last = ends[place]
        tasks.append((first, last))
        first = last + 1
    return (*tasks, (first, count - 1))


def _clip(runs: Borders, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield what of each run lies in a task; a video may have very many of both."""
    begin = bisect.bisect_left(runs, first, key=operator.itemgetter(1))
    end = bisect.bisect_right(runs, last, key=operator.itemgetter(0))
    for start, stop in runs[begin:end]:
        yield max(start, first), min(stop, last)


def _open_breaks(part: Part, breaks: Sequence[Break]) -> tuple[Break, ...]:
    """Return the breaks that have no border of a job between their frames.

    The breaks are those of the video, in the order of their frames.
    """
    begin = bisect.bisect_left(breaks, part.frames[0], key=operator.attrgetter("after"))
    end = bisect.bisect_right(breaks, part.frames[-1], key=operator.attrgetter("before"))
    inside = breaks[begin:end]
    afters = np.searchsorted(part.frames, [each.after for each in inside])
    befores = np.searchsorted(part.frames, [each.before for each in inside])
    # Jobs may overlap: of those that hold the frame before a break, the last one reaches furthest.
    firsts, lasts = np.array(part.expected_jobs).T
    reach = lasts[np.searchsorted(firsts, afters, side="right") - 1]
    return tuple(
        each for each, last, place in zip(inside, reach, befores, strict=True) if place <= last
    )
