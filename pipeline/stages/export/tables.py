"""The two tables that all formats are made of: the images, and the shapes on them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ...annotated.placing import Placed, Placer, Spans
from ...annotated.reading import AnnotatedTask
from ...annotated.shape_table import ShapeRows, ShapeTable
from ...base.errors import UsageError, printable
from ...base.words import count
from ...dataset.frame_table import Fate, FrameTable
from ...dataset.records import Notice, VideoRecord
from ...dataset.store import Dataset
from ...tracks.drawing import Key
from ...tracks.skeletons import Edges
from .about import facts_of, tell_placed, tell_tasks
from .images import ImageTable

Ints = npt.NDArray[np.int64]

TRAIN = "train"


@dataclass(frozen=True, eq=False)
class Tables:
    """Images and the shapes on them.

    ``elements``: the names of a skeleton's points, by label; ``edges``: which of them a line joins.
    """

    images: ImageTable
    shapes: ShapeTable
    elements: Mapping[str, tuple[str, ...]]
    edges: Mapping[str, Edges] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, eq=False)
class Written:
    """What became of the tables in a format: which shapes are there, shape (rows,), and notes."""

    is_there: npt.NDArray[np.bool_]
    notices: tuple[Notice, ...] = ()


@dataclass
class _Video:
    """A video that tasks show, and on which of its frames."""

    record: VideoRecord
    frames: FrameTable
    on_disk: Ints
    shown: list[Ints] = field(default_factory=list)
    tracks: int = 0


def build_tables(
    store: Dataset, tasks: Sequence[AnnotatedTask], wrong: Mapping[int, Mapping[Key, Spans]]
) -> Tables:
    """Return the images that tasks show, and all that is drawn on them.

    Args:
        store: the dataset.
        tasks: the tasks.
        wrong: spans whose filled-in shapes are left out, by the place of the task.

    Raises:
        DatasetError: the records of a video cannot be read.
        UsageError: two tasks show the same frames.
    """
    videos = _videos(store, tasks)
    order = sorted(videos)
    starts = np.cumsum([0, *(sum(map(len, videos[v].shown)) for v in order)]).tolist()
    indices = {video: np.sort(np.concatenate(videos[video].shown)) for video in order}
    rows, placed = ShapeRows(), Placed()
    of_tasks = [np.full(len(task.match.clock), -1, np.int64) for task in tasks]
    for name in dict.fromkeys(name for task in tasks for name in task.drawing.labels):
        rows.label(name)
    scales = np.ones((starts[-1], 2))
    for place, task in enumerate(tasks):
        if task.match.video is None:
            continue
        video = videos[task.match.video]
        start, known = starts[order.index(task.match.video)], indices[task.match.video]
        shown, is_usable = _usable(task, video)
        images = of_tasks[place]
        images[is_usable] = start + np.searchsorted(known, shown[is_usable])
        scales[images[is_usable]] = _scale(task, video.record)
        placer = Placer(task.drawing, task.match.clock, images, rows, wrong.get(place, {}))
        video.tracks += placer.place(video.tracks + 1)
        placed += placer.placed
    table = _image_table(store, [videos[v] for v in order], [indices[v] for v in order])
    drawn = rows.table()
    shapes = drawn.scaled(scales)
    is_bare = np.append(np.bincount(drawn.images, minlength=len(table)) == 0, False)
    facts = [
        facts_of(task, images >= 0, is_bare[images])  # -1 is the last one
        for task, images in zip(tasks, of_tasks, strict=True)
    ]
    edges = {label: each for task in tasks for label, each in task.drawing.edges.items()}
    notices = (*tell_tasks(facts), *tell_placed(placed, len(drawn) - len(shapes)))
    return Tables(table, shapes, _elements(tasks), edges, notices)


def _elements(tasks: Sequence[AnnotatedTask]) -> dict[str, tuple[str, ...]]:
    """Return the names of the points of skeletons, by label.

    Raises:
        UsageError: tasks have other points, or in another order, for a label of one name.
    """
    found: dict[str, tuple[str, ...]] = {}
    for task in tasks:
        for label, names in task.drawing.elements.items():
            if found.setdefault(label, names) != names:
                raise UsageError(
                    f"{printable(task.name)}: skeleton '{printable(label)}' has other points in it "
                    f"than in the tasks before, so one export cannot hold both. {_way_out(task)}"
                )
    return found


def _way_out(task: AnnotatedTask) -> str:
    """Return how to export a task without those that do not go with it."""
    if task.export_kind is not None:
        return "Export one task alone from CVAT, and give that file."
    return f"Name the tasks that go together with --task; this one is {task.task_id}."


def _videos(store: Dataset, tasks: Sequence[AnnotatedTask]) -> dict[str, _Video]:
    """Return the videos that tasks show, each with the frames that are to be exported.

    Raises:
        UsageError: two tasks show the same frames.
    """
    videos: dict[str, _Video] = {}
    seen: dict[str, list[tuple[str, Ints]]] = defaultdict(list)
    for task in tasks:
        if (name := task.match.video) is None:
            continue
        if name not in videos:
            record, frames = store.read_video(name)
            videos[name] = _Video(record, frames, record.images.numbers_in(store.folder(name)))
        shown, is_usable = _usable(task, videos[name])
        usable = np.unique(shown[is_usable])
        for other, before in seen[name]:
            if len(common := np.intersect1d(before, usable)):
                raise UsageError(
                    f"{printable(task.name)}: it shows {count(len(common), 'frame')} of video "
                    f"'{printable(name)}' that task {printable(other)} shows as well, so which "
                    f"annotations count is not clear. {_way_out(task)}"
                )
        seen[name].append((task.name, usable))
        videos[name].shown.append(usable)
    return videos


def _usable(task: AnnotatedTask, video: _Video) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return for each frame of a task its index in the video, and whether it is to be exported."""
    shown = task.match.clock.frame_indices
    is_usable = shown >= 0
    deleted = [f for f in task.match.clock.deleted if 0 <= f < len(shown)]
    is_usable[deleted] = False
    is_kept = video.frames.fate == Fate.KEPT
    is_usable[is_usable] = is_kept[shown[is_usable]] & np.isin(shown[is_usable], video.on_disk)
    return shown, is_usable


