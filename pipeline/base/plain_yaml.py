"""YAML 1.1 without its traps: ``1:02`` is not 62, and ``off`` is not false.

The only owner of PyYAML; a module of its own because few runs read a settings file.
"""

import re
from typing import Any, ClassVar

import yaml

YamlError = yaml.YAMLError


class _PlainLoader(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        first: [
            (tag, regexp)
            for tag, regexp in resolvers
            if not tag.endswith((":int", ":float", ":bool"))
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


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
        YamlError, ValueError, RecursionError: it is none.
    """
    return yaml.load(text, _PlainLoader)  # noqa: S506


def dump_value(value: Any) -> str:
    """Return a plain value as YAML writes it."""
    return str(yaml.safe_dump(value)).removesuffix("\n").removesuffix("\n...")
