"""How templates become pages. Owner of Jinja2.

What comes from outside is escaped by the templates, which alone make HTML.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jinja2

from ..base.words import count


def render(
    template: str, filters: Mapping[str, Callable[..., Any]], values: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a page in pieces.

    Args:
        template: the name of its template, without its endings.
        filters: functions that this template uses besides those of Jinja2 and ``counted``.
        values: what it shows, by the names that it has in the template.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {"counted": count, **filters}
    return environment.get_template(f"{template}.html.j2").generate(values)
