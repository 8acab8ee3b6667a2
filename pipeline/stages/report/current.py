"""Whether the report of a dataset still shows it as it is: ``.prep/reported.json``.

A run that has nothing new to do need not draw the same page again. So what a report was made of is
remembered: the records of the videos and the folders that they are in, as files; and the contents
of what else the page tells. Images count by these records: who changes one without a word has it
found by validation, which changes them.
"""

import contextlib
import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ... import __version__
from ...base.errors import ExitCode
from ...cvat.journal import JOURNAL_NAME
from ...dataset.failed import FAILED_PLACE
from ...dataset.files import replace_text
from ...dataset.store import AUDIT_NAME, Dataset
from ...dataset.video_folder import FRAMES_NAME, RECORD_NAME
from ...settings.stages import BreakSettings, ValidateSettings
from .summary import Totals

PAGE_NAME, NUMBERS_NAME = "report.html", "report.json"

_PLACE = Path(".prep") / "reported.json"
_RECORDS = (RECORD_NAME, FRAMES_NAME)
_TOLD = (JOURNAL_NAME, AUDIT_NAME, FAILED_PLACE)


@dataclass(frozen=True)
class CurrentReport:
    """A report that an earlier run has written, of a dataset that has not changed since."""

    exit_code: ClassVar[ExitCode] = ExitCode.OK

    page: Path
    numbers: Path
    totals: Totals


def describe_inputs(store: Dataset, breaks: BreakSettings, validate: ValidateSettings) -> str:
    """Return a digest of all that a report is made of."""
    settings = [dataclasses.asdict(breaks), dataclasses.asdict(validate)]
    told = [_content(store.path / name) for name in _TOLD]
    videos = [
        (video_id, *(_state(store.folder(video_id) / name) for name in ("", *_RECORDS)))
        for video_id in store.video_ids()
    ]
    inputs = [__version__, store.path.name, settings, told, videos]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def remember(store: Dataset, inputs: str, totals: Totals) -> None:
    """Put down that the report in a dataset is made of these inputs.

    Where that cannot be written, the next run makes the report anew.
    """
    known = {"inputs": inputs, "pages": _pages(store), "totals": dataclasses.asdict(totals)}
    with contextlib.suppress(OSError):
        replace_text(store.path / _PLACE, [json.dumps(known)])


def find_current(
    store: Dataset, breaks: BreakSettings, validate: ValidateSettings
) -> CurrentReport | None:
    """Return the report that is in a dataset, if to write it again would change nothing."""
    try:
        known = json.loads((store.path / _PLACE).read_text(encoding="utf-8"))
        is_current = known["inputs"] == describe_inputs(store, breaks, validate)
        if not is_current or known["pages"] != _pages(store):
            return None
        totals = Totals(**known["totals"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return CurrentReport(store.path / PAGE_NAME, store.path / NUMBERS_NAME, totals)


def _pages(store: Dataset) -> list[Any]:
    return [_state(store.path / name) for name in (PAGE_NAME, NUMBERS_NAME)]


def _state(path: Path) -> list[int]:
    """Return what tells a file or folder from another in its place; nothing where there is none."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def _content(path: Path) -> str:
    """Return the checksum of a file, nothing where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
