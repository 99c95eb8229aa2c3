"""Make Kong choose the route that the embedded gateway's table chooses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..pipeline.routes import RouteTable

_FUNCTION = 1 << 30
_COMPARED = 30  # segments; Kong has 32 bits for a priority
_PARAMETER = re.compile(r"\{[^}]*\}")
_VALUE = "~"  # matches a parameter and, in practice, no literal segment
_NO_METHOD = ""


def regex_priority(template: str) -> int:
    """Return Kong's `regex_priority` of a path template.

    Functions win over mounts, an earlier literal segment over a parameter, a longer mount over a
    shorter one. Kong compares only routes that match, so those of functions are equally long.
    """
    segments = template.split("/")[1:]
    if template.endswith("/{*}"):
        return len(segments) - 1
    literals = 0
    for position, segment in enumerate(segments[:_COMPARED]):
        if not segment.startswith("{"):
            literals |= 1 << (_COMPARED - 1 - position)
    return _FUNCTION + literals


def allowed_methods(rows: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Return each template with all methods that a path of it allows.

    `/a/b` also allows the methods of `/a/{id}`. Each template costs one look-up.
    """
    listed = list(rows)
    table = RouteTable(
        (method, template, None) for template, methods in listed for method in methods
    )
    found = {}
    for template in dict.fromkeys(template for template, _ in listed):
        path = _PARAMETER.sub(_VALUE, template.removesuffix("/{*}") or "/")
        found[template] = table.find(_NO_METHOD, path.encode()).allowed
    return found
