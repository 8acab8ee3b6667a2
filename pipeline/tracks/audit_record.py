"""``audit.json``: what an audit leaves on disk, for the report and for other programs."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from ..base.errors import DatasetError, printable, unreadable
from ..dataset.files import WRITE_ELSEWHERE, save_text
from .statistics import TrackCounts


@dataclass(frozen=True)
class AuditedTask:
    """What an audit told of one task; the fields are the keys of its JSON.

    ``task`` is its id, ``frames`` how many it has, ``matched`` how many of them are the video's,
    ``findings`` how many there are. ``note`` says how far it could be looked at, if not wholly.
    """

    task: int | None
    name: str
    url: str | None
    video: str | None
    frames: int
    matched: int
    tracks: int
    labels: dict[str, TrackCounts]
    findings: int
    note: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the task as JSON-ready data."""
        labels = {
            label: {**asdict(counts), "share_filled_in": round(counts.share_filled_in, 4)}
            for label, counts in self.labels.items()
        }
        return {**vars(self), "labels": labels}

    @classmethod
    def from_json(cls, data: Any) -> "AuditedTask":
        """Read a task back.

        Raises:
            TypeError: the data is not such a task, and why not.
        """
        values = _values(cls, data)
        counts = values["labels"].items()
        labels = {label: TrackCounts(**_values(TrackCounts, each)) for label, each in counts}
        return cls(**{**values, "labels": labels})


@dataclass(frozen=True)
class AuditRecord:
    """The content of ``audit.json``; ``findings`` are those of all tasks, as JSON has them.

    ``limits`` are the settings by which they were found, by name; earlier versions wrote none.
    """

    tasks: tuple[AuditedTask, ...]
    findings: tuple[dict[str, Any], ...]
    limits: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-ready data."""
        told = {"limits": self.limits} if self.limits else {}
        tasks = [task.to_json() for task in self.tasks]
        return {"tasks": tasks, "findings": [*self.findings], **told}

    @classmethod
    def from_json(cls, data: Any) -> "AuditRecord":
        """Read a record back.

        Raises:
            TypeError: the data is not such a record, and why not.
        """
        values = _values(cls, {"limits": {}, **data} if isinstance(data, dict) else data)
        tasks = tuple(map(AuditedTask.from_json, values["tasks"]))
        return cls(tasks, tuple(values["findings"]), values["limits"])


def write_audit(path: Path, record: AuditRecord) -> None:
    """Write ``audit.json``.

    Raises:
        DatasetError: it cannot be written.
    """
    text = json.dumps(record.to_json(), indent=1)
    save_text(path, [text, "\n"], way_out=WRITE_ELSEWHERE)


def read_audit(path: Path) -> AuditRecord | None:
    """Read ``audit.json``; ``None`` if there was no audit yet.

    Raises:
        DatasetError: it cannot be read, or is not what an audit writes.
    """
    try:
        return AuditRecord.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise DatasetError(
            f"{printable(path)}: this is not what 'prep audit' writes ({printable(error)}). Run "
            "'prep audit' again."
        ) from error


def _values(kind: type, data: Any) -> dict[str, Any]:
    """Return the fields of a dataclass from a JSON object, which may have more.

    Raises:
        TypeError: one is missing, or of another type.
    """
    values = {}
    for name, hint in get_type_hints(kind).items():
        wanted: Any = {dict: dict, tuple: list}.get(get_origin(hint), hint)
        value = data.get(name, ...) if isinstance(data, dict) else ...
        if not isinstance(value, wanted):
            raise TypeError(f"'{name}' is missing or wrong")
        values[name] = value
    return values
