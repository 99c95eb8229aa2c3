"""Check that each request has at most one matching endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..endpoints.endpoint import Endpoint
from ..errors import LoadError
from .load_errors import join_load_errors

_PARAMETER = re.compile(r"\{[a-z][^}]*\}|\{_[^}]*\}")


def check_routes(functions: Iterable[Endpoint]) -> None:
    """Raise LoadError when two functions have the same route, ignoring parameter names."""
    by_route: dict[tuple[str, str], Endpoint] = {}
    faults = []
    for function in functions:
        template = function.description.template
        shape = _PARAMETER.sub("{}", template) if "{" in template else template
        firsts = [
            by_route.setdefault((method, shape), function)
            for method in function.description.methods
        ]
        first = next((each for each in firsts if each is not function), None)
        if first is not None:
            faults.append(_same_route(function, first))
    if faults:
        raise join_load_errors(faults)


def _same_route(function: Endpoint, first: Endpoint) -> LoadError:
    return LoadError(
        f"{function.name} has the same route {function.route} as {first.name} "
        f"({first.file}:{first.line})",
        where=f"{function.file}:{function.line}",
        fix="change the path of one of them",
    )
