"""Labels for a CVAT project, read from a file and checked before anything is sent.

The file is what the "Raw" tab of CVAT's label editor shows, as JSON or YAML, or a YAML list of
names. CVAT refuses some mistakes with a message that names no file, fails on others with an
error of its database, and takes the rest for labels that nobody can draw: all are found here.
"""

import difflib
import math
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..base import plain_yaml
from ..base.errors import UsageError, printable

LABEL_TYPES = (
    "any", "cuboid", "ellipse", "mask", "points", "polygon", "polyline", "rectangle", "skeleton",
    "tag",
)  # fmt: skip
INPUT_TYPES = ("select", "radio", "checkbox", "number", "text")

_LABEL_KEYS = ("name", "color", "type", "attributes", "sublabels", "svg")
_ATTRIBUTE_KEYS = ("name", "input_type", "mutable", "values", "default_value")
# What a server knows of labels that exist; new ones have none of it.
_LABEL_DROPS = {"id", "parent", "parent_id", "has_parent", "project_id", "task_id", "elements"}
# The label editor keeps 'type: SELECT' beside input_type in attributes that are not saved yet.
_ATTRIBUTE_DROPS = {"id", "type"}
# The columns of CVAT's database.
_NAME, _VALUE, _DEFAULT, _ALL_VALUES = 64, 200, 128, 4096

_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?")  # never infinite


def load_labels(path: Path) -> list[dict[str, Any]]:
    """Return the labels in a file as CVAT takes them with a new project.

    Raises:
        UsageError: the file cannot be read, or CVAT would refuse a label or make no use of it.
    """
    data = plain_yaml.read_file(path, "labels")
    if data is None or data == []:
        raise UsageError(f"{printable(path)}: no labels in it: write a list such as '- name: car'.")
    if not isinstance(data, list):
        raise UsageError(
            f"{printable(path)}: expected a list of labels, as in the Raw tab of CVAT's label "
            f"editor, not '{_shown(data)}'."
        )
    return _labels(data, f"{printable(path)}: label")


def _labels(given: list[Any], where: str, *, inner: bool = False) -> list[dict[str, Any]]:
    made = [_label(one, f"{where} {i}", inner=inner) for i, one in enumerate(given, start=1)]
    _refuse_twins((label["name"] for label in made), where)
    return made


def _label(given: Any, where: str, *, inner: bool) -> dict[str, Any]:
    given = {"name": given} if isinstance(given, str) else given
    entry, where = _entry(given, where, _LABEL_KEYS, _LABEL_DROPS)
    # An element of a skeleton is a point; 'any' would let CVAT offer tools that cannot draw it.
    kind = entry.get("type", "points" if inner else "any")
    kind = _choice("rectangle" if kind == "bbox" else kind, f"{where}: type", LABEL_TYPES)
    attributes = _list(entry, "attributes", where)
    made = [_attribute(one, f"{where}: attribute {i}") for i, one in enumerate(attributes, start=1)]
    _refuse_twins((one["name"] for one in made), f"{where}: attribute")
    label = {"name": entry["name"], "type": kind, "attributes": made}
    if entry.get("color", "") != "":  # the API's "" is: let CVAT choose
        label["color"] = _color(entry["color"], where)
    sublabels = _list(entry, "sublabels", where)
    if inner and (kind == "skeleton" or sublabels):
        raise UsageError(
            f"{where}: a skeleton cannot be inside another: make it a label of its own."
        )
    if kind == "skeleton":
        if not sublabels:
            raise UsageError(f"{where}: a skeleton needs 'sublabels', one for each of its points.")
        label["sublabels"] = _labels(sublabels, f"{where}: sublabel", inner=True)
        names = [one["name"] for one in label["sublabels"]]
        ids = {
            str(one["id"]): name
            for one, name in zip(sublabels, names, strict=True)
            if isinstance(one, dict) and "id" in one
        }
        label["svg"] = _svg(entry.get("svg"), where, names, ids)
    elif sublabels or entry.get("svg"):
        raise UsageError(f"{where}: only a skeleton has sublabels and svg: set 'type: skeleton'.")
    return label


def _svg(given: Any, where: str, names: list[str], ids: dict[str, str]) -> str:
    """Return the drawing with sublabels by name; CVAT puts its new ids in their place."""
    if not isinstance(given, str) or not given.strip():
        raise UsageError(
            f"{where}: a skeleton needs 'svg', its drawing: copy it from CVAT's label editor."
        )
    # The Raw tab shows quotes as &quot;, and CVAT's server looks for the plain ones alone.
    svg = re.sub(r"[\t\r\n]+", " ", given.replace("&quot;", '"'))
    svg = _text(svg, f"{where}: svg", None)
    svg = re.sub(
        r'data-label-id="(-?\d+)"',
        lambda found: f'data-label-name="{ids[found[1]]}"' if found[1] in ids else found[0],
        svg,
    )
    rest = svg
    for name in names:
        mark = f'data-label-name="{name}"'
        if mark not in svg:
            raise UsageError(
                f"{where}: svg has no point for sublabel '{_shown(name)}': expected a circle with "
                f"{printable(mark)}."
            )
        rest = rest.replace(mark, "")
    if foreign := re.search(r"data-label-(id|name)=[^\s/>]*", rest):
        raise UsageError(
            f"{where}: svg has {_shown(foreign[0])}, which is none of the sublabels "
            f"({', '.join(map(_shown, names))}): copy the label whole from CVAT's label editor."
        )
    return svg


