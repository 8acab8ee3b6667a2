"""What came of a look at the division of a training set, and of a new one."""

from dataclasses import dataclass
from typing import Any

from ...base.errors import ExitCode
from ...base.guard import worst
from ...dataset.records import Notice
from ...settings.splits import SplitSettings
from .leaks import Leakage


@dataclass(frozen=True)
class SplitResult:
    """How images are divided.

    ``kind`` is ``coco``, ``yolo`` or ``folder``. ``images`` are counted for each side, those
    without one under ``none``. ``before`` is how leaky the division was, ``None`` where there was
    none. ``output`` is the folder of the new one, with ``after``, ``summary`` and the ``settings``
    that it was dealt with, absent where none was made.
    """

    path: str
    kind: str
    images: dict[str, int]
    before: Leakage | None
    output: str | None = None
    settings: SplitSettings | None = None
    after: Leakage | None = None
    summary: dict[str, Any] | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """That there are findings, where the division that is looked at last leaks."""
        last = self.before if self.output is None else self.after
        leaks = last is not None and last.images > 0
        return max(worst(self.notices), ExitCode.FINDINGS if leaks else ExitCode.OK)
