"""How far boxes that CVAT moves evenly get off the clock of the video."""

import numpy as np
import numpy.typing as npt

from ...settings.cvat import AuditSettings
from ...tracks.interpolation import is_held
from ...tracks.model import movements
from ...tracks.pieces import Reading, TaskView

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NOISE = 1e-6  # of sums of floats, in pixels; no error


def errors_by_clock(
    reading: Reading, task: TaskView, settings: AuditSettings, spans: tuple[Ints, Ints, Ints]
) -> tuple[Floats, Ints]:
    """Return for each span how far off the clock the box gets, in pixels, and at which frame."""
    track = reading.track
    a, b, starts = spans
    errors, worst = np.zeros(len(a)), a + 1
    if is_held(track.shape, int(np.diff(track.offsets).max())):
        return errors, worst  # CVAT does not move it at all
    movement = movements(track, reading.places)[starts]
    durations = task.durations(a, b)
    # No box is farther off than its corners move.
    least = min(settings.tolerance_px, _NOISE)
    asked = np.flatnonzero((durations > 0) & (movement > least))
    if len(asked) == 0:
        return errors, worst
    a, b, durations = a[asked], b[asked], durations[asked]
    counts = b - a
    begins = np.cumsum(counts) - counts
    span = np.repeat(np.arange(len(a)), counts)
    frames = np.arange(int(counts.sum())) - begins[span] + a[span]  # from a up to before b
    by_index = (frames - a[span]) / counts[span]
    moving = task.clock.moving_seconds
    by_time = (moving[frames] - moving[a][span]) / durations[span]
    apart = np.abs(by_index - by_time)
    apart[np.isnan(apart) | task.is_deleted[frames]] = 0.0
    most = np.maximum.reduceat(apart, begins)
    errors[asked] = most * movement[asked]
    for i in np.flatnonzero(most > 0):
        if errors[asked[i]] > _NOISE:
            here = apart[begins[i] : begins[i] + counts[i]]
            worst[asked[i]] = a[i] + int(here.argmax())
    return errors, worst
