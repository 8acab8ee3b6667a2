"""Settings from and to a file, checked, and their digest. A flag beats the file."""

import dataclasses
import hashlib
import json
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ..base.errors import UsageError, printable
from .cvat import AuditSettings, CvatSettings, UploadSettings
from .stages import (
    BreakSettings,
    DedupeSettings,
    ExtractSettings,
    RunSettings,
    ValidateSettings,
    refuse_unknown,
)

S = TypeVar("S")

SECTIONS: dict[str, type] = {
    "extract": ExtractSettings,
    "dedupe": DedupeSettings,
    "breaks": BreakSettings,
    "validate": ValidateSettings,
    "run": RunSettings,
    "cvat": CvatSettings,
    "upload": UploadSettings,
    "audit": AuditSettings,
}


@dataclass(frozen=True)
class Config:
    """The settings of all sections as a file gives them, before flags."""

    values: Mapping[str, Mapping[str, Any]]

    def section(self, cls: type[S], flags: Mapping[str, Any] | None = None) -> S:
        """Return the settings of one section; flags that are not ``None`` win.

        Raises:
            UsageError: a value is of the wrong type or out of range.
        """
        name = next(name for name, section in SECTIONS.items() if section is cls)
        given = {k: v for k, v in (flags or {}).items() if v is not None}
        return build_settings(cls, {**self.values.get(name, {}), **given}, name)


def load_config(path: Path | None) -> Config:
    """Read a YAML file of settings; without one, all defaults.

    Raises:
        UsageError: the file cannot be read, is not YAML, or holds an unknown key.
    """
    if path is None:
        return Config({})
    from ..base import plain_yaml

    if path.exists() and not path.is_file():
        raise UsageError(f"{printable(path)}: the settings must be in a regular file.")
    try:
        data = plain_yaml.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{printable(path)}: cannot read the settings: {error.strerror}."
        ) from error
    except (plain_yaml.YamlError, ValueError, RecursionError) as error:
        raise UsageError(f"{printable(path)}: not a YAML file: {printable(error)}") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise UsageError(f"{printable(path)}: expected sections ({', '.join(SECTIONS)}).")
    for name, values in data.items():
        refuse_unknown(name, SECTIONS, f"{printable(path)}: section")
        if values is not None and not isinstance(values, dict):
            raise UsageError(f"{printable(path)}: section '{name}' must hold keys and values.")
        for key in values or {}:
            known = [field.name for field in dataclasses.fields(SECTIONS[name])]
            refuse_unknown(key, known, f"{printable(path)}: key '{name}:'")
    return Config({name: values or {} for name, values in data.items()})


def build_settings(cls: type[S], values: Mapping[str, Any], section: str) -> S:
    """Return checked settings from plain values.

    Raises:
        UsageError: a value is of the wrong type or out of range.
    """
    hints = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    checked = {
        name: _check(f"{section}: {name}", value, hints[name], fields[name].metadata)
        for name, value in values.items()
    }
    return cls(**checked)


def effective_settings(extract: ExtractSettings, dedupe: DedupeSettings) -> dict[str, Any]:
    """Return the settings that the images of a video depend on, by name."""
    return dataclasses.asdict(extract) | effective_dedupe(dedupe)


def effective_dedupe(dedupe: DedupeSettings) -> dict[str, Any]:
    """Return the settings that the choice of duplicates depends on, by name."""
    still = ("hi", "lo", "frac", "max_gap")
    matters = {"off": (), "still": still, "similar": (*still, "distance")}[dedupe.dedupe]
    return {
        name: value
        for name, value in dataclasses.asdict(dedupe).items()
        if name in {"dedupe", *matters}
    }


def settings_digest(settings: Mapping[str, Any]) -> str:
    """Return a digest of effective settings: the second half of the resume key."""
    canonical = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def render_default_config() -> str:
    """Return a YAML file that sets nothing and explains every setting."""
    from ..base import plain_yaml

    lines = [
        "# Settings of prep. Every key is shown with its default; remove the '#' to change one.",
        "# A flag on the command line beats this file.",
    ]
    for name, cls in SECTIONS.items():
        summary = (cls.__doc__ or "").splitlines()[0]
        lines += ["", f"# {summary}", f"{name}:"]
        for field in dataclasses.fields(cls):
            default = plain_yaml.dump_value(field.default)
            lines += [f"  # {field.metadata['help']}{_range_text(field.metadata)}"]
            lines += [f"  # {field.name}: {default}"]
    return "\n".join(lines) + "\n"


def _range_text(metadata: Mapping[str, Any]) -> str:
    if metadata["choices"]:
        return f" One of: {', '.join(metadata['choices'])}."
    return ""


def _check(name: str, value: Any, hint: Any, metadata: Mapping[str, Any]) -> Any:
    """Return the value in the field's type, or refuse it."""
    accepted = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    if value is None and type(None) in accepted:
        return None
    if str in accepted and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)  # 'fps: 2' and 'start: 120' in YAML are numbers
    wanted = next(kind for kind in accepted if kind is not type(None))
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise UsageError(f"{name}: expected {wanted.__name__}, got '{printable(value)}'.")
    low, high = metadata["min"], metadata["max"]
    if (low is not None and value < low) or (high is not None and value > high):
        limits = f"{low} to {high}" if high is not None else f"{low} or more"
        raise UsageError(f"{name}: {value} is out of range ({limits}).")
    if metadata["choices"] and value not in metadata["choices"]:
        raise UsageError(
            f"{name}: '{printable(value)}' is none of {', '.join(metadata['choices'])}."
        )
    return value