def _scale(task: AnnotatedTask, record: VideoRecord) -> tuple[float, float]:
    """Return by how much images are larger than what people drew on: width, height."""
    drawn_on = task.match.image_size
    if drawn_on is None or record.image_width is None or record.image_height is None:
        return 1.0, 1.0
    return record.image_width / drawn_on[0], record.image_height / drawn_on[1]


def _image_table(store: Dataset, videos: Sequence[_Video], indices: Sequence[Ints]) -> ImageTable:
    counts = [len(each) for each in indices]
    nothing: list[Ints] = [np.zeros(0, np.int64)]
    pts = [v.frames.pts[i] for v, i in zip(videos, indices, strict=True)]
    seconds = [v.frames.time_seconds[i] for v, i in zip(videos, indices, strict=True)]
    sizes = [(v.record.image_width or 0, v.record.image_height or 0) for v in videos]
    return ImageTable(
        folder=store.path,
        videos=np.repeat(np.arange(len(videos)), counts),
        frames=np.concatenate(nothing + [each.astype(np.int64) for each in indices]),
        pts=np.concatenate(nothing + pts),
        seconds=np.concatenate([np.zeros(0), *seconds]),
        sides=np.zeros(sum(counts), np.int64),
        side_names=(TRAIN,),
        video_ids=tuple(v.record.id for v in videos),
        names=tuple(v.record.images for v in videos),
        sizes=np.array(sizes, np.int64).reshape(-1, 2),
    )
