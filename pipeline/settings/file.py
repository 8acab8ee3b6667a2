"""Settings from and to a file, checked, and their digest. A flag beats the file."""

import dataclasses
import hashlib
import json
import os
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ..base.errors import UsageError, printable
from .cvat import AnnotateSettings, AuditSettings, CvatSettings, UploadSettings
from .dedupe import DedupeSettings
from .export import ExportSettings
from .options import refuse_unknown
from .splits import LeakSettings, SplitSettings
from .stages import (
    SAMPLING,
    BreakSettings,
    ExtractSettings,
    RunSettings,
    ValidateSettings,
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
    "annotate": AnnotateSettings,
    "audit": AuditSettings,
    "split": SplitSettings,
    "leaks": LeakSettings,
    "export": ExportSettings,
}


@dataclass(frozen=True)
class Config:
    """What is set of all sections; the rest are defaults."""

    values: Mapping[str, Mapping[str, Any]]

    def section(self, cls: type[S]) -> S:
        """Return the settings of one section.

        Raises:
            UsageError: a value is of the wrong type or out of range.
        """
        name = next(name for name, section in SECTIONS.items() if section is cls)
        return build_settings(cls, self.values.get(name, {}), name)

    def with_flags(self, flags: Mapping[str, Any]) -> "Config":
        """Return these settings with what a person set on top; ``None`` and ``()`` are not set.

        A flag is known by its name, which only one section has. One that chooses a way of sampling
        takes the place of the file's way, whichever that is.
        """
        values = {name: dict(section) for name, section in self.values.items()}
        for name, cls in SECTIONS.items():
            known = {field.name for field in dataclasses.fields(cls)}
            given = {k: v for k, v in flags.items() if k in known and v not in (None, ())}
            if given.keys() & set(SAMPLING):
                given = {**dict.fromkeys(values.get(name, {}).keys() & set(SAMPLING)), **given}
            if given:
                values[name] = {**values.get(name, {}), **given}
        return Config(values)


def load_config(name: str | os.PathLike[str] | None, flags: Mapping[str, Any] = {}) -> Config:
    """Read settings from a preset or a YAML file; without one, all are defaults. Flags win.

    Args:
        name: of a preset (``tracking``), or the path of a file.
        flags: see `Config.with_flags`.

    Raises:
        UsageError: the file cannot be read, is not YAML, or holds an unknown key.
    """
    if name is None:
        return Config({}).with_flags(flags)
    path = list_presets().get(os.fspath(name), Path(name))
    return _read_config(path).with_flags(flags)


def list_presets() -> dict[str, Path]:
    """Return the files of the settings that come along with prep, by their names."""
    package = Path(__file__).resolve().parents[1]
    folder = package / "configs"
    if not folder.is_dir():  # in a clone it lies beside the package
        folder = package.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _read_config(path: Path) -> Config:
    from ..base import plain_yaml

    presets = f"Name a file, or one of the presets: {', '.join(list_presets())}."
    data = plain_yaml.read_file(path, "settings", presets)
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
    decisive = [f for f in dataclasses.fields(extract) if f.metadata["decides_images"]]
    return _named(extract, decisive) | effective_dedupe(dedupe)


def effective_dedupe(dedupe: DedupeSettings) -> dict[str, Any]:
    """Return the settings that the choice of duplicates of a video depends on, by name.

    Args:
        dedupe: those of that video, see `DedupeSettings.for_video`.
    """
    matters = {"dedupe", *dedupe.method.settings}
    return _named(dedupe, [f for f in dataclasses.fields(dedupe) if f.name in matters])


def _named(settings: Any, fields: "Iterable[dataclasses.Field[Any]]") -> dict[str, Any]:
    """Return settings as records name them: ready for JSON, later ones only where they are set."""
    values = {field: getattr(settings, field.name) for field in fields}
    return {
        field.name: [str(each) for each in value] if isinstance(value, tuple) else value
        for field, value in values.items()
        if value != field.default or not field.metadata["is_named_if_set"]
    }


def shown(value: Any) -> str:
    """Return how people write a setting that a record names."""
    if isinstance(value, list):
        return " and ".join(f"'{printable(each)}'" for each in value)
    return "not set" if value is None else printable(value)


def settings_digest(settings: Mapping[str, Any]) -> str:
    """Return a digest of effective settings: the second half of the resume key."""
    canonical = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def render_default_config() -> str:
    """Return a YAML file that sets nothing and explains every setting."""
    from ..base import plain_yaml

    lines = [
        "# Every setting with its default; remove the '#' of a line to change one.",
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
    """Return the value in the field's type, or refuse it.

    Of a field with several values the class checks each of them; one may stand without a list.
    """
    if get_origin(hint) is tuple:
        several = [] if value is None else value if isinstance(value, list | tuple) else [value]
        return tuple(several)
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
