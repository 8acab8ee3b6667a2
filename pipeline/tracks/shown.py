"""Where CVAT shows a track on many frames at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .interpolation import PLACED_BY_SHARE, is_held, turned
from .model import Track, placed_between

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Shown:
    """A track on those frames that show it.

    ``frames``: int64, shape (frames,), numbers of the task, ascending. ``is_keyframe``: bool, the
    same shape. ``rotations``: float64, the same shape, degrees clockwise. ``values``: float64,
    CVAT's own numbers of all frames end to end in pixels, ``counts`` of each frame: int64.
    """

    frames: Ints
    is_keyframe: Flags
    rotations: Floats
    values: Floats
    counts: Ints


def shown_on(track: Track, frames: Ints, keyframes: Ints) -> Shown:
    """Return where CVAT shows a track, on those of the frames that do.

    The same as `model.placed_at` frame by frame.

    Args:
        track: the track, or an element of a skeleton.
        frames: int64, numbers of the task, ascending.
        keyframes: int64, which of its keyframes exist, ascending places.
    """
    if len(keyframes) == 0:
        return Shown(np.zeros(0, np.int64), *_nothing())
    here = np.searchsorted(track.frames[keyframes], frames, side="right") - 1
    is_shown = (here >= 0) & ~track.is_outside[keyframes[here]]
    frames, here = frames[is_shown], here[is_shown]
    a, b = keyframes[here], keyframes[np.minimum(here + 1, len(keyframes) - 1)]
    is_keyframe = track.frames[a] == frames
    rotations, values, counts = _placed(track, a, b, frames)
    return Shown(frames, is_keyframe, rotations, values, counts)


def _nothing() -> tuple[Flags, Floats, Floats, Ints]:
    return np.zeros(0, np.bool_), np.zeros(0), np.zeros(0), np.zeros(0, np.int64)


def _placed(track: Track, a: Ints, b: Ints, frames: Ints) -> tuple[Floats, Floats, Ints]:
    """Return rotations, values and their counts on frames between keyframes a and b."""
    raw = track.stacked
    if raw is None or track.shape in PLACED_BY_SHARE:
        rows = zip(a.tolist(), b.tolist(), frames.tolist(), strict=True)
        placed = [placed_between(track, *row) for row in rows]
        counts = np.fromiter((len(each.values) for each in placed), np.int64, len(placed))
        rotations = np.fromiter((each.rotation for each in placed), np.float64, len(placed))
        return rotations, np.concatenate([[], *(each.values for each in placed)]), counts
    counts = np.full(len(frames), raw.shape[1], np.int64)
    if is_held(track.shape, raw.shape[1]):
        return track.rotations[a], raw[a].ravel(), counts
    ways = np.maximum(track.frames[b] - track.frames[a], 1)
    shares = (frames - track.frames[a]) / ways
    values = raw[a] + (raw[b] - raw[a]) * shares[:, np.newaxis]
    return turned(track.rotations[a], track.rotations[b], shares), values.ravel(), counts
