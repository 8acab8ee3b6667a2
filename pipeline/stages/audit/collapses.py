"""The rule about outlines that shrink between two keyframes: drawn from another point, or turned.

CVAT does not pair the points of two outlines by their numbers. It goes along both from their
first points, and pairs those at the nearest shares of the way. An outline that was drawn anew from
another corner, or the other way round, so passes through itself. An object that turns shrinks as
well, but there another start fits worse than turning it does.
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
"""Where no other start fits, so much must be lost: the object may have turned or bent itself."""
_LEAST_LOSS_PX = 1.5
"""So much must be lost of the length, or of the square root of the area: less is how hands draw."""
_FITS_BETTER = 0.5
"""What explains two outlines leaves at most this share of the distance that others leave."""
_SAME_SHARE = 0.05
"""Of an outline's size. Outlines that are as near as that are the same: round ones look alike
turned and begun elsewhere, and nobody can tell which it was."""
_ALIKE = 0.3
"""Turns that differ by at most this share go on: things spin at their pace. To begin at another
point turns an outline once, or there and back."""
_HALF_TURN = 2.6
"""In radians: from here on, nobody can tell which way round an outline turned."""
_RESTARTED, _BACKWARDS, _TURNED, _UNKNOWN = range(4)
_DRAW_ANEW = "Draw it there from the same point and the same way round as in frame {a}"
_WHYS = (
    f"in frame {{b}} it was begun at another point. {_DRAW_ANEW}.",
    f"in frame {{b}} it was drawn the other way round. {_DRAW_ANEW}.",
    "the object turned, and CVAT moves each point straight. Set a keyframe between them.",
    f"in frame {{b}} it was begun at another point, or turned. {_DRAW_ANEW}, or set a keyframe "
    "between them.",
)
"""Why an outline shrinks, by these numbers."""
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
    smaller = np.minimum(_measure(left, is_closed), _measure(right, is_closed))
    least = shown.min(axis=1)
    lost_px = _extents(smaller, is_closed) - _extents(least, is_closed)
    limit = settings.collapse_share
    # Only where something is lost is it worth while to look for another start.
    lossy = np.flatnonzero((least < limit * smaller) & (lost_px >= _LEAST_LOSS_PX))
    if len(lossy) == 0:
        return
    why, turns = _explained(left[lossy], right[lossy], is_closed)
    for i in np.flatnonzero(~np.isnan(turns) & (why <= _BACKWARDS)).tolist():
        owner, start = spans[lossy[i]]
        if _goes_on_turning(readings[owner], start, float(turns[i])):
            why[i] = _TURNED
    for i, place in enumerate(lossy.tolist()):
        share = float(least[place] / smaller[place])
        if why[i] <= _BACKWARDS or share < 1 - _VANISHED:
            (owner, _), (a, b) = spans[place], frames[place].tolist()
            at = int(looks[place, shown[place].argmin()])
            what = "area" if is_closed else "length"
            message = (
                f"Between frames {a} and {b} the outline shrinks, to {100 * share:.0f} % of its "
                f"{what} at frame {at}: {_WHYS[why[i]].format(a=a, b=b)}"
            )
            track = readings[owner].track
            lost = 100 * (1 - share)
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


def _extents(measures: Floats, is_closed: bool) -> Floats:
    """Return what areas, or lengths, are across, in pixels."""
    return np.asarray(np.sqrt(measures) if is_closed else measures)


def _explained(left: Floats, right: Floats, is_closed: bool) -> tuple[Ints, Floats]:
    """Return why outlines do not fit each other as they were drawn, and turns, shape (spans,) each.

    The turns, in radians, are NaN where no turn would explain it. How far outlines are apart is the
    root of the mean squared distance of their points once both lie on the same place. Their
    correlation tells that at once of all starts, by the Fourier transform, and, as it is complex,
    of all turns of the outline as it was drawn.
    """
    one, other = sampled(left, is_closed), sampled(right, is_closed)
    z, w = (_complex(each) for each in (one, other))
    back = _complex(other[:, ::-1])
    power = (np.abs(z) ** 2).mean(axis=1) + (np.abs(w) ** 2).mean(axis=1)

    def apart(scores: Floats) -> Floats:
        return np.asarray(np.sqrt(np.maximum(power - 2 * scores / _SAMPLES, 0)))

    drawn = (z.conj() * w).sum(axis=1)
    if is_closed:
        spectrum = np.fft.fft(z).conj()
        starts, backs = (
            np.fft.ifft(spectrum * np.fft.fft(each)).real.max(axis=1) for each in (w, back)
        )
    else:
        starts, backs = drawn.real, (z.conj() * back).sum(axis=1).real
    best = apart(np.maximum(starts, backs))
    turned = apart(np.abs(drawn))
    is_same = best < _SAME_SHARE * np.sqrt(2 * power)
    is_restart = (best <= _FITS_BETTER * apart(drawn.real)) & (
        is_same | (turned > _FITS_BETTER * best)
    )
    is_turned = turned <= _FITS_BETTER * apart(drawn.real)
    way = np.where(backs > starts, _BACKWARDS, _RESTARTED)
    why = np.where(is_restart, way, np.where(is_turned, _TURNED, _UNKNOWN))
    return why, np.where(is_turned, np.angle(drawn), np.nan)


def _goes_on_turning(reading: Reading, start: int, turn: float) -> bool:
    """Whether the outline turns alike, by less than half a turn, in the span before or behind."""
    track, places = reading.track, reading.places
    if abs(turn) > _HALF_TURN:
        return False  # there and back are the same
    for before in (start - 1, start + 1):
        if not 0 <= before < len(places) - 1:
            continue
        pair = [track.raw(places[each]).reshape(1, -1, 2) for each in (before, before + 1)]
        if min(each.shape[1] for each in pair) < 2:
            continue
        z, w = (_complex(sampled(each, track.shape == "polygon")) for each in pair)
        other = float(np.angle((z.conj() * w).sum()))
        if abs(other - turn) <= _ALIKE * abs(turn):
            return True
    return False


def _complex(outlines: Floats) -> npt.NDArray[np.complex128]:
    """Return the points of outlines as complex numbers around their middle."""
    z = outlines[..., 0] + 1j * outlines[..., 1]
    return np.asarray(z - z.mean(axis=1, keepdims=True))
