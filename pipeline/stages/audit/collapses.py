"""The rule about outlines that shrink between two keyframes: drawn from another point, or turned.

CVAT does not pair the points of two outlines by their numbers. It goes along both from their
first points, and pairs those at the nearest shares of the way. An outline that was drawn anew from
another corner, or the other way round, so passes through itself.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ...settings.cvat import AuditSettings
from ...tracks.pieces import Reading, TaskView
from .fault import Fault

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_LOOKS = 7
"""At so many frames between two keyframes at most, the outline is measured."""
_SAMPLES = 32
"""Points on each outline, where the start is looked for from which they fit best."""
_VANISHED = 0.6
"""Where no other start would help, so much must be lost: the object may have turned itself."""
_CHUNK_NUMBERS = 2_000_000
"""Of an array; more spans go one after another."""


def collapses(
    readings: Sequence[Reading], task: TaskView, settings: AuditSettings
) -> Iterator[Fault]:
    """Find polygons and polylines that lose area, or length, on the way to the next keyframe."""
    groups: dict[tuple[bool, int, int], list[tuple[int, int]]] = defaultdict(list)
    for owner, reading in enumerate(readings):
        if reading.track.shape in {"polygon", "polyline"}:
            a, b, starts = reading.spans
            counts = np.diff(reading.track.offsets)[reading.places] // 2
            is_closed = reading.track.shape == "polygon"
            for start in starts[task.shown_between(a, b) > 0].tolist():
                key = (is_closed, int(counts[start]), int(counts[start + 1]))
                groups[key].append((owner, start))
    for (is_closed, one, other), spans in groups.items():
        if min(one, other) < 2 + is_closed:
            continue  # nothing that could vanish
        chunk = max(1, _CHUNK_NUMBERS // ((one + 1) * (other + 1) + _LOOKS * (one + other)))
        for begin in range(0, len(spans), chunk):
            yield from _of_spans(readings, spans[begin : begin + chunk], is_closed, task, settings)


def _of_spans(
    readings: Sequence[Reading],
    spans: Sequence[tuple[int, int]],
    is_closed: bool,
    task: TaskView,
    settings: AuditSettings,
) -> Iterator[Fault]:
    """Find those spans, of equal numbers of points, in which the outline loses too much."""
    left, right = (
        _stacked(readings, [(owner, start + k) for owner, start in spans]) for k in (0, 1)
    )
    frames = np.array([readings[o].frames[s : s + 2] for o, s in spans])
    looks = _looks(frames)
    shares = (looks - frames[:, :1]) / np.diff(frames)
    shown = _measures(*paired(left, right, is_closed), shares, is_closed)
    shown[task.is_deleted[looks]] = np.inf
    ends = np.stack([_measure(left, is_closed), _measure(right, is_closed)])
    limit = settings.collapse_share
    # Only where something is lost at all is it worth while to look for another start.
    asked = np.flatnonzero((shown < limit * ends.max(axis=0)[:, np.newaxis]).any(axis=1))
    if len(asked) == 0:
        return
    better, is_reversed = _aligned(left[asked], right[asked], is_closed)
    aligned = _measures(sampled(left[asked], is_closed), better, shares[asked], is_closed)
    kept = shown[asked] / np.maximum(aligned, 1e-9)
    left_over = shown[asked] / np.maximum(ends.min(axis=0)[asked, np.newaxis], 1e-9)
    is_found = (kept < limit).any(axis=1) | (left_over < 1 - _VANISHED).any(axis=1)
    what = "area" if is_closed else "length"
    for i in np.flatnonzero(is_found):
        owner, _ = spans[asked[i]]
        worst = int(left_over[i].argmin())
        share = float(left_over[i, worst])
        a, b = frames[asked[i]].tolist()
        at = int(looks[asked[i], worst])
        why = "drawn the other way round" if is_reversed[i] else "begun at another point, or turned"
        message = (
            f"Between frames {a} and {b} the outline shrinks, to {100 * share:.0f} % of its {what} "
            f"at frame {at}: in frame {b} it was {why}. Draw it there from the same point and the "
            f"same way round as in frame {a}."
        )
        track = readings[owner].track
        lost = 100 * max(1 - share, 0.0)
        yield Fault("shape-collapses", track, (a, b, at), lost, 100 * (1 - limit), message)


def paired(left: Floats, right: Floats, is_closed: bool) -> tuple[Floats, Floats]:
    """Return the points between which CVAT moves outlines, as two arrays (spans, pairs, 2).

    Each left point goes to the right one at the nearest share of the way, and each right point that
    nobody took comes from the nearest left one, in the order of the left. What CVAT thins out of
    them afterwards lies close to others, and some pairs stand here more than once: neither changes
    what the outline encloses, or how long it is.

    Args:
        left: float64, shape (spans, points, 2), in pixels.
        right: float64, shape (spans, points, 2); as many spans, but other numbers of points.
        is_closed: polygons, whose way leads back to their first points.
    """
    if is_closed:
        left, right = (np.concatenate([each, each[:, :1]], axis=1) for each in (left, right))
    apart = np.abs(_shares(left)[:, :, np.newaxis] - _shares(right)[:, np.newaxis, :])
    count, others = apart.shape[1:]
    to, back = apart.argmin(axis=2), apart.argmin(axis=1)
    is_taken = np.zeros((len(left), others), np.bool_)
    np.put_along_axis(is_taken, to, True, axis=1)
    firsts = to[:, :1]  # instead of a point that was taken, the first pair once more
    keys = np.concatenate(
        [
            np.arange(count) * others + to,
            np.where(is_taken, firsts, back * others + np.arange(others)),
        ],
        axis=1,
    )
    keys.sort(axis=1)
    return _picked(left, keys // others), _picked(right, keys % others)


def _stacked(readings: Sequence[Reading], keyframes: Sequence[tuple[int, int]]) -> Floats:
    """Return outlines of as many points each, shape (keyframes, points, 2), in pixels."""
    raw = [readings[owner].track.raw(readings[owner].places[one]) for owner, one in keyframes]
    return np.stack(raw).reshape(len(raw), -1, 2)


def _looks(frames: Ints) -> Ints:
    """Return frames between the two of each span, evenly spaced, shape (spans, looks)."""
    a, b = frames[:, :1], frames[:, 1:]
    steps = np.arange(1, _LOOKS + 1) / (_LOOKS + 1)
    return np.asarray(np.clip(np.rint(a + (b - a) * steps).astype(np.int64), a + 1, b - 1))


def _shares(outlines: Floats) -> Floats:
    """Return how far along its outline each point lies, 0 to 1, shape (spans, points)."""
    steps = np.diff(outlines, axis=1)
    lengths = np.cumsum(np.hypot(steps[..., 0], steps[..., 1]), axis=1)
    lengths = np.concatenate([np.zeros((len(outlines), 1)), lengths], axis=1)
    return np.asarray(lengths / np.maximum(lengths[:, -1:], 1e-9))


def _picked(outlines: Floats, places: Ints) -> Floats:
    return np.asarray(np.take_along_axis(outlines, places[:, :, np.newaxis], axis=1))


def _measures(left: Floats, right: Floats, shares: Floats, is_closed: bool) -> Floats:
    """Return what outlines measure on their way, shape (spans, looks)."""
    measured = [
        _measure(left + (right - left) * share[:, np.newaxis, np.newaxis], is_closed)
        for share in shares.T
    ]
    return np.stack(measured, axis=1)


def _measure(outlines: Floats, is_closed: bool) -> Floats:
    """Return the area of polygons, or the length of polylines, shape (spans,), in pixels."""
    steps = np.diff(outlines, axis=1)
    if not is_closed:
        return np.asarray(np.hypot(steps[..., 0], steps[..., 1]).sum(axis=1))
    x, y = np.moveaxis(outlines[:, :-1] - outlines[:, :1], 2, 0)
    return np.asarray(np.abs((x * steps[..., 1] - y * steps[..., 0]).sum(axis=1)) / 2)


def sampled(outlines: Floats, is_closed: bool) -> Floats:
    """Return points evenly spaced along outlines, shape (spans, samples, 2)."""
    if is_closed:
        outlines = np.concatenate([outlines, outlines[:, :1]], axis=1)
    shares = _shares(outlines)
    wanted = np.linspace(0, 1, _SAMPLES, endpoint=not is_closed)
    pairs = zip(outlines, shares, strict=True)
    return np.array([[np.interp(wanted, s, axis) for axis in o.T] for o, s in pairs]).swapaxes(1, 2)


def _aligned(left: Floats, right: Floats, is_closed: bool) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the right outlines, sampled, from the point and the way round that fit the left best.

    The best fit has the least sum of squared distances once both lie on the same place; of all
    starts at once that is a correlation, by the Fourier transform.
    """
    one, other = sampled(left, is_closed), sampled(right, is_closed)
    ways = np.stack([other, other[:, ::-1]])
    place = one - one.mean(axis=1, keepdims=True)
    fits = ways - ways.mean(axis=2, keepdims=True)
    z, w = place[..., 0] + 1j * place[..., 1], fits[..., 0] + 1j * fits[..., 1]
    if not is_closed:
        scores = (z.conj() * w).sum(axis=2).real[..., np.newaxis]
    else:
        scores = np.fft.ifft(np.fft.fft(z).conj() * np.fft.fft(w)).real
    flat = scores.swapaxes(0, 1).reshape(len(one), -1).argmax(axis=1)
    is_reversed, start = np.divmod(flat, scores.shape[2])
    turned = (np.arange(_SAMPLES) + start[:, np.newaxis]) % _SAMPLES
    best = ways[is_reversed, np.arange(len(one))]
    return _picked(best, turned), is_reversed.astype(np.bool_)
