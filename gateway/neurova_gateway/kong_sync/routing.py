"""Make Kong choose the same route as the embedded gateway's route table."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..pipeline.routes import RouteTable

_FUNCTION = 1 << 30
_COMPARED = 30  # maximum number of compared segments, because a priority of Kong has 32 bits
_PARAMETER = re.compile(r"\{[^}]*\}")
_VALUE = "~"  # matches a parameter and, in practice, no literal segment
_NO_METHOD = ""


def regex_priority(template: str) -> int:
    """Return Kong's `regex_priority` of a path template.

    A function takes precedence over a mount, an earlier literal segment over a parameter, and a
    longer mount over a shorter one. Kong compares only routes that match the path, so compared
    function templates have the same number of segments.
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
    """Return, for each template, all methods that its paths allow.

    For example, `/a/b` also allows the methods of `/a/{id}`. Each template costs one look-up.
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
