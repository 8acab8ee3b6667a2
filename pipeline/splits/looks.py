"""How images look as a whole, so that near-identical ones are found.

What was seen of a dataset is kept in it, for its images stay what they are: their checksums tell.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.work import Batch, Link, Watch, refuse_stopped
from ..dataset.files import replace_file
from ..dataset.store import Dataset
from ..engines.base import Engine, Lost
from ..pictures.miniature import read_miniature
from ..pictures.similarity import hash_thumbnails

LOOK = np.dtype([("hash", np.uint64), ("contrast", np.float32)])
"""The perceptual hash of the dedupe method ``similar``, and the deviation of the grey levels.

The deviation is NaN where the file cannot be read as an image.
"""

Looks = npt.NDArray[np.void]

_SEEN = np.dtype([("frame", np.int64), ("crc32", np.int64), ("look", LOOK)])
_FLAT = 1.0  # grey levels
_CHUNK_IMAGES = 64


@dataclass(frozen=True)
class ImageSet:
    """Images of one folder or video: ``names`` are their paths in ``folder``."""

    id: str
    folder: Path
    names: Sequence[str]


@dataclass(frozen=True)
class _Chunk:
    """Some images of a set: those from ``first`` on."""

    place: int
    first: int
    folder: Path
    names: tuple[str, ...]


def is_unreadable(looks: Looks) -> npt.NDArray[np.bool_]:
    """Return which files could not be read."""
    return np.asarray(np.isnan(looks["contrast"]))


def is_flat(looks: Looks) -> npt.NDArray[np.bool_]:
    """Return which images show nothing, such as black ones: their hashes tell nothing of them."""
    return np.asarray(looks["contrast"] < _FLAT)


def look_at(sets: Sequence[ImageSet], engine: Engine, watch: Watch) -> list[Looks]:
    """Return how images look: `LOOK`, shape (images,) for each set.

    Raises:
        InterruptedRunError: stopped.
    """
    looks = [_nothing(len(each.names)) for each in sets]
    missing = [len(each.names) for each in sets]
    images = sum(missing)
    watch.batch_started(Batch(len(sets), images, noun="folders", unit="images", parts=images))

    def chunks() -> Iterable[_Chunk]:
        for place, each in enumerate(sets):
            watch.item_started(each.id, len(each.names), len(each.names))
            for first in range(0, len(each.names), _CHUNK_IMAGES):
                names = tuple(each.names[first : first + _CHUNK_IMAGES])
                yield _Chunk(place, first, each.folder, names)

    with closing(engine.run(look_at_chunk, chunks())) as results:
        for chunk, result in results:
            if not isinstance(result, Lost):  # else they stay unreadable, which is told
                looks[chunk.place][chunk.first : chunk.first + len(chunk.names)] = result
            done = sets[chunk.place]
            watch.parts_done(done.id, len(chunk.names))
            missing[chunk.place] -= len(chunk.names)
            if not missing[chunk.place]:
                watch.item_done(done.id, len(done.names))
    return looks


def look_at_chunk(chunk: _Chunk, link: Link) -> Looks:
    """Return how images look, see `look_at`; done anywhere."""
    looks = _nothing(len(chunk.names))
    for place, name in enumerate(chunk.names):
        refuse_stopped(link)
        small = read_miniature(chunk.folder / name)
        if small is not None:
            looks[place] = hash_thumbnails(small[np.newaxis])[0], small.std()
    return looks


def look_at_frames(
    store: Dataset, frames: dict[str, npt.NDArray[np.int64]], engine: Engine, watch: Watch
) -> dict[str, Looks]:
    """Return how frames of a dataset look: `LOOK`, in the shape of each of the arrays.

    Args:
        store: the dataset.
        frames: by video, the frame indices of its images, ascending.
        engine: looks at those that were not seen before.
        watch: told how far that is.

    Raises:
        DatasetError: a record or frame table cannot be read.
        InterruptedRunError: stopped. What was seen of whole videos before is kept.
    """
    crcs = {video: store.read_frames(video).crc32[each] for video, each in frames.items()}
    looks, sets, unseen = {}, [], {}
    for video, indices in frames.items():
        seen = _read(store, video)
        at = np.minimum(np.searchsorted(seen["frame"], indices), max(len(seen) - 1, 0))
        looks[video] = _nothing(len(indices))
        if len(seen):
            known = (seen["frame"][at] == indices) & (seen["crc32"][at] == crcs[video])
            known &= crcs[video] >= 0
            looks[video][known] = seen["look"][at[known]]
        unseen[video] = np.flatnonzero(is_unreadable(looks[video]))
        if len(unseen[video]):
            names = store.read_record(video).images.names(indices[unseen[video]])
            sets.append(ImageSet(video, store.folder(video), names))
    if sets:
        for each, found in zip(sets, look_at(sets, engine, watch), strict=True):
            looks[each.id][unseen[each.id]] = found
            _keep(store, each.id, frames[each.id], crcs[each.id], looks[each.id])
    return looks


def seen_frames(store: Dataset, video: str) -> npt.NDArray[np.int64]:
    """Return the frames of a video that were looked at before: int64, ascending."""
    return _read(store, video)["frame"].astype(np.int64)


def _nothing(count: int) -> Looks:
    looks = np.zeros(count, dtype=LOOK)
    looks["contrast"] = np.nan
    return looks


def _file(store: Dataset, video: str) -> Path:
    return store.memory_file(video, "looks")


def _read(store: Dataset, video: str) -> npt.NDArray[np.void]:
    with suppress(OSError, ValueError, EOFError):
        seen = np.load(_file(store, video), allow_pickle=False)
        if seen.dtype == _SEEN and seen.ndim == 1:
            return np.asarray(seen)
    return np.empty(0, dtype=_SEEN)


def _keep(
    store: Dataset,
    video: str,
    frames: npt.NDArray[np.int64],
    crc32: npt.NDArray[np.int64],
    looks: Looks,
) -> None:
    """Keep what was seen, and what was before of other frames; not where nobody may write."""
    readable = ~is_unreadable(looks)
    seen = np.empty(int(readable.sum()), dtype=_SEEN)
    seen["frame"], seen["crc32"], seen["look"] = frames[readable], crc32[readable], looks[readable]
    others = _read(store, video)
    seen = np.concatenate((seen, others[~np.isin(others["frame"], frames)]))
    seen = seen[np.argsort(seen["frame"], kind="stable")]
    path = _file(store, video)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda file: np.save(file, seen))
