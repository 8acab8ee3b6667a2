"""YAML 1.1 without its traps: ``1:02`` is not 62, ``off`` is not false, no key is there twice.

The only owner of PyYAML; a module of its own because few runs read a settings file.
"""

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.reader import ReaderError

from .errors import UsageError, cause_of, printable

_WIDEST_LINE = 72
_MERGE = "tag:yaml.org,2002:merge"


class YamlError(ValueError):
    """A text is no YAML that prep takes; the message says where and why, and shows the line."""


class _PlainLoader(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        first: [
            (tag, regexp)
            for tag, regexp in resolvers
            if not tag.endswith((":int", ":float", ":bool"))
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # PyYAML lets the last of two equal keys win without a word.
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                name, line = (key.tag, key.value), key.start_mark.line + 1
                if name in lines:
                    text = (
                        f"the key '{printable(key.value)}' is there already, in line "
                        f"{lines[name]}. Remove one of them."
                    )
                    raise _TwiceError(problem=text, problem_mark=key.start_mark)
                lines[name] = line
        return node


class _TwiceError(yaml.MarkedYAMLError):
    """A key is there twice in one mapping."""


_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")
)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]*\.[0-9]+$"), list("-+.0123456789")
)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf")
)


def load(text: str) -> Any:
    """Return the content of a YAML document.

    Raises:
        YamlError: it is none, or a key is there twice.
    """
    try:
        return yaml.load(text, _PlainLoader)  # noqa: S506
    except _TwiceError as error:
        raise YamlError(_place(error, text)) from error
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"not a YAML file: {_place(error, text)}") from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(
            f"not a YAML file: line {line}: the character U+{int(error.character):04X} is "
            "not allowed in one."
        ) from error
    except RecursionError as error:
        raise YamlError("not a YAML file: it is nested too deep.") from error
    except ValueError as error:  # such as a date that does not exist
        raise YamlError(f"not a YAML file: {printable(error)}.") from error


def read_file(path: Path, what: str, way_out: str = "Check the path.") -> Any:
    """Return the content of a YAML file, or a JSON file if its name says that.

    Args:
        path: the file.
        what: what is expected in it, as the messages name it.
        way_out: what to do where the file cannot be read.

    Raises:
        UsageError: the file cannot be read, or is none.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{printable(path)}: the {what} must be in a regular file.")
    is_json = path.suffix.lower() == ".json"
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows put a mark before it
        return json.loads(text) if is_json else load(text)
    except OSError as error:
        raise UsageError(
            f"{printable(path)}: cannot read the {what}: {cause_of(error)}. {way_out}"
        ) from error
    except YamlError as error:
        raise UsageError(f"{printable(path)}: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{printable(path)}: not a text file in UTF-8.") from error
    except (ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "YAML"
        raise UsageError(f"{printable(path)}: not a {kind} file: {printable(error)}.") from error


def dump_value(value: Any) -> str:
    """Return a plain value as YAML writes it."""
    return str(yaml.safe_dump(value)).removesuffix("\n").removesuffix("\n...")


def _place(error: yaml.MarkedYAMLError, text: str) -> str:
    """Return where an error is and what it is, with the line and a mark below the place."""
    mark = error.problem_mark or error.context_mark
    problem = printable(error.problem or error.context)
    if mark is None:
        return problem
    told = f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    if error.problem and error.context and error.context_mark:
        told += f", {printable(error.context)} that begins in line {error.context_mark.line + 1}"
    lines = text.splitlines()
    line = lines[mark.line].expandtabs(1).rstrip() if mark.line < len(lines) else ""
    if line and len(line) <= _WIDEST_LINE and line.isprintable():
        told += f"\n  {line}\n  {' ' * mark.column}^"
    return told
