"""Where the scene changes, told from tiny pictures of all frames.

One difference between neighbours does not tell a cut from a flash, a blinking screen, a fast pan or
a thing that passes close by. So a cut has to stand out, and to last:

- It changes the picture more than twice as much as the frames around it do. PySceneDetect's
  AdaptiveDetector does the like. Ours looks at the largest of every three steps, so that frames
  that are shown two or three times do not look like rests between cuts.
- No frame shortly behind it is like any shortly before it. A flash, or a window that pops up, goes
  and leaves what was there.
- A lamp that is switched on changes brightness and contrast, but not what there is: pictures are
  compared at equal mean and contrast, as in a normalised correlation, and by their colour.
"""

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 32, 18
"""Of the tiny pictures, in pixels. Each has three planes: brightness, and two of colour."""

REACH = 16
"""A scene that was there so many frames ago, and comes back, has not changed."""

_STEPS, _GROUPS = 3, 2
"""Surroundings: this many groups of so many steps on either side."""

_STANDS_OUT = 2.1
"""Where an even pan begins or ends, it is 2."""

_NOISE = 2.0
"""Smaller changes are not looked into: far below any threshold that is of use."""

_MOST_GAIN = 3.0
"""How far contrasts are made equal: black, or a wall, is not made like everything else."""

_BLOCK = 4096

Pictures = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]


def cut_scores(pictures: Pictures) -> Scores:
    """Return for each frame how much the scene changes there, 0 to 100; 0 where it does not.

    100 is a difference of half the range of levels. A cut reaches 10 by far, as a rule.

    Args:
        pictures: uint8, shape (frames, 3, 18, 32), all frames of a video.
    """
    scores = np.zeros(len(pictures), dtype=np.float32)
    if len(pictures) < 2:
        return scores
    steps = np.empty(len(pictures) - 1, dtype=np.float32)  # from frame i to frame i + 1
    for first in range(0, len(steps), _BLOCK):
        looks = _looks(pictures[first : first + _BLOCK + 1])
        steps[first : first + _BLOCK] = _difference(looks[:-1], looks[1:])
    stands_out = (steps > _NOISE) & (steps > _STANDS_OUT * _surroundings(steps)) & _is_peak(steps)
    for frame in (1 + np.flatnonzero(stands_out)).tolist():
        scores[frame] = scene_change(
            pictures[max(0, frame - REACH) : frame], pictures[frame : frame + REACH]
        )
    return scores


def scene_change(before: Pictures, after: Pictures) -> float:
    """Return how unlike two stretches of frames are, 0 to 100: the two frames most alike.

    Args:
        before: uint8, shape (frames, 3, 18, 32).
        after: the same.
    """
    unlike = _difference(_looks(before)[:, None], _looks(after)[None])
    return min(100.0, float(unlike.min()))


def _looks(pictures: Pictures) -> npt.NDArray[np.float32]:
    """Return pictures as float32, shape (frames, 3, 576), of brightness 0 in the mean."""
    looks = pictures.reshape(len(pictures), 3, -1).astype(np.float32)
    looks[:, 0] -= looks[:, 0].mean(axis=1, keepdims=True)
    return looks


def _difference(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> Scores:
    """Return how unlike pictures are, in percent of half the range of levels."""
    contrasts = [each[..., 0, :].std(axis=-1, keepdims=True) + 1e-3 for each in (one, other)]
    contrast = np.maximum(*contrasts)
    first, second = (
        each[..., 0, :] * np.minimum(contrast / own, _MOST_GAIN)
        for each, own in zip((one, other), contrasts, strict=True)
    )
    brightness = np.abs(first - second).mean(axis=-1)
    colour = np.abs(one[..., 1:, :] - other[..., 1:, :]).mean(axis=-1).sum(axis=-1)
    return np.asarray((brightness + colour) / 1.275, dtype=np.float32)


def _surroundings(steps: Scores) -> Scores:
    """Return for each step how large those around it are: the mean of the largest of each group."""
    reach = _GROUPS * _STEPS
    # Beyond its ends a video is taken to go on as it does beside them.
    padded = np.pad(steps, reach, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    before, after = windows[:, :reach], windows[:, reach + 1 :]
    groups = np.concatenate([before, after], axis=1).reshape(-1, 2 * _GROUPS, _STEPS)
    return np.asarray(groups.max(axis=2).mean(axis=1), dtype=np.float32)


def _is_peak(steps: Scores) -> npt.NDArray[np.bool_]:
    """Return where no step within two frames is larger, nor as large and earlier."""
    padded = np.pad(steps, 2)
    before = np.maximum(padded[:-4], padded[1:-3])
    after = np.maximum(padded[3:-1], padded[4:])
    return np.asarray((steps > before) & (steps >= after))