def _attribute(given: Any, where: str) -> dict[str, Any]:
    entry, where = _entry(given, where, _ATTRIBUTE_KEYS, _ATTRIBUTE_DROPS)
    if "input_type" not in entry:
        raise UsageError(f"{where} has no 'input_type': add one of {', '.join(INPUT_TYPES)}.")
    kind = _choice(entry["input_type"], f"{where}: input_type", INPUT_TYPES)
    mutable = entry.get("mutable", False)
    if not isinstance(mutable, bool):
        raise UsageError(f"{where}: mutable must be true or false, not '{_shown(mutable)}'.")
    values = [_value(one, f"{where}: value", _VALUE) for one in _list(entry, "values", where)]
    default = None
    if "default_value" in entry:
        default = _value(entry["default_value"], f"{where}: default_value", _DEFAULT)
    if kind == "checkbox":
        values, default = [one.lower() for one in values], default and default.lower()
    _check_values(kind, values, where)
    # As CVAT's label editor does it: what is listed first, and for a checkbox or a text, whose
    # values nobody chooses from, the default alone is listed.
    if default is None:
        preset = "" if kind != "checkbox" else "false"
        default = preset if not values or (kind, len(values)) == ("checkbox", 2) else values[0]
    _text(default, f"{where}: default_value", _DEFAULT)
    _check_default(kind, default, values, where)
    return {
        "name": entry["name"],
        "mutable": mutable,
        "input_type": kind,
        "default_value": default,
        "values": values or [default],
    }


def _check_values(kind: str, values: list[str], where: str) -> None:
    if kind in ("select", "radio") and not any(values):
        raise UsageError(f"{where}: a {kind} needs 'values' to choose from.")
    if kind == "checkbox" and (odd := [one for one in values if one not in ("true", "false")]):
        raise UsageError(
            f"{where}: a checkbox has the values 'true' and 'false', not '{_shown(odd[0])}'."
        )
    if kind == "number":
        numbers = [_number(one) for one in values]
        low, high, step = numbers if len(numbers) == 3 else (math.nan,) * 3
        if not (low < high and 0 < step <= high - low):
            raise UsageError(
                f"{where}: the values of a number are [min, max, step], such as [0, 100, 1], with "
                f"min below max and a step that fits between, not [{_shown(', '.join(values))}]."
            )
    else:
        _refuse_twins(values, f"{where}: value")
    if len("\n".join(values)) > _ALL_VALUES:
        raise UsageError(f"{where}: CVAT keeps {_ALL_VALUES} characters of values: shorten them.")


def _check_default(kind: str, default: str, values: list[str], where: str) -> None:
    where = f"{where}: default_value '{_shown(default)}'"
    if kind in ("select", "radio") and default not in values:
        raise UsageError(f"{where} is none of its values ({_shown(', '.join(values))}).")
    if kind == "checkbox" and default not in ("true", "false"):
        raise UsageError(f"{where} is none of 'true' and 'false'.")
    if kind == "number" and not float(values[0]) <= _number(default) <= float(values[1]):
        raise UsageError(f"{where} is no number from {values[0]} to {values[1]}.")


def _entry(
    given: Any, where: str, known: tuple[str, ...], drops: set[str]
) -> tuple[dict[str, Any], str]:
    """Return keys and values with a checked name, and a place that names it."""
    if not isinstance(given, dict):
        raise UsageError(
            f"{where}: expected keys and values ({', '.join(known)}), not '{_shown(given)}'; a "
            "name that looks like a number needs quotes."
        )
    if isinstance(given.get("name"), str):
        where = f"{where} '{_shown(given['name'].strip())}'"
    entry = {key: value for key, value in given.items() if key not in drops}
    for key in entry:
        _choice(key, f"{where}: key", known)
    if "name" not in entry:
        raise UsageError(f"{where} has no name: add a 'name'.")
    name = _text(entry["name"], f"{where}: name", _NAME)
    if not name:
        raise UsageError(f"{where}: the name is empty: give it one.")
    return {**entry, "name": name}, where


def _choice(value: Any, what: str, known: tuple[str, ...]) -> str:
    if value in known:
        return str(value)
    close = difflib.get_close_matches(str(value).lower(), known, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(known)}."
    raise UsageError(f"{what} '{_shown(value)}' is unknown. {hint}")


def _list(entry: dict[str, Any], key: str, where: str) -> list[Any]:
    value = entry.get(key)
    if value is not None and not isinstance(value, list):
        raise UsageError(f"{where}: {key} must be a list, not '{_shown(value)}'.")
    return value or []


def _color(value: Any, where: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise UsageError(
            f"{where}: color '{_shown(value)}' is not like '#ff0000'; in YAML it needs the quotes, "
            "as '#' begins a comment."
        )
    return value.lower()  # CVAT's page takes no other


def _value(value: Any, what: str, limit: int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _text(str(value) if isinstance(value, int | float) else value, what, limit)


def _text(value: Any, what: str, limit: int | None) -> str:
    """Return text as CVAT keeps it, without spaces around it."""
    if not isinstance(value, str):
        raise UsageError(f"{what} must be text, not '{_shown(value)}': put it in quotes.")
    text = value.strip()
    # CVAT keeps values as lines, and a database can hold neither NUL nor half a character.
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise UsageError(f"{what} '{_shown(text)}' has a control character: remove it.")
    if limit is not None and len(text) > limit:
        raise UsageError(
            f"{what} '{_shown(text)}' has {len(text)} characters, CVAT takes {limit}: shorten it."
        )
    return text


def _number(text: str) -> float:
    return float(text) if _NUMBER.fullmatch(text) else math.nan


def _refuse_twins(names: Iterable[str], what: str) -> None:
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in seen:
            raise UsageError(
                f"{what} {position} '{_shown(name)}' is the same as {seen[name]}: rename or "
                "remove one."
            )
        seen[name] = position


def _shown(value: Any) -> str:
    text = printable(value)
    return text if len(text) <= _NAME else f"{text[: _NAME - 1]}…"
