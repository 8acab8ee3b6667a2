"""What an export holds, and what its maker has to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import ExitCode
from ...dataset.records import Notice

FINDINGS = frozenset(("unmatched", "without-image", "partly-drawn", "file-lacks", "no-tracks"))
"""Kinds of notice that a person must look at, besides those of `dataset.records`."""


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    ``folder`` is that of the export, ``to`` its format. ``images`` and ``shapes`` are counts;
    ``sides`` has those of each side, ``labels`` the shapes of each label. ``notices`` say where the
    export differs from what CVAT would write, and what is left out. ``numbers`` is what
    ``export.json`` holds.
    """

    folder: Path
    to: str
    images: int
    shapes: int
    sides: Mapping[str, Mapping[str, int]]
    labels: Mapping[str, int]
    notices: tuple[Notice, ...]
    numbers: Mapping[str, Any]

    @property
    def exit_code(self) -> ExitCode:
        """1 if a person must look at something."""
        is_finding = any(n.is_finding or n.kind in FINDINGS for n in self.notices)
        return ExitCode.FINDINGS if is_finding else ExitCode.OK
