"""Sources of which nothing could be extracted when that was last tried: ``.prep/failed.json``.

They are no videos of the dataset, so that nothing else in it tells of them.
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from .files import replace_text

FAILED_PLACE = Path(".prep") / "failed.json"


@dataclass(frozen=True)
class FailedSource:
    """A source that failed: its path, and why in words."""

    path: str
    error: str


def read_failed(dataset: Path) -> tuple[FailedSource, ...]:
    """Return the sources that failed, by their path; none where nobody noted any."""
    try:
        rows = json.loads((dataset / FAILED_PLACE).read_text(encoding="utf-8"))
        return tuple(FailedSource(str(row["path"]), str(row["error"])) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()  # a note to ourselves, which the next extraction writes anew


def note_failed(dataset: Path, tried: Collection[str], failed: Iterable[FailedSource]) -> None:
    """Note which sources failed, and forget those that were tried again or are gone.

    Args:
        dataset: the folder, which is held for writing.
        tried: the paths of all sources of this run.
        failed: those of them that failed.
    """
    before = read_failed(dataset)
    others = (one for one in before if one.path not in tried and os.path.exists(one.path))
    now = tuple(sorted((*others, *failed), key=lambda one: one.path))
    if now != before:
        rows = [dataclasses.asdict(one) for one in now]
        with contextlib.suppress(OSError):  # the videos that did not fail are there all the same
            replace_text(dataset / FAILED_PLACE, [json.dumps(rows, indent=1), "\n"])
