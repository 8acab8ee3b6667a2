"""Find videos that are copies or parts of one recording: re-encoded, scaled, trimmed.

Two videos of one recording show the same all along, a constant time apart. What they show is told
by perceptual hashes; the time, by the correlation of their bits. A bit that never changes counts
for nothing in it, so scenes in which nothing happens, and noise, make no claim; nor do those that
are alike at other times as well, such as loops and slow changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .compare import Marks
from .hash_index import count_bits

Floats = npt.NDArray[np.float64]

_PERIOD_SECONDS = 0.1
_MOST_SAMPLES = 36_000  # an hour; what is longer is sampled less often
_SHORTEST_SAMPLES = 30
_BITS = 64

_CONTENTS, _CONTENT_BITS = 5, 8
"""A copy shows at least so many pictures that all differ in more than so many bits."""

_FLIPS = 1.5
"""A bit that changes does so more than once: shadows go the same way each day."""

_ALIKE_BITS, _ALIKE_SHARE = 12, 0.9
"""So much of a copy differs in at most so many bits from the recording, at the same time."""

_LEAST_CORRELATION, _LEAST_LEAD = 0.7, 0.2
"""Of the bits at the right time, and how much more than at all others."""

_NEAR_SHARE = 0.1
"""Of the length of the copy: other times are at least so far away."""

_WHOLE_SHARE = 0.95
_LEAST_SHARED = 3


@dataclass(frozen=True, eq=False)
class Footage:
    """What a video shows, and when.

    ``hashes``: uint64, shape (n,), in display order. ``times_seconds``: float64, shape (n,), from
    when on each is shown, ascending. ``end_seconds``: until when the last one is.
    """

    hashes: npt.NDArray[np.uint64]
    times_seconds: Floats
    end_seconds: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end_seconds - float(self.times_seconds[0]) if len(self.hashes) else 0.0


@dataclass(frozen=True)
class Copy:
    """A video is another one, from ``begin_seconds`` to ``end_seconds``: maybe all of it."""

    video: int
    of: int
    begin_seconds: float
    end_seconds: float
    is_whole: bool


def find_copies(footage: Mapping[int, Footage], pairs: list[tuple[int, int]]) -> list[Copy]:
    """Return which videos are copies or parts of others.

    What is a copy of a copy is named as one of the original.

    Args:
        footage: what each video shows.
        pairs: which to compare. Of two that are equally long, the first is called the copy.
    """
    copies = []
    for pair in pairs:
        first, second = (footage[number] for number in pair)
        is_longer = first.seconds * _WHOLE_SHARE > second.seconds
        part, whole = reversed(pair) if is_longer else pair
        span = find_part(footage[part], footage[whole])
        if span is not None:
            is_whole = span[1] - span[0] >= _WHOLE_SHARE * footage[whole].seconds
            copies.append(Copy(part, whole, *span, is_whole))
    of_original = [each for each in copies if each.of not in {other.video for other in copies}]
    settled = {each.video for each in of_original}
    return [each for each in copies if each.video not in settled or each in of_original]


def find_alike(marks: Mapping[int, Marks]) -> list[tuple[int, int]]:
    """Return pairs of videos of which several images look alike; the one with duplicates first."""
    shared: dict[tuple[int, int], int] = {}
    for number, each in marks.items():
        targets = np.unique(np.stack((each.sequence, each.number))[:, each.sequence >= 0], axis=1)
        for other, images in zip(*np.unique(targets[0], return_counts=True), strict=True):
            shared[number, int(other)] = int(images)
    return sorted(
        (video, other)
        for (video, other), images in shared.items()
        if images + shared.get((other, video), 0) >= _LEAST_SHARED
        and (images, video) > (shared.get((other, video), 0), other)
    )


def find_part(part: Footage, whole: Footage) -> tuple[float, float] | None:
    """Return from when to when a video shows what another one does, in seconds.

    Args:
        part: the video that may be a copy, or a part.
        whole: the other one, which is at least about as long.

    Returns:
        Begin and end in ``whole``; ``None`` if it does not show that, or if that is not sure.
    """
    period = max(_PERIOD_SECONDS, whole.seconds / _MOST_SAMPLES)
    mine, other = _sample(part, period), _sample(whole, period)
    count = len(mine)
    if count < _SHORTEST_SAMPLES or not _has_contents(mine):
        return None
    lags = np.arange(-(count // 2), len(other) - count + count // 2 + 1)
    correlation = _correlate(mine, other, lags)
    slack = int(count * (1 - _ALIKE_SHARE))
    inside = (lags >= -slack) & (lags <= len(other) - count + slack)
    best = int(np.argmax(np.where(inside, correlation, -1)))
    near = max(_NEAR_SHARE * count, 1)
    elsewhere = correlation[np.abs(lags - lags[best]) > near].max(initial=-1)
    if correlation[best] < max(_LEAST_CORRELATION, elsewhere + _LEAST_LEAD):
        return None
    lag = int(lags[best])
    begin, end = max(0, -lag), min(count, len(other) - lag)
    apart = count_bits(mine[begin:end] ^ other[begin + lag : end + lag])
    if np.count_nonzero(apart <= _ALIKE_BITS) < _ALIKE_SHARE * count:
        return None
    start = float(whole.times_seconds[0])
    first = max(start, start + lag * period)
    return first, min(whole.end_seconds, start + lag * period + part.seconds)


def _sample(footage: Footage, period_seconds: float) -> npt.NDArray[np.uint64]:
    """Return what is shown every so often: uint64, shape (samples,)."""
    if len(footage.hashes) == 0:
        return footage.hashes
    times = footage.times_seconds[0] + np.arange(0, footage.seconds, period_seconds)
    places = np.searchsorted(footage.times_seconds, times, "right") - 1
    return np.asarray(footage.hashes[places])


def _has_contents(hashes: npt.NDArray[np.uint64]) -> bool:
    """Whether there are enough pictures that look different, and not only one slow change."""
    flips = hashes[1:] ^ hashes[:-1]
    changing_bits = count_bits(np.bitwise_or.reduce(flips, keepdims=True)).sum()
    if count_bits(flips).sum() < _FLIPS * changing_bits:
        return False
    left = np.unique(hashes)
    for _ in range(_CONTENTS - 1):
        left = left[count_bits(left ^ left[0]) > _CONTENT_BITS]
        if len(left) == 0:
            return False
    return True


def _correlate(
    part: npt.NDArray[np.uint64], whole: npt.NDArray[np.uint64], lags: npt.NDArray[np.int64]
) -> Floats:
    """Return the correlation of the bits at each lag, where both are there: -1 to 1.

    Args:
        part: hashes, shape (n,).
        whole: hashes, shape (m,).
        lags: how many samples ``part`` begins after ``whole``, shape (lags,).
    """
    begins, ends = np.maximum(0, -lags), np.minimum(len(part), len(whole) - lags)
    count = ends - begins
    size = 1 << int(len(part) + len(whole)).bit_length()
    products = np.zeros(size // 2 + 1, dtype=np.complex128)
    means, energy, other_energy = (np.zeros(len(lags)) for _ in range(3))
    for bit in range(_BITS):
        x, y = (1.0 - 2.0 * (hashes >> np.uint64(bit) & np.uint64(1)) for hashes in (part, whole))
        products += np.conj(np.fft.rfft(x, size)) * np.fft.rfft(y, size)
        sums, other_sums = (np.concatenate(([0.0], np.cumsum(each))) for each in (x, y))
        total = sums[ends] - sums[begins]
        other_total = other_sums[ends + lags] - other_sums[begins + lags]
        means += total * other_total / count
        energy += count - total**2 / count
        other_energy += count - other_total**2 / count
    covariance = np.fft.irfft(products, size)[lags % size] - means
    scale = np.sqrt(energy * other_energy)
    return np.divide(covariance, scale, out=np.zeros(len(lags)), where=scale > 1)
